"""Activations that are layers of their own."""

from catalog.core import CONSTANT, L2
from catalog.row import Row, Wrong

MASK_OF_STEPS = dict.fromkeys(("mask", "masks"), "a mask of steps does not broadcast to the inputs, in Keras as here")

ROWS = [
    Row("LeakyReLU", {}, (2, 5)),
    Row("LeakyReLU", {"negative_slope": 0.1}, (2, 3, 5)),
    Row("PReLU", {}, (2, 5)),
    Row("PReLU", {"alpha_initializer": CONSTANT, "alpha_regularizer": L2, "alpha_constraint": "non_neg"}, (2, 3, 5)),
    Row("PReLU", {"shared_axes": [1, 2]}, (2, 3, 4, 5)),
    Row("ELU", {}, (2, 5)),
    Row("ELU", {"alpha": 0.5}, (2, 3, 5)),
    Row("ReLU", {}, (2, 5)),
    Row("ReLU", {"max_value": 0.5}, (2, 5)),
    Row("ReLU", {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.1}, (2, 3, 5)),
    Row("ReLU", {"threshold": 0.5}, (2, 5)),
    Row("ThresholdedReLU", {}, (2, 5), keras=None),
    Row("ThresholdedReLU", {"theta": 0.2}, (2, 3, 5), keras=None),
    Row("Softmax", {}, (2, 5)),
    Row("Softmax", {}, (2, 5), call={"mask": [[True, True, True, False, False], [True] * 5]}),
    Row("Softmax", {"axis": 1}, (2, 3, 5), exceptions=MASK_OF_STEPS),
    Row("Softmax", {"axis": (1, 2)}, (2, 3, 5), exceptions=MASK_OF_STEPS),
    Row("Softmax", {"axis": (1, 2)}, (2, 2, 2), call={"mask": [[[True, False], [True, True]], [[False, True]] * 2]}),
]

WRONG = [
    Wrong("LeakyReLU", {"negative_slope": None, "name": "a"}, None,
          "LeakyReLU 'a' needs a non-negative number for negative_slope, and got None."),
    Wrong("PReLU", {"name": "a"}, (None, None, 3), "PReLU 'a' needs to know the size of every axis along which alpha is "
          "not shared, and got (None, None, 3). Unknown axes can be named in shared_axes."),
    Wrong("PReLU", {"shared_axes": [4], "name": "a"}, (None, 2, 3),
          "PReLU 'a' can share alpha along the axes 1 to 2 of (None, 2, 3), and got shared_axes=[4]."),
    Wrong("ReLU", {"max_value": -1, "name": "a"}, None,
          "ReLU 'a' needs a non-negative number for max_value, and got -1."),
    Wrong("Softmax", {"axis": 5, "name": "a"}, (None, 3),
          "Softmax 'a' takes inputs of at least 6 axes, and got (None, 3), which has 2."),
]  # fmt: skip
