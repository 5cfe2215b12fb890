"""keras.utils: values as Keras's, and messages word for word."""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pytest
import torch

import lamina
from lamina import layers, utils


@pytest.mark.parametrize(
    ("x", "num_classes"),
    [
        ([0, 1, 2], None),
        ([2, 0], 5),
        ([[1], [0]], None),
        ([[1, 2], [0, 1]], 3),
        (np.array(1), 3),
        ([True, False], None),
    ],
)
def test_to_categorical_is_keras_s(x, num_classes):
    found, expected = utils.to_categorical(x, num_classes), keras.utils.to_categorical(x, num_classes)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_to_categorical_of_a_tensor_is_a_tensor():
    import keras

    x = torch.tensor([[2], [0]])
    found = utils.to_categorical(x, 3)
    assert found.dtype == torch.float32  # Keras: float32 on TensorFlow and JAX, int64 on torch
    torch.testing.assert_close(found, keras.utils.to_categorical(x, 3), check_dtype=False)
    assert utils.to_categorical(x).shape == (2, 3)


@pytest.mark.parametrize(
    ("x", "num_classes", "message"),
    [
        ([0, 3], 3, "to_categorical takes classes from 0 to 2, and got 0 to 3."),
        ([-1, 1], None, "to_categorical takes classes from 0 to 1, and got -1 to 1."),
        ([0.5], None, "to_categorical takes class numbers, and got numbers that are not whole."),
        ([], None, "to_categorical got no classes at all: say how many there are with `num_classes`."),
        (torch.tensor([7]), 3, "to_categorical takes classes from 0 to 2, and got 7 to 7."),
    ],
)
def test_to_categorical_refuses(x, num_classes, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        utils.to_categorical(x, num_classes)
    assert str(caught.value) == message


def test_older_spellings():
    np.testing.assert_array_equal(utils.to_categorical(y=[1, 0], nb_classes=2), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(utils.normalize(a=np.array([[0.0, 2.0]])), [[0, 1]])
    with pytest.raises(TypeError, match="to_categorical got both nb_classes and num_classes"):
        utils.to_categorical([1], nb_classes=2, num_classes=2)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_normalize_is_keras_s(order):
    import keras

    x = np.random.randn(3, 4)
    x[1] = 0
    expected = keras.utils.normalize(x, order=order)
    np.testing.assert_allclose(utils.normalize(x, order=order), expected, rtol=1e-12)
    np.testing.assert_allclose(utils.normalize(torch.tensor(x), order=order).numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(utils.normalize(x.T, axis=0, order=order), expected.T, rtol=1e-12)


@pytest.mark.parametrize("order", [0, -1, 1.5, True, "2"])
def test_normalize_refuses_an_order(order):
    with pytest.raises(ValueError, match=f"normalize takes a whole order of at least 1, and got order={order!r}"):
        utils.normalize(np.ones((2, 2)), order=order)


class Doubles(utils.PyDataset):
    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index):
        return index, 2 * index


def test_a_py_dataset_has_its_length_and_keras_s_settings():
    batches = Doubles(3)  # which does not call super().__init__()
    assert batches.num_batches == 3
    assert list(batches) == [(0, 0), (1, 2), (2, 4)]
    assert (batches.workers, batches.use_multiprocessing, batches.max_queue_size) == (1, False, 10)
    assert batches.on_epoch_begin() is None
    assert batches.on_epoch_end() is None
    assert utils.Sequence is utils.PyDataset


def test_a_py_dataset_may_never_end():
    class Endless(utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return index

    batches = Endless(workers=2, use_multiprocessing=True, max_queue_size=3)
    assert [batch for batch, _ in zip(batches, range(5), strict=False)] == [0, 1, 2, 3, 4]
    assert (batches.workers, batches.use_multiprocessing, batches.max_queue_size) == (2, True, 3)


def test_a_py_dataset_must_give_batches_and_say_how_many():
    class NoLength(utils.PyDataset):
        def __getitem__(self, index):
            return index

    with pytest.raises(TypeError, match="NoLength does not say how many batches it has: define __len__, or"):
        iter(NoLength()).__next__()
    with pytest.raises(TypeError, match="__getitem__"):
        type("NoItem", (utils.PyDataset,), {"__len__": lambda self: 1})()


def test_get_file_finds_what_keras_left_and_downloads_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    origin = "https://example.org/some/words.txt"
    path = tmp_path / "datasets" / "words.txt"
    with pytest.raises(FileNotFoundError) as caught:
        utils.get_file("words.txt", origin)
    mend = f"fetch {origin} yourself, and put it there."
    assert str(caught.value) == f"{str(path)!r} is not there, and lamina downloads nothing: {mend}"
    path.parent.mkdir()
    path.write_text("a b c")
    assert utils.get_file("words.txt", origin) == utils.get_file(origin=origin) == str(path)
    assert utils.get_file("words.txt", cache_subdir="datasets", cache_dir=tmp_path) == str(path)
    with pytest.raises(ValueError, match="get_file needs the name of a file, as `fname` or as the last part"):
        utils.get_file(origin="https://example.org/")


def test_the_registry_is_reached_under_keras_s_names():
    @utils.register_keras_serializable(package="test_utils")
    def halve(x):
        return x / 2

    assert utils.get_registered_name(halve) == "test_utils>halve"
    assert utils.get_registered_object("test_utils>halve") is halve
    config = utils.serialize_keras_object(halve)
    assert utils.deserialize_keras_object(config) is halve
    with utils.custom_object_scope({"mine": halve}):
        assert utils.get_registered_object("mine") is halve
    assert "mine" not in utils.get_custom_objects()


def test_set_random_seed_makes_numpy_and_torch_repeat():
    utils.set_random_seed(3)
    first = np.random.rand(), torch.rand(1).item()
    utils.set_random_seed(3)
    assert (np.random.rand(), torch.rand(1).item()) == first


@pytest.mark.parametrize("parts", [([1],), ([1], [2]), ([1], [2], [3]), (1,), (1, 2), (1, 2, 3)])
def test_batches_are_packed_and_unpacked_as_in_keras(parts):
    packed = utils.pack_x_y_sample_weight(*parts)
    assert packed == keras.utils.pack_x_y_sample_weight(*parts)
    assert utils.unpack_x_y_sample_weight(packed) == keras.utils.unpack_x_y_sample_weight(packed)


# ---- symbolic tensors, types, logging ------------------------------------------------------------------------------


def test_source_inputs_are_found_once_each_and_in_order():
    a, b = layers.Input((3,)), layers.Input((3,))
    y = layers.Add()([layers.Dense(3)(b), a, a * 2])
    assert [utils.get_source_inputs(y + b)[i] is one for i, one in enumerate((b, a))] == [True, True]
    assert len(utils.get_source_inputs(y + b)) == 2
    assert utils.get_source_inputs(a)[0] is a
    with pytest.raises(ValueError, match="symbolic tensor, and got"):
        utils.get_source_inputs(torch.ones(1))


def test_symbolic_tensors_are_told_apart():
    assert utils.is_keras_tensor(layers.Input((3,)))
    assert not utils.is_keras_tensor(np.ones(3))


@pytest.mark.parametrize("dtype", [None, "float16", np.int64, torch.bfloat16, "int"])
def test_types_by_keras_s_name(dtype):
    assert utils.standardize_dtype(dtype) == keras.utils.standardize_dtype(dtype)


def test_python_s_own_types_have_keras_s_names():
    for dtype in (float, int, bool):
        assert utils.standardize_dtype(dtype) == keras.utils.standardize_dtype(dtype)


# ---- Config ----------------------------------------------------------------------------------------------------------


def told(config_class):
    """What a Config says after some changes."""
    config = config_class(rate=0.1, momentum=0.9)
    config.seed = 3
    config["a"] = [1]
    config.update({"b": 2}, c=None)
    said = [config.pop("rate"), config.get("rate"), config.get("rate", 5), config.as_dict(), config.to_json(), list(config),
            list(config.keys()), list(config.values()), list(config.items()), len(config), "seed" in config, config.seed,
            config["seed"], repr(config), config.frozen]  # fmt: skip
    config.freeze()
    for change in (lambda: setattr(config, "seed", 1), lambda: config.pop("seed"), lambda: config.update(d=1),
                   lambda: config.__delitem__("a"), lambda: config.__setitem__("a", 1)):  # fmt: skip
        with pytest.raises(ValueError, match="frozen"):
            change()
    config.unfreeze()
    del config["a"]
    with pytest.raises(AttributeError, match=r"Did you mean 'momentum'\?"):
        config.momentumm  # noqa: B018
    with pytest.raises(KeyError):
        config["no"]
    return [*said, config.as_dict()]


def test_config_is_keras_s():
    assert told(lamina.utils.Config) == told(keras.utils.Config)
    config = lamina.utils.Config(a=1)
    assert copy.deepcopy(config) == config == pickle.loads(pickle.dumps(config))
    with pytest.raises(AttributeError, match="can't be called 'items'"):
        config.items = 3
