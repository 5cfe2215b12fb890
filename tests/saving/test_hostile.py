"""Files that were made to harm: each is refused in one sentence that names the file, soon, and nothing in it is run."""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import copy
import encodings.ascii  # noqa: F401 - else Python would open it in the midst of a test
import io
import itertools
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from lamina.layers import Conv2D, Dense, Dropout, Input
from lamina.models import Model, Sequential, load_model, model_from_json
from lamina.optimizers import Adam

HUGE = 10**12


def small() -> Any:
    """Two inputs, an operator, a torch function, a compiled optimizer with state."""
    torch.manual_seed(0)
    a, b = Input((4,), name="a"), Input((4,), name="b")
    hidden = Dense(3, activation="relu", name="hidden")
    total = torch.erf(hidden(a) + hidden(b))
    model = Model([a, b], Dense(2, name="out")(total), name="small")
    model.compile(Adam(name="adam"), "mse", metrics=["mae"])
    model.train_on_batch([np.ones((2, 4), "float32")] * 2, np.ones((2, 2), "float32"))
    return model


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The members of a good file."""
    path = tmp_path_factory.mktemp("good") / "good.keras"
    small().save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, members: dict[str, bytes] | list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def refused(path: Path, **options: Any) -> str:
    """The sentence with which a file is refused; nothing is imported, and no other file is opened."""
    before = set(sys.modules)
    opened: list[str] = []
    _watching.append(opened)
    try:
        with pytest.raises(ValueError) as error:  # noqa: PT011 - the sentences are compared by the callers
            load_model(path, **options)
    finally:
        _watching.clear()
    assert {name for name in set(sys.modules) - before if not name.startswith("encodings.")} == set()
    assert {name for name in opened if isinstance(name, str)} <= {str(path)}
    assert str(error.value).startswith(str(path))
    return str(error.value).removeprefix(str(path))


_watching: list[list[Any]] = []
_RUNS = (
    "exec",
    "os.system",
    "os.posix_spawn",
    "subprocess.Popen",
    "marshal.loads",
    "pickle.find_class",
    "socket.connect",
)


def _watch(event: str, args: tuple[Any, ...]) -> None:
    is_ours = event == "exec" and args[0].co_filename == "<lamina plan>"  # the forward that lamina itself writes
    if _watching and (event == "open" or event in _RUNS) and not is_ours:
        _watching[0].append(args[0] if event == "open" else f"{event} was called")


sys.addaudithook(_watch)


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
    "input shape": (at("a", "config", "batch_shape", value=[None, HUGE]), "config.layers[2]"),
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
    with pytest.warns(UserWarning, match="Duplicate name") if case == "twice" else _nothing():
        path = pack(tmp_path / "m.keras", change(parts))
    assert sentence in refused(path)


class _nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *exc: object) -> None: ...


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


# ---- weights -------------------------------------------------------------------------------------------------------

KERNEL = "layers/dense/vars/0"


def with_weights(parts: dict[str, bytes], change: Callable[[Any], None]) -> dict[str, bytes]:
    stream = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(stream, "r+") as file:
        change(file)
    return {**parts, "model.weights.h5": stream.getvalue()}


def put(name: str, value: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[name]
        file[name] = value

    return change


def instead(make: Callable[[Any], None]) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[KERNEL]
        make(file)

    return change


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout(shape=(4, 3), dtype="float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4, 3))
    file.create_virtual_dataset(KERNEL, layout)


def external(file: Any) -> None:
    file.create_dataset(KERNEL, (4, 3), "float32", external=[("/etc/passwd", 0, 48)])


def chunked(file: Any, shape: tuple[int, ...] = (4, 3), **options: Any) -> None:
    file.create_dataset(KERNEL, shape, "float32", **options)


def big_chunk(file: Any) -> None:
    made = file.create_dataset(
        KERNEL, (4, 3), "float32", chunks=(2000, 3000), maxshape=(None, None), compression="gzip"
    )
    made[:] = 0


def unknown_filter(file: Any) -> None:
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk((4, 3))
    made.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
    h5py.h5d.create(file.id, KERNEL.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4, 3)), made)


def loop(file: Any) -> None:
    del file["layers/dense/vars"]
    file["layers/dense/vars"] = file["layers"]


WEIGHTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "external link": (instead(lambda file: file.__setitem__(KERNEL, h5py.ExternalLink("/etc/passwd", "x"))),
                      f"/{KERNEL} is a link to another place (ExternalLink), which lamina does not follow."),
    "soft link": (instead(lambda file: file.__setitem__(KERNEL, h5py.SoftLink("/layers/dense/vars/1"))),
                  f"/{KERNEL} is a link to another place (SoftLink)"),
    "linked group": (put("layers/dense", h5py.SoftLink("/layers/dense_1")),
                     "/layers/dense is a link to another place (SoftLink)"),
    "outside group": (put("layers", h5py.ExternalLink("/etc/passwd", "/")),
                      "/layers is a link to another place (ExternalLink)"),
    "virtual": (instead(virtual), f"/{KERNEL} keeps its numbers in other files, which lamina does not read."),
    "external storage": (instead(external), f"/{KERNEL} keeps its numbers in other files"),
    "huge": (instead(lambda file: chunked(file, (10**6, 10**6), chunks=(1000, 1000))),
             f"/{KERNEL} says that it has shape (1000000, 1000000), for which 4000000000000 bytes are needed, and the file holds 0."),
    "never written": (instead(lambda file: chunked(file, chunks=(4, 3))), f"/{KERNEL} says that it has shape (4, 3)"),
    "big chunk": (instead(big_chunk), "for which 24000000 bytes are needed"),
    "filter": (instead(unknown_filter), f"/{KERNEL} is packed by filter 32015, which lamina does not load."),
    "group for data": (instead(lambda file: file.create_group(KERNEL)), f"/{KERNEL} should be a data set, and is a group or a type."),
    "type for data": (instead(lambda file: file.__setitem__(KERNEL, np.dtype("float32"))), f"/{KERNEL} should be a data set"),
    "text": (instead(lambda file: file.create_dataset(KERNEL, data="hello")), f"/{KERNEL} holds object, and numbers were expected."),
    "bytes": (instead(lambda file: file.create_dataset(KERNEL, data=np.zeros((4, 3), "S4"))), f"/{KERNEL} holds |S4"),
    "references": (instead(lambda file: file.create_dataset(KERNEL, (4, 3), h5py.ref_dtype)), f"/{KERNEL} holds object"),
    "compound": (instead(lambda file: file.create_dataset(KERNEL, (4, 3), [("a", "f4"), ("b", "f4")])), f"/{KERNEL} holds"),
    "long floats": (instead(lambda file: file.create_dataset(KERNEL, (4, 3), "longdouble")), f"/{KERNEL} holds float128"),
    "complex": (instead(lambda file: file.create_dataset(KERNEL, data=np.ones((4, 3), "complex64"))),
                f"/{KERNEL} holds complex64, and the model needs float32."),
    "empty": (instead(lambda file: file.create_dataset(KERNEL, data=h5py.Empty("f4"))), f"/{KERNEL} is empty."),
    "other shape": (instead(lambda file: file.create_dataset(KERNEL, data=np.ones((3, 4), "f4"))),
                    f"/{KERNEL} has shape (3, 4), and the model needs (4, 3)."),
    "row for all": (instead(lambda file: file.create_dataset(KERNEL, data=np.ones((3,), "f4"))),
                    f"/{KERNEL} has shape (3,), and the model needs (4, 3)."),
    "missing": (instead(lambda file: None), "/layers/dense/vars has 1 weights, and Dense 'hidden' has 2."),
    "one more": (lambda file: file.create_dataset("layers/dense/vars/2", data=1.0), "/layers/dense/vars has 3 weights"),
    "renamed": (lambda file: file.move(KERNEL, "layers/dense/vars/00"), "/layers/dense/vars has no '0'; it has 00, 1."),
    "group missing": (lambda file: file.__delitem__("layers/dense"), " has no weights at 'layers/dense/vars', where Dense 'hidden' needs 2."),
    "group more": (lambda file: file.create_dataset("layers/dense_2/vars/0", data=1.0),
                   " has weights at 'layers/dense_2/vars', and Functional 'small' has nothing there."),
    "group in itself": (loop, "layers/dense/vars"),
    "no optimizer": (lambda file: file.__delitem__("optimizer"), " has no state of its optimizer at 'optimizer/vars'."),
    "empty optimizer": (lambda file: [file["optimizer/vars"].pop(name) for name in list(file["optimizer/vars"])],
                        " has no state of its optimizer at 'optimizer/vars'."),
    "less optimizer": (lambda file: file.__delitem__("optimizer/vars/9"), "/optimizer/vars has 9 variables, and Adam 'adam' has 10."),
    "gap in optimizer": (lambda file: file.__delitem__("optimizer/vars/4"), "/optimizer/vars should number its variables from 0 to 8"),
    "optimizer shape": (put("optimizer/vars/2", np.ones(3, "f4")),
                        "/optimizer/vars/2 has shape (3,), and the model needs (4, 3)."),
    "optimizer link": (put("optimizer", h5py.SoftLink("/layers")),
                       "/optimizer is a link to another place (SoftLink)"),
}  # fmt: skip


@pytest.mark.parametrize("case", WEIGHTS)
def test_hostile_weights(case: str, parts: dict[str, bytes], tmp_path: Path):
    change, sentence = WEIGHTS[case]
    said = refused(pack(tmp_path / "m.keras", with_weights(parts, change)))
    assert said.startswith("/model.weights.h5")
    assert sentence in said


@pytest.mark.parametrize("case", WEIGHTS)
def test_hostile_weights_alone_change_nothing(case: str, parts: dict[str, bytes], tmp_path: Path):
    path = tmp_path / "m.weights.h5"
    path.write_bytes(with_weights(parts, WEIGHTS[case][0])["model.weights.h5"])
    model = small()
    for weight in model.weights:
        weight.data.fill_(7.0)
    before = model.optimizer.get_weights()
    if case in ("no optimizer", "less optimizer"):  # the weights of the model are whole
        context: Any = pytest.warns(UserWarning, match="The state of the optimizer") if "less" in case else _nothing()
        with context:
            model.load_weights(path)
        assert not all((weight == 7.0).all() for weight in model.weights)
        return
    with pytest.raises(ValueError, match=r"m\.weights\.h5"):
        model.load_weights(path)
    assert all((weight == 7.0).all() for weight in model.weights)
    for one, other in zip(model.optimizer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_files_that_others_point_to_are_not_opened(parts: dict[str, bytes], tmp_path: Path):
    """To open the pipe would wait for ever."""
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)

    def unlimited(file: Any) -> None:
        layout = h5py.VirtualLayout(shape=(4, 3), dtype="float32", maxshape=(None, 3))
        source = h5py.VirtualSource(pipe, "x", shape=(4, 3), maxshape=(None, 3))
        layout[: h5py.h5s.UNLIMITED, :] = source[: h5py.h5s.UNLIMITED, :]
        file.create_virtual_dataset(KERNEL, layout)

    def stored(file: Any) -> None:
        file.create_dataset(KERNEL, (4, 3), "float32", external=[(pipe, 0, 48)])

    links = [unlimited, stored, lambda file: file.__setitem__(KERNEL, h5py.ExternalLink(pipe, "x"))]
    for number, make in enumerate(links):
        pack(tmp_path / f"{number}.keras", with_weights(parts, instead(make)))
    code = textwrap.dedent(f"""
        from lamina.models import load_model
        for number in range({len(links)}):
            try:
                load_model(f"{tmp_path}/{{number}}.keras")
            except ValueError as error:
                print("refused")
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "refused\n" * len(links), done.stderr


def test_packed_weights_are_read(parts: dict[str, bytes], tmp_path: Path):
    values = np.arange(12, dtype=">f8").reshape(4, 3)
    members = with_weights(parts, instead(lambda file: file.create_dataset(KERNEL, data=values, chunks=(2, 3), compression="gzip",
                                                                          shuffle=True, fletcher32=True)))  # fmt: skip
    model = load_model(pack(tmp_path / "m.keras", members))
    np.testing.assert_array_equal(model.get_layer("hidden").get_weights()[0], values)


def test_one_data_set_can_t_be_many(tmp_path: Path):
    """A megabyte that a thousand links lead to is no gigabyte of weights."""
    model = Sequential([Input((512,)), Dense(512, use_bias=False)])
    model.save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as archive:
        good = {name: archive.read(name) for name in archive.namelist()}

    def link(file: Any) -> None:
        for number in range(1, 40):
            file[f"layers/dense_{number}"] = file["layers/dense"]

    config = json.loads(good["config.json"])
    dense = config["config"]["layers"][1]
    for number in range(1, 40):
        twin = copy.deepcopy(dense)
        twin["config"]["name"] = f"twin_{number}"
        config["config"]["layers"].append(twin)
    members = {**with_weights(good, link), "config.json": json.dumps(config).encode()}
    assert "has shape (512, 512), which is 1048576 bytes; the file holds" in refused(
        pack(tmp_path / "m.keras", members)
    )


def test_every_number_of_a_layer_may_be_huge(tmp_path: Path):
    """Nothing is allocated for what a config says: memory is limited to little more than what Python takes."""
    resource = pytest.importorskip("resource")
    assert resource.RLIMIT_AS >= 0
    model = Sequential([Input((8, 8, 3)), Conv2D(4, 3, name="conv")])
    model.save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as archive:
        good = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(good["config.json"])
    number = 0
    for index, layer in enumerate(config["config"]["layers"]):
        for key, value in layer["config"].items():
            if type(value) is not int and not (isinstance(value, list) and value):
                continue
            changed = copy.deepcopy(config)
            wide = HUGE if not isinstance(value, list) else [one and HUGE for one in value]
            changed["config"]["layers"][index]["config"][key] = wide
            pack(tmp_path / f"{number}.keras", {**good, "config.json": json.dumps(changed).encode()})
            number += 1
    assert number >= 5
    code = textwrap.dedent(f"""
        import resource
        from lamina.models import load_model
        load_model("{tmp_path}/good.keras")
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))
        for number in range({number}):
            try:
                load_model(f"{tmp_path}/{{number}}.keras")
                print("read")  # a stride that is larger than the image is nothing wrong
            except ValueError as error:
                print("refused")
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.count("\n") == number, done.stderr
    assert done.stdout.count("refused") >= 3
