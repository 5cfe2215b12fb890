"""How the C library hands out memory: what one step frees is to serve the next."""

from __future__ import annotations

import functools
import sys

import torch

_LARGEST = 32 * 2**20 - 2**16  # just below the largest block that glibc's threshold follows


@functools.cache
def keep_freed_memory() -> None:
    """Once in a process, have glibc keep what is freed of blocks up to 32 MB, as it does by itself after one that large.

    Until then it gives the blocks of activations and gradients back to the system, step by step, and the system hands
    every page of the next ones out anew: up to a fifth of a step of a small convolutional network. The block is never
    written to, so it takes no memory. Whoever sets the threshold (``MALLOC_MMAP_THRESHOLD_``, ``mallopt``) has their way.
    """
    if sys.platform == "linux":
        torch.empty(_LARGEST, dtype=torch.uint8, device="cpu")  # and freed at once
