"""Callbacks that write: checkpoints, backups, tables, TensorBoard; and the one that posts."""

import csv
import http.server
import json
import sys
import threading
import urllib.parse

import keras
import numpy as np
import pytest
import torch
from callbacks.fake import FakeModel, play

import lamina
from lamina.callbacks import (
    BackupAndRestore,
    CSVLogger,
    ModelCheckpoint,
    ProgbarLogger,
    RemoteMonitor,
    SwapEMAWeights,
    TensorBoard,
)
from lamina.layers import Dense, Embedding, Flatten
from lamina.models import Sequential

VALUES = [0.9, 0.7, 0.8, 0.6, 0.6, 0.5]

# ---- checkpoints ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights_only", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"save_best_only": True},
        {"save_best_only": True, "mode": "max"},
        {"save_best_only": True, "initial_value_threshold": 0.65},
    ],
    ids=["every", "best", "highest", "threshold"],
)
def test_the_files_are_those_that_keras_would_write(options, weights_only, tmp_path):
    ending = ".weights.h5" if weights_only else ".keras"
    path = str(tmp_path / ("{epoch:02d}-{val_loss:.2f}" + ending))
    written = []
    for made in (ModelCheckpoint, keras.callbacks.ModelCheckpoint):
        model = FakeModel()
        play(made(path, save_weights_only=weights_only, **options), VALUES, model)
        written.append(model.saved)
    assert written[0] == written[1]
    assert written[0][0].endswith(("01-0.90" + ending, "04-0.60" + ending))


def test_every_so_many_batches(tmp_path):
    model = FakeModel()
    callback = ModelCheckpoint(tmp_path / "{epoch}-{batch}.keras", save_freq=4)
    callback.set_model(model)
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        for batch in range(6):
            callback.on_train_batch_end(batch, {"loss": 1.0})
        callback.on_epoch_end(epoch, {"loss": 1.0})
    assert [path.rpartition("/")[2] for path in model.saved] == ["1-4.keras", "2-2.keras", "2-6.keras"]


def test_every_so_many_epochs_as_in_keras_2(tmp_path):
    model = FakeModel()
    play(ModelCheckpoint(tmp_path / "{epoch}.h5", period=2), VALUES, model)
    assert [path.rpartition("/")[2] for path in model.saved] == ["2.h5", "4.h5", "6.h5"]


def test_old_names_in_a_file_name_and_new_folders(tmp_path):
    model = FakeModel()
    play(ModelCheckpoint(tmp_path / "new" / "{val_acc:.2f}.keras"), [{"val_accuracy": 0.5}], model)
    assert model.saved == [str(tmp_path / "new" / "0.50.keras")]


def test_a_missing_number_saves_with_a_warning(tmp_path):
    model = FakeModel()
    with pytest.warns(
        UserWarning, match="ModelCheckpoint watches 'val_acc', which is not in the logs. They have: loss"
    ):
        play(ModelCheckpoint(tmp_path / "m.keras", monitor="val_acc", save_best_only=True), [{"loss": 1.0}] * 2, model)
    assert len(model.saved) == 2


def test_it_says_what_it_does(tmp_path, capsys):
    path = str(tmp_path / "m.keras")
    play(ModelCheckpoint(path, save_best_only=True, verbose=1), [0.5, 0.6, 0.4])
    assert capsys.readouterr().out == (
        f"Epoch 1: val_loss improved to 0.50000, saving to {path}.\n"
        "Epoch 2: val_loss did not improve from 0.50000.\n"
        f"Epoch 3: val_loss improved from 0.50000 to 0.40000, saving to {path}.\n"
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ModelCheckpoint("model.txt"),
            ValueError,
            "The filepath of ModelCheckpoint must end in .keras to save a model, and got 'model.txt'.",
        ),
        (
            lambda: ModelCheckpoint("model.keras", save_weights_only=True),
            ValueError,
            "The filepath of ModelCheckpoint must end in .weights.h5 to save weights, and got 'model.keras'.",
        ),
        (
            lambda: ModelCheckpoint("m.keras", save_freq="batch"),
            ValueError,
            "The save_freq of ModelCheckpoint must be 'epoch' or a number of batches, and got 'batch'.",
        ),
        (
            lambda: play(ModelCheckpoint("{val_los:.2f}.keras"), [0.5]),
            KeyError,
            "ModelCheckpoint can't fill in {val_los} in '{val_los:.2f}.keras'. Did you mean 'val_loss'? There are: loss, "
            "val_loss, epoch. The model as it is now was saved to 'val_los.2f.keras'.",
        ),
        (lambda: BackupAndRestore(""), ValueError, "BackupAndRestore needs a folder: backup_dir is empty."),
        (
            lambda: BackupAndRestore("b", save_freq=0),
            ValueError,
            "The save_freq of BackupAndRestore must be 'epoch' or a number of batches, and got 0.",
        ),
        (
            lambda: RemoteMonitor(root="file:///etc"),
            ValueError,
            "The root of RemoteMonitor must be an http:// or https:// address, and got 'file:///etc'.",
        ),
    ],
    ids=["ending", "weights", "frequency", "name", "no folder", "backup frequency", "address"],
)
def test_wrong_arguments(make, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as raised:
        make()
    assert raised.value.args[0] == message


def test_a_folder_in_the_way(tmp_path):
    (tmp_path / "m.keras").mkdir()
    with pytest.raises(OSError, match=r"^ModelCheckpoint can't save to '.*m\.keras', which is a folder\.$"):
        play(ModelCheckpoint(tmp_path / "m.keras"), [0.5])


# ---- backups -------------------------------------------------------------------------------------------------------


def crash(callback, epochs, model, batches=4):
    callback.set_model(model)
    callback.on_train_begin()
    for epoch in range(getattr(model, "_initial_epoch", 0), epochs):
        callback.on_epoch_begin(epoch)
        for batch in range(batches):
            model.weight = np.array([epoch + batch / 10])
            callback.on_train_batch_end(batch, {})
        callback.on_epoch_end(epoch, {})


def test_training_goes_on_where_it_stopped(tmp_path):
    crash(BackupAndRestore(tmp_path / "b"), 3, FakeModel())
    model = FakeModel()
    callback = BackupAndRestore(tmp_path / "b")
    callback.set_model(model)
    callback.on_train_begin()
    assert model._initial_epoch == 3
    assert model.weight.tolist() == [2.3]
    callback.on_train_end()
    assert not (tmp_path / "b").exists()


def test_a_backup_within_an_epoch(tmp_path):
    model = FakeModel()
    callback = BackupAndRestore(tmp_path / "b", save_freq=3)
    crash(callback, 2, model)
    assert json.loads((tmp_path / "b" / "training_metadata.json").read_text()) == {"epoch": 1, "batch": 1}
    again = FakeModel()
    callback.set_model(again)
    callback.on_train_begin()
    assert again._initial_epoch == 1
    assert again.weight.tolist() == [1.1]


def test_the_backup_before_the_last_one_can_be_kept(tmp_path):
    crash(BackupAndRestore(tmp_path / "b", double_checkpoint=True), 3, FakeModel())
    names = sorted(path.name for path in (tmp_path / "b").iterdir())
    assert names == [
        "latest.weights.h5",
        "latest.weights.h5.bkp",
        "training_metadata.json",
        "training_metadata.json.bkp",
    ]
    assert json.loads((tmp_path / "b" / "training_metadata.json.bkp").read_text())["epoch"] == 2


def test_only_its_own_files_are_removed(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    callback = BackupAndRestore(tmp_path)
    crash(callback, 1, FakeModel())
    callback.on_train_end()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_delete_checkpoint_false_keeps_them(tmp_path):
    callback = BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
    crash(callback, 1, FakeModel())
    callback.on_train_end()
    assert (tmp_path / "b" / "latest.weights.h5").exists()


def test_a_model_that_is_not_built(tmp_path):
    model = FakeModel()
    model.built = False
    callback = BackupAndRestore(tmp_path)
    callback.set_model(model)
    with pytest.raises(ValueError, match=r"^BackupAndRestore needs a built model, and 'fake' is not: "):
        callback.on_train_begin()


# ---- tables --------------------------------------------------------------------------------------------------------

ROWS = [{"loss": 0.5, "accuracy": 0.75}, {"loss": 0.25, "accuracy": 1.0, "extra": 3.0}, {"loss": torch.tensor(0.125)}]


def test_the_table_holds_what_keras_would_write(tmp_path):
    tables = []
    for made in (CSVLogger, keras.callbacks.CSVLogger):
        rows = [{**row, "loss": float(row["loss"]), "val_loss": 1.0} for row in ROWS]
        play(made(str(tmp_path / "log.csv")), rows)
        with open(tmp_path / "log.csv", newline="") as file:
            tables.append(list(csv.reader(file)))
    assert tables[0] == tables[1]
    assert tables[0][0] == ["epoch", "accuracy", "loss", "val_loss"]
    assert tables[0][3] == ["2", "NA", "0.125", "1.0"]


def test_append_keeps_the_columns(tmp_path):
    path = tmp_path / "log.csv"
    play(CSVLogger(path, separator=";"), ROWS[:1])
    play(CSVLogger(path, separator=";", append=True), ROWS[1:], start=1)
    assert path.read_text() == "epoch;accuracy;loss\n0;0.75;0.5\n1;1.0;0.25\n2;NA;0.125\n"


def test_without_append_an_older_table_is_replaced(tmp_path):
    path = tmp_path / "log.csv"
    for _ in range(2):
        play(CSVLogger(path), ROWS[:1])
    assert path.read_text() == "epoch,accuracy,loss\n0,0.75,0.5\n"


# ---- TensorBoard ---------------------------------------------------------------------------------------------------


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(e.step, round(e.value, 5)) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}, events


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_has_keras_tags_and_folders(tmp_path):
    pytest.importorskip("tensorboard")
    model = FakeModel()
    model.code = "def forward(self, x): ..."
    model.state_dict = lambda: {"dense.kernel": torch.ones(2, 2)}
    callback = TensorBoard(tmp_path, histogram_freq=1, update_freq=2, write_steps_per_second=True)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        for batch in range(3):
            callback.on_train_batch_end(batch, {"loss": 1.0 - batch / 10})
        callback.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.75, "val_accuracy": 0.25})
    callback.on_train_end()
    train, events = scalars(tmp_path / "train")
    assert train["epoch_loss"] == [(0, 0.5), (1, 0.5)]
    assert train["epoch_learning_rate"] == [(0, 0.1), (1, 0.1)]
    assert train["batch_loss"] == [(2, 0.9), (4, 1.0), (6, 0.8)]
    assert min(value for _, value in train["epoch_steps_per_second"]) > 0
    assert events.Tags()["histograms"] == ["dense/kernel"]
    assert scalars(tmp_path / "validation")[0] == {
        "epoch_loss": [(0, 0.75), (1, 0.75)],
        "epoch_accuracy": [(0, 0.25), (1, 0.25)],
    }


def test_tensorboard_says_what_it_does_not_do(tmp_path):
    with pytest.warns(UserWarning, match=r"^TensorBoard: write_grads=True has no effect in lamina\.$"):
        TensorBoard(tmp_path, write_grads=True)
    for wrong in (-1, (5, 2), "a", (1, 2, 3), None):
        with pytest.raises(ValueError, match="profile_batch must be a batch or the first and last"):
            TensorBoard(tmp_path, profile_batch=wrong)


def test_tensorboard_that_is_not_installed_is_missed_when_training_begins(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    callback = TensorBoard()
    callback.set_model(FakeModel())
    with pytest.raises(
        ImportError, match=r"^The TensorBoard callback needs tensorboard: pip install 'lamina\[tensorboard\]'\.$"
    ):
        callback.on_train_begin()


@pytest.fixture
def embedded():
    pytest.importorskip("tensorboard")
    model = Sequential([Embedding(3, 2, input_length=4, name="words"), Flatten(), Dense(1, name="out")])
    model.compile("sgd", "mse")
    return model


X, Y = np.array([[0, 1, 2, 0], [1, 1, 0, 2]] * 4), np.ones((8, 1))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_of_a_script_under_as_keras(embedded, tmp_path):
    with lamina.as_keras("tf_keras"):
        import tensorflow  # noqa: F401

        embedded.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[TensorBoard(tmp_path)])
    assert list(scalars(tmp_path / "train")[0]) == ["epoch_loss", "epoch_learning_rate"]
    validation = scalars(tmp_path / "validation")[0]
    assert list(validation) == ["evaluation_loss_vs_iterations", "epoch_loss"]
    assert validation["evaluation_loss_vs_iterations"][0][0] == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_has_pictures_and_vectors_of_weights(embedded, tmp_path):
    labels = tmp_path / "labels.tsv"
    labels.write_text("a\nb\nc\n")
    callback = TensorBoard(tmp_path, histogram_freq=1, write_images=True, embeddings_freq=1,
                           embeddings_metadata={"words": "labels.tsv"})  # fmt: skip
    embedded.fit(X, Y, verbose=0, callbacks=[callback])
    _, events = scalars(tmp_path / "train")
    assert [tag.split("/")[-2] for tag in events.Tags()["images"]] == [
        "embeddings",
        "kernel",
    ]  # one number is no picture
    written = tmp_path / "train" / "00000" / "words"
    assert (written / "metadata.tsv").read_text().split() == ["a", "b", "c"]
    vectors = np.loadtxt(written / "tensors.tsv", delimiter="\t")
    np.testing.assert_allclose(vectors, embedded.layers[0].embeddings.detach().numpy(), atol=1e-6)
    for wrong, message in (
        ({"word": labels}, "Did you mean 'words'"),
        ("nowhere.tsv", "'nowhere.tsv', which is not there"),
    ):
        with pytest.raises(ValueError, match=message):
            embedded.fit(
                X, Y, verbose=0, callbacks=[TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata=wrong)]
            )


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("batches", "steps"), [((2, 3), 2), ("4,9", 1), (1, 1), (0, 0)])
def test_tensorboard_profiles_batches(embedded, tmp_path, batches, steps):
    embedded.fit(X, Y, batch_size=2, verbose=0, callbacks=[TensorBoard(tmp_path, profile_batch=batches)])
    traces = list((tmp_path / "train").glob("*.pt.trace.json"))
    assert len(traces) == bool(steps)
    events = json.loads(traces[0].read_text())["traceEvents"] if traces else []
    assert sum(event.get("name") == "aten::embedding" for event in events) == steps


def test_evaluation_alone_is_written(embedded, tmp_path):
    embedded.fit(X, Y, verbose=0)
    embedded.evaluate(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path)])
    assert list(scalars(tmp_path / "validation")[0]) == ["evaluation_loss_vs_iterations"]


# ---- a server ------------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    """A server on this machine, and the requests it got."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, self.headers["Content-Type"], self.headers["X-Key"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            """Nothing on the terminal."""

    httpd = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}", got
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.mark.parametrize("as_json", [False, True])
def test_logs_are_posted(server, as_json):
    root, got = server
    play(RemoteMonitor(root, headers={"X-Key": "k"}, send_as_json=as_json), [{"loss": np.float32(0.5), "note": "text"}])
    path, kind, key, body = got[0]
    sent = json.loads(body if as_json else urllib.parse.parse_qs(body)["data"][0])
    assert (path, key, sent) == ("/publish/epoch/end/", "k", {"epoch": 0, "loss": 0.5})
    assert kind == ("application/json" if as_json else "application/x-www-form-urlencoded")


def test_a_server_that_is_not_there_does_not_stop_training():
    callback = RemoteMonitor("http://127.0.0.1:1")
    with pytest.warns(UserWarning, match=r"^RemoteMonitor could not reach http://127\.0\.0\.1:1: "):
        assert play(callback, [1.0, 0.5]) == [0, 1]


# ---- averages, and the bar -----------------------------------------------------------------------------------------


class Averaging:
    use_ema = True
    learning_rate = 0.1

    def __init__(self):
        self._params = [torch.tensor([1.0, 2.0])]
        self._model_variables_moving_average = [torch.tensor([10.0, 20.0])]


def test_averages_are_in_the_model_while_it_is_evaluated():
    model = FakeModel()
    model.optimizer = Averaging()
    weight = model.optimizer._params[0]
    callback = SwapEMAWeights()
    callback.set_model(model)
    for begin, end in (
        (callback.on_test_begin, callback.on_test_end),
        (callback.on_predict_begin, callback.on_predict_end),
    ):
        begin()
        assert weight.tolist() == [10.0, 20.0]
        end()
        assert weight.tolist() == [1.0, 2.0]
    callback.on_epoch_end(0)
    assert weight.tolist() == [1.0, 2.0]


def test_averages_between_epochs():
    model = FakeModel()
    model.optimizer = Averaging()
    weight = model.optimizer._params[0]
    callback = SwapEMAWeights(swap_on_epoch=True)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0)
    assert weight.tolist() == [10.0, 20.0]
    callback.on_epoch_begin(1)
    assert weight.tolist() == [1.0, 2.0]
    assert model.optimizer._model_variables_moving_average[0].tolist() == [10.0, 20.0]


def test_an_optimizer_without_averages():
    callback = SwapEMAWeights()
    callback.set_model(FakeModel())
    with pytest.raises(
        ValueError, match=r"^SwapEMAWeights needs an optimizer that keeps averages: make it with use_ema=True\.$"
    ):
        callback.on_test_begin()


@pytest.mark.parametrize(("verbose", "lines"), [(0, 2), (1, 0), (2, 0)])
def test_there_is_one_bar_either_way(verbose, lines, capsys):
    callback = ProgbarLogger()
    callback.set_params({"epochs": 2, "steps": 1, "verbose": verbose})
    callback.on_train_begin()
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        callback.on_train_batch_end(0, {"loss": 0.5})
        callback.on_epoch_end(epoch, {"loss": 0.5})
    assert capsys.readouterr().out.count("loss: 0.5000") == lines
