"""torch's own files of weights: what ``torch.save`` writes of a ``state_dict``, as training scripts keep it."""

from __future__ import annotations

import io
import random
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lamina.layers import BatchNormalization, Dense, Input
from lamina.models import Sequential
from lamina.saving import torch_files


def net(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return Sequential(
        [Input((3,)), Dense(4, name="hidden"), BatchNormalization(name="norm"), Dense(2, name="out")], name="net"
    )


def test_it_is_torch_s_own_file(tmp_path: Path):
    model = net()
    model.save_weights(tmp_path / "w.pt")
    found = torch.load(tmp_path / "w.pt", weights_only=True)
    assert list(found) == list(model.state_dict())
    net(1).load_state_dict(found)


WRAPPED: dict[str, Callable[[Any], Any]] = {
    "alone": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
    "model": lambda state: {"model": state, "loss": 0.5},
    "model_state_dict": lambda state: OrderedDict(model_state_dict=state, step=torch.tensor(3)),
    "a plain dictionary": dict,
}  # fmt: skip


@pytest.mark.parametrize("case", WRAPPED)
@pytest.mark.parametrize("ending", ["pt", "pth", "bin"])
def test_where_scripts_keep_the_weights(case: str, ending: str, tmp_path: Path):
    wanted = net().state_dict()
    torch.save(WRAPPED[case](wanted), tmp_path / f"w.{ending}")
    model = net(1)
    model.load_weights(tmp_path / f"w.{ending}")
    assert all(torch.equal(value, wanted[key]) for key, value in model.state_dict().items())


def test_names_of_layers_as_older_files_have_them(tmp_path: Path):
    """By torch's own way such files are read, and by ``load_weights`` alike."""

    def made() -> Any:
        return Sequential([Input((3,)), Dense(4), Dense(4), Dense(2)])

    model = made()
    older = {key.replace("dense.", "dense_7.").replace("dense_1.", "dense_8.").replace("dense_2.", "dense_9."): value + 1
             for key, value in model.state_dict().items()}  # fmt: skip
    torch.save(older, tmp_path / "w.pt")
    by_torch, by_us = made(), made()
    by_torch.load_state_dict(dict(older))
    by_us.load_weights(tmp_path / "w.pt")
    for one, other in zip(by_us.get_weights(), by_torch.get_weights(), strict=True):
        assert (one == other).all()


class Danger:
    def __reduce__(self) -> Any:
        return print, ("unpickled",)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a module": (lambda: torch.nn.Linear(3, 4), "holds more than tensors (a whole module?), whose code lamina does not run"),
    "code": (lambda: {"a": Danger()}, "holds more than tensors"),
    "a tensor": (lambda: torch.zeros(3), "holds Tensor, and a state_dict of tensors by name was expected"),
    "a list": (lambda: [torch.zeros(3)], "holds list, and a state_dict of tensors by name was expected"),
    "other things": (lambda: {**net().state_dict(), "epoch": 3}, "has 'epoch' of type int among the weights"),
    "other keys": (lambda: {3: torch.zeros(3)}, "has 3 of type Tensor among the weights"),
    "a sparse one": (lambda: {**net().state_dict(), "out.bias": torch.ones(2).to_sparse()},
                     "has 'out.bias' in a form that holds no plain numbers"),
    "one without memory": (lambda: {**net().state_dict(), "out.bias": torch.empty(2, device="meta")},
                           "has 'out.bias' in a form that holds no plain numbers"),
    "a huge one without memory": (lambda: {**net().state_dict(), "out.bias": torch.empty(10**15, device="meta")},
                                  "has shape (1000000000000000,) for 'out.bias'"),
    "a huge one of one number": (lambda: {**net().state_dict(), "out.bias": torch.ones(1).expand(10**15)},
                                 "has shape (1000000000000000,) for 'out.bias'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_state_dict(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    content, sentence = REFUSED[case]
    torch.save(content(), tmp_path / "w.pt")
    model = net()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"w\.pt ") as error:
        model.load_weights(tmp_path / "w.pt")
    assert sentence in str(error.value)
    assert all((one == other).all() for one, other in zip(model.get_weights(), before, strict=True))
    assert capsys.readouterr().out == ""


def test_torch_before_1_6_and_packed_files(tmp_path: Path):
    path = tmp_path / "w.pt"
    torch.save(net().state_dict(), path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"was written by a torch before 1\.6"):
        net().load_weights(path)
    torch.save(net().state_dict(), path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="take more than the file holds, which torch does not write"):
        net().load_weights(path)


def test_a_torch_whose_reader_is_not_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    net().save_weights(tmp_path / "w.pt")
    monkeypatch.setattr(torch_files, "SAFE_TORCH", (99, 0))
    with pytest.raises(
        ValueError, match=r"does not read those safely: install torch 99\.0 or later, or use \.safetensors"
    ):
        net().load_weights(tmp_path / "w.pt")


def test_whatever_is_changed_in_a_file(tmp_path: Path):
    stream, rng, path = io.BytesIO(), random.Random(0), tmp_path / "w.pt"
    torch.save(net().state_dict(), stream)
    whole = stream.getvalue()
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.2 else data)
        try:
            net().load_weights(path)
        except ValueError as error:
            refused += 1
            assert str(error).startswith(str(path))  # noqa: PT017 - others may load
    assert refused > 20
