"""TensorFlow 1's sessions and placeholders, as far as Keras scripts use them: a symbolic tensor is run by ``K.function``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from lamina import backend
from lamina.graph.nests import leaves, map_structure
from lamina.graph.symbolic import SymbolicTensor
from lamina.tf.sizes import Size, Sizes
from lamina.tf.table import TABLE, word


class Options:
    """What a session or a graph is told, and nobody reads: any attribute may be set, and any is there.

    Arguments:
        settings: attributes.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        vars(self).update(settings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = vars(self)[name] = Options()
        return value


for _name in ("ConfigProto", "GPUOptions", "OptimizerOptions", "GraphOptions", "RunOptions", "RunMetadata"):
    TABLE[f"compat.v1.{_name}"] = Options


@word("compat.v1.placeholder")
def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Any:
    """A symbolic tensor, which ``Session.run`` is fed numbers for."""
    if shape is None:
        raise ValueError("tf.placeholder needs a shape here; None stands for a size that is not known.")
    return backend.placeholder(shape=shape, dtype=dtype, name=None if name is None else name.split(":")[0])


@word("compat.v1.placeholder_with_default")
def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Any:
    """The default itself: nothing is fed in its place."""
    return input


class Graph:
    """There is one graph, that of the symbolic tensors themselves."""

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """A scope that changes nothing."""
        yield self

    device = name_scope = contextlib.nullcontext

    def finalize(self) -> None:
        """Has no effect."""

    def get_operations(self) -> list[Any]:
        """None: torch has no operations by name."""
        return []


class Session:
    """What gives the numbers of symbolic tensors, for numbers that are fed.

    Arguments:
        target, graph, config: are taken.

    >>> x = placeholder("float32", (None, 2))
    >>> Session().run(x * 2, feed_dict={x: [[1.0, 2.0]]})
    array([[2., 4.]], dtype=float32)
    """

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        self.graph = graph if graph is not None else get_default_graph()
        self._functions: dict[Any, Any] = {}

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """The numbers of tensors, in the same structure; what is no tensor, such as the initializing of variables, is done."""
        fed = dict(feed_dict or {})
        wanted = [one for one in leaves(fetches) if isinstance(one, SymbolicTensor)]
        found: Any = iter(())
        if wanted:
            inputs = [key for key in fed if isinstance(key, SymbolicTensor)]
            key = tuple(map(id, (*inputs, *wanted)))
            if key not in self._functions:  # with the tensors, whose ids are theirs as long as they live
                self._functions[key] = (backend.function(inputs, wanted), inputs, wanted)
            training = [bool(value) for key, value in fed.items() if isinstance(key, int)]
            if any(training):
                raise ValueError("K.learning_phase() can't be fed; keras.backend.function([..., K.learning_phase()], ...) "
                                 "takes it.")  # fmt: skip
            found = iter(self._functions[key][0]([fed[one] for one in inputs]))
        return map_structure(lambda one: next(found) if isinstance(one, SymbolicTensor) else _numbers(one), fetches)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def as_default(self) -> Any:
        """A scope that changes nothing."""
        return contextlib.nullcontext(self)

    def close(self) -> None:
        """Forget how tensors were run."""
        self._functions.clear()


def _numbers(x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        return x.detach().cpu().numpy().copy()
    return np.asarray(x) if isinstance(x, (Size, Sizes)) else None


_GRAPH = Graph()
TABLE |= {"compat.v1.Session": Session, "compat.v1.InteractiveSession": Session, "Graph": Graph}


@word("compat.v1.get_default_graph", "get_default_graph")
def get_default_graph() -> Graph:
    """The one graph."""
    return _GRAPH


@word("compat.v1.get_default_session")
def get_default_session() -> Session:
    """A session."""
    return Session()


@word(
    "compat.v1.global_variables", "compat.v1.trainable_variables", "compat.v1.get_collection", "compat.v1.all_variables"
)
def global_variables(*args: Any, **kwargs: Any) -> list[Any]:
    """Nobody keeps a list of variables here."""
    raise ValueError("lamina keeps no list of all variables; model.weights and model.trainable_weights are a model's.")


class GraphKeys:
    """Names of TensorFlow 1's lists."""

    GLOBAL_VARIABLES = "variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    UPDATE_OPS = "update_ops"
    REGULARIZATION_LOSSES = "regularization_losses"
    LOSSES = "losses"


TABLE["compat.v1.GraphKeys"] = GraphKeys
