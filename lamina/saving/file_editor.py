"""Keras 3's ``KerasFileEditor``: look into the weights of a file, change them, and write them to a new one.

It reads by ``lamina.saving.hdf5``, which trusts no file, and keeps everything that is in it: the weights of layers inside
layers, and the layers' names.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from rich.text import Text

from lamina.engine.weights import to_numpy
from lamina.errors import describe
from lamina.language import say
from lamina.saving import keras_zip, weights_h5
from lamina.saving.files import replacing
from lamina.saving.hdf5 import Group, h5py, opened
from lamina.screen import console, language_of

Weights = dict[str, Any]  # names -> arrays, and objects inside as further such dictionaries
_OWN = "vars"


class KerasFileEditor:
    """The weights of a ``.keras`` or ``.weights.h5`` file as nested dictionaries, with what one needs to change them.

    Arguments:
        filepath: the file. It is read whole, and never written to.

    An object (a layer, a list of layers, the optimizer) is named by its path, ``"layers/dense"``, or by the last part of it
    where that is the only one.

    Attributes:
        weights_dict: the weights by object and name; ``"vars"`` at the top are the model's own.
        object_metadata: by path, the name that an object has in its model.
        config, metadata: what a ``.keras`` file has beside weights; ``None`` for a ``.weights.h5`` file.

    Raises:
        ValueError: for a file of another kind, or one that is not what it should be.

    Source: https://keras.io/api/models/model_saving_apis/

    >>> import tempfile
    >>> from lamina.layers import Dense
    >>> from lamina.models import Sequential
    >>> file = tempfile.mkdtemp() + "/model.weights.h5"
    >>> Sequential([Dense(2, input_shape=(3,))]).save_weights(file)
    >>> editor = KerasFileEditor(file)  # doctest: +ELLIPSIS
    Keras model file '...model.weights.h5'
    >>> editor.rename_object("dense", "head")
    >>> editor.summary()
    Weights structure
      > layers
          └─ head ('dense...')
              ├─ 0: shape=(3, 2), dtype=float32
              └─ 1: shape=(2,), dtype=float32
    """

    def __init__(self, filepath: str | os.PathLike[str]) -> None:
        self.filepath = os.fspath(filepath)
        self.metadata: dict[str, Any] | None = None
        self.config: dict[str, Any] | None = None
        self.model = None
        self.console = console(soft_wrap=True, force_jupyter=None)
        source: Any = self.filepath
        if self.filepath.endswith(".keras"):
            self.metadata, self.config, source = keras_zip.parts(self.filepath)
        elif not self.filepath.endswith(".weights.h5"):
            raise ValueError(
                f"KerasFileEditor opens files that end in .keras or .weights.h5, and got {self.filepath!r}."
            )
        self.object_metadata: dict[str, dict[str, Any]] = {}
        with opened(source, self.filepath) as root:
            self.weights_dict = self._read(root, "", ())
        self._say("opened", path=self.filepath)
        if self.metadata is not None:
            self._say("saved_with", version=self.metadata.get("keras_version"), date=self.metadata.get("date_saved"))

    # -- looking --

    def summary(self) -> None:
        """Print the objects and their weights as a tree."""
        self._say("structure")
        for number, (name, value) in enumerate(self.weights_dict.items()):
            is_last = number == len(self.weights_dict) - 1
            for line in self._lines(name, value, name, "> " if number == 0 else "└─ " if is_last else "├─ ",
                                    "    " if is_last else "│   "):  # fmt: skip
                self.console.print(Text("  ") + line)

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Print where the file and a built model differ.

        Returns:
            ``status`` (``"success"`` or ``"error"``), ``error_count`` (what only one of them has, and other shapes; an object
            that is missing counts once), ``match_count`` (weights of the same place and shape).
        """
        self._say("comparing")
        errors, matches = [], 0
        # Where the training stood is lamina's own, and no part of a model.
        weights = {key: value for key, value in self.weights_dict.items() if key != weights_h5.STANDING}
        for key, figures in _differences(weights, _spec(reference_model), ""):
            matches += key is None
            errors += [] if key is None else [Text(say(f"files.{key}", language_of(), **figures), style="color(160)")]
        for line in errors:
            self.console.print(line)
        if errors:
            self._say("incompatible", style="bold color(160)", count=len(errors))
        else:
            self._say("compatible", style="bold color(28)", count=matches)
        return {"status": "error" if errors else "success", "error_count": len(errors), "match_count": matches}

    # -- changing --

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object, such as a layer, another name in the file.

        Raises:
            ValueError: when there is no such object or several, or one of the new name beside it.
        """
        if "/" in new_name:
            raise ValueError(f"The new name of {object_name!r} is a name, and no path: got {new_name!r}.")
        place = self._place(object_name)
        above, name = self._above(place)
        if new_name in above:
            raise ValueError(f"{self.filepath} has {new_name!r} beside {place!r} already.")
        items = [(new_name if key == name else key, value) for key, value in above.items()]  # which keep their order
        above.clear()
        above.update(items)
        old, new = f"/{place}", f"/{place}"[: -len(name)] + new_name
        self.object_metadata = {new + key[len(old) :] if f"{key}/".startswith(f"{old}/") else key: value
                                for key, value in self.object_metadata.items()}  # fmt: skip

    def delete_object(self, object_name: str) -> None:
        """Take an object, with all that is in it, out.

        Raises:
            ValueError: when there is no such object, or several.
        """
        above, name = self._above(self._place(object_name))
        del above[name]

    def add_object(self, object_path: str, weights: Weights) -> None:
        """Put a new object in, or in the place of one.

        Arguments:
            object_path: its path, ``"layers/dense_2"``; what is above it must be there.
            weights: arrays by name, ``{"0": kernel, "1": bias}``.

        Raises:
            ValueError: when what is above it is not there, or for weights that are no such dictionary.
        """
        above, name = self._above(object_path)
        above[name] = _checked(weights, object_path)

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Take one weight out of an object.

        Raises:
            ValueError: when there is no such object, or it has no such weight.
        """
        found = self._object(object_name)
        if weight_name not in found:
            raise ValueError(f"{object_name!r} has no weight {weight_name!r}; it has {_names(found)}.")
        del found[weight_name]

    def add_weights(self, object_name: str, weights: Weights) -> None:
        """Put weights into an object, or in the place of those that it has.

        Raises:
            ValueError: when there is no such object, or for weights that are no dictionary of arrays by name.
        """
        self._object(object_name).update(_checked(weights, object_name))

    # -- writing --

    def save(self, filepath: str | os.PathLike[str]) -> None:
        """Write the weights to a ``.weights.h5`` file, which takes the place of one that is there.

        Raises:
            ValueError: for another ending.
        """
        if not os.fspath(filepath).endswith(".weights.h5"):
            raise ValueError(f"The name of the file must end in '.weights.h5', and got {os.fspath(filepath)!r}.")
        stream = io.BytesIO()
        with h5py.File(stream, "w") as file:
            self._write(file, "", {key: value for key, value in self.weights_dict.items() if key != _OWN})
            self._write(file, "", self.weights_dict.get(_OWN, {}))
        with replacing(filepath) as written, open(written, "wb") as target:
            target.write(stream.getbuffer())

    def resave_weights(self, filepath: str | os.PathLike[str]) -> None:
        """:meth:`save`."""
        self.save(filepath)

    def _write(self, file: Any, place: str, weights: Weights) -> None:
        own = {name: value for name, value in weights.items() if not isinstance(value, dict)}
        if own:
            name = self.object_metadata.get(f"/{place}".rstrip("/"), {}).get("name", place.rpartition("/")[2])
            weights_h5.write_group(file, place, name, own)
        for name, value in weights.items():
            if isinstance(value, dict):
                self._write(file, f"{place}/{name}".lstrip("/"), value)

    # -- reading --

    def _read(self, group: Group, place: str, above: tuple[int, ...]) -> Weights:
        """What is in a group: its own weights, then the objects inside."""
        if group.address in above:
            raise ValueError(f"{group.where} is inside itself.")
        found: Weights = {}
        for name in sorted(group.names(), key=_natural):
            if not group.is_group(name):
                found[name] = group.read(name)
                continue
            inner = group.group(name)
            if name == _OWN:
                own = {key: inner.read(key) for key in sorted(inner.names(), key=_natural)}
                if own and (said := inner.attribute("name")) is not None:
                    self.object_metadata[place] = {"name": said}
                found = {**({_OWN: own} if own else {}), **found} if not place else {**own, **found}
            elif below := self._read(inner, f"{place}/{name}", (*above, group.address)):
                found[name] = below
        return found

    # -- finding --

    def _object(self, object_name: str) -> Weights:
        above, name = self._above(self._place(object_name))
        found = above[name]
        if not isinstance(found, dict):
            raise ValueError(f"{object_name!r} is a weight, and an object that has weights was expected.")
        return found

    def _place(self, object_name: str) -> str:
        """The path of what is there under a path or a last name."""
        places = list(_places(self.weights_dict, ""))
        if "/" in object_name or object_name in self.weights_dict:
            found = [place for place in places if place == object_name.strip("/")]
        else:
            found = [place for place in places if place.rpartition("/")[2] == object_name]
        if len(found) > 1:
            raise ValueError(f"{self.filepath} has {object_name!r} at {' and at '.join(found)}: give the whole path.")
        if not found:
            raise ValueError(f"{self.filepath} has no object {object_name!r}; summary() shows what it has.")
        return found[0]

    def _above(self, place: str) -> tuple[Weights, str]:
        """The dictionary that something at this path is in or is to be in, and its key."""
        *parts, name = place.strip("/").split("/")
        above: Any = self.weights_dict
        for part in parts:
            above = above.get(part) if isinstance(above, dict) else None
        if not isinstance(above, dict):
            raise ValueError(f"{self.filepath} has no object {'/'.join(parts)!r} for {name!r} to be in.")
        return above, name

    # -- showing --

    def _say(self, key: str, style: str = "", **figures: Any) -> None:
        self.console.print(Text(say(f"files.{key}", language_of(), **figures), style=style))

    def _lines(self, name: str, value: Any, place: str, connector: str, indent: str) -> Iterator[Text]:
        if not isinstance(value, dict):
            yield Text(connector) + Text(
                say("files.weight", language_of(), name=name, shape=tuple(value.shape), dtype=value.dtype)
            )
            return
        called = self.object_metadata.get(f"/{place}", {}).get("name")
        yield Text(connector) + Text(name, style="bold") + Text(f" ('{called}')" if called not in (None, name) else "")
        for number, (key, inner) in enumerate(value.items()):
            is_last = number == len(value) - 1
            for line in self._lines(
                key, inner, f"{place}/{key}", "└─ " if is_last else "├─ ", "    " if is_last else "│   "
            ):
                yield Text(indent) + line


def _natural(name: str) -> tuple[int, str]:
    return int(name) if name.isdecimal() else math.inf, name  # pyright: ignore[reportReturnType]


def _names(weights: Weights) -> str:
    return ", ".join(map(str, weights)) or "nothing"


def _places(weights: Weights, above: str) -> Iterator[str]:
    for name, value in weights.items():
        yield f"{above}{name}"
        if isinstance(value, dict):
            yield from _places(value, f"{above}{name}/")


def _checked(weights: Any, where: str) -> Weights:
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
        raise ValueError(f"The weights of {where!r} are a dictionary of arrays by name, {{'0': kernel, '1': bias}}, and got "
                         f"{describe(weights)}.")  # fmt: skip
    return {name: _checked(value, f"{where}/{name}") if isinstance(value, dict) else _array(value, f"{where}/{name}")
            for name, value in weights.items()}  # fmt: skip


def _array(value: Any, where: str) -> np.ndarray:
    array = to_numpy(value) if isinstance(value, torch.Tensor) else np.asarray(value)
    if array.dtype.kind not in "fiubc":
        raise ValueError(f"{where!r} takes numbers, and got {describe(value)}.")
    return array


def _spec(model: Any) -> Weights:
    """The shapes of a model's weights, nested as files have them."""
    spec: Weights = {}
    for place, _, store in weights_h5.stored(model):
        if store:
            here = spec
            for part in (place or _OWN).split("/"):
                here = here.setdefault(part, {})
            here.update({name: tuple(np.shape(value)) for name, value in store.items()})
    return spec


_Found = Iterator[tuple[str | None, dict[str, Any]]]


def _differences(file: Weights, model: Weights, above: str) -> _Found:
    """The sentence of each difference with its figures, and ``None`` for each weight that fits."""
    for name in dict.fromkeys((*model, *file)):
        place = f"{above}/{name}"
        if name in file and name in model:
            mine, other = file[name], model[name]
            if isinstance(mine, dict) and isinstance(other, dict):
                yield from _differences(mine, other, place)
            elif isinstance(mine, dict) or isinstance(other, dict) or tuple(mine.shape) != other:
                yield "mismatch", {"place": place, "model": _said(other), "file": _said(mine)}
            else:
                yield None, {}
            continue
        there, lacks = (model[name], "file") if name in model else (file[name], "model")
        kind = "object" if isinstance(there, dict) else "weight"
        yield f"{kind}_not_in_{lacks}", {"place": place, "names": _names(there) if kind == "object" else ""}


def _said(value: Any) -> str:
    return _names(value) if isinstance(value, dict) else str(value if isinstance(value, tuple) else tuple(value.shape))


__all__ = ["KerasFileEditor"]
