"""What is probably a mistake in a model and what it is compiled with: loss and last activation that don't go together, targets
that are broadcast. Said once, when the losses are bound to the outputs; a training step knows nothing of it.

Only what is certain is said: the last layer is one that lamina (or torch) knows, and the loss lamina's own. A loss or layer of
the user's own is never doubted.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from lamina import activations
from lamina.engine.calling import who
from lamina.graph.plan import Plan, Value
from lamina.graph.symbolic import leaves
from lamina.layers.advanced_activations import ELU, LeakyReLU, PReLU, ReLU, Softmax
from lamina.layers.core import Activation
from lamina.layers.dropout import Dropout
from lamina.layers.normalization import BatchNormalization, LayerNormalization
from lamina.layers.reshaping import Flatten, Reshape
from lamina.layers.wrappers import TimeDistributed
from lamina.losses import CLASS_OF, Loss, LossFunctionWrapper
from lamina.tracebacks import users_level

_CATEGORICAL = ("categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_focal_crossentropy")
_BINARY = ("binary_crossentropy", "binary_focal_crossentropy")
_ELEMENTWISE = (
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error",
    "huber", "log_cosh", "poisson", "hinge", "squared_hinge",
)  # fmt: skip
# Functions of one tensor, by what they give; any other may give anything.
_SIGMOIDS = ("sigmoid", "hard_sigmoid", "hard_sigmoid_keras2", "sparse_sigmoid")
_SOFTMAXES = ("softmax", "sparsemax")
_POSITIVE = ("exponential", "softplus", "squareplus", "sparse_plus")  # which a crossentropy scales to a sum of 1
_UNBOUND = ("linear", "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "tanh", "hard_tanh", "softsign", "gelu", "silu",
            "hard_silu", "mish", "log_softmax", "log_sigmoid")  # fmt: skip
# Layers that say no `activation`, by what they end in; "" is what their inputs end in.
_ENDS: dict[type, str] = {
    ReLU: "relu", LeakyReLU: "leaky_relu", PReLU: "leaky_relu", ELU: "elu", Softmax: "softmax",
    BatchNormalization: "linear", LayerNormalization: "linear", Dropout: "", Flatten: "", Reshape: "",
    nn.Linear: "linear", nn.ReLU: "relu", nn.Sigmoid: "sigmoid", nn.Softmax: "softmax", nn.LogSoftmax: "log_softmax",
    nn.Tanh: "tanh", nn.Dropout: "", nn.Flatten: "",
}  # fmt: skip


class Ending(NamedTuple):
    """What an output of a model ends in: the function, in Keras's word, and the layer or function as messages name it."""

    kind: str
    name: str


def warn_of_doubts(model: Any, losses: Any, y: Any) -> None:
    """Warn of what is probably wrong, each in a sentence.

    Arguments:
        losses: the compiled ones, bound to the model's outputs.
        y: the targets of the first batch.
    """
    for sentence in dict.fromkeys(doubts(model, losses.losses, losses.outputs.shapes, losses.targets_of(y))):
        warnings.warn(sentence, stacklevel=users_level())


def doubts(model: Any, losses: Any, shapes: list[tuple[int | None, ...]], targets: list[Any]) -> Iterator[str]:
    """The sentences that :func:`warn_of_doubts` warns with. Arguments are in the order of the outputs."""
    plan = getattr(model, "_plan", None)
    endings = [ending(model, value) for value in leaves(plan.outputs)] if plan is not None else [None] * len(shapes)
    if plan is not None:
        yield from _softmax_of_one(model, plan)
    for loss, end, shape, target in zip(losses, endings, shapes, targets, strict=True):
        name = _known(loss)
        if name is None:
            continue
        if end is not None:
            yield from _of_activation(name, loss, end, shape)
        if target is not None and hasattr(target, "shape"):
            yield from _of_target(name, loss, target, shape)


# ---- what a model ends in --------------------------------------------------------------------------------------------


def ending(model: Any, value: Any) -> Ending | None:
    """What a value of a model's plan ends in; ``None`` where that is not known for certain."""
    plan: Plan | None = getattr(model, "_plan", None)
    number = plan.step_of(value) if plan is not None and isinstance(value, Value) else None
    if plan is None or number is None:
        return None
    step = plan.steps[number]
    before = next((arg for arg in step.args if isinstance(arg, Value)), None)
    if step.kind != "call_module":
        kind = str(getattr(step.target, "__name__", step.target))
        return Ending(kind, f"the function {kind}") if kind in ("softmax", "sigmoid", "relu", "tanh") else None
    module = model._modules.get(step.target)
    if isinstance(getattr(module, "_plan", None), Plan):
        return ending(module, module._plan.outputs)
    kind = _kind(module)
    if kind == "":
        return ending(model, before)
    return Ending(kind, _name(module)) if kind else None


def _kind(module: Any) -> str | None:
    """The function that a layer ends in, ``""`` for one that hands on its inputs' numbers, ``None`` if it is not known."""
    if type(module) is TimeDistributed:
        return _kind(module.layer)
    if type(module) in _ENDS:
        return _ENDS[type(module)]
    if not getattr(module, "_is_builtin", False) or not hasattr(module, "pre_activation"):
        return None
    activation = module.activation.func if isinstance(module.activation, partial) else module.activation
    name = "linear" if activation is None else getattr(activation, "__name__", "")
    if activation is not None and getattr(activations, name, None) is not activation:
        return None
    return "" if name == "linear" and type(module) is Activation else name


def _softmax_of_one(model: Any, plan: Plan) -> Iterator[str]:
    for step in plan.steps:
        module = model._modules.get(step.target) if step.kind == "call_module" else None
        if (
            _kind(module) == "softmax"
            and isinstance(step.outputs, Value)
            and plan.values[step.outputs.index][0][-1:] == (1,)
        ):
            axis = getattr(module, "axis", -1)
            if not (isinstance(module, Softmax) and axis not in (-1, len(plan.values[step.outputs.index][0]) - 1)):
                yield (f"{_name(module)} takes the softmax of one number, which is always 1: for two classes use "
                       "activation='sigmoid' with the loss 'binary_crossentropy', or two units.")  # fmt: skip


def _name(module: Any) -> str:
    return who(module) if hasattr(module, "_keras_class_name") else type(module).__name__


# ---- what does not go together ---------------------------------------------------------------------------------------


def _known(loss: Loss | None) -> str | None:
    """The name of the function that a loss of lamina's computes; ``None`` of any other."""
    if not isinstance(loss, LossFunctionWrapper) or not type(loss).__module__.startswith("lamina."):
        return None
    return loss.fn.__name__ if getattr(loss.fn, "__hash__", None) and loss.fn in CLASS_OF else None


def _of_activation(name: str, loss: Any, end: Ending, shape: tuple[int | None, ...]) -> Iterator[str]:
    from_logits = bool(loss.arguments.get("from_logits"))
    if name not in (*_CATEGORICAL, *_BINARY):
        return
    wanted = "softmax" if name in _CATEGORICAL else "sigmoid"
    if from_logits and end.kind in (*_SIGMOIDS, *_SOFTMAXES):
        yield (f"{name} with from_logits=True takes what comes before the {wanted}, and {end.name} applies {end.kind!r} "
               "already: leave out one of the two.")  # fmt: skip
    if from_logits:
        return
    if end.kind in _UNBOUND or (end.kind in _POSITIVE and name in _BINARY):
        gives = "gives any number" if end.kind == "linear" else f"ends in {end.kind!r}"
        yield (f"{name} takes probabilities, and {end.name} {gives}: use activation={wanted!r}, or a loss with "
               "from_logits=True.")  # fmt: skip
    elif name == "sparse_categorical_crossentropy" and shape[-1:] == (1,) and end.kind != "softmax":
        yield (f"{name} compares two classes or more, and {end.name} gives one number: for two classes use the loss "
               "'binary_crossentropy'.")  # fmt: skip
    elif name in _CATEGORICAL and end.kind in _SIGMOIDS and shape[-1:] != (1,):
        yield (f"{name} takes probabilities whose sum is 1, and {end.name} ends in {end.kind!r}, which judges each class by "
               "itself: use activation='softmax', or for several labels at once the loss 'binary_crossentropy'.")  # fmt: skip


def _of_target(name: str, loss: Any, target: Any, shape: tuple[int | None, ...]) -> Iterator[str]:
    given = tuple(target.shape)
    predicted = (given[0] if given else None, *shape[1:])
    if name in _ELEMENTWISE and _are_repeated(given, predicted):
        yield (f"{name} compares targets of shape {given} with outputs of shape {predicted}, and repeats one to fit the other: "
               "give the last layer as many units as a row has targets.")  # fmt: skip
    if name in _BINARY and isinstance(target, torch.Tensor) and target.is_cpu and target.numel():
        least, most = target.min().item(), target.max().item()
        if least < 0 or most > 1:
            mend = " For several classes use softmax and 'sparse_categorical_crossentropy'." if most > 1 else ""
            yield f"{name} takes labels from 0 to 1, and the targets go from {least:g} to {most:g}.{mend}"


def _are_repeated(given: tuple[Any, ...], predicted: tuple[Any, ...]) -> bool:
    """Whether targets and outputs of these shapes are only compared because one is repeated along an axis."""
    if len(given) == len(predicted) + 1 and given[-1] == 1:
        given = given[:-1]
    elif len(predicted) == len(given) + 1 and predicted[-1] == 1:
        predicted = predicted[:-1]
    pairs = list(zip(reversed(given), reversed(predicted), strict=False))
    fits = all(None in pair or pair[0] == pair[1] or 1 in pair for pair in pairs)
    differs = len(given) != len(predicted) or any(None not in pair and pair[0] != pair[1] for pair in pairs)
    return fits and differs
