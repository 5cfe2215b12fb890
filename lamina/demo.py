"""``lamina demo``: the tutorial's convolutional network learns real pictures, with lamina's own parts all the way down."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from lamina.callbacks import EarlyStopping
from lamina.datasets import fashion_mnist
from lamina.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from lamina.models import Sequential
from lamina.random import set_random_seed
from lamina.saving import load_model

CLASSES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
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
    print(f"\nTrained for {len(history.epoch)} epochs in {time.perf_counter() - start:.0f} s.\n")
    print(history.diagnose())

    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"\nAccuracy on {len(x_test)} test pictures it has never seen: {accuracy:.1%}\n")

    show_predictions(model, x_test, y_test)
    print("\nThe forward pass, as the PyTorch that runs (model.code):\n")
    print(model.code)
    save_and_reload(model, x_test, folder / "fashion.keras")
    draw_curves(history, folder / "curves.png")
    return accuracy


def show_predictions(model: Any, x: np.ndarray, y: np.ndarray, count: int = 3) -> None:
    """A few test pictures as characters, with what the model takes them for."""
    probabilities = model.predict(x[:count], verbose=0)
    pictures = [as_text(picture[..., 0]) for picture in x[:count]]
    for lines in zip(*pictures, strict=True):
        print("   ".join(lines))
    captions = [f"it is a {CLASSES[label]}; said {CLASSES[p.argmax()]} ({p.max():.0%})"
                for p, label in zip(probabilities, y, strict=False)]  # fmt: skip
    print("   ".join(f"{caption:<{len(pictures[0][0])}.{len(pictures[0][0])}}" for caption in captions))


def as_text(picture: np.ndarray) -> list[str]:
    """A picture with values from 0 to 1 as lines of characters; a character is about twice as high as it is wide."""
    rows = picture.reshape(-1, 2, picture.shape[1]).mean(axis=1)
    return ["".join(SHADES[min(int(value * len(SHADES)), len(SHADES) - 1)] * 2 for value in row) for row in rows]


def save_and_reload(model: Any, x: np.ndarray, path: Path) -> None:
    """Save the model, load it again, and check that it predicts the same."""
    model.save(path)
    same = np.array_equal(model.predict(x, verbose=0), load_model(path).predict(x, verbose=0))
    if not same:
        raise RuntimeError(f"The model that was saved to {path} predicts otherwise after loading.")
    print(f"Saved to {path} and loaded again: the predictions are equal.")


def draw_curves(history: Any, path: Path) -> None:
    """The curves of loss and accuracy, as a picture."""
    try:
        history.plot(path)
    except ImportError as error:
        print(f"No curves were drawn: {error}")
    else:
        print(f"The curves are in {path}.")
