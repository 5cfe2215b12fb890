"""A planned model's forward pass as the loops run it: the generated function, with its layers called directly.

Between a layer's ``__call__`` and its ``call`` stand hooks, casts, masks and the words of errors. Where the plan shows that
a layer needs none of them and nobody watches it, the loops go straight to ``call``, which saves about two microseconds
a layer. When such a call fails, the model is called as users call it, and says what was wrong.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from lamina import activations
from lamina.engine.calling import as_one_call, is_watched
from lamina.engine.layer import Layer
from lamina.graph.plan import Value, compile_graph
from lamina.graph.symbolic import leaves
from lamina.layers.convolutional import Convolving
from lamina.layers.core import Activation, Dense
from lamina.layers.merge import Add
from lamina.layers.normalization import BatchNormalization
from lamina.training.folding import foldable
from lamina.training.foreign_code import runs_foreign_code

_MAKERS = (Convolving, Dense, BatchNormalization, Add)  # their outputs are new tensors, whatever the inputs


class Predicting(NamedTuple):
    """How ``predict`` runs a model.

    Attributes:
        run: the function from a batch of inputs to outputs.
        is_ours: whether no code but lamina's and torch's takes part.
        makes: whether the output is one tensor in new memory, in no case the inputs' or a weight's.
    """

    run: Callable[[Any], Any]
    is_ours: bool
    makes: bool


class Forward:
    """The function from inputs to outputs, in the mode that the model is in.

    Arguments:
        model: any model; one without a plan, or with hooks, is called itself.
        skipped: numbers of the plan's steps whose layers are to stop before their activation.
        jit_compile: whether ``torch.compile`` compiles the function.
        in_place: whether relu may be written over what it is given, where nobody else asks for that: no gradients follow.
        folds: whether convolutions take the BatchNormalization after them along, with the weights as they are at
            :meth:`freeze`: for many batches in inference.

    Attributes:
        run: the function. Masks are with the outputs that they belong to.
        predicting: how ``predict`` runs it.
    """

    def __init__(
        self,
        model: Any,
        skipped: frozenset[int] = frozenset(),
        jit_compile: bool = False,
        in_place: bool = False,
        folds: bool = False,
    ) -> None:
        self.model = model
        self.plan = plan_of(model)
        self._skipped = skipped
        self._direct: dict[int, Any] = {}
        if self.plan is not None and not jit_compile:
            self._direct = _direct_layers(model, skipped)
        uses = _uses(self.plan) if in_place else Counter()
        self._over = _overwriting(self.plan, self._direct, uses) if in_place else frozenset()
        self._folded = foldable(self.plan, self._direct, uses) if folds else {}
        self.run = self._function(jit_compile)
        self._inside = [
            module for module in model.modules() if module not in self._direct.values() and module is not model
        ]
        self._marks = self._marks_now()
        self.predicting = Predicting(self.run, not runs_foreign_code(model), self._makes_output())

    def is_current(self) -> bool:
        """Whether what was decided still holds: the plan, the layers in it, and who watches."""
        return self._marks == self._marks_now()

    def freeze(self) -> None:
        """Take the weights that are folded as they are now."""
        for _, folded in self._folded.values():
            folded.freeze()

    def _marks_now(self) -> tuple[Any, ...]:
        model = self.model
        direct = [
            (layer._plain_call and not is_watched(layer), layer._compute_dtype) for layer in self._direct.values()
        ]
        activations_now = [folded.convolution.activation for _, folded in self._folded.values()]
        inside = [is_watched(one) for one in self._inside]
        return plan_of(model), is_watched(model), getattr(model, "_only_dtypes", None), direct, activations_now, inside

    def _makes_output(self) -> bool:
        """Whether the output is new memory, whatever the inputs: the last layer is one that computes it."""
        plan = self.plan
        number = plan.step_of(plan.outputs) if plan is not None and isinstance(plan.outputs, Value) else None
        return number in self._direct and isinstance(self._direct[number], _MAKERS)

    def _function(self, jit_compile: bool) -> Callable[[Any], Any]:
        model, plan = self.model, self.plan
        if plan is None or is_watched(model):
            return torch.compile(model) if jit_compile else model
        masked = any(mask is not None for mask in plan.masks)
        direct: dict[int, Any] = {number: layer.forward for number, layer in self._direct.items()}
        direct |= dict.fromkeys(self._over, torch.relu_)
        for number, (convolution, folded) in self._folded.items():
            direct |= {convolution: folded.run, number: _same}
        graph = plan.emit((plan.outputs, plan.masks) if masked else plan.outputs, self._skipped, direct)
        emitted = compile_graph(graph)
        if jit_compile:
            emitted = torch.compile(emitted)
        if not model._plain_call:
            emitted = as_one_call(emitted)
        rank, dtypes = model._only_rank, model._only_dtypes

        def planned(x: Any) -> Any:
            try:
                if type(x) is torch.Tensor and x.dim() == rank and x.dtype in dtypes:
                    return emitted(model, x)
                return emitted(model, *model.flatten_inputs(x))
            except Exception:
                if direct:
                    model(x)  # fails, too, and says in which layer and why
                raise

        return functools.partial(_with_masks, planned) if masked else planned


def plan_of(model: Any) -> Any:
    """The plan that a call of the model runs; ``None`` when it has none, or its author wrote ``call``, or only a call of the
    model has torch's modules compute in the type of its policy."""
    mixes = getattr(model, "_is_mixed", False) and model._computes
    return model._plan if not mixes and type(model).call.__module__.startswith("lamina.models.") else None


def _direct_layers(model: Any, skipped: frozenset[int]) -> dict[int, Layer]:
    """The steps that call a layer of lamina's on tensors of its own type, with nothing to see to."""
    plan = model._plan
    sure = {value.index for value in plan.inputs}  # values of which the type is known
    found: dict[int, Layer] = {}
    for number, step in enumerate(plan.steps):
        layer = model._modules.get(step.target) if step.kind == "call_module" else None
        if not isinstance(layer, Layer) or not layer._plain_call or is_watched(layer) or number in skipped:
            continue
        values = step.args[0] if len(step.args) == 1 and type(step.args[0]) is list else step.args
        if step.kwargs or not isinstance(step.outputs, Value) or type(layer).__call__ is not Layer.__call__:
            continue
        if all(isinstance(value, Value) and value.index in sure and layer._takes(plan.values[value.index][1])
               for value in values):  # fmt: skip
            found[number] = layer
            sure.add(step.outputs.index)
    return found


def _uses(plan: Any) -> Counter[int]:
    """How often each of a plan's values is asked for."""
    if plan is None:
        return Counter()
    asked = [(step.args, step.kwargs) for step in plan.steps]
    return Counter(leaf.index for leaf in leaves((asked, plan.outputs, plan.masks)) if isinstance(leaf, Value))


def _overwriting(plan: Any, direct: dict[int, Layer], uses: Counter[int]) -> frozenset[int]:
    """The steps that are relu and nothing else, on numbers that a layer has just made and nobody else asks for."""
    fresh = {plan.steps[number].outputs.index for number, layer in direct.items() if isinstance(layer, _MAKERS)}
    return frozenset(
        number for number, layer in direct.items()
        if isinstance(layer, Activation) and layer.activation is activations.relu
        and (index := plan.steps[number].args[0].index) in fresh and uses[index] == 1
    )  # fmt: skip


def _same(x: torch.Tensor) -> torch.Tensor:
    return x


def _with_masks(forward: Callable[[Any], Any], x: Any) -> Any:
    """Outputs that carry their masks, as those of layers do."""
    outputs, masks = forward(x)
    for output, mask in zip(leaves(outputs), masks, strict=True):
        if mask is not None:
            output._keras_mask = mask
    return outputs
