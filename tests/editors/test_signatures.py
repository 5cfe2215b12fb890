"""What ``help``, IPython and Shift-Tab show of the public names: the arguments, one by one."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

import lamina
from lamina.compat import paths

PACKAGE = Path(lamina.__file__).parent


def is_there(name: str) -> bool:
    place = PACKAGE.parent.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


NAMESPACES = sorted({name for names in paths.PATHS.values() for name in names if is_there(name)} - {"lamina.layers"})
# Why a function or class takes `*names` or `**names`.
_KERAS = "as in Keras"
_OWN = "handed on to what the caller gives"
_TYPED = "a TypedDict says which"
OPEN = {
    "lamina.ops.einsum": _KERAS, "lamina.ops.layer_normalization": _KERAS, "lamina.ops.meshgrid": _KERAS,
    "lamina.ops.multi_hot": _KERAS, "lamina.ops.rearrange": _KERAS, "lamina.ops.switch": _OWN,
    "lamina.tree.map_structure": _KERAS, "lamina.tree.map_structure_up_to": _KERAS,
    "lamina.backend.function": _KERAS, "lamina.backend.result_type": _KERAS,
    "lamina.callbacks.CallbackList": _KERAS, "lamina.callbacks.LambdaCallback": _TYPED,
    "lamina.callbacks.TensorBoard": _TYPED, "lamina.datasets.imdb.load_data": _KERAS,
    "lamina.losses.LossFunctionWrapper": _OWN, "lamina.metrics.MeanMetricWrapper": _OWN,
    "lamina.optimizers.Optimizer": _TYPED, "lamina.optimizers.LossScaleOptimizer": _TYPED,
    "lamina.optimizers.TorchOptimizer": _OWN, "lamina.visualization.plot_segmentation_mask_gallery": _KERAS,
    "lamina.utils.Config": _KERAS, "lamina.utils.save_img": _KERAS,
}  # fmt: skip


def public() -> dict[str, Any]:
    """Every public callable but layers by its dotted name, the shortest of an object's."""
    found: dict[int, tuple[str, Any]] = {}
    for namespace in sorted(NAMESPACES, key=lambda name: (name == "lamina", len(name))):
        module = importlib.import_module(namespace)
        for name in getattr(module, "__all__", ()):
            member = getattr(module, name)
            is_layer = isinstance(member, type) and issubclass(member, lamina.Layer)  # see test_editors
            if callable(member) and type(member).__module__ not in ("typing", "collections.abc") and not is_layer:
                found.setdefault(id(member), (f"{namespace}.{name}", member))
    return dict(found.values())


PUBLIC = public()


def stars(signature: inspect.Signature) -> list[str]:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [name for name, parameter in signature.parameters.items() if parameter.kind in kinds]


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_the_arguments_are_shown(name: str):
    signature = inspect.signature(PUBLIC[name])
    assert bool(stars(signature)) == (name in OPEN), f"{signature}: spell it out, or say in OPEN why not"
    assert len(stars(signature)) < 2 or len(signature.parameters) > 2, "bare (*args, **kwargs)"


@pytest.mark.parametrize("name", sorted(name for name, member in PUBLIC.items() if isinstance(member, type)))
def test_a_class_shows_what_its_constructor_takes(name: str):
    cls = PUBLIC[name]
    maker = next((base.__dict__[method] for base in cls.__mro__ for method in ("__new__", "__init__")
                  if method in base.__dict__ and base is not object), None)  # fmt: skip
    shown = list(inspect.signature(cls).parameters.values())
    if maker is None:
        assert not shown
    else:
        assert shown == list(inspect.signature(maker).parameters.values())[1:]


def test_every_exception_is_needed():
    assert OPEN.keys() <= PUBLIC.keys()


MODEL_METHODS = (
    "compile", "fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch", "fit_generator",
    "evaluate_generator", "predict_generator", "predict_classes", "predict_proba", "save", "save_weights",
    "load_weights", "summary", "get_layer", "build", "train_step", "test_step", "compute_loss", "compute_metrics",
)  # fmt: skip


@pytest.mark.parametrize("cls", [lamina.Model, lamina.Sequential])
@pytest.mark.parametrize("name", MODEL_METHODS)
def test_methods_of_models_show_their_arguments(cls: type, name: str):
    # compile ends in torch's own options, of which a TypedDict says which there are.
    assert stars(inspect.signature(getattr(cls, name))) == (["torch_options"] if name == "compile" else [])
    assert inspect.getdoc(getattr(cls, name))


def test_keras_s_arguments_stand_in_keras_s_order():
    import keras  # the oracle, which takes seconds to import

    for name in ("fit", "evaluate", "predict", "compile", "train_on_batch", "test_on_batch", "predict_on_batch"):
        theirs = [one for one in inspect.signature(getattr(keras.Model, name)).parameters if one != "kwargs"]
        assert list(inspect.signature(getattr(lamina.Model, name)).parameters)[: len(theirs)] == theirs, name
    ours = inspect.signature(lamina.optimizers.Adam).parameters
    assert set(inspect.signature(keras.optimizers.Adam).parameters) - {"kwargs"} <= set(ours)
