"""Recurrent layers, their cells, and the layers that wrap another one."""

from catalog.core import L2, MAX_NORM
from catalog.row import Make, Row, Wrong

X = (2, 4, 3)  # two sequences of four steps with three features
MASK = [[True, False, True, True], [False] * 4]  # holes, and a sequence of nothing
WEIGHTS = {
    "kernel_initializer": "he_normal", "recurrent_initializer": "glorot_uniform", "bias_initializer": "ones",
    "kernel_regularizer": L2, "recurrent_regularizer": "l1", "bias_regularizer": "l2", "kernel_constraint": MAX_NORM,
    "recurrent_constraint": "unit_norm", "bias_constraint": "non_neg",
}  # fmt: skip
DROPOUT = {"dropout": 0.2, "recurrent_dropout": 0.3, "seed": 1}
STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}
# In Keras no state of one call survives in another.
STATEFUL = "its outputs change from call to call; tests/layers/test_recurrent.py"
ROUNDED = {"values_in_float64": "Keras rounds the factor of a penalty to float32"}
SLOPE = {"values_in_float64": "in the gradient of torch's hard sigmoid, which Keras runs, 1 / 6 is rounded to float32"}
DENSE = {"config": "Keras's config of the Dense inside has quantization_config, too"}
ONE_MASK = {"mask": "Keras's LSTM takes no mask of whole sequences"}
OUTER = {"types_of_keras": "Keras's symbolic call says the layer's own type, as lamina gives it; its real one may give the "
         "inner layer's"}  # fmt: skip
FLOAT32 = {"values_in_float64": "the layer inside has a type of its own, float32"}
OWN_CELL = "it makes its cell of its own arguments"


def _gates(name: str) -> list[dict[str, object]]:
    """Arguments of cells with gates; each makes one step at a time necessary, or concerns it."""
    more = {"LSTM": {"unit_forget_bias": False}, "GRU": {"reset_after": False}}.get(name)
    if more is None:
        return []
    return [{"recurrent_activation": "hard_sigmoid"}, more, {**more, "use_bias": False}, {"implementation": 1}]


def _layer(name: str) -> list[Row]:
    def row(*, call: dict[str, object] | None = None, **kwargs: object) -> Row:
        known = {"bias_regularizer": ROUNDED, "recurrent_activation": SLOPE}
        exceptions = next((known[key] for key in known if key in kwargs), {})
        return Row(name, {"units": 3, **kwargs}, X, call=call or {}, exceptions=exceptions)

    states = [(2, 3)] * STATES[name]
    plain = [
        {}, {"return_sequences": True}, {"return_state": True}, {"use_bias": False}, {"activation": "relu"},
        {"go_backwards": True, "return_sequences": True}, {"unroll": True}, DROPOUT,
        {"return_sequences": True, "return_state": True}, WEIGHTS, *_gates(name),
    ]  # fmt: skip
    if name != "SimpleRNN":
        plain += [{"use_cudnn": False, "return_sequences": True}, {"activity_regularizer": "l2"}]
    masked = [
        {}, {"return_sequences": True, "return_state": True}, {"activation": "sigmoid", "return_sequences": True},
        {"go_backwards": True, "return_sequences": True, "zero_output_for_mask": True}, {"zero_output_for_mask": True},
    ]  # fmt: skip
    return [
        *(row(**kwargs) for kwargs in plain),
        *(row(call={"mask": MASK}, **kwargs) for kwargs in masked),
        row(call={"initial_state": states}, return_sequences=True),
        row(call={"initial_state": states, "mask": MASK}, return_state=True),
    ]


def _cell(name: str) -> list[Row]:
    call = {"states": [(2, 3)] * STATES[name]}
    return [Row(f"{name}Cell", {"units": 3, **kwargs}, (2, 4), call=call, exceptions=ROUNDED if kwargs is WEIGHTS else {})
            for kwargs in ({}, {"use_bias": False}, {"activation": "relu"}, WEIGHTS, DROPOUT, *_gates(name)[1:],
                           *_gates(name)[:1] * (name != "SimpleRNN"))]  # fmt: skip


CELLS = {
    "LSTMCell(3)": Make(lambda library: library.layers.LSTMCell(3, name="cell"), "LSTMCell(3)"),
    "GRUCell(3,False)": Make(
        lambda library: library.layers.GRUCell(3, reset_after=False, name="cell"), "GRUCell(3,False)"
    ),
}
STACK = Make(lambda library: library.layers.StackedRNNCells(_cells(library), name="stack"), "StackedRNNCells")
LIST = Make(lambda library: _cells(library), "[LSTMCell(3),GRUCell(2)]")


def _cells(library: object) -> list[object]:
    return [library.layers.LSTMCell(3, name="first"), library.layers.GRUCell(2, name="second")]


RNNS = [
    *(Row("RNN", {"cell": cell, **kwargs}, X, exceptions=FLOAT32)
      for cell in CELLS.values()
      for kwargs in ({}, {"return_sequences": True, "return_state": True, "unroll": True}, {"go_backwards": True})),
    Row("RNN", {"cell": STACK, "return_sequences": True}, X, exceptions=FLOAT32),
    Row("RNN", {"cell": STACK, "return_sequences": True, "zero_output_for_mask": True}, X, call={"mask": MASK},
        exceptions=FLOAT32),
    Row("StackedRNNCells", {"cells": LIST}, (2, 4), call={"states": [[(2, 3), (2, 3)], [(2, 2)]]},
        exceptions=FLOAT32 | OUTER),
]  # fmt: skip

SIZES = {1: (2, 3, 6, 2), 2: (2, 3, 5, 6, 2), 3: (2, 2, 4, 4, 3, 2)}
FIRST = {1: (2, 3, 2, 6), 2: (2, 3, 2, 5, 6), 3: (2, 2, 2, 4, 4, 3)}


def _conv(rank: int) -> list[Row]:
    steps = SIZES[rank][1]
    holes = {"mask": [[True, False, True][:steps], [False, True, True][:steps]]}

    def row(shape: tuple[int, ...] = SIZES[rank], call: dict[str, object] | None = None, **kwargs: object) -> Row:
        return Row(f"ConvLSTM{rank}D", {"filters": 2, "kernel_size": 3, **kwargs}, shape, call=call or {},
                   exceptions=ROUNDED if "bias_regularizer" in kwargs else {})  # fmt: skip

    rows = [
        row(padding="same", strides=2, return_state=True),
        row(kernel_size=2, use_bias=False, go_backwards=True, return_sequences=True),
        row(activation="relu", recurrent_activation="hard_sigmoid", unit_forget_bias=False, unroll=True),
        row(FIRST[rank], data_format="channels_first", padding="same", return_sequences=True),
        row(**WEIGHTS, activity_regularizer="l2"), row(**DROPOUT),
        row(call=holes, padding="same", dilation_rate=2, return_sequences=True, zero_output_for_mask=True),
    ]  # fmt: skip
    return rows if rank != 2 else [*rows, row(), row(call=holes, return_sequences=True, return_state=True)]


CONV_CELL = [
    Row("ConvLSTM2DCell", {"filters": 2, "kernel_size": 3, **kwargs}, (2, 5, 6, 2), keras=None,
        call={"states": [(2, *size, 2)] * 2})
    for kwargs, size in [
        ({}, (3, 4)), ({"padding": "same", "strides": 2}, (3, 3)), ({"padding": "same", "dilation_rate": 2}, (5, 6)),
        ({"activation": "relu", "recurrent_activation": "hard_sigmoid", "use_bias": False}, (3, 4)),
        ({"unit_forget_bias": False, **WEIGHTS}, (3, 4)), (DROPOUT, (3, 4)),
    ]
] + [Row("ConvLSTM2DCell", {"filters": 2, "kernel_size": 3, "data_format": "channels_first"}, (2, 2, 5, 6), keras=None,
         call={"states": [(2, 2, 3, 4)] * 2})]  # fmt: skip


def _inner(name: str, *args: object, **kwargs: object) -> Make:
    text = ",".join([*map(str, args), *(f"{key}={value}" for key, value in kwargs.items())])
    return Make(lambda library: getattr(library.layers, name)(*args, name="inner", **kwargs), f"{name}({text})")


def _float32(
    layer: str, kwargs: dict[str, object], shape: tuple[int, ...], exceptions: object = None, **more: object
) -> Row:
    return Row(layer, kwargs, shape, exceptions={**FLOAT32, **(exceptions or {})}, **more)


BIDIRECTIONAL = [
    *(_float32("Bidirectional", {"layer": _inner("LSTM", 3, return_sequences=steps), "merge_mode": mode}, X)
      for mode in ("concat", "sum", "mul", "ave", None) for steps in (False, True)),
    *(_float32("Bidirectional", {"layer": _inner(name, 3, return_sequences=True), "merge_mode": "sum"}, X, call={"mask": MASK})
      for name in ("SimpleRNN", "LSTM", "GRU")),
    _float32("Bidirectional", {"layer": _inner("LSTM", 3)}, X, call={"mask": MASK}),
    _float32("Bidirectional", {"layer": _inner("LSTM", 3, return_state=True)}, X),
    _float32("Bidirectional", {"layer": _inner("GRU", 3, return_state=True, return_sequences=True), "merge_mode": None}, X),
    _float32("Bidirectional", {"layer": _inner("LSTM", 3)}, X, call={"initial_state": [(2, 3)] * 4}),
    _float32("Bidirectional", {"layer": _inner("GRU", 3, return_sequences=True),
                          "backward_layer": _inner("LSTM", 3, go_backwards=True, return_sequences=True)}, X),
    _float32("Bidirectional", {"layer": _inner("ConvLSTM1D", 2, 3)}, SIZES[1]),
]  # fmt: skip

TIME_DISTRIBUTED = [
    _float32("TimeDistributed", {"layer": _inner("Dense", 3)}, X, DENSE | OUTER),
    _float32("TimeDistributed", {"layer": _inner("Dense", 3)}, X, DENSE | OUTER, call={"mask": MASK}),
    _float32("TimeDistributed", {"layer": _inner("Conv2D", 2, 3)}, (2, 3, 5, 6, 2)),
    _float32(
        "TimeDistributed",
        {"layer": _inner("LSTM", 2)},
        (2, 3, 5, 4),
        OUTER | {"mask": "Keras's LSTM takes no mask of whole sequences"},
    ),
    _float32("TimeDistributed", {"layer": _inner("BatchNormalization")}, (8, 3, 4), OUTER),
    _float32(
        "TimeDistributed", {"layer": _inner("BatchNormalization")}, (8, 3, 4), OUTER, training=True, tolerance=2e-5
    ),
]

LAYERS = ("SimpleRNN", "LSTM", "GRU")
ROWS = [
    *(row for name in LAYERS for row in _layer(name)),
    *(row for name in LAYERS for row in _cell(name)),
    *RNNS,
    *(row for rank in (1, 2, 3) for row in _conv(rank)),
    *CONV_CELL,
    *BIDIRECTIONAL,
    *TIME_DISTRIBUTED,
    Row("SimpleRNN", {"units": 3, "activity_regularizer": "l2"}, X, keras=None),  # Keras forgets the penalty
]
NOT_EXERCISED = {
    ("Bidirectional", "weights"): "no part of a config; tests/layers/test_wrappers.py",
    **{(name, "cell"): OWN_CELL for name in (*LAYERS, "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")},
    **{(name, "stateful"): STATEFUL for name in (*LAYERS, "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")},
}

WRONG = [
    Wrong("LSTM", {"name": "r", "units": 0}, None, "LSTMCell 'lstm_cell' needs a positive integer for units, and got 0."),
    Wrong("GRU", {"name": "r", "units": 2, "dropout": 2}, None,
          "GRUCell 'gru_cell' needs a number from 0 to 1 for dropout, and got 2."),
    Wrong("GRU", {"name": "r", "units": 2, "use_cudnn": "no"}, None,
          "GRU 'r' needs 'auto', True or False for use_cudnn, and got 'no'."),
    Wrong("LSTM", {"name": "r", "units": 2, "recurent_dropout": 0.1}, None,
          "LSTM got an unknown argument 'recurent_dropout'. Did you mean 'recurrent_dropout'?"),
    Wrong("LSTM", {"name": "r", "units": 2}, (None, 4),
          "LSTM 'r' takes inputs of 3 axes (the batch is the first), and got (None, 4), which has 2."),
    Wrong("LSTM", {"name": "r", "units": 2}, (None, 6, None),
          "LSTMCell 'lstm_cell' needs to know the number of features of its inputs, and got (None, None)."),
    Wrong("SimpleRNN", {"name": "r", "units": 2, "stateful": True}, (None, 6, 4),
          "SimpleRNN 'r' is stateful and needs to know the batch size: give the model's first layer or Input a "
          "batch_shape. It got (None, 6, 4)."),
    Wrong("RNN", {"name": "r", "cell": 3}, None,
          "RNN 'r' needs a cell with `call(inputs, states)` and `state_size`, and got 3, which has no `call`."),
    Wrong("StackedRNNCells", {"name": "s", "cells": []}, None,
          "StackedRNNCells 's' needs at least one cell, and got none."),
    Wrong("ConvLSTM2D", {"name": "r", "filters": 2, "kernel_size": 3}, (None, 3, None, 6, 2),
          "ConvLSTM2DCell 'conv_lstm_cell' needs to know all sizes of its inputs but the batch, and got "
          "(None, None, 6, 2)."),
    Wrong("ConvLSTM1D", {"name": "r", "filters": 2, "kernel_size": 3, "strides": 2, "dilation_rate": 2}, None,
          "ConvLSTM1DCell 'conv_lstm_cell' can't have strides (2,) together with dilation_rate (2,): one of them must "
          "be 1."),
    Wrong("TimeDistributed", {"name": "t", "layer": "Dense"}, None,
          "TimeDistributed 't' needs a layer, and got 'Dense'."),
    Wrong("TimeDistributed", {"name": "t", "layer": _inner("Dense", 3)}, (None, 4),
          "TimeDistributed 't' takes inputs of at least 3 axes, and got (None, 4), which has 2."),
    Wrong("Bidirectional", {"name": "b", "layer": "LSTM"}, None,
          "Bidirectional 'b' needs a recurrent layer for layer, and got 'LSTM'."),
    Wrong("Bidirectional", {"name": "b", "layer": _inner("LSTM", 3), "merge_mode": "max"}, None,
          "Bidirectional 'b' needs 'concat' or 'sum' or 'mul' or 'ave' for merge_mode, and got 'max'."),
    Wrong("Bidirectional", {"name": "b", "layer": _inner("LSTM", 3), "backward_layer": _inner("LSTM", 3)}, None,
          "Bidirectional 'b' needs one layer that goes forwards and one that goes backwards, and got go_backwards=False "
          "for both."),
    Wrong("Bidirectional", {"name": "b", "layer": _inner("LSTM", 3),
                            "backward_layer": _inner("LSTM", 3, go_backwards=True, return_state=True)}, None,
          "Bidirectional 'b' needs layers with the same return_state, and got False for the forward layer and True for "
          "the backward layer."),
]  # fmt: skip
