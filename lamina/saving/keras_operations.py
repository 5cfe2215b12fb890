"""Keras 3's operations, as ``keras.ops`` writes them into a functional config, each with the function of ``lamina.ops``.

Keras names the class of an operation after the function. What the function takes besides tensors is the class's config,
under the arguments' own names, and the tensors are the arguments of the node. So a table of classes with the keys of their
configs is all that there is to know. A name from a file is looked up in it, and nothing is imported or evaluated.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from lamina import config as settings_of_the_program
from lamina import ops
from lamina.dtypes import dtype_name
from lamina.registry import deserialize

Described = tuple[dict[str, Any], tuple[Any, ...], dict[str, Any]]

# module of Keras -> its classes, each with the keys of its config.
_CLASSES = {
    "numpy": """
        Absolute; Abs; Add; All(axis keepdims); AllClose(rtol atol equal_nan); Amax(axis keepdims); Amin(axis keepdims); Angle;
        Any(axis keepdims); Append(axis); Arccos; Arccosh; Arcsin; Arcsinh; Arctan; Arctan2; Arctanh; Argmax(axis keepdims);
        Argmin(axis keepdims); Argpartition(kth axis); Argsort(axis); Array(dtype); ArraySplit(indices_or_sections axis);
        Average(axis); Bincount(weights minlength sparse); BitwiseAnd; BitwiseNot; BitwiseInvert; BitwiseLeftShift; BitwiseOr;
        BitwiseRightShift; BitwiseXor; BroadcastTo(shape); Cbrt; Ceil; Clip(x_min x_max); Concatenate(axis); Conjugate; Conj;
        Copy; Corrcoef; Correlate(mode); Cos; Cosh; CountNonzero(axis); Cross(axisa axisb axisc axis); Cumprod(axis dtype);
        Cumsum(axis dtype); Deg2rad; Diag(k); Diagflat(k); Diagonal(offset axis1 axis2); Diff(n axis); Digitize; Divide;
        DivideNoNan; Dot; Dsplit(indices_or_sections); Dstack; Einsum(subscripts); EmptyLike(dtype); Equal; Exp; Exp2;
        ExpandDims(axis); Expm1; Fabs; Flip(axis); Fliplr; Flipud; Floor; FloorDivide; Fmax; Fmin; Fmod; Full(shape dtype);
        FullLike(dtype); Gcd; Geomspace(num endpoint dtype axis); GetItem; Greater; GreaterEqual; Heaviside;
        Histogram(bins range); Hsplit(indices_or_sections); Hstack; Hypot; I0; Imag; Inner; IsIn(assume_unique invert);
        Isclose(equal_nan); Isfinite; Isinf; Isnan; Isneginf; Isposinf; Isreal; Kron; Lcm; Ldexp; LeftShift; Less; LessEqual;
        Linspace(num endpoint retstep dtype axis); Log; Log10; Log1p; Log2; Logaddexp; Logaddexp2; LogicalAnd; LogicalNot;
        LogicalOr; LogicalXor; Logspace(num endpoint base dtype axis); Matmul; Max(axis keepdims initial); Maximum;
        Mean(axis keepdims); Median(axis keepdims); Meshgrid(indexing); Min(axis keepdims initial); Minimum; Mod;
        Moveaxis(source destination); Multiply; NanToNum(nan posinf neginf); Nanargmax(axis keepdims);
        Nanargmin(axis keepdims); Nancumprod(axis dtype); Nancumsum(axis dtype); Nanmax(axis keepdims);
        Nanmean(axis keepdims); Nanmedian(axis keepdims); Nanmin(axis keepdims); Nanpercentile(axis method keepdims);
        Nanprod(axis keepdims); Nanquantile(axis method keepdims); Nanstd(axis keepdims); Nansum(axis keepdims);
        Nanvar(axis keepdims); Negative; Nextafter; Nonzero; NotEqual; OnesLike(dtype); Outer; Pad(pad_width mode);
        Percentile(axis method keepdims); Power; Prod(axis keepdims dtype); Ptp(axis keepdims);
        Quantile(axis method keepdims); Rad2deg; Ravel; Real; Reciprocal; Repeat(repeats axis); Reshape(newshape); RightShift;
        Roll(shift axis); Rot90(k axes); Round(decimals); SearchSorted(side); Select; Sign; Signbit; Sin; Sinc; Sinh; Slogdet;
        Sort(axis); Split(indices_or_sections axis); Sqrt; Square; Squeeze(axis); Stack(axis); Std(axis keepdims); Subtract;
        Sum(axis keepdims); Swapaxes(axis1 axis2); Take(axis); TakeAlongAxis(axis); Tan; Tanh; Tensordot(axes); Tile(repeats);
        Trace(offset axis1 axis2); Transpose(axes); Trapezoid(x dx axis); Tril(k); Triu(k); TrueDivide; Trunc;
        Unique(sorted return_index return_inverse return_counts axis size fill_value); UnravelIndex(shape);
        Vander(N increasing); Var(axis keepdims); Vdot; View(dtype); Vsplit(indices_or_sections); Vstack; Where;
        ZerosLike(dtype)
    """,
    "nn": """
        AdaptiveAveragePool(output_size data_format); AdaptiveMaxPool(output_size data_format);
        AveragePool(pool_size strides padding data_format); BatchNorm(axis epsilon); BinaryCrossentropy(from_logits);
        CTCDecode(strategy beam_width top_paths merge_repeated mask_index); CTCLoss(mask_index);
        CategoricalCrossentropy(from_logits axis); Celu(alpha); Conv(strides padding data_format dilation_rate);
        ConvTranspose(strides padding output_padding data_format dilation_rate); DepthToSpace(block_size data_format);
        DepthwiseConv(strides padding data_format dilation_rate);
        DotProductAttention(is_causal flash_attention attn_logits_soft_cap); Elu(alpha);
        Fold(output_size kernel_size dilation padding stride); Gelu(approximate); Glu(axis); HardShrink(threshold);
        HardSigmoid; HardSilu; HardTanh; LayerNorm(axis epsilon rms_scaling); LeakyRelu(negative_slope); LogSigmoid;
        LogSoftmax(axis); MaxPool(pool_size strides padding data_format); Moments(axes keepdims synchronized);
        MultiHot(num_classes axis dtype sparse); Normalize(axis order epsilon); OneHot(num_classes axis dtype sparse);
        PSNR(max_val); Polar; RMSNorm(axis epsilon); Relu; Relu6; Selu;
        SeparableConv(strides padding data_format dilation_rate); Sigmoid; Silu; SoftShrink(threshold); Softmax(axis);
        Softplus; Softsign; SpaceToDepth(block_size data_format); SparseCategoricalCrossentropy(from_logits axis); SparsePlus;
        SparseSigmoid; Sparsemax(axis); Squareplus(b); TanhShrink; Threshold(threshold default_value);
        Unfold(kernel_size dilation padding stride)
    """,
    "core": """
        Cast(dtype); ConvertToTensor(dtype sparse ragged); SaturateCast(dtype); Scatter(shape); ScatterUpdate(reduction);
        Slice(shape); SliceUpdate; StopGradient; Unstack(num axis)
    """,
    "math": """
        CDist; Erf; Erfc; Erfinv; ExtractSequences(sequence_length sequence_stride); FFT; FFT2; IFFT2; IRFFT(fft_length);
        ISTFT(sequence_length sequence_stride fft_length length window center); InTopK(k); Logdet; Logsumexp(axis keepdims);
        RFFT(fft_length); Rsqrt; STFT(sequence_length sequence_stride fft_length window center);
        SegmentMax(num_segments sorted); SegmentMin(num_segments sorted); SegmentProd(num_segments sorted);
        SegmentSum(num_segments sorted); TopK(k sorted); ViewAsComplex; ViewAsReal
    """,
    "linalg": """
        Cholesky(upper); CholeskyInverse(upper); Det; Eig; Eigh; Inv; Lstsq(rcond); LuFactor; MatrixRank(tol);
        Norm(ord axis keepdims); Pinv(rcond); Qr(mode); SVD(full_matrices compute_uv); Solve; SolveTriangular(lower)
    """,
    "image": """
        AffineTransform(interpolation fill_mode fill_value data_format);
        CropImages(top_cropping left_cropping bottom_cropping right_cropping target_height target_width data_format);
        ElasticTransform(alpha sigma interpolation fill_mode fill_value seed data_format);
        ExtractPatches(size strides dilation_rate padding data_format); GaussianBlur(kernel_size sigma data_format);
        HSVToRGB(data_format); MapCoordinates(order fill_mode fill_value);
        PadImages(top_padding left_padding bottom_padding right_padding target_height target_width data_format);
        PerspectiveTransform(interpolation fill_value data_format); RGBToGrayscale(data_format); RGBToHSV(data_format);
        Resize(size interpolation antialias crop_to_aspect_ratio pad_to_aspect_ratio fill_mode fill_value data_format);
        SSIM(max_val filter_size filter_sigma k1 k2 data_format); ScaleAndTranslate(spatial_dims method antialias);
        SobelEdges(data_format)
    """,
    "einops": "Rearrange",
}
# Classes that are named otherwise than their functions.
_NAMED_OTHERWISE = {
    "BatchNorm": "batch_normalization",
    "LayerNorm": "layer_normalization",
    "RMSNorm": "rms_normalization",
}
# What Keras writes for the settings that were left to it.
_LEFT_OPEN: dict[str, Callable[[], Any]] = {
    "nn.data_format": lambda: settings_of_the_program.image_data_format(),
    "nn.dtype": lambda: settings_of_the_program.floatx(),
}
# Settings that may be one number, and that Keras writes as a list of so many.
_ALWAYS_LISTS = {
    ops.reshape: {"newshape": 1},
    ops.image.extract_patches: {"size": 2},
    ops.image.extract_patches_3d: {"size": 3},
}


@functools.wraps(ops.image.extract_patches)
def _patches(images: Any, size: Any, **settings: Any) -> Any:
    """One class of Keras's stands for two functions."""
    is_3d = isinstance(size, tuple) and len(size) == 3
    return (ops.image.extract_patches_3d if is_3d else ops.image.extract_patches)(images, size, **settings)


class _NotPlain(Exception):
    """A setting is no value that a config can hold."""


@dataclass(frozen=True)
class KerasOperation:
    """A class of Keras's operations.

    Arguments:
        name: of the class.
        module: the last part of the Keras module that it is in.
        function: the function of ``lamina.ops`` that computes it.
        settings: the keys of its config; those that are no arguments of ``function`` have only one value, ``False``.
    """

    name: str
    module: str
    function: Callable[..., Any]
    settings: tuple[str, ...]

    @functools.cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The function's parameters that are arguments of the node."""
        found = inspect.signature(self.function).parameters
        return {name: parameter for name, parameter in found.items() if name not in self.settings}

    def describe(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Described | None:
        """The entry of a call and the arguments of its node; ``None`` where Keras has no words for it."""
        try:
            bound = inspect.signature(self.function).bind(*args, **kwargs)
            bound.apply_defaults()
            config = {key: self._plain(key, bound.arguments.get(key, False)) for key in self.settings}
        except (TypeError, _NotPlain):
            return None
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            value = bound.arguments[name]
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                named = value
            else:
                positional += value if parameter.kind is inspect.Parameter.VAR_POSITIONAL else [value]
        return entry_of(f"keras.src.ops.{self.module}", self.name, config), tuple(positional), named

    def _plain(self, key: str, value: Any) -> Any:
        open_value = _LEFT_OPEN.get(f"{self.module}.{key}")
        if value is None and open_value is not None:
            return open_value()
        axes = _ALWAYS_LISTS.get(self.function, {}).get(key)
        return _plain((value,) * axes if axes and isinstance(value, int) else value)

    def read(self, config: dict[str, Any]) -> dict[str, Any]:
        """The settings in a config, as arguments of the function."""
        settings: dict[str, Any] = {}
        for key, value in config.items():
            if key == "name" or (key == "dtype" and key not in self.settings):
                continue
            if key not in self.settings:
                raise ValueError(f"Keras's operation {self.name!r} has no setting {key!r}.")
            if key in inspect.signature(self.function).parameters:
                settings[key] = _with_tuples(deserialize(value, kind="value"))
            elif value is not False:
                raise ValueError(f"Keras's operation {self.name!r} with {key}={value!r:.80} is not among those that "
                                 "lamina reads.")  # fmt: skip
        return settings

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function with a node's arguments and the settings."""
        if self.name == "GetItem":  # x[:, 0] needs its tuple again
            args = (args[0], *map(_with_tuples, args[1:]))
        places = [name for name, parameter in self.parameters.items()
                  if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]  # fmt: skip
        if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in self.parameters.values()):
            leading = [kwargs.pop(name) for name, parameter in inspect.signature(self.function).parameters.items()
                       if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]  # fmt: skip
            return self.function(*leading, *args, **kwargs)
        if len(args) > len(places):
            raise ValueError(f"Keras's operation {self.name!r} takes {len(places)} arguments, and got {len(args)}.")
        return self.function(**dict(zip(places, args, strict=False)), **kwargs)


def entry_of(module: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
    """An entry of a functional config, without its name and nodes."""
    return {"module": module, "class_name": name, "config": config, "registered_name": name}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, torch.dtype):
        return dtype_name(value)
    raise _NotPlain


def _with_tuples(value: Any) -> Any:
    """Tuples became lists in JSON; indices, shapes and axes are tuples."""
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def _operations() -> dict[str, KerasOperation]:
    functions = {name.replace("_", ""): function for module in (ops.image, ops) for name, function in vars(module).items()
                 if inspect.isfunction(function)}  # fmt: skip
    found: dict[str, KerasOperation] = {}
    for module, classes in _CLASSES.items():
        for name, settings in re.findall(r"(\w+)(?:\(([\w\s]*)\))?", classes):
            function = functions[(_NAMED_OTHERWISE.get(name) or name).lower().replace("_", "")]
            found[name] = KerasOperation(name, module, function, tuple(settings.split()))
    found["ExtractPatches"] = replace(found["ExtractPatches"], function=_patches)
    return found


KERAS_OPERATIONS = _operations()
_OF_FUNCTION = {operation.function: operation for operation in reversed(KERAS_OPERATIONS.values())}
_OF_FUNCTION |= {function: replace(KERAS_OPERATIONS["ExtractPatches"], function=function)
                 for function in (ops.image.extract_patches, ops.image.extract_patches_3d)}  # fmt: skip
# What a file may call by lamina's own names, where Keras has no word for a call.
FUNCTIONS = {f"ops.{function.__name__}": function for function in _OF_FUNCTION if function is not _patches}
OPERATION_FUNCTIONS = frozenset(FUNCTIONS.values())


def describe(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Described | None:
    """The entry of a call of ``lamina.ops``, and the arguments of its node; ``None`` where Keras has no words for it."""
    operation = _OF_FUNCTION.get(function)
    return None if operation is None else operation.describe(args, kwargs)
