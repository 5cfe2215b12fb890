"""What Keras 3's models have beside training and saving: all state as one tree, and the switches of ``compile``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, cast

import torch

from lamina.engine.calling import who
from lamina.engine.keras3 import with_variables
from lamina.engine.weights import to_numpy
from lamina.graph.symbolic import is_symbolic
from lamina.layers.core import AddMetric
from lamina.models.notebook import model_as_html
from lamina.models.summary import summary as print_summary
from lamina.tracebacks import door
from lamina.training.trainer import Trainer
from lamina.variables import are_unchanged

_FORMATS: dict[str, Callable[[torch.Tensor], Any]] = {
    "backend_tensor": lambda variable: variable.detach().as_subclass(torch.Tensor),
    "numpy_array": to_numpy,
}


class Keras3Model(Trainer):
    """The part of a model that has Keras 3's names for what few programs need."""

    train_function: Any = None
    test_function: Any = None
    predict_function: Any = None

    # -- all state as one tree --

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """All that training changes, nested by the paths of the variables: ``{"trainable_variables": {"dense": ...}}``.

        Arguments:
            value_format: ``"backend_tensor"``: tensors that share the variables' memory; ``"numpy_array"``: copies.

        Raises:
            ValueError: when two variables have one path, or for another format.
        """
        if value_format not in _FORMATS:
            raise ValueError(f"value_format must be one of {', '.join(_FORMATS)}, and got {value_format!r}.")
        read = _FORMATS[value_format]
        return {kind: _nested(self, [(variable.path, read(variable)) for variable in variables])
                for kind, variables in self._state().items()}  # fmt: skip

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Set what a tree like that of :meth:`get_state_tree` names; all else stays.

        Raises:
            ValueError: for a name at the top that is none of ``get_state_tree``'s.
        """
        state = self._state()
        for kind, tree in state_tree.items():
            if kind not in state:
                raise ValueError(f"A state tree has {', '.join(state)}, and got {kind!r}.")
            given = dict(_flat(tree))
            if kind == "optimizer_variables" and self.optimizer is not None and self.optimizer.built:
                self.optimizer.set_weights([given.get(variable.path, variable) for variable in state[kind]])
                continue
            for variable in state[kind]:
                if variable.path in given:
                    variable.assign(given[variable.path])

    def _state(self) -> dict[str, list[Any]]:
        optimizer = self.optimizer
        return {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": list(optimizer.variables) if optimizer is not None and optimizer.built else [],
            "metrics_variables": self.metrics_variables,
        }

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables of all metrics, those of the loss among them."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def stateless_compute_loss(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tuple[torch.Tensor, tuple[Any, Any, Any]]:
        """``compute_loss`` with other weights than the model's; returns it, and the three lists as it left them."""
        with with_variables(self, trainable_variables, non_trainable_variables) as state:
            loss = self._loss_of(x, y, y_pred, sample_weight, training=training)
        return loss, (trainable_variables, state, list(metrics_variables))

    def add_metric(
        self, value: Any, name: str | None = None, aggregation: Literal["mean"] | None = "mean", **ignored: Any
    ) -> None:
        """tf.keras's way to show a number, computed inside ``call``, or a symbolic tensor that the layers of a functional
        model gave.

        >>> from lamina.layers import Dense, Input
        >>> from lamina.models import Model
        >>> x = Input(shape=(4,), name="x")
        >>> code = Dense(2, name="code")(x)
        >>> model = Model(x, Dense(4, name="again")(code))
        >>> model.add_metric(code.square().mean(), name="size")
        >>> [metric.name for metric in model.metrics]
        []
        >>> model.compile("adam", "mse")
        >>> "size" in model.fit(torch.ones(8, 4), torch.ones(8, 4), verbose=0).history
        True
        """
        if is_symbolic(value) and getattr(self, "_plan", None) is not None and not are_unchanged() and name is not None:
            cast(Any, self).also_compute([AddMetric(name, aggregation)(value)])
        else:
            cast(Any, super()).add_metric(value, name, aggregation)

    @door
    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print a table of the layers: name and class, output shape, parameters, and what each is connected to. See
        :func:`lamina.models.summary.summary`."""
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def _repr_html_(self) -> str:
        return model_as_html(self)

    # -- what is run --

    @property
    def operations(self) -> list[Any]:
        """What a functional model runs, in order: layers, modules, functions, and the names of tensors' methods."""
        plan = getattr(self, "_plan", None)
        if plan is None:
            raise AttributeError(
                f"{who(self)} has no operations to list: it is not built, or its author wrote its `call`."
            )
        return [self._modules.get(str(step.target), step.target) for step in plan.steps]

    @property
    def run_eagerly(self) -> bool:
        """Whether ``fit`` runs ``train_step`` as it is written; can be set after ``compile``."""
        return self.compile_setup is not None and self.compile_setup.run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._require_compiled("run_eagerly")
        self.compile_setup.run_eagerly = bool(value)
        self._functions = None

    @property
    def jit_compile(self) -> bool:
        """Whether the forward pass goes through ``torch.compile``; can be set after ``compile``."""
        return self.compile_setup is not None and self.compile_setup.jit_compile

    @jit_compile.setter
    def jit_compile(self, value: Any) -> None:
        self._require_compiled("jit_compile")
        self.compile_setup.jit_compile = value is True
        self._functions = None

    @property
    def steps_per_execution(self) -> int:
        """1: every step is short here."""
        return 1

    def make_train_function(self, force: bool = False) -> Any:
        """The function from one batch of data to the logs of a step of training; Keras 3's name. ``fit`` makes its own."""
        self.train_function = lambda data: self.train_step(*data) if isinstance(data, list) else self.train_step(data)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        """The like of :meth:`make_train_function` for ``evaluate``."""
        self.test_function = lambda data: self.test_step(*data) if isinstance(data, list) else self.test_step(data)
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Any:
        """The like of :meth:`make_train_function` for ``predict``."""
        self.predict_function = lambda data: (
            self.predict_step(*data) if isinstance(data, list) else self.predict_step(data)
        )
        return self.predict_function


def _nested(model: Any, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in pairs:
        *above, last = path.split("/")
        place = tree
        for name in above:
            place = place.setdefault(name, {})
        if last in place:
            raise ValueError(f"Two variables of {who(model)} have the path {path!r}. Give the layers different names.")
        place[last] = value
    return tree


def _flat(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{name}/")
        else:
            yield f"{path}{name}", value
