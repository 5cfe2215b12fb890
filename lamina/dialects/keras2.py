"""Keras 2 (2.2.4 and 2.3.1): what it called, ordered or computed otherwise than Keras 3. Facts, no code.

Its keywords that cannot be misread are understood in every dialect; they are in ``keras3``.
"""

from __future__ import annotations

from dataclasses import replace

from lamina.dialects.generation import Call, Generation, Habits
from lamina.dialects.keras1 import LOSSES, MEASURED, METRICS
from lamina.dialects.keras3 import LOAD_WEIGHTS, PROGBAR, SAVING
from lamina.naming import Style

_CONV = ("activation use_bias kernel_initializer bias_initializer kernel_regularizer bias_regularizer "
         "activity_regularizer kernel_constraint bias_constraint")  # fmt: skip
_ND = f"filters kernel_size strides padding data_format dilation_rate {_CONV}"
_POOL = "pool_size strides padding data_format"
_WEIGHTS = "use_bias kernel_initializer recurrent_initializer bias_initializer"
_LIMITS = "kernel_constraint recurrent_constraint bias_constraint"
_PENALTIES = "kernel_regularizer recurrent_regularizer bias_regularizer"
_CONVLSTM_CELL = (f"filters kernel_size strides padding data_format dilation_rate activation recurrent_activation "
                  f"{_WEIGHTS} unit_forget_bias {_PENALTIES} {_LIMITS} dropout recurrent_dropout")  # fmt: skip
_CONVLSTM = (f"filters kernel_size strides padding data_format dilation_rate activation recurrent_activation "
             f"{_WEIGHTS} unit_forget_bias {_PENALTIES} activity_regularizer {_LIMITS} return_sequences go_backwards "
             "stateful dropout recurrent_dropout")  # fmt: skip
_HEAD = f"units activation recurrent_activation {_WEIGHTS}"
_CELL_TAIL = f"{_PENALTIES} {_LIMITS} dropout recurrent_dropout implementation"
_TAIL = (f"{_PENALTIES} activity_regularizer {_LIMITS} dropout recurrent_dropout implementation return_sequences "
         "return_state go_backwards stateful unroll")  # fmt: skip
_CUDNN_HEAD = "units kernel_initializer recurrent_initializer bias_initializer"
_CUDNN_TAIL = f"{_PENALTIES} activity_regularizer {_LIMITS} return_sequences return_state stateful"

_HARD_SIGMOID = "hard_sigmoid_keras2"  # clip(0.2 x + 0.5, 0, 1); Keras 3's has slope 1/6
_PER_GATE = {"implementation": 1}  # dropout draws anew for each gate
_STEPS_FIRST = {"data_format": "channels_last"}  # of 1-D layers, whatever the program's image format is
_L1L2 = {"class_name": "L1L2", "config": {"l1": 0.01, "l2": 0.01}}

# While it is frozen, too, training takes the batch's own statistics; only the averages stay.
_BATCH_NORMALIZATION = {"variance_correction": "1+epsilon", "frozen_statistics": "batch"}

_POOLS = {
    "AveragePooling1D": {"pool_size": 2} | _STEPS_FIRST,
    "AveragePooling2D": {"pool_size": 2},
    "AveragePooling3D": {"pool_size": 2},
    "MaxPooling1D": _STEPS_FIRST,
    "GlobalAveragePooling1D": _STEPS_FIRST,
    "GlobalMaxPooling1D": _STEPS_FIRST,
    "Conv1D": _STEPS_FIRST,
    "SeparableConv1D": _STEPS_FIRST,
    "ZeroPadding1D": _STEPS_FIRST,
}

# clipnorm was the norm of all gradients together
_OPTIMIZER = {"lr": "learning_rate", "clipnorm": "global_clipnorm"}
_OUTSIDE = {"epsilon_outside": True}  # sqrt(v) + epsilon
_NADAM = {"lr": 0.002, "schedule_decay": 0.004}
_COMPILED = {"keep_trainable": True}  # freezing a layer waits for the next compile
_HINTS = "max_queue_size workers use_multiprocessing"
_FIT = ("x y batch_size epochs verbose callbacks validation_split validation_data shuffle class_weight sample_weight "
        "initial_epoch steps_per_epoch validation_steps")  # fmt: skip

GENERATION = Generation(
    name="keras2",
    version="2.2.4",
    habits=Habits(accuracy_from_loss=True, counts_nonzero_weights=True, sums_activity=True, owns_variables=False, rate="lr",
                  cells_see_constants=True, weighted="weighted_", names_early=True,
                  sizes_have_values=True, shares_optimizers=True, backend="tensorflow",
                  computes_nothing=True, callback_words=("samples", "epochs"),
                  losses=LOSSES, metrics=MEASURED, means_of_batches=True, column_targets=True, checks_targets=True,
                  clips_twice=True, strict_class_weights=True, sample_weight_replaces=True),
    names=Style(from_one=True, words={"InputLayer": "input", "Functional": "model"}, after_first=True),
    order={
        "BatchNormalization": "axis momentum epsilon center scale beta_initializer gamma_initializer "
                              "moving_mean_initializer moving_variance_initializer beta_regularizer "
                              "gamma_regularizer beta_constraint gamma_constraint",
        "Conv1D": _ND,
        "Conv2D": _ND,
        "Conv3D": _ND,
        "Conv3DTranspose": "filters kernel_size strides padding output_padding data_format " + _CONV,
        "SeparableConv1D": "filters kernel_size strides padding data_format dilation_rate depth_multiplier "
                           "activation use_bias depthwise_initializer pointwise_initializer bias_initializer "
                           "depthwise_regularizer pointwise_regularizer bias_regularizer activity_regularizer "
                           "depthwise_constraint pointwise_constraint bias_constraint",
        "DepthwiseConv2D": "kernel_size strides padding depth_multiplier data_format activation use_bias "
                           "depthwise_initializer bias_initializer depthwise_regularizer bias_regularizer "
                           "activity_regularizer depthwise_constraint bias_constraint",
        "ConvLSTM2D": _CONVLSTM,
        "ConvLSTM2DCell": _CONVLSTM_CELL,
        "Embedding": "input_dim output_dim embeddings_initializer embeddings_regularizer activity_regularizer "
                     "embeddings_constraint mask_zero input_length",
        "GRU": f"{_HEAD} {_TAIL} reset_after",
        "GRUCell": f"{_HEAD} {_CELL_TAIL} reset_after",
        "LSTM": f"{_HEAD} unit_forget_bias {_TAIL}",
        "LSTMCell": f"{_HEAD} unit_forget_bias {_CELL_TAIL}",
        "CuDNNGRU": f"{_CUDNN_HEAD} {_CUDNN_TAIL}",
        "CuDNNLSTM": f"{_CUDNN_HEAD} unit_forget_bias {_CUDNN_TAIL}",
        "InputLayer": "input_shape batch_size batch_input_shape dtype input_tensor sparse name",
        "SimpleRNN": f"units activation {_WEIGHTS} {_TAIL}".replace(" implementation", ""),
        "LocallyConnected1D": f"filters kernel_size strides padding data_format {_CONV}",
        "Flatten": "data_format",
        "LeakyReLU": "alpha",
        "AveragePooling1D": _POOL,
        "AveragePooling2D": _POOL,
        "AveragePooling3D": _POOL,
        "MaxPooling1D": _POOL,
        "GlobalAveragePooling1D": "data_format",
        "GlobalMaxPooling1D": "data_format",
        "ZeroPadding1D": "padding",
    },
    defaults=_POOLS | {
        "GRU": {"recurrent_activation": _HARD_SIGMOID, "reset_after": False} | _PER_GATE,
        "GRUCell": {"recurrent_activation": _HARD_SIGMOID, "reset_after": False} | _PER_GATE,
        "LSTM": {"recurrent_activation": _HARD_SIGMOID} | _PER_GATE,
        "LSTMCell": {"recurrent_activation": _HARD_SIGMOID} | _PER_GATE,
        "ConvLSTM2D": {"recurrent_activation": _HARD_SIGMOID},
        "ConvLSTM2DCell": {"recurrent_activation": _HARD_SIGMOID},
        "BatchNormalization": _BATCH_NORMALIZATION | {"debiases": True},
    },
    words={
        "activation": {"hard_sigmoid": _HARD_SIGMOID},
        "regularizer": {"l1_l2": _L1L2},
        "constraint": {"maxnorm": "max_norm", "nonneg": "non_neg", "unitnorm": "unit_norm"},
        "metrics": METRICS | {"crossentropy": "ce"},
    },
    # Keras 2 took few positional arguments, so that calls in Keras 1's order could not be misread.
    positional={
        "Dense": 1, "Dropout": 3, "Embedding": 2, "AveragePooling1D": 3, "MaxPooling1D": 3, "PReLU": 1,
        "GaussianNoise": 1, "GRU": 1, "LSTM": 1, "SimpleRNN": 1, "GaussianDropout": 1, "AveragePooling2D": 3,
        "MaxPooling2D": 3, "AveragePooling3D": 3, "MaxPooling3D": 3, "UpSampling1D": 1, "UpSampling2D": 1,
        "UpSampling3D": 1, "Conv1D": 2, "LocallyConnected1D": 2, "Conv2D": 2, "LocallyConnected2D": 2,
        "SeparableConv2D": 2, "Conv2DTranspose": 2, "Conv3D": 2, "ConvLSTM2D": 2, "BatchNormalization": 0,
        "ZeroPadding2D": 1, "ZeroPadding3D": 1, "Cropping2D": 1, "Cropping3D": 1, "SpatialDropout1D": 1,
        "SpatialDropout2D": 1, "SpatialDropout3D": 1, "Lambda": 2,
    },
    calls={
        "Model.compile": Call("optimizer loss metrics loss_weights sample_weight_mode weighted_metrics target_tensors",
                              defaults=_COMPILED),
        "Model.fit": Call(_FIT),
        "Model.load_weights": LOAD_WEIGHTS,
        **SAVING,
        "Model.fit_generator": Call("generator steps_per_epoch epochs verbose callbacks validation_data "
                                    f"validation_steps class_weight {_HINTS} shuffle initial_epoch"),
        "Model.evaluate_generator": Call(f"generator steps {_HINTS} verbose"),
        "Model.predict_generator": Call(f"generator steps {_HINTS} verbose"),
        "Progbar": PROGBAR,
        "SGD": Call("lr momentum decay nesterov", _OPTIMIZER),
        "RMSprop": Call("lr rho epsilon decay", _OPTIMIZER, defaults=_OUTSIDE),
        "Adagrad": Call("lr epsilon decay", _OPTIMIZER, defaults={"lr": 0.01, "initial_accumulator_value": 0.0} | _OUTSIDE),
        "Adadelta": Call("lr rho epsilon decay", _OPTIMIZER, defaults={"lr": 1.0}),
        "Adam": Call("lr beta_1 beta_2 epsilon decay amsgrad", _OPTIMIZER),
        "Adamax": Call("lr beta_1 beta_2 epsilon decay", _OPTIMIZER, defaults={"lr": 0.002}),
        "Nadam": Call("lr beta_1 beta_2 epsilon schedule_decay", _OPTIMIZER, defaults=_NADAM),
        "Input": Call("shape batch_shape name dtype sparse tensor"),
        "flow": Call("self x y batch_size shuffle sample_weight seed save_to_dir save_prefix save_format subset"),
        "apply_affine_transform": Call("x theta tx ty shear zx zy row_axis col_axis channel_axis fill_mode cval order",
                                       defaults={"row_axis": 0, "col_axis": 1, "channel_axis": 2}),
        "load_img": Call("path grayscale color_mode target_size interpolation"),
    },
)  # fmt: skip

# ---- 2.3 -----------------------------------------------------------------------------------------------------------

_GENERATOR_23 = ("generator steps_per_epoch epochs verbose callbacks validation_data validation_steps validation_freq "
                 f"class_weight {_HINTS} shuffle initial_epoch")  # fmt: skip

_MEASURED = {
    "binary_crossentropy": "binary_crossentropy_tf_keras", "binary_accuracy": "binary_accuracy_keras2",
    **{name: "cosine_similarity_keras2" for name in ("cosine_proximity", "cosine", "cosine_similarity")},
}  # fmt: skip

GENERATION_2_3 = replace(
    GENERATION,
    name="keras2.3",
    version="2.3.1",
    habits=Habits(accuracy_from_loss=True, leaves_masked_out=False, sums_activity=True, rate="lr", cells_see_constants=True,
                  names_early=True, sizes_have_values=True, shares_optimizers=True, backend="tensorflow", computes_nothing=True,
                  callback_words=("samples", "epochs"),
                  clips_twice=True, outputs_by_batch=True, column_targets=True, checks_targets=True, strict_class_weights=True,
                  losses={"binary_crossentropy": "binary_crossentropy_tf_keras"}, metrics=_MEASURED),
    order={**GENERATION.order, "DepthwiseConv2D": (
        "kernel_size strides padding depth_multiplier data_format dilation_rate activation use_bias "
        "depthwise_initializer bias_initializer depthwise_regularizer bias_regularizer activity_regularizer "
        "depthwise_constraint bias_constraint")},
    defaults=_POOLS | {
        "GRU": {"reset_after": False},
        "GRUCell": {"reset_after": False},
        "ConvLSTM2D": {"recurrent_activation": _HARD_SIGMOID},
        "ConvLSTM2DCell": {"recurrent_activation": _HARD_SIGMOID},
        "BatchNormalization": _BATCH_NORMALIZATION,
    },
    words={kind: words for kind, words in GENERATION.words.items() if kind != "metrics"},
    calls={
        **GENERATION.calls,
        "Model.fit": Call(f"{_FIT} validation_freq {_HINTS}"),
        "Model.fit_generator": Call(_GENERATOR_23),
        "Model.evaluate_generator": Call(f"generator steps callbacks {_HINTS} verbose"),
        "Model.predict_generator": Call(f"generator steps callbacks {_HINTS} verbose"),
        "SGD": Call("lr momentum nesterov", _OPTIMIZER),
        "RMSprop": Call("lr rho", _OPTIMIZER, defaults=_OUTSIDE),
        "Adagrad": Call("lr", _OPTIMIZER, defaults={"lr": 0.01, "initial_accumulator_value": 0.0} | _OUTSIDE),
        "Adadelta": Call("lr rho", _OPTIMIZER, defaults={"lr": 1.0}),
        "Adam": Call("lr beta_1 beta_2 amsgrad", _OPTIMIZER),
        "Adamax": Call("lr beta_1 beta_2", _OPTIMIZER, defaults={"lr": 0.002}),
        "Nadam": Call("lr beta_1 beta_2", _OPTIMIZER, defaults=_NADAM),
    },
)  # fmt: skip
