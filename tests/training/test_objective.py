"""Losses and metrics bound to outputs: in which forms they may be given, under which names they go, what is refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch
from training.oracle import exactly, in_keras, twins

import lamina
from lamina.losses import MeanSquaredError
from lamina.training.logs import LazyLogs, as_numbers, in_order
from lamina.training.objective import Losses, Metrics, Objective, Outputs

A, B = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0]])
ZEROS = [torch.zeros(2, 1), torch.zeros(2, 2)]  # mse 2.5 of A, 2.5 of B; mae 1.5 and 1.0
TWO = Outputs([A, B], ["a", "b"])
ONE = Outputs(A, ["a"])


def bound(outputs, loss, weights=None, y=None):
    losses = Losses(loss, weights)
    losses.bind(outputs, ZEROS if y is None else y)
    return losses


# ---- forms -----------------------------------------------------------------------------------------------------------

LOSSES = [
    ("mse", None, 5.0),
    (["mse", "mae"], None, 3.5),
    (("mse", "mae"), [1.0, 2.0], 4.5),
    ({"a": "mse", "b": "mae"}, {"b": 10.0}, 12.5),
    ({"b": "mae"}, None, 1.0),
    ([None, "mae"], None, 1.0),
    (MeanSquaredError(), [0.0, 1.0], 2.5),
    (lambda y_true, y_pred: (y_true - y_pred).abs().amax(-1), None, 3.5),
    (["mse", lambda y_true, y_pred: (y_true - y_pred).sum(-1)], None, 2.5 - 2.0),
]


@pytest.mark.parametrize(("loss", "weights", "total"), LOSSES, ids=range(len(LOSSES)))
@pytest.mark.parametrize("y", [ZEROS, tuple(ZEROS), {"b": ZEROS[1], "a": ZEROS[0]}])
def test_losses(loss, weights, total, y):
    assert bound(TWO, loss, weights, y)(y, [A, B]).item() == pytest.approx(total)


def test_targets_of_outputs_without_loss_may_be_left_out():
    losses = bound(TWO, {"b": "mae"}, y=[ZEROS[1]])
    assert losses([ZEROS[1]], [A, B]).item() == pytest.approx(1.0)
    assert losses(ZEROS[1], [A, B]).item() == pytest.approx(1.0)
    assert losses({"b": ZEROS[1]}, [A, B]).item() == pytest.approx(1.0)


@pytest.mark.parametrize("weight", [torch.tensor([1.0, 0.0]), [torch.tensor([1.0, 0.0])] * 2,
                                    {"a": torch.tensor([1.0, 0.0]), "b": torch.tensor([1.0, 0.0])}])  # fmt: skip
def test_sample_weights_of_outputs(weight):
    assert bound(TWO, "mse")(ZEROS, [A, B], weight).item() == pytest.approx(0.5 + 0.25)


def test_each_output_has_its_mean():
    """Each batch counts as many times as it has rows, and weights of losses do not count."""
    losses = bound(TWO, "mse", [1.0, 0.5])
    losses(ZEROS, [A, B])
    losses([torch.zeros(1, 1), torch.zeros(1, 2)], [torch.ones(1, 1), torch.ones(1, 2)])
    assert {tracker.name: tracker.result().item() for tracker in losses.trackers} == pytest.approx(
        {"a_loss": 2.0, "b_loss": 2.0}
    )
    assert bound(TWO, ["mse", None]).trackers == []
    assert bound(ONE, "mse", y=ZEROS[0]).trackers == []


NAMES = [
    (["mae"], None, ["mae"]),
    (["mae", "mae"], ["mae", "mae"], ["mae", "mae_1", "weighted_mae", "weighted_mae_1"]),
    ("mae", None, ["mae"]),
    ([["mae", "mse"]], None, ["mae", "mse"]),
    ({"a": ["mae"]}, None, ["mae"]),
    ([lamina.metrics.MeanSquaredError(name="m")], ["mae"], ["m", "mae"]),
    (["acc", "accuracy"], None, ["acc", "accuracy"]),
    ([], None, []),
]


@pytest.mark.parametrize(("metrics", "weighted", "names"), NAMES, ids=range(len(NAMES)))
def test_names_of_metrics(metrics, weighted, names):
    made = Metrics(metrics, weighted)
    made.bind(ONE, ZEROS[0])
    assert made.names == names
    made.update_state(ZEROS[0], A, torch.ones(2))
    assert list(made.result()) == names
    made.reset_state()
    assert all(float(value) == 0 for value in made.result().values())


NAMES_OF_TWO = [
    (["mae", "mse"], None, ["a_mae", "b_mse"]),
    ([["mae"], ["mae", "mse"]], None, ["a_mae", "b_mae", "b_mse"]),
    ([None, "mse"], [["mae"], None], ["b_mse", "a_mae"]),
    ({"b": "mse"}, {"b": ["mse"]}, ["b_mse", "b_weighted_mse"]),
    (["mae"], None, ["a_mae", "b_mae"]),  # Keras 2: a flat list is for all
    (["mae", "mse", "mape"], None, ["a_mae", "a_mse", "a_mape", "b_mae", "b_mse", "b_mape"]),
]


@pytest.mark.parametrize(("metrics", "weighted", "names"), NAMES_OF_TWO, ids=range(len(NAMES_OF_TWO)))
def test_names_of_metrics_of_two(metrics, weighted, names):
    made = Metrics(metrics, weighted)
    made.bind(TWO, ZEROS)
    assert made.names == names
    made.update_state(ZEROS, [A, B], [torch.ones(2)] * 2)
    for name, value in made.result().items():
        expected = {"mae": {"a": 1.5, "b": 1.0}, "mse": {"a": 2.5, "b": 2.5}}.get(name.split("_")[-1])
        assert expected is None or value.item() == pytest.approx(expected[name[0]])


@pytest.mark.parametrize(("units", "labels", "kind"), [
    (1, np.zeros((4, 1)), "BinaryAccuracy"), (3, np.zeros(4), "SparseCategoricalAccuracy"),
    (3, np.zeros((4, 1)), "SparseCategoricalAccuracy"), (3, np.zeros((4, 3)), "CategoricalAccuracy"),
])  # fmt: skip
def test_accuracy_by_shape(units, labels, kind):
    made = Metrics(["accuracy"], None)
    made.bind(Outputs(torch.zeros(4, units)), torch.from_numpy(labels))
    assert type(made.metrics[0]).__name__ == kind


# ---- what is refused -------------------------------------------------------------------------------------------------

REFUSED = [
    (lambda: bound(TWO, {"c": "mse"}), "loss names the output 'c', and the model has ['a', 'b']."),
    (lambda: bound(Outputs([A, B], ["price", "colour"]), {"prize": "mse"}),
     "loss names the output 'prize', and the model has ['price', 'colour']. Did you mean 'price'?"),
    (lambda: bound(TWO, ["mse"] * 3), "loss has 3 entries, and the model has 2 outputs ['a', 'b']."),
    (lambda: bound(TWO, "mse", [1.0]), "loss_weights has 1 entries, and the model has 2 outputs ['a', 'b']."),
    (lambda: Metrics({"c": ["mse"]}).bind(TWO, ZEROS), "metrics names the output 'c', and the model has ['a', 'b']."),
    (lambda: bound(TWO, "mse")([ZEROS[0]] * 3, [A, B]),
     "The model has the outputs ['a', 'b'], and the data bring 3 targets for them."),
    (lambda: bound(TWO, "mse")(ZEROS[0], [A, B]),
     "The model has the outputs ['a', 'b'], and the data bring 1 targets for them."),
    (lambda: bound(TWO, "mse")({"a": ZEROS[0], "z": ZEROS[1]}, [A, B]),
     "y names the output 'z', and the model has ['a', 'b']."),
    (lambda: bound(TWO, "mse")({"a": ZEROS[0]}, [A, B]), "Output 'b' has a loss, and the data have no target for it."),
    (lambda: bound(TWO, "mse")(None, [A, B]), "Output 'a' has a loss, and the data have no target for it."),
    (lambda: bound(ONE, "mse", y=ZEROS[0])(None, A), "Output 'a' has a loss, and the data have no target for it."),
    (lambda: bound(ONE, "mse", y=ZEROS[0])(ZEROS, A), "The model has one output, and the data bring 2 targets for it."),
    (lambda: bound(TWO, [None, None])(ZEROS, [A, B]), "No output has a loss. Compile the model with `loss=`."),
    (lambda: Losses("mse")(A, A), "The loss is not bound to a model's outputs yet."),
]  # fmt: skip


@pytest.mark.parametrize(("act", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refused(act, message):
    with pytest.raises(ValueError, match=exactly(message)):
        act()


def test_fit_without_targets_says_so():
    model = lamina.Sequential([lamina.layers.Dense(1, input_shape=(2,), name="price")])
    model.compile("sgd", "mse")
    message = "Output 'price' has a loss, and the data have no target for it."
    for act in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ValueError, match=exactly(message)):
            act(B)


def test_too_many_targets_in_fit():
    model = lamina.Sequential([lamina.layers.Dense(1, input_shape=(2,), name="price")])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=exactly(
        "The model has the outputs ['price'], and the data bring 2 targets for them."
    )):  # fmt: skip
        model.fit(B, [A, A], verbose=0)


# ---- model.metrics ---------------------------------------------------------------------------------------------------


def test_metrics_of_a_model_as_keras():
    def build(k):
        class Counting(k.layers.Layer):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.seen = k.metrics.Sum(name="seen")

            def call(self, inputs):
                return inputs

        x = k.layers.Input((2,))
        h = Counting()(x)
        return k.Model(x, [k.layers.Dense(1, name="a")(h), k.layers.Dense(2, name="b")(h)])

    ours, theirs = twins(build)
    y = [array.numpy() for array in ZEROS]
    for model in (ours, theirs):
        model.compile(optimizer="sgd", loss="mse", metrics=[["mae"], ["mse"]])
    ours.fit(B, ZEROS, verbose=0)
    in_keras(lambda: theirs.fit(B.numpy(), y, verbose=0))
    assert [metric.name for metric in ours.metrics] == [metric.name for metric in theirs.metrics]
    assert ours.metrics_names == ["loss", "a_loss", "b_loss", "seen", "a_mae", "b_mse"]
    assert dict(zip(ours.metrics_names, ours.evaluate(B, ZEROS, verbose=0), strict=True)) == pytest.approx(
        ours.evaluate(B, ZEROS, verbose=0, return_dict=True))  # fmt: skip
    ours.reset_metrics()
    assert all(value == 0 for value in ours.get_metrics_result().values())


def test_reset_is_of_everything():
    objective = Objective("mse", None, ["mae"], None)
    objective.bind(TWO, ZEROS)
    objective.losses(ZEROS, [A, B])
    objective.metrics.update_state(ZEROS, [A, B])
    objective.loss_mean.update_state(3.0)
    assert [metric.name for metric in objective] == ["loss", "compile_metrics", "a_loss", "b_loss"]
    objective.reset()
    assert objective.loss_mean.result() == 0
    assert all(tracker.result() == 0 for tracker in objective.losses.trackers)


# ---- logs ------------------------------------------------------------------------------------------------------------


def test_logs_are_numbers_by_name():
    logs = {"z": torch.tensor([2.0]), "m": {"b": np.float32(1.5), "a": 3}, "many": torch.ones(2), "word": "x"}
    found = as_numbers(logs)
    assert list(found) == ["a", "b", "many", "word", "z"]
    assert (found["a"], found["b"], found["z"], found["word"]) == (3.0, 1.5, 2.0, "x")
    assert found["many"].tolist() == [1.0, 1.0]


def test_values_in_order():
    assert in_order({"b": 1, "loss": 2, "a": 3}, ["loss", "b", "none"]) == [2, 1, 3]
    assert in_order({"loss": 2}, ["loss"]) == 2


def test_logs_are_read_when_looked_at():
    reads = []
    logs = LazyLogs(lambda: reads.append(1) or {"loss": 0.5})
    logs["own"] = 1
    assert reads == []
    assert logs["loss"] == 0.5
    assert dict(logs) == {"loss": 0.5, "own": 1}
    assert len(reads) == 1
    for look in (len, list, str, lambda logs: list(logs.keys()), lambda logs: logs.get("loss"), lambda logs: "loss" in logs,
                 lambda logs: logs | {}, lambda logs: {} | logs, lambda logs: logs.copy(), lambda logs: {**logs}):  # fmt: skip
        lazy = LazyLogs(lambda: {"loss": 0.5})
        assert look(lazy) in (1, ["loss"], "{'loss': 0.5}", 0.5, True, {"loss": 0.5})


def test_reading_logs_of_keras_callbacks_never_waits_for_a_step_between():
    """Callbacks that look at nothing read nothing."""
    reads = []
    model = lamina.Sequential([lamina.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    original = model._read_logs
    model.__dict__["_read_logs"] = lambda: reads.append(1) or original()
    model.fit(torch.randn(20, 2), torch.randn(20, 1), batch_size=2, verbose=0,
              callbacks=[lamina.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)])  # fmt: skip
    assert len(reads) == 1  # at the end of the epoch


def test_keras_has_the_same_rule_for_two_of_a_name():
    ours, theirs = twins(lambda k: k.Sequential([k.layers.Input((2,)), k.layers.Dense(1)]))
    for model, library in ((ours, lamina), (theirs, keras)):
        model.compile(optimizer=library.optimizers.SGD(0.1), loss="mse", metrics=["mae", "mae"],
                      weighted_metrics=["mae", "mae"])  # fmt: skip
    wanted = in_keras(lambda: theirs.fit(B.numpy(), A.numpy(), verbose=0).history)
    assert sorted(ours.fit(B, A, verbose=0).history) == sorted(wanted)


@pytest.mark.parametrize(("dialect", "metrics"), [
    (None, ["d_mae", "d_mae_1"]), ("keras2", ["d_mean_absolute_error", "d_1_mean_absolute_error"]),
    ("tf_keras", ["d_mae", "d_1_mae"]),
])  # fmt: skip
def test_outputs_of_one_layer_are_told_apart(dialect, metrics):
    """A layer that makes two outputs: each loss has a name in logs, and a place in what ``train_on_batch`` gives."""
    with lamina.dialects.using_dialect(dialect):
        shared = lamina.layers.Dense(1, name="d")
        first, second = lamina.layers.Input((3,)), lamina.layers.Input((3,))
        model = lamina.Model([first, second], [shared(first), shared(second)])
        model.compile("sgd", "mse", metrics=[["mae"], ["mae"]])
        x, y = [np.ones((4, 3)), np.zeros((4, 3))], [np.ones((4, 1))] * 2
        found = dict(zip(model.metrics_names, model.test_on_batch(x, y), strict=False))
        logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "d_loss", "d_1_loss", *metrics}
    assert logs["d_1_loss"] == 1.0
    assert logs["loss"] == pytest.approx(logs["d_loss"] + 1.0)
    assert found["loss"] == pytest.approx(logs["loss"])
