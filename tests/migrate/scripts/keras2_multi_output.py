import keras
from keras.layers import Input, Dense, add
from keras.models import Model
from filling import fill, data, labels

inp = Input(shape=(5,), name='main')
hidden = keras.layers.Dense(4, activation='selu')(inp)
hidden = add([hidden, Dense(4)(inp)])
one = Dense(1, name='one')(hidden)
two = Dense(3, activation='softmax', name='two')(hidden)
model = Model(inputs=[inp], outputs=[one, two])
fill(model)
model.compile(optimizer=keras.optimizers.Adamax(lr=0.01), loss={'one': 'mse', 'two': 'sparse_categorical_crossentropy'},
              loss_weights={'one': 1., 'two': 0.2})
history = model.fit(data(12, 5), {'one': data(12, 1), 'two': labels((12, 1), 3)}, epochs=3, batch_size=4, verbose=0, shuffle=False)
losses = history.history['loss'] + history.history['two_loss']
