"""The names that an editor offers for an argument are those of the tables, and none is missing."""

from __future__ import annotations

import inspect
from typing import Any, get_args

import pytest

from lamina import (
    activations,
    callbacks,
    constraints,
    dtypes,
    initializers,
    losses,
    metrics,
    optimizers,
    registry,
    regularizers,
)
from lamina.callbacks.lambda_callback import OtherHooks
from lamina.losses.base import REDUCTIONS, ReductionName
from lamina.training.callback_list import HOOKS

# The kind of a table, the names that an argument of that kind completes, and what reads them.
NAMES: list[tuple[str, Any, Any]] = [
    ("activation", activations.ActivationName, activations.get),
    ("initializer", initializers.InitializerName, initializers.get),
    ("regularizer", regularizers.RegularizerName, regularizers.get),
    ("constraint", constraints.ConstraintName, constraints.get),
    ("optimizer", optimizers.OptimizerName, optimizers.get),
    ("loss", losses.LossName, lambda name: losses.resolve(name, (8, 1), (8, 3))),
    ("metric", metrics.MetricName, lambda name: metrics.resolve(name, (8, 1), (8, 3))),
]
# Members that nobody names in an argument: bases, what can't be made without arguments, and Keras 1's.
UNNAMED = {
    "optimizer": {"LossScaleOptimizer", "MultiOptimizer", "OptimizerMap", "TorchOptimizer"},
    "loss": {"Loss", "LossFunctionWrapper"},
    "metric": {
        "Metric", "Mean", "Sum", "MeanMetricWrapper", "MeanTensor", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU",
        "SensitivityAtSpecificity", "SpecificityAtSensitivity", "PrecisionAtRecall", "RecallAtPrecision",
        "MeanRelativeError", "FBetaScore", "fbeta_score", "fmeasure", "matthews_correlation", "cosine_proximity",
    },
}  # fmt: skip


@pytest.mark.parametrize(("kind", "alias", "get"), NAMES, ids=[row[0] for row in NAMES])
def test_names_are_those_of_the_table(kind: str, alias: Any, get: Any):
    names = get_args(alias)
    assert len(names) == len(set(names))
    for name in names:
        assert get(name) is not None
    members = registry.TABLES[kind].members
    # A loss is there as a function and as its class; the name is the function's.
    offered = {id(members[name]) for name in names if name in members}
    offered |= {id(losses.CLASS_OF[members[name]]) for name in names if kind == "loss" and name in members}
    hidden = {id(members[name]) for name in UNNAMED.get(kind, ())}
    older = {id(member) for name, member in members.items() if name.endswith(("_keras1", "_keras2", "_tf_keras"))}
    missing = sorted(name for name, member in members.items() if id(member) not in offered | hidden | older)
    assert not missing, f"no name of the alias stands for {missing}"
    assert not offered & hidden


def test_types_reductions_and_hooks():
    assert set(get_args(dtypes.DTypeName)) == set(dtypes.BY_NAME)
    assert set(get_args(ReductionName)) == {*REDUCTIONS, "auto"}
    given = {name for name in inspect.signature(callbacks.LambdaCallback).parameters if name.startswith("on_")}
    assert given | OtherHooks.__annotations__.keys() == HOOKS
    assert not given & OtherHooks.__annotations__.keys()
