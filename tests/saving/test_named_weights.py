"""Weights by name: the same rules for .safetensors, .npz and torch's files, each tried with each."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from saving import twins

from lamina import layers
from lamina.layers import BatchNormalization, Dense, Input
from lamina.models import Model, Sequential

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

FORMATS = ("safetensors", "npz", "pt")


def net(units: int = 2, more: int = 0, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    extra = [Dense(units, name=f"more{number}") for number in range(more)]
    return Sequential(
        [Input((3,)), Dense(4, name="hidden"), BatchNormalization(), Dense(units, name="out"), *extra], name="net"
    )


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("name", twins.MODELS)
def test_round_trip(name: str, ending: str, tmp_path: Path):
    model, _ = twins.pair(name)
    path = tmp_path / f"w.{ending}"
    model.save_weights(path)
    other, _ = twins.pair(name)
    other.set_weights([weight + 1 for weight in other.get_weights()])
    other.load_weights(path)
    twins.assert_same(other.get_weights(), model.get_weights(), 0)


MISFITS: dict[str, tuple[Callable[[], Any], Callable[[], Any], str]] = {
    "shape": (
        lambda: net(2), lambda: net(3),
        " has shape (4, 2) for 'out.kernel', and Sequential 'net' needs (4, 3).\n"
        "  layer                in file              in model             verdict\n"
        "  out                  (4, 2) (2,)          (4, 3) (3,)          shape differs\n"
        "  hidden               (3, 4) (4,)          (3, 4) (4,)          fits\n"
        "  batch_normalization  (4,) (4,) (4,) (4,)  (4,) (4,) (4,) (4,)  fits\n"
        "Where they differ, the file has 2 and the model 3: another number of units or classes.",
    ),
    "fewer": (
        net, lambda: net(more=2),
        " has nothing for 'more0', where Sequential 'net' needs (2, 2) (2,).\n"
        "  layer                in file              in model             verdict\n"
        "  more0                -                    (2, 2) (2,)          missing in file\n"
        "  more1                -                    (2, 2) (2,)          missing in file\n"
        "  hidden               (3, 4) (4,)          (3, 4) (4,)          fits\n"
        "  batch_normalization  (4,) (4,) (4,) (4,)  (4,) (4,) (4,) (4,)  fits\n"
        "  out                  (4, 2) (2,)          (4, 2) (2,)          fits\n"
        "The file has 2 layers fewer than the model; all else fits.",
    ),
    "more": (
        lambda: net(more=1), net,
        " has weights for 'more0', and Sequential 'net' has nothing there.\n"
        "  layer                in file              in model             verdict\n"
        "  more0                (2, 2) (2,)          -                    not in model\n"
        "  hidden               (3, 4) (4,)          (3, 4) (4,)          fits\n"
        "  batch_normalization  (4,) (4,) (4,) (4,)  (4,) (4,) (4,) (4,)  fits\n"
        "  out                  (4, 2) (2,)          (4, 2) (2,)          fits\n"
        "The file has 1 layer more than the model; all else fits.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_shown_and_changes_nothing(case: str, ending: str, tmp_path: Path):
    source, target, words = (MISFITS[case][0](), MISFITS[case][1](), MISFITS[case][2])
    path = tmp_path / f"w.{ending}"
    source.set_weights([weight + 1 for weight in source.get_weights()])
    source.save_weights(path)
    before = target.get_weights()
    with pytest.raises(ValueError, match="verdict") as error:
        target.load_weights(path)
    assert str(error.value) == f"{path}{words}"
    twins.assert_same(target.get_weights(), before, 0)
    with pytest.warns(UserWarning, match=r"^Some weights were left as they are\.") as caught:
        target.load_weights(path, skip_mismatch=True)
    assert str(caught[0].message).endswith(words)
    np.testing.assert_array_equal(target.get_weights()[0], source.get_weights()[0])


@pytest.mark.parametrize("ending", FORMATS)
def test_by_name_leaves_alone_what_one_side_has(ending: str, tmp_path: Path):
    source, target = net(more=1), Sequential([Input((3,)), Dense(4, name="hidden"), Dense(2, name="new")], name="other")
    source.save_weights(tmp_path / f"w.{ending}")
    before = target.get_weights()
    target.load_weights(tmp_path / f"w.{ending}", by_name=True)
    np.testing.assert_array_equal(target.get_weights()[0], source.get_weights()[0])
    twins.assert_same(target.get_weights()[2:], before[2:], 0)
    with pytest.raises(
        ValueError, match=r"has shape \(3, 4\) for 'hidden\.kernel', and Sequential 'wide' needs \(3, 9\)"
    ):
        Sequential([Input((3,)), Dense(9, name="hidden")], name="wide").load_weights(
            tmp_path / f"w.{ending}", by_name=True
        )


@pytest.mark.parametrize("ending", FORMATS)
def test_an_unbuilt_model_is_refused(ending: str, tmp_path: Path):
    net().save_weights(tmp_path / f"w.{ending}")
    model = Sequential([Dense(4)], name="late")
    with pytest.raises(ValueError, match="Sequential 'late' has no weights to load into: it is not built"):
        model.load_weights(tmp_path / f"w.{ending}")
    with pytest.raises(ValueError, match="Sequential 'late' has no weights to save: it is not built"):
        model.save_weights(tmp_path / f"v.{ending}")
    assert not (tmp_path / f"v.{ending}").exists()


def state(**renamed: Any) -> dict[str, torch.Tensor]:
    return {key: value.clone() + 1 for key, value in net().state_dict().items()}


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as they are": lambda key: key,
    "several devices": lambda key: f"module.{key}",
    "compiled": lambda key: f"_orig_mod.{key}",
    "both": lambda key: f"module._orig_mod.{key}",
    "the other way round": lambda key: f"_orig_mod.module.{key}",
    "a part was compiled": lambda key: key.replace("hidden.", "hidden._orig_mod."),
    "an attribute of somebody's": lambda key: f"model.{key}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("ending", ["pt", "safetensors", "npz"])
def test_what_torch_puts_before_the_keys(spelling: str, ending: str, tmp_path: Path):
    from safetensors.torch import save_file

    wanted = state()
    renamed = {SPELLINGS[spelling](key): value for key, value in wanted.items()}
    path = tmp_path / f"w.{ending}"
    if ending == "pt":
        torch.save(renamed, path)
    elif ending == "npz":
        np.savez(path, **{key: value.numpy() for key, value in renamed.items()})
    else:
        save_file({key: value.contiguous() for key, value in renamed.items()}, path)
    model = net(seed=1)
    model.load_weights(path)
    for key, value in model.state_dict().items():
        assert torch.equal(value, wanted[key])


@pytest.mark.parametrize("colon", ["", ":0"])
def test_paths_of_keras_are_names_too(colon: str, tmp_path: Path):
    ours, theirs = twins.pair("nested")
    np.savez(tmp_path / "w.npz", **{f"{weight.path}{colon}": weight.numpy() + 1 for weight in theirs.weights})
    ours.load_weights(tmp_path / "w.npz")
    twins.assert_same(ours.get_weights(), [weight + 1 for weight in theirs.get_weights()], 0)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_torch_module_s_own_names_are_not_guessed(ending: str, tmp_path: Path):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    found = {key: value.detach() for key, value in module.state_dict().items()}
    path = tmp_path / f"w.{ending}"
    if ending == "safetensors":
        from safetensors.torch import save_file

        save_file(found, path)
    elif ending == "npz":
        np.savez(path, **{key: value.numpy() for key, value in found.items()})
    else:
        torch.save(found, path)
    model = Sequential([Input((3,)), Dense(4, name="a"), Dense(2, name="b")])
    with pytest.raises(ValueError, match=r"under other names and with the axes of kernels in another order") as error:
        model.load_weights(path)
    assert [line.split()[0] for line in str(error.value).splitlines()[2:6]] == ["a", "b", "0", "1"]


def test_whole_numbers_are_not_taken_for_real_ones(tmp_path: Path):
    wanted = state()
    wanted["out.bias"] = torch.ones(2, dtype=torch.int64)
    torch.save(wanted, tmp_path / "w.pt")
    with pytest.raises(
        ValueError, match=r"has whole numbers for 'out\.bias', and Sequential 'net' needs float32"
    ) as error:
        net().load_weights(tmp_path / "w.pt")
    assert "type differs" in str(error.value)
    np.savez(tmp_path / "w.npz", *[np.ones(weight.shape, "int32") for weight in net().get_weights()])
    with pytest.raises(ValueError, match=r"numbers of another kind in array 0"):
        net().load_weights(tmp_path / "w.npz")


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_types_of_another_size(ending: str, dtype: str, tmp_path: Path):
    def made() -> Any:
        return Sequential([Input((3,)), Dense(4, dtype=dtype, name="a")])

    model = made()
    model.save_weights(tmp_path / f"w.{ending}")
    same, wide = made(), Sequential([Input((3,)), Dense(4, name="a")])
    for other in (same, wide):
        other.load_weights(tmp_path / f"w.{ending}")
        assert torch.equal(
            other.layers[0].kernel.double(), model.layers[0].kernel.double().to(other.layers[0].kernel.dtype).double()
        )


@pytest.mark.parametrize("ending", FORMATS)
def test_weights_that_are_used_twice_and_constants(ending: str, tmp_path: Path):
    class Tied(Model):
        def __init__(self) -> None:
            super().__init__(name="tied")
            self.first = torch.nn.Linear(3, 3)
            self.second = torch.nn.Linear(3, 3)
            self.second.weight = self.first.weight

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(inputs))

    one, two = Tied(), Tied()
    x = torch.ones(2, 3)
    one(x), two(x)
    one.save_weights(tmp_path / f"w.{ending}")
    two.load_weights(tmp_path / f"w.{ending}")
    assert torch.equal(one(x), two(x))
    inputs = Input((3,))
    model = Model(inputs, Dense(2, name="a")(inputs + torch.ones(3)), name="constant")
    model.save_weights(tmp_path / f"c.{ending}")
    model.load_weights(tmp_path / f"c.{ending}")


@pytest.mark.parametrize("ending", FORMATS)
def test_lora_is_kept_apart(ending: str, tmp_path: Path):
    def made() -> Any:
        model = Sequential([Input((3,)), Dense(4, name="a")])
        model.layers[0].enable_lora(2)
        return model

    one, two = made(), made()
    one.set_weights([np.random.default_rng(0).normal(size=weight.shape) for weight in one.get_weights()])
    one.save_weights(tmp_path / f"w.{ending}")
    two.load_weights(tmp_path / f"w.{ending}")
    twins.assert_same(two.get_weights(), one.get_weights(), 0)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_disk_that_fails_leaves_the_old_file(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / f"w.{ending}"
    net().save_weights(path)
    before = path.read_bytes()

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        net(seed=1).save_weights(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_layer_with_odd_weights(ending: str, tmp_path: Path):
    def made(seed: int) -> Any:
        torch.manual_seed(seed)
        return Sequential([Input((8, 8, 2)), layers.SeparableConv2D(3, 2, name="sep"), layers.Conv2DTranspose(2, 2, name="up"),
                           layers.Reshape((8, 16)), layers.Bidirectional(layers.GRU(2, return_sequences=True), name="both"),
                           layers.LayerNormalization(name="norm")])  # fmt: skip

    one, two = made(0), made(1)
    one.save_weights(tmp_path / f"w.{ending}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        two.load_weights(tmp_path / f"w.{ending}")
    twins.assert_same(two.get_weights(), one.get_weights(), 0)
