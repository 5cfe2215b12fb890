"""What goes to the accelerator by itself, what stays, and that a step there is the CPU's, and waits for nothing."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import lamina
from lamina import callbacks, config, layers, losses, metrics, models, ops, optimizers
from lamina.utils import PyDataset

try:
    from placement import pretend
except AssertionError:  # a real one is there, and can't be had twice
    pretend = None

DEVICE = torch.empty(0, device=config.accelerator() or "cpu").device
PRETENDED = DEVICE.type == "pretend"
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6} if PRETENDED else {"rtol": 2e-2, "atol": 2e-2}
counts_waits = pytest.mark.skipif(not PRETENDED, reason="only the pretended device counts waits")
X = np.random.default_rng(0).random((70, 6, 6, 2), dtype="float32")
LABELS = (np.arange(70) * 7 % 3).astype("int64")
WORDS = (np.arange(70 * 5).reshape(70, 5) * 11 % 9).astype("int32")


@pytest.fixture(autouse=True)
def _as_it_was():
    yield
    config.set_device("auto")
    torch.set_default_device(None)


def pictures():
    lamina.utils.set_random_seed(1)
    return models.Sequential([
        layers.Conv2D(3, 3, activation="relu", input_shape=(6, 6, 2)), layers.BatchNormalization(),
        layers.MaxPooling2D(2), layers.Flatten(), layers.Dropout(0.2, seed=3), layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


def compiled(model, **more):
    given = {"optimizer": optimizers.Adam(0.01), "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(**(given | more))
    return model


def places(model):
    return {tensor.device for tensor in (*model.parameters(), *model.buffers())}


def waits():
    return pretend.waits if pretend is not None else 0


# ---- what goes ---------------------------------------------------------------------------------------------------------


def words():
    lamina.utils.set_random_seed(1)
    x = layers.Input((5,), dtype="int32")
    h = layers.Embedding(9, 4, mask_zero=True)(x)
    h = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(h)
    return models.Model(x, layers.Dense(3, activation="softmax")(layers.GRU(4)(h)))


def attending():
    lamina.utils.set_random_seed(1)
    x = layers.Input((5,), dtype="int32")
    h = layers.Embedding(9, 4)(x)
    h = layers.LayerNormalization()(h + layers.MultiHeadAttention(2, 3)(h, h, use_causal_mask=True))
    return models.Model(x, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(h)))


class Own(models.Model):
    """Built by its first batch; makes tensors in its call."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(4, activation="tanh"), layers.Dense(3, activation="softmax")

    def call(self, x):
        x = ops.reshape(x, (-1, 72)) * ops.linspace(0.5, 1.5, 72) + torch.zeros(72)
        return self.out(self.hidden(x) + ops.convert_to_tensor(np.ones(4, "float32")))


def own():
    lamina.utils.set_random_seed(1)
    return Own()


def test_the_weights_of_a_loss_of_torch_s_go_where_the_model_is():
    config.set_device("auto")
    loss = torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5]))
    model = compiled(pictures(), loss=loss)
    for weights in (None, np.ones(70)):
        assert np.isfinite(model.fit(X, LABELS, verbose=0, sample_weight=weights).history["loss"][0])
    assert loss.weight.device == DEVICE
    assert places(model) == {DEVICE}


@pytest.mark.parametrize(("make", "x"), [(pictures, X), (words, WORDS), (attending, WORDS), (own, X)])
def test_a_model_trains_there_as_on_the_cpu(make, x):
    found = []
    for where in ("cpu", "auto"):
        config.set_device(where)
        model = compiled(make(), weighted_metrics=["accuracy"])
        history = model.fit(x, LABELS, epochs=2, verbose=0, validation_split=0.2, shuffle=False,
                            class_weight={0: 1.0, 1: 2.0, 2: 0.5})  # fmt: skip
        assert places(model) == {DEVICE if where == "auto" else torch.device("cpu")}
        assert all(type(value) is float for values in history.history.values() for value in values)
        steps = model.train_on_batch(x[:8], LABELS[:8]), model.test_on_batch(x[:8], LABELS[:8])
        outputs = model.predict(x, verbose=0, batch_size=8), model.predict_on_batch(x[:3]), model.predict(x[:3])
        assert all(type(output) is np.ndarray for output in outputs)
        found.append((list(history.history.values()), *steps, model.evaluate(x, LABELS, verbose=0), *outputs,
                      *model.get_weights()))  # fmt: skip
    if PRETENDED or make is not pictures:  # dropout draws other numbers on a GPU
        for here, there in zip(*found, strict=True):
            np.testing.assert_allclose(there, here, **TOLERANCE)


@pytest.mark.parametrize("first", ["evaluate", "predict", "predict_on_batch", "train_on_batch", "test_on_batch", "fit"])
def test_the_first_use_takes_the_model_there(first):
    model = compiled(pictures())
    assert places(model) == {torch.device("cpu")}
    getattr(model, first)(X[:8], *(() if first.startswith("predict") else (LABELS[:8],)))
    assert places(model) == {DEVICE}


def test_it_is_said_once(capsys):
    from lamina.training import placement

    placement._say_once.cache_clear()
    for _ in range(2):
        pictures().predict(X, verbose=0)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"lamina: models run on {DEVICE}; lamina.config.set_device('cpu') keeps them on the CPU.\n"


def test_a_model_that_fit_moved_takes_tensors_and_arrays_from_the_cpu():
    model = pictures()
    model.predict(X, verbose=0)
    assert model(torch.from_numpy(X[:2])).device == DEVICE
    assert model(X[:2]).device == DEVICE
    assert model.layers[0](X[:2]).device == DEVICE
    model.cpu()
    assert model(X[:2]).device == model(torch.from_numpy(X[:2])).device == torch.device("cpu")


# ---- what stays --------------------------------------------------------------------------------------------------------


def by_default_device():
    torch.set_default_device("cpu")
    return pictures()


def in_scope():
    with torch.device("cpu"):
        return pictures()


def in_keras_s_scope():
    with lamina.device("/CPU:0"):
        return pictures()


def by_parent():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = pictures()

    return Net().to("cpu").inner


@pytest.mark.parametrize("make", [
    by_default_device, in_scope, in_keras_s_scope, by_parent, lambda: pictures().cpu(), lambda: pictures().to("cpu"),
    lambda: pictures().to("cpu", torch.float32), lambda: pictures().to(torch.zeros(1)),
    lambda: pictures().to(device=torch.device("cpu"), non_blocking=True),
])  # fmt: skip
def test_what_somebody_placed_stays(make):
    model = compiled(make())
    model.fit(X, LABELS, verbose=0)
    model.predict(X, verbose=0)
    assert places(model) == {torch.device("cpu")}


@pytest.mark.parametrize("change", [
    lambda model: model.half().float(), lambda model: model.to(torch.float64).to(torch.float32), copy.deepcopy,
    lambda model: model.requires_grad_(True), lambda model: pickle.loads(pickle.dumps(model)), models.clone_model,
])  # fmt: skip
def test_what_is_no_placing(change):
    model = compiled(change(pictures()))
    model.fit(X, LABELS, verbose=0)
    assert places(model) == {DEVICE}


def test_set_device_keeps_models_here_and_makes_weights_there():
    config.set_device("cpu")
    model = pictures()
    model.predict(X, verbose=0)
    assert places(model) == {torch.device("cpu")}
    config.set_device(str(DEVICE))
    assert places(pictures()) == {DEVICE}
    layer = layers.Dense(3)
    assert layer(np.ones((2, 4), "float32")).device == layer.kernel.device == DEVICE
    on_a_tensor = layers.Dense(3)
    assert on_a_tensor(torch.ones(2, 4)).device == on_a_tensor.kernel.device == torch.device("cpu")


def test_a_layer_called_by_itself_stays_where_its_weights_are():
    here, there = layers.Dense(3), layers.Dense(3)
    here(np.ones((2, 4), "float32"))
    there(torch.ones(2, 4, device=DEVICE))
    assert here.kernel.device == torch.device("cpu")
    assert there.kernel.device == there(np.ones((2, 4), "float32")).device == DEVICE


# ---- data --------------------------------------------------------------------------------------------------------------


class Pieces(PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        rows = slice(8 * index, 8 * index + 8)
        return X[rows], LABELS[rows], np.ones(8, "float32")


class Again:
    """One batch, again and again."""

    def __init__(self, batch, times):
        self.batch, self.times = batch, times

    def __iter__(self):
        return iter([self.batch] * self.times)


def loader():
    data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(LABELS))
    return torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)


@pytest.mark.parametrize("data", [
    lambda: (loader(),), lambda: (Pieces(workers=0),), lambda: (Again((X[:8], LABELS[:8]), 3),),
    lambda: (({"x": X[i : i + 8]}, LABELS[i : i + 8], np.ones(8)) for i in range(0, 64, 8)),
    lambda: (torch.from_numpy(X), torch.from_numpy(LABELS)), lambda: (X.astype("float64"), LABELS.tolist()),
    lambda: (torch.from_numpy(X).to(DEVICE), torch.from_numpy(LABELS).to(DEVICE)),
    lambda: (torch.from_numpy(X).to(DEVICE), LABELS),
])  # fmt: skip
@pytest.mark.parametrize("where", ["auto", "cpu"])
def test_any_data_go_where_the_model_is(data, where):
    config.set_device(where)
    given = data()
    if not isinstance(given, tuple):  # a generator
        x = layers.Input((6, 6, 2), name="x")
        model = models.Model({"x": x}, pictures()(x))
        given = (given,)
    else:
        model = pictures()
    compiled(model).fit(*given, verbose=0, class_weight={0: 1.0, 1: 2.0})
    assert places(model) == {DEVICE if where == "auto" else torch.device("cpu")}


def test_large_arrays_go_a_few_batches_at_a_time(monkeypatch):
    from lamina.training import data

    monkeypatch.setattr(data, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(data, "GATHER_BYTES", 2**12)
    model = compiled(pictures())
    model.fit(X, LABELS, sample_weight=np.ones(70), epochs=2, verbose=0)
    assert places(model) == {DEVICE}


def test_predict_fetches_large_outputs_in_pieces(monkeypatch):
    from lamina.training import placement

    model = pictures()
    whole = model.predict(X, batch_size=8, verbose=0)
    monkeypatch.setattr(placement, "KEPT_BYTES", 250)
    before = waits()
    np.testing.assert_array_equal(model.predict(X, batch_size=8, verbose=0), whole)
    assert not PRETENDED or 1 < waits() - before < 9


def test_the_users_arrays_stay_as_they_are():
    class Writes(layers.Layer):
        def call(self, x):
            return x.mul_(2)

    x = X.copy()
    model = models.Sequential([layers.Input((6, 6, 2)), Writes(), layers.Flatten(), layers.Dense(3)])
    compiled(model, loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    first = model.evaluate(x, LABELS, verbose=0)
    assert model.evaluate(x, LABELS, verbose=0) == first
    model.fit(x, LABELS, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(x, X)


# ---- no waits ----------------------------------------------------------------------------------------------------------


def waits_of_epoch(model, x, y, steps):
    data = Again((x[:8], y[:8]), steps)
    model.fit(data, verbose=0)  # the first decides, and may ask
    before = waits()
    model.fit(data, verbose=0)
    return waits() - before


def assert_no_step_waits(make, x, y):
    assert waits_of_epoch(make(), x, y, 9) == waits_of_epoch(make(), x, y, 3)


OPTIMIZERS = ["SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Adafactor", "Nadam", "Ftrl", "Lion",
              "Lamb", "Muon", "ScheduleFreeAdamW"]  # fmt: skip


@counts_waits
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("more", [{}, {"clipnorm": 1.0}, {"use_ema": True}, {"gradient_accumulation_steps": 2}])
def test_no_optimizer_waits(name, more):
    assert_no_step_waits(lambda: compiled(pictures(), optimizer=getattr(optimizers, name)(**more)), X, LABELS)


@counts_waits
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD])
def test_torch_optimizers_do_not_wait_in_lamina(optimizer):
    def make():
        model = pictures()
        return compiled(model, optimizer=optimizer(model.parameters(), lr=0.01))

    assert_no_step_waits(make, X, LABELS)


REGRESSION = ["mse", "mae", "mape", "msle", "huber", "log_cosh", "poisson", "kl_divergence", "cosine_similarity"]
TWO_CLASSES = ["binary_crossentropy", "binary_focal_crossentropy", "hinge", "squared_hinge", "dice", "tversky"]
MANY = ["categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge", "circle"]


@counts_waits
@pytest.mark.parametrize("loss", [*REGRESSION, *TWO_CLASSES, *MANY])
def test_no_loss_waits(loss):
    y = LABELS if loss == "circle" else np.eye(3, dtype="float32")[LABELS]
    assert_no_step_waits(lambda: compiled(pictures(), loss=loss, metrics=None), X, y)


METRICS = [
    metrics.AUC, metrics.Precision, metrics.Recall, metrics.BinaryAccuracy, metrics.CategoricalAccuracy,
    metrics.TopKCategoricalAccuracy, metrics.F1Score, metrics.FBetaScore, metrics.CategoricalCrossentropy,
    metrics.MeanSquaredError, metrics.RootMeanSquaredError, metrics.CosineSimilarity, metrics.R2Score,
    metrics.TruePositives, metrics.FalseNegatives, lambda: metrics.OneHotMeanIoU(3, dtype="float32"),
    lambda: metrics.MeanIoU(3, dtype="float32"),
    lambda: metrics.PrecisionAtRecall(0.5), lambda: metrics.SensitivityAtSpecificity(0.5), metrics.LogCoshError,
    lambda: metrics.MeanRelativeError([0.3, 0.3, 0.4]), metrics.Hinge, metrics.KLDivergence, metrics.Poisson,
    lambda: metrics.AUC(multi_label=True), metrics.PearsonCorrelation, metrics.ConcordanceCorrelation,
]  # fmt: skip


@counts_waits
@pytest.mark.parametrize("make", METRICS)
def test_no_metric_waits(make):
    y = np.eye(3, dtype="float32")[LABELS]
    sets = {"metrics": [make()], "weighted_metrics": [make()]}
    assert_no_step_waits(lambda: compiled(pictures(), loss="categorical_crossentropy", **sets), X, y)


@counts_waits
@pytest.mark.parametrize("layer", [
    lambda: layers.LSTM(3), lambda: layers.GRU(3), lambda: layers.SimpleRNN(3), lambda: layers.LSTM(3, dropout=0.2),
    lambda: layers.Bidirectional(layers.GRU(3)), lambda: layers.RNN(layers.LSTMCell(3)),
    lambda: layers.RNN([layers.GRUCell(3), layers.LSTMCell(3)]), lambda: layers.GRU(3, reset_after=False),
    lambda: layers.LSTM(3, recurrent_activation="hard_sigmoid"), lambda: layers.LSTM(3, return_state=True),
    lambda: layers.Bidirectional(layers.LSTM(3, return_state=True)), lambda: layers.LSTM(3, stateful=True),
])  # fmt: skip
def test_no_masked_sequence_waits(layer):
    def make():
        x = layers.Input(batch_shape=(8, 5), dtype="int32")
        outputs = layer()(layers.Embedding(9, 4, mask_zero=True)(x))
        outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
        outputs = layers.Concatenate()(list(outputs)) if len(outputs) > 1 else outputs[0]
        return compiled(models.Model(x, layers.Dense(3, activation="softmax")(outputs)))

    assert_no_step_waits(make, WORDS, LABELS)


@counts_waits
def test_mixed_precision_waits_once_a_step():
    def make():
        return compiled(pictures(), optimizer=optimizers.LossScaleOptimizer(optimizers.SGD(0.01)))

    assert waits_of_epoch(make(), X, LABELS, 9) - waits_of_epoch(make(), X, LABELS, 3) == 6


# ---- states that go along ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_that_knew_the_model_here_goes_on_there(name):
    found = []
    for there in (False, True):
        model = compiled(pictures().cpu(), optimizer=getattr(optimizers, name)(use_ema=True), metrics=["accuracy"])
        model.fit(X, LABELS, verbose=0, shuffle=False)
        if there:
            model.to(DEVICE)
            model.layers[0].trainable = False
        model.layers[0].trainable = False
        model.fit(X, LABELS, verbose=0, shuffle=False)
        assert places(model) == {DEVICE if there else torch.device("cpu")}
        found.append(model.get_weights())
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(there, here, **TOLERANCE) if PRETENDED else None


def test_files_and_callbacks(tmp_path):
    model = compiled(pictures(), optimizer=optimizers.Adam(0.01, use_ema=True))
    model.fit(X, LABELS, epochs=3, verbose=0, validation_split=0.2, callbacks=[
        callbacks.ModelCheckpoint(tmp_path / "best.keras"), callbacks.SwapEMAWeights(),
        callbacks.EarlyStopping(monitor="loss", restore_best_weights=True), callbacks.TerminateOnNaN(),
        callbacks.ModelCheckpoint(tmp_path / "best.weights.h5", save_weights_only=True),
        callbacks.BackupAndRestore(tmp_path / "backup"), callbacks.CSVLogger(tmp_path / "log.csv"),
        callbacks.ReduceLROnPlateau(monitor="loss"), callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
    ])  # fmt: skip
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    again = models.load_model(tmp_path / "model.keras")
    assert places(again) == {torch.device("cpu")}
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), **TOLERANCE)
    assert places(again) == {DEVICE}
    again.set_weights([0 * weight for weight in again.get_weights()])
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), **TOLERANCE)
    again.fit(X, LABELS, verbose=0)
    assert places(copy.deepcopy(again)) == {DEVICE}
    state = {key: value.cpu() for key, value in model.state_dict().items()}
    again.load_state_dict(state)
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), **TOLERANCE)


def test_metrics_and_losses_called_by_hand_take_both():
    y_pred = torch.rand(8, 3, device=DEVICE)
    y = np.eye(3, dtype="float32")[LABELS[:8]]
    assert losses.CategoricalCrossentropy()(y, y_pred).device == DEVICE
    assert losses.CategoricalFocalCrossentropy(alpha=[0.2, 0.3, 0.5])(y, y_pred).device == DEVICE
    for make in METRICS:
        metric = make()
        weights = {} if "IoU" in type(metric).__name__ else {"sample_weight": np.ones(8)}
        metric.update_state(y, y_pred, **weights)
        metric.update_state(torch.from_numpy(y), y_pred)
        metric.reset_state()
        metric.update_state(torch.from_numpy(y), y_pred)
        assert all(variable.device == DEVICE for variable in metric.variables)
        float(torch.as_tensor(metric.result()).sum())


# ---- code of the user's ------------------------------------------------------------------------------------------------


class Scaled(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="seen")

    def call(self, x):
        self.seen.assign_add(1.0)
        return x * ops.ones((3,)) + torch.arange(3) * 0.0 + lamina.random.normal((3,), seed=1) * 0


class Stepped(models.Model):
    def train_step(self, data):
        x, y = data
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred) + torch.zeros(()) + ops.sum(ops.zeros((2,)))
        self.zero_grad()
        loss.backward()
        with torch.no_grad():
            for weight in self.trainable_weights:
                weight -= 0.01 * weight.grad
        return {"loss": loss}

    def predict_step(self, data):
        return self(data[0]) + torch.zeros(3)


def scaled_loss(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred) * ops.convert_to_tensor([1.0, 2.0, 3.0]), axis=-1)


def test_tensors_that_the_users_code_makes_are_made_there():
    x = layers.Input((6, 6, 2))
    h = layers.Dense(3)(layers.Flatten()(x))
    outputs = layers.Lambda(lambda h: h + torch.ones(3))(Scaled()(h))
    model = models.Model(x, outputs)
    model.compile("adam", scaled_loss, metrics=[scaled_loss])
    y = np.eye(3, dtype="float32")[LABELS]
    model.fit(X, y, verbose=0)
    assert model.predict(X, verbose=0).shape == (70, 3)
    assert model(X[:2]).device == DEVICE
    assert places(model) == {DEVICE}
    stepped = Stepped(x, outputs)
    stepped.compile("adam", scaled_loss)
    stepped.fit(X, y, verbose=0)
    assert stepped.predict(X, verbose=0).shape == (70, 3)


def test_a_stateful_layer_and_given_states():
    model = models.Sequential([layers.Input(batch_shape=(7, 5, 4)), layers.LSTM(3, stateful=True), layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.ones((14, 5, 4), "float32")
    model.fit(x, np.ones(14), batch_size=7, verbose=0)
    model.layers[0].reset_states()
    assert places(model) == {DEVICE}
    gru = layers.GRU(3)
    gru(x)
    gru.to(DEVICE)
    assert gru(x, initial_state=np.zeros((14, 3), "float32")).device == DEVICE
    assert gru(x, mask=np.ones((14, 5), bool)).device == DEVICE


def test_several_inputs_and_outputs():
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    both = layers.Concatenate()([layers.Dense(3)(a), b * 2.0 + np.ones(4, "float32")])
    model = models.Model([a, b], {"one": layers.Dense(1, name="one")(both), "two": layers.Dense(2, name="two")(both)})
    model.compile("adam", {"one": "mse", "two": "mae"}, metrics={"one": ["mae"]}, loss_weights={"one": 0.5, "two": 1.0})
    x, y = [np.ones((9, 4), "float32")] * 2, {"one": np.ones((9, 1)), "two": np.ones((9, 2))}
    model.fit(x, y, verbose=0, sample_weight={"one": np.ones(9), "two": np.ones(9)})
    found = model.predict(x, verbose=0)
    assert {name: value.shape for name, value in found.items()} == {"one": (9, 1), "two": (9, 2)}
    assert places(model) == {DEVICE}


def test_a_model_without_memory_is_placed_by_to_empty():
    with torch.device("meta"):
        model = pictures()
    assert places(model) == {torch.device("meta")}
    model.to_empty(device=DEVICE)
    model.set_weights([np.full(weight.shape, 0.1, "float32") for weight in model.weights])
    assert model.predict(X, verbose=0).shape == (70, 3)
    assert places(model) == {DEVICE}


@pytest.mark.skipif(PRETENDED, reason="torch does not cast by itself on a device that is written in Python")
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    model = models.Sequential([
        layers.Input((6, 6, 2)), layers.Conv2D(3, 3, dtype=policy), layers.BatchNormalization(dtype=policy),
        layers.Flatten(dtype=policy), layers.Dense(3, activation="softmax", dtype="float32"),
    ])  # fmt: skip
    compiled(model, optimizer=optimizers.LossScaleOptimizer(optimizers.SGD(0.01)))
    model.fit(X, LABELS, verbose=0)
    assert places(model) == {DEVICE}
    assert model.layers[0](X[:2]).dtype is getattr(torch, policy.removeprefix("mixed_"))


def test_models_of_one_another():
    """A GAN: two models that train in turn, one of them inside a third."""
    judge = models.Sequential([layers.Dense(4, input_shape=(6,)), layers.Dense(1, activation="sigmoid")])
    judge.compile("adam", "binary_crossentropy")
    maker = models.Sequential([layers.Dense(6, input_shape=(3,))])
    noise = layers.Input((3,))
    both = models.Model(noise, judge(maker(noise)))
    both.compile("adam", "binary_crossentropy")
    for _ in range(2):
        made = maker.predict(np.ones((8, 3), "float32"), verbose=0)
        judge.trainable = True
        judge.train_on_batch(made, np.ones((8, 1)))
        judge.trainable = False
        both.train_on_batch(np.ones((8, 3)), np.ones((8, 1)))
    assert places(judge) == places(maker) == places(both) == {DEVICE}
    inner = models.Model(maker.input, maker.layers[0].output)
    assert inner(np.ones((2, 3))).device == DEVICE
    assert inner.predict(np.ones((2, 3)), verbose=0).shape == (2, 6)


def test_an_input_elsewhere_is_named():
    layer = layers.Dense(3)
    layer(torch.ones(2, 4, device=DEVICE))
    with pytest.raises(RuntimeError) as raised:
        layer(torch.ones(2, 4))
    assert (
        f"Its weights are on {DEVICE}, and the input is on cpu: pass input.to('{DEVICE}')." in raised.value.__notes__[0]
    )
