"""What every test shares: Keras runs on torch, and numbers come out the same on every run."""

import os
import random
import sys
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["LAMINA_LANGUAGE"] = "en"  # whoever runs them

import numpy as np
import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _as_errors_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that failed under ``lamina run`` leaves its way to show errors in place, since the program ends then."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


_states: dict[str, Any] = {}  # of the generators that test files have, by module


@pytest.fixture(autouse=True)
def _seeded(request: pytest.FixtureRequest) -> None:
    random.seed(0)  # which Keras takes the seeds of its weights from
    np.random.seed(0)
    torch.manual_seed(0)
    # A test file's own generator goes back to where the import left it, so that a test's numbers do not hang on which
    # tests ran before it in the same process.
    own = getattr(getattr(request, "module", None), "rng", None)
    if isinstance(own, np.random.Generator):
        own.bit_generator.state = _states.setdefault(request.module.__name__, own.bit_generator.state)
