"""What layers and models can do beside being called and trained, each method beside Keras's on models of every kind."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import keras
import numpy as np
import pytest
import torch

import lamina

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras's own
X = torch.arange(6.0).reshape(2, 3) / 3
ROWS = np.ones((2, 3), "float32")


@pytest.fixture(autouse=True)
def _names():
    for source in (keras, lamina):
        source.utils.clear_session()


def seen(x: Any) -> Any:
    """Tensors of either library as shapes, types and rounded numbers; symbolic ones as shapes and types."""
    if isinstance(x, (list, tuple)):
        return [seen(one) for one in x]
    if isinstance(x, (keras.KerasTensor, lamina.KerasTensor)):
        return tuple(x.shape), str(x.dtype).removeprefix("torch.")
    if isinstance(x, (torch.Tensor, keras.Variable)):
        x = keras.ops.convert_to_numpy(getattr(x, "value", x).detach() if isinstance(x, torch.Tensor) else x)
    if isinstance(x, np.ndarray):
        return x.shape, str(x.dtype), np.round(x.astype("float64"), 4).tolist()
    return x


def made(source: Any, kind: str) -> Any:
    """A built layer or model whose weights are the same in both libraries."""
    dense = source.layers.Dense

    class OwnLayer(source.layers.Layer):
        def build(self, shape):
            self.gain = self.add_weight(shape=(shape[-1],), name="gain")
            self.count = self.add_weight(shape=(), trainable=False, name="count")

        def call(self, x):
            self.count.assign_add(1.0)
            self.add_loss(x.sum())
            return x * self.gain

    class OwnModel(source.Model):
        def __init__(self):
            super().__init__(name="own")
            self.first, self.more = dense(2, name="d1"), [dense(2, name="d2"), OwnLayer(name="o")]

        def call(self, x):
            x = self.first(x)
            for layer in self.more:
                x = layer(x)
            return x

    x = source.Input((3,))
    inner = source.Sequential([source.Input((3,)), dense(2, name="a")], name="in")
    model = {
        "dense": lambda: dense(2, activation="tanh", name="d"),
        "layer": lambda: OwnLayer(name="l"),
        "sequential": lambda: source.Sequential([source.Input((3,)), dense(2, name="a"),
                                                 source.layers.BatchNormalization(name="b")], name="s"),
        "functional": lambda: source.Model(x, dense(2, name="c")(inner(x)), name="f"),
        "subclass": OwnModel,
    }[kind]()  # fmt: skip
    if not model.built:
        model(X)
    model.set_weights([np.sin(np.arange(w.size)).reshape(w.shape).astype("float32") for w in model.get_weights()])
    return model


def trained(source: Any, kind: str) -> Any:
    model = made(source, kind)
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(ROWS, np.ones((2, 2)), verbose=0)
    return model


KINDS = ("dense", "layer", "sequential", "functional", "subclass")
MODELS = KINDS[2:]


def same(task: Any, *args: Any) -> None:
    assert seen(task(lamina, *args)) == seen(task(keras, *args))


def others(variables: Any, value: float) -> list[torch.Tensor]:
    return [torch.full(tuple(variable.shape), value) for variable in variables]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("return_losses", [False, True])
def test_stateless_call(kind, return_losses):
    def task(source):
        one = made(source, kind)
        before = one.get_weights()
        trainable, rest = others(one.trainable_variables, 0.5), others(one.non_trainable_variables, 2.0)
        found = one.stateless_call(trainable, rest, X, return_losses=return_losses)
        assert all(np.array_equal(now, was) for now, was in zip(one.get_weights(), before, strict=True))
        with pytest.raises(ValueError):  # noqa: PT011  the words are each library's own
            one.stateless_call(trainable[1:], rest, X)
        return list(found)

    same(task)


def test_stateless_call_in_training_gives_the_state_after_it():
    def task(source):
        model = made(source, "sequential")
        return model.stateless_call(others(model.trainable_variables, 1.0), others(model.non_trainable_variables, 1.0), X,
                                    training=True)  # fmt: skip

    same(task)


@pytest.mark.parametrize("kind", MODELS)
def test_stateless_compute_loss(kind):
    def task(source):
        model = trained(source, kind)
        trainable, rest = others(model.trainable_variables, 1.0), others(model.non_trainable_variables, 1.0)
        y_pred, rest = model.stateless_call(trainable, rest, X)
        loss, state = model.stateless_compute_loss(trainable, rest, others(model.metrics_variables, 0.0), x=X,
                                                   y=torch.ones(2, 2), y_pred=y_pred)  # fmt: skip
        return [loss, [len(part) for part in state]]

    same(task)


@pytest.mark.parametrize("kind", MODELS)
def test_state_trees(kind):
    def flat(tree):
        return [(path, tuple(leaf.shape)) for path, leaf in lamina.tree.flatten_with_path(tree)]

    def task(source):
        model = trained(source, kind)
        tree = model.get_state_tree()
        found = flat(tree)
        for part in ("trainable_variables", "non_trainable_variables"):
            model.set_state_tree({part: source.tree.map_structure(lambda leaf: leaf * 0 + 3, tree[part])})
        return [found, model.get_weights()]

    same(task)


@pytest.mark.parametrize("kind", MODELS)
def test_metrics_and_their_variables(kind):
    def task(source):
        model = made(source, kind)
        found = [len(model.metrics_variables)]
        model = trained(source, kind)
        return [*found, [one.name for one in model.metrics], list(model.metrics_variables)]

    same(task)


def test_metrics_of_a_layer():
    def task(source):
        class Counting(source.layers.Layer):
            def __init__(self):
                super().__init__(name="l")
                self.seen = source.metrics.Mean(name="seen")

            def call(self, x):
                self.seen.update_state(x)
                return x

        layer = Counting()
        layer(X)
        return [[one.name for one in layer.metrics], list(layer.metrics_variables)]

    same(task)


@pytest.mark.parametrize("kind", KINDS)
def test_descriptions_without_data(kind):
    def task(source):
        one = made(source, kind)
        x = source.Input((3,), dtype="float32")
        found = [one.compute_output_spec(x), one.symbolic_call(x), one.compute_output_spec(source.KerasTensor((5, 3)))]
        return [*found, one.input_dtype, one.dtype, one.compute_dtype, one.variable_dtype, one.built, one.path]

    same(task)


@pytest.mark.parametrize(("name", "arguments", "shape"), [
    ("LSTM", {"units": 2, "return_state": True}, (4, 3)), ("Conv2D", {"filters": 2, "kernel_size": 3}, (None, 9, 1)),
    ("Bidirectional", {}, (4, 3)), ("Flatten", {}, (4, 3)), ("MultiHeadAttention", {"num_heads": 1, "key_dim": 2}, (4, 3)),
])  # fmt: skip
def test_descriptions_of_unbuilt_layers(name, arguments, shape):
    def task(source):
        more = {"layer": source.layers.GRU(2)} if name == "Bidirectional" else {}
        layer = getattr(source.layers, name)(**more, **arguments)
        x = source.Input(shape)
        found = layer.compute_output_spec(*(x, x) if name == "MultiHeadAttention" else (x,))
        return found

    same(task)


@pytest.mark.parametrize("eager", [False, True])
def test_functions_of_one_step(eager):
    def task(source):
        model = made(source, "sequential")
        model.compile("sgd", "mse", metrics=["mae"])
        found: list[Any] = [model.train_function, model.run_eagerly, model.jit_compile]
        model.run_eagerly = eager
        model.make_train_function()
        model.make_test_function()
        model.make_predict_function()
        data = [(ROWS, np.ones((2, 2), "float32"))]
        for logs in (model.train_function(data), model.test_function(data)):
            found.append(sorted((key, round(float(value), 4)) for key, value in logs.items()))
        return [*found, model.predict_function([(ROWS,)]), model.get_weights(), model.run_eagerly]

    same(task)


@pytest.mark.parametrize(("mode", "arguments"), [
    (None, {}), ("full", {}), ("activations", {}), ("larger_than", {"output_size_threshold": 2}),
    ("list_of_layers", {"layer_names": ["d"]}), ("list_of_layers", {"layer_names": ["other"]}),
])  # fmt: skip
def test_rematerialized_calls(mode, arguments):
    def task(source):
        scope = source.RematScope(mode=mode, **arguments) if mode else contextlib.nullcontext()
        with scope:
            layer = made(source, "dense")
        x = X.clone().requires_grad_()
        output = layer.rematerialized_call(layer.call, x)(x)
        output.sum().backward()
        return [output, x.grad]

    same(task)


# ---- built ---------------------------------------------------------------------------------------------------------


def unbuilt(source: Any) -> dict[str, Any]:
    """A new layer of every kind that takes no arguments beside these."""
    layers, given = source.layers, {"units": 2, "filters": 2, "kernel_size": 1, "rate": 0.5, "n": 2, "target_shape": (1,),
                                    "dims": (1,), "input_dim": 3, "output_dim": 2, "axes": 1, "num_heads": 1, "key_dim": 1,
                                    "activation": "relu", "stddev": 0.1, "function": abs, "size": 2, "output_size": 2,
                                    "head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1}  # fmt: skip
    found: dict[str, Any] = {}
    for name in dir(keras.layers):
        cls = getattr(layers, name, None)
        if not isinstance(cls, type) or not issubclass(cls, source.layers.Layer):
            continue
        for chosen in ({}, *({key: given[key]} for key in given), {"filters": 2, "kernel_size": 1},
                       {"input_dim": 3, "output_dim": 2}, {"num_heads": 1, "key_dim": 1},
                       {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1}):  # fmt: skip
            with contextlib.suppress(TypeError, ValueError, NotImplementedError, ImportError):
                found[name] = cls(**chosen)
                break
    found["Sequential"] = source.Sequential()
    found["Sequential, known"] = source.Sequential([source.Input((3,)), layers.Dense(2)])
    found["Sequential, unknown"] = source.Sequential([layers.Dense(2)])
    found["TimeDistributed"] = layers.TimeDistributed(layers.Flatten())
    found["Bidirectional"] = layers.Bidirectional(layers.LSTM(2))
    found["Own"] = type("Own", (source.layers.Layer,), {"call": lambda self, x: x})()
    return found


@pytest.mark.filterwarnings("ignore")
def test_what_is_built_at_once():
    theirs, ours = unbuilt(keras), unbuilt(lamina)
    names = theirs.keys() & ours.keys()
    assert len(names) > 95
    assert {name: ours[name].built for name in names} == {name: theirs[name].built for name in names}
    assert {name: ours[name].path for name in names if not ours[name].built or not ours[name].weights} == {
        name: theirs[name].path for name in names if not theirs[name].built or not theirs[name].weights
    }


# ---- masks of arrays -----------------------------------------------------------------------------------------------

STEPS = np.array([[[1.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [3.0, 4.0]]], "float32")
IDS = np.array([[1, 0, 2], [0, 0, 3]])
MASK = np.array([[True, False], [True, True]])
MASKS = {
    "embedding": lambda layers: layers.Embedding(5, 2, mask_zero=True).compute_mask(IDS),
    "embedding of a tensor": lambda layers: layers.Embedding(5, 2, mask_zero=True).compute_mask(torch.tensor(IDS)),
    "embedding without": lambda layers: layers.Embedding(5, 2).compute_mask(IDS),
    "masking": lambda layers: layers.Masking(0.0).compute_mask(STEPS),
    "last step": lambda layers: layers.LSTM(2).compute_mask(STEPS, MASK),
    "each step": lambda layers: layers.LSTM(2, return_sequences=True).compute_mask(STEPS, MASK),
    "both ways": lambda layers: layers.Bidirectional(layers.LSTM(1, return_sequences=True)).compute_mask(STEPS, MASK),
    "concatenate": lambda layers: layers.Concatenate().compute_mask([STEPS, STEPS], [MASK, MASK]),
    "concatenate steps": lambda layers: layers.Concatenate(axis=1).compute_mask([STEPS, STEPS], [MASK, MASK]),
    "concatenate one": lambda layers: layers.Concatenate(axis=1).compute_mask([STEPS, STEPS], [MASK, None]),
    "add": lambda layers: layers.Add().compute_mask([STEPS, STEPS], [MASK, ~MASK]),
    "dot": lambda layers: layers.Dot(1).compute_mask([STEPS, STEPS], [MASK, MASK]),
    "attention": lambda layers: layers.Attention().compute_mask([STEPS, STEPS], [MASK, MASK]),
    "steps": lambda layers: layers.TimeDistributed(layers.Dense(1)).compute_mask(STEPS, MASK),
    "dropout": lambda layers: layers.Dropout(0.1).compute_mask(STEPS, MASK),
    "dense": lambda layers: layers.Dense(1).compute_mask(STEPS, MASK),
    "flatten": lambda layers: layers.Flatten().compute_mask(STEPS, MASK),
    "pooling": lambda layers: layers.MaxPooling1D(1).compute_mask(STEPS, MASK),
    "of one's own": lambda layers: type("Own", (layers.Layer,), {"call": lambda self, x: x})().compute_mask(
        STEPS, MASK
    ),
    "none": lambda layers: layers.Flatten().compute_mask(STEPS, None),
}


@pytest.mark.parametrize("case", MASKS)
def test_masks_of_arrays(case):
    theirs, ours = MASKS[case](keras.layers), MASKS[case](lamina.layers)
    if theirs is None:
        assert ours is None
    else:
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(theirs), np.asarray(ours))


def test_a_mask_stops_at_a_layer_that_lets_none_pass():
    x = lamina.Input((3,), dtype="int32")
    steps = lamina.layers.Embedding(5, 2, mask_zero=True)(x)
    assert steps.mask is not None
    assert lamina.layers.Flatten()(steps).mask is None


# ---- paths ---------------------------------------------------------------------------------------------------------


def blocks(source: Any) -> tuple[Any, Any]:
    class Block(source.layers.Layer):
        def __init__(self, inner, **kwargs):
            super().__init__(**kwargs)
            self.inner, self.more = inner, [source.layers.Dense(3), source.layers.ReLU()]

        def call(self, x):
            for layer in (self.inner, *self.more):
                x = layer(x)
            return x

    class Sub(source.Model):
        def __init__(self, inner, **kwargs):
            super().__init__(**kwargs)
            self.inner, self.last = inner, source.layers.Dense(3)

        def call(self, x):
            return self.last(self.inner(x))

    return Block, Sub


def drawn(source: Any, rng: random.Random, depth: int) -> Any:
    """A random layer or model of layers and models; each has a name."""
    kind = rng.choice(
        ["dense", "relu", "norm", "stack", "known", "functional", "block", "sub"] if depth else ["dense", "relu"]
    )
    name = f"n{rng.randrange(10**6)}"
    if kind in ("dense", "relu", "norm"):
        layers = source.layers
        return {"dense": lambda: layers.Dense(3, name=name), "relu": lambda: layers.ReLU(name=name),
                "norm": lambda: layers.BatchNormalization(name=name)}[kind]()  # fmt: skip
    if kind == "functional":
        x = y = source.Input((3,))
        for _ in range(rng.randint(1, 2)):
            y = drawn(source, rng, depth - 1)(y)
        return source.Model(x, y, name=name)
    if kind in ("block", "sub"):
        return blocks(source)[kind == "sub"](drawn(source, rng, depth - 1), name=name)
    inside = [drawn(source, rng, depth - 1) for _ in range(rng.randint(1, 2))]
    return source.Sequential(
        [source.Input((3,)), *inside] if kind == "known" else [source.layers.Dense(3), *inside], name=name
    )


def walked(source: Any, layer: Any) -> list[Any]:
    inside = [layer.inner, *layer.more] if hasattr(layer, "more") else getattr(layer, "layers", [])
    found = [(layer.path, layer.built)]
    return found + [
        one for part in inside if not isinstance(part, source.layers.InputLayer) for one in walked(source, part)
    ]


@pytest.mark.parametrize("seed", range(12))
def test_paths_of_random_models(seed):
    def task(source):
        source.utils.clear_session()
        rng = random.Random(seed)
        model = drawn(source, rng, 2)
        model(X if rng.random() < 0.5 else source.Input((3,)))
        return [walked(source, model), [weight.path for weight in model.variables]]

    same(task)
