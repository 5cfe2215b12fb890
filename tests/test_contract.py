"""Every property that all layers share, over every row of the catalogue; Keras 3.15.1 is the oracle."""

from __future__ import annotations

import inspect
import json

import keras
import parity
import pytest
import torch
from catalog import NO_ROW, NOT_EXERCISED, ROWS, WRONG
from golden import state_dict_keys

import lamina.layers
from lamina.engine.construction import BASE_ARGUMENTS, argument_names
from lamina.engine.layer import Layer
from lamina.engine.weights import to_numpy
from lamina.graph.symbolic import leaves
from lamina.testing import OPTIONAL, PROPERTIES, ContractError, check_layer

# NumPy asks Keras's variables for an array in a way that they do not know yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

IN_KERAS = [row for row in ROWS if row.keras is not None]
# Config keys that Keras writes and that say nothing about the layer.
KERAS_ONLY = {"quantization_config", "gptq_unpacked_column_size"}


def over(rows, test):
    """The rows as parameters. A row that is known to fail ``test`` must fail it."""
    known = {row: pytest.mark.xfail(strict=True, reason=row.exceptions[test]) for row in rows if test in row.exceptions}
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.id, marks=known.get(row, ())) for row in rows])


# ---- against Keras ---------------------------------------------------------------------------------------------------


def assert_equals_keras(row, dtype, tolerance):
    theirs, ours = parity.make_keras(row, dtype=dtype), parity.make(row, dtype=dtype)
    inputs, arguments = parity.inputs_of(row, dtype), parity.call_arguments(row, dtype)
    for layer in (theirs, ours):
        parity.call(layer, inputs, row, arguments)
    assert [tuple(weight.shape) for weight in ours.weights] == [tuple(weight.shape) for weight in theirs.weights]
    values = parity.random_weights(row, theirs)
    for layer in (theirs, ours):
        layer.set_weights([value.astype(dtype) for value in values])
    mine, keras_s = (parity.numbers(layer, row, inputs, arguments) for layer in (ours, theirs))
    for what in mine:
        if "gradients_of_keras" in row.exceptions and "gradient" in what:
            continue
        parity.assert_close(mine[what], keras_s[what], tolerance, what)


@over(IN_KERAS, "values")
def test_values_and_gradients(row):
    assert_equals_keras(row, "float32", row.tolerance)


# Low-rank weights are float32 in layers of any type, in Keras, too.
@over([row for row in IN_KERAS if "lora_rank" not in row.kwargs], "values_in_float64")
def test_values_and_gradients_in_float64(row):
    assert_equals_keras(row, "float64", 1e-9)


# How far numbers computed in a type may lie from those of float64 on average, in parts of the largest.
PRECISION = {"float64": 1e-6, "float16": 8e-3, "bfloat16": 6e-2}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_types(row):
    """With every policy: what a symbolic call says is what a call gives, and what Keras gives; there are gradients, of each
    source's own type; numbers are near those of float64."""
    exact = parity.make(row, dtype="float64")
    parity.call(exact, parity.inputs_of(row), row, parity.call_arguments(row))
    values = parity.random_weights(row, exact)
    for policy in ("float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"):
        layer = parity.make(row, dtype=policy)
        found = parity.types_of_call(layer, row)
        if "types" not in row.exceptions:
            assert parity.types_of_symbolic_call(row, policy) == found, f"symbolically, {policy}"
        if row.keras is not None and "types_of_keras" not in row.exceptions:
            theirs = parity.types_of_keras(row, policy)
            assert theirs in (None, found), f"in Keras, {policy}"
        layer.set_weights([value.astype("float32") for value in values])
        exact.set_weights([to_numpy(weight) for weight in layer.weights])
        if "precision" not in row.exceptions:
            assert_near(layer, exact, row, PRECISION[policy.removeprefix("mixed_")], policy)


def assert_near(layer, exact, row, precision, policy):
    inputs, arguments = parity.inputs_of(row), parity.call_arguments(row)
    mine, wanted = (parity.numbers(one, row, inputs, arguments) for one in (layer, exact))
    types = [weight.dtype for weight in layer.trainable_weights]
    assert [gradient.dtype for gradient in mine["weight gradients"]] in (types, []), policy
    gradients = largest(wanted["input gradients"] + wanted["weight gradients"])
    for what, scale in (
        ("outputs", largest(wanted["outputs"])),
        ("input gradients", gradients),
        ("weight gradients", gradients),
    ):
        scale = max(scale, 0.1 * largest(wanted["outputs"]), 1e-3)
        for one, other in zip(mine[what], wanted[what], strict=True):
            off = (one.detach().double() - other.detach()).abs()
            assert one.shape == other.shape
            assert not off.numel() or float(off.mean()) <= precision * scale, f"{what}, {policy}: off by {off.mean()}"


def largest(tensors):
    return max((float(tensor.detach().abs().max()) for tensor in tensors if tensor.numel()), default=0.0)


@over([row for row in IN_KERAS if not row.call], "unknown_shapes")
def test_shapes_with_unknown_sizes(row):
    """Whatever size of the output Keras knows, lamina knows it too, and they agree."""
    for axis in range(parity.rank(row.shape)):
        shape = parity.map_shapes(lambda sizes, axis=axis: parity.unknown(sizes, (0, axis)), row.shape)
        try:
            expected = parity.make_keras(row).compute_output_shape(shape)
        except (TypeError, ValueError, NotImplementedError):  # Keras computes with None, or refuses it
            continue
        found = parity.make(row).compute_output_shape(shape)
        for ours, theirs in zip(parity.shape_list(found), parity.shape_list(expected), strict=True):
            known = tuple(size if wanted is not None else None for size, wanted in zip(ours, theirs, strict=True))
            assert known == tuple(theirs), f"for {shape}: {found}"


@over(IN_KERAS, "config")
def test_config(row):
    theirs = parity.plain_keras(parity.make_keras(row, name="layer").get_config())
    ours = parity.plain(parity.make(row, name="layer").get_config())
    assert ours | theirs == ours | {key: theirs[key] for key in theirs.keys() & KERAS_ONLY}


@over(IN_KERAS, "keras_takes_config")
def test_keras_takes_the_config(row):
    theirs = parity.make_keras(row, name="layer")
    with keras.saving.CustomObjectScope(parity.FUNCTIONS):
        taken = type(theirs).from_config(parity.plain(parity.make(row, name="layer").get_config()))
    assert parity.plain_keras(taken.get_config()) == parity.plain_keras(theirs.get_config())


@over(IN_KERAS, "mask")
def test_masks(row):
    found = []
    for layer in (parity.make(row), parity.make_keras(row)):
        inputs = parity.inputs_of(row)
        for leaf in leaves(inputs):
            if leaf.dim() >= 3:
                leaf._keras_mask = (
                    torch.arange(leaf.shape[1]) < torch.tensor([[leaf.shape[1]], [1]]).repeat(len(leaf), 1)[: len(leaf)]
                )
        outputs = leaves(parity.call(layer, inputs, row, parity.call_arguments(row)))
        found.append([getattr(output, "_keras_mask", None) for output in outputs])
    ours, theirs = found
    assert [None if mask is None else mask.tolist() for mask in ours] == [
        None if mask is None else mask.tolist() for mask in theirs
    ]


# ---- lamina's own contract -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_contract(row):
    """All properties in one test: one each would be ten thousand tests, which take longer to name than to run."""
    inputs, arguments = parity.inputs_of(row), parity.call_arguments(row)
    broken = {}
    for name in PROPERTIES.keys() - set(OPTIONAL):
        try:
            check_layer(lambda: parity.make(row), inputs=inputs, call_kwargs=arguments, properties=[name],
                        custom_objects=parity.FUNCTIONS, tolerance=row.tolerance)  # fmt: skip
        except ContractError as error:
            broken[name] = error
    known = row.exceptions.keys() & (PROPERTIES.keys() - set(OPTIONAL))
    assert broken.keys() == known, "\n".join(map(str, broken.values())) or f"the row no longer fails {known}"


@pytest.mark.parametrize("row", [row for row in ROWS if row.exceptions], ids=lambda row: row.id)
def test_exceptions_name_a_test(row):
    tests = {
        "types_of_keras",
        "types",
        "precision",
        "gradients_of_keras",
        "values",
        "values_in_float64",
        "unknown_shapes",
        "config",
        "keras_takes_config",
        "mask",
        *PROPERTIES,
    }
    assert row.exceptions.keys() <= tests
    assert all(row.exceptions.values()), "each exception has a reason"


def test_state_dict_keys():
    golden = json.loads(state_dict_keys.PATH.read_text(encoding="utf-8"))
    keys = {row.id: keys for row in ROWS if (keys := state_dict_keys.keys_of(row))}
    assert keys == golden, "keys that saved files depend on changed; tests/golden/state_dict_keys.py writes them anew"


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.id)
def test_wrong_arguments_and_inputs(wrong):
    with pytest.raises(wrong.error) as caught:
        make_and_call(wrong)
    assert str(caught.value) == wrong.message


def make_and_call(wrong):
    layer = parity.make(wrong)
    if wrong.shape is not None:
        layer(parity.map_shapes(lambda sizes: lamina.layers.Input(batch_shape=sizes), wrong.shape))


# ---- the catalogue is whole ------------------------------------------------------------------------------------------


def public_layers():
    found = {name: member for name, member in vars(lamina.layers).items() if isinstance(member, type)}
    return {name: cls for name, cls in found.items() if issubclass(cls, Layer) and name == cls.__name__}


def test_every_layer_has_a_row():
    without = public_layers().keys() - {row.layer for row in ROWS}
    assert without - NO_ROW.keys() == set()
    assert NO_ROW.keys() - without == set()


def test_rows_differ():
    ids = [row.id for row in ROWS]
    assert sorted(set(ids)) == sorted(ids)


def unexercised(cls, rows):
    """The constructor's arguments to which no row gives a value other than the default."""
    signature = inspect.signature(cls.__init__).parameters
    for name in argument_names(cls):
        default = signature[name].default if name in signature else None
        given = [row.kwargs[name] for row in rows if name in row.kwargs]
        if name not in BASE_ARGUMENTS and not any(value != default for value in given):
            yield cls.__name__, name


def test_every_argument_is_exercised():
    found = {pair for name, cls in public_layers().items() if name not in NO_ROW
             for pair in unexercised(cls, [row for row in ROWS if row.layer == name])}  # fmt: skip
    assert found - NOT_EXERCISED.keys() == set()
    assert NOT_EXERCISED.keys() - found == set()


def test_an_argument_left_out_is_seen():
    rows = [row for row in ROWS if row.layer == "Dense" and "kernel_constraint" not in row.kwargs]
    assert ("Dense", "kernel_constraint") in set(unexercised(lamina.layers.Dense, rows))
    assert ("Dense", "units") not in set(unexercised(lamina.layers.Dense, rows))
