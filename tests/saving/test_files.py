"""Writing beside and renaming, strict JSON, and opening nothing but ordinary files."""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lamina.layers import Dense, Input
from lamina.models import Sequential, load_model
from lamina.saving import hdf5
from lamina.saving.files import MAX_JSON_DEPTH, open_regular, read_json, replacing


def model(seed: float = 1.0) -> Any:
    made = Sequential([Input((3,)), Dense(4, name="a"), Dense(2, name="b")])
    made.set_weights([np.full(weight.shape, seed, "float32") for weight in made.weights])
    made.compile("adam", "mse")
    return made


# ---- a failed write leaves the old file whole ----------------------------------------------------------------------


def _failing(function: Any, at: int) -> Any:
    """``function``, which fails at one of its calls."""
    calls = itertools.count(1)

    def call(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == at:
            raise OSError(28, "No space left on device")
        return function(*args, **kwargs)

    return call


WRITES = [
    (os, "replace"), (os, "fsync"), (os, "open"), (h5py.Group, "create_dataset"), (h5py.Group, "require_group"),
    (h5py, "File"), (zipfile.ZipFile, "writestr"),
]  # fmt: skip


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
@pytest.mark.parametrize(("owner", "name"), WRITES, ids=lambda value: getattr(value, "__name__", value))
def test_an_error_at_any_write_leaves_the_old_file(owner: Any, name: str, ending: str, tmp_path: Path):
    path = tmp_path / f"m{ending}"
    save = {".keras": lambda one: one.save(path), ".weights.h5": lambda one: one.save_weights(path)}[ending]
    save(model(1.0))
    before = path.read_bytes()
    failed = 0
    for at in range(1, 100):
        with pytest.MonkeyPatch.context() as patch:
            failing = _failing(getattr(owner, name), at)
            patch.setattr(owner, name, failing)
            if owner is h5py:
                patch.setitem(vars(hdf5.h5py), name, failing)  # where lamina keeps what it asked for once
            try:
                save(model(2.0))
                break
            except OSError:
                failed += 1
        assert path.read_bytes() == before
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert failed or ending == ".weights.h5"
    assert path.read_bytes() != before


KILLED = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from saving.test_files import model
    made, path, at, seen = model(2.0), {path!r}, {at}, 0

    def watch(event, args):
        global seen
        if event in ("open", "os.rename", "os.chmod", "os.remove"):
            seen += 1
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    made.save(path) if path.endswith(".keras") else made.save_weights(path)
    print(seen)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_kill_9_at_any_step_leaves_a_whole_file(ending: str, tmp_path: Path):
    path = tmp_path / f"m{ending}"
    script = textwrap.dedent(KILLED)
    fresh = model(1.0)
    fresh.save(path) if ending == ".keras" else fresh.save_weights(path)
    for at in (1, 2, 3, 4, 5, 7, 1000):
        code = script.format(tests=str(Path(__file__).parents[1]), path=str(path), at=at)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == (-signal.SIGKILL if at <= int(done.stdout or at) else 0), done.stderr
        back = load_model(path) if ending == ".keras" else model(0.0)
        if ending != ".keras":
            back.load_weights(path)
        values = {float(weight.detach().flatten()[0]) for weight in back.weights}
        assert values in ({1.0}, {2.0})
    assert values == {2.0}


def test_a_full_disk_leaves_the_old_file(tmp_path: Path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "m.keras"
    model(1.0).save(path)
    before = path.read_bytes()
    code = textwrap.dedent(f"""
        import resource, signal, sys
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from saving.test_files import model
        made = model(2.0)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        try:
            made.save({str(path)!r})
        except OSError as error:
            print("refused", error.errno)
    """)
    assert resource.RLIMIT_FSIZE >= 0
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.startswith("refused"), done.stderr
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m.keras"]


def test_the_new_file_has_the_old_one_s_rights(tmp_path: Path):
    path = tmp_path / "m.keras"
    model().save(path)
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600
    path.chmod(0o640)
    model().save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_what_a_link_leads_to_is_replaced(tmp_path: Path):
    real, link = tmp_path / "real.keras", tmp_path / "link.keras"
    model(1.0).save(real)
    link.symlink_to(real)
    model(2.0).save(link)
    assert link.is_symlink()
    assert float(load_model(real).weights[0].detach().max()) == 2.0


def test_what_is_no_file_is_not_replaced(tmp_path: Path):
    folder = tmp_path / "m.keras"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"is not an ordinary file, so it can't be replaced by one\.$"):
        model().save(folder)


def test_ctrl_c_leaves_nothing(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "m.keras"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("letters", ["n" * 240, "卷" * 80])
def test_long_names(letters: str, tmp_path: Path):
    path = tmp_path / f"{letters}.keras"
    model().save(path)
    assert load_model(path).built


# ---- reading -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(ValueError, match=r"pipe\.keras is not an ordinary file\.$"):
        open_regular(tmp_path / "pipe.keras")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="the system has no /dev/zero")
def test_a_device_is_not_read():
    with pytest.raises(ValueError, match=r"^/dev/zero is not an ordinary file\.$"):
        load_model("/dev/zero")


BAD_JSON = {
    '{"a": NaN}': "f holds NaN, which is no number that a config can hold.",
    '{"a": -Infinity}': "f holds -Infinity, which is no number that a config can hold.",
    '{"a": 1e999}': "f holds 1e999, which is no number that a config can hold.",
    '{"a": 12345678901234567890}': "f holds 12345678901234567890, which is no number that a config can hold.",
    '{"a": ' + "9" * 10_000 + "}": "f holds " + "9" * 40 + ", which is no number that a config can hold.",
    '{"a": 1, "b": 2, "a": 3}': "f has the key 'a' twice.",
    "[" * (MAX_JSON_DEPTH + 1) + "]" * (MAX_JSON_DEPTH + 1): "f is nested too deeply.",
    "[" * 100_000: "f is nested too deeply.",
    '{"a": "\\ud800"}': "f holds '\\ud800', which is not text.",
    '{"a": 1': "f is not JSON: Expecting ',' delimiter: line 1 column 8 (char 7).",
    "": "f is not JSON: Expecting value: line 1 column 1 (char 0).",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD_JSON, ids=lambda text: text[:20])
def test_bad_json(text: str):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole sentence is compared
        read_json(text, "f")
    assert str(error.value) == BAD_JSON[text]


def test_bytes_that_are_no_text():
    with pytest.raises(ValueError, match=r"^f is not text\.$"):
        read_json(b'{"a": "\xff\xfe\xfa"}', "f")


def test_good_json():
    value = {"a": [1, -2.5, None, True, "卷积 😀"], "b": {"c": {}}}
    assert read_json(json.dumps(value), "f") == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode(), "f") == value
    assert read_json("[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH, "f")
