"""What torch's attention kernel is given where a query sees no key."""

from __future__ import annotations

import torch


def looking(query: torch.Tensor, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A query and its mask ``(..., T, S)``, true where a key is seen, in which a position that sees none sees all alike.

    Such a position is answered with the mean of all values, as in Keras, where the mask is a large number that swallows the
    scores. In torch's kernel that number swallows its logarithm of a sum, too, and gradients come out wrong. Zeros in the
    query's place weigh all keys the same, now and in the gradient.

    >>> looking(torch.ones(2, 1), torch.tensor([[True, False], [False, False]]))
    (tensor([[1.],
            [0.]]), tensor([[ True, False],
            [ True,  True]]))
    """
    blind = ~seen.any(-1, keepdim=True)
    return query.masked_fill(blind, 0.0), seen | blind
