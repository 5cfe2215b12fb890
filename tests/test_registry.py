"""Names to objects and back: tables, registered objects, scopes, and the strict decoder of configs."""

from __future__ import annotations

import builtins
import copy
import importlib
import json
import re
from typing import Any

import keras
import numpy as np
import pytest
import torch

from lamina import activations, constraints, initializers, losses, metrics, optimizers, regularizers
from lamina.layers import Dense, Layer
from lamina.models import Sequential
from lamina.registry import (
    TABLES,
    ConfigError,
    CustomObjectScope,
    check_written,
    deserialize,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize,
    snake_case,
)


@register_keras_serializable("registry_tests")
def tripled(x: Any) -> Any:
    return 3 * x


@register_keras_serializable("registry_tests", name="Renamed")
class Offset(Layer):
    """A layer with a number."""

    def __init__(self, by: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by = by

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs + self.by


# ---- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Conv2DTranspose", "LeakyReLU", "PReLU", "GRU", "LSTM", "ELU", "TimeDistributed", "Add",
                                  "MyBlock", "GlobalAveragePooling1D", "AUC", "R2Score"])  # fmt: skip
def test_snake_case_is_keras_s(name: str):
    assert snake_case(name) == keras.src.utils.naming.to_snake_case(name)


def test_registered_names():
    assert get_registered_name(tripled) == "registry_tests>tripled"
    assert get_registered_name(Offset) == "registry_tests>Renamed"
    assert get_registered_name(Dense) == "Dense"
    assert get_registered_object("registry_tests>Renamed") is Offset
    assert get_registered_object("Renamed") is Offset
    assert get_registered_object("Nobody") is None


def test_a_class_without_a_config_is_not_registered():
    with pytest.raises(ValueError, match=r"^Cannot register 'Bare': the class has no get_config\(\) method\.$"):

        @register_keras_serializable()
        class Bare:
            pass


def test_scopes_nest_and_end():
    def one(x: Any) -> Any:
        return x

    def two(x: Any) -> Any:
        return x

    with CustomObjectScope({"f": one}):
        with CustomObjectScope({"f": two}):
            assert activations.get("f") is two
        assert activations.get("f") is one
    with pytest.raises(ValueError, match="'f' is not a known activation"):
        activations.get("f")
    get_custom_objects()["f"] = one
    try:
        assert activations.get("f") is one
    finally:
        del get_custom_objects()["f"]


def test_the_caller_s_objects_come_first_and_registered_names_last():
    class Mine(Dense):
        """A Dense of the user's own."""

    config = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}, "registered_name": None}
    assert type(deserialize(config)) is Dense
    assert type(deserialize(config, {"Dense": Mine})) is Mine

    @register_keras_serializable("registry_tests", name="Flatten")
    class Other(Layer):
        """Has a name of lamina's, in a package of its own."""

    assert type(deserialize({"class_name": "Flatten", "config": {}})) is not Other
    assert (
        type(deserialize({"class_name": "Flatten", "config": {}, "registered_name": "registry_tests>Flatten"})) is Other
    )


def test_get_takes_names_configs_classes_and_objects():
    for module, name, cls in ((initializers, "glorot_uniform", "GlorotUniform"), (regularizers, "l2", "L2"),
                              (constraints, "non_neg", "NonNeg"), (optimizers, "adam", "Adam")):  # fmt: skip
        made = module.get(name)
        assert type(made).__name__ == cls
        assert type(module.get({"class_name": cls, "config": {}})) is type(made)
        assert type(module.get(type(made))) is type(made)
        assert module.get(made) is made
    assert [module.get(None) for module in (initializers, regularizers, constraints)] == [None, None, None]


def test_unknown_names_have_a_nearest_one():
    with pytest.raises(ValueError, match="'glorot_unifrm' is not a known initializer"):
        initializers.get("glorot_unifrm")
    with pytest.raises(ValueError, match="Expected a name, a config or an object for the initializer, and got 7"):
        initializers.get(7)


# ---- writing -------------------------------------------------------------------------------------------------------

VALUES = [None, True, 3, 2.5, "text", [1, [2]], {"a": {"b": 1}}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_plain_values_stay_what_they_are(value: Any):
    assert serialize(value) == value == keras.saving.serialize_keras_object(value)
    assert deserialize(serialize(value)) == value


def test_other_values():
    assert serialize((1, 2)) == [1, 2]
    assert serialize(torch.Size([1, 2])) == [1, 2]
    assert serialize(np.float32(0.5)) == 0.5
    assert serialize(torch.float16) == "float16"
    for value in (slice(1, None, 2), Ellipsis):
        assert deserialize(json.loads(json.dumps(serialize(value)))) == value
    tensor = deserialize(json.loads(json.dumps(serialize(torch.tensor([[1.5, 2]], dtype=torch.bfloat16)))))
    assert tensor.dtype is torch.bfloat16
    assert tensor.tolist() == [[1.5, 2.0]]
    array = deserialize(json.loads(json.dumps(serialize(np.arange(3, dtype="int8")))))
    assert array.dtype == np.int8
    assert array.tolist() == [0, 1, 2]
    assert deserialize({"class_name": "__tuple__", "items": [1, 2]}) == (1, 2)


def test_objects_are_written_as_keras_writes_them():
    pairs = [
        (initializers.HeNormal(seed=3), keras.initializers.HeNormal(seed=3)),
        (regularizers.L1L2(0.1, 0.2), keras.regularizers.L1L2(0.1, 0.2)),
        (constraints.MaxNorm(2), keras.constraints.MaxNorm(2)),
        (losses.MeanSquaredError(), keras.losses.MeanSquaredError()),
        (metrics.Precision(), keras.metrics.Precision()),
        (optimizers.schedules.PolynomialDecay(0.1, 2), keras.optimizers.schedules.PolynomialDecay(0.1, 2)),
    ]
    for ours, theirs in pairs:
        mine, wanted = serialize(ours), json.loads(json.dumps(keras.saving.serialize_keras_object(theirs)))
        assert mine.keys() == wanted.keys()
        assert {key: mine[key] for key in mine if key != "config"} == {
            key: wanted[key] for key in mine if key != "config"
        }
        assert mine["config"] | wanted["config"] == mine["config"]
        assert serialize(deserialize(wanted)) == mine


def test_your_own_objects_are_written_as_keras_writes_them():
    written = serialize(Offset(2.0, name="o"))
    assert (written["class_name"], written["registered_name"]) == ("Offset", "registry_tests>Renamed")
    assert deserialize(written).by == 2.0
    written = serialize(Dense(1, activation=tripled))["config"]["activation"]
    assert written == {"module": "builtins", "class_name": "function", "config": "registry_tests>tripled",
                       "registered_name": "function"}  # fmt: skip
    assert deserialize(written, kind="activation") is tripled
    assert deserialize(json.loads(json.dumps(written)), kind="activation") is tripled
    with pytest.raises(TypeError, match="Cannot write object"):
        serialize(object())


def test_a_function_stays_itself_in_memory_and_a_lambda_is_in_no_file():
    def local(x):
        return x + 1

    for function in (local, lambda x: x * 2):
        config = serialize([Dense(1, activation=function), {"f": function}])
        assert deserialize(copy.deepcopy(config))[0].activation is function
        assert deserialize(config)[1]["f"] is function
        with pytest.raises(ValueError, match=r"only plain values|runs no code from a file"):
            deserialize(config[1], kind="value")
    check_written(serialize(local))
    with pytest.raises(TypeError, match="A lambda can't be written into a file: files hold no code"):
        check_written(config)
    written = json.loads(json.dumps(config))
    with pytest.raises(ValueError, match="lamina runs no code from a file"):
        deserialize(written)
    with pytest.raises(ValueError, match="not registered"):
        deserialize(json.loads(json.dumps(serialize(local))))


# ---- reading -------------------------------------------------------------------------------------------------------


def test_kinds_limit_what_a_config_may_name():
    dense = {"class_name": "Dense", "config": {"units": 2}}
    assert isinstance(deserialize(dense, kind="layer"), Dense)
    for kind in TABLES.keys() - {"layer"}:
        with pytest.raises(ConfigError, match=f"'Dense' is no {kind} of lamina's, and not registered"):
            deserialize(dense, kind=kind)
    with pytest.raises(ConfigError, match="'Dense' stands where only plain values and tensors can"):
        deserialize([1, {"a": dense}], kind="value")


def test_the_place_of_an_error_is_named():
    config = serialize(Sequential([Dense(2, name="a"), Dense(3, name="b")]))
    config["config"]["layers"][1]["config"]["bias_initializer"]["class_name"] = "Zeroes"
    with pytest.raises(ConfigError) as error:
        deserialize(config)
    assert error.value.path == "config.layers[1].config.bias_initializer"
    assert str(error.value).startswith("config.layers[1].config.bias_initializer: 'Zeroes' is no initializer of lamina's, "
                                       "and not registered. Did you mean 'Zeros'?")  # fmt: skip
    error.value.where = "model.json"
    assert str(error.value).startswith("model.json, config.layers[1].config.bias_initializer: 'Zeroes'")
    assert isinstance(error.value.__cause__ or error.value, ValueError)


def test_reading_changes_no_config():
    class Popping(Layer):
        """Takes its config apart, as many do."""

        def __init__(self, inner: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.inner = inner

        @classmethod
        def from_config(cls, config: Any) -> Any:
            return cls(deserialize(config.pop("inner")), **config)

    config = {
        "class_name": "Popping",
        "config": {"inner": {"class_name": "Dense", "config": {"units": 2}}, "name": "p"},
    }
    before = json.dumps(config)
    for _ in range(2):
        assert deserialize(config, {"Popping": Popping}).inner.units == 2
    assert json.dumps(config) == before


def test_nothing_is_imported(monkeypatch: pytest.MonkeyPatch):
    """Imports are counted, not refused: pytest itself imports things while it looks at an exception."""
    imported: list[str] = []
    importers = {"builtins.__import__": builtins.__import__, "importlib.import_module": importlib.import_module}
    for path, importer in importers.items():
        monkeypatch.setattr(
            path, lambda name, *args, f=importer, **kwargs: imported.append(name) or f(name, *args, **kwargs)
        )
    for module, name in (("os", "system"), ("builtins", "eval"), ("keras.utils", "get_file"), ("torch.hub", "load")):
        for config in ({"module": module, "class_name": name, "config": {}},
                       {"module": module, "class_name": "function", "config": name, "registered_name": name}):  # fmt: skip
            imported.clear()
            error = None
            try:
                deserialize(config)
            except ConfigError as caught:
                error = str(caught)
            during = list(imported)
            assert re.search(f"'{name}'.*is no object of lamina's, and not registered", str(error)), error
            assert not during


def test_older_spellings():
    assert type(deserialize({"class_name": "Custom>Adam", "config": {}}, kind="optimizer")) is optimizers.Adam
    assert deserialize({"class_name": "Dense", "config": {"units": 2}, "shared_object_id": 7}).units == 2
    assert deserialize({"module": "tf_keras.layers", "class_name": "Dense", "config": {"units": 2}}).units == 2


def test_a_plain_class_of_the_caller_s():
    class Half:
        """Neither a layer nor registered: just something that is called."""

        def __init__(self, by: float = 2.0) -> None:
            self.by = by

        def __call__(self, x: Any) -> Any:
            return x / self.by

    made = deserialize({"class_name": "Half", "config": {"by": 4.0}}, {"Half": Half}, kind="activation")
    assert made(8.0) == 2.0


def test_keras_s_arguments_of_deserializing():
    config = serialize(Offset(2.0, name="o")) | {"registered_name": None, "class_name": "Mine"}
    for known in ({"custom_objects": {"Mine": Offset}}, {"module_objects": {"Mine": Offset}}):
        assert deserialize_keras_object(config, safe_mode=False, **known).by == 2.0
    assert deserialize_keras_object("f", module_objects={"f": tripled}, printable_module_name="function") is tripled
    assert get_registered_object("f", module_objects={"f": tripled}) is tripled
