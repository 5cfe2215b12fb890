"""Freed memory serves the next step."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from lamina import Sequential, layers

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "fitted":
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(torch.zeros(4, 2), torch.zeros(4, 1), verbose=0)
blocks = [torch.zeros(2**20) for _ in range(4)]
del blocks
before = faults()
for _ in range(10):
    blocks = [torch.zeros(2**20) for _ in range(4)]
    del blocks
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such threshold")
def test_blocks_of_some_megabytes_are_kept_once_a_model_was_trained():
    found = {}
    for name in ("plain", "fitted"):
        done = subprocess.run([sys.executable, "-c", PROGRAM, name], capture_output=True, text=True, check=True)
        found[name] = int(done.stdout)
    assert found["plain"] > 10_000  # 40 blocks of 1024 pages
    assert found["fitted"] < 2_000
