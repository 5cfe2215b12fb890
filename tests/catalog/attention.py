"""Attention layers."""

from catalog.row import Row, Wrong

L2 = {"class_name": "L2", "config": {"l2": 0.1}}
PAIR, TRIPLE = [(2, 3, 4), (2, 5, 4)], [(2, 3, 4), (2, 5, 6), (2, 5, 4)]
HEADS = {"num_heads": 2, "key_dim": 3}
GROUPS = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
DENSE = {"kernel_initializer": "he_normal", "bias_initializer": "ones", "kernel_regularizer": L2,
         "bias_regularizer": L2, "activity_regularizer": L2, "kernel_constraint": "non_neg",
         "bias_constraint": "non_neg"}  # fmt: skip
VALUE = {"value": (2, 5, 4)}
SCORES, CAUSAL = {"return_attention_scores": True}, {"use_causal_mask": True}
QUERY_MASK = {"query_mask": [[True, True, False], [True, False, False]]}
VALUE_MASK = {"value_mask": [[True] * 5, [True, True, True, False, False]]}
KEY_MASK = {"key_mask": [[True, False, True, True, True], [True] * 5]}
SEEN = {"attention_mask": [[[True, False, True, False, True]] * 3, [[False, True, True, True, False]] * 3]}

ALONE = {"output_shape": "compute_output_shape is of the outputs without the scores"}
LEFT_OVER = ALONE | {"mask": "Keras leaves its softmax's mask on the scores"}
CUBE = {"mask": "Keras on torch fails for inputs of four axes with a mask"}


# Of queries that see no key, torch's kernel makes what the type's resolution leaves: as Keras does with the same type.
BLIND = {"precision": "some queries see no key"}


# The gradient of Keras on torch is that of the kernel, which is wrong there: test_attention.py has quotients instead.
BLIND_FUSED = BLIND | {"gradients_of_keras": "those of Keras on torch are wrong where a query sees no key"}


def exceptions(call, known=ALONE):
    if call.get("return_attention_scores"):
        return known | (BLIND if "query_mask" in call else {})
    return BLIND_FUSED if "query_mask" in call else {}


ROWS = [
    *(Row("Attention", kwargs, shapes)
      for kwargs in ({}, {"use_scale": True}, {"score_mode": "concat"}, {"score_mode": "concat", "use_scale": True})
      for shapes in (PAIR, TRIPLE)),
    *(Row("Attention", {"use_scale": True}, TRIPLE, call=call, exceptions=exceptions(call))
      for call in (SCORES, CAUSAL, SCORES | CAUSAL)),
    Row("Attention", {"use_scale": True}, TRIPLE, training=True),
    Row("Attention", {"dropout": 0.5, "seed": 3}, PAIR),
    *(Row("AdditiveAttention", kwargs, shapes) for kwargs in ({}, {"use_scale": False}) for shapes in (PAIR, TRIPLE)),
    Row("AdditiveAttention", {"dropout": 0.5, "seed": 3}, PAIR),
    *(Row("AdditiveAttention", {}, TRIPLE, call=call, exceptions=exceptions(call))
      for call in (SCORES, CAUSAL)),
    *(Row("MultiHeadAttention", HEADS | more, (2, 3, 4), call=VALUE | call, exceptions=exceptions(call, LEFT_OVER))
      for more, call in (({}, {}), ({}, {"key": (2, 5, 6)}), ({"value_dim": 5}, {}), ({"use_bias": False}, {}),
                         ({"output_shape": 7}, {}), ({"output_shape": (2, 3)}, {}), (DENSE, {}), ({}, SCORES),
                         ({"dropout": 0.5, "seed": 3}, {}), ({}, CAUSAL), ({}, SCORES | CAUSAL),
                         ({"sliding_window": 2}, {}), ({"sliding_window": 2}, SCORES), ({"use_gate": True}, {}),
                         ({"use_gate": True, "value_dim": 5}, VALUE_MASK), ({"attention_axes": 1}, {}),
                         ({}, VALUE_MASK), ({}, KEY_MASK | {"key": (2, 5, 6)}), ({}, SEEN), ({}, SEEN | VALUE_MASK),
                         ({}, SEEN | SCORES), ({"dropout": 0.5, "seed": 3}, SEEN | CAUSAL))),
    *(Row("MultiHeadAttention", HEADS | more, (2, 3, 4, 5), call={"value": (2, 3, 4, 6)}, exceptions=known)
      for more, known in (({}, CUBE), ({"attention_axes": (2,)}, CUBE), ({"attention_axes": (1, 2)}, CUBE),
                          ({"attention_axes": 1}, {}))),
    *(Row("GroupedQueryAttention", GROUPS | more, (2, 3, 4), keras="GroupQueryAttention", call=VALUE | call,
          exceptions=exceptions(call, LEFT_OVER))
      for more, call in (({}, {}), ({}, {"key": (2, 5, 6)}), ({"use_bias": False}, {}), (DENSE, {}), ({}, SCORES),
                         ({"dropout": 0.5, "seed": 3}, {}), ({}, CAUSAL), ({}, SCORES | CAUSAL),
                         ({"sliding_window": 2}, {}), ({"use_gate": True}, {}), ({}, QUERY_MASK), ({}, VALUE_MASK),
                         ({}, KEY_MASK | {"key": (2, 5, 6)}), ({}, SEEN | VALUE_MASK | QUERY_MASK),
                         ({}, SEEN | SCORES | QUERY_MASK), ({"dropout": 0.5, "seed": 3}, SEEN | CAUSAL | QUERY_MASK))),
]  # fmt: skip

WRONG = [
    Wrong("Attention", {"name": "a"}, (2, 4), "Attention 'a' takes a list [query, value] or [query, value, key], and got "
          "1 input."),
    Wrong("Attention", {"name": "a"}, [(2, 3, 4)] * 4, "Attention 'a' takes a list [query, value] or [query, value, key], "
          "and got 4 inputs."),
    Wrong("Attention", {"name": "a", "score_mode": "sum"}, None,
          "Attention 'a' needs 'dot' or 'concat' for score_mode, and got 'sum'."),
    Wrong("AdditiveAttention", {"name": "a", "dropout": 2}, None,
          "AdditiveAttention 'a' needs a number from 0 to 1 for dropout, and got 2."),
    Wrong("AdditiveAttention", {"name": "a"}, [(2, 3, None), (2, 5, 4)],
          "AdditiveAttention 'a' needs to know the last axis of the query, and got (2, 3, None)."),
    Wrong("MultiHeadAttention", {"name": "m", "num_heads": 0, "key_dim": 3}, None,
          "MultiHeadAttention 'm' needs a positive integer for num_heads, and got 0."),
    Wrong("MultiHeadAttention", {"name": "m", "num_heads": 2, "key_dim": -3}, None,
          "MultiHeadAttention 'm' needs a positive integer for key_dim, and got -3."),
    Wrong("MultiHeadAttention", HEADS | {"name": "m", "sliding_window": 0}, None,
          "MultiHeadAttention 'm' needs a positive integer for sliding_window, and got 0."),
    Wrong("MultiHeadAttention", HEADS | {"name": "m", "flash_attention": True, "dropout": 0.5}, None,
          "MultiHeadAttention 'm' can't drop weights with flash_attention, and got dropout=0.5."),
    Wrong("GroupedQueryAttention", GROUPS | {"name": "g", "num_query_heads": 3}, None,
          "GroupedQueryAttention 'g' needs a multiple of num_key_value_heads=2 for num_query_heads, and got 3."),
]  # fmt: skip
