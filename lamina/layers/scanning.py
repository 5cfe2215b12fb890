"""Running a cell over all steps of a sequence: on torch's kernels where they compute the same, else step by step.

A masked step is skipped: the states stay, and the output is the one before (zeros before the first). The valid steps of a
row therefore give what they would give alone. So, whatever the mask's pattern, the kernels run on the valid steps, moved
to the front of their row, and the outputs are spread to where they belong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from lamina.engine.layer import Layer
from lamina.engine.precision import in_types_of, is_mixing
from lamina.graph.symbolic import leaves, map_structure
from lamina.layers.cell import Cell, States, Step, call_cell, for_cell
from lamina.layers.cells import StackedRNNCells


@dataclass(slots=True)
class Wanted:
    """What is to come out of a scan.

    Arguments:
        every_step: the outputs of all steps, not only of the last.
        states: whether the last states are used by anyone.
        zeros: masked steps give zeros, not the output before.
        fuse: torch's kernels may be used.
    """

    every_step: bool = True
    states: bool = True
    zeros: bool = False
    fuse: bool = True


def scan(
    cell: Any, sequences: torch.Tensor, states: States, mask: Any, wanted: Wanted, **kwargs: Any
) -> tuple[torch.Tensor, States]:
    """Outputs ``(B, T, ...)``, or the last ``(B, ...)``, and the last states, of the cell's type. ``kwargs`` go to a cell of
    the user's."""
    if sequences.shape[1] == 0:
        raise ValueError(f"A sequence needs at least one step, and got shape {tuple(sequences.shape)}.")
    if mask is not None:
        mask = per_step(mask).bool()
        if mask.dim() == 1:  # of whole sequences
            mask = mask.unsqueeze(1).expand(-1, sequences.shape[1])
    if isinstance(cell, Layer) and (cell._is_mixed or is_mixing()):
        with in_types_of(cell, sequences.device.type):
            return _scan(cell, sequences, states, mask, wanted, kwargs)
    return _scan(cell, sequences, states, mask, wanted, kwargs)


def _scan(
    cell: Any, sequences: torch.Tensor, states: States, mask: Any, wanted: Wanted, kwargs: dict[str, Any]
) -> tuple[torch.Tensor, States]:
    sequences, states = for_cell(cell, (sequences, states))
    if _is_lamina_s(cell) and not kwargs:
        if isinstance(cell, StackedRNNCells):
            return _scan_stack(cell, sequences, states, mask, wanted)
        return _scan_cell(cell, sequences, states, mask, wanted)
    _forget_dropout(cell)
    outputs = _loop(lambda x, before: call_cell(cell, x, before, **kwargs), sequences.unbind(1), states, mask, wanted)
    _forget_dropout(cell)
    return outputs


def per_step(mask: Any) -> Any:
    """A mask ``(B, T)`` of one that says more: a step counts where anything in it does."""
    return mask.flatten(2).any(-1) if mask.ndim > 2 else mask


def _is_lamina_s(cell: Any) -> bool:
    """Whether a cell computes what its class in lamina says; a subclass of the user's may not."""
    if isinstance(cell, StackedRNNCells):
        return cell._is_builtin and all(_is_lamina_s(one) for one in cell.cells)
    return isinstance(cell, Cell) and cell._is_builtin


def _scan_stack(
    stack: StackedRNNCells, x: torch.Tensor, states: States, mask: Any, wanted: Wanted
) -> tuple[torch.Tensor, States]:
    """One cell after the other, each over all steps: what comes of a valid step depends on valid steps only."""
    after = []
    for cell, before in zip(stack.cells, states, strict=True):
        nested = isinstance(before, list)
        for_cell = wanted if cell is stack.cells[-1] else replace(wanted, every_step=True, zeros=False)
        x, new = scan(cell, x, before if nested else [before], mask, for_cell)
        after.append(new if nested else new[0])
    return x, after


def _scan_cell(cell: Cell, x: torch.Tensor, states: States, mask: Any, wanted: Wanted) -> tuple[torch.Tensor, States]:
    over_steps: Any = None
    if cell.training and cell.dropout:
        over_steps = map_structure(lambda one: one.unsqueeze(1), cell.draw_masks(x[:, 0], cell.dropout))
    by_length = mask is not None and _wants_lengths(cell, x, states, wanted)
    if wanted.fuse and cell.fusable(x) and not (by_length and (torch.compiler.is_compiling() or not cell.packs)):
        valid = None if mask is None else _ValidSteps(x, mask)
        by_length = by_length and valid is not None and not valid.full
        x, lengths = (x, None) if valid is None else (valid.x, valid.count if by_length else None)
        every_step = wanted.every_step or valid is not None
        found = cell.fused(x, states, over_steps, lengths, every_step)
        return _as_wanted(*found, states, valid, by_length, wanted)
    step = cell.stepper(cell.draw_masks(states[0], cell.recurrent_dropout))
    return _loop(step, cell.project(x, over_steps).unbind(1), states, mask, wanted)


def scan_together(
    cells: Sequence[Cell],
    sequences: Sequence[torch.Tensor],
    states: Sequence[States],
    masks: Sequence[Any],
    wanted: Wanted,
) -> list[tuple[torch.Tensor, States]]:
    """:func:`scan` of cells that join (see :func:`can_scan_together`), at once."""
    valid = [None if mask is None else _ValidSteps(x, per_step(mask).bool())
             for x, mask in zip(sequences, masks, strict=True)]  # fmt: skip
    inputs = [x if steps is None else steps.x for x, steps in zip(sequences, valid, strict=True)]
    every_step = wanted.every_step or any(steps is not None for steps in valid)
    found = cells[0].fused_together(cells, inputs, states, every_step)
    return [_as_wanted(outputs, after, before, steps, False, wanted)
            for (outputs, after), before, steps in zip(found, states, valid, strict=True)]  # fmt: skip


def can_scan_together(cells: Sequence[Any], x: torch.Tensor, states: States, mask: Any, wanted: Wanted) -> bool:
    """Whether one kernel runs two cells over the same steps side by side, and none of them drops anything out."""
    one, other = cells
    return (
        _is_lamina_s(one)
        and x.dtype is one._compute_dtype is other._compute_dtype
        and one.joins(other, x)
        and wanted.fuse
        and all(cell.fusable(x) and not (cell.training and cell.dropout) for cell in cells)
        and x.shape[1] > 0
        and (mask is None or (mask.ndim > 1 and not _wants_lengths(one, x, states, wanted)))
    )


def _wants_lengths(cell: Cell, x: torch.Tensor, states: States, wanted: Wanted) -> bool:
    """Whether a masked sequence is to be packed, or run as one with steps to spare at each row's end.

    Of an LSTM's second state, the kernels tell only the very last. Packed, a GRU saves those steps, but its gradient
    takes longer.
    """
    if len(states) > 1:
        return wanted.states
    return x.device.type == "cpu" and cell.packs and not torch.is_grad_enabled() and not torch.compiler.is_compiling()


class _ValidSteps:
    """The valid steps of each row, moved to its front; and the way back.

    Attributes:
        x: those steps ``(B, width, F)``, then others up to the longest row's length.
        count: how many there are in each row ``(B,)``.
        at_front: whether it is known that each row has some, which stood at its front already.
        full: whether it is known that, besides, all rows have equally many, so that ``x`` has no others.
    """

    def __init__(self, x: torch.Tensor, mask: torch.Tensor) -> None:
        self.mask, self.width = mask, mask.shape[1]
        self.at_front = self.full = False
        if mask.device.type == "cpu" and not torch.compiler.is_compiling():
            # Where reading a number is free, no step runs for nothing, and what stands right already is not moved.
            here = mask.numpy()
            count = here.sum(1)
            self.count = torch.from_numpy(count)
            self.width = int(count.max(initial=1))
            self.at_front = bool(here[:, 0].all() and (here[:, 1:] <= here[:, :-1]).all())
            self.full = self.at_front and int(count.min(initial=self.width)) == self.width
        else:
            self.count = mask.sum(1)
        if self.at_front:
            self.x = x[:, : self.width]
        else:
            order = torch.argsort(~mask, dim=1, stable=True)[:, : self.width]  # the valid steps, then the others
            self.x = _rows(x, order + self._row_numbers() * mask.shape[1])

    def _row_numbers(self) -> torch.Tensor:
        return torch.arange(len(self.mask), device=self.mask.device).unsqueeze(1)

    def last(self, outputs: torch.Tensor) -> torch.Tensor:
        """The output ``(B, U)`` of each row's last valid step."""
        if self.full:
            return outputs[:, -1]
        return _rows(outputs, (self.count - 1).clamp(min=0) + self._row_numbers().squeeze(1) * self.width)

    def spread(self, outputs: torch.Tensor, zeros: bool) -> torch.Tensor:
        """Outputs ``(B, T, U)`` of all steps; masked ones give the output before, or ``zeros``."""
        seen = self.mask.cumsum(1)  # (B, T): how many valid steps up to this one
        spread = _rows(outputs, (seen - 1).clamp(min=0) + self._row_numbers() * self.width)
        return spread if self.at_front and not zeros else _zero_unless(self.mask if zeros else seen > 0, spread)


def _as_wanted(
    outputs: torch.Tensor, after: States, before: States, valid: _ValidSteps | None, by_length: bool, wanted: Wanted
) -> tuple[torch.Tensor, States]:
    """What a kernel gave for the valid steps, as outputs and states of all steps."""
    if valid is None:
        return outputs if wanted.every_step else after[0], after
    last = valid.last(outputs)
    if not (by_length or valid.full):
        after = [last if valid.at_front else torch.where(valid.count.unsqueeze(1) > 0, last, before[0]), *after[1:]]
    if wanted.every_step:
        return valid.spread(outputs, wanted.zeros), after
    if valid.at_front and not wanted.zeros:
        return last, after
    return _zero_unless(valid.mask[:, -1] if wanted.zeros else valid.count > 0, last), after


def _rows(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """``x`` of ``(B, T, ...)`` at the places ``index`` of its first two axes taken as one."""
    return x.flatten(0, 1).index_select(0, index.flatten()).unflatten(0, index.shape)


def _zero_unless(here: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.where(here.unsqueeze(-1), x, 0.0)


def _loop(
    step: Step, inputs: Sequence[torch.Tensor], states: States, mask: Any, wanted: Wanted
) -> tuple[torch.Tensor, States]:
    """Step by step; ``inputs`` is what ``step`` takes at each."""
    outputs, output = [], None
    masks = [None] * len(inputs) if mask is None else mask.unbind(1)
    for x, here in zip(inputs, masks, strict=True):
        new, after = step(x, states)
        if here is None:
            output, states = new, after
        else:
            before = torch.zeros_like(new) if output is None or wanted.zeros else output
            output, states = _where(here, new, before), _keep(here, after, states)
        if wanted.every_step:
            outputs.append(output)
    return (torch.stack(outputs, 1) if wanted.every_step else output), states  # pyright: ignore[reportReturnType]


def _where(here: torch.Tensor, new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    return torch.where(here.view(-1, *(1,) * (new.dim() - 1)), new, old)


def _keep(here: torch.Tensor, after: States, states: States) -> States:
    before = iter(leaves(states))
    return map_structure(lambda state: _where(here, state, next(before)), after)


def _forget_dropout(cell: Any) -> None:
    """Cells that are called step by step keep what they drop until they are told that a new sequence begins."""
    for part in cell.modules() if isinstance(cell, Layer) else ():
        if isinstance(part, Cell):
            part.reset_dropout_mask()
            part.reset_recurrent_dropout_mask()
