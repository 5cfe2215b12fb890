"""What a script of Python 2 says that Python 3 can't read, and where."""

from __future__ import annotations

import re

# By what stands in the line: what it was. Python's own sentence for it tells nothing of Python 2.
_SIGNS = (
    (
        re.compile(r"^\s*print\s+[^=\s(]|^\s*print\s*>>|:\s*print\s+['\"\w]|^\s*print\s*\(.*\)\s*%"),
        "print without brackets",
    ),
    (re.compile(r"^\s*except\s+[\w.()\s,]+?,\s*\w+\s*:"), "except ..., name:"),
    (re.compile(r"^\s*raise\s+[\w.]+\s*,"), "raise ..., message"),
    (re.compile(r"^\s*exec\s+['\"\w]"), "exec without brackets"),
    (re.compile(r"`[^`]+`"), "backquotes"),
    (re.compile(r"<>"), "<>"),
    (re.compile(r"\b\d+[lL]\b"), "a number that ends in L"),
    (re.compile(r"(?<![\w.])0\d+\b"), "an octal number"),
    (re.compile(r"\bur['\"]", re.IGNORECASE), "ur''"),
    (re.compile(r"(def\s+\w+|lambda)\s*\(?[^)]*\(\w+\s*,"), "a tuple among the arguments of a function"),
)


def why_not_python_3(source: str, error: Exception) -> dict[str, object] | None:
    """``line``, ``text`` and ``what`` of a sentence for a script that Python 3 can't read, if it is one of Python 2.

    >>> why_not_python_3("import os\\nprint 'hello'", SyntaxError("", ("", 2, 1, "", 2, 1)))
    {'line': 2, 'text': "print 'hello'", 'what': 'print without brackets'}
    """
    lines = source.splitlines()
    place = getattr(error, "lineno", None)
    if not isinstance(error, SyntaxError) or place is None or not 0 < place <= len(lines):
        return None
    if isinstance(error, TabError):
        return {"line": place, "text": lines[place - 1].strip()[:80], "what": "tabs and spaces mixed"}
    for pattern, what in _SIGNS:
        if pattern.search(lines[place - 1]):
            return {"line": place, "text": lines[place - 1].strip()[:80], "what": what}
    return None


# Names, modules and methods that Python 3 calls otherwise.
_NAMES = {
    "xrange": "range", "unicode": "str", "raw_input": "input", "basestring": "str", "long": "int", "unichr": "chr",
    "reduce": "functools.reduce", "execfile": "exec(open(...).read())", "cmp": "(a > b) - (a < b)",
    "cPickle": "pickle", "urllib2": "urllib.request", "StringIO": "io.StringIO", "cStringIO": "io.BytesIO",
    "ConfigParser": "configparser", "Queue": "queue", "Tkinter": "tkinter", "__builtin__": "builtins",
    "urlparse": "urllib.parse",
    "iteritems": "items", "itervalues": "values", "iterkeys": "keys", "has_key": "in", "next": "next(...)",
    "izip": "zip", "imap": "map", "ifilter": "filter",
}  # fmt: skip


def python_2_name(error: BaseException) -> tuple[str, str]:
    """A name of Python 2 that an error misses, and what it is in Python 3; empty for any other error.

    >>> python_2_name(NameError("name 'xrange' is not defined", name="xrange"))
    ('xrange', 'range')
    """
    name = getattr(error, "name", None)
    of_object = isinstance(error, AttributeError) and type(error.obj).__module__ != "builtins"
    if not isinstance(error, (NameError, ModuleNotFoundError, AttributeError)) or of_object or name not in _NAMES:
        return "", ""
    return str(name), _NAMES[str(name)]
