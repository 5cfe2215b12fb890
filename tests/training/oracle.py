"""The oracle of the training tests: the same model, weights, data and calls in Keras 3 on torch."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import lamina

Build = Callable[[Any], Any]  # the library -> a built model


def twins(build: Build) -> tuple[Any, Any]:
    """Ours and Keras's model, with equal weights."""
    ours, theirs = build(lamina), build(keras)
    rng = np.random.default_rng(7)
    values = [rng.normal(0, 0.4, weight.shape).astype("float32") for weight in keras_weights(theirs)]
    assert [value.shape for value in values] == [weight.shape for weight in ours.get_weights()]
    for model in (ours, theirs):
        model.set_weights(values)
    return ours, theirs


def keras_weights(model: Any) -> list[np.ndarray]:
    """``model.get_weights()`` of Keras, which warns under NumPy 2."""
    return [weight.value.detach().numpy().copy() for weight in model.weights]


def exactly(message: str) -> str:
    """The pattern of a whole message, for ``match=``."""
    return f"^{re.escape(message)}$"


def in_keras(function: Callable[[], Any]) -> Any:
    """Keras's answer, whatever it warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function()


def given(value: Any, library: Any) -> Any:
    """A value, or what a function of the library makes it."""
    return value(library) if callable(value) and getattr(value, "__name__", "") == "<lambda>" else value


def assert_curves(ours: dict[str, Any], theirs: dict[str, Any], rtol: float = 1e-5) -> None:
    """The same names in the same order, and equal numbers."""
    assert list(ours) == list(theirs)
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=rtol, atol=rtol, err_msg=name)


def assert_weights(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    """Equal weights."""
    for mine, wanted in zip(ours.get_weights(), keras_weights(theirs), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=tolerance, atol=tolerance)


def assert_fit_as_keras(build: Build, told: dict[str, Any], data: Any, **options: Any) -> tuple[Any, Any, Any]:
    """``compile(**told)`` and ``fit(**data, **options)`` in both give equal curves, weights and evaluations.

    Values that are lambdas are made by the library: ``lambda k: k.losses.Huber()``.
    """
    options = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0, **options}
    ours, theirs = twins(build)
    curves = []
    for model, library in ((ours, lamina), (theirs, keras)):
        model.compile(**{name: given(value, library) for name, value in told.items()})
        arguments = {name: given(value, library) for name, value in {**data, **options}.items()}
        run = lambda model=model, arguments=arguments: model.fit(**arguments).history  # noqa: E731
        curves.append(run() if library is lamina else in_keras(run))
    assert_curves(*curves)
    assert_weights(ours, theirs)
    return ours, theirs, curves[0]


def assert_evaluate_as_keras(ours: Any, theirs: Any, *args: Any, **options: Any) -> None:
    """Equal values in the same order, and equal dicts."""
    options = {"verbose": 0, "batch_size": 8, **options}
    wanted = in_keras(lambda: theirs.evaluate(*args, **options))
    mine = ours.evaluate(*args, **options)
    assert isinstance(mine, list) is isinstance(wanted, list)
    np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-6)
    assert_curves(ours.evaluate(*args, return_dict=True, **options),
                  in_keras(lambda: theirs.evaluate(*args, return_dict=True, **options)))  # fmt: skip
