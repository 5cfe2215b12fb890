"""What is understood in every dialect: Keras 3's names, and older ones that cannot be misread. Facts, no code."""

from __future__ import annotations

from typing import Any

from lamina.dialects.generation import Call, Generation, Gone

GENERATION = Generation(
    name="keras3",
    version="3.15.1",
    order={"InputLayer": "shape batch_size dtype sparse ragged batch_shape input_tensor optional name"},
)

# ---- arguments of layers -------------------------------------------------------------------------------------------

RENAMED = {
    "LeakyReLU": {"alpha": "negative_slope"},
    "InputLayer": {"input_shape": "shape", "batch_input_shape": "batch_shape", "input_dtype": "dtype"},
    "Model": {"input": "inputs", "output": "outputs"},
    "Functional": {"input": "inputs", "output": "outputs"},
    "AtrousConvolution1D": {"atrous_rate": "dilation_rate"},
    "AtrousConvolution2D": {"atrous_rate": "dilation_rate"},
    "CategoryEncoding": {"max_tokens": "num_tokens"},
    "IntegerLookup": {"mask_value": "mask_token", "max_values": "max_tokens", "oov_value": "oov_token"},
}

# Layers over sequences: input_dim (and input_length) described one step (and their number), not the whole sample.
SEQUENCES = frozenset({"RNN", "Recurrent", "SimpleRNN", "GRU", "LSTM", "CuDNNGRU", "CuDNNLSTM", "ConvLSTM1D", "ConvLSTM2D",
                       "ConvLSTM3D", "Conv1D", "LocallyConnected1D", "AtrousConvolution1D",
                       "TimeDistributedDense"})  # fmt: skip
# input_length was the number of words in a sample.
LENGTHS = frozenset({"Embedding", "ReversibleEmbedding", "DynamicEmbedding"})

_TIME_MAJOR = Gone((False, None), "lamina takes the batch first: swap the two axes with `x.transpose(0, 1)`.")
_ROBUST = Gone((False, None), "Keras 3's softmax has one way to mask; leave the argument out.")
_CAUSAL = Gone((False, None), "give `use_causal_mask=True` where the layer is called.", ValueError)
_HINT = Gone((), "")  # changes no result: left out whatever the value
_VOCABULARY = Gone((False, None), "give the words themselves as `vocabulary`.", ValueError)
_TENSOR = Gone((None,), "lamina's inputs hold no data; call the model with it.", ValueError)
_QUANTIZED = Gone((None,), "lamina keeps weights as floats.", ValueError)
_TYPE_SPEC = Gone((None,), "give `shape` and `dtype`.", ValueError)

# What configs of tf.keras say of layers that have no such argument.
_UNGROUPED = Gone((1, None), "only convolutions that are neither transposed, depthwise nor separable have groups.")
_OWN_NOISE = Gone((None,), "a SpatialDropout drops whole channels; Dropout takes any noise_shape.")

GONE = {
    **{name: {"groups": _UNGROUPED}
       for name in ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D", "DepthwiseConv2D")},
    **{name: {"groups": _UNGROUPED, **dict.fromkeys(("kernel_initializer", "kernel_regularizer", "kernel_constraint"), _HINT)}
       for name in ("SeparableConv1D", "SeparableConv2D")},
    **{f"SpatialDropout{n}D": {"noise_shape": _OWN_NOISE} for n in (1, 2, 3)},
    **{name: {"time_major": _TIME_MAJOR, "enable_caching_device": _HINT, "return_runtime": _HINT}
       for name in ("RNN", "GRU", "LSTM", "CuDNNGRU", "CuDNNLSTM")},
    **{name: {"time_major": _TIME_MAJOR, "implementation": _HINT}
       for name in ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")},
    **{name: {"enable_caching_device": _HINT} for name in ("SimpleRNNCell", "GRUCell", "LSTMCell")},
    **{name: {"implementation": _HINT} for name in ("Recurrent", "ConvRecurrent2D")},
    "SimpleRNN": {"time_major": _TIME_MAJOR, "enable_caching_device": _HINT, "implementation": _HINT},
    "Attention": {"causal": _CAUSAL},
    "AdditiveAttention": {"causal": _CAUSAL},
    "StackedRNNCells": {
        "reverse_state_order": Gone((False, None), "lamina keeps states in the order of the cells.", ValueError)
    },
    # What a function's code was in configs of Keras 1 and 2; the functions themselves are found by name.
    "Lambda": dict.fromkeys(("function_type", "module", "output_shape_type", "output_shape_module", "mask_type", "mask_module"),
                            _HINT),
    "Softmax": {"robust_masking": _ROBUST},
    "MultiHeadAttention": {"softmax_robust_masking": _ROBUST, "query_shape": _HINT, "key_shape": _HINT, "value_shape": _HINT},
    "Dense": {"quantization_config": _QUANTIZED},
    "EinsumDense": {"quantization_config": _QUANTIZED, "gptq_unpacked_column_size": _QUANTIZED},
    "Embedding": {"quantization_config": _QUANTIZED, "use_one_hot_matmul": _HINT},
    "Highway": {"transform_bias": _HINT},
    "InputLayer": {"input_tensor": _TENSOR, "type_spec": _TYPE_SPEC},
    "Discretization": {"bins": Gone((None,), "give `bin_boundaries` (numbers) or `num_bins` (how many).", ValueError)},
    "IntegerLookup": {"has_input_vocabulary": _VOCABULARY, "has_static_table": _VOCABULARY,
                      "vocabulary_size": _VOCABULARY},
    "StringLookup": {"has_input_vocabulary": _VOCABULARY, "has_static_table": _VOCABULARY,
                     "vocabulary_size": _VOCABULARY},
    "TextVectorization": {"has_input_vocabulary": _VOCABULARY, "vocabulary_size": _VOCABULARY},
}  # fmt: skip

# Classes of which a value says what it means in any dialect: padding as a dictionary or four numbers.
PADDINGS = {
    "ZeroPadding1D": ("left_pad", "right_pad"),
    "ZeroPadding2D": ("top_pad", "bottom_pad", "left_pad", "right_pad"),
}

# ---- classes by another name ---------------------------------------------------------------------------------------

# The same class, which had several names.
SYNONYMS = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "Deconv3D": "Conv3DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D",
    "GroupQueryAttention": "GroupedQueryAttention",
}

# A modern class in other words: its name, and the arguments that the old one always meant.
_CUDNN = {"activation": "tanh", "recurrent_activation": "sigmoid"}
ALIASES = {name: (today, {}) for name, today in SYNONYMS.items()} | {
    "Deconvolution2D": ("Conv2DTranspose", {}),
    "Deconv2D": ("Conv2DTranspose", {}),
    "AtrousConvolution1D": ("Conv1D", {}),
    "AtrousConv1D": ("Conv1D", {}),
    "AtrousConvolution2D": ("Conv2D", {}),
    "AtrousConv2D": ("Conv2D", {}),
    "TimeDistributedDense": ("Dense", {}),
    "CuDNNGRU": ("GRU", _CUDNN | {"reset_after": True}),
    "CuDNNLSTM": ("LSTM", _CUDNN),
    "ConvRNN2D": ("RNN", {}),
    "SyncBatchNormalization": ("BatchNormalization", {"synchronized": True}),
}
# Old names that share the tables of another old name.
SAME_TABLES = {
    "Deconv2D": "Deconvolution2D",
    "AtrousConv1D": "AtrousConvolution1D",
    "AtrousConv2D": "AtrousConvolution2D",
}

# ---- functions and methods -----------------------------------------------------------------------------------------

_HINTS = {name: _HINT for name in ("max_queue_size", "workers", "use_multiprocessing",
                                   "max_q_size", "nb_worker", "pickle_safe")}  # fmt: skip


def _are_placeholders(value: Any) -> bool:
    """Whether targets are to come by ``fit`` all the same: what ``K.placeholder`` and ``Input`` give has no data."""
    each = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
    return all(one is None or type(one).__name__ == "SymbolicTensor" for one in each)


_FITTED = {"nb_epoch": "epochs", "nb_val_samples": "validation_steps"}
_COMPILED = {
    "sample_weight_mode": Gone((None, "temporal"), "it is None, or 'temporal' for weights of each time step."),
    "target_tensors": Gone((None, _are_placeholders), "they hold data; give the targets to fit()."),
    "pss_evaluation_shards": _HINT,
    "experimental_run_tf_function": _HINT,
}
_GENERATOR = {"generator": "x"}
_ACCURACY = Gone((False,), "give `metrics=['accuracy']` to compile().")
_L1L2 = {"l1": 0.01, "l2": 0.01}

# Of Keras 1, 2 and tf.keras.
PROGBAR = Call(
    "target width verbose interval stateful_metrics unit_name", defaults={"width": 30, "averages_at_end": True}
)
# Of Keras 1 and 2, in whose order by_name comes first.
LOAD_WEIGHTS = Call("filepath by_name skip_mismatch reshape")
# Of SavedModels.
_SAVED = {"options": _HINT, "signatures": _HINT}
# Of Keras 1 and 2.
SAVING = {
    "Model.save": Call("filepath overwrite include_optimizer"),
    "save_model": Call("model filepath overwrite include_optimizer"),
    "ModelCheckpoint": Call("self filepath monitor verbose save_best_only save_weights_only mode period"),
}
CALLS = {
    "Model.load_weights": Call(
        gone={"reshape": Gone((False, None), "the weights must have the model's shapes.", ValueError), "options": _HINT}
    ),
    "Model.compile": Call(gone=_COMPILED),
    "Model.fit": Call(renamed=_FITTED, gone=_HINTS | {"show_accuracy": _ACCURACY}),
    "Model.evaluate": Call(gone=_HINTS | {"show_accuracy": _ACCURACY}),
    "Model.predict": Call(gone=_HINTS),
    "Model.fit_generator": Call(
        "generator steps_per_epoch epochs verbose callbacks validation_data validation_steps validation_freq "
        "class_weight max_queue_size workers use_multiprocessing shuffle initial_epoch",
        _GENERATOR | _FITTED | {"samples_per_epoch": "steps_per_epoch"},
        _HINTS,
    ),
    "Model.evaluate_generator": Call(
        "generator steps callbacks max_queue_size workers use_multiprocessing verbose",
        _GENERATOR | {"val_samples": "steps"},
        _HINTS,
    ),
    "Model.predict_generator": Call(
        "generator steps callbacks max_queue_size workers use_multiprocessing verbose",
        _GENERATOR | {"val_samples": "steps"},
        _HINTS,
    ),
    "to_categorical": Call(renamed={"nb_classes": "num_classes", "y": "x"}),
    "normalize": Call(renamed={"a": "x"}),
    "random_normal": Call(renamed={"std": "stddev"}),
    "random_uniform": Call(renamed={"low": "minval", "high": "maxval"}),
    "plot_model": Call(),
    "get_test_data": Call(
        renamed={
            "nb_train": "num_train",
            "nb_test": "num_test",
            "nb_class": "num_classes",
            "train_samples": "num_train",
            "test_samples": "num_test",
        }
    ),
    "Tokenizer": Call(renamed={"nb_words": "num_words"}),
    "text_to_word_sequence": Call(renamed={"input_text": "text"}),
    "one_hot_text": Call(renamed={"input_text": "text"}),
    "hashing_trick": Call(renamed={"input_text": "text"}),
    "ImageDataGenerator": Call(renamed={"dim_ordering": "data_format"}),
    "flow": Call(renamed={"X": "x"}),
    "flow_from_dataframe": Call(
        gone={
            "has_ext": Gone(
                (True, None), "the names of files have their endings: dataframe[column] + '.jpg' adds them."
            ),
            "sort": Gone((), ""),
        }
    ),
    "fit_pictures": Call(renamed={"X": "x"}),
    **dict.fromkeys(("array_to_img", "img_to_array", "save_img"), Call(renamed={"dim_ordering": "data_format"})),
    "get_file": Call(),
    "Input": Call(gone={"type_spec": _TYPE_SPEC}),
    "l1": Call(renamed={"l": "l1"}),
    "l2": Call(renamed={"l": "l2"}),
    "l1l2": Call("l1 l2", defaults=_L1L2),
    "l1_l2": Call("l1 l2", defaults=_L1L2),
    "activity_l1": Call(renamed={"l": "l1"}),
    "activity_l2": Call(renamed={"l": "l2"}),
    "activity_l1l2": Call("l1 l2", defaults=_L1L2),
    **{name: Call(renamed={"m": "max_value"}) for name in ("MaxNorm", "max_norm", "maxnorm")},
    "MinMaxNorm": Call(renamed={"low": "min_value", "high": "max_value"}),
    "ReduceLROnPlateau": Call(renamed={"epsilon": "min_delta"}),
    "Model.save": Call(gone=_SAVED),
    "Model.save_weights": Call(gone={"options": _HINT}),
    "save_model": Call(gone=_SAVED),
    "save_weights": Call(gone={"options": _HINT}),
    "ModelCheckpoint": Call(
        gone={
            "options": _HINT,
            "load_weights_on_restart": Gone(
                (False, None), "callbacks.BackupAndRestore goes on after a restart.", ValueError
            ),
        }
    ),
    "concatenate": Call(renamed={"concat_axis": "axis"}),
}
# Keras 1's backend: its words for windows, and hints for Theano.
_WINDOW = Call(
    renamed={"X": "x", "border_mode": "padding", "dim_ordering": "data_format", "stride": "strides",
             "filter_dilation": "dilation_rate"},
    gone={"image_shape": _HINT, "filter_shape": _HINT},
)  # fmt: skip
_WINDOWED = (
    "conv1d", "conv2d", "conv3d", "separable_conv2d", "depthwise_conv2d", "conv2d_transpose", "conv3d_transpose",
    "pool2d", "pool3d", "resize_images", "resize_volumes", "spatial_2d_padding", "spatial_3d_padding",
    "asymmetric_spatial_2d_padding", "bias_add",
)  # fmt: skip
CALLS |= dict.fromkeys(_WINDOWED, _WINDOW) | {"expand_dims": Call(renamed={"dim": "axis"})}
# Numbers of samples, which became numbers of batches.
SAMPLES = {"samples_per_epoch": "x", "val_samples": "x", "nb_val_samples": "validation_data"}
