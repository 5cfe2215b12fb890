"""Files of Keras 1: every family of layers against the formula of its time; models, merges, training, old layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from saving import keras1_layout as k1

import lamina
from lamina import layers
from lamina.models import load_model

Groups = dict[str, dict[str, np.ndarray]]


def data_for(case: k1.Case, rows: int = 3) -> np.ndarray:
    rng = np.random.default_rng(1)
    if case.class_name == "Embedding":
        return rng.integers(0, 9, (rows, *case.shape)).astype("float32")
    return rng.standard_normal((rows, *case.shape)).astype("float32")


def answers(model: Any, x: Any, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", k1.LAYERS)
def test_a_layer_computes_as_in_keras_1(name: str, tmp_path: Path):
    case = k1.LAYERS[name]
    k1.save(tmp_path / "m.h5", case)
    x = data_for(case)
    answers(load_model(tmp_path / "m.h5"), x, case.formula(x, *case.arrays))


# ---- models --------------------------------------------------------------------------------------------------------


def dense(
    name: str, units: int, features: int | None = None
) -> tuple[dict[str, Any], list[np.ndarray], dict[str, np.ndarray]]:
    """A layer's entry, its arrays, and its group."""
    arrays = [k1.numbers(features or 4, units), k1.numbers(units)]
    case = k1.Case("Dense", k1.dense(units, features), (features or 4,), arrays, k1.affine)
    return k1.entry(case, name, features is not None), arrays, k1.group(case, name)


MERGES: dict[str, Any] = {
    "sum": lambda a, b: a + b, "mul": lambda a, b: a * b, "ave": lambda a, b: (a + b) / 2, "max": np.maximum,
    "concat": lambda a, b: np.concatenate([a, b], -1), "dot": lambda a, b: (a * b).sum(-1, keepdims=True),
    "cos": lambda a, b: ((a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1)))[:, None],
}  # fmt: skip


def merge_config(name: str, mode: str) -> dict[str, Any]:
    axes = [1, 1] if mode in ("dot", "cos") else -1
    return {"name": name, "mode": mode, "mode_type": "raw", "concat_axis": -1, "dot_axes": axes, "output_shape": None,
            "output_shape_type": "raw", "output_mask": None, "output_mask_type": "raw", "arguments": {}}  # fmt: skip


@pytest.mark.parametrize("mode", MERGES)
def test_a_stack_that_begins_with_a_merge_of_stacks(mode: str, tmp_path: Path):
    """Weights of the branches' layers stand flat among the groups."""
    (left, a, group_a), (right, b, group_b) = dense("left", 4, 3), dense("right", 4, 5)
    size = MERGES[mode](a[1][None], b[1][None]).shape[-1]
    last, c, group_c = dense("last", 2)
    c[0] = group_c["last_W:0"] = k1.numbers(size, 2)
    branches = [{"class_name": "Sequential", "config": [entry]} for entry in (left, right)]
    config = [{"class_name": "Merge", "config": merge_config("merge_1", mode) | {"layers": branches}}, last]
    groups = {"left": group_a, "right": group_b, "last": group_c}
    k1.write(tmp_path / "m.h5", {"class_name": "Sequential", "config": config}, groups)
    x = [k1.numbers(6, 3), k1.numbers(6, 5)]
    merged = MERGES[mode](k1.affine(x[0], *a), k1.affine(x[1], *b))
    model = load_model(tmp_path / "m.h5")
    answers(model, x, k1.affine(merged, *c))
    for by_name in (False, True):
        before = model.get_weights()
        model.set_weights([0 * weight for weight in before])
        model.load_weights(tmp_path / "m.h5", by_name=by_name)
        for weight, as_it_was in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, as_it_was)


def test_a_stack_in_a_stack(tmp_path: Path):
    """Its weights are in one group: what trains of each layer, then the rest of each."""
    lstm, norm, conv = k1.LAYERS["lstm"], k1.LAYERS["batch_norm"], k1.LAYERS["conv1d_older"]
    inner = [k1.entry(conv, "conv"), k1.entry(norm._replace(config=k1.BATCH_NORM | {"axis": -1}), "norm", False),
             k1.entry(lstm, "rnn", False)]  # fmt: skip
    arrays = {"conv_W:0": conv.arrays[0], "conv_b:0": conv.arrays[1]}
    gamma, beta, mean, variance = (1 + k1.numbers(4) for _ in range(4))
    gates = k1.gate_arrays(4, features=4)
    arrays |= {"norm_gamma:0": gamma, "norm_beta:0": beta}
    arrays |= {f"rnn_{name}:0": array for name, array in zip(k1.gates("icfo"), gates, strict=True)}
    arrays |= {"norm_running_mean:0": mean, "norm_running_std:0": variance}
    last, c, group_c = dense("last", 2)
    config = [{"class_name": "Sequential", "config": inner}, last]
    k1.write(
        tmp_path / "m.h5", {"class_name": "Sequential", "config": config}, {"sequential_1": arrays, "last": group_c}
    )
    x = k1.numbers(4, 6, 3)
    hidden = k1.batch_norm(-1)(conv.formula(x, *conv.arrays), gamma, beta, mean, variance)
    answers(load_model(tmp_path / "m.h5"), x, k1.affine(k1.lstm(hidden.astype("float32"), *gates), *c))


def functional(
    entries: list[dict[str, Any]], nodes: dict[str, list[Any]], inputs: list[str], outputs: list[str]
) -> dict[str, Any]:
    layers_ = [{**entry, "name": entry["config"]["name"], "inbound_nodes": nodes.get(entry["config"]["name"], [])}
               for entry in entries]  # fmt: skip
    config = {"name": "model_1", "layers": layers_, "input_layers": [[name, 0, 0] for name in inputs],
              "output_layers": [[name, 0, 0] for name in outputs]}  # fmt: skip
    return {"class_name": "Model", "config": config}


def input_layer(name: str, *shape: int) -> dict[str, Any]:
    return {"class_name": "InputLayer",
            "config": {"batch_input_shape": [None, *shape], "input_dtype": "float32", "sparse": False,
                       "name": name}}  # fmt: skip


def test_a_graph_with_a_shared_layer_and_a_merge(tmp_path: Path):
    shared, a, group_a = dense("shared", 4, 3)
    del shared["config"]["batch_input_shape"]
    merge = {"class_name": "Merge", "config": merge_config("merge_1", "concat")}
    last, c, group_c = dense("last", 2)
    c[0] = group_c["last_W:0"] = k1.numbers(8, 2)
    nodes = {"shared": [[["one", 0, 0]], [["two", 0, 0]]], "merge_1": [[["shared", 0, 0], ["shared", 1, 0]]],
             "last": [[["merge_1", 0, 0]]]}  # fmt: skip
    entries = [input_layer("one", 3), input_layer("two", 3), shared, merge, last]
    described = functional(entries, nodes, ["one", "two"], ["last", "shared"])
    groups = {"one": {}, "two": {}, "shared": group_a, "merge_1": {}, "last": group_c}
    k1.write(tmp_path / "m.h5", described, groups)
    x = [k1.numbers(6, 3), k1.numbers(6, 3)]
    found = load_model(tmp_path / "m.h5").predict(x, verbose=0)
    first, second = k1.affine(x[0], *a), k1.affine(x[1], *a)
    np.testing.assert_allclose(found[0], k1.affine(np.concatenate([first, second], -1), *c), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], first, rtol=1e-5, atol=1e-6)


def test_code_in_a_file_is_refused_and_the_function_taken_by_name(tmp_path: Path):
    config = {"name": "twice", "trainable": True, "batch_input_shape": [None, 3], "input_dtype": "float32",
              "function": ["4wEAAAAA", None, None], "function_type": "lambda", "output_shape": None,
              "output_shape_type": "raw", "arguments": {}}  # fmt: skip
    k1.write(
        tmp_path / "m.h5",
        {"class_name": "Sequential", "config": [{"class_name": "Lambda", "config": config}]},
        {"twice": {}},
    )
    with pytest.raises(ValueError, match=r"custom_objects"):
        load_model(tmp_path / "m.h5")
    x = k1.numbers(2, 3)
    answers(load_model(tmp_path / "m.h5", custom_objects={"twice": lambda x: x * 2}), x, x * 2)


@pytest.mark.parametrize("mode", [1, 2])
def test_a_mode_of_batch_normalization_that_is_no_more_is_refused(mode: int, tmp_path: Path):
    case = k1.LAYERS["batch_norm"]
    k1.save(tmp_path / "m.h5", case._replace(config=k1.BATCH_NORM | {"axis": -1, "mode": mode}))
    with pytest.raises(ValueError, match=f"BatchNormalization got mode={mode}: mode 1 normalised each sample"):
        load_model(tmp_path / "m.h5")


def test_a_shape_that_keras_1_was_told_and_lamina_would_not_give(tmp_path: Path):
    case = k1.LAYERS["deconv2d"]
    k1.save(tmp_path / "m.h5", case._replace(config=case.config | {"output_shape": [None, 9, 9, 4]}))
    with pytest.raises(
        ValueError, match=r"Conv2DTranspose 'one' gives \(None, 9, 9, 4\), and here it gives \(None, 8, 8, 4\)"
    ):
        load_model(tmp_path / "m.h5")


# ---- older layouts -------------------------------------------------------------------------------------------------


def before_1_0(path: Path, groups: list[list[np.ndarray]]) -> None:
    """Weights as Keras 0 wrote them: layers and weights by number."""
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = len(groups)
        for number, arrays in enumerate(groups):
            group = file.create_group(f"layer_{number}")
            group.attrs["nb_params"] = len(arrays)
            for place, array in enumerate(arrays):
                group.create_dataset(f"param_{place}", data=array)


def test_weights_of_before_1_0(tmp_path: Path):
    conv = k1.LAYERS["conv2d_th"]
    c = [k1.numbers(24, 2), k1.numbers(2)]
    before_1_0(tmp_path / "w.h5", [[], conv.arrays, [], [], c])
    with lamina.dialects.using_dialect("keras1"):
        model = lamina.Sequential([
            layers.ZeroPadding2D((0, 0), dim_ordering="th", input_shape=(3, 3, 5)),
            layers.Convolution2D(4, 2, 3, dim_ordering="th"), layers.Activation("linear"), layers.Flatten(),
            layers.Dense(2)])  # fmt: skip
    model.load_weights(tmp_path / "w.h5")
    x = k1.numbers(2, 3, 3, 5)
    answers(model, x, k1.affine(conv.formula(x, *conv.arrays).reshape(2, -1), *c))
    with pytest.raises(ValueError, match=r"w\.h5 has no names of layers"):
        model.load_weights(tmp_path / "w.h5", by_name=True)
    before_1_0(tmp_path / "w.h5", [[], conv.arrays, [], []])
    with pytest.raises(ValueError, match=r"w\.h5 has 1 layers with weights"):
        model.load_weights(tmp_path / "w.h5")


def test_standard_deviations_of_before_1_0(tmp_path: Path):
    gamma, beta, mean, deviation = (1 + k1.numbers(4) for _ in range(4))
    before_1_0(tmp_path / "w.h5", [[gamma, beta, mean, deviation]])
    model = lamina.Sequential([layers.BatchNormalization(epsilon=1e-2, input_shape=(4,))])
    model.load_weights(tmp_path / "w.h5")
    x = k1.numbers(3, 4)
    answers(model, x, (x - mean) / (deviation + 1e-2) * gamma + beta)


@pytest.mark.parametrize("count", [-1, 3, 2.5, "two"])
def test_a_wrong_number_of_layers(count: Any, tmp_path: Path):
    before_1_0(tmp_path / "w.h5", [[k1.numbers(3, 2), k1.numbers(2)], []])
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        file.attrs["nb_layers"] = count
    with pytest.raises(ValueError, match=r"w\.h5 should say how many of layer_0, layer_1, \.\.\. it has"):
        lamina.Sequential([layers.Dense(2, input_shape=(3,))]).load_weights(tmp_path / "w.h5")


def test_kernels_that_theano_may_have_turned(tmp_path: Path):
    """Keras 1 wrote no backend, but only TensorFlow's names end in :0."""
    case = k1.LAYERS["conv2d_th"]
    groups = {"one": {f"one_{name}": array for name, array in zip("Wb", case.arrays, strict=True)}}
    k1.write(tmp_path / "m.h5", {"class_name": "Sequential", "config": [k1.entry(case, "one")]}, groups)
    with pytest.warns(UserWarning, match=r"Keras 1 with Theano, .* turn them \(kernel\[::-1, ::-1\]\) in one\."):
        model = load_model(tmp_path / "m.h5")
    x = data_for(case)
    answers(model, x, case.formula(x, *case.arrays))


# ---- training ------------------------------------------------------------------------------------------------------


def adam(**more: Any) -> dict[str, Any]:
    config = {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "decay": 0.0, **more}
    return {"optimizer_config": {"class_name": "Adam", "config": config}, "loss": "mse", "metrics": ["accuracy"],
            "sample_weight_mode": None, "loss_weights": None}  # fmt: skip


def in_the_file_s_order(arrays: list[np.ndarray], names: list[str]) -> list[np.ndarray]:
    """Keras 1 kept an optimizer's variables in the order of the names of the weights."""
    return [array for _, array in sorted(zip(names, arrays, strict=True), key=lambda pair: pair[0])]


@pytest.mark.parametrize(
    "name", ["lstm", "gru", "conv2d_square_th", "conv1d", "separable2d_th", "bidirectional", "dense"]
)
def test_the_state_of_an_optimizer_is_laid_out_as_the_weights_are(name: str, tmp_path: Path):
    """A file whose moments are the weights themselves, and their squares: so they are in the model."""
    case = k1.LAYERS[name]
    group = k1.group(case, "one")
    names = list(group)
    moments = in_the_file_s_order(case.arrays, names)
    both = [*moments, *(array**2 for array in moments)]
    state = {"Variable:0": np.array(7.0)} | {f"Variable_{number}:0": array for number, array in enumerate(both)}
    described = {"class_name": "Sequential", "config": [k1.entry(case, "one")]}
    k1.write(tmp_path / "m.h5", described, {"one": group}, adam(), state)
    model = load_model(tmp_path / "m.h5")
    iterations, rate, *slots = model.optimizer.get_weights()
    assert (int(iterations), float(rate)) == (7, pytest.approx(0.01))
    for number, weight in enumerate(model.get_weights()):
        np.testing.assert_allclose(slots[2 * number], weight, rtol=1e-6)
        np.testing.assert_allclose(slots[2 * number + 1], np.square(weight), rtol=1e-6)


def test_a_state_whose_order_is_not_known_is_left_out_with_a_word(tmp_path: Path):
    case = k1.LAYERS["lstm"]
    group = {f"one_{name}": array for name, array in zip(case.names, case.arrays, strict=True)}  # as with Theano
    state = {"iterations": np.array(7.0)} | {
        f"param_{number}": array for number, array in enumerate([*case.arrays] * 2)
    }
    k1.write(
        tmp_path / "m.h5",
        {"class_name": "Sequential", "config": [k1.entry(case, "one")]},
        {"one": group},
        adam(),
        state,
    )
    with pytest.warns(
        UserWarning, match="The state of the optimizer was not loaded: Theano kept its variables in an order"
    ):
        load_model(tmp_path / "m.h5")


OPTIMIZERS = {
    "SGD": ({"lr": 0.1, "momentum": 0.0, "decay": 0.0, "nesterov": False, "clipnorm": 0.1}, {"global_clipnorm": 0.1}),
    "RMSprop": ({"lr": 0.1, "rho": 0.8, "epsilon": 1e-3}, {"rho": 0.8, "epsilon": 1e-3, "epsilon_outside": True}),
    "Adagrad": ({"lr": 0.1, "epsilon": 1e-3}, {"epsilon": 1e-3, "epsilon_outside": True}),
    "Adadelta": ({"lr": 1.0, "rho": 0.95, "epsilon": 1e-8}, {"learning_rate": 1.0, "epsilon": 1e-8}),
    "Nadam": ({"lr": 0.1, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "schedule_decay": 0.004}, {"schedule_decay": 0.004}),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_means_what_it_meant(name: str, tmp_path: Path):
    told, wanted = OPTIMIZERS[name]
    training = adam() | {"optimizer_config": {"class_name": name, "config": told}}
    case = k1.LAYERS["dense"]
    described = {"class_name": "Sequential", "config": [k1.entry(case, "one")]}
    k1.write(tmp_path / "m.h5", described, {"one": k1.group(case, "one")}, training)
    config = load_model(tmp_path / "m.h5").optimizer.get_config()
    assert {key: config.get(key) for key in wanted} == wanted
