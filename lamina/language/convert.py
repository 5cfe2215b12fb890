"""What ``lamina convert`` says."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    "done": (
        "{source} -> {target}: {layers} layer{layers:s}, {numbers:,} numbers; outputs are equal (largest difference "
        "{difference})",
        "{source} -> {target}：{layers} 层，{numbers:,} 个数；输出一致（最大差 {difference}）",
    ),
    "failed": ("{source}: not converted: {error}", "{source}：没有转换：{error}"),
    "note": ("  note: {note}", "  注意：{note}"),
    "summary": (
        "{count} file{count:s}: {converted} converted and checked, {failed} failed.",
        "共 {count} 个文件：{converted} 个已转换并核对，{failed} 个失败。",
    ),
}
