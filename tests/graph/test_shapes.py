"""The words of TensorFlow for shapes, of symbolic tensors and in the code of users' layers and losses."""

import copy
import pickle

import numpy as np
import pytest
import torch

import lamina
from lamina import layers
from lamina.dialects import using_dialect
from lamina.graph.shapes import TensorShape
from lamina.losses import LossFunctionWrapper

X = np.arange(24, dtype="float32").reshape(2, 3, 4)


def shaped(x):
    x.set_shape((None, 3, 4))
    return x


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "tf_keras", None])
@pytest.mark.parametrize(
    ("function", "factor"),
    [(lambda x: x * x.get_shape().as_list()[-1], 4), (lambda x: x * x.shape.as_list()[1], 3),
     (lambda x: x * x._keras_shape[1], 3), (lambda x: x * x.shape.ndims, 3), (lambda x: x * x.shape.rank, 3),
     (lambda x: x * x.shape[1:].num_elements(), 12), (shaped, 1)],
)  # fmt: skip
def test_in_a_layer(dialect, function, factor):
    with using_dialect(dialect):
        start = layers.Input((3, 4))
        found = lamina.Model(start, layers.Lambda(function)(start)).predict(X, verbose=0)
    np.testing.assert_array_equal(found, X * factor)


@pytest.mark.parametrize("dialect", ["keras1", "keras2"])
@pytest.mark.parametrize(
    "function", [lambda x: x * x.get_shape()[1].value, lambda x: x * x.shape[1].value, lambda x: x * int(x.shape[1])]
)
def test_sizes_had_values(dialect, function):
    with using_dialect(dialect):
        start = layers.Input((3, 4))
        assert function(start).shape == (None, 3, 4)
        found = lamina.Model(start, layers.Lambda(function)(start)).predict(X, verbose=0)
    np.testing.assert_array_equal(found, X * 3)


def test_in_a_loss():
    loss = LossFunctionWrapper(lambda y, p: (y - p).abs().sum(-1) / p.get_shape().as_list()[-1])
    assert loss(torch.zeros(2, 4), torch.ones(2, 4)) == 1


def test_a_shape_that_contradicts():
    with pytest.raises(ValueError, match=r"set_shape got \(None, 5\), and the tensor has the shape \(None, 4\)"):
        layers.Input((4,)).set_shape((None, 5))
    with pytest.raises(ValueError, match="has 2 axes, and 3 were expected"):
        layers.Input((4,)).shape.assert_has_rank(3)


def test_shapes_are_tuples():
    shape = layers.Input((3, 4)).shape
    assert shape == (None, 3, 4)
    assert (repr(shape), shape[1:], shape[1:].as_list()) == ("(None, 3, 4)", (3, 4), [3, 4])
    assert (*shape, 5) == (None, 3, 4, 5)
    for again in (copy.deepcopy(shape), pickle.loads(pickle.dumps(shape))):
        assert again == shape
        assert isinstance(again, TensorShape)
