"""EinsumDense: a dense layer along any axes, which an einsum equation names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch.nn import functional as F

from lamina import activations, constraints, initializers, regularizers
from lamina.activations import ActivationLike
from lamina.constraints import ConstraintLike
from lamina.engine.layer import LAYERS, InputSpec
from lamina.engine.types import Int, LayerOptions
from lamina.graph.symbolic import Shape
from lamina.initializers import InitializerLike
from lamina.layers.low_rank import LowRank
from lamina.registry import serialize
from lamina.regularizers import RegularizerLike
from lamina.variables import Weight


class Einsum:
    """An equation ``inputs,kernel->outputs`` for inputs of one shape: the sizes of everything in it.

    Arguments:
        equation: letters for axes; ``...`` before or after the inputs' and the outputs' letters stands for any axes.
        input_shape: the inputs' shape.
        output_sizes: the outputs' sizes without the batch and without what ``...`` stands for; ``None`` is found out.

    Raises:
        ValueError: when the equation has another form, or its sizes contradict each other.

    >>> einsum = Einsum("abc,cd->abd", (None, 32, 128), (None, 64))
    >>> einsum.kernel_shape, einsum.output_shape
    ((128, 64), (None, 32, 64))
    """

    def __init__(self, equation: str, input_shape: Shape, output_sizes: Shape) -> None:
        form = re.fullmatch(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?",
                            equation.replace(" ", ""))  # fmt: skip
        if form is None or form[1] != form[5] or form[3] != form[7] or (form[1] and form[3]):
            raise ValueError(f"The equation of EinsumDense must have the form 'ab,bc->ac', '...ab,bc->...ac' or "
                             f"'ab...,bc->ac...', and is {equation!r}.")  # fmt: skip
        self.equation, self.inputs, self.kernel, self.outputs = equation, form[2], form[4], form[6]
        elided = len(input_shape) - len(self.inputs)
        if elided < 0 or (elided and not form[1] and not form[3]):
            raise ValueError(f"The equation {equation!r} of EinsumDense does not fit inputs of shape {input_shape}.")
        self.before, self.after = (elided, 0) if form[1] else (0, elided)
        self.sizes = dict(zip(self.inputs, input_shape[self.before :], strict=False))
        # The batch is the first axis: one of those before, or the first letter.
        given = (input_shape[0], *output_sizes) if not self.before else tuple(output_sizes)
        if len(given) != len(self.outputs):
            raise ValueError(f"The equation {equation!r} of EinsumDense has outputs of {len(self.outputs)} axes, "
                             f"and output_shape has {len(given)} with the batch.")  # fmt: skip
        for letter, size in zip(self.outputs, given, strict=True):
            self._settle(letter, size)
        elided_sizes = input_shape[: self.before], input_shape[len(input_shape) - self.after :]
        self.output_shape = (*elided_sizes[0], *(self.sizes[letter] for letter in self.outputs),
                             *(elided_sizes[1] if self.after else ()))  # fmt: skip

    def _settle(self, letter: str, size: int | None) -> None:
        if letter not in self.inputs + self.kernel:
            raise ValueError(
                f"Axis {letter!r} of the outputs in {self.equation!r} is neither the inputs' nor the kernel's."
            )
        known = self.sizes.setdefault(letter, size)
        if known is None or size is None:
            self.sizes[letter] = size if known is None else known
        elif known != size:
            raise ValueError(f"Axis {letter!r} in {self.equation!r} of EinsumDense has size {known} in the inputs, "
                             f"and {size} in output_shape.")  # fmt: skip

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """The kernel's shape. All its sizes must be known."""
        return tuple(self.known(letter) for letter in self.kernel)

    def known(self, letter: str) -> int:
        """The size of one of the kernel's axes."""
        size = self.sizes.get(letter)
        if size is None:
            where = "is unknown" if letter in self.sizes else "is neither the inputs' nor the outputs'"
            raise ValueError(f"Axis {letter!r} of the kernel in {self.equation!r} of EinsumDense {where}.")
        return size

    def bias_shape(self, axes: str) -> tuple[int, ...]:
        """The shape of a bias along these axes of the outputs, from the first of them on."""
        unknown = [axis for axis in axes if axis not in self.outputs]
        if unknown or not axes:
            raise ValueError(f"bias_axes of EinsumDense names axes of the outputs {self.outputs!r}, and is {axes!r}.")
        letters = self.outputs[min(map(self.outputs.index, axes)) :]
        return tuple(self.known(axis) if axis in axes else 1 for axis in letters) + (1,) * self.after

    def contracted(self) -> int:
        """How many of the inputs' last axes meet the kernel's first, when that is all there is to it, as in a
        matrix product; else 0."""
        for count in range(1, len(self.kernel)):
            shared, new = self.kernel[:count], self.kernel[count:]
            rest = self.inputs[: len(self.inputs) - count]
            if (
                not self.after
                and self.inputs == rest + shared
                and self.outputs == rest + new
                and not set(new) & set(rest)
            ):
                return count
        return 0


@LAYERS.register()
class EinsumDense(LowRank):
    """``activation(einsum(equation, inputs, kernel) + bias)``: a dense layer along any axes.

    Arguments:
        equation: ``"ab,bc->ac"``, with ``...`` before or after for axes that are left alone.
        output_shape: the outputs' sizes without the batch and without what ``...`` stands for; ``None`` is found out.
        activation: a name or function; ``None`` is linear.
        bias_axes: the outputs' axes, as letters of the equation, along which a bias is added; ``None`` is no bias.
        kernel_initializer, bias_initializer: how the weights start.
        kernel_regularizer, bias_regularizer: penalties on the weights.
        activity_regularizer: a penalty on the output.
        kernel_constraint, bias_constraint: applied after each update.
        lora_rank, lora_alpha: when ``lora_rank`` is given, the kernel is frozen, and a product of two matrices of that rank,
            times ``lora_alpha / lora_rank``, is trained in its place; see :meth:`enable_lora`.

    Shape: as the equation says. Weights: ``kernel``, of the sizes that its letters have; ``bias``.

    Raises:
        ValueError: when the equation has another form, or its sizes contradict each other or are unknown.

    Source: https://keras.io/api/layers/core_layers/einsum_dense/

    >>> EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")(torch.zeros(2, 32, 128)).shape
    torch.Size([2, 32, 64])
    """

    kernel: Weight
    bias: Weight | None

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: ActivationLike = None,
        bias_axes: str | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: Int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._settle_low_rank(lora_rank, lora_alpha)

    def build(self, input_shape: Shape) -> None:
        einsum = Einsum(self.equation, input_shape, self.partial_output_shape)
        bias_shape = None if self.bias_axes is None else einsum.bias_shape(self.bias_axes)
        axes = range(len(einsum.kernel))
        self._contracted = einsum.contracted()
        # A matrix product, seen as torch's linear, wants the kernel's new axes first in memory.
        layout = (*axes[self._contracted :], *axes[: self._contracted])
        self.kernel = self.add_weight(
            name="kernel", shape=einsum.kernel_shape, layout=layout, initializer=self._initializer(einsum),
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint)  # fmt: skip
        self.bias = None if bias_shape is None else self.add_weight(
            name="bias", shape=bias_shape, initializer=self.bias_initializer,
            regularizer=self.bias_regularizer, constraint=self.bias_constraint)  # fmt: skip
        sizes = {axis: einsum.known(letter) for axis, letter in enumerate(einsum.inputs, einsum.before)
                 if letter in einsum.kernel}  # fmt: skip
        self.input_spec = InputSpec(ndim=len(input_shape), axes=sizes)
        self._adapt_if_asked()

    def _initializer(self, einsum: Einsum) -> Any:
        """The kernel's, told which axes of the kernel run over inputs and which over outputs, if it asks for that."""
        initializer = self.kernel_initializer
        if getattr(initializer, "input_axes", 0) is not None and getattr(initializer, "output_axes", 0) is not None:
            return initializer
        is_output = [letter in einsum.outputs for letter in einsum.kernel]
        axes = {"input_axes": [axis for axis, out in enumerate(is_output) if not out],
                "output_axes": [axis for axis, out in enumerate(is_output) if out]}  # fmt: skip
        return type(initializer).from_config(initializer.get_config() | axes)

    def pre_activation(self, inputs: torch.Tensor) -> torch.Tensor:
        """``einsum(equation, inputs, kernel) + bias``."""
        count, bias = self._contracted, self.bias
        if not count:
            outputs = torch.einsum(self.equation, inputs, self.kernel)
            return outputs if bias is None else outputs + bias
        # A matrix product: (*batch, *shared) x (*shared, *new) -> (*batch, *new).
        x, matrix = inputs, self.kernel
        new = matrix.shape[count:]
        if count > 1:
            x, matrix = inputs.flatten(-count), matrix.flatten(0, count - 1)
        inside = bias if bias is not None and bias.shape == new else None
        if len(new) == 1:
            outputs = F.linear(x, matrix.t(), inside)
        else:
            outputs = F.linear(x, matrix.flatten(1).t(), None if inside is None else inside.flatten())
            outputs = outputs.view(x.shape[:-1] + new)
        return outputs if bias is None or inside is not None else outputs + bias

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.activation(self.pre_activation(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return Einsum(self.equation, input_shape, self.partial_output_shape).output_shape

    def get_config(self) -> dict[str, Any]:
        return {"activity_regularizer": serialize(self.activity_regularizer), **super().get_config(),
                "output_shape": self.partial_output_shape}  # fmt: skip
