"""Saving, loading, and what comes of a config."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np

import lamina as keras
from lamina.models import Sequential, load_model, model_from_json, save_model

model = Sequential([keras.layers.Input((4,)), keras.layers.Dense(2, name="only")], name="small")
model.compile("adam", "mse", metrics=["mae"])
x = np.ones((4, 4))


@keras.saving.register_keras_serializable()
class Scale(keras.layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        config = super().get_config()
        config.update({"factor": self.factor})
        return config


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "model.keras")
    model.save(path)
    model.save(Path(folder) / "other.keras", overwrite=True, include_optimizer=True)
    save_model(model, path, overwrite=True)
    loaded = load_model(path)
    loaded.fit(x, np.ones((4, 2)), verbose=0)
    print(loaded.predict(x, verbose=0).shape, loaded.summary(), loaded.layers[-1].get_weights(), loaded.optimizer)
    loaded.add(Scale(0.5))
    loaded.pop()
    again = keras.saving.load_model(path, custom_objects={"Scale": Scale}, compile=False, safe_mode=True)
    again.compile(optimizer="sgd", loss="mse")
    model.save_weights(os.path.join(folder, "w.weights.h5"), overwrite=True)
    model.load_weights(os.path.join(folder, "w.weights.h5"), skip_mismatch=False)
    with keras.saving.custom_object_scope({"Scale": Scale}):
        json_string = model.to_json(indent=2)
        described = json.loads(json_string)
        fresh = model_from_json(json_string, custom_objects=None)
    fresh.set_weights(model.get_weights())
    print(described["config"]["name"], fresh.get_layer("only").name, [w.shape for w in fresh.weights])
    torn = keras.Sequential.from_config(model.get_config())
    print(len(torn), torn[0].name, torn.count_params(), keras.models.clone_model(torn).name)
    config = keras.optimizers.serialize(keras.optimizers.Adam(1e-3))
    print(
        config["class_name"],
        keras.optimizers.deserialize(config).learning_rate,
        Scale.from_config(Scale(3.0).get_config()).factor,
    )
