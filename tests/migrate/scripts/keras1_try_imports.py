try:
    from keras.layers.core import Dense, Activation
    from keras.models import Sequential
except ImportError:
    from keras.layers import Dense, Activation
    from keras.models import Sequential
from filling import fill, data


def create_model(optimizer='sgd', init='glorot_uniform'):
    from keras.optimizers import Adam
    model = Sequential()
    model.add(Dense(4, input_dim=3, init=init, activation='relu'))
    model.add(Dense(1, init=init, activation='sigmoid'))
    model.compile(loss='binary_crossentropy', optimizer=Adam(lr=0.01) if optimizer == 'adam' else optimizer, metrics=['accuracy'])
    return model


if __name__ != "unheard of":
    model = create_model('adam')
    fill(model)
    losses = model.fit(data(8, 3), data(8, 1) > 0.5, nb_epoch=3, batch_size=4, verbose=0, shuffle=False).history['loss']
