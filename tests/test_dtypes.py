"""Types by name, and dtype policies on layers."""

import numpy as np
import pytest
import torch

from lamina.dtypes import DTypePolicy, as_dtype, as_policy, dtype_name, dtype_policy, set_dtype_policy
from lamina.layers import Dense


@pytest.fixture(autouse=True)
def _policy():
    yield
    set_dtype_policy(None)


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        ("float32", torch.float32), (np.float64, torch.float64), (np.dtype("int8"), torch.int8), (torch.bool, torch.bool),
        ("torch.int64", torch.int64), (None, torch.float32), (int, torch.int32), (float, torch.float32),
        (DTypePolicy("mixed_bfloat16"), torch.bfloat16),
    ],
)  # fmt: skip
def test_as_dtype(given, dtype):
    assert as_dtype(given) is dtype


def test_unknown_dtype_names_the_nearest():
    with pytest.raises(ValueError, match=r"^'flot32' is not a known dtype\. Did you mean 'float32'\?$"):
        as_dtype("flot32")


def test_dtype_name():
    assert dtype_name(torch.bfloat16) == "bfloat16"


@pytest.mark.parametrize(("name", "compute", "variable"), [
    ("float32", "float32", "float32"), ("mixed_float16", "float16", "float32"), ("mixed_bfloat16", "bfloat16", "float32"),
    ("float64", "float64", "float64"),
])  # fmt: skip
def test_policies(name, compute, variable):
    policy = DTypePolicy(name)
    assert (policy.compute_dtype, policy.variable_dtype) == (compute, variable)
    assert as_policy(policy) is policy
    assert as_policy({"class_name": "DTypePolicy", "config": policy.get_config()}) == policy
    assert DTypePolicy.from_config(policy.get_config()) == policy


def test_a_layer_stores_and_computes_as_its_policy_says():
    layer = Dense(3, dtype="mixed_bfloat16")
    output = layer(torch.ones(2, 4))
    assert layer.kernel.dtype is torch.float32
    assert output.dtype is torch.bfloat16
    assert (layer.dtype, layer.compute_dtype) == ("float32", "bfloat16")
    output.sum().backward()
    assert layer.kernel.grad.dtype is torch.float32


def test_the_default_policy():
    set_dtype_policy("float64")
    assert dtype_policy() == DTypePolicy("float64")
    assert Dense(3)(torch.ones(2, 4)).dtype is torch.float64


def test_the_policy_follows_to():
    layer = Dense(3)
    layer(torch.ones(2, 4))
    layer.to(torch.float64)
    assert layer.dtype_policy == DTypePolicy("float64")
    assert layer(np.ones((2, 4), "float32")).dtype is torch.float64
