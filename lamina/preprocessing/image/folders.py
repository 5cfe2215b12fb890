"""Batches of pictures from files: of a folder with a folder for each class, or as a data frame lists them."""

from __future__ import annotations

import collections
import os
import warnings
from collections.abc import Iterator as Iterates
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from lamina import config
from lamina.dialects.data_habits import data_habits
from lamina.language import say
from lamina.preprocessing.image.iterators import Iterator, Subset, prepared
from lamina.preprocessing.image.pictures import ColorMode, axis_order, img_to_array, load_img

__all__ = ["DataFrameIterator", "DirectoryIterator"]

ClassMode = Literal["categorical", "binary", "sparse", "input", "multi_output", "raw"]
_CHANNELS = {"rgba": 4, "rgb": 3, "grayscale": 1}
# By number, one label a picture.
_NUMBERED = ("binary", "sparse")


class FilesIterator(Iterator):
    """What both share: batches of files in ``filepaths``, with ``labels`` as ``class_mode`` says."""

    filepaths: list[str]
    filenames: list[str]
    labels: Any
    classes: Any
    class_indices: dict[str, int]
    class_mode: str | None
    sample_weight: Any = None
    allowed_class_modes: tuple[str | None, ...] = ()

    def _read_as(self, image_data_generator: Any, target_size: Sequence[int], color_mode: ColorMode, data_format: str | None,
                 saving: tuple[str | None, str, str], subset: str | None, interpolation: str, keep_aspect_ratio: bool,
                 class_mode: str | None, dtype: str | None) -> None:  # fmt: skip
        if color_mode not in _CHANNELS:
            raise ValueError(f"color_mode must be 'rgb', 'rgba' or 'grayscale', and got {color_mode!r}.")
        if class_mode not in self.allowed_class_modes:
            known = ", ".join(map(repr, self.allowed_class_modes))
            raise ValueError(f"class_mode must be one of {known}, and got {class_mode!r}.")
        self.image_data_generator, self.class_mode = image_data_generator, class_mode
        self.color_mode: ColorMode = color_mode
        self.target_size, self.data_format = tuple(target_size), axis_order(data_format)
        channels = (_CHANNELS[color_mode],)
        last = self.data_format == "channels_last"
        self.image_shape = self.target_size + channels if last else channels + self.target_size
        self.save_to_dir, self.save_prefix, self.save_format = saving
        self.interpolation, self.keep_aspect_ratio, self.subset = interpolation, keep_aspect_ratio, subset
        self.dtype = dtype or config.floatx()
        self.split: tuple[float, float] | None = None
        if subset is not None:
            fraction = image_data_generator._validation_split
            splits = {"validation": (0, fraction), "training": (fraction, 1)}
            if subset not in splits:
                raise ValueError(f"subset must be 'training' or 'validation', and got {subset!r}.")
            self.split = splits[subset]

    def _kept(self, count: int) -> slice:
        """The part of so many files that this iterator is for."""
        return slice(None) if self.split is None else slice(int(self.split[0] * count), int(self.split[1] * count))

    @property
    def nb_sample(self) -> int:
        """Keras 1's name of ``samples``."""
        return self.n

    def _picture(self, path: str) -> np.ndarray:
        size: Any = self.target_size
        img = load_img(path, color_mode=self.color_mode, target_size=size, interpolation=self.interpolation,
                       keep_aspect_ratio=self.keep_aspect_ratio)  # fmt: skip
        x = img_to_array(img, self.data_format)
        return x if self.image_data_generator is None else prepared(self.image_data_generator, np.array(x))

    def _get_batches_of_transformed_samples(self, index_array: Any) -> Any:
        batch = np.zeros((len(index_array), *self.image_shape), self.dtype)
        paths = self.filepaths
        for place, row in enumerate(index_array):
            batch[place] = self._picture(paths[row])
        self._save(batch, index_array, data_habits().saved_digits[1])
        if self.class_mode is None:
            return batch
        y = self._targets_of(batch, index_array)
        return (batch, y) if self.sample_weight is None else (batch, y, self.sample_weight[index_array])

    def _targets_of(self, batch: np.ndarray, rows: Any) -> Any:
        if self.class_mode == "input":
            return batch.copy()
        if self.class_mode == "multi_output":
            return [part[rows] for part in self.labels]
        if self.class_mode == "raw":
            return self.labels[rows]
        classes = [self.classes[row] for row in rows]
        if self.class_mode in _NUMBERED:
            as_is = self.class_mode == "sparse" and data_habits().sparse_labels_as_they_are
            return np.array(classes, "int32" if as_is else self.dtype)
        y = np.zeros((len(batch), len(self.class_indices)), self.dtype)
        for place, numbers in enumerate(classes):
            y[place, numbers] = 1.0
        return y


def pictures_in(directory: str, follow_links: bool) -> Iterates[str]:
    """The paths of the pictures below a folder, in the order of their folders' and their own names."""
    endings = tuple(f".{ending}" for ending in data_habits().picture_files)
    for root, _, files in sorted(os.walk(directory, followlinks=follow_links), key=lambda found: found[0]):
        yield from (os.path.join(root, name) for name in sorted(files) if name.lower().endswith(endings))


class DirectoryIterator(FilesIterator):
    """Batches of the pictures in a folder, which has a folder for each class.

    Arguments:
        directory: the folder.
        image_data_generator: an ``ImageDataGenerator``, or ``None`` for pictures as they are.
        target_size: ``(height, width)`` of all pictures.
        color_mode: ``"rgb"``, ``"rgba"`` or ``"grayscale"``.
        classes: the names of the folders in the order of the classes, by default all by the alphabet.
        class_mode: ``"categorical"`` (a column for each class), ``"binary"``, ``"sparse"`` (numbers), ``"input"`` (the pictures
            themselves) or ``None`` for no targets.
        batch_size, shuffle, seed: as in :class:`Iterator`.
        data_format: where the channels are.
        save_to_dir, save_prefix, save_format: where and how the changed pictures are written, if they are to be.
        follow_links: look into folders that are links, too.
        subset: ``"training"`` or ``"validation"``: the part of each class that ``validation_split`` of the
            generator gives to it.
        interpolation, keep_aspect_ratio: as in ``load_img``.
        dtype: of the batches.

    Attributes:
        class_indices: the number of each class by name.
        classes, filenames, filepaths, samples, num_classes: of the files, in order.
    """

    allowed_class_modes = ("categorical", "binary", "sparse", "input", None)

    def __init__(
        self,
        directory: str | os.PathLike[str],
        image_data_generator: Any = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: ColorMode = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: ClassMode | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: Subset | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = None,
    ) -> None:
        self._read_as(image_data_generator, target_size, color_mode, data_format, (save_to_dir, save_prefix, save_format),
                      subset, interpolation, keep_aspect_ratio, class_mode, dtype)  # fmt: skip
        self.directory = os.fspath(directory)
        if not classes:
            names = sorted(os.listdir(self.directory))
            classes = [name for name in names if os.path.isdir(os.path.join(self.directory, name))]
        self.class_indices = {name: number for number, name in enumerate(classes)}
        self.num_classes = self.num_class = self.nb_class = len(classes)
        self.filepaths, numbers = [], []
        for name, number in self.class_indices.items():
            found = list(pictures_in(os.path.join(self.directory, name), follow_links))
            found = found[self._kept(len(found))]
            self.filepaths += found
            numbers += [number] * len(found)
        self.filenames = [os.path.relpath(path, self.directory) for path in self.filepaths]
        self.classes = self.labels = np.array(numbers, "int32")
        self.samples = len(self.filepaths)
        print(say("pictures.in_classes", count=self.samples, classes=self.num_classes))
        super().__init__(self.samples, batch_size, shuffle, seed)


class DataFrameIterator(FilesIterator):
    """Batches of the pictures that a data frame lists, a row a file.

    Arguments:
        dataframe: of pandas.
        directory: what the paths are below of, if they are not whole.
        image_data_generator: an ``ImageDataGenerator``, or ``None`` for pictures as they are.
        x_col: the column of paths.
        y_col: the column of targets; several for ``class_mode="raw"`` and ``"multi_output"``.
        weight_col: the column of weights, if there is one.
        class_mode: as in :class:`DirectoryIterator`, where the targets are names of classes (for ``"categorical"`` also lists
            of names); ``"raw"``: numbers as they stand there; ``"multi_output"``: a list of them, a column an output.
        validate_filenames: whether rows whose file is not there are left out.
        target_size, color_mode, classes, batch_size, shuffle, seed, data_format, save_to_dir, save_prefix, save_format, subset,
            interpolation, keep_aspect_ratio, dtype: as in :class:`DirectoryIterator`.

    Raises:
        TypeError: for columns that don't hold what ``class_mode`` needs.
        ValueError: for an unknown ``class_mode``, and a binary one with other than two classes.
    """

    allowed_class_modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)

    def __init__(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: ColorMode = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: ClassMode | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: Subset | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = None,
        validate_filenames: bool = True,
    ) -> None:
        self._read_as(image_data_generator, target_size, color_mode, data_format, (save_to_dir, save_prefix, save_format),
                      subset, interpolation, keep_aspect_ratio, class_mode, dtype)  # fmt: skip
        frame = dataframe.copy()
        self.directory = os.fspath(directory) if directory else ""
        self._check(frame, x_col, y_col, weight_col, classes)
        frame = self._with_files(frame, x_col) if validate_filenames else frame
        by_class = class_mode in ("categorical", *_NUMBERED)
        names: list[str] = []
        if by_class:
            frame, names = _with_classes(frame, y_col, classes)
            self.class_indices = {name: number for number, name in enumerate(names)}
        frame = frame.iloc[self._kept(len(frame)), :]
        if by_class:
            self.classes = self.labels = [self._number(label) for label in frame[y_col]]
        elif class_mode == "multi_output":
            self.labels = [np.array(frame[column].tolist()) for column in y_col]
        elif class_mode == "raw":
            self.labels = frame[y_col].to_numpy()
        self.filenames = frame[x_col].tolist()
        self.filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        self.sample_weight = frame[weight_col].to_numpy() if weight_col else None
        self.samples = len(self.filenames)
        which = "validated" if validate_filenames else "listed"
        key = f"pictures.{which}_in_classes" if by_class else f"pictures.{which}"
        print(say(key, count=self.samples, classes=len(names)))
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _number(self, label: Any) -> Any:
        if isinstance(label, (list, tuple)):
            return [self.class_indices[one] for one in label]
        return self.class_indices[label]

    def _check(self, frame: Any, x_col: str, y_col: Any, weight_col: str | None, classes: Any) -> None:
        mode = self.class_mode
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(f"class_mode='multi_output' needs a list of columns as y_col, and got {y_col!r}.")
        if not all(isinstance(name, str) for name in frame[x_col]):
            raise TypeError(f"The column {x_col!r} must hold paths of files, which are strings.")
        allowed: Any = {"categorical": (str, list, tuple), "binary": str, "sparse": str}.get(mode or "")
        if allowed is not None and not all(isinstance(label, allowed) for label in frame[y_col]):
            lists = " (or lists of them)" if mode == "categorical" else ""
            raise TypeError(f"class_mode={mode!r} needs names of classes{lists} in the column {y_col!r}, which are strings: "
                            "dataframe[column].astype(str) makes them; class_mode='raw' takes numbers.")  # fmt: skip
        if mode == "binary":
            count = len(set(classes)) if classes else frame[y_col].nunique()
            if count != 2:
                raise ValueError(f"class_mode='binary' needs two classes, and there are {count}.")
        if classes and allowed is None:
            warnings.warn(f"class_mode={mode!r} has no classes, so that those given are not used.", stacklevel=4)
        if weight_col and frame[weight_col].dtype.kind not in "iuf":
            raise TypeError(f"The column of weights, {weight_col!r}, must hold numbers.")

    def _with_files(self, frame: Any, x_col: str) -> Any:
        endings = tuple(f".{ending}" for ending in data_habits().picture_files)
        paths = [os.path.join(self.directory, name) for name in frame[x_col]]
        there = np.array([path.lower().endswith(endings) and os.path.isfile(path) for path in paths], bool)
        if not there.all():
            first = next(path for path, found in zip(paths, there, strict=True) if not found)
            warnings.warn(f"{(~there).sum()} of {len(there)} rows of the data frame name no picture that is there, and are "
                          f"left out; the first is {first!r}.", stacklevel=4)  # fmt: skip
        return frame[there]


def _with_classes(frame: Any, y_col: str, classes: Any) -> tuple[Any, list[str]]:
    """The rows that are of these classes, and the classes in order: as given, else by the alphabet."""
    if not classes:
        names = {name for label in frame[y_col] for name in (label if isinstance(label, (list, tuple)) else (label,))}
        return frame.dropna(subset=[y_col]), sorted(names)
    known = list(collections.OrderedDict.fromkeys(classes))

    def kept(label: Any) -> Any:
        if isinstance(label, (list, tuple)):
            return [name for name in label if name in known] or None
        return label if label in known else None

    frame[y_col] = frame[y_col].apply(kept)
    return frame.dropna(subset=[y_col]), known
