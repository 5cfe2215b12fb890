"""The layer protocol: ``__init__`` stores a config, ``build`` makes weights, ``call`` computes.

A layer is an ``nn.Module``. Its weights are parameters and buffers, its ``training`` flag is torch's, and what a model's
generated code runs is ``nn.Module.__call__`` and the body of ``call``. Everything else happens before: names are
translated when the layer is made (``construction``), shapes and masks are settled when it is called without data
(``calling``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import nn

from lamina import naming, regularizers
from lamina.dialects import habits
from lamina.dtypes import DTypePolicy, DTypePolicyMap, PolicyLike, as_dtype, as_policy, dtype_name
from lamina.engine import calling, precision
from lamina.engine.beside_arrays import with_words_of_keras
from lamina.engine.construction import LayerMeta, derive_config, for_subclasses, from_config, unknown_argument
from lamina.engine.describing import arguments_text
from lamina.engine.devices import accelerator_or_none, names_a_device
from lamina.engine.input_spec import InputSpec
from lamina.engine.keras3 import Keras3Methods
from lamina.engine.modes import for_authors
from lamina.engine.tools import as_forward, properties_of, set_unless_read_only, to_override
from lamina.engine.types import InputOptions
from lamina.engine.unbuilt import NoneYet, refuses_state
from lamina.graph.symbolic import Node, SymbolicTensor
from lamina.lasting import lasting
from lamina.registry import Table, serialize
from lamina.regularizers import RegularizerLike
from lamina.tracebacks import explain_call, shorten

LAYERS: Table[Layer] = Table("layer", "keras.layers")


class Layer(Keras3Methods, metaclass=LayerMeta):
    """The base of all layers, lamina's and yours. A layer of yours needs only ``call`` (or, in torch's way, ``forward``).

    Arguments:
        activity_regularizer: a penalty on the layer's output, added to the loss, divided by the batch size.
        trainable: whether training changes the weights.
        dtype: a dtype or policy name, ``"mixed_bfloat16"`` among them; by default the program's policy.
        autocast: whether float inputs are cast to the layer's compute type.
        name: unique in a model; by default made from the class: ``dense``, ``dense_1``.
        kwargs: ``input_shape`` (without the batch), ``batch_input_shape``/``batch_shape`` (with it) or ``input_dim``
            on the first layer of a model; ``weights``: the initial weights (Keras 1 and 2).

    Raises:
        ValueError: for an argument that the layer does not have, with the nearest one that it has.

    Source: https://keras.io/api/layers/base_layer/

    >>> class Scale(Layer):
    ...     def __init__(self, factor, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.factor = factor
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale(3)(torch.ones(2))
    tensor([3., 3.])
    >>> Scale(3, name="triple").get_config()["factor"]
    3
    """

    # What the class is like; each is read when a layer is built, never per call.
    supports_masking: bool = False  # whether a mask passes through unchanged
    takes_integers: bool = True  # whether integers and truth values are computed with as they are, not as floats
    input_spec: Any = None
    stateful: bool = False
    _computes: bool = True  # whether it computes itself, and does not leave that to the layers inside
    _casts_inputs: bool = True  # whether float inputs are cast to that type
    _gives_compute_type: bool = True  # whether the floats that it gives are of the type that it computes in

    call: Callable[..., Any]
    _arguments: dict[str, Any]
    _call_parameters: Mapping[str, inspect.Parameter] = MappingProxyType({})
    _call_arguments: frozenset[str] = frozenset()
    _infers_shape: bool = True  # whether `call` is run without data to see what it returns
    _inherits_shape: bool = False  # ... although there is a rule, which is asked where that fails
    _has_own_spec: bool = False
    _makes_masks: bool = False
    _builds_weights: bool = False  # whether `build` makes weights
    _begins_masks: bool = False  # whether it may do so when its inputs have none; asked of lamina's own layers only
    _mask_arguments: tuple[str, ...] = ()
    _hands_over_mask: bool = False  # whether `call` appends the mask that it works out to a list `kept_masks`
    _built: bool = False
    _is_built_at_once: bool = False  # whether Keras says of a new one that it is built: no weights, no shape to know
    _is_builtin: bool = False
    _training_after: str = ""  # the argument of `call` after which Keras's has `training`; by default the last
    _runs_own_code: bool = (
        True  # whether `call` is, or runs, code of the user's, which makes tensors where torch's default is
    )
    _placed: bool = False  # whether somebody said where the layer is to be
    _away: torch.device | None = None  # that place, where it is an accelerator
    _takes_inputs_to: torch.device | None = None  # of a model that `fit` moved: tensors on the CPU come along
    _call_is_builtin: bool = False
    _keras_class_name: str = "Layer"
    _sums_activity: bool = False  # whether the penalty on outputs is added as it is, as in Keras 1 and 2
    _policies: DTypePolicyMap | None = None  # that the policy is one of

    def __init__(
        self,
        *,
        activity_regularizer: RegularizerLike = None,
        trainable: bool = True,
        dtype: PolicyLike = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Unpack[InputOptions],
    ) -> None:
        super().__init__()
        if name is not None and (not isinstance(name, str) or not name):
            raise ValueError(f"The name of a layer must be a non-empty string, and {type(self).__name__} got {name!r}.")
        own = name or naming.layer_name(getattr(self, "_keras_class_name", type(self).__name__))
        set_unless_read_only(self, "name", own)
        self.dtype_policy = as_policy(dtype if dtype is not None else _of_floats(kwargs.pop("input_dtype", None)))
        self.autocast = autocast
        set_unless_read_only(self, "activity_regularizer", regularizers.get(activity_regularizer))
        self._sums_activity = habits().sums_activity
        self._trainable = bool(trainable)
        self.built = False
        vars(self)["_parameters"] = NoneYet(self, self._parameters)
        self._plain_call = False
        self._nodes: list[Node] = []
        self._build_shapes: Any = None
        self._initial_weights = kwargs.pop("weights", None)
        self.batch_input_shape = calling.input_shape_argument(kwargs, type(self).__name__)
        for unknown in kwargs:
            raise ValueError(unknown_argument(type(self), unknown))

    if TYPE_CHECKING:
        # torch's says Tensor | Module of any name: `model.layers[0].units + 1` would be an error to checkers.
        def __getattr__(self, name: str) -> Any: ...

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        # torch calls forward, Keras users write call: whichever a class defines, the other name means the same.
        if "call" in own:
            cls.forward = as_forward(own["call"])
            if cls.__module__.startswith("lamina."):
                cls.call = for_authors(own["call"], cls._training_after)  # pyright: ignore[reportAttributeAccessIssue]
        elif "forward" in own:
            cls.call = cls.forward
        if "build" in own:
            cls.build = _managed_build(own["build"])
            cls._is_built_at_once = cls._is_built_at_once and cls.__module__.startswith("lamina.")
            cls._builds_weights = own.get("_builds_weights", True)
        if "compute_mask" in own and cls.__module__.startswith("lamina."):
            cls.compute_mask = with_words_of_keras(own["compute_mask"])
        cls.__jit_ignored_attributes__ = properties_of(cls)
        if "get_output_shape_for" in own:  # Keras 1's name
            cls.compute_output_shape = own["get_output_shape_for"]
        parameters = list(inspect.signature(cls.call).parameters.items())[1:] if hasattr(cls, "call") else []
        cls._call_parameters = parameters = dict(parameters)
        cls._call_arguments = frozenset(parameters)
        cls._infers_shape = _is_older_than_call(cls, "compute_output_shape")
        cls._inherits_shape = cls.compute_output_shape is not Layer.compute_output_shape
        cls._has_own_spec = not _is_older_than_call(cls, "compute_output_spec")
        cls._makes_masks = cls.compute_mask is not Layer.compute_mask
        asked = list(inspect.signature(cls.compute_mask).parameters)[3:]  # after self, the inputs and their mask
        cls._mask_arguments = tuple(name for name in asked if name in cls._call_arguments)
        is_current = "call" in own or (cls._hands_over_mask and "compute_mask" not in own)
        cls._hands_over_mask = is_current and "kept_masks" in parameters
        cls._is_builtin = cls.__module__.startswith("lamina.")
        cls._runs_own_code = not cls._is_builtin or own.get("_runs_own_code", False)
        cls._call_is_builtin = getattr(getattr(cls, "call", None), "__module__", "").startswith("lamina.")
        if cls._is_builtin and Layer in cls.__bases__ and "takes_integers" not in own:
            cls.takes_integers = False
        if cls._is_builtin and "__init__" in own:
            cls.__init__ = for_subclasses(own["__init__"])  # pyright: ignore[reportAttributeAccessIssue]
        if "_keras_class_name" not in own:
            cls._keras_class_name = cls.__name__

    def forward(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """What a layer computes whose author wrote no ``call``: in Keras 1, 2 and tf.keras, its inputs."""
        if not habits().computes_nothing:
            raise NotImplementedError(f"{type(self).__name__} {self.name!r} has no `call`: write `def call(self, inputs)`, "
                                      "which returns what the layer computes.")  # fmt: skip
        return inputs

    @property
    def built(self) -> bool:
        """Whether all weights are made. An author's ``build`` may set it."""
        return self._built or self._is_built_at_once

    @built.setter
    def built(self, value: bool) -> None:
        self._built = bool(value)

    # -- to override --

    @to_override
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (the batch is ``None``). Called once, by the first call."""
        self._built_for(calling.as_shapes(input_shape))

    @to_override
    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape for an input's; ``None`` stands for what is unknown. Unless overridden, ``call`` is run
        without data to see."""
        return calling.run_for_shape(self, input_shape)

    @to_override
    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic tensors for what a call on symbolic tensors returns; nothing is recorded. To override where shapes say
        too little."""
        return calling.output_spec(self, args, kwargs)

    @to_override
    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the outputs. Unless overridden, the inputs' own; a call asks only layers that let masks pass."""
        return previous_mask

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain values: enough to make an equal, unbuilt layer with ``from_config``."""
        config = {"name": self.name, "trainable": self.trainable, "dtype": serialize(self.dtype_policy)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize(self.activity_regularizer)
            if self._sums_activity is not habits().sums_activity:
                config["sums_activity"] = self._sums_activity
        return config | derive_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new layer from what ``get_config`` returned."""
        return from_config(cls, config)

    def get_build_config(self) -> dict[str, Any] | None:
        """What the layer was built for, as files keep it; ``None`` for a layer that ``build`` makes nothing for."""
        shapes = self._build_shapes
        if shapes is None or type(self).build is Layer.build:
            return None
        arguments = calling.parameters_of(type(self).build)
        if not isinstance(shapes, dict) or not all(name.endswith("_shape") or name in arguments for name in shapes):
            return {"input_shape": shapes}
        return {"input_shape": next(iter(shapes.values()))} if len(shapes) == 1 else {"shapes_dict": shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for what :meth:`get_build_config` returned."""
        shapes = {name: calling.as_shapes(shape) for name, shape in config.get("shapes_dict", {}).items()}
        if shapes:
            self.build(**shapes)
        elif config.get("input_shape") is not None:
            self.build(calling.as_shapes(config["input_shape"]))

    # -- calling --

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # The common case, decided when the layer was built: tensors of the right type and nothing to see to.
        try:
            if self._plain_call and args and not kwargs:
                for x in args[0] if len(args) == 1 and type(args[0]) is list else args:
                    if (type(x) is not torch.Tensor or hasattr(x, "_keras_mask") or not (x.dtype is self._compute_dtype
                            or (self.takes_integers and not x.dtype.is_floating_point))):  # fmt: skip
                        break
                else:
                    try:
                        return nn.Module.__call__(self, *args)
                    except Exception as error:
                        if not calling.is_made_again(self, args, error):
                            raise
                        return nn.Module.__call__(self, *args)
            return calling.call_with_care(self, args, kwargs)
        except Exception as error:
            explain_call(error, getattr(self, "call", None), name=calling.who(self), further=("training",))
            shorten(error)
            raise

    # -- what it is --

    @property
    def dtype_policy(self) -> DTypePolicy:
        """The types in which weights are stored and the layer computes; a name or config is taken for one. Of a
        ``DTypePolicyMap`` the layer follows what it has for its path."""
        return self._policies or self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, policy: Any) -> None:
        given = as_policy(policy)
        if isinstance(given, DTypePolicyMap):
            self._policies = given
        elif self._policies is not None:
            self._policies.pop(self._own_path(), None)
            self._policies[self._own_path()] = given
        self._follow_policy(given)

    def _follow_policy(self, policy: DTypePolicy) -> None:
        self._dtype_policy = policy
        self._compute_dtype = as_dtype(policy.compute_dtype)
        self._is_mixed = policy.compute_dtype != policy.variable_dtype

    @property
    def dtype(self) -> str:
        """The type in which weights are stored."""
        return self._dtype_policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """The type in which the layer computes."""
        return self._dtype_policy.compute_dtype

    def _built_for(self, shapes: Any) -> None:
        """After ``build``: what is decided once, for all later calls."""
        self._build_shapes = shapes
        self.built = True
        self._settle_path()
        vars(self)["_parameters"] = dict(dict.items(self._parameters))  # in place of one that warns
        self._plain_call = self._is_plain()

    def _is_plain(self) -> bool:
        """Whether a call of the layer, which is built, is the common case when its inputs are."""
        return (
            all(not isinstance(part, Layer) or part._adds_no_loss() for part in self.modules())
            and self.autocast
            and not (self._makes_masks and self._begins_masks)
            and "training" not in self._call_arguments
            and not self._is_mixed
            and not precision.is_mixing()
            and self._remat_mode is None
            and self._takes_inputs_to is None
            and not (self._runs_own_code and self._away is not None)
        )

    def _takes(self, dtype: torch.dtype) -> bool:
        """Whether inputs of this type are computed with as they are."""
        return dtype is self._compute_dtype or (self.takes_integers and not dtype.is_floating_point)

    def _adds_no_loss(self) -> bool:
        return self._is_builtin and self.activity_regularizer is None

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        # .to(torch.float64), .half(), ... : the policy follows the weights.
        if isinstance(self._parameters, NoneYet):
            self._parameters.is_covered = True
        super()._apply(fn, recurse)
        if _asks_for_order(fn):  # .to(memory_format=torch.contiguous_format); torch asks it of four and five axes only
            for weight in dict.values(self._parameters):
                if weight is not None:
                    weight.data = weight.data.contiguous()
        changed = fn(torch.empty(0, dtype=self._compute_dtype, device="cpu"))
        if changed.dtype is not self._compute_dtype:
            self.dtype_policy = DTypePolicy(dtype_name(changed.dtype))
        if names_a_device(fn):  # .to(device), .cpu(), .cuda(), .to_empty(device=...)
            self._settle_at(changed.device)
        return self

    def _settle_at(self, device: torch.device, takes_inputs: bool = False) -> None:
        """Remember that the layer was placed, and where; ``takes_inputs`` of a model that has tensors come to it."""
        self._placed = True
        self._away = accelerator_or_none(device)
        self._takes_inputs_to = device if takes_inputs else None
        if self._built:
            self._plain_call = self._is_plain()

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "built" in state:  # pickled when it was an attribute
            state = {**state, "_built": state["built"]}
            del state["built"]
        super().__setstate__(state)

    def __getstate__(self) -> dict[str, Any]:
        # Recorded calls belong to the session that described the model, and losses to the last call's data: a copy makes
        # its own when it needs them.
        return {**self.__dict__, "_nodes": [], "_losses": [], "_owner": None}

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any, **kwargs: Any
    ) -> None:
        if not self.built and refuses_state(self, state_dict, prefix, args[-1]):
            return
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args, **kwargs)

    def __prepare_scriptable__(self) -> Any:
        raise TypeError(f"{calling.who(self)}: torch.jit.script can't read the Python of a layer. torch.export.export(model, "
                        "(example,)) and torch.jit.trace(model, example) take the model as it is.")  # fmt: skip

    def extra_repr(self) -> str:
        """What ``print(model)`` shows of the layer besides its class."""
        return arguments_text(self)


def _of_floats(input_dtype: Any) -> Any:
    """The type of weights that goes with Keras 1's ``input_dtype``: its own, where the input is of floats."""
    return input_dtype if input_dtype is None or "float" in str(input_dtype) else None


def _asks_for_order(fn: Callable[[torch.Tensor], torch.Tensor]) -> bool:
    """Whether what ``_apply`` does to weights puts them into the order of their axes."""
    return fn(torch.empty(1, 2, 2, 2, device="cpu").to(memory_format=torch.channels_last)).is_contiguous()


def _is_older_than_call(cls: type[Layer], rule: str) -> bool:
    """Whether a rule says nothing of a class's ``call``: it is the base's, or a layer's of lamina, whose ``call`` a subclass
    of the user's replaced."""
    for base in cls.__mro__:
        if rule in vars(base):
            return base is Layer
        if not base.__module__.startswith("lamina.") and ("call" in vars(base) or "forward" in vars(base)):
            return True
    return True


def _managed_build(build: Callable[..., None]) -> Callable[..., None]:
    """``build`` that marks the layer built, remembers the shapes, and leaves no half-made weights when it fails."""
    names = list(inspect.signature(build).parameters)[1:]

    make = lasting(build)

    @functools.wraps(build)
    def managed(self: Layer, *args: Any, **kwargs: Any) -> None:
        owned: tuple[Any, ...] = (self._buffers, self._modules)
        before = [dict(part) for part in owned]
        parameters = self._parameters
        vars(self)["_parameters"] = dict(dict.items(parameters))  # which tells nobody that it is empty
        cls = type(self)
        if self._policies is not None:  # now that the layer is where it is to be
            self._follow_policy(self._policies[self._own_path()])
        try:
            make(self, *args, **kwargs)
        except Exception:
            for part, kept in zip(owned, before, strict=True):
                part.clear()
                part.update(kept)
            vars(self)["_parameters"] = parameters
            self.__class__ = cls  # low-rank weights change it
            raise
        shapes: Any = dict(zip(names, args, strict=False)) | kwargs
        if len(shapes) == 1 and not next(iter(shapes)).endswith("_shape"):  # the input's, whatever it is called
            shapes = next(iter(shapes.values()))
        self._built_for(calling.as_shapes(shapes))
        outermost = getattr(type(self).build, "__wrapped__", None) is build
        if outermost and self._initial_weights is not None:
            initial, self._initial_weights = self._initial_weights, None
            self.set_weights(initial)

    return managed


__all__ = ["LAYERS", "InputSpec", "Layer", "SymbolicTensor"]
