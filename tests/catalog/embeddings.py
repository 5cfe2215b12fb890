"""Embedding."""

import numpy as np

from catalog.row import Row, Wrong

L2 = {"class_name": "L2", "config": {"l2": 0.1}}
TABLE = np.arange(12, dtype="float32").reshape(4, 3) / 10

ROWS = [
    Row("Embedding", {"input_dim": 4, "output_dim": 3}, (2, 5), dtype="int32"),
    Row("Embedding", {"input_dim": 4, "output_dim": 3, "mask_zero": True}, (2, 5), dtype="int64"),
    Row("Embedding", {"input_dim": 4, "output_dim": 3, "embeddings_initializer": "ones", "embeddings_regularizer": L2,
                      "embeddings_constraint": "non_neg"}, (2, 5, 2), dtype="int32"),
]  # fmt: skip

WRONG = [
    Wrong("Embedding", {"name": "e", "input_dim": 0, "output_dim": 3}, None,
          "Embedding 'e' needs a positive integer for input_dim, and got 0."),
    Wrong("Embedding", {"name": "e", "input_dim": 4, "output_dim": -3}, None,
          "Embedding 'e' needs a positive integer for output_dim, and got -3."),
]  # fmt: skip
