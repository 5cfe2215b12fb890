"""The helpers of Keras 1 and 2 in keras.utils: what their formulas say, and that old paths lead to them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import lamina
from lamina import as_keras
from lamina.layers import Conv2D, Dense, Flatten
from lamina.utils import hdf5, helpers, queues

PATHS = {
    "utils.np_utils": "to_categorical normalize convert_kernel probas_to_classes",
    "utils.generic_utils": "Progbar has_arg CustomObjectScope get_custom_objects serialize_keras_object to_list "
                           "unpack_singleton deserialize_keras_object object_list_uid is_all_none slice_arrays transpose_shape "
                           "to_snake_case check_for_unexpected_keys",
    "utils.conv_utils": "normalize_tuple normalize_padding normalize_data_format conv_output_length conv_input_length "
                        "deconv_length convert_kernel",
    "utils.layer_utils": "print_summary count_params convert_all_kernels_in_model convert_dense_weights_data_format "
                         "get_source_inputs",
    "utils.io_utils": "HDF5Matrix ask_to_proceed_with_overwrite path_to_string",
    "utils.data_utils": "get_file Sequence OrderedEnqueuer GeneratorEnqueuer SequenceEnqueuer iter_sequence_infinite get_index",
    "utils.test_utils": "get_test_data keras_test",
    "utils": "HDF5Matrix OrderedEnqueuer convert_all_kernels_in_model pad_sequences load_img",
    "engine.training": "make_batches slice_arrays",
    "engine.training_utils": "make_batches",
    "wrappers.scikit_learn": "KerasClassifier KerasRegressor BaseWrapper",
    "backend_config": "floatx epsilon image_data_format",
}  # fmt: skip


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "keras2.3", "tf_keras"])
@pytest.mark.parametrize("path", PATHS)
def test_old_paths_lead_to_them(path: str, dialect: str):
    with as_keras(dialect):
        module = importlib.import_module(f"keras.{path}")
        assert [name for name in PATHS[path].split() if not hasattr(module, name)] == []


# ---- lists, lengths, kernels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["valid", "same", "causal", "full"])
@pytest.mark.parametrize(("size", "kernel", "stride", "dilation"), [(10, 3, 1, 1), (11, 4, 2, 1), (9, 2, 1, 3)])
def test_lengths_of_convolutions(size: int, kernel: int, stride: int, dilation: int, padding: str):
    reach = dilation * (kernel - 1) + 1
    before = {"valid": 0, "same": reach - 1, "causal": reach - 1, "full": 2 * (reach - 1)}[padding]
    expected = len(range(0, size + before - reach + 1, stride))
    assert helpers.conv_output_length(size, kernel, padding, stride, dilation) == expected
    assert helpers.conv_output_length(None, kernel, padding, stride) is None


@pytest.mark.parametrize(("padding", "output_padding"), [("valid", None), ("same", None), ("valid", 0), ("same", 1)])
def test_lengths_of_transposed_convolutions(padding: str, output_padding: int | None):
    layer = lamina.layers.Conv2DTranspose(1, 3, strides=2, padding=padding, output_padding=output_padding)
    expected = layer.compute_output_shape((None, 7, 7, 1))[1]
    assert helpers.deconv_length(7, 2, 3, padding, output_padding) == expected
    assert helpers.deconv_length(None, 2, 3, padding) is None


def test_lists():
    assert helpers.slice_arrays([np.arange(5), None], [0, 2])[0].tolist() == [0, 2]
    assert helpers.slice_arrays(np.arange(5), 3).tolist() == [3, 4]
    assert helpers.slice_arrays(None) == [None]
    with pytest.raises(ValueError, match="and got both"):
        helpers.slice_arrays(np.arange(5), [1], 2)
    with pytest.raises(ValueError, match=r"unknown keys \['c'\]; known are \['a'\]"):
        helpers.check_for_unexpected_keys("x", {"c": 1}, ["a"])
    for wrong in ((1, 2, 3), "ab", 1.5, ("1", 2)):
        with pytest.raises(ValueError, match="strides must be"):
            helpers.normalize_tuple(wrong, 2, "strides")
    with pytest.raises(ValueError, match="padding must be"):
        helpers.normalize_padding("half")


def test_arguments_of_functions():
    def function(a: int, /, b: int, *, c: int, **others: int) -> None: ...

    assert [helpers.has_arg(function, name) for name in "abcd"] == [False, True, True, False]
    assert helpers.has_arg(function, "d", accept_all=True)
    assert helpers.has_arg(lamina.Sequential.fit, "epochs")


def test_kernels_turned_twice_are_as_they_were():
    model = lamina.Sequential([Conv2D(2, (3, 2), input_shape=(5, 5, 1)), Flatten(), Dense(3)])
    before = model.get_weights()
    helpers.convert_all_kernels_in_model(model)
    np.testing.assert_array_equal(model.get_weights()[0], before[0][::-1, ::-1])
    helpers.convert_all_kernels_in_model(model)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_dense_after_flatten_in_the_other_order():
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype("float32")
    dense = Dense(2)
    expected = np.asarray(dense(x.reshape(2, -1)).detach())
    helpers.convert_dense_weights_data_format(dense, (3, 4, 5), "channels_first")
    first = x.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(dense(first.reshape(2, -1)).detach(), expected, rtol=1e-5, atol=1e-6)
    helpers.convert_dense_weights_data_format(dense, (4, 5, 3), "channels_last")
    np.testing.assert_allclose(dense(x.reshape(2, -1)).detach(), expected, rtol=1e-5, atol=1e-6)


def test_made_up_data():
    (x, y), (more, _) = helpers.get_test_data(nb_train=6, nb_test=2, input_shape=(4,), nb_class=3, random_seed=1)
    np.random.seed(1)
    classes = np.random.randint(0, 3, size=(8,))
    rows = [np.random.normal(loc=one, scale=0.7, size=(4,)) for one in classes]
    np.testing.assert_allclose(np.concatenate([x, more]), rows, rtol=1e-6)
    np.testing.assert_array_equal(y, classes[:6])
    (_, y), _ = helpers.get_test_data(5, 1, (2,), (3,), classification=False)
    assert y.shape == (5, 3)


# ---- HDF5 ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path):
    name = str(tmp_path / "data.h5")
    with h5py.File(name, "w") as file:
        file["x"] = np.arange(40.0).reshape(20, 2)
        file["y"] = (np.arange(20) % 2).astype("float32")
    yield name
    hdf5.HDF5Matrix.refs.pop(name).close()


def test_rows_of_a_matrix_in_a_file(path: str):
    x = hdf5.HDF5Matrix(path, "x", start=5, end=15, normalizer=lambda rows: rows + 1)
    whole = np.arange(40.0).reshape(20, 2)[5:15] + 1
    for key in (
        slice(None),
        slice(2, 5),
        slice(0, 9, 3),
        3,
        -1,
        [1, 4],
        [4, 1, 4],
        np.array([0, 2]),
        np.arange(10) > 6,
    ):
        np.testing.assert_array_equal(x[key], whole[key])
    assert (len(x), x.shape, x.ndim, x.size, x.dtype) == (10, (10, 2), 2, 20, np.dtype("float64"))
    np.testing.assert_array_equal(np.asarray(x), whole)
    for wrong in (10, [3, 11], [-1]):
        with pytest.raises(IndexError, match="has 10 rows"):
            x[wrong]
    with pytest.raises(KeyError, match="has no data set 'z'; it has x, y"):
        hdf5.HDF5Matrix(path, "z")


def test_models_train_on_matrices_in_files(path: str):
    losses = []
    for x, y in ((hdf5.HDF5Matrix(path, "x"), hdf5.HDF5Matrix(path, "y")),
                 (np.arange(40.0).reshape(20, 2), (np.arange(20) % 2).astype("float32"))):  # fmt: skip
        lamina.utils.set_random_seed(0)
        model = lamina.Sequential([Dense(1, activation="sigmoid", input_shape=(2,))])
        model.compile("adam", "binary_crossentropy")
        history = model.fit(x, y, epochs=2, batch_size=8, shuffle="batch", verbose=0)
        losses.append([*history.history["loss"], model.evaluate(x, y, verbose=0), *model.predict(x, verbose=0).ravel()])
    assert losses[0] == losses[1]


def test_arrays_in_files_of_their_own(tmp_path: Path):
    hdf5.save_array(np.arange(4), str(tmp_path / "a.h5"))
    np.testing.assert_array_equal(hdf5.load_array(str(tmp_path / "a.h5")), np.arange(4))


@pytest.mark.parametrize(("answers", "expected"), [(["y"], True), (["what", "N"], False)])
def test_asking_before_a_file_is_written_over(answers: list[str], expected: bool, monkeypatch: pytest.MonkeyPatch):
    given = iter(answers)
    monkeypatch.setattr("builtins.input", lambda question: next(given))
    assert hdf5.ask_to_proceed_with_overwrite("a.h5") is expected


# ---- queues --------------------------------------------------------------------------------------------------------


class Numbers(lamina.utils.Sequence):
    """Batches that are their numbers, counted by pass."""

    def __init__(self, fails_at: int = -1) -> None:
        super().__init__()
        self.passes, self.fails_at = 0, fails_at

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> Any:
        if index == self.fails_at:
            raise OSError("no such batch")
        return index

    def on_epoch_end(self) -> None:
        self.passes += 1


@pytest.mark.parametrize("workers", [1, 4])
def test_batches_come_in_order_from_any_number_of_threads(workers: int):
    numbers = Numbers()
    enqueuer = queues.OrderedEnqueuer(numbers)
    enqueuer.start(workers, max_queue_size=3)
    assert enqueuer.is_running()
    batches = enqueuer.get()
    assert [next(batches) for _ in range(15)] == [*range(7), *range(7), 0]
    assert numbers.passes >= 2
    enqueuer.stop()
    assert not enqueuer.is_running()
    assert list(batches) == []


def test_a_pass_is_shuffled_whole():
    enqueuer = queues.OrderedEnqueuer(Numbers(), shuffle=True)
    enqueuer.start()
    batches = enqueuer.get()
    assert {next(batches) for _ in range(7)} == set(range(7))
    enqueuer.stop()


def test_an_error_in_a_thread_is_raised_where_batches_are_taken():
    enqueuer = queues.OrderedEnqueuer(Numbers(fails_at=2))
    enqueuer.start(2)
    batches = enqueuer.get()
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(OSError, match="no such batch"):
        next(batches)
    assert not enqueuer.is_running()


def test_a_generator_comes_to_its_end():
    enqueuer = queues.GeneratorEnqueuer(number for number in range(30))
    enqueuer.start(workers=3, max_queue_size=2)
    assert list(enqueuer.get()) == list(range(30))
