"""The progress bar, the summary, and which pictures a data set has."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    "epoch": ("Epoch {number}/{count}", "第 {number}/{count} 轮"),
    "time_left": ("ETA {time}", "剩余 {time}"),
    "step": ("step", "步"),
    "model": ('Model: "{name}"', "模型：“{name}”"),
    "layer": ("Layer (type)", "层（类型）"),
    "output_shape": ("Output Shape", "输出形状"),
    "params": ("Param #", "参数量"),
    "is_trainable": ("Trainable", "可训练"),
    "connected_to": ("Connected to", "连接自"),
    "unbuilt": ("{count} (unbuilt)", "{count}（未构建）"),
    "total": ("Total params: {amount}", "总参数量：{amount}"),
    "trainable": ("Trainable params: {amount}", "可训练参数量：{amount}"),
    "non_trainable": ("Non-trainable params: {amount}", "不可训练参数量：{amount}"),
    "optimizer": ("Optimizer params: {amount}", "优化器参数量：{amount}"),
    "pictures": (
        "Fashion-MNIST: {train:,} training and {test:,} test images from {folder}.",
        "Fashion-MNIST：{train:,} 张训练图片，{test:,} 张测试图片，来自 {folder}。",
    ),
    "bundled_pictures": (
        "Fashion-MNIST: lamina's bundled subset of {train:,} training and {test:,} test images "
        "(the full set is used when it lies in {folder}).",
        "Fashion-MNIST：lamina 自带的子集，{train:,} 张训练图片，{test:,} 张测试图片（{folder} 里有完整数据时用完整的）。",
    ),
}
