"""Assets: files that a layer writes beside its weights (a vocabulary, a tokenizer), as Keras 3 keeps them.

A layer with ``save_assets(folder)`` gets an empty folder and writes what it likes into it; ``load_assets(folder)`` gets a
folder with the same files. In a ``.keras`` file they lie under ``assets/``, each layer's at its place in the model.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lamina.saving.weights_h5 import places

ROOT = "assets"
# What no system takes for a way out of the folder, or for a device of its own.
_PLAIN = re.compile(r"[^/\\:\0]+")


@contextlib.contextmanager
def gathered(model: Any) -> Iterator[list[tuple[Path, str]]]:
    """What the layers of a model have to keep: files, for as long as the block runs, and their names in the archive.

    Raises:
        ValueError: for something that is no ordinary file, or has a name that an archive can't hold.
    """
    saving = [(place, module) for place, module in places(model) if callable(getattr(module, "save_assets", None))]
    if not saving:
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="lamina-assets-") as folder:
        for place, module in saving:
            own = Path(folder, ROOT, place)
            own.mkdir(parents=True, exist_ok=True)
            module.save_assets(str(own))  # pyright: ignore[reportCallIssue]
        yield list(_files(Path(folder)))


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    for above, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names) + [name for name in folders if Path(above, name).is_symlink()]:
            path = Path(above, name)
            inside = path.relative_to(folder).as_posix()
            if path.is_symlink() or not path.is_file() or not is_name(inside):
                raise ValueError(f"save_assets left {inside!r}, which a .keras file can't hold: ordinary files with plain "
                                 "names were expected.")  # fmt: skip
            yield path, inside


def is_name(name: str) -> bool:
    """Whether a member of an archive may be called so: a path below ``assets/`` of plain names."""
    parts = name.removesuffix("/").split("/")
    plain = all(_PLAIN.fullmatch(part) and part.strip(". ") and part.isprintable() for part in parts)
    return plain and parts[0] == ROOT and (len(parts) > 1 or name.endswith("/"))


def restore(model: Any, archive: zipfile.ZipFile, read: Callable[[str], bytes], where: str) -> None:
    """Give each layer of a model that reads assets its own from a file; a layer without any in the file is not asked.

    Arguments:
        read: the contents of a member, when its size is what the archive says.

    Raises:
        ValueError: for names that can't be files and folders together, or contents that aren't what the file says.
    """
    names = [name for name in archive.namelist() if name.startswith(f"{ROOT}/") and not name.endswith("/")]
    if not names:
        return
    with tempfile.TemporaryDirectory(prefix="lamina-assets-") as folder:
        for place, module in places(model):
            below = f"{ROOT}/{place}/" if place else f"{ROOT}/"
            own = [name for name in names if name.startswith(below)]
            if own and callable(getattr(module, "load_assets", None)):
                for name in own:
                    _extract(name, Path(folder, name), read, where)
                module.load_assets(str(Path(folder, below)))  # pyright: ignore[reportCallIssue]


def _extract(name: str, path: Path, read: Callable[[str], bytes], where: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():  # a layer above this one had it, too
            return
        path.write_bytes(read(name))
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise ValueError(f"{where} has a member {name!r} where another is a folder, or a file.") from None
