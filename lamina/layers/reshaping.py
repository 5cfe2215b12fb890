"""Layers that only reshape: the numbers stay what they are."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, Unpack

import torch

from lamina.engine.arguments import data_format_of, positive_int
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import DataFormat, Int, LayerOptions
from lamina.graph.symbolic import Shape


@LAYERS.register()
class Flatten(Layer):
    """Each sample as one vector.

    Arguments:
        data_format: with ``"channels_first"`` the channels are moved last before flattening, so that the vector does
            not depend on the format; by default the program's ``image_data_format``.

    Shape: ``(batch, *sizes) -> (batch, product of sizes)``, and ``(batch,) -> (batch, 1)``.

    Source: https://keras.io/api/layers/reshaping_layers/flatten/

    >>> Flatten()(torch.zeros(2, 32, 32, 64)).shape
    torch.Size([2, 65536])
    """

    takes_integers = True

    def __init__(self, data_format: DataFormat | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format, self)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if inputs.dim() == 1:
            return inputs.unsqueeze(1)  # (B,) -> (B, 1)
        if self.data_format == "channels_first":
            inputs = inputs.movedim(1, -1)  # (B, C, *S) -> (B, *S, C)
        return inputs.flatten(1)  # (B, *S) -> (B, prod(S))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], _product(input_shape[1:]))


@LAYERS.register()
class Reshape(Layer):
    """Each sample in another shape.

    Arguments:
        target_shape: the new shape without the batch. One size can be -1: it is what remains.

    Shape: ``(batch, *sizes) -> (batch, *target_shape)``.

    Raises:
        ValueError: when a size is negative and not -1, more than one is -1, or the numbers don't fit.

    Source: https://keras.io/api/layers/reshaping_layers/reshape/

    >>> Reshape((-1, 2, 2))(torch.zeros(5, 12)).shape
    torch.Size([5, 3, 2, 2])
    """

    _is_built_at_once = True
    _builds_weights = False
    takes_integers = True

    def __init__(self, target_shape: int | Sequence[Int], **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        sizes = (target_shape,) if isinstance(target_shape, int) else target_shape
        try:
            self.target_shape = tuple(operator.index(size) for size in sizes)
        except TypeError:
            self.target_shape = (-2,)
        if any(size < -1 for size in self.target_shape):
            raise ValueError(f"{who(self)} needs a tuple of non-negative integers, of which one can be -1, "
                             f"for target_shape, and got {target_shape!r}.")  # fmt: skip
        if self.target_shape.count(-1) > 1:
            raise ValueError(f"{who(self)} can work out one size only, and got target_shape {self.target_shape}.")

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)  # refuses a target that does not fit

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        target: Any = self.target_shape
        if -1 in target and not inputs.numel():  # of no numbers torch works out no size
            target = self.compute_output_shape(tuple(inputs.shape))[1:]
        return inputs.reshape(inputs.shape[0], *target)  # (B, *S) -> (B, *target)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sizes = input_shape
        count, known = _product(sizes), math.prod(size for size in self.target_shape if size != -1)
        if count is None:
            return (batch, *(None if size == -1 else size for size in self.target_shape))
        rest = count // known if known and -1 in self.target_shape else 1
        if known * rest != count:
            raise ValueError(f"{who(self)} can't shape the {count} numbers of a sample of shape {tuple(sizes)} "
                             f"into {self.target_shape}.")  # fmt: skip
        return (batch, *(rest if size == -1 else size for size in self.target_shape))


@LAYERS.register()
class Permute(Layer):
    """Each sample with its axes in another order.

    Arguments:
        dims: the axes' new order, counted from 1; the batch stays. ``(2, 1)`` swaps the axes of a matrix.

    Shape: ``(batch, *sizes)`` -> the sizes in the new order.

    Raises:
        ValueError: when ``dims`` are not the numbers from 1 on, each once.

    Source: https://keras.io/api/layers/reshaping_layers/permute/

    >>> Permute((2, 1))(torch.zeros(5, 10, 64)).shape
    torch.Size([5, 64, 10])
    """

    takes_integers = True

    def __init__(self, dims: Sequence[int], **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"{who(self)} needs the numbers 1 to {len(self.dims)}, each once, for dims, "
                             f"and got {self.dims}.")  # fmt: skip
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.permute(0, *self.dims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


@LAYERS.register()
class RepeatVector(Layer):
    """Each sample's vector ``n`` times (a view: nothing is copied).

    Arguments:
        n: how often, a positive integer.

    Shape: ``(batch, features) -> (batch, n, features)``.

    Raises:
        ValueError: when ``n`` is not a positive integer.

    Source: https://keras.io/api/layers/reshaping_layers/repeat_vector/

    >>> RepeatVector(3)(torch.zeros(5, 32)).shape
    torch.Size([5, 3, 32])
    """

    takes_integers = True

    def __init__(self, n: Int, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.n = positive_int(n, "n", self)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.unsqueeze(1).expand(-1, self.n, -1)  # (B, F) -> (B, n, F)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.n, input_shape[1])


def _product(sizes: Any) -> int | None:
    return None if any(size is None for size in sizes) else math.prod(sizes)
