"""What programs say to TensorFlow about themselves: versions, devices, seeds, logs. Most of it has nothing to do here."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

from lamina import config, initializers
from lamina.graph.nests import leaves, map_structure
from lamina.optimizers import SGD, Adadelta, Adagrad, Adam, Ftrl, RMSprop
from lamina.tf.table import TABLE, also, word
from lamina.tf.values import Variable

# ---- devices -------------------------------------------------------------------------------------------------------


class PhysicalDevice(NamedTuple):
    """A device of this machine, as TensorFlow names it."""

    name: str
    device_type: str


def _kinds() -> list[str]:
    accelerator = config.accelerator()
    count = 0 if accelerator is None else torch.accelerator.device_count()
    return ["CPU", *["GPU"] * count]


def _devices(prefix: str) -> Callable[..., list[PhysicalDevice]]:
    def listed(device_type: str | None = None) -> list[PhysicalDevice]:
        """The devices: the CPU and torch's accelerators, which count as GPUs."""
        kinds = _kinds()
        found = [
            PhysicalDevice(f"{prefix}{kind}:{kinds[:place].count(kind)}", kind) for place, kind in enumerate(kinds)
        ]
        return [one for one in found if device_type in (None, one.device_type)]

    return listed


for _kind, _seen in (("physical", "visible_devices"), ("logical", "logical_devices")):
    _listed = _devices(f"/{_kind}_device:" if _kind == "physical" else "/device:")
    word(f"config.list_{_kind}_devices", f"config.experimental.list_{_kind}_devices", f"config.get_{_seen}")(_listed)
also(config__experimental__get_visible_devices="config.get_visible_devices")


class _LocalDevice(NamedTuple):
    name: str
    device_type: str
    memory_limit: int = 0
    physical_device_desc: str = ""


@word("device_lib.list_local_devices")
def list_local_devices(session_config: Any = None) -> list[Any]:
    """The devices, as TensorFlow 1 lists them."""
    return [_LocalDevice(*one) for one in _devices("/device:")()]


@word("test.is_gpu_available", "config.is_gpu_available")
def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether torch has an accelerator."""
    return config.accelerator() is not None


@word("test.is_built_with_cuda", "test.is_built_with_gpu_support")
def is_built_with_cuda() -> bool:
    """Whether torch was built for CUDA."""
    return torch.backends.cuda.is_built()


@word("test.gpu_device_name")
def gpu_device_name() -> str:
    """The first accelerator's name, as TensorFlow has it; else nothing."""
    return next((one.name for one in _devices("/device:")("GPU")), "")


def _nothing(*names: str) -> None:
    def nothing(*args: Any, **kwargs: Any) -> None:
        """Has no effect here."""

    TABLE.update(dict.fromkeys(names, nothing))


_OF_CONFIG = """
    set_visible_devices experimental.set_visible_devices experimental.set_memory_growth set_logical_device_configuration
    experimental.set_virtual_device_configuration run_functions_eagerly experimental_run_functions_eagerly
    set_soft_device_placement optimizer.set_jit optimizer.set_experimental_options experimental.enable_op_determinism
    threading.set_intra_op_parallelism_threads threading.set_inter_op_parallelism_threads enable_op_determinism
    experimental.enable_tensor_float_32_execution experimental.enable_mlir_graph_optimization experimental_connect_to_cluster
"""
_OF_TF1 = """
    enable_eager_execution disable_eager_execution enable_v2_behavior disable_v2_behavior enable_resource_variables
    disable_resource_variables enable_tensor_equality disable_v2_tensorshape enable_v2_tensorshape reset_default_graph
    experimental.output_all_intermediates logging.set_verbosity logging.info logging.debug logging.warn logging.warning
    logging.error add_to_collection disable_control_flow_v2 enable_control_flow_v2 disable_tensor_equality
    global_variables_initializer local_variables_initializer variables_initializer tables_initializer
    initialize_all_variables initialize_variables
"""
_nothing(*(f"config.{name}" for name in _OF_CONFIG.split()), *(f"compat.v1.{name}" for name in _OF_TF1.split()),
         "debugging.set_log_device_placement", "autograph.set_verbosity", "enable_eager_execution")  # fmt: skip


class LogicalDeviceConfiguration:
    """What ``set_logical_device_configuration`` is told, and nobody reads.

    Arguments:
        memory_limit, experimental_priority, experimental_device_ordinal: are taken.
    """

    def __init__(
        self, memory_limit: Any = None, experimental_priority: Any = None, experimental_device_ordinal: Any = None
    ) -> None:
        self.memory_limit = memory_limit


TABLE["config.LogicalDeviceConfiguration"] = LogicalDeviceConfiguration
TABLE["config.experimental.VirtualDeviceConfiguration"] = LogicalDeviceConfiguration


@word("config.experimental.get_memory_growth")
def get_memory_growth(device: Any) -> bool:
    """torch takes memory as it needs it."""
    return True


@word("config.experimental.get_memory_info")
def get_memory_info(device: str) -> dict[str, int]:
    """Bytes in use on the accelerator, and the most there were."""
    if config.accelerator() is None:
        return {"current": 0, "peak": 0}
    return {"current": torch.accelerator.memory_allocated(), "peak": torch.accelerator.max_memory_allocated()}


@word("config.functions_run_eagerly", "executing_eagerly", "compat.v1.executing_eagerly",
      "compat.v1.executing_eagerly_outside_functions")  # fmt: skip
def executing_eagerly() -> bool:
    """Whether functions run as Python: always."""
    return True


@word("inside_function")
def inside_function() -> bool:
    """Whether a graph is being made: never."""
    return False


# ---- distribution --------------------------------------------------------------------------------------------------


class OneDeviceStrategy:
    """A strategy whose scope changes nothing: a model runs on one device, as always.

    Arguments:
        devices, cross_device_ops: are taken.
    """

    num_replicas_in_sync = 1

    def __init__(self, devices: Any = None, cross_device_ops: Any = None, **others: Any) -> None:
        self.extended = self

    @contextlib.contextmanager
    def scope(self) -> Iterator[OneDeviceStrategy]:
        """Models that are made inside are as others."""
        yield self

    def run(self, fn: Callable[..., Any], args: Any = (), kwargs: Any = None, options: Any = None) -> Any:
        """Call the function."""
        return fn(*args, **(kwargs or {}))

    experimental_run_v2 = run

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """What the one device gave; along an axis its sum or mean."""
        if axis is None:
            return value
        return value.float().mean(axis) if str(reduce_op).upper().endswith("MEAN") else value.sum(axis)

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """The data themselves."""
        return dataset


def _strategy(*args: Any, **kwargs: Any) -> OneDeviceStrategy:
    if len(_devices("")("GPU")) > 1:
        logging.getLogger("lamina").warning("tf.distribute: the model runs on one device; torch's DistributedDataParallel "
                                            "spreads it over several.")  # fmt: skip
    return OneDeviceStrategy()


for _name in ("MirroredStrategy", "OneDeviceStrategy", "MultiWorkerMirroredStrategy", "experimental.CentralStorageStrategy",
              "experimental.MultiWorkerMirroredStrategy", "get_strategy"):  # fmt: skip
    TABLE[f"distribute.{_name}"] = _strategy
TABLE["distribute.Strategy"] = OneDeviceStrategy
TABLE["distribute.has_strategy"] = lambda: False
TABLE["distribute.in_cross_replica_context"] = lambda: True


class ReduceOp:
    """How what several devices gave becomes one: here one device gives all."""

    SUM = "SUM"
    MEAN = "MEAN"


TABLE["distribute.ReduceOp"] = ReduceOp

# ---- structures ----------------------------------------------------------------------------------------------------


@word("nest.flatten")
def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves of a structure, those of a dict in the order of its keys."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for one in structure for leaf in flatten(one)]
    return [structure]


@word("nest.map_structure")
def nest_map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """A structure of what a function gives for the leaves of others."""
    others = [iter(leaves(one)) for one in structure[1:]]
    return map_structure(lambda leaf: func(leaf, *map(next, others)), structure[0])


@word("nest.pack_sequence_as")
def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """A structure with other leaves."""
    rest = iter(flat_sequence)

    def packed(part: Any) -> Any:
        if isinstance(part, dict):
            return {**part, **{key: packed(part[key]) for key in sorted(part)}}
        return type(part)(map(packed, part)) if isinstance(part, (list, tuple)) else next(rest)

    return packed(structure)


@word("nest.is_nested")
def is_nested(structure: Any) -> bool:
    """Whether it is a list, tuple or dict."""
    return isinstance(structure, (list, tuple, dict))


@word("nest.assert_same_structure")
def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False) -> None:
    """Raise unless both are built the same way."""
    if map_structure(lambda _: 0, nest1) != map_structure(lambda _: 0, nest2):
        raise ValueError(f"These are not built the same way: {nest1!r:.80} and {nest2!r:.80}.")


TABLE["nest.is_sequence"] = is_nested

# ---- objects -------------------------------------------------------------------------------------------------------


class Module:
    """What holds variables as attributes, directly, in lists and dicts, and in further modules.

    Arguments:
        name: its name; the class's by default.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name or type(self).__name__.lower()

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @contextlib.contextmanager
    def name_scope(self) -> Iterator[str]:
        """A scope that changes nothing."""
        yield self._name

    @staticmethod
    def with_name_scope(method: Callable[..., Any]) -> Callable[..., Any]:
        """The method itself."""
        return method

    def _held(self) -> list[Any]:
        return [leaf for key in sorted(vars(self)) for leaf in leaves(vars(self)[key])]

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules and layers in it."""
        own = [one for one in self._held() if isinstance(one, (Module, torch.nn.Module))]
        return (*own, *(inner for one in own if isinstance(one, Module) for inner in one.submodules))

    @property
    def variables(self) -> tuple[Any, ...]:
        """All variables, each once."""
        found: dict[int, Any] = {}
        for one in self._held():
            held = (
                [one]
                if isinstance(one, Variable)
                else getattr(one, "variables", ())
                if hasattr(one, "variables")
                else ()
            )
            found.update((id(variable), variable) for variable in held)
        return tuple(found.values())

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """The variables that training changes."""
        return tuple(one for one in self.variables if getattr(one, "requires_grad", False))


TABLE["Module"] = Module

for _name, _class, _given in (
    ("random_normal_initializer", initializers.RandomNormal, {}), ("zeros_initializer", initializers.Zeros, {}),
    ("random_uniform_initializer", initializers.RandomUniform, {}), ("ones_initializer", initializers.Ones, {}),
    ("constant_initializer", initializers.Constant, {}), ("truncated_normal_initializer", initializers.TruncatedNormal, {}),
    ("compat.v1.glorot_uniform_initializer", initializers.GlorotUniform, {}),
    ("compat.v1.glorot_normal_initializer", initializers.GlorotNormal, {}),
    ("compat.v1.orthogonal_initializer", initializers.Orthogonal, {}),
    ("compat.v1.variance_scaling_initializer", initializers.VarianceScaling, {}),
    ("contrib.layers.xavier_initializer", initializers.GlorotUniform, {}),
):  # fmt: skip
    TABLE[_name] = _class


def _of_tf1(name: str, cls: Any, **defaults: Any) -> None:
    def make(*args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        """An initializer with TensorFlow 1's defaults."""
        names = ("mean", "stddev", "seed") if "stddev" in defaults else ("minval", "maxval", "seed")
        return cls(**(defaults | dict(zip(names, args, strict=False)) | kwargs))

    TABLE[f"compat.v1.{name}"] = make


_of_tf1("random_normal_initializer", initializers.RandomNormal, stddev=1.0)
_of_tf1("truncated_normal_initializer", initializers.TruncatedNormal, stddev=1.0)
_of_tf1("random_uniform_initializer", initializers.RandomUniform, minval=0.0, maxval=1.0)


def _optimizer(name: str, cls: Any, renamed: dict[str, str], **defaults: Any) -> None:
    order = tuple(renamed)

    def make(*args: Any, use_locking: bool = False, name: str | None = None, **kwargs: Any) -> Any:
        """An optimizer of TensorFlow 1, for ``model.compile``."""
        given = dict(zip(order, args, strict=False)) | kwargs
        return cls(**(defaults | {renamed.get(key, key): value for key, value in given.items()}))

    make.__name__ = name
    TABLE[f"compat.v1.train.{name}"] = TABLE[f"train.{name}"] = make


_RATE = {"learning_rate": "learning_rate"}
_optimizer("GradientDescentOptimizer", SGD, _RATE)
_optimizer("MomentumOptimizer", SGD, {**_RATE, "momentum": "momentum", "use_nesterov": "nesterov"})
_optimizer("AdamOptimizer", Adam, {**_RATE, "beta1": "beta_1", "beta2": "beta_2", "epsilon": "epsilon"},
           learning_rate=0.001, epsilon=1e-8)  # fmt: skip
_optimizer("RMSPropOptimizer", RMSprop, {**_RATE, "decay": "rho", "momentum": "momentum", "epsilon": "epsilon"},
           rho=0.9, momentum=0.0, epsilon=1e-10)  # fmt: skip
_optimizer(
    "AdagradOptimizer", Adagrad, {**_RATE, "initial_accumulator_value": "initial_accumulator_value"}, epsilon=0.0
)
_optimizer("AdadeltaOptimizer", Adadelta, {**_RATE, "rho": "rho", "epsilon": "epsilon"}, rho=0.95, epsilon=1e-8)
_optimizer("FtrlOptimizer", Ftrl, _RATE)


def register(name: str, *others: Any, **ignored: Any) -> Callable[[Any], Any]:
    """A decorator that gives back what it is given: ``@tf_export("name")``, ``@RegisterGradient("name")``."""
    return lambda decorated: decorated


TABLE |= {"keras_export": register, "tf_export": register, "compat.v1.RegisterGradient": register,
          "RegisterGradient": register, "deprecated": register}  # fmt: skip
TABLE["VERSION"] = TABLE["version.VERSION"] = "2.21.0"
for _level, _number in (("DEBUG", 10), ("INFO", 20), ("WARN", 30), ("WARNING", 30), ("ERROR", 40), ("FATAL", 50)):
    TABLE[f"compat.v1.logging.{_level}"] = _number
TABLE["get_logger"] = lambda: logging.getLogger("tensorflow")
TABLE["compat.v1.AUTO_REUSE"] = "auto_reuse"
TABLE["newaxis"] = None
