"""The classes that Keras 2 built its layers on: ``isinstance(layer, _Pooling2D)``, ``class Capsules(_Conv)``.

Each stands for one of lamina, which the layers that lamina makes are instances of.
"""

from __future__ import annotations

from typing import Any

from lamina.layers.convolutional import Conv
from lamina.layers.merge import Merge as _Merge
from lamina.layers.pooling import GlobalPool, Pool

__all__ = ["_Conv", "_GlobalPooling1D", "_GlobalPooling2D", "_GlobalPooling3D", "_Merge", "_Pooling1D", "_Pooling2D",
           "_Pooling3D"]  # fmt: skip


class _Base(type(Conv)):
    """The type of the classes here: lamina's layers of as many axes count as made from them."""

    stands_for: type

    def __instancecheck__(cls, instance: Any) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __subclasscheck__(cls, subclass: type) -> bool:
        if super().__subclasscheck__(subclass) or cls.__module__ != __name__:  # a user's class, which is nobody else's
            return super().__subclasscheck__(subclass)
        rank = vars(cls).get("rank")
        return issubclass(subclass, cls.stands_for) and rank in (None, getattr(subclass, "rank", None))


class _Conv(Conv, metaclass=_Base):
    """A convolution over ``rank`` axes."""

    stands_for = Conv

    def __init__(self, rank: int, filters: Any, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        object.__setattr__(self, "rank", rank)  # which the classes of lamina have of their own
        super().__init__(filters, kernel_size, *args, **kwargs)


class _Pools(Pool):
    """Pools by the function that a class of the user's has."""

    stands_for = Pool

    def call(self, inputs: Any) -> Any:
        return self._pooling_function(
            inputs=inputs, pool_size=self.pool_size, strides=self.strides, padding=self.padding, data_format=self.data_format
        )  # fmt: skip

    def _pooling_function(self, inputs: Any, pool_size: Any, strides: Any, padding: Any, data_format: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a _pooling_function, which pools its inputs.")


class _Pooling1D(_Pools, metaclass=_Base):
    rank = 1


class _Pooling2D(_Pools, metaclass=_Base):
    rank = 2


class _Pooling3D(_Pools, metaclass=_Base):
    rank = 3


class _GlobalPooling1D(GlobalPool, metaclass=_Base):
    rank, stands_for = 1, GlobalPool


class _GlobalPooling2D(GlobalPool, metaclass=_Base):
    rank, stands_for = 2, GlobalPool


class _GlobalPooling3D(GlobalPool, metaclass=_Base):
    rank, stands_for = 3, GlobalPool
