"""What each generation's ``keras.preprocessing`` did otherwise with texts and pictures. Facts, no code.

Keras 1 is 1.2.2, Keras 2 is keras_preprocessing 1.1.2, which Keras 2.2 and 2.3 imported; tf.keras (2.21) and Keras 3 do
the same.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from lamina.dialects import translator

__all__ = ["DATA_HABITS", "DataHabits", "data_habits"]


class DataHabits(NamedTuple):
    """One generation's habits; the defaults are those of tf.keras and Keras 3.

    Arguments:
        absolute_hashes: a word's number is that of its hash's absolute value.
        counts_texts_anew: ``Tokenizer.fit_on_texts`` forgets how many texts there were before.
        lowers_characters: ``Tokenizer(char_level=True)`` makes texts lower case.
        center: what is added to half the size of a picture to get the point that it is turned about.
        swaps_axes: a turn and the like are described with x before y.
        axes: the axes of rows and columns that ``random_rotation`` and its kin go by; ``None`` for those that they are given.
        shear_in_radians: the unit of ``shear_range`` and of ``random_shear``.
        shifts_by_pixels: whole numbers and lists as ``height_shift_range`` are pixels, of which one is chosen.
        interpolation: the order of splines, unless another is given.
        flips: ``"drawn"`` draws a number for each flip, ``"last"`` only for those that are wanted, after all else.
        shifts_channels_apart: each channel is shifted by a number of its own.
        brightness_keeps_scale: a brighter picture stays in the range that it had.
        samplewise_by_channel: the mean of a sample is one over channels at each place.
        small: what is added to a standard deviation.
        completes: zca_whitening and the normalizations by deviations switch on the centering that they need.
        rescales_to_fit: ``fit`` multiplies by ``rescale``.
        whitening: ZCA by the singular values of the ``"data"``, or of their ``"covariance"``, with an epsilon of their own
            (``"covariance 1e-6"``) in Keras 1.
        lifts_to_zero: a picture's smallest value becomes 0 only where it is below 0.
        by_number: iterators are asked for their batches by number, not for the next one; and they ask the generator for
            ``get_random_transform`` and ``apply_transform``, not for ``random_transform``.
        last_batch_ends: a batch that ends with the last sample ends the pass.
        saved_digits: the numbers that names of saved files end with, from arrays and from folders, are below this.
        sparse_labels_as_they_are: labels by number stay whole numbers.
        picture_files: the endings of files that are pictures.
    """

    absolute_hashes: bool = False
    counts_texts_anew: bool = False
    lowers_characters: bool = True
    center: float = -0.5
    swaps_axes: bool = True
    axes: tuple[int, int] | None = None
    shear_in_radians: bool = False
    shifts_by_pixels: bool = True
    interpolation: int = 1
    flips: Literal["drawn", "last"] = "drawn"
    shifts_channels_apart: bool = False
    brightness_keeps_scale: bool = True
    samplewise_by_channel: bool = False
    small: float = 1e-6
    completes: bool = True
    rescales_to_fit: bool = True
    whitening: Literal["data", "covariance", "covariance 1e-6"] = "data"
    lifts_to_zero: bool = False
    by_number: bool = True
    last_batch_ends: bool = True
    saved_digits: tuple[int, int] = (10**4, 10**7)
    sparse_labels_as_they_are: bool = False
    picture_files: tuple[str, ...] = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")


_KERAS2 = DataHabits(
    center=0.5, swaps_axes=False, axes=(0, 1), brightness_keeps_scale=False, whitening="covariance"
)  # fmt: skip
DATA_HABITS: dict[str, DataHabits] = {
    "keras1": DataHabits(
        absolute_hashes=True, counts_texts_anew=True, lowers_characters=False, center=0.5, swaps_axes=False,
        shear_in_radians=True, shifts_by_pixels=False, interpolation=0, flips="last",
        shifts_channels_apart=True, samplewise_by_channel=True, small=1e-7, completes=False,
        rescales_to_fit=False, whitening="covariance 1e-6", lifts_to_zero=True, by_number=False,
        last_batch_ends=False, saved_digits=(10**4, 10**4), sparse_labels_as_they_are=True,
        picture_files=("png", "jpg", "jpeg", "bmp"),
    ),
    "keras2": _KERAS2,
    "keras2.3": _KERAS2,
    "tf_keras": DataHabits(),
    "keras3": DataHabits(),
}  # fmt: skip


def data_habits() -> DataHabits:
    """Those of the active dialect."""
    return DATA_HABITS[translator.dialect() or "keras3"]
