"""Callbacks of all kinds."""

import os
import tempfile
from pathlib import Path

import numpy as np

import lamina
from lamina import callbacks
from lamina.callbacks import Callback, EarlyStopping, History, LambdaCallback, ModelCheckpoint

x, y = np.random.default_rng(0).random((16, 4)), np.ones((16, 1))
model = lamina.Sequential([lamina.layers.Dense(1, input_shape=(4,))])
model.compile("sgd", "mse", metrics=["mae"])


class LossHistory(Callback):
    def on_train_begin(self, logs=None):
        self.losses = []
        self.best = np.inf

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])

    def on_epoch_end(self, epoch, logs={}):  # noqa: B006
        current = logs.get("val_loss") or logs.get("loss")
        if current < self.best:
            self.best = current
            print(f"epoch {epoch}: {self.best:.3f}", self.params["epochs"])
        if logs.get("mae") < 1e-9:
            self.model.stop_training = True
        rate = float(self.model.optimizer.learning_rate)
        self.model.optimizer.learning_rate = rate * 0.9
        self.seen = self.model.predict(x, verbose=0), self.model.layers[0].get_weights()


class Stop(EarlyStopping):
    def __init__(self, threshold, monitor="val_loss", patience=0, verbose=0, **kwargs):
        super().__init__(monitor=monitor, patience=patience, verbose=verbose, **kwargs)
        self.threshold = threshold

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if self.get_monitor_value(logs) < self.threshold:
            self.model.stop_training = True


with tempfile.TemporaryDirectory() as folder:
    filepath = os.path.join(folder, "best.keras")
    noted = LossHistory()
    every: list[Callback] = [noted]
    every.append(Stop(1e-6, monitor="loss"))
    every += [
        EarlyStopping(monitor="val_loss", min_delta=1e-4, patience=5, verbose=0, mode="auto", baseline=None,
                      restore_best_weights=True, start_from_epoch=1),
        ModelCheckpoint(filepath, monitor="val_mae", save_best_only=True, mode="min"),
        ModelCheckpoint(filepath=Path(folder) / "{epoch:02d}.weights.h5", save_weights_only=True, save_freq="epoch", verbose=0),
        ModelCheckpoint(f"{folder}/step.keras", save_freq=2),
        callbacks.ReduceLROnPlateau("val_loss", factor=0.2, patience=1, cooldown=1, min_delta=0.001),
        callbacks.CSVLogger(os.path.join(folder, "log.csv"), append=True, separator=";"),
        callbacks.BackupAndRestore(backup_dir=folder),
        callbacks.TerminateOnNaN(),
        callbacks.TensorBoard(log_dir=folder, histogram_freq=0, update_freq="epoch", write_graph=False),
        History(),
        LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]),
                       on_train_end=lambda logs: print("done"), on_test_begin=lambda logs: None),
    ]  # fmt: skip
    history = model.fit(x, y, epochs=2, validation_split=0.25, callbacks=every, verbose=0)
    print(noted.losses[0], len(noted.losses), history.history["mae"], noted.best)
    restored = lamina.models.load_model(filepath)
    print(restored.evaluate(x, y, verbose=0))

chosen = callbacks.CallbackList([noted], model=model, epochs=1)
chosen.on_epoch_end(0, {"loss": 1.0, "mae": 1.0})
model.fit(x, y, verbose=0, callbacks=(noted,))
model.evaluate(x, y, verbose=0, callbacks=[noted])
model.predict(x, verbose=0, callbacks=[noted])
