"""The command ``lamina migrate``."""

from __future__ import annotations

import json

import pytest

from lamina import config
from lamina.__main__ import main

OLD = "# -*- coding: utf-8 -*-\nfrom keras.layers import Dense\nDense(output_dim=3)  # 层\n"
NEW = "# -*- coding: utf-8 -*-\nfrom lamina.layers import Dense\nDense(units=3)  # 层\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "old.py").write_text(OLD, encoding="utf-8")
    (tmp_path / "plain.py").write_text("import os\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "hook.py").write_text(OLD, encoding="utf-8")
    return tmp_path


def test_nothing_is_written_unless_asked_for(folder, capsys):
    assert main(["migrate", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "-Dense(output_dim=3)  # 层\n+from lamina.layers import Dense\n+Dense(units=3)  # 层\n" in out
    assert out.endswith("2 files read, 1 would change, 0 places to look at. --write changes them.\n")
    assert (folder / "net" / "old.py").read_text(encoding="utf-8") == OLD
    assert main(["migrate", "--check", "--quiet", str(folder)]) == 1
    assert main(["migrate", "--check", "-q", str(folder / "plain.py")]) == 0


def test_writing(folder, capsys):
    (folder / "net" / "old.py").chmod(0o755)
    assert main(["migrate", "--write", "-q", str(folder)]) == 0
    assert capsys.readouterr().out == "2 files read, 1 changed, 0 places to look at.\n"
    assert (folder / "net" / "old.py").read_text(encoding="utf-8") == NEW
    assert (folder / "net" / "old.py").stat().st_mode & 0o777 == 0o755
    assert (folder / ".git" / "hook.py").read_text(encoding="utf-8") == OLD
    assert sorted(one.name for one in (folder / "net").iterdir()) == ["old.py"]


def test_another_encoding_and_other_ends_of_lines(tmp_path):
    file = tmp_path / "gbk.py"
    file.write_bytes("# coding: gbk\r\nfrom keras.layers import Dense\r\nDense(output_dim=3)  # 层\r\n".encode("gbk"))
    assert main(["migrate", "--write", "-q", str(file)]) == 0
    assert file.read_bytes() == "# coding: gbk\r\nfrom lamina.layers import Dense\r\nDense(units=3)  # 层\r\n".encode(
        "gbk"
    )


def test_places_to_look_at(tmp_path, capsys):
    file = tmp_path / "old.py"
    file.write_text("import keras\ndef t(m):\n    m.fit(x, nb_epoch=3)\n")
    assert main(["migrate", "--to", "keras3", "-q", str(file)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{file}:3: m is not known to be a model of Keras here; if it is: fit(x, epochs=3)"
    assert out[1] == "1 file read, 1 would change, 1 place to look at. --write changes them."


def test_what_computes_otherwise_is_listed_and_no_failure(tmp_path, capsys):
    file = tmp_path / "old.py"
    file.write_text("from keras.layers import BatchNormalization\nBatchNormalization()\n")
    assert main(["migrate", "--to", "keras3", "--keras", "2", "-q", str(file)]) == 0
    assert "computes otherwise: Keras 3's BatchNormalization has no variance_correction" in capsys.readouterr().out


def test_the_generation_of_a_project(tmp_path):
    (tmp_path / "requirements.txt").write_text("keras==2.2.4\n")
    (tmp_path / "net.py").write_text("from keras.layers import GRU\nGRU(3)\n")
    main(["migrate", "--write", "-q", str(tmp_path)])
    assert "reset_after=False" in (tmp_path / "net.py").read_text()


@pytest.mark.parametrize("text", ["print 'hello'\n", "def f(:\n"])
def test_what_is_no_python_3(tmp_path, capsys, text):
    file = tmp_path / "old.py"
    file.write_text(text)
    assert main(["migrate", str(file)]) == 1
    out = capsys.readouterr().out
    assert ("old.py is Python 2 (line 1, print without brackets" in out) == text.startswith("print")
    assert file.read_text() == text


def test_wrong_command_lines(capsys, tmp_path):
    for argv in (["migrate"], ["migrate", str(tmp_path / "nowhere.py")], ["migrate", "--to", "jax", str(tmp_path)]):
        with pytest.raises(SystemExit) as left:
            main(argv)
        assert left.value.code == 2
    assert "there is no file or folder" in capsys.readouterr().err


def test_in_chinese(folder, capsys):
    config.set_language("zh")
    try:
        main(["migrate", "-q", str(folder)])
    finally:
        config.set_language("auto")
    assert capsys.readouterr().out == "读了 2 个文件，有 1 个要改，有 0 处要看一看。--write 才会写入。\n"


# ---- notebooks -------------------------------------------------------------------------------------------------------

CELLS = [
    {"cell_type": "markdown", "metadata": {}, "source": ["Dense(output_dim=3)"]},
    {"cell_type": "code", "metadata": {"a": 1}, "outputs": [], "execution_count": 3,
     "source": ["%matplotlib inline\n", "from keras.models import Sequential\n", "!ls\n", "model = Sequential()"]},
    {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 4, "source": "%%bash\nnb_epoch=3"},
    {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 5,
     "source": ["if 1:\n", "    model.fit(x, nb_epoch=3)\n", "model?"]},
    {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 5, "source": []},
]  # fmt: skip


def test_a_notebook(tmp_path):
    file = tmp_path / "book.ipynb"
    document = {"cells": CELLS, "metadata": {"k": "层"}, "nbformat": 4, "nbformat_minor": 2}
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert main(["migrate", "-q", "--write", str(file)]) == 0
    text = file.read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["cells"][1]["source"] == [
        "%matplotlib inline\n",
        "from lamina.models import Sequential\n",
        "!ls\n",
        "model = Sequential()",
    ]
    assert found["cells"][2] == CELLS[2]
    assert found["cells"][3]["source"] == ["if 1:\n", "    model.fit(x, epochs=3)\n", "model?"]
    assert (found["cells"][0], found["cells"][4], found["metadata"]) == (CELLS[0], CELLS[4], {"k": "层"})
    assert text == json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def test_a_notebook_that_needs_nothing_stays_as_it_is(tmp_path):
    file = tmp_path / "book.ipynb"
    text = json.dumps({"cells": [{"cell_type": "code", "source": "x = 1"}]}, indent=4)
    file.write_text(text)
    assert main(["migrate", "--write", "--check", str(file)]) == 0
    assert file.read_text() == text
