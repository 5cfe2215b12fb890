"""The command line."""

from __future__ import annotations

import sys

import pytest

import lamina
from lamina.__main__ import main
from lamina.dialects import dialect

SCRIPT = """
import sys
from keras.utils.np_utils import to_categorical
from lamina.dialects import dialect
print(sys.argv[1:], __name__, dialect(), to_categorical([1], nb_classes=2).tolist())
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "old.py"
    path.write_text(SCRIPT)
    return path


CHOSEN = "lamina: old.py is read as Keras {} (dialect {}): {}.\n"
GUESSED = CHOSEN.format("2.2.4", "keras2", "it uses keras.utils.np_utils, keras.utils.np_utils.to_categorical")


@pytest.mark.parametrize(("before", "after", "said", "printed"), [
    ([], [], GUESSED, "[] __main__ keras2 [[0.0, 1.0]]"),
    ([], ["a", "--b", "3"], GUESSED, "['a', '--b', '3'] __main__ keras2 [[0.0, 1.0]]"),
    (["--dialect", "keras1"], ["a"], CHOSEN.format("1.2.2", "keras1", "as asked"), "['a'] __main__ keras1 [[0.0, 1.0]]"),
    ([], ["a", "--dialect", "tf_keras", "--b"], CHOSEN.format("2.21.0", "tf_keras", "as asked"),
     "['a', '--b'] __main__ tf_keras [[0.0, 1.0]]"),
    ([], ["--dialect=keras3"], CHOSEN.format("3.15.1", "keras3", "as asked"), "[] __main__ keras3 [[0.0, 1.0]]"),
])  # fmt: skip
def test_run(script, capsys, before, after, said, printed):
    argv, path = list(sys.argv), list(sys.path)
    assert main(["run", *before, str(script), *after]) == 0
    out, err = capsys.readouterr()
    assert (err, out) == (said, printed + "\n")
    assert (sys.argv, sys.path, dialect()) == (argv, path, None)


def test_a_script_without_old_words(tmp_path, capsys):
    script = tmp_path / "new.py"
    script.write_text("import keras\nprint(keras.__version__)\n")
    assert main(["run", str(script)]) == 0
    out, err = capsys.readouterr()
    assert out == "3.15.1\n"
    assert err == "lamina: new.py is read as Keras 3.15.1 (dialect keras3): it has no older generation's words.\n"


def test_a_script_finds_its_neighbours(tmp_path, capsys):
    (tmp_path / "neighbour_of_a_script.py").write_text("value = 7\n")
    script = tmp_path / "new.py"
    script.write_text("import neighbour_of_a_script as n\nprint(n.value)\n")
    main(["run", str(script)])
    assert capsys.readouterr().out == "7\n"


def test_what_a_script_raises_is_its_own(tmp_path):
    script = tmp_path / "new.py"
    script.write_text("raise SystemExit(3)\n")
    with pytest.raises(SystemExit) as error:
        main(["run", str(script)])
    assert error.value.code == 3
    assert dialect() is None


@pytest.mark.parametrize(("argv", "message"), [
    ([], "the following arguments are required: command"),
    (["run"], "the following arguments are required: script"),
    (["run", "nowhere.py"], "there is no script 'nowhere.py'"),
    (["run", "--dialect", "keras9", "nowhere.py"], "argument --dialect: invalid choice: 'keras9'"),
])  # fmt: skip
def test_wrong_command_lines(capsys, argv, message):
    with pytest.raises(SystemExit) as error:
        main(argv)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as error:
        main(["--version"])
    assert error.value.code == 0
    assert capsys.readouterr().out == f"lamina {lamina.__version__}\n"
