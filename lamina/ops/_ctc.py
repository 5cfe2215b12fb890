"""Decoding of CTC outputs: the likeliest labels for the classes of each step."""

from __future__ import annotations

import math
from typing import Any

import torch

from lamina.ops._tensors import as_inexact, operations, recorded, tensors

_NEVER = float("-inf")


@recorded
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> Any:
    """The likeliest labels, ``(top_paths, batch, labels)`` filled up with -1, and the logarithms of their scores.

    Arguments:
        inputs: logits ``(batch, steps, classes)``; ``sequence_lengths``: how many steps of each row count.
        strategy: ``"greedy"`` takes the likeliest class of each step, ``"beam_search"`` follows several labels at once.
        beam_width: how many; ``top_paths``: how many of them are returned.
        merge_repeated: whether the same class in steps that follow each other is one label (``"greedy"``).
        mask_index: the class that is the blank.

    With ``"greedy"`` the scores are minus the sums of the greatest logits, ``(batch, 1)``.

    >>> steps = torch.tensor([[[0.0, 9.0], [9.0, 0.0], [0.0, 9.0]]])
    >>> ctc_decode(steps, [3])[0].tolist()
    [[[1, 1, -1]]]
    """
    inputs, lengths = tensors(as_inexact(inputs), sequence_lengths)
    if strategy == "greedy":
        return _greedy(inputs, lengths, merge_repeated, mask_index % inputs.shape[-1])
    if strategy == "beam_search":
        return _beams(inputs, lengths, beam_width, top_paths, mask_index % inputs.shape[-1])
    raise ValueError(f"ctc_decode takes strategy 'greedy' or 'beam_search', and got {strategy!r}.")


def _greedy(inputs: Any, lengths: Any, merge_repeated: bool, blank: int) -> tuple[Any, Any]:
    scores, labels = inputs.max(-1)  # (B, T, C) -> (B, T)
    steps = torch.arange(inputs.shape[1], device=inputs.device)
    counts = steps < lengths.unsqueeze(-1)
    kept = counts & (labels != blank)
    if merge_repeated:
        same = torch.zeros_like(kept)
        same[:, 1:] = labels[:, 1:] == labels[:, :-1]
        kept = kept & ~same
    # A stable sort moves what is kept to the front.
    order = torch.argsort((~kept).to(torch.int32), dim=-1, stable=True)
    found = torch.where(kept, labels, -1).gather(-1, order).to(torch.int32)
    return found.unsqueeze(0), -torch.where(counts, scores, 0).sum(-1, keepdim=True)


def _beams(inputs: Any, lengths: Any, beam_width: int, top_paths: int, blank: int) -> tuple[Any, Any]:
    if inputs.device.type == "meta":
        batch, steps, _ = inputs.shape
        return torch.empty((top_paths, batch, steps), dtype=torch.int32, device="meta"), inputs[:, :top_paths, 0]
    logs = torch.log_softmax(inputs, -1).tolist()
    rows = [_search(row[: int(length)], beam_width, blank) for row, length in zip(logs, lengths.tolist(), strict=True)]
    found = torch.full((top_paths, len(rows), inputs.shape[1]), -1, dtype=torch.int32)
    scores = torch.full((len(rows), top_paths), _NEVER, dtype=inputs.dtype)
    for row, beams in enumerate(rows):
        for path, (labels, score) in enumerate(beams[:top_paths]):
            found[path, row, : len(labels)] = torch.tensor(labels, dtype=torch.int32)
            scores[row, path] = score
    return found.to(inputs.device), scores.to(inputs.device)


def _search(steps: list[list[float]], beam_width: int, blank: int) -> list[tuple[tuple[int, ...], float]]:
    """Prefixes with the probability of ending in a blank and in a label: https://arxiv.org/abs/1408.2873"""
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, _NEVER)}
    for logs in steps:
        grown: dict[tuple[int, ...], tuple[float, float]] = {}
        for prefix, (in_blank, in_label) in beams.items():
            total = _log_add(in_blank, in_label)
            _gain(grown, prefix, total + logs[blank], _NEVER)
            for label, log in enumerate(logs):
                if label == blank:
                    continue
                repeats = bool(prefix) and prefix[-1] == label
                if repeats:
                    _gain(grown, prefix, _NEVER, in_label + log)
                _gain(grown, (*prefix, label), _NEVER, (in_blank if repeats else total) + log)
        ranked = sorted(grown.items(), key=lambda item: -_log_add(*item[1]))
        beams = dict(ranked[:beam_width])
    return [(prefix, _log_add(*scores)) for prefix, scores in beams.items()]


def _gain(beams: dict[tuple[int, ...], tuple[float, float]], prefix: Any, in_blank: float, in_label: float) -> None:
    had_blank, had_label = beams.get(prefix, (_NEVER, _NEVER))
    beams[prefix] = _log_add(had_blank, in_blank), _log_add(had_label, in_label)


def _log_add(a: float, b: float) -> float:
    """``log(exp(a) + exp(b))``."""
    low, high = sorted((a, b))
    return high if low == _NEVER else high + math.log1p(math.exp(low - high))


operations(globals())
