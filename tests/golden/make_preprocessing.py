"""Writes ``preprocessing.npz``: pictures as keras_preprocessing 1.1.2 (Keras 2) and Keras 1.2.2 change them.

It needs an environment with NumPy, SciPy, Pillow and ``keras_preprocessing==1.1.2``, and the unpacked source of Keras 1.2.2:

    python tests/golden/make_preprocessing.py path/to/Keras-1.2.2

Keras 1's ``image.py`` is run beside a stand-in for its backend, of which it asks three settings only. ``CASES`` is what
``tests/preprocessing/test_generations.py`` runs, too.
"""

from __future__ import annotations

import importlib.util
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent

# name: (arguments of ImageDataGenerator, generations that have them all)
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "turned": ({"rotation_range": 40}, "12"),
    "shifted": ({"width_shift_range": 0.3, "height_shift_range": 0.2}, "12"),
    "by pixels": ({"width_shift_range": 3, "height_shift_range": [1, 2]}, "2"),
    "whole": ({"width_shift_range": 1}, "12"),
    "sheared": ({"shear_range": 0.4}, "12"),
    "zoomed": ({"zoom_range": 0.3, "fill_mode": "constant", "cval": 2.0}, "12"),
    "channels": ({"channel_shift_range": 30.0}, "12"),
    "flipped": ({"horizontal_flip": True, "vertical_flip": True}, "12"),
    "bright": ({"brightness_range": (0.5, 1.5)}, "2"),
    "samplewise": ({"samplewise_center": True, "samplewise_std_normalization": True}, "12"),
    "featurewise": ({"featurewise_center": True, "featurewise_std_normalization": True, "rescale": 0.1}, "12"),
    "whitened": ({"featurewise_center": True, "zca_whitening": True}, "12"),
    "all": ({"rotation_range": 20, "width_shift_range": 0.2, "shear_range": 0.2, "zoom_range": [0.8, 1.1], "rescale": 0.5,
             "horizontal_flip": True, "channel_shift_range": 5.0, "fill_mode": "reflect"}, "12"),
}  # fmt: skip
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "random_rotation": (30,), "random_shift": (0.2, 0.3), "random_shear": (0.3,), "random_zoom": ((0.7, 1.2),),
    "random_channel_shift": (20.0,),
}  # fmt: skip
FIT = {"featurewise", "whitened"}


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Six pictures and their targets; four in a batch, so that the last batch is short, or three."""
    return (np.random.RandomState(0).rand(6, 5, 4, 3) * 255).astype("float32"), np.arange(6)


def batches(image: Any, name: str) -> list[np.ndarray]:
    """What a generator gives: three batches of four, and three of three, in which the pass ends with a full one."""
    x, y = pictures()
    np.random.seed(11)
    generator = image.ImageDataGenerator(**CASES[name][0])
    if name in FIT:
        generator.fit(x, augment=True, rounds=2, seed=3)
    found = []
    for size, count, seed in ((4, 3, 7), (3, 3, None)):
        iterator = generator.flow(x, y, batch_size=size, seed=seed)
        for _ in range(count):
            pair = next(iterator)
            found += [np.asarray(part) for part in pair]
    return [*found, np.array(np.random.rand())]


def transformed(image: Any, name: str) -> np.ndarray:
    """What one of the functions makes of a picture whose channels are first."""
    np.random.seed(5)
    return np.asarray(getattr(image, name)(pictures()[0][0].transpose(2, 0, 1).copy(), *FUNCTIONS[name]))


def keras1(source: Path) -> types.ModuleType:
    """``keras.preprocessing.image`` of the unpacked source."""
    package, backend = types.ModuleType("keras1"), types.ModuleType("keras1.backend")
    package.__path__, package.backend = [], backend
    backend.floatx, backend.epsilon, backend.image_dim_ordering = (lambda: "float32"), (lambda: 1e-7), (lambda: "tf")
    preprocessing = types.ModuleType("keras1.preprocessing")
    preprocessing.__path__ = []
    sys.modules |= {"keras1": package, "keras1.backend": backend, "keras1.preprocessing": preprocessing}
    spec = importlib.util.spec_from_file_location(
        "keras1.preprocessing.image", source / "keras" / "preprocessing" / "image.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Measure and write."""
    warnings.simplefilter("ignore")
    from keras_preprocessing import image as keras2

    found = {}
    for generation, image in (("1", keras1(Path(sys.argv[1]))), ("2", keras2)):
        for name, (_, generations) in CASES.items():
            if generation in generations:
                parts = batches(image, name)
                found |= {f"{generation}/{name}/{number}": part for number, part in enumerate(parts)}
        found |= {f"{generation}/{name}": transformed(image, name) for name in FUNCTIONS}
    np.savez_compressed(HERE / "preprocessing.npz", **found)


if __name__ == "__main__":
    main()
