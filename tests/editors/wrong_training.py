"""What an editor should see in code that compiles and trains."""

from __future__ import annotations

from typing import reveal_type

import numpy as np
import torch

import lamina as keras
from lamina import (
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    utils,
)
from lamina.optimizers import schedules

x, y = np.ones((8, 4)), np.ones((8, 1))
model = keras.Sequential([layers.Dense(1, input_shape=(4,))])
functional = keras.Model(model.inputs, model.outputs)

# compile
model.compile(optimiser="adam")  # error: No parameter named "optimiser"
model.compile("adam", loss="mse", metric=["mae"])  # error: No parameter named "metric"
model.compile(optimizer=0.01)  # error: "float" is not assignable to "str"
model.compile(loss=3)  # error: "loss"
model.compile(metrics=1)  # error: "metrics"
model.compile(metrics=["mae", 2])  # error: "metrics"
model.compile(run_eagerly="yes")  # error: "run_eagerly"

# fit and its relatives
model.fit(x, y, epoch=3)  # error: No parameter named "epoch"
model.fit(x, y, nb_epoch=3)  # error: No parameter named "nb_epoch"
model.fit(x, y, epochs="3")  # error: "epochs"
model.fit(x, y, batch_size=0.5)  # error: "batch_size"
model.fit(x, y, validation_spilt=0.2)  # error: No parameter named "validation_spilt"
model.fit(x, y, validation_split="0.2")  # error: "validation_split"
model.fit(x, y, callback=[])  # error: No parameter named "callback"
model.fit(x, y, callbacks=["EarlyStopping"])  # error: "callbacks"
model.fit(x, y, callbacks=[callbacks.EarlyStopping])  # error: "callbacks"
model.fit(x, y, class_weight=[1.0, 2.0])  # error: "class_weight"
model.fit(x, y, class_weight={"cat": 1.0})  # error: "class_weight"
model.fit(x, y, shuffle="yes")  # error: "shuffle"
model.fit(x, y, verbose="silent")  # error: "verbose"
model.evaluate(x, y, return_dicts=True)  # error: No overloads for "evaluate"
model.predict(x, batchsize=4)  # error: No parameter named "batchsize"
model.predict()  # error: Argument missing for parameter "x"
model.train_on_batch(x, y, returns_dict=True)  # error: No overloads for "train_on_batch"
model.fit_generator(x, step_per_epoch=3)  # error: No parameter named "step_per_epoch"

# optimizers and schedules
optimizers.Adam(lr_rate=0.1)  # error: No parameter named "lr_rate"
optimizers.Adam("0.1")  # error: "learning_rate"
optimizers.SGD(0.1, momentun=0.9)  # error: No parameter named "momentun"
optimizers.SGD(0.1, nestrov=True)  # error: No parameter named "nestrov"
optimizers.AdamW(weight_deacy=0.1)  # error: No parameter named "weight_deacy"
optimizers.Adam(clipnorm="1")  # error: "clipnorm"
optimizers.RMSprop(rho=0.9, rhoo=0.8)  # error: No parameter named "rhoo"
optimizers.LossScaleOptimizer(optimizers.Adam(), inital_scale=2.0)  # error: No parameter named "inital_scale"
optimizers.Adan()  # error: "Adan" is not a known attribute
schedules.ExponentialDecay(0.1, decay_steps=10)  # error: Argument missing for parameter "decay_rate"
schedules.CosineDecay(0.1, decay_step=10)  # error: "decay_step"
model.optimizer.learning_rate = "fast"  # error: "learning_rate"

# losses and metrics
losses.MeanSquaredError(reduction="average")  # error: "reduction"
losses.BinaryCrossentropy(from_logit=True)  # error: No parameter named "from_logit"
losses.Huber(delta="1")  # error: "delta"
losses.CategoricalCrossEntropy()  # error: "CategoricalCrossEntropy" is not a known attribute
losses.mean_squared_error(y)  # error: Argument missing for parameter "y_pred"
metrics.AUC(curves="PR")  # error: No parameter named "curves"
metrics.AUC(curve="RUC")  # error: "curve"
metrics.F1Score(average="mean")  # error: "average"
metrics.Precision(threshold=0.5)  # error: No parameter named "threshold"
metrics.MeanIoU()  # error: Argument missing for parameter "num_classes"

# callbacks
callbacks.EarlyStopping(patiance=3)  # error: No parameter named "patiance"
callbacks.EarlyStopping(patience="3")  # error: "patience"
callbacks.EarlyStopping(mode="minimum")  # error: "mode"
callbacks.ModelCheckpoint()  # error: Argument missing for parameter "filepath"
callbacks.ModelCheckpoint("a.keras", save_best=True)  # error: No parameter named "save_best"
callbacks.ModelCheckpoint("a.keras", save_freq="batch")  # error: "save_freq"
callbacks.ReduceLROnPlateau(factors=0.1)  # error: No parameter named "factors"
callbacks.LearningRateScheduler(0.1)  # error: "schedule"
callbacks.LambdaCallback(on_epoch_ends=print)  # error: No parameter named "on_epoch_ends"
callbacks.TensorBoard(logdir="logs")  # error: No parameter named "logdir"
callbacks.TensorBoard(update_freq="epochs")  # error: "update_freq"
callbacks.CSVLogger()  # error: Argument missing for parameter "filename"

# parts of layers
initializers.RandomNormal(std=0.1)  # error: No parameter named "std"
initializers.VarianceScaling(mode="fan_on")  # error: "mode"
initializers.HeNormal(seed="1")  # error: "seed"
regularizers.L2(0.1, 0.2)  # error: Expected 1 positional argument
regularizers.l1_l2(l3=0.1)  # error: No parameter named "l3"
constraints.MaxNorm("2")  # error: "max_value"

# settings
keras.config.set_floatx("flot32")  # error: "value"
keras.backend.set_image_data_format("channel_last")  # error: "data_format"
keras.config.set_epsilon("small")  # error: "value"

# models and files
keras.Sequential(layer=[])  # error: No parameter named "layer"
keras.Sequential(["Dense"])  # error: parameter "layers"
model.add("Dense")  # error: "layer"
model.save()  # error: Argument missing for parameter "filepath"
model.save("a.keras", override=True)  # error: No parameter named "override"
models.load_model("a.keras", custom_object={})  # error: No parameter named "custom_object"
model.get_layer(nam="a")  # error: No parameter named "nam"
model.summary(line_lenght=80)  # error: No parameter named "line_lenght"
utils.to_categorical(y, classes=3)  # error: No overloads for "to_categorical"
keras.datasets.fashion_mnist.load_data("path")  # error: Expected 0 positional arguments

# what comes back
reveal_type(model.fit(x, y))  # type: is "History"
reveal_type(model.fit(x, y).history)  # type: is "dict[str, list[float]]"
reveal_type(model.evaluate(x, y))  # type: is "Any"
reveal_type(model.evaluate(x, y, return_dict=True))  # type: is "dict[str, float]"
reveal_type(model.train_on_batch(x, y, return_dict=True))  # type: is "dict[str, float]"
reveal_type(model.predict(x))  # type: is "ndarray
reveal_type(functional.predict(x))  # type: is "Any"
reveal_type(models.load_model("a.keras"))  # type: is "Model"
reveal_type(models.clone_model(model))  # type: is "Sequential"
reveal_type(model.layers)  # type: is "list[Layer]"
reveal_type(model.get_layer("a"))  # type: is "Layer"
reveal_type(model.get_layer("a").units)  # type: is "Any"
reveal_type(model.get_weights()[0].shape)  # type: is "tuple[
reveal_type(model.optimizer)  # type: is "Optimizer"
reveal_type(model.count_params())  # type: is "int"
reveal_type(optimizers.Adam().learning_rate)  # type: is "LentFloat"
reveal_type(optimizers.Adam.from_config({}))  # type: is "Adam"
reveal_type(losses.Huber().get_config())  # type: is "dict[str, Any]"
reveal_type(losses.Huber()(y, y))  # type: is "Tensor"
reveal_type(utils.to_categorical([0, 1]))  # type: is "ndarray
reveal_type(utils.to_categorical(torch.ones(2)))  # type: is "Tensor"
reveal_type(keras.datasets.fashion_mnist.load_data()[0][0])  # type: is "ndarray
