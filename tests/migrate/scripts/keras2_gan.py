from keras.layers import Input, Dense, Reshape, Flatten, Dropout, BatchNormalization, Activation
from keras.layers.advanced_activations import LeakyReLU
from keras.models import Sequential, Model
from keras.optimizers import Adam
import numpy as np
from filling import fill, data


class GAN():
    def __init__(self):
        self.shape = (4, 4, 1)
        optimizer = Adam(0.01, 0.5)
        self.discriminator = self.build_discriminator()
        self.discriminator.compile(loss='binary_crossentropy', optimizer=optimizer, metrics=['accuracy'])
        self.generator = self.build_generator()
        z = Input(shape=(3,))
        img = self.generator(z)
        self.discriminator.trainable = False
        validity = self.discriminator(img)
        self.combined = Model(z, validity)
        self.combined.compile(loss='binary_crossentropy', optimizer=Adam(0.01, 0.5))

    def build_generator(self):
        model = Sequential()
        model.add(Dense(6, input_dim=3))
        model.add(LeakyReLU(alpha=0.2))
        model.add(Dense(int(np.prod(self.shape)), activation='tanh'))
        model.add(Reshape(self.shape))
        noise = Input(shape=(3,))
        return Model(noise, model(noise))

    def build_discriminator(self):
        model = Sequential()
        model.add(Flatten(input_shape=self.shape))
        model.add(Dense(5))
        model.add(LeakyReLU(alpha=0.2))
        model.add(Dense(1, activation='sigmoid'))
        img = Input(shape=self.shape)
        return Model(img, model(img))

    def train(self, epochs):
        out = []
        for e in range(epochs):
            imgs = data(4, 4, 4, 1, seed=e)
            gen = self.generator.predict(data(4, 3, seed=e))
            d = self.discriminator.train_on_batch(np.concatenate([imgs, gen]), np.array([1.] * 4 + [0.] * 4)[:, None])
            g = self.combined.train_on_batch(data(4, 3, seed=e + 9), np.ones((4, 1)))
            out += [d[0], g]
        return out


gan = GAN()
fill(gan.discriminator)
fill(gan.generator, 1)
losses = gan.train(3)
