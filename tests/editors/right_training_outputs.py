"""Several inputs and outputs: lists and dicts of losses, metrics, weights and data."""

import numpy as np

from lamina import Input, Model, layers, losses, metrics, models, utils

text, picture = Input(shape=(6,), name="text"), Input(shape=(4, 4, 1), name="picture")
joined = layers.concatenate([layers.Dense(4)(text), layers.Flatten()(picture)])
priority = layers.Dense(1, name="priority", activation="sigmoid")(joined)
department = layers.Dense(3, name="department", activation="softmax")(joined)
model = Model([text, picture], [priority, department])

data = {"text": np.ones((8, 6)), "picture": np.zeros((8, 4, 4, 1))}
targets = {"priority": np.ones((8, 1)), "department": utils.to_categorical(np.arange(8) % 3, num_classes=3)}

model.compile(
    optimizer="adam",
    loss={"priority": "binary_crossentropy", "department": losses.CategoricalCrossentropy()},
    loss_weights={"priority": 1.0, "department": 0.2},
    metrics={"priority": ["accuracy", metrics.AUC()], "department": "accuracy"},
)
history = model.fit(data, targets, epochs=1, batch_size=4, verbose=0)
print(history.history["department_loss"][0])
results = model.evaluate(data, targets, verbose=0, return_dict=True)
print(results["priority_auc"] if "priority_auc" in results else sorted(results))
first, second = model.predict(data, verbose=0)
print(first.shape, second.argmax(-1))
outputs = model.predict([data["text"], data["picture"]], verbose=0)
print(outputs[0].mean(), len(outputs))

model.compile(
    "sgd", loss=["mse", "categorical_crossentropy"], loss_weights=[0.3, 1], metrics=[["mae"], ["accuracy", "acc"]]
)
model.fit([data["text"], data["picture"]], [targets["priority"], targets["department"]], verbose=0)
by_output = {"priority": "mse", "department": "mae"}
measured = ["mse", None]
model.compile("sgd", loss=by_output, metrics=measured)
model.compile("sgd", loss=list(by_output.values()), metrics={name: ["mse"] for name in by_output})

named = Model({"text": text, "picture": picture}, {"priority": priority, "department": department})
named.compile("adam", loss=by_output)
named.fit(data, targets, verbose=0, validation_data=(data, targets))
predicted = named.predict(data, verbose=0)
for name, values in predicted.items():
    print(name, values.shape)
print(predicted["priority"].round(2)[0])

inside = Model(inputs=model.input, outputs=model.get_layer("department").output)
sizes = [layer.count_params() for layer in model.layers if layer.trainable]
for layer in model.layers[:-1]:
    layer.trainable = False
print(
    sizes, [layer.name for layer in inside.layers], model.get_layer(index=0).name, model.get_layer("department").units
)
copy = models.clone_model(model)
copy.set_weights(model.get_weights())
print(copy.count_params(), copy.get_layer("priority").get_weights()[0].shape, copy.output_shape, model.input_shape)
