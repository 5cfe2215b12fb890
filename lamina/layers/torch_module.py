"""TorchModuleWrapper: a module of torch as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from torch import nn

from lamina.engine import calling
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, Layer
from lamina.engine.modes import set_mode
from lamina.engine.types import OptionsButName
from lamina.errors import describe
from lamina.graph.symbolic import SymbolicTensor
from lamina.registry import deserialize


@LAYERS.register()
class TorchModuleWrapper(Layer):
    """``module(*args, **kwargs)``: a module of torch with a layer's name, shapes, ``get_weights`` and ``trainable``.

    A model takes a module as it is, too; this layer is for code that wraps it, and for ``Sequential`` models that are
    saved.

    Arguments:
        module: the module. A lazy one must have been called once.
        name: the layer's name.
        output_shape: the output's shape, the batch included; by default it is found out.

    Shape: the module's. Weights: the module's parameters and buffers.

    A file can hold the layer when the module's class is registered (``register_keras_serializable``) and has
    ``get_config``; the module itself is never pickled.

    Raises:
        TypeError: when ``module`` is not an ``nn.Module``, or is to be written into a config and has no ``get_config``.
        ValueError: when it is a lazy module without weights.

    Source: https://keras.io/api/layers/backend_specific_layers/torch_module_wrapper/

    >>> import torch
    >>> TorchModuleWrapper(nn.Linear(4, 2))(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    _is_built_at_once = True
    takes_integers = True
    _gives_compute_type = False  # the module has types of its own

    def __init__(self, module: nn.Module, name: str | None = None, output_shape: Sequence[int | None] | None = None,
                 **kwargs: Unpack[OptionsButName]) -> None:  # fmt: skip
        super().__init__(name=name, **kwargs)
        if not isinstance(module, nn.Module):
            raise TypeError(f"{who(self)} needs an nn.Module, and got {describe(module)}.")
        if any(isinstance(weight, nn.parameter.UninitializedParameter) for weight in module.parameters()):
            raise ValueError(f"{who(self)} got a lazy module, {type(module).__name__}, that has no weights yet. Call it "
                             "once before.")  # fmt: skip
        self.module = module
        set_mode(module, self.training)
        self.output_shape_rule = output_shape

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic outputs; with no shape given, the module is run without data to see."""
        if self.output_shape_rule is None:
            return calling.run_without_data(self, args, kwargs)
        return SymbolicTensor(tuple(self.output_shape_rule), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.output_shape_rule is None:
            return calling.run_for_shape(self, input_shape)
        return tuple(self.output_shape_rule)

    def get_config(self) -> dict[str, Any]:
        if not hasattr(self.module, "get_config"):
            raise TypeError(f"{who(self)} can't be written into a config: {type(self.module).__name__} has no get_config. "
                            "Give its class one and register it, or save the state_dict with torch.save.")  # fmt: skip
        return super().get_config() | {"output_shape": self.output_shape_rule}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        if not isinstance(config.get("module"), dict):
            raise ValueError("The module of a TorchModuleWrapper was saved as a pickle, which lamina does not open. Build the "
                             "model in code and load its weights.")  # fmt: skip
        return super().from_config(config | {"module": deserialize(config["module"], kind="layer")})
