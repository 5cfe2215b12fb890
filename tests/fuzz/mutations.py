"""Changes of a file that a broken disk or an attacker would make: of its JSON, its HDF5, its archive, or its bytes alone.

Each takes what is there and a generator of random numbers, and gives a new one; what it can't change it leaves as it is.
"""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import copy
import io
import json
import random
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

HUGE = 10**12
_LAMBDA = {"class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAA", "defaults": None, "closure": None}}
# What may stand where a config has something else.
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 0.5, -0.5, 1e308, HUGE, -HUGE, 2**31, 2**63, 10**17, "", "x", "1", "None", "eval", "os.system", "relu",
    "../../etc/passwd", "/etc/passwd", "http://127.0.0.1/x", "float8", "a" * 100_000, "\ud800", "a\0b", [], {}, [[]], [None], [HUGE],
    [HUGE, HUGE, HUGE], [None, HUGE], [-1, -1], [1, 2, 3], ["x"], [0.5], [True], [[1, 2], [3]], {"x": 1}, {"class_name": "Dense"},
    {"class_name": "Dense", "config": {"units": HUGE}}, {"class_name": "Zeros", "config": {}}, {"class_name": "function", "config": "eval"},
    {"module": "os", "class_name": "system", "config": {"command": "true"}, "registered_name": "os>system"}, _LAMBDA,
    {"class_name": "__tensor__", "config": {"value": [1.0], "dtype": "float32"}},
    {"class_name": "__numpy__", "config": {"value": [[1], [1, 2]], "dtype": "float32"}},
    {"class_name": "__tuple__", "items": [1, None]}, {"class_name": "__slice__", "config": {"start": 0, "stop": HUGE, "step": 1}},
    {"class_name": "TorchModuleWrapper", "config": {"module": "gASV"}}, {"class_name": "Lambda", "config": {"function": _LAMBDA}},
    {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "dtype": "float32", "keras_history": ["x", 0, 0]}},
]  # fmt: skip
# What stands in the text instead, since no value is written so.
_TEXTS = ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "-" + "9" * 20, "1e-5000", "0." + "1" * 5000, "[" * 500 + "]" * 500,
          '{"a":' * 200 + "1" + "}" * 200, '{"a": 1, "a": 2}', "", "tru", '"\\ud800"', '"\\u0000"', "[" + "0," * 20_000 + "0]",
          "[" + "{}," * 20_000 + "{}]"]  # fmt: skip
_HOLE = "a hole in the text"


# ---- JSON ----------------------------------------------------------------------------------------------------------


def places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """The path of everything in a structure."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A structure with ``new`` at ``path``; it is changed."""
    if not path:
        return new
    at(value, path[:-1])[path[-1]] = new
    return value


def of_json(text: bytes, rng: random.Random) -> bytes:
    """A config with something replaced, removed, renamed, doubled, or put where something else was."""
    try:
        config = json.loads(text)
    except ValueError:
        return of_bytes(text, rng)
    for _ in range(rng.choice((1, 1, 1, 2))):
        config = _changed(config, rng)
    written = json.dumps(config).encode()
    hole = json.dumps(_HOLE).encode()
    return written.replace(hole, rng.choice(_TEXTS).encode()) if hole in written else written


def _changed(config: Any, rng: random.Random) -> Any:
    path = rng.choice([*places(config)])
    old = at(config, path)
    above = at(config, path[:-1]) if path else None
    how = rng.randrange(12)
    if how < 6:
        return put(config, path, copy.deepcopy(rng.choice(VALUES)))
    if how == 6:
        return put(config, path, _HOLE)
    if how == 7 and above is not None:
        del above[path[-1]]
    elif how == 8 and isinstance(above, list):
        above.insert(rng.randrange(len(above) + 1), copy.deepcopy(old))
    elif how == 9 and isinstance(above, dict):
        above[rng.choice(["x", "units", "name", "module", "config", "weights", "batch_input_shape"])] = above.pop(
            path[-1]
        )
    elif how == 10:
        return put(config, path, copy.deepcopy(at(config, rng.choice([*places(config)]))))
    elif type(old) in (int, float):
        return put(config, path, rng.choice([-old, old + 1, old * 10**6, float(old), str(old), [old]]))
    elif isinstance(old, list):
        return put(config, path, old * 1000 if len(json.dumps(old)) < 100 else old[::-1])
    return config


# ---- bytes ---------------------------------------------------------------------------------------------------------


def of_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bits flipped, a piece cut off, wiped, doubled or left out, something in front or behind."""
    if not data:
        return b"\0"
    changed = bytearray(data)
    start = rng.choice([rng.randrange(len(data)), rng.randrange(min(len(data), 4096))])
    length = rng.choice([1, 4, 8, 64, 512])
    how = rng.randrange(8)
    if how < 3:
        for _ in range(rng.choice([1, 1, 2, 8])):
            changed[rng.choice([start, rng.randrange(len(data))])] ^= 1 << rng.randrange(8)
    elif how == 3:
        del changed[start:]
    elif how == 4:
        changed[start : start + length] = rng.choice([b"\0", b"\xff", b"\x7f"]) * length
    elif how == 5:
        changed[start:start] = changed[start : start + length]
    elif how == 6:
        del changed[start : start + length]
    else:
        changed[start : start + 8] = rng.choice([0, 1, 2**31, 2**63 - 1, len(data)]).to_bytes(8, "little")
    return bytes(changed)


# ---- HDF5 ----------------------------------------------------------------------------------------------------------


def of_hdf5(data: bytes, rng: random.Random) -> bytes:
    """An attribute, a data set, a group or a link made into something else."""
    stream = io.BytesIO(data)
    try:
        with h5py.File(stream, "r+") as file:
            found: list[Any] = [file]
            file.visititems(lambda _, one: found.append(one))
            for _ in range(rng.choice((1, 1, 2))):
                one = rng.choice(found)
                if rng.random() < 0.6:
                    _of_attributes(one if len(one.attrs) else file, rng)
                else:
                    _of_member(file, one.name, rng)
    except (ValueError, OSError, RuntimeError, KeyError, TypeError):  # what two changes can't do together
        return data
    return stream.getvalue()


def _of_attributes(one: Any, rng: random.Random) -> None:
    if not len(one.attrs):
        return
    name = rng.choice([*one.attrs])
    value = one.attrs[name]
    if isinstance(value, str) and value[:1] in "{[" and rng.random() < 0.8:
        one.attrs[name] = of_json(value.encode(), rng).decode().replace("\0", " ")
        return
    listed = [item.decode() if isinstance(item, bytes) else str(item) for item in np.ravel(value)]
    picked = rng.choice(listed or ["x"])
    new = rng.choice([
        lambda: None, lambda: 3, lambda: 1.5, lambda: "x", lambda: "", lambda: "1.2.2", lambda: "9" * 400, lambda: np.zeros((3, 3)),
        lambda: np.array([b"x\0y", b"../z"]), lambda: [*listed, picked], lambda: listed[::-1], lambda: listed[:-1],
        lambda: [*listed[:-1], "nobody"], lambda: [*listed[:-1], "/"], lambda: [*listed[:-1], "../x"], lambda: [*listed[:-1], ""],
        lambda: one.ref, lambda: h5py.Empty("S1"), lambda: np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
        lambda: np.zeros(5000, "S10"), lambda: np.array([[1, 2]], h5py.enum_dtype({"a": 1, "b": 2})), lambda: np.array([1 + 2j]),
        lambda: listed * 500 if len(listed) < 100 else 0, lambda: "a" * 60_000,
    ])()  # fmt: skip
    del one.attrs[name]
    if new is not None:
        one.attrs[name] = new


def _of_member(file: Any, path: str, rng: random.Random) -> None:
    if path == "/":
        file[rng.choice(["x", "layers", "vars", "model_weights", "optimizer_weights"])] = rng.choice(
            [1, "x", h5py.SoftLink("/")]
        )
        return
    old, above, name = file[path], file[path].parent, path.rpartition("/")[2]
    values = old[()] if isinstance(old, h5py.Dataset) and old.shape is not None else np.zeros((2, 2), "float32")
    array = np.asarray(values)
    how = rng.randrange(len(_MEMBERS) + 2)
    if how >= len(_MEMBERS):
        if isinstance(old, h5py.Dataset) and array.dtype.kind == "f":
            old[...] = rng.choice([0.0, np.nan, np.inf, 1e30])
        else:
            file.copy(old, above, name=name + rng.choice(["_1", "x", "0"]))
        return
    del file[path]
    _MEMBERS[how](above, name, array)


def _virtual(above: Any, name: str, array: np.ndarray) -> None:
    layout = h5py.VirtualLayout(shape=array.shape or (1,), dtype="float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=array.shape or (1,))
    above.create_virtual_dataset(name, layout)


def _chunks(shape: tuple[int, ...], chunks: tuple[int, ...], **options: Any) -> Callable[[Any, str, np.ndarray], None]:
    def make(above: Any, name: str, array: np.ndarray) -> None:
        above.create_dataset(name, data=np.zeros(shape, "float32"), chunks=chunks, **options)

    return make


def _filtered(number: int) -> Callable[[Any, str, np.ndarray], None]:
    def make(above: Any, name: str, array: np.ndarray) -> None:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((4, 3))
        made.set_filter(number, h5py.h5z.FLAG_OPTIONAL)
        h5py.h5d.create(above.id, name.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4, 3)), made)

    return make


def _data(change: Callable[[np.ndarray], Any]) -> Callable[[Any, str, np.ndarray], None]:
    return lambda above, name, array: above.create_dataset(name, data=change(array))


_MEMBERS: list[Callable[[Any, str, np.ndarray], Any]] = [
    lambda above, name, array: None,
    lambda above, name, array: above.create_group(name),
    lambda above, name, array: above.__setitem__(name, h5py.SoftLink("/")),
    lambda above, name, array: above.__setitem__(name, h5py.SoftLink(f"{above.name}/{name}")),
    lambda above, name, array: above.__setitem__(name, h5py.ExternalLink("/etc/passwd", "/x")),
    lambda above, name, array: above.__setitem__(name, above),
    lambda above, name, array: above.__setitem__(name, np.dtype("float32")),
    lambda above, name, array: above.create_dataset(name, array.shape or (1,), "float32", external=[("/etc/passwd", 0, 2**20)]),
    lambda above, name, array: above.create_dataset(name, data=h5py.Empty("f4")),
    lambda above, name, array: above.create_dataset(name, array.shape, h5py.ref_dtype),
    lambda above, name, array: above.create_dataset(name, array.shape, h5py.vlen_dtype(np.dtype("f4"))),
    lambda above, name, array: above.create_dataset(name, (10**6, 10**6), "float32", chunks=(1000, 1000)),
    lambda above, name, array: above.create_dataset(name, array.shape, [("a", "f4"), ("b", "f4")]),
    _virtual, _chunks((2**12, 2**11), (2**11, 2**10), compression="gzip"), _chunks((4, 3), (2000, 3000), maxshape=(None, None), compression="gzip"),
    _chunks((16, 16), (1, 1)), _chunks((64, 64), (8, 8), compression="lzf"), _filtered(32015), _filtered(4),
    *map(_data, (lambda array: array.astype("float64"), lambda array: array.astype("int64"), lambda array: array > 0,
                 lambda array: array.astype("complex64"), lambda array: array.astype("longdouble"), lambda array: "text",
                 lambda array: array.astype("S4"), lambda array: array[None], lambda array: array.T, lambda array: array.ravel(),
                 lambda array: np.concatenate([array.ravel()] * 2), lambda array: array.ravel()[:-1], lambda array: 1.0,
                 lambda array: np.zeros((0, *array.shape), "float32"), lambda array: array.astype(">f8"))),
]  # fmt: skip


# ---- safetensors and YAML ------------------------------------------------------------------------------------------


def of_safetensors(data: bytes, rng: random.Random) -> bytes:
    """The header changed, and its length with it or not."""
    size = int.from_bytes(data[:8], "little")
    header = of_json(data[8 : 8 + size], rng)
    length = rng.choice([len(header)] * 6 + [size, 0, 2**40, 2**63])
    return length.to_bytes(8, "little") + header + data[8 + size :] + rng.choice([b"", b"", b"", b"\0" * 8])


_YAML = ["!!python/object/apply:os.system ['true']", "!!python/name:os.system ''", "!!binary gASV", "&a [*a, *a]", "*a", "{a: &a [x], b: *a}",
         "!!set {a, b}", "2001-01-01", ".nan", ".inf", "0x7fffffffffff", "1_000_000", "|\n  x", "<<: {a: 1}", "? [a]", "%YAML 9.9", "---", "\t", "{",
         "&a [x, x], &b [*a, *a, *a], &c [*b, *b, *b]", "'" + "a" * 100_000 + "'", "[" * 300 + "]" * 300]  # fmt: skip


def of_yaml(data: bytes, rng: random.Random) -> bytes:
    """A line's value, or a line, become something else."""
    lines = data.decode().split("\n")
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(lines))
        key, colon, _ = lines[at].partition(":")
        value = rng.choice([*_YAML, json.dumps(rng.choice(VALUES))])
        lines[at] = rng.choice(
            [f"{key}{colon} {value}", f"{key}: {value}", value, "", lines[at] + "\n" + lines[at], " " + lines[at]]
        )
    return "\n".join(lines).encode("utf-8", "surrogatepass")


# ---- archives ------------------------------------------------------------------------------------------------------


def of_zip(data: bytes, rng: random.Random) -> bytes:
    """A member changed in its own way, or the archive's list of them."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    how = rng.randrange(14)
    which = rng.randrange(len(members))
    name, content = members[which]
    method = zipfile.ZIP_STORED
    if how < 8:
        wanted = [index for index, (one, _) in enumerate(members) if how % 2 == one.endswith(".h5")]
        which = rng.choice(wanted or [which])
        name, content = members[which]
        change = of_bytes if rng.random() < 0.1 else of_hdf5 if name.endswith(".h5") else of_json
        members[which] = name, change(content, rng)
    elif how == 8:
        del members[which]
    elif how == 9:
        members.append((name + rng.choice(["", "/", "x", "\0"]), rng.choice([content, b"", b" " * 3_000_000])))
    elif how == 10:
        members[which] = rng.choice(["../", "/", "assets/../", "C:\\", "", "a/"]) + name, content
    elif how == 11:
        members[which] = (
            name,
            rng.choice([b"", b"null", b"\0" * 1000, b" " * 3_000_000, content * 2, content[: len(content) // 2]]),
        )
    else:
        method = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    stream = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(stream, "w") as archive:  # of members of one name
        for one, inner in members:
            archive.writestr(zipfile.ZipInfo(one), inner, method)
    packed = bytearray(stream.getvalue())
    if rng.random() < 0.15:  # a number in one of the headers
        signature = rng.choice([b"PK\1\2", b"PK\3\4", b"PK\5\6"])
        start = packed.find(signature, rng.choice([0, len(packed) // 2]))
        if start >= 0:
            packed[min(start + rng.randrange(4, 46), len(packed) - 1)] = rng.randrange(256)
    return rng.choice([b"", b"", b"", b"", b"#!/bin/sh\n"]) + bytes(packed)
