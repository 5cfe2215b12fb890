"""What ``KerasFileEditor`` says of a file."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    "opened": ("Keras model file '{path}'", "Keras 模型文件“{path}”"),
    "saved_with": ("Saved with Keras {version} - date: {date}", "由 Keras {version} 保存，日期：{date}"),
    "structure": ("Weights structure", "权重的结构"),
    "weight": ("{name}: shape={shape}, dtype={dtype}", "{name}：形状={shape}，类型={dtype}"),
    "comparing": ("Running comparison", "正在比较"),
    "object_not_in_file": (
        "...Object {place} present in reference model, missing from saved file: it has {names}",
        "……参考模型有对象 {place}，文件没有：其中有 {names}",
    ),
    "object_not_in_model": (
        "...Object {place} present in saved file, missing from reference model: it has {names}",
        "……文件有对象 {place}，参考模型没有：其中有 {names}",
    ),
    "weight_not_in_file": (
        "...Weight {place} present in reference model, missing from saved file",
        "……参考模型有权重 {place}，文件没有",
    ),
    "weight_not_in_model": (
        "...Weight {place} present in saved file, missing from reference model",
        "……文件有权重 {place}，参考模型没有",
    ),
    "mismatch": (
        "...Weight shape mismatch for {place}: {model} in reference model, {file} in saved file",
        "……权重 {place} 的形状不一致：参考模型为 {model}，文件为 {file}",
    ),
    "compatible": (
        "Comparison successful: saved file is compatible with the reference model. Found {count} matching weight{count:s}.",
        "比较通过：文件与参考模型相符，共有 {count} 个权重一致。",
    ),
    "incompatible": (
        "Found {count} error{count:s}: saved file is not compatible with the reference model.",
        "发现 {count} 处不同：文件与参考模型不相符。",
    ),
}
