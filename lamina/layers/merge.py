"""Merge layers: several inputs become one, element by element, side by side, or by products."""

from __future__ import annotations

import functools
from typing import Any, Unpack

import torch
from torch.nn import functional as F

from lamina.engine.calling import who
from lamina.engine.input_spec import is_shape
from lamina.engine.layer import LAYERS, Layer
from lamina.engine.types import Axes, LayerOptions
from lamina.errors import describe
from lamina.graph.symbolic import Shape, is_symbolic, record


class Merge(Layer):
    """A list of at least two inputs becomes one. The base of the merge layers.

    Inputs of fewer axes get axes of size 1 after the batch; sizes of 1 are repeated, as torch does. A mask is true where
    the mask of any input is; it is dropped when an input has none.
    """

    _builds_weights = False

    supports_masking = True
    takes_integers = True
    fewest = 2
    most: int | None = None

    def build(self, input_shape: Any) -> None:
        self.check_shapes(input_shape)

    def check_shapes(self, shapes: Any) -> None:
        """Raise ``ValueError`` when the inputs do not go together."""
        if is_shape(shapes) or not isinstance(shapes, (list, tuple)):
            raise ValueError(f"{who(self)} takes a list of inputs, and got one of shape {shapes}.")
        count = len(shapes)
        if count < self.fewest or (self.most is not None and count > self.most):
            wanted = f"{self.fewest} inputs" if self.most == self.fewest else f"at least {self.fewest} inputs"
            raise ValueError(f"{who(self)} takes {wanted}, and got {count}.")

    def merge(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """One tensor from tensors of equally many axes."""
        raise NotImplementedError

    _merge_function = merge  # Keras's name of it, which classes of users override

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        if "_merge_function" in own:
            cls.merge = cls._merge_function
        elif "merge" in own:
            cls._merge_function = cls.merge

    def call(self, inputs: Any) -> torch.Tensor:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(f"{who(self)} takes a list of inputs, and got {describe(inputs)}.")
        rank = max(x.dim() for x in inputs)
        return self.merge([self._with_rank(x, rank) for x in inputs])

    def _with_rank(self, x: torch.Tensor, rank: int) -> torch.Tensor:
        for _ in range(rank - x.dim()):
            x = x.unsqueeze(1)  # (B, ...) -> (B, 1, ...)
        return x

    def compute_output_shape(self, input_shape: Any) -> Shape:
        self.check_shapes(input_shape)
        return functools.reduce(self._broadcast, [tuple(shape) for shape in input_shape])

    def _broadcast(self, first: Shape, second: Shape) -> Shape:
        rank = max(len(first), len(second))
        first, second = ((*shape[:1], *(1,) * (rank - len(shape)), *shape[1:]) for shape in (first, second))
        merged: list[int | None] = []
        for a, b in zip(first, second, strict=True):
            if a is not None and b is not None and 1 not in (a, b) and a != b:
                raise ValueError(
                    f"{who(self)} can't merge inputs of the shapes {first} and {second}: {a} and {b} differ."
                )
            unknown = None if 1 in (a, b) or a is None or b is None else a
            merged.append(b if a == 1 else a if b == 1 else unknown)
        return tuple(merged)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        if previous_mask is None or any(mask is None for mask in previous_mask):
            return None
        return functools.reduce(torch.logical_or, previous_mask)


@LAYERS.register()
class Add(Merge):
    """``inputs[0] + inputs[1] + ...``.

    Source: https://keras.io/api/layers/merging_layers/add/

    >>> Add()([torch.ones(2), torch.ones(2)])
    tensor([2., 2.])
    """

    def merge(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return functools.reduce(torch.add, inputs)


@LAYERS.register()
class Subtract(Merge):
    """``inputs[0] - inputs[1]``.

    Source: https://keras.io/api/layers/merging_layers/subtract/

    >>> Subtract()([torch.ones(2), torch.ones(2)])
    tensor([0., 0.])
    """

    most = 2

    def merge(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return torch.sub(inputs[0], inputs[1])


class MaskedMerge(Merge):
    """A merge to which a masked step of an input adds nothing, instead of the numbers that stand there."""

    def call(self, inputs: Any, mask: Any = None) -> torch.Tensor:
        if mask is None or all(one is None for one in mask):
            return super().call(inputs)
        rank = max(x.dim() for x in inputs)
        # As in Keras, an input loses its mask where it gets axes.
        masks = [self._as_wide(one, x) if x.dim() == rank else None for x, one in zip(inputs, mask, strict=True)]
        return self.merge_masked([self._with_rank(x, rank) for x in inputs], masks)

    @staticmethod
    def _as_wide(mask: Any, x: torch.Tensor) -> Any:
        """A mask with as many axes as its input, the last ones of size 1."""
        return mask if mask is None else mask.reshape(*mask.shape, *(1,) * (x.dim() - mask.dim()))

    def merge_masked(self, inputs: list[torch.Tensor], masks: list[Any]) -> torch.Tensor:
        """:meth:`merge` of inputs some of which have masks."""
        raise NotImplementedError


@LAYERS.register()
class Multiply(MaskedMerge):
    """``inputs[0] * inputs[1] * ...``. A masked step is left out of the product; it is 0 where it is masked in all.

    Source: https://keras.io/api/layers/merging_layers/multiply/

    >>> Multiply()([torch.full((2,), 3.0), torch.full((2,), 2.0)])
    tensor([6., 6.])
    """

    def merge(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return functools.reduce(torch.mul, inputs)

    def merge_masked(self, inputs: list[torch.Tensor], masks: list[Any]) -> torch.Tensor:
        product = self.merge([x if mask is None else torch.where(mask, x, 1)
                              for x, mask in zip(inputs, masks, strict=True)])  # fmt: skip
        if any(mask is None for mask in masks):
            return product
        return torch.where(functools.reduce(torch.logical_or, masks), product, 0)


class Extreme(MaskedMerge):
    """The base of the merges that choose one of the inputs: where one is masked the others are asked, and the first one
    where all are."""

    def choose(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """One of two numbers, element by element."""
        raise NotImplementedError

    def merge(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return functools.reduce(self.choose, inputs)

    def merge_masked(self, inputs: list[torch.Tensor], masks: list[Any]) -> torch.Tensor:
        chosen, known = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            if mask is not None:
                x = torch.where(mask, x, chosen)
            if known is not None:
                chosen = torch.where(known, chosen, x)
                known = None if mask is None else torch.logical_or(known, mask)
            chosen = self.choose(chosen, x)
        return chosen


@LAYERS.register()
class Average(Merge):
    """The mean of the inputs.

    Source: https://keras.io/api/layers/merging_layers/average/

    >>> Average()([torch.zeros(2), torch.ones(2)])
    tensor([0.5000, 0.5000])
    """

    takes_integers = False

    def merge(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return functools.reduce(torch.add, inputs) / len(inputs)


@LAYERS.register()
class Maximum(Extreme):
    """The largest of the inputs, element by element. Where an input is masked, the others are asked; where all are, it is the
    first one.

    Source: https://keras.io/api/layers/merging_layers/maximum/

    >>> Maximum()([torch.tensor([1.0, 4.0]), torch.tensor([3.0, 2.0])])
    tensor([3., 4.])
    """

    def choose(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return torch.maximum(first, second)


@LAYERS.register()
class Minimum(Extreme):
    """The smallest of the inputs, element by element. Where an input is masked, the others are asked; where all are, it is the
    first one.

    Source: https://keras.io/api/layers/merging_layers/minimum/

    >>> Minimum()([torch.tensor([1.0, 4.0]), torch.tensor([3.0, 2.0])])
    tensor([1., 2.])
    """

    def choose(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return torch.minimum(first, second)


@LAYERS.register()
class Concatenate(Merge):
    """The inputs side by side along ``axis``.

    Arguments:
        axis: the axis along which they lie one after the other; all other sizes must be equal.

    Shape: ``[(*a, n, *b), (*a, m, *b)] -> (*a, n + m, *b)``.

    Source: https://keras.io/api/layers/merging_layers/concatenate/

    >>> Concatenate()([torch.ones(2, 3), torch.ones(2, 4)]).shape
    torch.Size([2, 7])
    """

    fewest = 1

    def __init__(self, axis: int = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def check_shapes(self, shapes: Any) -> None:
        super().check_shapes(shapes)
        first = shapes[0]
        if not -len(first) <= self.axis < len(first):
            raise ValueError(
                f"{who(self)} lays inputs along axis {self.axis}, and got {first}, which has {len(first)} axes."
            )
        axis = self.axis % len(first)
        for shape in shapes[1:]:
            pairs = enumerate(zip(first, shape, strict=False))
            same = len(shape) == len(first) and all(a in (b, None) or b is None or i == axis for i, (a, b) in pairs)
            if not same:
                raise ValueError(f"{who(self)} needs inputs that differ only along axis {self.axis}, and got "
                                 f"{', '.join(map(str, shapes))}.")  # fmt: skip

    def call(self, inputs: Any) -> torch.Tensor:
        return torch.cat(list(inputs), dim=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        self.check_shapes(input_shape)
        axis = self.axis % len(input_shape[0])
        sizes = list(zip(*input_shape, strict=True))
        merged = [next((size for size in column if size is not None), None) for column in sizes]
        along = sizes[axis]
        merged[axis] = None if None in along else sum(along)
        return tuple(merged)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        if previous_mask is None or all(mask is None for mask in previous_mask):
            return None
        arguments = (list(inputs), list(previous_mask), self.axis)
        return record(mask_side_by_side, arguments, {}) if is_symbolic(arguments) else mask_side_by_side(*arguments)


def mask_side_by_side(inputs: list[torch.Tensor], masks: list[Any], axis: int) -> torch.Tensor:
    """The mask of inputs that lie side by side along ``axis``; one without a mask counts everywhere.

    Shape: a mask of each input without its last axes, or of all -> all axes of the inputs but the last.
    """
    rank = inputs[0].dim()
    wide = [_wide_mask(x, mask) for x, mask in zip(inputs, masks, strict=True)]  # each (*sizes, 1)
    if axis % rank == rank - 1:  # the last axis has no mask of its own: a step counts where any input's does
        return functools.reduce(torch.logical_or, [mask[..., 0] for mask in wide])
    return torch.cat(wide, dim=axis)[..., 0]


def _wide_mask(x: torch.Tensor, mask: Any) -> torch.Tensor:
    """A mask with all axes of its input but a last one of size 1."""
    if mask is None:
        return torch.ones_like(x[..., :1], dtype=torch.bool)
    if mask.dim() == x.dim():
        return mask.any(-1, keepdim=True)
    return mask.reshape(*mask.shape, *(1,) * (x.dim() - mask.dim())).expand_as(x[..., :1])


def _mask_in_keras(inputs: list[Any], masks: list[Any], axis: int) -> Any:
    """:func:`mask_side_by_side` in the operations that Keras has for it, which are what its files and orders know."""
    wide = []
    for x, mask in zip(inputs, masks, strict=True):
        if mask is None:
            wide.append(torch.ones_like(x, dtype=torch.bool))
        elif mask.dim() == x.dim() and (mask.shape[-1] == x.shape[-1] or axis in (-1, x.dim() - 1)):
            wide.append(mask)
        else:
            steps = torch.any(mask, dim=-1, keepdim=True) if mask.dim() == x.dim() else torch.unsqueeze(mask, -1)
            wide.append(torch.logical_or(steps, torch.zeros_like(x, dtype=torch.bool)))
    return torch.any(torch.cat(wide, dim=axis), dim=-1)


mask_side_by_side.in_keras = _mask_in_keras  # pyright: ignore[reportFunctionMemberAccess]


@LAYERS.register()
class Dot(Merge):
    """The products of two inputs, summed along an axis of each; the batch is kept.

    Arguments:
        axes: the axis of both, or a pair: of the first, and of the second input.
        normalize: whether vectors along those axes are brought to length 1 first: the products are then cosines
            (Keras 1: ``mode="cos"``).

    Shape: ``[(batch, *a, n), (batch, n, *b)] -> (batch, *a, *b)``; ``(batch, 1)`` for two vectors.

    Raises:
        ValueError: when the sizes along the axes differ, or the batch is one of them.

    Source: https://keras.io/api/layers/merging_layers/dot/

    >>> Dot(axes=1)([torch.ones(2, 3), torch.ones(2, 3)])
    tensor([[3.],
            [3.]])
    """

    most = 2

    def __init__(self, axes: Axes, normalize: bool = False, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        pair = axes if isinstance(axes, (list, tuple)) else (axes, axes)
        if len(pair) != 2 or not all(isinstance(axis, int) and not isinstance(axis, bool) for axis in pair):
            raise ValueError(f"{who(self)} needs an integer or two for axes, and got {axes!r}.")
        if 0 in pair:
            raise ValueError(f"{who(self)} can't sum over the batch, and got axes={axes!r}; the axes count from 1.")
        self.axes = axes if isinstance(axes, int) else tuple(axes)
        self.normalize = normalize
        self.supports_masking = False

    def _axes(self, first: int, second: int) -> tuple[int, int]:
        pair = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return pair[0] % first, pair[1] % second

    def check_shapes(self, shapes: Any) -> None:
        super().check_shapes(shapes)
        first, second = shapes
        a, b = self._axes(len(first), len(second))
        if None not in (first[a], second[b]) and first[a] != second[b]:
            raise ValueError(
                f"{who(self)} sums over axes {self.axes}, whose sizes must be equal, and got {first} and {second}."
            )

    def call(self, inputs: Any) -> torch.Tensor:
        first, second = inputs
        a, b = self._axes(first.dim(), second.dim())
        if self.normalize:
            first, second = F.normalize(first, dim=a, eps=1e-6), F.normalize(second, dim=b, eps=1e-6)
        left = first.movedim(a, -1)  # (B, *a, n)
        right = second.movedim(b, 1)  # (B, n, *b)
        product = torch.bmm(left.flatten(1, -2) if left.dim() > 2 else left.unsqueeze(1), right.flatten(2)
                            if right.dim() > 2 else right.unsqueeze(2))  # fmt: skip
        if first.dim() == 2 and second.dim() == 2:
            return product.squeeze(2)  # (B, 1, 1) -> (B, 1)
        return product.reshape(first.shape[0], *left.shape[1:-1], *right.shape[2:])

    def compute_output_shape(self, input_shape: Any) -> Shape:
        self.check_shapes(input_shape)
        first, second = (list(shape) for shape in input_shape)
        a, b = self._axes(len(first), len(second))
        rest = first[1:a] + first[a + 1 :] + second[1:b] + second[b + 1 :]
        return (first[0], *rest) if rest else (first[0], 1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None


def add(inputs: Any, **kwargs: Unpack[LayerOptions]) -> Any:
    """``Add(**kwargs)(inputs)``: the function form of :class:`Add`.

    >>> add([torch.ones(2), torch.ones(2)])
    tensor([2., 2.])
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Unpack[LayerOptions]) -> Any:
    """``Subtract(**kwargs)(inputs)``: the function form of :class:`Subtract`.

    >>> subtract([torch.ones(2), torch.ones(2)])
    tensor([0., 0.])
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Unpack[LayerOptions]) -> Any:
    """``Multiply(**kwargs)(inputs)``: the function form of :class:`Multiply`.

    >>> multiply([torch.ones(2), torch.ones(2)])
    tensor([1., 1.])
    """
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Unpack[LayerOptions]) -> Any:
    """``Average(**kwargs)(inputs)``: the function form of :class:`Average`.

    >>> average([torch.zeros(2), torch.ones(2)])
    tensor([0.5000, 0.5000])
    """
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Unpack[LayerOptions]) -> Any:
    """``Maximum(**kwargs)(inputs)``: the function form of :class:`Maximum`.

    >>> maximum([torch.zeros(2), torch.ones(2)])
    tensor([1., 1.])
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Unpack[LayerOptions]) -> Any:
    """``Minimum(**kwargs)(inputs)``: the function form of :class:`Minimum`.

    >>> minimum([torch.zeros(2), torch.ones(2)])
    tensor([0., 0.])
    """
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Unpack[LayerOptions]) -> Any:
    """``Concatenate(axis)(inputs)``: the function form of :class:`Concatenate`.

    >>> concatenate([torch.zeros(1), torch.ones(1)])
    tensor([0., 1.])
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Axes = -1, normalize: bool = False, **kwargs: Unpack[LayerOptions]) -> Any:
    """``Dot(axes, normalize)(inputs)``: the function form of :class:`Dot`.

    >>> dot([torch.ones(1, 3), torch.ones(1, 3)])
    tensor([[3.]])
    """
    return Dot(axes=axes, normalize=normalize, **kwargs)(inputs)
