"""``lamina convert``: files of models and weights into other formats, each checked to answer as the one that it was made of.

A file is written beside its place, opened again, and asked with random inputs; only when it answers the same does it take its
place. So a conversion that fails leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lamina import saving, screen
from lamina.graph.symbolic import leaves
from lamina.language import say
from lamina.layers.embeddings import Embedding
from lamina.models import model_from_json, model_from_yaml
from lamina.registry import CustomObjectScope
from lamina.saving import legacy_h5_writer
from lamina.saving.files import open_regular
from lamina.saving.hdf5 import opened
from lamina.saving.kinds import DESCRIPTIONS, MODELS, WEIGHTS, kind_of, refusal
from lamina.saving.legacy_h5 import CONFIG

# The format -> the ending of its files, longer endings first.
FORMATS = {
    "weights.h5": ".weights.h5", "weights.json": ".weights.json", "h5-weights": "_weights.h5", "keras": ".keras", "h5": ".h5",
    "safetensors": ".safetensors", "npz": ".npz", "pt": ".pt", "json": ".json", "yaml": ".yaml",
}  # fmt: skip
_OTHERWISE = {".hdf5": "h5", ".yml": "yaml", ".pth": "pt"}
_WHOLE, _DESCRIBED = ("keras", "h5"), ("json", "yaml")
_FREE_SIZES = (8, 16, 32, 64, 128, 224)  # what is tried for a size that the model leaves free
_BATCH = 2


@dataclass
class Converted:
    """What became of one file.

    Arguments:
        source, target: the files.
        error: why it was not converted; empty when all went well.
        difference: the largest between the outputs of both, as a part of the largest of them.
        layers, numbers: how many the model has.
        notes: warnings on the way.
    """

    source: str
    target: str
    error: str = ""
    difference: float = 0.0
    layers: int = 0
    numbers: int = 0
    notes: list[str] = field(default_factory=list)


def format_of(path: str | os.PathLike[str]) -> str | None:
    """The format that a file's name asks for, or ``None``.

    >>> format_of("a/b.weights.h5"), format_of("m.hdf5"), format_of("folder")
    ('weights.h5', 'h5', None)
    """
    name = os.path.basename(path)
    endings = {**{ending: kind for kind, ending in FORMATS.items() if kind != "h5-weights"}, **_OTHERWISE}
    return next((kind for ending, kind in endings.items() if name.lower().endswith(ending)), None)


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    to: str | None = None,
    model: str | os.PathLike[str] | None = None,
    custom_objects: dict[str, Any] | None = None,
    overwrite: bool = False,
    compile: bool = True,
) -> Converted:
    """Convert one file, and check that what it became answers as it did.

    Arguments:
        source: a model or weights of any generation, a description in JSON or YAML.
        target: the new file; its name says the format, or ``to`` does.
        to: a key of ``FORMATS``.
        model: the model that weights alone belong to: a file of it, or its JSON or YAML.
        custom_objects: your own classes and functions that the files name.
        overwrite: whether a file that is there may be replaced.
        compile: whether to keep how the model was compiled, and its optimizer's state.

    Raises:
        ValueError, OSError, ...: what is wrong with the file, or what the format has no words for. Nothing is written then.
    """
    source, target = os.fspath(source), Path(os.path.realpath(target))  # of a link, what it leads to is replaced
    wanted = to or format_of(target)
    if wanted is None:
        raise ValueError(f"The name of {os.fspath(target)!r} says no format: let it end in {', '.join(FORMATS.values())}, or "
                         f"say which with --to.")  # fmt: skip
    if target.exists() and not overwrite:
        raise ValueError(f"{target} exists; --overwrite replaces it.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent} is no folder, so {target.name} can't be saved there.")
    done = Converted(source, os.fspath(target))
    with CustomObjectScope(custom_objects or {}), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fresh = _loader(source, model, wanted, compile)
        original = fresh()
        done.layers, done.numbers = len(original.layers), original.count_params()
        with tempfile.TemporaryDirectory(prefix=".lamina-", dir=target.parent) as folder:
            written = Path(folder, target.name)
            _write(original, written, wanted, compile)
            done.difference = _difference(original, _read_back(original, written, wanted, fresh))
            _put_in_place(Path(folder), target, overwrite)
    done.notes = list(dict.fromkeys(str(one.message) for one in caught))
    return done


# ---- reading and writing -------------------------------------------------------------------------------------------


def _loader(source: str, model: str | os.PathLike[str] | None, wanted: str, compile: bool) -> Callable[[], Any]:
    """A function that makes the model of a file, as often as it is called."""
    kind = kind_of(source)
    if kind in DESCRIPTIONS:
        if wanted not in _DESCRIBED:
            raise ValueError(f"{source} describes a model, and has no weights for a {FORMATS[wanted]} file: give the file of "
                             "the weights, and this one as --model.")  # fmt: skip
        return lambda: _described(source, kind)
    if kind not in WEIGHTS:
        raise refusal(source, kind, "model")
    if model is not None:
        return lambda: _with_weights(_model_in(model, compile), source)
    if kind not in MODELS or (kind == "hdf5" and not _has_model(source)):
        raise ValueError(f"{source} holds weights alone: say which model they belong to with --model FILE (a model of any "
                         "format, or its JSON).")  # fmt: skip
    return lambda: saving.load_model(source, compile=compile)


def _has_model(path: str) -> bool:
    with opened(path) as root:
        return root.attribute(CONFIG) is not None


def _model_in(path: str | os.PathLike[str], compile: bool) -> Any:
    kind = kind_of(path)
    return _described(path, kind) if kind in DESCRIPTIONS else saving.load_model(path, compile=compile)


def _described(path: str | os.PathLike[str], kind: str) -> Any:
    with open_regular(path) as stream:
        text = stream.read().decode("utf-8", "replace")
    return model_from_json(text) if kind == "json" else model_from_yaml(text)


def _with_weights(model: Any, path: str) -> Any:
    model.load_weights(path)
    return model


def _write(model: Any, path: Path, wanted: str, compile: bool) -> None:
    if wanted in _DESCRIBED:
        path.write_text(model.to_json() if wanted == "json" else model.to_yaml(), encoding="utf-8")
    elif wanted in _WHOLE:
        saving.save_model(model, path, include_optimizer=compile, save_format=wanted)
    elif wanted == "h5-weights":
        legacy_h5_writer.save_weights(model, path)
    else:
        saving.save_weights(model, path)


def _read_back(original: Any, path: Path, wanted: str, fresh: Callable[[], Any]) -> Any:
    """The model that the new file gives: made of it, or with weights that are its alone."""
    if wanted in _WHOLE:
        return saving.load_model(path, compile=False)
    if wanted in _DESCRIBED:
        back = _described(path, wanted)
        back.set_weights(original.get_weights())
        return back
    back = fresh()
    with torch.no_grad():
        for weight in back.weights:
            weight.fill_(3)  # which the file has to change
    back.load_weights(path)
    return back


def _put_in_place(folder: Path, target: Path, overwrite: bool) -> None:
    """Move what was written out of its folder: pieces first, then the file that names them."""
    written = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda one: one.name == target.name)
    there = [path.name for path in written if target.with_name(path.name).exists()]
    if there and not overwrite:
        raise ValueError(f"{target.with_name(there[0])} exists; --overwrite replaces it.")
    for path in written:
        if path.name in there:
            shutil.copymode(target.with_name(path.name), path)
        os.replace(path, target.with_name(path.name))


# ---- asking both ---------------------------------------------------------------------------------------------------


def _difference(one: Any, other: Any) -> float:
    """How far the outputs of two models are apart for random inputs of their signature, as a part of the largest output.

    Raises:
        ValueError: when that is more than rounding, or the models can't be asked.
    """
    inputs, outputs = _asked(one)
    answered = _outputs(other, inputs)
    largest, furthest = (
        max((float(np.abs(array[np.isfinite(array)]).max(initial=0)) for array in outputs), default=0.0),
        0.0,
    )
    if [array.shape for array in outputs] != [array.shape for array in answered]:
        raise ValueError(f"The converted model gives outputs of the shapes {[array.shape for array in answered]}, and the "
                         f"original of {[array.shape for array in outputs]}.")  # fmt: skip
    for mine, theirs in zip(outputs, answered, strict=True):
        known = np.isfinite(mine)
        if (known != np.isfinite(theirs)).any() or not np.array_equal(mine[~known], theirs[~known], equal_nan=True):
            raise ValueError("The converted model gives NaN or infinity where the original does not, or the other way.")
        furthest = max(furthest, float(np.abs(mine[known] - theirs[known]).max(initial=0)))
    difference = furthest / (largest or 1.0)
    if difference > 1e-5:
        raise ValueError(f"The converted model answers otherwise than the original: outputs differ by {furthest:.3g}, and the "
                         f"largest is {largest:.3g}.")  # fmt: skip
    return difference


def _asked(model: Any) -> tuple[Any, list[np.ndarray]]:
    """Random inputs that a model takes, and its outputs; sizes that it leaves free are found by trying."""
    specs = _signature(model)
    error: Exception | None = None
    for size in _FREE_SIZES if any(None in shape[1:] for shape, _ in specs) else _FREE_SIZES[:1]:
        inputs = _random(model, specs, size)
        try:
            return inputs, _outputs(model, inputs)
        except Exception as refused:  # noqa: BLE001 - whatever the layers make of a size that is too small
            error = refused
    raise ValueError(
        f"The model can't be asked with random inputs, so nothing is known of the conversion: {error}"
    ) from error


def _signature(model: Any) -> list[tuple[tuple[int | None, ...], Any]]:
    """``(shape, dtype)`` of each input."""
    symbolic = getattr(model, "inputs", None)
    if symbolic:
        return [(tuple(tensor.shape), tensor.dtype) for tensor in leaves(symbolic)]
    shape = (model.get_build_config() or {}).get("input_shape")
    if isinstance(shape, (list, tuple)) and all(size is None or isinstance(size, int) for size in shape):
        return [(tuple(shape), torch.float32)]
    raise ValueError(
        "The model does not say what inputs it takes, so it can't be asked whether the new file answers the same."
    )


def _random(model: Any, specs: list[Any], size: int) -> list[np.ndarray]:
    """Random numbers; whole ones that every ``Embedding`` has a row for where there is one."""
    rows = [layer.input_dim for layer in _layers_of(model) if isinstance(layer, Embedding)]
    draw = np.random.default_rng(0)
    found: list[np.ndarray] = []
    for shape, dtype in specs:
        sizes = [_BATCH if shape[0] is None else shape[0], *(size if one is None else one for one in shape[1:])]
        name = str(dtype).removeprefix("torch.")
        if name == "bool":
            found.append(draw.integers(0, 2, sizes).astype(bool))
        elif "int" in name or rows:
            found.append(draw.integers(0, min([*rows, 100]), sizes).astype(name if "int" in name else "float32"))
        else:
            found.append(draw.normal(size=sizes).astype("float32"))
    return found


def _layers_of(model: Any) -> Iterator[Any]:
    yield from (module for module in model.modules() if module is not model)


def _outputs(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    if hasattr(model, "reset_states"):
        model.reset_states()
    outputs = model.predict_on_batch(inputs if len(inputs) > 1 else inputs[0])
    return [np.asarray(one, dtype=np.float64) for one in leaves(outputs)]


# ---- many files ----------------------------------------------------------------------------------------------------


def targets_of(paths: Sequence[str], to: str | None) -> list[tuple[str, str]]:
    """Which file each is converted to: the last path is a file or a folder; with ``to`` alone they go beside.

    >>> targets_of(["a.h5", "b.keras"], None), targets_of(["a.h5"], "weights.h5")
    ([('a.h5', 'b.keras')], [('a.h5', 'a.weights.h5')])
    """
    *first, last = paths
    is_folder = os.path.isdir(last) or last.endswith((os.sep, "/"))
    is_target = bool(first) and (is_folder or not os.path.exists(last) or to is None)
    sources, target = (first, last) if is_target else (list(paths), None)
    if not sources or (to is None and target is None):
        raise ValueError("Give the file to convert and then the new one, or the format with --to.")
    if target is None:
        return [(source, os.path.join(os.path.dirname(source), _named(source, str(to)))) for source in sources]
    if is_folder or (len(sources) > 1 and format_of(target) is None):
        if to is None:
            raise ValueError(f"{target} is a folder: say which format is wanted with --to.")
        return [(source, os.path.join(target, _named(source, to))) for source in sources]
    if len(sources) > 1:
        raise ValueError(f"{len(sources)} files can't all become {target!r}: give a folder, and --to.")
    return [(sources[0], target)]


def _named(source: str, to: str) -> str:
    name = os.path.basename(source.rstrip("/"))
    for ending in (*FORMATS.values(), *_OTHERWISE):
        if name.lower().endswith(ending) and ending != "_weights.h5":
            return name[: -len(ending)] + FORMATS[to]
    return f"{name}{FORMATS[to]}"


def convert_all(pairs: Iterable[tuple[str, str]], stream: Any = None, **options: Any) -> int:
    """Convert files, a line each, and say how it went. One that fails does not stop the others.

    Arguments:
        pairs: ``(source, target)``. options: those of :func:`convert`.

    Returns:
        0 when all were converted and checked, else 1.
    """
    language = screen.language_of(stream)
    pairs, taken, failed = list(pairs), set[str](), 0
    for source, target in pairs:
        key, is_new = os.path.realpath(target), False
        try:
            if key in taken:
                raise ValueError(f"{target} was made of another of these files.")
            folder = Path(target).parent
            is_new = not folder.exists()
            folder.mkdir(parents=True, exist_ok=True)
            done = convert(source, target, **options)
            taken.add(key)
        except Exception as error:  # noqa: BLE001 - one file's trouble is told, and the next one's turn comes
            failed += 1
            if is_new:
                with contextlib.suppress(OSError):
                    Path(target).parent.rmdir()
            screen.show(say("convert.failed", language, source=source, error=error), stream)
            continue
        screen.show(say("convert.done", language, source=source, target=target, layers=done.layers, numbers=done.numbers,
                        difference=f"{done.difference:.1g}"), stream)  # fmt: skip
        for note in done.notes:
            screen.show(say("convert.note", language, note=note), stream)
    screen.show(
        say("convert.summary", language, count=len(pairs), converted=len(pairs) - failed, failed=failed), stream
    )
    return int(failed > 0)
