"""What ``lamina.compare`` says of runs side by side."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    "run": ("run", "训练"),
    "runs": ("seeds", "种子数"),
    "best_epoch": ("best epoch", "最佳轮"),
    "of": ("{epoch} of {epochs}", "{epoch}/{epochs}"),
    "restored": ("{epoch} of {epochs}, restored", "{epoch}/{epochs}，已恢复"),
    "training_loss": ("training loss", "训练损失"),
    "gap": ("gap", "差距"),
    "weights": ("weights", "权重数"),
    "val_loss": ("validation loss", "验证损失"),
    "val_accuracy": ("validation accuracy", "验证准确率"),
    "val_other": ("validation {name}", "验证 {name}"),
    "helps": ("'{name}' helps: ", "“{name}”有帮助："),
    "hurts": ("'{name}' hurts: ", "“{name}”反而更差："),
    "mixed": ("'{name}' helps in one figure and hurts in the other: ", "“{name}”一项变好，另一项变差："),
    "no difference": (
        "'{name}' makes no difference beyond the noise: ",
        "“{name}”没有超出噪声的差别：",
    ),
    "beyond": (
        "the {figure} is {value} against {base} of '{first}', a difference of {difference} where chance makes up to {noise}",
        "{figure}为 {value}，“{first}”为 {base}，相差 {difference}，而偶然的差别不超过 {noise}",
    ),
    "within": (
        "the {figure} is {value} against {base} of '{first}', a difference of {difference}, and chance makes up to {noise}",
        "{figure}为 {value}，“{first}”为 {base}，相差 {difference}，偶然的差别可达 {noise}",
    ),
    "diverged": (
        "its validation loss was never a finite number",
        "它的验证损失从来不是有限的数",
    ),
    "base_diverged": (
        "the validation loss of '{first}' was never a finite number, and its own is {value}",
        "“{first}”的验证损失从来不是有限的数，而它的是 {value}",
    ),
    "both_diverged": (
        "the validation loss was a finite number neither in '{first}' nor in '{name}'",
        "“{first}”和“{name}”的验证损失都从来不是有限的数",
    ),
    "next": ("; ", "；"),
    "stop": (".", "。"),
    "in_hand": (
        "The model of '{name}' has the weights of its last epoch, {epoch}, with a validation loss of {last} instead of {best}: "
        "EarlyStopping(restore_best_weights=True) keeps the best.",
        "“{name}”的模型用的是最后一轮（第 {epoch} 轮）的权重，验证损失是 {last} 而不是 {best}："
        "EarlyStopping(restore_best_weights=True) 会保留最佳的权重。",
    ),
    "noise_rows": (
        "Chance is judged by the {rows} validation rows (assuming that two runs err alike on the same rows: a correlation of "
        "0.5 in metrics and 0.75 in losses), by the jumps from epoch to epoch, and by 5% of the loss and of the errors that "
        "another seed is assumed to change. Several seeds a run judge it better: give lists of histories.",
        "偶然的大小由 {rows} 行验证数据（假定两次训练在相同的行上出错相似：指标的相关系数为 0.5，损失为 0.75）"
        "、逐轮的跳动，以及换一个种子的变化（假定为损失和错误率的 5%）估计。每种训练用几个种子会更准：请给出 history 的列表。",
    ),
    "noise_jumps": (
        "How many validation rows there are isn't known, so chance is judged by the jumps from epoch to epoch, and by 5% of "
        "the loss and of the errors that another seed is assumed to change: it may be larger.",
        "验证数据的行数未知，偶然的大小只由逐轮的跳动和换一个种子的变化（假定为损失和错误率的 5%）估计：实际可能更大。",
    ),
    "noise_seeds": (
        "Chance is judged by the spread between seeds, {degrees} degree{degrees:s} of freedom; the validation rows are the "
        "same in all runs, and on others the figures may differ.",
        "偶然的大小由种子之间的差异估计（自由度 {degrees}）；各次训练的验证数据相同，换一批数据结果可能不同。",
    ),
    "noise_pairs": (
        "The validation rows differ from run to run, so the runs are compared pair by pair: chance is judged by the spread of "
        "the differences, {degrees} degree{degrees:s} of freedom.",
        "每次训练的验证数据不同，所以逐对比较：偶然的大小由各对之差的离散程度估计（自由度 {degrees}）。",
    ),
    "penalties": (
        "Penalties on weights are taken out of the losses, for they differ from run to run.",
        "各次训练的权重惩罚不同，已从损失中减去。",
    ),
    "losses_differ": (
        "The losses are of different kinds ({names}), so they are not compared.",
        "损失的种类不同（{names}），因此不作比较。",
    ),
}
