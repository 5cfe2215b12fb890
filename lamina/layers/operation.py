"""``Operation``: a function of tensors as an object, which a functional model can hold; every layer is one."""

from __future__ import annotations

from typing import Any, Unpack

from lamina.dtypes import PolicyLike
from lamina.engine.construction import LayerMeta
from lamina.engine.layer import Layer
from lamina.engine.types import InputOptions
from lamina.regularizers import RegularizerLike


class _EveryLayer(LayerMeta):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Layer) if cls is Operation else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, Layer) if cls is Operation else super().__subclasscheck__(subclass)


class _Options(InputOptions, total=False):
    trainable: bool
    dtype: PolicyLike
    activity_regularizer: RegularizerLike


class Operation(Layer, metaclass=_EveryLayer):
    """A computation without weights. Yours overrides ``call`` and, where its shape does not follow from running it,
    ``compute_output_spec``.

    Inputs are taken in the type that they have. ``isinstance(layer, Operation)`` holds for every layer.

    Arguments:
        name: by default made from the class.

    Source: https://keras.io/api/ops/

    >>> import torch
    >>> class Twice(Operation):
    ...     def call(self, x):
    ...         return x * 2
    >>> Twice()(torch.ones(2))
    tensor([2., 2.])
    """

    takes_integers = True

    def __init__(self, name: str | None = None, **kwargs: Unpack[_Options]) -> None:
        super().__init__(name=name, autocast=False, **kwargs)
