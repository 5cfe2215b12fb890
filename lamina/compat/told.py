"""What ``lamina run`` tells at the end of a script: what was translated, what changed its meaning, what is not there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lamina.dialects.notes import Notes
from lamina.dialects.translator import GENERATIONS
from lamina.language import say
from lamina.screen import language_of, show

_SHOWN = 6  # of each kind; the rest is in the JSON


def as_data(notes: Notes, script: str, dialect: str | None, error: BaseException | None = None) -> dict[str, Any]:
    """The report as data for JSON: each row with its ``count``, the most frequent first.

    >>> as_data(Notes(), "a.py", "keras1")["translated"]
    []
    """
    known = dialect or "keras3"
    return {
        "script": script,
        "dialect": known,
        "keras": GENERATIONS[known].version,
        "translated": [{"old": old, "new": new, "count": n} for (old, new), n in notes.translated.most_common()],
        "changed_meaning": [
            {"of": name, "argument": argument, "value": value, "count": n}
            for (name, argument, value), n in notes.meant.most_common()
        ],
        "left_out": [
            {"of": name, "argument": argument, "count": n} for (name, argument), n in notes.left_out.most_common()
        ],
        "not_there": sorted(notes.missing),
        "error": None if error is None else f"{type(error).__name__}: {error}",
    }


def tell(notes: Notes, script: str, dialect: str | None, quiet: bool, file: Path | None,
         error: BaseException | None = None, stream: Any = None) -> None:  # fmt: skip
    """Write the report on a stream (stderr), and as JSON into ``file``."""
    stream = stream or sys.stderr
    if file is not None:
        file.write_text(
            json.dumps(as_data(notes, script, dialect, error), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    if quiet:
        return
    language = language_of(stream)
    rows = {
        "translated": [f"{old} → {new} ({n})" for (old, new), n in notes.translated.most_common()],
        "changed": [f"{name}({argument}={value})" for (name, argument, value), _ in notes.meant.most_common()],
        "left_out": [f"{name}({argument}=)" for name, argument in notes.left_out],
        "not_there": sorted(notes.missing),
    }
    for key, found in rows.items():
        if found:
            more = [say("command_line.more", language, count=len(found) - _SHOWN)] if len(found) > _SHOWN else []
            show(say(f"command_line.{key}", language, rows=", ".join([*found[:_SHOWN], *more])), stream)
