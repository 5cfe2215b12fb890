"""Pack lamina's subset of Fashion-MNIST from the files of Debian's package ``dataset-fashion-mnist``.

    python scripts/pack_fashion_mnist.py [FOLDER]

The same files give the same pictures in the same order: they are drawn and shuffled with a fixed seed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from lamina.datasets._files import read_idx

SEED = 20170825
PER_CLASS = {"train": 500, "t10k": 100}
TARGET = Path(__file__).parents[1] / "lamina" / "datasets" / "data" / "fashion_mnist_subset.npz"


def draw(folder: Path, part: str, per_class: int, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """``per_class`` pictures of every class, in one shuffled order."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz", ndim=3)
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz", ndim=1)
    chosen = [rng.permutation(np.flatnonzero(labels == label))[:per_class] for label in range(10)]
    order = rng.permutation(np.concatenate(chosen))
    return images[order], labels[order]


def main() -> None:
    """Draw both parts and write them beside the reader."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/datasets/fashion-mnist")
    rng = np.random.RandomState(SEED)
    x_train, y_train = draw(folder, "train", PER_CLASS["train"], rng)
    x_test, y_test = draw(folder, "t10k", PER_CLASS["t10k"], rng)
    np.savez_compressed(TARGET, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
