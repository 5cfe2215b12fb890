from keras.layers import Embedding, Convolution1D, MaxPooling1D, Flatten, Dense, Input, Merge, merge, Lambda, Dropout
from keras.models import Model, Sequential
import keras.backend as K
from filling import fill, data, labels
inp = Input(shape=(8,), dtype='int32')
emb = Embedding(15, 4, input_length=8)(inp)
pools = []
for size in (2, 3):
    c = Convolution1D(nb_filter=3, filter_length=size, activation='relu', border_mode='valid')(emb)
    p = MaxPooling1D(pool_length=8 - size + 1)(c)
    pools.append(Flatten()(p))
x = merge(pools, mode='concat')
m = merge([x, x], mode=lambda t: t[0] * t[1], output_shape=(6,))
out = Dense(1, activation='sigmoid')(m)
model = Model(inp, out)
fill(model)
model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
r = model.fit(labels((9, 8), 15), labels(9, 2), batch_size=3, nb_epoch=2, verbose=0, shuffle=False)
losses = r.history['loss'] + r.history['acc']
