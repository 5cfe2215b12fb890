from __future__ import print_function
from filling import fill, data, labels

from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
from keras.optimizers import SGD, Adam, RMSprop
from keras.utils import np_utils

batch_size = 8
nb_classes = 3
nb_epoch = 4

X_train = data(32, 6)
Y_train = np_utils.to_categorical(labels(32, 3), nb_classes)

model = Sequential()
model.add(Dense(5, input_shape=(6,)))
model.add(Activation('relu'))
model.add(Dropout(0.))
model.add(Dense(output_dim=nb_classes, init='uniform', W_regularizer='l2'))
model.add(Activation('softmax'))
fill(model)
model.compile(loss='categorical_crossentropy', optimizer=RMSprop(), metrics=['accuracy'])
history = model.fit(X_train, Y_train, batch_size=batch_size, nb_epoch=nb_epoch,
                    verbose=0, shuffle=False, validation_data=(X_train, Y_train))
score = model.evaluate(X_train, Y_train, verbose=0)
losses = history.history['loss'] + history.history['acc'] + history.history['val_loss'] + list(score)
