"""Dense and its relatives, and the layers that only reshape, mask or pass on, against Keras."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from keras_oracle import assert_as_keras

from lamina import initializers, layers
from lamina.layers.einsum_dense import Einsum
from lamina.models import Model, Sequential

# ---- Dense ---------------------------------------------------------------------------------------------------------

DENSE = {
    "plain": {}, "no bias": {"use_bias": False}, "activation": {"activation": "relu"},
    "softmax": {"activation": "softmax"}, "one unit": {"units": 1, "activation": "sigmoid"},
}  # fmt: skip


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 1, 3, 4), (1, 4)])
@pytest.mark.parametrize("case", DENSE)
def test_dense_as_keras(case, shape):
    assert_as_keras("Dense", {"units": 5} | DENSE[case], shape)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
def test_dense_gradients_have_the_weights_strides(shape):
    layer, x = layers.Dense(5), torch.randn(shape, requires_grad=True)
    gradients = torch.autograd.grad(layer(x).sum(), [layer.kernel, layer.bias])
    assert [g.stride() for g in gradients] == [layer.kernel.stride(), layer.bias.stride()]
    assert layer.kernel.t().is_contiguous()


WRONG_DENSE = [
    ({"units": -1}, None, "Dense 'd' needs a positive integer for units, and got -1."),
    ({"units": 0}, None, "Dense 'd' needs a positive integer for units, and got 0."),
    ({"units": 2.5}, None, "Dense 'd' needs a positive integer for units, and got 2.5."),
    ({"units": True}, None, "Dense 'd' needs a positive integer for units, and got True."),
    ({"unit": 3}, None, "Dense got an unknown argument 'unit'. Did you mean 'units'?"),
    ({}, (None,), "Dense 'd' needs to know the size of its input's last axis, and got (None, None)."),
    ({}, (), "Dense 'd' takes inputs of at least 2 axes, and got (None,), which has 1."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "shape", "message"), WRONG_DENSE)
def test_dense_errors(arguments, shape, message):
    def use():
        layer = layers.Dense(**{"units": 3, "name": "d"} | arguments)
        layer(layers.Input(shape))

    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        use()
    assert str(caught.value) == message


# ---- EinsumDense ---------------------------------------------------------------------------------------------------

EINSUM = [  # equation, output_shape, bias_axes, input's shape
    ("ab,bc->ac", 5, "c", (3, 4)),
    ("ab,bc->ac", (5,), None, (3, 4)),
    ("abc,cd->abd", (None, 5), "d", (2, 3, 4)),
    ("abc,cd->abd", (3, 5), "bd", (2, 3, 4)),
    ("abc,cde->abde", (None, 2, 5), "de", (2, 3, 4)),
    ("abc,cde->abde", (None, 2, 5), "e", (2, 3, 4)),
    ("abc,cde->abde", (None, 2, 5), "d", (2, 3, 4)),
    ("abcd,cde->abe", (None, 5), "e", (2, 3, 4, 2)),
    ("abc,dca->dcb", (4, 3), None, (2, 3, 4)),
    ("abc,bd->adc", (5, 4), "d", (2, 3, 4)),
    ("abc,bcd->abd", (3, 5), None, (2, 3, 4)),
    ("...x,xy->...y", 5, "y", (3, 4)),
    ("...x,xy->...y", 5, "y", (2, 3, 4)),
    ("...bc,cd->...bd", (3, 5), "d", (2, 6, 3, 4)),
    ("...bc,cd->...bd", (3, 5), "bd", (2, 6, 3, 4)),
    ("...bc,bcd->...d", 5, "d", (2, 3, 4)),
    ("ab...,bc->ac...", 5, "c", (2, 3, 4)),
    ("ab...,bc->ac...", 5, "c", (2, 3, 4, 2)),
    ("abc...,bcde->ade...", (5, 2), "de", (2, 3, 4, 2)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*:UserWarning:keras")
@pytest.mark.parametrize(("equation", "output_shape", "bias_axes", "shape"), EINSUM)
def test_einsum_dense_as_keras(equation, output_shape, bias_axes, shape):
    assert_as_keras("EinsumDense", {"equation": equation, "output_shape": output_shape, "bias_axes": bias_axes,
                                    "activation": "tanh"}, shape)  # fmt: skip


@pytest.mark.parametrize(("equation", "contracted"), [
    ("abc,cd->abd", 1), ("abcd,cde->abe", 2), ("abc,cde->abde", 1), ("...x,xy->...y", 1), ("abc,bd->adc", 0),
    ("ab...,bc->ac...", 0), ("abc,dc->abd", 0), ("abc,cb->abc", 0), ("abcd,dce->abe", 0),
])  # fmt: skip
def test_einsum_dense_knows_a_matrix_product(equation, contracted):
    shape = (2, 3, 4, 5)[: len(equation.replace("...", "z").split(",")[0])]
    sizes = tuple(dict(zip("abcd", (2, 3, 4, 5), strict=True)).get(letter, 6) for letter in equation.split(">")[1][1:])
    output = sizes if "." not in equation else (6,)
    assert Einsum(equation, shape, output).contracted() == contracted


def test_einsum_dense_fans_are_those_of_its_equation():
    layer = layers.EinsumDense("abc,cde->abde", (None, 8, 4), kernel_initializer=initializers.GlorotUniform(seed=1))
    layer.build((None, 3, 16))
    limit = (6 / (16 + 8 * 4)) ** 0.5
    assert 0.95 * limit < layer.kernel.abs().max() <= limit
    assert layer.get_config()["kernel_initializer"]["config"]["input_axes"] is None


def test_einsum_dense_gradients_have_the_weights_strides():
    layer, x = layers.EinsumDense("abc,cde->abde", (None, 2, 5), bias_axes="de"), torch.randn(2, 3, 4)
    gradients = torch.autograd.grad(layer(x).sum(), [layer.kernel, layer.bias])
    assert [g.stride() for g in gradients] == [layer.kernel.stride(), layer.bias.stride()]


def test_einsum_dense_finds_unknown_sizes_where_it_can():
    layer = layers.EinsumDense("abc,cd->abd", (None, 5))
    assert layer(layers.Input((None, 4))).shape == (None, None, 5)
    assert layers.EinsumDense("abc,cd->abd", (None, 5)).compute_output_shape((None, 7, 4)) == (None, 7, 5)


WRONG_EINSUM = [
    ("ab,bc,cd->ad", 5, None, (2, 3), "The equation of EinsumDense must have the form 'ab,bc->ac', '...ab,bc->...ac' or "
                                      "'ab...,bc->ac...', and is 'ab,bc,cd->ad'."),
    ("...ab,bc->ac...", 5, None, (2, 3), "The equation of EinsumDense must have the form 'ab,bc->ac', "
                                         "'...ab,bc->...ac' or 'ab...,bc->ac...', and is '...ab,bc->ac...'."),
    ("abc,cd->abd", (None, 5), None, (2, 3), "The equation 'abc,cd->abd' of EinsumDense does not fit inputs of shape "
                                             "(2, 3)."),
    ("ab,bc->ac", 5, None, (2, 3, 4), "The equation 'ab,bc->ac' of EinsumDense does not fit inputs of shape (2, 3, 4)."),
    ("abc,cd->abd", 5, None, (2, 3, 4), "The equation 'abc,cd->abd' of EinsumDense has outputs of 3 axes, and "
                                        "output_shape has 2 with the batch."),
    ("abc,cd->abd", (7, 5), None, (2, 3, 4), "Axis 'b' in 'abc,cd->abd' of EinsumDense has size 3 in the inputs, and 7 "
                                             "in output_shape."),
    ("ab,bc->az", 5, None, (2, 3), "Axis 'z' of the outputs in 'ab,bc->az' is neither the inputs' nor the kernel's."),
    ("ab,bz->ab", 3, None, (2, 3), "Axis 'z' of the kernel in 'ab,bz->ab' of EinsumDense is neither the inputs' nor the "
                                   "outputs'."),
    ("ab,bc->ac", 5, None, (2, None), "Axis 'b' of the kernel in 'ab,bc->ac' of EinsumDense is unknown."),
    ("ab,bc->ac", 5, "b", (2, 3), "bias_axes of EinsumDense names axes of the outputs 'ac', and is 'b'."),
]  # fmt: skip


@pytest.mark.parametrize(("equation", "output_shape", "bias_axes", "shape", "message"), WRONG_EINSUM)
def test_einsum_dense_errors(equation, output_shape, bias_axes, shape, message):
    layer = layers.EinsumDense(equation, output_shape, bias_axes=bias_axes)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        layer.build(shape)
    assert str(caught.value) == message
    assert layer.weights == []


# ---- reshaping -----------------------------------------------------------------------------------------------------

RESHAPING = [
    ("Flatten", {}, (2, 3, 4, 5)), ("Flatten", {}, (2, 3)), ("Flatten", {}, (4,)),
    ("Flatten", {"data_format": "channels_first"}, (2, 3, 4, 5)), ("Flatten", {"data_format": "channels_first"}, (2, 3)),
    ("Reshape", {"target_shape": (3, 4)}, (2, 12)), ("Reshape", {"target_shape": (6, 2)}, (2, 3, 4)),
    ("Reshape", {"target_shape": (-1, 2, 2)}, (2, 6, 2)), ("Reshape", {"target_shape": (2, -1, 2)}, (2, 12)),
    ("Reshape", {"target_shape": [3, -1]}, (2, 12)), ("Reshape", {"target_shape": (-1,)}, (2, 3, 4)),
    ("Reshape", {"target_shape": ()}, (2, 1)),
    ("Permute", {"dims": (2, 1)}, (2, 3, 4)), ("Permute", {"dims": (3, 1, 2)}, (2, 3, 4, 5)),
    ("RepeatVector", {"n": 3}, (2, 4)), ("RepeatVector", {"n": 1}, (2, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "shape"), RESHAPING)
def test_reshaping_as_keras(name, arguments, shape):
    assert_as_keras(name, arguments, shape)


@pytest.mark.parametrize(("name", "arguments", "shape"), RESHAPING)
def test_reshaping_keeps_integers(name, arguments, shape):
    x = torch.arange(np.prod(shape)).reshape(shape)
    layer = getattr(layers, name)(**arguments)
    y = layer(x)
    assert y.dtype is torch.int64
    torch.testing.assert_close(y.double(), layer(x.double()).double())
    assert layer(layers.Input(shape[1:], dtype="int64")).dtype is torch.int64


UNKNOWN = [
    ("Flatten", {}, (None, None, 3), (None, None)),
    ("Flatten", {}, (None, 4, 3), (None, 12)),
    ("Reshape", {"target_shape": (-1, 3)}, (None, None, 3), (None, None, 3)),
    ("Reshape", {"target_shape": (3, 4)}, (None, None, 3), (None, 3, 4)),
    ("Permute", {"dims": (2, 1)}, (None, None, 3), (None, 3, None)),
    ("RepeatVector", {"n": 4}, (None, 3), (None, 4, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "shape", "expected"), UNKNOWN)
def test_unknown_sizes_stay_unknown(name, arguments, shape, expected):
    layer = getattr(layers, name)(**arguments)
    assert layer.compute_output_shape(shape) == expected
    assert layer(layers.Input(shape[1:])).shape == expected


def test_the_tutorials_shapes():
    model = Sequential(
        [layers.Input((12,)), layers.Reshape((3, 4)), layers.Reshape((6, 2)), layers.Reshape((-1, 2, 2))]
    )
    assert [layer.output_shape for layer in model.layers] == [(None, 3, 4), (None, 6, 2), (None, 3, 2, 2)]
    model = Sequential([layers.Conv2D(64, 3, padding="same", input_shape=(32, 32, 3)), layers.Flatten()])
    assert model.output_shape == (None, 65536)


def test_flatten_does_not_depend_on_the_format():
    x = torch.randn(2, 4, 5, 3)
    last, first = layers.Flatten("channels_last")(x), layers.Flatten("channels_first")(x.movedim(-1, 1))
    assert torch.equal(last, first)


def test_empty_batches_are_reshaped():
    assert layers.Flatten()(torch.zeros(0, 3, 4)).shape == (0, 12)


WRONG_RESHAPING = [
    ("Reshape", {"target_shape": (-1, -1)}, None,
     "Reshape 'r' can work out one size only, and got target_shape (-1, -1)."),
    ("Reshape", {"target_shape": (3, -2)}, None,
     "Reshape 'r' needs a tuple of non-negative integers, of which one can be -1, for target_shape, and got (3, -2)."),
    ("Reshape", {"target_shape": "ab"}, None,
     "Reshape 'r' needs a tuple of non-negative integers, of which one can be -1, for target_shape, and got 'ab'."),
    ("Reshape", {"target_shape": (5, 2)}, (None, 12),
     "Reshape 'r' can't shape the 12 numbers of a sample of shape (12,) into (5, 2)."),
    ("Reshape", {"target_shape": (-1, 5)}, (None, 3, 4),
     "Reshape 'r' can't shape the 12 numbers of a sample of shape (3, 4) into (-1, 5)."),
    ("Permute", {"dims": (0, 1)}, None, "Permute 'r' needs the numbers 1 to 2, each once, for dims, and got (0, 1)."),
    ("Permute", {"dims": (1, 3)}, None, "Permute 'r' needs the numbers 1 to 2, each once, for dims, and got (1, 3)."),
    ("RepeatVector", {"n": 0}, None, "RepeatVector 'r' needs a positive integer for n, and got 0."),
    ("RepeatVector", {"n": "3"}, None, "RepeatVector 'r' needs a positive integer for n, and got '3'."),
    ("Flatten", {"data_format": "x"}, None,
     "Flatten 'r' needs 'channels_last' or 'channels_first' for data_format, and got 'x'."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "shape", "message"), WRONG_RESHAPING)
def test_reshaping_errors(name, arguments, shape, message):
    def use():
        getattr(layers, name)(**arguments, name="r").build(shape)

    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared below
        use()
    assert str(caught.value) == message


# ---- Activation, Identity, Masking, ActivityRegularization ---------------------------------------------------------


@pytest.mark.parametrize("name", ["relu", "softmax", "tanh", "linear", None])
def test_activation_as_keras(name):
    assert_as_keras("Activation", {"activation": name}, (3, 4))


def test_activation_of_ones_own():
    assert layers.Activation(torch.square)(torch.tensor([3.0])).item() == 9.0


def test_identity_passes_anything():
    layer, x, ids = layers.Identity(), torch.randn(2), torch.tensor([1, 2])
    assert layer(x) is x
    assert layer(ids) is ids
    first, second = layer([layers.Input((3,)), layers.Input((4,), dtype="int32")])
    assert (first.shape, second.shape, second.dtype) == ((None, 3), (None, 4), torch.int32)


STEPS = torch.tensor([[[1.0, 2.0], [0.0, 0.0], [0.0, 3.0]], [[0.0, 0.0], [9.0, 9.0], [0.0, 0.0]]])


@pytest.mark.parametrize("mask_value", [0.0, 9.0, 7])
def test_masking_as_keras(mask_value):
    import keras

    layer = assert_as_keras("Masking", {"mask_value": mask_value}, STEPS)
    expected = keras.layers.Masking(mask_value)(STEPS)._keras_mask
    assert torch.equal(layer(STEPS)._keras_mask, expected)
    assert torch.equal(layer.compute_mask(STEPS), expected)


def test_masking_makes_a_mask_that_layers_pass_on():
    inputs = layers.Input((3, 2))
    model = Model(inputs, layers.Activation("relu")(layers.Dense(4)(layers.Masking()(inputs))))
    assert torch.equal(model(STEPS)._keras_mask, torch.tensor([[True, False, True], [False, True, False]]))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.int64])
@pytest.mark.parametrize("mask_value", [0, 0.1, -7.0, float("inf")])
def test_masking_tells_what_differs_in_any_type(dtype, mask_value):
    tiny = 1e-45 if dtype is torch.float32 else 1
    x = torch.tensor([[[float("nan"), 0.0], [0.0, 0.0], [0.1, 0.1], [-7.0, -7.0], [float("inf"), 0.1], [0, tiny]]])
    x = x.nan_to_num(5).to(dtype) if dtype is torch.int64 else x.to(dtype)
    expected = (x != mask_value).any(-1)
    layer = layers.Masking(mask_value, dtype=dtype if dtype.is_floating_point else None)
    assert torch.equal(layer.compute_mask(x), expected)
    assert torch.equal(layer(x)[~expected], torch.zeros_like(x[~expected]))
    assert layer.compute_mask(x[..., :0]).sum() == 0


def test_masking_of_infinity_gives_zeros():
    x = torch.tensor([[[float("inf")], [1.0]]])
    assert layers.Masking(float("inf"))(x).tolist() == [[[0.0], [1.0]]]


@pytest.mark.parametrize("factors", [{"l1": 0.1}, {"l2": 0.2}, {"l1": 0.1, "l2": 0.2}, {}])
def test_activity_regularization_as_keras(factors):
    import keras

    layer = assert_as_keras("ActivityRegularization", factors, (3, 4))
    theirs, x = keras.layers.ActivityRegularization(**factors), torch.randn(3, 4)
    assert layer(x) is x
    theirs(x)
    np.testing.assert_allclose(float(sum(layer.losses)), float(sum(theirs.losses)), rtol=1e-6)


def test_activity_regularization_enters_a_models_losses():
    model = Sequential([layers.Input((4,)), layers.ActivityRegularization(l2=0.5)])
    x = torch.ones(2, 4)
    model(x)
    assert [loss.item() for loss in model.losses] == pytest.approx([2.0])


def test_reshape_of_no_rows_works_out_a_size():
    assert layers.Reshape((-1, 2))(torch.zeros(0, 3, 4)).shape == (0, 6, 2)
