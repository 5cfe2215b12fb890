"""What ``lamina demo`` says."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    "classes": (
        "T-shirt,trousers,pullover,dress,coat,sandal,shirt,sneaker,bag,boot",
        "T恤,裤子,套衫,连衣裙,外套,凉鞋,衬衫,运动鞋,包,靴子",
    ),
    "trained": ("Trained for {epochs} epoch{epochs:s} in {seconds} s.", "训练了 {epochs} 轮，用时 {seconds} 秒。"),
    "accuracy": (
        "Accuracy on {count} test pictures it has never seen: {accuracy:.1%}",
        "在 {count} 张没有见过的测试图片上，准确率为 {accuracy:.1%}",
    ),
    "truth": ("it is: {name}", "其实是：{name}"),
    "answer": ("the model: {name} ({share:.0%})", "模型说：{name}（{share:.0%}）"),
    "code": (
        "The forward pass, as the PyTorch that runs (model.code):",
        "前向计算，也就是实际运行的 PyTorch（model.code）：",
    ),
    "saved": (
        "Saved to {path} and loaded again: the predictions are equal.",
        "已保存到 {path}，再读回来，预测完全相同。",
    ),
    "no_curves": ("No curves were drawn: {reason}", "没有画曲线：{reason}"),
    "curves": ("The curves are in {path}.", "曲线画在 {path}。"),
}
