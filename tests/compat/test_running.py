"""What ``lamina run`` runs, what it says, and what the processes see that a script starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lamina
from lamina.__main__ import main
from lamina.compat import magic
from lamina.compat.notebooks import python_of
from lamina.compat.python2 import why_not_python_3
from lamina.dialects import dialect


def run_apart(folder, *argv):
    around = {**os.environ, "PYTHONPATH": str(Path(lamina.__file__).parents[1])}
    command = [sys.executable, "-m", "lamina", "run", *argv]
    done = subprocess.run(command, cwd=folder, env=around, capture_output=True, check=False, timeout=300)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# ---- ways to run -----------------------------------------------------------------------------------------------------


def test_a_program_on_the_command_line(capsys):
    code = "import sys, keras; print(sys.argv, sys.path[0], __name__, keras.__version__, '__file__' in globals())"
    assert main(["run", "--keras", "1", "-c", code, "-a", "--keras", "2"]) == 0
    out, err = capsys.readouterr()
    assert out == "['-c', '-a', '--keras', '2']  __main__ 1.2.2 False\n"
    assert err == "lamina: <string> is read as Keras 1.2.2 (dialect keras1): as asked.\n"


@pytest.mark.parametrize(("number", "version"), [("1", "1.2.2"), ("2", "2.2.4"), ("2.3", "2.3.1"), ("tf", "2.21.0"),
                                                 ("3", "3.15.1"), ("keras2", "2.2.4")])  # fmt: skip
def test_generations_by_number(capsys, number, version):
    main(["run", "--quiet", "--keras", number, "-c", "import keras; print(keras.__version__)"])
    assert capsys.readouterr() == (version + "\n", "")


NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": "# words"},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "from keras.layers import Dense\n", "x = 1"]},
        {"cell_type": "code", "source": "%%time\nlayer = Dense(output_dim=3)\nlayer.units"},
        {"cell_type": "code", "source": "display('shown')\n%time x += 1\nx;\nDense?"},
        {"cell_type": "code", "source": "__name__"},
    ]
}


def test_a_notebook(tmp_path, capsys):
    (tmp_path / "book.ipynb").write_text(json.dumps(NOTEBOOK))
    assert main(["run", str(tmp_path / "book.ipynb")]) == 0
    out, err = capsys.readouterr()
    assert out == "3\n'shown'\n'__main__'\n"
    assert "book.ipynb is read as Keras 1.2.2" in err
    assert "output_dim → units (1)" in err


def test_a_notebook_with_a_command(tmp_path):
    NOTEBOOK["cells"][1]["source"] = "!pip install keras"
    (tmp_path / "book.ipynb").write_text(json.dumps(NOTEBOOK))
    code, _, err = run_apart(tmp_path, "book.ipynb")
    assert code == 1
    assert "book.ipynb, cell 2: '!pip install keras' is for IPython" in err


def test_an_error_in_a_notebook_shows_its_cell(tmp_path):
    (tmp_path / "b.ipynb").write_text(json.dumps({"cells": [{"cell_type": "code", "source": "x = 1\nx / 0"}]}))
    code, _, err = run_apart(tmp_path, "b.ipynb")
    assert code == 1
    assert err.splitlines()[1:3] == [
        "Traceback (most recent call last):",
        '  File "b.ipynb, cell 1", line 2, in <module>',
    ]


@pytest.mark.parametrize(("cell", "python"), [
    ("x = 5 % 3", "x = 5 % 3"), ("s = '''\n%time\n!ls\n'''", "s = '''\n%time\n!ls\n'''"), ("%timeit -n 3 f()", "f()"),
    ("if a:\n    %matplotlib inline\nx?", "if a:\n    pass\n"), ("%%capture out\nprint(1)", "\nprint(1)"),
    ("%load_ext autoreload\n%autoreload 2", "\n"),
])  # fmt: skip
def test_the_python_of_a_cell(cell, python):
    assert python_of(cell, "cell 1") == python


@pytest.mark.parametrize("cell", ["%%bash\nls", "files = !ls", "%run other.py", "  !cd x", "%cd data"])
def test_what_only_ipython_understands(cell):
    with pytest.raises(ValueError, match=r"cell 1: .* is for IPython"):
        python_of(cell, "cell 1")


# ---- processes -------------------------------------------------------------------------------------------------------

PROCESSES = """
import multiprocessing as mp
from concurrent.futures import ProcessPoolExecutor
from keras.layers import Dense

def work(i=0):
    import keras
    return keras.__version__, Dense(output_dim=3 + i).units

if __name__ == "__main__":
    for how in mp.get_all_start_methods():
        with mp.get_context(how).Pool(1) as pool:
            print(how, pool.map(work, [1]))
    with ProcessPoolExecutor(1, mp_context=mp.get_context("spawn")) as pool:
        print("executor", list(pool.map(work, [2])))
    from joblib import Parallel, delayed
    print("joblib", Parallel(n_jobs=2)(delayed(work)(i) for i in range(2)))
"""


def test_processes_see_the_same_keras(tmp_path):
    (tmp_path / "many.py").write_text(PROCESSES)
    code, out, err = run_apart(tmp_path, "many.py")
    assert code == 0, err
    ways = ["fork", "spawn", "forkserver"] if sys.platform != "win32" else ["spawn"]
    expected = [f"{way} [('1.2.2', 4)]" for way in ways]
    assert sorted(out.splitlines()) == sorted(
        [*expected, "executor [('1.2.2', 5)]", "joblib [('1.2.2', 3), ('1.2.2', 4)]"]
    )


# ---- the report ------------------------------------------------------------------------------------------------------

REPORTED = """
from keras.layers import LSTM, Dense
from keras.models import Sequential
import numpy as np
m = Sequential([LSTM(output_dim=4, input_dim=3, dropout_W=0.1), Dense(2, consume=1) if 0 else Dense(output_dim=2)])
m.compile("sgd", "mse")
m.fit(np.ones((2, 5, 3)), np.ones((2, 2)), nb_epoch=1, verbose=0)
try:
    from keras.layers import TFSMLayer
except ImportError:
    pass
"""


def test_the_report(tmp_path, capsys):
    (tmp_path / "old.py").write_text(REPORTED)
    assert main(["run", "--report", str(tmp_path / "r.json"), str(tmp_path / "old.py")]) == 0
    err = capsys.readouterr().err
    found = json.loads((tmp_path / "r.json").read_text())
    assert {(row["old"], row["new"]): row["count"] for row in found["translated"]} == {
        ("output_dim", "units"): 2, ("dropout_W", "dropout"): 1, ("nb_epoch", "epochs"): 1
    }  # fmt: skip
    assert {"of": "LSTM", "argument": "recurrent_activation", "value": "'hard_sigmoid_keras2'", "count": 1} in found[
        "changed_meaning"
    ]
    assert found["not_there"] == ["keras.layers.TFSMLayer"]
    assert (found["dialect"], found["keras"], found["error"]) == ("keras1", "1.2.2", None)
    assert err.splitlines()[1].startswith("lamina: translated: output_dim → units (2), ")
    assert "lamina: asked for, and not there: keras.layers.TFSMLayer.\n" in err


def test_the_report_of_a_script_that_fails(tmp_path):
    (tmp_path / "old.py").write_text("from keras.layers import Dense\nDense(output_dim=3)\n1 / 0\n")
    code, _, err = run_apart(tmp_path, "--report", "r.json", "old.py")
    assert code == 1
    assert "translated" not in err
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["error"], found["translated"][0]["count"]) == ("ZeroDivisionError: division by zero", 1)


# ---- Python 2 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "what"), [
    ("print x", "print without brackets"), ("print 'a %d' % 3", "print without brackets"),
    ("if x: print x", "print without brackets"),
    ("try:\n    pass\nexcept ValueError, e:\n    pass", "except ..., name:"),
    ("raise ValueError, 'x'", "raise ..., message"),
    ("exec 'x'", "exec without brackets"), ("a <> b", "<>"), ("x = 10L", "a number that ends in L"),
    ("os.chmod(x, 0755)", "an octal number"),
    ("def f(a, (b, c)): pass", "a tuple among the arguments of a function"), ("x = `3`", "backquotes"),
])  # fmt: skip
def test_python_2(line, what):
    with pytest.raises(SyntaxError) as error:
        compile(line, "x", "exec")
    found = why_not_python_3(line, error.value)
    assert found is not None
    assert found["what"] == what


@pytest.mark.parametrize("line", ["print(x", "def f(:", "x = = 3", "class:"])
def test_what_is_wrong_in_any_python(line):
    with pytest.raises(SyntaxError) as error:
        compile(line, "x", "exec")
    assert why_not_python_3(line, error.value) is None


def test_names_of_python_2(tmp_path):
    (tmp_path / "old.py").write_text("import keras\nfor i in xrange(3): pass\n")
    (tmp_path / "other.py").write_text("import neighbour\n")
    (tmp_path / "neighbour.py").write_text("x = 1\nprint x\n")
    code, _, err = run_apart(tmp_path, "old.py")
    assert code == 1
    assert "lamina: xrange is Python 2's; Python 3 has range." in err
    code, _, err = run_apart(tmp_path, "other.py")
    assert code == 1
    assert "neighbour.py is Python 2 (line 2, print without brackets: print x)" in err


# ---- Jupyter ---------------------------------------------------------------------------------------------------------


class Shell:
    """What an extension is given."""

    def register_magic_function(self, function, kind, name):
        setattr(self, f"{kind}_{name}", function)


def test_the_extension_of_jupyter(capsys):
    shell = Shell()
    real = sys.modules.get("keras")
    lamina.load_ipython_extension(shell)
    try:
        import keras

        assert keras is not real
        assert keras.__version__ == "3.15.1"
        shell.line_lamina("1")
        import keras

        assert (keras.__version__, dialect()) == ("1.2.2", "keras1")
        keras.layers.Dense(output_dim=3)
        capsys.readouterr()
        shell.line_lamina("report")
        assert capsys.readouterr().out == "lamina: translated: output_dim → units (1).\n"
        with pytest.raises(ValueError, match=r"%lamina got 'keras9'\. Did you mean 'keras"):
            shell.line_lamina("keras9")
        assert dialect() == "keras1"
    finally:
        lamina.unload_ipython_extension(shell)
    assert sys.modules.get("keras") is real
    assert dialect() is None
    assert magic._open is None
