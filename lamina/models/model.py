"""``Model``: functional models, which are planned, and the base of models that write their own ``call``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

import torch
from torch import nn

from lamina import naming
from lamina.display import Code
from lamina.engine.calling import as_shapes, run_for_shape, run_for_shapes, run_with_care, who
from lamina.engine.layer import Layer
from lamina.engine.modes import set_mode
from lamina.engine.tools import to_override, tracer_of
from lamina.engine.tracking import children_of
from lamina.engine.types import OptionsButName
from lamina.engine.weights import within_memory
from lamina.errors import describe
from lamina.graph.nests import by_key, leaves, map_structure
from lamina.graph.plan import Plan, compile_graph, without_list_of_one
from lamina.graph.symbolic import SymbolicTensor, is_symbolic
from lamina.layers.core import AddLoss, Aside, Input, InputLayer
from lamina.models.files import FileMethods
from lamina.models.keras3 import Keras3Model
from lamina.models.keys import Keyed
from lamina.models.older import OlderModel
from lamina.registry import check_keys
from lamina.saving import functional
from lamina.variables import Weight, are_unchanged


class Model(Keras3Model, OlderModel, FileMethods, Keyed):
    """A model: layers that belong together, with ``compile``, ``fit``, ``evaluate``, ``predict`` and ``save``.

    ``Model(inputs, outputs)`` is the way from symbolic inputs to symbolic outputs. A subclass makes its layers in
    ``__init__`` and uses them in ``call``.

    Arguments:
        inputs: a symbolic tensor from ``Input()``, or a list or dict of them (Keras 1: ``input``).
        outputs: what the layers made of them, in any structure (Keras 1: ``output``). A call returns that structure; of a
            list of one it returns what is in it.
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
    _begins_masks = True
    _training_after = "inputs"
    _gives_compute_type = False
    _keras_class_name = "Functional"
    _keras_module = "keras.src.models.functional"

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None,
                 **kwargs: Unpack[OptionsButName]) -> None:  # fmt: skip
        super().__init__(name=name, **kwargs)
        self._plan: Plan | None = None
        self._forward: Callable[..., Any] | None = None
        self._forward_with_masks: Callable[..., Any] | None = None
        self._symbols: tuple[Any, Any, list[Any]] | None = None
        if inputs is not None or outputs is not None:
            self._describe(inputs, outputs)

    # -- functional models --

    def _describe(self, inputs: Any, outputs: Any, aside: Sequence[Any] = ()) -> None:
        for what, structure in (("inputs", inputs), ("outputs", outputs)):
            for leaf in leaves(structure):
                if not isinstance(leaf, SymbolicTensor):
                    raise ValueError(f"The {what} of a model must be symbolic tensors, which come from Input(), and got "
                                     f"{describe(leaf)}.")  # fmt: skip
        inputs, outputs = by_key(inputs), by_key(outputs)
        plan = Plan(leaves(inputs), outputs, self._keys_of, aside)
        names = [getattr(module, "name", key) for key, module in plan.modules.items()]
        for position, layer_name in enumerate(names):
            if layer_name in names[:position]:
                raise ValueError(f"Two layers of {type(self).__name__} {self.name!r} are named {layer_name!r}. Layers of "
                                 "a model need different names: give one of them another with `name=`.")  # fmt: skip
        # A plan stands for the symbolic tensors, which a copy of the model must not drag along.
        self._arguments = {name: value for name, value in self._arguments.items() if not is_symbolic(value)}
        self._adopt(plan, inputs, outputs, aside)

    def _adopt(self, plan: Plan, inputs: Any, outputs: Any, aside: Sequence[Any] = ()) -> None:
        """Own what the plan uses, and forget an earlier plan."""
        self._plan, self._forward, self._symbols = plan, None, (inputs, outputs, list(aside))
        for key, module in plan.modules.items():
            self._modules[key] = module
            if not isinstance(module, Layer):  # torch's own modules start out training, ours inferring
                set_mode(module, self.training)
        self._constants = frozenset(plan.constants)
        for key, constant in plan.constants.items():
            if isinstance(constant, torch.Tensor) and not isinstance(constant, nn.Parameter):
                self.register_buffer(key, constant)
            else:
                setattr(self, key, constant)
        tensors = leaves(inputs)
        self._input_names = [tensor.name or f"input_{i}" for i, tensor in enumerate(tensors)]
        numbers = iter(range(len(tensors)))
        self._input_structure = map_structure(lambda _: next(numbers), inputs)
        self._read_input_kinds(plan)
        # Inputs are of the types that they state; the layers see to their own, torch's modules know of none.
        self._casts_inputs, self._computes = False, not all(isinstance(part, Layer) for part in plan.modules.values())
        self._makes_masks = any(mask is not None for mask in plan.masks)
        self._hands_over_mask = self._makes_masks and type(self)._hands_over_mask
        self._built_for(map_structure(lambda tensor: tensor.shape, inputs))
        self.compile_plan()

    def _read_input_kinds(self, plan: Plan) -> None:
        kinds = [plan.values[value.index] for value in plan.inputs]
        self._input_kinds = [(len(shape), shape[-1:] == (1,), dtype) for shape, dtype in kinds]
        rank, _, dtype = self._input_kinds[0]
        self._only_dtypes = _INDICES if dtype in _INDICES else frozenset((dtype,))
        self._only_rank = rank if self._input_structure == 0 else None  # the common case: one input, taken as it is

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        # .to(torch.float64), .half(), ... : what the inputs and all values are, follows the weights.
        super()._apply(fn, recurse)
        if self._plan is not None:
            self._plan.convert(lambda dtype: fn(torch.empty(0, dtype=dtype)).dtype)
            self._read_input_kinds(self._plan)
            for tensor in leaves(self._symbols[0]) if self._symbols is not None else ():
                tensor.node.target._apply(fn)
        return self

    @to_override
    def call(self, inputs: Any, mask: Any = None, *, kept_masks: list[Any] | None = None) -> Any:
        """Run the plan; the outputs' masks go into the list ``kept_masks``. A subclass that was not given ``inputs`` and
        ``outputs`` writes its own."""
        if self._plan is None:
            raise NotImplementedError(f"Model {self.name!r} has neither inputs and outputs nor a `call` of its own. "
                                      "Write `call(self, inputs)` in the class.")  # fmt: skip
        forward = self._forward or self.compile_plan()
        if type(kept_masks) is list and self._forward_with_masks is not None:
            outputs, masks = self._forward_with_masks(self, *self.flatten_inputs(inputs, mask))
            kept_masks.append(masks)
            return outputs
        if (mask is None and type(inputs) is torch.Tensor and inputs.dim() == self._only_rank
                and inputs.dtype in self._only_dtypes):  # fmt: skip
            return forward(self, inputs)
        return forward(self, *self.flatten_inputs(inputs, mask))

    forward = call

    def call_with_masks(self, *args: Any, **kwargs: Any) -> tuple[Any, list[Any]]:
        """What a call returns and, one for each output, the masks of that. A model around this one asks for both at once."""
        if is_symbolic(args):
            outputs = self(*args, **kwargs)
            return outputs, [getattr(leaf, "mask", None) for leaf in leaves(outputs)]
        outputs, masks = run_with_care(self, args, kwargs)
        return outputs, masks[0] if masks else leaves([self.compute_mask(args[0], kwargs.get("mask"))])

    def compile_plan(self) -> Callable[..., Any]:
        """The generated forward function of a planned model."""
        if self._plan is None:
            raise ValueError(f"{who(self)} has no plan: it is not built, or its author wrote its `call`.")
        self._forward = compile_graph(self._plan.emit())
        if self._hands_over_mask:
            self._forward_with_masks = compile_graph(self._plan.emit((self._plan.outputs, self._plan.masks)))
        return self._forward

    def flatten_inputs(self, inputs: Any, mask: Any = None) -> list[Any]:
        """The inputs in the order of the plan, from the structure, a list, or a dict by input name; each is brought to
        the rank and type that its ``Input`` states."""
        structure = self._input_structure
        if tracer_of(leaves(inputs)) is not None:  # torch.fx traces the model
            count = len(self._input_kinds)
            return (
                leaves(inputs) if count == 1 or isinstance(inputs, (list, tuple)) else [inputs[i] for i in range(count)]
            )
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
        flat = [_adjusted(self, x, number) for number, x in enumerate(flat)]
        for x, one in zip(flat, leaves(mask), strict=False):
            if one is not None:
                x._keras_mask = one
        return flat

    @to_override
    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The masks of the outputs, where the plan has any."""
        if self._plan is None or all(mask is None for mask in self._plan.masks):
            return previous_mask if self._plan is None else None
        masks = compile_graph(self._plan.emit(self._plan.masks, aside=False))(
            self, *self.flatten_inputs(inputs, previous_mask)
        )
        return masks[0] if len(masks) == 1 else masks

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
        return Code(self._plan.code())

    def add_loss(self, loss: Any) -> None:
        """Add a number (or a list of them) to what ``fit`` minimises: one that a call computed, inside ``call``, or once and
        for all a symbolic tensor that the layers of a functional model gave, as Keras 1 and 2 have it.

        >>> from lamina.layers import Dense, Input
        >>> x = Input(shape=(4,), name="x")
        >>> code = Dense(2, name="code")(x)
        >>> model = Model(x, Dense(4, name="again")(code))
        >>> model.add_loss(1e-2 * code.square().mean())
        >>> model.compile("adam", "mse")
        """
        losses = list(loss) if isinstance(loss, (list, tuple)) else [loss]
        symbolic = [one for one in losses if is_symbolic(one)]
        if not symbolic or self._plan is None or self._keras_class_name != "Functional" or are_unchanged():
            return super().add_loss(loss)
        self.also_compute([AddLoss()(one) for one in symbolic])
        super().add_loss([one for one in losses if not is_symbolic(one)])

    def also_compute(self, tensors: Sequence[SymbolicTensor]) -> None:
        """Have each call compute further tensors, which it does not give out."""
        inputs, outputs, aside = self._recorded()
        self._describe(inputs, outputs, [*aside, *tensors])

    def compute_aside(self, tensors: Sequence[SymbolicTensor]) -> list[Aside]:
        """Have each call compute further tensors, too, and give the layers that hold them, in place of earlier ones."""
        inputs, outputs, aside = self._recorded()
        kept = [tensor for tensor in aside if not (tensor.node and isinstance(tensor.node.target, Aside))]
        made = [Aside() for _ in tensors]
        self._describe(inputs, outputs, kept + [layer(tensor) for layer, tensor in zip(made, tensors, strict=True)])
        return made

    def symbols(self) -> tuple[Any, Any]:
        """The symbolic inputs and outputs; a copy of a model records its own."""
        return self._recorded()[:2]

    def _recorded(self) -> tuple[Any, Any, list[Any]]:
        """The symbolic inputs, outputs, and what is computed aside."""
        if self._plan is None:
            raise AttributeError(f"{who(self)} has no symbolic inputs and outputs: it is not built, or its author wrote "
                                 "its `call`.")  # fmt: skip
        if self._symbols is None:
            self._symbols = _recorded_again(self, self._plan)
        return self._symbols

    @property
    def input(self) -> Any:
        """The symbolic input, or the structure of them."""
        return as_asked(self.symbols()[0])

    @property
    def output(self) -> Any:
        """The symbolic output, or the structure of them."""
        return as_asked(self.symbols()[1])

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic inputs, as a list."""
        return leaves(self.symbols()[0])

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic outputs, as a list."""
        return leaves(self.symbols()[1])

    # -- any model --

    @to_override
    def build(self, input_shape: Any = None) -> None:
        """Make the weights of a subclassed model by running its ``call`` without data."""
        if self._plan is None and input_shape is not None and type(self).call is not Model.call:
            self.built = True
            try:
                run_for_shape(self, input_shape)
            except Exception:
                self.built = False
                raise

    def build_from_shapes(self, shapes: dict[str, Any]) -> None:
        """:meth:`build` for a ``call`` of several tensors: a shape for each, ``{"query_shape": ..., "value_shape": ...}``."""
        if type(self).build is not Model.build or self._plan is not None:
            return self.build(next(iter(shapes.values())))
        self.built = True
        try:
            run_for_shapes(self, shapes)
        except Exception:
            self.built = False
            raise
        self._built_for(shapes)

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for what :meth:`get_build_config` returned."""
        shapes = config.get("shapes_dict")
        if shapes:
            self.build_from_shapes({name: as_shapes(shape) for name, shape in shapes.items()})
        else:
            super().build_from_config(config)

    @property
    def layers(self) -> list[Layer]:
        """The layers, in Keras's order."""
        if self._plan is not None:
            self.symbols()
        children: list[Any] = [
            child for _, child in children_of(self)
        ]  # torch's modules among them, where there are any
        return [child for child in children if not isinstance(child, Aside)]

    @property
    def weights(self) -> list[Weight]:
        """All weights, in Keras's order. Those of a model without a forward pass (a GAN), or whose parts are all built, are
        those of its parts."""
        if not self.built and self._runs_forward() and not self._parts_are_built():
            raise ValueError(f"{who(self)} has no weights yet: it is not built. Give its first layer an input_shape, call "
                             "it on data, or build() it with an input shape.")  # fmt: skip
        return super().weights

    variables = weights

    def _parts_are_built(self) -> bool:
        parts = [module for module in self.modules() if module is not self]
        return bool(parts) and all(getattr(part, "built", True) for part in parts)

    # -- config --

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
        check_keys(config, FUNCTIONAL_KEYS)
        with within_memory():
            inputs, outputs, aside = functional.from_config(config, custom_objects)
        model = cls(inputs=inputs, outputs=outputs, name=config.get("name"))
        if aside:
            model._describe(inputs, outputs, aside)
        if not config.get("trainable", True):
            model.trainable = False
        return model

    def get_build_config(self) -> dict[str, Any] | None:
        """What the model was built for, as files keep it; the config of a functional model says so itself."""
        if self._plan is not None:
            return {"input_shape": None}
        return super().get_build_config()

    def _runs_forward(self) -> bool:
        return self._plan is not None or type(self).call is not Model.call

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_forward": None, "_forward_with_masks": None, "_symbols": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._plan is not None:
            self.compile_plan()


_INDICES = frozenset((torch.int32, torch.int64))  # of which either will do


def _adjusted(model: Model, x: Any, number: int) -> Any:
    """An input with the axes and the type that its ``Input`` states."""
    rank, ends_in_one, dtype = model._input_kinds[number]
    if x is None:
        return x
    given = len(x.shape)
    if given == rank - 1 and ends_in_one:
        x = torch.unsqueeze(x, -1)
    elif given == rank + 1 and x.shape[-1] == 1:
        x = torch.squeeze(x, -1)
    elif given != rank:
        raise ValueError(f"Input {model._input_names[number]!r} of {who(model)} takes {rank} axes (the batch is the "
                         f"first), and got {tuple(x.shape)}, which has {given}.")  # fmt: skip
    if x.dtype is not dtype and isinstance(x, torch.Tensor) and not {x.dtype, dtype} <= _INDICES:
        x = x.to(dtype)
    return x


Model._builds_weights = False  # its `build` runs `call`, in which its layers make theirs


def as_asked(structure: Any) -> Any:
    """The inputs or outputs of a model; a list of one is that one in older dialects, whatever the model was described by."""
    return without_list_of_one(structure) if naming.names_differ() else structure


def _recorded_again(model: Model, plan: Plan) -> tuple[Any, Any, list[Any]]:
    """Symbolic inputs and outputs of a model that has none, which is a copy; and what is computed aside."""
    flat = [Input(batch_shape=plan.values[value.index][0], dtype=plan.values[value.index][1], name=name)
            for value, name in zip(plan.inputs, model._input_names, strict=True)]  # fmt: skip
    modules: list[Any] = list(model.children())
    inputs = {module.name: module for module in modules if isinstance(module, InputLayer)}
    for tensor, name in zip(flat, model._input_names, strict=True):
        if name in inputs and tensor.node is not None:
            tensor.node.target = inputs[name]
            inputs[name]._nodes.append(tensor.node)
    tensors_of = plan.replay(model, flat)
    return (
        map_structure(flat.__getitem__, model._input_structure),
        tensors_of(plan.stated_outputs),
        tensors_of(plan.aside),
    )


FUNCTIONAL_KEYS = ("name", "trainable", "dtype", "layers", "input_layers", "output_layers")
