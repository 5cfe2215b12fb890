"""What a file is, by what is in it and not by its name; and for what lamina can't open, what to do with it."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from lamina.saving.files import open_regular

_HEAD = 2**16  # bytes that are looked at
MAX_SAFETENSORS_HEADER = 100_000_000  # the format's own limit

# What lamina reads: whole models; weights; descriptions of models.
MODELS = ("keras", "hdf5")
WEIGHTS = ("keras", "hdf5", "safetensors", "npz", "torch", "shards")
DESCRIPTIONS = ("json", "yaml")

# What it doesn't: what it is, and what to do with it.
_FOREIGN: dict[str, tuple[str, str]] = {
    "saved_model": (
        "a SavedModel, a folder with a program that only TensorFlow can run",
        "Load the model there and save it as .h5 or .keras, which lamina opens",
    ),
    "tf_checkpoint": (
        "a checkpoint of TensorFlow's (x.index and x.data-00000-of-00001), which names weights by their places in a "
        "program of TensorFlow's",
        "Make the model there, model.load_weights('x') (without an ending), and model.save('x.h5') or "
        "model.save_weights('x.weights.h5')",
    ),
    "tf_graph": (
        "a graph of TensorFlow's (.pb), a program that only TensorFlow can run",
        "Look for the .h5, .keras or .weights.h5 file of the same model; a graph does not say what its layers were",
    ),
    "tflite": (
        "a model for TensorFlow Lite, whose layers were fused for phones",
        "Look for the .h5 or .keras file that it was made from",
    ),
    "tfjs": (
        "a model for TensorFlow.js",
        "In Python, tensorflowjs_converter --input_format=tfjs_layers_model --output_format=keras turns it into an .h5 "
        "file, which lamina opens",
    ),
    "onnx": (
        "an ONNX file, a graph of operations",
        "Look for the .h5 or .keras file that it was made from, or run it with onnxruntime",
    ),
    "pickle": (
        "a pickle, which can run any code when it is opened",
        "Open it only if you trust whoever made it, in Python, and then use model.set_weights(arrays) or "
        "numpy.savez('x.npz', *arrays)",
    ),
    "torchscript": (
        "a TorchScript program",
        "torch.jit.load runs it; torch.save(module.state_dict(), 'x.pt') there keeps its weights",
    ),
    "torch_export": (
        "a program that torch.export saved",
        "torch.export.load opens it; torch.save(program.state_dict, 'x.pt') there keeps its weights",
    ),
    "safetensors_index": (
        "the list of the pieces of a model in .safetensors files",
        "Join them: safetensors.torch.load_file of each piece, and save_file of all in one dictionary",
    ),
    "npy": ("a single array of NumPy's (.npy)", "numpy.load opens it; layer.set_weights takes arrays"),
    "gguf": ("a GGUF file, a language model for llama.cpp", "Look for its .safetensors files"),
    "matlab": (
        "a file of MATLAB's",
        "scipy.io.loadmat opens it; layer.set_weights takes arrays",
    ),
    "keras_folder": (
        "a model of Keras 3 in a folder (zipped=False)",
        "Pack what is in the folder, not the folder itself, into a zip that ends in .keras, without compression",
    ),
    "orbax": (
        "a checkpoint of Orbax's, a folder that only orbax reads",
        "Load it in Keras 3 with model.load_weights(folder), and save that as .keras",
    ),
    "html": (
        "a page of the web, which was saved in the place of the file",
        "Download the file itself: on GitHub, by its 'Raw' or 'Download' button",
    ),
    "lfs": (
        "a pointer of Git LFS to the file, and not the file",
        "Run git lfs pull in that repository, or download the file itself",
    ),
    "packed": ("a packed archive", "Unpack it, and open what is in it"),
    "zip": ("an archive without a model of Keras's (it has no config.json)", "Unpack it, and open what is in it"),
    "empty": ("an empty file", "It was probably cut off when it was copied: fetch it again"),
    "folder": ("a folder, and a file was expected", "Name a file in it"),
    "unknown": ("none of the kinds of files that hold models", "Models come in .keras, .h5 and .hdf5 files; weights also in "
                ".weights.h5, .weights.json, .safetensors, .npz and .pt files"),
}  # fmt: skip


_ENDINGS = ((".keras", "a .keras file (a zip)"), (".h5", "an HDF5 file"), (".hdf5", "an HDF5 file"),
            (".safetensors", "a .safetensors file"), (".npz", "an .npz file (a zip)"), (".pt", "a file of torch's"),
            (".pth", "a file of torch's"), (".weights.json", "a list of pieces (JSON)"))  # fmt: skip


def kind_of(path: str | os.PathLike[str]) -> str:
    """What a file or folder is: one of ``MODELS``, ``WEIGHTS`` or ``DESCRIPTIONS``, or of what :func:`refusal` explains.

    Raises:
        FileNotFoundError: when nothing is there.
        ValueError: for a pipe or a device, which would hang the reader.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "model.h5")
    >>> _ = file.write_text("<!DOCTYPE html><html>Not found")
    >>> kind_of(file)
    'html'
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        return _kind_of_folder(path)
    if not os.path.exists(path) and os.path.exists(f"{path}.index"):
        return "tf_checkpoint"
    with open_regular(path) as stream:
        head = stream.read(_HEAD)
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 8))
        tail = stream.read(8)
        if head.startswith(b"PK"):
            return _kind_of_zip(stream)
    if not head:
        return "empty"
    if tail == _TABLE or _TF_DATA.search(path):
        return "tf_checkpoint"
    found = next((kind for kind, tells in _BY_CONTENT if tells(head, size)), None)
    return found or _kind_of_text(head)


def refusal(path: str | os.PathLike[str], kind: str, wanted: str = "") -> ValueError:
    """The error that says what a file is that can't be opened here, and what to do with it.

    Arguments:
        kind: what :func:`kind_of` said.
        wanted: ``"model"`` where a whole model is needed and the file may hold weights.
    """
    where = os.fspath(path)
    if kind in WEIGHTS and kind not in MODELS:
        return ValueError(
            f"{where} holds weights alone, and no model: make the model, and call model.load_weights(path)."
        )
    if kind in DESCRIPTIONS:
        return ValueError(f"{where} describes a model, and has no weights: lamina.models.model_from_{kind}"
                          f"(open({where!r}).read()) makes the model{', new' if wanted else ''}.")  # fmt: skip
    what, advice = _FOREIGN[kind]
    meant = next((name for ending, name in _ENDINGS if where.endswith(ending)), None)
    if kind in ("unknown", "empty") and meant:
        return ValueError(f"{where} is not {meant}, or is cut off: it is {what}. {advice}.")
    listed = f" It has {_listed(os.listdir(path))}." if kind == "folder" and os.path.isdir(path) else ""
    return ValueError(f"{where} is {what}. {advice}.{listed}")


def _listed(names: list[str]) -> str:
    return ", ".join(sorted(names)[:8]) + (", ..." if len(names) > 8 else "") or "nothing"


# ---- by content ----------------------------------------------------------------------------------------------------

_TABLE = bytes.fromhex("57fb808b247547db")  # how the table of a TensorFlow checkpoint ends
_TF_DATA = re.compile(r"\.data-\d{5}-of-\d{5}$")


def _begins(*signatures: bytes) -> Callable[[bytes, int], bool]:
    return lambda head, size: head.startswith(signatures)


def _is_safetensors(head: bytes, size: int) -> bool:
    """A header of JSON, whose length stands before it."""
    return size > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= MAX_SAFETENSORS_HEADER


def _is_onnx(head: bytes, size: int) -> bool:
    """A protocol buffer that begins with the format's version, which is at least 3, and goes on with a field of a model."""
    return len(head) > 2 and head[0] == 8 and 3 <= head[1] <= 64 and head[2:3] in b"\x12\x1a\x22\x28\x3a\x42"


def _is_tf_graph(head: bytes, size: int) -> bool:
    """A SavedModel's own file; or a list of nodes, each a name and an operation."""
    if head[:3] == b"\x08\x01\x12":
        return True
    if head[:1] != b"\x0a" or len(head) < 8:
        return False
    at = 1
    while head[at] & 0x80 and at < 6:
        at += 1
    name = head[at + 3 : at + 3 + head[at + 2]]
    following = head[at + 3 + len(name) : at + 4 + len(name)]
    return head[at + 1 : at + 2] == b"\x0a" and name.isascii() and following in (b"\x12", b"\x1a")


_BY_CONTENT: list[tuple[str, Callable[[bytes, int], bool]]] = [
    ("hdf5", _begins(b"\x89HDF\r\n\x1a\n")),
    ("torch", _begins(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")),  # before torch 1.6
    ("pickle", _begins(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"(dp", b"(lp", b"ccopy_reg")),
    ("npy", _begins(b"\x93NUMPY")),
    ("gguf", _begins(b"GGUF")),
    ("matlab", _begins(b"MATLAB 5.0 MAT-file")),
    ("packed", _begins(b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")),
    ("packed", lambda head, size: head[257:262] == b"ustar"),
    ("tflite", lambda head, size: head[4:8] == b"TFL3"),
    ("safetensors", _is_safetensors),
    ("onnx", _is_onnx),
    ("tf_graph", _is_tf_graph),
    ("lfs", _begins(b"version https://git-lfs.github.com/spec/")),
    ("tf_checkpoint", _begins(b"model_checkpoint_path:")),
]  # fmt: skip

_JSON_KINDS = (
    (rb'"weight_map"\s*:', "shards"),
    (rb'"(?:weightsManifest|modelTopology)"\s*:', "tfjs"),
    (rb'"(?:class_name|keras_version)"\s*:', "json"),
)


def _kind_of_text(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"{":
        kind = next((kind for pattern, kind in _JSON_KINDS if re.search(pattern, text)), "unknown")
        return "safetensors_index" if kind == "shards" and b'.safetensors"' in text else kind
    if text[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "html"
    return "yaml" if re.search(rb"^class_name:|^backend:.*\n(.*\n)*?class_name:", text, re.MULTILINE) else "unknown"


# ---- archives and folders ------------------------------------------------------------------------------------------

KERAS_MEMBERS = ("config.json", "metadata.json", "model.weights.h5")


def _kind_of_zip(stream: object) -> str:
    try:
        with zipfile.ZipFile(stream) as archive:  # pyright: ignore[reportArgumentType, reportCallIssue]
            names = archive.namelist()
    except Exception:  # noqa: BLE001 - whatever zipfile makes of a broken one, the reader of .keras files says it
        return "keras"
    if not names or any(name in KERAS_MEMBERS for name in names):
        return "keras"
    if all(name.endswith(".npy") for name in names):
        return "npz"
    last = {name.rpartition("/")[2] for name in names}
    if "data.pkl" in last:
        return "torchscript" if "constants.pkl" in last else "torch"
    if "archive_format" in last:
        return "torch_export"
    return "saved_model" if "saved_model.pb" in last else "zip"


def _kind_of_folder(path: str) -> str:
    names = set(os.listdir(path))

    def has(*wanted: str) -> bool:
        return set(wanted) <= names

    if has("saved_model.pb") or has("saved_model.pbtxt") or _ends(names, "keras_metadata.pb"):
        return "saved_model"
    if has("config.json", "metadata.json"):
        return "keras_folder"
    if (
        has("_CHECKPOINT_METADATA")
        or has("_METADATA")
        or any(name.isdigit() and Path(path, name, "_CHECKPOINT_METADATA").exists() for name in names)
    ):
        return "orbax"
    if has("checkpoint") or (_ends(names, ".index") and any(map(_TF_DATA.search, names))):
        return "tf_checkpoint"
    return "tfjs" if has("model.json") and _ends(names, ".bin") else "folder"


def _ends(names: Iterable[str], ending: str) -> bool:
    return any(name.endswith(ending) for name in names)
