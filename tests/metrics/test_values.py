"""Every metric against live Keras: results after each of several batches, with and without weights and masks."""

from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
import torch

from lamina import losses, metrics

rng = np.random.default_rng(1)
F32 = np.float32


def positive(*shape):
    return rng.uniform(0.01, 0.99, shape).astype(F32)


def signed(*shape):
    return rng.normal(size=shape).astype(F32)


def coarse(*shape):
    """Predictions that often tie, and often lie on a threshold."""
    return (rng.integers(0, 11, shape) / 10).astype(F32)


def simplex(*shape):
    values = positive(*shape)
    return values / values.sum(-1, keepdims=True)


def one_hot(*shape):
    return np.eye(shape[-1], dtype=F32)[rng.integers(0, shape[-1], shape[:-1])]


def bits(*shape):
    return rng.integers(0, 2, shape).astype(F32)


def labels(*shape):
    return rng.integers(0, 5, shape[:-1])


def few(*shape):
    return rng.integers(0, 3, shape).astype(F32)


NUMBERS = [
    ("MeanSquaredError", {}, signed, signed),
    ("RootMeanSquaredError", {}, signed, signed),
    ("MeanAbsoluteError", {}, signed, signed),
    ("MeanAbsolutePercentageError", {}, positive, signed),
    ("MeanSquaredLogarithmicError", {}, positive, signed),
    ("CosineSimilarity", {}, signed, signed),
    ("LogCoshError", {}, signed, signed),
    ("PearsonCorrelation", {}, signed, signed),
    ("ConcordanceCorrelation", {}, signed, signed),
    ("Hinge", {}, bits, signed),
    ("SquaredHinge", {}, bits, signed),
    ("CategoricalHinge", {}, one_hot, signed),
    ("KLDivergence", {}, simplex, simplex),
    ("Poisson", {}, positive, positive),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, bits, positive),
    ("BinaryCrossentropy", {"from_logits": True}, bits, signed),
    ("CategoricalCrossentropy", {}, one_hot, simplex),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, one_hot, signed),
    ("SparseCategoricalCrossentropy", {}, labels, simplex),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 1}, labels, signed),
    ("Accuracy", {}, few, few),
    ("BinaryAccuracy", {}, bits, coarse),
    ("BinaryAccuracy", {"threshold": 0.3}, bits, coarse),
    ("CategoricalAccuracy", {}, one_hot, coarse),
    ("SparseCategoricalAccuracy", {}, labels, coarse),
    ("TopKCategoricalAccuracy", {"k": 2}, one_hot, coarse),
    ("TopKCategoricalAccuracy", {"k": 3}, one_hot, signed),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, labels, coarse),
    ("SparseTopKCategoricalAccuracy", {"k": 5}, labels, signed),
]
FLAT = [
    ("R2Score", {}, signed, signed),
    ("R2Score", {"class_aggregation": None}, signed, signed),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 3}, signed, signed),
    *[("FBetaScore", {"average": average, "beta": 2.0, "threshold": threshold}, bits, positive)
      for average in (None, "micro", "macro", "weighted") for threshold in (None, 0.4)],
    ("F1Score", {}, one_hot, coarse),
    ("F1Score", {"average": "weighted", "threshold": 0.5}, one_hot, coarse),
]  # fmt: skip
CONFUSION = [
    *[(name, {"thresholds": thresholds}, bits, coarse)
      for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives", "Precision", "Recall")
      for thresholds in (None, 0.3, [0.2, 0.7], [0.7, 0.1, 0.4], [0.0, 0.5, 1.0])],
    ("Precision", {"top_k": 2}, bits, signed),
    ("Recall", {"top_k": 2, "class_id": 1}, bits, positive),
    ("Precision", {"class_id": 3, "thresholds": [0.3, 0.6]}, bits, positive),
    ("Precision", {"top_k": 3, "thresholds": 0.5}, bits, positive),
    *[(name, {argument: 0.4, **more}, bits, coarse)
      for name, argument in (("SensitivityAtSpecificity", "specificity"), ("SpecificityAtSensitivity", "sensitivity"),
                             ("PrecisionAtRecall", "recall"), ("RecallAtPrecision", "precision"))
      for more in ({}, {"num_thresholds": 1}, {"num_thresholds": 7, "class_id": 2})],
    *[("AUC", {"curve": curve, "summation_method": method}, bits, coarse)
      for curve in ("ROC", "PR", "PRGAIN") for method in ("interpolation", "majoring", "minoring")],
    ("AUC", {"num_thresholds": 11}, bits, coarse),
    ("AUC", {"thresholds": [0.6, 0.3]}, bits, coarse),
    ("AUC", {"from_logits": True, "curve": "PR"}, bits, signed),
    ("AUC", {"multi_label": True}, bits, coarse),
    ("AUC", {"multi_label": True, "curve": "PR", "num_labels": 5, "num_thresholds": 20}, bits, coarse),
    ("AUC", {"multi_label": True, "label_weights": [1.0, 2.0, 3.0, 4.0, 5.0]}, bits, coarse),
    ("AUC", {"multi_label": True, "thresholds": [0.25, 0.6, 0.7]}, bits, coarse),
    ("AUC", {"label_weights": [1.0, 2.0, 3.0, 4.0, 5.0]}, bits, coarse),
]  # fmt: skip


def ids(rows):
    return [f"{row[0]}-{row[1]}" for row in rows]


def number(value):
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def both(name, arguments):
    return getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)


def assert_follows(ours, theirs, batches, rtol=2e-5, atol=2e-6):
    """Equal results and equal state after each batch, and again after a reset."""
    for _ in range(2):
        for y_true, y_pred, weight in batches:
            tensor = torch.tensor(y_pred, requires_grad=y_pred.dtype.kind == "f")
            ours.update_state(y_true, tensor, sample_weight=weight)
            theirs.update_state(y_true, tensor.detach(), sample_weight=weight)
            result, expected = number(ours.result()), number(theirs.result())
            assert result.shape == expected.shape
            np.testing.assert_allclose(result, expected, rtol=rtol, atol=atol)
        assert not any(variable.requires_grad for variable in ours.variables)
        for mine, other in zip(ours.variables, theirs.variables, strict=True):
            assert mine.name == other.name
            np.testing.assert_allclose(number(mine), number(other.value), rtol=rtol, atol=atol)
        ours.reset_state()
        theirs.reset_state()


def weights_for(shape, weighted):
    return {"none": None, "sample": positive(shape[0]), "step": positive(*shape[:-1])}[weighted]


@pytest.mark.parametrize(("name", "arguments", "targets", "predictions"), NUMBERS, ids=ids(NUMBERS))
@pytest.mark.parametrize("weighted", ["none", "sample", "step"])
@pytest.mark.parametrize("steps", [(), (3,)])
def test_means(name, arguments, targets, predictions, weighted, steps):
    batches = [(targets(*shape), predictions(*shape), weights_for(shape, weighted))
               for shape in ((7, *steps, 5), (4, *steps, 5), (1, *steps, 5))]  # fmt: skip
    if "ignore_class" in arguments and weighted == "sample" and steps:
        return  # Keras fails to merge the mask of (batch, steps) with weights of (batch,)
    assert_follows(*both(name, arguments), batches)


@pytest.mark.parametrize(("name", "arguments", "targets", "predictions"), FLAT, ids=ids(FLAT))
@pytest.mark.parametrize("weighted", ["none", "sample"])
def test_scores(name, arguments, targets, predictions, weighted):
    batches = [(targets(n, 5), predictions(n, 5), weights_for((n, 5), weighted)) for n in (7, 4)]
    assert_follows(*both(name, arguments), batches)


@pytest.mark.parametrize(("name", "arguments", "targets", "predictions"), CONFUSION, ids=ids(CONFUSION))
@pytest.mark.parametrize("weighted", ["none", "sample"])
def test_confusion(name, arguments, targets, predictions, weighted):
    batches = [(targets(n, 5), predictions(n, 5), weights_for((n, 5), weighted)) for n in (40, 9)]
    # With label weights a count of 0 comes out as exactly that; Keras's float32 differences leave up to 2e-5 of it.
    floor = 3e-5 if "label_weights" in arguments else 1e-5
    assert_follows(*both(name, arguments), batches, rtol=1e-4, atol=floor)


@pytest.mark.parametrize("name", ["Precision", "TruePositives", "AUC", "BinaryAccuracy", "MeanAbsoluteError"])
@pytest.mark.parametrize(("targets", "predictions"), [((8,), (8,)), ((8,), (8, 1)), ((8, 1), (8,)), ((8, 1), (8, 1))])
@pytest.mark.parametrize("weighted", [False, True])
def test_vectors(name, targets, predictions, weighted):
    if name == "MeanAbsoluteError" and weighted and targets == predictions == (8,):
        return  # the mean over the last axis leaves one number, and Keras fails
    assert_follows(*both(name, {}), [(bits(*targets), coarse(*predictions), positive(8) if weighted else None)] * 2)


def test_weights_for_each_entry():
    for name in ("Precision", "FalseNegatives", "AUC"):
        assert_follows(*both(name, {}), [(bits(6, 5), coarse(6, 5), positive(6, 5))])


@pytest.mark.parametrize("shape", [(8,), (8, 1), (8, 3), (8, 3, 1)])
def test_sparse_labels_of_any_shape(shape):
    y_pred = coarse(*(shape if shape[-1] > 1 else shape[:-1]), 5)
    y_true = rng.integers(0, 5, shape)
    for name in ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy"):
        if name == "SparseTopKCategoricalAccuracy" and shape[-1] == 1 and len(shape) > 1:
            continue  # Keras itself fails on (batch, 1)
        assert_follows(*both(name, {}), [(y_true, y_pred + F32(0.01), None)])


def test_top_k_of_labels_shaped_batch_1():
    metric = metrics.SparseTopKCategoricalAccuracy(k=2)
    assert float(metric([[2], [1]], [[0.5, 0.2, 0.3], [0.5, 0.2, 0.3]])) == 0.5
    assert float(metrics.SparseTopKCategoricalAccuracy(k=9)([2, 1], [[0.5, 0.2, 0.3]] * 2)) == 1.0


def test_top_k_of_sorted_ids():
    batch = (np.array([1, 2, 0]), np.array([[0, 1, 2], [0, 1, 2], [1, 2, 0]]), None)
    assert_follows(*both("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}), [batch])


@pytest.mark.parametrize("name", ["MeanSquaredError", "SparseCategoricalAccuracy", "CategoricalAccuracy"])
@pytest.mark.parametrize("weighted", [False, True])
def test_masks_of_predictions(name, weighted):
    ours, theirs = both(name, {})
    for _ in range(2):
        y_pred = torch.tensor(coarse(6, 3, 5))
        y_true = rng.integers(0, 5, (6, 3)) if name.startswith("Sparse") else one_hot(6, 3, 5)
        y_pred._keras_mask = torch.tensor(rng.uniform(size=(6, 3)) < 0.5)
        weight = positive(6, 3) if weighted else None
        ours.update_state(y_true, y_pred, weight)
        theirs.update_state(y_true, y_pred, weight)
        np.testing.assert_allclose(number(ours.result()), number(theirs.result()), rtol=1e-5)


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize(("shape", "weight"), [((), None), ((4,), None), ((4, 3), None), ((4, 3), (4,)), ((4, 3), (4, 3)),
                                               ((4, 3), (4, 1)), ((4, 1), (4,)), ((4, 3, 2), (4, 3)), ((4,), ()),
                                               ((), ())])  # fmt: skip
def test_mean_and_sum(name, shape, weight):
    ours, theirs = both(name, {})
    for _ in range(3):
        values, weights = signed(*shape), None if weight is None else positive(*weight)
        ours.update_state(torch.tensor(values, requires_grad=True), weights)
        theirs.update_state(values, weights)
        np.testing.assert_allclose(number(ours.result()), number(theirs.result()), rtol=1e-5)
    ours.reset_states()
    assert float(ours.result()) == 0.0


def test_mean_with_a_plain_number_as_weight():
    ours, theirs = both("Mean", {})
    for value, weight in ((2.0, 32), (3.0, 7)):
        ours.update_state(torch.tensor(value), sample_weight=weight)
        theirs.update_state(value, sample_weight=weight)
    assert float(ours.result()) == pytest.approx(float(theirs.result()))
    assert [float(variable) for variable in ours.variables] == [85.0, 39.0]


IOU = [
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2]}, few, few),
    ("IoU", {"num_classes": 4, "target_class_ids": (3, 1)}, few, few),
    ("IoU", {"num_classes": 2, "target_class_ids": [0, 1]}, few, few),
    ("MeanIoU", {"num_classes": 3}, few, few),
    ("MeanIoU", {"num_classes": 3, "ignore_class": 1, "dtype": "float32"}, few, few),
    ("MeanIoU", {"num_classes": 5, "sparse_y_pred": False}, labels, positive),
    ("BinaryIoU", {}, bits, coarse),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.7}, bits, coarse),
    ("OneHotIoU", {"num_classes": 5, "target_class_ids": [0, 3]}, one_hot, positive),
    ("OneHotMeanIoU", {"num_classes": 5}, one_hot, positive),
]


@pytest.mark.parametrize(("name", "arguments", "targets", "predictions"), IOU, ids=ids(IOU))
@pytest.mark.parametrize("weighted", [False, True])
def test_intersection_over_union(name, arguments, targets, predictions, weighted):
    ours, theirs = both(name, arguments)
    batches = []
    for shape in ((9, 5), (4, 3, 5)):
        y_true, y_pred = targets(*shape), predictions(*shape)
        entries = y_true.argmax(-1) if targets is one_hot else y_true
        weight = rng.integers(0, 3, entries.size if name == "MeanIoU" else entries.shape) if weighted else None
        batches.append((y_true, y_pred, weight))
    assert_follows(ours, theirs, batches)


def test_float_weights_of_integer_counts_warn():
    with pytest.warns(UserWarning, match="counts in int32 and got weights of floats"):
        metrics.MeanIoU(2)([0, 1], [0, 1], sample_weight=[0.5, 1.5])


def test_adjusted_r2_without_enough_values():
    metric = metrics.R2Score(num_regressors=5)
    metric.update_state(signed(3, 1), signed(3, 1))
    with pytest.warns(UserWarning, match="with 5 regressors and 3 values there is no adjusted score"):
        metric.result()


# ---- functions -------------------------------------------------------------------------------------------------------

FUNCTIONS = [
    ("binary_accuracy", bits, coarse), ("categorical_accuracy", one_hot, coarse),
    ("sparse_categorical_accuracy", labels, coarse), ("top_k_categorical_accuracy", one_hot, positive),
    ("sparse_top_k_categorical_accuracy", labels, positive), ("pearson_correlation", signed, signed),
    ("concordance_correlation", signed, signed),
]  # fmt: skip


@pytest.mark.parametrize(("name", "targets", "predictions"), FUNCTIONS, ids=[row[0] for row in FUNCTIONS])
@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 5)])
def test_functions(name, targets, predictions, shape):
    y_true, y_pred = targets(*shape), predictions(*shape)
    value, expected = getattr(metrics, name)(y_true, y_pred), getattr(keras.metrics, name)(y_true, y_pred)
    assert value.dtype is torch.float32
    torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)


def test_loss_functions_are_metric_functions():
    for name, function in inspect.getmembers(keras.metrics, inspect.isfunction):
        if hasattr(losses, name) and name not in ("get", "serialize", "deserialize"):
            assert getattr(metrics, name) is getattr(losses, name), function


def test_keras_1_functions():
    """The formulas of Keras 1.2, by hand: tp = 3, fp = 1, fn = 2, tn = 2."""
    y_true = np.array([1, 1, 1, 1, 1, 0, 0, 0], F32)
    y_pred = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.6, 0.3, 0.2], F32)
    assert float(metrics.precision(y_true, y_pred)) == pytest.approx(3 / 4, rel=1e-5)
    assert float(metrics.recall(y_true, y_pred)) == pytest.approx(3 / 5, rel=1e-5)
    assert float(metrics.fmeasure(y_true, y_pred)) == pytest.approx(2 / 3, rel=1e-5)
    assert float(metrics.fbeta_score(y_true, y_pred, beta=2)) == pytest.approx(0.625, rel=1e-5)
    expected = (3 * 2 - 1 * 2) / (4 * 5 * 3 * 4) ** 0.5
    assert float(metrics.matthews_correlation(y_true, y_pred)) == pytest.approx(expected, rel=1e-5)


# ---- tf.keras's own --------------------------------------------------------------------------------------------------


def test_mean_tensor():
    mean = metrics.MeanTensor()
    mean.update_state([[1.0, 2.0], [3.0, 4.0]])
    mean.update_state([[5.0, 6.0], [7.0, 8.0]], sample_weight=[3.0, 0.0])
    assert mean.result().tolist() == [[4.0, 5.0], [3.0, 4.0]]
    assert [variable.name for variable in mean.variables] == ["total", "count"]
    mean.reset_state()
    assert mean.result().abs().sum() == 0


def test_mean_relative_error():
    metric = metrics.MeanRelativeError(normalizer=[1, 3, 2, 3])
    assert float(metric([1, 3, 2, 3], [2, 4, 6, 8])) == pytest.approx(1.25)  # tf.keras's own example
    assert metric.get_config()["normalizer"] == [1.0, 3.0, 2.0, 3.0]
