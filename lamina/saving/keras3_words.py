"""What files in Keras 3's format say of models that compute as older Keras did: its words where it has any, lamina's beside
them where it has none, and what a reader other than lamina would miss."""

from __future__ import annotations

from typing import Any

from lamina.registry import FunctionConfig

Config = dict[str, Any]

OWN = "lamina"  # the key, beside an object's config, of settings that Keras 3 has no argument for
# Layers that Keras 3 does not have.
_LACKING = frozenset({"AddLoss", "AddMetric", "ConvLSTM2DCell", "ConvRecurrent2D", "Highway", "LocallyConnected1D",
                      "LocallyConnected2D", "MaxoutDense", "ParametricSoftplus", "RandomFourierFeatures", "Recurrent",
                      "SReLU"})  # fmt: skip
# A layer that Keras 3 has under another name: that, and what the argument is called there.
_RENAMED = {"ThresholdedReLU": ("ReLU", "theta", "threshold")}
# Settings that only change how a model trains.
_TRAINED = {"BatchNormalization": ("variance_correction", "frozen_statistics", "debiases")}
_OF_ANY_LAYER = ("sums_activity",)
_OF_OPTIMIZERS = ("decay", "schedule_decay", "epsilon_outside")
# clip(0.2 x + 0.5, 0, 1), which is another function than Keras 3's hard_sigmoid: as a model of its layers.
_HARD_SIGMOID = "hard_sigmoid_keras2"
_STEPS = (("Rescaling", {"scale": 0.2, "offset": 0.5}), ("ReLU", {"max_value": 1.0}))


class Missing:
    """What Keras 3 would miss of a model, in words.

    Attributes:
        cannot: why it can't open the model.
        otherwise: what it trains in another way, and the names of the layers.
    """

    def __init__(self) -> None:
        self.cannot: list[str] = []
        self.otherwise: dict[str, list[str]] = {}

    def sentence(self) -> str | None:
        """What to warn of."""
        if self.cannot:
            return f"Only lamina can open this, not Keras 3: {_listed(self.cannot)}."
        if self.otherwise:
            return (f"Keras 3 gives the same answers, but trains otherwise: {self._grouped()}. lamina goes on as "
                    "before.")  # fmt: skip
        return None

    def _grouped(self) -> str:
        def names_in(names: list[str]) -> str:
            return (
                f" ({', '.join(names[:3])}{f', {len(names) - 3} more' if len(names) > 3 else ''})" if any(names) else ""
            )

        return "; ".join(reason + names_in(names) for reason, names in self.otherwise.items())


def _listed(reasons: list[str]) -> str:
    once = list(dict.fromkeys(reasons))
    return "; ".join(once[:8]) + (f"; {len(once) - 8} more" if len(once) > 8 else "")


def in_keras3_words(config: Any, missing: Missing) -> Any:
    """A config of lamina's as Keras 3 reads it, with what that lacks beside it; ``missing`` is told what that is."""
    if isinstance(config, FunctionConfig):
        return config
    if isinstance(config, (list, tuple)):
        return [in_keras3_words(item, missing) for item in config]
    if not isinstance(config, dict):
        return config
    written = {key: _composed() if _is_hard_sigmoid(key, value) else in_keras3_words(value, missing)
               for key, value in config.items()}  # fmt: skip
    name, inner = written.get("class_name"), written.get("config")
    if isinstance(name, str) and isinstance(inner, dict) and str(written.get("module")).startswith("keras"):
        _note(name, written, inner, missing)
        if name in _RENAMED:
            written["class_name"], old, new = _RENAMED[name]
            inner[new] = inner.pop(old)
            return written | {OWN: {"class_name": name}}
        own = {key: inner.pop(key) for key in _trained(name) if key in inner}
        if own:
            written[OWN] = own
    return written


def _trained(class_name: str) -> tuple[str, ...]:
    return (*_TRAINED.get(class_name, ()), *_OF_ANY_LAYER)


def _beside(name: str, inner: Config) -> tuple[str, ...]:
    """What stands beside an object's config, where it is there."""
    return _OF_OPTIMIZERS if "learning_rate" in inner else _TRAINED.get(name, ())


def _is_hard_sigmoid(key: str, value: Any) -> bool:
    return value == _HARD_SIGMOID and key.endswith("activation")


def _composed() -> Config:
    steps = [{"module": "keras.layers", "class_name": name, "config": settings, "registered_name": None}
             for name, settings in _STEPS]  # fmt: skip
    return {"module": "keras", "class_name": "Sequential", "config": {"name": _HARD_SIGMOID, "layers": steps},
            "registered_name": None}  # fmt: skip


def _note(name: str, written: Config, inner: Config, missing: Missing) -> None:
    who = f"{name} {inner.get('name', '')!r}"
    if name in _LACKING:
        missing.cannot.append(f"it has no {name} ({inner.get('name')!r})")
    if "/" in str(inner.get("name", "")) and "learning_rate" not in inner:
        missing.cannot.append(f"the name of {who} has a '/'")
    shape = (written.get("build_config") or {}).get("input_shape")
    for key in _trained(name):
        asleep = (key == "frozen_statistics" and inner.get("trainable", True)) or (
            inner.get(key) == "images" and isinstance(shape, list) and len(shape) not in (4, 5))  # fmt: skip
        if key in inner and not asleep:
            missing.otherwise.setdefault(f"{name} has {key}={inner[key]!r}", []).append(repr(inner.get("name", "")))
    for key in _OF_OPTIMIZERS:
        if "learning_rate" in inner and inner.get(key):
            hint = ", in place of which Keras 3 has InverseTimeDecay" if key == "decay" else ""
            missing.otherwise[f"{name} has {key}={inner[key]!r}{hint}"] = []


def in_laminas_words(config: Any) -> Any:
    """A config of Keras 3's with what :func:`in_keras3_words` wrote in its words, or beside them, in lamina's."""
    if isinstance(config, list):
        return [in_laminas_words(item) for item in config]
    if not isinstance(config, dict):
        return config
    if _is_composed(config):
        return _HARD_SIGMOID
    read = {key: in_laminas_words(value) for key, value in config.items() if key != OWN}
    own: Any = config.get(OWN)
    inner = read.get("config")
    known = _trained(str(config.get("class_name")))
    renamed = _RENAMED.get(str(own.get("class_name"))) if isinstance(own, dict) and len(own) == 1 else None
    if renamed and isinstance(inner, dict) and config.get("class_name") == renamed[0] and renamed[2] in inner:
        read["class_name"] = own["class_name"]
        read["config"] = {key: value for key, value in inner.items() if key not in ("max_value", "negative_slope")}
        read["config"][renamed[1]] = read["config"].pop(renamed[2])
    elif isinstance(own, dict) and isinstance(inner, dict) and set(own) <= set(known):
        read["config"] = inner | own
    elif OWN in config:
        read[OWN] = own  # which the reader of objects refuses
    return read


def _is_composed(config: Config) -> bool:
    """Whether this is the model that stands for the hard sigmoid; Keras 3 adds an input and its defaults to the layers."""
    inner = config.get("config")
    if config.get("class_name") != "Sequential" or not isinstance(inner, dict) or inner.get("name") != _HARD_SIGMOID:
        return False
    given = inner.get("layers")
    steps = [step for step in given if isinstance(step, dict) and step.get("class_name") != "InputLayer"] if isinstance(
        given, list) else []  # fmt: skip
    if [step.get("class_name") for step in steps] != [name for name, _ in _STEPS]:
        return False
    return all(isinstance(step.get("config"), dict) and settings.items() <= step["config"].items()
               for step, (_, settings) in zip(steps, _STEPS, strict=True))  # fmt: skip
