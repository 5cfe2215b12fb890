"""``ImageDataGenerator``: pictures changed at random, and brought to the scale that a model is trained on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import config
from lamina.dialects import any_spelling
from lamina.dialects.data_habits import data_habits
from lamina.preprocessing.image.folders import ClassMode, DataFrameIterator, DirectoryIterator
from lamina.preprocessing.image.iterators import NumpyArrayIterator, Subset, warn_of_channels
from lamina.preprocessing.image.pictures import ColorMode, axis_order, needed
from lamina.preprocessing.image.transforms import apply_brightness_shift, apply_channel_shift, flip_axis, transformed

__all__ = ["ImageDataGenerator"]


class ImageDataGenerator:
    """Batches of pictures, each changed at random and then normalized.

    Random numbers are NumPy's: the same seed gives the same pictures as Keras of the active dialect's generation.

    Arguments:
        featurewise_center, featurewise_std_normalization: take the mean of all pictures away, and divide by their standard
            deviation, for each channel; :meth:`fit` finds them.
        samplewise_center, samplewise_std_normalization: the same with each picture's own.
        zca_whitening, zca_epsilon: whiten by what :meth:`fit` finds.
        rotation_range: degrees, either way.
        width_shift_range, height_shift_range: parts of the size below 1; a larger float is pixels, either way; a whole number
            or a list: one of these is chosen, in pixels.
        brightness_range: the least and the largest factor.
        shear_range: degrees, either way (radians in Keras 1).
        zoom_range: the least and the largest factor, or how far from 1 they are.
        channel_shift_range: what is added to the values, either way.
        fill_mode, cval, interpolation_order: as in ``apply_affine_transform``.
        horizontal_flip, vertical_flip: whether half of the pictures are turned over.
        rescale: what the values are multiplied by, after the changes and before all other normalization.
        preprocessing_function: is given each picture, changed but not normalized, and returns one of the same shape.
        data_format: where the channels are, by default the program's (``dim_ordering`` in Keras 1).
        validation_split: the part of the data that ``subset="validation"`` takes.
        dtype: of the batches, ``floatx()`` by default.

    Raises:
        ValueError: for ranges that are none, and a ``validation_split`` that is not between 0 and 1.

    >>> generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True)
    >>> x, y = next(generator.flow(np.full((5, 8, 8, 3), 255), np.arange(5), batch_size=2, seed=1))
    >>> x.shape, float(x.max()), y.shape
    ((2, 8, 8, 3), 1.0, (2,))
    """

    @any_spelling("ImageDataGenerator")
    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int | None = None,
        dtype: str | None = None,
    ) -> None:
        habits = data_habits()
        self.featurewise_center, self.samplewise_center = featurewise_center, samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range, self.channel_shift_range = (
            rotation_range,
            shear_range,
            channel_shift_range,
        )
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.fill_mode, self.cval, self.rescale = fill_mode, cval, rescale
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.preprocessing_function = preprocessing_function
        self.interpolation_order = habits.interpolation if interpolation_order is None else interpolation_order
        self.dtype = dtype or config.floatx()
        self.data_format = axis_order(data_format)
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"validation_split must be a fraction between 0 and 1, and got {validation_split!r}.")
        self._validation_split = validation_split
        self.zoom_range = _zoom(zoom_range)
        if brightness_range is not None and (
            not isinstance(brightness_range, (tuple, list)) or len(brightness_range) != 2
        ):
            raise ValueError(
                f"brightness_range must be two factors, the least and the largest, and got {brightness_range!r}."
            )
        self.brightness_range = brightness_range
        self.mean: Any = None
        self.std = self.zca_whitening_matrix = self.mean
        if habits.completes:
            self._complete()

    @property
    def principal_components(self) -> Any:
        """The name of ``zca_whitening_matrix`` in Keras 1 and 2."""
        return self.zca_whitening_matrix

    @principal_components.setter
    def principal_components(self, value: Any) -> None:
        self.zca_whitening_matrix = value

    def _complete(self) -> None:
        """Switch on what one normalization needs of another, and off what it makes pointless."""
        for needing, other, wanted in (
            ("zca_whitening", "featurewise_center", True),
            ("zca_whitening", "featurewise_std_normalization", False),
            ("featurewise_std_normalization", "featurewise_center", True),
            ("samplewise_std_normalization", "samplewise_center", True),
        ):
            if getattr(self, needing) and bool(getattr(self, other)) != wanted:
                setattr(self, other, wanted)
                warnings.warn(
                    f"{needing}=True of an ImageDataGenerator goes with {other}={wanted}, which is set.", stacklevel=5
                )

    # ---- batches ---------------------------------------------------------------------------------------------------

    @any_spelling("flow")
    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: Subset | None = None,
    ) -> NumpyArrayIterator:
        """Batches of the pictures of an array; the arguments are those of :class:`NumpyArrayIterator`."""
        return NumpyArrayIterator(
            x, y, self, batch_size, shuffle, sample_weight, seed, self.data_format, save_to_dir, save_prefix, save_format,
            subset, ignore_class_split, self.dtype,
        )  # fmt: skip

    @any_spelling("flow_from_directory")
    def flow_from_directory(
        self,
        directory: str | os.PathLike[str],
        target_size: Sequence[int] = (256, 256),
        color_mode: ColorMode = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: ClassMode | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: Subset | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches of the pictures in a folder; the arguments are those of :class:`DirectoryIterator`."""
        return DirectoryIterator(
            directory, self, target_size, color_mode, classes, class_mode, batch_size, shuffle, seed, self.data_format,
            save_to_dir, save_prefix, save_format, follow_links, subset, interpolation, keep_aspect_ratio, self.dtype,
        )  # fmt: skip

    @any_spelling("flow_from_dataframe")
    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
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
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: Subset | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        keep_aspect_ratio: bool = False,
        drop_duplicates: bool = False,
    ) -> DataFrameIterator:
        """Batches of the pictures that a data frame of pandas lists; the arguments are those of :class:`DataFrameIterator`.

        ``drop_duplicates`` takes each file once, as early keras_preprocessing did it.
        """
        if drop_duplicates:
            dataframe = dataframe.drop_duplicates(x_col)
        return DataFrameIterator(
            dataframe, directory, self, x_col, y_col, weight_col, target_size, color_mode, classes, class_mode, batch_size,
            shuffle, seed, self.data_format, save_to_dir, save_prefix, save_format, subset, interpolation, keep_aspect_ratio,
            self.dtype, validate_filenames,
        )  # fmt: skip

    # ---- one picture -----------------------------------------------------------------------------------------------

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """A picture, or a batch, normalized; as in Keras, floats are changed in place.

        In this order: ``preprocessing_function``, ``rescale``, by sample, by all, whitening.
        """
        habits = data_habits()
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        axis = self.channel_axis - 1 if habits.samplewise_by_channel else None
        if self.samplewise_center:
            x -= np.mean(x, axis=axis, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, axis=axis, keepdims=True) + habits.small
        if self.featurewise_center and self._is_fit("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._is_fit("featurewise_std_normalization", self.std):
            x /= self.std + habits.small
        if self.zca_whitening and self._is_fit("zca_whitening", self.zca_whitening_matrix):
            flat = np.reshape(x, (-1, np.prod(x.shape[-3:])))
            x = np.reshape(np.dot(flat, self.zca_whitening_matrix), x.shape)
        return x

    def _is_fit(self, what: str, found: Any) -> bool:
        if found is None:
            warnings.warn(f"This ImageDataGenerator has {what}=True and was not fit, so that it is left out: call fit(x) "
                          "first.", stacklevel=4)  # fmt: skip
        return found is not None

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
        """What is to be done to a picture of this shape, at random.

        Returns:
            A dictionary with ``theta``, ``tx``, ``ty``, ``shear``, ``zx``, ``zy``, ``flip_horizontal``, ``flip_vertical``,
            ``channel_shift_intensity`` and ``brightness``.
        """
        habits = data_habits()
        if seed is not None:
            np.random.seed(seed)
        drawn: dict[str, Any] = {"theta": _either_way(self.rotation_range)}
        drawn["tx"] = _shift(self.height_shift_range, img_shape[self.row_axis - 1], habits.shifts_by_pixels)
        drawn["ty"] = _shift(self.width_shift_range, img_shape[self.col_axis - 1], habits.shifts_by_pixels)
        drawn["shear"] = _either_way(self.shear_range)
        least, most = self.zoom_range
        drawn["zx"], drawn["zy"] = (1, 1) if least == most == 1 else np.random.uniform(least, most, 2)
        count = img_shape[self.channel_axis - 1] if habits.shifts_channels_apart else None
        if habits.flips == "drawn":
            drawn |= {"flip_horizontal": (np.random.random() < 0.5) * self.horizontal_flip,
                      "flip_vertical": (np.random.random() < 0.5) * self.vertical_flip}  # fmt: skip
        reach = self.channel_shift_range
        drawn["channel_shift_intensity"] = np.random.uniform(-reach, reach, count) if reach != 0 else None
        if habits.flips == "last":
            drawn |= {"flip_horizontal": bool(self.horizontal_flip) and np.random.random() < 0.5,
                      "flip_vertical": bool(self.vertical_flip) and np.random.random() < 0.5}  # fmt: skip
        bright = self.brightness_range
        drawn["brightness"] = np.random.uniform(bright[0], bright[1]) if bright is not None else None
        return drawn

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """A picture changed as :meth:`get_random_transform` says; what the dictionary lacks is left out."""
        given: Any = transform_parameters.get
        habits = data_habits()
        rows, columns, channels = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        shear = given("shear", 0)
        x = transformed(
            x, np.deg2rad(given("theta", 0)), (given("tx", 0), given("ty", 0)),
            shear if habits.shear_in_radians else np.deg2rad(shear), (given("zx", 1), given("zy", 1)),
            (rows, columns, channels), (self.fill_mode, self.cval, self.interpolation_order),
        )  # fmt: skip
        if given("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, given("channel_shift_intensity"), channels)
        if given("flip_horizontal", False):
            x = flip_axis(x, columns)
        if given("flip_vertical", False):
            x = flip_axis(x, rows)
        if given("brightness") is not None:
            x = apply_brightness_shift(x, given("brightness"), scale=not habits.brightness_keeps_scale)
        return x

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """A picture changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    # ---- all pictures ----------------------------------------------------------------------------------------------

    @any_spelling("fit_pictures")
    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Find the mean, the standard deviation and the whitening of pictures, as far as they are wanted.

        Arguments:
            x: ``(rows, height, width, channels)``.
            augment: of pictures that are changed at random, ``rounds`` times each.
            seed: of NumPy's random numbers.

        Raises:
            ValueError: when ``x`` has not four axes.
        """
        habits = data_habits()
        x = np.array(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(f"fit takes an array of four axes, a row a picture, and got the shape {x.shape}.")
        warn_of_channels(x, self.data_format)
        if seed is not None:
            np.random.seed(seed)
        if self.rescale and habits.rescales_to_fit:
            x *= self.rescale
        if augment:
            x = np.array([self.random_transform(picture) for _ in range(rounds) for picture in x], self.dtype)
        shape = [1, 1, 1]
        shape[self.channel_axis - 1] = x.shape[self.channel_axis]
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = np.reshape(np.mean(x, axis=axes), shape)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.reshape(np.std(x, axis=axes), shape)
            x /= self.std + habits.small
        if self.zca_whitening:
            self.zca_whitening_matrix = _whitening(np.reshape(x, (len(x), -1)), habits.whitening, self.zca_epsilon)


def _zoom(given: Any) -> list[float]:
    if np.ndim(given) == 0:
        return [1 - given, 1 + given]
    if len(given) != 2 or not all(isinstance(factor, (int, float, np.number)) for factor in given):
        raise ValueError(f"zoom_range must be a number, or two factors, the least and the largest, and got {given!r}.")
    return [given[0], given[1]]


def _either_way(reach: float) -> Any:
    return np.random.uniform(-reach, reach) if reach else 0


def _shift(reach: Any, size: int, by_pixels: bool) -> Any:
    if np.ndim(reach) == 0 and not reach:
        return 0
    if not by_pixels:
        return np.random.uniform(-reach, reach) * size
    if np.ndim(reach) or isinstance(reach, (int, np.integer)):  # one of these, or of the numbers below this
        shift = np.random.choice(reach) * np.random.choice([-1, 1])
    else:
        shift = np.random.uniform(-reach, reach)
    return shift * size if np.max(reach) < 1 else shift


def _whitening(flat: np.ndarray, way: str, epsilon: float) -> np.ndarray:
    """What whitens rows when they are multiplied by it."""
    if way == "data":
        u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
        return (u * (np.sqrt(len(flat)) / (s + epsilon))).dot(u.T)
    svd = needed("scipy.linalg", "zca_whitening").svd
    u, s, _ = svd(np.dot(flat.T, flat) / len(flat))
    if way == "covariance":
        return (u * (1.0 / np.sqrt(s[np.newaxis] + epsilon))).dot(u.T)
    return np.dot(np.dot(u, np.diag(1.0 / np.sqrt(s + 10e-7))), u.T)
