"""Counting batches across epochs, for callbacks that save every so many."""

from __future__ import annotations

from typing import Any


class BatchCounter:
    """Says when ``every`` batches have passed, across epochs."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.seen = 0

    def is_due(self) -> bool:
        """Count one batch."""
        self.seen = (self.seen + 1) % self.every
        return self.seen == 0


def check_save_freq(save_freq: Any, name: str) -> None:
    """Refuse what is neither ``"epoch"`` nor a number of batches; ``name`` is the callback's."""
    if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
        raise ValueError(f"The save_freq of {name} must be 'epoch' or a number of batches, and got {save_freq!r}.")
