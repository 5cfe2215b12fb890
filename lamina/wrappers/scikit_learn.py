"""Keras 1's and 2's ``keras.wrappers.scikit_learn``: a function that makes a model, as scikit-learn's estimator."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from lamina.models import Sequential
from lamina.training.history import History

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor"]

_ACCURACY = ("acc", "accuracy")
# Of these methods of models, arguments may be given to the estimator.
_METHODS = ("fit", "predict", "predict_classes", "evaluate")


class BaseWrapper(BaseEstimator):
    """What both share.

    Arguments:
        build_fn: a function, or an object with ``__call__``, that makes a compiled model; by default a subclass's own.
        sk_params: arguments of ``build_fn``, and of a model's ``fit``, ``predict`` and ``evaluate``.

    Attributes:
        model: the model that was trained.

    Raises:
        ValueError: for an argument that neither ``build_fn`` nor these methods have.
    """

    model: Any

    def __init__(self, build_fn: Callable[..., Any] | None = None, **sk_params: Any) -> None:
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def _maker(self) -> Callable[..., Any]:
        maker: Any = self if self.build_fn is None else self.build_fn
        if not callable(maker):
            raise TypeError(
                f"{type(self).__name__} needs a function that makes a model as `build_fn`, and got {maker!r:.80}."
            )
        return maker

    def check_params(self, params: dict[str, Any]) -> None:
        """Refuse arguments that nothing takes."""
        methods = (self._maker(), *(getattr(Sequential, name) for name in _METHODS))
        for name in params:
            if name != "nb_epoch" and not any(_takes(method, name) for method in methods):
                raise ValueError(f"{type(self).__name__} got {name!r}, which neither build_fn nor a model's "
                                 f"{', '.join(_METHODS)} take.")  # fmt: skip

    def get_params(self, deep: bool = True, **params: Any) -> dict[str, Any]:
        """The arguments, by name."""
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> Any:
        """Change arguments."""
        params = dict(params)
        if "build_fn" in params:
            self.build_fn = params.pop("build_fn")
        self.check_params(params)
        self.sk_params.update(params)
        return self

    def filter_sk_params(self, fn: Callable[..., Any], override: dict[str, Any] | None = None) -> dict[str, Any]:
        """The estimator's arguments that a function takes, and ``override`` in any case."""
        given = {name: value for name, value in self.sk_params.items() if _takes(fn, name)}
        if fn is Sequential.fit and "nb_epoch" in self.sk_params:
            given["epochs"] = self.sk_params["nb_epoch"]
        return {**given, **(override or {})}

    def fit(self, x: Any, y: Any, **kwargs: Any) -> History:
        """Make a new model and train it; ``kwargs`` are for its ``fit``.

        Returns:
            What the model's ``fit`` returns.
        """
        maker = self._maker()
        self.model = maker(**self.filter_sk_params(maker))
        return self.model.fit(x, self._as_targets(np.asarray(y)), **self.filter_sk_params(Sequential.fit, kwargs))

    def _as_targets(self, y: np.ndarray) -> np.ndarray:
        """Columns for a loss that wants them."""
        loss = getattr(self.model.loss, "__name__", self.model.loss)
        is_by_column = loss == "categorical_crossentropy" or type(loss).__name__ == "CategoricalCrossentropy"
        return np.eye(int(y.max()) + 1)[y.astype(int).reshape(len(y))] if is_by_column and y.ndim != 2 else y


def _takes(function: Callable[..., Any], name: str) -> bool:
    parameter = inspect.signature(function).parameters.get(name)
    return parameter is not None and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


class KerasClassifier(ClassifierMixin, BaseWrapper):
    """A function that makes a model, as a classifier of scikit-learn's.

    Arguments:
        build_fn, sk_params: as in :class:`BaseWrapper`.

    Attributes:
        classes_, n_classes_: the classes in the order of the model's outputs, and how many there are.

    >>> from lamina.layers import Dense
    >>> def build(units=4):
    ...     model = Sequential([Dense(units, activation="relu", input_shape=(3,)), Dense(1, activation="sigmoid")])
    ...     model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    ...     return model
    >>> classifier = KerasClassifier(build, units=8, epochs=1, verbose=0)
    >>> x, y = np.random.default_rng(0).normal(size=(20, 3)), np.array(["no", "yes"] * 10)
    >>> history = classifier.fit(x, y)
    >>> classifier.predict(x).shape, classifier.predict_proba(x).shape, 0 <= classifier.score(x, y) <= 1
    ((20, 1), (20, 2), True)
    """

    classes_: np.ndarray

    def fit(self, x: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> History:
        """Make a new model and train it.

        Raises:
            ValueError: for targets that are not a class a row, or a column a class.
        """
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim in (1, 2):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(
                f"KerasClassifier takes a class for each row, or a column for each class, and got {y.shape}."
            )
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y, **kwargs)

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The class of each row; in a column where the model has one output, as in Keras."""
        outputs = self.model.predict(x, **self.filter_sk_params(Sequential.predict_classes, kwargs))
        return self.classes_[outputs.argmax(axis=-1) if outputs.shape[-1] > 1 else (outputs > 0.5).astype("int32")]

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """How probable each class is, a column a class."""
        outputs = self.model.predict(x, **self.filter_sk_params(Sequential.predict_proba, kwargs))
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def score(self, X: Any, y: Any, **kwargs: Any) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The accuracy that the model reports.

        Raises:
            ValueError: for a model that was compiled without ``metrics=["accuracy"]``.
        """
        y = np.searchsorted(self.classes_, np.asarray(y))
        found = self.model.evaluate(X, self._as_targets(y), **self.filter_sk_params(Sequential.evaluate, kwargs))
        values = found if isinstance(found, (list, tuple)) else [found]
        by_name = dict(zip(self.model.metrics_names, values, strict=False))
        for name in (*_ACCURACY, "compile_metrics"):
            if name in by_name:
                return float(by_name[name])
        raise ValueError("KerasClassifier.score needs a model that is compiled with metrics=['accuracy'].")


class KerasRegressor(RegressorMixin, BaseWrapper):
    """A function that makes a model, as a regressor of scikit-learn's.

    Arguments:
        build_fn, sk_params: as in :class:`BaseWrapper`.

    >>> from lamina.layers import Dense
    >>> def build():
    ...     model = Sequential([Dense(1, input_shape=(3,))])
    ...     model.compile("sgd", "mse")
    ...     return model
    >>> x = np.random.default_rng(0).normal(size=(20, 3))
    >>> regressor = KerasRegressor(build_fn=build, epochs=50, verbose=0)
    >>> history = regressor.fit(x, x.sum(1))
    >>> regressor.predict(x).shape, regressor.score(x, x.sum(1)) > -1
    ((20,), True)
    """

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The model's outputs, without axes of one."""
        return np.squeeze(self.model.predict(x, **self.filter_sk_params(Sequential.predict, kwargs)))

    def score(self, X: Any, y: Any, **kwargs: Any) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The loss with its sign turned, so that more is better."""
        found = self.model.evaluate(X, np.asarray(y), **self.filter_sk_params(Sequential.evaluate, kwargs))
        return -float(found[0] if isinstance(found, (list, tuple)) else found)
