"""What a person sees of a call that fails."""

from __future__ import annotations

import io
import linecache
import subprocess
import sys
import traceback
import types
from pathlib import Path

import numpy as np
import pytest
import torch

import lamina
from lamina import config, tracebacks

# What is done wrong, in a line of the user's, and what the error's last words hold. Names are those of `SETTING`.
WRONG = {
    "constructor": ("layers.Dense(-3)", "-3"),
    "unknown argument": ("layers.Dense(3, activaton='relu')", "Did you mean 'activation'?"),
    "unknown activation": ("layers.Dense(3, activation='rellu')", "Did you mean 'relu'?"),
    "call": ("layers.Dense(3, input_shape=(4,))(layers.Dense(2))", "takes a tensor"),
    "call of a built layer": ("dense(np.zeros((2, 5), 'float32'))", "5"),
    "call on a tensor": ("dense(torch.zeros(2, 5))", "5"),
    "call of a model": ("model(torch.zeros(2, 5))", "5"),
    "unknown argument of a call": ("dense(x, trainin=True)", "Did you mean 'training'?"),
    "functional": ("layers.Conv2D(8, 3)(lamina.Input((4,)))", "Conv2D"),
    "functional merge": ("layers.add([lamina.Input((4,)), lamina.Input((5,))])", "shape"),
    "torch on symbolic": ("torch.cat([lamina.Input((4,)), lamina.Input((5, 3))])", ""),
    "operator on symbolic": ("lamina.Input((4,)) @ lamina.Input((5,))", ""),
    "ops on symbolic": ("ops.matmul(lamina.Input((4,)), lamina.Input((5,)))", ""),
    "ops": ("ops.concatenate([np.zeros((2, 3)), np.zeros((3, 4))], axis=0)", ""),
    "model of no inputs": ("lamina.Model(x, x)", "symbolic"),
    "Sequential": ("lamina.Sequential([layers.Dense(3, input_shape=(4,)), layers.Conv2D(2, 3)])", "Conv2D"),
    "compile": ("model.compile('adm', 'mse')", "Did you mean 'adam'?"),
    "compile a loss": ("model.compile('adam', 'binary_crossentropi')", "Did you mean 'binary_crossentropy'?"),
    "compile an argument": ("model.compile(optimzer='adam')", "Did you mean 'optimizer'?"),
    "not compiled": ("lamina.Sequential([layers.Dense(3)]).fit(x, y)", "compiled"),
    "fit an argument": ("model.fit(x, y, epoch=3)", "Did you mean 'epochs'?"),
    "fit other columns": ("model.fit(np.zeros((8, 5)), y, verbose=0)", "5"),
    "fit other rows": ("model.fit(x, y[:5], verbose=0)", "5"),
    "fit other targets": ("model.fit(x, np.zeros((8, 7)), verbose=0)", "7"),
    "fit words": ("model.fit(np.array(['a'] * 8), y, verbose=0)", ""),
    "evaluate": ("model.evaluate(np.zeros((8, 5)), y, verbose=0)", "5"),
    "predict": ("model.predict(np.zeros((8, 5)), verbose=0)", "5"),
    "predict one batch": ("model.predict_on_batch(np.zeros((8, 5)))", "5"),
    "load_model": ("lamina.models.load_model('nowhere.keras')", "nowhere.keras"),
    "set_weights": ("model.set_weights([np.zeros((4, 7))])", ""),
    "load_weights": ("model.load_weights('nowhere.weights.h5')", "nowhere"),
    "get_layer": ("model.get_layer('none')", "none"),
    "optimizer": ("lamina.optimizers.Adam(learning_rat=0.1)", "Did you mean 'learning_rate'?"),
    "loss": ("lamina.losses.BinaryCrossentropy(from_logit=True)", "Did you mean 'from_logits'?"),
    "loss of shapes": (
        "lamina.losses.CategoricalCrossentropy()(np.zeros((3,)), np.zeros((3, 2)))",
        "Integer class labels",
    ),
    "metric": ("lamina.metrics.AUC(num_treshholds=3)", "Did you mean 'num_thresholds'?"),
    "callback": ("lamina.callbacks.EarlyStopping(patiance=3)", "Did you mean 'patience'?"),
    "initializer": ("lamina.initializers.get('glorot_unifrom')", "Did you mean 'glorot_uniform'?"),
    "json": ("lamina.models.model_from_json('{}')", ""),
    "config": ("layers.deserialize({'class_name': 'Dense', 'config': {'units': 'x'}})", ""),
}
SETTING = """
x, y = np.ones((8, 4), "float32"), np.ones((8, 3), "float32")
dense = layers.Dense(3, input_shape=(4,))
dense(x)
model = lamina.Sequential([layers.Dense(5, input_shape=(4,)), layers.Dense(3)])
model.compile("sgd", "mse")
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The error of code that stands in a file of the user's."""
    monkeypatch.chdir(tmp_path)
    return run_in_file


def run_in_file(code: str) -> BaseException:
    space = {"__name__": "user", "np": np, "torch": torch, "lamina": lamina, "layers": lamina.layers, "ops": lamina.ops}
    exec(SETTING, space)
    Path("user.py").write_text(code)
    linecache.checkcache()
    with pytest.raises(Exception) as caught:  # noqa: PT011
        exec(compile(code, "user.py", "exec"), space)
    caught.value.__traceback__ = caught.tb.tb_next  # without the frame of this test
    return caught.value


def shown(error: BaseException) -> str:
    """What Python prints of an error that nobody caught."""
    printed, sys.stderr = sys.stderr, io.StringIO()
    try:
        sys.excepthook(type(error), error, error.__traceback__)
        return sys.stderr.getvalue()
    finally:
        sys.stderr = printed


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_call_shows_the_users_line_and_the_sentence(kind, run):
    code, words = WRONG[kind]
    error = run(code)
    caught = traceback.format_exception(error)
    printed = shown(error).splitlines()
    print("".join(caught))
    print("\n".join(printed))
    assert any(code in line for line in printed)
    assert "/lamina/" not in "\n".join(line for line in printed if line.startswith("  File"))
    assert words in "".join(printed)
    assert len(printed) <= (8 if kind != "Sequential" else 24), kind
    assert len("".join(caught).splitlines()) <= (12 if kind != "Sequential" else 24), kind


def names_in(error: BaseException | None) -> list[str]:
    """The functions whose frames an error's traceback has."""
    return [frame.name for frame in traceback.extract_tb(error and error.__traceback__)]


OWN = {
    "layer": """
class Mine(layers.Layer):
    def call(self, inputs):
        return helper(inputs)
def helper(inputs):
    return {}["nothing"]
def main():
    lamina.Sequential([layers.Dense(3), Mine()])(torch.zeros(2, 4))
main()
""",
    "torch module in a model": """
class Mine(torch.nn.Module):
    def forward(self, inputs):
        return helper(inputs)
def helper(inputs):
    return torch.nn.functional.linear(inputs, torch.zeros(7, 7))
def main():
    lamina.Sequential([layers.Dense(3, input_shape=(4,)), Mine()])
main()
""",
    "constructor": """
class Mine(layers.Layer):
    def __init__(self):
        super().__init__()
        helper()
def helper():
    raise OSError("mine")
def main():
    Mine()
main()
""",
    "loss": """
def loss(y_true, y_pred):
    return helper()
def helper():
    raise ValueError("mine")
def main():
    model.compile("sgd", loss)
    model.fit(x, y, verbose=0)
main()
""",
    "metric": """
def metric(y_true, y_pred):
    return helper()
def helper():
    raise ValueError("mine")
def main():
    model.compile("sgd", "mse", metrics=[metric])
    model.evaluate(x, y, verbose=0)
main()
""",
    "callback": """
class Mine(lamina.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        helper(logs)
def helper(logs):
    logs["val_loss"]
def main():
    model.fit(x, y, verbose=0, callbacks=[Mine()])
main()
""",
    "generator": """
def batches():
    yield x, y
    yield helper()
def helper():
    raise ValueError("mine")
def main():
    model.fit(batches(), steps_per_epoch=2, verbose=0)
main()
""",
    "train_step": """
class Mine(lamina.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)
    def call(self, inputs):
        return self.dense(inputs)
    def train_step(self, data):
        return helper(data)
def helper(data):
    return data.nothing
def main():
    mine = Mine()
    mine.compile("sgd", "mse")
    mine.fit(x, y, verbose=0)
main()
""",
    "a call of lamina's in a layer": """
class Mine(layers.Layer):
    def build(self, shape):
        self.dense = layers.Dense(3)
        self.dense.build((None, 9))
    def call(self, inputs):
        return helper(self, inputs)
def helper(self, inputs):
    return self.dense(inputs)
def main():
    Mine()(torch.zeros(2, 4))
main()
""",
}


@pytest.mark.parametrize("kind", OWN)
def test_the_users_own_frames_stay(kind, run):
    """Between lamina's frames, too, whoever reads the traceback; and what users' code calls is left as it is."""
    error = run(OWN[kind])
    text = "".join(traceback.format_exception(error)) + shown(error)
    print(text)
    names = names_in(error)
    assert names[:2] == ["<module>", "main"]
    assert "helper" in names
    assert not any("/lamina/" in line for line in text.splitlines() if line.startswith("  File"))
    assert len(names) <= 6
    if kind != "a call of lamina's in a layer":
        assert "left out" not in text, "the user's own mistake has nothing to do with lamina's frames"


def test_the_whole_is_shown_when_asked_for(run):
    assert config.is_traceback_filtering_enabled()
    short = run("model.fit(np.zeros((8, 5)), y, verbose=0)")
    config.disable_traceback_filtering()
    try:
        whole = run("model.fit(np.zeros((8, 5)), y, verbose=0)")
        assert {"fit", "_train_epoch", "_complaint"} <= set(names_in(whole))
        assert "one_batch.py" in shown(whole) or "trainer.py" in shown(whole)
        told = run("layers.deserialize({'class_name': 'Dense', 'config': {'units': 'x'}})")
        assert "direct cause" in shown(told)
    finally:
        config.enable_traceback_filtering()
    assert len(names_in(whole)) > 4 > len(names_in(short))


def test_what_lamina_does_not_say_itself_comes_with_a_way_to_see_more(run, monkeypatch):
    # As a mistake inside of lamina: of code that is in its folder.
    code = compile("def wrong(self, input_shape):\n    return input_shape.nothing", tracebacks.__file__, "exec")
    exec(code, space := {})
    monkeypatch.setattr(lamina.layers.Flatten, "compute_output_shape", space["wrong"])
    text = shown(run("layers.Flatten()(lamina.Input((4,)))"))
    assert "AttributeError" in text
    assert "lamina.config.disable_traceback_filtering() shows the whole" in text
    assert text.count("left out") == 1
    assert "left out" not in shown(run("layers.Dense(-3)")), "lamina's own sentence says all"


def test_what_an_error_came_of_stays_where_it_is_the_users(run):
    handling = run("""
try:
    {}["first"]
except KeyError:
    layers.Dense(-3)
""")
    assert "KeyError: 'first'" in shown(handling)
    assert "During handling" in shown(handling)
    chained = run("""
try:
    layers.Dense(-3)
except ValueError as error:
    raise RuntimeError("mine") from error
""")
    assert isinstance(chained.__cause__, ValueError)
    assert "direct cause" in shown(chained)
    assert "/lamina/" not in "".join(line for line in shown(chained).splitlines() if line.startswith("  File"))
    from_user = run("""
class Mine(layers.Layer):
    def call(self, inputs):
        try:
            return inputs.nothing
        except AttributeError as error:
            raise RuntimeError("mine") from error
Mine()(torch.zeros(2, 4))
""")
    assert isinstance(from_user.__cause__, AttributeError)
    assert names_in(from_user.__cause__) == ["call"]


def test_what_went_wrong_inside_before_is_told_by_the_sentence(run):
    error = run("layers.deserialize({'class_name': 'Dense', 'config': {'units': 'x'}})")
    assert error.__cause__ is None
    assert "direct cause" not in shown(error)


def test_a_debugger_finds_the_users_frame(run):
    error = run("""
class Mine(layers.Layer):
    def call(self, inputs):
        found = 3
        return inputs.nothing
Mine()(torch.zeros(2, 4))
""")
    last = list(traceback.walk_tb(error.__traceback__))[-1][0]
    assert last.f_code.co_name == "call"
    assert last.f_locals["found"] == 3
    assert last.f_back is not None, "up from here is all that ran, lamina's frames among them"


def test_a_process_and_a_thread_end_with_short_words(tmp_path):
    script = tmp_path / "user.py"
    script.write_text("""
import threading
import lamina
def work():
    lamina.losses.get("nothing of the kind")
thread = threading.Thread(target=work)
thread.start()
thread.join()
lamina.losses.mean_squared_error([1.0], [1.0], weigth=3)
""")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    print(done.stderr)
    assert done.returncode == 1
    assert "lamina/" not in "".join(line for line in done.stderr.splitlines() if line.startswith("  File"))
    assert "is not a known loss" in done.stderr
    assert "mean_squared_error() got an unexpected keyword argument 'weigth'. It takes y_true, y_pred." in done.stderr


def test_a_notebook_is_shown_short_errors(monkeypatch, run):
    seen = []

    class Shell:
        def showtraceback(self, *args, **kwargs):
            seen.append((args, names_in(sys.exc_info()[1])))

    shell = Shell()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    tracebacks.install()
    tracebacks.install()  # twice is once
    try:
        raise run("lamina.losses.get('nothing of the kind')")
    except ValueError:
        shell.showtraceback("cell")
    assert seen == [(("cell",), ["test_a_notebook_is_shown_short_errors", "<module>"])]


def test_an_error_is_shown_whatever_happens(monkeypatch, capsys):
    monkeypatch.setattr(tracebacks, "shorten", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sys.excepthook(ValueError, ValueError("said"), None)
    assert "ValueError: said" in capsys.readouterr().err
