"""What every loss shares: the class, the ways to reduce, sample weights, masks, and shapes that fit one another."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self, cast

import numpy as np
import torch
from torch import Tensor

from lamina import config, registry
from lamina.display import described
from lamina.dtypes import PolicyLike, as_dtype, as_policy, dtype_name
from lamina.engine.beside_arrays import is_about_arrays, turn_to_arrays
from lamina.errors import did_you_mean
from lamina.graph.symbolic import SymbolicTensor
from lamina.naming import unique_name
from lamina.registry import Config, Table
from lamina.tracebacks import Made, shorten

LOSSES: Table[Any] = Table("loss", "keras.losses")  # filled in the package's __init__

MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
REDUCTIONS = (*MEANS, "sum", "none")
ReductionName = Literal["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", "auto"]
# Of the classes that are there to be derived from: a subclass hands on an argument that checkers know as a `str` only.
AnyReduction = ReductionName | str | None


class Reduction:
    """The names of the ways to reduce, as Keras 2 spelt them: ``Reduction.SUM`` is ``"sum"``.

    >>> Reduction.SUM_OVER_BATCH_SIZE
    'sum_over_batch_size'
    """

    AUTO = "auto"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Every name."""
        return cls.AUTO, cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE


def standardize_reduction(reduction: str | None) -> str | None:
    """``reduction`` itself when it is known; Keras 2's ``"auto"`` is ``"sum_over_batch_size"``."""
    if reduction == "auto":
        return "sum_over_batch_size"
    if reduction is not None and reduction not in REDUCTIONS:
        raise ValueError(f"A loss's reduction must be one of {', '.join(map(repr, REDUCTIONS))} or None, "
                         f"and got {reduction!r}.{did_you_mean(reduction, REDUCTIONS)}")  # fmt: skip
    return reduction


# ---- tensors and shapes ----------------------------------------------------------------------------------------------


def as_tensor(value: Any, dtype: torch.dtype | None = None, device: torch.device | None = None) -> Tensor:
    """``value`` as a tensor of this type and on this device; a tensor that is one already comes back as it is."""
    if not isinstance(value, (Tensor, SymbolicTensor)):
        if isinstance(value, np.ndarray) and not value.flags.writeable:
            value = value.copy()
        value = torch.as_tensor(value)
    if (dtype is None or value.dtype is dtype) and (device is None or value.device == device):
        return cast(Tensor, value)
    if isinstance(value, SymbolicTensor):
        return value.to(dtype)
    return value.to(device=device, dtype=dtype)


def as_float(value: Any) -> Tensor:
    """``value`` as a tensor of floats: floats as they are, anything else in ``floatx``."""
    tensor = as_tensor(value)
    return tensor if tensor.is_floating_point() else tensor.to(as_dtype(None))


def match_ranks(first: Tensor, second: Tensor, expand_vectors: bool = True) -> tuple[Tensor, Tensor]:
    """Two tensors whose ranks differ by an axis of one, ``(batch,)`` and ``(batch, 1)``, in the same rank.

    A vector gains the axis; with a higher rank (or ``expand_vectors=False``) the other tensor loses it.

    >>> [tuple(x.shape) for x in match_ranks(torch.zeros(4), torch.zeros(4, 1))]
    [(4, 1), (4, 1)]
    """
    if second.ndim == first.ndim + 1 and second.shape[-1] == 1:
        if first.ndim == 1 and expand_vectors:
            return first.unsqueeze(-1), second
        return first, second.squeeze(-1)
    if first.ndim == second.ndim + 1 and first.shape[-1] == 1:
        if second.ndim == 1 and expand_vectors:
            return first, second.unsqueeze(-1)
        return first.squeeze(-1), second
    return first, second


def match(name: str, y_true: Any, y_pred: Any, equal: bool = False, mend: str = "") -> tuple[Tensor, Tensor]:
    """Targets and predictions as float tensors that can be compared element by element.

    Arguments:
        name: the loss or metric that asks, for the error message.
        equal: whether the shapes must be equal; otherwise one may broadcast to the other.
        mend: a sentence that ends the error message.

    Raises:
        ValueError: when the shapes don't fit.
    """
    y_pred = as_float(y_pred)
    y_true = as_tensor(y_true, y_pred.dtype, y_pred.device)
    if y_true.ndim != y_pred.ndim:
        y_true, y_pred = match_ranks(y_true, y_pred)
    if y_true.shape != y_pred.shape and (equal or not _broadcast(y_true, y_pred)):
        raise ValueError(f"{name} can't compare y_true of shape {tuple(y_true.shape)} with y_pred of shape "
                         f"{tuple(y_pred.shape)}: the shapes must be equal.{mend}")  # fmt: skip
    return y_true, y_pred


def _broadcast(first: Tensor, second: Tensor) -> bool:
    sizes = zip(reversed(first.shape), reversed(second.shape), strict=False)
    return all(one == other or 1 in (one, other) for one, other in sizes)


def divide_no_nan(numerator: Tensor, denominator: Tensor) -> Tensor:
    """``numerator / denominator``, and 0 where the denominator is 0.

    >>> divide_no_nan(torch.ones(2), torch.tensor([0.0, 2.0]))
    tensor([0.0000, 0.5000])
    """
    is_zero = denominator == 0
    return torch.where(is_zero, 0.0, numerator / torch.where(is_zero, 1.0, denominator))


# ---- weights, masks, reductions --------------------------------------------------------------------------------------


def apply_mask(
    sample_weight: Tensor | None, mask: Tensor | None, reduction: str | None, rescale: bool = True
) -> Tensor | None:
    """One weight made of a sample weight and a mask.

    When the result is averaged over all elements, a mask counts ``total / valid`` for what it keeps, so that the
    average is over the kept elements alone, unless ``rescale`` is off. A sample weight is never rescaled in this way.
    """
    if mask is None:
        return sample_weight
    kept = as_float(mask)
    if rescale and reduction in ("mean", "sum_over_batch_size"):
        kept = kept * divide_no_nan(torch.full_like(kept.sum(), kept.numel()), kept.sum())
    if sample_weight is None:
        return kept
    kept, sample_weight = match_ranks(kept, sample_weight)
    if kept.ndim < sample_weight.ndim:
        return leading(kept, sample_weight, "mask") * sample_weight
    return kept * leading(sample_weight, kept, "sample_weight")


def leading(weight: Tensor, values: Tensor, what: str = "sample_weight") -> Tensor:
    """``weight`` with axes of one at its end, so that ``(batch,)`` weighs ``(batch, steps)`` row by row.

    Raises:
        ValueError: when the weight fits neither from the first axis on nor by broadcasting.
    """
    if weight.ndim < values.ndim and weight.ndim and weight.shape == values.shape[: weight.ndim]:
        return weight.reshape(*weight.shape, *[1] * (values.ndim - weight.ndim))
    if not _broadcast(weight, values):
        raise ValueError(f"A {what} of shape {tuple(weight.shape)} doesn't fit values of shape {tuple(values.shape)}: "
                         "one number for each sample, or for each sample and step, was expected.")  # fmt: skip
    return weight


def reduce_values(values: Tensor, weight: Tensor | None, reduction: str | None) -> Tensor:
    """Weighted values as one number: their sum, their average, or themselves (``"none"``)."""
    divisor: Tensor | None = weight
    if weight is not None:
        values, weight = match_ranks(values, weight)
        divisor = weight
        values = values * leading(weight, values)
    if reduction in (None, "none") or values.shape in ((), (0,)):
        return values
    if reduction == "sum":
        return values.sum()
    if reduction == "mean_with_sample_weight" and divisor is not None:
        return divide_no_nan(values.sum(), divisor.sum())
    return values.mean()


# ---- the classes -----------------------------------------------------------------------------------------------------


class Loss(Made):
    """A number that says how far predictions are from targets. Subclasses define ``call(y_true, y_pred)``.

    ``loss(y_true, y_pred, sample_weight=None, mask=None)`` casts both to ``dtype``, asks ``call`` for one value per
    sample (or per sample and step), multiplies by the weights and reduces.

    Arguments:
        name: by default after the class.
        reduction: ``"sum_over_batch_size"`` and ``"mean"`` (the average over all values), ``"sum"``,
            ``"mean_with_sample_weight"`` (the sum over the sum of the weights), ``"none"`` or ``None`` (the values
            themselves). Keras 2's ``"auto"`` is ``"sum_over_batch_size"``.
        dtype: the type to compute in; ``floatx`` by default.

    >>> class Distance(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return (y_true - y_pred).abs().sum(-1)
    >>> Distance()([[1.0, 2.0], [3.0, 4.0]], torch.tensor([[1.0, 1.0], [1.0, 4.0]]))
    tensor(1.5000)
    """

    target_dtype: torch.dtype | None = None  # what targets are cast to, once, before training; None is the loss's own
    leaves_masked_out: bool = True  # whether a mean is over what a mask keeps; in Keras 2.3 it was over all
    logits_of: str | None = None  # "softmax" or "sigmoid", where the loss can start from what that activation is given

    def __init__(
        self,
        name: str | None = None,
        reduction: AnyReduction = "sum_over_batch_size",
        dtype: PolicyLike = None,
    ) -> None:
        self.name = name or unique_name(type(self).__name__)
        self.reduction = standardize_reduction(reduction)
        self._dtype = as_dtype(as_policy(dtype or config.floatx()))

    @property
    def dtype(self) -> str:
        """The name of the type that the loss computes in."""
        return dtype_name(self._dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Tensor:
        if mask is None:
            mask = getattr(y_pred, "_keras_mask", None)
        y_pred = _cast(y_pred, self._dtype)
        device = y_pred.device if isinstance(y_pred, Tensor) else None
        y_true = _cast(y_true, self.target_dtype or self._dtype, device)
        if sample_weight is None and mask is None and self.reduction in MEANS:
            mean = self.fused_mean(y_true, y_pred)
            if mean is not None and y_pred.numel():
                return mean
        try:
            values = self.call(y_true, y_pred)
        except Exception as error:
            if not is_about_arrays(error, self):
                shorten(error)
                raise
            turn_to_arrays(self, "call")
            values = self.call(y_true, y_pred)
        values = as_tensor(values, self._dtype)
        own_mask = getattr(values, "_keras_mask", None)
        if own_mask is not None:
            mask = own_mask if mask is None else as_tensor(mask, torch.bool, values.device) & own_mask
        if sample_weight is not None:
            sample_weight = as_tensor(sample_weight, values.dtype, values.device)
        if mask is not None:
            mask = as_tensor(mask, values.dtype, values.device)
        weight = apply_mask(sample_weight, mask, self.reduction, self.leaves_masked_out)
        return reduce_values(values, weight, self.reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One loss value for each sample (or each sample and step)."""
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred).")

    def fused_mean(self, y_true: Any, y_pred: Any) -> Tensor | None:
        """The unweighted average by one torch kernel, or ``None`` where there is no such kernel."""
        return None

    def get_config(self) -> Config:
        """The constructor's arguments; ``dtype`` only where it isn't ``floatx``."""
        written = {"name": self.name, "reduction": self.reduction}
        return written if self.dtype == config.floatx() else {**written, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A loss from what :meth:`get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return described(self)


def _cast(value: Any, dtype: torch.dtype, device: torch.device | None = None) -> Any:
    """Every array in ``value`` as a tensor; dictionaries (and lists of tensors) keep their form."""
    if isinstance(value, Tensor) and value.dtype is dtype and (device is None or value.device == device):
        return value
    if isinstance(value, dict):
        return {key: _cast(item, dtype, device) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and any(isinstance(item, (Tensor, np.ndarray, dict)) for item in value):
        return type(value)(_cast(item, dtype, device) for item in value)
    return as_tensor(value, dtype, device)


def _matched(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """``match_ranks`` for each pair of tensors in two like structures."""
    if isinstance(y_true, Tensor) and isinstance(y_pred, Tensor):
        return match_ranks(y_true, y_pred)
    if isinstance(y_true, dict) and isinstance(y_pred, dict) and y_true.keys() == y_pred.keys():
        pairs = {key: _matched(y_true[key], y_pred[key]) for key in y_pred}
        return {key: pair[0] for key, pair in pairs.items()}, {key: pair[1] for key, pair in pairs.items()}
    if isinstance(y_true, (list, tuple)) and isinstance(y_pred, (list, tuple)) and len(y_true) == len(y_pred):
        matched = [_matched(*pair) for pair in zip(y_true, y_pred, strict=True)]
        return type(y_true)(pair[0] for pair in matched), type(y_pred)(pair[1] for pair in matched)
    return y_true, y_pred


class LossFunctionWrapper(Loss):
    """A function ``fn(y_true, y_pred, **arguments)`` as a loss.

    Arguments:
        fn: returns one value for each sample.
        reduction: see :class:`Loss`.
        name: see :class:`Loss`.
        dtype: see :class:`Loss`.
        arguments: further arguments of ``fn``.

    >>> LossFunctionWrapper(lambda y_true, y_pred: (y_true - y_pred).abs().amax(-1))([[1.0, 5.0]], [[1.0, 2.0]])
    tensor(3.)
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: AnyReduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: PolicyLike = None,
        **arguments: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.fn = fn
        self.arguments = arguments

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(*_matched(y_true, y_pred), **self.arguments)

    def get_config(self) -> Config:
        return {**super().get_config(), "fn": serialize_function(self.fn, LOSSES), **registry.serialize(self.arguments)}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        if "fn" in config:
            config = {**registry.deserialize(config), "fn": LOSSES.deserialize(config["fn"])}
        return cls(**config)


def serialize_function(function: Any, table: Table[Any]) -> Any:
    """A loss or metric function as Keras 3 writes it: a small config even for its own functions."""
    name = getattr(function, "__name__", "")
    if name and table.members.get(name) is function:
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    return registry.serialize(function)


class KnownLoss(LossFunctionWrapper):
    """One of lamina's own loss functions as a class, whose configs are its constructor's arguments.

    Keras leaves some arguments out of its configs (``Huber``'s ``delta``), and so loses them in files. Here these,
    named in ``unwritten``, are written where they differ from their defaults; Keras reads them.
    """

    unwritten: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: AnyReduction,
        name: str | None,
        dtype: PolicyLike,
        **arguments: Any,
    ) -> None:
        super().__init__(fn, reduction, name, dtype, **arguments)
        vars(self).update(arguments)

    def get_config(self) -> Config:
        defaults = inspect.signature(type(self).__init__).parameters
        written = {key: value for key, value in self.arguments.items()
                   if key not in self.unwritten or value != defaults[key].default}  # fmt: skip
        return {**Loss.get_config(self), **written}
