import tensorflow as tf
from tensorflow.keras.layers import Dense
from tensorflow.keras import Model
from filling import fill, data


class MyModel(Model):
    def __init__(self):
        super(MyModel, self).__init__()
        self.d1 = Dense(4, activation='tanh')
        self.d2 = Dense(1)

    def call(self, x):
        return self.d2(self.d1(x))


model = MyModel()
model.predict(data(1, 3), verbose=0)
fill(model)
model.compile(tf.keras.optimizers.RMSprop(learning_rate=0.01), loss='mse')
losses = model.fit(data(8, 3), data(8, 1), epochs=3, batch_size=4, verbose=0, shuffle=False).history['loss']
