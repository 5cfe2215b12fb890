"""Metrics as objects: names, configs, users' subclasses, logits, cost, errors."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import keras
import numpy as np
import pytest
import torch

from lamina import losses, metrics
from lamina.naming import reset_names
from lamina.variables import Variable

NEEDED = {
    "IoU": {"num_classes": 2, "target_class_ids": [0]}, "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]}, "OneHotMeanIoU": {"num_classes": 2},
    "SensitivityAtSpecificity": {"specificity": 0.5}, "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5}, "RecallAtPrecision": {"precision": 0.5},
}  # fmt: skip
CLASSES = sorted(
    name for name, cls in inspect.getmembers(keras.metrics, inspect.isclass)
    if name not in ("Metric", "MeanMetricWrapper")
)  # fmt: skip


@pytest.fixture(autouse=True)
def _names_from_the_start():
    reset_names()
    keras.src.backend.common.global_state.clear_session(free_memory=False)


def make(name, /, **more):
    arguments = {**NEEDED.get(name, {}), **more}
    return getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)


# ---- names and configs -----------------------------------------------------------------------------------------------


def test_every_keras_name_is_here():
    missing = {name for name in dir(keras.metrics) if not name.startswith("_") and not hasattr(metrics, name)}
    assert missing == set()
    assert set(keras.src.metrics.ALL_OBJECTS_DICT) - set(metrics.METRICS.members) == set()


@pytest.mark.parametrize("name", sorted(keras.src.metrics.ALL_OBJECTS_DICT))
def test_names_resolve_as_in_keras(name):
    assert metrics.METRICS.members[name].__name__ == keras.src.metrics.ALL_OBJECTS_DICT[name].__name__


@pytest.mark.parametrize(("name", "expected"), [("kld", metrics.KLDivergence), ("MAE", metrics.MeanAbsoluteError),
                                                ("kullback_leibler_divergence", metrics.KLDivergence)])  # fmt: skip
def test_old_names_of_classes(name, expected):
    assert type(metrics.get(name)) is expected


@pytest.mark.parametrize(("name", "expected"), [("cosine_proximity", losses.cosine_similarity),
                                                ("cosine", losses.cosine_similarity), ("logcosh", losses.log_cosh),
                                                ("huber", losses.huber), ("fmeasure", metrics.fmeasure),
                                                ("matthews_correlation", metrics.matthews_correlation)])  # fmt: skip
def test_old_names_of_functions(name, expected):
    assert metrics.get(name) is expected


@pytest.mark.parametrize("name", CLASSES)
def test_signatures_names_configs_and_directions_equal_keras(name):
    ours, theirs = make(name)
    mine, other = (inspect.signature(type(metric)).parameters.values() for metric in (ours, theirs))
    assert [(p.name, p.default) for p in mine] == [(p.name, p.default) for p in other]
    assert ours.name == theirs.name
    assert ours.get_config() == theirs.get_config()
    assert metrics.serialize(ours) == keras.metrics.serialize(theirs)
    assert getattr(ours, "_direction", None) == getattr(theirs, "_direction", None)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", CLASSES)
def test_configs_go_back_and_forth(name):
    ours, theirs = make(name, name="mine")
    assert metrics.deserialize(keras.metrics.serialize(theirs)).get_config() == ours.get_config()
    assert keras.metrics.deserialize(metrics.serialize(ours)).get_config() == theirs.get_config()
    clone = metrics.clone_metric(ours)
    assert clone.get_config() == ours.get_config()
    assert clone is not ours


@pytest.mark.parametrize("function", ["huber", "binary_accuracy", "mean_squared_error"])
def test_wrapper_configs(function):
    ours = metrics.MeanMetricWrapper(getattr(metrics, function), name="w")
    theirs = keras.metrics.MeanMetricWrapper(getattr(keras.metrics, function), name="w")
    assert ours.get_config() == theirs.get_config()
    again = metrics.deserialize(metrics.serialize(ours))
    assert again._fn is getattr(metrics, function)
    assert getattr(ours, "_direction", None) == getattr(theirs, "_direction", None)


def test_arguments_that_keras_leaves_out_are_kept():
    metric = metrics.CosineSimilarity(axis=0)
    assert metrics.CosineSimilarity.from_config(metric.get_config()).axis == 0
    label_weights = metrics.AUC(multi_label=True, label_weights=[1.0, 2.0]).get_config()["label_weights"]
    assert label_weights == [1.0, 2.0]
    assert metrics.AUC(thresholds=[0.7, 0.2]).get_config()["thresholds"] == [0.2, 0.7]


# ---- accuracy by shapes ----------------------------------------------------------------------------------------------

SHAPES = [((8, 1), (8, 1)), ((8,), (8, 1)), ((8,), (8, 5)), ((8, 1), (8, 5)), ((8, 5), (8, 5)), ((8, 3), (8, 3, 5)),
          ((8, 3, 1), (8, 3, 5)), ((8, 3, 5), (8, 3, 5)), ((8, 3, 1), (8, 3, 1))]  # fmt: skip


@pytest.mark.parametrize(("y_true", "y_pred"), SHAPES)
@pytest.mark.parametrize("name", ["accuracy", "acc"])
def test_accuracy_is_chosen_as_keras_does(name, y_true, y_pred):
    from keras.src.trainers.compile_utils import get_metric

    theirs = get_metric(name, torch.zeros(y_true), torch.zeros(y_pred))
    ours = metrics.resolve_accuracy(name, y_true, y_pred)
    assert (type(ours).__name__, ours.name) == (type(theirs).__name__, theirs.name)
    crossentropy = metrics.resolve("ce", y_true, y_pred)
    assert type(crossentropy).__name__ == type(ours).__name__.replace("Accuracy", "Crossentropy")


def test_accuracy_by_loss_where_shapes_are_unknown():
    for loss, expected in ((losses.BinaryCrossentropy(), metrics.BinaryAccuracy),
                           (losses.sparse_categorical_crossentropy, metrics.SparseCategoricalAccuracy),
                           (losses.CategoricalCrossentropy(), metrics.CategoricalAccuracy)):  # fmt: skip
        assert type(metrics.resolve_accuracy("acc", None, None, loss)) is expected


def test_resolve_keeps_the_name_that_was_given():
    assert metrics.resolve("mse").name == "mse"
    assert metrics.resolve(losses.huber).name == "huber"
    assert metrics.resolve(losses.Huber(name="h")).name == "h"
    auc = metrics.AUC(name="area")
    assert metrics.resolve(auc) is auc
    assert auc.name == "area"


# ---- users' own ------------------------------------------------------------------------------------------------------


class Keras2Style(metrics.Metric):
    def __init__(self, name="catnip", **kwargs):
        super().__init__(name=name, **kwargs)
        self.true_positives = self.add_weight(name="tp", initializer="zeros")
        self.seen = self.add_weight("seen", shape=(2,), initializer="ones")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.true_positives.assign_add(((y_true == 1) & (y_pred > 0.5)).sum())
        self.seen.assign(self.seen + 1)

    def result(self):
        return self.true_positives


class Keras3Style(metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")
        self.inner = metrics.Mean(name="inner")
        self.others = [metrics.Sum(name="other")]

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = (y_true - y_pred).square().sum()
        self.total.assign_add(error)
        self.inner.update_state(error)
        self.others[0].update_state(error)

    def result(self):
        return {"total": self.total, "mean": self.inner.result()}


def test_keras_2_style():
    metric = Keras2Style()
    y_true, y_pred = torch.tensor([1, 0, 1]), torch.tensor([0.9, 0.9, 0.1], requires_grad=True)
    assert float(metric(y_true, y_pred)) == 1.0
    assert metric.seen.tolist() == [2.0, 2.0]
    assert [variable.name for variable in metric.variables] == ["tp", "seen"]
    assert metric.variables[0].path == "catnip/tp"
    metric.reset_states()
    assert float(metric.result()) == 0.0
    assert metrics.Metric("f1").name == "f1"  # Keras 2 has the name first


def test_keras_3_style():
    metric = Keras3Style()
    assert metric.name == "keras3_style"
    y_pred = torch.ones(3, requires_grad=True)
    found = metric(torch.zeros(3), y_pred)
    assert {name: float(value) for name, value in found.items()} == {"total": 3.0, "mean": 3.0}
    assert [variable.path for variable in metric.variables] == ["keras3_style/total", "inner/total", "inner/count",
                                                               "other/total"]  # fmt: skip
    assert not any(variable.requires_grad for variable in metric.variables)
    metric.reset_state()
    assert [float(variable) for variable in metric.variables] == [0.0] * 4


def test_stateless():
    metric = metrics.MeanSquaredError()
    metric.update_state([1.0], [3.0])
    start = metric.stateless_reset_state()
    after = metric.stateless_update_state(start, torch.tensor([1.0, 1.0]), torch.tensor([2.0, 2.0]))
    assert [float(value) for value in after] == [1.0, 1.0]
    assert float(metric.stateless_result(after)) == 1.0
    assert float(metric.result()) == 4.0


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda metric: pickle.loads(pickle.dumps(metric))])
def test_copies_are_independent(duplicate):
    metric = metrics.Precision()
    metric.update_state([1, 1], [0.9, 0.9])
    again = duplicate(metric)
    again.update_state([0, 0], [0.9, 0.9])
    assert (float(metric.result()), float(again.result())) == (1.0, 0.5)
    assert again.variables[0].name == "true_positives"


def test_variables():
    variable = Variable([1.0, 2.0], trainable=False, name="v")
    variable.assign([3.0, 4.0])
    variable.assign_sub(1)
    variable.assign_add(torch.ones(2, requires_grad=True))
    assert variable.tolist() == [3.0, 4.0]
    assert not variable.requires_grad
    assert type(variable + 1) is torch.Tensor
    assert variable.value.data_ptr() == variable.data_ptr()
    assert repr(variable) == "<Variable path=v, shape=(2,), value=[3.0, 4.0]>"
    assert variable.numpy().tolist() == [3.0, 4.0]


# ---- logits and cost -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [metrics.CategoricalAccuracy(), metrics.SparseCategoricalAccuracy(),
                                    metrics.TopKCategoricalAccuracy(k=2), metrics.SparseTopKCategoricalAccuracy(k=2)],
                         ids=str)  # fmt: skip
def test_metrics_that_accept_logits(metric):
    assert metric.accepts_logits
    logits, labels = torch.randn(50, 5), torch.randint(0, 5, (50,))
    y_true = labels if "parse" in metric.name else torch.nn.functional.one_hot(labels, 5)
    from_logits = float(metric(y_true, logits))
    metric.reset_state()
    assert float(metric(y_true, logits.softmax(-1))) == from_logits


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_binary_accuracy_from_logits(threshold):
    first, second = metrics.BinaryAccuracy(threshold=threshold), metrics.BinaryAccuracy(threshold=threshold)
    assert not first.accepts_logits
    logits, y_true = torch.randn(50, 1), torch.randint(0, 2, (50, 1))
    first.update_from_logits(y_true, logits)
    second.update_state(y_true, logits.sigmoid())
    assert float(first.result()) == float(second.result())


@pytest.mark.parametrize("name", [name for name in CLASSES if "Crossentropy" in name or name in ("AUC", "Precision")])
def test_metrics_that_need_probabilities(name):
    assert not make(name)[0].accepts_logits


def test_accuracy_costs_no_more_than_by_hand():
    metric, total = metrics.SparseCategoricalAccuracy(), torch.zeros(())
    y_true, y_pred = torch.randint(0, 5, (32,)), torch.randn(32, 5)

    def by_hand():
        total.add_((y_true == y_pred.argmax(-1)).sum(dtype=torch.float32))

    counts = []
    for update in (by_hand, lambda: metric.update_state(y_true, y_pred)):
        with torch.profiler.profile() as profile:
            update()
        counts.append([event.name for event in profile.events()])
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", [name for name in CLASSES if name not in ("Mean", "Sum")])
def test_updates_never_read_the_device(name):
    """Meta tensors have no data: an update that read any would fail."""
    sparse = "Sparse" in name
    with torch.device("meta"):
        y_pred = torch.empty(6, 5)
        y_true = torch.empty(6, dtype=torch.int64) if sparse else torch.empty(6, 5)
        metric = make(name)[0]
        metric.update_state(y_true, y_pred)
    assert all(variable.device.type == "meta" for variable in metric.variables)


# ---- errors ----------------------------------------------------------------------------------------------------------

ERRORS = [
    (
        lambda: metrics.get("accurracy"),
        "'accurracy' is not a known metric. Did you mean 'accuracy'? Your own can be passed as an object, or "
        "by name after `register_keras_serializable`.",
    ),
    (
        lambda: metrics.get(3),
        "Expected a name, a config or an object for the metric, and got 3.",
    ),
    (
        lambda: metrics.resolve(None),
        "Expected a metric, and got None.",
    ),
    (
        lambda: metrics.resolve("acc"),
        "The metric 'acc' is chosen by the shapes of targets and predictions, which are not known here: name "
        "binary_, categorical_ or sparse_categorical_accuracy.",
    ),
    (
        lambda: metrics.resolve_accuracy("auc", (1,), (1,)),
        "Expected one of 'accuracy', 'acc', 'crossentropy', 'ce', and got 'auc'.",
    ),
    (
        lambda: metrics.MeanSquaredError()(np.zeros((2, 3)), np.zeros((2, 4))),
        "mean_squared_error can't compare y_true of shape (2, 3) with y_pred of shape (2, 4): the shapes must"
        " be equal.",
    ),
    (
        lambda: metrics.CategoricalAccuracy()(np.zeros(2), np.zeros((2, 3))),
        "categorical_accuracy can't compare y_true of shape (2,) with y_pred of shape (2, 3): the shapes must"
        " be equal.",
    ),
    (
        lambda: metrics.SparseCategoricalAccuracy()(np.eye(3), np.eye(3)),
        "sparse_categorical_accuracy needs class numbers of shape (3,) for y_pred of shape (3, 3), and got "
        "y_true of shape (3, 3). One-hot labels go with 'categorical_crossentropy'.",
    ),
    (
        lambda: metrics.SparseTopKCategoricalAccuracy()([0, 7], np.zeros((2, 3))),
        "sparse_top_k_categorical_accuracy: y_true holds the label 7 (1 of 2), and y_pred has 3 classes: "
        "labels must be from 0 to 2.",
    ),
    (
        lambda: metrics.Precision()(np.zeros((2, 3)), np.zeros((2, 4))),
        "Precision 'precision' can't compare y_true of shape (2, 3) with y_pred of shape (2, 4): the shapes "
        "must be equal.",
    ),
    (
        lambda: metrics.Precision(class_id=4)(np.zeros((2, 3)), np.zeros((2, 3))),
        "Precision 'precision' looks at class 4, which predictions of shape (2, 3) don't have.",
    ),
    (
        lambda: metrics.Recall(thresholds=[0.5, 1.5]),
        "Recall needs thresholds in [0, 1], and got [1.5].",
    ),
    (
        lambda: metrics.PrecisionAtRecall(1.5),
        "PrecisionAtRecall's recall must be in [0, 1], and got 1.5.",
    ),
    (
        lambda: metrics.PrecisionAtRecall(0.5, num_thresholds=0),
        "PrecisionAtRecall's num_thresholds must be above 0, and got 0.",
    ),
    (
        lambda: metrics.AUC(curve="RO"),
        "AUC's curve must be one of ('ROC', 'PR', 'PRGAIN'), and got 'RO'.",
    ),
    (
        lambda: metrics.AUC(num_thresholds=1),
        "AUC's num_thresholds must be above 1, and got 1.",
    ),
    (
        lambda: metrics.AUC(num_labels=2),
        "AUC takes num_labels only with multi_label=True.",
    ),
    (
        lambda: metrics.AUC(multi_label=True).result(),
        "AUC 'auc' has no result before its first update.",
    ),
    (
        lambda: metrics.F1Score(threshold=2.0),
        "F1Score's threshold must be None or a float above 0 and at most 1, and got 2.0.",
    ),
    (
        lambda: metrics.F1Score()([1.0], [1.0]),
        "F1Score takes targets and predictions of one shape (batch, classes), and got y_true (1,) and y_pred (1,).",
    ),
    (
        lambda: metrics.R2Score()([1.0], [1.0]),
        "R2Score takes targets and predictions of shape (batch, n), and got (1,).",
    ),
    (
        lambda: metrics.IoU(2, [2]),
        "IoU's target_class_ids must be from 0 to 1, and got [2].",
    ),
    (
        lambda: metrics.MeanIoU(2)([0, 1], [0, 1, 1]),
        "MeanIoU 'mean_io_u' can't compare y_true of shape (2,) with y_pred of shape (3,).",
    ),
    (
        lambda: metrics.Mean().stateless_result([1.0]),
        "Mean 'mean' has 2 variables, and got 1.",
    ),
]


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=range(len(ERRORS)))
def test_errors(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


@pytest.mark.parametrize("name", ["Precision", "MeanIoU", "F1Score", "MeanSquaredError"])
def test_a_failed_update_changes_nothing(name):
    metric = make(name)[0]
    metric.update_state(np.eye(2), np.eye(2))
    before = [variable.tolist() for variable in metric.variables]
    with pytest.raises(ValueError, match="shape"):
        metric.update_state(np.zeros((2, 3)), np.zeros((2, 4)))
    assert [variable.tolist() for variable in metric.variables] == before


def test_super_init_is_needed():
    class Forgetful(metrics.Metric):
        def __init__(self):
            self.total = self.add_weight(name="total")

    with pytest.raises(
        RuntimeError, match=r"Forgetful.__init__ must call super\(\).__init__\(\) before it makes state"
    ):
        Forgetful()


def test_what_must_be_defined():
    with pytest.raises(NotImplementedError, match=r"Metric must define update_state\(\)"):
        metrics.Metric().update_state()
    with pytest.raises(NotImplementedError, match=r"Metric must define result\(\)"):
        metrics.Metric().result()
