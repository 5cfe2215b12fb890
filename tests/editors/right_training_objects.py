"""compile with objects, schedules, and torch's own; the optimizer's state."""

import math

import numpy as np
import torch

from lamina import Input, Model, Sequential
from lamina.callbacks import LearningRateScheduler
from lamina.layers import BatchNormalization, Conv2D, Dense, Flatten, GlobalAveragePooling2D, MaxPooling2D
from lamina.losses import BinaryCrossentropy, CategoricalCrossentropy, Huber, SparseCategoricalCrossentropy
from lamina.metrics import AUC, F1Score, MeanIoU, Precision, Recall, SparseCategoricalAccuracy, TopKCategoricalAccuracy
from lamina.optimizers import SGD, Adam, AdamW, RMSprop
from lamina.optimizers.schedules import CosineDecay, ExponentialDecay, PiecewiseConstantDecay

x = np.random.default_rng(1).random((16, 8, 8, 1), dtype="float32")
y = np.arange(16) % 4


def build_model(filters: int = 4, classes: int = 4) -> Model:
    inputs = Input(shape=(8, 8, 1))
    hidden = Conv2D(filters, 3, padding="same", activation="relu")(inputs)
    hidden = BatchNormalization()(hidden)
    hidden = MaxPooling2D((2, 2))(hidden)
    hidden = GlobalAveragePooling2D()(hidden)
    return Model(inputs=inputs, outputs=Dense(classes)(hidden), name="small")


model = build_model()
schedule = ExponentialDecay(initial_learning_rate=1e-2, decay_steps=100, decay_rate=0.96, staircase=True)
model.compile(
    optimizer=Adam(learning_rate=schedule, clipnorm=1.0),
    loss=SparseCategoricalCrossentropy(from_logits=True),
    metrics=[SparseCategoricalAccuracy(name="acc")],
)
model.fit(x, y, epochs=1, verbose=0)
print(float(schedule(10)), float(model.optimizer.learning_rate))

model.compile(optimizer=SGD(0.1, momentum=0.9, nesterov=True), loss=SparseCategoricalCrossentropy(from_logits=True))
model.optimizer.learning_rate = 0.01
model.optimizer.learning_rate.assign(0.02)
lr = float(model.optimizer.learning_rate)


def step_decay(epoch, lr):
    return lr * math.exp(-0.1) if epoch > 1 else lr


model.fit(x, y, verbose=0, callbacks=[LearningRateScheduler(step_decay, verbose=0)])
model.fit(x, y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 1e-3 * 0.9**epoch)])

decay_steps = len(x) // 8 * 10
for optimizer in (
    AdamW(
        learning_rate=CosineDecay(1e-3, decay_steps, alpha=0.1, warmup_steps=2, warmup_target=1e-2), weight_decay=1e-4
    ),
    RMSprop(PiecewiseConstantDecay([10, 20], [0.1, 0.01, 0.001])),
    Adam(lambda: 1e-3, epsilon=1e-8, amsgrad=True, use_ema=True, ema_momentum=0.9),
    Adam(lr=0.001, decay=1e-6),
    SGD(learning_rate=np.float32(0.1), global_clipnorm=1),
    torch.optim.Adam,
    "nadam",
    None,
):
    model.compile(optimizer, loss=SparseCategoricalCrossentropy(from_logits=True))
model.compile(torch.optim.SGD(model.parameters(), lr=0.1), torch.nn.CrossEntropyLoss())
model.fit(torch.from_numpy(x), torch.from_numpy(y), verbose=0)

head = Sequential([Flatten(input_shape=(8, 8, 1)), Dense(1, activation="sigmoid")], name="head")
head.compile(
    Adam(),
    BinaryCrossentropy(label_smoothing=0.1, reduction="sum_over_batch_size"),
    metrics=["accuracy", Precision(thresholds=0.4), Recall(name="recall"), AUC(curve="PR", num_thresholds=50)],
)
scores = head.evaluate(x, y % 2, verbose=0)
print(dict(zip(head.metrics_names, scores, strict=True)))
named = [TopKCategoricalAccuracy(k=2), F1Score(average="macro")]
one_hot = np.eye(4)[y]
model.compile("adam", CategoricalCrossentropy(from_logits=True), metrics=named)
model.evaluate(x, one_hot, verbose=0)
iou, huber = MeanIoU(num_classes=2), Huber(delta=2.0, reduction="none")
iou.update_state([0, 1], [1, 1])
print(float(iou.result()), huber(np.zeros((2, 1)), np.ones((2, 1))).shape)
