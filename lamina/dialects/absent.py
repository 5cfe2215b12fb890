"""The names of Keras that lamina does not have: why, and what to write instead. Data for messages, documentation and tests.

A name is written as Keras has it below its root: ``layers.TFSMLayer``. A row for a module stands for all that is in it.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ABSENT", "Absence", "absence", "sentence"]


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
    Absence(_of("utils", "array_to_img img_to_array load_img save_img pad_sequences bounding_boxes"),
            "comes with the data layers", coming=True),
    Absence(("preprocessing",), "comes with the data layers", coming=True),
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

_BY_NAME = {name: row for row in ABSENT for name in row.names}


def absence(name: str) -> Absence | None:
    """The row for a name, which may be of anything in an absent module; ``None`` for what is in no row.

    >>> absence("applications.vgg16.VGG16").why
    'comes with the applications'
    """
    parts = name.split(".")
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
