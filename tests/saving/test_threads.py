"""Files in many threads at once: each reads in its own file's generation, whatever the others read, make and predict."""

from __future__ import annotations

import concurrent.futures
import io
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import lamina
from lamina import layers
from lamina.dialects import dialect, using_dialect
from lamina.models import load_model
from lamina.registry import CustomObjectScope

GOLDEN = Path(__file__).parent.parent / "golden" / "tf_keras.zip"


def some_files(folder: Path) -> list[Path]:
    """Models of tf.keras in .h5 and .keras, whose words mean other things today, and one of today."""
    with zipfile.ZipFile(GOLDEN) as archive:
        names = [name for name in archive.namelist() if name.endswith((".h5", ".keras")) and "weights" not in name]
        chosen = [name for name in names if any(word in name for word in ("gru", "lstm", "norm", "dense", "merge"))][
            :12
        ]
        paths = [Path(archive.extract(name, folder)) for name in chosen]
    model = lamina.Sequential(
        [layers.Input((5, 3)), layers.LSTM(4, recurrent_activation="hard_sigmoid"), layers.Dense(2)]
    )
    model.save(folder / "todays.keras")
    return [*paths, folder / "todays.keras"]


def told(model: Any) -> str:
    """What a model is, with its numbers, but without the names of this process."""
    stream = io.StringIO()
    model.summary(print_fn=lambda line: stream.write(f"{line}\n"))
    configs = [{key: value for key, value in layer.get_config().items() if key != "name"} for layer in model.layers
               if not isinstance(layer, lamina.Model)]  # fmt: skip
    return f"{configs} {[float(np.abs(weight).sum()) for weight in model.get_weights()]}"


def test_files_of_all_generations_at_once(tmp_path: Path):
    files = some_files(tmp_path)
    assert len(files) > 6
    alone = {path: told(load_model(path, compile=False)) for path in files}
    wrong: list[str] = []
    done = threading.Event()

    def make_and_predict() -> None:
        """What a thread does that reads no file: its layers are today's, and their weights are drawn."""
        while not done.is_set():
            model = lamina.Sequential([layers.Input((4, 3)), layers.GRU(3), layers.Dense(64)])
            if dialect() is not None or not model.layers[0].reset_after:
                wrong.append("another thread's dialect")
            if not np.any(model.get_weights()[3]):
                wrong.append("weights of zeros")
            model.predict(np.ones((2, 4, 3)), verbose=0)

    def read(number: int) -> None:
        path = files[number % len(files)]
        if told(load_model(path, compile=False)) != alone[path]:
            wrong.append(path.name)

    others = [threading.Thread(target=make_and_predict) for _ in range(2)]
    for other in others:
        other.start()
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(read, range(48)))
    finally:
        done.set()
        for other in others:
            other.join()
    assert wrong == []


def test_a_thread_s_dialect_and_names_are_its_own():
    """``set_dialect`` and ``as_keras`` are for the program; blocks are for their thread."""
    seen: list[Any] = []

    def look() -> None:
        seen.append((dialect(), layers.Dense(1).name[:5]))
        try:
            layers.deserialize({"class_name": "OfOneThread", "config": {}})
        except ValueError as error:
            seen.append("not registered" in str(error))

    with using_dialect("keras1"), CustomObjectScope({"OfOneThread": layers.Dense}):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    with lamina.as_keras("keras2"):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [(None, "dense"), True, ("keras2", "dense"), True]
