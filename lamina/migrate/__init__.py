"""``lamina migrate``: the source of Keras of any generation, rewritten for Keras 3 or for lamina.

What stands in the file decides: names are followed to its imports, and only what is certainly Keras's is changed. The tables
are those that run old code (:mod:`lamina.dialects`). Needs LibCST: ``pip install lamina[migrate]``.

>>> print(migrate("from keras.layers.core import Dense\\nDense(output_dim=3, init='uniform')\\n", dialect="keras1").source)
from lamina.layers import Dense
Dense(units=3, kernel_initializer='uniform')
<BLANKLINE>
"""

from __future__ import annotations

from typing import NamedTuple

try:
    import libcst as cst
    from libcst import metadata
except ModuleNotFoundError as error:
    if error.name != "libcst":
        raise
    raise ModuleNotFoundError("lamina migrate needs LibCST: pip install lamina[migrate]", name="libcst") from error

from lamina.compat.hints import guess
from lamina.migrate.file import File
from lamina.migrate.imports import Imports
from lamina.migrate.names import TARGETS
from lamina.migrate.rewriter import Rewriter

__all__ = ["Migrated", "migrate"]


class Migrated(NamedTuple):
    """What became of a file.

    Arguments:
        source: the new text.
        dialect: the generation that it was read as.
        unsure: ``(line, sentence)`` of what was left as it was; the lines are those of the old text.
        differs: ``(line, sentence)`` of what the target computes otherwise, and no argument can say.
    """

    source: str
    dialect: str
    unsure: list[tuple[int, str]]
    differs: list[tuple[int, str]]


def migrate(source: str, to: str = "lamina", dialect: str | None = None) -> Migrated:
    """Rewrite a file of any generation in today's words.

    Arguments:
        source: the file's text.
        to: ``"lamina"``, or ``"keras3"``.
        dialect: the generation that it was written for; guessed by default.

    Raises:
        SyntaxError: for what is not Python 3.
        ValueError: for another target.
    """
    if to not in TARGETS:
        raise ValueError(f"to must be one of {', '.join(TARGETS)}, and got {to!r}.")
    dialect = dialect or guess(source)[0] or "keras3"
    wrapper = metadata.MetadataWrapper(cst.parse_module(source))
    file = File(wrapper, source)
    rewriter = Rewriter(to, dialect, file)
    module = wrapper.visit(rewriter)
    module = Imports(file, rewriter).rewritten(module)
    differs = sorted((line, sentence) for sentence, line in rewriter.differs.items())
    return Migrated(module.code, dialect, sorted(rewriter.unsure), differs)


def __dir__() -> list[str]:
    return __all__
