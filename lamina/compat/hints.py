"""Which generation of Keras a script was written for: words that only one generation has, and the guess they give."""

from __future__ import annotations

import ast
from typing import NamedTuple


class Hints(NamedTuple):
    """What only one generation's scripts say: arguments by keyword, modules that are imported, other names."""

    keywords: frozenset[str]
    modules: tuple[str, ...]
    names: frozenset[str]


_OLD_FILES = ("core", "convolutional", "pooling", "local", "recurrent", "embeddings", "advanced_activations",
              "normalization", "noise", "wrappers", "merge", "convolutional_recurrent", "cudnn_recurrent")  # fmt: skip

HINTS = {
    "tf_keras": Hints(frozenset(), ("tf_keras", "tensorflow"), frozenset({"tf.keras"})),
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
                   "CuDNNGRU", "K.set_image_data_format", "maxnorm", "to_yaml"}),
    ),
}  # fmt: skip

# Keras 1 did not know these; a script with them and with Keras 1's words ran on Keras 2, which understood both.
_NOT_KERAS1 = frozenset({"kernel_size", "filters", "units", "epochs", "kernel_initializer", "use_bias",
                         "padding", "data_format", "recurrent_activation", "steps_per_epoch"})  # fmt: skip


class Words(ast.NodeVisitor):
    """The words of a script that hints look at."""

    def __init__(self, source: str) -> None:
        self.keywords: list[str] = []
        self.modules: list[str] = []
        self.names: list[str] = []
        self.visit(ast.parse(source))

    def visit_Import(self, node: ast.Import) -> None:
        """``import keras.layers``"""
        self.modules += [alias.name for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """``from keras import layers``"""
        module = node.module or ""
        self.modules += [module, *(f"{module}.{alias.name}" for alias in node.names)]
        self.names += [alias.name for alias in node.names]

    def visit_keyword(self, node: ast.keyword) -> None:
        """``f(name=...)``"""
        self.keywords += [node.arg] if node.arg else []
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """``def get_output_shape_for``"""
        self.names.append(node.name)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """``merge``"""
        self.names.append(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """``tf.keras``: the last name, and the whole dotted one"""
        self.names += [node.attr, ast.unparse(node)]
        self.generic_visit(node)


def guess(source: str) -> tuple[str | None, tuple[str, ...]]:
    """The dialect of a script, and the words that say so; ``None`` when it has nothing that only one generation has.

    Raises:
        SyntaxError: when the source is not Python 3.

    >>> guess("model.add(Conv2D(8, 3, 3, border_mode='same'))")
    ('keras1', ('border_mode',))
    """
    words = Words(source)
    found = {name: _found(hints, words) for name, hints in HINTS.items()}
    newer = [word for word in dict.fromkeys(words.keywords) if word in _NOT_KERAS1]
    if found["keras1"] and newer and not found["tf_keras"]:
        return "keras2", (*found["keras1"][:2], *newer[:2])
    return next(((name, found[name]) for name in HINTS if found[name]), (None, ()))


def _found(hints: Hints, words: Words) -> tuple[str, ...]:
    modules = [module for module in words.modules
               if any(module == known or module.startswith(f"{known}.") for known in hints.modules)]  # fmt: skip
    keywords = [word for word in words.keywords if word in hints.keywords]
    names = [name for name in words.names if name in hints.names]
    return tuple(dict.fromkeys((*modules, *keywords, *names)))
