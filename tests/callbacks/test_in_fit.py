"""Callbacks in ``fit`` itself."""

import json

import numpy as np
import pytest
import torch

from lamina.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
    TerminateOnNaN,
)
from lamina.layers import Dense
from lamina.models import Sequential
from lamina.optimizers import SGD

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int64")


def compiled(optimizer=None, units=8) -> Sequential:
    torch.manual_seed(0)
    model = Sequential([Dense(units, activation="relu", input_shape=(4,)), Dense(2, activation="softmax")])
    model.compile(optimizer or SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(model, callbacks=None, epochs=3, **options):
    return model.fit(X, Y, epochs=epochs, batch_size=16, verbose=0, shuffle=False, validation_split=0.25,
                     callbacks=callbacks, **options)  # fmt: skip


def test_hooks_are_called_in_keras_order():
    seen = []
    hooks = [name for name in dir(Callback) if name.startswith("on_") and "on_batch" not in name]
    fit(
        compiled(),
        [LambdaCallback(**{name: lambda *args, name=name: seen.append((name, *args[:-1])) for name in hooks})],
        epochs=1,
    )
    batches = [(f"on_train_batch_{end}", number) for number in range(3) for end in ("begin", "end")]
    test = [("on_test_begin",), ("on_test_batch_begin", 0), ("on_test_batch_end", 0), ("on_test_end",)]
    assert seen == [("on_train_begin",), ("on_epoch_begin", 0), *batches, *test, ("on_epoch_end", 0), ("on_train_end",)]


def test_params_and_model():
    seen = LambdaCallback()
    model = compiled()
    fit(model, [seen], epochs=2)
    assert seen.model is model
    assert seen.params == {"epochs": 2, "steps": 3, "verbose": 0}


def test_batch_logs_are_means_so_far():
    losses = []
    fit(compiled(), [LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]))], epochs=1)
    assert all(isinstance(loss, float) for loss in losses)
    history = fit(compiled(), epochs=1)
    assert losses[-1] == pytest.approx(history.history["loss"][0])


def test_early_stopping_restores_the_best_weights():
    class Spoil(Callback):
        """Every epoch from the third on, worse weights."""

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.kept = self.model.get_weights()
            if epoch >= 2:
                self.model.set_weights([weight * -3 for weight in self.model.get_weights()])

    model, spoil = compiled(), Spoil()
    stop = EarlyStopping(patience=2, restore_best_weights=True)
    history = fit(model, [spoil, stop], epochs=20)
    assert (stop.best_epoch, stop.stopped_epoch) == (1, 3)
    assert len(history.history["loss"]) == 4
    for weight, kept in zip(model.get_weights(), spoil.kept, strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_rates_are_set_and_logged():
    model = compiled()
    history = fit(model, [LearningRateScheduler(lambda epoch, rate: rate / 2)])
    assert history.history["learning_rate"] == pytest.approx([0.05, 0.025, 0.0125])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0125)
    history = fit(model, [ReduceLROnPlateau(monitor="val_acc", min_delta=10, patience=1, factor=0.1)])
    assert history.history["learning_rate"] == pytest.approx([0.0125, 0.0125, 0.00125])


def test_a_checkpoint_is_the_model_as_it_was(tmp_path):
    from lamina.saving import load_model

    model = compiled()
    weights = []
    fit(model, [ModelCheckpoint(tmp_path / "{epoch}.keras"),
                LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()))])  # fmt: skip
    for epoch in range(3):
        loaded = load_model(tmp_path / f"{epoch + 1}.keras").get_weights()
        for weight, kept in zip(loaded, weights[epoch], strict=True):
            np.testing.assert_array_equal(weight, kept)


def test_training_after_a_crash_ends_where_it_would_have_ended(tmp_path):
    class Crash(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise RuntimeError("power cut")

    def momentum():
        return SGD(0.1, momentum=0.9)

    whole = compiled(momentum())
    fit(whole, epochs=5)
    with pytest.raises(RuntimeError, match="power cut"):
        fit(compiled(momentum()), [BackupAndRestore(tmp_path / "b"), Crash()], epochs=5)
    assert json.loads((tmp_path / "b" / "training_metadata.json").read_text())["epoch"] == 3
    model = compiled(momentum())
    history = fit(model, [BackupAndRestore(tmp_path / "b")], epochs=5)
    assert history.epoch == [3, 4]
    for weight, expected in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-6)
    assert not (tmp_path / "b").exists()
    assert fit(model, epochs=2).epoch == [0, 1]  # the next fit begins anew


@pytest.mark.filterwarnings("ignore:The loss of")
def test_training_stops_at_nan(capsys):
    seen = []
    model = compiled(SGD(float("1e30")))
    fit(model, [TerminateOnNaN(), LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))], epochs=50)
    assert model.stop_training
    assert len(seen) < 10
    assert "so training stops." in capsys.readouterr().out


def test_the_table_has_a_row_for_each_epoch(tmp_path):
    history = fit(compiled(), [CSVLogger(tmp_path / "log.csv")])
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,accuracy,loss,val_accuracy,val_loss"
    assert [float(line.split(",")[2]) for line in lines[1:]] == history.history["loss"]


@pytest.mark.parametrize("each_epoch", [False, True])
def test_averages_are_validated_and_kept_at_the_end(each_epoch):
    model = compiled(SGD(0.1, use_ema=True, ema_momentum=0.5))
    at_test, trained = [], []
    fit(model, [LambdaCallback(on_epoch_begin=lambda epoch, logs: trained.append(model.get_weights())),
                SwapEMAWeights(swap_on_epoch=each_epoch),
                LambdaCallback(on_test_begin=lambda logs: at_test.append(model.get_weights()))])  # fmt: skip
    average = [np.asarray(weight) for weight in model.optimizer._model_variables_moving_average]
    for weight, last, expected in zip(model.get_weights(), at_test[-1], average, strict=True):
        np.testing.assert_array_equal(weight, expected)
        np.testing.assert_array_equal(last, expected)


def test_stop_training_ends_after_the_batch():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    seen = []
    model = compiled()
    fit(model, [Stop(), LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))])
    assert seen == [0, 1]


def test_fit_prints_one_line_an_epoch_here(capsys):
    model = compiled()
    model.fit(X, Y, epochs=2, batch_size=16)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("Epoch 2/2 - 4/4 - 0s - ")
    assert " - accuracy: 0." in lines[1]


def test_diagnose_and_plot_after_fit(tmp_path):
    history = fit(compiled(units=64), epochs=8)
    assert history.diagnose().verdict in ("not finished", "good fit")
    figure = history.plot(tmp_path / "curves.png")
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy"]
