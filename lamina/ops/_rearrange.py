"""Axes by name: ``rearrange(x, "batch (h w) c -> batch h w c", h=4)``."""

from __future__ import annotations

import re
from typing import Any

import torch

from lamina.ops._tensors import as_tensor, operations, recorded

_TOKEN = re.compile(r"\(([^()]*)\)|(\.\.\.)|([A-Za-z_]\w*)|(1)|(\S)")


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Axes reordered, split and merged after a pattern of names; ``(a b)`` is one axis that holds two.

    Arguments:
        pattern: ``"... -> ..."``; each name stands once on either side, and ``1`` is an axis of that size.
        axes_lengths: the sizes of names in parentheses that don't follow from the shape.

    Raises:
        ValueError: for a pattern that does not fit the shape.

    >>> rearrange(torch.arange(6), "(h w) -> w h", h=2)
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """
    left, arrow, right = pattern.partition("->")
    if not arrow:
        raise ValueError(f"rearrange takes a pattern 'before -> after', and got {pattern!r}.")
    before, after = _parse(left, pattern), _parse(right, pattern)
    if sorted(_flat(before)) != sorted(_flat(after)):
        raise ValueError(f"Each name stands once on both sides of a pattern, and got {pattern!r}.")
    return _rearranged(as_tensor(tensor), pattern, before, after, axes_lengths)


def _parse(side: str, pattern: str) -> list[list[str]]:
    """``"b (h w) 1"`` -> ``[["b"], ["h", "w"], []]``."""
    groups: list[list[str]] = []
    for group, dots, name, one, other in _TOKEN.findall(side):
        if other or dots:
            raise ValueError(f"A pattern holds names, parentheses and 1, and got {pattern!r}.")
        groups.append([name] if name else [] if one else group.split())
    names = _flat(groups)
    if len(set(names)) != len(names):
        raise ValueError(f"Each name stands once on both sides of a pattern, and got {pattern!r}.")
    return groups


@recorded
def _rearranged(x: Any, pattern: str, before: Any, after: Any, lengths: dict[str, int]) -> Any:
    if len(before) != len(x.shape):
        raise ValueError(f"The pattern {pattern!r} names {len(before)} axes, and the shape {tuple(x.shape)} has "
                         f"{len(x.shape)}.")  # fmt: skip
    sizes = dict(lengths)
    for group, length in zip(before, x.shape, strict=True):
        _fill(sizes, group, length, pattern)
    names = _flat(before)
    x = torch.permute(x.reshape([sizes[name] for name in names]), [names.index(name) for name in _flat(after)])
    return x.reshape([_product(sizes, group) for group in after])


def _fill(sizes: dict[str, int], group: list[str], length: int, pattern: str) -> None:
    unknown = [name for name in group if name not in sizes]
    known = _product(sizes, [name for name in group if name in sizes])
    if len(unknown) > 1:
        raise ValueError(f"The sizes of {' and '.join(unknown)} in {pattern!r} are not known: give all but one.")
    if length % known or (not unknown and known != length):
        raise ValueError(f"An axis of {length} can't be {' x '.join(group) or '1'} of {pattern!r} with sizes {sizes}.")
    if unknown:
        sizes[unknown[0]] = length // known


def _product(sizes: dict[str, int], names: list[str]) -> int:
    product = 1
    for name in names:
        product *= sizes[name]
    return product


def _flat(groups: list[list[str]]) -> list[str]:
    return [name for group in groups for name in group]


operations(globals())
