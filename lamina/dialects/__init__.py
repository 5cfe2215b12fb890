"""Keras code of every generation in Keras 3's words: the tables of each, and the one translator that reads them.

>>> from lamina.dialects import translate
>>> translate("LSTM", (32,), {"inner_activation": "sigmoid", "dropout_W": 0.1})
((), {'units': 32, 'recurrent_activation': 'sigmoid', 'dropout': 0.1})
"""

from lamina.dialects.alias import Alias, old_classes
from lamina.dialects.keras3 import ALIASES
from lamina.dialects.translator import (
    any_spelling,
    collecting,
    dialect,
    habits,
    merge_layer,
    set_dialect,
    translate,
    translate_alias,
    translate_call,
    using_dialect,
)

__all__ = [
    "ALIASES", "Alias", "any_spelling", "collecting", "dialect", "habits", "merge_layer", "old_classes", "set_dialect",
    "translate", "translate_alias", "translate_call", "using_dialect",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__
