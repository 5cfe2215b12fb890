"""Names that only older generations of Keras had and lamina lacks: what they did, and what to write instead. Facts, no code.

The rows are those of :class:`lamina.dialects.absent.Absence`: names below the root (a module's row stands for all that is in
it), the reason, the mend. What a file of old Keras happened to import from elsewhere is in no row.
"""

from __future__ import annotations

__all__ = ["OLDER"]


def _of(module: str, names: str) -> tuple[str, ...]:
    return tuple(f"{module}.{name}" for name in names.split())


_SESSIONS = "get_graph v1_variable_initialization"
_HELPERS = """
    get_from_module getargspec make_tuple
"""
_OF_FIT = """
    batch_shuffle check_array_length_consistency check_array_lengths check_loss_and_target_compatibility
    check_num_samples collect_metrics slice_X standardize_class_weights
    standardize_input_data standardize_sample_or_class_weights standardize_sample_weights standardize_single_array
    standardize_weights weighted_masked_objective weighted_objective fit_loop predict_loop test_loop
    is_sequence should_run_validation prepare_loss_functions prepare_loss_weights
    prepare_sample_weights
"""

OLDER: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("utils.multi_gpu_model",), "copied a model to several GPUs of one machine, and Keras took it away in 2.4",
     "torch.nn.parallel.DistributedDataParallel(model) takes a model as it is."),
    (("models.Graph", "legacy.models.Graph"), "was the model with named nodes of Keras 0 and 1",
     "Describe it with Input() and Model(inputs, outputs)."),
    (_of("utils", "H5Dict h5dict load_from_binary_h5py save_to_binary_h5py"),
     "was for Keras's own files", "h5py and numpy.save read and write arrays."),
    (_of("engine", "load_weights_from_hdf5_group load_weights_from_hdf5_group_by_name save_weights_to_hdf5_group "
                   "preprocess_weights_for_loading load_attributes_from_hdf5_group save_attributes_to_hdf5_group "
                   "pickle_model unpickle_model"),
     "was for Keras's own files", "model.load_weights() and model.save_weights() read and write them; pickle takes a model."),
    (("utils.count_total_params",), "was a function of a model", "model.count_params() counts them."),
    (_of("utils", "func_dump func_load"), "wrote a function's byte code to a file, and read it",
     "A file holds no code here: register_keras_serializable gives a function a name that files can hold."),
    ((*_of("utils", _HELPERS), *_of("engine", _HELPERS), *_of("models", _HELPERS)), "was a helper inside of Keras",
     "Python's inspect and lamina.tree do the like."),
    (_of("engine", _OF_FIT), "was inside of Keras's fit", "Override train_step, compute_loss or a callback's method."),
    (("legacy.interfaces",), "translated Keras 1's arguments", "lamina takes them everywhere, and needs no decorator."),
    (("utils.layer_test",), "was for Keras's own tests", "lamina.testing checks a layer."),
    (_of("utils", "to_ordinal"), "is of Keras 2.12 to 2.15 only",
     "(y[:, None] > np.arange(num_classes - 1)).astype('float32') is the same."),
    (_of("utils", "warmstart_embedding_matrix SidecarEvaluator StepsPerExecutionTuner TimedThread"),
     "is of TensorFlow's Keras only", ""),
    (_of("utils", "multiclass_logloss binary_logloss accuracy"), "was a function on arrays of Keras 1",
     "The losses and metrics take arrays."),
    (("callbacks.BaseLogger",), "averaged the metrics over an epoch",
     "fit does so itself: a callback's logs hold the averages."),
    (("callbacks.Progbar",), "was only visible there", "It is lamina.utils.Progbar."),
    (_of("callbacks", "SidecarEvaluatorModelExport UpdateEmbeddingCallback"), "is of TensorFlow's Keras only", ""),
    (_of("backend", _SESSIONS), "was about sessions and graphs of TensorFlow 1, which are not needed here",
     "Leave the line out; K.get_value and K.set_value read and write weights."),
    (_of("backend", "learning_phase_scope symbolic"), "was about graphs of TensorFlow",
     "layer(x, training=True) and model.train() choose the mode."),
    (_of("backend", "pattern_broadcast is_explicit_shape"), "was about Theano's tensors", "Leave the line out."),
    (_of("backend", "atrous_conv2d"), "was Keras 1's", "K.conv2d(x, kernel, dilation_rate=...) is the same."),
    (_of("backend", "deconv2d"), "was Keras 1's", "K.conv2d_transpose is the same."),
    (_of("backend", "get_variable_shape"), "was Keras 1's", "K.int_shape(x), or tuple(x.shape), is the same."),
    (_of("backend", "disable_tf_random_generator enable_tf_random_generator is_tf_random_generator_enabled"),
     "is about TensorFlow's generator", "lamina.utils.set_random_seed makes a run repeat itself."),
    (("regularizers.EigenvalueRegularizer",), "penalised the largest eigenvalue of a weight, in Keras 1",
     "A subclass of regularizers.Regularizer, with torch.linalg.eigvalsh, does so."),
    (("optimizers.TFOptimizer",), "wrapped an optimizer of TensorFlow's", "compile takes one of torch.optim as it is."),
    (("optimizers.clip_norm",), "clipped gradients, in Keras 1", "Every optimizer has the argument clipnorm."),
    (("optimizers.optimizer_from_config", "models.optimizer_from_config"), "is by another name now",
     "It is optimizers.deserialize."),
    (("initializations.get_fans",), "was a helper of Keras 1", "The initializers know the fans of their weights."),
    (("estimator", "experimental.LinearModel", "experimental.WideDeepModel", "experimental.SequenceFeatures", "dtensor",
      "metrics.experimental", "models.experimental", "protobuf"),
     "is of TensorFlow's Keras only", ""),
)  # fmt: skip
