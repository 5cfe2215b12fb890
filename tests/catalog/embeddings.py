"""Embedding and ReversibleEmbedding."""

import numpy as np

from catalog.core import ALPHA
from catalog.row import Row, Wrong

L2 = {"class_name": "L2", "config": {"l2": 0.1}}
TABLE = np.arange(12, dtype="float32").reshape(4, 3) / 10
UNCAST = {"types_of_keras": "Keras does not cast what goes back, though a symbolic call says so"}

ROWS = [
    Row("Embedding", {"input_dim": 4, "output_dim": 3}, (2, 5), dtype="int32"),
    Row("Embedding", {"input_dim": 4, "output_dim": 3, "mask_zero": True}, (2, 5), dtype="int64"),
    Row("Embedding", {"input_dim": 4, "output_dim": 3, "embeddings_initializer": "ones", "embeddings_regularizer": L2,
                      "embeddings_constraint": "non_neg"}, (2, 5, 2), dtype="int32"),
    Row("Embedding", {"input_dim": 4, "output_dim": 3, "lora_rank": 2}, (2, 5), dtype="int32"),
    Row("Embedding", {"input_dim": 4, "output_dim": 3, "lora_rank": 2, "lora_alpha": 5}, (2, 5), dtype="int32",
        exceptions=ALPHA),
    Row("ReversibleEmbedding", {"input_dim": 4, "output_dim": 3}, (2, 5), dtype="int32"),
    Row("ReversibleEmbedding", {"input_dim": 4, "output_dim": 3, "lora_rank": 2}, (2, 5, 3), call={"reverse": True},
        exceptions=UNCAST),
    Row("ReversibleEmbedding", {"input_dim": 4, "output_dim": 3, "mask_zero": True}, (2, 5), dtype="int64"),
    Row("ReversibleEmbedding", {"input_dim": 4, "output_dim": 3}, (2, 5, 3), call={"reverse": True}, exceptions=UNCAST),
    Row("ReversibleEmbedding", {"input_dim": 4, "output_dim": 3, "mask_zero": True}, (2, 5, 3), call={"reverse": True},
        exceptions=UNCAST),
    Row("ReversibleEmbedding", {"input_dim": 4, "output_dim": 3, "tie_weights": False, "logit_soft_cap": 0.5,
                                "embeddings_initializer": "he_normal", "embeddings_regularizer": L2,
                                "embeddings_constraint": "non_neg"}, (2, 5, 3), call={"reverse": True},
        exceptions=UNCAST | {"gradients": "the way back has a table of its own; the other takes no part in it"}),
    Row("ReversibleEmbedding", {"input_dim": 4, "output_dim": 3, "reverse_dtype": "float64"}, (2, 5, 3),
        call={"reverse": True}, exceptions={"bfloat16": "the way back keeps the type that it was given"}),
]  # fmt: skip

WRONG = [
    Wrong("Embedding", {"name": "e", "input_dim": 0, "output_dim": 3}, None,
          "Embedding 'e' needs a positive integer for input_dim, and got 0."),
    Wrong("Embedding", {"name": "e", "input_dim": 4, "output_dim": -3}, None,
          "Embedding 'e' needs a positive integer for output_dim, and got -3."),
    Wrong("Embedding", {"name": "e", "input_dim": 4, "output_dim": 3, "lora_rank": 2, "sparse": True}, None,
          "Embedding 'e' can't have sparse gradients of low-rank weights, which all rows share: leave out either sparse or "
          "lora_rank."),
    Wrong("ReversibleEmbedding", {"name": "e", "input_dim": 4, "output_dim": 3, "logit_soft_cap": 0}, None,
          "ReversibleEmbedding 'e' needs a positive number for logit_soft_cap, and got 0."),
]  # fmt: skip
