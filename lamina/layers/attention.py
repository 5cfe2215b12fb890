"""Attention: each position of a query takes a weighted mean of values, weighted by how well their keys match it.

Shapes: B batch, T positions of the query, S positions of keys and values, N heads, H the size of a head, E features.
"""

from __future__ import annotations

import functools
from typing import Any, Literal, Unpack

import torch
from torch.nn import functional as F

from lamina import random
from lamina.engine.arguments import fraction, one_of
from lamina.engine.calling import who
from lamina.engine.input_spec import is_shape
from lamina.engine.layer import LAYERS, Layer
from lamina.engine.types import LayerOptions
from lamina.graph.symbolic import Shape, SymbolicTensor
from lamina.layers.multi_head_attention import GroupedQueryAttention as GroupedQueryAttention
from lamina.layers.multi_head_attention import GroupQueryAttention as GroupQueryAttention
from lamina.layers.multi_head_attention import MultiHeadAttention as MultiHeadAttention
from lamina.layers.multi_head_attention import causal_mask
from lamina.variables import Weight


class SequenceAttention(Layer):
    """``softmax(scores(query, key)) @ value`` for inputs ``[query, value]`` or ``[query, value, key]``; without a key, the
    value is the key. The base of the attention layers without heads.

    Arguments:
        use_scale: whether the scores have a trained scale.
        dropout: the part of the weights to set to 0 in training.
        seed: where dropout's own stream of random numbers starts; by default torch's stream is used.

    Call arguments:
        mask: ``[query_mask, value_mask]``: values whose mask is ``False`` get no weight, and the outputs of queries whose
            mask is ``False`` are 0.
        return_attention_scores: whether the weights ``(B, T, S)`` are returned, too.
        use_causal_mask: whether position t of the query sees only the values up to t.

    Shape: ``[(B, T, E), (B, S, V), (B, S, E)] -> (B, T, V)``.

    Raises:
        ValueError: when the inputs are no list of two or three, or the mask none of as many.
    """

    _training_after = "mask"
    supports_masking = True
    scale: Weight | None
    _fusable = False  # whether torch's attention kernel can compute it

    def __init__(
        self, use_scale: bool, dropout: float = 0.0, seed: int | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale = self._builds_weights = use_scale
        self.dropout = fraction(dropout, "dropout", self)
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed) if dropout > 0 and seed is not None else None

    def check_inputs(self, inputs: Any) -> None:
        """Raise ``ValueError`` unless ``inputs`` (or their shapes) are two or three."""
        count = len(inputs) if isinstance(inputs, (list, tuple)) and not is_shape(inputs) else 1
        if count not in (2, 3):
            raise ValueError(f"{who(self)} takes a list [query, value] or [query, value, key], and got "
                             f"{count} input{'s' * (count != 1)}.")  # fmt: skip

    def scores(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """How well each key matches each query: ``(B, T, E), (B, S, E) -> (B, T, S)``."""
        raise NotImplementedError

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self.check_inputs(inputs)
        query, value, key = (*inputs, inputs[1])[:3]
        query_mask, kept = self._masks(query, key, mask, use_causal_mask)
        by_kernel = self._fusable and not return_attention_scores and query.dim() == 3
        if by_kernel and self._kernel_fits(query, mask):
            outputs, weights = self._by_kernel(query, key, value, kept), None
        else:
            scores = self.scores(query, key)  # (B, T, E), (B, S, E) -> (B, T, S)
            weights = torch.softmax(scores if kept is None else scores + self._penalty(kept, scores.dtype), -1)
            if self.training and self.dropout > 0:
                weights = random.dropout(weights, self.dropout, None, self.seed_generator)
            outputs = torch.matmul(weights, value)  # (B, T, S), (B, S, V) -> (B, T, V)
        if query_mask is not None:
            outputs = torch.where(query_mask.bool().unsqueeze(-1), outputs, 0.0)
        return (outputs, weights) if return_attention_scores else outputs

    def _masks(self, query: torch.Tensor, key: torch.Tensor, mask: Any, use_causal_mask: bool) -> tuple[Any, Any]:
        """The query's mask, and the one of the scores."""
        if mask is not None and (not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3)):
            raise ValueError(f"{who(self)} takes a list [query_mask, value_mask] for mask, and got {mask!r}.")
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        parts = [] if value_mask is None else [value_mask.bool().unsqueeze(-2)]  # (B, S) -> (B, 1, S)
        if use_causal_mask:
            parts.append(causal_mask(query.shape[-2], key.shape[-2], query.device))
        return query_mask, functools.reduce(torch.logical_and, parts) if parts else None

    def _penalty(self, kept: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        lowest = -65504.0 if dtype is torch.float16 else -1e9
        return torch.zeros_like(kept, dtype=dtype).masked_fill_(~kept, lowest)

    def _kernel_fits(self, query: torch.Tensor, mask: Any) -> bool:
        if self.training:  # on a CPU, two matrix products have the faster backward pass; the kernel knows no seeds
            return mask is None and not query.is_cpu and self.seed_generator is None
        # Where all values of a row are masked, the kernel's gradients are too large.
        return mask is None or not torch.is_grad_enabled()

    def _by_kernel(self, query: Any, key: Any, value: Any, kept: torch.Tensor | None) -> torch.Tensor:
        query = query if self.scale is None else query * self.scale
        outputs = F.scaled_dot_product_attention(
            query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1), scale=1.0,  # (B, T, E) -> (B, 1, T, E)
            attn_mask=None if kept is None else self._penalty(kept, query.dtype).unsqueeze(1),
            dropout_p=self.dropout if self.training else 0.0)  # fmt: skip
        return outputs.squeeze(1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return previous_mask[0] if isinstance(previous_mask, (list, tuple)) else None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        self.check_inputs(input_shape)
        query, key = input_shape[0], input_shape[-1]
        if query[-1] != key[-1] and None not in (query[-1], key[-1]) and 1 not in (query[-1], key[-1]):
            raise ValueError(
                f"{who(self)} compares queries and keys of one size, and got {tuple(query)} and {tuple(key)}."
            )
        return (*query[:-1], input_shape[1][-1])

    def compute_output_spec(
        self, inputs: Any, mask: Any = None, return_attention_scores: bool = False, **_: Any
    ) -> Any:
        """The symbolic outputs of a call."""
        shapes = [tuple(one.shape) for one in inputs] if isinstance(inputs, (list, tuple)) else tuple(inputs.shape)
        outputs = SymbolicTensor(self.compute_output_shape(shapes), self._compute_dtype)
        if not return_attention_scores:
            return outputs
        return outputs, SymbolicTensor((*shapes[0][:-1], shapes[-1][-2]), self._compute_dtype)


@LAYERS.register()
class Attention(SequenceAttention):
    """``softmax(scale * query @ key^T) @ value``: attention by products, in Luong's way.

    Arguments:
        use_scale: whether the scores are multiplied by a trained number.
        score_mode: ``"dot"``, or ``"concat"``: ``weight * sum(tanh(scale * (query + key)))``.
        dropout, seed: as in :class:`SequenceAttention`.

    Call arguments, shape: as in :class:`SequenceAttention`. Weights: ``scale`` if ``use_scale``, ``concat_score_weight``
    if ``score_mode`` is ``"concat"``; both are single numbers.

    Raises:
        ValueError: for another score_mode, and when the inputs are no list of two or three.

    Source: Luong et al., Effective Approaches to Attention-based NMT, https://arxiv.org/abs/1508.04025

    >>> Attention()([torch.zeros(1, 1, 2), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])])
    tensor([[[2., 3.]]])
    """

    concat_score_weight: Weight | None

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: Literal["dot", "concat"] = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(use_scale, dropout, seed, **kwargs)
        self.score_mode = one_of(score_mode, ("dot", "concat"), "score_mode", self)
        self._fusable = self.score_mode == "dot"
        self._builds_weights = self.use_scale or not self._fusable

    def build(self, input_shape: Any) -> None:
        self.check_inputs(input_shape)
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones") if self.use_scale else None
        self.concat_score_weight = None if self._fusable else self.add_weight(
            name="concat_score_weight", shape=(), initializer="ones")  # fmt: skip

    def scores(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        if self.concat_score_weight is None:
            query = query if self.scale is None else query * self.scale
            return torch.matmul(query, key.transpose(-2, -1))
        sums = query.unsqueeze(-2) + key.unsqueeze(-3)  # (B, T, 1, E) + (B, 1, S, E)
        sums = sums if self.scale is None else sums * self.scale
        return self.concat_score_weight * torch.tanh(sums).sum(-1)


@LAYERS.register()
class AdditiveAttention(SequenceAttention):
    """``softmax(sum(scale * tanh(query + key))) @ value``: attention by sums, in Bahdanau's way.

    Arguments:
        use_scale: whether each feature has a trained weight; otherwise all count the same.
        dropout, seed: as in :class:`SequenceAttention`.

    Call arguments, shape: as in :class:`SequenceAttention`. Weights: ``scale`` ``(E,)`` if ``use_scale``.

    Raises:
        ValueError: when the inputs are no list of two or three.

    Source: Bahdanau et al., Neural Machine Translation by Jointly Learning to Align and Translate,
    https://arxiv.org/abs/1409.0473

    >>> AdditiveAttention()([torch.zeros(1, 1, 2), torch.ones(1, 3, 2)]).detach()
    tensor([[[1., 1.]]])
    """

    def __init__(
        self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:  # fmt: skip
        super().__init__(use_scale, dropout, seed, **kwargs)

    def build(self, input_shape: Any) -> None:
        self.check_inputs(input_shape)
        size = input_shape[0][-1]
        if self.use_scale and size is None:
            raise ValueError(f"{who(self)} needs to know the last axis of the query, and got {input_shape[0]}.")
        self.scale = self.add_weight(name="scale", shape=(size,)) if self.use_scale else None

    def scores(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        matches = torch.tanh(query.unsqueeze(-2) + key.unsqueeze(-3))  # (B, T, 1, E) + (B, 1, S, E)
        return matches.sum(-1) if self.scale is None else torch.matmul(matches, self.scale)
