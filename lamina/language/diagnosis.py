"""The verdicts on a training run, their reasons, and what to try."""
# ruff: noqa: E501 - sentences stand on one line each

from __future__ import annotations

_VERDICTS: dict[str, tuple[str, str]] = {
    "overfitting": ("Overfitting: ", "过拟合："),
    "underfitting": ("Underfitting: ", "欠拟合："),
    "good fit": ("A good fit: ", "拟合良好："),
    "not finished": ("Not finished: ", "尚未训练完："),
    "diverged": ("Diverged: ", "训练发散："),
    "no better than guessing": ("No better than guessing: ", "不比瞎猜好："),
    "validation unlike training": ("Validation unlike training: ", "验证集与训练集不是同一种数据："),
    "can't tell": ("Can't tell: ", "无法判断："),
    "leaked": ("Validation is no test: ", "验证集起不到检验作用："),
    "likely overfitting": ("Probably overfitting: ", "很可能过拟合："),
    "likely underfitting": ("Probably underfitting: ", "很可能欠拟合："),
    "likely good fit": ("Probably a good fit: ", "大致拟合良好："),
    "likely not finished": ("Probably not finished: ", "很可能尚未训练完："),
    "likely diverged": ("Probably diverged: ", "很可能已发散："),
    "likely no better than guessing": ("Probably no better than guessing: ", "很可能不比瞎猜好："),
    "likely validation unlike training": (
        "Validation is probably unlike training: ",
        "验证集与训练集很可能不是同一种数据：",
    ),
    "likely leaked": ("Validation is probably no test: ", "验证集很可能起不到检验作用："),
    "advice": ("What to try:", "可以尝试："),
}

_REASONS: dict[str, tuple[str, str]] = {
    # can't tell
    "empty": ("there are no curves yet.", "还没有任何曲线。"),
    "no_validation": (
        "there is no validation curve to compare the training curve with.",
        "没有验证曲线，无法与训练曲线比较。",
    ),
    "val_not_finite": (
        "the validation loss is NaN or infinite in epoch {since}, and the training loss there is {train}: the validation data may hold NaN.",
        "第 {since} 轮的验证损失为 NaN 或无穷大，而训练损失为 {train}：验证数据里可能有 NaN。",
    ),
    "too_few": (
        "{count} epoch{count:s} with validation can't show a trend.",
        "只有 {count} 轮验证结果，看不出趋势。",
    ),
    "both_rise": (
        "after epoch {since} the validation loss rose from {low} to about {val}, and the training loss rose as well, to about {train}: training itself is unstable.",
        "第 {since} 轮之后，验证损失由 {low} 升到约 {val}，训练损失也升到约 {train}：训练本身不稳定。",
    ),
    "noisy": (
        "the validation loss (about {val}) jumps by about {noise} from epoch to epoch, which hides any trend.",
        "验证损失（约 {val}）每轮跳动约 {noise}，看不出趋势。",
    ),
    "one_guess": (
        "{count} epoch{count:s} with validation can't show a trend. The loss in validation is {val}, and that of always giving the same answer is {baseline}.",
        "只有 {count} 轮验证结果，看不出趋势。验证损失为 {val}，而“永远给同一个答案”的损失是 {baseline}。",
    ),
    "few_rows": (
        "validation has {rows} row{rows:s}, so that its loss of {val} may be off by {error} through chance alone.",
        "验证集只有 {rows} 条数据，验证损失 {val} 单凭偶然就可能有 {error} 的误差。",
    ),
    "few_rows_accuracy": (
        "validation has {rows} row{rows:s}, so that its accuracy of {val_accuracy} may be off by {error} through chance alone.",
        "验证集只有 {rows} 条数据，验证准确率 {val_accuracy} 单凭偶然就可能有 {error} 的误差。",
    ),
    "old_gap": (
        "the validation loss ({val}) is far above the training loss ({train}), and was so from the start. That may be overfitting within the first epoch, or validation data of another kind.",
        "验证损失（{val}）远高于训练损失（{train}），而且从一开始就是如此。可能第一轮之内就已过拟合，也可能验证数据与训练数据不同类。",
    ),
    "averages": (
        "the validation loss ({val}) is far above the training loss ({train}), but BatchNormalization validates with moving averages, and {steps} steps are too few for them to follow (momentum {momentum}).",
        "验证损失（{val}）远高于训练损失（{train}），但 BatchNormalization 验证时用的是滑动平均，{steps} 步还不够它跟上（momentum 为 {momentum}）。",
    ),
    "flat": (
        "validation keeps up with training, but the training loss ({train}) is only {percent}% below that of the first epoch. Either nearly everything was learnt in that epoch, or nearly nothing at all.",
        "验证与训练表现一致，但训练损失（{train}）只比第一轮低 {percent}%。要么第一轮已几乎学完，要么几乎什么也没学到。",
    ),
    # diverged
    "not_finite": ("the loss is NaN or infinite from epoch {since} on.", "从第 {since} 轮起，损失为 NaN 或无穷大。"),
    "exploded": (
        "the training loss was {low} in epoch {since}, and has risen to about {train}.",
        "训练损失在第 {since} 轮为 {low}，之后升到约 {train}。",
    ),
    "exploded_once": (
        "the training loss went up to {peak} in epoch {since}, and the validation loss ends at about {val}.",
        "训练损失在第 {since} 轮升到 {peak}，验证损失最后约为 {val}。",
    ),
    "far_above": (
        "the training loss stays at about {train}, far above the {baseline} of always giving the same answer.",
        "训练损失停在约 {train}，远高于“永远给同一个答案”的 {baseline}。",
    ),
    # validation unlike training
    "shares": (
        "label {label} makes {share:.0%} of the training rows and {val_share:.0%} of the validation rows.",
        "标签 {label} 在训练集中占 {share:.0%}，在验证集中占 {val_share:.0%}。",
    ),
    "targets": (
        "the targets are about {mean} ± {scale} in training and {val_mean} ± {val_scale} in validation.",
        "目标值在训练集中约为 {mean} ± {scale}，在验证集中约为 {val_mean} ± {val_scale}。",
    ),
    "stretched": (
        "the inputs of validation spread {stretch} times as wide as those of training.",
        "验证集输入的离散程度是训练集的 {stretch} 倍。",
    ),
    "shifted": (
        "the mean of an input differs by {shift} standard deviations between training and validation.",
        "有一个输入特征，训练集与验证集的均值相差 {shift} 个标准差。",
    ),
    "contrary": (
        "the accuracy is {accuracy} in training and {val_accuracy} in validation, where chance alone makes {chance}: the validation targets seem to mean something else.",
        "训练准确率为 {accuracy}，验证准确率为 {val_accuracy}，而瞎猜也有 {chance}：验证集标签的含义似乎与训练集不同。",
    ),
    "never_as_good": (
        "the training loss of the first epoch, on rows that the model had not seen before, is {train}, and the validation loss is never below {val}.",
        "第一轮的训练损失为 {train}（那时每条数据都是第一次见到），而验证损失最低也有 {val}。",
    ),
    "leaked": (
        "{percent}% of the validation rows are training rows, so that validation can't show how the model does on new data.",
        "{percent}% 的验证数据同时也在训练集中，因此验证结果说明不了模型在新数据上的表现。",
    ),
    "cut_off": (
        " Validation is the last {percent}% of the data, which may be sorted.",
        "验证集取的是数据的最后 {percent}%，而数据可能是排过序的。",
    ),
    "losses": (" The training loss is {train}, the validation loss {val}.", "训练损失为 {train}，验证损失为 {val}。"),
    # no better than guessing
    "guessing": (
        "the validation loss is about {val}, and that of always giving the same answer is {baseline}.",
        "验证损失约为 {val}，而“永远给同一个答案”的损失是 {baseline}。",
    ),
    "guessing_accuracy": (
        "the accuracy in validation is {val_accuracy}, and always saying the same makes {majority}.",
        "验证准确率为 {val_accuracy}，而永远回答同一个类别就能得到 {majority}。",
    ),
    "guessing_training": (
        "without validation data, what can be said is that the training loss is about {train}, and that of always giving the same answer is {baseline}.",
        "没有验证数据，但可以看出：训练损失约为 {train}，而“永远给同一个答案”的损失是 {baseline}。",
    ),
    "beside_majority": (
        " Always saying the same has an accuracy of {majority}, and the model one of {val_accuracy}.",
        "永远回答同一个类别的准确率为 {majority}，模型的验证准确率为 {val_accuracy}。",
    ),
    "within_chance": (
        " With {rows} validation row{rows:s}, such a difference may be chance.",
        "验证集有 {rows} 条数据，这样的差别可能只是偶然。",
    ),
    "hardly_better": (
        " With {rows} validation row{rows:s} the difference is more than chance, and hardly matters.",
        "验证集有 {rows} 条数据，这样的差别并非偶然，但微不足道。",
    ),
    "among_equals": (
        "a validation loss of {val} and an accuracy of {val_accuracy} are those of a guess among {classes} equally frequent classes (loss {entropy}).",
        "验证损失 {val}、准确率 {val_accuracy}，与在 {classes} 个同样常见的类别中瞎猜无异（损失 {entropy}）。",
    ),
    "but_falls": (
        " The training loss still falls, by {percent}% in the last third of the epochs.",
        "训练损失仍在下降：最后三分之一的轮次降了 {percent}%。",
    ),
    # overfitting
    "by_heart": (
        "the training loss is {train}, and the validation loss {val} is no better than the {baseline} of always giving the same answer: what was learnt is mostly the training rows themselves.",
        "训练损失为 {train}，而验证损失 {val} 并不优于“永远给同一个答案”的 {baseline}：模型学到的大多只是训练数据本身。",
    ),
    "by_heart_accuracy": (
        "the accuracy in training is {accuracy}, and the {val_accuracy} in validation is no better than the {majority} of always saying the same: what was learnt is mostly the training rows themselves.",
        "训练准确率为 {accuracy}，而验证准确率 {val_accuracy} 并不优于永远回答同一个类别的 {majority}：模型学到的大多只是训练数据本身。",
    ),
    "rises": (
        "the validation loss was lowest in epoch {since} ({low}) and has risen to about {val} (+{percent}%), while the training loss went on to about {train}. The gap between them is {gap}.",
        "验证损失在第 {since} 轮最低（{low}），之后升到约 {val}（+{percent}%），而训练损失继续降到约 {train}。两者相差 {gap}。",
    ),
    "rises_below": (
        "the validation loss was lowest in epoch {since} ({low}) and has risen to about {val} (+{percent}%), while the training loss went on to about {train}.",
        "验证损失在第 {since} 轮最低（{low}），之后升到约 {val}（+{percent}%），而训练损失继续降到约 {train}。",
    ),
    "beside_constant": (
        " Always giving the same answer costs {baseline}, which validation is no better than now.",
        "“永远给同一个答案”的损失是 {baseline}，现在的验证并不比它好。",
    ),
    "but_accuracy": (
        " The accuracy in validation has risen meanwhile, from about {before} to {now}: the model is right more often, and too sure where it is wrong.",
        "与此同时，验证准确率由约 {before} 升到 {now}：模型答对的更多了，但答错时过于自信。",
    ),
    "behind_now": (
        "the validation loss ({val}) is behind the training loss ({train}), by {gap}.",
        "验证损失（{val}）落后于训练损失（{train}），两者相差 {gap}。",
    ),
    "behind": (
        "the validation loss ({val}) stays behind the training loss ({train}). The gap of {gap} has been there, by half at least, since epoch {since}.",
        "验证损失（{val}）落后于训练损失（{train}）。两者相差 {gap}，从第 {since} 轮起差距就已超过一半。",
    ),
    # not finished, underfitting, a good fit
    "still_falls": (
        "both losses still fall: in the last third of the epochs training improved by {percent}% and validation by {val_percent}%, to {val}.",
        "两条损失曲线都还在下降：最后三分之一的轮次里，训练损失降了 {percent}%，验证损失降了 {val_percent}%，到 {val}。",
    ),
    "with_gap": (
        " Validation ({val}) is behind training ({train}), but still gains by it.",
        "验证损失（{val}）落后于训练损失（{train}），但仍在随之改善。",
    ),
    "poor": (
        "the losses hardly fall any more, at {train} in training and {val} in validation.",
        "损失几乎不再下降：训练为 {train}，验证为 {val}。",
    ),
    "may_be_noise": (
        " Or the rest is noise that no model could learn.",
        "也可能剩下的部分是噪声，任何模型都学不到。",
    ),
    "hindered": (
        "with a Dropout of {rate} the training loss ({train}) stays above the validation loss ({val}): too little is left to learn from.",
        "Dropout 高达 {rate}，训练损失（{train}）一直高于验证损失（{val}）：留给模型学习的东西太少。",
    ),
    "fits": ("validation ({val}) keeps up with training ({train}).", "验证损失（{val}）跟得上训练损失（{train}）。"),
    "fits_behind": (
        "validation ({val}) is behind training ({train}), but not so far that it would say much.",
        "验证损失（{val}）落后于训练损失（{train}），但差距还不足以说明问题。",
    ),
    "fits_so_far": (
        "validation ({val}) keeps up with training ({train}). Whether more can be learnt, a larger model would show.",
        "验证损失（{val}）跟得上训练损失（{train}）。能否学到更多，换个更大的模型就知道。",
    ),
    "gap_by_chance": (
        "validation ({val}) is behind training ({train}), but with {rows} row{rows:s} its figure may be off by {error} through chance alone.",
        "验证损失（{val}）落后于训练损失（{train}），但验证集只有 {rows} 条数据，单凭偶然就可能有 {error} 的误差。",
    ),
    # figures beside
    "constant": (" Always giving the same answer costs {baseline}.", "“永远给同一个答案”的损失是 {baseline}。"),
    "accuracies": (
        " Accuracy: {accuracy} in training, {val_accuracy} in validation.",
        "准确率：训练 {accuracy}，验证 {val_accuracy}。",
    ),
    "accuracies_beside": (
        " Accuracy: {accuracy} in training, {val_accuracy} in validation, {majority} by always saying the same.",
        "准确率：训练 {accuracy}，验证 {val_accuracy}；永远回答同一个类别为 {majority}。",
    ),
    "restored": (
        " The model has the weights of epoch {epoch} back; the {count} epoch{count:s} after it brought nothing better.",
        "模型已恢复为第 {epoch} 轮的权重；之后的 {count} 轮没有更好的结果。",
    ),
    "restored_worse": (
        " The model has the weights of epoch {epoch} back; after it the validation loss rose to about {later}, which would be overfitting.",
        "模型已恢复为第 {epoch} 轮的权重；之后验证损失升到约 {later}，再训练就会过拟合。",
    ),
    "restored_before": (" The model has the weights of epoch {epoch} back.", "模型已恢复为第 {epoch} 轮的权重。"),
    "penalties": (
        " (Losses are without the penalties on weights, which come to {penalty}.)",
        "（以上损失不含权重惩罚，惩罚共 {penalty}。）",
    ),
    "honest": (
        " (The training figures were measured on {rows} training rows, without Dropout.)",
        "（训练数字是在 {rows} 条训练数据上、关闭 Dropout 测得的。）",
    ),
    "better_dropout": (
        " Validation ({val}) is better than training ({train}) since Dropout or noise disturbs training alone; diagnose(training_data=(x, y)) compares both without.",
        "验证（{val}）好于训练（{train}），因为 Dropout 或噪声只作用于训练；用 diagnose(training_data=(x, y)) 可在同样条件下比较。",
    ),
    "better_mean": (
        " Validation ({val}) is better than training ({train}), whose figure is a mean over the whole epoch while the weights were changing; diagnose(training_data=(x, y)) compares both at the end.",
        "验证（{val}）好于训练（{train}）：训练数字是整轮的平均，其间权重一直在变；用 diagnose(training_data=(x, y)) 可比较训练结束时的两者。",
    ),
    "weighted": (
        " Training is weighted by class or by row and validation is not, so that their losses can't be compared.",
        "训练损失按类别或样本加了权，验证损失没有，两者不能直接比较。",
    ),
}

_ADVICE: dict[str, tuple[str, str]] = {
    "train_first": ("train with fit(..., validation_split=0.2)", "先训练：fit(..., validation_split=0.2)"),
    "give_validation": (
        "give fit() validation_data=(x, y), or validation_split=0.2",
        "给 fit() 传入 validation_data=(x, y) 或 validation_split=0.2",
    ),
    "lower_rate": ("a lower learning rate", "降低学习率"),
    "lower_rate_than": (
        "a lower learning rate than {rate}: {lower}, say",
        "降低学习率：现在是 {rate}，可改为 {lower}",
    ),
    "higher_rate": ("a higher learning rate", "提高学习率"),
    "other_rate": (
        "another learning rate: it is {rate}; three times as much, or a third",
        "换个学习率：现在是 {rate}，试试它的三倍或三分之一",
    ),
    "higher_rate_than": (
        "a higher learning rate: it is {rate}, and 0.001 is usual",
        "提高学习率：现在是 {rate}，通常用 0.001",
    ),
    "lower_rate_now": ("a lower learning rate: it is {rate}", "降低学习率：现在是 {rate}"),
    "other_rates": ("another learning rate: ten times as much, or a tenth", "换个学习率：十倍或十分之一"),
    "clip": ("clipped gradients: clipnorm=1.0 in the optimizer", "裁剪梯度：在优化器中设 clipnorm=1.0"),
    "check_nan": (
        "a look at the data: NaN, inputs that are not scaled",
        "检查数据：有没有 NaN，输入有没有缩放",
    ),
    "check_validation": (
        "a look at the validation data: np.isnan(x_val).any()",
        "检查验证数据：np.isnan(x_val).any()",
    ),
    "check_labels": ("a look at the labels: are they noise?", "检查标签：会不会只是噪声？"),
    "check_pairs": (
        "a look at the data: does row i of x belong to row i of y?",
        "检查数据：x 的第 i 行与 y 的第 i 行是否对应？",
    ),
    "scale_targets": (
        "scaled targets, (y - {mean}) / {scale}, and the outputs scaled back",
        "缩放目标值：(y - {mean}) / {scale}，预测后再还原",
    ),
    "scale_inputs": ("inputs scaled to about 0 ± 1", "把输入缩放到 0 ± 1 左右"),
    "scale_alike": (
        "the same preparation of training and validation data (divided by 255 in both, say)",
        "对训练数据和验证数据做同样的预处理（例如都除以 255）",
    ),
    "unequal": (
        "class_weight in fit(), and a metric besides accuracy (AUC, precision, recall): one class makes {share:.0%} of the rows",
        "在 fit() 中用 class_weight，并加上准确率以外的指标（AUC、精确率、召回率）：有一类占了 {share:.0%}",
    ),
    "measure": (
        "a metric that fits the task in compile(), metrics=['accuracy'] for classes",
        "在 compile() 中加上适合任务的指标，分类用 metrics=['accuracy']",
    ),
    "measure_errors": (
        "compile(metrics=['mae']), which is in the targets' own unit",
        "compile(metrics=['mae'])，其单位与目标值相同",
    ),
    "longer": ("train longer: epochs={epochs}, say", "训练更长时间，例如 epochs={epochs}"),
    "stop_when_best": (
        "EarlyStopping(patience=5, restore_best_weights=True), to stop by itself once validation no longer improves",
        "EarlyStopping(patience=5, restore_best_weights=True)，验证不再改善时自动停止",
    ),
    "stop_early": (
        "stop in time: callbacks=[EarlyStopping(patience={patience}, restore_best_weights=True)]",
        "及时停止：callbacks=[EarlyStopping(patience={patience}, restore_best_weights=True)]",
    ),
    "restore_best": (
        "restore_best_weights=True in EarlyStopping, so that the model gets its best epoch back",
        "在 EarlyStopping 中设 restore_best_weights=True，让模型恢复到最好的一轮",
    ),
    "more_data": ("more training data, or augmentation", "增加训练数据，或做数据增强"),
    "more_data_than": (
        "more training data than {rows} rows, or augmentation",
        "增加训练数据（现在只有 {rows} 条），或做数据增强",
    ),
    "dropout": ("Dropout layers", "加入 Dropout 层"),
    "more_dropout": ("more Dropout: its rate is {rate}", "提高 Dropout 的比率：现在是 {rate}"),
    "less_dropout": ("less Dropout: its rate is {rate}", "降低 Dropout 的比率：现在是 {rate}"),
    "regularize": ("a penalty on the weights: kernel_regularizer='l2'", "对权重加惩罚：kernel_regularizer='l2'"),
    "regularize_more": ("stronger penalties on the weights: they come to {penalty}", "加强权重惩罚：现在共 {penalty}"),
    "less_penalty": (
        "weaker penalties on the weights: they add {penalty} to a loss of {train}",
        "减弱权重惩罚：惩罚为 {penalty}，而损失本身是 {train}",
    ),
    "less_regularization": ("less Dropout and weaker penalties", "减少 Dropout，减弱权重惩罚"),
    "smaller": ("a smaller model", "换用更小的模型"),
    "smaller_than": (
        "a smaller model: {weights} weights are {each} for each of the {rows} training rows",
        "换用更小的模型：{weights} 个权重，{rows} 条训练数据，平均每条 {each} 个",
    ),
    "larger": ("a larger model", "换用更大的模型"),
    "larger_than": (
        "a larger model: more units or layers than these {weights} weights make",
        "换用更大的模型：现在只有 {weights} 个权重",
    ),
    "larger_to_see": ("a larger model, to see whether more can be learnt", "换用更大的模型，看看能否学到更多"),
    "better_inputs": ("inputs that say more about the targets", "换用与目标关系更密切的输入"),
    "more_rows": ("more validation rows", "增加验证数据"),
    "cross_validate": (
        "cross-validation, which validates on every row in turn",
        "交叉验证：让每条数据轮流用于验证",
    ),
    "new_rows": ("validation rows that are not in the training data", "用训练集以外的数据做验证"),
    "shuffle_split": (
        "shuffle the data before validation_split, which takes the last rows",
        "使用 validation_split 之前先打乱数据（它取最后的若干行）",
    ),
    "stratify": (
        "the same share of every label in both parts: train_test_split(x, y, stratify=y) of scikit-learn",
        "让两部分的标签比例相同：scikit-learn 的 train_test_split(x, y, stratify=y)",
    ),
    "same_source": (
        "training and validation data from the same source, prepared in the same way",
        "让训练数据与验证数据来源相同、处理方式相同",
    ),
    "more_kinds": ("training data of all kinds that validation has", "让训练数据覆盖验证数据的各种情况"),
    "momentum": (
        "BatchNormalization(momentum=0.9), which follows faster",
        "BatchNormalization(momentum=0.9)，跟得更快",
    ),
    "longer_averages": ("more epochs, so that the averages settle", "训练更多轮，让滑动平均稳定下来"),
    "test_set": (
        "evaluate() on a test set that has chosen nothing: neither weights nor settings",
        "在从未参与任何选择的测试集上用 evaluate() 检验",
    ),
}

SENTENCES: dict[str, tuple[str, str]] = {
    f"{kind}.{key}": pair
    for kind, table in (("verdict", _VERDICTS), ("why", _REASONS), ("try", _ADVICE))
    for key, pair in table.items()
}
