"""``.safetensors`` beside the format's own package: either reads what the other wrote; and files that were made to harm."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file, save_model

from lamina.layers import BatchNormalization, Dense, Embedding, Input
from lamina.models import Model, Sequential, load_model


def net(seed: int = 0, **options: Any) -> Any:
    torch.manual_seed(seed)
    return Sequential(
        [Input((3,)), Dense(4, name="hidden", **options), BatchNormalization(name="norm"), Dense(2, name="out")]
    )


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_its_own_package_reads_it(dtype: str, tmp_path: Path):
    model = net(dtype=dtype)
    model.save_weights(tmp_path / "w.safetensors")
    found = load_file(tmp_path / "w.safetensors")
    wanted = model.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) and found[key].dtype is wanted[key].dtype for key in wanted)
    other = net(1, dtype=dtype)
    other.load_state_dict(found)
    with safe_open(tmp_path / "w.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "pt"
    assert json.loads(metadata["layers"]) == ["hidden", "norm", "out"]


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_what_its_own_package_wrote_is_read(metadata: Any, tmp_path: Path):
    wanted = {key: value.contiguous() + 1 for key, value in net().state_dict().items()}
    save_file(wanted, tmp_path / "w.safetensors", metadata)
    model = net(1)
    model.load_weights(tmp_path / "w.safetensors")
    assert all(torch.equal(value, wanted[key]) for key, value in model.state_dict().items())


def test_weights_that_its_own_package_keeps_once(tmp_path: Path):
    class TiedTwice(Model):
        def __init__(self) -> None:
            super().__init__(name="tied")
            self.first = torch.nn.Linear(3, 3)
            self.second = torch.nn.Linear(3, 3)
            self.second.weight = self.first.weight

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(inputs))

    one, two, x = TiedTwice(), TiedTwice(), torch.ones(2, 3)
    one(x), two(x)
    save_model(one, str(tmp_path / "w.safetensors"))
    assert len(load_file(tmp_path / "w.safetensors")) == 3
    two.load_weights(tmp_path / "w.safetensors")
    assert torch.equal(one(x), two(x))


def test_whole_numbers_and_scalars(tmp_path: Path):
    class Odd(Model):
        def __init__(self) -> None:
            super().__init__(name="odd")
            self.words = Embedding(5, 3)
            for number, dtype in enumerate((torch.int64, torch.int32, torch.uint8, torch.bool, torch.complex64)):
                self.register_buffer(f"b{number}", torch.ones((), dtype=dtype))
            self.register_buffer("nothing", torch.zeros(0, 3))

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.words(inputs)

    one, two, x = Odd(), Odd(), torch.zeros(2, 3, dtype=torch.int64)
    one(x), two(x)
    for number in range(5):
        getattr(two, f"b{number}").zero_()
    one.save_weights(tmp_path / "w.safetensors")
    two.load_weights(tmp_path / "w.safetensors")
    for key, value in load_file(tmp_path / "w.safetensors").items():
        assert torch.equal(two.state_dict()[key], value)


def test_it_holds_no_model(tmp_path: Path):
    net().save_weights(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"w\.safetensors holds weights alone, and no model"):
        load_model(tmp_path / "w.safetensors")


def packed(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(shape: Any = (2,), begin: Any = 0, end: Any = 8, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


HUGE = 10**12
HOSTILE: dict[str, tuple[bytes, str]] = {
    "header beyond the file": (packed({}, length=10**6), "its header should have 1000000 bytes"),
    "no json": (packed(b"{not json"), "header is not JSON"),
    "a list inside": (packed(b'{"a": [1]}'), "dtype, shape and data_offsets were expected"),
    "twice": (packed(b'{"a": {}, "a": {}}'), "has the key 'a' twice"),
    "huge": (packed({"a": entry((HUGE,), 0, HUGE * 4)}), f"is cut off: 'a' of shape ({HUGE},) ends at byte"),
    "huge and short": (packed({"a": entry((HUGE,))}, b"\0" * 8), f"takes {HUGE * 4} bytes, and data_offsets are [0, 8]"),
    "overlap": (packed({"a": entry(), "b": entry()}, b"\0" * 16), "'b': the bytes begin at 0, and those before end at 8"),
    "gap": (packed({"a": entry(), "b": entry((2,), 12, 20)}, b"\0" * 20), "begin at 12, and those before end at 8"),
    "rest": (packed({"a": entry()}, b"\0" * 9), "has 1 bytes after its tensors"),
    "negative": (packed({"a": entry((-2,))}, b"\0" * 8), "lists of whole numbers"),
    "negative offsets": (packed({"a": entry((2,), -8, 0)}, b"\0" * 8), "lists of whole numbers"),
    "true": (packed({"a": entry((True, 2))}, b"\0" * 8), "lists of whole numbers"),
    "three offsets": (packed({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 9]}}, b"\0" * 8), "data_offsets are"),
    "type": (packed({"a": entry(dtype="F31")}, b"\0" * 8), "is of type 'F31', which lamina does not know"),
    "type a list": (packed({"a": entry(dtype=["F32"])}, b"\0" * 8), "which lamina does not know"),
    "more": (packed({"a": {**entry(), "more": 1}}, b"\0" * 8), "dtype, shape and data_offsets were expected"),
    "metadata": (packed({"__metadata__": {"a": 1}}), "the metadata should be a dictionary of strings"),
    "metadata a list": (packed({"__metadata__": [1]}), "the metadata should be a dictionary of strings"),
    "deep": (packed(b'{"a":' * 5000 + b"1" + b"}" * 5000), "nested too deeply"),
    "infinite": (packed(b'{"a": Infinity}'), "no number that a config can hold"),
    "dimensions": (packed({"a": entry([1] * 5000 + [2])}, b"\0" * 8), "data_offsets are"),
    "unlike the model": (packed({"a": entry()}, b"\0" * 8), "verdict"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_files_that_were_made_to_harm(case: str, tmp_path: Path):
    content, sentence = HOSTILE[case]
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"w\.safetensors") as error:
        net().load_weights(path)
    assert sentence in str(error.value)


def mutated(whole: bytes, rng: random.Random) -> bytes:
    data = bytearray(whole)
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(min(len(data), 600))
        data[place : place + rng.randint(0, 2)] = bytes(rng.randrange(256) for _ in range(rng.randint(0, 2)))
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.2 else data)


def test_whatever_is_changed_in_a_file(tmp_path: Path):
    model, rng, path = net(), random.Random(0), tmp_path / "w.safetensors"
    model.save_weights(path)
    whole = path.read_bytes()
    refused = 0
    for _ in range(150):
        path.write_bytes(mutated(whole, rng))
        try:
            net().load_weights(path)
        except ValueError as error:
            refused += 1
            assert str(error).startswith(str(path))  # noqa: PT017 - others may load
    assert refused > 100


def test_a_type_that_the_format_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Wide(Model):
        def __init__(self) -> None:
            super().__init__(name="wide")
            self.register_buffer("wide", torch.ones(1, dtype=torch.complex128))

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs

    model = Wide()
    model(torch.ones(1, 1))
    with pytest.raises(ValueError, match=r"'wide' is of type complex128, which \.safetensors files don't have"):
        model.save_weights(tmp_path / "w.safetensors")
    assert list(tmp_path.iterdir()) == []
