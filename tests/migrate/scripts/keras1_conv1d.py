from filling import fill, data, labels
from keras.models import Sequential
from keras.layers import Dense, Activation, Convolution1D, MaxPooling1D, GlobalMaxPooling1D
from keras.constraints import maxnorm
from keras.optimizers import SGD

model = Sequential()
model.add(Convolution1D(nb_filter=4, filter_length=3, border_mode='valid', activation='relu',
                        subsample_length=1, input_shape=(10, 3)))
model.add(MaxPooling1D(pool_length=2, stride=None))
model.add(Convolution1D(3, 2, border_mode='same', W_constraint=maxnorm(2)))
model.add(GlobalMaxPooling1D())
model.add(Dense(1))
model.add(Activation('hard_sigmoid'))
fill(model)
model.compile(loss='mae', optimizer=SGD(lr=0.1, momentum=0.9, decay=0.01, nesterov=True))
losses = model.fit(data(12, 10, 3), data(12, 1), nb_epoch=3, batch_size=6, verbose=0, shuffle=False).history['loss']
