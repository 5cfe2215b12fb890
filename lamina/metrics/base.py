"""What every metric shares: state that is gathered batch by batch without waiting for the device, and read on demand."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from lamina import config, initializers, registry
from lamina.dtypes import BY_NAME, PolicyLike, as_dtype, as_policy, dtype_name
from lamina.engine.beside_arrays import is_about_arrays, turn_to_arrays
from lamina.losses import CLASS_OF, Loss
from lamina.losses.base import apply_mask, as_tensor, divide_no_nan, leading, match_ranks, serialize_function
from lamina.naming import unique_name
from lamina.registry import Config, Table
from lamina.tracebacks import Made
from lamina.variables import Variable

METRICS: Table[Any] = Table("metric", "keras.metrics")  # filled in the package's __init__
FUNCTIONS: dict[str, Callable[..., Any]] = {}  # metric functions by name, filled there too


class Metric(Made):
    """A number gathered over batches. Subclasses make state in ``__init__`` and define ``update_state`` and ``result``.

    Arguments:
        dtype: the type of the state; ``floatx`` by default.
        name: by default after the class.

    >>> class Positives(Metric):
    ...     def __init__(self, name="positives", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.total = self.add_weight(name="total", initializer="zeros")
    ...
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.total.assign_add((y_pred > 0).sum())
    ...
    ...     def result(self):
    ...         return self.total / 1
    >>> metric = Positives()
    >>> metric.update_state(None, torch.tensor([1.0, -1.0, 2.0]))
    >>> metric.result()
    tensor(2.)
    """

    _direction: str  # "up" or "down": which way is better, where that is known
    # Whether update_state gives the same for logits as for the probabilities that a softmax or sigmoid makes of them.
    means_of_batches: bool = False  # counts a batch's mean by its rows, as Keras 1 and 2 did
    masks: bool = True  # leaves out what a mask does
    accepts_logits: bool = False

    def __init__(self, dtype: PolicyLike = None, name: str | None = None):
        if isinstance(dtype, str) and dtype not in BY_NAME and not dtype.startswith("mixed_"):
            dtype, name = name, dtype  # Keras 2 has the name first
        self.name = name or unique_name(type(self).__name__)
        self._dtype = as_dtype(as_policy(dtype or config.floatx()))
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        """The name of the type of the state."""
        return dtype_name(self._dtype)

    # -- state --

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        aggregation: Any = None,
        name: str = "variable",
    ) -> Variable:
        """New state, zeros by default. ``aggregation`` has no meaning in one process."""
        if not hasattr(self, "_variables"):
            raise RuntimeError(f"{type(self).__name__}.__init__ must call super().__init__() before it makes state.")
        variable = Variable(initializers.get(initializer or "zeros"), tuple(shape), dtype or self._state_dtype,
                            trainable=False, name=name, path=f"{self.name}/{name}")  # fmt: skip
        self._variables.append(variable)
        return variable

    def add_weight(self, *args: Any, **kwargs: Any) -> Variable:
        """:meth:`add_variable`, in Keras 3's form ``(shape, initializer, dtype, name)`` or Keras 2's, name first."""
        order = ["shape", "initializer", "dtype", "name"]
        if args and isinstance(args[0], str):
            order = ["name", "shape", "aggregation", "synchronization", "initializer", "dtype"]
        given = {**dict(zip(order, args, strict=False)), **kwargs}
        given.pop("synchronization", None)
        return self.add_variable(**given)

    @property
    def _state_dtype(self) -> Any:
        return config.floatx()

    @property
    def variables(self) -> list[Variable]:
        """The state of this metric, and of the metrics that are attributes of it."""
        found = list(self._variables)
        for value in vars(self).values():
            if value is self._variables:
                continue
            for item in _leaves(value):
                found += item.variables if isinstance(item, Metric) else [item]
        return list({id(variable): variable for variable in found}.values())

    def reset_state(self) -> None:
        """Start again: all state is 0."""
        for variable in self.variables:
            variable.zero_()

    def reset_states(self) -> None:
        """Keras 2's name for :meth:`reset_state`."""
        self.reset_state()

    def to(self, device: Any) -> Metric:
        """Move the state to a device, as built-in metrics do by themselves at their first batch there."""
        for variable in self.variables:
            variable.data = variable.data.to(device)
        return self

    # -- measuring --

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Take a batch into account."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state().")

    def result(self) -> Any:
        """The number so far."""
        raise NotImplementedError(f"{type(self).__name__} must define result().")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    # -- without changing the metric --

    def stateless_update_state(self, metric_variables: Iterable[Any], *args: Any, **kwargs: Any) -> list[Tensor]:
        """What the state would be after ``update_state``, had it been ``metric_variables``."""
        return self._with_state(metric_variables, lambda: self._state_after(lambda: self.update_state(*args, **kwargs)))

    def stateless_result(self, metric_variables: Iterable[Any]) -> Any:
        """What ``result()`` would be, were the state ``metric_variables``."""
        return self._with_state(metric_variables, lambda: _copied(self.result()))

    def stateless_reset_state(self) -> list[Tensor]:
        """What the state would be after ``reset_state``."""
        return self._with_state(self.variables, lambda: self._state_after(self.reset_state))

    def _state_after(self, change: Callable[[], Any]) -> list[Tensor]:
        change()
        return [variable.value.clone() for variable in self.variables]

    def _with_state(self, values: Iterable[Any], act: Callable[[], Any]) -> Any:
        values, own = [as_tensor(value).clone() for value in values], [one.value.clone() for one in self.variables]
        if len(values) != len(own):
            raise ValueError(f"{type(self).__name__} {self.name!r} has {len(own)} variables, and got {len(values)}.")
        try:
            _assign(self.variables, values)
            return act()
        finally:
            _assign(self.variables, own)

    # -- configs --

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A metric from what :meth:`get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _leaves(value: Any) -> Iterator[Any]:
    """The metrics and variables in an attribute."""
    if isinstance(value, (Metric, Variable)):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)


def _assign(variables: list[Variable], values: list[Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _copied(value: Any) -> Any:
    """A result that no longer shares memory with state."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return value.clone() if isinstance(value, Tensor) else value


# ---- sums and means --------------------------------------------------------------------------------------------------


def _per_sample(values: Tensor, weight: Tensor, reduce: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
    """Weighted values and weights as one number for each sample, in Keras's order of steps."""
    values, weight = match_ranks(values, weight)
    if values.ndim > weight.ndim:
        values = reduce(values, dim=tuple(range(weight.ndim, values.ndim)))
    weighted = values * weight
    weight = weight.expand_as(weighted)
    return _rows(weighted, reduce), _rows(weight, reduce)


def _rows(values: Tensor, reduce: Callable[..., Tensor]) -> Tensor:
    return reduce(values, dim=tuple(range(1, values.ndim))) if values.ndim > 1 else values


class Sum(Metric):
    """The sum of all values. ``update_state(values, sample_weight=None)``.

    Arguments:
        name, dtype: see :class:`Metric`.

    >>> Sum()([1.0, 2.0])
    tensor(3.)
    """

    def __init__(self, name: str | None = "sum", dtype: PolicyLike = None):
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable((), dtype=self.dtype, name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        mask = getattr(values, "_keras_mask", None)
        values = as_tensor(values, self._dtype)
        if sample_weight is not None:
            weight = as_tensor(sample_weight, self._dtype, values.device)
            values, _ = _per_sample(values, _masked(weight, mask), torch.sum)
        if self.total.device != values.device:
            self.to(values.device)
        self.total.assign_add(values.sum())

    def result(self) -> Tensor:
        return self.total.value.clone()


class Mean(Metric):
    """The mean of all values. ``update_state(values, sample_weight=None)``.

    Without weights the samples are counted in Python, so a batch costs its sum and one addition.

    Arguments:
        name, dtype: see :class:`Metric`.

    >>> mean = Mean()
    >>> mean.update_state([1.0, 3.0])
    >>> mean.update_state(5.0, sample_weight=2)
    >>> mean.result()
    tensor(3.5000)
    """

    def __init__(self, name: str | None = "mean", dtype: PolicyLike = None):
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable((), dtype=self.dtype, name="total")
        self._count = self.add_variable((), dtype=self.dtype, name="count")
        self._uncounted: float = 0  # samples that are not in the variable yet

    @property
    def count(self) -> Variable:
        """How many samples (or how much weight) there were."""
        self._settle()
        return self._count

    @property
    def variables(self) -> list[Variable]:
        """The total and the count, and whatever a subclass adds."""
        self._settle()
        return super().variables

    def _settle(self) -> None:
        if self._uncounted:
            self._count.add_(self._uncounted)
            self._uncounted = 0

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values = as_tensor(values)
        mask = getattr(values, "_keras_mask", None)  # a loss function's own, which only counts beside weights
        if values.requires_grad:
            values = values.detach()
        if self.total.device != values.device:
            self.to(values.device)
        if sample_weight is None:
            rows = values.shape[0] if values.ndim else 1
            scale = 1 if values.ndim < 2 else rows / max(values.numel(), 1)
            self.accumulate(values.sum(dtype=self._dtype), rows, scale)
        elif isinstance(sample_weight, (int, float)):
            self.accumulate(values.to(self._dtype).mean(), sample_weight, sample_weight)
        else:
            weight = as_tensor(sample_weight, self._dtype, values.device)
            values, weight = _per_sample(values.to(self._dtype), _masked(weight, mask), torch.mean)
            self.total.add_(values.sum())
            self._count.add_(weight.sum())

    def accumulate(self, total: Tensor, count: float, scale: float = 1) -> None:
        """Add ``scale * total`` to the total and ``count`` to the count: the cheapest way in."""
        self.total.add_(total, alpha=scale)
        self._uncounted += count

    def reset_state(self) -> None:
        super().reset_state()
        self._uncounted = 0

    def result(self) -> Tensor:
        return divide_no_nan(self.total.value, self.count.value)


def _masked(weight: Tensor, mask: Tensor | None) -> Tensor:
    merged = apply_mask(weight, mask, "sum")
    return weight if merged is None else merged.to(weight.dtype)


class MeanMetricWrapper(Mean):
    """The mean of ``fn(y_true, y_pred, **kwargs)``.

    Arguments:
        fn: returns one value for each sample (or each sample and step).
        name, dtype: see :class:`Metric`.
        kwargs: further arguments of ``fn``.

    >>> MeanMetricWrapper(lambda y_true, y_pred: (y_true - y_pred).abs())(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(2.)
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: PolicyLike = None, **kwargs: Any):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        if isinstance(fn, Loss) or (getattr(fn, "__hash__", None) and fn in CLASS_OF):
            self._direction = "down"

    def batch_values(self, y_true: Any, y_pred: Any) -> Tensor:
        """The values of one batch, of which this is the mean."""
        return self._fn(y_true, y_pred, **self._fn_kwargs)

    def update_state(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        try:
            values = self.batch_values(y_true, y_pred)
        except Exception as error:
            if not is_about_arrays(error, self, "batch_values"):
                raise
            turn_to_arrays(self, "batch_values")
            values = self.batch_values(y_true, y_pred)
        self._take(values, y_pred, sample_weight)

    def _take(self, values: Any, y_pred: Any, sample_weight: Any) -> None:
        mask = getattr(y_pred, "_keras_mask", None) if self.masks else None
        if self.means_of_batches and (mask is not None or sample_weight is not None or not values.ndim):
            return self._take_mean(as_tensor(values, self._dtype).detach(), mask, sample_weight, len(y_pred))
        if mask is not None:
            weight = None if sample_weight is None else as_tensor(sample_weight, self._dtype, mask.device)
            sample_weight = apply_mask(weight, mask, "sum")
        super().update_state(values, sample_weight)

    def _take_mean(self, values: Tensor, mask: Tensor | None, sample_weight: Any, rows: int) -> None:
        """One batch's mean, over what a mask keeps and over how many weights are not 0, for each of its rows."""
        if mask is not None:
            kept = mask.to(values.dtype)
            values = values * leading(kept, values, "mask") / kept.mean()
        if sample_weight is not None:
            weight = as_tensor(sample_weight, values.dtype, values.device)
            values = values.flatten(weight.ndim).mean(-1) if values.ndim > weight.ndim else values
            values = values * weight / (weight != 0).to(values.dtype).mean()
        if self.total.device != values.device:
            self.to(values.device)
        self.accumulate(values.mean(), rows, rows)

    def get_config(self) -> Config:
        written = {"fn": _serialize_function(self._fn), **registry.serialize(self._fn_kwargs)}
        return {**super().get_config(), **written}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        if "fn" in config:
            config = {**registry.deserialize({**config, "fn": None}), "fn": _deserialize_function(config["fn"])}
        return cls(**config)


def _serialize_function(function: Any) -> Any:
    name = getattr(function, "__name__", "")
    if FUNCTIONS.get(name) is function:
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    return serialize_function(function, METRICS)


def _deserialize_function(config: Any) -> Any:
    # Where a metric class and a function share a name (binary_accuracy), the wrapped one is the function.
    name = config.get("config") if isinstance(config, dict) and config.get("class_name") == "function" else config
    return FUNCTIONS[name] if isinstance(name, str) and name in FUNCTIONS else registry.deserialize(config)


class KnownMetric(MeanMetricWrapper):
    """One of lamina's own functions as a class, whose configs are its constructor's arguments.

    Arguments named in ``unwritten`` are written only where they differ from their defaults: Keras leaves them out.
    """

    unwritten: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, fn: Callable[..., Any], name: str | None, dtype: PolicyLike, **arguments: Any):
        super().__init__(fn, name, dtype, **arguments)
        vars(self).update(arguments)

    def get_config(self) -> Config:
        defaults = inspect.signature(type(self).__init__).parameters
        written = {key: value for key, value in self._fn_kwargs.items()
                   if key not in self.unwritten or value != defaults[key].default}  # fmt: skip
        return {**Metric.get_config(self), **written}


class MeanTensor(Metric):
    """The mean of tensors, element by element (tf.keras only). ``update_state(values, sample_weight=None)``.

    Arguments:
        name, dtype: see :class:`Metric`.
        shape: of the tensors; by default that of the first.

    >>> mean = MeanTensor()
    >>> mean.update_state([1.0, 2.0])
    >>> mean([3.0, 6.0])
    tensor([2., 4.])
    """

    def __init__(self, name: str | None = "mean_tensor", dtype: PolicyLike = None, shape: Sequence[int] | None = None):
        super().__init__(dtype=dtype, name=name)
        self.shape = None if shape is None else tuple(shape)
        if self.shape is not None:
            self._build(self.shape)

    def _build(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.total = self.add_variable(shape, dtype=self.dtype, name="total")
        self.count = self.add_variable(shape, dtype=self.dtype, name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values = as_tensor(values, self._dtype).detach()
        if self.shape is None:
            self._build(tuple(values.shape))
        if tuple(values.shape) != self.shape:
            raise ValueError(f"MeanTensor {self.name!r} takes tensors of shape {self.shape}, and got "
                             f"{tuple(values.shape)}.")  # fmt: skip
        if self.total.device != values.device:
            self.to(values.device)
        weight = torch.ones_like(values)
        if sample_weight is not None:
            given = match_ranks(values, as_tensor(sample_weight, self._dtype, values.device))[1]
            weight = weight * given.reshape(*given.shape, *[1] * (values.ndim - given.ndim))
        self.total.assign_add(values * weight)
        self.count.assign_add(weight)

    def result(self) -> Tensor:
        if self.shape is None:
            raise ValueError(f"MeanTensor {self.name!r} has no result before its first update or a shape=.")
        return divide_no_nan(self.total.value, self.count.value)

    def get_config(self) -> Config:
        return {**super().get_config(), "shape": None if self.shape is None else list(self.shape)}
