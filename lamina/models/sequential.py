"""``Sequential``: a stack of layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from lamina import naming
from lamina.engine.calling import as_shapes, map_shapes, shapes_of, who
from lamina.engine.layer import Layer
from lamina.engine.weights import within_memory
from lamina.errors import describe
from lamina.graph.plan import Plan, key_base, module_keys
from lamina.graph.symbolic import SymbolicTensor, leaves, map_structure
from lamina.layers.core import Aside, Input, InputLayer, Lambda
from lamina.models.as_list import AsList
from lamina.models.model import Model
from lamina.models.summary import in_errors
from lamina.registry import check_keys, deserialize, reading, serialize
from lamina.saving.limits import check_outputs
from lamina.training.callback_list import Callbacks
from lamina.training.data import Data
from lamina.training.older import Verbosity

# What a stack is made of: layers, torch's modules, functions of one tensor, and an Input to begin with.
LayerLike = nn.Module | SymbolicTensor | Callable[..., Any]


class Sequential(AsList, Model):
    """A stack of layers: each takes what the one before gives.

    Arguments:
        layers: layers, ``nn.Module``s or functions of one tensor, in order; more can be added with :meth:`add`.
        name: the model's name.

    The weights are made as soon as the input's shape is known: from ``Input`` or ``input_shape=`` on the first layer,
    from ``build()``, or from the first data.

    Source: https://keras.io/api/models/sequential/

    >>> from lamina.layers import Dense
    >>> model = Sequential([Dense(32, input_shape=(16,)), Dense(4)])
    >>> model.output_shape, model.count_params()
    ((None, 4), 676)
    """

    _builds_weights = False

    if TYPE_CHECKING:  # a stack has one output, and so gives one array

        def predict(self, x: Data, batch_size: int | None = None, verbose: Verbosity = "auto", steps: float | None = None,
                    callbacks: Callbacks = None) -> np.ndarray: ...  # fmt: skip
        def predict_on_batch(self, x: Data) -> np.ndarray: ...

    _keras_class_name = "Sequential"
    _keras_module = "keras"

    def __init__(
        self, layers: Iterable[LayerLike] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self._counts: Counter[str] = Counter()  # for the keys of layers to come
        self._chain: tuple[Any, SymbolicTensor] | None = (
            None  # the input (or a list of them), and the last layer's output
        )
        if layers is not None and not isinstance(layers, Iterable):
            raise TypeError(f"Sequential takes its layers in one list, Sequential([...]), and got {describe(layers)}.")
        for layer in layers if layers is not None else ():
            self.add(layer)

    def add(self, layer: LayerLike, rebuild: bool = True) -> None:
        """Put a layer at the end of the stack.

        Raises:
            ValueError: when another layer has the same name, or the layer does not fit what the stack gives. The error
                shows the summary up to there, and the model is left as it was.
        """
        added: Any = self._as_layer(layer)
        if isinstance(added, InputLayer):
            if self._chain is not None or self._modules:
                raise ValueError(f"{who(self)} has its input already; an Input can only come first.")
            return self._start(added.output)
        name = getattr(added, "name", None)
        if name is not None and any(getattr(other, "name", None) == name for other in self._modules.values()):
            raise ValueError(
                f"{who(self)} has a layer named {name!r} already. Give the new one another name with `name=`."
            )
        self._restore_chain()
        before = self._chain
        start = first_input(added) if before is None and not self._modules else None
        if start is not None:
            self._start(start)
        owner = vars(added).get("_owner")
        if isinstance(added, Layer):
            added.belongs_to(self)  # before it is built: its path may say in which type
        try:
            self._extend([added], otherwise=before)
        except Exception:
            if isinstance(added, Layer):
                vars(added)["_owner"] = owner
            raise
        is_given = key_base(added)[1]
        counts = Counter() if is_given else self._counts
        key = module_keys([added], self._is_reserved, () if is_given else self._modules, counts)[0]
        if key in self._modules:  # a name that was given comes before the automatic ones
            self._own_stack([*self._modules.values(), added])
        else:
            self._modules[key] = added
        self._forget_plan()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off the stack, and return it."""
        if not self._modules:
            raise TypeError(f"{who(self)} has no layers to take off.")
        self._restore_chain()
        *rest, layer = self.layers
        self._own_stack(rest)
        if self._chain is not None:
            self._start(self._chain[0])
            self._extend(self._modules.values(), otherwise=None)
        self._forget_plan()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of this shape (the batch included)."""
        if self._chain is None:
            if input_shape is None:
                raise ValueError(f"{who(self)} can't be built without an input shape.")
            first = next(iter(self._modules.values()), None)
            dtype = first_input_dtype(first) if first is not None else None
            self._start(map_shapes(lambda shape: Input(batch_shape=(None, *shape[1:]), dtype=dtype), input_shape))
            self._extend(self._modules.values(), otherwise=None)
        self.prepare()

    def prepare(self) -> None:
        """Plan the stack, when its input is known and it changed since it was last planned."""
        if self._chain is not None and self._plan is None and self._modules:
            plan = Plan(leaves(self._chain[0]), self._chain[1], self._keys_of)
            plan.modules = {key: module for key, module in plan.modules.items() if not isinstance(module, InputLayer)}
            self._adopt(plan, *self._chain)

    def call(self, inputs: Any, mask: Any = None, *, kept_masks: list[Any] | None = None) -> Any:
        """Run the layers in order."""
        if self._plan is None:
            if torch.compiler.is_compiling() or not self._modules:
                return self._call_unplanned(inputs)
            self.prepare() if self._chain is not None else self.build(shapes_of(inputs))
        return Model.forward(self, inputs, mask, kept_masks=kept_masks)

    forward = call

    def _call_unplanned(self, inputs: Any) -> Any:
        """The layers one after the other: ``torch.compile`` is tracing, and makes no plans. Masks would get lost."""
        layers: list[Any] = list(self._modules.values())
        if not all(getattr(layer, "built", True) and not getattr(layer, "_makes_masks", False) for layer in layers):
            raise ValueError(f"{who(self)} must be built before torch.compile traces it: call build() or the model.")
        for layer in layers:
            inputs = layer(inputs)
        return inputs

    def _start(self, inputs: Any) -> None:
        self._chain = (inputs, inputs)

    def _extend(self, layers: Iterable[Any], otherwise: tuple[Any, SymbolicTensor] | None) -> None:
        """Put layers at the end of the chain, if there is one; when one does not fit, it is what it was: ``otherwise``."""
        for layer in layers:
            if self._chain is None:
                return
            try:
                output = layer(self._chain[1])
                if not isinstance(output, SymbolicTensor):
                    raise ValueError(f"A layer in a Sequential must give one tensor, and {describe(layer)} gave "
                                     f"{describe(output)}. Use a functional Model for several.")  # fmt: skip
            except Exception as error:
                error.add_note(f"The model so far:\n{in_errors(self)}")
                self._chain = otherwise
                raise
            self._chain = (self._chain[0], output)

    def _restore_chain(self) -> None:
        """A copied or unpickled stack has a plan and no symbolic tensors; to change it, it needs them again."""
        if self._chain is None and self._plan is not None:
            inputs, outputs = self.symbols()
            self._chain = (inputs, outputs)

    def _as_layer(self, layer: Any) -> Any:
        if isinstance(layer, SymbolicTensor) and layer.node is not None and isinstance(layer.node.target, InputLayer):
            return layer.node.target
        if isinstance(layer, nn.Module):
            return layer
        if callable(layer) and not isinstance(layer, type):
            return Lambda(layer)
        raise TypeError(f"A Sequential is made of layers, modules and functions, and got {describe(layer)}."
                        + (f" Did you mean {layer.__name__}()?" if isinstance(layer, type) else ""))  # fmt: skip

    def keyed_modules(self) -> dict[str, nn.Module]:
        return dict(self._modules)  # pyright: ignore[reportReturnType]

    def _own_stack(self, layers: list[Any]) -> None:
        """Own these layers, in order, and no others."""
        self._modules.clear()
        self._counts.clear()
        self._modules.update(zip(module_keys(layers, self._is_reserved, (), self._counts), layers, strict=True))

    def _forget_plan(self) -> None:
        self._plan, self._forward, self._symbols = None, None, None
        self.built = False
        if self._chain is not None:
            self.prepare_lazily()

    def prepare_lazily(self) -> None:
        """The weights exist, so the model counts as built; the plan itself waits for the first use."""
        self.built = True
        self._settle_path()
        self._plain_call = False

    def compute_aside(self, tensors: Sequence[SymbolicTensor]) -> list[Aside]:
        """A stack of layers computes nothing beside its output."""
        raise ValueError(f"{who(self)} is compiled with a loss that uses {tensors[0]!r} from inside of it, which a functional "
                         "model can compute for it: use `Model(model.inputs, model.outputs)`.")  # fmt: skip

    def symbols(self) -> tuple[Any, Any]:
        if self._chain is not None and self._plan is None and self._symbols is None:
            return self._chain
        return super().symbols()

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order; an ``Input`` does not count, as in Keras."""
        modules: list[Any] = list(self._modules.values())  # torch's own among them, where there are any
        return modules

    @property
    def code(self) -> str:
        """The forward pass as the Python that runs, with the shape of every value."""
        self.prepare()
        return Model.code.fget(self)  # pyright: ignore[reportOptionalCall]

    def get_config(self) -> dict[str, Any]:
        """The layers, in order, and the shape that the stack was built for."""
        self.prepare()
        layers = list(self.layers)
        config = {"name": self.name, "trainable": self.trainable, "dtype": serialize(self.dtype_policy)}
        if self._plan is not None and len(self.inputs) == 1:  # several inputs are the first layer's own
            layers.insert(0, self.inputs[0].node.target)  # pyright: ignore[reportOptionalMemberAccess]
        for layer in layers:
            if not isinstance(layer, Layer):
                raise ValueError(f"{who(self)} contains the torch module {type(layer).__name__}, which a config can't "
                                 "describe. Save its state_dict with torch.save, or make a Layer of it.")  # fmt: skip
        config["layers"] = [serialize(layer) for layer in layers]
        if self._plan is not None:
            config["build_input_shape"] = self.input_shape
        return config

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape that the stack was built for."""
        return Layer.get_build_config(self)

    @classmethod
    def from_config(cls, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """A new stack, with new weights, from what ``get_config`` returned (Keras 1 and early 2: a list of layers)."""
        settings: dict[str, Any] = {"layers": config} if isinstance(config, list) else config
        check_keys(settings, SEQUENTIAL_KEYS)
        if not isinstance(settings.get("layers"), list):
            raise ValueError(f"The config of a {cls.__name__} has a list of layers.")
        model = cls(name=settings.get("name"))
        with within_memory():
            for entry in settings["layers"]:
                with reading(entry):
                    layer = deserialize(entry, custom_objects, kind="layer")
                    model.add(layer)
                    check_outputs(model._chain and model._chain[1], layer)
            if not model.built and settings.get("build_input_shape") is not None:
                model.build(as_shapes(settings["build_input_shape"]))
        if not settings.get("trainable", True):
            model.trainable = False
        return model

    def __getstate__(self) -> dict[str, Any]:
        self.prepare()
        return {**super().__getstate__(), "_chain": None}


Sequential._stack_class = Sequential
SEQUENTIAL_KEYS = ("name", "trainable", "dtype", "layers", "build_input_shape")


def first_input(layer: Any) -> Any:
    """A new symbolic input for a first layer that states its shape, or several, as a model of several has them."""
    if (
        isinstance(layer, Model)
        and layer.built
        and layer._plan is not None
        and not isinstance(layer.input, SymbolicTensor)
    ):
        return map_structure(lambda one: Input(batch_shape=one.shape, dtype=one.dtype, name=one.name), layer.input)
    shape = first_input_shape(layer)
    name = naming.input_name(layer.name) if isinstance(layer, Layer) else None
    return None if shape is None else Input(batch_shape=shape, dtype=first_input_dtype(layer), name=name)


def first_input_shape(layer: Any) -> tuple[Any, ...] | None:
    """The batch input shape that a first layer states, itself or through the layers it wraps or begins with."""
    shape = getattr(layer, "batch_input_shape", None)
    if shape is not None:
        return shape
    if isinstance(layer, Model) and layer.built:
        try:
            return layer.input_shape if isinstance(layer.input, SymbolicTensor) else None
        except AttributeError:
            return None
    return None


def first_input_dtype(layer: Any) -> Any:
    """The type of data a first layer reads: indices for an Embedding, else floats."""
    return getattr(layer, "input_dtype", None) or getattr(layer, "compute_dtype", None)


# The keys of configs, of all generations. Of what compile was told, each with what its value may be.
