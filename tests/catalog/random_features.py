"""RandomFourierFeatures: tests/layers/test_random_features.py compares it with its formula and the kernels it stands for."""

from catalog.row import Row, Wrong

ROWS = [
    Row("RandomFourierFeatures", {"output_dim": 5}, (3, 4), keras=None),
    Row("RandomFourierFeatures", {"output_dim": 5, "trainable": True}, (3, 4), keras=None,
        exceptions={"precision": "the gradient of one number is a sum of large ones that cancel"}),
    Row("RandomFourierFeatures", {"output_dim": 5, "kernel_initializer": "laplacian", "scale": 2.0}, (3, 4), keras=None),
    Row("RandomFourierFeatures", {"output_dim": 5, "kernel_initializer": "he_normal", "trainable": True}, (3, 4),
        keras=None),
]  # fmt: skip

WRONG = [
    Wrong("RandomFourierFeatures", {"output_dim": 0, "name": "r"}, None,
          "RandomFourierFeatures 'r' needs a positive integer for output_dim, and got 0."),
    Wrong("RandomFourierFeatures", {"output_dim": 2, "scale": -1.0, "name": "r"}, None,
          "RandomFourierFeatures 'r' needs a positive number for scale, and got -1.0."),
    Wrong("RandomFourierFeatures", {"output_dim": 2, "name": "r"}, (None, None),
          "RandomFourierFeatures 'r' needs to know its input's last axis, and got (None, None)."),
    Wrong("RandomFourierFeatures", {"output_dim": 2, "name": "r"}, (None, 3, 4), "RandomFourierFeatures 'r' takes inputs of "
          "2 axes (the batch is the first), and got (None, 3, 4), which has 3."),
]  # fmt: skip
