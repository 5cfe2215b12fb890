"""Names that layers and models get when they are given none, as each generation counted them."""

import pytest

import lamina
from lamina import layers, naming
from lamina.backend import clear_session, get_uid

NAMES = {
    "keras1": (
        ["input_1", "convolution2d_1", "maxpooling2d_1", "batchnormalization_1", "flatten_1", "dense_1", "dense_2"],
        "model_1",
    ),
    "keras2": (
        ["input_1", "conv2d_1", "max_pooling2d_1", "batch_normalization_1", "flatten_1", "dense_1", "dense_2"],
        "model_1",
    ),
    "keras2.3": (
        ["input_1", "conv2d_1", "max_pooling2d_1", "batch_normalization_1", "flatten_1", "dense_1", "dense_2"],
        "model_1",
    ),
    "tf_keras": (["input_1", "conv2d", "max_pooling2d", "batch_normalization", "flatten", "dense", "dense_1"], "model"),
    "keras3": (
        ["input_layer", "conv2d", "max_pooling2d", "batch_normalization", "flatten", "dense", "dense_1"],
        "functional",
    ),
}


def small_model():
    clear_session()
    start = layers.Input((8, 8, 1))
    x = layers.MaxPooling2D()(layers.Conv2D(2, kernel_size=(3, 3))(start))
    x = layers.Dense(5)(layers.Flatten()(layers.BatchNormalization()(x)))
    return lamina.Model(start, layers.Dense(2)(x))


@pytest.fixture(autouse=True)
def names_of_today():
    yield
    naming.reset_names()


@pytest.mark.parametrize("dialect", NAMES)
def test_layers_and_models_are_numbered_as_then(dialect):
    with lamina.dialects.using_dialect(dialect):
        model = small_model()
    assert ([layer.name for layer in model.layers], model.name) == NAMES[dialect]


def test_the_keys_of_a_state_dict_are_the_same_in_every_dialect():
    keys = []
    for dialect in NAMES:
        with lamina.dialects.using_dialect(dialect):
            small_model()  # whose names go before
            keys.append(list(small_model().state_dict()))
    assert all(one == keys[-1] for one in keys)


@pytest.mark.parametrize(
    ("dialect", "old", "name"),
    [
        ("keras1", "AtrousConvolution2D", "atrousconvolution2d_1"),
        ("keras1", "Deconvolution2D", "deconvolution2d_1"),
        ("keras1", "Conv2DTranspose", "deconvolution2d_1"),
        ("keras1", "TimeDistributedDense", "timedistributeddense_1"),
        ("keras2", "CuDNNLSTM", "cu_dnnlstm_1"),
        ("keras2", "Convolution2D", "conv2d_1"),
        ("tf_keras", "CuDNNGRU", "cu_dnngru"),
        ("keras3", "Convolution2D", "conv2d"),
    ],
)
def test_an_old_name_of_a_class_names_the_layer_as_then(dialect, old, name):
    clear_session()
    arguments = {"CuDNNLSTM": (3,), "CuDNNGRU": (3,), "TimeDistributedDense": (3,)}.get(old, (3, 3, 3))
    arguments = arguments if dialect == "keras1" or len(arguments) == 1 else (3, (3, 3))
    with lamina.dialects.using_dialect(dialect):
        layer = getattr(layers, old)(*arguments)
        assert layer.name == name
        assert getattr(layers, old)(*arguments, name="mine").name == "mine"


@pytest.mark.parametrize(
    ("dialect", "name"), [("keras1", "dense_1_input"), ("keras2", "dense_1_input"), ("tf_keras", "dense_input")]
)
def test_the_input_of_a_sequential_is_named_after_its_first_layer(dialect, name):
    clear_session()
    with lamina.dialects.using_dialect(dialect):
        model = lamina.Sequential([layers.Dense(2, input_shape=(3,))])
    assert model.inputs[0].name == name


def test_what_counts_up_for_others_counts_for_layers():
    clear_session()
    with lamina.dialects.using_dialect("keras2"):
        assert get_uid("dense") == 1
        assert layers.Dense(2).name == "dense_2"
    assert get_uid("dense") == 3
