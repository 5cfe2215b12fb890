'''Trains a simple deep NN.'''
from __future__ import print_function
import keras
from keras.models import Sequential
from keras.layers import Dense, Dropout
from keras.optimizers import RMSprop
from filling import fill, data, labels

y_train = keras.utils.to_categorical(labels(24, 4), 4)
model = Sequential()
model.add(Dense(6, activation='relu', input_shape=(5,)))
model.add(Dropout(0.0))
model.add(Dense(4, activation='softmax'))
fill(model)
model.compile(loss='categorical_crossentropy',
              optimizer=RMSprop(lr=0.002),
              metrics=['accuracy', 'mse'])
history = model.fit(data(24, 5), y_train,
                    batch_size=6,
                    epochs=3, verbose=0, shuffle=False,
                    validation_split=0.25)
losses = history.history['loss'] + history.history['val_acc'] + history.history['mean_squared_error']
