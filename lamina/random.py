"""Random numbers as ``keras.random`` draws them: without a seed from torch's global generator, else reproducibly.

``seed`` is, in every function here: ``None`` (follow ``torch.manual_seed``), an integer (the same numbers at every call)
or a :class:`SeedGenerator` (new numbers at every call, the same ones in every run).
"""

from __future__ import annotations

import math
import random as python_random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import library
from torch.nn import functional as F
from torch.overrides import handle_torch_function, has_torch_function_unary

from lamina.dtypes import FULL_FLOATS, as_dtype
from lamina.lasting import lasting
from lamina.naming import unique_name
from lamina.registry import Table

__all__ = [
    "SeedGenerator", "beta", "binomial", "categorical", "dropout", "gamma", "normal", "randint", "set_random_seed",
    "shuffle", "truncated_normal", "uniform",
]  # fmt: skip

SEEDS: Table[Any] = Table("seed generator", "keras.random")

_MASK = 0xFFFFFFFF
_ONE_DRAW = torch.tensor([0, 1], device="cpu")
_LEVELS = 1 << 16  # dropout compares 16 random bits per element: four elements for one 64-bit draw
_FEW = 1024  # elements, below which torch's dropout takes less time than the calls for those bits
_ROOT_2 = math.sqrt(2)


def _integer(seed: Any, owner: str) -> int:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ValueError(f"{owner} needs an integer for seed, and got {seed!r}.")
    return int(seed)


def set_random_seed(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch, so that a program's numbers repeat.

    Raises:
        ValueError: for a seed that is not a whole number from 0 to 2 ** 32 - 1, as NumPy needs it.

    >>> set_random_seed(7)
    >>> first = torch.rand(3)
    >>> set_random_seed(7)
    >>> torch.equal(first, torch.rand(3))
    True
    """
    seed = _integer(seed, "set_random_seed")
    if not 0 <= seed <= _MASK:
        raise ValueError(f"set_random_seed needs a seed from 0 to {_MASK}, and got {seed}.")
    python_random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@SEEDS.register()
class SeedGenerator:
    """A stream of seeds: the n-th draw from it gives the same numbers in every run.

    Its state, two whole numbers, is a tensor, so that copies go on where the original stands and compiled code can draw.

    Arguments:
        seed: an integer. With ``None``, drawing follows torch's global generator.
        name: what the generator is called; numbered by default.

    Source: https://keras.io/api/random/seed_generator/

    >>> seeds = SeedGenerator(42)
    >>> torch.equal(normal((2,), seed=seeds), normal((2,), seed=seeds))
    False
    >>> seeds.next().tolist()
    [42, 2]
    """

    @lasting
    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.seed = None if seed is None else _integer(seed, "SeedGenerator")
        self.name = unique_name("SeedGenerator") if name is None else name
        start = python_random.randint(1, 10**9) if self.seed is None else self.seed & _MASK
        self.state = torch.tensor([start, 0], device="cpu")

    def next(self, ordered: bool = True) -> torch.Tensor:
        """The state as it stands, ``[seed, number of draws]``; then move on.

        Arguments:
            ordered: whether to count draws. Otherwise the state jumps, as Keras's does for its global generator.
        """
        now = self.state.clone()
        self.state.copy_(now + _ONE_DRAW if ordered else (now + 1) * 5387 % 933199)
        return now

    def get_config(self) -> dict[str, Any]:
        """``{"seed": ..., "name": ...}``: enough to start the stream again."""
        return {"seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """A generator from what :meth:`get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"SeedGenerator(seed={self.seed}, name={self.name!r})"


# ---- drawing -------------------------------------------------------------------------------------------------------


def _state_of(seed: Any) -> torch.Tensor | None:
    """The state to draw from; ``None`` is torch's global generator."""
    if seed is None:
        return None
    if isinstance(seed, SeedGenerator):
        return None if seed.seed is None else seed.state
    if isinstance(seed, (int, np.integer)):
        return torch.tensor([int(seed) & _MASK, 0], device="cpu")
    raise ValueError(f"seed must be None, an integer or a SeedGenerator, and got {seed!r}.")


def _generator(state: torch.Tensor | None, device: torch.device) -> torch.Generator | None:
    """A generator for the next draw. Keras on torch seeds its own the same way, so most numbers are equal to Keras's."""
    if state is None or device.type == "meta":  # shapes only: the stream stays where it is
        return None
    start, count = state.tolist()
    state.add_(_ONE_DRAW)
    return torch.Generator(device).manual_seed((start + count) & _MASK)


def _fill(blank: torch.Tensor, method: str, args: Sequence[float], generator: torch.Generator | None) -> None:
    if method == "random_":  # in whole numbers; by default all 64 bits, which torch asks for with an open end
        low, high = (int(arg) for arg in args) if args else (-(2**63), None)
        blank.random_(low, high, generator=generator)
    else:
        getattr(blank, method)(*args, generator=generator)


@library.custom_op("lamina::draw", mutates_args=("state", "blank"))
def _fill_in_graph(state: torch.Tensor, blank: torch.Tensor, method: str, args: Sequence[float]) -> None:
    """A seeded draw as one opaque call: ``torch.compile`` can't trace generators."""
    _fill(blank, method, args, _generator(state, blank.device))


@_fill_in_graph.register_fake
def _(state: Any, blank: Any, method: Any, args: Any) -> None:
    """Shapes are known without drawing."""


def _draw(method: str, args: tuple[float, ...], shape: Any, dtype: torch.dtype, device: Any, seed: Any) -> torch.Tensor:
    """New numbers from one of torch's in-place samplers: ``normal_``, ``uniform_`` or ``random_``."""
    state = _state_of(seed)
    blank = torch.empty(tuple(shape), dtype=dtype, device=device)
    if state is not None and torch.compiler.is_compiling():
        _fill_in_graph(state, blank, method, [float(arg) for arg in args])
    else:
        _fill(blank, method, args, _generator(state, blank.device))
    return blank


def _float_dtype(dtype: Any, function: str) -> torch.dtype:
    wanted = as_dtype(dtype)
    if not wanted.is_floating_point:
        raise ValueError(f"random.{function} draws fractions and needs a float dtype, and got {dtype!r}.")
    return wanted


# ---- distributions -------------------------------------------------------------------------------------------------


def normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None, device: Any = None
) -> torch.Tensor:
    """Numbers of a normal distribution. ``device`` is torch's default one unless it is given.

    Source: https://keras.io/api/random/random_ops/

    >>> normal((2, 3), seed=1).shape
    torch.Size([2, 3])
    """
    return _draw("normal_", (mean, stddev), shape, _float_dtype(dtype, "normal"), device, seed)


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None, device: Any = None
) -> torch.Tensor:
    """Numbers of a normal distribution, all within two ``stddev`` of the mean (so their deviation is 0.8796 ``stddev``).

    ``mean + stddev * sqrt(2) * erfinv(u)`` with ``u`` uniform between ``-erf(sqrt(2))`` and ``erf(sqrt(2))``.

    >>> bool((truncated_normal((1000,), seed=1).abs() <= 2).all())
    True
    """
    wanted = _float_dtype(dtype, "truncated_normal")
    work = wanted if wanted in FULL_FLOATS else torch.float32  # erfinv needs the digits
    reach = math.erf(_ROOT_2)
    values = _draw("uniform_", (-reach, reach), shape, work, device, seed)
    return values.erfinv_().mul_(_ROOT_2).clamp_(-2, 2).mul_(stddev).add_(mean).to(wanted)


def uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None, device: Any = None
) -> torch.Tensor:
    """Numbers from ``minval`` up to, but not including, ``maxval``, each as likely.

    >>> uniform((2, 3), seed=1).shape
    torch.Size([2, 3])
    """
    return _draw("uniform_", (minval, maxval), shape, _float_dtype(dtype, "uniform"), device, seed)


def randint(
    shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None, device: Any = None
) -> torch.Tensor:
    """Whole numbers from ``minval`` up to, but not including, ``maxval``.

    >>> sorted(set(randint((1000,), 0, 3, seed=1).tolist()))
    [0, 1, 2]
    """
    wanted = as_dtype(dtype)
    if wanted.is_floating_point or wanted.is_complex or wanted is torch.bool:
        raise ValueError(f"random.randint draws whole numbers and needs an integer dtype, and got {dtype!r}.")
    if not minval < maxval:
        raise ValueError(f"random.randint needs minval below maxval, and got {minval} and {maxval}.")
    if _state_of(seed) is None and torch.compiler.is_compiling():  # a compiler knows this form only
        return torch.randint(minval, maxval, tuple(shape), dtype=wanted, device=device)
    return _draw("random_", (minval, maxval), shape, wanted, device, seed)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> torch.Tensor:
    """Class numbers, drawn for each row with probabilities ``softmax(logits)``.

    Shape: ``(batch, classes) -> (batch, num_samples)``.

    >>> categorical(torch.tensor([[0.0, 100.0]]), 4).tolist()
    [[1, 1, 1, 1]]
    """
    if not isinstance(logits, torch.Tensor) and not has_torch_function_unary(logits):
        logits = torch.as_tensor(logits)
    if len(logits.shape) != 2:
        raise ValueError(f"random.categorical needs logits (batch, classes), and got shape {tuple(logits.shape)}.")
    if has_torch_function_unary(logits):
        return handle_torch_function(categorical, (logits,), logits, num_samples, dtype=dtype, seed=seed)
    generator = _generator(_state_of(seed), logits.device)
    probabilities = torch.softmax(logits, dim=-1)
    return torch.multinomial(probabilities, num_samples, replacement=True, generator=generator).to(as_dtype(dtype))


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Numbers of a gamma distribution with shape ``alpha`` and scale 1.

    >>> bool((gamma((100,), 2.0, seed=1) > 0).all())
    True
    """
    wanted = _float_dtype(dtype, "gamma")
    [alpha] = _parameters(shape, wanted, alpha)
    generator = _generator(_state_of(seed), alpha.device)
    return torch._standard_gamma(alpha, generator=generator).to(wanted)  # pyright: ignore[reportPrivateImportUsage]


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """How many of ``counts`` trials succeed, each with probability ``probabilities``.

    >>> binomial((3,), 10, 1.0)
    tensor([10., 10., 10.])
    """
    wanted = _float_dtype(dtype, "binomial")
    counts, probabilities = _parameters(shape, wanted, counts, probabilities)
    return torch.binomial(counts, probabilities, generator=_generator(_state_of(seed), counts.device)).to(wanted)


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Numbers from 0 to 1 of a beta distribution with parameters ``alpha`` and ``beta``.

    >>> values = beta((100,), 2.0, 3.0, seed=1)
    >>> bool(((values > 0) & (values < 1)).all())
    True
    """
    wanted = _float_dtype(dtype, "beta")
    both = torch.stack(_parameters(shape, wanted, alpha, beta), dim=-1)
    generator = _generator(_state_of(seed), both.device)
    pairs = torch._sample_dirichlet(both, generator=generator)  # pyright: ignore[reportPrivateImportUsage]
    return pairs[..., 0].to(wanted)


def _parameters(shape: Any, dtype: torch.dtype, *values: Any) -> list[torch.Tensor]:
    work = dtype if dtype in FULL_FLOATS else torch.float32  # samplers have no smaller kernels
    return [torch.as_tensor(value, dtype=work).broadcast_to(tuple(shape)).contiguous() for value in values]


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> torch.Tensor:
    """``x`` with its slices along ``axis`` in a random order.

    >>> sorted(shuffle(torch.arange(5)).tolist())
    [0, 1, 2, 3, 4]
    """
    if has_torch_function_unary(x):
        return handle_torch_function(shuffle, (x,), x, axis=axis, seed=seed)
    x = torch.as_tensor(x)
    keys = _draw("uniform_", (0.0, 1.0), (x.shape[axis],), torch.float32, x.device, seed)
    return x.index_select(axis, keys.argsort())


# ---- dropout -------------------------------------------------------------------------------------------------------


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """A fraction ``rate`` of the elements, chosen at random, becomes 0; the others are divided by ``1 - rate``.

    Arguments:
        noise_shape: the shape in which elements are chosen, 1 where they go together; ``None`` inside it is the input's
            size, and ``None`` all of the input's sizes.

    Raises:
        ValueError: for a rate below 0 or above 1.

    >>> dropout(torch.ones(4), 0.5, seed=2).unique().tolist()
    [0.0, 2.0]
    """
    if has_torch_function_unary(inputs):
        return handle_torch_function(dropout, (inputs,), inputs, rate, noise_shape=noise_shape, seed=seed)
    if not 0 <= rate <= 1:
        raise ValueError(f"random.dropout needs a rate from 0 to 1, and got {rate!r}.")
    if rate == 0:
        return inputs
    shape = inputs.shape if noise_shape is None else _noise_shape(inputs.shape, noise_shape)
    device = inputs.device
    if _state_of(seed) is None and (torch.compiler.is_compiling() or device.type != "cpu" or math.prod(shape) < _FEW):
        # A compiler or a GPU makes one kernel of torch's own dropout, and small tensors are done by one call.
        if noise_shape is None:
            return F.dropout(inputs, rate, training=True)
        return inputs * F.dropout(torch.ones(shape, dtype=inputs.dtype, device=device), rate, training=True)
    return inputs * _noise(shape, rate, inputs, seed)


def _noise_shape(shape: Any, asked: Any) -> tuple[int, ...]:
    if len(asked) != len(shape):
        raise ValueError(f"random.dropout needs one noise size per axis of its input, shape {tuple(shape)}, and got "
                         f"{tuple(asked)}.")  # fmt: skip
    return tuple(size if wish is None else wish for size, wish in zip(shape, asked, strict=True))


def _noise(shape: Any, rate: float, inputs: torch.Tensor, seed: Any) -> torch.Tensor:
    """0 with probability ``rate``, else ``1 / (1 - rate)``. Much faster than torch's Bernoulli sampler on CPUs."""
    dtype = inputs.dtype if inputs.is_floating_point() else as_dtype(None)
    kept = round((1 - rate) * _LEVELS)
    if kept in (0, _LEVELS):
        return torch.full(shape, kept / _LEVELS, dtype=dtype, device=inputs.device)
    count = math.prod(shape)
    bits = _draw("random_", (), ((count + 3) // 4,), torch.int64, inputs.device, seed)
    noise = torch.empty(shape, dtype=dtype, device=inputs.device)
    # Straight into fractions: by way of booleans it takes three times as long.
    torch.lt(bits.view(torch.int16)[:count].view(shape), kept - _LEVELS // 2, out=noise)
    return noise.mul_(_LEVELS / kept)
