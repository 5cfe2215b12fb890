"""Configs of other generations: which one wrote a config, and what stands in it that today's reader must not see.

What the words of a config mean is not known here but in the tables of ``lamina.dialects``: a config is read with its own
generation's dialect active, so that constructors translate it as they translate a script of that age.
"""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

from lamina.dialects import collecting, using_dialect
from lamina.saving.tf_operations import as_operation, is_tf_operation
from lamina.tracebacks import users_level

# The first version of each dialect, newest first. tf.keras called itself 2.2.4-tf before it counted as TensorFlow does.
_DIALECTS = (((3,), None), ((2, 4), "tf_keras"), ((2, 3), "keras2.3"), ((2,), "keras2"), ((0,), "keras1"))
# What only Keras 1 wrote into configs.
KERAS1_WORDS = frozenset({"output_dim", "nb_filter", "border_mode", "p", "W_regularizer", "init", "batch_input_dtype"})


def dialect_of(version: Any, config: Any) -> str | None:
    """The dialect of a config: by the version of Keras that a file names, else by what the config has.

    >>> dialect_of("2.2.4", {}), dialect_of("2.2.4-tf", {}), dialect_of("3.15.1", {})
    ('keras2', 'tf_keras', None)
    >>> dialect_of(None, {"class_name": "Dense", "config": {"output_dim": 3}})
    'keras1'
    """
    if isinstance(version, str) and re.match(r"\d+(\.\d+)*", version):
        if version.endswith("-tf"):
            return "tf_keras"
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        return next(dialect for first, dialect in _DIALECTS if numbers >= first)
    # Keras 1, 2 and tf.keras name their version in JSON and files; Keras 3's JSON does not.
    parts = list(_objects(config))
    keys = {key for part in parts for key in part}
    if any(str(part.get("module")).startswith("tf_keras") for part in parts):
        return "tf_keras"
    if "module" in keys:
        return None
    if keys & KERAS1_WORDS and "units" not in keys:
        return "keras1"
    return "keras2" if "batch_input_shape" in keys else None


@contextlib.contextmanager
def in_words_of(dialect: str | None, where: str) -> Iterator[None]:
    """Inside, constructors take a file's words as its generation meant them. Arguments that say nothing any more are named
    once for the whole file: those that change something in a warning, the others in the log (``logging``'s ``"lamina"``)."""
    with using_dialect(dialect), collecting() as left_out:
        yield
    told = dict.fromkeys(f"{name} got {argument}={value!r:.80}: {sentence}"
                         for name, argument, value, sentence in left_out if sentence)  # fmt: skip
    if told:
        warnings.warn(f"{where}: {' '.join(told)}", stacklevel=users_level())
    silent: dict[str, dict[str, None]] = {}
    for name, argument, value, sentence in left_out:
        if not sentence:
            silent.setdefault(f"{argument}={value!r:.80}", {})[name] = None
    if silent:
        listed = ", ".join(f"{argument} ({', '.join(names)})" for argument, names in silent.items())
        logging.getLogger("lamina").info("%s: left out, since they say nothing any more: %s.", where, listed)


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary in a config."""
    pending = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending += item.values()
        elif isinstance(item, list):
            pending += item


def check_stated_shapes(model: Any, config: Any) -> None:
    """Refuse a model whose transposed convolutions give other shapes than its config of Keras 1 states: there the shape was an
    argument, and with strides several fit one input.

    Raises:
        ValueError: naming the layer and both shapes.
    """
    stated = {inner.get("name"): inner["output_shape"] for part in _objects(config)
              if str(part.get("class_name")).startswith("Deconv") and isinstance(inner := part.get("config"), dict)
              and isinstance(inner.get("output_shape"), list)}  # fmt: skip
    for layer in model.layers if stated else ():
        wanted, given = stated.get(layer.name), getattr(layer, "output_shape", None)
        if wanted is None or not isinstance(given, tuple):
            continue
        sizes = list(zip(wanted[1:], given[1:], strict=False))
        if len(wanted) != len(given) or any(one != other for one, other in sizes if None not in (one, other)):
            who = f"{type(layer).__name__} {layer.name!r}"
            raise ValueError(f"The file says that {who} gives {tuple(wanted)}, and here it gives {given}, which follows from "
                             "its input alone.")  # fmt: skip


def in_todays_form(config: Any) -> Any:
    """A config of Keras 1, 2 or tf.keras without what today's reader would misread, as a new structure.

    Layers of those generations are built by their calls, so what tf.keras notes beside them (``build_config``, in its own
    words) is left out; TensorFlow's functions among the layers become Keras 3's operations.
    """
    if isinstance(config, list):
        return [in_todays_form(item) for item in config]
    if not isinstance(config, dict):
        return config
    if is_tf_operation(config):
        return as_operation(config)
    read = {
        key: in_todays_form(value) for key, value in config.items() if key not in ("build_config", "shared_object_id")
    }
    for key in ("input_layers", "output_layers"):  # one tensor was a list of one, too
        places = read.get(key)
        if isinstance(places, list) and len(places) == 1 and isinstance(places[0], list):
            read[key] = places[0]
    return read
