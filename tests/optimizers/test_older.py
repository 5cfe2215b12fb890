"""Optimizers as Keras 1, 2 and tf.keras had them written, beside the formulas that they state."""

import copy

import numpy as np
import pytest
import torch

import lamina
from lamina import Model, Sequential, as_keras, layers, optimizers
from lamina import backend as K
from lamina.dialects import using_dialect
from lamina.models import load_model
from lamina.optimizers import SGD, Adam, Optimizer

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(32, 4)).astype("float32"), RANDOM.normal(size=(32, 2)).astype("float32")


class AdamOfThen(Optimizer):
    """Adam in the words of Keras 2.1: variables, get_updates that is called once, moments made in it."""

    def __init__(self, lr=0.01, beta_1=0.9, beta_2=0.999, decay=0.0, **kwargs):
        super().__init__(**kwargs)
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")
            self.beta_1, self.beta_2 = K.variable(beta_1), K.variable(beta_2)
            self.decay = K.variable(decay, name="decay")
        self.initial = decay

    def get_updates(self, loss, params):
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        lr = self.lr
        if self.initial > 0:
            lr = lr * (1.0 / (1.0 + self.decay * K.cast(self.iterations, K.dtype(self.decay))))
        t = K.cast(self.iterations, K.floatx()) + 1
        lr_t = lr * (K.sqrt(1.0 - K.pow(self.beta_2, t)) / (1.0 - K.pow(self.beta_1, t)))
        ms = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        vs = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        self.weights = [self.iterations, *ms, *vs]
        for p, g, m, v in zip(params, grads, ms, vs, strict=True):
            m_t = (self.beta_1 * m) + (1.0 - self.beta_1) * g
            v_t = (self.beta_2 * v) + (1.0 - self.beta_2) * K.square(g)
            self.updates.append(K.update(m, m_t))
            self.updates.append(K.update(v, v_t))
            self.updates.append(K.update(p, p - lr_t * m_t / (K.sqrt(v_t) + 1e-7)))
        return self.updates


class PlainOfKeras1(Optimizer):
    def __init__(self, lr=0.1, **kwargs):
        super().__init__(**kwargs)
        self.lr = K.variable(lr)

    def get_updates(self, params, constraints, loss):
        grads = self.get_gradients(loss, params)
        return [(p, p - self.lr * g) for p, g in zip(params, grads, strict=True)]


def assert_same_weights(found, expected, rtol=1e-5):
    for one, other in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-6)


def trained(optimizer, steps=6, callbacks=()):
    with using_dialect("keras2"):
        lamina.utils.set_random_seed(3)
        model = lamina.Sequential([layers.Dense(3, activation="tanh", input_dim=4), layers.Dense(2)])
        model.compile(optimizer, "mse")
        model.fit(X, Y, epochs=steps, batch_size=32, verbose=0, callbacks=list(callbacks), shuffle=False)
    return model


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_get_updates_of_an_author_describes_every_step(decay):
    own = AdamOfThen(decay=decay)
    found, expected = trained(own), trained(Adam(0.01, epsilon=1e-7, decay=decay))
    assert_same_weights(found, expected, 2e-4)
    assert K.get_value(own.iterations) == 6
    assert not np.allclose(K.get_value(own.weights[1]), 0)


def test_get_updates_in_the_order_of_keras_1():
    assert_same_weights(trained(PlainOfKeras1()), trained(SGD(0.1)))


def test_gradients_are_clipped_first():
    assert_same_weights(trained(PlainOfKeras1(clipvalue=0.01)), trained(SGD(0.1, clipvalue=0.01)))


def test_the_rate_of_an_author_is_a_variable_that_callbacks_set():
    own = PlainOfKeras1(0.1)
    schedule = lamina.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))
    other = SGD(0.1)
    first, second = trained(own, callbacks=[schedule]), trained(other, callbacks=[schedule])
    assert_same_weights(first, second)
    np.testing.assert_allclose(K.get_value(own.lr), 0.1 / 6, rtol=1e-6)
    K.set_value(own.lr, 0.5)
    assert float(own.learning_rate) == 0.5


@pytest.mark.parametrize("make", [lambda: SGD(0.1), lambda: Adam(0.1), lambda: AdamOfThen(0.1)])
def test_get_updates_is_called(make):
    start = layers.Input((4,))
    model = lamina.Model(start, layers.Dense(2, activation="softmax")(start))
    before = [weight.copy() for weight in model.get_weights()]
    loss = -K.mean(K.log(model.output[:, 0]))
    step = K.function([model.input], [loss], updates=make().get_updates(loss=loss, params=model.trainable_weights))
    losses = [float(step([X])[0]) for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]

    model.set_weights(before)
    [kernel, bias] = [torch.nn.Parameter(torch.tensor(weight)) for weight in before]
    optimizer = (
        torch.optim.SGD([kernel, bias], 0.1)
        if isinstance(make(), SGD)
        else torch.optim.Adam([kernel, bias], 0.1, eps=1e-7)
    )
    for expected in losses:
        value = -torch.log(torch.softmax(torch.tensor(X) @ kernel + bias, -1)[:, 0]).mean()
        np.testing.assert_allclose(float(value.detach()), expected, rtol=2e-4)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()


def test_a_real_loss_makes_the_step_at_once():
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    assert SGD(0.1).get_updates([weight], {}, (weight**2).sum()) == []
    np.testing.assert_allclose(weight.item(), 1.6, rtol=1e-6)
    with pytest.raises(TypeError, match="get_updates of SGD takes a loss and a list of parameters"):
        SGD(0.1).get_updates(params=[weight])


class MomentumOfTfKeras(Optimizer):
    def __init__(self, learning_rate=0.1, momentum=0.9, name="Momentum", **kwargs):
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
        self._set_hyper("momentum", momentum)

    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "momentum")

    def _resource_apply_dense(self, grad, var, apply_state=None):
        rate, momentum = self._decayed_lr(var.dtype), self._get_hyper("momentum")
        slot = self.get_slot(var, "momentum")
        slot.assign(momentum * slot - rate * grad)
        return var.assign_add(slot)


def test_slots_of_tf_keras():
    assert_same_weights(trained(MomentumOfTfKeras()), trained(SGD(0.1, momentum=0.9)))
    with pytest.raises(KeyError, match="has no slot 'velocity'"):
        MomentumOfTfKeras().get_slot(torch.zeros(1), "velocity")


def test_numbers_can_be_asked_as_then():
    optimizer = SGD(0.1, decay=0.5)
    assert (optimizer.decay, optimizer.initial_decay, optimizer.lr.eval(), optimizer.lr.get_value()) == (
        0.5,
        0.5,
        np.float32(0.1),
        np.float32(0.1),
    )
    optimizer.decay = 0.25
    assert optimizer.get_config()["decay"] == 0.25
    variable = K.variable([1.0])
    variable.set_value([2.0])
    assert variable.eval() == variable.get_value() == [2.0]


def test_others_still_need_a_rate():
    class NeedsRate(Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, learning_rate * gradient)

    with pytest.raises(TypeError, match="NeedsRate needs a learning_rate"):
        NeedsRate()
    assert optimizers.get("sgd").learning_rate == pytest.approx(0.01)


# ---- one optimizer for several models ------------------------------------------------------------------------------


def pair_of_models(optimizers_of_them):
    """A discriminator and what trains a generator through it, after three steps of each."""
    with as_keras("keras2"):
        judge = Sequential([layers.Dense(4, activation="relu", input_dim=3), layers.Dense(1, activation="sigmoid")])
        maker = Sequential([layers.Dense(3, input_dim=2)])
        for number, weight in enumerate([*judge.weights, *maker.weights]):
            weight.assign(np.random.default_rng(number).normal(size=weight.shape))
        judge.compile(loss="binary_crossentropy", optimizer=optimizers_of_them[0])
        judge.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
        judge.trainable = False
        start = layers.Input((2,))
        both = Model(start, judge(maker(start)))
        both.compile(loss="binary_crossentropy", optimizer=optimizers_of_them[1])
        for _ in range(3):
            both.train_on_batch(np.ones((2, 2)), np.zeros((2, 1)))
    return judge, both


def test_one_optimizer_trains_several_models(tmp_path):
    """Moments of each, one count of steps, as every GAN of the time had it."""
    shared = Adam(0.01, beta_1=0.5)
    judge, both = pair_of_models([shared, shared])
    assert judge.optimizer is both.optimizer is shared
    assert shared.iterations == 4
    other = Adam(0.01, beta_1=0.5)
    other.iterations = 1  # the first step of the second model is the second of all
    _, apart = pair_of_models([Adam(0.01, beta_1=0.5), other])
    for mine, theirs in zip(both.get_weights(), apart.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)
    for name in ("both.h5", "both.keras"):
        with as_keras("keras2"):
            both.save(tmp_path / name)
        assert [tuple(one.shape) for one in load_model(tmp_path / name).optimizer.variables[2:]] == [(2, 3)] * 2 + [
            (3,)
        ] * 2
    shared.learning_rate = 0.0
    before = both.get_weights()
    with as_keras("keras2"):
        both.train_on_batch(np.ones((2, 2)), np.zeros((2, 1)))
    for mine, theirs in zip(both.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_copy_trains_on_by_itself():
    shared = Adam(0.01)
    _, both = pair_of_models([shared, shared])
    again = copy.deepcopy(both)
    with as_keras("keras2"):
        for model in (both, again):
            model.train_on_batch(np.ones((2, 2)), np.zeros((2, 1)))
    for mine, theirs in zip(both.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_today_an_optimizer_is_for_one_model():
    first, second = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = SGD(0.1)
    optimizer.build([first])
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([torch.ones(1)], [second])
