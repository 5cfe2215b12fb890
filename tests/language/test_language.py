"""The table of sentences is whole: both languages, the same figures in both, and no sentence that nobody says."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from lamina import config
from lamina.language import SENTENCES

SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in Path(config.__file__).parent.rglob("*.py"))


def figures(sentence: str) -> set[str]:
    """The names of the figures in a sentence, plurals apart: Chinese has none."""
    return {name for _, name, spec, _ in string.Formatter().parse(sentence) if name is not None and spec != "s"}


@pytest.mark.parametrize("key", SENTENCES)
def test_a_sentence_is_there_in_both_languages_with_the_same_figures(key: str):
    english, chinese = SENTENCES[key]
    assert english
    assert chinese
    assert figures(english) == figures(chinese)
    assert not re.search("[\u4e00-\u9fff]", english)


def test_every_sentence_that_is_asked_for_is_there():
    asked = set(re.findall(r'\bsay\(\s*"([^"{]+)"', SOURCE))
    assert asked - SENTENCES.keys() == set()


@pytest.mark.parametrize(("environment", "expected"), [
    ({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "en_US.UTF-8"}, "en"), ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
    ({"LC_MESSAGES": "zh_TW.UTF-8", "LANG": "de_DE.UTF-8"}, "zh"), ({}, "en"),
    ({"LAMINA_LANGUAGE": "zh", "LC_ALL": "en_US.UTF-8"}, "zh"),
])  # fmt: skip
def test_the_environment_chooses_the_language(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
):
    for name in ("LAMINA_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    config._language_around.cache_clear()
    try:
        assert config.language() == expected
    finally:
        config._language_around.cache_clear()


def test_set_language_wins_over_the_environment():
    config.set_language("zh")
    try:
        assert config.language() == "zh"
        with pytest.raises(ValueError, match="'en', 'zh' or 'auto', and got 'de'"):
            config.set_language("de")
        assert config.language() == "zh"
    finally:
        config.set_language("auto")
    assert config.language() == "en"
