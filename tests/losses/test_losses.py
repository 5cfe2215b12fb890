"""Every loss against live Keras: values, gradients, reductions, weights, masks and configs."""

from __future__ import annotations

import copy
import inspect
import re

import keras
import numpy as np
import pytest
import torch
from torch import nn

import lamina
from lamina import losses

rng = np.random.default_rng(0)
F32 = np.float32


def positive(*shape):
    return rng.uniform(0.1, 1.0, shape).astype(F32)


def signed(*shape):
    return rng.normal(size=shape).astype(F32)


def simplex(*shape):
    values = positive(*shape)
    return values / values.sum(-1, keepdims=True)


def one_hot(*shape):
    return np.eye(shape[-1], dtype=F32)[rng.integers(0, shape[-1], shape[:-1])]


def bits(*shape):
    return rng.integers(0, 2, shape).astype(F32)


def labels(*shape):
    return rng.integers(0, 5, shape)


# (class, arguments, targets, predictions, shape of both), and the same with an axis more.
DENSE = [
    ("MeanSquaredError", {}, signed, signed),
    ("MeanAbsoluteError", {}, signed, signed),
    ("MeanAbsolutePercentageError", {}, signed, signed),
    ("MeanSquaredLogarithmicError", {}, signed, signed),
    ("CosineSimilarity", {}, signed, signed),
    ("CosineSimilarity", {"axis": 0}, signed, signed),
    ("Huber", {}, signed, signed),
    ("Huber", {"delta": 0.3}, signed, signed),
    ("LogCosh", {}, signed, signed),
    ("Hinge", {}, bits, signed),
    ("Hinge", {}, signed, signed),
    ("SquaredHinge", {}, bits, signed),
    ("CategoricalHinge", {}, one_hot, signed),
    ("KLDivergence", {}, simplex, simplex),
    ("Poisson", {}, positive, positive),
    ("BinaryCrossentropy", {}, bits, positive),
    ("BinaryCrossentropy", {"from_logits": True}, bits, signed),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, bits, signed),
    ("BinaryCrossentropy", {"label_smoothing": 0.2, "axis": 0}, bits, positive),
    ("BinaryFocalCrossentropy", {}, bits, positive),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5}, bits, positive),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, bits, signed),
    ("CategoricalCrossentropy", {}, one_hot, simplex),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, one_hot, positive),
    ("CategoricalCrossentropy", {"from_logits": True}, one_hot, signed),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, one_hot, signed),
    ("CategoricalCrossentropy", {"from_logits": True, "axis": 1, "label_smoothing": 0.1}, simplex, signed),
    ("CategoricalFocalCrossentropy", {}, one_hot, simplex),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "alpha": 0.5, "gamma": 1.0}, one_hot, signed),
    ("CategoricalFocalCrossentropy", {"alpha": [0.1, 0.2, 0.3, 0.4, 0.5]}, one_hot, simplex),
    ("Dice", {}, bits, positive),
    ("Dice", {"axis": (1,)}, bits, positive),
    ("Tversky", {"alpha": 0.3, "beta": 0.7}, bits, positive),
    ("Tversky", {"axis": -1}, bits, positive),
]
SPARSE = [
    ("SparseCategoricalCrossentropy", {}, labels, simplex),
    ("SparseCategoricalCrossentropy", {}, labels, positive),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, labels, signed),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}, labels, signed),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.7}, labels, simplex),
]
REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)


def cases():
    for name, arguments, targets, predictions in DENSE:
        for shape in ((6, 5), (4, 3, 5)):
            yield name, arguments, targets(*shape), predictions(*shape)
    for name, arguments, targets, predictions in SPARSE:
        for shape in ((6, 5), (4, 3, 5)):
            yield name, arguments, targets(*shape[:-1]), predictions(*shape)
    yield "Circle", {}, labels(8) // 2, torch.nn.functional.normalize(torch.tensor(signed(8, 4))).numpy()
    yield "Circle", {"gamma": 4.0, "margin": 0.2, "remove_diagonal": False}, labels(6) // 3, simplex(6, 4)


CASES = [pytest.param(*case, id=f"{case[0]}-{case[1]}-{case[3].shape}") for case in cases()]


def both(name, arguments, **more):
    theirs = getattr(keras.losses, name)(**arguments, **more)
    return getattr(losses, name)(**arguments, **more), theirs


def assert_same(ours, theirs, y_true, y_pred, rtol=1e-5, atol=1e-6, **call):
    """Equal values, and equal gradients with regard to the predictions."""
    results = []
    for loss in (ours, theirs):
        leaf = torch.tensor(y_pred, requires_grad=True)
        prediction = leaf * 1.0
        if "mask" in call:
            prediction._keras_mask = torch.tensor(call["mask"])
        weight = {"sample_weight": call["sample_weight"]} if "sample_weight" in call else {}
        value = loss(y_true, prediction, **weight)
        (value * torch.linspace(1.0, 2.0, max(value.numel(), 1)).reshape(value.shape)).sum().backward()
        results.append((value.detach().numpy(), leaf.grad.numpy()))
    for mine, expected in zip(*results, strict=True):
        assert mine.shape == expected.shape
        np.testing.assert_allclose(mine, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_values_and_gradients(name, arguments, y_true, y_pred, reduction):
    assert_same(*both(name, arguments, reduction=reduction), y_true, y_pred)


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_weights_and_masks(name, arguments, y_true, y_pred, reduction):
    ours, theirs = both(name, arguments, reduction=reduction)
    shape = tuple(theirs.call(torch.tensor(y_true), torch.tensor(y_pred)).shape)
    weights = rng.uniform(0.5, 2.0, shape).astype(F32)
    mask = rng.uniform(size=shape) < 0.6
    assert_same(ours, theirs, y_true, y_pred, sample_weight=weights)
    if "ignore_class" not in arguments and name != "Circle":  # Keras fails on a scalar with a loss's own mask
        assert_same(ours, theirs, y_true, y_pred, sample_weight=F32(0.5))
    if shape and name != "Circle":
        assert_same(ours, theirs, y_true, y_pred, mask=mask)
        assert_same(ours, theirs, y_true, y_pred, mask=mask, sample_weight=weights)
        assert_same(ours, theirs, y_true, y_pred, mask=np.zeros(shape, bool))
    if len(shape) == 2 and "ignore_class" not in arguments:  # there Keras fails, again
        assert_same(ours, theirs, y_true, y_pred, sample_weight=weights[:, :1])


def test_mask_argument_is_the_mask_of_the_predictions():
    y_true, y_pred, mask = torch.zeros(2, 3, 1), torch.ones(2, 3, 1), torch.tensor([[1, 1, 0], [1, 0, 0]]).bool()
    loss = losses.MeanSquaredError()
    assert float(loss(y_true, y_pred, mask=mask)) == 1.0  # a mask is rescaled by total / valid
    assert float(loss(y_true, y_pred, sample_weight=mask.float())) == 0.5  # a weight is not
    y_pred._keras_mask = mask
    assert float(loss(y_true, y_pred)) == 1.0


def test_one_weight_a_sample_weighs_its_steps():
    values = torch.arange(6.0).reshape(2, 3, 1).sqrt()
    loss = losses.MeanSquaredError(reduction="none")
    weighted = loss(torch.zeros(2, 3, 1), values, sample_weight=[1.0, 10.0])
    torch.testing.assert_close(weighted, torch.tensor([[0.0, 1.0, 2.0], [30.0, 40.0, 50.0]]))


@pytest.mark.parametrize(("targets", "predictions"), [((6,), (6, 1)), ((6, 1), (6,)), ((6,), (6,)), ((4, 3), (4, 3, 1)),
                                                      ((4, 3, 1), (4, 3)), ((6, 1), (6, 5)), ((), (6, 5))])  # fmt: skip
@pytest.mark.parametrize("name", ["MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh"])
def test_shapes_that_differ(name, targets, predictions):
    assert_same(*both(name, {}), rng.normal(size=targets).astype(F32), signed(*predictions))


@pytest.mark.parametrize("name", ["BinaryCrossentropy", "BinaryFocalCrossentropy", "Hinge", "KLDivergence", "Poisson"])
@pytest.mark.parametrize(("targets", "predictions"), [((6,), (6, 1)), ((6, 1), (6,)), ((4, 3), (4, 3, 1))])
def test_binary_shapes(name, targets, predictions):
    assert_same(*both(name, {}), bits(*targets), positive(*predictions))


@pytest.mark.parametrize("shape", [(6,), (6, 1), (4, 3), (4, 3, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_sparse_labels_of_any_type_and_shape(shape, dtype, from_logits):
    y_true = labels(*shape).astype(dtype)
    y_pred = simplex(*(shape[:-1] if shape[-1] == 1 else shape), 5)
    assert_same(*both("SparseCategoricalCrossentropy", {"from_logits": from_logits}), y_true, y_pred)


@pytest.mark.parametrize("from_logits", [False, True])
def test_sparse_on_another_axis(from_logits):
    assert_same(*both("SparseCategoricalCrossentropy", {"axis": 1, "from_logits": from_logits}),
                labels(4, 3), positive(4, 5, 3))  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ignored_class_from_probabilities(reduction):
    ours, theirs = both("SparseCategoricalCrossentropy", {"ignore_class": -1, "reduction": reduction})
    y_true, y_pred = np.array([[1, -1, 2], [0, 4, -1]]), simplex(2, 3, 5)
    expected = theirs(y_true, y_pred)
    leaf = torch.tensor(y_pred, requires_grad=True)
    value = ours(y_true, leaf)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    value.sum().backward()
    assert leaf.grad[0, 1].tolist() == [0.0] * 5  # Keras's gradient is NaN here
    assert torch.isfinite(leaf.grad).all()
    assert leaf.grad[0, 0].abs().sum() > 0


@pytest.mark.parametrize("from_logits", [False, True])
def test_all_ignored_is_zero(from_logits):
    loss = losses.SparseCategoricalCrossentropy(ignore_class=9, from_logits=from_logits)
    y_pred = torch.rand(2, 5, requires_grad=True)
    value = loss([9, 9], y_pred)
    value.backward()
    assert float(value.detach()) == 0.0
    assert y_pred.grad.abs().sum() == 0


def test_ctc():
    y_true = np.array([[1, 2, 2, 0], [3, 0, 0, 0], [1, 2, 3, 4]])
    y_pred = signed(3, 9, 5)
    for reduction in REDUCTIONS:
        assert_same(*both("CTC", {"reduction": reduction}), y_true, y_pred, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES)
def test_functions(name, arguments, y_true, y_pred):
    function = {cls.__name__: fn for fn, cls in losses.CLASS_OF.items()}[name].__name__
    ours, theirs = getattr(losses, function), getattr(keras.losses, function)
    value = ours(y_true, torch.tensor(y_pred), **arguments)
    expected = theirs(torch.tensor(y_true), torch.tensor(y_pred), **arguments)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)


# ---- logits ----------------------------------------------------------------------------------------------------------

LOGITS = [
    (losses.SparseCategoricalCrossentropy(), labels(6), "softmax"),
    (losses.SparseCategoricalCrossentropy(reduction="sum"), labels(6, 1), "softmax"),
    (losses.SparseCategoricalCrossentropy(ignore_class=3), labels(6), "softmax"),
    (losses.CategoricalCrossentropy(label_smoothing=0.1), one_hot(6, 5), "softmax"),
    (losses.CategoricalCrossentropy(reduction="none"), one_hot(6, 5), "softmax"),
    (losses.BinaryCrossentropy(label_smoothing=0.3), bits(6, 5), "sigmoid"),
    (losses.LossFunctionWrapper(losses.sparse_categorical_crossentropy, name="x"), labels(6), "softmax"),
    (losses.LossFunctionWrapper(losses.binary_crossentropy, label_smoothing=0.2), bits(6, 5), "sigmoid"),
]


@pytest.mark.parametrize(("loss", "y_true", "activation"), LOGITS)
def test_with_logits_is_the_same_loss(loss, y_true, activation):
    logits = torch.tensor(signed(6, 5))
    ours = losses.with_logits(loss)
    assert ours.logits_of == activation
    assert (ours.name, ours.reduction, ours.from_logits) == (loss.name, loss.reduction, True)
    probabilities = logits.softmax(-1) if activation == "softmax" else logits.sigmoid()
    for weight in (None, positive(6)):
        torch.testing.assert_close(ours(y_true, logits, weight), loss(y_true, probabilities, weight),
                                   rtol=1e-5, atol=1e-6)  # fmt: skip


class Own(losses.SparseCategoricalCrossentropy):
    pass


@pytest.mark.parametrize("loss", [losses.MeanSquaredError(), losses.BinaryFocalCrossentropy(), Own(), losses.Loss(),
                                  losses.BinaryCrossentropy(from_logits=True), losses.CategoricalCrossentropy(axis=1),
                                  losses.LossFunctionWrapper(losses.mean_squared_error)], ids=str)  # fmt: skip
def test_no_logits_for_other_losses(loss):
    assert losses.with_logits(loss) is None


KERNELS = [
    (losses.SparseCategoricalCrossentropy(from_logits=True), labels(6), signed(6, 5), "cross_entropy"),
    (losses.CategoricalCrossentropy(from_logits=True), one_hot(6, 5), signed(6, 5), "cross_entropy"),
    (losses.BinaryCrossentropy(from_logits=True), bits(6, 1), signed(6, 1), "binary_cross_entropy_with_logits"),
    (losses.MeanSquaredError(), signed(6, 2), signed(6, 2), "mse_loss"),
]


@pytest.mark.parametrize(("loss", "y_true", "y_pred", "kernel"), KERNELS, ids=[row[3] for row in KERNELS])
def test_hot_path_is_one_torch_call(loss, y_true, y_pred, kernel):
    """As many operators run as in the hand-written call."""
    y_true, y_pred = torch.tensor(y_true), torch.tensor(y_pred)
    with torch.profiler.profile() as ours:
        loss(y_true, y_pred)
    with torch.profiler.profile() as by_hand:
        getattr(torch.nn.functional, kernel)(y_pred, y_true)
    assert [event.name for event in ours.events()] == [event.name for event in by_hand.events()]


def test_compiles_in_one_graph():
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    y_true, y_pred = torch.tensor(labels(6)), torch.tensor(signed(6, 5))
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(y_true, y_pred), loss(y_true, y_pred))


# ---- types, structures, users' own -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_predictions_are_cast_to_the_loss_dtype(dtype):
    value = losses.MeanSquaredError()(np.zeros((2, 3)), torch.ones(2, 3, dtype=dtype))
    assert value.dtype is torch.float32
    value = losses.MeanSquaredError(dtype="float64")(np.zeros((2, 3)), torch.ones(2, 3, dtype=dtype))
    assert value.dtype is torch.float64


def test_read_only_arrays_and_lists():
    frozen = np.broadcast_to(F32(1.0), (2, 3))
    assert float(losses.MeanSquaredError()(frozen, frozen)) == 0.0
    assert losses.mean_squared_error([[0, 2]], [[1, 1]]).tolist() == [1.0]


def test_users_function_and_subclass():
    def distance(y_true, y_pred):
        return (y_true - y_pred).abs().amax(-1)

    y_true, y_pred = labels(6, 1), signed(6, 1)
    wrapped = losses.resolve(distance)
    assert wrapped.name == "distance"
    assert_same(wrapped, keras.src.losses.losses.LossFunctionWrapper(distance), y_true, y_pred)

    class Weighted(losses.Loss):
        def __init__(self, factor=2.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, y_true, y_pred):
            return self.factor * (y_true - y_pred).square()

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    loss = Weighted(3.0, name="w", reduction="sum")
    again = Weighted.from_config(loss.get_config())
    assert float(again([1.0], [3.0])) == 12.0
    assert again.get_config() == {"name": "w", "reduction": "sum", "factor": 3.0}


def test_structures():
    def total(y_true, y_pred):
        return sum((y_true[key] - y_pred[key]).abs().sum(-1) for key in y_pred)

    y_pred = {"a": torch.ones(2, 1), "b": torch.ones(2, 3)}
    assert float(losses.LossFunctionWrapper(total)({"a": np.zeros(2), "b": np.zeros((2, 3))}, y_pred)) == 4.0


# ---- names and configs -----------------------------------------------------------------------------------------------


def keras_names():
    from keras.src.losses import ALL_OBJECTS_DICT

    return {*ALL_OBJECTS_DICT, *(name for name in dir(keras.losses) if not name.startswith("_"))}


def test_every_keras_name_is_here():
    missing = {name for name in keras_names() if name not in ("get", "serialize", "deserialize")
               and name not in losses.LOSSES.members}  # fmt: skip
    assert missing == set()
    assert {name for name in dir(keras.losses) if not name.startswith("_") and not hasattr(losses, name)} == set()


@pytest.mark.parametrize("name", sorted({*keras.src.losses.ALL_OBJECTS_DICT} - {"Loss", "LossFunctionWrapper"}))
def test_names_resolve_as_in_keras(name):
    ours, theirs = losses.get(name), keras.losses.get(name)
    assert isinstance(ours, losses.Loss) == isinstance(theirs, keras.losses.Loss)
    if isinstance(ours, losses.Loss):
        assert (type(ours).__name__, ours.name) == (type(theirs).__name__, theirs.name)
    else:
        assert ours.__name__ == theirs.__name__


@pytest.mark.parametrize(("old", "new"), [("cosine_proximity", "cosine_similarity"), ("cosine", "cosine_similarity"),
                                          ("logcosh", "log_cosh"), ("huber_loss", "huber"), ("KLD", "kl_divergence"),
                                          ("kullback_leibler_divergence", "kl_divergence")])  # fmt: skip
def test_old_names(old, new):
    assert losses.get(old) is losses.get(new) is getattr(losses, old)


CLASSES = sorted({cls.__name__ for cls in losses.CLASS_OF.values()})


@pytest.mark.parametrize("name", CLASSES)
def test_signatures_and_configs_equal_keras(name):
    ours, theirs = getattr(losses, name), getattr(keras.losses, name)
    assert [(p.name, p.default) for p in inspect.signature(ours).parameters.values()] == [
        (p.name, p.default) for p in inspect.signature(theirs).parameters.values()
    ]
    assert ours().get_config() == theirs().get_config()
    assert losses.serialize(ours(reduction="sum", name="n")) == keras.losses.serialize(
        theirs(reduction="sum", name="n")
    )


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), CASES)
def test_configs_rebuild_the_loss_here_and_in_keras(name, arguments, y_true, y_pred):
    loss = getattr(losses, name)(**arguments, reduction="sum")
    config = losses.serialize(loss)
    value = loss(y_true, torch.tensor(y_pred))
    torch.testing.assert_close(losses.deserialize(config)(y_true, torch.tensor(y_pred)), value)
    if name == "CategoricalGeneralizedCrossEntropy":
        return  # Keras can't read its own config of this one
    torch.testing.assert_close(keras.losses.deserialize(config)(y_true, torch.tensor(y_pred)), value,
                               rtol=1e-5, atol=1e-6)  # fmt: skip
    theirs = keras.losses.serialize(getattr(keras.losses, name)(**arguments))
    assert losses.deserialize(theirs).name == loss.name


def test_wrapper_config_round_trips():
    loss = losses.LossFunctionWrapper(losses.huber, delta=2.0, name="h")
    assert loss.get_config() == keras.src.losses.losses.LossFunctionWrapper(
        keras.losses.huber, delta=2.0, name="h"
    ).get_config()  # fmt: skip
    again = losses.deserialize(losses.serialize(loss))
    assert (again.fn, again.arguments) == (losses.huber, {"delta": 2.0})
    assert losses.deserialize(losses.serialize(losses.mse)) is losses.mse
    assert losses.serialize(losses.mse) == keras.losses.serialize(keras.losses.mean_squared_error)


def test_keras_2_configs_load():
    config = {"class_name": "Huber", "config": {"reduction": "auto", "name": "huber_loss", "delta": 0.5}}
    loss = losses.get(config)
    assert (loss.delta, loss.reduction) == (0.5, "sum_over_batch_size")
    assert losses.Reduction.AUTO == "auto"


@pytest.mark.parametrize(("y_true", "y_pred", "expected"), [
    ((8, 1), (8, 1), losses.BinaryCrossentropy), ((8,), (8, 1), losses.BinaryCrossentropy),
    ((8,), (8, 5), losses.SparseCategoricalCrossentropy), ((8, 1), (8, 5), losses.SparseCategoricalCrossentropy),
    ((8, 5), (8, 5), losses.CategoricalCrossentropy), ((8, 3), (8, 3, 5), losses.SparseCategoricalCrossentropy),
])  # fmt: skip
def test_crossentropy_is_chosen_by_shapes(y_true, y_pred, expected):
    from keras.src.trainers.compile_utils import get_loss

    theirs = get_loss("ce", torch.zeros(y_true), torch.zeros(y_pred))
    assert theirs.fn.__name__ == losses.resolve("ce", y_true, y_pred).fn.__name__
    assert type(losses.resolve("crossentropy", y_true, y_pred)) is expected


def test_resolve_keeps_the_name_that_was_given():
    assert (type(losses.resolve("mse")), losses.resolve("mse").name) == (losses.MeanSquaredError, "mse")
    assert losses.resolve(losses.huber).name == "huber"
    assert losses.resolve(None) is None
    loss = losses.Huber()
    assert losses.resolve(loss) is loss


# ---- errors ----------------------------------------------------------------------------------------------------------

SPARSE_LOGITS = losses.SparseCategoricalCrossentropy(from_logits=True)
SPARSE_PROBABILITIES = losses.SparseCategoricalCrossentropy()
ERRORS = [
    (
        lambda: losses.get("mean_square_error"),
        "'mean_square_error' is not a known loss. Did you mean 'mean_squared_error'? Your own can be passed "
        "as an object, or by name after `register_keras_serializable`.",
    ),
    (
        lambda: losses.get(3),
        "Expected a name, a config or an object for the loss, and got 3.",
    ),
    (
        lambda: losses.Hinge(reduction="summ"),
        "A loss's reduction must be one of 'sum_over_batch_size', 'mean', 'mean_with_sample_weight', 'sum', "
        "'none' or None, and got 'summ'. Did you mean 'sum'?",
    ),
    (
        lambda: losses.CategoricalGeneralizedCrossEntropy(q=1),
        "CategoricalGeneralizedCrossEntropy needs a q between 0 and 1, and got 1.",
    ),
    (
        lambda: losses.MeanSquaredError()(np.zeros((2, 4)), torch.zeros(2, 3)),
        "mean_squared_error can't compare y_true of shape (2, 4) with y_pred of shape (2, 3): the shapes must"
        " be equal.",
    ),
    (
        lambda: losses.CategoricalCrossentropy()(np.zeros(2), torch.zeros(2, 3)),
        "categorical_crossentropy can't compare y_true of shape (2,) with y_pred of shape (2, 3): the shapes "
        "must be equal. Integer class labels go with 'sparse_categorical_crossentropy'.",
    ),
    (
        lambda: losses.BinaryCrossentropy()(np.zeros((2, 1)), torch.zeros(2, 3)),
        "binary_crossentropy can't compare y_true of shape (2, 1) with y_pred of shape (2, 3): the shapes "
        "must be equal.",
    ),
    (
        lambda: SPARSE_LOGITS([0, 10, 11], torch.zeros(3, 10)),
        "sparse_categorical_crossentropy: y_true holds the labels 10, 11 (2 of 3), and y_pred has 10 classes:"
        " labels must be from 0 to 9.",
    ),
    (
        lambda: SPARSE_LOGITS([1, 2, 3], torch.zeros(3, 3)),
        "sparse_categorical_crossentropy: y_true holds the label 3 (1 of 3), and y_pred has 3 classes: labels"
        " must be from 0 to 2. Labels that count from 1 need 1 taken off.",
    ),
    (
        lambda: SPARSE_PROBABILITIES([0, 3, 1], torch.ones(3, 3)),
        "sparse_categorical_crossentropy: y_true holds the label 3 (1 of 3), and y_pred has 3 classes: labels"
        " must be from 0 to 2.",
    ),
    (
        lambda: SPARSE_LOGITS([0, -1], torch.zeros(2, 3), [1.0, 2.0]),
        "sparse_categorical_crossentropy: y_true holds the label -1 (1 of 2), and y_pred has 3 classes: "
        "labels must be from 0 to 2. Labels to be left out can be named by ignore_class=-1.",
    ),
    (
        lambda: SPARSE_LOGITS([0, -100], torch.zeros(2, 3)),
        "sparse_categorical_crossentropy: y_true holds the label -100 (1 of 2), and y_pred has 3 classes: "
        "labels must be from 0 to 2.",
    ),
    (
        lambda: SPARSE_LOGITS([0, 1], torch.zeros(3, 4)),
        "sparse_categorical_crossentropy needs class numbers of shape (3,) for y_pred of shape (3, 4), and "
        "got y_true of shape (2,).",
    ),
    (
        lambda: SPARSE_LOGITS(np.eye(4), torch.zeros(4, 4)),
        "sparse_categorical_crossentropy needs class numbers of shape (4,) for y_pred of shape (4, 4), and "
        "got y_true of shape (4, 4). One-hot labels go with 'categorical_crossentropy'.",
    ),
    (
        lambda: losses.MeanSquaredError()(np.zeros((2, 3)), torch.zeros(2, 3), [1.0, 2.0, 3.0]),
        "A sample_weight of shape (3,) doesn't fit values of shape (2,): one number for each sample, or for "
        "each sample and step, was expected.",
    ),
    (
        lambda: losses.CTC()([1], torch.zeros(1, 2, 2)),
        "ctc needs class numbers of shape (batch, length) and logits of shape (batch, steps, classes), and "
        "got y_true of shape (1,) and y_pred of shape (1, 2, 2).",
    ),
    (
        lambda: losses.CategoricalCrossentropy(axis=True)(np.eye(2), torch.eye(2)),
        "The axis of categorical_crossentropy must be an integer, and got True.",
    ),
    (
        lambda: losses.resolve("ce"),
        "The loss 'ce' is chosen by the shapes of targets and predictions, which are not known here: name binary_, "
        "categorical_ or sparse_categorical_crossentropy.",
    ),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=range(len(ERRORS)))
def test_errors(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


def test_one_class_warns():
    with pytest.warns(SyntaxWarning, match="compares two classes or more, and y_pred of shape \\(2, 1\\) has one"):
        losses.CategoricalCrossentropy()(np.ones((2, 1)), torch.ones(2, 1))


def test_a_loss_without_call_says_so():
    with pytest.raises(NotImplementedError, match=r"Loss must define call\(y_true, y_pred\)"):
        losses.Loss()([1.0], [1.0])


# ---- torch's own -----------------------------------------------------------------------------------------------------

SCORES = torch.tensor([[0.2, 1.5, -0.3], [2.0, 0.1, 0.4], [0.0, 0.5, 1.0]])


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred"),
    [
        (nn.CrossEntropyLoss(), torch.tensor([1, 0, 2]), SCORES),
        (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0])), torch.tensor([1, 0, 2]), SCORES),
        (nn.CrossEntropyLoss(reduction="sum"), torch.tensor([1, 0, 2]), SCORES),
        (nn.functional.cross_entropy, torch.tensor([1, 0, 2]), SCORES),
        (nn.BCELoss(), torch.tensor([[1.0], [0.0], [1.0]]), torch.tensor([[0.3], [0.6], [0.9]])),
        (nn.BCEWithLogitsLoss(), torch.eye(3), SCORES),
    ],
)
def test_losses_of_torch(loss, y_true, y_pred):
    """They take the prediction first."""
    wanted = loss(y_pred, y_true)
    found = losses.resolve(loss)
    torch.testing.assert_close(found(y_true, y_pred), wanted)
    flat = y_true.squeeze(-1) if y_true.shape[-1] == 1 else y_true.unsqueeze(-1) if y_true.dim() == 1 else y_true
    torch.testing.assert_close(found(flat, y_pred), wanted)  # Keras's data may have class numbers in a column, or a row


def test_losses_of_torch_with_weights():
    y_true, weights = torch.tensor([1, 0, 2]), torch.tensor([1.0, 0.0, 3.0])
    each = nn.functional.cross_entropy(SCORES, y_true, reduction="none")
    for loss in (nn.CrossEntropyLoss(), nn.functional.cross_entropy):
        torch.testing.assert_close(losses.resolve(loss)(y_true, SCORES, weights), (each * weights).sum() / 3)


def test_fit_with_a_loss_and_an_optimizer_of_torch():
    x, y = SCORES.repeat(4, 1), torch.tensor([1, 0, 2]).repeat(4)
    model = lamina.Sequential([lamina.layers.Dense(3, input_shape=(3,))])
    by_hand = copy.deepcopy(model)
    model.compile(torch.optim.SGD(model.parameters(), 0.1), nn.CrossEntropyLoss(), metrics=["accuracy"])
    model.fit(x, y, batch_size=12, verbose=0)
    nn.CrossEntropyLoss()(by_hand(x), y).backward()
    for weight, other in zip(model.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(weight, other - 0.1 * other.grad)


def test_losses_of_symbolic_tensors():
    """As in the variational autoencoder of Keras 2's examples."""
    inputs = lamina.Input((3,))
    outputs = lamina.layers.Dense(3, kernel_initializer="identity")(inputs)
    model = lamina.Model(inputs, losses.mean_squared_error(inputs, outputs * 3) * 2)
    assert model.output_shape == (None,)
    x = signed(2, 3)
    np.testing.assert_allclose(model.predict(x, verbose=0), 8 * (x**2).mean(-1), rtol=1e-6)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "none"])
def test_binary_crossentropy_of_nan_is_nan(reduction):
    """A model that is lost says so by its loss; torch's kernel raises."""
    y, p = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[0.5, torch.nan], [0.25, 0.5]])
    found = losses.BinaryCrossentropy(reduction=reduction)(y, p)
    expected = -(y * p.log() + (1 - y) * (1 - p).log()).mean(-1)
    expected = expected.mean() if reduction != "none" else expected
    torch.testing.assert_close(found, expected, equal_nan=True)
