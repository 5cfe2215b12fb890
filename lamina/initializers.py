"""Initializers: how a weight starts. Each is called with a shape and a dtype and returns a new tensor.

A random one with an integer seed gives the same values at every call, one with a ``SeedGenerator`` goes on in its
stream, and one without a seed follows torch's global generator (``torch.manual_seed``).
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np
import torch
from torch.signal import windows

from lamina import random
from lamina.display import Described
from lamina.dtypes import FULL_FLOATS, as_dtype
from lamina.errors import did_you_mean
from lamina.random import SEEDS, SeedGenerator
from lamina.registry import Config, Table
from lamina.registry import deserialize as deserialize_value
from lamina.registry import serialize as serialize_value
from lamina.tracebacks import Made

__all__ = [
    "STFT", "Constant", "GivenValues", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
    "IdentityInitializer", "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "OrthogonalInitializer",
    "RandomInitializer", "RandomNormal", "RandomUniform", "STFTInitializer", "TruncatedNormal", "VarianceScaling",
    "Zeros", "compute_fans", "constant", "deserialize", "get", "glorot_normal", "glorot_uniform", "he_normal",
    "he_uniform", "identity", "lecun_normal", "lecun_uniform", "normal", "one", "ones", "orthogonal", "random_normal",
    "random_uniform", "serialize", "stft", "truncated_normal", "uniform", "variance_scaling", "zero", "zeros",
]  # fmt: skip

SeedLike = int | np.integer[Any] | SeedGenerator | Config | None
Axes = Sequence[int] | None
INITIALIZERS: Table[Initializer] = Table("initializer", "keras.initializers")

# The standard deviation of a standard normal distribution that is cut at -2 and 2.
TRUNCATED_STDDEV = 0.87962566103423978
# What TensorFlow 1 wrote into the configs of its initializers besides their own arguments.
_TENSORFLOW_1 = ("dtype", "verify_shape")


class Initializer(Described, Made):
    """The base of initializers: a subclass makes a tensor in ``__call__(self, shape, dtype=None)``.

    >>> class Ramp(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return torch.arange(shape[0], dtype=torch.float32)
    >>> Ramp()((3,))
    tensor([0., 1., 2.])
    """

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, shape, dtype=None).")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain values."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """An initializer from what ``get_config`` returned."""
        takes = _parameters_of(cls)
        return cls(**{key: value for key, value in config.items() if key in takes or key not in _TENSORFLOW_1})

    def clone(self) -> Any:
        """An equal initializer."""
        return type(self).from_config(self.get_config())


@functools.cache
def _parameters_of(cls: type) -> frozenset[str]:
    # Of a class without a constructor Python would parse a text to say that there are none.
    return frozenset(() if cls.__init__ is object.__init__ else inspect.signature(cls).parameters)


# ---- not random ----------------------------------------------------------------------------------------------------


@INITIALIZERS.register("zero")
class Zeros(Initializer):
    """All 0 (Keras 1: ``zero``).

    >>> Zeros()((2,))
    tensor([0., 0.])
    """

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        return torch.zeros(tuple(shape), dtype=as_dtype(dtype))


@INITIALIZERS.register("one")
class Ones(Initializer):
    """All 1 (Keras 1: ``one``).

    >>> Ones()((2,))
    tensor([1., 1.])
    """

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        return torch.ones(tuple(shape), dtype=as_dtype(dtype))


@INITIALIZERS.register()
class Constant(Initializer):
    """All ``value``: a number, or an array that is repeated to fill the shape.

    >>> Constant(3)((2,))
    tensor([3., 3.])
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = deserialize_value(value)

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        return torch.as_tensor(self.value, dtype=as_dtype(dtype)).broadcast_to(tuple(shape)).clone()

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_value(self.value)}


class GivenValues(Constant):
    """The numbers of an array, for a weight of the array's shape: what :func:`get` makes of an array or tensor."""

    _keras_class_name = "Constant"
    _keras_module = "keras.initializers"

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        if tuple(shape) != tuple(self.value.shape):
            raise ValueError(f"An array of shape {tuple(self.value.shape)} was given as the initializer of a weight of "
                             f"shape {tuple(shape)}; the two must be equal.")  # fmt: skip
        return super().__call__(shape, dtype)


@INITIALIZERS.register("IdentityInitializer")
class Identity(Initializer):
    """``gain`` on the diagonal, 0 elsewhere, for weights of two axes (Keras 1: ``scale`` for ``gain``).

    >>> Identity(2.0)((2, 3))
    tensor([[2., 0., 0.],
            [0., 2., 0.]])
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        if len(shape) != 2:
            raise ValueError(f"Identity makes weights of 2 axes, and was asked for shape {tuple(shape)}.")
        return self.gain * torch.eye(*shape, dtype=as_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        # Keras 3.15 forgets the gain in its configs; it reads one that is there.
        return {} if self.gain == 1 else {"gain": self.gain}


WindowName = Literal["bartlett", "blackman", "cosine", "hamming", "hann", "nuttall"]
_WINDOWS = get_args(WindowName)


@INITIALIZERS.register("STFTInitializer")
class STFT(Initializer):
    """One side of a Fourier transform of windows: ``cos`` or ``sin`` of ``-2 pi t f / (2 F - 2)`` at frame ``t``, band ``f``.

    Arguments:
        side: ``"real"`` (cosines) or ``"imag"`` (sines).
        window: ``"hann"``, ``"hamming"``, ``"bartlett"``, ``"blackman"``, ``"cosine"``, ``"nuttall"``, the window's
            values, or ``None``.
        scaling: ``"density"`` divides by the window's Euclidean norm, ``"spectrum"`` by the sum of its absolute values.
        periodic: whether the window is one period of a periodic one, and so does not end where it began.

    Shape: ``(frames, 1, F)``.

    Source: https://keras.io/api/layers/initializers/ (Keras reads the window's name with SciPy, which knows more.)

    >>> STFT(window=None)((2, 1, 3)).round(decimals=4).flatten().tolist()
    [1.0, 1.0, 1.0, 1.0, 0.0, -1.0]
    """

    def __init__(
        self,
        side: Literal["real", "imag"] = "real",
        window: WindowName | np.ndarray | torch.Tensor | Sequence[float] | None = "hann",
        scaling: Literal["density", "spectrum"] | None = "density",
        periodic: bool = False,
    ) -> None:
        _one_of(side, ("real", "imag"), "side", self)
        _one_of(scaling, ("density", "spectrum", None), "scaling", self)
        if isinstance(window, str):
            _one_of(window, _WINDOWS, "window (or the window's values)", self)
        self.side = side
        self.window = deserialize_value(window)
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        frames, channels, bands = shape
        if channels != 1:
            raise ValueError(f"STFT makes weights of shape (frames, 1, bands), and was asked for {tuple(shape)}.")
        time = torch.arange(frames, dtype=torch.float64)
        frequency = torch.arange(bands, dtype=torch.float64) / ((bands - 1) * 2)
        angle = -2 * math.pi * torch.outer(time, frequency)  # (frames, bands)
        wave = angle.cos() if self.side == "real" else angle.sin()
        if self.window is not None:
            wave = wave * self._scaled_window(frames)[:, None]
        return wave[:, None, :].to(as_dtype(dtype))

    def _scaled_window(self, frames: int) -> torch.Tensor:
        if isinstance(self.window, str):
            window = getattr(windows, self.window)(frames, sym=not self.periodic, dtype=torch.float64)
        else:
            window = torch.as_tensor(self.window, dtype=torch.float64)
        if window.shape != (frames,):
            raise ValueError(f"STFT's window has shape {tuple(window.shape)}, and the weight needs ({frames},).")
        if self.scaling is None:
            return window
        return window / torch.linalg.vector_norm(window, 2 if self.scaling == "density" else 1)

    def get_config(self) -> dict[str, Any]:
        window = serialize_value(self.window)
        return {"side": self.side, "window": window, "periodic": self.periodic, "scaling": self.scaling}


# ---- random --------------------------------------------------------------------------------------------------------


class RandomInitializer(Initializer):
    """The base of random initializers.

    Arguments:
        seed: an integer, a ``SeedGenerator`` (or its config), or ``None``.
    """

    def __init__(self, seed: SeedLike = None) -> None:
        if isinstance(seed, dict):
            seed = SEEDS.deserialize(seed)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer, SeedGenerator, type(None))):
            raise ValueError(f"{type(self).__name__} needs an integer, a SeedGenerator or None for seed, "
                             f"and got {seed!r}.")  # fmt: skip
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_value(self.seed)}


@INITIALIZERS.register("normal")
class RandomNormal(RandomInitializer):
    """Normally distributed numbers (Keras 1: ``normal``, with ``scale`` for ``stddev``).

    >>> RandomNormal(seed=1)((2, 3)).shape
    torch.Size([2, 3])
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: SeedLike = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


@INITIALIZERS.register()
class TruncatedNormal(RandomNormal):
    """Normally distributed numbers, all within two ``stddev`` of the mean.

    >>> bool((TruncatedNormal(stddev=1.0)((1000,)).abs() <= 2).all())
    True
    """

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


@INITIALIZERS.register("uniform")
class RandomUniform(RandomInitializer):
    """Numbers between ``minval`` and ``maxval``, each as likely (Keras 1: ``uniform``, with ``scale`` for ``maxval``).

    >>> RandomUniform(0.0, 1.0, seed=1)((2, 3)).shape
    torch.Size([2, 3])
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: SeedLike = None) -> None:
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


@INITIALIZERS.register()
class VarianceScaling(RandomInitializer):
    """Random numbers with mean 0 and variance ``scale / n``; ``n`` counts the inputs or outputs of a unit.

    Arguments:
        scale: a positive number.
        mode: what ``n`` is: ``"fan_in"`` (inputs), ``"fan_out"`` (outputs) or ``"fan_avg"`` (their mean).
        distribution: ``"truncated_normal"`` (also called ``"normal"``), ``"untruncated_normal"`` or ``"uniform"``.
        seed: an integer, a ``SeedGenerator``, or ``None``.
        input_axes, output_axes: the axes of the weight that run over inputs and over outputs. By default the last but
            one and the last, each times the size of a convolution's window.

    Source: https://keras.io/api/layers/initializers/

    >>> values = VarianceScaling(2.0, distribution="uniform", seed=1)((200, 100))
    >>> bool(abs(values.var() - 2 / 200) < 0.001)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in",
        distribution: Literal["truncated_normal", "untruncated_normal", "uniform", "normal"] = "truncated_normal",
        seed: SeedLike = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(seed)
        if not scale > 0:
            raise ValueError(f"{type(self).__name__} needs a positive number for scale, and got {scale!r}.")
        _one_of(mode, ("fan_in", "fan_out", "fan_avg"), "mode", self)
        known = {"normal": "truncated_normal"}.get(distribution.lower(), distribution.lower())
        _one_of(known, ("truncated_normal", "untruncated_normal", "uniform"), "distribution", self)
        self.scale = scale
        self.mode = mode
        self.distribution = known
        self.input_axes = input_axes
        self.output_axes = output_axes

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        inputs, outputs = compute_fans(shape, self.input_axes, self.output_axes)
        count = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(1.0, count))
        if self.distribution == "uniform":
            limit = math.sqrt(3) * stddev
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, stddev, dtype, self.seed)
        return random.truncated_normal(shape, 0.0, stddev / TRUNCATED_STDDEV, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


def compute_fans(shape: Any, input_axes: Axes = None, output_axes: Axes = None) -> tuple[int, int]:
    """How many numbers of a weight lead into one unit, and how many lead out of one input.

    >>> compute_fans((3, 3, 16, 32)), compute_fans((8, 2, 4), input_axes=[0], output_axes=[1, 2])
    ((144, 288), (8, 8))
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


class _NamedScaling(VarianceScaling):
    """The base of those whose name says scale, mode and distribution."""

    scale: ClassVar[float]
    mode: ClassVar[str]
    distribution: ClassVar[str]

    def __init__(self, seed: SeedLike = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        RandomInitializer.__init__(self, seed)
        self.input_axes = input_axes
        self.output_axes = output_axes

    def get_config(self) -> dict[str, Any]:
        return {**RandomInitializer.get_config(self), "input_axes": self.input_axes, "output_axes": self.output_axes}


@INITIALIZERS.register()
class GlorotUniform(_NamedScaling):
    """Uniform with variance ``2 / (inputs + outputs)``: https://proceedings.mlr.press/v9/glorot10a.html

    >>> GlorotUniform()((3, 4)).shape
    torch.Size([3, 4])
    """

    scale, mode, distribution = 1.0, "fan_avg", "uniform"


@INITIALIZERS.register()
class GlorotNormal(_NamedScaling):
    """Truncated normal with variance ``2 / (inputs + outputs)``: https://proceedings.mlr.press/v9/glorot10a.html

    >>> GlorotNormal()((3, 4)).shape
    torch.Size([3, 4])
    """

    scale, mode, distribution = 1.0, "fan_avg", "truncated_normal"


@INITIALIZERS.register()
class HeUniform(_NamedScaling):
    """Uniform with variance ``2 / inputs``: https://arxiv.org/abs/1502.01852

    >>> HeUniform()((3, 4)).shape
    torch.Size([3, 4])
    """

    scale, mode, distribution = 2.0, "fan_in", "uniform"


@INITIALIZERS.register()
class HeNormal(_NamedScaling):
    """Truncated normal with variance ``2 / inputs``: https://arxiv.org/abs/1502.01852

    >>> HeNormal()((3, 4)).shape
    torch.Size([3, 4])
    """

    scale, mode, distribution = 2.0, "fan_in", "truncated_normal"


@INITIALIZERS.register()
class LecunUniform(_NamedScaling):
    """Uniform with variance ``1 / inputs``: https://arxiv.org/abs/1706.02515

    >>> LecunUniform()((3, 4)).shape
    torch.Size([3, 4])
    """

    scale, mode, distribution = 1.0, "fan_in", "uniform"


@INITIALIZERS.register()
class LecunNormal(_NamedScaling):
    """Truncated normal with variance ``1 / inputs``: https://arxiv.org/abs/1706.02515

    >>> LecunNormal()((3, 4)).shape
    torch.Size([3, 4])
    """

    scale, mode, distribution = 1.0, "fan_in", "truncated_normal"


@INITIALIZERS.register("OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """``gain`` times a random matrix whose rows or columns, whichever are fewer, are orthonormal.

    A weight of more than two axes is read as a matrix whose columns are its last axis.

    Arguments:
        gain: the length of those vectors (Keras 1: ``scale``, 1.1 by default).
        seed: an integer, a ``SeedGenerator``, or ``None``.

    Raises:
        ValueError: for a shape of fewer than two axes.

    Source: https://arxiv.org/abs/1312.6120

    >>> w = Orthogonal(seed=1)((3, 3))
    >>> torch.allclose(w @ w.t(), torch.eye(3), atol=1e-6)
    True
    """

    def __init__(self, gain: float = 1.0, seed: SeedLike = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal makes weights of at least 2 axes, and was asked for shape {tuple(shape)}.")
        wanted = as_dtype(dtype)
        work = wanted if wanted in FULL_FLOATS else torch.float32  # halves have no QR
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = torch.linalg.qr(random.normal((max(rows, columns), min(rows, columns)), dtype=work, seed=self.seed))
        q = q * torch.sign(torch.diagonal(r))  # QR fixes the signs; with them undone every rotation is as likely
        q = q.t() if rows < columns else q
        return (self.gain * q).reshape(tuple(shape)).to(wanted)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


def _one_of(value: Any, known: tuple[Any, ...], name: str, owner: Any) -> None:
    if value not in known:
        listed = ", ".join(repr(item) for item in known)
        hint = did_you_mean(value, [item for item in known if item]) if isinstance(value, str) else ""
        raise ValueError(f"{type(owner).__name__} takes {listed} for {name}, and got {value!r}.{hint}")


# What checkers and editors know of an argument like ``kernel_initializer``; any other string may be one of your own.
InitializerName = Literal[
    "constant", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal",
    "lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform", "stft", "truncated_normal",
    "variance_scaling", "zeros",
]  # fmt: skip
InitializerLike = InitializerName | str | Callable[..., Any] | Config | np.ndarray | np.generic | torch.Tensor | None

# ---- by name -------------------------------------------------------------------------------------------------------

zeros, ones, constant, identity, stft = Zeros, Ones, Constant, Identity, STFT
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal = VarianceScaling, Orthogonal
glorot_uniform, glorot_normal, he_uniform, he_normal = GlorotUniform, GlorotNormal, HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
# Older names of the same.
zero, one, normal, uniform = Zeros, Ones, RandomNormal, RandomUniform
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT


def get(identifier: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """An initializer from a name, a config, a class, an array of values, or a function ``f(shape, dtype=None)``.

    Raises:
        ValueError: for an unknown name, with the nearest known one.

    >>> get("zeros")((2,)), get(np.array([1.0, 2.0]))((2,))
    (tensor([0., 0.]), tensor([1., 2.]))
    """
    if isinstance(identifier, (np.ndarray, np.generic, torch.Tensor)):
        return GivenValues(identifier)
    return INITIALIZERS.get(identifier, custom_objects)


serialize = INITIALIZERS.serialize
deserialize = INITIALIZERS.deserialize
