"""What checkers and editors know of the arguments that many layers take. Nothing here is read when a layer is made.

Names of activations, initializers, regularizers and constraints, and those of types, stand beside what reads them
(``ActivationLike``, ``PolicyLike``, ...). Where a list is closed, other strings are errors to a checker; upper case passes
where Keras's users write it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

import numpy as np

from lamina.dtypes import PolicyLike
from lamina.regularizers import RegularizerLike

__all__ = [
    "Axes", "CausalPadding", "DataFormat", "Ends", "InputOptions", "Int", "Ints", "LayerOptions", "OptionsButName",
    "OptionsButWeights", "OtherOptions", "Padding", "PlainOptions", "ShapeLike", "StatedShape",
]  # fmt: skip


Int = int | np.integer[Any]
Axes = int | Sequence[int]
Ints = Int | Sequence[Int]  # one number for all axes, or one each
Ends = Int | Sequence[Int | Sequence[Int]]  # the same for both ends of all axes, or of each, or one for each end
ShapeLike = int | Sequence[Int | None]  # without the batch; None where unknown

DataFormat = Literal["channels_last", "channels_first"]
Padding = Literal["valid", "same", "VALID", "SAME"]
CausalPadding = Literal["valid", "same", "causal", "VALID", "SAME", "CAUSAL"]


class StatedShape(TypedDict, total=False):
    """What the first layer of a model may say of the model's input."""

    input_shape: ShapeLike | None
    batch_input_shape: Sequence[Int | None] | None
    batch_shape: Sequence[Int | None] | None
    batch_size: Int | None
    input_dtype: PolicyLike
    dynamic: Literal[False]
    ragged: Literal[False]


class InputOptions(StatedShape, total=False):
    """:class:`StatedShape`, the size of one axis, and the weights to begin with (Keras 1 and 2)."""

    input_dim: Int | None
    weights: Sequence[Any] | None
    sparse: Literal[False]


class PlainOptions(StatedShape, total=False):
    """What there is no layer without, and what the first layer of a model may say."""

    name: str | None
    trainable: bool
    dtype: PolicyLike
    autocast: bool


class OtherOptions(PlainOptions, InputOptions, total=False):
    """:class:`LayerOptions` of a layer whose constructor names ``activity_regularizer`` itself."""


class LayerOptions(OtherOptions, total=False):
    """What every layer takes besides its own arguments; see :class:`lamina.layers.Layer`."""

    activity_regularizer: RegularizerLike


class OptionsButName(InputOptions, total=False):
    """:class:`LayerOptions` of a layer whose constructor names ``name`` itself."""

    trainable: bool
    dtype: PolicyLike
    autocast: bool
    activity_regularizer: RegularizerLike


class OptionsButWeights(PlainOptions, total=False):
    """:class:`LayerOptions` of a layer whose constructor names ``weights`` itself."""

    input_dim: Int | None
    activity_regularizer: RegularizerLike
