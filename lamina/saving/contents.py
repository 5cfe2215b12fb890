"""What is in a file of a model or of weights: read by the strict readers, and nothing made of it.

:func:`describe` opens any kind of file, whole, broken or hostile: what is wrong with one is a part of what it says.
"""

from __future__ import annotations

import contextlib
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import torch

from lamina.dialects.translator import GENERATIONS
from lamina.language import say
from lamina.saving import keras_zip, legacy_h5, npz, safetensors, torch_files
from lamina.saving.files import open_regular, read_json
from lamina.saving.hdf5 import Group, opened
from lamina.saving.kinds import DESCRIPTIONS, WEIGHTS, kind_of, refusal
from lamina.saving.named_weights import Stored
from lamina.saving.needed import Needed, own_objects
from lamina.saving.older_configs import KERAS1_WORDS, dialect_of
from lamina.saving.outline import Array, LayerOutline, Outline, outline_of
from lamina.saving.shards import opened_pieces
from lamina.saving.yaml_text import read_yaml

# Numbers are read for their figures where that takes no longer than a look: so many bytes of one array, and of all.
MAX_FIGURES, MAX_ALL_FIGURES = 2**26, 2**28
_MOST_ARRAYS = 1_000_000
_TRAINING_STATE = re.compile(
    r"^(optimizer|loss|compile_metrics|metrics)(/|$)|optimizer_weights/|lamina_(optimizer|training)/"
)


@dataclass
class Note:
    """A sentence about a file: its key in the table of sentences, and its figures."""

    key: str
    figures: dict[str, Any] = field(default_factory=dict)

    def text(self, language: str | None = None) -> str:
        """The sentence."""
        return say(f"contents.{self.key}", language, **self.figures)


@dataclass
class Contents:
    """What :func:`describe` found in a file.

    Arguments:
        kind: what it is (``"keras"``, ``"hdf5"``, ``"json"``, ...), see :mod:`lamina.saving.kinds`.
        layout: what is in it: ``"model"``, ``"weights"``, ``"description"``; empty for what lamina does not open.
        generation: who wrote it, ``"Keras 2.2.4"``; the evidence is beside.
        dialect: the table that its words are read by; ``None`` is Keras 3's.
        outline: the model as its config says, ``None`` for weights alone.
        layers: the layers with their arrays; of weights alone, what they can be told to be.
        arrays: all arrays, those of the optimizer apart (``state``).
        training: how it was compiled, as the file says.
        own: classes and functions of the author's that the file names.
        unusual: what deserves a look.
        faults: what is wrong, a sentence each.
    """

    path: str
    kind: str = ""
    layout: str = ""
    size: int = 0
    generation: str = ""
    dialect: str | None = None
    evidence: list[Note] = field(default_factory=list)
    backend: str = ""
    saved: str = ""
    outline: Outline | None = None
    layers: list[LayerOutline] = field(default_factory=list)
    arrays: list[Array] = field(default_factory=list)
    state: list[Array] = field(default_factory=list)
    training: dict[str, Any] = field(default_factory=dict)
    assets: list[str] = field(default_factory=list)
    own: list[Needed] = field(default_factory=list)
    unusual: list[Note] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many numbers the weights have."""
        return sum(array.count for array in self.arrays)

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values, with sentences in English."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "outline"}
        model = None if self.outline is None else {
            "name": self.outline.name, "class_name": self.outline.class_name, "form": self.outline.form,
            "inputs": self.outline.inputs, "outputs": self.outline.outputs}  # fmt: skip
        totals = {"weights": self.count, "weights_bytes": sum(array.bytes for array in self.arrays)}
        return {**_plain(found), "model": model, "totals": totals}


def _plain(value: Any) -> Any:
    if isinstance(value, Note):
        return value.text("en")
    if isinstance(value, Needed):
        return {**asdict(value), "call": value.call(), "lines": value.lines()}
    if isinstance(value, LayerOutline):
        return {**_plain({one.name: getattr(value, one.name) for one in fields(value)}), "count": value.count}
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def describe(path: str | os.PathLike[str], figures: bool = False) -> Contents:
    """What is in a file, of any kind and in any state. Only a file that is not there is an error.

    Arguments:
        figures: whether to read the numbers of arrays, where they are not too many, for their least, largest and so on.

    Raises:
        FileNotFoundError: when there is no such file.

    >>> import tempfile
    >>> from lamina.layers import Dense, Input
    >>> from lamina.models import Sequential
    >>> file = tempfile.mkdtemp() + "/model.keras"
    >>> Sequential([Input((3,), name="input"), Dense(2, name="last")]).save(file)
    >>> contents = describe(file)
    >>> contents.generation, [(layer.name, layer.output_shape, layer.count) for layer in contents.layers]
    ('Keras 3.15.1', [('input', [None, 3], 0), ('last', [None, 2], 8)])
    """
    reader = _Reader(os.fspath(path), figures)
    with reader.noting():
        reader.read()
    return reader.contents


class _Arrays:
    """Notes the arrays of one file, and what is wrong with them."""

    def __init__(self, path: str, figures: bool) -> None:
        self.contents = Contents(path)
        self.figures = figures
        self.figures_left = MAX_ALL_FIGURES
        self.layer_names: dict[str, str] = {}  # the names that .weights.h5 files keep, by place

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """Inside, an error is a fault of the file."""
        try:
            yield
        except FileNotFoundError:
            raise
        except RecursionError:
            self.contents.faults.append(f"{self.contents.path} is nested too deeply.")
        except Exception as error:  # noqa: BLE001 - whatever a broken file brings about is what is to be said of it
            said = str(error) if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {error}"
            if said not in self.contents.faults:
                self.contents.faults.append(said)

    def _arrays_by_place(self, roots: Iterable[Group]) -> None:
        """The arrays of a file in Keras 3's layout, or of its pieces, each at its layer."""
        found = self.contents
        for array in (array for root in roots for array in self._below(root, "", self.layer_names)):
            (found.state if _TRAINING_STATE.search(array.place) else found.arrays).append(array)
        owners = {layer.place: layer for layer in found.layers}
        for array in found.arrays:
            owner = array.place.partition("/vars/")[0] if "/vars/" in array.place else array.place.rpartition("/")[0]
            place = owner
            while place and place not in owners:
                place = place.rpartition("/")[0]
            if not place:
                place = owner
                owners[place] = LayerOutline(owner.removeprefix("layers/") or "vars", "", place)
                found.layers.append(owners[place])
            owners[place].arrays.append(array)
        for place, name in self.layer_names.items():  # files name layers that configs may name otherwise
            layer = owners.get(place)
            if layer is not None and name and layer.class_name and name != layer.name:
                found.unusual.append(Note("other_name", {"place": place, "file": name, "config": layer.name}))

    def _arrays_by_layer(self, weights: Group, at_root: bool) -> None:
        """The arrays of a file in the layout of Keras 1 and 2."""
        found = self.contents
        names = weights.strings("layer_names")
        if names is None:
            names = [name for name in weights.names() if weights.is_group(name)]
        owners = {layer.name: layer for layer in found.layers if not layer.depth}
        for name in names:
            with self.noting():
                group = weights.group(name)
                listed = group.strings("weight_names")
                arrays = self._listed(group, listed, name) if listed is not None else self._below(group, name)
                if name not in owners:
                    owners[name] = LayerOutline(name, "", name)
                    if found.layout == "weights":
                        found.layers.append(owners[name])
                    elif arrays:
                        found.faults.append(f"{group.where} has weights, and the config has no layer {name!r:.80}.")
                owners[name].arrays = arrays
                found.arrays += arrays
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            found.faults.append(f"{weights.where} lists the layer {twice!r:.80} twice.")
        if weights.attribute("layer_names") is None and weights.strings("layer_names"):
            found.unusual.append(Note("long_lists"))

    def _listed(self, group: Group, names: Iterable[str], place: str) -> list[Array]:
        arrays = []
        for name in names:
            above, _, last = name.strip("/").rpartition("/")
            inner = group.find(above) if above else group
            if inner is None or last not in inner:
                self.contents.faults.append(f"{group.where} has no {name!r:.80}, which its list of weights names.")
                continue
            with self.noting():
                arrays.append(self._array(inner, last, f"{place}/{name}"))
        return arrays

    def _below(self, root: Group, place: str, layer_names: dict[str, str] | None = None) -> list[Array]:
        """Every array below a group, in order; groups that are inside themselves are a fault."""
        arrays: list[Array] = []
        pending = [(root, place)]
        seen = {root.address}
        while pending:
            group, here = pending.pop()
            if layer_names is not None and here.rpartition("/")[2] == "vars":
                layer_names[here.rpartition("/")[0]] = group.text("name") or ""
            inner: list[tuple[Group, str]] = []
            for name in sorted(group.names(), key=_natural):
                with self.noting():
                    below = f"{here}/{name}".lstrip("/")
                    if not group.is_group(name):
                        arrays.append(self._array(group, name, below))
                        continue
                    found = group.group(name)
                    if found.address in seen:
                        raise ValueError(f"{found.where} is a second way to a group that was there before.")
                    seen.add(found.address)
                    inner.append((found, below))
            pending += reversed(inner)
            if len(arrays) > _MOST_ARRAYS:
                raise ValueError(f"{root.where} has more than {_MOST_ARRAYS} arrays.")
        return arrays

    def _array(self, group: Group, name: str, place: str) -> Array:
        shape, dtype, size = group.entry(name)
        array = Array(place, shape, dtype, size)
        self._figure(array, lambda: group.read(name))
        return array

    def _named(self, stored: dict[str, Stored]) -> None:
        """Arrays that go by keys with dots, or by numbers."""
        found = self.contents
        found.layout = "weights"
        owners: dict[str, LayerOutline] = {}
        for key, one in stored.items():
            array = Array(key, one.shape, one.dtype, one.bytes)
            found.arrays.append(array)
            owner = key.rpartition("." if "." in key else "/")[0] or key
            if owner not in owners:
                owners[owner] = LayerOutline(owner, "", owner)
            owners[owner].arrays.append(array)
            with self.noting():
                self._figure(array, one.read)
        found.layers = list(owners.values())

    def _figure(self, array: Array, read: Callable[[], Any]) -> None:
        """Read an array for its figures, if they are wanted and it is not too large."""
        if not self.figures or not array.count or array.bytes > min(MAX_FIGURES, self.figures_left):
            return
        self.figures_left -= array.bytes
        read_values = read()
        values = read_values.to(torch.float64).numpy() if isinstance(read_values, torch.Tensor) else read_values
        if values.dtype.kind not in "fiub":
            return
        values = values.astype(np.float64)
        finite = np.isfinite(values)
        array.figures["not_finite"] = int(values.size - finite.sum())
        if finite.any():
            known = values[finite]
            array.figures |= {"min": float(known.min()), "max": float(known.max()), "mean": float(known.mean()),
                              "std": float(known.std())}  # fmt: skip


class _Reader(_Arrays):
    """Fills the contents of one file, part by part: a part that is broken leaves the others."""

    def read(self) -> None:
        found = self.contents
        found.kind = kind_of(found.path)
        if os.path.isfile(found.path):
            found.size = os.path.getsize(found.path)
        if found.kind not in WEIGHTS + DESCRIPTIONS:
            raise refusal(found.path, found.kind)
        getattr(self, f"_read_{found.kind}", self._read_other)()
        self._look_at_arrays()

    # -- kinds of files --

    def _read_keras(self) -> None:
        found, where = self.contents, self.contents.path
        found.layout = "model"
        with open_regular(where) as stream, keras_zip._archive(stream, where) as archive:
            names = archive.namelist()
            metadata: Any = {}
            if keras_zip.METADATA in names:
                with self.noting():
                    metadata = read_json(
                        keras_zip._read(archive, keras_zip.METADATA, where), f"{where}/{keras_zip.METADATA}"
                    )
            else:
                found.unusual.append(Note("no_metadata"))
            metadata = metadata if isinstance(metadata, dict) else {}
            found.saved = str(metadata.get("date_saved") or "")
            found.assets = [name for name in names if name.startswith("assets/") and not name.endswith("/")]
            with self.noting():
                place = f"{where}/{keras_zip.CONFIG}"
                config = read_json(keras_zip._read(archive, keras_zip.CONFIG, where), place)
                self._config(config, metadata.get("keras_version"))
                if isinstance(config, dict) and isinstance(config.get("compile_config"), dict):
                    found.training = config["compile_config"]
            with self.noting(), keras_zip._weights(stream, archive, where) as weights, weights() as root:
                self._arrays_by_place([root])

    def _read_hdf5(self) -> None:
        found = self.contents
        with opened(found.path) as root:
            legacy = legacy_h5.is_legacy(root) or root.attribute(legacy_h5.CONFIG) is not None
            if not legacy and root.attribute("nb_layers") is None:
                found.layout = "weights"
                self._arrays_by_place([root])
                self._generation_by_places()
                return
            found.layout = "weights" if root.attribute(legacy_h5.CONFIG) is None else "model"
            weights = root.group(legacy_h5.WEIGHTS) if legacy_h5.WEIGHTS in root else root
            version = root.text("keras_version") or weights.text("keras_version")
            found.backend = root.text("backend") or weights.text("backend") or ""
            if found.layout == "model":
                with self.noting():
                    place = f"{root.where}, {legacy_h5.CONFIG}"
                    self._config(read_json(root.text(legacy_h5.CONFIG) or "", place), version)
                with self.noting():
                    training = legacy_h5.training_in(root) or {}
                    if not isinstance(training, dict):
                        raise ValueError(
                            f"{root.where}, {legacy_h5.TRAINING} must be a dictionary, and is {training!r:.80}."
                        )
                    found.training = training
                    found.own += own_objects(found.training, "training_config", None)
            with self.noting():
                self._arrays_by_layer(weights, weights is root)
            if found.layout == "weights":
                self._generation(
                    version, None, [array.place for array in found.arrays], weights.attribute("nb_layers") is not None
                )
            if root.attribute(legacy_h5.OWN_CONFIG) is not None:
                found.evidence.append(Note("by_lamina"))
            if legacy_h5.OPTIMIZER in root:
                with self.noting():
                    found.state = self._below(root.group(legacy_h5.OPTIMIZER), legacy_h5.OPTIMIZER)

    def _read_json(self) -> None:
        with open_regular(self.contents.path) as stream:
            config = read_json(stream.read(), self.contents.path)
        self._description(config)

    def _read_yaml(self) -> None:
        with open_regular(self.contents.path) as stream:
            self._description(read_yaml(stream.read(), self.contents.path))

    def _read_shards(self) -> None:
        self.contents.layout = "weights"
        with opened_pieces(self.contents.path) as pieces:
            self._arrays_by_place(pieces.groups)
        self._generation_by_places()

    def _description(self, config: Any) -> None:
        self.contents.layout = "description"
        version = config.get("keras_version") if isinstance(config, dict) else None
        self.contents.backend = str(config.get("backend") or "") if isinstance(config, dict) else ""
        self._config(config, version)
        if isinstance(config, dict) and isinstance(config.get("compile_config"), dict):
            self.contents.training = config["compile_config"]

    def _read_safetensors(self) -> None:
        with open_regular(self.contents.path) as stream:
            metadata, stored = safetensors.tensors_in(stream, self.contents.path)
            self._named(stored)
        self.contents.generation = (
            "lamina" if metadata.get("lamina") else "PyTorch" if metadata.get("format") == "pt" else ""
        )
        self.contents.evidence.append(Note("metadata", {"metadata": _listed(metadata)}))

    def _read_npz(self) -> None:
        with open_regular(self.contents.path) as stream, zipfile.ZipFile(stream) as archive:
            self._named(npz.arrays_in(archive, self.contents.path))
        self.contents.generation = "NumPy"

    def _read_torch(self) -> None:
        self._named(torch_files.tensors_in(torch_files.state_in(self.contents.path), self.contents.path))
        self.contents.generation = "PyTorch"

    def _read_other(self) -> None:
        raise ValueError(f"lamina does not look into files of the kind {self.contents.kind!r} yet.")

    # -- configs --

    def _config(self, config: Any, version: Any) -> None:
        found = self.contents
        self._generation(version, config, [])
        found.outline = outline_of(config)
        found.layers = found.outline.layers
        found.faults += found.outline.faults
        found.own += own_objects(config)
        for needed in found.own:
            if needed.form == "code":
                found.unusual.append(Note("code", {"layer": needed.name}))

    def _generation(self, version: Any, config: Any, names: list[str], is_oldest: bool = False) -> None:
        """Which Keras wrote the file, and by what that is known."""
        found = self.contents
        if isinstance(version, str) and re.match(r"\d", version):
            found.evidence.append(Note("says_version", {"version": version[:40]}))
        elif version is not None:
            found.unusual.append(Note("strange_version", {"version": repr(version)[:40]}))
        if config is not None:
            found.dialect = dialect_of(version, config)
        elif isinstance(version, str):
            found.dialect = dialect_of(version, {})
        elif names or is_oldest:
            found.dialect = self._dialect_by_names(names, is_oldest)
        keys, modules = _words_of(config)
        if any(module.startswith("tf_keras") for module in modules):
            found.dialect = "tf_keras"
            found.evidence.append(Note("modules_of_tf_keras"))
        if words := sorted(keys & KERAS1_WORDS) if found.dialect == "keras1" else []:
            found.evidence.append(Note("words_of_keras1", {"words": ", ".join(words[:6])}))
        elif found.dialect is None and "module" in keys:
            found.evidence.append(Note("words_of_keras3"))
        elif found.dialect not in (None, "keras1") and "batch_input_shape" in keys:
            found.evidence.append(Note("words_of_keras2"))
        known = version[:40] if isinstance(version, str) and re.match(r"\d", version) else ""
        if known.startswith("3") and "batch_input_shape" in keys and "batch_shape" not in keys:
            found.unusual.append(Note("older_words", {"version": known}))
        # What TensorFlow 2 had inside went on as a package of its own, beside Keras 3.
        family = (
            "Keras"
            if found.dialect != "tf_keras"
            else "tf_keras"
            if re.match(r"2\.(1[6-9]|[2-9]\d)", known)
            else "tf.keras"
        )
        era = GENERATIONS[found.dialect or "keras3"].version.partition(".")[0]
        found.generation = f"{family} {known or f'{era}.x'}"

    def _dialect_by_names(self, names: list[str], is_oldest: bool) -> str | None:
        found = self.contents
        if is_oldest:
            found.evidence.append(Note("numbered_layers"))
            return "keras1"
        old = next((name for name in names if re.search(r"_(W|U|b|gamma|beta|running_\w+)(_\w)?(:0)?$", name)), None)
        if old is not None and not any("/kernel" in name for name in names):
            found.evidence.append(Note("names_of_keras1", {"name": old}))
            return "keras1"
        colon = next((name for name in names if name.endswith(":0")), None)
        if colon is not None:
            found.evidence.append(Note("names_of_tensorflow", {"name": colon}))
            return "keras2"
        return None

    def _generation_by_places(self) -> None:
        """Who wrote a ``.weights.h5``: Keras 3 notes the names of layers in it, tf_keras does not."""
        named = any(self.layer_names.values())
        self.contents.evidence.append(Note("names_by_place" if named else "no_names_by_place"))
        self.contents.generation = "Keras 3.x" if named else "tf_keras 2.x"
        self.contents.dialect = None if named else "tf_keras"

    def _look_at_arrays(self) -> None:
        found = self.contents
        found.faults += _misfits(found)
        strange = [array for array in found.arrays if array.figures.get("not_finite")]
        if strange:
            found.unusual.append(Note("not_finite", {"place": strange[0].place, "count": len(strange)}))
        types = sorted({array.dtype for array in found.arrays} - {"float32"})
        if types:
            found.unusual.append(Note("types", {"types": ", ".join(types)}))
        frozen = [layer.name for layer in found.layers if not layer.trainable and layer.arrays]
        if frozen:
            found.unusual.append(Note("frozen", {"names": ", ".join(frozen[:5]), "count": len(frozen)}))
        if found.layout == "model" and found.layers and not found.arrays:
            found.unusual.append(Note("no_weights"))


def _misfits(found: Contents) -> Iterator[str]:
    """Where the arrays are not those that the config's layers can have."""
    numbers: dict[str, list[int]] = {}
    for array in found.arrays:
        place, _, name = array.place.rpartition("/")
        if place.rpartition("/")[2] == "vars" and name.isdecimal() and len(name) < 7:
            numbers.setdefault(place, []).append(int(name))
    for place, given in numbers.items():
        if sorted(given) != list(range(len(given))):
            yield f"{place:.200} should number its arrays from 0 to {len(given) - 1}, and has {sorted(given)[:20]}."
    is_whole = found.outline is not None and found.outline.form in ("Sequential", "Functional")
    for layer in found.layers:
        if is_whole and not layer.class_name and layer.arrays and layer.place.startswith("layers/"):
            yield f"There are weights at {layer.place:.200}, and the config has no layer there."
        rows, columns = (layer.config.get(key) for key in _SIZES.get(layer.class_name, ("", "")))
        shape = layer.arrays[0].shape if layer.arrays else ()
        if len(shape) != 2 or (type(rows), type(columns)) == (type(None), type(None)):
            continue
        wanted = [size for size in (rows, columns) if type(size) is int]
        if wanted and shape[-len(wanted) :] != tuple(wanted):
            yield (f"Layer {layer.name!r:.80} has {', '.join(map(str, wanted))} for its size in the config, and weights of "
                   f"shape {shape}.")  # fmt: skip


# What the config calls the two sizes of the first array of a layer; "" for what it does not say.
_SIZES = {"Dense": ("", "units"), "Embedding": ("input_dim", "output_dim")}


def _words_of(config: Any) -> tuple[set[str], set[str]]:
    """The keys in a config, and the modules that it names."""
    keys: set[str] = set()
    modules: set[str] = set()
    pending = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            keys |= item.keys()
            if isinstance(item.get("module"), str):
                modules.add(item["module"])
            pending += item.values()
        elif isinstance(item, list):
            pending += item
    return keys, modules


def _natural(name: str) -> tuple[int, str]:
    return (int(name), name) if name.isdecimal() and len(name) < 10 else (10**10, name)


def _listed(metadata: dict[str, str]) -> str:
    return ", ".join(f"{key[:40]}={value[:40]}" for key, value in list(metadata.items())[:6]) or "-"
