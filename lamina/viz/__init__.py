"""What looks at models and files: ``show`` prints what is in a file."""

from __future__ import annotations

from lamina.viz.files import show

__all__ = ["show"]


def __dir__() -> list[str]:
    return __all__
