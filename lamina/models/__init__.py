"""Models: ``Sequential`` (a stack of layers), functional ``Model(inputs, outputs)`` and models that subclass ``Model``.

The first two are planned: the order of calls, masks and names are settled when the model is described, and what runs is
the generated code that ``model.code`` shows. A subclassed model runs the ``call`` that its author wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar

from lamina.engine.layer import LAYERS, Layer
from lamina.engine.weights import within_memory
from lamina.errors import describe
from lamina.graph.symbolic import leaves, map_structure
from lamina.layers.core import Input, InputLayer, Lambda
from lamina.models.branches import Merge, merge
from lamina.models.model import Model
from lamina.models.sequential import Sequential
from lamina.registry import ConfigError, CustomObjectScope, deserialize
from lamina.saving import load_model, save_model
from lamina.saving.files import naming, read_json
from lamina.saving.keras3_words import in_laminas_words
from lamina.saving.limits import check_counts
from lamina.saving.needed import all_named
from lamina.saving.older_configs import dialect_of, in_todays_form, in_words_of
from lamina.saving.yaml_text import read_yaml
from lamina.tracebacks import door

__all__ = [
    "Input", "Merge", "Model", "Sequential", "clone_model", "load_model", "merge", "model_from_config",
    "model_from_json", "model_from_yaml", "save_model",
]  # fmt: skip

AnyModel = TypeVar("AnyModel", bound=Model)


@door
def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Model:
    """The model, with new weights, that :meth:`Model.to_json` described, in any generation of Keras: its words mean what they
    meant in the version that it names."""
    where = "the JSON of the model"
    return _described(read_json(json_string, where), where, custom_objects)


@door
def model_from_yaml(yaml_string: str, custom_objects: dict[str, Any] | None = None) -> Model:
    """The model, with new weights, that :meth:`Model.to_yaml` described, in Keras 1, 2, tf.keras before 2.6 or here: like
    :func:`model_from_json`, for YAML. Nothing in it is run: a tag that would make an object is an error.

    Raises:
        ImportError: without PyYAML (``pip install 'lamina[yaml]'``).
        ValueError: for what is no description of a model.

    >>> text = "class_name: Sequential\\nconfig:\\n- class_name: Dense\\n  config: {units: 2, batch_input_shape: [null, 3]}"
    >>> model_from_yaml(text).output_shape
    (None, 2)
    """
    where = "the YAML of the model"
    return _described(read_yaml(yaml_string, where), where, custom_objects)


def _described(config: Any, where: str, custom_objects: dict[str, Any] | None) -> Model:
    check_counts(config, where)
    dialect = dialect_of(config.get("keras_version") if isinstance(config, dict) else None, config)
    with naming(where), in_words_of(dialect, where):
        return model_from_config(in_todays_form(config) if dialect else in_laminas_words(config), custom_objects)


def model_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Model:
    """The model, with new weights, that a config with its class name describes; compiled when the config says how."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise ConfigError("This should be the config of a model, a dictionary with its class_name.", config)
    with CustomObjectScope(custom_objects or {}), all_named(config):
        with within_memory():
            model = deserialize(config, kind="layer")
        if not isinstance(model, Model):
            raise ConfigError(f"This describes {describe(model)}, and a model was expected.", config)
        model.compile_from_config(config.get("compile_config") or {})
    return model


@door
def clone_model(
    model: AnyModel,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> AnyModel:
    """An equal model with new weights, compiled as the model is, with an optimizer of its own.

    Arguments:
        input_tensors: symbolic tensors for a functional clone to begin with; by default new ones like the model's.
        call_function: ``(layer, *args, **kwargs)`` calls a layer of a functional clone, by default as it is.
        recursive: whether the layers of models inside are cloned by ``clone_function``, too, and not those models.
        clone_function: makes a layer's clone; by default from the layer's config, and nested models the same way.
    """
    flat = clone_function or _clone_layer

    def copy(layer: Any) -> Any:
        goes_inside = recursive and isinstance(layer, Model)
        return clone_model(layer, None, flat, call_function, True) if goes_inside else flat(layer)

    if call_function is not None and (isinstance(model, Sequential) or getattr(model, "_plan", None) is None):
        raise ValueError(f"call_function is for functional models, and got {describe(model)}.")
    clone = _cloned(model, input_tensors, copy, call_function)
    if isinstance(model, Sequential):  # Keras's functional clones forget it; the layers know for themselves
        clone.__dict__["_trainable"] = model.trainable
    clone.compile_as(model)
    return clone


def _cloned(
    model: Any, input_tensors: Any, copy: Callable[[Any], Any], call_function: Callable[..., Any] | None
) -> Any:
    if isinstance(model, Sequential):
        model.prepare()
        known = model._plan is not None and len(model.inputs) == 1  # several inputs are the first layer's own
        start = [Input(batch_shape=model.input_shape, dtype=model.inputs[0].dtype)] if known else []
        return type(model)([*(input_tensors or start), *map(copy, model.layers)], name=model.name)
    if getattr(model, "_plan", None) is None:
        return type(model).from_config(model.get_config())
    parts: dict[str, Any] = {key: copy(module) for key, module in model._plan.modules.items()
                             if not isinstance(module, InputLayer)}  # fmt: skip
    constants = {key: getattr(model, key).detach().clone() for key in model._plan.constants}
    flat = leaves(input_tensors) if input_tensors is not None else [
        Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name) for tensor in model.inputs]  # fmt: skip
    called = parts if call_function is None else {key: partial(call_function, part) for key, part in parts.items()}
    tensors_of = model._plan.replay(SimpleNamespace(**called, **constants), flat)
    inputs = map_structure(flat.__getitem__, model._input_structure)
    outputs, losses = tensors_of(model._plan.stated_outputs), tensors_of(model._plan.aside)
    clone = type(model)(inputs=inputs, outputs=outputs, name=model.name)
    if losses:
        clone._describe(inputs, outputs, losses)
    return clone


def _clone_layer(layer: Any) -> Any:
    if isinstance(layer, Model):
        return clone_model(layer)
    if isinstance(layer, Lambda):
        return deepcopy(layer)  # no config can name a function of the user's that is not registered
    return type(layer).from_config(layer.get_config()) if isinstance(layer, Layer) else deepcopy(layer)


LAYERS.add(Model, "Functional")
LAYERS.add(Sequential)
LAYERS.members["Merge"] = Merge


def __dir__() -> list[str]:
    return __all__
