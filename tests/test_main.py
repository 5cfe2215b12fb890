"""The command line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lamina
from lamina import config
from lamina.__main__ import main
from lamina.dialects import dialect
from lamina.screen import cells

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
TRANSLATED = "lamina: translated: nb_classes → num_classes (1).\n"


@pytest.mark.parametrize(("before", "after", "said", "printed"), [
    ([], [], GUESSED, "[] __main__ keras2 [[0.0, 1.0]]"),
    ([], ["a", "--b", "3"], GUESSED, "['a', '--b', '3'] __main__ keras2 [[0.0, 1.0]]"),
    (["--dialect", "keras1"], ["a"], CHOSEN.format("1.2.2", "keras1", "as asked"), "['a'] __main__ keras1 [[0.0, 1.0]]"),
    (["--dialect=keras3"], [], CHOSEN.format("3.15.1", "keras3", "as asked"), "[] __main__ keras3 [[0.0, 1.0]]"),
    ([], ["a", "--dialect", "tf_keras", "--b"], GUESSED, "['a', '--dialect', 'tf_keras', '--b'] __main__ keras2 [[0.0, 1.0]]"),
    (["--dialect", "keras1"], ["--dialect=x"], CHOSEN.format("1.2.2", "keras1", "as asked"),
     "['--dialect=x'] __main__ keras1 [[0.0, 1.0]]"),
    ([], ["-h"], GUESSED, "['-h'] __main__ keras2 [[0.0, 1.0]]"),
    ([], ["--version", "--", "-m", "x"], GUESSED, "['--version', '--', '-m', 'x'] __main__ keras2 [[0.0, 1.0]]"),
    (["--"], ["--", "a"], GUESSED, "['--', 'a'] __main__ keras2 [[0.0, 1.0]]"),
])  # fmt: skip
def test_run(script, capsys, before, after, said, printed):
    argv, path = list(sys.argv), list(sys.path)
    assert main(["run", *before, str(script), *after]) == 0
    out, err = capsys.readouterr()
    assert (err, out) == (said + TRANSLATED, printed + "\n")
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
    (["run"], "the following arguments are required: script, or -m and a module"),
    (["run", "-m", "no_such_module"], "there is no module 'no_such_module', or none that can be run"),
    (["run", "--unheard-of", "a.py"], "unrecognized arguments: --unheard-of"),
    (["run", "nowhere.py"], "there is no script 'nowhere.py'"),
    (["run", "--dialect", "keras9", "nowhere.py"], "argument --dialect: invalid choice: 'keras9'"),
])  # fmt: skip
def test_wrong_command_lines(capsys, argv, message):
    with pytest.raises(SystemExit) as error:
        main(argv)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


# ---- modules, folders, standard input ------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that must be imported as old Keras code, and a module in it that imports relatively."""
    folder = tmp_path / "a_package_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("from keras.utils.np_utils import to_categorical\n")
    (folder / "part.py").write_text(
        "import sys\nfrom . import to_categorical as t\nprint(__name__, sys.argv[1:], t([0], 1))\n"
    )
    (folder / "__main__.py").write_text("import sys\nprint('main', sys.argv[1:])\n")
    monkeypatch.chdir(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


@pytest.mark.parametrize(("argv", "printed"), [
    (["-m", "a_package_of_a_test.part", "a", "--dialect", "b"], "__main__ ['a', '--dialect', 'b'] [[1.]]\n"),
    (["-ma_package_of_a_test.part"], "__main__ [] [[1.]]\n"),
    (["--dialect", "keras2", "-m", "a_package_of_a_test", "-m"], "main ['-m']\n"),
    (["a_package_of_a_test", "x"], "main ['x']\n"),
])  # fmt: skip
@pytest.mark.usefixtures("package")
def test_a_module_and_a_folder(capsys, argv, printed):
    before = sys.modules["__main__"]
    assert main(["run", *argv]) == 0
    assert capsys.readouterr().out == printed
    assert sys.modules["__main__"] is before


def test_standard_input(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("import sys, keras\nprint(__name__, sys.argv, keras.__version__)\n"))
    assert main(["run", "-", "a"]) == 0
    out, err = capsys.readouterr()
    assert out == "__main__ ['-', 'a'] 3.15.1\n"
    assert err.startswith("lamina: <stdin> is read as Keras 3.15.1")


def test_a_script_in_another_encoding(tmp_path, capsys):
    script = tmp_path / "gbk.py"
    script.write_bytes("# -*- coding: gbk -*-\nprint(len('层'))\n".encode("gbk"))
    assert main(["run", str(script)]) == 0
    assert capsys.readouterr().out == "1\n"


# ---- errors of the script ------------------------------------------------------------------------------------------


def run_apart(*argv: str, cwd, **environment: str) -> subprocess.CompletedProcess[bytes]:
    root = str(Path(lamina.__file__).parents[1])
    around = {**os.environ, "PYTHONPATH": root, **environment}
    return subprocess.run(
        [sys.executable, "-m", "lamina", *argv], cwd=cwd, env=around, capture_output=True, check=False
    )


def test_an_error_shows_the_script_s_own_lines(tmp_path):
    (tmp_path / "wrong.py").write_text("import keras\n\ndef f():\n    raise ValueError('no')\n\nf()\n")
    (tmp_path / "old.py").write_text("import sys\nprint 'Python 2'\n")
    found = run_apart("run", "wrong.py", cwd=tmp_path)
    assert found.returncode == 1
    lines = found.stderr.decode().splitlines()[1:]
    assert [line for line in lines if "File" in line] == [
        '  File "wrong.py", line 6, in <module>', '  File "wrong.py", line 4, in f'
    ]  # fmt: skip
    assert lines[-1] == "ValueError: no"
    found = run_apart("run", "old.py", cwd=tmp_path)
    assert found.returncode == 1
    assert found.stderr.decode() == (
        "lamina: old.py is Python 2 (line 2, print without brackets: print 'Python 2'), and runs when it is Python 3: tools "
        "such as fissix, modernize or Python 3.11's 2to3 translate it.\n"
    )


@pytest.mark.parametrize(("after", "left", "said"), [
    (["--dialect", "keras1"], "SystemExit(2)", True), (["--keras=1"], "ValueError()", True),
    (["--dialect", "x"], "SystemExit(0)", False), (["a"], "SystemExit(2)", False), (["--dialects"], "ValueError()", False),
])  # fmt: skip
def test_a_hint_where_a_script_fails_that_was_given_lamina_s_option(tmp_path, capsys, monkeypatch, after, left, said):
    monkeypatch.setattr("sys.excepthook", sys.excepthook)
    script = tmp_path / "new.py"
    script.write_text(f"raise {left}\n")
    with pytest.raises((SystemExit, ValueError)):
        main(["run", str(script), *after])
    option = after[0].partition("=")[0]
    assert (f"For lamina it stands before: lamina run {option} NAME new.py" in capsys.readouterr().err) is said


# ---- words ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def chinese():
    config.set_language("zh")
    yield
    config.set_language("auto")


HELPS = [["--help"], ["run", "--help"], ["demo", "-h"]]


@pytest.mark.parametrize("argv", HELPS)
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_help_fits_in_english_and_in_chinese(capsys, monkeypatch, argv, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for language, word in (("en", "options:"), ("zh", "选项:")):
        config.set_language(language)
        try:
            with pytest.raises(SystemExit) as left:
                main(argv)
        finally:
            config.set_language("auto")
        assert left.value.code == 0
        out = capsys.readouterr().out
        assert word in out
        assert all(cells(line) <= width for line in out.splitlines() if not line.startswith(("usage", "用法")))


@pytest.mark.parametrize("argv", HELPS)
@pytest.mark.parametrize("encoding", ["ascii", "gbk", "utf-8"])
@pytest.mark.usefixtures("chinese")
def test_help_on_any_stream(monkeypatch, argv, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", stream)
    with pytest.raises(SystemExit):
        main(argv)
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding).startswith("usage:" if encoding == "ascii" else "用法：")


@pytest.mark.usefixtures("chinese")
def test_in_chinese(script, capsys):
    assert main(["run", str(script)]) == 0
    assert capsys.readouterr().err == (
        "lamina：old.py 按 Keras 2.2.4 运行（方言 keras2）：它用了 keras.utils.np_utils, "
        "keras.utils.np_utils.to_categorical。\nlamina：翻译了：nb_classes → num_classes (1)。\n"
    )


def test_version(capsys):
    with pytest.raises(SystemExit) as error:
        main(["--version"])
    assert error.value.code == 0
    assert capsys.readouterr().out == f"lamina {lamina.__version__}\n"
