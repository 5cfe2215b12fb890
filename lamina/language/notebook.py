"""What a notebook shows of models, layers and training runs."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    "model": ('Model: "{name}"', "模型：“{name}”"),
    "layer": ("Layer (type)", "层（类型）"),
    "shape": ("Output shape", "输出形状"),
    "params": ("Params", "参数量"),
    "connected": ("Connected to", "连接自"),
    "trainable": ("Trainable", "可训练"),
    "layers": ("{count} layer{count:s}", "共 {count} 层"),
    "layers_of": ("layers of {name}", "{name} 中的层"),
    "total": ("Total params: ", "参数总数："),
    "trainable_total": ("Trainable params: ", "可训练参数："),
    "fixed_total": ("Non-trainable params: ", "不可训练参数："),
    "optimizer_total": ("Optimizer params: ", "优化器参数："),
    "weight": ("Weight", "权重"),
    "weight_shape": ("Shape", "形状"),
    "weight_type": ("Type", "数据类型"),
    "numbers": ("Numbers", "个数"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "from_to": ("Input {input} → output {output}", "输入 {input} → 输出 {output}"),
    "not_built": (
        "Not built yet: its weights are made when the shape of its input is known.",
        "尚未构建：知道输入形状后才会创建权重。",
    ),
    "no_weights": ("It has no weights.", "没有权重。"),
    "run": ("{count} epoch{count:s}", "共 {count} 轮"),
    "no_epochs": ("No epochs yet: fit() fills it.", "还没有训练记录：调用 fit() 后才有。"),
    "curve": ("Curve", "曲线"),
    "first_epoch": ("Epoch {number}", "第 {number} 轮"),
    "best_epoch": ("Epoch {number} (lowest {name})", "第 {number} 轮（{name} 最低）"),
    "last_epoch": ("Epoch {number} (last)", "第 {number} 轮（最后）"),
    "restored": (
        "The model has the weights of epoch {number}: EarlyStopping restored them.",
        "模型现在的权重来自第 {number} 轮：由 EarlyStopping 恢复。",
    ),
    "next": (
        "history.plot() draws the curves, history.diagnose() says what they mean.",
        "history.plot() 画出曲线，history.diagnose() 说明曲线的含义。",
    ),
    "picture": ("{training} and {validation} by epoch", "各轮的 {training} 与 {validation}"),
    "picture_of_one": ("{training} by epoch", "各轮的 {training}"),
}
