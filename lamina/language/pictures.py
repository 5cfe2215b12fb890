"""What the iterators over files of pictures say."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    "in_classes": (
        "Found {count} images belonging to {classes} classes.",
        "找到 {count} 张图片，属于 {classes} 个类别。",
    ),
    "validated": ("Found {count} validated image filenames.", "找到 {count} 个经过检查的图片文件名。"),
    "listed": ("Found {count} non-validated image filenames.", "找到 {count} 个未经检查的图片文件名。"),
    "validated_in_classes": (
        "Found {count} validated image filenames belonging to {classes} classes.",
        "找到 {count} 个经过检查的图片文件名，属于 {classes} 个类别。",
    ),
    "listed_in_classes": (
        "Found {count} non-validated image filenames belonging to {classes} classes.",
        "找到 {count} 个未经检查的图片文件名，属于 {classes} 个类别。",
    ),
}
