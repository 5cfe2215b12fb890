"""Files that layers keep beside their weights: into a ``.keras`` file and out of it, as Keras 3 has them."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers as keras_layers

import lamina
from lamina import layers
from lamina.models import load_model
from lamina.saving.assets import is_name

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def vocabulary(base):
    class Vocabulary(base.Layer):
        """Keeps words in a file, and a file in a folder; the words of a new one are none."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.words = ()

        def build(self, input_shape):
            self.scale = self.add_weight(shape=(), initializer="ones")

        def call(self, x):
            return x * self.scale

        def save_assets(self, folder):
            (Path(folder) / "words.txt").write_text("\n".join(self.words), encoding="utf-8")
            (Path(folder) / "more").mkdir()
            (Path(folder) / "more" / "count").write_bytes(bytes([len(self.words)]))

        def load_assets(self, folder):
            self.words = tuple((Path(folder) / "words.txt").read_text(encoding="utf-8").split("\n"))
            assert (Path(folder) / "more" / "count").read_bytes() == bytes([len(self.words)])

    return Vocabulary


OURS, THEIRS = vocabulary(layers), vocabulary(keras_layers)


def model_of(library, base, cls):
    """Two layers with assets, one of them inside a nested model."""
    symbol = base.Input((3,))
    inner = library.Sequential([base.Input((3,)), cls(name="inner"), base.Dense(2)], name="part")
    model = library.Model(symbol, inner(cls(name="outer")(symbol)))
    for number, layer in enumerate((model.get_layer("outer"), inner.layers[0])):
        layer.words = ("one", "twö", "three")[: number + 2]
    return model


def words(model):
    return model.get_layer("outer").words, model.get_layer("part").layers[0].words


EXPECTED = (("one", "twö"), ("one", "twö", "three"))
NAMES = {"assets/layers/vocabulary/words.txt", "assets/layers/vocabulary/more/count",
         "assets/layers/sequential/layers/vocabulary/words.txt",
         "assets/layers/sequential/layers/vocabulary/more/count"}  # fmt: skip


def test_there_and_back(tmp_path: Path):
    path = tmp_path / "m.keras"
    model_of(lamina, layers, OURS).save(path)
    with zipfile.ZipFile(path) as archive:
        assert {name for name in archive.namelist() if name.startswith("assets")} == NAMES
    assert words(load_model(path, custom_objects={"Vocabulary": OURS})) == EXPECTED


@pytest.mark.parametrize("direction", ["to Keras", "from Keras"])
def test_with_keras(direction: str, tmp_path: Path):
    path = tmp_path / "m.keras"
    kinds = [(lamina, layers, OURS), (keras, keras_layers, THEIRS)]
    saved, read = kinds if direction == "to Keras" else kinds[::-1]
    model = model_of(*saved)
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        assert {name for name in archive.namelist() if name.startswith("assets")} == NAMES
    back = read[0].saving.load_model(path, custom_objects={"Vocabulary": read[2]})
    assert words(back) == EXPECTED
    x = np.ones((2, 3), "float32")
    np.testing.assert_allclose(back.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


def test_assets_of_a_model_itself(tmp_path: Path):
    class Whole(lamina.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense, self.said = layers.Dense(1), None

        def call(self, x):
            return self.dense(x)

        def save_assets(self, folder):
            (Path(folder) / "said").write_text("hello", encoding="utf-8")

        def load_assets(self, folder):
            self.said = (Path(folder) / "said").read_text(encoding="utf-8")

    model = Whole()
    model(np.ones((1, 2)))
    model.save(tmp_path / "m.keras")
    assert load_model(tmp_path / "m.keras", custom_objects={"Whole": Whole}).said == "hello"


def test_a_layer_without_assets_in_the_file_is_not_asked(tmp_path: Path):
    path = tmp_path / "m.keras"
    model_of(lamina, layers, OURS).save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            if not name.startswith("assets/layers/vocabulary"):
                archive.writestr(name, content)
    assert words(load_model(path, custom_objects={"Vocabulary": OURS})) == ((), EXPECTED[1])


# ---- what goes wrong -------------------------------------------------------------------------------------------------


class Failing(layers.Layer):
    how = ""

    def call(self, x):
        return x

    def save_assets(self, folder):
        if self.how == "raises":
            (Path(folder) / "half").write_text("half", encoding="utf-8")
            raise OSError("no more room")
        if self.how == "a link":
            os.symlink("/etc/hostname", Path(folder) / "link")
        if self.how == "a link to a folder":
            os.symlink("/etc", Path(folder) / "link")
        if self.how == "a name":
            (Path(folder) / "a\\b").write_text("", encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="links and such names need rights there")
@pytest.mark.parametrize("how", ["raises", "a link", "a link to a folder", "a name"])
def test_a_save_that_fails_leaves_the_file_that_was_there(how: str, tmp_path: Path):
    path = tmp_path / "m.keras"
    model = lamina.Sequential([layers.Input((2,)), Failing()])
    model.save(path)
    before = path.read_bytes()
    model.layers[0].how = how
    with pytest.raises((OSError, ValueError), match="no more room" if how == "raises" else "can't hold"):
        model.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.keras"]


def with_assets(tmp_path: Path, members, method=zipfile.ZIP_STORED) -> Path:
    path = tmp_path / "m.keras"
    model_of(lamina, layers, OURS).save(path)
    with zipfile.ZipFile(path, "a", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


HOSTILE = {
    "up": ("assets/layers/vocabulary/../../../evil", " has a member "),
    "absolute": ("assets//etc/passwd", " has a member "),
    "here": ("assets/./evil", " has a member "),
    "a drive": ("assets/c:evil", " has a member "),
    "a backslash": ("assets/a\\..\\evil", " has a member "),
    "not printable": ("assets/a\x1b[2J", " has a member "),
    "a file as a folder": ("assets/layers/vocabulary/words.txt/evil", " where another is a folder"),
    "a folder as a file": ("assets/layers/vocabulary/more", " where another is a folder"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_names(case: str, tmp_path: Path):
    name, sentence = HOSTILE[case]
    path = with_assets(tmp_path, [(name, b"x")])
    with pytest.raises(ValueError, match=sentence):
        load_model(path, custom_objects={"Vocabulary": OURS})
    assert os.listdir(tmp_path) == ["m.keras"]


def test_bombs(tmp_path: Path):
    path = with_assets(tmp_path, [("assets/layers/vocabulary/big", b" " * 50_000_000)], zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="assets/layers/vocabulary/big says that its"):
        load_model(path, custom_objects={"Vocabulary": OURS})


def test_members_that_overlap(tmp_path: Path):
    """Many names for one piece of the file would unfold to many times its size."""
    path = with_assets(tmp_path, [(f"assets/layers/vocabulary/{number}", b"x" * 100_000) for number in range(1)])
    with zipfile.ZipFile(path, "a") as archive:
        first = archive.getinfo("assets/layers/vocabulary/0")
        for number in range(1, 5):
            twin = zipfile.ZipInfo(f"assets/layers/vocabulary/{number}")
            twin.header_offset, twin.compress_size = first.header_offset, first.compress_size
            twin.file_size, twin.CRC = first.file_size, first.CRC
            archive.filelist.append(twin)
            archive.NameToInfo[twin.filename] = twin
            archive._didModify = True
    with pytest.raises(ValueError, match="overlap"):
        load_model(path, custom_objects={"Vocabulary": OURS})


@pytest.mark.parametrize(("name", "holds"), [
    ("assets/a", True), ("assets/layers/dense/a.txt", True), ("assets/", True), ("assets/a/", True), ("assets/.a", True),
    ("assets", False), ("assets/..", False), ("assets/a/../b", False), ("assets//a", False), ("assets/ ", False),
    ("evil/a", False), ("/assets/a", False), ("assets/a:b", False), ("assets/...", False), ("", False),
])  # fmt: skip
def test_names(name: str, holds: bool):
    assert is_name(name) is holds
