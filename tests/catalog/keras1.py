"""Layers of Keras 1 alone: tests/layers/test_keras1.py compares them with their formulas."""

from catalog.core import L2, MAX_NORM
from catalog.row import Row, Wrong

EVERYTHING_ELSE = {
    "init": "he_normal", "W_regularizer": L2, "b_regularizer": "l1", "activity_regularizer": "l2",
    "W_constraint": MAX_NORM, "b_constraint": "non_neg", "input_dim": 4,
}  # fmt: skip

ROWS = [
    Row("Highway", {}, (3, 4), keras=None),
    Row("Highway", {"activation": "tanh", "bias": False}, (3, 4), keras=None),
    Row("Highway", EVERYTHING_ELSE, (3, 4), keras=None),
    Row("MaxoutDense", {"output_dim": 3}, (3, 4), keras=None),
    Row("MaxoutDense", {"output_dim": 3, "nb_feature": 2, "bias": False}, (3, 4), keras=None),
    Row("MaxoutDense", {"output_dim": 3, **EVERYTHING_ELSE}, (3, 4), keras=None),
    Row("SReLU", {}, (3, 4), keras=None),
    Row("SReLU", {"t_left_init": "he_normal", "a_left_init": "zeros", "t_right_init": "ones", "a_right_init": "he_normal",
                  "shared_axes": [1]}, (3, 5, 4), keras=None),
    Row("ParametricSoftplus", {}, (3, 4), keras=None),
    Row("ParametricSoftplus", {"alpha_init": 1.0, "beta_init": 2.0, "shared_axes": [1, 2]}, (2, 5, 6, 4), keras=None),
]  # fmt: skip

WRONG = [
    Wrong("Highway", {"name": "h"}, (None, None), "Highway 'h' needs to know its input's last axis, and got (None, None)."),
    Wrong("MaxoutDense", {"output_dim": 0, "name": "m"}, None,
          "MaxoutDense 'm' needs a positive integer for output_dim, and got 0."),
    Wrong("SReLU", {"shared_axes": [2], "name": "s"}, (None, 3),
          "SReLU 's' can share weights along the axes 1 to 1 of (None, 3), and got shared_axes=[2]."),
    Wrong("ParametricSoftplus", {"beta_init": "one", "name": "p"}, None,
          "ParametricSoftplus 'p' needs a number for beta_init, and got 'one'."),
]  # fmt: skip
