"""Keras's ``keras.utils.legacy``: objects to and from the short configs of Keras 1 and 2."""

from lamina.legacy.saving import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize_keras_object", "serialize_keras_object"]
