"""Whole scripts in tf.keras's idiom, each beside the same training in other words: the same loss curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lamina.compat import as_keras


@pytest.fixture(autouse=True)
def tf():
    with as_keras("tf_keras"):
        import tensorflow  # pyright: ignore[reportMissingModuleSource]

        tensorflow.keras.utils.set_random_seed(0)
        yield tensorflow


DRAW = np.random.RandomState(0)
X, Y = DRAW.rand(64, 6).astype("float32"), DRAW.rand(64, 1).astype("float32")
LABELS = DRAW.randint(0, 3, 64)


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.array([float(one) for one in found]), np.array(expected, float), rtol=2e-4, atol=1e-6)


def classifier(tf: Any) -> Any:
    tf.keras.utils.set_random_seed(0)
    inputs = tf.keras.Input(shape=(6,))
    hidden = tf.keras.layers.Dense(8, activation="tanh", kernel_regularizer="l2")(inputs)
    return tf.keras.Model(inputs, tf.keras.layers.Dense(3)(hidden))


def test_a_training_loop_of_one_s_own(tf):
    loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model, optimizer = classifier(tf), tf.keras.optimizers.Adam(0.01)
    seen = tf.keras.metrics.Mean()

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
            loss += sum(model.losses)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
        seen(loss)
        return loss

    curve = []
    for _ in range(3):
        seen.reset_states()
        for x, y in tf.data.Dataset.from_tensor_slices((X, LABELS)).batch(16):
            train_step(x, y)
        curve.append(seen.result().numpy())
    fitted = classifier(tf)
    fitted.compile(tf.keras.optimizers.Adam(0.01), loss_fn)
    same(curve, fitted.fit(X, LABELS, batch_size=16, epochs=3, shuffle=False, verbose=0).history["loss"])


def test_a_train_step_with_compiled_loss_and_metrics(tf):
    class Custom(tf.keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            grads = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

        def test_step(self, data):
            x, y = data
            y_pred = self(x, training=False)
            self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    plain = classifier(tf)
    own = Custom(plain.inputs, plain.outputs)
    reference = classifier(tf)
    for model in (own, reference):
        model.compile("sgd", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    assert [metric.name for metric in own.metrics] == ["loss"]
    found = own.fit(X, LABELS, batch_size=16, epochs=3, shuffle=False, verbose=0, validation_data=(X, LABELS)).history
    expected = reference.fit(
        X, LABELS, batch_size=16, epochs=3, shuffle=False, verbose=0, validation_data=(X, LABELS)
    ).history
    assert [metric.name for metric in own.metrics] == ["loss", "accuracy"]
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        same(found[name], values)


def test_functions_in_layers_losses_and_metrics(tf):
    class Linear(tf.keras.layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.units = units

        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform")
            self.b = tf.Variable(initial_value=tf.zeros_initializer()(shape=(self.units,)), trainable=True)
            self.seen = tf.Variable(initial_value=tf.zeros(()), trainable=False)

        def call(self, inputs, training):
            if training:
                self.seen.assign_add(tf.cast(tf.shape(inputs)[0], tf.float32))
            return tf.nn.tanh(tf.matmul(inputs, self.w) + self.b)

    class Counting(tf.keras.metrics.Metric):
        def __init__(self, name="hits", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight(name="total", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            values = tf.cast(y_true, "int32") == tf.cast(tf.reshape(tf.argmax(y_pred, axis=1), (-1, 1)), "int32")
            self.total.assign_add(tf.reduce_sum(tf.cast(values, "float32")))

        def result(self):
            return self.total

        def reset_states(self):
            self.total.assign(0.0)

    def focal(y_true, y_pred):
        truth = tf.one_hot(tf.cast(tf.squeeze(y_true, -1), tf.int32), 3)
        p = tf.clip_by_value(y_pred, 1e-7, 1 - 1e-7)
        return tf.reduce_sum(-truth * tf.pow(1 - p, 0.0) * tf.math.log(p), axis=-1)

    def models():
        for first in (Linear(8), tf.keras.layers.Dense(8, activation="tanh")):
            tf.keras.utils.set_random_seed(0)
            yield tf.keras.Sequential([first, tf.keras.layers.Dense(3, activation=tf.nn.softmax)])

    own, reference = models()
    labels = LABELS.reshape(-1, 1)
    own.build((None, 6)), reference.build((None, 6))
    reference.set_weights([own.weights[place] for place in (0, 1, 3, 4)])
    own.compile("adam", focal, metrics=[Counting()])
    reference.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    found = own.fit(X, labels, batch_size=16, epochs=3, shuffle=False, verbose=0).history
    expected = reference.fit(X, labels, batch_size=16, epochs=3, shuffle=False, verbose=0).history
    same(found["loss"], expected["loss"])
    same(found["hits"], np.array(expected["accuracy"]) * 64)
    assert float(own.layers[0].seen) == 3 * 64
    assert len(own.layers[0].trainable_weights) == 2


def test_gradient_penalty(tf):
    """WGAN-GP: second derivatives go through a discriminator, as torch's own do."""
    critic = tf.keras.Sequential(
        [tf.keras.layers.Dense(8, activation="tanh", input_shape=(6,)), tf.keras.layers.Dense(1)]
    )
    real, fake = tf.constant(X), tf.constant(X[::-1].copy())
    with tf.GradientTape() as tape:
        mixed = real + 0.3 * (fake - real)
        with tf.GradientTape() as inner:
            inner.watch(mixed)
            said = critic(mixed, training=True)
        slopes = inner.gradient(said, [mixed])[0]
        norm = tf.sqrt(tf.reduce_sum(tf.square(slopes), axis=[1]))
        loss = tf.reduce_mean((norm - 1.0) ** 2) * 10 + tf.reduce_mean(critic(fake)) - tf.reduce_mean(critic(real))
    found = tape.gradient(loss, critic.trainable_variables)

    point = (torch.tensor(X) + 0.3 * torch.tensor(X[::-1] - X)).requires_grad_()
    slopes = torch.autograd.grad(critic(point).sum(), point, create_graph=True)[0]
    penalty = ((slopes.square().sum(1).sqrt() - 1) ** 2).mean() * 10
    loss = penalty + critic(torch.tensor(X[::-1].copy())).mean() - critic(torch.tensor(X)).mean()
    for ours, theirs in zip(found, torch.autograd.grad(loss, list(critic.trainable_variables)), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_gan_with_two_tapes(tf):
    layers = tf.keras.layers
    generator = tf.keras.Sequential([layers.Dense(16, use_bias=False, input_shape=(4,)), layers.BatchNormalization(),
                                     layers.LeakyReLU(), layers.Dense(6)])  # fmt: skip
    discriminator = tf.keras.Sequential([layers.Dense(8, input_shape=(6,)), layers.LeakyReLU(), layers.Dropout(0.3),
                                         layers.Dense(1)])  # fmt: skip
    cross_entropy = tf.keras.losses.BinaryCrossentropy(from_logits=True)
    of_g, of_d = tf.keras.optimizers.Adam(0.01), tf.keras.optimizers.Adam(0.01)
    before = [weight.numpy().copy() for weight in (*generator.trainable_variables, *discriminator.trainable_variables)]
    for images in tf.data.Dataset.from_tensor_slices(X).shuffle(64).batch(32):
        noise = tf.random.normal([32, 4])
        with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
            fake = generator(noise, training=True)
            real_said, fake_said = discriminator(images, training=True), discriminator(fake, training=True)
            gen_loss = cross_entropy(tf.ones_like(fake_said), fake_said)
            disc_loss = cross_entropy(tf.ones_like(real_said), real_said) + cross_entropy(
                tf.zeros_like(fake_said), fake_said
            )
        of_generator = gen_tape.gradient(gen_loss, generator.trainable_variables)
        of_discriminator = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
        of_g.apply_gradients(zip(of_generator, generator.trainable_variables, strict=True))
        of_d.apply_gradients(zip(of_discriminator, discriminator.trainable_variables, strict=True))
    after = [*generator.trainable_variables, *discriminator.trainable_variables]
    assert all((old != new.numpy()).any() for old, new in zip(before, after, strict=True))
    assert np.isfinite(float(gen_loss) + float(disc_loss))


def test_a_vae(tf):
    class Sampling(tf.keras.layers.Layer):
        def call(self, inputs):
            mean, log_var = inputs
            epsilon = tf.random.normal(shape=(tf.shape(mean)[0], tf.shape(mean)[1]))
            return mean + tf.exp(0.5 * log_var) * epsilon

    inputs = tf.keras.Input((6,))
    mean, log_var = (tf.keras.layers.Dense(2, name=name)(inputs) for name in ("mean", "log_var"))
    outputs = tf.keras.layers.Dense(6, activation="sigmoid")(Sampling()([mean, log_var]))
    vae = tf.keras.Model(inputs, outputs)
    kl = -0.5 * tf.reduce_mean(tf.reduce_sum(1 + log_var - tf.square(mean) - tf.exp(log_var), axis=-1))
    vae.add_loss(tf.reduce_mean(tf.keras.losses.mse(inputs, outputs)) + kl)
    vae.add_metric(kl, name="kl", aggregation="mean")
    vae.compile("adam")
    history = vae.fit(X, epochs=3, batch_size=16, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["kl"][0] > 0


def test_attention_beside_torch(tf):
    class Attention(tf.keras.layers.Layer):
        def call(self, q, k, v, mask):
            batch, heads = tf.shape(q)[0], 2
            q, k, v = (tf.transpose(tf.reshape(x, (batch, -1, heads, 4)), perm=[0, 2, 1, 3]) for x in (q, k, v))
            logits = tf.matmul(q, k, transpose_b=True) / tf.math.sqrt(tf.cast(tf.shape(k)[-1], tf.float32))
            logits += mask * -1e9
            found = tf.transpose(tf.matmul(tf.nn.softmax(logits, axis=-1), v), perm=[0, 2, 1, 3])
            return tf.reshape(found, (batch, -1, 8))

    x = tf.random.normal((3, 5, 8))
    mask = 1 - tf.linalg.band_part(tf.ones((5, 5)), -1, 0)
    found = Attention()(x, x, x, mask)
    heads = x.reshape(3, 5, 2, 4).transpose(1, 2)
    plain = torch.nn.functional.scaled_dot_product_attention(heads, heads, heads, is_causal=True)
    torch.testing.assert_close(found, plain.transpose(1, 2).reshape(3, 5, 8))
    inputs = tf.keras.Input((5, 8))
    model = tf.keras.Model(inputs, Attention()(inputs, inputs, inputs, mask))
    torch.testing.assert_close(model(x), found)


def test_deep_q_learning(tf):
    def network():
        inputs = tf.keras.layers.Input(shape=(6,))
        return tf.keras.Model(inputs, tf.keras.layers.Dense(4)(tf.keras.layers.Dense(8, activation="relu")(inputs)))

    model, target = network(), network()
    target.set_weights(model.get_weights())
    start = [torch.tensor(array) for array in model.get_weights()]
    optimizer, loss_function = tf.keras.optimizers.SGD(0.1, clipnorm=1.0), tf.keras.losses.Huber()
    rewards, actions = [1.0] * 64, DRAW.randint(0, 4, 64)
    action = tf.argmax(model(tf.expand_dims(tf.convert_to_tensor(X[0]), 0), training=False)[0]).numpy()
    assert isinstance(action, np.int64)
    updated = rewards + 0.9 * tf.reduce_max(target.predict(X, verbose=0), axis=1)
    masks = tf.one_hot(actions, 4)
    with tf.GradientTape() as tape:
        q_action = tf.reduce_sum(tf.multiply(model(X), masks), axis=1)
        loss = loss_function(updated, q_action)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))

    w1, b1, w2, b2 = (one.requires_grad_() for one in start)
    values = torch.relu(torch.tensor(X) @ w1 + b1) @ w2 + b2
    wanted = 1 + 0.9 * values.detach().amax(1)
    plain = torch.nn.functional.huber_loss(values[torch.arange(64), torch.tensor(actions)], wanted)
    assert float(loss) == pytest.approx(float(plain.detach()), rel=1e-5)
    for ours, theirs in zip(grads, torch.autograd.grad(plain, [w1, b1, w2, b2]), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_step_that_takes_three_inputs(tf):
    """A siamese network whose data are triplets: nothing but the step knows what they mean."""
    embed = tf.keras.Sequential([tf.keras.layers.Dense(4, input_shape=(6,)),
                                 tf.keras.layers.Lambda(lambda t: tf.math.l2_normalize(t, axis=1))])  # fmt: skip
    inputs = [tf.keras.Input((6,)) for _ in range(3)]
    anchor, near, far = (embed(one) for one in inputs)
    distances = [tf.reduce_sum(tf.square(anchor - other), -1) for other in (near, far)]

    class Siamese(tf.keras.Model):
        def __init__(self, network):
            super().__init__()
            self.network, self.tracker = network, tf.keras.metrics.Mean(name="loss")

        def call(self, inputs):
            return self.network(inputs)

        def train_step(self, data):
            with tf.GradientTape() as tape:
                one, other = self.network(data)
                loss = tf.maximum(one - other + 0.5, 0.0)
            grads = tape.gradient(loss, self.network.trainable_weights)
            self.optimizer.apply_gradients(zip(grads, self.network.trainable_weights, strict=True))
            self.tracker.update_state(loss)
            return {"loss": self.tracker.result()}

        @property
        def metrics(self):
            return [self.tracker]

    model = Siamese(tf.keras.Model(inputs, distances))
    model.compile(optimizer=tf.keras.optimizers.Adam(0.05), weighted_metrics=[])
    rows = tf.data.Dataset.from_tensor_slices(X)
    data = tf.data.Dataset.zip((rows, rows, rows.skip(1).concatenate(rows.take(1)))).batch(16)
    curve = model.fit(data, epochs=4, verbose=0).history["loss"]
    assert curve[-1] < curve[0]
    assert len(model.trainable_weights) == 2


def test_a_model_that_only_trains_another(tf):
    """A distiller has no call, and its metrics know nothing of its outputs before its step tells them."""

    class Distiller(tf.keras.Model):
        def __init__(self, student, teacher):
            super().__init__()
            self.student, self.teacher, self.tracker = student, teacher, tf.keras.metrics.Mean(name="distance")

        def train_step(self, data):
            x, y = data
            wanted = tf.nn.softmax(self.teacher(x, training=False) / 3.0, axis=1)
            with tf.GradientTape() as tape:
                y_pred = self.student(x, training=True)
                loss = tf.reduce_mean(tf.keras.losses.kl_divergence(wanted, tf.nn.softmax(y_pred / 3.0, axis=1)))
            grads = tape.gradient(loss, self.student.trainable_variables)
            self.optimizer.apply_gradients(zip(grads, self.student.trainable_variables, strict=True))
            self.tracker.update_state(loss)
            self.compiled_metrics.update_state(y, y_pred)
            logs = {m.name: m.result() for m in self.metrics}
            logs.update({"last": loss})
            return logs

    model = Distiller(classifier(tf), classifier(tf))
    for weight in model.teacher.trainable_variables:
        weight.assign_add(tf.ones_like(weight) * 0.5)
    model.compile("adam", metrics=[tf.keras.metrics.SparseCategoricalAccuracy(name="hits")])
    history = model.fit(X, LABELS, epochs=2, batch_size=64, shuffle=False, verbose=0).history
    assert history.keys() == {"hits", "distance", "last"}
    assert history["distance"][1] < history["distance"][0]
    same(history["distance"], history["last"])  # of the first batch, too


def test_scripts_of_tensorflow_1():
    with as_keras("keras2"):
        import keras
        import tensorflow as tf  # pyright: ignore[reportMissingModuleSource]
        from keras import backend as K
        from keras.backend.tensorflow_backend import set_session  # pyright: ignore[reportMissingImports]

        assert tf.__version__ == "1.15.5"
        config = tf.ConfigProto()
        config.gpu_options.allow_growth = True
        set_session(tf.Session(config=config))
        K.tensorflow_backend.set_session(K.get_session())
        tf.set_random_seed(1)
        tf.logging.set_verbosity(tf.logging.ERROR)
        inputs = keras.layers.Input((6,))
        hidden = keras.layers.Lambda(lambda t: tf.nn.l2_normalize(t, dim=1))(inputs)
        hidden = keras.layers.Lambda(lambda t: tf.reduce_mean(t, axis=1, keep_dims=True))(hidden)
        model = keras.models.Model(inputs, keras.layers.Dense(1)(hidden))
        model.compile(tf.train.AdamOptimizer(0.01), "mse")
        assert len(model.fit(X, Y, epochs=2, verbose=0).history["loss"]) == 2
        x = tf.placeholder(tf.float32, [None, 6])
        outputs = model(x)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            found, pair = session.run([outputs, (outputs * 2, x)], feed_dict={x: X})
            np.testing.assert_allclose(found, model.predict(X), rtol=1e-5)
            np.testing.assert_allclose(pair[0], found * 2, rtol=1e-5)
            assert session.run(model.layers[-1].kernel).shape == (1, 1)
        with tf.get_default_graph().as_default():
            assert model.predict(X).shape == (64, 1)
        assert K.tf is tf
