"""Loops of one's own: train_on_batch, train_step, and plain PyTorch."""

import numpy as np
import torch

import lamina as keras
from lamina import layers

x = np.random.default_rng(0).random((16, 4), dtype="float32")
y = np.ones((16, 1), "float32")


class Trained(keras.Model):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(units, activation="relu")
        self.last = layers.Dense(1)
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.steps = 0

    def build(self, input_shape):
        super().build(input_shape)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return super().compute_loss(x, y, y_pred, sample_weight) * 1.0

    def call(self, inputs, training=None):
        return self.last(self.hidden(inputs))

    def train_step(self, data):
        x, y = data
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        loss.backward()
        gradients = [weight.grad for weight in self.trainable_weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, self.trainable_weights)
        self.steps += 1
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}

    def test_step(self, data):
        x, y = data
        self.loss_tracker.update_state(self.compute_loss(x, y, self(x, training=False)))
        return {m.name: m.result() for m in self.metrics}


model = Trained(units=8, name="mine")
model.compile(optimizer="adam", loss="mse")
history = model.fit(x, y, batch_size=8, epochs=2, verbose=0)
print(history.history["loss"], model.steps, model.hidden.units, model(x[:1]).shape, model.built)

model = keras.Sequential([layers.Dense(4, input_dim=4), layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
for epoch in range(2):
    for start in range(0, len(x), 8):
        loss, mae = model.train_on_batch(x[start : start + 8], y[start : start + 8])
    logs = model.train_on_batch(x, y, return_dict=True)
    print(
        epoch, logs["loss"], f"{model.test_on_batch(x, y)[0]:.2f}", model.test_on_batch(x, y, return_dict=True)["mae"]
    )
print(model.predict_on_batch(x[:2]).shape)

optimizer = keras.optimizers.Adam(learning_rate=1e-3)
loss_fn = keras.losses.MeanSquaredError()
metric = keras.metrics.MeanAbsoluteError()
inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
for _ in range(2):
    outputs = model(inputs, training=True)
    value = loss_fn(targets, outputs)
    model.zero_grad()
    value.backward()
    trainable_weights = list(model.trainable_weights)
    gradients = [v.grad for v in trainable_weights]
    with torch.no_grad():
        optimizer.apply_gradients(zip(gradients, trainable_weights, strict=True))
    metric.update_state(targets, outputs)
    print(value.item(), float(value.detach()), float(metric.result()))
    metric.reset_state()

plain = torch.optim.SGD(model.parameters(), lr=0.1)
plain.zero_grad()
torch.nn.functional.mse_loss(model(inputs), targets).backward()
plain.step()
print(
    sum(p.numel() for p in model.parameters()),
    model.state_dict().keys(),
    optimizer.iterations,
    optimizer.get_config()["name"],
)
