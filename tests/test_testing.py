"""``check_layer``: good layers pass, and for each property there is a broken layer that fails it and says how."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from lamina.layers import Activation, Dense, Dropout, Embedding, Layer
from lamina.testing import OPTIONAL, PASSED, PROPERTIES, ContractError, check_layer


class Good(Layer):
    """What each broken layer is, but for one thing."""

    supports_masking = True

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))

    def call(self, inputs):
        return inputs @ self.kernel

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


class GrowsWeights(Good):
    def call(self, inputs):
        self.add_weight(name=f"more_{len(self.weights)}", shape=())
        return super().call(inputs)


class KeepsItsInput(Good):
    def call(self, inputs):
        self.last = inputs * 1
        return super().call(inputs)


class WrongType(Good):
    def compute_output_spec(self, inputs):
        return inputs.to(torch.float64) @ torch.ones(4, 3, dtype=torch.float64)


class WrongShapeRule(Good):
    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units + 1)


class FixedBatch(Good):
    def compute_output_shape(self, input_shape):
        return (2, *input_shape[1:-1], self.units)


class ForgetsArgument(Good):
    def get_config(self):
        return {key: value for key, value in super().get_config().items() if key != "units"}


class DoubledWeights(Good):
    def get_weights(self):
        return [array * 2 for array in super().get_weights()]


class NotInStateDict(Good):
    def build(self, input_shape):
        self.register_buffer("hidden", torch.ones(()), persistent=False)
        super().build(input_shape)

    @property
    def weights(self):
        return [*super().weights, self.hidden]


class SharedWeight(Good):
    def __deepcopy__(self, memo):
        return self


class Unpicklable(Good):
    def build(self, input_shape):
        super().build(input_shape)
        self.lock = threading.Lock()


class OnlyFloat32(Good):
    def call(self, inputs):
        return (inputs.float() @ self.kernel.float()).float()


class Detached(Good):
    def call(self, inputs):
        return inputs @ self.kernel.detach()


class NoisyInference(Good):
    def call(self, inputs):
        return super().call(inputs) + torch.rand(())


class WrongMask(Good):
    def compute_mask(self, inputs, previous_mask=None):
        return None if previous_mask is None else previous_mask[:, 1:]


class BranchesOnSymbols(Good):
    """A functional model records something else than what a call computes."""

    def __call__(self, inputs, *args, **kwargs):
        return super().__call__(inputs if isinstance(inputs, torch.Tensor) else inputs * 2, *args, **kwargs)


class NeverTrained(Good):
    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], self.units), initializer="ones", constraint=torch.ones_like
        )


class SavesNothing(Good):
    def save_own_variables(self, store):
        store["0"] = np.zeros((4, self.units), "float32")


class BreaksGraph(Good):
    def call(self, inputs):
        torch._dynamo.graph_break()
        return super().call(inputs)


class ReadsData(Good):
    def call(self, inputs):
        outputs = super().call(inputs)
        return outputs if outputs.sum() > -1e9 else -outputs


BROKEN = {
    "build_state": (GrowsWeights, "2 weights after the second call, got 3"),
    "inference_mode": (KeepsItsInput, "outside of inference mode, got the others ['last']"),
    "symbolic_shape": (WrongType, "symbolic type torch.float32, got torch.float64"),
    "output_shape": (WrongShapeRule, "shape (2, 5, 3), got (2, 5, 4)"),
    "unknown_sizes": (FixedBatch, "an unknown batch (None) where the batch is unknown, got (2, 5, 3)"),
    "config_round_trip": (ForgetsArgument, "weights of shapes [(4, 2)], got [(4, 3)]"),
    "weights_round_trip": (DoubledWeights, "outputs with the same weights equal to 1e-05"),
    "state_dict_round_trip": (NotInStateDict, "every weight in state_dict, got none of shape [()]"),
    "deepcopy": (SharedWeight, "outputs after the copy's weights changed equal to 1e-05"),
    "pickling": (Unpicklable, "expected no error, got TypeError: cannot pickle '_thread.lock' object"),
    "float64": (OnlyFloat32, "outputs of torch.float64, got torch.float32"),
    "bfloat16": (OnlyFloat32, "outputs of torch.bfloat16, got torch.float32"),
    "gradients": (Detached, "a gradient of weight 'kernel', got none"),
    "modes": (NoisyInference, "outputs of two calls in inference mode equal to 1e-05"),
    "masks": (WrongMask, "a mask that fits the outputs, (2, 5), got (2, 4)"),
    "functional_model": (BranchesOnSymbols, "outputs of the model equal to 1e-05"),
    "training_step": (NeverTrained, "weight 'never_trained.kernel' to change, got the same numbers"),
    "save_and_load": (SavesNothing, "outputs of the loaded model equal to 1e-05"),
    "torch_compile": (BreaksGraph, "expected no error, got Unsupported"),
    "torch_export": (ReadsData, "expected no error, got"),
}


def test_every_property_has_a_negative_control():
    assert BROKEN.keys() == PROPERTIES.keys()


def test_a_good_layer_passes():
    report = check_layer(Good, {"units": 2}, input_shape=(2, 5, 4), compiled=True)
    assert report == dict.fromkeys(PROPERTIES, PASSED)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_layer_fails(name):
    cls, what = BROKEN[name]
    with pytest.raises(ContractError) as caught:
        check_layer(cls, {"units": 2} if name == "config_round_trip" else {}, input_shape=(2, 5, 4), properties=[name])
    message = str(caught.value)
    assert message.startswith(f"{cls.__name__} breaks {name} (")
    assert what in message


def test_the_message_names_everything():
    with pytest.raises(ContractError) as caught:
        check_layer(WrongShapeRule, input_shape=(2, 4), properties=["output_shape"])
    assert str(caught.value) == (
        "WrongShapeRule breaks output_shape (``compute_output_shape`` gives the shape of the call with data): "
        "expected shape (2, 3), got (2, 4)."
    )


# ---- what it is called with ------------------------------------------------------------------------------------------


class Weighted(Layer):
    """Several inputs, as a list or dict, and a further argument."""

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

    def call(self, inputs, bias):
        left, right = inputs.values() if isinstance(inputs, dict) else inputs
        return left * right * self.scale + bias


@pytest.mark.parametrize("shape", [[(2, 3), (2, 3)], {"left": (2, 3), "right": (2, 3)}], ids=["list", "dict"])
def test_several_inputs(shape):
    report = check_layer(Weighted, input_shape=shape, call_kwargs={"bias": np.ones((2, 3), "float32")})
    assert report.pop("output_shape").startswith("does not apply: the layer states no rule")
    assert set(report.values()) == {PASSED}


def test_inputs_and_types():
    report = check_layer(Embedding, {"input_dim": 4, "output_dim": 3}, input_shape=(2, 5), input_dtype="int64")
    assert set(report.values()) == {PASSED}
    assert check_layer(Dense, {"units": 2}, inputs=np.ones((2, 3)))["gradients"] == PASSED


@pytest.mark.parametrize("factory", [lambda rate: Dropout(rate), Dropout])
def test_factories_and_randomness(factory):
    assert check_layer(factory, {"rate": 0.5}, input_shape=(4, 5))["modes"] == PASSED


def test_what_does_not_apply_says_why():
    report = check_layer(Activation, {"activation": "relu"}, input_shape=(2, 3))
    assert report["training_step"] == "does not apply: there is nothing to train"


def test_classes_inside_functions():
    class Local(Good):
        pass

    report = check_layer(Local, input_shape=(2, 3))
    assert report["pickling"] == "does not apply: Python can't pickle a class that is defined inside a function"
    assert report["save_and_load"] == PASSED


def test_a_random_state_that_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    check_layer(Dense, {"units": 2}, input_shape=(2, 3), properties=["modes"])
    assert torch.equal(torch.rand(2), expected)


def test_the_slow_properties_are_optional():
    assert PROPERTIES.keys() - check_layer(Dense, {"units": 2}, input_shape=(2, 3)).keys() == set(OPTIONAL)


def test_skipped_properties():
    assert "output_shape" not in check_layer(WrongShapeRule, input_shape=(2, 4), skip=[
        "output_shape", "symbolic_shape", "unknown_sizes", "masks", "training_step", "functional_model",
        "save_and_load"])  # fmt: skip


MISUSE = {
    "no inputs": ({}, "check_layer needs either input_shape or inputs."),
    "both": ({"input_shape": (2,), "inputs": 1.0}, "check_layer needs either input_shape or inputs."),
    "a wrong name": (
        {"input_shape": (2, 3), "properties": ["gradient"]},
        "'gradient' is not a property of the contract. Did you mean 'gradients'?",
    ),
}


@pytest.mark.parametrize("case", MISUSE)
def test_misuse(case):
    arguments, message = MISUSE[case]
    with pytest.raises(ValueError, match=r"check_layer|contract") as caught:
        check_layer(Dense, {"units": 2}, **arguments)
    assert str(caught.value) == message
