from filling import fill, data
from keras.layers import Input, Dense, Lambda
from keras.models import Model
from keras import backend as K
from keras import objectives

original_dim = 6
x = Input(batch_shape=(4, original_dim))
h = Dense(5, activation='relu')(x)
z_mean = Dense(2)(h)
z_log_var = Dense(2)(h)


def sampling(args):
    z_mean, z_log_var = args
    return z_mean + K.exp(z_log_var / 2) * 0.1


z = Lambda(sampling, output_shape=(2,))([z_mean, z_log_var])
out = Dense(original_dim, activation='sigmoid')(Dense(5, activation='relu')(z))
vae = Model(x, out)
fill(vae)


def vae_loss(x, out):
    return original_dim * objectives.binary_crossentropy(x, out) + objectives.mse(x, out)


vae.compile(optimizer='sgd', loss=vae_loss)
losses = vae.fit(data(8, 6), data(8, 6), shuffle=False, nb_epoch=3, batch_size=4, verbose=0).history['loss']
