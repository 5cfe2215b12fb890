"""What a model does with files; the formats are in ``lamina.saving``."""

from __future__ import annotations

import json
import os
from typing import Any, cast

from lamina import saving
from lamina.dialects import any_spelling
from lamina.saving import keras_zip
from lamina.saving.yaml_text import write_yaml


class FileMethods:
    """The part of a model that saves it, and loads weights."""

    @any_spelling("Model.save")
    def save(
        self, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None, *,
        include_optimizer: bool = True, save_format: str | None = None, save_traces: bool = True,
    ) -> None:  # fmt: skip
        """Save how the model is made, its weights and how it trains: to a ``.keras`` file, or to the ``.h5`` of Keras 2 and
        tf.keras. See :func:`lamina.saving.save_model`, also for names without an ending, ``include_optimizer`` and
        ``save_format``.

        The file is written beside and then renamed, so a crash leaves the one that was there.
        """
        saving.save_model(cast(Any, self), filepath=filepath, overwrite=overwrite, zipped=zipped, save_traces=save_traces,
                          include_optimizer=include_optimizer, save_format=save_format)  # fmt: skip

    @any_spelling("Model.save_weights")
    def save_weights(
        self, filepath: str | os.PathLike[str], overwrite: bool = True, max_shard_size: float | None = None,
        *, save_format: str | None = None,
    ) -> None:  # fmt: skip
        """Save the weights: to ``.weights.h5`` and, in pieces, ``.weights.json`` in Keras 3's layout, to ``.safetensors``,
        ``.npz`` and ``.pt``, to any other name in the layout of Keras 1, 2 and tf.keras. See
        :func:`lamina.saving.save_weights`."""
        saving.save_weights(cast(Any, self), filepath=filepath, overwrite=overwrite, max_shard_size=max_shard_size,
                            save_format=save_format)  # fmt: skip

    @any_spelling("Model.load_weights")
    def load_weights(
        self, filepath: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False
    ) -> None:
        """Set the weights from a file of any generation; nothing changes when one does not fit.

        Arguments:
            filepath: ``.weights.h5``, ``.weights.json``, ``.h5`` of weights or of a whole model, ``.keras``, ``.safetensors``,
                ``.npz``, or torch's file of a ``state_dict``.
            skip_mismatch: leave the weights of layers that do not fit as they are, with a warning.
            by_name: match layers by name, and leave those without a namesake alone (``.h5`` of Keras 1, 2, tf.keras).
        """
        saving.load_weights(self, filepath, skip_mismatch, by_name)

    def to_json(self, **options: Any) -> str:
        """How the model is made and compiled, as Keras 3's JSON; ``lamina.models.model_from_json`` reads it."""
        return keras_zip.to_json(self, **options)

    def to_yaml(self, **options: Any) -> str:
        """How the model is made and compiled, as :meth:`to_json` says it, in YAML; ``lamina.models.model_from_yaml`` reads it.
        ``options`` are those of ``yaml.safe_dump``."""
        return write_yaml(json.loads(keras_zip.to_json(self)), **options)
