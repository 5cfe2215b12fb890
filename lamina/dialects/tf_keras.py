"""tf.keras (tf_keras 2.21): what it called, ordered or computed otherwise than Keras 3. Facts, no code."""

from __future__ import annotations

from lamina.dialects.generation import Call, Generation, Habits
from lamina.dialects.keras3 import PROGBAR
from lamina.naming import Style

_WEIGHTS = "use_bias kernel_initializer recurrent_initializer bias_initializer"
_PENALTIES = "kernel_regularizer recurrent_regularizer bias_regularizer activity_regularizer"
_LIMITS = "kernel_constraint recurrent_constraint bias_constraint"
_RETURNS = "return_sequences return_state go_backwards stateful"
_CONVLSTM = (f"filters kernel_size strides padding data_format dilation_rate activation recurrent_activation "
             f"{_WEIGHTS} unit_forget_bias {_PENALTIES} {_LIMITS} {_RETURNS} dropout recurrent_dropout")  # fmt: skip
_HEAD = f"units activation recurrent_activation {_WEIGHTS}"
_CUDNN_HEAD = "units kernel_initializer recurrent_initializer bias_initializer"
_POOL = "pool_size strides padding data_format"
_LAYER = "trainable name dtype dynamic"

_HARD_SIGMOID = "hard_sigmoid_keras2"  # clip(0.2 x + 0.5, 0, 1); Keras 3's has slope 1/6
_STEPS_FIRST = {"data_format": "channels_last"}  # of 1-D layers, whatever the program's image format is
_HINTS = "max_queue_size workers use_multiprocessing"

_LOSSES = {name: "binary_crossentropy_tf_keras" for name in ("binary_crossentropy", "bce", "BCE")}

GENERATION = Generation(
    name="tf_keras",
    version="2.21.0",
    habits=Habits(rate="lr", cells_see_constants=True, shares_optimizers=True, backend="tensorflow", computes_nothing=True,
                  losses=_LOSSES, metrics=_LOSSES, column_targets=True, metrics_apart=True),
    names=Style(words={"InputLayer": "input", "Functional": "model"}, after_first=True),
    order={
        "BatchNormalization": "axis momentum epsilon center scale beta_initializer gamma_initializer "
                              "moving_mean_initializer moving_variance_initializer beta_regularizer "
                              "gamma_regularizer beta_constraint gamma_constraint synchronized",
        "Conv1D": "filters kernel_size strides padding data_format dilation_rate groups activation use_bias "
                  "kernel_initializer bias_initializer kernel_regularizer bias_regularizer activity_regularizer "
                  "kernel_constraint bias_constraint",
        "Conv3DTranspose": "filters kernel_size strides padding output_padding data_format dilation_rate activation "
                           "use_bias kernel_initializer bias_initializer kernel_regularizer bias_regularizer "
                           "activity_regularizer kernel_constraint bias_constraint",
        "ConvLSTM1D": _CONVLSTM,
        "ConvLSTM2D": _CONVLSTM,
        "ConvLSTM3D": _CONVLSTM,
        "CuDNNGRU": f"{_CUDNN_HEAD} {_PENALTIES} {_LIMITS} {_RETURNS}",
        "CuDNNLSTM": f"{_CUDNN_HEAD} unit_forget_bias {_PENALTIES} {_LIMITS} {_RETURNS}",
        "EinsumDense": "equation output_shape activation bias_axes kernel_initializer bias_initializer "
                       "kernel_regularizer bias_regularizer activity_regularizer kernel_constraint bias_constraint",
        "Embedding": "input_dim output_dim embeddings_initializer embeddings_regularizer activity_regularizer "
                     "embeddings_constraint mask_zero input_length sparse",
        "GRU": f"{_HEAD} {_PENALTIES} {_LIMITS} dropout recurrent_dropout {_RETURNS} unroll time_major reset_after",
        "LSTM": f"{_HEAD} unit_forget_bias {_PENALTIES} {_LIMITS} dropout recurrent_dropout {_RETURNS} time_major "
                "unroll",
        "Identity": _LAYER,
        "Layer": _LAYER,
        "InputLayer": "input_shape batch_size dtype input_tensor sparse name ragged type_spec optional",
        "LeakyReLU": "alpha",
        "MultiHeadAttention": "num_heads key_dim value_dim dropout use_bias output_shape attention_axes "
                              "kernel_initializer bias_initializer kernel_regularizer bias_regularizer "
                              "activity_regularizer kernel_constraint bias_constraint softmax_robust_masking",
        "RNN": "cell return_sequences return_state go_backwards stateful unroll time_major",
        "RandomContrast": "factor seed",
        "Softmax": "axis robust_masking",
        "StringLookup": "max_tokens num_oov_indices mask_token oov_token vocabulary idf_weights encoding invert "
                        "output_mode sparse pad_to_max_tokens",
        "AveragePooling1D": _POOL,
        "AveragePooling2D": _POOL,
        "AveragePooling3D": _POOL,
        "MaxPooling1D": _POOL,
        "GlobalAveragePooling1D": "data_format",
        "GlobalMaxPooling1D": "data_format keepdims",
        "ZeroPadding1D": "padding",
    },
    defaults={
        "AveragePooling1D": {"pool_size": 2} | _STEPS_FIRST,
        "AveragePooling2D": {"pool_size": 2},
        "AveragePooling3D": {"pool_size": 2},
        "MaxPooling1D": _STEPS_FIRST,
        "GlobalAveragePooling1D": _STEPS_FIRST,
        "GlobalMaxPooling1D": _STEPS_FIRST,
        "Conv1D": _STEPS_FIRST,
        "ZeroPadding1D": _STEPS_FIRST,
        "ConvLSTM1D": {"recurrent_activation": _HARD_SIGMOID},
        "ConvLSTM2D": {"recurrent_activation": _HARD_SIGMOID},
        "ConvLSTM3D": {"recurrent_activation": _HARD_SIGMOID},
        "BatchNormalization": {"variance_correction": "images"},  # TensorFlow's fused kernel, of four and five axes
    },
    words={
        "activation": {"hard_sigmoid": _HARD_SIGMOID},
        "regularizer": {"l1_l2": {"class_name": "L1L2", "config": {"l1": 0.01, "l2": 0.01}}},
    },
    calls={
        "Progbar": PROGBAR,
        "Model.compile": Call("optimizer loss metrics loss_weights weighted_metrics run_eagerly steps_per_execution "
                              "jit_compile", defaults={"keep_trainable": True}),
        "Model.fit": Call("x y batch_size epochs verbose callbacks validation_split validation_data shuffle "
                          "class_weight sample_weight initial_epoch steps_per_epoch validation_steps "
                          f"validation_batch_size validation_freq {_HINTS}"),
        "Model.fit_generator": Call("generator steps_per_epoch epochs verbose callbacks validation_data "
                                    f"validation_steps validation_freq class_weight {_HINTS} shuffle initial_epoch"),
        "Model.evaluate_generator": Call(f"generator steps callbacks {_HINTS} verbose"),
        "Model.predict_generator": Call(f"generator steps callbacks {_HINTS} verbose"),
        "Model.save": Call("filepath overwrite save_format"),
        "Model.save_weights": Call("filepath overwrite save_format options"),
        "save_model": Call("model filepath overwrite save_format"),
        "ModelCheckpoint": Call("self filepath monitor verbose save_best_only save_weights_only mode save_freq options "
                                "initial_value_threshold"),
        "load_img": Call("path grayscale color_mode target_size interpolation keep_aspect_ratio"),
        "Input": Call("shape batch_size name dtype sparse tensor ragged type_spec optional"),
    },
)  # fmt: skip
