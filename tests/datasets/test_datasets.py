"""Every data set: what is read, from where, and what is said when it is not there."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from lamina import datasets

FASHION_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``$KERAS_HOME/datasets``."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def write_fashion(folder: Path, **changed: np.ndarray) -> dict[str, np.ndarray]:
    images, labels = np.random.randint(0, 256, (5, 28, 28)), np.array([0, 9, 4, 1, 2])
    arrays = dict(zip(FASHION_FILES, (images[:3], labels[:3], images[3:], labels[3:]), strict=True))
    arrays |= changed
    (folder / "fashion-mnist").mkdir(exist_ok=True)
    for name, array in arrays.items():
        head = struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape)
        (folder / "fashion-mnist" / f"{name}.gz").write_bytes(gzip.compress(head + array.astype("uint8").tobytes()))
    return arrays


def test_the_bundled_subset_is_balanced_and_shuffled(folder, capsys):
    (x_train, y_train), (x_test, y_test) = datasets.fashion_mnist.load_data()
    assert x_train.shape == (5000, 28, 28)
    assert x_test.shape == (1000, 28, 28)
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
    np.testing.assert_array_equal(np.bincount(y_train), [500] * 10)
    np.testing.assert_array_equal(np.bincount(y_test), [100] * 10)
    assert np.bincount(y_train[:500]).min() > 25
    assert len(datasets.fashion_mnist.CLASS_NAMES) == 10
    assert len(np.unique(np.concatenate([x_train, x_test]), axis=0)) > 5990
    out = capsys.readouterr().out
    assert out == ("Fashion-MNIST: lamina's bundled subset of 5,000 training and 1,000 test images "
                   f"(the full set is used when it lies in {folder / 'fashion-mnist'}).\n")  # fmt: skip


def test_the_classes_are_told_apart_by_their_mean_picture():
    """The labels belong to the pictures: the nearest class mean is right far more often than one time in ten."""
    (x_train, y_train), (x_test, y_test) = datasets.fashion_mnist.load_data()
    means = np.stack([x_train[y_train == label].mean(axis=0) for label in range(10)])
    distance = ((x_test[:, None].astype("float32") - means) ** 2).sum(axis=(2, 3))
    assert (distance.argmin(axis=1) == y_test).mean() > 0.65


def test_the_licence_lies_beside_the_subset():
    data = Path(datasets.__file__).parent / "data"
    assert "Copyright (c) 2017 Zalando SE" in (data / "fashion_mnist_LICENSE.txt").read_text()


def test_a_cached_full_set_is_preferred(folder, capsys):
    written = list(write_fashion(folder).values())
    (x_train, y_train), (x_test, y_test) = datasets.fashion_mnist.load_data()
    for found, expected in zip((x_train, y_train, x_test, y_test), written, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert capsys.readouterr().out == f"Fashion-MNIST: 3 training and 2 test images from {folder / 'fashion-mnist'}.\n"


def test_half_a_cache_is_no_cache(folder):
    write_fashion(folder)
    (folder / "fashion-mnist" / f"{FASHION_FILES[3]}.gz").unlink()
    assert len(datasets.fashion_mnist.load_data()[0][0]) == 5000


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        (
            {FASHION_FILES[0]: np.zeros((3, 28, 27))},
            r"images of \(28, 27\), and Fashion-MNIST's are \(28, 28\)\.",
        ),
        ({FASHION_FILES[1]: np.zeros(4)}, r"holds 3 images and 'train-labels-idx1-ubyte.gz' 4 labels\."),
        ({FASHION_FILES[3]: np.array([1, 10])}, r"holds the label 10, and Fashion-MNIST's are 0 to 9\."),
    ],
)
def test_a_cache_that_is_not_fashion_mnist_is_refused(folder, changed, match):
    write_fashion(folder, **changed)
    with pytest.raises(ValueError, match=match):
        datasets.fashion_mnist.load_data()


SPLITS = {"x_train": np.arange(12, dtype="uint8").reshape(3, 2, 2), "y_train": np.array([1, 2, 3], "uint8"),
          "x_test": np.arange(8, dtype="uint8").reshape(2, 2, 2), "y_test": np.array([4, 5], "uint8")}  # fmt: skip


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (lambda: datasets.mnist.load_data(), "mnist.npz"),
        (lambda: datasets.mnist.load_data("other.npz"), "other.npz"),
        (lambda: datasets.cifar10.load_data(), "cifar10.npz"),
        (lambda: datasets.cifar100.load_data(), "cifar100_fine.npz"),
        (lambda: datasets.cifar100.load_data("coarse"), "cifar100_coarse.npz"),
    ],
)
def test_ready_splits(folder, load, name):
    with pytest.raises(FileNotFoundError, match=f"looked for in .*{name}.*lamina downloads nothing: put '{name}' in"):
        load()
    np.savez(folder / name, **SPLITS)
    (x_train, y_train), (x_test, y_test) = load()
    for found, expected in zip((x_train, y_train, x_test, y_test), SPLITS.values(), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.savez(folder / name, **SPLITS | {"y_test": np.zeros(3)})
    with pytest.raises(ValueError, match=r"inputs of shape \(2, 2, 2\) and targets of shape \(3,\), which must"):
        load()


@pytest.mark.parametrize(
    ("name", "rows", "kwargs"),
    [
        ("boston_housing", 50, {}),
        ("boston_housing", 50, {"test_split": 0.35, "seed": 7}),
        ("california_housing", 700, {}),
        ("california_housing", 700, {"version": "small"}),
        ("california_housing", 700, {"version": "large", "test_split": 0.0, "seed": 1}),
    ],
)
def test_housing_is_shuffled_and_cut_as_keras_does(folder, monkeypatch, name, rows, kwargs):
    import importlib

    file = folder / f"{name}.npz"
    np.savez(file, x=np.random.rand(rows, 8), y=np.random.rand(rows))
    oracle = importlib.import_module(f"keras.src.datasets.{name}")
    monkeypatch.setattr(oracle, "get_file", lambda *args, **kwargs: str(file))
    expected = oracle.load_data(**kwargs)
    found = getattr(datasets, name).load_data(**kwargs)
    for split, expected_split in zip(found, expected, strict=True):
        for array, expected_array in zip(split, expected_split, strict=True):
            np.testing.assert_array_equal(array, expected_array)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: datasets.california_housing.load_data("tiny"), "version must be 'large' or 'small', and got 'tiny'."),
        (lambda: datasets.cifar100.load_data("both"), "label_mode must be 'fine' or 'coarse', and got 'both'."),
        (lambda: datasets.imdb.load_data(num_words=10), "IMDB can't be loaded: Keras's 'imdb.npz' holds pickled lists"),
        (lambda: datasets.reuters.load_data(), "Reuters can't be loaded: Keras's 'reuters.npz' holds pickled lists"),
    ],
)
def test_refusals(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize("test_split", [-0.1, 1, 1.5])
def test_a_test_split_out_of_range_is_refused(folder, test_split):
    np.savez(folder / "boston_housing.npz", x=np.zeros((4, 13)), y=np.zeros(4))
    with pytest.raises(ValueError, match=f"test_split must be at least 0 and below 1, and got {test_split}."):
        datasets.boston_housing.load_data(test_split=test_split)


def test_missing_pickled_sets_say_how_to_convert_them():
    with pytest.raises(FileNotFoundError, match="CIFAR-10 is published as pickles, which lamina never opens"):
        datasets.cifar10.load_data()


def test_a_word_index_is_json_of_whole_numbers(folder):
    (folder / "imdb_word_index.json").write_text(json.dumps({"the": 1, "film": 2}))
    assert datasets.imdb.get_word_index() == {"the": 1, "film": 2}
    for broken in ("[1]", '{"the": "1"}', '{"the": 1.5}', '{"the": true}', "{", "[" * 100_000, '{"a": 1, "a": 2}'):
        (folder / "reuters_word_index.json").write_text(broken)
        with pytest.raises(ValueError, match=r"reuters_word_index.json"):
            datasets.reuters.get_word_index()
