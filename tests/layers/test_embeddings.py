"""Embedding: weights given, masks, sparse gradients, older spellings, indices that are not in the table."""

import numpy as np
import pytest
import torch

from lamina.layers import Dense, Embedding, Flatten, Input, ReversibleEmbedding
from lamina.models import Model, Sequential

TABLE = np.arange(12, dtype="float32").reshape(4, 3)


@pytest.mark.parametrize("weights", [TABLE, [TABLE]])
def test_weights_that_are_given(weights):
    layer = Embedding(4, 3, weights=weights)
    np.testing.assert_array_equal(layer(torch.tensor([[1, 3]])).detach(), TABLE[[[1, 3]]])


def test_input_length_is_part_of_the_shape():
    model = Sequential([Embedding(10, 4, input_length=5), Flatten(), Dense(1)])
    assert model.output_shape == (None, 1)
    assert model(torch.zeros(2, 5, dtype=torch.int64)).shape == (2, 1)
    assert model.input.dtype is torch.int64


def test_sparse_gradients_hold_the_rows_that_were_looked_up():
    dense, sparse = (
        Embedding(1000, 3, weights=np.ones((1000, 3))),
        Embedding(1000, 3, weights=np.ones((1000, 3)), sparse=True),
    )
    indices = torch.tensor([[5, 7, 5]])
    expected, = torch.autograd.grad(dense(indices).square().sum(), dense.weights)  # fmt: skip
    got, = torch.autograd.grad(sparse(indices).square().sum(), sparse.weights)  # fmt: skip
    assert got.is_sparse
    torch.testing.assert_close(got.to_dense(), expected)


def test_float_indices_are_read_as_integers():
    layer = Embedding(4, 3, weights=TABLE)
    np.testing.assert_array_equal(layer(np.array([[1.0, 2.0]])).detach(), TABLE[[[1, 2]]])


def test_mask_of_index_0():
    layer = Embedding(4, 3, mask_zero=True)
    assert layer.compute_mask(torch.tensor([[1, 0, 2]])).tolist() == [[True, False, True]]
    assert Embedding(4, 3).compute_mask(torch.tensor([[1, 0, 2]])) is None


def test_an_index_that_is_not_in_the_table():
    layer = Embedding(4, 3, name="words")
    message = ("Embedding 'words' has rows for the indices 0 to 3, and got indices from 1 to 7. Make input_dim the "
               "largest index plus 1.")  # fmt: skip
    with pytest.raises(ValueError, match=f"^{message}"):
        layer(torch.tensor([[1, 7]]))


def test_the_way_back_has_no_mask():
    layer = ReversibleEmbedding(10, 4, mask_zero=True)
    indices = torch.tensor([[1, 0]])
    vectors = layer(indices)
    assert vectors._keras_mask.tolist() == [[True, False]]
    assert not hasattr(layer(vectors.detach(), reverse=True), "_keras_mask")
    assert not hasattr(layer(vectors.detach(), True), "_keras_mask")
    x = Input((4,))
    y = layer(x)
    logits = layer(y, reverse=True)
    assert (y.mask.shape, logits.mask, logits.shape) == ((None, 4), None, (None, 4, 10))
    torch.testing.assert_close(Model(x, logits)(torch.ones(2, 4)), layer(torch.ones(2, 4)) @ layer.embeddings.T)


def test_the_way_back_in_another_type():
    layer = ReversibleEmbedding(10, 4, reverse_dtype="float64")
    assert layer(Input((3, 4)), reverse=True).dtype is layer(torch.ones(1, 3, 4), reverse=True).dtype is torch.float64
