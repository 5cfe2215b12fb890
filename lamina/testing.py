"""``check_layer``: the contract that every layer keeps, lamina's and yours, as a table of short properties.

Each property is a function of a :class:`Case` (how to make the layer, and what to call it on) that raises when the layer
does not have it, and :class:`NotApplicable` when the question makes no sense for the layer.
"""

from __future__ import annotations

import copy
import io
import json
import tempfile
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lamina import saving
from lamina.engine.calling import shape_arguments, shapes_of
from lamina.engine.input_spec import is_shape
from lamina.engine.layer import Layer
from lamina.errors import describe, did_you_mean
from lamina.graph.symbolic import SymbolicTensor, leaves, map_structure
from lamina.layers.core import Input, Masking
from lamina.models import Model, Sequential
from lamina.registry import CustomObjectScope, serialize

PASSED = "passed"


class ContractError(AssertionError):
    """A layer does not keep the contract; the message names the layer, the property, what was expected and what came."""


class NotApplicable(Exception):
    """A property that makes no sense for a layer; the message says why."""


class _Broken(Exception):
    """Raised by :func:`expect`; :func:`check_layer` adds the layer and the property."""


@dataclass
class Case:
    """How to make a layer, and what to call it on.

    Arguments:
        factory: the layer's class, or a function that makes the layer.
        init_kwargs: the arguments of ``factory``.
        inputs: the first argument of the call: a tensor, or a structure of tensors.
        call_kwargs: further arguments of the call.
        custom_objects: what a saved file may name besides lamina's own.
        tolerance: how far two float32 outputs that are to be equal may lie apart, relative to the largest number.
    """

    factory: Callable[..., Any]
    init_kwargs: dict[str, Any]
    inputs: Any
    call_kwargs: dict[str, Any] = field(default_factory=dict)
    custom_objects: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-5

    def fresh(self) -> Layer:
        """The layer, newly made."""
        torch.manual_seed(0)
        return self.factory(**self.init_kwargs)

    def built(self) -> Layer:
        """The layer after its first call; its weights are the same each time."""
        layer = self.fresh()
        torch.manual_seed(1)
        self.run(layer)
        return layer

    def run(self, layer: Any, inputs: Any = None, **more: Any) -> Any:
        """What ``layer`` makes of the inputs; the generator starts from the same seed each time."""
        torch.manual_seed(2)
        return layer(self.inputs if inputs is None else inputs, **self.call_kwargs, **more)

    def symbols(self, unknown: Iterable[int] = (0,)) -> tuple[Any, dict[str, Any]]:
        """Symbolic stand-ins for the inputs and call arguments, with these axes of unknown size."""

        def stand_in(leaf: Any) -> Any:
            if not isinstance(leaf, torch.Tensor):
                return leaf
            shape = tuple(None if axis in set(unknown) else size for axis, size in enumerate(leaf.shape))
            return Input(batch_shape=shape, dtype=leaf.dtype)

        return map_structure(stand_in, self.inputs), map_structure(stand_in, self.call_kwargs)

    def model(self, layer: Any) -> Model:
        """A functional model of nothing but ``layer``."""
        inputs, kwargs = self.symbols()
        outputs = layer(inputs, **kwargs)
        symbols = [leaf for leaf in leaves([inputs, kwargs]) if isinstance(leaf, SymbolicTensor)]
        return Model(symbols[0] if len(symbols) == 1 else symbols, outputs)

    def model_inputs(self) -> Any:
        """What :meth:`model` is called on."""
        tensors = [leaf for leaf in leaves([self.inputs, self.call_kwargs]) if isinstance(leaf, torch.Tensor)]
        return tensors[0] if len(tensors) == 1 else tensors


Property = Callable[[Case], None]
PROPERTIES: dict[str, Property] = {}
OPTIONAL = ("torch_compile", "torch_export")  # each takes a good part of a second


def layer_property(function: Property) -> Property:
    """Enter a property in the table; its docstring's first line says what a layer that has it is like."""
    PROPERTIES[function.__name__] = function
    return function


def check_layer(
    layer: Callable[..., Any],
    init_kwargs: dict[str, Any] | None = None,
    input_shape: Any = None,
    inputs: Any = None,
    *,
    input_dtype: str = "float32",
    call_kwargs: dict[str, Any] | None = None,
    custom_objects: dict[str, Any] | None = None,
    properties: Iterable[str] | None = None,
    skip: Iterable[str] = (),
    compiled: bool = False,
    tolerance: float = 1e-5,
) -> dict[str, str]:
    """Run a layer against the contract that lamina's own layers keep.

    Arguments:
        layer: the layer's class, or a function that makes the layer.
        init_kwargs: the constructor's arguments.
        input_shape: the shape of the inputs, the batch included; a list or dict of shapes for several inputs.
        inputs: the inputs themselves (arrays or tensors), in place of ``input_shape``.
        input_dtype: the type of the inputs made for ``input_shape``; integers are 0 to 3.
        call_kwargs: further arguments of the call.
        custom_objects: your classes that the layer's config names, besides the layer itself.
        properties: the names of the properties to check; by default all of ``PROPERTIES``.
        skip: the names of properties not to check.
        compiled: whether ``torch.compile(fullgraph=True)`` and ``torch.export`` must take the layer, too.
        tolerance: how far float32 numbers that are to be equal may lie apart, relative to the largest.

    Returns:
        For each property ``"passed"``, or why it does not apply.

    Raises:
        ContractError: for the first property that the layer lacks: ``Scale 'scale' breaks weights_round_trip (...):
            expected ..., got ...``.
        ValueError: when neither or both of ``input_shape`` and ``inputs`` are given, or a property is unknown.

    >>> from lamina.layers import Dense
    >>> check_layer(Dense, {"units": 3}, input_shape=(2, 4))["gradients"]
    'passed'
    """
    if (input_shape is None) == (inputs is None):
        raise ValueError("check_layer needs either input_shape or inputs.")
    skipped = set(skip) | (set() if compiled or properties is not None else set(OPTIONAL))
    wanted = list(PROPERTIES) if properties is None else list(properties)
    for name in (*wanted, *skipped):
        if name not in PROPERTIES:
            raise ValueError(f"{name!r} is not a property of the contract.{did_you_mean(name, PROPERTIES)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        given = _random_inputs(input_shape, input_dtype) if inputs is None else inputs
        case = Case(layer, dict(init_kwargs or {}), map_structure(_tensor, given),
                    map_structure(_tensor, dict(call_kwargs or {})), dict(custom_objects or {}), tolerance)  # fmt: skip
        return {name: _check(case, name) for name in wanted if name not in skipped}


def _check(case: Case, name: str) -> str:
    check = PROPERTIES[name]
    meaning = (check.__doc__ or "").split("\n")[0].rstrip(".")
    layer = getattr(case.factory, "__name__", repr(case.factory))
    try:
        check(case)
    except NotApplicable as reason:
        return f"does not apply: {reason}"
    except _Broken as broken:
        raise ContractError(f"{layer} breaks {name} ({meaning}): {broken}.") from None
    except Exception as error:
        raise ContractError(f"{layer} breaks {name} ({meaning}): expected no error, "
                            f"got {type(error).__name__}: {error}") from error  # fmt: skip
    return PASSED


def _tensor(leaf: Any) -> Any:
    return torch.as_tensor(leaf) if isinstance(leaf, (np.ndarray, np.generic)) else leaf


def _random_inputs(shapes: Any, dtype: str) -> Any:
    if isinstance(shapes, dict):
        return {key: _random_inputs(shape, dtype) for key, shape in shapes.items()}
    if not is_shape(shapes):
        return [_random_inputs(shape, dtype) for shape in shapes]
    wanted = getattr(torch, dtype)
    return torch.randn(shapes, dtype=wanted) if wanted.is_floating_point else torch.randint(0, 4, shapes, dtype=wanted)


# ---- what properties are written with --------------------------------------------------------------------------------


def expect(holds: bool, expected: Any, got: Any) -> None:
    """Fail the property under way unless ``holds``."""
    if not holds:
        raise _Broken(f"expected {expected}, got {got}")


def expect_same(expected: Any, got: Any, tolerance: float, what: str) -> None:
    """Fail unless two structures of tensors are equal within ``tolerance`` of their largest number."""
    before, after = leaves(expected), leaves(got)
    expect(len(before) == len(after), f"{len(before)} {what}", len(after))
    for one, other in zip(before, after, strict=True):
        if not isinstance(one, torch.Tensor) or not isinstance(other, torch.Tensor):
            expect(one is None and other is None, f"{what} {describe(one)}", describe(other))
            continue
        expect(one.shape == other.shape, f"{what} of shape {tuple(one.shape)}", tuple(other.shape))
        a, b = one.detach().double(), other.detach().double()
        scale = float(a.abs().max()) if a.numel() else 0.0
        apart = float((a - b).abs().max()) if a.numel() else 0.0
        expect(apart <= tolerance * max(scale, 1e-3), f"{what} equal to {tolerance:g}",
               f"a difference of {apart:.3g} where the largest number is {scale:.3g}")  # fmt: skip


def _float_outputs(outputs: Any) -> list[torch.Tensor]:
    return [leaf for leaf in leaves(outputs) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]


def _masks(outputs: Any) -> Any:
    return map_structure(lambda leaf: getattr(leaf, "_keras_mask", None), outputs)


def _cotangent(outputs: Any) -> torch.Tensor:
    """A scalar whose gradient reaches every number of the outputs, each with another weight."""
    parts = [
        (out * torch.linspace(0.5, 1.5, out.numel(), dtype=out.dtype).reshape(out.shape)).sum()
        for out in _float_outputs(outputs)
    ]
    return torch.stack([part.double() for part in parts]).sum()


def _same_shape(symbolic: Any, real: Any) -> bool:
    """Whether a shape with unknown sizes is one that the real shape can have."""
    return len(symbolic) == len(real) and all(size in (None, known) for size, known in zip(symbolic, real, strict=True))


def _expect_shapes(symbolic: Any, real: Any, what: str) -> None:
    flat, known = _shape_list(symbolic), _shape_list(real)
    fits = len(flat) == len(known) and all(_same_shape(a, b) for a, b in zip(flat, known, strict=True))
    expect(fits, f"{what} {real}", symbolic)


def _shape_list(shapes: Any) -> list[tuple[Any, ...]]:
    if shapes is None or is_shape(shapes):
        return [] if shapes is None else [tuple(shapes)]
    values = shapes.values() if isinstance(shapes, dict) else shapes
    return [shape for value in values for shape in _shape_list(value)]


# ---- the properties --------------------------------------------------------------------------------------------------


@layer_property
def build_state(case: Case) -> None:
    """The first call builds the layer; later calls make no more weights"""
    layer = case.fresh()
    case.run(layer)
    expect(layer.built, "layer.built to be True after the first call", layer.built)
    before = len(layer.weights)
    case.run(layer)
    expect(len(layer.weights) == before, f"{before} weights after the second call", len(layer.weights))


@layer_property
def inference_mode(case: Case) -> None:
    """A layer whose first call was in ``torch.inference_mode`` can be set, trained and copied like any other"""
    layer = case.fresh()
    with torch.inference_mode():
        case.run(layer)
    held = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    for part in layer.modules():
        held |= {name: value for name, value in vars(part).items() if isinstance(value, torch.Tensor)}
    spoilt = sorted(name for name, value in held.items() if value.is_inference())
    expect(not spoilt, "tensors that can be used outside of inference mode", f"the others {spoilt}")
    layer.set_weights(layer.get_weights())
    outputs = case.run(layer, training=True)
    trained = [weight for weight in layer.trainable_weights if weight.requires_grad]
    if trained and _float_outputs(outputs):
        torch.autograd.grad(_cotangent(outputs), trained, allow_unused=True)
    expect_same(case.run(layer), case.run(copy.deepcopy(layer)), case.tolerance, "outputs of a copy")


@layer_property
def symbolic_shape(case: Case) -> None:
    """A call without data gives the shape and type of the call with data"""
    layer = case.fresh()
    inputs, kwargs = case.symbols(unknown=())
    symbolic = layer(inputs, **kwargs)
    real = case.run(layer)
    _expect_shapes(shapes_of(symbolic), shapes_of(real), "symbolic shape")
    for one, other in zip(leaves(symbolic), leaves(real), strict=True):
        if isinstance(one, SymbolicTensor) and isinstance(other, torch.Tensor):
            expect(one.dtype == other.dtype, f"symbolic type {other.dtype}", one.dtype)


@layer_property
def output_shape(case: Case) -> None:
    """``compute_output_shape`` gives the shape of the call with data"""
    layer = case.built()
    if layer._infers_shape and case.call_kwargs:
        raise NotApplicable("the layer states no rule, and running it takes more than the inputs")
    arguments = shape_arguments(layer.compute_output_shape, layer, (case.inputs,), case.call_kwargs)
    _expect_shapes(layer.compute_output_shape(**arguments), shapes_of(case.run(layer)), "shape")


@layer_property
def unknown_sizes(case: Case) -> None:
    """With the batch or another size unknown, the symbolic shape claims nothing that real data contradicts"""
    real = shapes_of(case.run(case.built()))
    axes = max((leaf.dim() for leaf in leaves(case.inputs) if isinstance(leaf, torch.Tensor)), default=0)
    inputs, kwargs = case.symbols()
    batch = case.fresh()(inputs, **kwargs)
    _expect_shapes(shapes_of(batch), real, "a shape that fits")
    for shape, sizes in zip(_shape_list(shapes_of(batch)), _shape_list(real), strict=True):
        if sizes and sizes[0] == leaves(case.inputs)[0].shape[0] and _follows_batch(case):
            expect(shape[0] is None, "an unknown batch (None) where the batch is unknown", shape)
    for axis in range(1, axes):
        inputs, kwargs = case.symbols(unknown=(0, axis))
        try:
            outputs = case.fresh()(inputs, **kwargs)
        except (ValueError, TypeError):  # the layer needs to know this size, which is its right
            continue
        _expect_shapes(shapes_of(outputs), real, f"with axis {axis} unknown, a shape that fits")


def _follows_batch(case: Case) -> bool:
    """Whether half the batch gives half the outputs."""
    half = map_structure(lambda leaf: leaf[:1] if isinstance(leaf, torch.Tensor) else leaf, case.inputs)
    kwargs = map_structure(lambda leaf: leaf[:1] if isinstance(leaf, torch.Tensor) else leaf, case.call_kwargs)
    small = shapes_of(case.fresh()(half, **kwargs))
    return all(shape[:1] == (1,) for shape in _shape_list(small))


@layer_property
def config_round_trip(case: Case) -> None:
    """``from_config(get_config())`` makes an equal, unbuilt layer, and the config can be written as JSON"""
    layer = case.built()
    config = layer.get_config()
    written = json.dumps(serialize(config), sort_keys=True)
    with CustomObjectScope(case.custom_objects):
        again = type(layer).from_config(json.loads(written))
    expect(json.dumps(serialize(again.get_config()), sort_keys=True) == written, f"the config {written}",
           json.dumps(serialize(again.get_config()), sort_keys=True))  # fmt: skip
    case.run(again)
    expect([w.shape for w in again.weights] == [w.shape for w in layer.weights],
           f"weights of shapes {[tuple(w.shape) for w in layer.weights]}", [tuple(w.shape) for w in again.weights])  # fmt: skip
    again.set_weights(layer.get_weights())
    expect_same(case.run(layer), case.run(again), case.tolerance, "outputs of the layer made from the config")


@layer_property
def weights_round_trip(case: Case) -> None:
    """``get_weights`` holds all that the outputs depend on; a list that does not fit changes nothing"""
    layer, other = case.built(), case.built()
    with torch.no_grad():
        for weight in other.weights:
            weight.add_(1)
    saved = layer.get_weights()
    expect(len(saved) == len(layer.weights), f"{len(layer.weights)} arrays", len(saved))
    other.set_weights(saved)
    expect_same(case.run(layer), case.run(other), case.tolerance, "outputs with the same weights")
    if not saved:
        return
    try:
        other.set_weights([*(array + 1 for array in saved[:-1]), np.zeros((7, 7, 7, 7))])
    except ValueError:
        expect_same(layer.weights, other.weights, 0.0, "weights after a failed set_weights")
    else:
        raise _Broken("expected ValueError for a weight of the wrong shape, got no error")


@layer_property
def state_dict_round_trip(case: Case) -> None:
    """``state_dict`` holds every weight, and a strict ``load_state_dict`` makes an equal layer"""
    layer, other = case.built(), case.built()
    state = layer.state_dict()
    kept = {value.data_ptr() for value in state.values() if isinstance(value, torch.Tensor)}
    missing = [tuple(weight.shape) for weight in layer.weights if weight.data_ptr() not in kept]
    expect(not missing, "every weight in state_dict", f"none of shape {missing}")
    for weight in other.state_dict().values():
        if isinstance(weight, torch.Tensor) and weight.is_floating_point():
            weight.add_(1)
    other.load_state_dict(state, strict=True)
    expect_same(case.run(layer), case.run(other), case.tolerance, "outputs after load_state_dict")


@layer_property
def deepcopy(case: Case) -> None:
    """A deep copy gives the same outputs and shares no weight"""
    layer = case.built()
    before = case.run(layer)
    twin = copy.deepcopy(layer)
    expect_same(before, case.run(twin), case.tolerance, "outputs of the copy")
    with torch.no_grad():
        for weight in twin.weights:
            weight.add_(1)
    expect_same(before, case.run(layer), case.tolerance, "outputs after the copy's weights changed")


@layer_property
def pickling(case: Case) -> None:
    """A layer that was pickled (``torch.save``) gives the same outputs"""
    layer = case.built()
    if "<locals>" in type(layer).__qualname__:
        raise NotApplicable("Python can't pickle a class that is defined inside a function")
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    expect_same(case.run(layer), case.run(torch.load(file, weights_only=False)), case.tolerance, "outputs")


@layer_property
def float64(case: Case) -> None:
    """``layer.to(torch.float64)`` computes in float64"""
    _in_type(case, torch.float64, 1e-4)


@layer_property
def bfloat16(case: Case) -> None:
    """``layer.to(torch.bfloat16)`` computes in bfloat16"""
    _in_type(case, torch.bfloat16, 0.1)


def _in_type(case: Case, dtype: torch.dtype, tolerance: float) -> None:
    def cast(leaf: Any) -> Any:
        return leaf.to(dtype) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() else leaf

    layer = case.built()
    before = case.run(layer)
    if not _float_outputs(before):
        raise NotApplicable("the outputs are no floats")
    torch.manual_seed(2)
    after = layer.to(dtype)(map_structure(cast, case.inputs), **map_structure(cast, case.call_kwargs))
    types = {leaf.dtype for leaf in _float_outputs(after)}
    expect(types == {dtype}, f"outputs of {dtype}", ", ".join(map(str, types)))
    expect_same(before, after, tolerance, "outputs")


@layer_property
def gradients(case: Case) -> None:
    """Gradients reach every trainable weight and every float input, and are finite"""

    def asks(leaf: Any) -> Any:
        floats = isinstance(leaf, torch.Tensor) and leaf.is_floating_point()
        return leaf.clone().requires_grad_() if floats else leaf

    layer = case.built()
    inputs = map_structure(asks, case.inputs)
    outputs = case.run(layer, inputs, training=True)
    wanted = {f"weight {name!r}": weight for name, weight in layer.named_parameters() if weight.requires_grad}
    wanted |= {f"input {index}": leaf for index, leaf in enumerate(leaves(inputs))
               if isinstance(leaf, torch.Tensor) and leaf.requires_grad}  # fmt: skip
    if not wanted or not _float_outputs(outputs):
        raise NotApplicable("there is nothing to differentiate")
    scalar = _cotangent(outputs)
    expect(scalar.requires_grad, "outputs that depend on the weights and inputs", "outputs without a gradient")
    found = torch.autograd.grad(scalar, list(wanted.values()), allow_unused=True)
    for name, gradient in zip(wanted, found, strict=True):
        expect(gradient is not None, f"a gradient of {name}", "none")
        expect(gradient is None or bool(gradient.isfinite().all()), f"a finite gradient of {name}", "nan or infinity")


@layer_property
def modes(case: Case) -> None:
    """``training=True`` trains for one call, as ``layer.train()`` does for all; inference gives the same each time"""
    layer = case.built()
    first, second = layer(case.inputs, **case.call_kwargs), layer(case.inputs, **case.call_kwargs)
    if not layer.stateful:
        expect_same(first, second, case.tolerance, "outputs of two calls in inference mode")
    other = copy.deepcopy(layer)
    trained = case.run(layer, training=True)
    expect(not layer.training, "layer.training to be False after a call with training=True", layer.training)
    expect_same(trained, case.run(other.train()), case.tolerance, "outputs after layer.train() and with training=True")
    expect(shapes_of(trained) == shapes_of(first), f"the shape of inference, {shapes_of(first)}, when training",
           shapes_of(trained))  # fmt: skip


@layer_property
def masks(case: Case) -> None:
    """A mask comes out alike from a call and from a model, and fits the outputs"""
    tensors = leaves(case.inputs)
    masked = all(isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and leaf.dim() >= 3 for leaf in tensors)
    masking = Masking() if masked else (lambda inputs: inputs)
    data = map_structure(_with_padding, case.inputs) if masked else case.inputs

    layer = case.built()
    eager = layer(map_structure(masking, data), **case.call_kwargs)
    symbols, kwargs = case.symbols()
    outputs = layer(map_structure(masking, symbols), **kwargs)
    flat = [leaf for leaf in leaves([symbols, kwargs]) if isinstance(leaf, SymbolicTensor)]
    values = [leaf for leaf in leaves([data, case.call_kwargs]) if isinstance(leaf, torch.Tensor)]
    planned = Model(flat, outputs)(values)
    expect_same(eager, planned, case.tolerance, "outputs of the model with a mask")
    expect_same(_masks(eager), _masks(planned), 0.0, "masks of the outputs")
    for output, mask in zip(leaves(eager), leaves(_masks(eager)), strict=True):
        if mask is None:
            continue
        expect(layer.supports_masking or layer._makes_masks, "no mask on the outputs of a layer with neither "
               "`supports_masking = True` nor `compute_mask`", describe(mask))  # fmt: skip
        shape = tuple(output.shape)[: mask.dim()]
        expect(tuple(mask.shape) == shape, f"a mask that fits the outputs, {shape}", tuple(mask.shape))


def _with_padding(leaf: torch.Tensor) -> torch.Tensor:
    padded = leaf.clone()
    padded[0, -1] = 0  # the last step of the first row is padding
    return padded


@layer_property
def functional_model(case: Case) -> None:
    """In a functional model the layer gives what it gives when it is called"""
    layer = case.built()
    expect_same(case.run(layer), case.model(layer)(case.model_inputs()), case.tolerance, "outputs of the model")


@layer_property
def training_step(case: Case) -> None:
    """One step of ``fit`` gives a finite loss and changes every trainable weight that has a gradient"""
    layer = case.built()
    outputs = case.run(layer)
    if len(_float_outputs(outputs)) != 1 or len(leaves(outputs)) != 1:
        raise NotApplicable("there is not one float output")
    if not layer.trainable_weights:
        raise NotApplicable("there is nothing to train")
    if leaves(outputs)[0].shape[:1] != leaves(case.inputs)[0].shape[:1]:
        raise NotApplicable("the outputs have no batch")
    model = _sequential(case, layer) or case.model(layer)
    model.compile(optimizer="sgd", loss="mse")
    targets = torch.linspace(1.0, 2.0, leaves(outputs)[0].numel()).reshape(leaves(outputs)[0].shape)
    parameters = dict(model.named_parameters())
    before = {name: weight.detach().clone() for name, weight in parameters.items()}
    torch.manual_seed(2)
    trained = {name: weight for name, weight in parameters.items() if weight.requires_grad}
    step = torch.autograd.grad(_cotangent(model(case.model_inputs(), training=True)), list(trained.values()),
                               allow_unused=True) if trained else ()  # fmt: skip
    history = model.fit(case.model_inputs(), targets, batch_size=len(targets), epochs=1, verbose=0, shuffle=False)
    loss = history.history["loss"][0]
    expect(bool(np.isfinite(loss)), "a finite loss", loss)
    # A gradient that is zero but for rounding (softmax does not see a bias of all its keys) need not move its weight.
    rounding = 1e-6 * max((float(gradient.abs().max()) for gradient in step if gradient is not None), default=0.0)
    for (name, weight), gradient in zip(trained.items(), step, strict=True):
        moves = gradient is not None and bool((gradient.abs() > rounding).any())
        expect(not moves or not torch.equal(before[name], weight), f"weight {name!r} to change", "the same numbers")
    for name, weight in parameters.items() - trained.items():
        expect(torch.equal(before[name], weight), f"frozen weight {name!r} to stay", "a change")


def _sequential(case: Case, layer: Any) -> Sequential | None:
    if not isinstance(case.inputs, torch.Tensor) or case.call_kwargs:
        return None
    return Sequential([Input(batch_shape=(None, *case.inputs.shape[1:]), dtype=case.inputs.dtype), layer])


@layer_property
def save_and_load(case: Case) -> None:
    """A model with the layer, saved as a ``.keras`` file and loaded, gives the same outputs"""
    layer = case.built()
    model = case.model(layer)
    known = {type(part).__name__: type(part) for part in layer.modules() if isinstance(part, Layer)}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.keras")
        with warnings.catch_warnings():  # that Keras 3 lacks the layer is no fault of its
            warnings.filterwarnings(
                "ignore", ".*(Only lamina can open this|Keras 3 gives the same answers)", UserWarning
            )
            model.save(path)
        loaded = saving.load_model(path, custom_objects=known | case.custom_objects)
    expect_same(model(case.model_inputs()), loaded(case.model_inputs()), case.tolerance, "outputs of the loaded model")


@layer_property
def torch_compile(case: Case) -> None:
    """``torch.compile(layer, fullgraph=True)`` takes the layer, and gives the same outputs"""
    layer = case.built()
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    expect_same(case.run(layer), case.run(compiled), case.tolerance, "outputs of the compiled layer")


@layer_property
def torch_export(case: Case) -> None:
    """``torch.export`` takes the layer, and the exported program gives the same outputs"""
    layer = case.built()
    program = torch.export.export(_Frozen(layer), (case.inputs,), case.call_kwargs or None)
    expect_same(case.run(layer), case.run(program.module()), case.tolerance, "outputs of the exported program")


class _Frozen(nn.Module):
    """``torch.export`` looks at the signature of ``forward``; this one's is plain."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Any, **kwargs: Any) -> Any:
        """The layer's outputs."""
        return self.layer(inputs, **kwargs)


__all__ = ["OPTIONAL", "PROPERTIES", "Case", "ContractError", "NotApplicable", "check_layer"]
