"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pytest
import torch

import lamina
from lamina.naming import reset_names

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# Running these modules is what they are for: importing them starts the command line.
NOT_IMPORTED = {"lamina.__main__"}


def modules() -> list[str]:
    names = [module.name for module in pkgutil.walk_packages(lamina.__path__, "lamina.")]
    return ["lamina", *(name for name in names if name not in NOT_IMPORTED)]


@pytest.mark.parametrize("name", modules())
def test_examples(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report: list[str] = []
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        reset_names()
        np.random.seed(0)
        torch.manual_seed(0)
        runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)
