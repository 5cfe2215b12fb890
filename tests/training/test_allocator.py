"""Freed memory serves the next step."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# glibc itself says how many bytes lie in blocks that go back to the system as soon as they are freed ("hblkhd").
PROGRAM = """
import ctypes, sys
import torch
from lamina import Sequential, layers

class Figures(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Figures

if sys.argv[1] == "fitted":
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(torch.zeros(4, 2), torch.zeros(4, 1), verbose=0)
before = libc.mallinfo2().hblkhd
block = torch.zeros(2**20)
print(libc.mallinfo2().hblkhd - before)
"""

LIBC, VERSION = platform.libc_ver()


@pytest.mark.skipif(
    LIBC != "glibc" or tuple(map(int, VERSION.split("."))) < (2, 33),
    reason="other C libraries have no such threshold, and older ones of glibc do not tell",
)
def test_blocks_of_some_megabytes_are_kept_once_a_model_was_trained():
    found = {}
    for name in ("plain", "fitted"):
        done = subprocess.run([sys.executable, "-c", PROGRAM, name], capture_output=True, text=True, check=True)
        found[name] = int(done.stdout)
    assert found["plain"] >= 4 * 2**20
    assert found["fitted"] == 0
