"""The core layers: inputs, Dense and its relatives, and the layers that wrap one simple idea.

EinsumDense, the dropout layers and those that only reshape, which Keras counts among them, have files of their own.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypedDict, Unpack

import numpy as np
import torch
from torch.nn import functional as F

from lamina import activations, constraints, initializers, regularizers
from lamina.activations import ActivationLike
from lamina.constraints import ConstraintLike
from lamina.dtypes import FULL_FLOATS, DTypeLike, as_dtype, dtype_name
from lamina.engine import calling
from lamina.engine.arguments import positive_int
from lamina.engine.input_spec import is_shape
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import Int, LayerOptions, OtherOptions, ShapeLike
from lamina.graph.symbolic import Node, Shape, SymbolicTensor
from lamina.initializers import InitializerLike
from lamina.layers.dropout import Dropout as Dropout
from lamina.layers.dropout import SpatialDropout1D as SpatialDropout1D
from lamina.layers.dropout import SpatialDropout2D as SpatialDropout2D
from lamina.layers.dropout import SpatialDropout3D as SpatialDropout3D
from lamina.layers.einsum_dense import EinsumDense as EinsumDense
from lamina.layers.low_rank import LowRank
from lamina.layers.reshaping import Flatten as Flatten
from lamina.layers.reshaping import Permute as Permute
from lamina.layers.reshaping import RepeatVector as RepeatVector
from lamina.layers.reshaping import Reshape as Reshape
from lamina.registry import CustomObjectScope, FunctionConfig, UnknownName, deserialize, find_named, serialize
from lamina.regularizers import RegularizerLike
from lamina.tracebacks import door
from lamina.variables import Weight


class _InputLayerOptions(TypedDict, total=False):
    input_shape: ShapeLike | None
    batch_input_shape: Sequence[Int | None] | None
    trainable: bool


@LAYERS.register()
class InputLayer(Layer):
    """Where a model's data comes in. ``Input(...)`` makes one and returns its symbolic tensor.

    Arguments:
        shape: the shape without the batch; an unknown size is ``None``.
        batch_size: the size of a batch, when it is fixed.
        batch_shape: the shape with the batch, in place of both (Keras 1 and 2: ``batch_input_shape``).
        dtype: the type of data; ``floatx`` by default.
        name: the input's name.

    Source: https://keras.io/api/layers/core_layers/input/

    >>> InputLayer(shape=(16,)).output.shape
    (None, 16)
    """

    takes_integers = True
    _is_built_at_once = True

    def __init__(
        self,
        shape: ShapeLike | None = None,
        batch_size: Int | None = None,
        dtype: DTypeLike = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[Int | None] | None = None,
        name: str | None = None,
        optional: bool = False,
        **kwargs: Unpack[_InputLayerOptions],
    ) -> None:
        if ragged:
            raise ValueError("Input does not support ragged tensors; pad them (pad_sequences) and mask them.")
        super().__init__(name=name, **kwargs)
        if shape is not None and batch_shape is not None:
            raise ValueError("Input takes either shape (without the batch) or batch_shape (with it), and got both.")
        if batch_shape is None:
            batch_shape = self.batch_input_shape
        if batch_shape is None:
            if shape is None:
                raise ValueError("Input needs a shape: the sizes of one sample, such as shape=(28, 28, 1).")
            batch_shape = (batch_size, *((shape,) if isinstance(shape, int) else shape))
        self.batch_shape = tuple(None if size is None else int(size) for size in batch_shape)
        self.data_dtype = as_dtype(dtype)
        self.optional = optional
        tensor = SymbolicTensor(self.batch_shape, self.data_dtype, name=self.name)
        self._nodes.append(Node(self, (), {}, tensor))
        self.built = True

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        self.data_dtype = fn(torch.empty(0, dtype=self.data_dtype)).dtype
        return self

    def call(self) -> Any:
        raise NotImplementedError(f"Input {self.name!r} computes nothing; call the model that it belongs to.")

    def get_config(self) -> dict[str, Any]:
        return {"batch_shape": self.batch_shape, "dtype": dtype_name(self.data_dtype), "sparse": False,
                "ragged": False, "name": self.name, "optional": self.optional}  # fmt: skip


@door
def Input(
    shape: ShapeLike | None = None,
    batch_size: Int | None = None,
    dtype: DTypeLike = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[Int | None] | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> Any:
    """A symbolic tensor: what a functional model is described with.

    Arguments: as :class:`InputLayer`, which refuses ``ragged``. ``tensor``: a symbolic tensor that is returned as it is.

    Source: https://keras.io/api/layers/core_layers/input/

    >>> Input(shape=(32,)).shape
    (None, 32)
    """
    if tensor is not None:
        return tensor
    return InputLayer(shape=shape, batch_size=batch_size, dtype=dtype, sparse=sparse, ragged=ragged,
                      batch_shape=batch_shape, name=name, optional=optional).output  # fmt: skip


@LAYERS.register()
class Dense(LowRank):
    """``activation(inputs @ kernel + bias)`` over the last axis.

    Arguments:
        units: the size of the output's last axis, a positive integer (Keras 1: ``output_dim``).
        activation: a name or function; ``None`` is linear.
        use_bias: whether ``bias`` is added (Keras 1: ``bias``).
        kernel_initializer, bias_initializer: how the weights start (Keras 1: ``init`` for the kernel).
        kernel_regularizer, bias_regularizer: penalties on the weights (Keras 1: ``W_regularizer``, ``b_regularizer``).
        activity_regularizer: a penalty on the output.
        kernel_constraint, bias_constraint: applied after each update (Keras 1: ``W_constraint``, ``b_constraint``).
        lora_rank, lora_alpha: when ``lora_rank`` is given, the kernel is frozen, and a product of two matrices of that rank,
            times ``lora_alpha / lora_rank``, is trained in its place; see :meth:`enable_lora`.

    Shape: ``(*batch, features) -> (*batch, units)``. Weights: ``kernel`` ``(features, units)``, ``bias`` ``(units,)``.

    Raises:
        ValueError: when ``units`` is not a positive integer, or the input's last axis is unknown or not the one that
            the layer was built for.

    Source: https://keras.io/api/layers/core_layers/dense/

    >>> Dense(10)(torch.zeros(2, 4)).shape
    torch.Size([2, 10])
    """

    kernel: Weight
    bias: Weight | None

    def __init__(
        self,
        units: Int,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: Int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Unpack[OtherOptions],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_int(units, "units", self)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._settle_low_rank(lora_rank, lora_alpha)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f"Dense {self.name!r} needs to know the size of its input's last axis, and got {input_shape}."
            )
        # Stored so that `kernel.t()` is contiguous, as torch's matrix products like it best.
        self.kernel = self.add_weight(
            name="kernel", shape=(features, self.units), layout=(1, 0), initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint)  # fmt: skip
        self.bias = self.add_weight(
            name="bias", shape=(self.units,), initializer=self.bias_initializer,
            regularizer=self.bias_regularizer, constraint=self.bias_constraint) if self.use_bias else None  # fmt: skip
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self._adapt_if_asked()

    def pre_activation(self, inputs: torch.Tensor) -> torch.Tensor:
        """``inputs @ kernel + bias``."""
        if inputs.dim() == 2 and self.bias is not None:
            return torch.addmm(self.bias, inputs, self.kernel)  # (B, in) -> (B, units), in one call
        return F.linear(inputs, self.kernel.t(), self.bias)  # (*, in) -> (*, units)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return activations.over(self.activation, self.pre_activation(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)


@LAYERS.register()
class Activation(Layer):
    """``activation(inputs)``, element by element.

    Arguments:
        activation: a name (``"relu"``, ``"softmax"``, ...) or a function.

    Shape: any -> the same.

    Source: https://keras.io/api/layers/core_layers/activation/

    >>> Activation("relu")(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    _is_built_at_once = True
    supports_masking = True

    def __init__(self, activation: ActivationLike, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def pre_activation(self, inputs: torch.Tensor) -> torch.Tensor:
        """The inputs: this layer is nothing but its activation."""
        return inputs

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.activation(inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@LAYERS.register()
class Identity(Layer):
    """The inputs, unchanged.

    Shape: any -> the same.

    Source: https://keras.io/api/layers/core_layers/identity/

    >>> Identity()(torch.tensor([1, 2]))
    tensor([1, 2])
    """

    _is_built_at_once = True
    supports_masking = True
    takes_integers = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_spec(self, inputs: Any) -> Any:
        """The inputs' own shapes and types, whatever structure holds them."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@LAYERS.register()
class Masking(Layer):
    """Masks the steps at which all features equal ``mask_value``; the outputs there are 0.

    Arguments:
        mask_value: the number that marks a step as missing (or a tensor of one for each feature).

    Shape: ``(batch, steps, *features)`` -> the same, with a mask ``(batch, steps)`` where there is one features axis.

    Source: https://keras.io/api/layers/core_layers/masking/

    >>> Masking(mask_value=9.0)(torch.tensor([[[1.0, 9.0], [9.0, 9.0]]]))
    tensor([[[1., 9.],
             [0., 0.]]])
    """

    _is_built_at_once = True
    supports_masking = True
    _begins_masks = True

    def __init__(
        self, mask_value: float | np.ndarray | torch.Tensor | dict[str, Any] = 0.0, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.mask_value: Any = deserialize(mask_value) if isinstance(mask_value, dict) else mask_value

    @property
    def _is_number(self) -> bool:
        return isinstance(self.mask_value, (int, float)) and math.isfinite(self.mask_value)

    def call(self, inputs: torch.Tensor, *, kept_masks: list[Any] | None = None) -> torch.Tensor:
        mask = self.compute_mask(inputs)  # (B, T)
        if kept_masks is not None:
            kept_masks.append(mask)
        kept = mask.unsqueeze(-1)
        return inputs * kept if self._is_number else torch.where(kept, inputs, 0.0)  # (B, T, F)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        if self._is_number and isinstance(inputs, torch.Tensor) and inputs.dtype in FULL_FLOATS and inputs.shape[-1]:
            # The same in a third of the time, where a difference is exact enough to tell: torch's `any` is slow.
            return (inputs.detach() - self.mask_value).abs_().amax(-1) != 0  # (B, T, F) -> (B, T)
        return torch.ne(inputs, self.mask_value).any(-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@LAYERS.register()
class ActivityRegularization(Layer):
    """The inputs, unchanged, with the penalty ``(l1 * sum(|x|) + l2 * sum(x ** 2)) / batch`` added to the loss.

    Arguments:
        l1: the factor of the absolute values' sum.
        l2: the factor of the squares' sum.

    Shape: any -> the same.

    Source: https://keras.io/api/layers/regularization_layers/activity_regularization/

    >>> layer = ActivityRegularization(l1=0.5)
    >>> layer(torch.tensor([[1.0, -3.0]])), layer.losses
    (tensor([[ 1., -3.]]), [tensor(2.)])
    """

    _is_built_at_once = True
    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Unpack[OtherOptions]) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != "activity_regularizer"}


@LAYERS.register()
class AddLoss(Layer):
    """The inputs, unchanged, which are added to what ``fit`` minimises; what is no single number is summed.

    ``model.add_loss(tensor)`` makes it of a symbolic tensor.

    Shape: any -> the same.

    Source: https://www.tensorflow.org/api_docs/python/tf/keras/Model#add_loss

    >>> layer = AddLoss()
    >>> _ = layer(torch.tensor(2.0))
    >>> layer.losses
    [tensor(2.)]
    """

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        self.add_loss(inputs)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@LAYERS.register()
class AddMetric(Layer):
    """The inputs, unchanged, whose mean over an epoch stands in the logs of training.

    ``model.add_metric(tensor, name="...")`` makes it of a symbolic tensor.

    Arguments:
        metric_name: the name in the logs.
        aggregation: ``"mean"``.

    Shape: any -> the same.

    Source: https://www.tensorflow.org/api_docs/python/tf/keras/Model#add_metric

    >>> layer = AddMetric("size")
    >>> _ = layer(torch.tensor([2.0, 4.0]))
    >>> [metric.result() for metric in layer.metrics]
    [tensor(3.)]
    """

    def __init__(
        self, metric_name: str, aggregation: Literal["mean"] | None = "mean", **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.metric_name = metric_name
        self.aggregation: Literal["mean"] | None = aggregation

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        self.add_metric(inputs, self.metric_name, self.aggregation)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@LAYERS.register()
class Aside(Layer):
    """The inputs, unchanged, of which it keeps hold until they are taken: for a loss that looks inside the model.

    Shape: any -> the same.

    >>> layer = Aside()
    >>> _ = layer(torch.tensor(2.0))
    >>> layer.take()
    tensor(2.)
    """

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        vars(self)["_held"] = inputs
        return inputs

    def take(self) -> torch.Tensor:
        """What the last call was given, once: it may hold on to a whole graph."""
        return vars(self).pop("_held")

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key != "_held"}

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@LAYERS.register()
class Lambda(Layer):
    """``function(inputs, **arguments)``: any function of tensors as a layer.

    Arguments:
        function: takes the inputs, and ``mask`` or ``training`` where it names them. Make it of torch functions.
        output_shape: the shape without the batch, or a function from input shape to output shape; found out when ``None``.
        mask: the mask of the outputs, or a function ``(inputs, mask) -> mask``. When ``None`` the outputs have none, since
            a function may do anything with the steps.
        arguments: further keyword arguments for ``function``.

    A file can name the function only when it was registered (``register_keras_serializable``): files hold no code.

    Source: https://keras.io/api/layers/core_layers/lambda/

    >>> Lambda(lambda x: x ** 2)(torch.tensor([3.0]))
    tensor([9.])
    """

    supports_masking = True
    takes_integers = True
    _runs_own_code = True

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Int | Sequence[Any] | Callable[..., Any] | None = None,
        mask: Callable[..., Any] | torch.Tensor | np.ndarray | None = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda needs a function, and got {function!r}.")
        self.function = function
        self.output_shape_rule = output_shape
        self.mask = mask
        self.arguments = dict(arguments or {})
        self._function_takes = frozenset(_parameter_names(function))

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        extra = {"mask": mask, "training": training}
        extra = {name: value for name, value in extra.items() if name in self._function_takes}
        return self.function(inputs, **self.arguments, **extra)

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """Symbolic outputs; with no rule given, the function is run to see."""
        if self.output_shape_rule is None:
            return calling.run_without_data(self, (inputs,), kwargs)
        return calling.map_shapes(lambda shape: SymbolicTensor(shape, self.compute_dtype),
                                  self.compute_output_shape(calling.shapes_of(inputs)))  # fmt: skip

    def compute_output_shape(self, input_shape: Any) -> Any:
        rule = self.output_shape_rule
        if rule is None:
            return calling.run_for_shape(self, input_shape)
        if callable(rule):
            return calling.as_shapes(rule(input_shape))
        batch = input_shape[0] if is_shape(input_shape) else input_shape[0][0]
        return calling.map_shapes(lambda shape: (batch, *shape), rule)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"output_shape": serialize(self.output_shape_rule)}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None, safe_mode: bool | None = None
    ) -> Any:
        with CustomObjectScope(custom_objects or {}):
            return super().from_config(config | cls._functions_in(config))

    @classmethod
    def _functions_in(cls, config: dict[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for key in ("function", "output_shape", "mask"):
            value = config.get(key)
            if isinstance(value, FunctionConfig):  # a config that was never written
                given[key] = value.function
            elif is_code(value):  # the shape can be found out, and a mask has its place in the function
                given[key] = _in_place_of_code(config.get("name")) if key == "function" else None
            elif isinstance(value, (dict, str)):
                given[key] = deserialize(
                    {"class_name": "function", "config": value} if isinstance(value, str) else value
                )
        return given


def is_code(value: Any) -> bool:
    """Whether a config holds the code of a function: in a dictionary since Keras 3, a list that begins with it before."""
    is_list = isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], str)
    return is_list or (isinstance(value, dict) and value.get("class_name") == "__lambda__")


def _in_place_of_code(name: Any) -> Any:
    found = find_named(name, None)
    if found is None:
        raise UnknownName(f"The function of Lambda {name!r} was saved as Python code, and lamina runs no code from a file. "
                          f"Pass it under the layer's name: custom_objects={{{name!r}: function}}.")  # fmt: skip
    return found


def _parameter_names(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # torch's built-in functions have no signature that Python can read
        return []
