"""What an editor should see in a call of a layer."""

from __future__ import annotations

from typing import reveal_type

import lamina as keras
from lamina import layers, ops

# names
layers.Dense(3, activaton="relu")  # error: No parameter named "activaton"
layers.Dense(3, kernel_initialiser="zeros")  # error: No parameter named "kernel_initialiser"
layers.Dense(3, nmae="hidden")  # error: No parameter named "nmae"
layers.Dense(3, input_shpae=(4,))  # error: No parameter named "input_shpae"
layers.Dense(unit=3)  # error: No parameter named "unit"
layers.Dense(output_dim=3)  # error: No parameter named "output_dim"
layers.Conv2D(8, kernel=3)  # error: No parameter named "kernel"
layers.Dropout(0.5, sede=1)  # error: No parameter named "sede"
layers.MaxPooling2D(pool=2)  # error: No parameter named "pool"
layers.LSTM(4, return_sequence=True)  # error: No parameter named "return_sequence"
layers.BatchNormalization(momentun=0.9)  # error: No parameter named "momentun"
layers.Bidirectional(layers.LSTM(3), mode="sum")  # error: No parameter named "mode"
layers.Embedding(10, 4, maskzero=True)  # error: No parameter named "maskzero"
layers.Add(axis=1)  # error: No parameter named "axis"
layers.add([1, 2], nmae="sum")  # error: No parameter named "nmae"
keras.Input(shap=(3,))  # error: No parameter named "shap"
keras.Model(ouputs=1)  # error: No parameter named "ouputs"

# numbers of arguments
layers.Dense()  # error: Argument missing for parameter "units"
layers.Dropout()  # error: Argument missing for parameter "rate"
layers.Conv2D(8)  # error: Argument missing for parameter "kernel_size"
layers.Flatten(None, 3)  # error: Expected 1 positional argument
layers.Add(3)  # error: Expected 0 positional arguments
ops.sin(1.0, 2.0)  # error: Expected 1 positional argument

# types
layers.Dense("ten")  # error: parameter "units"
layers.Dense(64 / 2)  # error: parameter "units"
layers.Dense(3, activation=2)  # error: parameter "activation"
layers.Dense(3, use_bias="no")  # error: parameter "use_bias"
layers.Dense(3, kernel_initializer=0.1)  # error: parameter "kernel_initializer"
layers.Dense(3, kernel_regularizer=0.01)  # error: parameter "kernel_regularizer"
layers.Dense(3, kernel_constraint=2)  # error: parameter "kernel_constraint"
layers.Dense(3, name=1)  # error: parameter "name"
layers.Dense(3, dtype=32)  # error: parameter "dtype"
layers.Dense(3, input_shape="4")  # error: parameter "input_shape"
layers.Dense(3, trainable="no")  # error: parameter "trainable"
layers.Dropout("half")  # error: parameter "rate"
layers.Conv2D(8, "3")  # error: parameter "kernel_size"
layers.Conv2D(8, (3, 3.5))  # error: parameter "kernel_size"
layers.Reshape("7, 7")  # error: parameter "target_shape"
layers.TimeDistributed(3)  # error: parameter "layer"
layers.RNN(layers.Dense)  # error: parameter "cell"
layers.Lambda("x * 2")  # error: parameter "function"
keras.Input(shape="32")  # error: parameter "shape"

# closed lists
layers.Conv2D(8, 3, padding="smae")  # error: parameter "padding"
layers.MaxPooling2D(padding="causal")  # error: parameter "padding"
layers.Conv2D(8, 3, data_format="NHWC")  # error: parameter "data_format"
layers.Bidirectional(layers.LSTM(3), merge_mode="add")  # error: parameter "merge_mode"
layers.UpSampling2D(interpolation="linear")  # error: parameter "interpolation"
layers.Attention(score_mode="mul")  # error: parameter "score_mode"


class Mine(layers.Dense):
    """A layer of one's own."""

    def __init__(self, size: int, **kwargs) -> None:
        super().__init__(size, **kwargs)
        self.size = size


Mine()  # error: Argument missing for parameter "size"
Mine("3")  # error: parameter "size"

reveal_type(layers.Dense)  # type: is "type[Dense]"
reveal_type(layers.Dense(3))  # type: is "Dense"
reveal_type(layers.Dense(3).units)  # type: is "int"
reveal_type(layers.Conv2D(3, 3).kernel_size)  # type: is "tuple[int, ...]"
reveal_type(layers.LSTM(3).return_sequences)  # type: is "bool"
reveal_type(layers.Dense(3).kernel)  # type: is "Weight"
reveal_type(ops.elu)  # type: alpha: float = 1
