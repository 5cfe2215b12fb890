"""``KerasFileEditor`` beside Keras's, on the same files; and where Keras's loses what is in a file."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina.saving import KerasFileEditor

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras's own


def flat_model(source, compiled=False):
    """Layers beside each other, which Keras's editor knows."""
    layers = source.layers
    model = source.Sequential([source.Input((4,)), layers.Dense(3, name="first"), layers.BatchNormalization(name="norm"),
                               layers.Dropout(0.5), layers.Dense(2, name="last")], name="m")  # fmt: skip
    if compiled:
        model.compile("adam", "mse")
        model.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    return model


def deep_model(source):
    """A model in a model, and a layer with weights of its own beside those of the layers inside."""

    class Block(source.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = source.layers.Dense(2)
            self.more = [source.layers.Dense(2), source.layers.Dense(2)]

        def build(self, shape):
            self.gain = self.add_weight(shape=(2,), initializer="ones", name="gain")
            for layer in (self.inner, *self.more):
                layer.build((None, 2))
            self.built = True

        def call(self, x):
            for layer in (self.inner, *self.more):
                x = layer(x)
            return x * self.gain

    inner = source.Sequential(
        [source.Input((3,)), source.layers.Dense(2, name="i"), source.layers.Dropout(0.1)], name="inner"
    )
    x = source.Input((3,))
    return source.Model(x, Block(name="block")(inner(x)), name="outer")


def nested(weights):
    """The shapes and numbers in an editor's dictionary."""
    return {
        key: nested(value) if isinstance(value, dict) else np.asarray(value).tolist() for key, value in weights.items()
    }


def both(path, capsys):
    """Keras's editor and ours on a file, and what each has printed."""
    capsys.readouterr()
    theirs = keras.saving.KerasFileEditor(str(path)), "".join(capsys.readouterr().out.split())  # it cuts long lines
    ours = KerasFileEditor(path), "".join(capsys.readouterr().out.split())
    assert theirs[1] == ours[1]
    return theirs[0], ours[0]


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
@pytest.mark.parametrize("writer", [keras, lamina], ids=["keras", "lamina"])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_file_is_read_as_by_keras(ending, writer, compiled, tmp_path, capsys):
    path = tmp_path / f"m{ending}"
    model = flat_model(writer, compiled)
    model.save(path) if ending == ".keras" else model.save_weights(path)
    theirs, ours = both(path, capsys)
    assert nested(theirs.weights_dict) == nested(ours.weights_dict)
    assert theirs.object_metadata == ours.object_metadata
    assert (theirs.config, theirs.metadata) == (ours.config, ours.metadata)
    shown = []
    for editor in (theirs, ours):
        editor.summary()
        lines = capsys.readouterr().out.splitlines()
        shown.append(sorted(re.sub(r" \('.*'\)$", "", line.strip(" ─├└│>")) for line in lines))
    assert shown[0] == shown[1]


CHANGES = {
    "rename": lambda editor: editor.rename_object("layers/dense", "other"),
    "rename by name": lambda editor: editor.rename_object("batch_normalization", "other"),
    "delete": lambda editor: editor.delete_object("layers/batch_normalization"),
    "add": lambda editor: editor.add_object("layers/dense_2", {"0": np.ones((2, 3)), "1": np.zeros(3)}),
    "add at the top": lambda editor: editor.add_object("extra", {"0": np.ones(1)}),
    "replace": lambda editor: editor.add_object("layers/dense", {"0": np.ones((2, 3))}),
    "add weights": lambda editor: editor.add_weights("layers/dense", {"2": np.ones(2), "0": np.zeros((4, 3))}),
    "delete a weight": lambda editor: editor.delete_weight("layers/dense_1", "1"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_are_keras_s_and_written(change, tmp_path, capsys):
    path = tmp_path / "m.weights.h5"
    flat_model(keras).save_weights(path)
    editors = both(path, capsys)
    written = []
    for name, editor in zip(("theirs", "ours"), editors, strict=True):
        CHANGES[change](editor)
        editor.save(str(tmp_path / f"{name}.weights.h5"))
        written.append(nested(KerasFileEditor(tmp_path / f"{name}.weights.h5").weights_dict))
        assert keras.saving.KerasFileEditor(str(tmp_path / f"{name}.weights.h5"))
    assert nested(editors[0].weights_dict) == nested(editors[1].weights_dict)
    assert written[0] == written[1]


@pytest.mark.parametrize("change", [None, *CHANGES])
def test_comparing_says_what_keras_says(change, tmp_path, capsys):
    path = tmp_path / "m.weights.h5"
    flat_model(keras).save_weights(path)
    theirs, ours = both(path, capsys)
    for editor in (theirs, ours):
        if change is not None:
            CHANGES[change](editor)
    capsys.readouterr()
    expected = theirs.compare(flat_model(keras))
    their_places = set(re.findall(r"/[\w/]+", re.sub(r"contains.*", "", capsys.readouterr().out)))
    found = ours.compare(flat_model(lamina))
    our_places = set(re.findall(r" (/[\w/]+)", capsys.readouterr().out))
    assert found["status"] == expected["status"] == ("success" if change is None else "error")
    assert their_places <= our_places
    assert found["error_count"] == len(our_places)
    if change is None:
        assert found == {"status": "success", "error_count": 0, "match_count": 8}  # Keras counts some of them twice


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_layers_inside_layers_are_kept(ending, tmp_path, capsys):
    """Keras's editor reads none of them beside ``vars``, and writes a file without them."""
    path, again = tmp_path / f"m{ending}", tmp_path / "again.weights.h5"
    source = deep_model(keras)
    source.save(path) if ending == ".keras" else source.save_weights(path)
    editor = KerasFileEditor(path)
    editor.summary()
    assert "dense ('i')" in capsys.readouterr().out
    assert editor.compare(deep_model(lamina))["match_count"] == 9
    editor.save(again)
    for kind in (keras, lamina):
        model = deep_model(kind)
        model.load_weights(again)
        for mine, theirs in zip(model.weights, source.weights, strict=True):
            assert np.array_equal(
                keras.ops.convert_to_numpy(getattr(mine, "value", mine)), keras.ops.convert_to_numpy(theirs)
            )


def test_weights_of_the_model_itself_and_of_its_optimizer_are_kept(tmp_path):
    class Own(lamina.Model):
        def __init__(self):
            super().__init__()
            self.gain = self.add_weight(shape=(2,), initializer="ones", name="gain")
            self.inner = lamina.layers.Dense(2, dtype="bfloat16")

        def call(self, x):
            return self.inner(x) * self.gain

    model, other = Own(), Own()
    for one in (model, other):
        one.compile(lamina.optimizers.LossScaleOptimizer(lamina.optimizers.Adam()), "mse")
        one.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    editor = KerasFileEditor(tmp_path / "m.weights.h5")
    assert next(iter(editor.weights_dict)) == "vars"
    assert editor.compare(model)["status"] == "success"
    editor.resave_weights(tmp_path / "again.weights.h5")
    other.load_weights(tmp_path / "again.weights.h5")
    for mine, theirs in zip((*model.weights, *model.optimizer.variables), (*other.weights, *other.optimizer.variables),
                            strict=True):  # fmt: skip
        assert torch.equal(torch.as_tensor(mine), torch.as_tensor(theirs))


def test_an_old_file_fits_a_changed_model(tmp_path):
    """What the editor is for: a layer was renamed in the code, one more came, one went."""
    old = lamina.Sequential([lamina.layers.Dense(3, input_shape=(4,)), lamina.layers.Dense(2), lamina.layers.Dense(1)])
    old.save_weights(tmp_path / "old.weights.h5")
    x = lamina.Input((4,))
    new = lamina.Model(x, lamina.layers.EinsumDense("ab,bc->ac", 2, bias_axes="c")(lamina.layers.Dense(3)(x)))
    editor = KerasFileEditor(tmp_path / "old.weights.h5")
    assert editor.compare(new)["status"] == "error"
    editor.delete_object("dense_2")
    editor.rename_object("dense_1", "einsum_dense")
    assert editor.compare(new) == {"status": "success", "error_count": 0, "match_count": 4}
    editor.save(tmp_path / "new.weights.h5")
    new.load_weights(tmp_path / "new.weights.h5")
    assert torch.equal(new.layers[-1].kernel, old.layers[1].kernel)


def test_wrong_words_are_refused_and_change_nothing(tmp_path):
    flat_model(lamina).save_weights(tmp_path / "m.weights.h5")
    editor = KerasFileEditor(tmp_path / "m.weights.h5")
    before = nested(editor.weights_dict)
    for said, wrong in {
        "has no object 'dens'": lambda: editor.delete_object("dens"),
        "has no object 'layers/no/x'": lambda: editor.delete_object("layers/no/x"),
        "has '0' at layers/": lambda: editor.delete_object("0"),
        "has no weight '7'": lambda: editor.delete_weight("dense", "7"),
        "'layers/dense/0' is a weight": lambda: editor.add_weights("layers/dense/0", {}),
        "has no object 'layers/no' for 'x'": lambda: editor.add_object("layers/no/x", {}),
        "are a dictionary of arrays": lambda: editor.add_object("layers/x", [np.ones(2)]),
        "'dense/0' takes numbers": lambda: editor.add_weights("dense", {"0": "word"}),
        "is a name, and no path": lambda: editor.rename_object("dense", "a/b"),
        "has 'dense_1' beside 'layers/dense' already": lambda: editor.rename_object("dense", "dense_1"),
        "must end in '.weights.h5'": lambda: editor.save(tmp_path / "m.keras"),
    }.items():
        with pytest.raises(ValueError, match=re.escape(said)):
            wrong()
    assert nested(editor.weights_dict) == before
    with pytest.raises(ValueError, match=r"files that end in \.keras or \.weights\.h5"):
        KerasFileEditor(tmp_path / "m.h5")
    with pytest.raises(FileNotFoundError):
        KerasFileEditor(tmp_path / "no.weights.h5")


def test_links_and_circles_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    for name, link in (("soft", lambda file: h5py.SoftLink("/a")), ("external", lambda file: h5py.ExternalLink("x.h5", "/a")),
                       ("circle", lambda file: file["a"])):  # fmt: skip
        path = tmp_path / f"{name}.weights.h5"
        with h5py.File(path, "w") as file:
            file.create_group("a").create_dataset("0", data=np.ones(2))
            file["a"]["again"] = link(file)
        with pytest.raises(ValueError, match="is a link to another place" if name != "circle" else "is inside itself"):
            KerasFileEditor(path)
