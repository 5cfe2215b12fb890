from filling import fill, data
from keras.layers import Input, Dense, merge
from keras.models import Model

left, right = Input(shape=(4,), name='left'), Input(shape=(4,), name='right')
shared = Dense(3, activation='tanh')
a, b = shared(left), shared(right)
both = merge([a, b], mode='concat', concat_axis=-1)
total = merge([a, b], mode='sum')
product = merge([a, b], 'mul')
cosine = merge([a, b], mode='cos', dot_axes=1)
out = Dense(2)(merge([both, total, product, cosine], mode='concat'))
model = Model(input=[left, right], output=out)
fill(model)
model.compile(optimizer='sgd', loss='mse')
losses = model.fit([data(10, 4), data(10, 4, seed=5)], data(10, 2, seed=6), nb_epoch=3, verbose=0, shuffle=False).history['loss']
