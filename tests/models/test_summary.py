"""``summary()``: what the table shows, in every state a model can be in."""

import copy
import io
import pickle

import keras
import pytest
import torch
from torch import nn

from lamina import config
from lamina.layers import Activation, Dense, Input, Lambda, Layer
from lamina.models import Model, Sequential
from lamina.models.summary import summary
from lamina.screen import cells as width_of


def text_of(model, **options) -> str:
    printed: list[str] = []
    summary(model, print_fn=printed.append, **options)
    assert len(printed) == 1
    return printed[0]


def cells(model, **options) -> list[list[str]]:
    """The rows of the table, split where two or more spaces are."""
    lines = text_of(model, **options).split("\n")
    rules = [number for number, line in enumerate(lines) if line.strip().startswith("──")]
    rows = lines[rules[1] + 1 : rules[2]]
    return [[cell.strip() for cell in row.strip().split("  ") if cell.strip()] for row in rows]


def stack() -> Sequential:
    return Sequential([Dense(32, activation="relu", input_shape=(16,), name="a"), Dense(4, name="b")], name="net")


class Written(Model):
    def __init__(self):
        super().__init__(name="written")
        self.first = Dense(3, name="first")
        self.blocks = [Dense(2, name="second"), nn.Linear(2, 2)]

    def call(self, inputs):
        return self.blocks[1](self.blocks[0](self.first(inputs)))


# ---- the whole text ------------------------------------------------------------------------------------------------


def test_a_stack_word_for_word():
    assert text_of(stack()) == (
        'Model: "net"\n'
        " ───────────────────────────────────────\n"
        "  Layer (type)   Output Shape   Param #\n"
        " ───────────────────────────────────────\n"
        "  a (Dense)      (None, 32)         544\n"
        "  b (Dense)      (None, 4)          132\n"
        " ───────────────────────────────────────\n"
        " Total params: 676 (2.64 KB)\n"
        " Trainable params: 676 (2.64 KB)\n"
        " Non-trainable params: 0 (0.00 B)"
    )


def test_without_print_fn_it_is_printed(capsys):
    model = stack()
    model.summary()
    assert capsys.readouterr().out == text_of(model) + "\n"


class FakeTerminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_bold_heads_and_as_wide_a_table_as_it_has_room_for(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "xterm")
    terminal = FakeTerminal()
    monkeypatch.setattr("sys.stdout", terminal)
    stack().summary()
    monkeypatch.undo()
    text = terminal.getvalue()
    assert "\x1b[1m" in text
    plain = [line for line in text.split("\n") if "─" in line]
    assert len(plain) == 3
    assert max(line.count("─") for line in plain) <= 30


@pytest.mark.parametrize(
    ("shape", "units"), [((7,), [3, 5]), ((4, 6), [2]), ((300,), [400, 10])], ids=["small", "sequence", "big"]
)
def test_totals_are_those_of_keras(shape, units):
    ours = Sequential([Input(shape=shape), *(Dense(n) for n in units)])
    theirs = keras.Sequential([keras.Input(shape), *(keras.layers.Dense(n) for n in units)])
    printed: list[str] = []
    theirs.summary(print_fn=printed.append)
    expected = [line.strip() for line in printed[0].split("\n") if "params:" in line]
    assert [line.strip() for line in text_of(ours).split("\n") if "params:" in line] == expected


# ---- where it is printed -------------------------------------------------------------------------------------------


@pytest.fixture
def chinese():
    config.set_language("zh")
    yield
    config.set_language("auto")


def printed(monkeypatch, encoding: str, **options) -> str:
    """What a stream of this encoding gets."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    monkeypatch.setattr("sys.stdout", stream)
    stack().summary(**options)
    stream.flush()
    monkeypatch.undo()
    return stream.buffer.getvalue().decode(encoding)  # pyright: ignore[reportAttributeAccessIssue]


ASCII = text_of(stack()).replace("─", "-") + "\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "gbk", "cp437", "utf-8"])
@pytest.mark.parametrize("options", [{}, {"print_fn": print}, {"print_fn": lambda text: print(text)}],
                         ids=["itself", "print", "a function that prints"])  # fmt: skip
def test_any_encoding_gets_a_table(monkeypatch, encoding, options):
    found = printed(monkeypatch, encoding, **options)
    assert found.replace("─", "-") == ASCII
    assert ("─" in found) <= (encoding in ("utf-8", "gbk", "cp437"))


def test_where_nobody_reads_there_is_no_table_and_no_error(monkeypatch):
    class Bare:
        text = ""

        def write(self, text):
            self.text += text

    bare, closed = Bare(), io.StringIO()
    closed.close()
    for stream in (bare, closed, None):
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", stream)
            stack().summary()
    assert bare.text == text_of(stack()) + "\n"


@pytest.mark.usefixtures("chinese")
def test_in_chinese_word_for_word():
    model = stack()
    model.layers[0].trainable = False
    assert text_of(model, show_trainable=True) == (
        "模型：“net”\n"
        " ───────────────────────────────────────────\n"
        "  层（类型）   输出形状     参数量   可训练\n"
        " ───────────────────────────────────────────\n"
        "  a (Dense)    (None, 32)      544     N\n"
        "  b (Dense)    (None, 4)       132     Y\n"
        " ───────────────────────────────────────────\n"
        " 总参数量：676 (2.64 KB)\n"
        " 可训练参数量：132 (528.00 B)\n"
        " 不可训练参数量：544 (2.12 KB)"
    )
    assert "0（未构建）" in text_of(Sequential([Dense(3)]))
    assert "连接自" in text_of(two_ways())


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(("encoding", "first"), [("utf-8", "模型：“net”"), ("gbk", "模型：“net”"),
                                                 ("ascii", 'Model: "net"'), ("cp1252", 'Model: "net"')])  # fmt: skip
@pytest.mark.parametrize("options", [{}, {"print_fn": lambda text: print(text)}], ids=["itself", "a function"])
def test_chinese_only_where_it_can_be_written(monkeypatch, encoding, first, options):
    assert printed(monkeypatch, encoding, **options).split("\n")[0] == first


@pytest.mark.usefixtures("chinese")
def test_errors_are_english():
    with pytest.raises(ValueError, match="linear") as raised:
        Sequential([Dense(3, input_shape=(4,), name="a"), nn.Linear(5, 2)], name="net")
    assert raised.value.__notes__[-1].startswith('The model so far:\nModel: "net"\n')


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_terminal_gets_no_line_that_is_too_long_and_whole_numbers(monkeypatch, width, language):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(config, "language", lambda: language)
    terminal = FakeTerminal()
    monkeypatch.setattr("sys.stdout", terminal)
    big = Sequential([Dense(12_345, input_shape=(678,), name="a_layer_with_a_long_name"), Dense(3, name="层")])
    big.summary(show_trainable=True)
    monkeypatch.undo()
    text = terminal.getvalue()
    assert max(width_of(line) for line in text.split("\n")) <= width
    for number in ("8,382,255", "37,038", "8,419,293 (32.12 MB)" if width > 40 else "8,419,293"):
        assert number in text


# ---- states --------------------------------------------------------------------------------------------------------


def test_an_unbuilt_stack():
    model = Sequential([Dense(3, name="d"), Activation("relu", name="r"), nn.Linear(3, 2), nn.LazyLinear(2)])
    assert cells(model) == [
        ["d (Dense)", "?", "0 (unbuilt)"],
        ["r (Activation)", "?", "0"],
        ["linear (Linear)", "?", "8"],
        ["lazylinear (LazyLinear)", "?", "0 (unbuilt)"],
    ]


def test_an_empty_model():
    assert cells(Sequential()) == []
    assert "Total params: 0 (0.00 B)" in text_of(Sequential())


def test_a_written_model_before_and_after_its_first_data():
    model = Written()
    assert cells(model) == [
        ["first (Dense)", "?", "0 (unbuilt)"],
        ["second (Dense)", "?", "0 (unbuilt)"],
        ["blocks.1 (Linear)", "?", "6"],
    ]
    model(torch.zeros(2, 4))
    assert cells(model) == [
        ["first (Dense)", "(2, 3)", "15"],
        ["second (Dense)", "(2, 2)", "8"],
        ["blocks.1 (Linear)", "?", "6"],
    ]


def test_a_layer_whose_shape_rule_fails():
    class Broken(Layer):
        def call(self, inputs):
            return inputs

        def compute_output_shape(self, input_shape):
            raise RuntimeError("no")

    class Holder(Model):
        def __init__(self):
            super().__init__()
            self.inner = Broken(name="broken")

        def call(self, inputs):
            return self.inner(inputs)

    model = Holder()
    model(torch.zeros(1, 2))
    assert cells(model) == [["broken (Broken)", "?", "0"]]


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["copy", "pickle"]
)
def test_a_copy_shows_the_same(again):
    model = stack()
    assert text_of(again(model)) == text_of(model)
    branched = two_ways()
    assert text_of(again(branched)) == text_of(branched)


def test_what_does_not_fit_is_reported_above_the_model_so_far():
    with pytest.raises(ValueError, match="linear") as raised:
        Sequential([Dense(3, input_shape=(4,), name="a"), nn.Linear(5, 2)], name="net")
    assert raised.value.__notes__[-1].startswith('The model so far:\nModel: "net"\n')
    assert "a (Dense)      (None, 3)           15" in raised.value.__notes__[-1]


def test_any_module_can_be_shown():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3))
    assert cells(net) == [["0 (Linear)", "?", "9"], ["1 (ReLU)", "?", "0"], ["2 (BatchNorm1d)", "?", "13"]]
    assert text_of(net).startswith('Model: "Sequential"\n')


# ---- connections ---------------------------------------------------------------------------------------------------


def two_ways() -> Model:
    x = Input(shape=(4,), name="x")
    shared = Dense(3, name="shared")
    inner = Sequential([Dense(2, input_shape=(3,), name="inside")], name="inner")
    return Model(x, inner(torch.relu(shared(x) + shared(x * 2))), name="ways")


def test_connections_shared_layers_functions_and_nested_models():
    assert cells(two_ways(), expand_nested=True) == [
        ["x (InputLayer)", "(None, 4)", "0", "-"],
        ["mul (function)", "(None, 4)", "0", "x"],
        ["shared (Dense)", "(None, 3)", "15", "x, mul"],
        ["add (function)", "(None, 3)", "0", "shared, shared"],
        ["relu (function)", "(None, 3)", "0", "add"],
        ["inner (Sequential)", "(None, 2)", "8", "relu"],
        ["└ inside (Dense)", "(None, 2)", "8", "-"],
    ]
    assert len(cells(two_ways())) == 6


def test_a_line_of_layers_has_no_column_of_connections():
    x = Input(shape=(4,), name="x")
    line = Model(x, Dense(2, name="out")(Dense(3, name="mid")(x)))
    assert "Connected to" not in text_of(line)
    assert "Connected to" in text_of(two_ways())


def test_several_inputs_and_outputs():
    a, b = Input(shape=(2,), name="left"), Input(shape=(2,), name="right")
    split = Lambda(lambda t: [t + 1, t * 2], name="split")(Dense(3, name="d")(a))
    model = Model([a, b], [Dense(1, name="o")(split[1]), b * 2])
    rows = {row[0]: row[1:] for row in cells(model)}
    assert rows["left (InputLayer)"] == ["(None, 2)", "0", "-"]
    assert rows["split (Lambda)"] == ["(None, 3), (None, 3)", "0", "d"]
    assert rows["o (Dense)"] == ["(None, 1)", "4", "split[1]"]
    assert rows["mul (function)"] == ["(None, 2)", "0", "right"]


def test_a_torch_module_in_a_functional_model():
    x = Input(shape=(4,), name="x")
    assert cells(Model(x, nn.Linear(4, 2)(x)))[1] == ["linear (Linear)", "(None, 2)", "10"]


# ---- options -------------------------------------------------------------------------------------------------------


def test_trainable_column_and_frozen_totals():
    model = stack()
    model.layers[0].trainable = False
    model.add(Activation("relu", name="r"))
    assert [row[3] for row in cells(model, show_trainable=True)] == ["N", "Y", "-"]
    assert " Trainable params: 132 (528.00 B)\n Non-trainable params: 544 (2.12 KB)" in text_of(model)


def test_line_length_bounds_the_table():
    assert max(map(len, text_of(two_ways(), line_length=50).split("\n"))) <= 50


@pytest.mark.parametrize("positions", [[0.5, 0.75, 1.0], [30, 45, 60]], ids=["parts", "characters"])
def test_positions_place_the_columns(positions):
    line = text_of(stack(), line_length=60, positions=positions).split("\n")[2]
    assert 30 <= line.index("Output") <= 33
    assert 57 <= len(line) <= 61


@pytest.mark.parametrize(
    ("ends", "shown"), [(("a", "a"), "a"), (("b", "c"), "bc"), (("c", "a"), "abc"), ((".*", "b"), "ab")]
)
def test_layer_range(ends, shown):
    model = stack()
    model.add(Dense(2, name="c"))
    assert "".join(row[0][0] for row in cells(model, layer_range=ends)) == shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer_range": ["a", "bb"]}, "layer_range: no layer is named 'bb'. Did you mean 'b'? The layers are: a, b."),
        ({"layer_range": "ab"}, "layer_range takes two names, of the first and of the last layer, and got 'ab'."),
        (
            {"positions": [0.5, 1.0]},
            "positions must be 3 growing numbers, the ends of the columns Layer (type), Output Shape, Param #, and got "
            "[0.5, 1.0].",
        ),
    ],
    ids=["unknown", "one string", "positions"],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=r"\S") as raised:
        text_of(stack(), **options)
    assert str(raised.value) == message
