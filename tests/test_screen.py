"""What is written on a screen: in characters and a language that it has, as wide as it is, and nowhere where nobody reads."""

from __future__ import annotations

import io
import os
import sys

import pytest

from lamina import config, screen
from lamina.language import SENTENCES

if sys.platform != "win32":
    import pty
    import termios


@pytest.fixture(autouse=True)
def _around(monkeypatch):
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def chinese():
    config.set_language("zh")
    yield
    config.set_language("auto")


def file(encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors, newline="\n")


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode(stream.encoding)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(("encoding", "expected"), [
    ("utf-8", "─━ 层… é"), ("utf-16", "─━ 层… é"), ("ascii", r"-= \u5c42... \xe9"), ("latin-1", r"-= \u5c42... é"),
    ("cp1252", r"-= \u5c42... é"), ("gbk", "-= 层… é"), ("cp437", r"-= \u5c42... é"), ("shift_jis", r"-= 层... \xe9"),
])  # fmt: skip
def test_what_a_stream_lacks_is_written_otherwise(encoding, expected):
    stream = file(encoding)
    screen.write("─━ 层… é\n", stream)
    if encoding == "shift_jis":
        expected = expected.replace("层", r"\u5c42")
    assert written(stream) == f"{expected}\n"


def test_streams_that_do_not_say_what_they_can():
    text = io.StringIO()
    screen.write("─ 层\n", text)
    assert text.getvalue() == "─ 层\n"

    class OnlyAscii:
        text = ""

        def write(self, text):
            text.encode("ascii")
            self.text += text

    bare = OnlyAscii()
    screen.write("─ 层\n", bare)
    assert bare.text == "- \\u5c42\n"
    lone = file("utf-8")
    screen.write("\udce9\n", lone)
    assert written(lone) == "\\udce9\n"


def test_nobody_reads(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise OSError(5, "Input/output error")

    closed = io.StringIO()
    closed.close()
    for stream in (Gone(), closed):
        screen.write("a", stream)
        screen.show("a", stream)
    monkeypatch.setattr("sys.stdout", None)
    screen.write("a")
    screen.show("a")
    assert screen.language_of() == "en"
    assert not screen.is_terminal(None)


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("encoding", "language"), [("utf-8", "zh"), ("gbk", "zh"), ("gb18030", "zh"), ("ascii", "en"), ("cp1252", "en")]
)
def test_a_stream_that_cannot_encode_chinese_gets_english(encoding, language):
    assert screen.language_of(file(encoding)) == language


def test_english_can_be_written_anywhere():
    assert [key for key, (english, _) in SENTENCES.items() if "\\" in screen.in_ascii(english)] == []


@pytest.mark.parametrize(("environment", "can"), [
    ({"LC_ALL": "C"}, False), ({"LC_ALL": "POSIX"}, False), ({"LC_ALL": "", "LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
    ({"LC_ALL": "", "LANG": "", "LC_CTYPE": ""}, True), ({"LC_ALL": "C.UTF-8", "LANG": "C"}, True),
    ({"LC_ALL": "", "LANG": "C", "LC_CTYPE": "zh_CN.UTF-8"}, True),
])  # fmt: skip
def test_a_terminal_of_the_c_locale_shows_ascii(monkeypatch, environment, can):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = file("utf-8")
    assert screen.can_draw(stream)  # a file is what its encoding says
    stream.isatty = lambda: True
    assert screen.can_draw(stream) is can


# ---- width ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_the_width_is_that_of_the_terminal_written_to(monkeypatch):
    ours, theirs = pty.openpty()
    with open(theirs, "w", encoding="utf-8") as stream:
        assert screen.columns(stream) == 80  # it does not say: no size was set
        termios.tcsetwinsize(theirs, (24, 57))
        assert screen.columns(stream) == 57
        termios.tcsetwinsize(theirs, (24, 91))
        assert screen.columns(stream) == 91
        monkeypatch.setenv("COLUMNS", "30")
        assert screen.columns(stream) == 30
        screen.show("a sentence of several words, which is too long for this", stream)
        said = os.read(ours, 1000).decode()
    os.close(ours)
    assert said.split("\r\n") == ["a sentence of several words,", "which is too long for this", ""]
    assert screen.columns(io.StringIO()) is None


def test_a_file_gets_lines_as_they_are():
    stream = io.StringIO()
    screen.show("word " * 100, stream)
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("width", [10, 20, 33, 80])
@pytest.mark.parametrize("text", [
    "Accuracy on 1000 test pictures it has never seen: 87.6%", "在没有见过的 1000 张测试图片上，准确率为 87.6%。",
    "one\n\ntwo  three", "  indented words stay so", "",
])  # fmt: skip
def test_wrapped_text_fits_and_has_all_its_words(text, width):
    wrapped = screen.wrap(text, width)
    assert all(screen.cells(line) <= width for line in wrapped.split("\n"))
    assert "".join(wrapped.split()) == "".join(text.split())
    assert not any(line[:1] in tuple("，。：") for line in wrapped.split("\n"))


def test_a_point_of_a_list_hangs():
    assert screen.wrap("- train for longer", 12) == "- train for\n  longer"


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("层", 2), ("e\u0301", 1), ("准确率: 0.5", 11)])
def test_chinese_characters_are_two_columns_wide(text, width):
    assert screen.cells(text) == width


# ---- colours and motions -------------------------------------------------------------------------------------------


def test_colours_and_motions_only_where_they_are_understood(monkeypatch):
    terminal = io.StringIO()
    assert not screen.has_ansi(terminal)
    terminal.isatty = lambda: True
    assert screen.has_ansi(terminal)
    assert screen.has_colours(terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    assert screen.has_ansi(terminal)
    assert not screen.has_colours(terminal)
    monkeypatch.setenv("TERM", "dumb")
    assert not screen.has_ansi(terminal)


@pytest.mark.parametrize("legacy", [True, False])
def test_windows_of_old_understands_no_motions(monkeypatch, legacy):
    class Console:
        def __init__(self, file):
            self.legacy_windows = legacy

    monkeypatch.setattr("rich.console.Console", Console)
    monkeypatch.setattr("sys.platform", "win32")
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    assert screen.has_ansi(terminal) is not legacy
