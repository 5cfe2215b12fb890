"""get_file: files of this machine and what is in archives, as Keras does it; nothing leaves its folder."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import keras
import pytest

from lamina.dialects import set_dialect, using_dialect
from lamina.utils import get_file
from lamina.utils.fetched import validate_file


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("a cat")
    with tarfile.open(tmp_path / "words.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "words.txt", "words/words.txt")
    with zipfile.ZipFile(tmp_path / "words.zip", "w") as archive:
        archive.write(tmp_path / "words.txt", "words/words.txt")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        {"fname": "words.txt"},
        {"fname": "other.txt"},
        {},
        {"fname": "words.tar.gz", "extract": True},
        {"fname": "words.zip", "extract": True},
        {"fname": "w", "origin": "words.tar.gz", "untar": True},
        {"origin": "words.zip", "extract": True},
        {"fname": "words.txt", "extract": True},
    ],
)
@pytest.mark.filterwarnings("ignore:Could not extract")
def test_files_lie_where_keras_puts_them(arguments: dict[str, Any], archives: Path, tmp_path: Path):
    name = arguments.get("origin", arguments.get("fname", "words.txt").replace("other", "words"))
    found = []
    for number, function in enumerate((get_file, keras.utils.get_file)):
        home = tmp_path / f"home{number}"
        home.mkdir()
        path = function(**{**arguments, "origin": f"file://{archives / name}"}, cache_dir=str(home))
        files = {str(file.relative_to(home)): file.read_bytes() for file in home.rglob("*") if file.is_file()}
        found.append((str(Path(path).relative_to(home)), files))
    assert found[0] == found[1]


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "tf_keras"])
def test_older_generations_unpack_beside_the_archive(dialect: str, archives: Path, tmp_path: Path):
    origin = f"file://{archives}/words.tar.gz"
    with using_dialect(dialect):
        path = get_file("words", origin, untar=True, cache_dir=str(tmp_path / "home"))
    assert Path(path) == tmp_path / "home" / "datasets" / "words"
    assert (Path(path) / "words.txt").read_text() == "a cat"


def test_a_hash_is_checked(archives: Path, tmp_path: Path):
    home, origin = str(tmp_path / "home"), f"file://{archives}/words.txt"
    right = hashlib.sha256(b"a cat").hexdigest()
    path = get_file("words.txt", origin, file_hash=right, cache_dir=home)
    assert validate_file(path, hashlib.md5(b"a cat").hexdigest())
    assert not validate_file(path, right, algorithm="md5")
    with pytest.raises(ValueError, match="has another hash than abc"):
        get_file("words.txt", origin, md5_hash="abc", cache_dir=home)
    Path(path).write_text("half a c")
    assert Path(get_file("words.txt", origin, file_hash=right, cache_dir=home)).read_text() == "a cat"
    Path(path).write_text("half a c")
    with pytest.raises(ValueError, match="has another hash"):
        get_file("words.txt", "https://example.org/words.txt", file_hash=right, cache_dir=home)


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/lamina-out.txt", "a/../../out.txt"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_nothing_is_unpacked_outside_of_its_folder(kind: str, name: str, tmp_path: Path):
    path = tmp_path / f"bad.{kind}"
    if kind == "tar":
        with tarfile.open(path, "w") as tar:
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"bad"))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "bad")
    before = {file for file in tmp_path.rglob("*")}
    with pytest.raises(ValueError, match="would lie outside of"):
        get_file(f"bad.{kind}", f"file://{path}", extract=True, cache_dir=str(tmp_path / "home"))
    assert {file.name for file in tmp_path.rglob("*")} - {file.name for file in before} == {"home", "datasets"}
    assert not Path("/tmp/lamina-out.txt").exists()


def test_links_out_of_the_folder_are_refused(tmp_path: Path):
    path = tmp_path / "bad.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(ValueError, match="no archive of data has"):
        get_file("bad.tar", f"file://{path}", extract=True, cache_dir=str(tmp_path / "home"))


def test_what_is_not_there_is_said(tmp_path: Path):
    set_dialect(None)
    with pytest.raises(FileNotFoundError, match=r"lamina downloads nothing: fetch https://x.org/a.txt yourself"):
        get_file("a.txt", "https://x.org/a.txt", cache_dir=str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"'file:///nowhere/a.txt' is not there"):
        get_file("a.txt", "file:///nowhere/a.txt", cache_dir=str(tmp_path))
