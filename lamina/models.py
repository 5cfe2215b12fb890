"""Models: ``Sequential`` (a stack of layers), functional ``Model(inputs, outputs)`` and models that subclass ``Model``.

The first two are planned: the order of calls, masks and names are settled when the model is described, and what runs is
the generated code that ``model.code`` shows. A subclassed model runs the ``call`` that its author wrote.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from lamina.errors import describe, did_you_mean
from lamina.graph.plan import Plan, compile_graph, module_key
from lamina.graph.symbolic import SymbolicTensor, leaves, map_structure
from lamina.layers.base import LAYERS, Layer
from lamina.layers.calling import as_shapes, run_for_shape, who
from lamina.layers.core import Input, InputLayer, Lambda
from lamina.layers.tracking import children_of
from lamina.registry import CustomObjectScope, deserialize, reading, serialize
from lamina.saving import functional, keras_zip, load_model, save_model, weights_h5
from lamina.saving.files import read_json
from lamina.training.trainer import Trainer
from lamina.viz.report import summary as print_summary


class Model(Trainer, Layer):
    """A model: layers that belong together, with ``compile``, ``fit``, ``evaluate``, ``predict`` and ``save``.

    ``Model(inputs, outputs)`` is the way from symbolic inputs to symbolic outputs. A subclass makes its layers in
    ``__init__`` and uses them in ``call``.

    Arguments:
        inputs: a symbolic tensor from ``Input()``, or a list or dict of them (Keras 1: ``input``).
        outputs: what the layers made of them, in any structure (Keras 1: ``output``).
        name: the model's name.

    Raises:
        ValueError: when the outputs depend on an ``Input`` that is not among ``inputs``, or two layers share a name.

    Source: https://keras.io/api/models/model/

    >>> from lamina.layers import Dense, Input
    >>> x = Input(shape=(32,))
    >>> model = Model(x, Dense(16, activation="softmax", name="out")(x))
    >>> model.output_shape
    (None, 16)
    """

    takes_integers = True
    supports_masking = True
    _keras_class_name = "Functional"
    _keras_module = "keras.src.models.functional"

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self._plan: Plan | None = None
        self._forward: Callable[..., Any] | None = None
        self._symbols: tuple[Any, Any] | None = None
        if inputs is not None or outputs is not None:
            self._describe(inputs, outputs)

    # -- functional models --

    def _describe(self, inputs: Any, outputs: Any) -> None:
        for what, structure in (("inputs", inputs), ("outputs", outputs)):
            for leaf in leaves(structure):
                if not isinstance(leaf, SymbolicTensor):
                    raise ValueError(f"The {what} of a model must be symbolic tensors, which come from Input(), and got "
                                     f"{describe(leaf)}.")  # fmt: skip
        plan = Plan(leaves(inputs), outputs, self._is_reserved)
        names = [getattr(module, "name", key) for key, module in plan.modules.items()]
        for position, layer_name in enumerate(names):
            if layer_name in names[:position]:
                raise ValueError(f"Two layers of {type(self).__name__} {self.name!r} are named {layer_name!r}. Layers of "
                                 "a model need different names: give one of them another with `name=`.")  # fmt: skip
        self._adopt(plan, inputs, outputs)

    def _is_reserved(self, key: str) -> bool:
        return hasattr(type(self), key) or key in self.__dict__

    def _adopt(self, plan: Plan, inputs: Any, outputs: Any) -> None:
        """Own what the plan uses, and forget an earlier plan."""
        self._plan, self._forward, self._symbols = plan, None, (inputs, outputs)
        for key, module in plan.modules.items():
            self._modules[key] = module
            if not isinstance(module, Layer):  # torch's own modules start out training, ours inferring
                module.train(self.training)
        for key, constant in plan.constants.items():
            if isinstance(constant, torch.Tensor) and not isinstance(constant, nn.Parameter):
                self.register_buffer(key, constant)
            else:
                setattr(self, key, constant)
        tensors = leaves(inputs)
        self._input_names = [tensor.name or f"input_{i}" for i, tensor in enumerate(tensors)]
        self._input_kinds = [(len(tensor.shape), tensor.shape[-1:] == (1,), tensor.dtype) for tensor in tensors]
        numbers = iter(range(len(tensors)))
        self._input_structure = map_structure(lambda _: next(numbers), inputs)
        # The common case: one input, taken as it is.
        self._only_rank = self._input_kinds[0][0] if self._input_structure == 0 else None
        self._only_is_float = self._input_kinds[0][2].is_floating_point
        self._makes_masks = any(mask is not None for mask in plan.masks)
        self._built_for(map_structure(lambda tensor: tensor.shape, inputs))
        self.compile_plan()

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Run the plan. A subclass that was not given ``inputs`` and ``outputs`` writes its own."""
        if self._plan is None:
            raise NotImplementedError(f"Model {self.name!r} has neither inputs and outputs nor a `call` of its own. "
                                      "Write `call(self, inputs)` in the class.")  # fmt: skip
        forward = self._forward or self.compile_plan()
        if (
            mask is None
            and type(inputs) is torch.Tensor
            and inputs.dim() == self._only_rank
            and inputs.dtype.is_floating_point is self._only_is_float
        ):
            return forward(self, inputs)
        return forward(self, *self.flatten_inputs(inputs, mask))

    forward = call

    def compile_plan(self) -> Callable[..., Any]:
        """The generated forward function of a planned model."""
        if self._plan is None:
            raise ValueError(f"{who(self)} has no plan: it is not built, or its author wrote its `call`.")
        self._forward = compile_graph(self._plan.emit())
        return self._forward

    def flatten_inputs(self, inputs: Any, mask: Any = None) -> list[Any]:
        """The inputs in the order of the plan, from the structure, a list, or a dict by input name; each is brought to
        the rank and kind of number that its ``Input`` states."""
        structure = self._input_structure
        if isinstance(inputs, dict):
            keys = list(structure) if isinstance(structure, dict) else self._input_names
            missing = [key for key in keys if key not in inputs]
            if missing:
                raise ValueError(f"{who(self)} needs the inputs {keys}, and got {sorted(map(str, inputs))}: "
                                 f"{missing[0]!r} is missing.")  # fmt: skip
            flat = [leaf for key in keys for leaf in leaves(inputs[key])]
        else:
            flat = leaves(inputs)
        if len(flat) != len(self._input_kinds):
            raise ValueError(f"{who(self)} takes {len(self._input_kinds)} inputs ({', '.join(self._input_names)}), and "
                             f"got {len(flat)}.")  # fmt: skip
        flat = [self._adjust(x, number) for number, x in enumerate(flat)]
        for x, one in zip(flat, leaves(mask), strict=False):
            if one is not None:
                x._keras_mask = one
        return flat

    def _adjust(self, x: Any, number: int) -> Any:
        rank, ends_in_one, dtype = self._input_kinds[number]
        if x is None:
            return x
        given = len(x.shape)
        if given == rank - 1 and ends_in_one:
            x = torch.unsqueeze(x, -1)
        elif given == rank + 1 and x.shape[-1] == 1:
            x = torch.squeeze(x, -1)
        elif given != rank:
            raise ValueError(f"Input {self._input_names[number]!r} of {who(self)} takes {rank} axes (the batch is the "
                             f"first), and got {tuple(x.shape)}, which has {given}.")  # fmt: skip
        if x.dtype.is_floating_point is not dtype.is_floating_point and isinstance(x, torch.Tensor):
            x = x.to(self._compute_dtype if dtype.is_floating_point else dtype)
        return x

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The masks of the outputs, where the plan has any."""
        plan = self._plan
        if plan is None or all(mask is None for mask in plan.masks):
            return previous_mask if plan is None else None
        values = leaves(plan.outputs)
        emitted = compile_graph(plan.emit([mask for mask in plan.masks if mask is not None]))
        found = iter(emitted(self, *self.flatten_inputs(inputs, previous_mask)))
        masks = [None if mask is None else next(found) for mask in plan.masks]
        return masks[0] if len(values) == 1 else masks

    @property
    def code(self) -> str:
        """The forward pass as the Python that runs, with the shape of every value.

        >>> from lamina.layers import Dense, Input
        >>> x = Input(shape=(4,), name="x")
        >>> print(Model(x, torch.relu(Dense(2, name="a")(x)) * 2).code)
        def forward(self, x):
            a = self.a(x)           # (None, 2)
            relu = torch.relu(a)    # (None, 2)
            mul = relu * 2          # (None, 2)
            return mul
        <BLANKLINE>
        """
        if self._plan is None:
            raise ValueError(f"{who(self)} has no generated code: it is not built, or its author wrote its `call`.")
        return self._plan.code()

    def symbols(self) -> tuple[Any, Any]:
        """The symbolic inputs and outputs; a copy of a model records its own."""
        if self._plan is None:
            raise AttributeError(f"{who(self)} has no symbolic inputs and outputs: it is not built, or its author wrote "
                                 "its `call`.")  # fmt: skip
        if self._symbols is None:
            flat = [Input(batch_shape=self._plan.values[value.index][0], dtype=self._plan.values[value.index][1],
                          name=name) for value, name in zip(self._plan.inputs, self._input_names, strict=True)]  # fmt: skip
            for tensor, name in zip(flat, self._input_names, strict=True):
                own = next((m for m in self._modules.values() if isinstance(m, InputLayer) and m.name == name), None)
                if own is not None and tensor.node is not None:
                    tensor.node.target = own
                    own._nodes.append(tensor.node)
            tensors_of = self._plan.replay(self, flat)
            self._symbols = (map_structure(flat.__getitem__, self._input_structure), tensors_of(self._plan.outputs))
        return self._symbols

    @property
    def input(self) -> Any:
        """The symbolic input, or the structure of them."""
        return self.symbols()[0]

    @property
    def output(self) -> Any:
        """The symbolic output, or the structure of them."""
        return self.symbols()[1]

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic inputs, as a list."""
        return leaves(self.input)

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic outputs, as a list."""
        return leaves(self.output)

    # -- any model --

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of a subclassed model by running its ``call`` without data."""
        if self._plan is None and input_shape is not None and type(self).call is not Model.call:
            self.built = True
            try:
                run_for_shape(self, input_shape)
            except Exception:
                self.built = False
                raise

    @property
    def layers(self) -> list[Any]:
        """The layers, in Keras's order."""
        if self._plan is not None:
            self.symbols()
        return [child for _, child in children_of(self)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """The layer of this name, or at this index of :attr:`layers`."""
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"{who(self)} has {len(layers)} layers, and index {index} was asked for.")
            return layers[index]
        names = [getattr(layer, "name", type(layer).__name__) for layer in layers]
        if name not in names:
            raise ValueError(f"{who(self)} has no layer named {name!r}.{did_you_mean(name, names)} "
                             f"Its layers are: {', '.join(names)}.")  # fmt: skip
        return layers[names.index(name)]

    @property
    def weights(self) -> list[torch.Tensor]:
        """All weights, in Keras's order."""
        if not self.built:
            raise ValueError(f"{who(self)} has no weights yet: it is not built. Give its first layer an input_shape, call "
                             "it on data, or build() it with an input shape.")  # fmt: skip
        return super().weights

    variables = weights

    def summary(self, line_length: int | None = None, print_fn: Any = None, **options: Any) -> None:
        """Print a table of the layers: name and class, output shape, parameters, and what each is connected to."""
        print_summary(self, line_length=line_length, print_fn=print_fn, **options)

    # -- saving --

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True, **older: Any) -> None:
        """Save how the model is made, its weights and how it trains to a ``.keras`` file.

        The file is written beside and then renamed, so a crash leaves the one that was there.
        """
        for unknown in set(older) - {"include_optimizer", "save_format", "zipped"}:
            raise TypeError(f"save() got an unknown argument {unknown!r}.")
        keras_zip.save(self, filepath, overwrite)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Save the weights to a ``.weights.h5`` file, in Keras 3's layout."""
        weights_h5.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """Set the weights from a ``.weights.h5`` file; nothing changes when one does not fit."""
        weights_h5.load_weights(self, filepath, skip_mismatch)

    def to_json(self, **options: Any) -> str:
        """How the model is made and compiled, as Keras 3's JSON; ``lamina.models.model_from_json`` reads it."""
        return keras_zip.to_json(self, **options)

    def get_config(self) -> dict[str, Any]:
        """How the model is made: its layers and their connections, or a subclass's constructor arguments."""
        if self._plan is not None and type(self).call is Model.call:
            return functional.to_config(self)
        return super().get_config()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """A new model, with new weights, from what ``get_config`` returned."""
        if "layers" not in config or "output_layers" not in config:
            return super().from_config(config)
        _check_keys(config, FUNCTIONAL_KEYS)
        inputs, outputs = functional.from_config(config, custom_objects)
        model = cls(inputs=inputs, outputs=outputs, name=config.get("name"))
        if not config.get("trainable", True):
            model.trainable = False
        return model

    def get_build_config(self) -> dict[str, Any] | None:
        """What the model was built for, as files keep it; the config of a functional model says so itself."""
        if self._plan is not None and not isinstance(self, Sequential):
            return {"input_shape": None}
        return super().get_build_config()

    def get_compile_config(self) -> dict[str, Any]:
        """What ``compile`` was told, as plain values; empty when it was not called."""
        setup = self.compile_setup
        if setup is None:
            return {}
        told = {"optimizer": setup.optimizer, "loss": setup.loss, "loss_weights": setup.loss_weights,
                "metrics": setup.metrics, "weighted_metrics": setup.weighted_metrics,
                "run_eagerly": setup.run_eagerly, "steps_per_execution": 1, "jit_compile": setup.jit_compile}  # fmt: skip
        return {name: serialize(value) for name, value in told.items()}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as :meth:`get_compile_config` says."""
        if not config:
            return
        with reading(config):
            _check_keys(config, COMPILE_KEYS)
            told = {
                name: deserialize(config[name], kind=kind) for name, kind in COMPILE_KINDS.items() if name in config
            }
            if told.get("optimizer") is not None:
                self.compile(**told)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_forward": None, "_symbols": None, "_functions": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._plan is not None:
            self.compile_plan()


class Sequential(Model):
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

    _keras_class_name = "Sequential"
    _keras_module = "keras"

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(name=name, trainable=trainable)
        self._chain: tuple[SymbolicTensor, SymbolicTensor] | None = None  # the input, and the last layer's output
        for layer in layers if layers is not None else ():
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Put a layer at the end of the stack.

        Raises:
            ValueError: when another layer has the same name, or the layer does not fit what the stack gives. The error
                shows the summary up to there, and the model is left as it was.
        """
        layer = self._as_layer(layer)
        if isinstance(layer, InputLayer):
            if self._chain is not None or self._modules:
                raise ValueError(f"{who(self)} has its input already; an Input can only come first.")
            return self._start(layer.output)
        name = getattr(layer, "name", None)
        twin = self._modules.get(module_key(layer, self._is_reserved, ()))
        if twin is not None and name is not None and getattr(twin, "name", None) == name:
            raise ValueError(
                f"{who(self)} has a layer named {name!r} already. Give the new one another name with `name=`."
            )
        self._restore_chain()
        before, shape = self._chain, first_input_shape(layer)
        if before is None and not self._modules and shape is not None:
            self._start(Input(batch_shape=shape, dtype=first_input_dtype(layer)))
        self._extend([layer], otherwise=before)
        self._modules[self._key(layer)] = layer
        self._forget_plan()

    def pop(self) -> Any:
        """Take the last layer off the stack, and return it."""
        if not self._modules:
            raise TypeError(f"{who(self)} has no layers to take off.")
        self._restore_chain()
        _, layer = self._modules.popitem()
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
            shape = as_shapes(input_shape)
            self._start(Input(batch_shape=(None, *shape[1:]), dtype=dtype))
            self._extend(self._modules.values(), otherwise=None)
        self.prepare()

    def prepare(self) -> None:
        """Plan the stack, when its input is known and it changed since it was last planned."""
        if self._chain is not None and self._plan is None and self._modules:
            plan = Plan([self._chain[0]], self._chain[1], self._is_reserved)
            plan.modules = {key: module for key, module in plan.modules.items() if not isinstance(module, InputLayer)}
            self._adopt(plan, *self._chain)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Run the layers in order."""
        if self._plan is None:
            if torch.compiler.is_compiling() or not self._modules:
                return self._call_unplanned(inputs)
            self.prepare() if self._chain is not None else self.build(tuple(inputs.shape))
        return Model.call(self, inputs, mask)

    forward = call

    def _call_unplanned(self, inputs: Any) -> Any:
        """The layers one after the other: ``torch.compile`` is tracing, and makes no plans. Masks would get lost."""
        layers = list(self._modules.values())
        if not all(getattr(layer, "built", True) and not getattr(layer, "_makes_masks", False) for layer in layers):
            raise ValueError(f"{who(self)} must be built before torch.compile traces it: call build() or the model.")
        for layer in layers:
            inputs = layer(inputs)
        return inputs

    def _start(self, tensor: SymbolicTensor) -> None:
        self._chain = (tensor, tensor)

    def _extend(self, layers: Iterable[Any], otherwise: tuple[SymbolicTensor, SymbolicTensor] | None) -> None:
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
                error.add_note(f"The model so far:\n{self._summary_so_far()}")
                self._chain = otherwise
                raise
            self._chain = (self._chain[0], output)

    def _restore_chain(self) -> None:
        """A copied or unpickled stack has a plan and no symbolic tensors; to change it, it needs them again."""
        if self._chain is None and self._plan is not None:
            inputs, outputs = self.symbols()
            self._chain = (inputs, outputs)

    def _summary_so_far(self) -> str:
        lines: list[str] = []
        print_summary(self, print_fn=lines.append)
        return "\n".join(lines)

    def _as_layer(self, layer: Any) -> Any:
        if isinstance(layer, SymbolicTensor) and layer.node is not None and isinstance(layer.node.target, InputLayer):
            return layer.node.target
        if isinstance(layer, nn.Module):
            return layer
        if callable(layer) and not isinstance(layer, type):
            return Lambda(layer)
        raise TypeError(f"A Sequential is made of layers, modules and functions, and got {describe(layer)}.")

    def _key(self, layer: Any) -> str:
        return module_key(layer, self._is_reserved, self._modules)

    def _forget_plan(self) -> None:
        self._plan, self._forward, self._symbols = None, None, None
        self.built = False
        if self._chain is not None:
            self.prepare_lazily()

    def prepare_lazily(self) -> None:
        """The weights exist, so the model counts as built; the plan itself waits for the first use."""
        self.built = True
        self._plain_call = False

    def symbols(self) -> tuple[Any, Any]:
        if self._chain is not None and self._plan is None and self._symbols is None:
            return self._chain
        return super().symbols()

    @property
    def layers(self) -> list[Any]:
        """The layers, in order; an ``Input`` does not count, as in Keras."""
        return list(self._modules.values())

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
        if self._plan is not None:
            layers.insert(0, self.inputs[0].node.target)  # pyright: ignore[reportOptionalMemberAccess]
        for layer in layers:
            if not isinstance(layer, Layer):
                raise ValueError(f"{who(self)} contains the torch module {type(layer).__name__}, which a config can't "
                                 "describe. Save its state_dict with torch.save, or make a Layer of it.")  # fmt: skip
        config["layers"] = [serialize(layer) for layer in layers]
        if self._plan is not None:
            config["build_input_shape"] = self.input_shape
        return config

    @classmethod
    def from_config(cls, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """A new stack, with new weights, from what ``get_config`` returned (Keras 1 and early 2: a list of layers)."""
        settings: dict[str, Any] = {"layers": config} if isinstance(config, list) else config
        _check_keys(settings, SEQUENTIAL_KEYS)
        if not isinstance(settings.get("layers"), list):
            raise ValueError(f"The config of a {cls.__name__} has a list of layers.")
        model = cls(name=settings.get("name"))
        for entry in settings["layers"]:
            with reading(entry):
                model.add(deserialize(entry, custom_objects, kind="layer"))
        if not model.built and settings.get("build_input_shape") is not None:
            model.build(as_shapes(settings["build_input_shape"]))
        if not settings.get("trainable", True):
            model.trainable = False
        return model

    def __getstate__(self) -> dict[str, Any]:
        self.prepare()
        return {**super().__getstate__(), "_chain": None}


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
COMPILE_KINDS = {"optimizer": "optimizer", "loss": "loss", "loss_weights": "value", "metrics": "metric",
                 "weighted_metrics": "metric", "run_eagerly": "value", "jit_compile": "value"}  # fmt: skip
COMPILE_KEYS = (*COMPILE_KINDS, "steps_per_execution", "auto_scale_loss", "sample_weight_mode", "pss_evaluation_shards")
SEQUENTIAL_KEYS = ("name", "trainable", "dtype", "layers", "build_input_shape")
FUNCTIONAL_KEYS = ("name", "trainable", "dtype", "layers", "input_layers", "output_layers")


def _check_keys(config: dict[str, Any], known: tuple[str, ...]) -> None:
    unknown = [key for key in config if key not in known]
    if unknown:
        raise ValueError(f"The config has an unknown key {unknown[0]!r}.{did_you_mean(unknown[0], known)}")


def model_from_json(text: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model, with new weights, that :meth:`Model.to_json` described."""
    return model_from_config(read_json(text, "the JSON of the model"), custom_objects)


def model_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The model, with new weights, that a config with its class name describes; compiled when the config says how."""
    model = deserialize(config, custom_objects, kind="layer")
    if not isinstance(model, Model):
        raise ValueError(f"The config describes {describe(model)}, and a model was expected.")
    with CustomObjectScope(custom_objects or {}):
        model.compile_from_config(config.get("compile_config") or {})
    return model


def clone_model(model: Any, input_tensors: Any = None, clone_function: Callable[[Any], Any] | None = None) -> Any:
    """An equal model with new weights.

    Arguments:
        input_tensors: symbolic tensors for a functional clone to begin with; by default new ones like the model's.
        clone_function: makes a layer's clone; by default from the layer's config, and nested models the same way.
    """
    copy = clone_function or _clone_layer
    if isinstance(model, Sequential):
        start = [Input(batch_shape=model.input_shape, dtype=model.inputs[0].dtype)] if model._plan is not None else []
        return type(model)([*(input_tensors or start), *map(copy, model.layers)], name=model.name)
    if getattr(model, "_plan", None) is None:
        return type(model).from_config(model.get_config())
    parts: dict[str, Any] = {key: copy(module) for key, module in model._plan.modules.items()
                             if not isinstance(module, InputLayer)}  # fmt: skip
    constants = {key: getattr(model, key).detach().clone() for key in model._plan.constants}
    flat = leaves(input_tensors) if input_tensors is not None else [
        Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name) for tensor in model.inputs]  # fmt: skip
    tensors_of = model._plan.replay(SimpleNamespace(**parts, **constants), flat)
    inputs = map_structure(flat.__getitem__, model._input_structure)
    return type(model)(inputs=inputs, outputs=tensors_of(model._plan.outputs), name=model.name)


def _clone_layer(layer: Any) -> Any:
    if isinstance(layer, Model):
        return clone_model(layer)
    return type(layer).from_config(layer.get_config()) if isinstance(layer, Layer) else deepcopy(layer)


LAYERS.add(Model, "Functional")
LAYERS.add(Sequential)

__all__ = ["Input", "Model", "Sequential", "clone_model", "load_model", "model_from_config", "model_from_json",
           "save_model"]  # fmt: skip
