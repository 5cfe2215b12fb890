"""Keras 2's ``keras.legacy.interfaces``: decorators by which layers and optimizers of packages took Keras 1's arguments.

Layers and optimizers of lamina take the words of every generation by themselves, those that are subclassed, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = [
    "generate_legacy_interface", "legacy_add_weight_support", "legacy_batchnorm_support", "legacy_conv1d_support",
    "legacy_conv2d_support", "legacy_conv3d_support", "legacy_convlstm2d_support", "legacy_cropping2d_support",
    "legacy_cropping3d_support", "legacy_deconv2d_support", "legacy_dense_support", "legacy_dropout_support",
    "legacy_embedding_support", "legacy_gaussiandropout_support", "legacy_gaussiannoise_support",
    "legacy_generator_methods_support", "legacy_get_updates_support", "legacy_global_pooling_support",
    "legacy_input_support", "legacy_lambda_support", "legacy_model_constructor_support", "legacy_pooling1d_support",
    "legacy_pooling2d_support", "legacy_pooling3d_support", "legacy_prelu_support", "legacy_recurrent_support",
    "legacy_separable_conv2d_support", "legacy_spatialdropout1d_support", "legacy_upsampling1d_support",
    "legacy_upsampling2d_support", "legacy_upsampling3d_support", "legacy_zeropadding2d_support",
    "legacy_zeropadding3d_support",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])


def _as_it_is(func: F) -> F:
    """A decorator that changes nothing."""
    return func


def generate_legacy_interface(
    allowed_positional_args: Any = None, conversions: Any = None, preprocessor: Any = None, value_conversions: Any = None,
    object_type: str = "class",
) -> Callable[[F], F]:  # fmt: skip
    """A decorator like the others; what Keras 2 was told to translate is translated in any case."""
    return _as_it_is


legacy_add_weight_support = _as_it_is
legacy_batchnorm_support = _as_it_is
legacy_conv1d_support = _as_it_is
legacy_conv2d_support = _as_it_is
legacy_conv3d_support = _as_it_is
legacy_convlstm2d_support = _as_it_is
legacy_cropping2d_support = _as_it_is
legacy_cropping3d_support = _as_it_is
legacy_deconv2d_support = _as_it_is
legacy_dense_support = _as_it_is
legacy_dropout_support = _as_it_is
legacy_embedding_support = _as_it_is
legacy_gaussiandropout_support = _as_it_is
legacy_gaussiannoise_support = _as_it_is
legacy_generator_methods_support = _as_it_is
legacy_get_updates_support = _as_it_is
legacy_global_pooling_support = _as_it_is
legacy_input_support = _as_it_is
legacy_lambda_support = _as_it_is
legacy_model_constructor_support = _as_it_is
legacy_pooling1d_support = _as_it_is
legacy_pooling2d_support = _as_it_is
legacy_pooling3d_support = _as_it_is
legacy_prelu_support = _as_it_is
legacy_recurrent_support = _as_it_is
legacy_separable_conv2d_support = _as_it_is
legacy_spatialdropout1d_support = _as_it_is
legacy_upsampling1d_support = _as_it_is
legacy_upsampling2d_support = _as_it_is
legacy_upsampling3d_support = _as_it_is
legacy_zeropadding2d_support = _as_it_is
legacy_zeropadding3d_support = _as_it_is
