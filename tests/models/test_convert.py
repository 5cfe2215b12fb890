"""``lamina convert``: between all formats, each new file checked against the old one; nothing is left of what fails."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lamina
from lamina import layers, saving
from lamina.__main__ import main
from lamina.models import convert as converting
from lamina.models import load_model, model_from_json
from lamina.models.convert import FORMATS, convert, format_of, targets_of

GOLDEN = Path(__file__).parents[1] / "golden" / "tf_keras.zip"
WEIGHTS = [name for name in FORMATS if name not in ("keras", "h5", "json", "yaml")]


def words() -> Any:
    """Two inputs, one of whole numbers, with free sizes."""
    x, y = lamina.Input((None,), dtype="int32", name="x"), lamina.Input((3,), name="y")
    seen = layers.GlobalAveragePooling1D()(layers.Conv1D(4, 9)(layers.Embedding(11, 5)(x)))
    made = lamina.Model([x, y], layers.Dense(2)(layers.Concatenate()([seen, y])))
    made.compile("adam", "mse")
    made.fit([np.ones((2, 12), "int32"), np.ones((2, 3), "float32")], np.ones((2, 2), "float32"), verbose=0)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    words().save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


def same(one: Any, other: Any) -> None:
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("first", ["keras", "h5", *WEIGHTS])
def test_from_each_format_into_each(first: str, file: Path, tmp_path: Path):
    original = load_model(file)
    source, model = tmp_path / f"first{FORMATS[first]}", None
    if first in WEIGHTS:
        model = tmp_path / "m.json"
        convert(file, model)
    convert(file, source, to=first)
    for to in ("keras", "h5", *WEIGHTS):
        target = tmp_path / f"second{FORMATS[to]}"
        done = convert(source, target, to=to, model=model)
        assert (done.difference, done.numbers, done.layers) == (0, original.count_params(), len(original.layers))
        back = load_model(file, compile=False)
        if to in WEIGHTS:
            back.set_weights([weight * 0 for weight in back.get_weights()])
            back.load_weights(target)
        else:
            back = load_model(target)
        same(back, original)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_optimizer_s_state_comes_along_unless_it_is_left_out(file: Path, tmp_path: Path):
    convert(file, tmp_path / "a.h5")
    assert load_model(tmp_path / "a.h5").optimizer.iterations == 1
    convert(file, tmp_path / "b.h5", compile=False)
    assert load_model(tmp_path / "b.h5").optimizer is None


@pytest.mark.parametrize("name", ["stateful", "functions_of_tensorflow", "both_ways", "several", "embedding"])
def test_files_of_tf_keras(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with zipfile.ZipFile(GOLDEN) as archive:
        archive.extractall(tmp_path, [f"{name}.h5", f"{name}.json", f"{name}_weights.h5"])
    assert main(["convert", str(tmp_path / f"{name}.h5"), str(tmp_path / "new.keras")]) == 0
    assert "1 file: 1 converted and checked, 0 failed." in capsys.readouterr().out
    same(load_model(tmp_path / "new.keras", compile=False), load_model(tmp_path / f"{name}.h5", compile=False))
    done = convert(tmp_path / f"{name}_weights.h5", tmp_path / "w.safetensors", model=tmp_path / f"{name}.json")
    assert done.difference == 0


# ---- what fails ----------------------------------------------------------------------------------------------------


def test_a_new_file_that_answers_otherwise_is_not_kept(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = saving.save_model

    def lossy(model: Any, path: Any, **options: Any) -> None:
        model.set_weights([weight + 0.01 * np.sign(weight) for weight in model.get_weights()])
        real(model, path, **options)
        model.set_weights([weight - 0.01 * np.sign(weight) for weight in model.get_weights()])

    monkeypatch.setattr(converting.saving, "save_model", lossy)
    (tmp_path / "old.h5").write_bytes(b"what was there")
    for target in ("new.h5", "old.h5"):
        with pytest.raises(
            ValueError, match="The converted model answers otherwise than the original: outputs differ by"
        ):
            convert(file, tmp_path / target, overwrite=True)
    assert (tmp_path / "old.h5").read_bytes() == b"what was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.keras", "old.h5"]


def test_weights_that_the_new_file_lacks_are_seen(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lamina.models.Model, "load_weights", lambda self, path: None)
    with pytest.raises(ValueError, match="answers otherwise than the original"):
        convert(file, tmp_path / "w.npz")


@pytest.mark.parametrize(("argv", "sentence"), [
    (["m.keras", "m.txt"], "says no format: let it end in .weights.h5"),
    (["m.keras", "m.json", "--overwrite"], None),
    (["m.keras", "there.h5"], "exists; --overwrite replaces it."),
    (["m.keras", "there.h5", "--overwrite"], None),
    (["w.npz", "new.keras"], "w.npz holds weights alone: say which model they belong to with --model FILE"),
    (["w.h5", "new.keras"], "w.h5 holds weights alone: say which model they belong to with --model FILE"),
    (["w.npz", "new.keras", "--model", "m.keras"], None),
    (["m.json", "new.keras"], "describes a model, and has no weights for a .keras file"),
    (["m.json", "new.yaml"], None),
    (["nowhere.h5", "new.keras"], "There is no file"),
    (["cut.keras", "new.h5"], "cut.keras"),
    (["saved", "new.h5"], "is a SavedModel, a folder with a program that only TensorFlow can run"),
])  # fmt: skip
def test_one_file(argv: list[str], sentence: str | None, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                  monkeypatch: pytest.MonkeyPatch):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    model = load_model(file)
    Path("m.json").write_text(model.to_json())
    model.save_weights("w.npz")
    model.save_weights("w.h5")
    model.save("there.h5")
    Path("cut.keras").write_bytes(file.read_bytes()[:3000])
    Path("saved").mkdir()
    Path("saved/saved_model.pb").write_bytes(b"")
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    assert main(["convert", *argv]) == int(sentence is not None)
    out = capsys.readouterr().out
    if sentence is not None:
        assert f"{argv[0]}: not converted: " in out
        assert sentence in out
        assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


def test_many_files_of_which_one_is_broken(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "broken.keras").write_bytes(b"PK")
    words().save(tmp_path / "z.h5")
    argv = [str(tmp_path / name) for name in ("broken.keras", "m.keras", "z.h5")]
    assert main(["convert", *argv, str(tmp_path / "new"), "--to", "weights.h5"]) == 1
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["m.weights.h5", "z.weights.h5"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{argv[0]}: not converted: ")
    assert lines[-1] == "3 files: 2 converted and checked, 1 failed."
    assert "outputs are equal" in lines[1]
    assert main(["convert", *argv[1:], "--to", "h5"]) == 1  # z.h5 is there
    assert sorted(path.name for path in tmp_path.glob("*.h5")) == ["m.h5", "z.h5"]
    same(load_model(tmp_path / "m.h5"), load_model(file))


def test_which_file_becomes_which(tmp_path: Path):
    folder = str(tmp_path)
    assert targets_of(["a.h5", "b.keras", folder], "npz") == [
        ("a.h5", f"{folder}/a.npz"),
        ("b.keras", f"{folder}/b.npz"),
    ]
    assert targets_of(["x/a.weights.h5", "new/"], "keras") == [("x/a.weights.h5", "new/a.keras")]
    assert targets_of(["x/a.hdf5"], "keras") == [("x/a.hdf5", "x/a.keras")]
    assert targets_of(["a.h5", "b.keras"], "keras") == [("a.h5", "b.keras")]
    for paths, to in (([str(tmp_path / "a.h5")], None), (["a.h5", folder], None), (["a.h5", "b.h5", "c.keras"], None)):
        with pytest.raises(ValueError, match=r"--to"):
            targets_of(paths, to)
    assert [format_of(name) for name in ("a.PTH", "a.weights.json", "a.yml", "a")] == [
        "pt",
        "weights.json",
        "yaml",
        None,
    ]


# ---- classes of one's own ------------------------------------------------------------------------------------------

CODE = """
import keras

class Twice(keras.layers.Layer):
    def call(self, x):
        return x * 2

def thrice(x):
    return x * 3
"""


def test_classes_that_the_command_line_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "own_code.py").write_text(CODE)
    config = {"class_name": "Sequential", "config": [
        {"class_name": "Twice", "config": {"batch_input_shape": [None, 2], "name": "a"}},
        {"class_name": "Lambda", "config": {
            "name": "odd", "function": ["4wE=", None, None], "function_type": "lambda"}}]}  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps(config | {"keras_version": "2.2.4"}))
    argv = ["convert", str(tmp_path / "m.json"), str(tmp_path / "new.json")]
    assert main(argv) == 1
    assert "needs 2 objects of yours" in capsys.readouterr().out
    named = [
        "--custom-objects",
        f"{tmp_path}/own_code.py:Twice",
        "--custom-objects",
        f"odd={tmp_path}/own_code.py:thrice",
    ]
    before, path = dict(sys.modules), list(sys.path)
    assert main([*argv, *named]) == 1, "a function without a registered name can't be written"
    assert "not converted" in capsys.readouterr().out
    del config["config"][1]
    (tmp_path / "m.json").write_text(json.dumps(config | {"keras_version": "2.2.4"}))
    assert main([*argv, *named]) == 0
    assert sys.path == path
    assert "own_code" not in sys.modules
    assert before.keys() <= sys.modules.keys()
    made = model_from_json((tmp_path / "new.json").read_text(), {"Twice": type("Twice", (layers.Layer,), {
        "call": lambda self, x: x * 2})})  # fmt: skip
    assert made(torch.ones(1, 2)).tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize("spec", ["no_such_module_of_a_test:A", "math:no_such_name", "nowhere.py:A"])
def test_custom_objects_that_are_not_there(spec: str, file: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as error:
        main(["convert", str(file), "x.h5", "--custom-objects", spec])
    assert error.value.code == 2
    assert spec.split(":")[0].split(".")[0] in capsys.readouterr().err
