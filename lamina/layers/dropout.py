"""Dropout: in training, some of the inputs become 0 and the others grow, so that their mean stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import torch

from lamina import random
from lamina.dtypes import PolicyLike
from lamina.engine.arguments import data_format_of, fraction
from lamina.engine.calling import who
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.engine.types import DataFormat, InputOptions, LayerOptions
from lamina.graph.symbolic import Shape
from lamina.regularizers import RegularizerLike


class RandomZeros(Layer):
    """``inputs * noise`` in training, where the noise is 0 with probability ``rate`` and ``1 / (1 - rate)`` elsewhere;
    the inputs themselves otherwise. The base of the dropout layers.

    Arguments:
        rate: the part of the inputs to set to 0, from 0 to 1 (Keras 1: ``p``).
        seed: where a stream of random numbers of the layer's own starts; by default torch's stream is used.
    """

    _is_built_at_once = True
    supports_masking = True

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.rate = fraction(rate, "rate", self)
        self.seed = seed
        self.seed_generator = None if seed is None else random.SeedGenerator(seed)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self.noise_shape_for(inputs), self.seed_generator)

    def noise_shape_for(self, inputs: torch.Tensor) -> Any:
        """The shape of the noise, with 1 where an axis shares it; ``None`` is the inputs' own."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@LAYERS.register()
class Dropout(RandomZeros):
    """In training, ``inputs`` with a random part ``rate`` set to 0 and the rest divided by ``1 - rate``.

    Arguments:
        rate: the part to set to 0, from 0 to 1 (Keras 1: ``p``).
        noise_shape: the shape in which 0 or not is drawn, which is then repeated over the inputs: ``(batch, 1,
            features)`` drops the same features at all steps. ``None`` in it is the inputs' own size.
        seed: where a stream of random numbers of the layer's own starts; by default torch's stream is used.

    Shape: any -> the same.

    Raises:
        ValueError: for a rate that is not from 0 to 1, and a noise_shape that can't be repeated over the inputs.

    Source: Srivastava et al., Dropout, https://jmlr.org/papers/v15/srivastava14a.html

    >>> layer = Dropout(0.5, seed=1)
    >>> layer(torch.ones(2))
    tensor([1., 1.])
    >>> sorted(set(layer(torch.ones(100), training=True).tolist()))
    [0.0, 2.0]
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = None if noise_shape is None else self._checked(noise_shape)

    def _checked(self, noise_shape: Any) -> tuple[int | None, ...]:
        sizes = tuple(noise_shape) if isinstance(noise_shape, (tuple, list)) else (0,)
        if any(
            size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1) for size in sizes
        ):
            raise ValueError(f"{who(self)} needs a tuple of positive integers and None for noise_shape, "
                             f"and got {noise_shape!r}.")  # fmt: skip
        return sizes

    def noise_shape_for(self, inputs: torch.Tensor) -> tuple[int, ...] | None:
        """The shape of the noise; ``None`` is the inputs' own."""
        if self.noise_shape is None:
            return None
        sizes = tuple(inputs.shape)
        shape = tuple(own if wanted is None else wanted for own, wanted in zip(sizes, self.noise_shape, strict=False))
        if len(self.noise_shape) != len(sizes) or any(n not in (1, own) for n, own in zip(shape, sizes, strict=True)):
            raise ValueError(f"{who(self)} has noise_shape {self.noise_shape}, which can't be repeated over inputs of "
                             f"shape {sizes}. None in it stands for the inputs' own size.")  # fmt: skip
        return shape


class _Options(InputOptions, total=False):
    trainable: bool
    autocast: bool
    activity_regularizer: RegularizerLike


class SpatialDropout(RandomZeros):
    """In training, a random part ``rate`` of the channels is set to 0 whole, the rest divided by ``1 - rate``.

    Neighbours in a feature map say nearly the same, so that to drop single ones would change little. The base of
    ``SpatialDropout1D`` to ``SpatialDropout3D``.

    Arguments:
        rate: the part of the channels to set to 0, from 0 to 1 (Keras 1: ``p``).
        data_format: ``"channels_last"`` or ``"channels_first"``; by default the program's ``image_data_format``, and in
            1D always ``"channels_last"`` (Keras 1: ``dim_ordering``).
        seed: where a stream of random numbers of the layer's own starts; by default torch's stream is used.

    Shape: ``(batch, *size, channels)`` -> the same.

    Raises:
        ValueError: for a rate that is not from 0 to 1.

    Source: Tompson et al., Efficient Object Localization Using Convolutional Networks, https://arxiv.org/abs/1411.4280
    """

    rank: ClassVar[int]

    def __init__(
        self,
        rate: float,
        data_format: DataFormat | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
        **kwargs: Unpack[_Options],
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = data_format_of(data_format, self)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def noise_shape_for(self, inputs: torch.Tensor) -> tuple[int, ...]:
        """One number for each channel of each sample."""
        ones = (1,) * self.rank
        if self.data_format == "channels_last":
            return (inputs.shape[0], *ones, inputs.shape[-1])
        return (inputs.shape[0], inputs.shape[1], *ones)

    def get_config(self) -> dict[str, Any]:
        # Keras writes these layers with fewer keys than others.
        return {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype,
                "data_format": self.data_format}  # fmt: skip


@LAYERS.register()
class SpatialDropout1D(SpatialDropout):
    """Drops whole channels of sequences. Arguments are :class:`SpatialDropout`'s without ``data_format``.

    Shape: ``(batch, steps, channels)`` -> the same.

    Source: https://keras.io/api/layers/regularization_layers/spatial_dropout1d/

    >>> dropped = SpatialDropout1D(0.5, seed=0)(torch.ones(1, 3, 8), training=True)
    >>> bool((dropped == dropped[:, :1]).all())
    True
    """

    rank = 1

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
        **kwargs: Unpack[_Options],
    ) -> None:
        super().__init__(rate, "channels_last", seed, name, dtype, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != "data_format"}


@LAYERS.register()
class SpatialDropout2D(SpatialDropout):
    """Drops whole channels of images. Arguments are :class:`SpatialDropout`'s.

    Shape: ``(batch, height, width, channels)`` -> the same.

    Source: https://keras.io/api/layers/regularization_layers/spatial_dropout2d/

    >>> SpatialDropout2D(0.5)(torch.ones(1, 4, 4, 8), training=True).shape
    torch.Size([1, 4, 4, 8])
    """

    rank = 2


@LAYERS.register()
class SpatialDropout3D(SpatialDropout):
    """Drops whole channels of volumes. Arguments are :class:`SpatialDropout`'s.

    Shape: ``(batch, depth, height, width, channels)`` -> the same.

    Source: https://keras.io/api/layers/regularization_layers/spatial_dropout3d/

    >>> SpatialDropout3D(0.5)(torch.ones(1, 4, 4, 4, 8), training=True).shape
    torch.Size([1, 4, 4, 4, 8])
    """

    rank = 3
