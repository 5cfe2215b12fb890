"""``get_file``: files that Keras's ``get_file`` has downloaded, or that lie elsewhere on this machine; archives unpacked."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.parse
import zipfile
from pathlib import Path

from lamina import config
from lamina.dialects import any_spelling, dialect

__all__ = ["get_file", "validate_file"]

_NEWEST = (None, "keras3")


@any_spelling("get_file")
def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | tuple[str, ...] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file that Keras's ``get_file`` has downloaded before, or of a copy of one on this machine; lamina downloads
    nothing.

    Arguments:
        fname: the file's name, by default the last part of ``origin``.
        origin: ``file://...`` is copied; any other address is only named in the error.
        cache_subdir, cache_dir: the folder, ``datasets`` in ``$KERAS_HOME`` by default.
        md5_hash, file_hash, hash_algorithm: the file's hash, which is checked if it is given.
        untar, extract: unpack the archive. Keras 3 returns the folder that it is unpacked into; before, it was unpacked beside
            itself, and ``untar`` returned ``fname`` without ``.tar.gz``, ``extract`` the archive.
        archive_format: ``"auto"``, ``"tar"``, ``"zip"``, several of them, or ``None`` for no archive.
        force_download: copy it again.

    Raises:
        FileNotFoundError: when the file is not there.
        ValueError: when neither ``fname`` nor ``origin`` names a file, the hash is another, or a file in the archive would lie
            outside of its folder.
    """
    name = os.fspath(fname) if fname else urllib.parse.urlsplit(origin or "").path.rpartition("/")[2]
    if not name:
        raise ValueError("get_file needs the name of a file, as `fname` or as the last part of `origin`.")
    folder = (config.keras_home() if cache_dir is None else Path(cache_dir).expanduser()) / cache_subdir
    archive, result, into = _places(folder, name, bool(fname), untar, extract)
    source = _on_this_machine(origin)
    wanted = (md5_hash, "md5") if file_hash is None else (file_hash, hash_algorithm)
    fits = archive.exists() and (wanted[0] is None or validate_file(archive, wanted[0], wanted[1]))
    if source is not None and (force_download or not fits):
        _copy(source, archive)
        fits = wanted[0] is None or validate_file(archive, wanted[0], wanted[1])
    if not archive.exists():
        if (
            (untar or extract) and result.exists() and result != archive
        ):  # Keras has unpacked it, and somebody tidied up
            return str(result)
        fetch = f"fetch {origin} yourself" if origin else "fetch it yourself"
        raise FileNotFoundError(
            f"{str(archive)!r} is not there, and lamina downloads nothing: {fetch}, and put it there."
        )
    if not fits:
        raise ValueError(
            f"{str(archive)!r} has another hash than {wanted[0]}: it is incomplete or another file. Fetch it anew."
        )
    if (untar or extract) and archive.is_file():
        unpack(archive, into, "tar" if untar else archive_format)
    return str(result)


def _places(folder: Path, name: str, is_named: bool, untar: bool, extract: bool) -> tuple[Path, Path, Path]:
    """Where the file lies, what is returned, and where it is unpacked."""
    path = folder / name
    if not (untar or extract):
        return path, path, folder
    if dialect() not in _NEWEST:
        return (folder / f"{name}.tar.gz", path, folder) if untar else (path, path, folder)
    if is_named and "." in name:
        into = folder / f"{name[: name.find('.')]}_extracted"
        return path, into, into
    return folder / f"{name}_archive", path, path


def _on_this_machine(origin: str | None) -> Path | None:
    if origin is None or not origin.startswith("file://"):
        return None
    path = Path(urllib.parse.unquote(urllib.parse.urlsplit(origin).path))
    if not path.exists():
        raise FileNotFoundError(f"{origin!r} is not there.")
    return path


def _copy(source: Path, target: Path) -> None:
    """Beside its place first, so that there is never half a file under its name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as beside:
        shutil.copyfile(source, Path(beside) / "copy")
        os.replace(Path(beside) / "copy", target)


def unpack(archive: Path, into: Path, archive_format: str | list[str] | tuple[str, ...] | None = "auto") -> bool:
    """Unpack a tar or zip file; whether it was one.

    Raises:
        ValueError: for an archive with a file that would lie outside of the folder, of which nothing is unpacked then.
    """
    kinds = ("tar", "zip") if archive_format == "auto" else archive_format or ()
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    if "tar" in kinds and tarfile.is_tarfile(archive):
        with tarfile.open(archive) as file:
            _check(archive, into, file.getnames())
            try:
                file.extractall(into, filter="data")
            except tarfile.FilterError as error:
                raise ValueError(
                    f"{str(archive)!r} has something in it that no archive of data has: {error}."
                ) from None
        return True
    if "zip" in kinds and zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            _check(archive, into, file.namelist())
            file.extractall(into)
        return True
    return False


def _check(archive: Path, into: Path, names: list[str]) -> None:
    top = into.resolve()
    for name in names:
        if not (top / name).resolve().is_relative_to(top):
            raise ValueError(
                f"{str(archive)!r} has a file {name!r}, which would lie outside of {str(into)!r}: nothing is unpacked."
            )


def validate_file(
    fpath: str | os.PathLike[str], file_hash: str, algorithm: str = "auto", chunk_size: int = 65535
) -> bool:
    """Whether a file has this hash.

    Arguments:
        fpath: the file.
        file_hash: in hexadecimal digits.
        algorithm: ``"md5"``, ``"sha256"``, or ``"auto"``, which goes by the number of digits.
        chunk_size: how many bytes are read at a time.
    """
    is_sha = algorithm == "sha256" or (algorithm == "auto" and len(file_hash) == 64)
    found = hashlib.sha256() if is_sha else hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            found.update(chunk)
    return found.hexdigest() == str(file_hash)
