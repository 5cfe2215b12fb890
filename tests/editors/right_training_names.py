"""compile with names, fit on arrays, and what comes back."""

import numpy as np

import lamina as keras
from lamina import layers
from lamina.callbacks import EarlyStopping, ReduceLROnPlateau

rng = np.random.default_rng(0)
x_train, y_train = rng.random((32, 8)).astype("float32"), rng.integers(0, 3, 32)
x_test, y_test = rng.random((8, 8)), rng.integers(0, 3, (8,))
batch_size, epochs = 16, 2

model = keras.Sequential()
model.add(keras.Input(shape=(8,)))
model.add(layers.Dense(16, activation="relu"))
model.add(layers.Dropout(0.5))
model.add(layers.Dense(3, activation="softmax"))
model.summary()
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])

history = model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, validation_split=0.25, verbose=0)
print(history.history["val_accuracy"][-1], max(history.history["accuracy"]), len(history.epoch))
for name, values in history.history.items():
    print(name.upper(), [round(value, 2) for value in values])
best = int(np.argmin(history.history["val_loss"])) + 1

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"Test loss: {loss:.3f}, accuracy: {accuracy:.3f}")
score = model.evaluate(x_test, y_test, batch_size=4, verbose=0)
print("Test loss:", score[0])
results = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
print(results["loss"], {name: round(value, 3) for name, value in results.items()})

probabilities = model.predict(x_test, verbose=0)
classes = probabilities.argmax(axis=-1)
print(np.mean(classes == y_test), probabilities.shape[0], probabilities[0, 1], classes[:5].tolist())
for row in model.predict(x_test[:2], verbose=0):
    print(row.max())

model.compile("sgd", "mse")
model.compile("rmsprop", loss="categorical_crossentropy", metrics=["acc", "AUC"], weighted_metrics=["accuracy"])
model.compile(loss="kld", metrics="mae", run_eagerly=False, jit_compile=False, steps_per_execution=1)
model.compile(optimizer="Adam", loss="sparse_categorical_crossentropy", loss_weights=[1.0])
history = model.fit(
    x=x_train,
    y=y_train,
    epochs=1,
    verbose="auto",
    validation_data=(x_test, y_test),
    validation_freq=[1],
    shuffle=True,
    class_weight={0: 1.0, 1: 2, 2: 0.5},
    sample_weight=np.ones(32),
    callbacks=[EarlyStopping(patience=2), ReduceLROnPlateau(monitor="loss", factor=0.5, min_lr=1e-5)],
)
weights = {int(k): float(v) for k, v in zip(np.unique(y_train), rng.random(3), strict=True)}
model.fit(x_train, y_train, class_weight=weights, verbose=0, steps_per_epoch=len(x_train) // batch_size)
callbacks = [EarlyStopping(monitor="val_loss", mode="min", restore_best_weights=True)]
model.fit(x_train.tolist(), y_train.tolist(), validation_split=0.2, callbacks=callbacks, verbose=False)
model.fit(x_train, y_train, callbacks=EarlyStopping("loss"), verbose=0)
