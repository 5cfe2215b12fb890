from filling import fill, data
import numpy as np
from keras.layers import Input, Dense
from keras.models import Model
from keras import regularizers
from keras.callbacks import EarlyStopping

encoding_dim = 3
input_img = Input(shape=(8,))
encoded = Dense(encoding_dim, activation='relu', activity_regularizer=None, W_regularizer=regularizers.l2(l=0.001))(input_img)
decoded = Dense(8, activation='sigmoid')(encoded)
autoencoder = Model(input=input_img, output=decoded)
encoder = Model(input=input_img, output=encoded)
fill(autoencoder)


def train(net, x):
    net.compile(optimizer='adamax', loss='binary_crossentropy')
    return net.fit(x, x, nb_epoch=4, batch_size=8, shuffle=False, verbose=0,
                   callbacks=[EarlyStopping(monitor='loss', patience=3)])


losses = train(autoencoder, data(16, 8)).history['loss'] + encoder.predict(data(2, 8)).ravel().tolist()
