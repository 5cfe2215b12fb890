"""What a person reads on a screen, in English and Chinese: one table of sentences, a file an area.

``lamina.config.set_language`` chooses. Error messages and warnings are not here: they are English always, so that people can
search for them.
"""

from __future__ import annotations

from typing import Any

from lamina import config
from lamina.language import (
    command_line,
    compare,
    contents,
    convert,
    demo,
    diagnosis,
    files,
    notebook,
    pictures,
    plots,
    screen,
)

__all__ = ["SENTENCES", "say"]

# "area.key" -> the sentence in English and in Chinese. A figure's place is {name}, in any of str.format's spellings;
# {count:s} is an "s" where the whole number count is not 1: "{count} epoch{count:s}".
SENTENCES: dict[str, tuple[str, str]] = {
    f"{area}.{key}": pair
    for area, table in (
        ("command_line", command_line.SENTENCES),
        ("compare", compare.SENTENCES),
        ("contents", contents.SENTENCES),
        ("convert", convert.SENTENCES),
        ("demo", demo.SENTENCES),
        ("diagnosis", diagnosis.SENTENCES),
        ("files", files.SENTENCES),
        ("notebook", notebook.SENTENCES),
        ("pictures", pictures.SENTENCES),
        ("plots", plots.SENTENCES),
        ("screen", screen.SENTENCES),
    )
    for key, pair in table.items()
}


class Count(int):
    """A whole number that knows whether it takes a plural: ``format(Count(2), "s")`` is ``"s"``."""

    def __format__(self, spec: str) -> str:
        return ("" if self == 1 else "s") if spec == "s" else int(self).__format__(spec)


def say(key: str, /, language: str | None = None, **figures: Any) -> str:
    """The sentence of this key, with its figures.

    Arguments:
        key: ``"area.name"``, as in ``SENTENCES``.
        language: ``"en"`` or ``"zh"``; by default the one that is in force, :func:`lamina.config.language`.
        figures: what stands at the places of the sentence.

    >>> say("screen.epoch", language="en", number=1, count=5)
    'Epoch 1/5'
    >>> say("screen.epoch", language="zh", number=1, count=5)
    '第 1/5 轮'
    """
    sentence = SENTENCES[key][config.LANGUAGES.index(language or config.language())]
    return sentence.format(**{name: Count(value) if type(value) is int else value for name, value in figures.items()})
