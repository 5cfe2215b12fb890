"""Functions and methods in the words of older generations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lamina.dialects import merge_layer, translate_call, using_dialect

KEPT = {"keep_trainable": True}
ACC = {"metrics": ["acc"]}
L1L2 = {"l1": 0.01, "l2": 0.01}

CALLS = [
    # dialect, function, arguments, and today's
    (None, "Model.fit", ("x", "y"), {"nb_epoch": 3}, (("x", "y"), {"epochs": 3})),
    (None, "Model.fit", ("x", "y"), {"epochs": 3}, (("x", "y"), {"epochs": 3})),
    (None, "Model.fit", ("x", "y", 32, 10), {}, (("x", "y", 32, 10), {})),
    (None, "Model.fit", (), {"workers": 4, "use_multiprocessing": True, "max_q_size": 3}, ((), {})),
    (None, "Model.evaluate", ("x",), {"max_queue_size": 3}, (("x",), {})),
    (None, "Model.compile", ("sgd", "mse"), {"metrics": ["accuracy"]}, (("sgd", "mse"), {"metrics": ["accuracy"]})),
    (None, "Model.compile", ("sgd",), {"sample_weight_mode": "temporal"}, (("sgd",), {})),
    (None, "to_categorical", ([1],), {"nb_classes": 3}, (([1],), {"num_classes": 3})),
    (None, "to_categorical", (), {"y": [1], "nb_classes": 3}, ((), {"x": [1], "num_classes": 3})),
    (None, "l1l2", (), {}, ((), L1L2)),
    (None, "l1_l2", (0.5,), {}, ((), {"l1": 0.5, "l2": 0.01})),
    (None, "l2", (), {"l": 0.1}, ((), {"l2": 0.1})),
    (None, "activity_l1", (), {"l": 0.1}, ((), {"l1": 0.1})),
    (None, "MaxNorm", (), {"m": 3}, ((), {"max_value": 3})),
    (None, "MinMaxNorm", (), {"low": 0, "high": 2}, ((), {"min_value": 0, "max_value": 2})),
    (None, "ReduceLROnPlateau", (), {"epsilon": 0.1}, ((), {"min_delta": 0.1})),
    (None, "something else", (1,), {"nb_epoch": 2}, ((1,), {"nb_epoch": 2})),
    ("keras1", "Model.fit", ("x", "y", 32, 10), {}, ((), {"x": "x", "y": "y", "batch_size": 32, "epochs": 10})),
    ("keras1", "Model.compile", ("sgd", "mse", ["accuracy"]), {}, ((), KEPT | {"optimizer": "sgd", "loss": "mse"} | ACC)),
    ("keras1", "Sequential.compile", ("sgd", "mse", ["acc"], "temporal"), {},
     ((), KEPT | {"optimizer": "sgd", "loss": "mse"} | ACC)),
    ("keras2", "Model.compile", ("sgd",), {"metrics": {"a": "accuracy", "b": ["mae"]}},
     ((), KEPT | {"optimizer": "sgd", "metrics": {"a": "acc", "b": ["mean_absolute_error"]}})),
    ("keras2.3", "Model.compile", ("sgd", None, ["accuracy"]), {},
     ((), KEPT | {"optimizer": "sgd", "loss": None, "metrics": ["accuracy"]})),
    ("tf_keras", "Model.compile", ("sgd", "mse", ["accuracy"]), {},
     ((), KEPT | {"optimizer": "sgd", "loss": "mse", "metrics": ["accuracy"]})),
    ("keras1", "Model.compile", ("adadelta", "mse"), {},
     ((), KEPT | {"optimizer": {"class_name": "Adadelta", "config": {"learning_rate": 1.0, "epsilon": 1e-8}}, "loss": "mse"})),
    ("keras2", "Model.compile", ("Adamax", "mse"), {},
     ((), KEPT | {"optimizer": {"class_name": "Adamax", "config": {"learning_rate": 0.002}}, "loss": "mse"})),
    ("keras2", "Model.compile", ("adam", "mse"), {}, ((), KEPT | {"optimizer": "adam", "loss": "mse"})),
    ("keras1", "SGD", (0.1, 0.9, 1e-6, True), {},
     ((), {"learning_rate": 0.1, "momentum": 0.9, "decay": 1e-6, "nesterov": True})),
    ("keras1", "Adam", (), {"lr": 0.01}, ((), {"learning_rate": 0.01, "epsilon": 1e-8})),
    ("keras1", "Adagrad", (), {}, ((), {"learning_rate": 0.01, "epsilon": 1e-8, "initial_accumulator_value": 0.0,
                                             "epsilon_outside": True})),
    ("keras1", "Adadelta", (), {"learning_rate": 0.5}, ((), {"learning_rate": 0.5, "epsilon": 1e-8})),
    ("keras2", "Adamax", (), {"clipnorm": 1.0}, ((), {"global_clipnorm": 1.0, "learning_rate": 0.002})),
    ("keras2.3", "Adam", (0.1,), {}, ((), {"learning_rate": 0.1})),
    ("tf_keras", "SGD", (0.1, 0.9), {}, ((0.1, 0.9), {})),
    ("keras2", "Input", ((3,), None, "it"), {}, ((), {"shape": (3,), "batch_shape": None, "name": "it"})),
    ("tf_keras", "Input", ((3,), 2, "it"), {}, ((), {"shape": (3,), "batch_size": 2, "name": "it"})),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "name", "args", "kwargs", "today"), CALLS)
def test_calls(dialect, name, args, kwargs, today):
    before = dict(kwargs)
    with using_dialect(dialect):
        assert translate_call(name, args, kwargs) == today
    assert kwargs == before


ERRORS = [
    ("Model.fit", {"nb_epoch": 1, "epochs": 2}, TypeError,
     "Model.fit got both nb_epoch and epochs, which are the same argument by its old and its new name. "
     "Give one of them."),
    ("Model.fit", {"show_accuracy": True}, TypeError,
     "Model.fit got show_accuracy=True: give `metrics=['accuracy']` to compile()."),
    ("Model.compile", {"target_tensors": [1]}, TypeError,
     "Model.compile got target_tensors=[1]: they hold data; give the targets to fit()."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kwargs", "error", "message"), ERRORS)
def test_errors(name, kwargs, error, message):
    with pytest.raises(error) as raised:
        translate_call(name, (), kwargs)
    assert str(raised.value) == message


def batches(count=4, size=32):
    for number in range(count):
        yield np.full((size, 2), number), np.zeros(size)


def test_samples_become_batches_and_none_is_lost():
    _, kwargs = translate_call(
        "Model.fit_generator", (batches(),), {"samples_per_epoch": 100, "nb_epoch": 2, "nb_worker": 3}
    )
    assert kwargs.keys() == {"x", "steps_per_epoch", "epochs"}
    assert kwargs["steps_per_epoch"] == 4  # 100 samples are reached in the fourth batch of 32
    assert [int(x[0, 0]) for x, _ in kwargs["x"]] == [0, 1, 2, 3]


def test_a_generator_that_knows_its_batch_size_is_not_asked():
    class Source:
        batch_size = 20

        def __iter__(self):
            raise AssertionError("asked")

    source = Source()
    _, kwargs = translate_call("Model.evaluate_generator", (source,), {"val_samples": 50})
    assert kwargs == {"x": source, "steps": 3}


def test_a_sequence_is_asked_for_its_first_batch():
    source = [({"a": np.zeros((10, 2))}, np.zeros(10))] * 3

    class Source:
        def __getitem__(self, index):
            return source[index]

    it = Source()
    _, kwargs = translate_call("Model.predict_generator", (it,), {"val_samples": 25})
    assert kwargs == {"x": it, "steps": 3}


def test_validation_arrays_are_used_whole():
    data = (np.zeros((5, 2)), np.zeros(5))
    _, kwargs = translate_call("Model.fit_generator", (batches(),),
                               {"steps_per_epoch": 2, "validation_data": data, "nb_val_samples": 5})  # fmt: skip
    assert kwargs["validation_data"] is data
    assert "validation_steps" not in kwargs


def test_positional_samples_are_samples_in_keras1_and_steps_in_keras2():
    with using_dialect("keras1"):
        _, kwargs = translate_call("Model.fit_generator", (batches(), 64, 5), {})
        assert (kwargs["steps_per_epoch"], kwargs["epochs"]) == (2, 5)
    with using_dialect("keras2"):
        _, kwargs = translate_call("Model.fit_generator", (batches(), 64, 5), {})
        assert (kwargs["steps_per_epoch"], kwargs["epochs"]) == (64, 5)
    with using_dialect("keras1"):
        endless = itertools.cycle(batches())
        _, kwargs = translate_call("Model.predict_generator", (endless, 33), {})
        assert kwargs["steps"] == 2


MERGES = [
    ((["a", "b"],), {}, ("Add", {}, ["a", "b"])),
    ((["a", "b"], "mul"), {"name": "it"}, ("Multiply", {"name": "it"}, ["a", "b"])),
    ((["a", "b"], "ave"), {}, ("Average", {}, ["a", "b"])),
    ((["a", "b"], "max"), {}, ("Maximum", {}, ["a", "b"])),
    ((["a", "b"], "concat", 1), {}, ("Concatenate", {"axis": 1}, ["a", "b"])),
    ((["a", "b"],), {"mode": "dot", "dot_axes": 2}, ("Dot", {"axes": 2}, ["a", "b"])),
    ((["a", "b"],), {"mode": "cos"}, ("Dot", {"axes": -1, "normalize": True}, ["a", "b"])),
    ((["a", "b"],), {"mode": sum, "output_shape": (3,)},
     ("Lambda", {"function": sum, "output_shape": (3,), "mask": None, "arguments": None}, ["a", "b"])),
]  # fmt: skip


@pytest.mark.parametrize(("args", "kwargs", "today"), MERGES)
def test_merge(args, kwargs, today):
    assert merge_layer(args, kwargs) == today


def test_an_unknown_mode_of_merge():
    with pytest.raises(ValueError, match="summ") as error:
        merge_layer((["a"], "summ"), {})
    assert str(error.value) == (
        "'summ' is not a known mode of merge. Did you mean 'sum'? "
        "The modes are sum, mul, ave, max, concat, dot, cos, or a function."
    )
