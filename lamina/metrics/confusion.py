"""Metrics of right and wrong at thresholds: counts, precision, recall, one at a given other, and areas under curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from lamina import config
from lamina.dtypes import PolicyLike
from lamina.losses.base import as_float, as_tensor, divide_no_nan, match_ranks
from lamina.metrics.base import Metric
from lamina.registry import Config
from lamina.variables import Variable

_NONE_PASSES = -1e10  # Keras's prediction outside the top k, and the threshold that everything else exceeds
COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
_COUNTED = {
    "true_positives": lambda positive, above: positive & above,
    "false_positives": lambda positive, above: ~positive & above,
    "true_negatives": lambda positive, above: ~(positive | above),
    "false_negatives": lambda positive, above: positive & ~above,
}


# ---- counting --------------------------------------------------------------------------------------------------------


class Thresholds:
    """Counts, at each of several thresholds, how many labels and predictions agree and disagree.

    A prediction is positive where it is above the threshold. With several, each prediction is put into a bucket by how
    many thresholds it exceeds, so a batch costs one pass however many there are.

    Arguments:
        values: the thresholds.
        even: whether they are evenly spaced over [0, 1]; then a bucket is a product and a ceiling, as in Keras.
    """

    def __init__(self, values: list[float], even: bool) -> None:
        self.values = values
        self.even = even
        # Endpoints beyond 0 and 1 mean that every prediction is above the first.
        self.first_is_always_exceeded = even and (values[0] < 0 or values[-1] > 1)
        order = sorted(range(len(values)), key=values.__getitem__)
        self._sorted = [values[index] for index in order]
        self._place = None if self._sorted == values else sorted(range(len(values)), key=order.__getitem__)

    def count(
        self, names: tuple[str, ...], y_true: Tensor, y_pred: Tensor, weight: Tensor | None, by_label: bool
    ) -> dict[str, Tensor]:
        """Counts by name, ``(thresholds,)`` or, ``by_label``, ``(thresholds, labels)``, from arrays of one shape."""
        positive = y_true != 0
        if len(self.values) == 1:
            above = y_pred > self.values[0]
            found = {name: _COUNTED[name](positive, above) for name in names}
            return {name: (which if weight is None else which * weight).sum() for name, which in found.items()}
        positive = positive.to(y_pred.dtype)
        positive, negative = (
            (positive, 1 - positive) if weight is None else (positive * weight, (1 - positive) * weight)
        )
        if not by_label:
            positive, negative, y_pred = positive.reshape(-1), negative.reshape(-1), y_pred.reshape(-1)
        buckets = self._buckets(y_pred)
        (tp, all_positive), (fp, all_negative) = self._above(buckets, positive), self._above(buckets, negative)
        counts = (tp, fp, all_negative - fp, all_positive - tp)
        if self._place is not None:
            counts = tuple(count[self._place] for count in counts)
        return dict(zip(COUNTS, counts, strict=True))

    def _buckets(self, y_pred: Tensor) -> Tensor:
        """How many thresholds each prediction is above."""
        if self.even:
            buckets = (y_pred.clamp(0.0, 1.0) * (len(self.values) - 1)).ceil()
            return (buckets.clamp(min=1) if self.first_is_always_exceeded else buckets).long()
        return torch.searchsorted(y_pred.new_tensor(self._sorted), y_pred.contiguous())

    def _above(self, buckets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The weight above each threshold, and all of it."""
        sums = weights.new_zeros(len(self.values) + 1, *weights.shape[1:]).scatter_add_(0, buckets, weights)
        totals = sums.flip(0).cumsum(0).flip(0)
        return totals[1:], totals[0]


def evenly_spaced(thresholds: list[float]) -> bool:
    """Whether three or more thresholds divide [0, 1] into equal parts."""
    steps = len(thresholds) - 1
    even = (
        abs(value - index / steps) <= config.epsilon() + 1e-5 * index / steps for index, value in enumerate(thresholds)
    )
    return steps >= 2 and all(even)


def _between(count: int) -> list[float]:
    """``count`` thresholds, the first and last not among them, of which there are two more over [0, 1]."""
    return [(index + 1) * 1.0 / (count + 1) for index in range(count)]


class _Counts(Metric):
    """State for some of the four counts at some thresholds.

    Arguments:
        counts: the names of the counts that are kept.
        thresholds: at which they are.
    """

    def __init__(
        self,
        counts: tuple[str, ...],
        thresholds: Thresholds,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
    ):
        super().__init__(dtype=dtype, name=name)
        self.thresholds = thresholds.values
        self.top_k = top_k
        self.class_id = class_id
        self._thresholds = thresholds
        self._kept: dict[str, Variable] = {}
        self._names = counts

    def _build(self, *labels: int) -> None:
        for name in self._names:
            self._kept[name] = self.add_variable(
                (len(self._thresholds.values), *labels), name=self._variable_name(name)
            )
            setattr(self, self._variable_name(name), self._kept[name])

    def _variable_name(self, count: str) -> str:
        return count

    def _add(self, y_true: Any, y_pred: Any, weight: Any, by_label: bool = False, label_weights: Any = None) -> None:
        """Count a batch."""
        state = next(iter(self._kept.values()))
        y_pred = as_tensor(y_pred).detach().to(state.dtype)
        y_true = as_tensor(y_true, state.dtype, y_pred.device)
        y_pred, y_true = match_ranks(y_pred, y_true)
        if y_true.shape != y_pred.shape:
            raise ValueError(f"{type(self).__name__} {self.name!r} can't compare y_true of shape {tuple(y_true.shape)} "
                             f"with y_pred of shape {tuple(y_pred.shape)}: the shapes must be equal.")  # fmt: skip
        if state.device != y_pred.device:
            self.to(y_pred.device)
        if weight is not None:
            weight = as_tensor(weight, state.dtype, y_pred.device).unsqueeze(-1)
            weight = match_ranks(y_true, weight, expand_vectors=False)[1]
        y_true, y_pred = self._selected(y_true, y_pred)
        if label_weights is not None:
            weight = label_weights if weight is None else weight * label_weights
        if weight is not None:
            weight = weight.expand_as(y_pred)
        counts = self._thresholds.count(self._names, y_true, y_pred, weight, by_label)
        for name, variable in self._kept.items():
            variable.add_(counts[name])

    def _selected(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """The entries that count: only the best ``top_k`` predictions may be positive, and only one class may matter."""
        if self.top_k is not None:
            best = y_pred.topk(self.top_k, -1).indices
            y_pred = torch.full_like(y_pred, _NONE_PASSES).scatter_(-1, best, y_pred.gather(-1, best))
        if self.class_id is None:
            return y_true, y_pred
        if y_pred.ndim == 1 or not -y_pred.shape[-1] <= self.class_id < y_pred.shape[-1]:
            raise ValueError(f"{type(self).__name__} {self.name!r} looks at class {self.class_id}, which predictions of "
                             f"shape {tuple(y_pred.shape)} don't have.")  # fmt: skip
        return y_true[..., self.class_id, None], y_pred[..., self.class_id, None]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self._add(y_true, y_pred, sample_weight)

    def _share(self, part: str, rest: str) -> Tensor:
        """``part / (part + rest)``, 0 where there is neither."""
        return divide_no_nan(self._kept[part].value, self._kept[part] + self._kept[rest])


def _given_thresholds(metric: str, thresholds: Any, default: float) -> Thresholds:
    values = [default] if thresholds is None else thresholds
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    wrong = [] if thresholds is None else [value for value in values if value is None or not 0 <= value <= 1]
    if wrong or not values:
        raise ValueError(f"{metric} needs thresholds in [0, 1], and got {wrong or thresholds}.")
    return Thresholds(values, evenly_spaced(values))


class _OneCount(_Counts):
    counted: ClassVar[str]

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: PolicyLike = None
    ):
        self.init_thresholds = thresholds
        found = _given_thresholds(type(self).__name__, thresholds, 0.5)
        super().__init__((self.counted,), found, name=name, dtype=dtype)
        self._build()

    def _variable_name(self, count: str) -> str:
        return "accumulator"

    def result(self) -> Tensor:
        counts = self._kept[self.counted].value
        return counts[0].clone() if len(self.thresholds) == 1 else counts.clone()

    def get_config(self) -> Config:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_OneCount):
    """How many ones are predicted above the threshold (or each of a list of thresholds; 0.5 by default).

    >>> TruePositives()([0, 1, 1, 1], [0.8, 0.9, 0.7, 0.2])
    tensor(2.)
    """

    counted = "true_positives"


class FalsePositives(_OneCount):
    """How many zeros are predicted above the threshold (or each of a list of thresholds; 0.5 by default).

    >>> FalsePositives()([0, 1, 1, 1], [0.8, 0.9, 0.7, 0.2])
    tensor(1.)
    """

    counted = "false_positives"


class TrueNegatives(_OneCount):
    """How many zeros are not predicted above the threshold (or each of a list of thresholds; 0.5 by default).

    >>> TrueNegatives()([0, 1, 1, 1], [0.8, 0.9, 0.7, 0.2])
    tensor(0.)
    """

    counted = "true_negatives"


class FalseNegatives(_OneCount):
    """How many ones are not predicted above the threshold (or each of a list of thresholds; 0.5 by default).

    >>> FalseNegatives()([0, 1, 1, 1], [0.8, 0.9, 0.7, 0.2])
    tensor(1.)
    """

    counted = "false_negatives"


class _Ratio(_Counts):
    _direction = "up"
    parts: ClassVar[tuple[str, str]]

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
    ):
        self.init_thresholds = thresholds
        found = _given_thresholds(type(self).__name__, thresholds, 0.5 if top_k is None else _NONE_PASSES)
        super().__init__(self.parts, found, top_k, class_id, name, dtype)
        self._build()

    def result(self) -> Tensor:
        share = self._share(*self.parts)
        return share[0] if len(self.thresholds) == 1 else share

    def get_config(self) -> Config:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_Ratio):
    """Of what is predicted positive, the share that is: ``true positives / (true + false positives)``.

    Arguments:
        thresholds: above which a prediction is positive: one in [0, 1], or a list for a list of results; 0.5 by default.
        top_k: only each sample's ``top_k`` best predictions can be positive.
        class_id: the one class, on the last axis, that counts; by default all entries do.
        name, dtype: see :class:`Metric`.

    >>> Precision()([0, 1, 1, 1], [0.8, 0.9, 0.7, 0.2])
    tensor(0.6667)
    """

    parts = ("true_positives", "false_positives")


class Recall(_Ratio):
    """Of what is positive, the share that is predicted so: ``true positives / (true positives + false negatives)``.

    Arguments: as :class:`Precision`'s.

    >>> Recall()([0, 1, 1, 1], [0.8, 0.9, 0.7, 0.2])
    tensor(0.6667)
    """

    parts = ("true_positives", "false_negatives")


# ---- one rate at a given other ---------------------------------------------------------------------------------------

_SENSITIVITY = ("true_positives", "false_negatives")
_SPECIFICITY = ("true_negatives", "false_positives")
_PRECISION = ("true_positives", "false_positives")
_RECALL = _SENSITIVITY


class SensitivitySpecificityBase(_Counts):
    """The best of one rate over the thresholds at which another is at least ``value``.

    Arguments:
        value: what the other rate must reach.
        num_thresholds: how many thresholds over [0, 1] are tried.
        class_id: the one class, on the last axis, that counts; by default all entries do.
        name, dtype: see :class:`Metric`.
    """

    _direction = "up"
    held: ClassVar[tuple[str, str]]
    sought: ClassVar[tuple[str, str]]
    argument: ClassVar[str]

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
    ):
        cls = type(self).__name__
        if not 0 <= value <= 1:
            raise ValueError(f"{cls}'s {self.argument} must be in [0, 1], and got {value!r}.")
        if num_thresholds <= 0:
            raise ValueError(f"{cls}'s num_thresholds must be above 0, and got {num_thresholds!r}.")
        values = [0.5] if num_thresholds == 1 else [0.0, *_between(num_thresholds - 2), 1.0]
        super().__init__(COUNTS, Thresholds(values, num_thresholds > 1), None, class_id, name, dtype)
        self.value = value
        self.num_thresholds = num_thresholds
        setattr(self, self.argument, value)
        self._build()

    def result(self) -> Tensor:
        return torch.where(self._share(*self.held) >= self.value, self._share(*self.sought), 0.0).amax()

    def get_config(self) -> Config:
        own = {"class_id": self.class_id, "num_thresholds": self.num_thresholds, self.argument: self.value}
        return {**super().get_config(), **own}


class SensitivityAtSpecificity(SensitivitySpecificityBase):
    """The best sensitivity (recall) where specificity, the share of zeros predicted as such, is at least that given.

    Arguments:
        specificity: in [0, 1].
        num_thresholds, class_id: see :class:`SensitivitySpecificityBase`.
        name, dtype: see :class:`Metric`.

    >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
    tensor(0.5000)
    """

    argument, held, sought = "specificity", _SPECIFICITY, _SENSITIVITY

    def __init__(self, specificity: float, num_thresholds: int = 200, class_id: int | None = None,
                 name: str | None = None, dtype: PolicyLike = None):  # fmt: skip
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(SensitivitySpecificityBase):
    """The best specificity, the share of zeros predicted as such, where sensitivity (recall) is at least that given.

    Arguments:
        sensitivity: in [0, 1].
        num_thresholds, class_id: see :class:`SensitivitySpecificityBase`.
        name, dtype: see :class:`Metric`.

    >>> SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
    tensor(0.6667)
    """

    argument, held, sought = "sensitivity", _SENSITIVITY, _SPECIFICITY

    def __init__(self, sensitivity: float, num_thresholds: int = 200, class_id: int | None = None,
                 name: str | None = None, dtype: PolicyLike = None):  # fmt: skip
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(SensitivitySpecificityBase):
    """The best precision where recall is at least that given.

    Arguments:
        recall: in [0, 1].
        num_thresholds, class_id: see :class:`SensitivitySpecificityBase`.
        name, dtype: see :class:`Metric`.

    >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
    tensor(0.5000)
    """

    argument, held, sought = "recall", _RECALL, _PRECISION

    def __init__(self, recall: float, num_thresholds: int = 200, class_id: int | None = None,
                 name: str | None = None, dtype: PolicyLike = None):  # fmt: skip
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(SensitivitySpecificityBase):
    """The best recall where precision is at least that given.

    Arguments:
        precision: in [0, 1].
        num_thresholds, class_id: see :class:`SensitivitySpecificityBase`.
        name, dtype: see :class:`Metric`.

    >>> RecallAtPrecision(0.8)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
    tensor(0.5000)
    """

    argument, held, sought = "precision", _PRECISION, _RECALL

    def __init__(self, precision: float, num_thresholds: int = 200, class_id: int | None = None,
                 name: str | None = None, dtype: PolicyLike = None):  # fmt: skip
        super().__init__(precision, num_thresholds, class_id, name, dtype)


# ---- areas -----------------------------------------------------------------------------------------------------------

_CURVES = ("ROC", "PR", "PRGAIN")
CurveName = Literal["ROC", "PR", "PRGAIN", "roc", "pr", "prgain"]
SummationName = Literal["interpolation", "majoring", "minoring", "Interpolation", "Majoring", "Minoring"]
_HEIGHTS = {
    "interpolation": lambda left, right: (left + right) / 2.0,
    "majoring": torch.maximum,
    "minoring": torch.minimum,
}


class AUC(_Counts):
    """The area under a curve that the thresholds draw.

    Arguments:
        num_thresholds: how many points the curve has.
        curve: ``"ROC"`` (recall over the false positives' rate), ``"PR"`` (precision over recall) or ``"PRGAIN"``.
        summation_method: the height between two points: ``"interpolation"``, ``"majoring"`` (the higher) or
            ``"minoring"`` (the lower).
        name, dtype: see :class:`Metric`.
        thresholds: between 0 and 1, in place of ``num_thresholds`` even ones; 0 and 1 are added.
        multi_label: whether each label of ``(batch, labels)`` has its own curve, and the areas are averaged.
        num_labels: how many labels those are; by default as many as the first batch has.
        label_weights: a weight for each label.
        from_logits: whether predictions are logits, before a sigmoid.

    Source: Davis and Goadrich 2006 (interpolation of precision), Flach and Kull 2015 (gain curves).

    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
    tensor(0.7500)
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: CurveName = "ROC",
        summation_method: SummationName = "interpolation",
        name: str | None = None,
        dtype: PolicyLike = None,
        thresholds: Sequence[float] | np.ndarray | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | Tensor | np.ndarray | None = None,
        from_logits: bool = False,
    ):
        drawn, method = str(curve).upper(), str(summation_method).lower()
        if drawn not in _CURVES:
            raise ValueError(f"AUC's curve must be one of {_CURVES}, and got {curve!r}.")
        if method not in _HEIGHTS:
            raise ValueError(f"AUC's summation_method must be one of {tuple(_HEIGHTS)}, and got {summation_method!r}.")
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(f"AUC's num_thresholds must be above 1, and got {num_thresholds!r}.")
        if num_labels and not multi_label:
            raise ValueError("AUC takes num_labels only with multi_label=True.")
        inner = _between(num_thresholds - 2) if thresholds is None else sorted(float(value) for value in thresholds)
        even = thresholds is None or evenly_spaced([0.0, *inner, 1.0])
        # The endpoints lie a little outside, so that rounding puts no prediction beyond them.
        values = [0.0 - config.epsilon(), *inner, 1.0 + config.epsilon()]
        super().__init__(COUNTS, Thresholds(values, even), name=name, dtype=dtype)
        self.num_thresholds = len(values)
        self.curve = drawn
        self.summation_method = method
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else as_tensor(label_weights, self._dtype)
        self._own_thresholds = None if thresholds is None else inner
        self._from_logits = from_logits
        if not multi_label or num_labels:
            self._build(*([num_labels] if num_labels else []))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = as_float(y_pred)
        if self.multi_label and y_pred.ndim != 2:
            raise ValueError(f"AUC {self.name!r} with multi_label=True takes predictions of shape (batch, labels), and got "
                             f"{tuple(y_pred.shape)}.")  # fmt: skip
        if not self._kept:
            self._build(y_pred.shape[1])
        if self._from_logits:
            y_pred = y_pred.sigmoid()
        if self.label_weights is not None and self.label_weights.device != y_pred.device:
            self.label_weights = self.label_weights.to(y_pred.device)
        self._add(y_true, y_pred, sample_weight, self.multi_label, None if self.multi_label else self.label_weights)

    def result(self) -> Tensor:
        if not self._kept:
            raise ValueError(f"AUC {self.name!r} has no result before its first update.")
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._averaged(self._precision_parts())
        x, y = {"ROC": self._roc, "PR": self._pr, "PRGAIN": self._gains}[self.curve]()
        return self._averaged((x[:-1] - x[1:]) * _HEIGHTS[self.summation_method](y[:-1], y[1:]))

    def _averaged(self, parts: Tensor) -> Tensor:
        if not self.multi_label:
            return parts.sum()
        areas = parts.sum(0)
        if self.label_weights is None:
            return areas.mean()
        return divide_no_nan((areas * self.label_weights).sum(), self.label_weights.sum())

    def _roc(self) -> tuple[Tensor, Tensor]:
        return self._share("false_positives", "true_negatives"), self._share(*_RECALL)

    def _pr(self) -> tuple[Tensor, Tensor]:
        return self._share(*_RECALL), self._share(*_PRECISION)

    def _gains(self) -> tuple[Tensor, Tensor]:
        """Recall gain and precision gain. Where nothing is found they are 0 and 1; recall gain is never negative."""
        tp, fp, tn, fn = (self._kept[name].value for name in COUNTS)
        scale = divide_no_nan(tp + fn, tn + fp)
        recall = torch.where(tp == 0, 0.0, 1.0 - scale * divide_no_nan(fn, tp))
        precision = torch.where(tp == 0, 1.0, 1.0 - scale * divide_no_nan(fp, tp))
        return recall.clamp(min=0.0), precision

    def _precision_parts(self) -> Tensor:
        """The area between each two points when true positives, not precision, are interpolated between them."""
        tp, fp, _, fn = (self._kept[name].value for name in COUNTS)
        positive = tp + fp
        gained, more = tp[:-1] - tp[1:], positive[:-1] - positive[1:]
        slope = divide_no_nan(gained, more.clamp(min=0))
        intercept = tp[1:] - slope * positive[1:]
        both = (positive[:-1] > 0) & (positive[1:] > 0)
        ratio = torch.where(both, divide_no_nan(positive[:-1], positive[1:].clamp(min=0)), 1.0)
        return divide_no_nan(slope * (gained + intercept * ratio.log()), (tp[1:] + fn[1:]).clamp(min=0))

    def get_config(self) -> Config:
        own = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self._from_logits,
        }
        if self._own_thresholds is not None:
            own["thresholds"] = self._own_thresholds
        return {**super().get_config(), **own}
