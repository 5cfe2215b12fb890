"""The progress bar and the summary."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    "epoch": ("Epoch {number}/{count}", "第 {number}/{count} 轮"),
}
