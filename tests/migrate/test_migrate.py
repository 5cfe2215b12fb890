"""What is rewritten, what is left alone, and what is said of it."""

from __future__ import annotations

import builtins
import sys

import pytest

from lamina.migrate import migrate

# What it was, in which generation, and what it is: for lamina, and for Keras 3 where that is not the same with another name.
REWRITTEN = [
    # arguments of layers, by name and by order
    ("keras1", "from keras.layers import Dense\nDense(4, 'uniform', 'relu')",
     "from lamina.layers import Dense\nDense(4, kernel_initializer='uniform', activation='relu')", None),
    ("keras1", "from keras.layers import Dense\nDense(  # one\n    output_dim=4,  # two\n    bias=False,\n)",
     "from lamina.layers import Dense\nDense(  # one\n    units=4,  # two\n    use_bias=False,\n)", None),
    ("keras1", "from keras.layers import Convolution2D as C\nC(8, r, c, subsample=s)",
     "from lamina.layers import Conv2D as C\nC(8, (r, c), strides=s)", None),
    ("keras2", "from keras.layers import Convolution2D\nConvolution2D(8, 3, 3)",
     "from lamina.layers import Conv2D\nConv2D(8, (3, 3))", None),
    ("keras2", "from keras.layers import Conv2D\nConv2D(8, (3, 3), padding='same')",
     "from lamina.layers import Conv2D\nConv2D(8, (3, 3), padding='same')", None),
    ("keras1", "from keras.layers import LSTM\nLSTM(3, dropout_U=0.2)",
     "import lamina\nfrom lamina.layers import LSTM\nLSTM(3, recurrent_dropout=0.2, "
     "recurrent_initializer=lamina.initializers.Orthogonal(gain=1.1), recurrent_activation=\"hard_sigmoid_keras2\", "
     "implementation=1)", ""),
    ("keras1", "from keras.layers import Deconvolution2D\nDeconvolution2D(3, 2, 2, output_shape=(None, 8, 8, 3))",
     "from lamina.layers import Conv2DTranspose\nConv2DTranspose(3, (2, 2))", None),
    ("keras1", "from keras.layers import AveragePooling2D\nAveragePooling2D()",
     "from lamina.layers import AveragePooling2D\nAveragePooling2D(pool_size=2)", None),
    ("tf_keras", "import tensorflow as tf\ntf.keras.layers.LeakyReLU(alpha=0.1)",
     "import lamina\nlamina.layers.LeakyReLU(negative_slope=0.1)", None),
    ("tf_keras", "import tensorflow as tf\nx = tf.constant(1)\ntf.keras.layers.Dense(2, activation=tf.nn.relu)(x)",
     "import lamina\nx = lamina.ops.convert_to_tensor(1)\nlamina.layers.Dense(2, activation=lamina.ops.relu)(x)", None),
    ("keras2", "from keras.layers import CuDNNLSTM\nCuDNNLSTM(3)",
     "from lamina.layers import LSTM\nLSTM(3, activation=\"tanh\", recurrent_activation=\"sigmoid\")", None),
    # imports
    ("keras2", "import keras.backend as K\nK.mean(x)", "from lamina import backend as K\nK.mean(x)", ""),
    ("keras2", "from keras import backend as K\nx = 1", "from lamina import backend as K\nx = 1", "x = 1"),
    ("keras2", "import keras.layers, os\nkeras.layers.Dense(1)", "import lamina\nimport os\nlamina.layers.Dense(1)", None),
    ("keras2", "from keras.layers.core import (Dense,  # one\n    Dropout)\nDense(1), Dropout(0.5)",
     "from lamina.layers import (Dense,  # one\n    Dropout)\nDense(1), Dropout(0.5)", None),
    ("keras2", "from keras.layers import *\nfrom keras.models import *\nSequential([Conv2D(2, 3), Convolution1D(2, 3)])",
     "from lamina.layers import *\nfrom lamina.models import *\nSequential([Conv2D(2, 3), Conv1D(2, 3)])", None),
    ("keras1", "from keras.layers import Convolution2D, Conv2D\nConvolution2D, Conv2D",
     "from lamina.layers import Conv2D\nConv2D, Conv2D", None),
    ("keras2", "def f():\n    # why\n    from keras import backend as K\n    return K.epsilon()",
     "def f():\n    # why\n    from lamina import backend as K\n    return K.epsilon()", ""),
    ("keras2", "from keras.utils import np_utils\nnp_utils.to_categorical(y)",
     "from lamina import utils\nutils.to_categorical(y)", None),
    ("keras2", "from keras.utils import np_utils\nutils = 3\nnp_utils.to_categorical(y)",
     "from lamina import utils as np_utils\nutils = 3\nnp_utils.to_categorical(y)", None),
    ("keras1", "from keras.objectives import mse as m\nm(a, b)", "from lamina.losses import mse as m\nm(a, b)",
     "from keras.losses import mean_squared_error as m\nm(a, b)"),
    # functions, optimizers, callbacks
    ("keras1", "from keras.utils.np_utils import to_categorical as t\nt(y, nb_classes=3)",
     "from lamina.utils import to_categorical as t\nt(y, num_classes=3)", None),
    ("keras2", "from keras.optimizers import SGD\nSGD(lr=r, clipnorm=1.)",
     "from lamina.optimizers import SGD\nSGD(learning_rate=r, global_clipnorm=1.)", None),
    ("keras2", "from keras.optimizers import Adam\nAdam(lr=0.1, decay=0.)",
     "from lamina.optimizers import Adam\nAdam(learning_rate=0.1, decay=0.)",
     "from keras.optimizers import Adam\nAdam(learning_rate=0.1)"),
    ("keras2", "from keras.callbacks import ReduceLROnPlateau as R\nR(epsilon=0.1)",
     "from lamina.callbacks import ReduceLROnPlateau as R\nR(min_delta=0.1)", None),
    ("keras1", "from keras.regularizers import l1l2\nl1l2()",
     "from lamina.regularizers import l1l2\nl1l2(l1=0.01, l2=0.01)",
     "from keras.regularizers import L1L2\nL1L2(l1=0.01, l2=0.01)"),
    # models, wherever they come from
    ("keras1", "from keras.models import Model\nModel(input=a, output=b).fit(x, y, nb_epoch=3)",
     "from lamina.models import Model\nModel(inputs=a, outputs=b).fit(x, y, epochs=3)", None),
    ("keras1", "from keras.models import Sequential\ndef g():\n    return Sequential()\n"
     "def t(m):\n    m.fit(x, y, nb_epoch=3)\nt(g())",
     "from lamina.models import Sequential\ndef g():\n    return Sequential()\n"
     "def t(m):\n    m.fit(x, y, epochs=3)\nt(g())", None),
    ("keras1", "from keras.models import Model\n"
     "class N(object):\n    def __init__(self):\n        self.m, self.n = self.make(), 3\n"
     "        self.k = Model(a, b)\n    def t(self):\n        self.k.fit(x, y, nb_epoch=3)",
     "from lamina.models import Model\n"
     "class N(object):\n    def __init__(self):\n        self.m, self.n = self.make(), 3\n"
     "        self.k = Model(a, b)\n    def t(self):\n        self.k.fit(x, y, epochs=3)", None),
    ("keras2", "from keras.models import load_model\nm = load_model('x.h5')\nm.predict_generator(g, 3, workers=2)",
     "from lamina.models import load_model\nm = load_model('x.h5')\nm.predict(g, steps=3)", None),
    ("keras2", "from keras.models import Sequential\nm = Sequential()\nh = m.fit(x)\nh.history['lr']",
     "from lamina.models import Sequential\nm = Sequential()\nh = m.fit(x)\nh.history['learning_rate']", None),
    # methods of layers
    ("keras2", "from keras.layers import Layer\nclass A(Layer):\n    def build(self, s):\n"
     "        self.w = self.add_weight('w', (3, 4), initializer='one')",
     "from lamina.layers import Layer\nclass A(Layer):\n    def build(self, s):\n"
     "        self.w = self.add_weight(name='w', shape=(3, 4), initializer='one')", None),
    ("keras1", "from keras.engine.topology import Layer\nclass A(Layer):\n    def get_output_shape_for(self, s): return s",
     "from lamina.layers import Layer\nclass A(Layer):\n    def compute_output_shape(self, s): return s", None),
    # what K said of images
    ("keras1", "from keras import backend as K\nK.set_image_dim_ordering('th')\nif K.image_dim_ordering() == 'th':\n    pass",
     "import lamina\nlamina.config.set_image_data_format(\"channels_first\")\n"
     "if (\"th\" if lamina.config.image_data_format() == \"channels_first\" else \"tf\") == 'th':\n    pass", None),
    # defaults of parameters
    ("keras1", "from keras.layers import Convolution2D\ndef f(layer=Convolution2D, n=3): return layer(n, 2, 2)",
     "from lamina.layers import Conv2D\ndef f(layer=Conv2D, n=3): return layer(n, 2, 2)", None),
    # dictionaries of arguments
    ("tf_keras", "from keras.layers import Dense\nDense(3, **options)",
     "from lamina.layers import Dense\nDense(3, **options)", None),
    # merge
    ("keras1", "from keras.layers import merge\nc = merge([a, b], mode='concat', concat_axis=1)",
     "import lamina\nc = lamina.layers.Concatenate(axis=1)([a, b])", None),
    ("keras1", "from keras.layers import merge\nc = merge([a, b], lambda t: t[0], output_shape=(3,))",
     "import lamina\nc = lamina.layers.Lambda(function=lambda t: t[0], output_shape=(3,))([a, b])", None),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "old", "lamina_s", "keras_s"), REWRITTEN)
def test_rewritten(dialect, old, lamina_s, keras_s):
    found = migrate(old + "\n", "lamina", dialect)
    assert (found.source, found.unsure) == (lamina_s + "\n", [])
    found = migrate(old + "\n", "keras3", dialect)
    assert found.unsure == []
    if keras_s != "":
        assert found.source == (keras_s or lamina_s.replace("lamina", "keras")) + "\n"


# What looks like Keras, and is the file's own or another's.
LEFT_ALONE = [
    "class Dense(object):\n    def __init__(self, output_dim): pass\nDense(output_dim=3)",
    "from other import Dense, Model\nDense(output_dim=3)\nModel(input=a)",
    "from .keras_like import Dense\nDense(output_dim=3)",
    "from sklearn.svm import SVC\nm = SVC()\nm.fit(x, nb_epoch=3)",
    "def fit(x, nb_epoch): pass\nfit(3, nb_epoch=4)",
    "import other.keras as keras\nkeras.layers.Dense(output_dim=3)",
    "K = 3\nmodel.fit(nb_epoch=3)",
]


@pytest.mark.parametrize("source", LEFT_ALONE)
@pytest.mark.parametrize("to", ["lamina", "keras3"])
def test_left_alone(source, to):
    assert migrate(source, to, "keras1") == (source, "keras1", [], [])


def test_a_class_of_the_file_s_own_beside_keras_s():
    source = "import keras\nclass Dense:\n    pass\nDense(output_dim=3)\nkeras.layers.Dense(output_dim=3)\n"
    assert migrate(source, "keras3", "keras1").source == source.replace(
        "keras.layers.Dense(output_dim", "keras.layers.Dense(units"
    )


def test_a_name_that_is_keras_s_only_sometimes():
    source = "try:\n    from keras.layers import Dense\nexcept ImportError:\n    Dense = None\nDense(output_dim=3)\n"
    assert "Dense(output_dim=3)" in migrate(source, "lamina", "keras1").source


UNSURE = [
    ("keras1", "def t(model):\n    model.fit(x, y, nb_epoch=3)\nimport keras", "lamina", 2,
     "model is not known to be a model of Keras here; if it is: fit(x, y, epochs=3)"),
    ("keras2", "def t(model):\n    model.fit_generator(g)\nimport keras", "lamina", 2,
     "model is not known to be a model of Keras here; if it is: fit(g)"),
    ("keras1", "from keras.layers import Dense\nDense(**options)", "lamina", None, None),
    ("keras1", "from keras.layers import LSTM\nLSTM(**options)", "lamina", 2,
     "LSTM: its arguments come from a list or a dictionary"),
    ("keras1", "from keras.models import Sequential\nm = Sequential()\nm.fit_generator(g, samples_per_epoch=100)", "lamina", 3,
     "fit_generator: samples_per_epoch counts samples, and today counts batches"),
    ("keras2", "from keras.layers import Conv2D\nConv2D(8, k, s)", "lamina", 2,
     "Conv2D: whether these are the kernel's sizes"),
    ("keras2", "from keras import backend as K\ndef f(K2=K): return K2.mean(3)", "keras3", 2, "Keras 3 has no backend"),
    ("keras2", "from keras import backend as K\nK.function([a], [b])", "keras3", 2, "Keras 3 has no K.function."),
    ("keras1", "from keras.layers import MaxoutDense\nMaxoutDense(3)", "keras3", 2, "Keras 3 has no layers.MaxoutDense."),
    ("keras2", "from keras.layers import LSTM\nLSTM(3, batch_input_shape=(1, 2, 3))", "keras3", 2,
     "Keras 3 takes no batch_input_shape"),
    ("keras2", "from keras.models import Sequential\nm = Sequential()\nm.predict_classes(x)", "keras3", 3,
     "Keras 3's models have no predict_classes: predict(x).argmax(axis=-1)"),
    ("keras2", "from keras.models import load_model\nm = load_model('x')\nm.get_layer('dense_1')", "lamina", 3,
     "Layers are counted otherwise today: which one 'dense_1' is"),
    ("keras2", "from keras.layers import LSTM\nx = f(LSTM(3, batch_input_shape=(1, 2, 3)))", "keras3", 2,
     "Keras 3 takes no batch_input_shape"),
    ("keras1", "from keras.layers import BatchNormalization as B\nB(mode=2)", "lamina", 2, "B"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "source", "to", "line", "sentence"), UNSURE)
def test_what_a_file_alone_does_not_say(dialect, source, to, line, sentence):
    found = migrate(source + "\n", to, dialect)
    if line is None:
        assert found.unsure == []
        return
    assert [place for place, _ in found.unsure][:1] == [line]
    assert found.unsure[0][1].startswith(sentence)
    comments = [text for text in found.source.split("\n") if text.strip().startswith("# lamina: ")]
    assert comments[0].strip() == f"# lamina: {found.unsure[0][1]}"
    compile(found.source, "x", "exec")


def test_learning_rates_that_decay():
    source = "from keras.optimizers import SGD\nSGD(lr=0.1, decay=d)\n"
    found = migrate(source, "keras3", "keras2")
    assert "InverseTimeDecay(initial_learning_rate=0.1, decay_steps=1, decay_rate=d)" in found.source
    source += "from keras.callbacks import LearningRateScheduler\n"
    found = migrate(source, "keras3", "keras2")
    assert found.unsure == [
        (2, "SGD: decay= is a schedule in Keras 3, and this file reads or changes the learning rate.")
    ]
    assert "SGD(learning_rate=0.1, decay=d)" in migrate(source, "lamina", "keras2").source


GAN = """from keras.models import Sequential
d = Sequential()
d.compile('sgd', 'mse')
d.trainable = False
"""


def test_freezing_that_waits_for_compile():
    assert "d.compile('sgd', 'mse', keep_trainable=True)" in migrate(GAN, "lamina", "keras2").source
    assert "d.compile('sgd', 'mse')" in migrate(GAN.replace("d.trainable = False", ""), "lamina", "keras2").source
    ((line, sentence),) = migrate(GAN, "keras3", "keras2").unsure
    assert line == 4
    assert sentence.startswith("d was compiled by itself, and went on training as it was then; Keras 3 trains what is")
    alone = GAN.replace("d.compile('sgd', 'mse')", "m = Sequential([d])\nm.compile('sgd')")
    assert migrate(alone, "keras3", "keras2").unsure == []


def test_an_import_for_nothing():
    source = "from keras.layers import MaxoutDense, Dense\nDense(3)\n"
    found = migrate(source, "keras3", "keras2")
    assert found.source == "from keras.layers import Dense\nDense(3)\n"
    assert found.differs == [(1, "layers.MaxoutDense was imported here for nothing, and there is none today.")]
    assert migrate(source, "lamina", "keras2").source == source.replace("keras", "lamina")


IN_CLASSES = """from keras.models import Model
class A(object):
    def make(self):
        return Model(a, b)
    def run(self, m, n=3):
        m.fit(x, nb_epoch=n)
        self.kept = self.make()
class B(A):
    def go(self):
        self.run(self.make(), n=2)
        self.kept.fit(x, nb_epoch=1)
b = B()
b.kept.fit(x, nb_epoch=4)
class C(Model):
    def go(self):
        self.fit(x, nb_epoch=5)
C().fit(x, nb_epoch=6)
"""


def test_models_in_classes():
    found = migrate(IN_CLASSES, "keras3", "keras1")
    assert found.unsure == []
    assert found.source == IN_CLASSES.replace("nb_epoch", "epochs")


def test_a_compile_of_something_else():
    source = (
        "import re, keras\nre.compile('adam')\nx.compile('y')\ndef f(m):\n    m.compile('sgd', metrics=['accuracy'])\n"
    )
    found = migrate(source, "lamina", "keras2")
    assert [line for line, _ in found.unsure] == [5]
    assert found.unsure[0][1].endswith("if it is: compile('sgd', metrics=['acc'])")


def test_a_target_that_is_none():
    with pytest.raises(ValueError, match=r"to must be one of lamina, keras3, and got 'jax'\."):
        migrate("", "jax")


def test_without_libcst(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "libcst":
            raise ModuleNotFoundError("No module named 'libcst'", name="libcst")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    for name in [name for name in sys.modules if name.startswith("lamina.migrate")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ModuleNotFoundError, match=r"^lamina migrate needs LibCST: pip install lamina\[migrate\]$"):
        __import__("lamina.migrate")
