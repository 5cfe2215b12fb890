"""One case: outputs and gradients beside the same layer's in float64 on plain memory, and beside Keras's."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import torch

from fuzz.cases import Case, call_text, made
from lamina import layers

# How far numbers may lie apart, relative to the largest wanted one; in half precision, which tells what is quite wrong only,
# to the length of all.
TOLERANCES = {"float64": 1e-6, "float32": 3e-3, "float16": 0.1, "bfloat16": 0.5}
TYPES = {name: getattr(torch, name) for name in TOLERANCES}


def check(case: Case) -> str:
    """``"ok"``, or what is wrong."""
    warnings.simplefilter("ignore")
    torch.manual_seed(case.number)
    data, masks = inputs(case), masks_of(case)
    laid = [in_memory(one, order) for one, order in zip(data, case.orders, strict=False)]
    plain = [in_plain_memory(one) for one in laid]
    layer, exact = (built(layers, case, dtype) for dtype in (case.dtype, "float64"))
    try:
        shown = call(exact, case, plain, masks)
    except Exception as error:  # noqa: BLE001 - Keras says whether it should have been one
        return refused(case, plain, masks, error)
    call(layer, case, laid, masks)
    randomize(layer, exact)
    weights = [weight.detach().clone() for weight in exact.weights]
    factors = in_memory(torch.randn(shown.shape).to(TYPES[case.dtype]), case.orders[-1])
    plain_factors = in_plain_memory(factors)
    wanted = results(exact, case, plain, masks, plain_factors)
    for _ in range(2):  # what writes beyond the memory is seen later
        found = results(layer, case, laid, masks, factors)
    wrong = compared(found, wanted, TOLERANCES[case.dtype], "the layer in float64 on plain memory")
    return beside_keras(case, plain, masks, plain_factors, wanted, weights) if wrong == "ok" else wrong


def built(library: Any, case: Case, dtype: str) -> Any:
    """The layer, and those inside it, in this type."""
    return getattr(library, case.layer)(**made(case.arguments, library, dtype), dtype=dtype)


def inputs(case: Case) -> list[torch.Tensor]:
    if case.high:
        return [torch.randint(0, case.high, shape) for shape in case.shapes]
    return [torch.randn(shape).to(TYPES[case.dtype]) for shape in case.shapes]


def masks_of(case: Case) -> dict[str, Any]:
    """Random masks: rows of nothing among them."""

    def drawn(shape: tuple[int, ...]) -> torch.Tensor:
        if case.layer in (
            "Attention",
            "AdditiveAttention",
        ):  # what they answer to one that sees nothing depends on the type
            return (torch.rand(shape) < 0.7).index_fill_(-1, torch.tensor(0), True)
        return (torch.rand(shape) < 0.7) & (torch.rand(shape[:1]) < 0.8).view(-1, *(1,) * (len(shape) - 1))

    return {name: [drawn(one) for one in shape] if isinstance(shape, list) else drawn(shape)
            for name, shape in case.masks.items()}  # fmt: skip


def in_memory(x: torch.Tensor, order: str) -> torch.Tensor:
    """The same numbers (of one row only, where they are expanded), lying otherwise in memory."""
    axes, last = list(range(x.dim())), x.dim() - 1
    if order == "expanded":
        return x[:1].expand(x.shape) if len(x) else x
    if order in ("sliced", "narrowed", "strided"):
        axis = {"sliced": last, "narrowed": min(1, last), "strided": 0}[order]
        wide = torch.stack([x, x], axis + 1).flatten(axis, axis + 1)
        return wide[(slice(None),) * axis + (slice(None, None, 2),)]
    if order == "channels last" and last > 1:
        axes = [0, *axes[2:], 1]
    elif order == "channels first" and last > 1:
        axes = [0, last, *axes[1:last]]
    elif order == "reversed":
        axes = axes[::-1]
    elif order == "transposed" and last > 1:
        axes[-1], axes[-2] = axes[-2], axes[-1]
    return x.permute(axes).contiguous().permute(sorted(axes, key=axes.__getitem__))


def in_plain_memory(x: torch.Tensor) -> torch.Tensor:
    """The same numbers in torch's usual order, in float64."""
    x = x.double() if x.is_floating_point() else x
    return x.new_empty(x.shape).copy_(x)


def call(layer: Any, case: Case, data: list[torch.Tensor], masks: dict[str, Any]) -> Any:
    more = case.call | masks | ({"training": True} if case.training else {})
    y = layer(*data, **more) if case.apart or len(data) == 1 else layer(list(data), **more)
    return y if isinstance(y, torch.Tensor) else torch.cat([one.flatten() for one in y])


def randomize(layer: Any, exact: Any) -> None:
    """The same random weights in both; statistics stay positive."""
    with torch.no_grad():
        for mine, theirs in zip(layer.weights, exact.weights, strict=True):
            if mine.is_floating_point():
                mine.copy_(torch.rand(mine.shape) + 0.5 if not mine.requires_grad else torch.randn(mine.shape) * 0.5)
                theirs.copy_(mine)


def results(layer: Any, case: Case, data: list[Any], masks: dict[str, Any], factors: torch.Tensor) -> list[Any]:
    """The output, then the gradients of its weighted sum by inputs, if they are wanted, and by weights."""
    data = [one.detach().requires_grad_() if case.wanted and not case.high else one for one in data]
    kept = [weight.detach().clone() for weight in layer.weights]
    y = call(layer, case, data, masks)
    sources = [one for one in data if one.requires_grad]
    sources += [getattr(weight, "value", weight) for weight in layer.trainable_weights]
    if not sources:
        return [y]
    found = torch.autograd.grad(y, sources, factors.to(y.dtype), allow_unused=True)
    if case.training:
        with torch.no_grad():
            for weight, before in zip(layer.weights, kept, strict=True):
                weight.copy_(before)
    return [y, *(torch.zeros_like(source) if one is None else one for one, source in zip(found, sources, strict=True))]


def compared(found: list[Any], wanted: list[Any], tolerance: float, beside: str) -> str:
    for place, (mine, exact) in enumerate(zip(found, wanted, strict=True)):
        what = "the output" if place == 0 else f"gradient {place - 1}"
        if mine.shape != exact.shape:
            return f"{what} has shape {tuple(mine.shape)}, and {beside} gives {tuple(exact.shape)}"
        mine, exact = mine.detach().double(), exact.detach().double()
        if not mine.numel():
            continue
        if tolerance > 1e-2:
            apart, scale = (mine - exact).norm(), exact.norm().clamp(min=0.1 * exact.numel() ** 0.5)
        else:
            apart, scale = (mine - exact).abs().max(), exact.abs().max().clamp(min=1.0)
        if not apart <= tolerance * scale:
            return f"{what} is {float(apart / scale):.2g} away from {beside}"
    return "ok"


def _theirs(case: Case, dtype: str) -> Any:
    name = {"GroupedQueryAttention": "GroupQueryAttention"}.get(case.layer, case.layer)
    if not hasattr(keras.layers, name):
        return None
    arguments = made(case.arguments, keras.layers, dtype)
    return getattr(keras.layers, name)(**arguments, dtype=dtype)


def beside_keras(case: Case, data: list[Any], masks: dict[str, Any], factors: Any, wanted: Any, weights: Any) -> str:
    """Keras in float64, where it has the layer and takes the case."""
    if case.masks and case.layer not in ("SimpleRNN", "GRU", "LSTM", "RNN", "Bidirectional"):
        return "ok"  # Keras's own gradients of queries that see nothing are wrong, and it ignores a query's mask
    text = call_text(case.layer, case.arguments)
    if "AveragePooling" in text and "'same'" in text:
        return "ok"  # Keras on torch averages copies of the edge, other backends leave it out
    try:
        theirs = _theirs(case, "float64")
        if theirs is None:
            return "ok"
        call(theirs, case, data, masks)
        if [tuple(weight.shape) for weight in theirs.weights] != [tuple(weight.shape) for weight in weights]:
            return "ok"  # seeds of random numbers, which lamina keeps elsewhere
        for weight, value in zip(theirs.weights, weights, strict=True):
            weight.assign(value)
        found = results(theirs, case, data, masks, factors)
    except Exception:  # noqa: BLE001 - what Keras refuses is lamina's own business
        return "ok"
    return compared(wanted, found, 1e-4, "Keras")


def refused(case: Case, data: list[Any], masks: dict[str, Any], error: Exception) -> str:
    """Whether Keras refuses the case, too."""
    if isinstance(error, NotImplementedError):
        return "ok"
    try:
        theirs = _theirs(case, "float64")
        if theirs is None:
            return f"refused: {type(error).__name__}: {error}".splitlines()[0]
        shown = call(theirs, case, data, masks)
    except Exception:  # noqa: BLE001 - it does
        return "ok"
    if not shown.numel() and all(one.numel() for one in data):
        return "ok"  # no place for a window
    return f"Keras takes it, and lamina refuses: {type(error).__name__}: {error}".splitlines()[0]


def program(case: Case) -> str:
    """A few lines that run the case."""
    return "\n".join((
        f"# {call_text(case.layer, case.arguments)} on {case.shapes}, {case.dtype}, {', '.join(case.orders)}",
        "from fuzz.cases import draw  # PYTHONPATH=.:tests",
        "from fuzz.check import check",
        f"print(check(draw({case.seed}, {case.number})))",
    ))  # fmt: skip
