"""Embedding: a table of vectors, looked up by index; and the way back, from a vector to a number for each index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch.nn import functional as F

from lamina import constraints, initializers, regularizers
from lamina.constraints import ConstraintLike
from lamina.dtypes import DTypeLike, as_dtype, dtype_name
from lamina.engine.arguments import positive_int
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS
from lamina.engine.precision import as_float
from lamina.engine.types import Int, PlainOptions, ShapeLike
from lamina.graph.symbolic import Shape, SymbolicTensor
from lamina.initializers import InitializerLike
from lamina.layers.low_rank import LowRank
from lamina.registry import serialize
from lamina.regularizers import RegularizerLike
from lamina.variables import Weight


class _Options(PlainOptions, total=False):
    activity_regularizer: RegularizerLike


class _EmbeddingOptions(_Options, total=False):
    weights: Sequence[Any] | None
    lora_rank: Int | None
    lora_alpha: float | None
    input_length: ShapeLike | None
    sparse: bool


@LAYERS.register()
class Embedding(LowRank):
    """``embeddings[inputs]``: each index becomes its row of the table.

    Arguments:
        input_dim: how many rows the table has: the largest index plus 1.
        output_dim: the length of a row.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: of the table (Keras 1: ``init``,
            ``W_regularizer``, ``W_constraint``).
        mask_zero: whether index 0 is padding, which later layers are told by a mask. Row 0 is then not a word.
        weights: the table's first values.
        lora_rank, lora_alpha: when ``lora_rank`` is given, the table is frozen, and a product of two matrices of that rank,
            times ``lora_alpha / lora_rank``, is trained in its place; see :meth:`enable_lora`.
        input_length: Keras 1 and 2: the length of the rows of indices; it becomes part of the input's shape.
        sparse: whether the table's gradient is a sparse tensor, which holds only the rows that were looked up.

    Shape: ``(*any) -> (*any, output_dim)``, of integers. Weights: ``embeddings`` ``(input_dim, output_dim)``.

    Raises:
        ValueError: when ``input_dim`` or ``output_dim`` is not a positive integer, or an index is not in the table.

    Source: https://keras.io/api/layers/core_layers/embedding/

    >>> Embedding(1000, 64)(torch.zeros(2, 10, dtype=torch.int64)).shape
    torch.Size([2, 10, 64])
    """

    takes_integers = True
    _begins_masks = True
    _adapts = "embeddings"
    embeddings: Weight

    def __init__(
        self,
        input_dim: Int,
        output_dim: Int,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        weights: Sequence[Any] | None = None,
        lora_rank: Int | None = None,
        lora_alpha: float | None = None,
        input_length: ShapeLike | None = None,
        sparse: bool = False,
        **kwargs: Unpack[_Options],
    ) -> None:
        if input_length is not None and not {"input_shape", "batch_input_shape", "batch_shape"} & set(kwargs):
            kwargs["input_shape"] = input_length
        if weights is not None and not isinstance(weights, (list, tuple)):
            weights = [weights]
        super().__init__(weights=weights, **kwargs)
        self.input_dim = positive_int(input_dim, "input_dim", self)
        self.output_dim = positive_int(output_dim, "output_dim", self)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.input_length = input_length
        self.sparse = sparse
        self.supports_masking = mask_zero
        self._makes_masks = bool(mask_zero)
        self._settle_low_rank(lora_rank, lora_alpha)

    @property
    def input_dtype(self) -> str:
        """Rows are chosen by whole numbers."""
        return "int64"

    def build(self, input_shape: Shape | None = None) -> None:
        self.embeddings = self.add_weight(
            name="embeddings", shape=(self.input_dim, self.output_dim), initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer, constraint=self.embeddings_constraint)  # fmt: skip
        self._adapt_if_asked()

    def _check_adaptable(self) -> None:
        super()._check_adaptable()
        if self.sparse:
            raise ValueError(f"{who(self)} can't have sparse gradients of low-rank weights, which all rows share: leave out "
                             "either sparse or lora_rank.")  # fmt: skip

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        indices = inputs if inputs.dtype in (torch.int64, torch.int32) else inputs.long()
        try:
            return F.embedding(indices, self.embeddings, sparse=self.sparse)  # (*) -> (*, output_dim)
        except IndexError:
            raise ValueError(
                f"Embedding {self.name!r} has rows for the indices 0 to {self.input_dim - 1}, and got indices from "
                f"{int(indices.min())} to {int(indices.max())}. "
                "Make input_dim the largest index plus 1.") from None  # fmt: skip

    def compute_mask(self, inputs: torch.Tensor, previous_mask: Any = None) -> Any:
        return torch.ne(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        # Keras 3 has neither of these, so they are written only when they say something.
        for name, default in (
            ("input_length", None),
            ("sparse", False),
        ):
            if config[name] == default:
                del config[name]
        return config | {"activity_regularizer": serialize(self.activity_regularizer), "quantization_config": None}


@LAYERS.register()
class ReversibleEmbedding(Embedding):
    """An :class:`Embedding` that also goes back: ``layer(x, reverse=True)`` is ``x @ embeddings.T``, a logit per index.

    Arguments:
        input_dim: how many rows the table has: the largest index plus 1.
        output_dim: the length of a row.
        tie_weights: whether the way back uses the table, too, and not a table of its own.
        embeddings_initializer: of the table, and of the one for the way back.
        embeddings_regularizer, embeddings_constraint: of the table.
        mask_zero: whether index 0 is padding, which later layers are told by a mask.
        reverse_dtype: the type in which the way back computes; by default the layer's.
        logit_soft_cap: the largest size of logits: they become ``cap * tanh(logits / cap)``.

    Call arguments: ``inputs``; ``reverse``, whether they are vectors that become logits.

    Shape: ``(*any) -> (*any, output_dim)``; in reverse ``(*any, output_dim) -> (*any, input_dim)``. Weights: ``embeddings``
    ``(input_dim, output_dim)``, and ``reverse_embeddings`` ``(output_dim, input_dim)`` when they are not tied.

    Raises:
        ValueError: as :class:`Embedding`; when ``logit_soft_cap`` is not positive.

    Source: https://keras.io/api/layers/core_layers/reversible_embedding/; Press and Wolf, https://arxiv.org/abs/1608.05859

    >>> layer = ReversibleEmbedding(1000, 64)
    >>> x = layer(torch.zeros(2, 10, dtype=torch.int64))
    >>> layer(x, reverse=True).shape
    torch.Size([2, 10, 1000])
    """

    reverse_embeddings: Weight
    _computes = False  # not in torch's choice of types
    _gives_compute_type = False  # the way back has a type of its own

    def __init__(
        self,
        input_dim: Int,
        output_dim: Int,
        tie_weights: bool = True,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        reverse_dtype: DTypeLike = None,
        logit_soft_cap: float | None = None,
        **kwargs: Unpack[_EmbeddingOptions],
    ) -> None:
        super().__init__(input_dim, output_dim, embeddings_initializer, embeddings_regularizer,
                         embeddings_constraint, mask_zero, **kwargs)  # fmt: skip
        self.tie_weights = tie_weights
        self.reverse_dtype = None if reverse_dtype is None else dtype_name(as_dtype(reverse_dtype))
        if logit_soft_cap is not None and not logit_soft_cap > 0:
            raise ValueError(f"{who(self)} needs a positive number for logit_soft_cap, and got {logit_soft_cap!r}.")
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape: Shape | None = None) -> None:
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                name="reverse_embeddings", shape=(self.output_dim, self.input_dim), layout=(1, 0),
                initializer=self.embeddings_initializer)  # fmt: skip

    def call(self, inputs: torch.Tensor, reverse: bool = False) -> torch.Tensor:
        if not reverse:
            return as_float(super().forward(inputs), self._compute_dtype)
        kernel = self.embeddings if self.tie_weights else self.reverse_embeddings.t()
        dtype = self._compute_dtype if self.reverse_dtype is None else as_dtype(self.reverse_dtype)
        inputs, kernel = as_float(inputs, dtype), as_float(kernel, dtype)
        logits = F.linear(inputs, kernel)  # (*, output_dim) -> (*, input_dim)
        cap = self.logit_soft_cap
        return logits if cap is None else torch.tanh(logits / cap) * cap

    def compute_mask(self, inputs: torch.Tensor, previous_mask: Any = None, reverse: bool = False) -> Any:
        return None if reverse else super().compute_mask(inputs, previous_mask)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        """The output's shape, and its type, which in reverse may be another one."""
        dtype = self.reverse_dtype if reverse and self.reverse_dtype else self.compute_dtype
        return SymbolicTensor(self.compute_output_shape(inputs.shape, reverse), dtype)

    def compute_output_shape(self, input_shape: Shape, reverse: bool = False) -> Shape:
        return (*input_shape[:-1], self.input_dim) if reverse else (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != "quantization_config"}
