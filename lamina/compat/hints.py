"""Which generation of Keras a script was written for: words that only one generation has, and the guess they give."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import NamedTuple

from lamina.dialects.backend_names import OPS
from lamina.dialects.translator import keras1_words


class Hints(NamedTuple):
    """What only one generation's scripts say: arguments by keyword, modules that are imported, other names."""

    keywords: frozenset[str]
    modules: tuple[str, ...]
    names: frozenset[str]


# Functions of K, of which Keras 3's keras.backend has none.
_OF_K = frozenset(f"K.{name}" for name, op in OPS.items() if not op.target.startswith(("config.", "utils.")))
_OLD_FILES = ("core", "convolutional", "pooling", "local", "recurrent", "embeddings", "advanced_activations",
              "normalization", "noise", "wrappers", "merge", "convolutional_recurrent", "cudnn_recurrent")  # fmt: skip

HINTS = {
    "tf_keras": Hints(
        frozenset(),
        ("tf_keras", "tensorflow.keras", "tensorflow.python.keras", "tensorflow.compat.v1.keras",
         "tensorflow.compat.v2.keras", "tensorflow.contrib.keras"),
        frozenset({"tf.keras", "tensorflow.keras"}),
    ),
    "keras1": Hints(
        frozenset({
            "nb_epoch", "nb_filter", "nb_row", "nb_col", "filter_length", "border_mode", "subsample",
            "subsample_length", "dim_ordering", "W_regularizer", "U_regularizer", "b_regularizer", "W_constraint",
            "b_constraint", "inner_init", "inner_activation", "forget_bias_init", "consume_less", "dropout_W",
            "dropout_U", "pool_length", "beta_init", "gamma_init", "samples_per_epoch", "val_samples",
            "nb_val_samples", "nb_worker", "pickle_safe", "max_q_size", "concat_axis", "dot_axes", "atrous_rate",
        }),
        ("keras.initializations", "keras.utils.visualize_util"),
        frozenset({"Convolution1D", "Convolution2D", "Convolution3D", "Deconvolution2D", "AtrousConvolution1D",
                   "AtrousConvolution2D", "TimeDistributedDense", "MaxoutDense", "Highway", "SReLU",
                   "ParametricSoftplus", "Merge", "image_dim_ordering", "set_image_dim_ordering", "l1l2",
                   "activity_l1", "activity_l2", "get_output_shape_for"}),
    ),
    "keras3": Hints(
        frozenset({"negative_slope", "steps_per_execution", "jit_compile"}),
        ("keras.ops", "keras.random", "keras.tree", "keras.saving", "keras.distribution", "keras.dtype_policies"),
        frozenset({"keras.ops", "keras.random", "keras.saving", "PyDataset", "RMSNormalization",
                   "GroupQueryAttention"}),
    ),
    "keras2": Hints(
        frozenset({"lr", "decay"}),
        ("keras.engine", "keras.legacy", "keras.objectives", "keras.utils.np_utils", "keras.utils.generic_utils",
         *(f"keras.layers.{name}" for name in _OLD_FILES)),
        frozenset({"fit_generator", "predict_generator", "evaluate_generator", "predict_classes", "CuDNNLSTM",
                   "CuDNNGRU", "K.set_image_data_format", "maxnorm", "to_yaml", "tf.Session", "tf.ConfigProto",
                   "tf.placeholder", "tf.set_random_seed", "tf.get_default_graph", "tf.global_variables_initializer"}) | _OF_K,
    ),
}  # fmt: skip

# Keras 1 did not know these; a script with them and with Keras 1's words ran on Keras 2, which understood both.
_NOT_KERAS1 = frozenset({"kernel_size", "filters", "units", "epochs", "kernel_initializer", "use_bias",
                         "padding", "data_format", "recurrent_activation", "steps_per_epoch"})  # fmt: skip


# A version in an assertion about keras.__version__.
_ASSERTED = re.compile(r"""['"](\d+(?:\.\d*)*)""")


# Of functions and models, what layers' tables do not have.
_KERAS1_CALLS = {"merge": frozenset({"mode"}), "Model": frozenset({"input", "output"})}


class Words(ast.NodeVisitor):
    """The words of scripts that hints look at."""

    def __init__(self, *sources: str) -> None:
        self.keywords: list[str] = []
        self.modules: list[str] = []
        self.names: list[str] = []
        self.asserted: list[str] = []
        self.keras1: list[str] = []
        self.strings: set[str] = set()
        for source in sources:
            self.visit(ast.parse(source))

    def visit_Import(self, node: ast.Import) -> None:
        """``import keras.layers``"""
        self.modules += [alias.name for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """``from keras import layers``"""
        module = node.module or ""
        self.modules += [module, *(f"{module}.{alias.name}" for alias in node.names)]
        self.names += [alias.name for alias in node.names]

    def visit_Call(self, node: ast.Call) -> None:
        """``Dense(output_dim=3)``: a keyword that other classes still have"""
        name = ast.unparse(node.func).rpartition(".")[2]
        known = keras1_words(name) | _KERAS1_CALLS.get(name, frozenset())
        self.keras1 += [keyword.arg for keyword in node.keywords if keyword.arg in known]
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        """``f(name=...)``"""
        self.keywords += [node.arg] if node.arg else []
        self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        """``assert keras.__version__ == "2.2.4"``"""
        test = ast.unparse(node.test)
        self.asserted += _ASSERTED.findall(test) if "keras.__version__" in test else []
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """``def get_output_shape_for``"""
        self.names.append(node.name)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """``merge``"""
        self.names.append(node.id)

    def visit_Constant(self, node: ast.Constant) -> None:
        """``"val_acc"``"""
        if isinstance(node.value, str):
            self.strings.add(node.value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """``tf.keras``: the last name, and the whole dotted one"""
        self.names += [node.attr, ast.unparse(node)]
        self.generic_visit(node)


def guess(*sources: str, pins: Iterable[Pin] = ()) -> tuple[str | None, tuple[str, ...]]:
    """The dialect of a script, and the words that say so; ``None`` when it has nothing that only one generation has.

    Arguments:
        sources: the script, and what it imports from beside it.
        pins: versions that stand beside it. An exact one that could run the words goes before them, any other one after.

    ``import tensorflow`` alone is no hint while there are others: scripts of all generations have it.

    Raises:
        SyntaxError: when a source is not Python 3.

    >>> guess("model.add(Conv2D(8, 3, 3, border_mode='same'))")
    ('keras1', ('border_mode',))
    """
    words = Words(*sources)
    found = {name: _found(hints, words) for name, hints in HINTS.items()}
    pins = [*(Pin("keras", "==", version, f"keras.__version__ {version}") for version in words.asserted), *pins]
    if not found["tf_keras"]:
        pins = [pin for pin in pins if pin.package != "tensorflow"]
    newer = [word for word in dict.fromkeys(words.keywords) if word in _NOT_KERAS1]
    by_words = _by_words(found, newer, words)
    able = _ABLE.get(by_words[0] if by_words is not None else None, frozenset(_ABLE)) - ({"keras1"} if newer else set())
    pinned = [(pin, generation) for pin in pins if (generation := generation_of(pin)) in able]
    exact = next(((generation, (pin.text,)) for pin, generation in pinned if pin.exact), None)
    if exact is not None:
        return exact
    if by_words is not None:
        return by_words
    if pinned:
        return pinned[0][1], (pinned[0][0].text,)
    doors = [module for module in words.modules if module.partition(".")[0] == "tensorflow"]
    return ("tf_keras", tuple(dict.fromkeys(doors))) if doors and not _standing(words) else (None, ())


# By the generation that words speak of: the generations that could run them.
_ABLE: dict[str | None, frozenset[str]] = {
    "keras1": frozenset({"keras1", "keras2", "keras2.3"}),
    "keras2": frozenset({"keras1", "keras2", "keras2.3", "tf_keras"}),
    "keras2.3": frozenset({"keras2.3"}),
    "tf_keras": frozenset({"tf_keras", "keras3"}),
    "keras3": frozenset({"keras3"}),
}


def _by_words(found: dict[str, tuple[str, ...]], newer: list[str], words: Words) -> tuple[str, tuple[str, ...]] | None:
    if found["keras1"] and newer and not found["tf_keras"]:
        return "keras2", (*found["keras1"][:2], *newer[:2])
    standing = _standing(words)
    if found["keras1"] and standing and len(standing) > len(found["tf_keras"]):
        return "keras1", found["keras1"]
    return next(((name, found[name]) for name in HINTS if found[name]), None)


def _standing(words: Words) -> list[str]:
    """The modules of Keras alone, not TensorFlow's, that are imported."""
    return [module for module in words.modules if module.partition(".")[0] == "keras"]


class Pin(NamedTuple):
    """A version that a project states: of ``"keras"``, ``"tf_keras"`` or ``"tensorflow"``, how, which one, and where."""

    package: str
    how: str
    version: str
    text: str

    @property
    def exact(self) -> bool:
        """Whether it says which version it is, and not from which one on."""
        return self.how in ("==", "=", "~=", "===", "^")


def generation_of(pin: Pin) -> str | None:
    """The dialect of a stated version; ``None`` where it says nothing.

    >>> generation_of(Pin("keras", "==", "2.2.4", "keras==2.2.4"))
    'keras2'
    """
    numbers = [int(part) for part in pin.version.split(".") if part.isdigit()]
    if not numbers or pin.how in ("!=", ">") or (pin.how == "<" and pin.package != "keras"):
        return None
    major, minor = (*numbers, 9)[:2]  # "keras==2" is any of them, the last one at most
    if pin.package == "tensorflow":
        return "keras3" if (major, minor) >= (2, 16) and len(numbers) > 1 else "tf_keras"
    if pin.package == "tf_keras":
        return "tf_keras"
    if pin.how == "<":  # "keras<2": what came before
        major, minor = (major, minor - 1) if len(numbers) > 1 and numbers[1] else (major - 1, 9)
    if major == 2:
        return "keras2" if minor < 3 or len(numbers) == 1 else "keras2.3" if minor == 3 else "tf_keras"
    return {0: "keras1", 1: "keras1", 3: "keras3"}.get(major)


def _found(hints: Hints, words: Words) -> tuple[str, ...]:
    modules = [module for module in words.modules
               if any(module == known or module.startswith(f"{known}.") for known in hints.modules)]  # fmt: skip
    keywords = [word for word in words.keywords if word in hints.keywords]
    keywords += words.keras1 if hints is HINTS["keras1"] else []
    # What metrics=["accuracy"] was called in logs.
    keywords += (
        sorted(words.strings & {"acc", "val_acc"}) if hints is HINTS["keras2"] and "accuracy" in words.strings else []
    )
    names = [name for name in words.names if name in hints.names]
    return tuple(dict.fromkeys((*modules, *keywords, *names)))
