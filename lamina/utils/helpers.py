"""The helpers of Keras 1 and 2 that scripts took from ``keras.utils.generic_utils``, ``conv_utils``, ``layer_utils``,
``training_utils`` and ``test_utils``: lists, shapes, lengths of convolutions, kernels, made-up data.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from lamina import config
from lamina.dialects import any_spelling

__all__ = [
    "check_for_unexpected_keys", "conv_input_length", "conv_output_length", "convert_all_kernels_in_model",
    "convert_dense_weights_data_format", "convert_kernel", "count_params", "deconv_length", "get_test_data", "has_arg",
    "is_all_none", "keras_test", "make_batches", "normalize_data_format", "normalize_padding", "normalize_tuple",
    "object_list_uid", "print_summary", "slice_arrays", "to_list", "to_snake_case", "transpose_shape", "unpack_singleton",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])

# ---- lists and arguments -------------------------------------------------------------------------------------------


def to_list(x: Any, allow_tuple: bool = False) -> list[Any] | tuple[Any, ...]:
    """``x`` if it is a list, else a list of it alone.

    >>> to_list(1), to_list([1]), to_list((1,), allow_tuple=True)
    ([1], [1], (1,))
    """
    return x if isinstance(x, list) or (allow_tuple and isinstance(x, tuple)) else [x]


def unpack_singleton(x: Any) -> Any:
    """What is in a sequence of one; any other as it is.

    >>> unpack_singleton([1]), unpack_singleton([1, 2])
    (1, [1, 2])
    """
    return x[0] if len(x) == 1 else x


def object_list_uid(object_list: Any) -> str:
    """The numbers of objects, by which those very objects can be told from others.

    >>> object_list_uid([None]) == str(id(None))
    True
    """
    return ", ".join(str(abs(id(one))) for one in to_list(object_list, allow_tuple=True))


def is_all_none(iterable_or_element: Any) -> bool:
    """Whether there is nothing but ``None``.

    >>> is_all_none([None, None]), is_all_none(0)
    (True, False)
    """
    return all(one is None for one in to_list(iterable_or_element, allow_tuple=True))


def slice_arrays(arrays: Any, start: Any = None, stop: int | None = None) -> Any:
    """The rows from ``start`` to ``stop`` of an array, or of each array in a list; or the rows with the numbers ``start``.

    >>> slice_arrays([np.arange(5), None], 1, 3)
    [array([1, 2]), None]
    """
    if arrays is None:
        return [None]
    rows: Any = slice(start, stop)
    if hasattr(start, "__len__"):
        if stop is not None:
            raise ValueError("slice_arrays takes the numbers of rows as `start`, or `start` and `stop`, and got both.")
        rows = start.tolist() if hasattr(start, "shape") else list(start)
    elif start is None and stop is None:
        return [None]
    if isinstance(arrays, list):
        return [None if one is None else one[rows] for one in arrays]
    return arrays[rows] if hasattr(arrays, "__getitem__") else [None]


def make_batches(size: int, batch_size: int) -> list[tuple[int, int]]:
    """Where batches begin and end.

    >>> make_batches(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(start, min(size, start + batch_size)) for start in range(0, size, batch_size)]


def has_arg(fn: Callable[..., Any], name: str, accept_all: bool = False) -> bool:
    """Whether a function takes an argument of this name by keyword.

    Arguments:
        fn: the function.
        name: the argument.
        accept_all: whether ``**kwargs`` counts, too.

    >>> has_arg(np.mean, "axis"), has_arg(lambda **kwargs: 0, "axis"), has_arg(lambda **kwargs: 0, "axis", accept_all=True)
    (True, False, True)
    """
    parameters = inspect.signature(fn).parameters
    if name not in parameters:
        return accept_all and any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    return parameters[name].kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def check_for_unexpected_keys(name: str, input_dict: dict[Any, Any], expected_values: Collection[Any]) -> None:
    """Refuse a dictionary that has other keys than these.

    Raises:
        ValueError: which names them.

    >>> check_for_unexpected_keys("targets", {"a": 1}, ["a", "b"])
    """
    unknown = [key for key in input_dict if key not in expected_values]
    if unknown:
        raise ValueError(f"{name} has the unknown keys {unknown}; known are {list(expected_values)}.")


def to_snake_case(name: str) -> str:
    """A class name as layers are named after it.

    >>> to_snake_case("GlobalMaxPooling2D")
    'global_max_pooling2d'
    """
    split = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)).lower()
    return f"private{split}" if split.startswith("_") else split


# ---- shapes and lengths --------------------------------------------------------------------------------------------


def normalize_tuple(value: Any, n: int, name: str) -> tuple[int, ...]:
    """``n`` whole numbers: as they are given, or the one that was given for all.

    Raises:
        ValueError: for anything else.

    >>> normalize_tuple(3, 2, "kernel_size")
    (3, 3)
    """
    values = (value,) * n if isinstance(value, (int, np.integer)) else value
    if not isinstance(values, Iterable) or len(tuple(values)) != n:
        raise ValueError(f"{name} must be a whole number or {n} of them, and got {value!r}.")
    if not all(isinstance(one, (int, np.integer)) for one in values):
        raise ValueError(f"{name} must be whole numbers, and got {value!r}.")
    return tuple(values)


def normalize_padding(value: str) -> str:
    """A padding in lower case: ``"valid"``, ``"same"`` or ``"causal"``.

    >>> normalize_padding("SAME")
    'same'
    """
    if value.lower() not in ("valid", "same", "causal"):
        raise ValueError(f"padding must be 'valid', 'same' or 'causal', and got {value!r}.")
    return value.lower()


def normalize_data_format(value: str | None) -> str:
    """An axis order, by default the program's.

    >>> normalize_data_format(None)
    'channels_last'
    """
    order = config.image_data_format() if value is None else value.lower()
    if order not in ("channels_first", "channels_last"):
        raise ValueError(f"data_format must be 'channels_first' or 'channels_last', and got {value!r}.")
    return order


def conv_output_length(
    length: int | None, filter_size: int, padding: str, stride: int, dilation: int = 1
) -> int | None:
    """How long a convolution makes an axis.

    >>> conv_output_length(10, 3, "valid", 2)
    4
    """
    if length is None:
        return None
    reach = filter_size + (filter_size - 1) * (dilation - 1)
    given = {"same": length, "causal": length, "valid": length - reach + 1, "full": length + reach - 1}
    return (_known("padding", padding, given) + stride - 1) // stride


def conv_input_length(output_length: int | None, filter_size: int, padding: str, stride: int) -> int | None:
    """How long an axis was before a convolution.

    >>> conv_input_length(4, 3, "valid", 2)
    9
    """
    if output_length is None:
        return None
    beside = _known("padding", padding, {"same": filter_size // 2, "valid": 0, "full": filter_size - 1})
    return (output_length - 1) * stride - 2 * beside + filter_size


def deconv_length(dim_size: int | None, stride_size: int, kernel_size: int, padding: str, output_padding: int | None = None,
                  dilation: int = 1) -> int | None:  # fmt: skip
    """How long a transposed convolution makes an axis.

    >>> deconv_length(4, 2, 3, "same")
    8
    """
    if dim_size is None:
        return None
    reach = kernel_size + (kernel_size - 1) * (dilation - 1)
    if output_padding is None:
        more = {"valid": max(reach - stride_size, 0), "full": -(stride_size + reach - 2), "same": 0}
        return dim_size * stride_size + _known("padding", padding, more)
    beside = _known("padding", padding, {"same": reach // 2, "valid": 0, "full": reach - 1})
    return (dim_size - 1) * stride_size + reach - 2 * beside + output_padding


def _known(name: str, key: str, table: dict[str, int]) -> int:
    if key not in table:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, table))}, and got {key!r}.")
    return table[key]


def transpose_shape(shape: Sequence[Any], target_format: str, spatial_axes: Sequence[int]) -> tuple[Any, ...]:
    """A shape with its channels last in the order of axes that ``target_format`` says.

    >>> transpose_shape((16, 128, 128, 32), "channels_first", (1, 2))
    (16, 32, 128, 128)
    """
    if target_format not in ("channels_first", "channels_last"):
        raise ValueError(f"target_format must be 'channels_first' or 'channels_last', and got {target_format!r}.")
    if target_format == "channels_last":
        return tuple(shape)
    moved = (*shape[: spatial_axes[0]], shape[-1], *(shape[axis] for axis in spatial_axes))
    return tuple(moved)


# ---- weights -------------------------------------------------------------------------------------------------------


def convert_kernel(kernel: np.ndarray) -> np.ndarray:
    """The kernel of a convolution backwards along its spatial axes, as Theano's and TensorFlow's differ.

    >>> convert_kernel(np.array([1, 2, 3]).reshape(3, 1, 1)).ravel()
    array([3, 2, 1])
    """
    kernel = np.asarray(kernel)
    if not 3 <= kernel.ndim <= 5:
        raise ValueError(f"convert_kernel takes the kernel of a convolution, with 3 to 5 axes, and got {kernel.shape}.")
    return np.copy(np.flip(kernel, tuple(range(kernel.ndim - 2))))


_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")


def convert_all_kernels_in_model(model: Any) -> None:
    """:func:`convert_kernel` of each convolution's kernel, in place."""
    for layer in model.layers:
        if type(layer).__name__ in _CONVOLUTIONS:
            kernel, *rest = layer.get_weights()
            layer.set_weights([convert_kernel(kernel), *rest])


def convert_dense_weights_data_format(dense: Any, previous_feature_map_shape: Sequence[int],
                                      target_data_format: str = "channels_first") -> None:  # fmt: skip
    """Reorder the kernel of a ``Dense`` after ``Flatten`` for pictures in the other order of axes, in place.

    Arguments:
        dense: the layer.
        previous_feature_map_shape: what is flattened, in the order ``target_data_format``.
        target_data_format: the new order.
    """
    order = normalize_data_format(target_data_format)
    kernel, *rest = dense.get_weights()
    shape = tuple(previous_feature_map_shape)
    if order == "channels_first":
        channels, rows, columns = shape
        kernel = kernel.reshape(rows, columns, channels, -1).transpose(2, 0, 1, 3)
    else:
        rows, columns, channels = shape
        kernel = kernel.reshape(channels, rows, columns, -1).transpose(1, 2, 0, 3)
    dense.set_weights([kernel.reshape(rows * columns * channels, -1), *rest])


def count_params(weights: Iterable[Any]) -> int:
    """How many numbers are in weights, each of which counts once.

    >>> weight = np.zeros((2, 3))
    >>> count_params([weight, weight])
    6
    """
    return int(sum(np.prod(tuple(weight.shape)) for weight in {id(weight): weight for weight in weights}.values()))


def print_summary(model: Any, line_length: int | None = None, positions: Any = None, print_fn: Any = None) -> None:
    """``model.summary``, as a function."""
    model.summary(line_length=line_length, positions=positions, print_fn=print_fn)


# ---- tests ---------------------------------------------------------------------------------------------------------


@any_spelling("get_test_data")
def get_test_data(
    num_train: int = 1000, num_test: int = 500, input_shape: tuple[int, ...] = (10,), output_shape: tuple[int, ...] = (2,),
    classification: bool = True, num_classes: int = 2, random_seed: int | None = None,
) -> Any:  # fmt: skip
    """Made-up data that a model can learn: normal numbers about each row's class, or about a number between 0 and 1.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``.

    >>> (x, y), (_, _) = get_test_data(num_train=4, num_test=2, input_shape=(3,))
    >>> x.shape, y.shape
    ((4, 3), (4,))
    """
    if random_seed is not None:
        np.random.seed(random_seed)
    rows = num_train + num_test
    about: Any = np.random.randint(0, num_classes, size=(rows,)) if classification else np.random.random((rows,))
    x = np.zeros((rows, *input_shape), dtype=config.floatx())
    y = about if classification else np.zeros((rows, *output_shape), dtype=config.floatx())
    for row in range(rows):
        x[row] = np.random.normal(loc=about[row], scale=0.7, size=input_shape)
        if not classification:
            y[row] = np.random.normal(loc=about[row], scale=0.7, size=output_shape)
    return (x[:num_train], y[:num_train]), (x[num_train:], y[num_train:])


def keras_test(func: F) -> F:
    """A decorator of Keras's own tests, which cleared what the one before had left: here there is nothing to clear."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapper  # pyright: ignore[reportReturnType]
