"""Models go to the accelerator: what can be seen without one, and the tests of ``tests/placement`` on a pretended one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lamina import config, layers, models
from lamina.training import placement

TESTS = Path(__file__).parents[1]


@pytest.mark.skipif(config.accelerator() is not None, reason="an accelerator is here, on which they run themselves")
@pytest.mark.parametrize("file", ["test_rows.py", "test_running.py"])
def test_everything_on_a_pretended_accelerator(file):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "placement.pretend",
               f"placement/{file}"]  # fmt: skip
    done = subprocess.run(command, cwd=TESTS, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


@pytest.mark.skipif(config.accelerator() is not None, reason="there is one")
def test_without_an_accelerator_nothing_is_asked_of_a_model():
    assert placement.place(None) is None
    assert placement.away_of(None) is None


def test_a_metal_gpu_gets_no_model_of_numbers_that_it_lacks():
    def model(dtype):
        return models.Sequential([layers.Dense(2, input_shape=(3,), dtype=dtype)])

    assert placement._can_run_on(model("float32"), torch.device("mps"))
    assert not placement._can_run_on(model("float64"), torch.device("mps"))
    assert placement._can_run_on(model("float64"), torch.device("cuda"))


def test_gathered_outputs_keep_their_structure():
    gathered = placement.Gathered()
    for start in (0, 2):
        gathered.add({"a": torch.arange(start, start + 2), "b": [torch.ones(2, 3)]})
    joined = gathered.joined(lambda tensor: tensor.numpy())
    np.testing.assert_array_equal(joined["a"], [0, 1, 2, 3])
    assert joined["b"][0].shape == (4, 3)
