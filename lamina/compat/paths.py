"""Old module paths and names, and where lamina keeps the same things. Facts, no code."""

from __future__ import annotations

# Packages that ``keras`` was found under.
ROOTS = (
    "keras",
    "tf_keras",
    "tensorflow.keras",
    "tensorflow.python.keras",
    "tensorflow.compat.v1.keras",
    "tensorflow.compat.v2.keras",
    "tensorflow.contrib.keras",
)

_LAYERS = ("lamina.layers",)
_ENGINE = ("lamina.layers", "lamina.models", "lamina.engine.input_spec", "lamina.graph.symbolic",
           "lamina.utils.helpers")  # fmt: skip
_MODELS = ("lamina.models", "lamina.saving", "lamina.layers")
_UTILS = ("lamina.utils", "lamina.utils.helpers", "lamina.utils.hdf5", "lamina.utils.queues", "lamina.utils.fetched",
          "lamina.viz", "lamina.registry", "lamina.layers", "lamina.models")  # fmt: skip

_LAYER_FILES = """core convolutional pooling local recurrent convolutional_recurrent cudnn_recurrent embeddings merge
    merging advanced_activations activation normalization noise wrappers attention preprocessing regularization
    reshaping rnn locally_connected experimental experimental.preprocessing"""
_ENGINE_FILES = """topology training training_arrays training_generator base_layer input_layer input_spec network saving
    sequential functional keras_tensor node training_utils"""
_UTIL_FILES = """np_utils generic_utils layer_utils data_utils io_utils vis_utils visualize_util conv_utils
    training_utils multi_gpu_utils test_utils image_utils dataset_utils text_dataset_utils losses_utils metrics_utils"""
_DATA_SETS = "boston_housing california_housing cifar cifar10 cifar100 fashion_mnist imdb mnist reuters"
_APPLICATIONS = """audio_conv_utils convnext densenet efficientnet efficientnet_v2 imagenet_utils inception_resnet_v2
    inception_v3 mobilenet mobilenet_v2 mobilenetv2 mobilenet_v3 music_tagger_crnn nasnet regnet resnet resnet50
    resnet_rs resnet_v2 vgg16 vgg19 xception"""
# Packages of Keras 3 that are one module or package of the same name in lamina, if lamina has them.
_SAME = """activations applications callbacks config constraints datasets distillation distribution export initializers
    losses metrics ops preprocessing quantizers random regularizers tree visualization wrappers backend"""

# The path below the root -> the modules of lamina that its names are looked up in, in this order.
PATHS: dict[str, tuple[str, ...]] = {
    "": ("lamina", "lamina.layers", "lamina.models"),
    **{name: (f"lamina.{name}",) for name in _SAME.split()},
    "config": ("lamina.config",),
    "layers": _LAYERS,
    **{f"layers.{name}": _LAYERS for name in _LAYER_FILES.split()},
    **{f"layers.{name}": (*_LAYERS, "lamina.compat.bases") for name in ("convolutional", "merge", "pooling")},
    "legacy": ("lamina.legacy",),
    "legacy.layers": _LAYERS,
    "legacy.interfaces": ("lamina.legacy.interfaces",),
    "legacy.models": _MODELS,
    "legacy.saving": ("lamina.legacy.saving",),
    "engine": _ENGINE,
    **{f"engine.{name}": _ENGINE for name in _ENGINE_FILES.split()},
    "models": _MODELS,
    "saving": ("lamina.saving", "lamina.models", "lamina.registry"),
    "utils": _UTILS,
    "utils.legacy": ("lamina.utils.legacy",),
    "utils.bounding_boxes": ("lamina.utils.bounding_boxes",),
    **{f"utils.{name}": _UTILS for name in _UTIL_FILES.split()},
    "utils.tf_utils": ("lamina.compat.tf_utils", *_UTILS),
    "initializations": ("lamina.initializers",),
    "losses": ("lamina.losses.older", "lamina.losses"),
    "objectives": ("lamina.losses.older", "lamina.losses"),
    "metrics": ("lamina.metrics.older", "lamina.losses.older", "lamina.metrics"),
    "backend.common": ("lamina.backend", "lamina.config"),
    "backend.load_backend": ("lamina.backend", "lamina.config"),
    **{f"backend.{name}_backend": ("lamina.backend",) for name in ("tensorflow", "theano", "cntk", "numpy")},
    "backend": ("lamina.backend", "lamina.config"),
    "callbacks.callbacks": ("lamina.callbacks",),
    **{f"callbacks.{name}": ("lamina.callbacks",) for name in ("experimental", "tensorboard_v1", "tensorboard_v2")},
    **{f"datasets.{name}": (f"lamina.datasets.{name}",) for name in _DATA_SETS.split()},
    **{f"applications.{name}": (f"lamina.applications.{name}",) for name in _APPLICATIONS.split()},
    "dtype_policies": ("lamina.dtype_policies",),
    "mixed_precision": ("lamina.mixed_precision", "lamina.dtypes"),
    "mixed_precision.experimental": ("lamina.dtypes",),
    **{f"ops.{name}": (f"lamina.ops.{name}", "lamina.ops") for name in ("numpy", "nn", "linalg", "image", "core")},
    "optimizers": ("lamina.optimizers",),
    "optimizers.schedules": ("lamina.optimizers.schedules", "lamina.optimizers"),
    "optimizers.legacy": ("lamina.optimizers.legacy",),
    "optimizers.experimental": ("lamina.optimizers",),
    "experimental": (),
    "preprocessing": ("lamina.preprocessing", "lamina.utils"),
    **{f"preprocessing.{name}": (f"lamina.preprocessing.{name}", "lamina.preprocessing", "lamina.utils")
       for name in ("image", "sequence", "text")},
    "backend_config": ("lamina.config", "lamina.backend"),
    "wrappers.scikit_learn": ("lamina.wrappers",),
}  # fmt: skip

_SHORT_LOSSES = {
    "mse": "mean_squared_error", "MSE": "mean_squared_error",
    "mae": "mean_absolute_error", "MAE": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error", "MAPE": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error", "MSLE": "mean_squared_logarithmic_error",
    "kld": "kl_divergence", "KLD": "kl_divergence", "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh", "cosine_proximity": "cosine_similarity", "cosine": "cosine_similarity",
    "huber_loss": "huber",
}  # fmt: skip
_NETWORKS = {"Container": "Model", "Network": "Model", "Functional": "Model"}
_POLICIES = {"set_global_policy": "set_dtype_policy", "set_policy": "set_dtype_policy", "global_policy": "dtype_policy"}

# By the first part of the path: names that are another one now. Tried where lamina has nothing by the old name.
NAMES: dict[str, dict[str, str]] = {
    "engine": _NETWORKS,
    "models": _NETWORKS,
    "initializers": {"normal": "RandomNormal", "uniform": "RandomUniform", "zero": "Zeros", "one": "Ones"},
    "losses": _SHORT_LOSSES,
    "metrics": _SHORT_LOSSES,
    "objectives": _SHORT_LOSSES,
    "regularizers": {
        "l1": "L1", "l2": "L2", "l1_l2": "L1L2", "l1l2": "L1L2", "activity_l1": "L1", "activity_l2": "L2",
        "activity_l1l2": "L1L2", "WeightRegularizer": "L1L2", "ActivityRegularizer": "L1L2",
        "L1L2Regularizer": "L1L2",
    },
    "constraints": {"maxnorm": "MaxNorm", "max_norm": "MaxNorm", "nonneg": "NonNeg", "non_neg": "NonNeg",
                    "unitnorm": "UnitNorm", "unit_norm": "UnitNorm", "min_max_norm": "MinMaxNorm"},
    "optimizers": {"sgd": "SGD", "rmsprop": "RMSprop", "adagrad": "Adagrad", "adadelta": "Adadelta", "adam": "Adam",
                   "adamax": "Adamax", "nadam": "Nadam"},
    "utils": {"plot": "plot_model", "Sequence": "PyDataset", "CustomObjectScope": "custom_object_scope"},
    "mixed_precision": _POLICIES,
    "dtype_policies": _POLICIES,
}  # fmt: skip

# Under an older dialect these names mean another function.
MEANT = {"activations": {"hard_sigmoid": "hard_sigmoid_keras2"}}

# The same of one dialect alone.
_LOSSES = {name: f"{name}_keras2" for name in ("hinge", "squared_hinge", "binary_crossentropy")}
_LOSSES_1 = _LOSSES | dict.fromkeys(("cosine_proximity", "cosine"), "cosine_proximity_keras1")
_LOSSES_TF = dict.fromkeys(("binary_crossentropy", "bce", "BCE"), "binary_crossentropy_tf_keras")
_METRICS_1 = """binary_accuracy categorical_accuracy sparse_categorical_accuracy top_k_categorical_accuracy mean_squared_error
    mean_absolute_error mean_absolute_percentage_error mean_squared_logarithmic_error hinge squared_hinge
    categorical_crossentropy sparse_categorical_crossentropy binary_crossentropy kullback_leibler_divergence poisson
    cosine_proximity mse mae mape msle MSE MAE MAPE MSLE cosine"""
_ACCURACIES = {
    name: f"{name}_keras2"
    for name in ("binary_accuracy", "top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy")
}
_COSINE = dict.fromkeys(("cosine_proximity", "cosine", "cosine_similarity"), "cosine_similarity_keras2")
MEANT_IN = {
    "keras1": {
        "backend": {"batch_dot": "batch_dot_keras2"} | {
            name: f"{name}_keras1"
            for name in ("categorical_crossentropy", "binary_crossentropy", "sparse_categorical_crossentropy")
        },
        "losses": _LOSSES_1, "objectives": _LOSSES_1,
        "metrics": {name: f"{name}_keras1" for name in _METRICS_1.split()},
    },
    "keras2": {"backend": {"batch_dot": "batch_dot_keras2"},
               "losses": _LOSSES, "objectives": _LOSSES, "metrics": _LOSSES | _ACCURACIES},
    "keras2.3": {"losses": _LOSSES_TF, "objectives": _LOSSES_TF,
                 "metrics": _LOSSES_TF | _COSINE | {"binary_accuracy": "binary_accuracy_keras2"}},
    "tf_keras": {"losses": _LOSSES_TF, "metrics": _LOSSES_TF | {"binary_accuracy": "binary_accuracy_tf_keras"}},
}  # fmt: skip

# Functions that exist under their old names only; they are written in ``lamina.compat.bygone``.
BYGONE: dict[str, frozenset[str]] = {
    "": frozenset(),
    "layers": frozenset({"merge", "Merge"}),
    "legacy": frozenset({"merge", "Merge"}),
    "engine": frozenset({"merge", "Merge"}),
    "models": frozenset({"Merge"}),
    "backend": frozenset({"image_dim_ordering", "set_image_dim_ordering", "get_session", "set_session",
                          "manual_variable_initialization", "tf"}),
    "initializations": frozenset({"normal", "uniform", "zero", "one", "orthogonal", "identity", "lecun_uniform",
                                  "glorot_normal", "glorot_uniform", "he_normal", "he_uniform"}),
    "utils": frozenset({"probas_to_classes", "categorical_probas_to_classes"}),
}  # fmt: skip

# A function in Keras 1 and a module in Keras 2.
CALLED = {"layers.merge": "merge"}

# The TensorFlow that each generation ran on.
TENSORFLOW_VERSIONS = {
    "keras1": "1.0.1",
    "keras2": "1.15.5",
    "keras2.3": "2.2.0",
    "tf_keras": "2.21.0",
    "keras3": "2.21.0",
}
