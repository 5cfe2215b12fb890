"""Keras 1 (1.2.2): its arguments, in its order, and what became of each. Facts, no code.

A call that uses one of these keywords is read whole in this order. What Keras 1 computed otherwise (``GENERATION``) is
asked for only where the dialect ``"keras1"`` is active.
"""

from __future__ import annotations

from lamina.dialects.generation import Call, Generation, Gone, Habits
from lamina.dialects.keras3 import LOAD_WEIGHTS, PROGBAR, SAVING
from lamina.naming import Style

# ---- arguments -----------------------------------------------------------------------------------------------------

_REGULARIZERS = "W_regularizer b_regularizer activity_regularizer"
_CONSTRAINTS = "W_constraint b_constraint bias"
_CONV_REST = f"{_REGULARIZERS} {_CONSTRAINTS}"
_CONV2D_HEAD = "nb_filter nb_row nb_col init activation weights border_mode subsample"
_CONV1D_HEAD = "nb_filter filter_length init activation weights border_mode subsample_length"
_CONV1D = f"{_CONV1D_HEAD} {_CONV_REST} input_dim input_length"
_CONV2D = f"{_CONV2D_HEAD} dim_ordering {_CONV_REST}"
_DECONV2D = _CONV2D.replace("nb_col", "nb_col output_shape")
_CONV3D = _CONV2D.replace("nb_row nb_col", "kernel_dim1 kernel_dim2 kernel_dim3")
_SEPARABLE = (f"{_CONV2D_HEAD} depth_multiplier dim_ordering depthwise_regularizer pointwise_regularizer b_regularizer "
              "activity_regularizer depthwise_constraint pointwise_constraint b_constraint bias")  # fmt: skip
_POOL1D = "pool_length stride border_mode"
_POOL = "pool_size strides border_mode dim_ordering"
_DENSE = f"output_dim init activation weights {_CONV_REST} input_dim"
_RECURRENT = "weights return_sequences go_backwards stateful unroll consume_less input_dim input_length"
_RNN_REST = "W_regularizer U_regularizer b_regularizer dropout_W dropout_U"

# Positional order of each class whose arguments were renamed or reordered since.
ORDER = {
    "Dense": _DENSE,
    "TimeDistributedDense": f"{_DENSE} input_length",
    "Dropout": "p noise_shape seed",
    "Lambda": "function output_shape arguments",
    "Embedding": "input_dim output_dim init input_length W_regularizer activity_regularizer W_constraint mask_zero "
                 "weights dropout",
    "Conv1D": _CONV1D,
    "LocallyConnected1D": _CONV1D,
    "AtrousConvolution1D": f"{_CONV1D_HEAD} atrous_rate {_CONV_REST}",
    "Conv2D": _CONV2D,
    "LocallyConnected2D": _CONV2D,
    "AtrousConvolution2D": f"{_CONV2D_HEAD} atrous_rate dim_ordering {_CONV_REST}",
    "SeparableConv2D": _SEPARABLE,
    "Conv2DTranspose": _DECONV2D,
    "Deconvolution2D": _DECONV2D,
    "Conv3D": _CONV3D,
    "ConvLSTM2D": "nb_filter nb_row nb_col init inner_init forget_bias_init activation inner_activation dim_ordering "
                  f"border_mode subsample {_RNN_REST}",
    "SimpleRNN": f"output_dim init inner_init activation {_RNN_REST}",
    "GRU": f"output_dim init inner_init activation inner_activation {_RNN_REST}",
    "LSTM": f"output_dim init inner_init forget_bias_init activation inner_activation {_RNN_REST}",
    "Recurrent": _RECURRENT,
    "ConvRecurrent2D": "weights nb_row nb_col nb_filter return_sequences go_backwards stateful dim_ordering",
    "AveragePooling1D": _POOL1D,
    "MaxPooling1D": _POOL1D,
    "AveragePooling2D": _POOL,
    "MaxPooling2D": _POOL,
    "AveragePooling3D": _POOL,
    "MaxPooling3D": _POOL,
    "GlobalAveragePooling2D": "dim_ordering",
    "GlobalMaxPooling2D": "dim_ordering",
    "GlobalAveragePooling3D": "dim_ordering",
    "GlobalMaxPooling3D": "dim_ordering",
    "BatchNormalization": "epsilon mode axis momentum weights beta_init gamma_init gamma_regularizer beta_regularizer",
    "GaussianDropout": "p",
    "GaussianNoise": "sigma",
    "SpatialDropout1D": "p",
    "SpatialDropout2D": "p dim_ordering",
    "SpatialDropout3D": "p dim_ordering",
    "PReLU": "init weights shared_axes",
    "UpSampling1D": "length",
    "UpSampling2D": "size dim_ordering",
    "UpSampling3D": "size dim_ordering",
    "ZeroPadding2D": "padding dim_ordering",
    "ZeroPadding3D": "padding dim_ordering",
    "Cropping2D": "cropping dim_ordering",
    "Cropping3D": "cropping dim_ordering",
    "InputLayer": "input_shape batch_input_shape input_dtype input_tensor sparse name",
}  # fmt: skip

# Arguments that were taken by keyword only.
KEYWORDS: dict[str, str] = dict.fromkeys(("SimpleRNN", "GRU", "LSTM", "ConvLSTM2D"), _RECURRENT)

# Classes whose old name always means Keras 1's arguments (or Keras 2's, where those can't be misread).
ALWAYS = frozenset({"TimeDistributedDense", "AtrousConvolution1D", "AtrousConvolution2D", "Deconvolution2D"})

RENAMED = {
    "output_dim": "units",
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "forget_bias_init": "unit_forget_bias",
    "consume_less": "implementation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
    "p": "rate",
    "sigma": "stddev",
    "pool_length": "pool_size",
    "stride": "strides",
    "length": "size",
    "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer",
    "input_dtype": "dtype",
}

# Where a class renamed otherwise. A tuple: the value went to each of these.
RENAMED_IN = {
    "Embedding": {
        "output_dim": "output_dim",
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    "PReLU": {"init": "alpha_initializer"},
    "SeparableConv2D": {"init": ("depthwise_initializer", "pointwise_initializer")},
    "InputLayer": {"input_shape": "input_shape", "batch_input_shape": "batch_input_shape"},
}

# Arguments that became one: each in its place of the tuple. A first one that is a tuple already is today's spelling.
JOINED = (
    (("nb_row", "nb_col"), "kernel_size"),
    (("kernel_dim1", "kernel_dim2", "kernel_dim3"), "kernel_size"),
)

GONE = {
    "BatchNormalization": {
        "mode": Gone(
            (0,),
            "mode 1 normalised each sample by itself (use LayerNormalization) and mode 2 took the batch's own mean and "
            "variance when predicting, too.",
        )
    },
    "Embedding": {
        "dropout": Gone(
            (0, None),
            "it dropped whole words; lamina leaves it out, as Keras 2 does. Dropout(rate, noise_shape=(None, None, 1)) "
            "after the layer comes close.",
            error=None,
        )
    },
    # An empty sentence: left out whatever the value. The output's shape follows from the input's, as in Keras 2.
    "Conv2DTranspose": {"output_shape": Gone((), "")},
    "Deconvolution2D": {"output_shape": Gone((), "")},
    "Recurrent": {"consume_less": Gone((), "")},
    "SimpleRNN": {"consume_less": Gone((), "")},
    "ConvLSTM2D": {"consume_less": Gone((), "")},
}

# ---- values --------------------------------------------------------------------------------------------------------

_L1L2 = {"class_name": "L1L2", "config": {"l1": 0.01, "l2": 0.01}}

# By argument (today's name), or by kind of argument: what an old value is called now.
VALUES = {
    "data_format": {"tf": "channels_last", "th": "channels_first", "default": None},
    "implementation": {"cpu": 1, "mem": 1, "gpu": 2},
    "unit_forget_bias": {"one": True, "ones": True, "zero": False, "zeros": False},
    "regularizer": {"l1l2": _L1L2, "activity_l1": "l1", "activity_l2": "l2", "activity_l1l2": _L1L2},
    "constraint": {"maxnorm": "max_norm", "nonneg": "non_neg", "unitnorm": "unit_norm"},
}

# Keras 1 wrote objects into configs as {"name": class, argument: value}.
OBJECTS = {
    "L1L2Regularizer": ("L1L2", {}),
    "WeightRegularizer": ("L1L2", {}),
    "ActivityRegularizer": ("L1L2", {}),
    "MaxNorm": ("MaxNorm", {"m": "max_value"}),
    "NonNeg": ("NonNeg", {}),
    "UnitNorm": ("UnitNorm", {}),
    "MinMaxNorm": ("MinMaxNorm", {"low": "min_value", "high": "max_value"}),
}

# merge(mode=...) and Merge: the layer, and what its axis argument was called.
MERGE_ORDER = "inputs mode concat_axis dot_axes output_shape output_mask arguments name"
MERGE_MODES = {
    "sum": ("Add", {}, {}),
    "mul": ("Multiply", {}, {}),
    "ave": ("Average", {}, {}),
    "max": ("Maximum", {}, {}),
    "concat": ("Concatenate", {"concat_axis": "axis"}, {}),
    "dot": ("Dot", {"dot_axes": "axes"}, {}),
    "cos": ("Dot", {"dot_axes": "axes"}, {"normalize": True}),
}

# ---- what Keras 1 computed otherwise -------------------------------------------------------------------------------

_UNTRUNCATED = "untruncated_normal"
_ORTHOGONAL = {"class_name": "Orthogonal", "config": {"gain": 1.1}}
_HARD_SIGMOID = "hard_sigmoid_keras2"  # clip(0.2 x + 0.5, 0, 1); Keras 3's has slope 1/6
_PER_GATE = {"implementation": 1}  # consume_less="cpu": dropout draws anew for each gate
_STEPS_FIRST = {"data_format": "channels_last"}  # of 1-D layers, whatever the program's image format is
_OUTSIDE = {"epsilon_outside": True}  # sqrt(v) + epsilon
_FROM_ZERO = {"initial_accumulator_value": 0.0}
# clipnorm was the norm of all gradients together
_OPTIMIZER = {"lr": "learning_rate", "clipnorm": "global_clipnorm"}

_COMPILED = {"keep_trainable": True}  # freezing a layer waits for the next compile
_FIT = "x y batch_size nb_epoch verbose callbacks validation_split validation_data shuffle class_weight sample_weight"
_GENERATOR_HINTS = "max_q_size nb_worker pickle_safe"

# Of metrics, the names in the history, whichever was asked for: the function's, and acc.
METRICS = {"accuracy": "acc", "mse": "mean_squared_error", "mae": "mean_absolute_error",
           "mape": "mean_absolute_percentage_error", "msle": "mean_squared_logarithmic_error",
           "kld": "kullback_leibler_divergence", "cosine": "cosine_proximity"}  # fmt: skip
METRICS |= {name.upper(): function for name, function in METRICS.items() if len(name) < 5}

# Formulas of then that lamina has beside today's.
LOSSES = {name: f"{name}_keras2" for name in ("hinge", "squared_hinge", "binary_crossentropy")}
_MEASURED = ("binary_accuracy", "hinge", "squared_hinge", "binary_crossentropy")
MEASURED = {name: f"{name}_keras2" for name in _MEASURED}
_BY_BATCH = {"precision": "precision_keras1", "recall": "recall_keras1"}
_COSINE = dict.fromkeys(("cosine_proximity", "cosine"), "cosine_proximity_keras1")

# Layers are called after the classes of then.
_CLASSES = {"Conv1D": "Convolution1D", "Conv2D": "Convolution2D", "Conv3D": "Convolution3D",
            "SeparableConv2D": "SeparableConvolution2D", "Conv2DTranspose": "Deconvolution2D"}  # fmt: skip
_WORDS = {"InputLayer": "input", "Functional": "model"}

GENERATION = Generation(
    name="keras1",
    version="1.2.2",
    habits=Habits(
        accuracy_from_loss=True,
        counts_nonzero_weights=True,
        sums_activity=True,
        owns_variables=False,
        rate="lr",
        scheduler_logs_rate=False,
        names_early=True,
        sizes_have_values=True,
        shares_optimizers=True,
        backend="tensorflow",
        computes_nothing=True,
        callback_words=("nb_sample", "nb_epoch"),
        losses=LOSSES | _COSINE,
        metrics=MEASURED | _COSINE | _BY_BATCH,
        means_of_batches=True,
        masks_metrics=False,
        column_targets=True,
        clips_twice=True,
        checks_targets=True,
        strict_class_weights=True,
        sample_weight_replaces=True,
    ),
    names=Style(from_one=True, words=_CLASSES | _WORDS, snake=False, after_first=True),
    order=ORDER,
    defaults={
        "BatchNormalization": {"frozen_statistics": "follow"},  # freezing it changes nothing but gamma and beta
        "SimpleRNN": {"recurrent_initializer": _ORTHOGONAL},
        "GRU": {"recurrent_initializer": _ORTHOGONAL, "recurrent_activation": _HARD_SIGMOID, "reset_after": False}
        | _PER_GATE,
        "LSTM": {"recurrent_initializer": _ORTHOGONAL, "recurrent_activation": _HARD_SIGMOID} | _PER_GATE,
        "ConvLSTM2D": {"recurrent_initializer": _ORTHOGONAL, "recurrent_activation": _HARD_SIGMOID},
        "AveragePooling1D": {"pool_size": 2} | _STEPS_FIRST,
        "AveragePooling2D": {"pool_size": 2},
        "AveragePooling3D": {"pool_size": 2},
        "MaxPooling1D": _STEPS_FIRST,
        "GlobalAveragePooling1D": _STEPS_FIRST,
        "GlobalMaxPooling1D": _STEPS_FIRST,
        "Conv1D": _STEPS_FIRST,
        "LocallyConnected1D": _STEPS_FIRST,
        "ZeroPadding1D": _STEPS_FIRST,
        "Flatten": _STEPS_FIRST,  # Keras 1 flattened without moving the channels
    },
    words={
        "activation": {"hard_sigmoid": _HARD_SIGMOID},
        "initializer": {
            "glorot_normal": {
                "class_name": "VarianceScaling",
                "config": {"scale": 1.0, "mode": "fan_avg", "distribution": _UNTRUNCATED},
            },
            "he_normal": {
                "class_name": "VarianceScaling",
                "config": {"scale": 2.0, "mode": "fan_in", "distribution": _UNTRUNCATED},
            },
            "orthogonal": _ORTHOGONAL,
        },
        "regularizer": VALUES["regularizer"],
        "constraint": VALUES["constraint"],
        "metrics": METRICS,
    },
    calls={
        "Progbar": PROGBAR,
        "Model.compile": Call("optimizer loss metrics loss_weights sample_weight_mode", defaults=_COMPILED),
        "Sequential.compile": Call("optimizer loss metrics sample_weight_mode", defaults=_COMPILED),
        "Sequential.train_on_batch": Call("x y class_weight sample_weight"),
        "Model.fit": Call(f"{_FIT} initial_epoch"),
        "Model.load_weights": LOAD_WEIGHTS,
        **SAVING,
        "Model.fit_generator": Call(
            "generator samples_per_epoch nb_epoch verbose callbacks validation_data nb_val_samples class_weight "
            f"{_GENERATOR_HINTS} initial_epoch"
        ),
        "Model.evaluate_generator": Call(f"generator val_samples {_GENERATOR_HINTS}"),
        "Model.predict_generator": Call(f"generator val_samples {_GENERATOR_HINTS}"),
        "SGD": Call("lr momentum decay nesterov", _OPTIMIZER),
        "RMSprop": Call("lr rho epsilon decay", _OPTIMIZER, defaults={"epsilon": 1e-8} | _OUTSIDE),
        "Adagrad": Call("lr epsilon decay", _OPTIMIZER, defaults={"lr": 0.01, "epsilon": 1e-8} | _FROM_ZERO | _OUTSIDE),
        "Adadelta": Call("lr rho epsilon decay", _OPTIMIZER, defaults={"lr": 1.0, "epsilon": 1e-8}),
        "Adam": Call("lr beta_1 beta_2 epsilon decay", _OPTIMIZER, defaults={"epsilon": 1e-8}),
        "Adamax": Call("lr beta_1 beta_2 epsilon decay", _OPTIMIZER, defaults={"lr": 0.002, "epsilon": 1e-8}),
        "Nadam": Call(
            "lr beta_1 beta_2 epsilon schedule_decay",
            _OPTIMIZER,
            defaults={"lr": 0.002, "epsilon": 1e-8, "schedule_decay": 0.004},
        ),
        "Input": Call("shape batch_shape name dtype sparse tensor"),
        "get_file": Call("fname origin untar md5_hash cache_subdir"),
        "ImageDataGenerator": Call(
            "self featurewise_center samplewise_center featurewise_std_normalization samplewise_std_normalization "
            "zca_whitening rotation_range width_shift_range height_shift_range shear_range zoom_range "
            "channel_shift_range fill_mode cval horizontal_flip vertical_flip rescale preprocessing_function dim_ordering"
        ),
        "flow": Call(
            "self x y batch_size shuffle seed save_to_dir save_prefix save_format",
            {"X": "x"},
            defaults={"save_format": "jpeg"},
        ),
        "flow_from_directory": Call(
            "self directory target_size color_mode classes class_mode batch_size shuffle seed save_to_dir save_prefix "
            "save_format follow_links",
            defaults={"save_format": "jpeg"},
        ),
        "load_img": Call("path grayscale target_size"),
    },
)
