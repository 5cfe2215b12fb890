"""The settings of a whole program: Keras's ``floatx``, ``epsilon``, ``image_data_format`` and switches, device and language.

Keras's first three start from ``keras.json`` in ``$KERAS_HOME`` (``~/.keras`` when that is not set) where such a file exists,
so an old installation keeps its image format; the setters change them for the running program only. The device starts from
``$LAMINA_DEVICE``, or from ``$KERAS_TORCH_DEVICE``, which Keras reads; the language from ``$LAMINA_LANGUAGE``, or the locale.
"""

from __future__ import annotations

import functools
import importlib
import json
import locale
import os
import warnings
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch.utils._device import DeviceContext

__all__ = [
    "accelerator", "backend", "device", "disable_flash_attention", "disable_interactive_logging",
    "disable_traceback_filtering", "dtype_policy", "enable_flash_attention", "enable_interactive_logging",
    "enable_traceback_filtering", "enable_unsafe_deserialization", "epsilon", "floatx", "image_data_format",
    "is_flash_attention_enabled", "is_interactive_logging_enabled", "is_nnx_enabled",
    "is_traceback_filtering_enabled", "keras_home", "language", "max_epochs", "max_steps_per_epoch", "set_backend",
    "set_device", "set_dtype_policy", "set_epsilon", "set_floatx", "set_image_data_format", "set_language",
    "set_max_epochs", "set_max_steps_per_epoch", "standardize_data_format",
]  # fmt: skip

DataFormatName = Literal["channels_last", "channels_first"]
DATA_FORMATS = get_args(DataFormatName)
LanguageName = Literal["en", "zh"]
LANGUAGES = get_args(LanguageName)
FloatName = Literal["bfloat16", "float16", "float32", "float64"]
FLOAT_TYPES = get_args(FloatName)
# Keras 1 wrote the image format under another name, with other words.
_KERAS1_FORMATS = {"tf": "channels_last", "th": "channels_first"}


def keras_home() -> Path:
    """The folder of ``keras.json`` and of cached data sets: ``$KERAS_HOME``, or ``~/.keras``."""
    return Path(os.environ.get("KERAS_HOME") or Path("~/.keras").expanduser())


def standardize_data_format(data_format: str | None) -> str:
    """``data_format`` itself when it is a known one, and the program's setting for ``None``.

    >>> standardize_data_format("channels_first")
    'channels_first'
    """
    if data_format is None:
        return _settings["image_data_format"]
    if data_format not in DATA_FORMATS:
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first', and got {data_format!r}.")
    return data_format


def floatx() -> FloatName:
    """The default float type of weights and inputs, ``'float32'`` unless it was set."""
    return _settings["floatx"]


def set_floatx(value: FloatName) -> None:
    """Set the default float type: one of ``bfloat16``, ``float16``, ``float32``, ``float64``."""
    if value not in FLOAT_TYPES:
        raise ValueError(f"floatx must be one of {', '.join(FLOAT_TYPES)}, and got {value!r}.")
    _settings["floatx"] = value


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite, ``1e-7`` unless it was set."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the small number that :func:`epsilon` returns."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(f"epsilon must be a positive number, and got {value!r}.")
    _settings["epsilon"] = float(value)


def image_data_format() -> DataFormatName:
    """``'channels_last'`` (the default) or ``'channels_first'``."""
    return _settings["image_data_format"]


def set_image_data_format(data_format: DataFormatName) -> None:
    """Set the axis order that layers use when their ``data_format`` is not given."""
    if data_format not in DATA_FORMATS:
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first', and got {data_format!r}.")
    _settings["image_data_format"] = data_format


# ---- the device ------------------------------------------------------------------------------------------------------


def device() -> str:
    """Where models run that nobody placed by hand: ``"auto"``, an accelerator where there is one, unless it was set."""
    return _settings["device"]


def set_device(name: Any) -> None:
    """Say where new weights are made and where models run that nobody placed by hand.

    Arguments:
        name: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, ... in torch's words or in Keras's (``"gpu:0"``), a
            ``torch.device``; or ``"auto"``: weights are made on the CPU, and ``fit``, ``evaluate`` and ``predict`` take
            their model to the accelerator that torch knows, if any.

    Raises:
        ValueError: for a device that torch does not know or that is not there.

    >>> set_device("cpu")
    >>> device()
    'cpu'
    >>> set_device("auto")
    """
    _settings["device"] = "auto" if name == "auto" else str(_checked(as_device(name), "set_device"))


def as_device(name: Any) -> torch.device:
    """The torch device of a name in torch's words or in Keras's and TensorFlow's: ``"cuda:1"``, ``"gpu:1"``, ``"/GPU:1"``.

    >>> as_device("/device:CPU:0")
    device(type='cpu', index=0)
    """
    if isinstance(name, torch.device):
        return name
    if not isinstance(name, str):
        raise ValueError(f"A device is a name, as 'cpu' or 'cuda:1', or a torch.device, and got {name!r}.")
    kind, _, number = name.lower().rpartition("/")[2].removeprefix("device:").partition(":")
    if kind == "gpu":
        found = accelerator()
        kind = found.type if found is not None else "cuda"
    try:
        return torch.device(f"{kind}:{number}" if number else kind)
    except RuntimeError:
        raise ValueError(f"{name!r} is no device: say 'auto', 'cpu', or an accelerator in torch's words, as "
                         "'cuda:1'.") from None  # fmt: skip


@functools.cache
def accelerator() -> torch.device | None:
    """The accelerator that torch knows of on this machine, whichever it is; ``None`` where there is none."""
    return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None


def asked_device() -> torch.device | None:
    """Where new weights are to be made, if anybody said so: torch's default device (``with torch.device(...)``,
    ``torch.set_default_device``), else the one that is set here. ``None`` is the CPU, for the time being."""
    for place in reversed(range(torch._C._len_torch_function_stack())):
        mode: Any = torch._C._get_function_stack_at(place)
        if isinstance(mode, DeviceContext):
            return mode.device
    name = _settings["device"]
    return None if name == "auto" else _existing(name)


@functools.cache
def _existing(name: str) -> torch.device:
    """The device of a name that may have come from the environment, which nobody has checked yet."""
    return _checked(as_device(name), "The environment's LAMINA_DEVICE or KERAS_TORCH_DEVICE")


def _checked(found: torch.device, who: str) -> torch.device:
    if found.type in ("cpu", "meta"):
        return found
    there = accelerator()
    count = torch.accelerator.device_count() if there is not None else 0
    if there is None or found.type != there.type or (found.index or 0) >= count:
        names = ", ".join(["cpu", *(f"{there.type}:{number}" for number in range(count) if there is not None)])
        raise ValueError(f"{who} names the device {str(found)!r}, and torch sees {names} on this machine.")
    return found


# ---- the language ----------------------------------------------------------------------------------------------------


def language() -> str:
    """The language of what a person reads on the screen: ``"en"`` or ``"zh"``. Errors and warnings are English always.

    It is the one that was set; else that of ``$LAMINA_LANGUAGE``; else Chinese where the locale is Chinese.
    """
    return _settings["language"] or _language_around()


def set_language(name: LanguageName | Literal["auto"]) -> None:
    """Choose the language of tables, progress, plots and verdicts.

    Arguments:
        name: ``"en"``, ``"zh"``, or ``"auto"`` for the language of the environment.

    Raises:
        ValueError: for another name.

    >>> set_language("zh")
    >>> language()
    'zh'
    >>> set_language("auto")
    """
    if name not in (*LANGUAGES, "auto"):
        raise ValueError(f"set_language() takes 'en', 'zh' or 'auto', and got {name!r}.")
    _settings["language"] = None if name == "auto" else name


@functools.cache
def _language_around() -> str:
    """The language of ``$LAMINA_LANGUAGE``, of the first of the locale's variables that is set, or of the system."""
    names = (os.environ.get(name) for name in ("LAMINA_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))
    name = next(filter(None, names), None) or locale.getlocale()[0] or ""
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"


# ---- Keras 3's switches --------------------------------------------------------------------------------------------


def backend() -> str:
    """``'torch'``: what lamina computes with."""
    return "torch"


def set_backend(backend: str) -> None:
    """Choose what Keras computes with; here that is torch, and anything else is an error."""
    if backend != "torch":
        raise ValueError(f"lamina computes with torch alone, and was asked for the backend {backend!r}.")


def dtype_policy() -> Any:
    """The policy of layers that are given no ``dtype``: the types that they compute and store in.

    >>> dtype_policy()
    DTypePolicy('float32')
    """
    return _dtypes().dtype_policy()


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers that are made from now on and given no ``dtype``.

    Arguments:
        policy: a name, as ``"mixed_bfloat16"``, or a ``DTypePolicy``; ``None`` goes back to ``floatx``.

    Raises:
        ValueError: for anything else.

    >>> set_dtype_policy("mixed_bfloat16")
    >>> set_dtype_policy(None)
    """
    _dtypes().set_dtype_policy(policy)


def _dtypes() -> Any:
    return importlib.import_module("lamina.dtypes")  # which knows this module


def enable_interactive_logging() -> None:
    """Show progress on the standard output, as at the start."""
    _switches["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Give lines of progress to the logger ``lamina`` (level ``INFO``) in place of the standard output."""
    _switches["interactive_logging"] = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress is shown on the standard output."""
    return _switches["interactive_logging"]


def enable_traceback_filtering() -> None:
    """Show, of a call that fails, the lines of yours and the error, without lamina's lines between. So it is at the start.

    Lines of yours stay wherever they are: those of a layer, loss, callback or generator of your own, too.
    """
    _switches["traceback_filtering"] = True


def disable_traceback_filtering() -> None:
    """Show every line of a traceback, lamina's and torch's among them: to look for a fault inside of lamina."""
    _switches["traceback_filtering"] = False


def is_traceback_filtering_enabled() -> bool:
    """Whether tracebacks leave out lamina's lines: what was set last, ``True`` at the start."""
    return _switches["traceback_filtering"]


def enable_flash_attention() -> None:
    """Let torch choose its flash kernel for attention, where it has one for the data. So it is at the start."""
    torch.backends.cuda.enable_flash_sdp(True)
    _switches["flash_attention"] = None


def disable_flash_attention() -> None:
    """Have torch compute attention without its flash kernel, on every device."""
    torch.backends.cuda.enable_flash_sdp(False)
    _switches["flash_attention"] = False


def is_flash_attention_enabled() -> bool | None:
    """``False`` after :func:`disable_flash_attention`; else ``None``: torch chooses."""
    return _switches["flash_attention"]


def is_nnx_enabled() -> bool:
    """Whether layers are modules of flax: they are torch's."""
    return False


def max_epochs() -> int | None:
    """How many epochs ``fit`` runs at most; ``None`` for as many as it is told. ``$KERAS_MAX_EPOCHS`` says so, too."""
    return _switches["max_epochs"]


def set_max_epochs(max_epochs: int | None) -> None:
    """Have every ``fit`` end after so many epochs, for trying out a long program; ``None`` lifts the limit."""
    _switches["max_epochs"] = _limit("max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """How many batches ``fit``, ``evaluate`` and ``predict`` take at most; see :func:`max_epochs`."""
    return _switches["max_steps_per_epoch"]


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Have each pass of ``fit``, ``evaluate`` and ``predict`` end after so many batches; ``None`` lifts the limit."""
    _switches["max_steps_per_epoch"] = _limit("max_steps_per_epoch", max_steps_per_epoch)


def enable_unsafe_deserialization() -> None:
    """Keras's leave for files to bring code of their own. lamina never runs any, so a warning says what to do instead."""
    warnings.warn("lamina runs no code from files, and nothing can change that: register the functions that a file names "
                  "(register_keras_serializable), or pass them as custom_objects.", stacklevel=2)  # fmt: skip


def _limit(name: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"{name} must be a whole number of at least 1, or None, and got {value!r}.")
    return value


def _from_environment(name: str) -> int | None:
    value = os.environ.get(f"KERAS_{name.upper()}")
    return _limit(name, int(value) if value.isdecimal() else value) if value else None


_switches: dict[str, Any] = {
    "interactive_logging": True,
    "traceback_filtering": True,
    "flash_attention": None,
    "max_epochs": _from_environment("max_epochs"),
    "max_steps_per_epoch": _from_environment("max_steps_per_epoch"),
}


# ---- keras.json ----------------------------------------------------------------------------------------------------


def _read_settings() -> dict[str, Any]:
    place = os.environ.get("LAMINA_DEVICE") or os.environ.get("KERAS_TORCH_DEVICE") or "auto"
    settings: dict[str, Any] = {
        "floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last", "device": place, "language": None,
    }  # fmt: skip
    path = keras_home() / "keras.json"
    if not path.is_file():
        return settings
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}, not an object")
    except (OSError, ValueError) as error:
        warnings.warn(f"{path} could not be read ({error}); lamina goes on with Keras's defaults.", stacklevel=2)
        return settings
    if "image_dim_ordering" in found and "image_data_format" not in found:
        found["image_data_format"] = _KERAS1_FORMATS.get(found["image_dim_ordering"], found["image_dim_ordering"])
    allowed = {
        "floatx": lambda value: value in FLOAT_TYPES,
        "epsilon": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0,
        "image_data_format": lambda value: value in DATA_FORMATS,
    }
    for key, is_allowed in allowed.items():
        if key not in found:
            continue
        if is_allowed(found[key]):
            settings[key] = found[key]
        else:
            warnings.warn(
                f"{path} sets {key} to {found[key]!r}, which is not a known value; "
                f"lamina goes on with {settings[key]!r}.",
                stacklevel=2,
            )
    return settings


_settings = _read_settings()
