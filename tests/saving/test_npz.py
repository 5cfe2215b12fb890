"""``.npz`` weights: what NumPy and Keras's users write, and files that were made to harm."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saving import twins

from lamina.layers import Dense, Input
from lamina.models import Sequential

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def net(units: int = 2) -> Any:
    return Sequential([Input((3,)), Dense(4, name="hidden"), Dense(units, name="out")], name="net")


@pytest.mark.parametrize("name", twins.MODELS)
def test_the_plain_habit(name: str, tmp_path: Path):
    """``np.savez(path, *model.get_weights())`` of Keras, and back by ``set_weights``."""
    ours, theirs = twins.pair(name)
    theirs.set_weights([weight + 1 for weight in theirs.get_weights()])
    np.savez(tmp_path / "w.npz", *theirs.get_weights())
    ours.load_weights(tmp_path / "w.npz")
    twins.assert_same(ours.get_weights(), theirs.get_weights(), 0)
    ours.set_weights([weight * 2 for weight in ours.get_weights()])
    ours.save_weights(tmp_path / "v.npz")
    with np.load(tmp_path / "v.npz") as arrays:
        theirs.set_weights([arrays[key] for key in arrays.files])
    twins.assert_same(theirs.get_weights(), ours.get_weights(), 0)


def test_packed_and_more_than_ten_arrays(tmp_path: Path):
    model = Sequential([Input((3,)), *(Dense(3) for _ in range(8))])
    wanted = [np.full(weight.shape, number, "float64") for number, weight in enumerate(model.get_weights())]
    np.savez_compressed(tmp_path / "w.npz", *wanted)
    model.load_weights(tmp_path / "w.npz")
    twins.assert_same(model.get_weights(), wanted, 0)


@pytest.mark.parametrize("dtype", [">f4", "<f2", "f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_order_of_bytes_and_axes(dtype: str, order: str, tmp_path: Path):
    model = net()
    wanted = [np.asarray(weight + 1, dtype, order=order) for weight in model.get_weights()]
    np.savez(tmp_path / "w.npz", *wanted)
    model.load_weights(tmp_path / "w.npz")
    twins.assert_same(model.get_weights(), [array.astype("float32") for array in wanted], 0)


def test_bfloat16_of_keras(tmp_path: Path):
    import ml_dtypes

    model = net()
    wanted = [weight.astype(ml_dtypes.bfloat16) for weight in model.get_weights()]
    np.savez(tmp_path / "w.npz", *wanted)
    model.load_weights(tmp_path / "w.npz")
    twins.assert_same(model.get_weights(), [array.astype("float32") for array in wanted], 0)


def test_the_order_says_where_a_layer_is_missing(tmp_path: Path):
    longer = Sequential(
        [Input((3,)), Dense(4, name="hidden"), Dense(7, name="mid"), Dense(2, name="out")], name="longer"
    )
    arrays = longer.get_weights()
    np.savez(tmp_path / "w.npz", *arrays[:2], *arrays[2:4], np.zeros((4, 2)), arrays[5])
    with pytest.raises(ValueError, match="verdict") as error:
        net().load_weights(tmp_path / "w.npz")
    assert str(error.value).splitlines()[1:] == [
        "  layer           in file      in model     verdict",
        "  array 2 and on  (4, 7) (7,)  -            not in model",
        "  hidden          (3, 4) (4,)  (3, 4) (4,)  fits",
        "  out             (4, 2) (2,)  (4, 2) (2,)  fits",
        "The file has 1 layer more than the model; all else fits.",
    ]
    with pytest.raises(ValueError, match=r"has arrays without names, so they can't be matched by name"):
        net().load_weights(tmp_path / "w.npz", by_name=True)


@pytest.mark.filterwarnings("ignore")
def test_keras_s_own_store_is_a_pickle(tmp_path: Path):
    """Keras 3.15.1 can't open it either."""
    from keras.src.saving import saving_lib

    _, theirs = twins.pair("nested")
    saving_lib.save_model(theirs, str(tmp_path / "m.keras"), weights_format="npz")
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        twins.KERAS.load(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        (tmp_path / "w.npz").write_bytes(archive.read("model.weights.npz"))
    ours, _ = twins.pair("nested")
    with pytest.raises(
        ValueError, match=r"w\.npz/.*\.npy holds Python objects as a pickle, which lamina does not open"
    ):
        ours.load_weights(tmp_path / "w.npz")
    for read in (twins.LAMINA.load, ours.load_weights):
        with pytest.raises(ValueError, match=r"model\.weights\.npz holds Python objects as a pickle"):
            read(tmp_path / "m.keras")


def member(shape: str, data: bytes = b"", dtype: str = "<f4", version: bytes = b"\x01\x00") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    size = len(header).to_bytes(2 if version[0] == 1 else 4, "little")
    return b"\x93NUMPY" + version + size + header + data


HOSTILE: dict[str, tuple[bytes, str]] = {
    "a bomb": (member("(1000000000000,)"), "says that it has shape (1000000000000,), for which 4000000000000 bytes are needed"),
    "larger than the model": (member("(50000000,)", b"\0" * 200_000_000), "in file"),
    "cut off": (member("(3, 4)", b"\0" * 47), "for which 48 bytes are needed, and the file holds 47"),
    "more": (member("(3, 4)", b"\0" * 49), "for which 48 bytes are needed, and the file holds 49"),
    "negative": (member("(-3, 4)"), "w.npz/arr_0.npy"),
    "overflow": (member(f"({2**62}, {2**62})"), "w.npz/arr_0.npy"),
    "objects": (member("()", b"\x80\x04N.", "|O"), "holds Python objects as a pickle"),
    "text": (member("(2,)", b"\0" * 8, "<U1"), "numbers were expected"),
    "dates": (member("(2,)", b"\0" * 16, "<M8[s]"), "numbers were expected"),
    "void": (member("(2,)", b"\0" * 8, "|V4"), "numbers were expected"),
    "code": (member("__import__('os').getpid()"), "is no array of NumPy's"),
    "version": (member("(3, 4)", b"\0" * 48, version=b"\x09\x00"), "is no array of NumPy's"),
    "a long header": (b"\x93NUMPY\x02\x00" + (10**9).to_bytes(4, "little"), "is no array of NumPy's"),
    "nothing": (b"", "is no array of NumPy's"),
    "words": (b"hello", "is no array of NumPy's"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_files_that_were_made_to_harm(case: str, tmp_path: Path):
    content, sentence = HOSTILE[case]
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arr_0.npy", content)
    with pytest.raises(ValueError, match=r"w\.npz") as error:
        net().load_weights(path)
    assert sentence in str(error.value)


def test_members(tmp_path: Path):
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("arr_0.npy", member("(1,)", b"\0" * 4))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("arr_0.npy", member("(1,)", b"\0" * 4))
    with pytest.raises(ValueError, match="has two arrays named 'arr_0'"):
        net().load_weights(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("arr_0.npy", member("(1,)", b"\0" * 4))
    with pytest.raises(ValueError, match="is packed by method 12"):
        net().load_weights(path)


def test_whatever_is_changed_in_a_file(tmp_path: Path):
    stream, rng, path = io.BytesIO(), random.Random(0), tmp_path / "w.npz"
    np.savez_compressed(stream, *net().get_weights())
    whole = stream.getvalue()
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.2 else data)
        try:
            net().load_weights(path)
        except ValueError as error:
            refused += 1
            assert str(error).startswith(str(path))  # noqa: PT017 - others may load
    assert refused > 75
