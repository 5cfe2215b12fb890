"""Keras code of every generation in Keras 3's words: the tables of each, and the one translator that reads them.

>>> from lamina.dialects import translate
>>> translate("LSTM", (32,), {"inner_activation": "sigmoid", "dropout_W": 0.1})
((), {'units': 32, 'recurrent_activation': 'sigmoid', 'dropout': 0.1})
"""

from lamina.dialects.alias import Alias as Alias
from lamina.dialects.alias import old_classes as old_classes
from lamina.dialects.keras3 import ALIASES as ALIASES
from lamina.dialects.translator import any_spelling as any_spelling
from lamina.dialects.translator import dialect as dialect
from lamina.dialects.translator import merge_layer as merge_layer
from lamina.dialects.translator import set_dialect as set_dialect
from lamina.dialects.translator import translate as translate
from lamina.dialects.translator import translate_alias as translate_alias
from lamina.dialects.translator import translate_call as translate_call
from lamina.dialects.translator import using_dialect as using_dialect
