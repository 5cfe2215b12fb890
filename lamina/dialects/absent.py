"""The names of Keras that lamina does not have: why, and what to write instead. Data for messages, documentation and tests.

A name is written as Keras has it below its root: ``layers.TFSMLayer``. A row for a module stands for all that is in it.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterable
from typing import Any, NamedTuple

from lamina.dialects.absent_older import OLDER
from lamina.errors import did_you_mean

__all__ = ["ABSENT", "Absence", "absence", "explain_absent", "no_such", "reason", "sentence", "tell"]


class Absence(NamedTuple):
    """Why lamina lacks some names.

    Arguments:
        names: the names, as Keras has them below its root.
        why: the reason, as it follows "lamina has no ...: it ".
        instead: what to write, as a sentence of its own; empty where nothing takes its place.
        coming: whether lamina is to have them.
    """

    names: tuple[str, ...]
    why: str
    instead: str = ""
    coming: bool = False


def _of(module: str, names: str) -> tuple[str, ...]:
    return tuple(f"{module}.{name}" for name in names.split())


_DATA_LAYERS = """
    AugMix AutoContrast CategoryEncoding CenterCrop ContrastLimitedAdaptiveHistogramEqualization CutMix Discretization
    Equalization HashedCrossing Hashing IntegerLookup MaxNumBoundingBoxes MelSpectrogram MixUp Normalization Pipeline
    RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop
    RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
    RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
    RandomTranslation RandomZoom Rescaling Resizing STFTSpectrogram Solarization StringLookup TextVectorization
    DynamicEmbedding DynamicLookup PreprocessingLayer RandomHeight RandomWidth
"""
_QUANTIZED = """
    AWQDTypePolicy GPTQDTypePolicy Int4DTypePolicy QuantizedDTypePolicy QuantizedFloat8DTypePolicy
"""

ABSENT: tuple[Absence, ...] = (
    # -- what stays away --
    Absence(("layers.TFSMLayer",), "runs a SavedModel, which is a program for TensorFlow",
            "Save the model as .keras where it was made, and load_model reads it."),
    Absence(("layers.JaxLayer", "layers.FlaxLayer"), "runs a function or a module of JAX",
            "An nn.Module or a function of torch can stand where a layer can."),
    Absence(("layers.DenseFeatures",), "takes columns of tf.feature_column, which only TensorFlow makes"),
    Absence(("callbacks.OrbaxCheckpoint",), "writes its files by Orbax, a library of JAX",
            "ModelCheckpoint and BackupAndRestore write files of torch's and Keras's kinds."),
    Absence(
        ("SymbolicScope",),
        "marks where Keras describes calls without data, which needs no mark here",
        "A layer that is called on an Input, and compute_output_spec, describe the call.",
    ),
    Absence(("src",), "is Keras's inside, which no program should rely on"),
    # -- what is to come --
    Absence(_of("layers", _DATA_LAYERS), "prepares data, and comes with the data layers",
            "A function on tensors or arrays, applied to the data before fit, does the same.", coming=True),
    Absence(("utils.FeatureSpace",), "comes with the data layers", coming=True),
    Absence((*_of("utils", "image_dataset_from_directory audio_dataset_from_directory text_dataset_from_directory "
                           "timeseries_dataset_from_array split_dataset"),),
            "makes data sets, and comes with the data layers",
            "A torch.utils.data.DataLoader or a PyDataset gives batches to fit.", coming=True),
    Absence(("utils.bounding_boxes",), "comes with the data layers", coming=True),
    Absence(_of("preprocessing", "image_dataset_from_directory text_dataset_from_directory timeseries_dataset_from_array"),
            "makes data sets, and comes with the data layers",
            "preprocessing.image.ImageDataGenerator and preprocessing.sequence.TimeseriesGenerator give batches to fit.",
            coming=True),
    Absence(_of("utils", "plot_model model_to_dot"), "comes with the drawing of models",
            "model.summary() and model.code show what is in a model.", coming=True),
    Absence(("applications",), "comes with the applications", coming=True),
    Absence(("distribution",), "comes with the distribution of models over machines",
            "torch.nn.parallel.DistributedDataParallel takes a model as it is.", coming=True),
    Absence(("export",), "comes with export", "torch.export.export(model, (example,)) takes a model as it is.", coming=True),
    Absence(
        _of("visualization", "draw_bounding_boxes plot_bounding_box_gallery"),
        "comes with the bounding boxes of the data layers",
        coming=True,
    ),
    Absence(("distillation",), "comes with the losses of a teacher", coming=True),
    Absence(("quantizers", "Quantizer", *_of("dtype_policies", _QUANTIZED)), "comes with quantization",
            "torch.ao.quantization takes a model, which is an nn.Module.", coming=True),
)  # fmt: skip

_BY_NAME = {name: row for row in (*ABSENT, *(Absence(*row) for row in OLDER)) for name in row.names}
# The namespaces of lamina's, in which a name is looked for that is not where it was asked for.
_PLACES = (
    "layers", "models", "optimizers", "optimizers.schedules", "losses", "metrics", "callbacks", "initializers",
    "regularizers", "constraints", "activations", "utils", "datasets", "saving", "config", "random", "ops", "backend",
)  # fmt: skip


def absence(name: str) -> Absence | None:
    """The row for a name, which may be of anything in an absent module; ``None`` for what is in no row.

    >>> absence("applications.vgg16.VGG16").why
    'comes with the applications'
    """
    parts = name.split(".")
    if len(parts) > 2 and f"{parts[0]}.{parts[-1]}" in _BY_NAME:  # utils.np_utils.to_ordinal
        return _BY_NAME[f"{parts[0]}.{parts[-1]}"]
    above = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((_BY_NAME[part] for part in above if part in _BY_NAME), None)


def sentence(name: str) -> str | None:
    """What to tell a user who wrote a name of Keras that lamina lacks; ``None`` for what is in no row.

    >>> print(sentence("layers.TFSMLayer"))
    lamina has no layers.TFSMLayer: it runs a SavedModel, which is a program for TensorFlow. Save the model as .keras where \
it was made, and load_model reads it.
    """
    row = absence(name)
    return (
        None
        if row is None
        else f"lamina has no {name}{' yet' if row.coming else ''}: it {row.why}. {row.instead}".rstrip()
    )


def no_such(module: str, name: str, known: Iterable[str], root: str = "lamina") -> str:
    """The message for a name that a module has not: why lamina lacks it, where it is, or which one may have been meant.

    Arguments:
        module: the module's name, below ``root``; empty for that itself.
        known: the names that it has.

    >>> no_such("layers", "EarlyStoping", ["Dense"])
    "lamina.layers has no 'EarlyStoping'."
    >>> no_such("layers", "EarlyStopping", ["Dense"])
    "lamina.layers has no 'EarlyStopping'. It is in lamina.callbacks."
    """
    wanted, here = f"{module}.{name}".lstrip("."), f"{root}.{module}".rstrip(".")
    row = absence(wanted)
    if row is not None and root == "lamina":
        return sentence(wanted) or ""
    nothing = f"{here} has no {name!r}{'' if root == 'lamina' else ' in lamina'}."
    if row is not None:
        return f"{nothing}{reason(wanted)}"
    places = [place for place in _PLACES if place != module and name in _public(sys.modules.get(f"lamina.{place}"))]
    hint = f" It is in {root}.{places[0]}." if places else did_you_mean(name, known)
    return f"{nothing}{hint}"


def reason(name: str) -> str:
    """Why lamina lacks a name, and what to write instead, to follow a sentence that says that it does; else ``""``."""
    row = absence(name)
    return "" if row is None else f" It {row.why}. {row.instead}".rstrip()


def _public(module: types.ModuleType | None) -> Iterable[str]:
    return () if module is None else vars(module).get("__all__", ())


def tell(module: types.ModuleType) -> None:
    """Have a namespace of lamina's say of a name that it lacks what is known of that.

    A ``__getattr__`` in its source would tell checkers that it has every name. ``AttributeError`` is given the name, so that
    Python adds no guess of its own to what it prints.
    """

    def missing(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        raise AttributeError(no_such(module.__name__.partition(".")[2], name, dir(module)), name=name)

    vars(module).setdefault("__getattr__", missing)


_IMPORT = re.compile(r"cannot import name '(?P<name>\w+)' from '(?P<module>lamina[\w.]*)'")


def explain_absent(error: Exception) -> None:
    """The same in the words of ``from lamina.x import y``, which Python writes, and of an attribute of a model."""
    if isinstance(error, ImportError):
        found = _IMPORT.match(str(error))
        module = sys.modules.get(found["module"]) if found is not None else None
        if found is not None and module is not None:
            error.msg = no_such(found["module"].partition(".")[2], found["name"], dir(module))
    elif isinstance(error, AttributeError) and hasattr(error.obj, "_keras_class_name"):
        told = sentence(f"Model.{error.name}") if hasattr(error.obj, "fit") else None
        if told is not None:
            error.args, error.name = (told,), ""  # Python would add a name that is near
