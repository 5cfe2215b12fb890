"""``compile``: its forms, what it refuses, and what it is not."""

from __future__ import annotations

import copy
import functools
import pickle
import warnings

import keras
import numpy as np
import pytest
import torch
from training.oracle import assert_fit_as_keras, assert_weights, exactly, in_keras, keras_weights, twins

import lamina
from lamina.dialects import using_dialect
from lamina.layers import Dense, Dropout, Input
from lamina.models import Model, Sequential

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 4)).astype("float32")
Y = rng.normal(size=(24, 2)).astype("float32")


def regressor(k=lamina, **options):
    return k.Sequential([k.layers.Input((4,)), k.layers.Dense(5, activation="tanh", name="first", **options),
                         k.layers.Dense(2, name="second")])  # fmt: skip


def fit(model, **options):
    return model.fit(X, Y, **{"batch_size": 8, "shuffle": False, "verbose": 0, **options})


# ---- what is refused -------------------------------------------------------------------------------------------------

OWN = " Your own can be passed as an object, or by name after `register_keras_serializable`."
REFUSED = [
    ({"optimizer": "adm"}, ValueError, "'adm' is not a known optimizer. Did you mean 'adam'?" + OWN),
    ({"optimizer": 3}, ValueError, None),
    ({"loss": "mean_squared_eror"}, ValueError,
     "'mean_squared_eror' is not a known loss. Did you mean 'mean_squared_error'?" + OWN),
    ({"loss": ["mse", "maee"]}, ValueError, "'maee' is not a known loss. Did you mean 'mae'?" + OWN),
    ({"metrics": ["acuracy"]}, ValueError, "'acuracy' is not a known metric. Did you mean 'accuracy'?" + OWN),
    ({"metrics": {"second": ["aucc"]}}, ValueError, "'aucc' is not a known metric. Did you mean 'auc'?" + OWN),
    ({"weighted_metrics": ["precison"]}, ValueError, "'precison' is not a known metric. Did you mean 'precision'?" + OWN),
    ({"optimiser": "adam"}, TypeError, "compile() got an unknown argument 'optimiser'. Did you mean 'optimizer'?"),
]  # fmt: skip


@pytest.mark.parametrize(("told", "error", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refused(told, error, message):
    model = regressor()
    model.compile("sgd", "mse")
    before = model.compile_setup, model.optimizer, model.loss
    with pytest.raises(error) as caught:
        model.compile(**told)
    assert message is None or str(caught.value) == message
    assert (model.compile_setup, model.optimizer, model.loss) == before  # a failed call changes nothing
    fit(model)


UNCOMPILED = "Model 'plain' must be compiled before {}(): call model.compile(optimizer=..., loss=...)."


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_what_needs_compile_says_so(method):
    model = Sequential([Dense(2, input_shape=(4,))], name="plain")
    with pytest.raises(ValueError, match=exactly(UNCOMPILED.format(method))):
        getattr(model, method)(X, Y)
    assert not model.compiled
    assert model.predict(X, verbose=0).shape == (24, 2)


def test_nothing_to_minimise():
    model = Sequential([Dense(2, input_shape=(4,))], name="aimless")
    model.compile("sgd")
    message = "Model 'aimless' has nothing to minimise: compile it with `loss=`, or let a layer call add_loss()."
    with pytest.raises(ValueError, match=exactly(message)):
        fit(model)


# ---- the optimizer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
    lambda model: functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9)(model.parameters()),
    lambda model: lamina.optimizers.TorchOptimizer(torch.optim.SGD, lr=0.1, momentum=0.9),
])  # fmt: skip
def test_torch_optimizers(make):
    ours, theirs = twins(regressor)
    ours.compile(make(ours), "mse")
    theirs.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    fit(ours, epochs=3)
    in_keras(lambda: fit(theirs, epochs=3))
    assert_weights(ours, theirs)
    assert all(weight.grad is None for weight in ours.parameters())


def test_an_optimizer_of_other_parameters():
    model = regressor()
    model.compile(torch.optim.SGD(regressor().parameters(), lr=0.1), "mse")
    message = (f"torch's SGD was made without the variable '{model.name}/first/kernel' of shape (4, 5). Make it from "
               "`model.parameters()`, or pass its class.")  # fmt: skip
    with pytest.raises(ValueError, match=exactly(message)):
        fit(model)


def test_the_optimizer_knows_names_and_constraints():
    model = regressor(kernel_constraint="non_neg")
    model.compile(lamina.optimizers.Adam(name="adam"), "mse")
    fit(model)
    of_first = f"adam/{model.name}_first_kernel"
    assert [variable.path for variable in model.optimizer.variables][2:4] == [
        f"{of_first}_momentum", f"{of_first}_velocity"]  # fmt: skip
    assert (model.get_weights()[0] >= 0).all()


def test_compiling_again_begins_again():
    model = regressor()
    model.compile("adam", "mse")
    fit(model)
    first = model.optimizer
    model.compile("adam", "mae", metrics=["mse"])
    assert model.optimizer is not first
    assert list(fit(model).history) == ["loss", "mse"]
    kept = model.optimizer
    model.compile(kept, "mae")  # the same optimizer goes on
    steps = int(kept.iterations)
    fit(model)
    assert int(kept.iterations) == steps + 3


# ---- trainable -------------------------------------------------------------------------------------------------------


def test_freezing_at_once_as_keras3():
    ours, theirs = twins(regressor)
    for model, library in ((ours, lamina), (theirs, keras)):
        model.compile(optimizer=library.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    for layer, frozen in (("first", False), ("first", True), ("second", True)):
        for model in (ours, theirs):
            model.get_layer("first").trainable = model.get_layer("second").trainable = True
            model.get_layer(layer).trainable = not frozen
        fit(ours)
        in_keras(lambda: fit(theirs))
        assert_weights(ours, theirs)


def test_unfreezing_needs_a_new_optimizer():
    ours, theirs = twins(lambda k: regressor(k, trainable=False))
    for model, library in ((ours, lamina), (theirs, keras)):
        model.compile(optimizer=library.optimizers.Adam(0.1), loss="mse")
    fit(ours)
    in_keras(lambda: fit(theirs))
    first = ours.get_layer("first").get_weights()[0]
    for model in (ours, theirs):
        model.get_layer("first").trainable = True
    with pytest.raises(ValueError, match="Unknown variable"):
        fit(ours)
    with pytest.raises(ValueError, match="Unknown variable"):
        in_keras(lambda: fit(theirs))
    for model, library in ((ours, lamina), (theirs, keras)):
        model.compile(optimizer=library.optimizers.Adam(0.1), loss="mse")
    fit(ours)
    in_keras(lambda: fit(theirs))
    assert_weights(ours, theirs)
    assert not np.allclose(ours.get_layer("first").get_weights()[0], first)


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "tf_keras"])
def test_freezing_waits_for_compile_in_older_dialects(dialect):
    with using_dialect(dialect):
        model = regressor()
        model.compile("sgd", "mse")
    model.get_layer("first").trainable = False
    before = model.get_weights()
    fit(model)
    assert not np.allclose(model.get_weights()[0], before[0])
    assert not model.get_layer("first").trainable  # what the user set is still set
    assert not model.get_layer("first").kernel.requires_grad
    with using_dialect(dialect):
        model.compile("sgd", "mse")
    before = model.get_weights()
    fit(model)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert not np.allclose(model.get_weights()[2], before[2])


def gan(dialect):
    """Discriminator and generator as scripts for Keras 1 and 2 write them: one ``trainable = False``, and two compiles."""
    lamina.utils.set_random_seed(1)
    with using_dialect(dialect):
        generator = Sequential([Dense(6, activation="tanh", input_shape=(3,)), Dense(4)])
        discriminator = Sequential([Dense(6, activation="tanh", input_shape=(4,)), Dense(1, activation="sigmoid")])
        discriminator.compile("sgd", "binary_crossentropy")
        discriminator.trainable = False
        noise = Input(shape=(3,))
        both = Model(noise, discriminator(generator(noise)))
        both.compile("sgd", "binary_crossentropy")
    return generator, discriminator, both


@pytest.mark.parametrize("dialect", ["keras1", "keras2"])
def test_a_gan_of_old(dialect):
    generator, discriminator, both = gan(dialect)
    noise = rng.normal(size=(8, 3)).astype("float32")

    def changed(train):
        before = [model.get_weights() for model in (generator, discriminator)]
        train()
        return [not all(map(np.array_equal, old, model.get_weights()))
                for old, model in zip(before, (generator, discriminator), strict=True)]  # fmt: skip

    ones, zeros = np.ones((8, 1)), np.zeros((8, 1))
    for _ in range(3):
        fake = generator.predict(noise, verbose=0)
        assert changed(lambda fake=fake: discriminator.train_on_batch(fake, zeros)) == [False, True]
        assert changed(lambda: discriminator.train_on_batch(X[:8], ones)) == [False, True]
        assert changed(lambda: both.train_on_batch(noise, ones)) == [True, False]
    for flag in (True, False):  # scripts that switch to and fro come to the same
        discriminator.trainable = flag
        assert changed(lambda: both.train_on_batch(noise, ones)) == [True, False]
        assert changed(lambda: discriminator.train_on_batch(X[:8], ones)) == [False, True]


def test_a_gan_of_today():
    """In Keras 3 a frozen discriminator does not train, whenever it was compiled."""
    _, discriminator, _ = gan("keras3")
    before = discriminator.get_weights()
    with pytest.warns(UserWarning, match="has no trainable weights: training leaves it as it is"):
        discriminator.train_on_batch(X[:8], np.ones((8, 1)))
    np.testing.assert_array_equal(discriminator.get_weights()[0], before[0])


# ---- numbers ---------------------------------------------------------------------------------------------------------


def test_mixed_bfloat16_as_keras():
    def build(k):
        options = {"dtype": "mixed_bfloat16"}
        return k.Sequential([k.layers.Input((4,)), k.layers.Dense(8, activation="relu", **options),
                             k.layers.Dense(2, activation="softmax", **options)])  # fmt: skip

    ours, theirs = twins(build)
    labels = (X[:, 0] > 0).astype("int64")
    curves = []
    for model, library in ((ours, lamina), (theirs, keras)):
        model.compile(optimizer=library.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy")
        run = lambda model=model: model.fit(X, labels, batch_size=8, epochs=2, shuffle=False, verbose=0).history  # noqa: E731
        curves.append(run() if library is lamina else in_keras(run))
    np.testing.assert_allclose(curves[0]["loss"], curves[1]["loss"], rtol=2e-2)
    assert all(weight.dtype is torch.float32 for weight in ours.parameters())
    for mine, wanted in zip(ours.get_weights(), keras_weights(theirs), strict=True):
        np.testing.assert_allclose(mine, wanted, atol=2e-2)


def test_mixed_float16_scales_the_loss():
    model = Sequential([Dense(2, input_shape=(4,))])
    model.dtype_policy = "mixed_float16"
    model.compile("sgd", "mse")
    assert isinstance(model.optimizer, lamina.optimizers.LossScaleOptimizer)
    inner = model.optimizer
    model.compile(inner, "mse")
    assert model.optimizer is inner
    model.compile("sgd", "mse", auto_scale_loss=False)
    assert not isinstance(model.optimizer, lamina.optimizers.LossScaleOptimizer)


def test_double():
    model = regressor()
    model.double()
    model.compile("adam", "mse", metrics=["mae"])
    loss = fit(model, epochs=3).history["loss"]
    assert loss[-1] < loss[0]
    assert model.predict(X.astype("float64"), verbose=0).dtype == np.float64
    assert all(weight.dtype is torch.float64 for weight in model.parameters())


def test_the_optimizer_follows_the_model():
    """A model that is moved between two fits is trained on, with its optimizer's state."""
    model = regressor()
    model.compile("adam", "mse")
    fit(model)
    model.double()
    fit(model, epochs=2)
    assert int(model.optimizer.iterations) == 9
    assert {variable.dtype for variable in model.optimizer.variables[2:]} == {torch.float64}


# ---- compiling by torch ----------------------------------------------------------------------------------------------


@pytest.fixture
def eager_backend(monkeypatch):
    """torch.compile without a C++ compiler: graphs are captured and run as they are."""
    calls = []
    compile_ = torch.compile

    def compiled(function, **options):
        calls.append(function)
        return compile_(function, backend="eager", **options)

    monkeypatch.setattr(torch, "compile", compiled)
    return calls


def test_jit_compile(eager_backend):
    def build(k):
        return k.Sequential([k.layers.Input((4,)), k.layers.Dense(5, activation="relu"), k.layers.Dense(2)])

    assert_fit_as_keras(build, {"optimizer": lambda k: k.optimizers.SGD(0.1), "loss": "mse",
                                "jit_compile": lambda k: k is lamina}, {"x": X, "y": Y})  # fmt: skip
    assert len(eager_backend) == 1
    model = regressor()
    model.compile("sgd", "mse", jit_compile="auto")
    fit(model)
    assert len(eager_backend) == 1


def test_torch_compile_and_keras_compile_do_not_fight():
    model = regressor()
    plain = model.predict(X, verbose=0)
    model.compile(backend="eager", fullgraph=True)  # nn.Module.compile
    assert not model.compiled
    np.testing.assert_allclose(model.predict(X, verbose=0), plain, rtol=1e-6)
    model.compile("sgd", "mse")
    other = regressor()
    other.set_weights(model.get_weights())
    other.compile("sgd", "mse")
    assert fit(model).history["loss"] == pytest.approx(fit(other).history["loss"])
    assert model._compiled_call_impl is not None


# ---- copies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_trains_itself(copied):
    model = regressor()
    model.compile(lamina.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"])
    fit(model)
    twin = copied(model)
    before = model.get_weights()
    curves = fit(twin).history
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert curves == fit(model).history
    for weight, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


def test_a_layer_added_after_compile_takes_part():
    model = Sequential([Dense(3, input_shape=(4,))])
    model.compile("sgd", "mse")
    model.add(Dense(2))
    before = model.get_weights()
    fit(model)
    assert not np.allclose(model.get_weights()[2], before[2])


def test_hooks_are_run_and_the_loss_is_the_same():
    """A hook sees probabilities; without one the loss starts from logits."""
    labels = (X[:, 0] > 0).astype("int64")
    curves, seen = [], []
    for hooked in (None, "model", "layer", "late"):
        lamina.utils.set_random_seed(0)
        model = Sequential(
            [Dense(4, activation="relu", input_shape=(4,)), Dense(2, activation="softmax"), Dropout(0.0)][:2]
        )
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", "sparse_categorical_crossentropy"])
        note = lambda module, inputs, outputs: seen.append(outputs.detach().sum(-1))  # noqa: E731
        if hooked in ("model", "layer"):
            (model if hooked == "model" else model.layers[-1]).register_forward_hook(note)
        run = functools.partial(model.fit, X, labels, epochs=2, batch_size=8, verbose=0, shuffle=False)
        curves.append(run().history)
        assert (len(seen) > 0) is (hooked in ("model", "layer"))
        if hooked == "late":
            model.layers[-1].register_forward_hook(note)
            run()
            assert seen
        assert all(torch.allclose(total, torch.ones_like(total)) for total in seen)
        seen.clear()
    for other in curves[1:]:
        for name, values in curves[0].items():
            assert other[name] == pytest.approx(values, rel=1e-5)


def test_compute_loss_after_fit_takes_probabilities():
    labels = torch.from_numpy((X[:, 0] > 0).astype("int64"))
    model = Sequential([Dense(2, activation="softmax", input_shape=(4,))])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, labels, verbose=0)
    y_pred = model(X)
    expected = torch.nn.functional.nll_loss(y_pred.log(), labels)
    torch.testing.assert_close(model.compute_loss(y=labels, y_pred=y_pred), expected)


def test_old_arguments():
    model = regressor()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.compile(optimizer="sgd", loss="mse", steps_per_execution=4, run_eagerly=True)
        fit(model, nb_epoch=2)
    assert model.history.epoch == [0, 1]


def test_a_metric_without_a_name_is_called_as_in_keras():
    histories = []
    for k in (lamina, keras):
        model = k.Sequential([k.layers.Input((2,)), k.layers.Dense(1)])
        model.compile("sgd", "mse", metrics=[lambda y_true, y_pred: (y_true - y_pred) ** 2])
        histories.append(model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0).history)
    assert list(histories[0]) == list(histories[1])


def test_a_loss_of_torch_s_is_no_part_of_the_model():
    model = lamina.Sequential([lamina.layers.Dense(2, input_shape=(3,))])
    weighted = torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]))
    for loss in (weighted, "mse", torch.nn.L1Loss(), lamina.losses.Huber(), None):
        model.compile("sgd", loss)
        assert model.loss is loss
        assert len(model.layers) == 1
        assert list(model.state_dict()) == ["dense.kernel", "dense.bias"]
    model.compile("sgd", weighted)
    assert np.isfinite(model.fit(np.ones((4, 3)), np.array([0, 1, 1, 0]), verbose=0).history["loss"][0])
