"""The door: old module paths find lamina while it is open, and nothing is left behind."""

from __future__ import annotations

import importlib
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import lamina.layers
import lamina.models
import lamina.utils
from lamina.compat import paths
from lamina.compat.modules import OldModule, Shell, as_keras
from lamina.dialects import ALIASES, dialect

PATHS: dict[str, list[str]] = json.loads(Path(__file__).parents[1].joinpath("dialects", "paths.json").read_text())
SIGNATURES = json.loads(Path(__file__).parents[1].joinpath("dialects", "signatures.json").read_text())
MODULES = sorted({(generation, path) for generation, found in PATHS.items() for path in found})


@pytest.fixture
def door():
    with as_keras() as it:
        yield it


def has_counterpart(path: str) -> bool:
    below = path.partition("keras")[2].lstrip(".")
    targets = paths.PATHS.get(below)
    if targets is None:
        return False
    return not targets or any(_found(name) for name in targets)


def _found(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.parametrize(("generation", "path"), MODULES)
def test_every_public_module_is_lamina_s_or_says_that_it_is_not(door, generation, path):
    if has_counterpart(path):
        module = importlib.import_module(path)
        assert isinstance(module, OldModule)
        assert module.__name__ == path
        return
    with pytest.raises(
        ImportError, match=r" has no '\w+' in lamina\.| has no counterpart in lamina: there is no lamina\."
    ):
        importlib.import_module(path)


@pytest.mark.parametrize("path", [
    "core", "convolutional", "pooling", "local", "recurrent", "convolutional_recurrent", "embeddings", "merge",
    "advanced_activations", "normalization", "noise", "wrappers",
])  # fmt: skip
def test_layer_files(door, path):
    module = importlib.import_module(f"keras.layers.{path}")
    assert module.Dense is lamina.layers.Dense


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_every_layer_is_there_or_said_not_to_be(door, name):
    import keras.layers as layers

    known = {**vars(lamina.layers), **lamina.engine.layer.LAYERS.members}
    if name in known or ALIASES.get(name, ("",))[0] in known or name in ("Merge", "merge"):
        assert callable(getattr(layers, name))
        return
    with pytest.raises(AttributeError, match=rf"^keras\.layers has no '{name}' in lamina\."):
        getattr(layers, name)


def test_ways_to_one_class(door):
    import keras
    import tensorflow as tf
    import tf_keras
    from keras.engine import Layer
    from keras.engine.topology import Input
    from keras.engine.training import Model as TrainedModel
    from keras.layers import Dense
    from keras.layers.core import Dense as CoreDense
    from keras.models import Model, Sequential
    from tensorflow.keras.layers import Dense as TensorFlowDense
    from tensorflow.python.keras.layers import Dense as FrozenDense

    classes = {Dense, CoreDense, TensorFlowDense, FrozenDense, keras.layers.Dense, tf.keras.layers.Dense,
               tf_keras.layers.Dense}  # fmt: skip
    assert classes == {lamina.layers.Dense}
    assert Model is TrainedModel is keras.models.Model is lamina.models.Model
    assert Sequential is lamina.models.Sequential
    assert issubclass(Layer, lamina.layers.Layer)
    assert keras.engine.topology.Input(shape=(32,)).shape == Input(shape=(32,)).shape == (None, 32)


def test_all_names_of_a_module(door):
    names: dict[str, object] = {}
    exec("from keras.layers import *", names)
    assert names["Dense"] is lamina.layers.Dense
    assert "torch" not in names
    assert callable(names["merge"])  # a function in Keras 1, a module in Keras 2: here both
    assert [name for name, value in names.items() if isinstance(value, types.ModuleType)] == ["merge"]


def test_old_words_of_functions(door):
    from keras.utils import np_utils
    from keras.utils.np_utils import to_categorical

    assert to_categorical([1], nb_classes=3).tolist() == [[0.0, 1.0, 0.0]]
    assert np_utils.to_categorical([1], 2).tolist() == [[0.0, 1.0]]
    assert np_utils.to_categorical is np_utils.to_categorical


def test_bygone_functions(door):
    from keras import backend as K
    from keras import initializations
    from keras.utils.np_utils import categorical_probas_to_classes, probas_to_classes

    assert K.image_dim_ordering() == "tf"
    K.set_image_dim_ordering("th")
    assert K.image_dim_ordering() == "th"
    K.set_image_dim_ordering("tf")
    with pytest.raises(ValueError, match="xx") as error:
        K.set_image_dim_ordering("xx")
    assert str(error.value) == "dim_ordering must be 'tf' or 'th', and got 'xx'."
    assert probas_to_classes([[0.2, 0.8], [0.9, 0.1]]).tolist() == [1, 0]
    assert probas_to_classes([[0.2], [0.9]]).tolist() == [0, 1]
    assert categorical_probas_to_classes([[0.2, 0.8]]).tolist() == [1]
    assert float(initializations.normal((1000,), scale=0.01).std()) == pytest.approx(0.01, rel=0.1)
    assert float(initializations.uniform((1000,), scale=0.5).abs().max()) == pytest.approx(0.5, rel=0.1)
    assert float(initializations.he_normal((200, 50)).std()) == pytest.approx((2 / 200) ** 0.5, rel=0.1)
    assert initializations.zero((2,)).tolist() == [0.0, 0.0]
    assert initializations.one.__name__ == "one"


def test_regularizers_and_constraints_by_old_names(door):
    from keras.constraints import maxnorm
    from keras.regularizers import WeightRegularizer, l1l2, l2

    assert maxnorm(m=3).get_config()["max_value"] == 3
    assert l1l2().get_config() == pytest.approx({"l1": 0.01, "l2": 0.01})
    assert l2(0.5).get_config()["l2"] == pytest.approx(0.5)
    assert WeightRegularizer(l2=0.5).get_config() == pytest.approx({"l1": 0.0, "l2": 0.5})


def test_versions():
    for name, version in (("keras1", "1.2.2"), ("keras2", "2.2.4"), ("tf_keras", "2.21.0"), (None, "3.15.1")):
        with as_keras(name):
            import keras
            import tensorflow

            assert keras.__version__ == version
            assert tensorflow.__version__ == paths.TENSORFLOW_VERSIONS[name or "keras3"]


ERRORS = [
    ("from keras.utils import to_categoricl",
     "keras.utils has no 'to_categoricl' in lamina. Did you mean 'to_categorical'?"),
    ("import keras.nothing_like_it", "keras has no 'nothing_like_it' in lamina."),
    ("import keras.applications.vgg16",
     "keras.applications has no counterpart in lamina: there is no lamina.applications. It comes with the applications."),
    ("import tensorflow.lite",
     "lamina has no tf.lite: tf.lite converts for TensorFlow Lite; torch.export or ONNX take a model elsewhere."),
    ("from tensorflow import reduce_men",
     "lamina has no tf.reduce_men. Did you mean 'reduce_mean'?"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "message"), ERRORS)
def test_names_that_lamina_lacks(door, code, message):
    with pytest.raises(ImportError) as error:
        exec(code)
    assert str(error.value) == message


def test_attributes_that_lamina_lacks(door):
    import keras
    import tensorflow as tf

    with pytest.raises(AttributeError) as error:
        keras.utils.to_categoricl  # noqa: B018
    assert str(error.value) == "keras.utils has no 'to_categoricl' in lamina. Did you mean 'to_categorical'?"
    with pytest.raises(AttributeError) as error:
        tf.io.read_file  # noqa: B018
    assert str(error.value) == (
        "lamina has no tf.io: tf.io reads and writes TensorFlow's files; open(), numpy.load, PIL.Image.open or "
        "keras.utils.load_img read others."
    )
    assert not hasattr(keras, "nothing_like_it")
    with pytest.raises(TypeError) as type_error:
        keras.layers.core()
    assert str(type_error.value) == "keras.layers.core is a module, and can't be called."


def test_a_real_keras_comes_back():
    real = importlib.import_module("keras")
    layers = importlib.import_module("keras.layers")
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "keras"}
    with as_keras():
        import keras

        assert isinstance(keras, OldModule)
        assert keras.layers.Dense is lamina.layers.Dense
    assert sys.modules["keras"] is real
    assert sys.modules["keras.layers"] is layers
    assert {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "keras"} == before


def test_doors_in_doors_and_their_dialects():
    before = list(sys.meta_path)
    with as_keras("keras1"):
        assert dialect() == "keras1"
        with as_keras():
            assert dialect() == "keras1"
            with as_keras("keras2"):
                assert dialect() == "keras2"
        import keras

        assert isinstance(keras, OldModule)
        assert dialect() == "keras1"
    assert dialect() is None
    assert sys.meta_path == before


def test_an_unknown_dialect_opens_no_door():
    before = list(sys.meta_path)
    with pytest.raises(ValueError, match="not a known dialect"):
        as_keras("keras9")
    assert sys.meta_path == before


def test_open_for_good_until_it_is_shut():
    door = as_keras("tf_keras")
    try:
        import tensorflow

        assert isinstance(tensorflow, Shell)
    finally:
        door.close()
    door.close()
    assert dialect() is None
    assert not isinstance(sys.modules.get("tensorflow"), Shell)


def test_a_script_that_imported_keras_before_is_told():
    script = {"__name__": "__main__", "keras": types.ModuleType("keras"), "as_keras": as_keras}
    with pytest.warns(RuntimeWarning) as seen:
        exec("as_keras().close()", script)
    assert str(seen[0].message) == (
        "'keras' was imported before as_keras() and stays the real keras. Call as_keras() first."
    )


def test_the_policy_is_part_of_config():
    with as_keras():
        import keras

        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            assert keras.config.dtype_policy().name == "mixed_bfloat16"
            assert keras.layers.Dense(2).compute_dtype == "bfloat16"
        finally:
            keras.config.set_dtype_policy(None)


def test_the_classes_that_layers_were_built_on():
    with as_keras("keras2"):
        from keras import backend as K
        from keras.layers import Add, Conv1D, Dense, GlobalMaxPooling2D, Input, MaxPooling2D
        from keras.layers.convolutional import _Conv
        from keras.layers.merge import _Merge
        from keras.layers.pooling import _GlobalPooling1D, _GlobalPooling2D, _Pooling1D, _Pooling2D
        from keras.models import Model

        assert isinstance(MaxPooling2D(), _Pooling2D)
        assert not isinstance(MaxPooling2D(), _Pooling1D)
        assert isinstance(GlobalMaxPooling2D(), _GlobalPooling2D)
        assert not isinstance(GlobalMaxPooling2D(), _GlobalPooling1D)
        assert issubclass(Conv1D, _Conv)
        assert not isinstance(Dense(1), (_Conv, _Merge))

        class SmallestOfWindows(_Pooling2D):
            def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
                return -K.pool2d(-inputs, pool_size, strides, padding, data_format, pool_mode="max")

        class ConvOfTwoAxes(_Conv):
            def __init__(self, filters, kernel_size, **kwargs):
                super().__init__(rank=2, filters=filters, kernel_size=kernel_size, **kwargs)

        class OneMore(Add):
            def _merge_function(self, inputs):
                return super()._merge_function(inputs) + 1

        assert not isinstance(MaxPooling2D(), SmallestOfWindows)
        x = Input((4, 4, 1))
        outputs = [
            SmallestOfWindows((2, 2), strides=None, padding="valid")(x),
            ConvOfTwoAxes(3, 2)(x),
            OneMore()([x, x]),
        ]
        model = Model(x, outputs)
        image = np.arange(16.0).reshape(1, 4, 4, 1)
        smallest, convolved, more = model.predict(image)
    np.testing.assert_array_equal(smallest.ravel(), [0, 2, 8, 10])
    assert convolved.shape == (1, 3, 3, 3)
    np.testing.assert_array_equal(more, 2 * image + 1)
