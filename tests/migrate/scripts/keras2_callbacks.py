from keras.models import Sequential
from keras.layers import Dense, LeakyReLU
from keras.callbacks import Callback, LearningRateScheduler
from filling import fill, data


class Losses(Callback):
    def on_train_begin(self, logs={}):
        self.losses = []

    def on_epoch_end(self, epoch, logs={}):
        self.losses.append(logs.get('loss'))


class Net(object):
    def __init__(self):
        self.model = Sequential([Dense(4, input_dim=3), LeakyReLU(alpha=0.2), Dense(1)])
        fill(self.model)
        self.model.compile(loss='mse', optimizer='sgd')

    def train(self, callbacks):
        return self.model.fit(data(8, 3), data(8, 1), epochs=3, batch_size=4, verbose=0, shuffle=False, callbacks=callbacks)


seen = Losses()
history = Net().train([seen, LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))])
losses = seen.losses + history.history['loss']
