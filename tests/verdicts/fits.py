"""Real fits, small and quick, whose truth is measured: on large fresh data, with Dropout off, and by training on."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import lamina
from lamina import layers, optimizers
from lamina.callbacks import EarlyStopping, History
from lamina.datasets import fashion_mnist
from verdicts.drawn import DIVERGED, GOOD, GUESSING, MORE, OVER, UNDER, UNKNOWN, UNLIKE

Data = tuple[np.ndarray, np.ndarray]


@dataclass
class Fit:
    """A fit, and what is to be known of it.

    Attributes:
        history: what ``fit`` returned.
        right: the verdicts that are right by how the data were made; empty: those that the measured figures say.
        training, fresh: the model's loss on training rows and on fresh rows, in units of the best constant's loss there.
        later: the loss on fresh rows after as many epochs again.
    """

    history: History
    right: set[str]
    training: float
    fresh: float
    later: float


def truths(fit: Fit) -> set[str]:
    """The verdicts that the measured figures allow; several where they are near where two meet."""
    if fit.right:
        return fit.right
    if not math.isfinite(fit.training):
        return {DIVERGED}
    learnt, more = 1 - fit.fresh, (fit.fresh - fit.later) / max(fit.fresh, 1e-3)
    gap = min(fit.fresh, 2.0) - fit.training  # a model that is worse than a constant in training overfits nothing
    found = set()
    if learnt < 0.1:
        found |= {GUESSING}
    if fit.training > 3:
        found |= {DIVERGED}
    if gap > 0.06 or (gap > 0.03 and more < -0.05):
        found |= {OVER}
    if gap < 0.2 and learnt > 0.5:
        found |= {GOOD}
    if gap < 0.15 and 0.02 < learnt < 0.6:
        found |= {UNDER}
    if more > 0.06:
        found |= {MORE}
    if more > 0.15 and learnt < 0.7:
        found -= {GOOD, UNDER}
    return found


# ---- data ------------------------------------------------------------------------------------------------------------


def rings(seed: int, count: int, noise: float = 0.0) -> Data:
    """Two classes, inside and outside of a circle, in ten columns; a part of the labels is turned over."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 10)).astype("float32")
    y = (x[:, 0] ** 2 + x[:, 1] ** 2 > 1.4).astype("int64")
    return x, np.where(rng.random(count) < noise, 1 - y, y)


def groups(seed: int, count: int, apart: float = 3.0, classes: int = 3) -> Data:
    """Classes around centres, so far apart."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, count)
    centres = np.random.default_rng(99).normal(size=(classes, 8)) * apart / 2
    return (centres[y] + rng.normal(size=(count, 8))).astype("float32"), y


def numbers(seed: int, count: int, noise: float = 0.1, scale: float = 1.0, offset: float = 0.0) -> Data:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 8)).astype("float32")
    y = x[:, 0] + np.sin(2 * x[:, 1]) + noise * rng.normal(size=count)
    return x, (y * scale + offset).astype("float32")


def rare(seed: int, count: int) -> Data:
    """One row of thirty is of the other class, whatever its inputs."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 8)).astype("float32"), (rng.random(count) < 0.03).astype("int64")


def coins(seed: int, count: int) -> Data:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 10)).astype("float32"), rng.integers(0, 2, count)


def pictures(seed: int, count: int) -> Data:
    x, y = clothes()
    rows = np.random.default_rng(seed).permutation(len(x))[:count]
    return x[rows, ..., None].astype("float32") / 255, y[rows].astype("int64")


@functools.cache
def clothes() -> Data:
    return fashion_mnist.load_data()[0]


# ---- models ----------------------------------------------------------------------------------------------------------


def mlp(*units: int, rate: float = 0.0, ends: str = "classes", classes: int = 3, normal: bool = False) -> Any:
    middle: list[Any] = []
    for count in units:
        middle += [layers.Dense(count, activation="relu")]
        middle += [layers.BatchNormalization()] if normal else []
        middle += [layers.Dropout(rate)] if rate else []
    last = {"classes": layers.Dense(classes, activation="softmax"), "yes": layers.Dense(1, activation="sigmoid"),
            "number": layers.Dense(1)}[ends]  # fmt: skip
    return lamina.Sequential([*middle, last])


def cnn(filters: int = 8, rate: float = 0.0) -> Any:
    return lamina.Sequential([
        layers.Conv2D(filters, 3, strides=2, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(),
        *([layers.Dropout(rate)] if rate else []), layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


LOSSES = {"classes": "sparse_categorical_crossentropy", "yes": "binary_crossentropy", "number": "mse"}


def best_constant(loss: str, train: np.ndarray, fresh: np.ndarray) -> float:
    """What the best constant answer for the training rows costs on fresh ones."""
    if loss == "mse":
        return float(((fresh - train.mean()) ** 2).mean())
    if loss == "mae":
        return float(np.abs(fresh - np.median(train)).mean())
    classes = int(max(train.max(), fresh.max())) + 1
    shares = np.clip(np.bincount(train.astype(int), minlength=classes) / len(train), 1e-3, 1)
    return float(-np.log(shares)[fresh.astype(int)].mean())


def fit(
    model: Any, data: Callable[[int, int], Data], seed: int, rows: int, *, ends: str = "classes", right: Sequence[str] = (),
    optimizer: Any = None, epochs: int = 20, validation: Any = 300, callbacks: Any = (), loss: str | None = None,
    measured: bool = True, **arguments: Any,
) -> Fit:  # fmt: skip
    """Train a model, and measure what became of it."""
    lamina.utils.set_random_seed(seed)
    loss = loss or LOSSES[ends]
    train, fresh = data(1000 * seed + 1, rows), data(1000 * seed + 2, 3000 if measured else 10)
    model.compile(optimizer or optimizers.Adam(0.01), loss, metrics=None if ends == "number" else ["accuracy"])
    if isinstance(validation, int):
        validation = data(1000 * seed + 3, validation)
    given = {"validation_data": validation} if validation is not None else {}
    history = model.fit(*train, epochs=epochs, verbose=0, callbacks=list(callbacks), **given | arguments)
    if right or not measured:
        return Fit(history, set(right), math.nan, math.nan, math.nan)
    of_training, of_fresh = (first(model.evaluate(*each, verbose=0, batch_size=1000)) for each in (train, fresh))
    model.fit(
        *train, epochs=epochs, verbose=0, **{key: arguments[key] for key in arguments if key != "validation_split"}
    )
    later = first(model.evaluate(*fresh, verbose=0, batch_size=1000))
    bases = [best_constant(loss, train[1], each[1]) for each in (train, fresh, fresh)]
    return Fit(
        history, set(), *(value / base for value, base in zip((of_training, of_fresh, later), bases, strict=True))
    )


def first(figures: Any) -> float:
    return float(figures[0] if isinstance(figures, (list, tuple)) else figures)


# ---- the fits: the tutorial's causes -----------------------------------------------------------------------------------


def too_few_samples(seed: int) -> Fit:
    return fit(mlp(64, 64, ends="yes"), rings, seed, 40, ends="yes", epochs=60)


def few_pictures(seed: int) -> Fit:
    return fit(mlp_of_pictures(128), pictures, seed, 80, epochs=40, validation=500, optimizer=optimizers.Adam(0.003))


def one_sided_samples(seed: int) -> Fit:
    """Training has seen hardly any of one class; validation is of all."""
    x, y = groups(1000 * seed + 1, 900)
    kept = (y != 2) | (np.arange(900) < 10)
    return fit(mlp(32), lambda s, n: (x[kept], y[kept]) if s % 1000 == 1 else groups(s, n), seed, 0, right=[UNLIKE])


def samples_of_one_class(seed: int) -> Fit:
    """Only examples of one answer, and it is to tell two."""
    x, y = groups(1000 * seed + 1, 900, classes=2)
    return fit(mlp(32, ends="yes"), lambda s, n: (x[y == 0], y[y == 0]) if s % 1000 == 1 else groups(s, n, classes=2), seed, 0,
               ends="yes", right=[UNLIKE, GUESSING])  # fmt: skip


def noisy_labels(seed: int) -> Fit:
    return fit(
        mlp(128, 128, ends="yes"), lambda s, n: rings(s, n, 0.3), seed, 300, ends="yes", epochs=40, validation=1000
    )


def too_large_a_model(seed: int) -> Fit:
    return fit(mlp(256, 256, ends="number"), lambda s, n: numbers(s, n, 1.0), seed, 120, ends="number", epochs=60,
               validation=1000, optimizer=optimizers.Adam(0.003))  # fmt: skip


# ---- traps -------------------------------------------------------------------------------------------------------------


def sorted_labels(seed: int) -> Fit:
    x, y = groups(1000 * seed, 600, 2.0, classes=2)
    order = np.argsort(y, kind="stable")
    return fit(mlp(16, ends="yes"), lambda s, n: (x[order], y[order]), seed, 600, ends="yes", right=[UNLIKE],
               validation=None, validation_split=0.3, epochs=10)  # fmt: skip


def sorted_classes(seed: int) -> Fit:
    x, y = groups(1000 * seed, 600, 2.5, classes=5)
    order = np.argsort(y, kind="stable")
    return fit(mlp(16, classes=5), lambda s, n: (x[order], y[order]), seed, 600, right=[UNLIKE], validation=None,
               validation_split=0.2, epochs=15)  # fmt: skip


def worse_than_the_mean(seed: int) -> Fit:
    """Targets around 100 that vary by 1: after these steps the model still is far from their mean."""
    return fit(mlp(8, ends="number"), lambda s, n: numbers(s, n, offset=100.0), seed, 200, ends="number",
               optimizer=optimizers.SGD(1e-6), epochs=12, right=[GUESSING, MORE])  # fmt: skip


def unscaled_targets(seed: int) -> Fit:
    """Prices in hundreds of thousands, and a rate that would take months."""
    return fit(mlp(16, ends="number"), lambda s, n: numbers(s, n, scale=1e5, offset=3e5), seed, 400, ends="number",
               optimizer=optimizers.Adam(0.001), epochs=10, right=[GUESSING, MORE])  # fmt: skip


def majority(seed: int) -> Fit:
    return fit(mlp(8, ends="yes"), rare, seed, 1000, ends="yes", optimizer=optimizers.Adam(0.003), validation=1000, epochs=8,
               right=[GUESSING])  # fmt: skip


def nearly_all_dropped(seed: int) -> Fit:
    return fit(mlp(16, 16, rate=0.95, ends="yes"), lambda s, n: rings(s, n), seed, 600, ends="yes", epochs=20,
               validation=1000, right=[GUESSING, UNDER])  # fmt: skip


def pure_noise(seed: int) -> Fit:
    return fit(mlp(4, ends="yes"), coins, seed, 2000, ends="yes", optimizer=optimizers.Adam(0.002), validation=1000, epochs=8,
               right=[GUESSING])  # fmt: skip


def noise_by_heart(seed: int) -> Fit:
    return fit(
        mlp(128, 128, ends="yes"), coins, seed, 150, ends="yes", validation=500, epochs=40, right=[OVER, GUESSING]
    )


def numbers_of_noise(seed: int) -> Fit:
    return fit(mlp(4, ends="number"), lambda s, n: (numbers(s, n)[0], numbers(s + 500, n)[1]), seed, 2000, ends="number",
               optimizer=optimizers.Adam(0.003), validation=1000, epochs=10, right=[GUESSING])  # fmt: skip


def still_rising(seed: int) -> Fit:
    return fit(mlp_of_pictures(32), pictures, seed, 1500, optimizer=optimizers.SGD(0.01), epochs=8, validation=1000)


def three_rows(seed: int) -> Fit:
    return fit(mlp(32), groups, seed, 200, validation=3, epochs=15, right=[UNKNOWN])


def two_epochs(seed: int) -> Fit:
    return fit(mlp(32), groups, seed, 300, epochs=1 + seed % 2, right=[UNKNOWN, MORE] if seed % 2 else [UNKNOWN])


def without_validation(seed: int) -> Fit:
    return fit(mlp(32), groups, seed, 300, epochs=12, validation=None, right=[UNKNOWN])


def stopped_in_time(seed: int) -> Fit:
    stop = EarlyStopping(patience=4, restore_best_weights=True)
    return fit(mlp(32), groups, seed, 800, epochs=40, callbacks=[stop], validation=800)


def stopped_with_a_gap(seed: int) -> Fit:
    stop = EarlyStopping(patience=6, restore_best_weights=True)
    return fit(mlp(128, 128, ends="number"), lambda s, n: numbers(s, n, 0.7), seed, 80, ends="number", epochs=60,
               callbacks=[stop], validation=800)  # fmt: skip


def too_fast(seed: int) -> Fit:
    return fit(mlp(32, ends="number"), numbers, seed, 300, ends="number", optimizer=optimizers.SGD(5.0), epochs=8,
               right=[DIVERGED])  # fmt: skip


def too_slow(seed: int) -> Fit:
    return fit(mlp(32), groups, seed, 600, optimizer=optimizers.SGD(0.001), epochs=10, validation=1000, right=[MORE])


def leaked(seed: int) -> Fit:
    x, y = rings(1000 * seed + 1, 120, 0.2)
    return fit(mlp(128, 64, ends="yes"), lambda s, n: (x, y), seed, 120, ends="yes", epochs=40, validation=(x[:60], y[:60]),
               right=[UNLIKE])  # fmt: skip


def another_scale(seed: int) -> Fit:
    x, y = pictures(1000 * seed + 3, 400)
    return fit(mlp_of_pictures(32), pictures, seed, 600, validation=(x * 255, y), epochs=12, right=[UNLIKE],
               optimizer=optimizers.Adam(0.002))  # fmt: skip


def another_place(seed: int) -> Fit:
    x, y = groups(1000 * seed + 3, 300)
    return fit(mlp(16), groups, seed, 600, validation=(x + 3, y), epochs=12, right=[UNLIKE])


def other_shares(seed: int) -> Fit:
    """Nine of ten are of one class in training, one of ten in validation."""

    def tilted(s: int, n: int, part: float) -> Data:
        x, y = groups(s, 20 * n, 1.0, classes=2)
        ones, zeros = np.flatnonzero(y == 1)[: int(n * part)], np.flatnonzero(y == 0)[: n - int(n * part)]
        rows = np.random.default_rng(s).permutation(np.concatenate([ones, zeros]))
        return x[rows], y[rows]

    return fit(mlp(16, ends="yes"), lambda s, n: tilted(s, n, 0.9), seed, 400, ends="yes", epochs=15,
               validation=tilted(1000 * seed + 3, 300, 0.1), right=[UNLIKE])  # fmt: skip


# ---- good fits, and models that are too small ---------------------------------------------------------------------------


def good_groups(seed: int) -> Fit:
    return fit(mlp(32), groups, seed, 800, epochs=15, validation=800)


def good_groups_with_dropout(seed: int) -> Fit:
    return fit(mlp(64, rate=0.4), groups, seed, 1000, epochs=15, validation=800)


def good_groups_normalized(seed: int) -> Fit:
    return fit(mlp(32, normal=True), groups, seed, 1000, epochs=15, validation=800)


def good_numbers(seed: int) -> Fit:
    scale = [0.1, 1.0, 10.0][seed % 3]
    return fit(mlp(32, ends="number"), lambda s, n: numbers(s, n, scale=scale), seed, 1000, ends="number", epochs=20,
               validation=1000)  # fmt: skip


def tiny_numbers(seed: int) -> Fit:
    """Targets of thousandths: the loss looks small, and is a hundred times that of the mean."""
    return fit(mlp(32, ends="number"), lambda s, n: numbers(s, n, scale=1e-3), seed, 600, ends="number", epochs=10,
               validation=600, optimizer=optimizers.Adam(0.003))  # fmt: skip


def good_absolute_numbers(seed: int) -> Fit:
    return fit(mlp(64, ends="number"), numbers, seed, 1500, ends="number", loss="mae", epochs=20, validation=1000)


def good_pictures(seed: int) -> Fit:
    return fit(cnn(6, 0.2), pictures, seed, 1500, epochs=10, validation=1000, optimizer=optimizers.Adam(0.005))


def good_rings(seed: int) -> Fit:
    return fit(mlp(32, ends="yes"), rings, seed, 2000, ends="yes", epochs=15, validation=1000)


def too_small_a_model(seed: int) -> Fit:
    """A line cannot tell inside from outside."""
    return fit(mlp(ends="yes"), rings, seed, 1500, ends="yes", epochs=20, validation=1500, right=[GUESSING, UNDER])


def a_line_through_a_sine(seed: int) -> Fit:
    return fit(mlp(ends="number"), lambda s, n: waves(s, n), seed, 1500, ends="number", epochs=25, validation=1500,
               right=[UNDER])  # fmt: skip


def waves(seed: int, count: int) -> Data:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 4)).astype("float32")
    return x, (0.6 * x[:, 0] + np.sin(5 * x[:, 1])).astype("float32")


def mlp_of_pictures(units: int) -> Any:
    return lamina.Sequential(
        [layers.Flatten(), layers.Dense(units, activation="relu"), layers.Dense(10, activation="softmax")]
    )


FITS: tuple[Callable[[int], Fit], ...] = (
    too_few_samples, few_pictures, one_sided_samples, samples_of_one_class, noisy_labels, too_large_a_model, sorted_labels,
    sorted_classes, worse_than_the_mean, unscaled_targets, majority, nearly_all_dropped, pure_noise, noise_by_heart,
    numbers_of_noise, still_rising, three_rows, two_epochs, without_validation, stopped_in_time, stopped_with_a_gap, too_fast,
    too_slow, leaked, another_scale, another_place, other_shares, good_groups, good_groups_with_dropout,
    good_groups_normalized, good_numbers, tiny_numbers, good_absolute_numbers, good_pictures, good_rings, too_small_a_model,
    a_line_through_a_sine,
)  # fmt: skip
