"""``lamina check``: what a script uses of Keras, and what of it lamina lacks, without running the script."""

from __future__ import annotations

import sys

import pytest

from lamina.__main__ import main
from lamina.compat.check import check
from lamina.dialects import dialect
from lamina.dialects.absent import sentence


def lines(source: str, generation: str | None = None) -> list[int]:
    return [lack.line for lack in check(source, generation).lacks]


@pytest.mark.parametrize("line", [
    "from keras.layers import JaxLayer",
    "import keras\nkeras.layers.JaxLayer()",
    "from keras import layers as L\nL.JaxLayer",
    "import keras.layers as L\nL.JaxLayer",
    "import tensorflow as tf\ntf.keras.layers.JaxLayer(name='a')",
    "from tensorflow.keras import layers\nx = [layers.JaxLayer]",
    "from keras import backend as K\nK.no_such_function(3)",
    "import keras.applications.vgg16",
    "from keras.applications.vgg16 import VGG16",
    "import tensorflow as tf\ntf.io.read_file(x)",
    "from keras.layers import InputLayer\nInputLayer(input_tensor=3)",
    "from keras.layers import Nonsense",
])  # fmt: skip
def test_what_lamina_lacks_is_found_where_it_stands(line):
    assert lines(line) == [line.count("\n") + 1]


@pytest.mark.parametrize("source", [
    "from keras.layers import Dense\nDense(3, activation='relu').whatever.there",
    "from keras.layers import *",
    "import numpy as np\nnp.nothing_of_ours",
    "from .keras import nothing",
    "import tensorflow as tf\nmodel = tf.keras.Sequential()",
    "from keras import backend as K\nK.learning_phase()",
    "from keras.layers.convolutional import Convolution2D\nConvolution2D(8, 3, 3, border_mode='same')",
    "from keras.layers import InputLayer\nInputLayer(input_tensor=None)\nInputLayer(input_tensor=made())",
    "keras = 3\nkeras.real",
])  # fmt: skip
def test_what_lamina_has_is_not_complained_of(source):
    assert check(source).lacks == []


def test_the_script_is_not_run_and_nothing_stays_behind(capsys):
    before = set(sys.modules)
    found = check(
        "print('ran')\nimport keras\nkeras.layers.Merge\nkeras.layers.Dense(output_dim=3, init='uniform', nb_epoch=1)"
    )
    assert capsys.readouterr().out == ""
    assert found.dialect == "keras1"
    assert found.names == ["keras", "keras.layers.Merge", "keras.layers.Dense"]
    assert dialect() is None
    assert not {name for name in set(sys.modules) - before if name.partition(".")[0] in ("keras", "tensorflow")}


def test_the_sentence_is_what_running_it_would_say():
    [lack] = check("from keras.layers import TFSMLayer").lacks
    assert "TFSMLayer" in lack.sentence
    [lack] = check("from keras.layers import BatchNormalization\nBatchNormalization(mode=2)", "keras1").lacks
    assert "mode" in lack.sentence


def test_what_is_to_come_is_said_to_be():
    [lack] = check("import tensorflow as tf\ntf.keras.utils.audio_dataset_from_directory('.')").lacks
    assert lack.sentence == sentence("utils.audio_dataset_from_directory")


def test_not_python():
    with pytest.raises(SyntaxError):
        check("print 'old'")


def test_the_command_line(tmp_path, capsys):
    good, bad, old = tmp_path / "good.py", tmp_path / "bad.py", tmp_path / "old.py"
    good.write_text("from keras.layers import Dense\n")
    bad.write_text("from keras.layers import Dense\n\nfrom keras.layers import JaxLayer\n")
    old.write_text("print 'old'\n")
    assert main(["check", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: Keras 3.15.1 (dialect keras3), 1 name, 0 lacking\n"
    assert main(["check", str(good), str(bad), str(old), str(tmp_path / "none.py")]) == 1
    _, lack, second, syntax, none = capsys.readouterr().out.splitlines()
    assert lack.startswith(f"{bad}:3: ")
    assert "JaxLayer" in lack
    assert second.endswith("2 names, 1 lacking")
    assert syntax.startswith(f"{old}: not a script of Python 3")
    assert "none.py" in none
    assert main(["check", "--dialect", "keras1", str(good)]) == 0
    assert "dialect keras1" in capsys.readouterr().out
