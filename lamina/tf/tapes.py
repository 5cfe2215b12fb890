"""``tf.GradientTape`` on torch's autograd, and gradients of one's own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch

from lamina import ops
from lamina.graph.nests import leaves, map_structure
from lamina.graph.symbolic import SymbolicTensor, is_symbolic
from lamina.tf.table import TABLE, tensor, word


class GradientTape:
    """What was computed inside its ``with`` block can be differentiated.

    torch notes all that trained weights take part in, with or without a tape: the block sees to it that torch does (it does
    not inside ``torch.no_grad()``), and that what is watched takes part.

    Arguments:
        persistent: whether :meth:`gradient` is called more than once.
        watch_accessed_variables: whether variables are watched without being named, as they are here in any case.

    >>> x = torch.tensor(3.0)
    >>> with GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x)
    tensor(6.)
    """

    _recording: ClassVar[list[GradientTape]] = []

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._grad_mode: Any = None
        self._beside: set[int] = set()  # the tapes that ran at the same time and may still need what torch noted
        self._used = False
        self._watched: list[torch.Tensor] = []

    def __enter__(self) -> GradientTape:
        # Tapes that run at one time share what torch noted; it may go when the last of them has its gradient.
        self._beside = self._recording[-1]._beside if self._recording else set()
        self._beside.add(id(self))
        self._recording.append(self)
        self._grad_mode = torch.enable_grad()
        self._grad_mode.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._recording.remove(self)
        self._grad_mode.__exit__(*error)

    def watch(self, tensor: Any) -> None:
        """Differentiate by this, too: a tensor, or a structure of them."""
        for one in leaves(tensor):
            if isinstance(one, SymbolicTensor):
                raise TypeError("GradientTape can't watch a symbolic tensor, which has no data; K.gradients and K.function "
                                "differentiate between layers of a model.")  # fmt: skip
            if not isinstance(one, torch.Tensor):
                raise ValueError(f"GradientTape.watch takes tensors, and got {one!r:.80}.")
            if one.is_floating_point() and not one.requires_grad:
                one.requires_grad_()
                self._watched.append(one)

    def watched_variables(self) -> tuple[Any, ...]:
        """What :meth:`watch` was told."""
        return tuple(self._watched)

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """What is computed inside takes no part."""
        with torch.no_grad():
            yield

    def reset(self) -> None:
        """Forget what was watched."""
        self._watched.clear()

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: Any = "none"
    ) -> Any:
        """The gradients of a target (of the sum of its numbers, and of all targets) by sources, in the sources' structure.

        Arguments:
            target: a tensor, or a structure of them.
            sources: tensors or variables; by one that takes no part the gradient is ``None``.
            output_gradients: numbers that the targets' are multiplied with.
            unconnected_gradients: ``"zero"``: zeros in the place of ``None``.

        Raises:
            RuntimeError: when it is called a second time, and the tape is not persistent.
        """
        if self._used and not self._persistent:
            raise RuntimeError(
                "A GradientTape gives gradients once; GradientTape(persistent=True) does so again and again."
            )
        self._used = True
        wanted = leaves(sources)
        weights = None if output_gradients is None else leaves(output_gradients)
        found = self._gradients(leaves(target), wanted, weights, not self._persistent)
        if str(unconnected_gradients) == "zero":
            found = [torch.zeros_like(one) if grad is None else grad for one, grad in zip(wanted, found, strict=True)]
        if not self._persistent and not self._recording:
            for one in filter(
                lambda one: one.is_leaf, self._watched
            ):  # they are plain tensors again, as before the tape
                one.requires_grad_(False)
        rest = iter(found)
        return map_structure(lambda _: next(rest), sources)

    def _gradients(self, targets: list[Any], sources: list[Any], weights: list[Any] | None, last: bool) -> list[Any]:
        if any(is_symbolic(one) for one in (*targets, *sources)):
            raise TypeError("GradientTape can't differentiate symbolic tensors, which have no data; K.gradients and K.function "
                            "do so between layers of a model.")  # fmt: skip
        if last:
            self._beside.discard(id(self))
        pairs = [(one, weights[place] if weights else torch.ones_like(one)) for place, one in enumerate(targets)
                 if isinstance(one, torch.Tensor) and one.requires_grad]  # fmt: skip
        places = [place for place, one in enumerate(sources) if isinstance(one, torch.Tensor) and one.requires_grad]
        found: list[Any] = [None] * len(sources)
        if not pairs or not places:
            return found
        again = bool(self._recording)
        keep = again or bool(self._beside)
        try:
            values = torch.autograd.grad(
                [target for target, _ in pairs], [sources[place] for place in places],
                [None if weight is None else tensor(weight) for _, weight in pairs],
                retain_graph=keep, create_graph=again, allow_unused=True,
            )  # fmt: skip
        except RuntimeError as error:
            if "inplace operation" not in str(error):
                raise
            raise RuntimeError(
                "Weights changed between a GradientTape's block and its gradient, which torch takes of them as they were: "
                "take the gradients of all tapes before the first apply_gradients."
            ) from error
        for place, value in zip(places, values, strict=True):
            found[place] = value
        return found

    def jacobian(self, target: Any, sources: Any, unconnected_gradients: Any = "none", parallel_iterations: Any = None,
                 experimental_use_pfor: bool = True) -> Any:  # fmt: skip
        """The gradients of each number of a target: their shape is the target's and then the source's."""
        self._beside.add(id(self))  # more than one gradient is to come
        wanted, flat = leaves(sources), target.reshape(-1)
        rows = [self._gradients([flat[number]], wanted, None, False) for number in range(target.numel())]
        found = []
        for place, source in enumerate(leaves(sources)):
            parts = [torch.zeros_like(source) if row[place] is None else row[place] for row in rows]
            none = all(row[place] is None for row in rows) and str(unconnected_gradients) != "zero"
            found.append(None if none else torch.stack(parts).reshape(*target.shape, *source.shape))
        rest = iter(found)
        self._finish()
        return map_structure(lambda _: next(rest), sources)

    def batch_jacobian(self, target: Any, source: Any, unconnected_gradients: Any = "none", parallel_iterations: Any = None,
                       experimental_use_pfor: bool = True) -> Any:  # fmt: skip
        """:meth:`jacobian` of each row by the same row: ``(batch, target's other axes, source's other axes)``."""
        self._beside.add(id(self))  # more than one gradient is to come
        flat = target.reshape(len(target), -1)
        rows = [self._gradients([flat[:, number]], [source], None, False)[0] for number in range(flat.shape[1])]
        self._finish()
        parts = [torch.zeros_like(source) if row is None else row for row in rows]
        return torch.stack(parts, 1).reshape(*target.shape, *source.shape[1:])

    def _finish(self) -> None:
        if not self._persistent:
            self._used = True
            self._beside.discard(id(self))


TABLE["GradientTape"] = GradientTape


@word("gradients", "compat.v1.gradients")
def gradients(ys: Any, xs: Any, grad_ys: Any = None, *others: Any, **ignored: Any) -> list[Any]:
    """The gradients of tensors that have data by tensors; ``K.gradients`` does the same between layers."""
    return GradientTape(persistent=True).gradient(ys, list(xs) if isinstance(xs, (list, tuple)) else [xs], grad_ys)


@word("stop_gradient")
def stop_gradient(input: Any) -> Any:
    """The same numbers, through which no gradient goes."""
    return map_structure(lambda x: ops.stop_gradient(tensor(x)), input)


@word("custom_gradient")
def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that gives its result and the function of its gradient: ``return y, grad``."""
    return ops.custom_gradient(f)


@word("recompute_grad")
def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` itself; ``torch.utils.checkpoint`` saves memory."""
    return f


@word("no_gradient", "compat.v1.NoGradient", "compat.v1.NotDifferentiable")
def no_gradient(op_type: str) -> None:
    """Has no effect: torch has no operations by name."""
