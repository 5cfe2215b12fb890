"""Low-rank adaptation (LoRA): a frozen weight that is trained through the product of two thin matrices.

The layers' mathematics read ``self.kernel`` and know nothing of this. A layer that is adapted changes its class to one in
which that name is a property, as torch's own parametrizations do; a layer that is not pays nothing.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import torch

from lamina import initializers
from lamina.engine.arguments import number, positive_int
from lamina.engine.calling import who
from lamina.engine.construction import LayerMeta
from lamina.engine.devices import making_at
from lamina.engine.layer import Layer
from lamina.engine.weights import beside_the_file


class LowRank(Layer):
    """The base of layers with one large weight ``W`` that can be adapted: ``W + lora_alpha / lora_rank * (a @ b)``.

    ``W`` is frozen, and ``a`` and ``b``, which are small, are trained in its place. The attribute ``kernel`` (of embeddings,
    ``embeddings``) is then the sum; ``state_dict`` holds the three weights: ``kernel``, ``lora_kernel_a``,
    ``lora_kernel_b``. Keras's files hold the sum alone, so a layer that was loaded from one has zeros for ``a`` and ``b``.
    ``trainable = True`` thaws all weights, ``W`` too, as in Keras.

    Source: Hu et al. 2021, https://arxiv.org/abs/2106.09685
    """

    _adapts: ClassVar[str] = "kernel"  # the name of the weight
    lora_enabled: bool = False
    lora_rank: int | None
    lora_alpha: float | None

    def _settle_low_rank(self, rank: Any, alpha: Any) -> None:
        """The constructor's arguments; called after those of the weight are known."""
        self.lora_rank = positive_int(rank, "lora_rank", self) if rank else None
        self.lora_alpha = self.lora_rank if alpha is None else number(alpha, "lora_alpha", self)
        if self.lora_rank:
            self._check_adaptable()

    def _adapt_if_asked(self) -> None:
        """The end of ``build``, as far as the constructor's arguments are about this."""
        if self.lora_rank:
            self._adapt(self.lora_rank, self.lora_alpha, "he_uniform", "zeros")

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the layer's kernel (or embeddings), and train a product of two matrices that is added to it instead.

        A model that is compiled must be compiled again, since other weights are trained now.

        Arguments:
            rank: how many columns ``a`` and rows ``b`` has: the fewer, the less there is to train.
            lora_alpha: the product is multiplied by ``lora_alpha / rank``; by default by 1.
            a_initializer, b_initializer: how they start; by default so that the product is 0.

        Raises:
            ValueError: when the layer is not built, is adapted already, or has a constraint on the weight.

        Source: Hu et al. 2021, https://arxiv.org/abs/2106.09685

        >>> from lamina.layers import Dense
        >>> layer = Dense(10)
        >>> layer.build((None, 100))
        >>> layer.enable_lora(rank=4)
        >>> [tuple(weight.shape) for weight in layer.trainable_weights]
        [(10,), (100, 4), (4, 10)]
        """
        if self.lora_enabled:
            raise ValueError(f"{who(self)} already has low-rank weights, of rank {self.lora_rank}: enable_lora works once "
                             "per layer.")  # fmt: skip
        if not self.built or self._parameters.get(self._adapts) is None:
            raise ValueError(f"{who(self)} has no {self._adapts} to adapt, since it is not built: call it on data, or "
                             "build() it, before enable_lora, or give its constructor lora_rank.")  # fmt: skip
        self._check_adaptable()
        self._adapt(rank, lora_alpha, a_initializer, b_initializer)

    def _check_adaptable(self) -> None:
        """Refuse settings that do not go with low-rank weights."""
        constraint = f"{self._adapts}_constraint"
        if getattr(self, constraint) is not None:
            raise ValueError(f"{who(self)} can't keep to its {constraint} with low-rank weights, whose updates go around it: "
                             f"leave out either {constraint} or lora_rank.")  # fmt: skip

    def _adapt(self, rank: Any, alpha: Any, a_initializer: Any, b_initializer: Any) -> None:
        rank = positive_int(rank, "rank", self)
        alpha = rank if alpha is None else number(alpha, "lora_alpha", self)
        weight: Any = self._parameters[self._adapts]
        a, b = _names(self)
        regularizer = self._regularizers.get(self._adapts)
        try:
            # float32 whatever the layer's own type is: updates of these may be small.
            with beside_the_file(), making_at(weight.device):
                for name, shape, initializer in ((a, (*weight.shape[:-1], rank), a_initializer),
                                                 (b, (rank, weight.shape[-1]), b_initializer)):  # fmt: skip
                    self.add_weight(name=name, shape=shape, dtype="float32", regularizer=regularizer,
                                    initializer=initializers.get(initializer))  # fmt: skip
        except Exception:
            for name in (a, b):
                self._parameters.pop(name, None)
                self._regularizers.pop(name, None)
            raise
        weight.requires_grad_(False)
        weight.grad = None  # else torch.optim would go on applying it
        self._regularizers.pop(self._adapts, None)  # of a weight that stays as it is, a penalty would be a constant
        self.lora_rank, self.lora_alpha = rank, alpha
        this: Any = self
        this.__class__ = _adapted(type(self))

    # -- files and configs --

    def _kept_weights(self) -> list[torch.Tensor]:
        apart = [self._parameters[name] for name in _names(self)] if self.lora_enabled else []
        return [weight for weight in super()._kept_weights() if all(weight is not one for one in apart)]

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        if self.lora_enabled:  # a file holds the sum in the weight's place
            frozen = self._parameters[self._adapts]
            place = next(number for number, weight in enumerate(self._kept_weights()) if weight is frozen)
            store[str(place)] = getattr(self, self._adapts).detach()

    def _was_loaded(self) -> None:
        if self.lora_enabled:  # what was loaded has the product in it
            with torch.no_grad():
                for name in _names(self):
                    getattr(self, name).zero_()

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if not self.lora_rank:  # Keras writes the two only when they say something
            del config["lora_rank"], config["lora_alpha"]
        return config


def _names(layer: LowRank) -> tuple[str, str]:
    return f"lora_{layer._adapts}_a", f"lora_{layer._adapts}_b"


class _AdaptedMeta(LayerMeta):
    """``type(layer)(...)`` makes a layer of the class that was adapted: a new layer has nothing to adapt yet."""

    def __call__(cls: Any, *args: Any, **kwargs: Any) -> Any:
        return cls._adapted_from(*args, **kwargs)


@functools.cache
def _adapted(cls: type[LowRank]) -> type[LowRank]:
    """``cls`` whose large weight is read as the sum of itself and the low-rank product."""

    def effective(self: Any) -> torch.Tensor:
        a, b = _names(self)
        product = getattr(self, a) @ getattr(self, b)  # (*in, rank) x (rank, out) -> (*in, out)
        return (self._parameters[self._adapts] + self.lora_alpha / self.lora_rank * product).to(self._compute_dtype)

    def __reduce_ex__(self: Any, protocol: int) -> Any:  # copies and pickles know the class by the one it was made from
        return _unfilled, (cls,), self.__getstate__()

    return _AdaptedMeta(cls.__name__, (cls,), {
        "__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__,
        "__reduce_ex__": __reduce_ex__, "_adapted_from": cls, "_keras_class_name": cls._keras_class_name,
        "lora_enabled": True, cls._adapts: property(effective)})  # fmt: skip


def _unfilled(cls: type[LowRank]) -> Any:
    return object.__new__(_adapted(cls))
