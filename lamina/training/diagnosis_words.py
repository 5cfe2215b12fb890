"""The words of a diagnosis, in English and Chinese."""
# ruff: noqa: E501 - sentences stand on one line each

from __future__ import annotations

HEADINGS: dict[str, dict[str, str]] = {
    "en": {
        "overfitting": "Overfitting: ",
        "underfitting": "Underfitting: ",
        "good fit": "A good fit: ",
        "can't tell": "Can't tell: ",
        "advice": "What to try:",
    },
    "zh": {
        "overfitting": "过拟合：",
        "underfitting": "欠拟合：",
        "good fit": "拟合良好：",
        "can't tell": "无法判断：",
        "advice": "可以尝试：",
    },
}

REASONS: dict[str, dict[str, str]] = {
    "en": {
        "empty": "there are no curves yet.",
        "no_validation": "there is no validation curve to compare the training curve with.",
        "not_finite": "the loss is NaN or infinite in epoch {since}, so training broke down.",
        "too_few": "{count} epochs with validation are too few for a trend; it takes {least}.",
        "both_rise": "the training loss and the validation loss both rise after epoch {since}: training itself is unstable.",
        "noisy": "the validation loss jumps by about {noise} from epoch to epoch, which hides any trend.",
        "old_gap": "the validation loss ({val}) is far above the training loss ({train}), and has been from the start. "
        "That may be overfitting within the first epoch, or validation data of another kind.",
        "flat": "validation keeps up with training, but the training loss fell by only {percent}% after the first epoch. "
        "Either nearly everything was learnt in that epoch, or nearly nothing at all.",
        "rises": "since epoch {since} the validation loss has risen from {low} to {val} (+{percent}%), while the training "
        "loss went on to {train}. The gap between them is {gap}.",
        "rises_below": "since epoch {since} the validation loss has risen from {low} to {val} (+{percent}%), while the "
        "training loss did not.",
        "gap": "the validation loss has not improved since epoch {since} and stays at {val}, while the training loss went "
        "on to {train}. The gap between them is {gap}.",
        "gap_improving": "the validation loss ({val}) is well above the training loss ({train}), but still improves.",
        "still_falls": "both losses are still falling: training improved by {percent}% in the last third of the epochs.",
        "learns_little": "the training loss has levelled off at {train}, only {percent}% below that of the first epoch.",
        "fits": "validation ({val}) keeps up with training ({train}).",
        "accuracies": " Accuracy: {accuracy:.3f} in training, {val_accuracy:.3f} in validation.",
    },
    "zh": {
        "empty": "还没有任何曲线。",
        "no_validation": "没有验证曲线，无法与训练曲线比较。",
        "not_finite": "第 {since} 轮的损失为 NaN 或无穷大，训练已经崩溃。",
        "too_few": "只有 {count} 轮验证结果，看不出趋势；至少需要 {least} 轮。",
        "both_rise": "第 {since} 轮之后，训练损失和验证损失都在上升：训练本身不稳定。",
        "noisy": "验证损失每轮波动约 {noise}，掩盖了趋势。",
        "old_gap": "验证损失（{val}）远高于训练损失（{train}），而且从一开始就是如此。可能第一轮之内就已过拟合，也可能验证数据与训练数据不同类。",
        "flat": "验证与训练表现一致，但第一轮之后训练损失只下降了 {percent}%。要么第一轮已几乎学完，要么几乎什么也没学到。",
        "rises": "从第 {since} 轮起，验证损失由 {low} 升到 {val}（+{percent}%），而训练损失继续降到 {train}。两者相差 {gap}。",
        "rises_below": "从第 {since} 轮起，验证损失由 {low} 升到 {val}（+{percent}%），而训练损失没有上升。",
        "gap": "从第 {since} 轮起，验证损失不再改善，停在 {val}，而训练损失继续降到 {train}。两者相差 {gap}。",
        "gap_improving": "验证损失（{val}）明显高于训练损失（{train}），但仍在改善。",
        "still_falls": "两条损失曲线都还在下降：最后三分之一的轮次里，训练损失又改善了 {percent}%。",
        "learns_little": "训练损失停在 {train}，只比第一轮低 {percent}%。",
        "fits": "验证损失（{val}）跟得上训练损失（{train}）。",
        "accuracies": "准确率：训练 {accuracy:.3f}，验证 {val_accuracy:.3f}。",
    },
}

ADVICE: dict[str, dict[str, str]] = {
    "en": {
        "train_first": "train with fit(..., validation_split=0.2)",
        "give_validation": "give fit() validation_data=(x, y), or validation_split=0.2",
        "lower_rate": "a lower learning rate",
        "clip": "clipped gradients: clipnorm=1.0 in the optimizer",
        "check_data": "a look at the data: NaN, unscaled features, wrong labels",
        "more_epochs": "more epochs",
        "more_validation": "more validation data, or larger batches",
        "same_source": "training and validation data from the same source, prepared in the same way",
        "shuffle_split": "shuffled data before validation_split, which takes the last rows",
        "stop_early": "stop in time: callbacks=[EarlyStopping(patience={patience}, restore_best_weights=True)]",
        "more_data": "more training data, or augmentation",
        "dropout": "Dropout layers, or a higher rate",
        "smaller": "a smaller model",
        "regularize": "a penalty on the weights: kernel_regularizer='l2'",
        "longer": "train longer",
        "watch_gap": "watch the gap: EarlyStopping stops when validation no longer improves",
        "higher_rate": "a higher learning rate",
        "larger": "a larger model",
        "larger_to_see": "a larger model, to see whether more can be learnt",
        "less_regularization": "less Dropout and weaker penalties",
        "measure_accuracy": "compile(metrics=['accuracy']), or a measure that fits the task",
    },
    "zh": {
        "train_first": "先训练：fit(..., validation_split=0.2)",
        "give_validation": "给 fit() 传入 validation_data=(x, y) 或 validation_split=0.2",
        "lower_rate": "降低学习率",
        "clip": "裁剪梯度：在优化器中设 clipnorm=1.0",
        "check_data": "检查数据：NaN、未缩放的特征、错误的标签",
        "more_epochs": "训练更多轮",
        "more_validation": "增加验证数据，或增大批量",
        "same_source": "让训练数据与验证数据来源相同、处理方式相同",
        "shuffle_split": "使用 validation_split 之前先打乱数据（它取最后的若干行）",
        "stop_early": "及时停止：callbacks=[EarlyStopping(patience={patience}, restore_best_weights=True)]",
        "more_data": "增加训练数据，或做数据增强",
        "dropout": "加入 Dropout 层，或提高其比率",
        "smaller": "换用更小的模型",
        "regularize": "对权重加惩罚：kernel_regularizer='l2'",
        "longer": "训练更长时间",
        "watch_gap": "留意差距：验证不再改善时，EarlyStopping 会停止训练",
        "higher_rate": "提高学习率",
        "larger": "换用更大的模型",
        "larger_to_see": "换用更大的模型，看看能否学到更多",
        "less_regularization": "减少 Dropout，减弱正则惩罚",
        "measure_accuracy": "compile(metrics=['accuracy'])，或适合任务的指标",
    },
}
