"""Keras 3's ``keras.wrappers``: models as scikit-learn's estimators, for which it needs scikit-learn:
``pip install 'lamina[sklearn]'``.
"""

from __future__ import annotations

import importlib
import typing
from typing import Any

from lamina.errors import did_you_mean

if typing.TYPE_CHECKING:
    from lamina.wrappers.estimators import SKLearnClassifier as SKLearnClassifier
    from lamina.wrappers.estimators import SKLearnRegressor as SKLearnRegressor
    from lamina.wrappers.estimators import SKLearnTransformer as SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
# Keras 1's and 2's, which `keras.wrappers.scikit_learn` has.
_OLDER = ("BaseWrapper", "KerasClassifier", "KerasRegressor")


def __getattr__(name: str) -> Any:
    """The estimators, whose bases are scikit-learn's."""
    if name not in (*__all__, *_OLDER):
        raise AttributeError(f"lamina.wrappers has no {name!r}.{did_you_mean(name, __all__)}")
    try:
        where = "lamina.wrappers.scikit_learn" if name in _OLDER else "lamina.wrappers.estimators"
        return getattr(importlib.import_module(where), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sklearn":
            raise
        raise ImportError(f"{name} needs scikit-learn: pip install 'lamina[sklearn]'.") from None


def __dir__() -> list[str]:
    return __all__
