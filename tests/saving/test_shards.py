"""``.weights.json``: the pieces are Keras's, weights go both ways, a crash leaves one save whole, names stay in the folder."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from saving.twins import MODELS, assert_same, pair

from lamina.layers import Dense, Input
from lamina.models import Sequential
from lamina.saving import shards

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
GB = 1024**3


def trained() -> tuple[Any, Any]:
    ours, theirs = pair("nested")
    for model in (ours, theirs):
        model.compile("adam", "mse")
        model.train_on_batch(np.ones((4, 4), "float32"), np.zeros((4, 4), "float32"))
    return ours, theirs


def contents(folder: Path) -> dict[str, Any]:
    """All groups with their names and all data sets of all pieces, and the list."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.h5")):
        with h5py.File(path) as file:
            found[path.name] = sorted(
                (place, item.shape if isinstance(item, h5py.Dataset) else item.attrs.get("name"))
                for place, item in ((name, file[name]) for name in _all(file))
            )
    for path in folder.glob("*.json"):
        found[path.name] = json.loads(path.read_text())
        found[path.name]["metadata"].pop("lamina_save", None)
    return found


def _all(file: Any) -> list[str]:
    names: list[str] = []
    file.visit(names.append)
    return names


@pytest.mark.parametrize("size", [1300, 1500, 10**6])
@pytest.mark.parametrize("model", MODELS)
def test_the_pieces_are_keras_s(model: str, size: int, tmp_path: Path):
    """(Of an optimizer, lamina keeps the learning rate and the count in more bits.)"""
    ours, theirs = pair(model)
    size = size if model == "stack" else size // 16
    for name, model in (("ours", ours), ("theirs", theirs)):
        (tmp_path / name).mkdir()
        model.save_weights(tmp_path / name / "w.weights.json", max_shard_size=size / GB)
    mine, wanted = contents(tmp_path / "ours"), contents(tmp_path / "theirs")
    assert mine.keys() == wanted.keys()
    assert mine == wanted


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("writer", ["lamina", "keras"])
def test_weights_go_both_ways(name: str, writer: str, tmp_path: Path):
    ours, theirs = pair(name)
    source, target = (ours, theirs) if writer == "lamina" else (theirs, ours)
    source.save_weights(tmp_path / "w.weights.json", max_shard_size=2000 / GB)
    target.set_weights([np.zeros(weight.shape) for weight in target.get_weights()])
    target.load_weights(tmp_path / "w.weights.json")
    assert_same(ours.get_weights(), theirs.get_weights(), 0)


@pytest.mark.parametrize("writer", ["lamina", "keras"])
def test_the_optimizer_is_in_the_pieces(writer: str, tmp_path: Path):
    ours, theirs = trained()
    source, target = (ours, theirs) if writer == "lamina" else (theirs, ours)
    source.train_on_batch(np.ones((4, 4), "float32"), np.zeros((4, 4), "float32"))
    source.save_weights(tmp_path / "w.weights.json", max_shard_size=120 / GB)
    target.load_weights(tmp_path / "w.weights.json")
    assert int(target.optimizer.iterations) == 2
    for model in (ours, theirs):
        model.train_on_batch(np.ones((4, 4), "float32"), np.zeros((4, 4), "float32"))
    assert_same(ours.get_weights(), theirs.get_weights(), 1e-6)


def net(seed: float = 0.0, units: int = 4) -> Any:
    model = Sequential([Input((3,)), Dense(units, name="a"), Dense(2, name="b")], name="net")
    model.set_weights([np.full(weight.shape, seed) for weight in model.get_weights()])
    return model


def test_names(tmp_path: Path):
    with pytest.warns(UserWarning, match=r"w\.weights\.h5' becomes '.*w\.weights\.json'"):
        net().save_weights(tmp_path / "w.weights.h5", max_shard_size=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.weights.json", "w_00000.weights.h5"]
    net().save_weights(tmp_path / "v.weights.json")
    assert (tmp_path / "v_00000.weights.h5").exists()
    with pytest.raises(ValueError, match=r"must end in '\.weights\.json', and got '.*w\.h5'"):
        net().save_weights(tmp_path / "w.h5", max_shard_size=1)
    with pytest.raises(ValueError, match=r"exists; pass overwrite=True"):
        net().save_weights(tmp_path / "v.weights.json", overwrite=False)
    with pytest.raises(ValueError, match=r"Weight '0' of 'a' takes .* GB, more than a piece"):
        net().save_weights(tmp_path / "u.weights.json", max_shard_size=40 / GB)
    for size in (0, -1, float("nan"), "1"):
        with pytest.raises(ValueError, match=r"max_shard_size is a number of GB, and got"):
            net().save_weights(tmp_path / "u.weights.json", max_shard_size=size)
    with pytest.raises(ValueError, match=r"can't be matched by name"):
        net().load_weights(tmp_path / "v.weights.json", by_name=True)
    with pytest.raises(ValueError, match=r"Sequential 'late' has no weights to save"):
        Sequential([Dense(2)], name="late").save_weights(tmp_path / "u.weights.json")


def test_saving_again_and_again(tmp_path: Path):
    """Each save, with more or fewer pieces than the one before, is read by both, and leaves nothing of that lying about."""
    path = tmp_path / "w.weights.json"
    for number, size in enumerate((60, 200, 60, 10**6, 60, 60)):
        net(number + 1.0).save_weights(path, max_shard_size=size / GB)
        ours = net()
        ours.load_weights(path)
        assert float(ours.get_weights()[0][0, 0]) == number + 1
        theirs = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])
        theirs.load_weights(path)
        assert_same(theirs.get_weights(), ours.get_weights(), 0)
        listed = set(shards._names(path)[0]) | {"w.weights.json", "w_00000.weights.h5"}
        assert {one.name for one in tmp_path.iterdir()} == listed


@pytest.mark.parametrize("moment", range(1, 6))
def test_a_save_that_dies_leaves_the_old_one(moment: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "w.weights.json"
    net(1.0).save_weights(path, max_shard_size=60 / GB)
    replace, count = os.replace, [0]

    def dies(*args: Any) -> None:
        count[0] += 1
        if count[0] == moment:
            raise OSError(28, "No space left on device")
        replace(*args)

    monkeypatch.setattr(os, "replace", dies)
    try:
        net(2.0).save_weights(path, max_shard_size=60 / GB)
        saved = 2.0
    except OSError:
        saved = 1.0
    monkeypatch.undo()
    model = net()
    model.load_weights(path)
    named = {float(weight.ravel()[0]) for weight in model.get_weights()}
    assert named == {saved} or (moment > 3 and named == {2.0})


def test_pieces_of_two_saves_are_not_one(tmp_path: Path):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        net(number).save_weights(tmp_path / str(number) / "w.weights.json", max_shard_size=60 / GB)
    shutil.copy(tmp_path / "2" / "w_00001.weights.h5", tmp_path / "1")
    with pytest.raises(ValueError, match=r"w_00001\.weights\.h5 is a piece of another save than w\.weights\.json"):
        net().load_weights(tmp_path / "1" / "w.weights.json")


def test_what_does_not_fit(tmp_path: Path):
    net().save_weights(tmp_path / "w.weights.json", max_shard_size=60 / GB)
    model = net(5.0, units=6)
    with pytest.raises(ValueError, match=r"another number of units or classes\.$") as error:
        model.load_weights(tmp_path / "w.weights.json")
    assert [line.split()[0] for line in str(error.value).splitlines()[1:4]] == ["layer", "a", "b"]
    assert_same(model.get_weights(), net(5.0, units=6).get_weights(), 0)


def written(folder: Path, weight_map: Any, **other: Any) -> Path:
    net().save_weights(folder / "w.weights.json", max_shard_size=1)
    path = folder / "w.weights.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": weight_map, **other}))
    return path


GOOD = "w_00000.weights.h5"
HOSTILE: dict[str, tuple[Any, str]] = {
    "a way out": ({"/vars": "../w_00000.weights.h5"}, "plain names of .h5 files in the same folder were expected"),
    "a root": ({"/vars": "/etc/passwd"}, "plain names"),
    "a drive": ({"/vars": "C:w.weights.h5"}, "plain names"),
    "a folder below": ({"/vars": ["sub/w.weights.h5"]}, "plain names"),
    "windows": ({"/vars": ["..\\w.weights.h5"]}, "plain names"),
    "another kind": ({"/vars": "w.weights.json"}, "plain names"),
    "a hidden one": ({"/vars": ".w.h5"}, "plain names"),
    "a sign": ({"/vars": "w\u0007.h5"}, "plain names"),
    "a number": ({"/vars": 3}, "plain names"),
    "a list inside": ({"/vars": [[GOOD]]}, "plain names"),
    "missing": ({"/vars": "gone.weights.h5"}, "names 'gone.weights.h5' as a piece, and that is not beside it"),
    "a list": ([GOOD], "should be a list of pieces, with a weight_map, and is not"),
    "very many": ({f"/{number}/vars": f"{number}.h5" for number in range(10_001)}, "names 10001 pieces, which is too many"),
    "nothing": ({}, "has no weights at 'layers/dense/vars'"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_lists_that_were_made_to_harm(case: str, tmp_path: Path):
    weight_map, sentence = HOSTILE[case]
    path = written(tmp_path, weight_map)
    with pytest.raises(ValueError, match=r"w\.weights\.json") as error:
        net().load_weights(path)
    assert sentence in str(error.value)


def test_a_weight_in_two_pieces(tmp_path: Path):
    path = written(tmp_path, {"/layers/dense/vars": [GOOD, "copy.h5"]})
    shutil.copy(tmp_path / GOOD, tmp_path / "copy.h5")
    with pytest.raises(ValueError, match=r"layers/dense/vars/0 is in 2 pieces, and must be in one"):
        net().load_weights(path)


def test_a_list_over_other_files_touches_none(tmp_path: Path):
    """What a list that is to be replaced names is removed only where a save here could have written it."""
    (tmp_path / "mine.h5").write_text("precious")
    (tmp_path / "w_00007.weights.h5").write_text("an older piece")
    (tmp_path / "w.weights.json").write_text(json.dumps({"weight_map": {"/vars": ["mine.h5", "w_00007.weights.h5"]}}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net(3.0).save_weights(tmp_path / "w.weights.json")
    assert (tmp_path / "mine.h5").read_text() == "precious"
    assert not (tmp_path / "w_00007.weights.h5").exists()
    (tmp_path / "w.weights.json").write_text("no json")
    net(4.0).save_weights(tmp_path / "w.weights.json")
    model = net()
    model.load_weights(tmp_path / "w.weights.json")
    assert float(model.get_weights()[0][0, 0]) == 4
