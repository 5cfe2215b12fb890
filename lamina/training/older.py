"""Methods of models that Keras 1 and 2 had: the same work as ``fit``, ``evaluate`` and ``predict`` under other names."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.dialects import any_spelling


class OlderMethods:
    """``fit_generator`` and its relatives; their arguments become today's by the dialect tables."""

    fit: Any
    evaluate: Any
    predict: Any

    @any_spelling("Model.fit_generator")
    def fit_generator(self, x: Any, **kwargs: Any) -> Any:
        """:meth:`fit` on a generator of batches."""
        return self.fit(x, **kwargs)

    @any_spelling("Model.evaluate_generator")
    def evaluate_generator(self, x: Any, verbose: Any = 0, **kwargs: Any) -> Any:
        """:meth:`evaluate` on a generator of batches; silent unless told otherwise."""
        return self.evaluate(x, verbose=verbose, **kwargs)

    @any_spelling("Model.predict_generator")
    def predict_generator(self, x: Any, verbose: Any = 0, **kwargs: Any) -> Any:
        """:meth:`predict` on a generator of batches; silent unless told otherwise."""
        return self.predict(x, verbose=verbose, **kwargs)

    def predict_proba(self, x: Any, batch_size: int = 32, verbose: Any = 0) -> Any:
        """:meth:`predict` by the name that models of probabilities had."""
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    def predict_classes(self, x: Any, batch_size: int = 32, verbose: Any = 0) -> np.ndarray:
        """The most probable class of each row; of one output, whether it is above one half."""
        outputs = np.asarray(self.predict(x, batch_size=batch_size, verbose=verbose))
        return outputs.argmax(axis=-1) if outputs.shape[-1] > 1 else (outputs > 0.5).astype("int32")
