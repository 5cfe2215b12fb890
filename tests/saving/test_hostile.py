"""Files that were made to harm: each is refused in one sentence that names the file, soon, and nothing in it is run."""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import copy
import encodings.ascii  # noqa: F401 - else Python would open it in the midst of a test
import itertools
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saving.hostile import HUGE, nothing, pack, refused

from lamina.layers import Dropout, Input
from lamina.models import Model, Sequential, load_model, model_from_json

# ---- configs -------------------------------------------------------------------------------------------------------


def edit(parts: dict[str, bytes], change: Callable[[Any], Any]) -> dict[str, bytes]:
    config = json.loads(parts["config.json"])
    config = change(config) or config
    return {**parts, "config.json": json.dumps(config).encode()}


def entry(config: Any, name: str) -> Any:
    return next(one for one in config["config"]["layers"] if one["name"] == name)


def at(name: str, *keys: Any, value: Any) -> Callable[[Any], None]:
    """A change of one value below the entry of a layer; below the whole config for an empty name."""

    def change(config: Any) -> None:
        place = entry(config, name) if name else config
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def function(name: str) -> Callable[[Any], None]:
    return at("erf", "config", "function", value=name)


def swap(name: str, value: dict[str, Any]) -> Callable[[Any], None]:
    """Puts another entry in the place of a layer's; its name and calls stay."""

    def change(config: Any) -> None:
        old = entry(config, name)
        kept = {"name": name, "inbound_nodes": old["inbound_nodes"], "config": {"name": name}}
        old.clear()
        old.update({**kept, **value})

    return change


def tensor(name: str, call: int = 0, position: int = 0) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__",
            "config": {"shape": [None, 3], "dtype": "float32", "keras_history": [name, call, position]}}  # fmt: skip


def nodes(name: str, *args: Any) -> Callable[[Any], None]:
    return at(name, "inbound_nodes", value=[{"args": list(args), "kwargs": {}}])


def without(*keys: Any) -> Callable[[Any], None]:
    def change(config: Any) -> None:
        for key in keys[:-1]:
            config = config[key]
        del config[keys[-1]]

    return change


def all_of(*changes: Callable[[Any], None]) -> Callable[[Any], None]:
    def change(config: Any) -> None:
        for one in changes:
            one(config)

    return change


LAMBDA = {"class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAA", "defaults": None, "closure": None}}
NAMED = "'{}' is no operation that a file may name."
CONFIGS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "units": (at("hidden", "config", "units", value=HUGE), "has shape (4, 1000000000000), which is 16000000000000 bytes"),
    "units below zero": (at("hidden", "config", "units", value=-3), "config.layers[2]: Dense 'hidden' needs a positive integer"),
    "units as text": (at("hidden", "config", "units", value="3"), "needs a positive integer for units, and got '3'"),
    "units as a list": (at("hidden", "config", "units", value=[3]), "needs a positive integer for units, and got [3]"),
    "units missing": (without("config", "layers", 2, "config", "units"), "config.layers[2]: Dense: missing"),
    "build shape": (at("hidden", "build_config", "input_shape", value=[None, HUGE]), "has shape (1000000000000, 3)"),
    "input shape": (at("a", "config", "batch_shape", value=[None, HUGE]), "config.layers[0]: InputLayer 'a' would give"),
    "input shape as text": (at("a", "config", "batch_shape", value="wide"), "config.layers[0]"),
    "activation": (at("hidden", "config", "activation", value="rellu"), "'rellu' is not a known activation. Did you mean 'relu'?"),
    "initializer": (at("hidden", "config", "kernel_initializer", value={"class_name": "Dense", "config": {"units": 3}}),
                    "config.layers[2].config.kernel_initializer: 'Dense' is no initializer of lamina's"),
    "initializer module": (at("hidden", "config", "kernel_initializer", "module", value="os"),
                           "'GlorotUniform' of module 'os' is no initializer of lamina's"),
    "initializer number": (at("hidden", "config", "kernel_initializer", value=7), "config.layers[2]"),
    "misnamed": (at("hidden", "class_name", value="Dens"), "'Dens' is no layer of lamina's, and not registered. Did you mean 'Dense'?"),
    "stray registered name": (at("hidden", "registered_name", value="evil>Dense"), "'evil>Dense' is no layer of lamina's"),
    "registered number": (at("hidden", "registered_name", value=3), "'registered_name' of a config must be a string, and got 3"),
    "class number": (at("hidden", "class_name", value=3), "config.layers[2]"),
    "class list": (at("hidden", "class_name", value=["Dense"]), "config.layers[2]"),
    "module": (at("hidden", "module", value="subprocess"), "'Dense' of module 'subprocess' is no layer of lamina's"),
    "unknown key": (at("hidden", "surprise", value=1), "config.layers[2]: The config of 'Dense' has an unknown key 'surprise'."),
    "unknown argument": (at("hidden", "config", "unit", value=1), "got an unknown argument 'unit'. Did you mean 'units'?"),
    "config a list": (at("hidden", "config", value=[1, 2]), "config.layers[2]: The config of a layer must be a dictionary"),
    "entry a string": (lambda config: config["config"]["layers"].append("Dense"), "are dictionaries, and one is 'Dense'"),
    "layers a dictionary": (at("", "config", "layers", value={}), "config: A functional config has a list of layers."),
    "unknown part": (at("", "config", "extra", value={}), "config has an unknown key 'extra'"),
    "a string": (lambda config: "Sequential", "/config.json: This should be the config of a model"),
    "a list": (lambda config: [config], "/config.json: This should be the config of a model"),
    "a layer": (lambda config: entry(config, "hidden"), "/config.json: This describes a Dense, and a model was expected."),
    "two of a name": (lambda config: config["config"]["layers"].append(copy.deepcopy(entry(config, "hidden"))),
                      "Two layers are named 'hidden'."),
    "traversal": (at("hidden", "name", value="../../../etc/passwd"), "config.layers[2]"),
    "traversal inside": (lambda config: entry(config, "hidden")["config"].update(name="../../etc/cron.d/x"),
                         "'../../etc/cron.d/x' can't be the name of a part of a model."),
    "absolute name": (at("", "config", "name", value="/etc/passwd"), "'/etc/passwd' can't be the name of a part of a model."),
    "name with a null": (at("", "config", "name", value="a\0b"), "can't be the name of a part of a model"),
    "name a number": (at("", "config", "name", value=5), "5 can't be the name of a part of a model."),
    "lambda": (swap("hidden", {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "hidden", "function": LAMBDA}}),
               "The function of Lambda 'hidden' was saved as Python code, and lamina runs no code from a file."),
    "old lambda": (swap("hidden", {"class_name": "Lambda", "config": {"name": "hidden", "function": ["4wEA\n", None, None],
                                                                      "function_type": "lambda"}}),
                   "was saved as Python code"),
    "lambda as activation": (at("hidden", "config", "activation", value=LAMBDA), "This is the code of a Python lambda"),
    "lambda as argument": (nodes("out", LAMBDA), "This is the code of a Python lambda"),
    "layer as argument": (nodes("out", {"class_name": "Dense", "config": {"units": 3}}),
                          "'Dense' stands where only plain values and tensors can."),
    "function as activation": (at("hidden", "config", "activation", value={"module": "builtins", "class_name": "function",
                                                                           "config": "eval", "registered_name": "function"}),
                               "the function 'eval' is no activation of lamina's"),
    "loss as activation": (at("hidden", "config", "activation", value="mse"), "'mse' is not a known activation"),
    "operation module": (at("add", "module", value="keras.src.utils.file_utils"), "config.layers"),
    "operation": (at("add", "class_name", value="GetFile"), "Keras's operation 'GetFile' is not among those"),
    "operation setting": (at("add", "config", "fname", value="/etc/passwd"), "Keras's operation 'Add' has no setting 'fname'."),
    "os.system": (function("os.system"), NAMED.format("os.system")),
    "eval": (function("builtins.eval"), NAMED.format("builtins.eval")),
    "torch.load": (function("torch.load"), NAMED.format("torch.load")),
    "torch.hub.load": (function("torch.hub.load"), NAMED.format("torch.hub.load")),
    "torch.save": (function("torch.save"), NAMED.format("torch.save")),
    "torch.ops": (function("torch.ops.load_library"), NAMED.format("torch.ops.load_library")),
    "Tensor.__class__": (function("Tensor.__class__"), NAMED.format("Tensor.__class__")),
    "Tensor.__reduce_ex__": (function("Tensor.__reduce_ex__"), NAMED.format("Tensor.__reduce_ex__")),
    "Tensor.numpy().tofile": (function("Tensor.numpy().tofile"), NAMED.format("Tensor.numpy().tofile")),
    "Tensor.register_hook": (function("Tensor.register_hook"), NAMED.format("Tensor.register_hook")),
    "Tensor.apply_": (function("Tensor.apply_"), NAMED.format("Tensor.apply_")),
    "method with code": (function("Tensor.abs(); import os; x.abs"), NAMED.format("Tensor.abs(); import os; x.abs")),
    "function number": (at("erf", "config", "function", value=3), "3 is no operation that a file may name."),
    "function missing": (at("erf", "config", value={}), "None is no operation that a file may name."),
    "very many pieces": (all_of(at("a", "config", "batch_shape", value=[None, 10**9]), function("torch.unbind"),
                                nodes("erf", tensor("a"), 1), nodes("hidden", tensor("b")), nodes("add", tensor("hidden"), 1)),
                         "unbind would make 1000000000 tensors, which is too much."),
    "keras.utils.get_file": (swap("hidden", {"module": "keras.utils", "class_name": "function", "config": "get_file",
                                             "registered_name": "get_file"}), "config.layers[2]"),
    "TFSMLayer": (swap("hidden", {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/etc"}}),
                  "'TFSMLayer' is no layer of lamina's"),
    "TorchModuleWrapper": (swap("hidden", {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "gASV"}}),
                           "was saved as a pickle, which lamina does not open"),
    "enable_unsafe_deserialization": (swap("hidden", {"module": "keras.config", "class_name": "enable_unsafe_deserialization"}),
                                      "'enable_unsafe_deserialization' is no layer of lamina's"),
    "circle": (nodes("hidden", tensor("erf")), "config: This is not a graph that can be run: call 0 of"),
    "itself": (nodes("add", tensor("add"), tensor("add")), "config: This is not a graph that can be run: call 0 of"),
    "unknown layer": (nodes("out", tensor("nobody")), "config: This is not a graph that can be run: call 0 of 'out' waits"),
    "unknown call": (nodes("out", tensor("hidden", 7)), "config: This is not a graph that can be run: call 0 of 'out' waits"),
    "unknown output": (nodes("out", tensor("hidden", 0, 7)), "There is no output 7 of call 0 of 'hidden'."),
    "output below zero": (nodes("out", tensor("hidden", 0, -1)), "There is no output -1 of call 0 of 'hidden'."),
    "history as text": (nodes("out", {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "keras_history": "hidden"}}),
                        "A tensor must say [layer, call, output], and got 'hidden'."),
    "node a number": (at("out", "inbound_nodes", value=[3]), "A call must have args and kwargs, or be a list, and got 3."),
    "nodes a number": (at("out", "inbound_nodes", value=3), "The inbound_nodes of 'out' must be a list, and got 3."),
    "call argument": (at("out", "inbound_nodes", 0, "kwargs", value={"surprise": 1}), "config.layers"),
    "output layers": (at("", "config", "output_layers", value=["out", 5, 0]), "config.output_layers: There is no output 0"),
    "output layers missing": (without("config", "output_layers"), "config"),
    "output layers a number": (at("", "config", "output_layers", value=3), "Expected [layer, call, output], or a list"),
    "slice": (nodes("out", {"class_name": "__slice__", "config": {"start": "a", "stop": 1, "step": None}}),
              "A slice goes from integer to integer"),
    "tensor type": (nodes("out", {"class_name": "__tensor__", "config": {"value": [1.0], "dtype": "__class__"}}),
                    "'__class__' is not a known dtype."),
    "ragged tensor": (nodes("out", {"class_name": "__tensor__", "config": {"value": [[1], [1, 2]], "dtype": "float32"}}),
                      "config.layers"),
    "dtype": (at("hidden", "config", "dtype", value={"class_name": "Evil", "config": {"name": "float32"}}),
              "Expected a DTypePolicy, and got a config of 'Evil'."),
    "optimizer": (at("", "compile_config", "optimizer", "class_name", value="Adamm"),
                  "compile_config.optimizer: 'Adamm' is no optimizer of lamina's, and not registered. Did you mean 'Adam'?"),
    "layer as optimizer": (at("", "compile_config", "optimizer", value={"class_name": "Dense", "config": {"units": 1}}),
                           "compile_config.optimizer: 'Dense' is no optimizer of lamina's"),
    "loss": (at("", "compile_config", "loss", value="msee"), "'msee' is not a known loss. Did you mean 'mse'?"),
    "layer as loss": (at("", "compile_config", "loss", value={"class_name": "Dense", "config": {"units": 1}}),
                      "compile_config.loss: 'Dense' is no loss of lamina's"),
    "metric": (at("", "compile_config", "metrics", value=["os.system"]), "'os.system' is not a known metric"),
    "compile key": (at("", "compile_config", "callbacks", value=["x"]), "The config has an unknown key 'callbacks'."),
    "compile config a list": (at("", "compile_config", value=["adam"]), "'compile_config' of a config must be a dictionary"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONFIGS)
def test_hostile_configs(case: str, parts: dict[str, bytes], tmp_path: Path):
    change, sentence = CONFIGS[case]
    assert sentence in refused(pack(tmp_path / "m.keras", edit(parts, change)))


TEXTS = {
    "nan": (b'{"a": NaN}', "/config.json holds NaN, which is no number that a config can hold."),
    "twice": (b'{"class_name": "Sequential", "class_name": "Lambda"}', "/config.json has the key 'class_name' twice."),
    "deep": (b"[" * 100_000 + b"]" * 100_000, "/config.json is nested too deeply."),
    "deep dictionaries": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "/config.json is nested too deeply."),
    "no json": (b"\x80\x04\x95", "/config.json is not"),
    "empty": (b"", "/config.json is not JSON"),
    "null": (b"null", "/config.json: This should be the config of a model"),
    "no class": (b"{}", "/config.json: This should be the config of a model"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_hostile_texts(case: str, parts: dict[str, bytes], tmp_path: Path):
    text, sentence = TEXTS[case]
    assert sentence in refused(pack(tmp_path / "m.keras", {**parts, "config.json": text}))


def test_deep_nesting_of_models(parts: dict[str, bytes], tmp_path: Path):
    inner: Any = {"class_name": "Dense", "config": {"units": 1}}
    for _ in range(40):
        inner = {"class_name": "Sequential", "config": {"layers": [inner]}}
    members = {**parts, "config.json": json.dumps(inner).encode()}
    assert "nested too deeply" in refused(pack(tmp_path / "m.keras", members))


# ---- archives ------------------------------------------------------------------------------------------------------

ARCHIVES: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "twice": (lambda parts: [*parts.items(), ("config.json", b"{}")], " has two members named 'config.json'."),
    "traversal": (lambda parts: {**parts, "../evil": b""}, " has a member '../evil', which a .keras file does not have."),
    "assets traversal": (lambda parts: {**parts, "assets/../../evil": b""}, " has a member 'assets/../../evil'"),
    "absolute": (lambda parts: {**parts, "/etc/passwd": b""}, " has a member '/etc/passwd'"),
    "extra": (lambda parts: {**parts, "model.weights.npz": b""}, "/model.weights.npz holds Python objects as a pickle"),
    "unknown": (lambda parts: {**parts, "model.weights.pt": b""}, " has a member 'model.weights.pt'"),
    "pickle": (lambda parts: {**parts, "data.pkl": b"\x80\x04."}, " has a member 'data.pkl'"),
    "no config": (lambda parts: {name: part for name, part in parts.items() if name != "config.json"}, " has no config.json."),
    "no weights": (lambda parts: {name: part for name, part in parts.items() if "h5" not in name}, " has no model.weights.h5."),
    "weights are text": (lambda parts: {**parts, "model.weights.h5": b"hello" * 1000}, "/model.weights.h5 is not an HDF5 file"),
    "weights empty": (lambda parts: {**parts, "model.weights.h5": b""}, "has shape (4, 3)"),
}  # fmt: skip


@pytest.mark.parametrize("case", ARCHIVES)
def test_hostile_archives(case: str, parts: dict[str, bytes], tmp_path: Path):
    change, sentence = ARCHIVES[case]
    with pytest.warns(UserWarning, match="Duplicate name") if case == "twice" else nothing():
        path = pack(tmp_path / "m.keras", change(parts))
    assert sentence in refused(path)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_zip_bombs(name: str, parts: dict[str, bytes], tmp_path: Path):
    path = pack(tmp_path / "m.keras", {**parts, name: b" " * 50_000_000}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    assert f"/{name} says that its" in refused(path)
    assert peak_of(path) < 20_000_000


def peak_of(path: Path) -> int:
    """The most bytes that Python had at once while the file was refused."""
    import tracemalloc

    tracemalloc.start()
    try:
        refused(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packings(method: int, parts: dict[str, bytes], tmp_path: Path):
    assert f"/config.json is packed by method {method}" in refused(pack(tmp_path / "m.keras", parts, method))


def test_packed_archives_are_read(parts: dict[str, bytes], tmp_path: Path):
    model = load_model(pack(tmp_path / "m.keras", parts, zipfile.ZIP_DEFLATED))
    assert model.name == "small"


def test_a_packed_model_of_many_layers_is_read(tmp_path: Path):
    model = Sequential([Input((1,)), *(Dropout(0.1) for _ in range(300))])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert len(load_model(pack(tmp_path / "packed.keras", members, zipfile.ZIP_DEFLATED)).layers) == 300


def test_thousands_of_layers_in_a_small_file(parts: dict[str, bytes], tmp_path: Path):
    layers = [{"class_name": "Flatten", "config": {}}] * 20_000
    config = {"class_name": "Sequential", "config": {"layers": layers}}
    members = {**parts, "config.json": json.dumps(config).encode()}
    said = refused(pack(tmp_path / "m.keras", members, zipfile.ZIP_DEFLATED))
    assert "/config.json describes 20001 objects, which is too much for a file of" in said or "unfold" in said


def test_layers_in_the_worst_order_are_read_in_time(tmp_path: Path):
    x = y = Input((1,), name="x")
    for _ in range(600):
        y = y + 1
    model = Model(x, y)
    config = json.loads(model.to_json())
    config["config"]["layers"].reverse()
    assert model_from_json(json.dumps(config)).predict(np.zeros((1, 1), "float32"), verbose=0) == 600


def test_every_cut_of_a_file(parts: dict[str, bytes], tmp_path: Path):
    whole = pack(tmp_path / "whole.keras", parts).read_bytes()
    path = tmp_path / "m.keras"
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:length])
        assert "is not a .keras file (a zip), or is cut off" in refused(path)


def test_every_cut_of_the_weights(parts: dict[str, bytes], tmp_path: Path):
    weights = parts["model.weights.h5"]
    for length in range(0, len(weights), len(weights) // 25):
        path = pack(tmp_path / "m.keras", {**parts, "model.weights.h5": weights[:length]})
        assert refused(path)


def test_flipped_bytes(parts: dict[str, bytes], tmp_path: Path):
    """Any byte may be wrong: a file is refused, or read (when the byte has no meaning), and nothing else happens."""
    rng = np.random.default_rng(0)
    path = tmp_path / "m.keras"
    for name in ("config.json", "model.weights.h5"):
        for _ in range(60):
            content = bytearray(parts[name])
            for place in rng.integers(0, len(content), 3):
                content[place] ^= int(rng.integers(1, 256))
            pack(path, {**parts, name: bytes(content)})
            try:
                load_model(path)
            except ValueError as error:
                assert str(error).startswith(str(path))  # noqa: PT017 - most of them, but not all, are refused


@pytest.mark.filterwarnings("ignore:The state of the optimizer was not loaded")  # of weights that the change froze
def test_wrong_types_everywhere(parts: dict[str, bytes], tmp_path: Path):
    """Every value of the config in turn becomes something of another kind."""
    config = json.loads(parts["config.json"])

    def places(value: Any, path: tuple[Any, ...] = ()) -> Any:
        yield path
        for key, inner in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            yield from places(inner, (*path, key))

    path, read, total = tmp_path / "m.keras", [], 0
    wrongs = itertools.cycle([7, "x", [], {}, [[None]], {"class_name": "Dense"}, HUGE])
    for place in list(places(config)):
        for wrong in itertools.islice(wrongs, 2):
            changed = copy.deepcopy(config)
            if not place:
                changed = wrong
            else:
                inner = changed
                for key in place[:-1]:
                    inner = inner[key]
                inner[place[-1]] = wrong
            pack(path, {**parts, "config.json": json.dumps(changed).encode()})
            total += 1
            try:
                load_model(path)
                read.append((place, wrong))
            except ValueError as error:
                assert str(error).startswith(str(path))  # noqa: PT017 - a few have no meaning: names, seeds
    assert total > 300
    assert len(read) < total / 5, read
