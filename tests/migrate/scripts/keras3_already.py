import keras
from keras import layers, ops
from filling import fill, data

model = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Lambda(lambda x: ops.square(x)), layers.Dense(1)])
fill(model)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="mse")
losses = model.fit(data(8, 3), data(8, 1), epochs=2, verbose=0, shuffle=False).history["loss"]
