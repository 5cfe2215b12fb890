"""Data as batches: whatever ``fit`` may be given trains the same model in the same way."""

from __future__ import annotations

import keras
import numpy as np
import pandas
import pytest
import torch
from training.oracle import assert_fit_as_keras, assert_weights, exactly, in_keras, twins

import lamina
from lamina.layers import Dense
from lamina.training.class_weights import class_weights
from lamina.training.data import make_batches, split_validation, to_tensor

rng = np.random.default_rng(0)
X = rng.integers(-3, 4, (20, 4)).astype("float32")
Y = rng.integers(0, 3, 20)
HOT = np.eye(3, dtype="float32")[Y]
W = rng.integers(1, 4, 20).astype("float32")


def classifier(k):
    return k.Sequential([k.layers.Input((4,)), k.layers.Dense(3, activation="softmax")])


def trained(x, y=None, weights=None, **options):
    """The weights after two epochs, from the same start."""
    model = classifier(lamina)
    model.set_weights([np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3), np.zeros(3, "float32")])
    model.compile(lamina.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    options = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0, **options}
    if not isinstance(x, (np.ndarray, torch.Tensor, list, tuple, dict, pandas.DataFrame)):
        del options["batch_size"]
    model.fit(x, y, sample_weight=weights, **options)
    return model.get_weights()


def assert_trains_as_arrays(x, y=None, weights=None, reference=None, **options):
    wanted = trained(X, Y, reference)
    for mine, other in zip(trained(x, y, weights, **options), wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-6)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


NUMPY = {
    "float64": (X.astype("float64"), Y),
    "float16": (X.astype("float16"), Y),
    "int64": (X.astype("int64"), Y),
    "int8": (X.astype("int8"), Y.astype("int8")),
    "big-endian": (X.astype(">f4"), Y.astype(">i4")),
    "read-only": (read_only(X), read_only(Y)),
    "negative strides": (np.ascontiguousarray(X[::-1])[::-1], np.ascontiguousarray(Y[::-1])[::-1]),
    "Fortran order": (np.asfortranarray(X), Y),
    "every other row": (np.repeat(X, 2, axis=0)[::2], np.repeat(Y, 2)[::2]),
    "labels as floats": (X, Y.astype("float32")),
    "labels as a column": (X, Y[:, None]),
    "uint8 labels": (X, Y.astype("uint8")),
    "uint16 labels": (X, Y.astype("uint16")),
    "bool weights": (X, Y),
    "lists of numbers": (X.tolist(), Y.tolist()),
    "a matrix and a list": (X, list(Y)),
    "torch": (torch.from_numpy(X), torch.from_numpy(Y)),
    "torch float64": (torch.from_numpy(X).double(), torch.from_numpy(Y)),
    "torch that asks for gradients": (torch.from_numpy(X.copy()).requires_grad_(), torch.from_numpy(Y)),
    "lists of one array": ([X], [Y]),
    "tuples of one array": ((X,), (Y,)),
    "frames": (pandas.DataFrame(X, columns=list("abcd")), pandas.Series(Y)),
    "frames of several types": (pandas.DataFrame({"a": X[:, 0], "b": X[:, 1].astype(int), "c": X[:, 2].astype("float64"),
                                                  "d": X[:, 3]}), pandas.DataFrame({"label": Y})),
    "a frame with another index": (pandas.DataFrame(X, index=range(100, 80, -1)), pandas.Series(Y, index=range(5, 25))),
}  # fmt: skip


@pytest.mark.parametrize("case", NUMPY)
def test_arrays(case):
    x, y = NUMPY[case]
    assert_trains_as_arrays(x, y)


def test_uint8_pictures():
    """Bytes are computed with as floats, and are not copied as such beforehand."""
    pictures = rng.integers(0, 255, (16, 4)).astype("uint8")
    [batch] = list(make_batches(pictures).epoch())
    assert batch[0].dtype is torch.uint8
    model = classifier(lamina)
    np.testing.assert_allclose(model.predict(pictures, verbose=0), model.predict(pictures.astype("float32"), verbose=0))


def test_nothing_is_copied_that_need_not_be():
    x = torch.from_numpy(X)
    [(first, _, _)] = list(make_batches(X, batch_size=100).epoch())
    assert first.data_ptr() == x.data_ptr()
    assert to_tensor(x, torch.float32) is x


@pytest.mark.parametrize(
    "weights", [W, W.astype("float64"), W.astype("int64"), torch.from_numpy(W), list(W), pandas.Series(W)]
)
def test_sample_weights(weights):
    assert_trains_as_arrays(X, Y, weights, reference=W)


# ---- what comes in batches -------------------------------------------------------------------------------------------


class InBatches(lamina.utils.PyDataset):
    def __init__(self, parts, **kwargs):
        super().__init__(**kwargs)
        self.parts = parts

    def __len__(self):
        return -(-len(self.parts[0]) // 8)

    def __getitem__(self, index):
        return tuple(part[8 * index : 8 * index + 8] for part in self.parts)


def forever(*parts):
    while True:
        for start in range(0, 20, 8):
            yield tuple(part[start : start + 8] for part in parts)


def loader(*parts, **options):
    data = torch.utils.data.TensorDataset(*map(torch.from_numpy, parts))
    return torch.utils.data.DataLoader(data, batch_size=8, **options)


class Again:
    """An iterable that can begin again, and has no length."""

    def __iter__(self):
        for start in range(0, 20, 8):
            yield X[start : start + 8], Y[start : start + 8]


BATCHED = {
    "DataLoader": lambda: (loader(X, Y), {}),
    "PyDataset": lambda: (InBatches((X, Y)), {}),
    "generator": lambda: (forever(X, Y), {"steps_per_epoch": 3}),
    "iterable": lambda: (Again(), {}),
    "iterable with steps": lambda: (Again(), {"steps_per_epoch": 3}),
    "generator of lists": lambda: (([x, y] for x, y in forever(X, Y)), {"steps_per_epoch": 3}),
    "generator of tensors": lambda: (((torch.from_numpy(x), torch.from_numpy(y)) for x, y in forever(X, Y)),
                                     {"steps_per_epoch": 3}),
    "list of batches as an iterator": lambda: (iter(list(next(g) for g in [forever(X, Y)] for _ in range(6))),
                                               {"steps_per_epoch": 3}),
}  # fmt: skip


@pytest.mark.parametrize("case", BATCHED)
def test_batches(case):
    source, options = BATCHED[case]()
    assert_trains_as_arrays(source, **options)


def test_weighted_batches():
    assert_trains_as_arrays(loader(X, Y, W), reference=W)
    assert_trains_as_arrays(InBatches((X, Y, W)), reference=W)


def test_a_dataset_hears_of_epochs():
    heard = []

    class Hearing(InBatches):
        def on_epoch_begin(self):
            heard.append("begin")

        def on_epoch_end(self):
            heard.append("end")

    trained(Hearing((X, Y)), epochs=2)
    assert heard == ["begin", "end"] * 2


def test_shuffling_a_dataset_shuffles_its_batches():
    seen = []

    class Noting(InBatches):
        def __getitem__(self, index):
            seen.append(index)
            return super().__getitem__(index)

    trained(Noting((X, Y)), shuffle=True, epochs=4)
    assert [sorted(seen[i : i + 3]) for i in range(0, 12, 3)] == [[0, 1, 2]] * 4
    assert seen != [0, 1, 2] * 4


def test_a_dataset_without_end():
    class Endless(lamina.utils.PyDataset):
        @property
        def num_batches(self):
            return None

        def __getitem__(self, index):
            start = 8 * (index % 3)
            return X[start : start + 8], Y[start : start + 8]

    assert_trains_as_arrays(Endless(), steps_per_epoch=3)


def test_class_weights_of_batches():
    wanted = trained(X, Y, class_weight={0: 2.0, 1: 0.5})
    for mine, other in zip(trained(loader(X, Y), class_weight={0: 2.0, 1: 0.5}), wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6)


def test_a_generator_that_runs_out_ends_the_epoch():
    with pytest.warns(UserWarning, match=r"^The data ran out after 2 of 3 steps; the epoch ends there\.$"):
        trained((batch for batch, _ in zip(forever(X, Y), range(2), strict=False)), steps_per_epoch=3, epochs=1)


def test_a_generator_cant_begin_again():
    """The epochs that there were data for are trained, and the rest is not."""
    message = ("The data ran out after epoch 1, and training ends there. A generator can't begin again: let it go on for "
               "ever, with steps_per_epoch, or pass a PyDataset or DataLoader.")  # fmt: skip
    model = classifier(lamina)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.warns(UserWarning, match=exactly(message)):
        history = model.fit(iter(Again()), epochs=3, verbose=0)
    assert history.epoch == [0]


def test_the_first_epoch_counts_the_steps_of_an_iterable():
    model = classifier(lamina)
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = model.fit(Again(), validation_data=Again(), epochs=2, verbose=0)
    assert len(history.history["val_loss"]) == 2


@pytest.mark.parametrize("make", [
    lambda k: (forever(X, HOT), {"steps_per_epoch": 4, "epochs": 3, "validation_data": (X, HOT)}),
    lambda k: (keras_dataset(k, (X, HOT)), {"epochs": 2, "validation_data": (X, HOT)}),
    lambda k: (loader(X, HOT), {"epochs": 2, "validation_data": loader(X, HOT)}),
])  # fmt: skip
def test_batches_as_keras(make):
    ours, theirs = twins(classifier)
    curves = []
    for model, library in ((ours, lamina), (theirs, keras)):
        model.compile(optimizer=library.optimizers.SGD(0.1), loss="categorical_crossentropy", metrics=["accuracy"])
        x, options = make(library)
        run = lambda model=model, x=x, options=options: model.fit(x, shuffle=False, verbose=0, **options).history  # noqa: E731
        curves.append(run() if library is lamina else in_keras(run))
    assert list(curves[0]) == list(curves[1])
    for name, values in curves[1].items():
        assert curves[0][name] == pytest.approx(values, rel=1e-5), name
    assert_weights(ours, theirs)


def keras_dataset(library, parts):
    class Dataset(library.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return tuple(part[8 * index : 8 * index + 8] for part in parts)

    return Dataset()


# ---- structures ------------------------------------------------------------------------------------------------------


def two_inputs(k):
    a, b = k.layers.Input((2,), name="a"), k.layers.Input((2,), name="b")
    return k.Model({"a": a, "b": b}, k.layers.Dense(3, activation="softmax")(k.layers.Concatenate()([a, b])))


@pytest.mark.parametrize("x", [
    {"a": X[:, :2], "b": X[:, 2:]},
    {"b": X[:, 2:], "a": X[:, :2]},
    {"a": X[:, :2], "b": X[:, 2:], "unused": X},
])  # fmt: skip
def test_dicts_as_keras(x):
    assert_fit_as_keras(two_inputs, {"optimizer": lambda k: k.optimizers.SGD(0.1),
                                     "loss": "sparse_categorical_crossentropy"}, {"x": x, "y": Y})  # fmt: skip


def test_a_list_for_inputs_that_have_names():
    model = two_inputs(lamina)
    by_name = model.predict({"b": X[:, 2:], "a": X[:, :2]}, verbose=0)
    np.testing.assert_allclose(model.predict([X[:, :2], X[:, 2:]], verbose=0), by_name)


def test_a_loader_of_dicts():
    rows = [({"b": x[2:], "a": x[:2]}, y) for x, y in zip(X, Y, strict=True)]
    one, other = two_inputs(lamina), two_inputs(lamina)
    other.set_weights(one.get_weights())
    for model in (one, other):
        model.compile("sgd", "sparse_categorical_crossentropy")
    one.fit(torch.utils.data.DataLoader(rows, batch_size=8), shuffle=False, verbose=0)
    other.fit({"a": X[:, :2], "b": X[:, 2:]}, Y, batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(one.get_weights()[0], other.get_weights()[0], rtol=1e-6)


def test_steps_that_are_no_whole_number():
    """Keras 2's scripts pass ``len(x) / batch_size``, and the last steps count whole."""
    assert make_batches(X, Y, batch_size=8, steps=len(X) / 8).steps == 3
    assert_trains_as_arrays(X, Y, steps_per_epoch=len(X) / 8)


# ---- what does not fit -----------------------------------------------------------------------------------------------

WRONG = [
    ((torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)), None), {}, TypeError,
     "TensorDataset gives single samples; pass torch.utils.data.DataLoader(dataset, batch_size=32), which gives batches."),
    ((list(X), Y), {}, ValueError,
     "All data must have the same number of rows: x[0] has 4, x[1] has 4, x[2] has 4, x[3] has 4, x[4] has 4, x[5] has 4, "
     "and so on. A list of arrays is a list of inputs; if its arrays are the rows of one, pass np.stack(list)."),
    (([[1.0, 2.0], [3.0]], Y[:2]), {}, ValueError,
     "The rows of data in lists must have the same length, and these differ. Pad them to one length."),
    ((X, Y), {"class_weight": "balanced"}, TypeError,
     "class_weight must be a dict of class numbers and their weights, {0: 1.0, 1: 5.0}, and got 'balanced'."),
    ((X, Y), {"class_weight": [1.0, 2.0]}, TypeError,
     "class_weight must be a dict of class numbers and their weights, {0: 1.0, 1: 5.0}, and got [1.0, 2.0]."),
    ((X, Y), {"epochs": "3"}, TypeError, "epochs must be a whole number, and got '3'."),
    ((X, Y[:-1]), {}, ValueError, "All data must have the same number of rows: x has 20, y has 19."),
    (([X, X[:3]], Y), {}, ValueError, "All data must have the same number of rows: x[0] has 20, x[1] has 3, y has 20."),
    ((X, Y, W[:5]), {}, ValueError,
     "All data must have the same number of rows: x has 20, y has 20, sample_weight has 5."),
    ((X[:0], Y[:0]), {}, ValueError, "There is no data: x has 0 rows."),
    (([], []), {}, ValueError, "There is no data: x has 0 rows."),
    ((None, None), {}, ValueError, "There is no data: x is None."),
    ((X, 3.0), {}, ValueError, "y must have a row for each sample, and got the single number 3.0."),
    ((X, Y), {"batch_size": 0}, ValueError, "batch_size must be a positive integer, and got 0."),
    ((X, Y), {"batch_size": 2.5}, ValueError, "batch_size must be a positive integer, and got 2.5."),
    ((np.array([["a"] * 4] * 20), Y), {}, TypeError,
     "Data must be numbers, and got array (20, 4) <U1: ['a', 'a', 'a'] ..."),
    ((iter([(X, Y)]), Y), {}, ValueError,
     "list_iterator brings its targets itself, as (x, y) batches; leave y out."),
    ((iter([(X, Y, W, W)]), None), {}, ValueError,
     "A batch must be x, (x, y) or (x, y, sample_weight), and got a tuple of 4."),
    ((X, Y), {"validation_split": 1.5}, ValueError,
     "validation_split must be a fraction between 0 and 1, and got 1.5."),
    ((X[:1], Y[:1]), {"validation_split": 0.5}, ValueError,
     "validation_split=0.5 of 1 rows leaves nothing to train on."),
    ((iter([(X, Y)]), None), {"validation_split": 0.5}, ValueError,
     "validation_split needs arrays; data that comes in batches can't be split. Pass validation_data."),
    (([X, Y], [Y, Y]), {"class_weight": {0: 1.0}}, ValueError, "class_weight needs targets of one output."),
    ((iter([]), None), {}, ValueError, "There was no data to train 'plain' on: the first batch never came."),
    ((X, Y), {"validation_data": (X, Y), "validation_freq": "often"}, ValueError,
     "validation_freq must be a number of epochs or a list of epochs, and got 'often'."),
    ((X, Y), {"verbose": 3}, ValueError, "verbose must be 0, 1, 2 or 'auto', and got 3."),
    ((X, Y), {"callbacks": [lamina.callbacks.EarlyStopping]}, TypeError, None),
]  # fmt: skip


@pytest.mark.parametrize(("data", "options", "error", "message"), WRONG, ids=range(len(WRONG)))
def test_what_does_not_fit(data, options, error, message):
    model = lamina.Sequential([Dense(3, activation="softmax", input_shape=(4,))], name="plain")
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()
    with pytest.raises(error) as caught:
        model.fit(*data[:2], sample_weight=data[2] if len(data) > 2 else None, **{"verbose": 0, **options})
    assert message is None or str(caught.value) == message
    if "validation_freq" not in options:
        for weight, old in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, old)


# ---- parts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [Y, HOT, Y[:, None], torch.from_numpy(Y), Y.astype("float32")])
def test_class_weights(y):
    found = class_weights(y, {0: 2.0, 2: 0.5}, torch.float32, to_tensor)
    np.testing.assert_array_equal(found.numpy(), np.array([2.0, 1.0, 0.5], "float32")[Y])


def test_class_weights_of_steps():
    labels = np.array([[0, 1], [2, 2]])
    found = class_weights(labels[..., None], {0: 2.0, 2: 0.5}, torch.float32, to_tensor)
    np.testing.assert_array_equal(found.numpy(), [[2.0, 1.0], [0.5, 0.5]])


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.3, 0.5, 0.9])
def test_split_as_keras(fraction):
    from keras.src.trainers.data_adapters.array_slicing import train_validation_split

    ours = split_validation((X, Y, None), fraction)
    theirs = train_validation_split((X, Y, None), fraction)
    for mine, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine[0], wanted[0])
        np.testing.assert_array_equal(mine[1], wanted[1])
        assert mine[2] is wanted[2] is None


@pytest.mark.parametrize("x", [[X], {"a": X}, (X, X), torch.from_numpy(X), pandas.DataFrame(X)])
def test_split_of_structures(x):
    first, last = split_validation((x, Y, None), 0.25)
    assert type(first[0]) is type(x) or isinstance(x, pandas.DataFrame)
    assert len(first[1]) == 15
    assert len(last[1]) == 5


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 20])
def test_a_shuffled_epoch_in_several_chunks(rows, monkeypatch):
    """Rows are gathered a chunk at a time; how large a chunk is changes nothing."""
    monkeypatch.setattr("lamina.training.data.GATHER_BYTES", 64)
    batches = list(make_batches(X[:rows], np.arange(rows), batch_size=4, shuffle=True).epoch())
    assert [len(y) for _, y, _ in batches] == [4] * (rows // 4) + [rows % 4] * (rows % 4 > 0)
    order = torch.cat([y for _, y, _ in batches])
    assert sorted(order.tolist()) == list(range(rows))
    torch.testing.assert_close(torch.cat([x for x, _, _ in batches]), torch.from_numpy(X)[order])


# ---- sparse matrices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix", "coo_matrix", "lil_matrix", "csr_array"])
def test_sparse_matrices_are_data(kind):
    """As their numbers, everywhere where arrays may be; only the rows of a batch are ever written out."""
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(0)
    dense = rng.random((40, 6), "float32") * (rng.random((40, 6)) < 0.3)
    given, targets = getattr(sparse, kind)(dense), rng.random((40, 1), "float32")

    def trained(x, **kwargs):
        lamina.utils.set_random_seed(3)
        inputs = lamina.layers.Input((6,), sparse=True)
        model = lamina.Model(inputs, lamina.layers.Dense(1)(inputs))
        model.compile("sgd", "mse")
        history = model.fit(x, targets, batch_size=16, epochs=2, verbose=0, validation_split=0.25, **kwargs)
        return model, history.history

    for kwargs in ({"shuffle": False}, {"shuffle": True}, {"class_weight": {0: 2.0, 1: 0.5}}):
        model, found = trained(given, **kwargs)
        expected_model, expected = trained(dense, **kwargs)
        assert found.keys() == expected.keys()
        for key in expected:
            np.testing.assert_allclose(found[key], expected[key], rtol=1e-6)
        np.testing.assert_allclose(model.predict(given, verbose=0), expected_model.predict(dense, verbose=0), rtol=1e-6)
    assert model.evaluate(given, targets, verbose=0) == pytest.approx(model.evaluate(dense, targets, verbose=0))
    assert model.test_on_batch(given, targets) == pytest.approx(model.test_on_batch(dense, targets))
    np.testing.assert_allclose(model.predict_on_batch(given), model.predict_on_batch(dense), rtol=1e-6)
    with pytest.raises(ValueError, match="the same number of rows: x has 40, y has 39"):
        model.fit(given, targets[1:], verbose=0)
