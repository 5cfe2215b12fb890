"""What only looks like Keras stays as it is."""
import keras
from filling import fill, data


class Dense(object):
    def __init__(self, output_dim, init='mine', nb_epoch=3):
        self.units = output_dim
        self.nb_epoch = nb_epoch


def fit(x, nb_epoch, border_mode='valid'):
    return [float(nb_epoch), len(border_mode)]


mine = Dense(output_dim=4, init='uniform', nb_epoch=2)
model = keras.models.Sequential([keras.layers.Dense(mine.units, input_dim=3), keras.layers.Dense(1)])
fill(model)
model.compile(loss='mse', optimizer=keras.optimizers.SGD(lr=0.1))
losses = model.fit(data(6, 3), data(6, 1), epochs=mine.nb_epoch, verbose=0, shuffle=False).history['loss'] + fit(None, nb_epoch=3)
