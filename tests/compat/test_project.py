"""The guess by all that belongs to a script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lamina.compat.hints import Pin, generation_of
from lamina.compat.project import guess_project, modules_of, stated

# Scripts that have nothing of one generation only.
ALIKE = {"keras1_rl": "keras2"} | dict.fromkeys(
    ("keras2_callbacks", "keras2_cnn", "keras2_residual", "keras2_separable", "keras2_seq2seq", "keras2_stateful")
)
DIALECTS = {"tf": "tf_keras", "keras23": "keras2.3"}
SCRIPT = "import tensorflow as tf\nfrom net import build\nbuild()\n"


def project(folder, files):
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


PROJECTS = [
    # the script itself says nothing; a module beside it does, and one that this imports
    ({"net.py": "from parts import x"}, {"parts.py": "from keras.layers import *\nDense(output_dim=3, init='one')"}, "keras1"),
    ({"net.py": "from keras.layers import Dense\nmodel.fit(x, nb_epoch=1)"}, {}, "keras1"),
    ({"net/__init__.py": "from .inner import build", "net/inner.py": "from tensorflow.keras import layers"}, {}, "tf_keras"),
    ({"net.py": "import keras\nbuild = keras.Sequential"}, {"requirements.txt": "numpy\nKeras==2.2.4"}, "keras2"),
    ({"net.py": "import keras\nbuild = keras.Sequential"}, {"environment.yml": "dependencies:\n  - keras=1.2.2"}, "keras1"),
    ({"net.py": "import keras\nbuild = keras.Sequential"}, {"setup.py": "setup(requires=['keras>=2.0.8,<2.3'])"}, "keras2"),
    ({"net.py": "import keras\nbuild = keras.Sequential"}, {"requirements.txt": "keras>=3"}, "keras3"),
    # an exact version that could not run the words is that of another program
    ({"net.py": "import keras\nmodel.fit(x, nb_epoch=1)"}, {"requirements.txt": "keras==3.15.1"}, "keras1"),
    ({"net.py": "from keras.layers.core import Dense"}, {"requirements.txt": "keras==3.0.0"}, "keras2"),
    ({"net.py": "from keras.layers import Dense\nDense(units=3)"}, {"requirements.txt": "keras==1.2.2"}, None),
    ({"net.py": "import keras\nmodel.fit(x, nb_epoch=1)"}, {"requirements.txt": "keras==2.1.6"}, "keras2"),
    ({"net.py": "import keras\nSGD(lr=1)"}, {"requirements.txt": "keras==2.8"}, "tf_keras"),
    # words go before a version that says only from which on
    ({"net.py": "import keras\nmodel.fit(x, nb_epoch=1)"}, {"requirements.txt": "keras>=2"}, "keras1"),
    ({"net.py": "import keras\nassert keras.__version__ == '2.3.1'"}, {}, "keras2.3"),
    ({"net.py": "import keras\nassert keras.__version__.startswith('1.')\nbuild = keras.Sequential"}, {}, "keras1"),
    # tensorflow's version says nothing of Keras, unless it is tf.keras that is used
    ({"net.py": "import keras\nbuild = keras.Sequential"}, {"requirements.txt": "tensorflow==1.4"}, None),
    ({"net.py": "import tensorflow as tf\nbuild = tf.keras.Sequential"}, {"requirements.txt": "tensorflow==2.16.1"}, "keras3"),
    # a module that nobody imports, and one that is Python 2
    ({"net.py": "import keras\nbuild = keras.Sequential"}, {"other.py": "Dense(output_dim=3)"}, None),
    ({"net.py": "import keras, old\nbuild = keras.Sequential"}, {"old.py": "print 'hello'"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("beside", "more", "dialect"), PROJECTS)
def test_guess_of_a_project(tmp_path, beside, more, dialect):
    project(tmp_path, {**beside, **more, "run.py": SCRIPT})
    assert guess_project(SCRIPT, tmp_path / "run.py")[0] == dialect


def test_the_scripts_that_are_migrated_are_taken_for_what_they_are():
    scripts = Path(__file__).parents[1] / "migrate" / "scripts"
    taken = {file.stem: guess_project(file.read_text(), None)[0] for file in scripts.glob("*_*.py")}
    ages = {name: name.partition("_")[0] for name in taken}
    wrong = {name: found for name, found in taken.items() if found != DIALECTS.get(ages[name], ages[name])}
    assert wrong == ALIKE


def test_modules_that_import_each_other(tmp_path):
    project(tmp_path, {"a.py": "import b", "b.py": "import a, c.d", "c/__init__.py": "",
                       "c/d.py": "from .. import b\nfrom . import e", "c/e.py": "import json"})  # fmt: skip
    found = [file.relative_to(tmp_path).as_posix() for file, _ in modules_of("import b", tmp_path / "a.py")]
    assert found == ["b.py", "c/__init__.py", "c/d.py", "c/e.py"]


def test_the_top_of_a_project(tmp_path):
    project(tmp_path, {"setup.py": "install_requires=['keras==1.2.2']", "examples/mnist.py": "import keras"})
    assert guess_project("import keras", tmp_path / "examples" / "mnist.py") == (
        "keras1",
        ("keras==1.2.2 in setup.py",),
    )


def test_a_notebook_that_shows_its_version(tmp_path):
    cell = {"cell_type": "code", "source": ["import keras\n", "keras.__version__"],
            "outputs": [{"data": {"text/plain": ["'2.0.8'"]}, "output_type": "execute_result"}]}  # fmt: skip
    (tmp_path / "book.ipynb").write_text(json.dumps({"cells": [cell]}))
    assert guess_project("import keras", tmp_path / "book.ipynb")[0] == "keras2"


@pytest.mark.parametrize(("text", "generations"), [
    ("keras==1.2.2", ["keras1"]), ("Keras ~= 2.2", ["keras2"]), ("keras<2", ["keras1"]), ("keras<2.3", ["keras2"]),
    ("keras==2", ["keras2"]), ("keras==2.4.3", ["tf_keras"]), ("tf-keras==2.15", ["tf_keras"]), ("keras>3", [None]),
    ("tensorflow-gpu==2.1", ["tf_keras"]), ("keras-tuner==1.0\nmy-keras==1.1\nkeras_cv==0.1", []),
    ('keras = "^2.2.4"', ["keras2"]),
    ("# keras==1.2", []), ("keras != 2.0", [None]), ("keras[gpu]>=2.0", ["keras2"]),
])  # fmt: skip
def test_what_versions_say(text, generations):
    assert [generation_of(pin) for pin in stated(text, "x")] == generations


def test_a_version_without_numbers():
    assert generation_of(Pin("keras", "==", "", "")) is None
