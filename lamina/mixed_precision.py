"""tf.keras's ``keras.mixed_precision``: layers that compute in a smaller type than they store their weights in.

>>> set_global_policy("mixed_bfloat16")
>>> global_policy().compute_dtype
'bfloat16'
>>> set_global_policy(None)
"""

from lamina.dtypes import DTypePolicy, Policy, dtype_policy, set_dtype_policy
from lamina.optimizers import LossScaleOptimizer

__all__ = [
    "DTypePolicy", "LossScaleOptimizer", "Policy", "dtype_policy", "global_policy", "set_dtype_policy",
    "set_global_policy",
]  # fmt: skip

global_policy = dtype_policy
set_global_policy = set_dtype_policy
