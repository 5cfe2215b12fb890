"""Weights that were made to harm: HDF5 that points elsewhere, says more than it has, or is not what it should be."""

# ruff: noqa: E501 - a row of a table is one line
from __future__ import annotations

import copy
import encodings.ascii  # noqa: F401 - else Python would open it in the midst of a test
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from saving.hostile import HUGE, nothing, pack, refused, small, with_weights

from lamina.layers import Conv2D, Dense, Input
from lamina.models import Sequential, load_model

# ---- weights -------------------------------------------------------------------------------------------------------

KERNEL = "layers/dense/vars/0"


def put(name: str, value: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[name]
        file[name] = value

    return change


def instead(make: Callable[[Any], None]) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[KERNEL]
        make(file)

    return change


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout(shape=(4, 3), dtype="float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4, 3))
    file.create_virtual_dataset(KERNEL, layout)


def external(file: Any) -> None:
    file.create_dataset(KERNEL, (4, 3), "float32", external=[("/etc/passwd", 0, 48)])


def chunked(file: Any, shape: tuple[int, ...] = (4, 3), **options: Any) -> None:
    file.create_dataset(KERNEL, shape, "float32", **options)


def big_chunk(file: Any) -> None:
    made = file.create_dataset(
        KERNEL, (4, 3), "float32", chunks=(2000, 3000), maxshape=(None, None), compression="gzip"
    )
    made[:] = 0


def unknown_filter(file: Any) -> None:
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk((4, 3))
    made.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
    h5py.h5d.create(file.id, KERNEL.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4, 3)), made)


def loop(file: Any) -> None:
    del file["layers/dense/vars"]
    file["layers/dense/vars"] = file["layers"]


WEIGHTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "external link": (instead(lambda file: file.__setitem__(KERNEL, h5py.ExternalLink("/etc/passwd", "x"))),
                      f"/{KERNEL} is a link to another place (ExternalLink), which lamina does not follow."),
    "soft link": (instead(lambda file: file.__setitem__(KERNEL, h5py.SoftLink("/layers/dense/vars/1"))),
                  f"/{KERNEL} is a link to another place (SoftLink)"),
    "linked group": (put("layers/dense", h5py.SoftLink("/layers/dense_1")),
                     "/layers/dense is a link to another place (SoftLink)"),
    "outside group": (put("layers", h5py.ExternalLink("/etc/passwd", "/")),
                      "/layers is a link to another place (ExternalLink)"),
    "virtual": (instead(virtual), f"/{KERNEL} keeps its numbers in other files, which lamina does not read."),
    "external storage": (instead(external), f"/{KERNEL} keeps its numbers in other files"),
    "huge": (instead(lambda file: chunked(file, (10**6, 10**6), chunks=(1000, 1000))),
             f"/{KERNEL} says that it has shape (1000000, 1000000), for which 4000000000000 bytes are needed, and the file holds 0."),
    "never written": (instead(lambda file: chunked(file, chunks=(4, 3))), f"/{KERNEL} says that it has shape (4, 3)"),
    "big chunk": (instead(big_chunk), "for which 24000000 bytes are needed"),
    "filter": (instead(unknown_filter), f"/{KERNEL} is packed by filter 32015, which lamina does not load."),
    "group for data": (instead(lambda file: file.create_group(KERNEL)), f"/{KERNEL} should be a data set, and is a group or a type."),
    "type for data": (instead(lambda file: file.__setitem__(KERNEL, np.dtype("float32"))), f"/{KERNEL} should be a data set"),
    "text": (instead(lambda file: file.create_dataset(KERNEL, data="hello")), f"/{KERNEL} holds object, and numbers were expected."),
    "bytes": (instead(lambda file: file.create_dataset(KERNEL, data=np.zeros((4, 3), "S4"))), f"/{KERNEL} holds |S4"),
    "references": (instead(lambda file: file.create_dataset(KERNEL, (4, 3), h5py.ref_dtype)), f"/{KERNEL} holds object"),
    "compound": (instead(lambda file: file.create_dataset(KERNEL, (4, 3), [("a", "f4"), ("b", "f4")])), f"/{KERNEL} holds"),
    "long floats": (instead(lambda file: file.create_dataset(KERNEL, (4, 3), "longdouble")), f"/{KERNEL} holds float128"),
    "complex": (instead(lambda file: file.create_dataset(KERNEL, data=np.ones((4, 3), "complex64"))),
                f"/{KERNEL} holds complex64, and the model needs float32."),
    "empty": (instead(lambda file: file.create_dataset(KERNEL, data=h5py.Empty("f4"))), f"/{KERNEL} is empty."),
    "other shape": (instead(lambda file: file.create_dataset(KERNEL, data=np.ones((3, 4), "f4"))),
                    f"/{KERNEL} has shape (3, 4), and the model needs (4, 3)."),
    "row for all": (instead(lambda file: file.create_dataset(KERNEL, data=np.ones((3,), "f4"))),
                    f"/{KERNEL} has shape (3,), and the model needs (4, 3)."),
    "missing": (instead(lambda file: None), "/layers/dense/vars has 1 weights, and Dense 'hidden' has 2."),
    "one more": (lambda file: file.create_dataset("layers/dense/vars/2", data=1.0), "/layers/dense/vars has 3 weights"),
    "renamed": (lambda file: file.move(KERNEL, "layers/dense/vars/00"), "/layers/dense/vars has no '0'; it has 00, 1."),
    "group missing": (lambda file: file.__delitem__("layers/dense"), " has no weights at 'layers/dense/vars', where Dense 'hidden' needs 2."),
    "group more": (lambda file: file.create_dataset("layers/dense_2/vars/0", data=1.0),
                   " has weights at 'layers/dense_2/vars', and Functional 'small' has nothing there."),
    "group in itself": (loop, "layers/dense/vars"),
    "no optimizer": (lambda file: file.__delitem__("optimizer"), " has no state of its optimizer at 'optimizer/vars'."),
    "empty optimizer": (lambda file: [file["optimizer/vars"].pop(name) for name in list(file["optimizer/vars"])],
                        " has no state of its optimizer at 'optimizer/vars'."),
    "less optimizer": (lambda file: file.__delitem__("optimizer/vars/9"), "/optimizer/vars has 9 variables, and Adam 'adam' has 10."),
    "gap in optimizer": (lambda file: file.__delitem__("optimizer/vars/4"), "/optimizer/vars should number its variables from 0 to 8"),
    "optimizer shape": (put("optimizer/vars/2", np.ones(3, "f4")),
                        "/optimizer/vars/2 has shape (3,), and the model needs (4, 3)."),
    "optimizer link": (put("optimizer", h5py.SoftLink("/layers")),
                       "/optimizer is a link to another place (SoftLink)"),
}  # fmt: skip


@pytest.mark.parametrize("case", WEIGHTS)
def test_hostile_weights(case: str, parts: dict[str, bytes], tmp_path: Path):
    change, sentence = WEIGHTS[case]
    said = refused(pack(tmp_path / "m.keras", with_weights(parts, change)))
    assert said.startswith("/model.weights.h5")
    assert sentence in said


@pytest.mark.parametrize("case", WEIGHTS)
def test_hostile_weights_alone_change_nothing(case: str, parts: dict[str, bytes], tmp_path: Path):
    path = tmp_path / "m.weights.h5"
    path.write_bytes(with_weights(parts, WEIGHTS[case][0])["model.weights.h5"])
    model = small()
    for weight in model.weights:
        weight.data.fill_(7.0)
    before = model.optimizer.get_weights()
    if case in ("no optimizer", "less optimizer"):  # the weights of the model are whole
        context: Any = pytest.warns(UserWarning, match="The state of the optimizer") if "less" in case else nothing()
        with context:
            model.load_weights(path)
        assert not all((weight == 7.0).all() for weight in model.weights)
        return
    with pytest.raises(ValueError, match=r"m\.weights\.h5"):
        model.load_weights(path)
    assert all((weight == 7.0).all() for weight in model.weights)
    for one, other in zip(model.optimizer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_files_that_others_point_to_are_not_opened(parts: dict[str, bytes], tmp_path: Path):
    """To open the pipe would wait for ever."""
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)

    def unlimited(file: Any) -> None:
        layout = h5py.VirtualLayout(shape=(4, 3), dtype="float32", maxshape=(None, 3))
        source = h5py.VirtualSource(pipe, "x", shape=(4, 3), maxshape=(None, 3))
        layout[: h5py.h5s.UNLIMITED, :] = source[: h5py.h5s.UNLIMITED, :]
        file.create_virtual_dataset(KERNEL, layout)

    def stored(file: Any) -> None:
        file.create_dataset(KERNEL, (4, 3), "float32", external=[(pipe, 0, 48)])

    links = [unlimited, stored, lambda file: file.__setitem__(KERNEL, h5py.ExternalLink(pipe, "x"))]
    for number, make in enumerate(links):
        pack(tmp_path / f"{number}.keras", with_weights(parts, instead(make)))
    code = textwrap.dedent(f"""
        from lamina.models import load_model
        for number in range({len(links)}):
            try:
                load_model(f"{tmp_path}/{{number}}.keras")
            except ValueError as error:
                print("refused")
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "refused\n" * len(links), done.stderr


def test_packed_weights_are_read(parts: dict[str, bytes], tmp_path: Path):
    values = np.arange(12, dtype=">f8").reshape(4, 3)
    members = with_weights(parts, instead(lambda file: file.create_dataset(KERNEL, data=values, chunks=(2, 3), compression="gzip",
                                                                          shuffle=True, fletcher32=True)))  # fmt: skip
    model = load_model(pack(tmp_path / "m.keras", members))
    np.testing.assert_array_equal(model.get_layer("hidden").get_weights()[0], values)


def test_one_data_set_can_t_be_many(tmp_path: Path):
    """A megabyte that a thousand links lead to is no gigabyte of weights."""
    model = Sequential([Input((512,)), Dense(512, use_bias=False)])
    model.save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as archive:
        good = {name: archive.read(name) for name in archive.namelist()}

    def link(file: Any) -> None:
        for number in range(1, 40):
            file[f"layers/dense_{number}"] = file["layers/dense"]

    config = json.loads(good["config.json"])
    dense = config["config"]["layers"][1]
    for number in range(1, 40):
        twin = copy.deepcopy(dense)
        twin["config"]["name"] = f"twin_{number}"
        config["config"]["layers"].append(twin)
    members = {**with_weights(good, link), "config.json": json.dumps(config).encode()}
    assert "has shape (512, 512), which is 1048576 bytes; the file holds" in refused(
        pack(tmp_path / "m.keras", members)
    )


def test_every_number_of_a_layer_may_be_huge(tmp_path: Path):
    """Nothing is allocated for what a config says: memory is limited to little more than what Python takes."""
    resource = pytest.importorskip("resource")
    assert resource.RLIMIT_AS >= 0
    model = Sequential([Input((8, 8, 3)), Conv2D(4, 3, name="conv")])
    model.save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as archive:
        good = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(good["config.json"])
    number = 0
    for index, layer in enumerate(config["config"]["layers"]):
        for key, value in layer["config"].items():
            if type(value) is not int and not (isinstance(value, list) and value):
                continue
            changed = copy.deepcopy(config)
            wide = HUGE if not isinstance(value, list) else [one and HUGE for one in value]
            changed["config"]["layers"][index]["config"][key] = wide
            pack(tmp_path / f"{number}.keras", {**good, "config.json": json.dumps(changed).encode()})
            number += 1
    assert number >= 5
    code = textwrap.dedent(f"""
        import resource
        from lamina.models import load_model
        load_model("{tmp_path}/good.keras")
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))
        for number in range({number}):
            try:
                load_model(f"{tmp_path}/{{number}}.keras")
                print("read")  # a stride that is larger than the image is nothing wrong
            except ValueError as error:
                print("refused")
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.count("\n") == number, done.stderr
    assert done.stdout.count("refused") >= 3
