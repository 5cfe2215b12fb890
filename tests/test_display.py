"""What notebooks and prompts show: whole HTML without scripts or colours of its own, prose, code in lines, both languages."""

from __future__ import annotations

import io
import json
import pickle
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from torch import nn

import lamina
from lamina import config, constraints, initializers, layers, losses, optimizers, regularizers
from lamina.callbacks import EarlyStopping, History
from lamina.display import Code, Described, Html, Prose, described, element, table
from lamina.models import Model, Sequential

VOID = {"br"}


class Reader(HTMLParser):
    """Reads HTML, and fails where tags do not close in the order in which they opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(made: object) -> Reader:
    """The HTML of an object, which must be the same each time and safe on any page."""
    text = made._repr_html_()
    assert text == made._repr_html_()
    reader = Reader(text)
    assert not {"script", "style", "link", "img", "iframe"} & set(reader.tags)
    for name, value in reader.attributes:
        assert name in {
            "style",
            "colspan",
            "width",
            "height",
            "viewbox",
            "points",
            "fill",
            "stroke",
            "stroke-width",
            "role",
        }
        assert not set((value or "").split()) & {"black", "white", "#000", "#fff", "background"}
    return reader


def nested() -> Model:
    inner = Sequential([layers.Dense(4, input_shape=(4,), name="in1"), layers.Dense(4, name="in2")], name="inner")
    x = layers.Input(shape=(3,), name="x")
    a = layers.Dense(4, name="<script>alert(1)</script>")(x)
    return Model(x, layers.Dense(1, name="out")(layers.Add(name="sum")([a, inner(a)])), name="a & b")


# ---- the parts -----------------------------------------------------------------------------------------------------


def test_text_is_escaped_and_html_is_not():
    assert element("p", "a<b", Html("<br>"), 3, title='"') == '<p title="&quot;">a&lt;b<br>3</p>'
    rows = Reader(table(["a", "b"], [["<i>", "2"], ["one for both"]], right=[1]))
    assert (rows.text, rows.tags.count("td"), ("colspan", "2") in rows.attributes) == ("ab<i>2one for both", 3, True)
    assert "i" not in rows.tags


def test_code_is_a_string_that_shows_its_lines():
    text = "def f(x):\n    return x < 2  # (None,)\n"
    code = Code(text)
    assert isinstance(code, str)
    assert (code, hash(code), f"{code}", str(code), json.dumps(code)) == (
        text,
        hash(text),
        text,
        text,
        json.dumps(text),
    )
    assert type(str(code)) is str
    assert repr(code) == text.rstrip("\n")
    space: dict = {}
    exec(code, space)  # as a user might
    assert space["f"](1) is True
    again = pickle.loads(pickle.dumps(code))
    assert again == text
    assert type(again) is str
    assert read(code).text == text.rstrip("\n")
    printer = io.StringIO()
    printer.text = printer.write
    code._repr_pretty_(printer, False)
    assert printer.getvalue() == text.rstrip("\n")


class Verdict(Prose):
    def __str__(self) -> str:
        return "Good: a < b\nTo do:\n- one\n- two\nThe end"


def test_prose_has_paragraphs_and_lists():
    assert repr(Verdict()) == str(Verdict())
    reader = read(Verdict())
    assert [tag for tag in reader.tags if tag != "div"] == ["p", "b", "p", "ul", "li", "li", "p"]
    assert reader.text == "Good: a < bTo do:onetwoThe end"


class Thing(Described):
    def __init__(self, rate=0.1, *, name=None, inner=None):
        self.config = {"rate": rate, "name": name, "inner": inner}

    def get_config(self):
        return self.config


class Broken(Described):
    def get_config(self):
        raise NotImplementedError


def test_described_says_what_is_not_the_default():
    assert repr(Thing()) == "Thing()"
    inner = {"class_name": "Other", "config": {"k": 1.0, "none": None}, "module": "m"}
    assert repr(Thing(0.5, name="<a>", inner=inner)) == "Thing(rate=0.5, name='<a>', inner=Other(k=1))"
    assert described(Thing(0.5), "and more", hidden=["rate"]) == "Thing(and more)"
    assert repr(Broken()) == "<Broken>"


@pytest.mark.parametrize(("made", "expected"), [
    (initializers.GlorotUniform(), "GlorotUniform()"),
    (initializers.RandomNormal(stddev=0.5, seed=3), "RandomNormal(stddev=0.5, seed=3)"),
    (initializers.Constant(2), "Constant(value=2)"),
    (regularizers.L1L2(l1=0.1), "L1L2(l1=0.1)"),
    (constraints.MaxNorm(3), "MaxNorm(max_value=3)"),
    (losses.Huber(delta=2.0), "Huber(delta=2)"),
    (losses.MeanSquaredError(reduction="sum", name="mine"), "MeanSquaredError(reduction='sum', name='mine')"),
    (optimizers.schedules.ExponentialDecay(0.1, 100, 0.5), "ExponentialDecay(initial_learning_rate=0.1, decay_steps=100, "
                                                           "decay_rate=0.5)"),
])  # fmt: skip
def test_parts_of_models_are_the_calls_that_make_them(made, expected):
    assert sorted(repr(made)) == sorted(expected)  # in the order of the config
    assert repr(made).partition("(")[0] == expected.partition("(")[0]


def test_every_part_by_its_name_has_a_repr():
    for module in (initializers, regularizers, constraints, losses):
        for name in module.__all__:
            made = getattr(module, name)
            if isinstance(made, type) and hasattr(made, "get_config"):
                try:
                    shown = repr(made())
                except TypeError:  # it needs arguments
                    continue
                assert shown.startswith(f"{made.__name__}("), name


# ---- models and layers ---------------------------------------------------------------------------------------------


def test_a_model_is_its_summary_as_a_table():
    reader = read(nested())
    assert 'Model: "a & b"' in reader.text
    for cell in ("<script>alert(1)</script> (Dense)", "(None, 4)", "layers of inner", "in2 (Dense)", "Connected to"):
        assert cell in reader.text
    assert "Total params: 61 (244.00 B)" in reader.text
    assert reader.tags.count("details") == 1


def test_a_long_model_is_folded():
    long = Sequential([layers.Input((8,)), *(layers.Dense(8) for _ in range(40))])
    reader = read(long)
    assert reader.tags.count("details") == 1
    assert "40 layers" in reader.text
    assert "Total params: 2,880" in reader.text


class Written(Model):
    def __init__(self):
        super().__init__(name="written")
        self.blocks = [layers.Dense(2, name="second"), nn.Linear(2, 2), nn.LazyLinear(3)]

    def call(self, inputs):
        return self.blocks[1](self.blocks[0](inputs))


class Fails(layers.Layer):
    def compute_output_shape(self, input_shape):
        raise RuntimeError("no")

    def call(self, inputs):
        return inputs


STATES = [
    Sequential(), Sequential([layers.Dense(3), nn.Linear(3, 2)]), Written(), layers.Dense(3, name="a<b"),
    layers.Bidirectional(layers.LSTM(2)), layers.TorchModuleWrapper(nn.Linear(2, 3)), layers.Lambda(torch.relu), Fails(),
    layers.Input((3,)).node.target, layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)]),
]  # fmt: skip


@pytest.mark.parametrize("made", STATES, ids=lambda made: type(made).__name__)
def test_models_and_layers_in_any_state(made):
    read(made)


def test_a_built_layer_shows_its_shapes_and_weights():
    layer = layers.BatchNormalization(name="norm")
    layer(torch.zeros(2, 5))
    reader = read(layer)
    assert "Input (2, 5) → output (2, 5)" in reader.text
    assert "moving_mean(5,)float32no5" in reader.text
    assert "Total params: 20" in reader.text
    assert "has no weights" in read(layers.Flatten()).text or "Not built" in read(layers.Flatten()).text
    fails = Fails()
    fails(torch.zeros(2, 5))
    assert "output ?" in read(fails).text


def test_model_code_is_shown_in_lines():
    assert isinstance(nested().code, Code)
    assert repr(nested().code).count("\n") == 5


# ---- training ------------------------------------------------------------------------------------------------------


def trained() -> History:
    model = Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.random.default_rng(0).random((64, 3)).astype("float32")
    stop = EarlyStopping(patience=2, restore_best_weights=True)
    return model.fit(x, x.sum(1), epochs=7, validation_split=0.25, verbose=0, callbacks=[stop])


def test_history_is_a_table_with_its_curves():
    history = trained()
    assert repr(history).startswith("<History: 7 epochs, loss ")
    assert "\n" not in repr(history)
    reader = read(history)
    for text in ("Curve", "Epoch 1", "lowest val_loss", "val_mae", "history.diagnose()", "EarlyStopping restored them"):
        assert text in reader.text
    assert reader.tags.count("polyline") == 2
    printer = io.StringIO()
    printer.text = printer.write
    history._repr_pretty_(printer, False)
    lines = printer.getvalue().split("\n")
    assert len({len(line) for line in lines[:5]}) == 1
    assert lines[1].split()[1] == f"{history.history['loss'][0]:.4g}"
    assert lines[2].split()[-1] == f"{min(history.history['val_loss']):.4g}"


@pytest.mark.parametrize("curves", [
    {}, {"loss": []}, {"loss": [1.0]}, {"loss": [float("nan"), float("inf")], "val_loss": [float("nan")] * 2},
    {"loss": [1.0, 2.0], "val_loss": [3.0]}, {"loss": [2.0, 2.0], "matrix": [[1], [2]]}, {"<b>": [1, 2]},
])  # fmt: skip
def test_any_history_can_be_shown(curves):
    history = History()
    history.history = curves
    reader = read(history)
    assert "b" not in reader.tags
    assert repr(history).startswith("<History: ")


def test_a_diagnosis_is_prose():
    diagnosis = trained().diagnose()
    assert repr(diagnosis) == str(diagnosis)
    assert "ul" in read(diagnosis).tags


def test_a_comparison_is_a_table_and_prose():
    comparison = lamina.compare({"plain": trained(), "<b>": trained()})
    assert repr(comparison) == str(comparison)
    reader = read(comparison)
    assert {"table", "p"} <= set(reader.tags)
    assert "<b>" in reader.text


def test_all_of_it_in_chinese():
    config.set_language("zh")
    try:
        assert "参数总数：" in read(nested()).text
        assert "权重" in read(layers.Dense(2, name="d")).text
        assert "最低" in read(trained()).text
    finally:
        config.set_language("auto")
