"""The words in pictures of training runs."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    "training": ("training", "训练"),
    "validation": ("validation", "验证"),
    "epoch": ("epoch", "轮次"),
    "loss": ("loss", "损失（loss）"),
    "accuracy": ("accuracy", "准确率（accuracy）"),
    "learning_rate": ("learning_rate", "学习率（learning_rate）"),
    "best": ("best: {number}", "最佳：{number}"),
    "best_restored": ("best, restored: {number}", "最佳，已恢复：{number}"),
    "restored": ("restored: {number}", "已恢复：{number}"),
    "broken": ("NaN or infinite: epoch {number}", "第 {number} 轮出现 NaN 或无穷大"),
}
