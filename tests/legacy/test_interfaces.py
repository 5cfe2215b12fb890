"""keras.legacy.interfaces: decorators that packages put on their own layers and optimizers."""

from __future__ import annotations

import numpy as np

from lamina import as_keras
from lamina.legacy import interfaces


def test_a_layer_and_an_optimizer_of_a_package():
    with as_keras("keras2"):
        from keras.layers import Dense
        from keras.legacy.interfaces import legacy_dense_support, legacy_get_updates_support
        from keras.optimizers import SGD

        class LegacyDense(Dense):
            @legacy_dense_support
            def __init__(self, units: int, **kwargs: object) -> None:
                super().__init__(units, **kwargs)

        class LegacySGD(SGD):
            @legacy_get_updates_support
            def own(self) -> int:
                return 1

        layer = LegacyDense(3, init="one")
        assert np.asarray(layer(np.ones((1, 2), "float32")).detach()).tolist() == [[2.0, 2.0, 2.0]]
        assert LegacySGD().own() == 1


def test_all_are_decorators():
    def function() -> None: ...

    for name in set(interfaces.__all__) - {"generate_legacy_interface"}:
        assert getattr(interfaces, name)(function) is function
    assert interfaces.generate_legacy_interface(allowed_positional_args=["units"], conversions=[])(function) is function
