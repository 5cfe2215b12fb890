"""``lamina demo``: the tutorial's convolutional network learns real pictures, with lamina's own parts all the way down."""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from lamina.callbacks import EarlyStopping
from lamina.datasets import fashion_mnist
from lamina.language import say
from lamina.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from lamina.models import Sequential
from lamina.random import set_random_seed
from lamina.saving import load_model
from lamina.screen import cells, columns, language_of, show, wrap, write

GAP = 2  # columns between two pictures
SHADES = " .:-=+*#%@"


def main(folder: str | Path = "demo_output", epochs: int = 12) -> float:
    """Run the demo; pictures and the model go into ``folder``. Returns the test accuracy."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    set_random_seed(7)

    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    x_train, x_test = (x[..., None].astype("float32") / 255 for x in (x_train, x_test))

    model = Sequential([
        Conv2D(32, 3, padding="same", activation="relu", input_shape=(28, 28, 1)),
        MaxPooling2D(2),
        Conv2D(64, 3, padding="same", activation="relu"),
        MaxPooling2D(2),
        Flatten(),
        Dropout(0.4),
        Dense(128, activation="relu"),
        Dropout(0.4),
        Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()

    start = time.perf_counter()
    stop_early = EarlyStopping(patience=3, restore_best_weights=True)
    history = model.fit(x_train, y_train, batch_size=64, epochs=epochs, validation_split=0.1, callbacks=[stop_early])
    show(f"\n{_told('trained', epochs=len(history.epoch), seconds=round(time.perf_counter() - start))}\n")
    show(str(history.diagnose(language=language_of())))

    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    show(f"\n{_told('accuracy', count=len(x_test), accuracy=accuracy)}\n")

    show_predictions(model, x_test, y_test)
    show(f"\n{_told('code')}\n")
    write(f"{model.code}\n")
    save_and_reload(model, x_test, folder / "fashion.keras")
    draw_curves(history, folder / "curves.png")
    return accuracy


def show_predictions(model: Any, x: np.ndarray, y: np.ndarray, count: int = 4) -> None:
    """A few test pictures as characters, with what they are and what the model takes them for: side by side as many as
    fit, the others below."""
    probabilities = model.predict(x[:count], verbose=0)
    names = _told("classes").split(",")
    blocks = [
        [*as_text(picture[..., 0]), _told("truth", name=names[label]),
         _told("answer", name=names[p.argmax()], share=p.max())]
        for picture, label, p in zip(x[:count], y, probabilities, strict=False)
    ]  # fmt: skip
    write("\n\n".join(side_by_side(blocks, (columns(sys.stdout) or 80) - 1)) + "\n")


def side_by_side(blocks: list[list[str]], room: int) -> list[str]:
    """Blocks of lines, as many beside each other as ``room`` columns have space for; lines that are too long are wrapped."""
    blocks = [[part for line in block for part in wrap(line, room).split("\n")] for block in blocks]
    width = max(cells(line) for block in blocks for line in block)
    beside = max(1, (room + GAP) // (width + GAP))
    rows = []
    for start in range(0, len(blocks), beside):
        lines = itertools.zip_longest(*blocks[start : start + beside], fillvalue="")
        rows.append(
            "\n".join((" " * GAP).join(line + " " * (width - cells(line)) for line in row).rstrip() for row in lines)
        )
    return rows


def as_text(picture: np.ndarray) -> list[str]:
    """A picture with values from 0 to 1 as lines of characters; a character is about twice as high as it is wide."""
    rows = picture.reshape(-1, 2, picture.shape[1]).mean(axis=1)
    return ["".join(SHADES[min(int(value * len(SHADES)), len(SHADES) - 1)] for value in row) for row in rows]


def save_and_reload(model: Any, x: np.ndarray, path: Path) -> None:
    """Save the model, load it again, and check that it predicts the same."""
    model.save(path)
    same = np.array_equal(model.predict(x, verbose=0), load_model(path).predict(x, verbose=0))
    if not same:
        raise RuntimeError(f"The model that was saved to {path} predicts otherwise after loading.")
    show(_told("saved", path=path))


def draw_curves(history: Any, path: Path) -> None:
    """The curves of loss and accuracy, as a picture."""
    try:
        history.plot(path)
    except ImportError as error:
        show(_told("no_curves", reason=error))
    else:
        show(_told("curves", path=path))


def _told(key: str, **figures: Any) -> str:
    return say(f"demo.{key}", language_of(), **figures)
