"""Where TensorFlow has its names, and what to write for those that are not in the table. Facts, no code."""

from __future__ import annotations

_PLAIN = """
    nn math linalg signal image random data data.experimental config config.experimental config.optimizer config.threading
    debugging train errors dtypes distribute distribute.experimental test logging nest autograph autograph.experimental
    version experimental experimental.numpy summary summary.experimental sparse xla xla.experimental contrib
    contrib.framework contrib.layers contrib.eager contrib.autograph compat types
"""
# A module of TensorFlow, without ``tensorflow.`` -> the parts of the table that its names are looked up in.
MODULES: dict[str, tuple[str, ...]] = {
    "": ("",),
    **{name: (name,) for name in _PLAIN.split()},
    "types.experimental": ("",),
    "python": (), "python.ops": (), "python.framework": (), "python.eager": (), "python.util": (), "python.client": (),
    "python.platform": (), "python.training": (), "python.data": (), "python.distribute": (),
    "python.ops.array_ops": ("", "nn"), "python.ops.math_ops": ("math", "linalg", ""), "python.ops.nn_ops": ("nn", ""),
    "python.ops.nn": ("nn",), "python.ops.nn_impl": ("nn",), "python.ops.gen_math_ops": ("math", ""),
    "python.ops.gen_array_ops": ("",), "python.ops.gen_nn_ops": ("nn",), "python.ops.control_flow_ops": ("",),
    "python.ops.cond": ("",), "python.ops.while_loop": ("",), "python.ops.state_ops": ("",),
    "python.ops.variables": ("",), "python.ops.variable_scope": ("",), "python.ops.resource_variable_ops": ("",),
    "python.ops.random_ops": ("", "random"), "python.ops.init_ops": ("",), "python.ops.init_ops_v2": ("",),
    "python.ops.linalg_ops": ("linalg", ""), "python.ops.linalg": ("linalg",), "python.ops.image_ops": ("image",),
    "python.ops.clip_ops": ("",), "python.ops.check_ops": ("debugging",), "python.ops.tensor_array_ops": ("",),
    "python.ops.functional_ops": ("",), "python.ops.map_fn": ("",), "python.ops.special_math_ops": ("", "math"),
    "python.ops.embedding_ops": ("nn",), "python.ops.logging_ops": ("",), "python.ops.sparse_ops": ("sparse",),
    "python.ops.gradients": ("",), "python.ops.custom_gradient": ("",), "python.ops.numpy_ops": (),
    "python.ops.confusion_matrix": ("math",), "python.ops.standard_ops": ("",), "python.ops.losses": (),
    "python.framework.ops": ("",), "python.framework.dtypes": ("", "dtypes"), "python.framework.tensor_shape": ("",),
    "python.framework.constant_op": ("",), "python.framework.tensor_spec": ("",), "python.framework.tensor_util": ("",),
    "python.framework.smart_cond": ("",), "python.framework.random_seed": ("random",), "python.framework.errors": ("errors",),
    "python.framework.config": ("config",), "python.framework.sparse_tensor": ("",), "python.framework.indexed_slices": ("",),
    "python.framework.test_util": (), "python.eager.context": ("",), "python.eager.backprop": ("",),
    "python.eager.def_function": ("",), "python.util.nest": ("nest",), "python.util.tf_export": ("",),
    "python.util.deprecation": ("",), "python.client.device_lib": ("device_lib",), "python.client.session": ("",),
    "python.platform.tf_logging": ("logging",), "python.distribute.distribution_strategy_context": ("distribute",),
    "python.data.ops": (), "python.data.ops.dataset_ops": ("data",), "python.training.moving_averages": ("train",),
}  # fmt: skip
# The same modules as TensorFlow 1 had them, and under the names of the two generations.
VERSIONS = {"compat.v1": True, "compat.v2": False, "_api.v1": True, "_api.v2": False}
# Modules of tf.keras that TensorFlow 2 has at its root, too.
OF_KERAS = ("losses", "metrics", "optimizers", "initializers")

# A name, or all of a module: what it is, and what to write instead.
ABSENT: dict[str, str] = {
    "io": "reads and writes TensorFlow's files; open(), numpy.load, PIL.Image.open or keras.utils.load_img read others",
    "image.decode_image": "reads a picture's bytes; PIL.Image.open and keras.utils.load_img do",
    "image.decode_jpeg": "reads a picture's bytes; PIL.Image.open and keras.utils.load_img do",
    "image.decode_png": "reads a picture's bytes; PIL.Image.open and keras.utils.load_img do",
    "gfile": "opens files; open() and os do",
    "strings": "computes with tensors of text; Python's strings do",
    "saved_model": "writes programs for TensorFlow; model.save('name.keras') writes the model",
    "lite": "converts for TensorFlow Lite; torch.export or ONNX take a model elsewhere",
    "estimator": "trains TensorFlow 1's estimators; model.fit trains a model",
    "feature_column": "makes columns for estimators; arrays of numbers go into Input layers",
    "lookup": "keeps tables of text; a dict does",
    "layers": "has TensorFlow 1's layers; keras.layers has the same",
    "contrib": "is TensorFlow 1's collection of additions; keras has layers, losses and optimizers",
    "tpu": "is about TPUs; torch_xla is for those",
    "train.Checkpoint": "saves objects of TensorFlow; model.save_weights('name.weights.h5') and torch.save do",
    "train.CheckpointManager": "keeps checkpoints of TensorFlow; keras.callbacks.ModelCheckpoint writes files",
    "train.Saver": "saves TensorFlow 1's variables; model.save_weights('name.weights.h5') saves a model's",
    "train.load_variable": "reads TensorFlow's checkpoints; model.load_weights reads Keras's files",
    "train.latest_checkpoint": "looks for TensorFlow's checkpoints; model.load_weights reads Keras's files",
    "summary": "writes for TensorBoard; keras.callbacks.TensorBoard and torch.utils.tensorboard.SummaryWriter do",
    "Summary": "writes for TensorBoard; keras.callbacks.TensorBoard and torch.utils.tensorboard.SummaryWriter do",
    "profiler": "measures TensorFlow; torch.profiler measures torch",
    "ragged": "has rows of different lengths; pad them, and mask what is not there",
    "sparse": "has tensors of what is not 0; make dense ones",
    "distribute": "spreads training by TensorFlow; torch's DistributedDataParallel spreads a model",
    "quantization": "quantizes for TensorFlow; torch.ao.quantization quantizes a model",
    "raw_ops": "has TensorFlow's kernels; tf has functions of the same names",
    "as_string": "makes tensors of text; Python's str does",
    "nn.ctc_loss": "takes sparse labels; keras.backend.ctc_batch_cost takes dense ones",
    "experimental.numpy": "is NumPy on TensorFlow; keras.ops has NumPy's functions",
    "numpy": "is NumPy on TensorFlow; keras.ops has NumPy's functions",
    "app": "runs scripts of TensorFlow 1; call main()",
    "flags": "reads arguments of scripts of TensorFlow 1; argparse does",
    "python": "is TensorFlow's inside, of which lamina knows what Keras code reaches for",
}  # fmt: skip
