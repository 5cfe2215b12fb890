"""Nothing is lost: what a save replaces is there until the new file is whole and on the disk."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.layers import Dense, Input
from lamina.models import Sequential, load_model
from lamina.saving import files

TESTS = Path(__file__).parents[1]
# Of the formats; ".old.h5" is one of weights alone.
ENDINGS = (".keras", ".h5", ".weights.h5", ".old.h5", ".weights.json", ".safetensors", ".npz", ".pt")
FILES = tuple(ending for ending in ENDINGS if ending != ".weights.json")  # of one file each


def model(value: float = 1.0, units: int = 4) -> Any:
    made = Sequential([Input((3,)), Dense(units, name="a"), Dense(2, name="b")])
    made.set_weights([np.full(weight.shape, value, "float32") for weight in made.weights])
    made.compile("adam", "mse")
    return made


def is_whole_model(path: Path) -> bool:
    return path.name.endswith((".keras", ".h5")) and not path.name.endswith((".weights.h5", ".old.h5"))


def save(made: Any, path: Path) -> None:
    made.save(path) if is_whole_model(path) else made.save_weights(path)


def value_in(path: Path, units: int = 4) -> float:
    """The one number that all weights of the saved model have: a file of two saves at once would have two."""
    back = load_model(path) if is_whole_model(path) else model(-1.0, units)
    if not is_whole_model(path):
        back.load_weights(path)
    [value] = {float(number) for weight in back.get_weights() for number in np.unique(weight)}
    return value


def in_a_process(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    text = f"import sys\nsys.path.insert(0, {str(TESTS)!r})\n" + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=False,
                          **options)  # fmt: skip


# ---- the disk ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", FILES)
def test_each_file_and_its_folder_reach_the_disk_once(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def renamed(*names: Any) -> None:
        done.append("rename")
        replace(*names)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    save(model(), tmp_path / f"m{ending}")
    assert done == ["file", "rename", "folder"]


@pytest.mark.skipif(os.name == "nt", reason="limits of files are of POSIX")
@pytest.mark.parametrize("ending", FILES)
def test_a_full_disk_is_named_and_the_old_file_stays(ending: str, tmp_path: Path):
    path = tmp_path / f"m{ending}"
    save(model(1.0), path)
    before = path.read_bytes()
    done = in_a_process(f"""
        import resource, signal
        from pathlib import Path
        from saving.test_nothing_lost import model, save
        made = model(2.0)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try:
            save(made, Path({str(path)!r}))
        except OSError as error:
            print(error.errno, error.args[1])
    """)
    assert done.stdout == f"27 '{path}' was not saved, and what was there stays: File too large\n", done.stderr
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="root alone can become another user")
def test_what_may_not_be_written_to_is_said_and_stays(tmp_path: Path):
    folder = Path(f"/tmp/lamina-test-{os.getpid()}")
    folder.mkdir()
    try:
        save(model(1.0), folder / "m.keras")
        folder.chmod(0o755)
        (folder / "m.keras").chmod(0o644)
        done = in_a_process(f"""
            import os
            from saving.test_nothing_lost import model
            made = model(2.0)
            os.chdir({str(folder)!r})
            os.setuid(65534)
            for name in ("m.keras", "new.keras"):
                try:
                    made.save(name)
                except PermissionError as error:
                    print(error)
        """)
        assert done.stdout.splitlines() == [
            "[Errno 13] The file is protected against writing, and stays as it is: 'm.keras'",
            "[Errno 13] Nothing can be written into the folder of this file: 'new.keras'",
        ], done.stderr
        assert value_in(folder / "m.keras") == 1.0
        assert os.listdir(folder) == ["m.keras"]
    finally:
        (folder / "m.keras").unlink()
        folder.rmdir()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="root alone can give a file away")
def test_the_new_file_belongs_to_whom_the_old_one_did(tmp_path: Path):
    path = tmp_path / "m.keras"
    save(model(1.0), path)
    os.chown(path, 65534, 65533)
    path.chmod(0o606)
    save(model(2.0), path)
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65533, 0o606)


def test_a_private_file_is_private_while_it_is_written(tmp_path: Path):
    path = tmp_path / "m.keras"
    save(model(), path)
    path.chmod(0o600)
    with files.replacing(path) as written:
        assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_a_link_to_nowhere_leads_to_the_new_file(tmp_path: Path):
    (tmp_path / "latest.keras").symlink_to(tmp_path / "run1.keras")
    save(model(3.0), tmp_path / "latest.keras")
    assert (tmp_path / "latest.keras").is_symlink()
    assert value_in(tmp_path / "run1.keras") == 3.0


def test_what_killed_processes_left_is_removed_in_time(tmp_path: Path):
    old, young, other = (tmp_path / name for name in (".m.keras.0f.new", ".m.keras.1f.new", ".m2.keras.0f.new"))
    for file in (old, young, other):
        file.write_bytes(b"half")
    for file in (old, other):
        os.utime(file, (0, 0))
    save(model(), tmp_path / "m.keras")
    assert {file.name for file in tmp_path.iterdir()} == {young.name, other.name, "m.keras"}


@pytest.mark.parametrize("ending", FILES)
def test_threads_that_save_to_one_path_never_mix(ending: str, tmp_path: Path):
    path = tmp_path / f"m{ending}"
    models = [model(float(number), units=64) for number in range(3)]
    seen: list[Any] = []
    one_reader = threading.Lock()

    def save_often(made: Any) -> None:
        for _ in range(5):
            try:
                save(made, path)
                with one_reader:
                    seen.append(value_in(path, units=64))
            except Exception as error:  # noqa: BLE001 - it is compared below
                seen.append(error)

    threads = [threading.Thread(target=save_often, args=(made,)) for made in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 15
    assert set(seen) <= {0.0, 1.0, 2.0}
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("ending", ENDINGS)
def test_kill_9_at_any_moment_leaves_a_whole_file(ending: str, tmp_path: Path):
    done = in_a_process(f"""
        from pathlib import Path
        from saving.kills import kill_saves
        print(kill_saves(Path({str(tmp_path / f"m{ending}")!r}), 8, 1))
    """)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
