"""MultiHeadAttention and GroupedQueryAttention: attention in several heads, on torch's attention kernel.

Shapes: B batch, T positions of the query, S positions of keys and values, N heads, H the size of a head, E features.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch.nn import functional as F

from lamina import constraints, initializers, regularizers
from lamina.constraints import ConstraintLike
from lamina.engine.arguments import fraction, positive_int
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, Layer
from lamina.engine.types import Axes, Int, LayerOptions, OtherOptions
from lamina.graph.symbolic import Shape, SymbolicTensor
from lamina.initializers import InitializerLike
from lamina.kernels.attention import looking
from lamina.layers.advanced_activations import Softmax
from lamina.layers.dropout import Dropout
from lamina.layers.einsum_dense import EinsumDense
from lamina.registry import serialize
from lamina.regularizers import RegularizerLike


def causal_mask(queries: int, keys: int, device: Any) -> torch.Tensor:
    """``(1, T, S)``: whether position t of the query sees position s of the keys: those up to t."""
    return torch.ones((1, queries, keys), dtype=torch.bool, device=device).tril()


class HeadedAttention(Layer):
    """``softmax(Q K^T / sqrt(H)) V`` in each head, where Q, K and V are dense layers of query, key and value, and a dense
    layer of all heads' results. The base of the attention layers with heads.

    Arguments:
        dropout: the part of the weights to set to 0 in training.
        use_bias: whether the dense layers have biases.
        sliding_window: how far apart a query and a key may be: less than this many positions.
        flash_attention: whether to insist on a fused kernel, which can neither drop nor return weights. torch chooses
            the best kernel in any case.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
        kernel_constraint, bias_constraint: of each of the dense layers.
        use_gate: whether the heads' results are multiplied by a sigmoid of a further dense layer of the query.
        seed: where dropout's own stream of random numbers starts; by default torch's stream is used.

    Call arguments:
        query, value, key: without ``key``, the value is the key.
        query_mask, value_mask, key_mask: ``(B, T)``, ``(B, S)``: which positions count.
        attention_mask: ``(B, T, S)``: which query sees which key.
        return_attention_scores: whether the weights ``(B, N, T, S)`` are returned, too.
        use_causal_mask: whether position t of the query sees only the keys up to t.
    """

    _training_after = "return_attention_scores"
    supports_masking = True

    def __init__(
        self,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.dropout = fraction(dropout, "dropout", self)
        self.use_bias = use_bias
        self.sliding_window = None if sliding_window is None else positive_int(sliding_window, "sliding_window", self)
        self.flash_attention = flash_attention
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.use_gate = use_gate
        self.seed = seed
        if flash_attention and dropout:
            raise ValueError(f"{who(self)} can't drop weights with flash_attention, and got dropout={dropout}.")

    def dense(self, name: str, rank: int, contracted: int, sizes: tuple[Any, ...], activity: Any,
              activation: Any = None) -> EinsumDense:  # fmt: skip
        """A dense layer from the last ``contracted`` of ``rank`` axes to axes of these sizes."""
        letters = iter(string.ascii_letters)
        kept, shared, new = ("".join(next(letters) for _ in range(count))
                             for count in (rank - contracted, contracted, len(sizes)))  # fmt: skip
        return EinsumDense(
            equation=f"{kept}{shared},{shared}{new}->{kept}{new}", output_shape=(*(None,) * (len(kept) - 1), *sizes),
            activation=activation, bias_axes=new if self.use_bias else None,
            kernel_initializer=self.kernel_initializer, bias_initializer=self.bias_initializer,
            kernel_regularizer=self.kernel_regularizer, bias_regularizer=self.bias_regularizer,
            activity_regularizer=activity, kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint, dtype=self.dtype_policy, name=name)  # fmt: skip

    def prepare_attention(self, rank: int, axes: tuple[int, ...]) -> None:
        """Settle the order of axes for inputs of ``rank`` axes, ``axes`` of which are attended over."""
        others = [axis for axis in range(rank) if axis not in axes]  # the heads' is the last
        self._order = [*others, *axes, rank]  # (B, T, N, H) -> (B, N, T, H)
        self._back = sorted(range(rank + 1), key=self._order.__getitem__)
        self._before, self._attended = len(others), len(axes)  # axes of the scores: these, then those of T, those of S
        # Where a query sees no key at all, Keras's weights are all equal in torch's kernel, and 0 elsewhere.
        self._spreads = self.dropout == 0 and rank == 3
        self._softmax = Softmax(dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)

    def mask_of(self, query: torch.Tensor, value: torch.Tensor, query_mask: Any, value_mask: Any, key_mask: Any,
                attention_mask: Any, use_causal_mask: bool) -> tuple[torch.Tensor | None, bool]:  # fmt: skip
        """What all masks together let be seen, with the axes of the scores: ``(B, N, T, S)``; and whether a query sees
        the keys up to it and nothing else is masked, which torch's kernel can do without a mask."""
        unmasked = query_mask is None and value_mask is None and key_mask is None and attention_mask is None
        if unmasked and self.sliding_window is None and (not use_causal_mask or self._attended == 1):
            return None, use_causal_mask
        new = (None,) * self._attended
        parts = [] if query_mask is None else [self._in_order(query_mask)[(..., *new)]]  # (B, 1, T, 1)
        parts += [self._in_order(mask)[(slice(None),) * self._before + new]  # (B, 1, 1, S)
                  for mask in (value_mask, key_mask) if mask is not None]  # fmt: skip
        if use_causal_mask or self.sliding_window is not None:
            parts += self._near(query, value, use_causal_mask)
        if attention_mask is not None:
            mask = attention_mask.bool()
            # What it lacks of the scores' axes stands before those that are attended over: (B, T, S) -> (B, 1, T, S).
            lacks = (None,) * (self._before + 2 * self._attended - mask.dim())
            parts.append(mask[(slice(None),) * (mask.dim() - 2 * self._attended) + lacks])
        return functools.reduce(torch.logical_and, parts), False

    def _in_order(self, mask: torch.Tensor) -> torch.Tensor:
        """A mask of positions in the scores' order of axes, with one for the heads: ``(B, T) -> (B, 1, T)``."""
        positions = self._before - 1 + self._attended
        mask = mask.bool()[
            (..., *(None,) * (positions - mask.dim()))
        ]  # one of the first axes alone holds for all others
        return mask.permute([axis for axis in self._order if axis < positions]).unsqueeze(self._before - 1)

    def _near(self, query: torch.Tensor, value: torch.Tensor, use_causal_mask: bool) -> list[torch.Tensor]:
        if self._attended > 1:
            raise ValueError(f"{who(self)} attends over {self._attended} axes; use_causal_mask and sliding_window are "
                             "for one.")  # fmt: skip
        axis = self._order[self._before]
        queries, keys = query.shape[axis], value.shape[axis]
        parts = [causal_mask(queries, keys, query.device)] if use_causal_mask else []
        if self.sliding_window is not None:
            rows, columns = (torch.arange(size, device=query.device) for size in (queries, keys))
            parts.append(((rows.unsqueeze(1) - columns).abs() < self.sliding_window).unsqueeze(0))
        return parts

    def attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None,
               is_causal: bool, return_attention_scores: bool) -> tuple[torch.Tensor, torch.Tensor | None]:  # fmt: skip
        """The heads' results ``(B, T, N, H)``, and their weights if they are asked for.

        Arguments:
            query, key, value: ``(B, T, N, H)``, ``(B, S, N, H)``, ``(B, S, N, H)``.
            mask: what the scores are masked with.
            is_causal: whether a query sees only the keys up to it, besides.
        """
        if self.flash_attention and return_attention_scores:
            raise ValueError(f"{who(self)} can't return attention scores with flash_attention.")
        if not (query.dtype is key.dtype is value.dtype):  # a DTypePolicyMap gives each dense layer a type of its own
            query, key, value = (x.to(self._compute_dtype) for x in (query, key, value))
        q, k, v = (x.permute(self._order) for x in (query, key, value))  # (B, T, N, H) -> (B, N, T, H)
        count, sizes = self._attended, (torch.Size(), torch.Size())
        if count > 1:
            sizes = q.shape[-1 - count : -1], k.shape[-1 - count : -1]
            q, k, v = (x.flatten(-1 - count, -2) for x in (q, k, v))
            if mask is not None:
                mask = mask.expand(*mask.shape[: -2 * count], *sizes[0], *sizes[1]).flatten(-count)
                mask = mask.flatten(-1 - count, -2)
        if return_attention_scores or (self.training and self.dropout and self.seed is not None):
            if is_causal:
                mask = causal_mask(q.shape[-2], k.shape[-2], q.device)
            outputs, scores = self._by_products(q, k, v, mask)
        else:
            outputs, scores = self._by_kernel(q, k, v, mask, is_causal), None
        if count > 1:
            outputs = outputs.unflatten(-2, sizes[0])
            scores = None if scores is None else scores.unflatten(-1, sizes[1]).unflatten(-1 - count, sizes[0])
        return outputs.permute(self._back), scores

    def _by_kernel(self, q: Any, k: Any, v: Any, mask: torch.Tensor | None, is_causal: bool) -> torch.Tensor:
        if mask is not None and self._spreads:
            q, mask = looking(q, mask)
        more = {"enable_gqa": True} if q.shape[-3] != k.shape[-3] else {}
        return F.scaled_dot_product_attention(q, k, v, mask, self.dropout if self.training else 0.0, is_causal, **more)

    def _by_products(self, q: Any, k: Any, v: Any, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        repeats = q.shape[-3] // k.shape[-3]
        if repeats > 1:
            k, v = k.repeat_interleave(repeats, -3), v.repeat_interleave(repeats, -3)
        scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-2, -1))  # (B, N, T, S)
        scores = self._softmax.forward(scores, mask)
        return torch.matmul(self._dropout_layer(scores), v), scores

    def compute_output_spec(self, query: Any, value: Any, key: Any = None, return_attention_scores: bool = False,
                            **_: Any) -> Any:  # fmt: skip
        """The symbolic outputs of a call."""
        key = value if key is None else key
        rule: Any = self.compute_output_shape
        shape = rule(tuple(query.shape), tuple(value.shape), tuple(key.shape))
        outputs = SymbolicTensor(shape, self._compute_dtype)
        if not return_attention_scores:
            return outputs
        count = self._attended
        projected = (*query.shape[:-1], self._heads, None)
        scores = [projected[axis] for axis in self._order[:-1]]
        scores += [key.shape[axis] for axis in self._order[-1 - count : -1]]
        return outputs, SymbolicTensor(tuple(scores), self._compute_dtype)

    _heads: int

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["flash_attention"]  # about this machine, as in Keras
        return config

    def check_sizes(self, value_shape: Shape, key_shape: Shape) -> None:
        """Raise ``ValueError`` unless keys and values have the same positions."""
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(f"{who(self)} needs a key for each value, and got values of shape {tuple(value_shape)} and "
                             f"keys of shape {tuple(key_shape)}.")  # fmt: skip


@LAYERS.register()
class MultiHeadAttention(HeadedAttention):
    """``concat(softmax(Q K^T / sqrt(key_dim)) V) @ kernel + bias`` over heads, with Q, K, V dense layers of the inputs.

    Arguments:
        num_heads: how many heads there are.
        key_dim: the size of a head's queries and keys.
        value_dim: the size of a head's values; by default ``key_dim``.
        output_shape: the sizes of the output's last axes; by default the query's last.
        attention_axes: the axes of the inputs to attend over; by default all but the first and last.
        dropout, use_bias, sliding_window, ...: as in :class:`HeadedAttention`.

    Call arguments: as in :class:`HeadedAttention`.

    Shape: ``(B, T, E), (B, S, F), (B, S, G) -> (B, T, E)``. Weights: ``query_dense`` ``(E, N, H)``, ``key_dense``, the
    gate's, ``value_dense``, ``output_dense`` ``(N, H, E)``, each with its kernel and bias.

    Raises:
        ValueError: for sizes that are no positive integers, keys and values of different lengths, and what
            ``flash_attention`` can't do.

    Source: Vaswani et al., Attention Is All You Need, https://arxiv.org/abs/1706.03762

    >>> layer = MultiHeadAttention(num_heads=2, key_dim=4)
    >>> outputs, scores = layer(torch.zeros(1, 3, 8), torch.zeros(1, 5, 8), return_attention_scores=True)
    >>> outputs.shape, scores.shape
    (torch.Size([1, 3, 8]), torch.Size([1, 2, 3, 5]))
    """

    query_dense: EinsumDense
    key_dense: EinsumDense
    value_dense: EinsumDense
    output_dense: EinsumDense

    def __init__(
        self,
        num_heads: Int,
        key_dim: Int,
        value_dim: Int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[Int] | None = None,
        attention_axes: Axes | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        super().__init__(dropout, use_bias, sliding_window, flash_attention, kernel_initializer, bias_initializer,
                         kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint, use_gate, seed,
                         **kwargs)  # fmt: skip
        self.num_heads = self._heads = positive_int(num_heads, "num_heads", self)
        self.key_dim = positive_int(key_dim, "key_dim", self)
        self.value_dim = self.key_dim if value_dim is None else positive_int(value_dim, "value_dim", self)
        self._dense_penalty = regularizers.get(activity_regularizer)  # of the dense layers, not of this one
        sizes = (output_shape,) if isinstance(output_shape, int) else output_shape or None
        self._sizes = None if sizes is None else tuple(positive_int(size, "output_shape", self) for size in sizes)
        axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self.attention_axes = None if not axes else tuple(axes)

    def build(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self.check_sizes(value_shape, key_shape)
        rank, penalty = len(query_shape), self._dense_penalty
        axes = self._axes(len(value_shape))
        keys, values = (self.num_heads, self.key_dim), (self.num_heads, self.value_dim)
        self.query_dense = self.dense("query", rank, 1, keys, penalty)
        self.query_dense.build(query_shape)
        self.key_dense = self.dense("key", len(key_shape), 1, keys, penalty)
        self.key_dense.build(key_shape)
        if self.use_gate:
            self._gate_dense = self.dense("gate", rank, 1, values, penalty, "sigmoid")
            self._gate_dense.build(query_shape)
        self.value_dense = self.dense("value", len(value_shape), 1, values, penalty)
        self.value_dense.build(value_shape)
        self.prepare_attention(len(value_shape), axes)
        self.output_dense = self.dense("attention_output", rank + 1, 2, self._sizes or (query_shape[-1],), penalty)
        self.output_dense.build((*query_shape[:-1], *values))

    def _axes(self, rank: int) -> tuple[int, ...]:
        given = tuple(range(1, rank - 1)) if self.attention_axes is None else self.attention_axes
        axes = tuple(axis + rank if axis < 0 else axis for axis in given)
        if not axes or any(not 0 < axis < rank - 1 for axis in axes):
            raise ValueError(f"{who(self)} attends over axes between the first and the last, and has "
                             f"attention_axes={given} for inputs of {rank} axes.")  # fmt: skip
        return axes

    def call(
        self, query: torch.Tensor, value: torch.Tensor, key: torch.Tensor | None = None, query_mask: Any = None,
        value_mask: Any = None, key_mask: Any = None, attention_mask: Any = None,
        return_attention_scores: bool = False, use_causal_mask: bool = False,
    ) -> Any:  # fmt: skip
        mask, is_causal = self.mask_of(query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask)
        outputs, scores = self.attend(self.query_dense(query), self.key_dense(value if key is None else key),
                                      self.value_dense(value), mask, is_causal, return_attention_scores)  # fmt: skip
        if self.use_gate:
            outputs = outputs * self._gate_dense(query)
        outputs = self.output_dense(outputs)  # (B, T, N, H) -> (B, T, E)
        return (outputs, scores) if return_attention_scores else outputs

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        self.check_sizes(value_shape, value_shape if key_shape is None else key_shape)
        return tuple(query_shape) if self._sizes is None else (*query_shape[:-1], *self._sizes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_shape": self._sizes,
                "activity_regularizer": serialize(self._dense_penalty)}  # fmt: skip


@LAYERS.register("GroupQueryAttention")
class GroupedQueryAttention(HeadedAttention):
    """Multi-head attention in which several heads of the query share one head of keys and values.

    Arguments:
        head_dim: the size of a head.
        num_query_heads: how many heads the query has.
        num_key_value_heads: how many heads keys and values have; it divides ``num_query_heads``.
        dropout, use_bias, sliding_window, ...: as in :class:`HeadedAttention`.

    Call arguments: as in :class:`HeadedAttention`.

    Shape: ``(B, T, E), (B, S, E), (B, S, G) -> (B, T, E)``. Weights: those of the dense layers of the query ``(E, N, H)``,
    the key, the gate, the value and the output ``(N, H, E)``, each a kernel and a bias.

    Raises:
        ValueError: for sizes that are no positive integers or don't divide, keys and values of different lengths, and
            what ``flash_attention`` can't do.

    Source: Ainslie et al., GQA: Training Generalized Multi-Query Transformer Models, https://arxiv.org/abs/2305.13245

    >>> GroupedQueryAttention(head_dim=4, num_query_heads=6, num_key_value_heads=2)(
    ...     torch.zeros(1, 3, 8), torch.zeros(1, 5, 8)).shape
    torch.Size([1, 3, 8])
    """

    _exported_name = "GroupQueryAttention"  # under which Keras exports it, and so what configs say
    _query_dense: EinsumDense
    _key_dense: EinsumDense
    _value_dense: EinsumDense
    _output_dense: EinsumDense

    def __init__(
        self,
        head_dim: Int,
        num_query_heads: Int,
        num_key_value_heads: Int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        super().__init__(dropout, use_bias, sliding_window, flash_attention, kernel_initializer, bias_initializer,
                         kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint, use_gate, seed,
                         activity_regularizer=activity_regularizer, **kwargs)  # fmt: skip
        self.head_dim = positive_int(head_dim, "head_dim", self)
        self.num_query_heads = self._heads = positive_int(num_query_heads, "num_query_heads", self)
        self.num_key_value_heads = positive_int(num_key_value_heads, "num_key_value_heads", self)
        if num_query_heads % num_key_value_heads:
            raise ValueError(f"{who(self)} needs a multiple of num_key_value_heads={num_key_value_heads} for "
                             f"num_query_heads, and got {num_query_heads}.")  # fmt: skip

    def build(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self._check(query_shape, value_shape, key_shape)
        many, few = (self.num_query_heads, self.head_dim), (self.num_key_value_heads, self.head_dim)
        self._query_dense = self.dense("query", 3, 1, many, self.activity_regularizer)
        self._query_dense.build(query_shape)
        self._key_dense = self.dense("key", 3, 1, few, self.activity_regularizer)
        self._key_dense.build(key_shape)
        if self.use_gate:
            self._gate_dense = self.dense("gate", 3, 1, many, self.activity_regularizer, "sigmoid")
            self._gate_dense.build(query_shape)
        self._value_dense = self.dense("value", 3, 1, few, self.activity_regularizer)
        self._value_dense.build(value_shape)
        self.prepare_attention(3, (1,))
        self._output_dense = self.dense("attention_output", 4, 2, (query_shape[-1],), self.activity_regularizer)
        self._output_dense.build((*query_shape[:-1], *many))

    def _check(self, query_shape: Shape, value_shape: Shape, key_shape: Shape) -> None:
        shapes = [tuple(shape) for shape in (query_shape, value_shape, key_shape)]
        if any(len(shape) != 3 for shape in shapes):
            raise ValueError(f"{who(self)} takes inputs of 3 axes (the batch is the first), and got {shapes}.")
        self.check_sizes(value_shape, key_shape)

    def call(
        self, query: torch.Tensor, value: torch.Tensor, key: torch.Tensor | None = None, query_mask: Any = None,
        value_mask: Any = None, key_mask: Any = None, attention_mask: Any = None,
        return_attention_scores: bool = False, use_causal_mask: bool = False,
    ) -> Any:  # fmt: skip
        mask, is_causal = self.mask_of(query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask)
        outputs, scores = self.attend(self._query_dense(query), self._key_dense(value if key is None else key),
                                      self._value_dense(value), mask, is_causal, return_attention_scores)  # fmt: skip
        if self.use_gate:
            outputs = outputs * self._gate_dense(query)
        outputs = self._output_dense(outputs)  # (B, T, N, H) -> (B, T, E)
        return (outputs, scores) if return_attention_scores else outputs

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        self._check(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return tuple(query_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activity_regularizer": serialize(self.activity_regularizer)}


GroupQueryAttention = GroupedQueryAttention
