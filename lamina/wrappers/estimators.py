"""Models as scikit-learn's estimators: for its pipelines, searches and cross-validation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin, clone
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from lamina.engine.calling import who
from lamina.errors import describe
from lamina.models import Model, clone_model
from lamina.training.history import History

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


class SKLearnBase(BaseEstimator):
    """What the three estimators share.

    Arguments:
        model: a compiled model, which each ``fit`` trains a clone of, with new weights; or a function that is given ``X``,
            ``y`` and ``model_kwargs`` by name and returns a compiled model. Targets are given to it as they are trained
            on: in columns, a column a class for a classifier.
        warm_start: whether a ``fit`` goes on with the weights of the one before (and with those of a model that was given).
        model_kwargs: further arguments for the function.
        fit_kwargs: arguments for ``Model.fit``, such as ``epochs``. What ``fit`` itself is given comes first.

    Attributes:
        model_: the trained model.
        history_: what its ``fit`` returned.
    """

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    model_: Any
    history_: History

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Train a model.

        Arguments:
            X: rows of numbers, ``(samples, features)``.
            y: a target for each row, ``(samples,)``; for a regressor or transformer also ``(samples, outputs)``.
            kwargs: for ``Model.fit``; they come before ``fit_kwargs``.

        Returns:
            The estimator.

        Raises:
            ValueError: for data that are not such rows, or targets that the estimator is not for.
            RuntimeError: for a model that is not compiled.
        """
        if y is None:
            raise ValueError(f"This {type(self).__name__} requires y to be passed, but the target y is None. fit(X, X) trains "
                             "a model that gives back what it is given.")  # fmt: skip
        X, y = validate_data(self, X, y, multi_output=np.asarray(y).shape[1:2] > (1,))
        y = self._encode(y)
        model = self._new_model(X, y)
        if not isinstance(model, Model) or not model.compiled or not model.loss:
            found = f"{who(model)}, which is not" if isinstance(model, Model) else describe(model)
            raise RuntimeError(
                f"{type(self).__name__} trains a compiled model, with a loss and an optimizer, and got {found}."
            )
        self.history_ = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def predict(self, X: Any) -> np.ndarray:
        """What the model says of each row, as targets were given.

        Raises:
            sklearn.exceptions.NotFittedError: before ``fit``.
        """
        return self._decode(self._outputs(X))

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self.model_.predict(validate_data(self, X, reset=False))

    @property
    def epoch_(self) -> int:
        """How many epochs the last ``fit`` trained."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def set_fit_request(self, **kwargs: Any) -> Any:
        """Say which of ``fit``'s arguments scikit-learn's metadata routing is to hand on: ``True``, ``False``, ``None`` or
        another name for each.

        Raises:
            RuntimeError: unless ``sklearn.set_config(enable_metadata_routing=True)``.
        """
        if not get_config().get("enable_metadata_routing"):
            raise RuntimeError("set_fit_request works with metadata routing only: "
                               "sklearn.set_config(enable_metadata_routing=True).")  # fmt: skip
        request = self._metadata_request = MetadataRequest(owner=self)
        for param, alias in kwargs.items():
            request.fit.add_request(param=param, alias=alias)
        return self

    def _new_model(self, X: np.ndarray, y: np.ndarray) -> Any:
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            return self.model if self.warm_start else clone_model(self.model)
        return self.model(X=X, y=y, **(self.model_kwargs or {}))

    def _encode(self, y: np.ndarray) -> np.ndarray:
        """Targets as the model is trained on them."""
        type_of_target(y, raise_unknown=True)  # which refuses what can't be a target
        self._is_flat = y.ndim == 1
        return y.reshape(-1, 1) if self._is_flat else y

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        return outputs[:, 0] if self._is_flat and outputs.ndim == 2 and outputs.shape[1] == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags

    def __sklearn_clone__(self) -> Any:
        """An untrained estimator with the same arguments. A model is shared where `fit` trains a clone of it."""
        arguments: dict[str, Any] = {name: value if name == "model" else clone(value, safe=False)
                     for name, value in self.get_params(deep=False).items()}  # fmt: skip
        if self.warm_start and isinstance(self.model, Model):
            arguments["model"] = copy.deepcopy(self.model)
        return type(self)(**arguments)


class SKLearnClassifier(ClassifierMixin, SKLearnBase):
    """A model as scikit-learn's classifier: it is trained on a column for each class, and predicts classes.

    Arguments:
        model: a compiled model, which each ``fit`` trains a clone of, or a function of ``X``, ``y`` (a column for each class)
            and ``model_kwargs`` that makes one.
        warm_start: whether a ``fit`` goes on with the weights of the one before.
        model_kwargs: further arguments for the function.
        fit_kwargs: arguments for ``Model.fit``, such as ``epochs``.

    Attributes:
        model_: the trained model.
        history_: what its ``fit`` returned.
        classes_: the classes, in the order of the model's outputs.

    Source: https://keras.io/api/utils/sklearn_wrappers/

    >>> from lamina.layers import Dense
    >>> from lamina.models import Sequential
    >>> def model(X, y):
    ...     model = Sequential([Dense(y.shape[1], activation="softmax", input_shape=X.shape[1:])])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> X, y = np.random.default_rng(0).normal(size=(20, 3)), np.array(["left", "right"] * 10)
    >>> classifier = SKLearnClassifier(model, fit_kwargs={"epochs": 2, "verbose": 0}).fit(X, y)
    >>> classifier.predict(X).shape, classifier.decision_function(X).shape, 0 <= classifier.score(X, y) <= 1
    ((20,), (20, 2), True)
    """

    classes_: np.ndarray

    def decision_function(self, X: Any) -> np.ndarray:
        """The model's outputs, a column for each of ``classes_``.

        Raises:
            sklearn.exceptions.NotFittedError: before ``fit``.
        """
        return self._outputs(X)

    def _encode(self, y: np.ndarray) -> np.ndarray:
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError("SKLearnClassifier takes one class for each row, of two or more classes, and got targets of the "
                             f"type {kind!r}.")  # fmt: skip
        classes, numbers = np.unique(y, return_inverse=True)
        if len(classes) == 1:
            raise ValueError(f"SKLearnClassifier can't learn from one class alone, and got {classes[0]!r} only.")
        self.classes_ = classes
        return np.eye(len(classes))[numbers]

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        if outputs.ndim != 2 or outputs.shape[1] != len(self.classes_):
            raise ValueError(f"SKLearnClassifier needs a model with {len(self.classes_)} outputs, one for each class, and "
                             f"{who(self.model_)} gave the shape {outputs.shape}.")  # fmt: skip
        return self.classes_[outputs.argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, SKLearnBase):
    """A model as scikit-learn's regressor.

    Arguments:
        model: a compiled model, which each ``fit`` trains a clone of, or a function of ``X``, ``y`` (in columns) and
            ``model_kwargs`` that makes one.
        warm_start: whether a ``fit`` goes on with the weights of the one before.
        model_kwargs: further arguments for the function.
        fit_kwargs: arguments for ``Model.fit``, such as ``epochs``.

    Attributes:
        model_: the trained model.
        history_: what its ``fit`` returned.

    Source: https://keras.io/api/utils/sklearn_wrappers/

    >>> from lamina.layers import Dense
    >>> from lamina.models import Sequential
    >>> model = Sequential([Dense(1, input_shape=(3,))])
    >>> model.compile("sgd", "mse")
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> regressor = SKLearnRegressor(model, fit_kwargs={"epochs": 40, "verbose": 0}).fit(X, X.sum(1))
    >>> regressor.score(X, X.sum(1)) > 0.9, regressor.epoch_
    (True, 40)
    """

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, SKLearnBase):
    """A model as a step of scikit-learn's pipelines that turns rows into others.

    Arguments:
        model: a compiled model, which each ``fit`` trains a clone of, or a function of ``X``, ``y`` (in columns) and
            ``model_kwargs`` that makes one.
        warm_start: whether a ``fit`` goes on with the weights of the one before.
        model_kwargs: further arguments for the function.
        fit_kwargs: arguments for ``Model.fit``, such as ``epochs``.

    Attributes:
        model_: the trained model.
        history_: what its ``fit`` returned.

    Source: https://keras.io/api/utils/sklearn_wrappers/

    >>> from lamina.layers import Dense
    >>> from lamina.models import Sequential
    >>> model = Sequential([Dense(2, input_shape=(3,)), Dense(3)])
    >>> model.compile("sgd", "mse")
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> SKLearnTransformer(model, fit_kwargs={"verbose": 0}).fit_transform(X, X).shape
    (20, 3)
    """

    def transform(self, X: Any) -> np.ndarray:
        """The model's outputs.

        Raises:
            sklearn.exceptions.NotFittedError: before ``fit``.
        """
        return self._outputs(X)

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
