from __future__ import absolute_import
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras import backend as K
from tensorflow.keras.optimizers import SGD
from filling import fill, data


class Linear(layers.Layer):
    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True)
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs):
        return K.dot(inputs, self.w) + self.b


inputs = keras.Input(shape=(5,))
x = Linear(4)(inputs)
x = layers.ReLU(6.0)(x)
outputs = layers.Dense(2)(x)
model = keras.Model(inputs=inputs, outputs=outputs)
fill(model)
model.compile(optimizer=SGD(learning_rate=0.1, momentum=0.9), loss=keras.losses.Huber(delta=0.5))
losses = model.fit(data(8, 5), data(8, 2), epochs=3, batch_size=4, verbose=0, shuffle=False).history['loss']
