from filling import fill, data, labels
from keras.models import Sequential
from keras.layers.core import Dense, Flatten
from keras.layers.convolutional import Convolution2D, MaxPooling2D, AveragePooling2D, ZeroPadding2D
from keras.layers.normalization import BatchNormalization
from keras.utils.np_utils import to_categorical

nb_filters, nb_conv = 4, 3
model = Sequential()
model.add(ZeroPadding2D((1, 1), input_shape=(8, 8, 2), dim_ordering='tf'))
model.add(Convolution2D(nb_filters, nb_conv, nb_conv,
                        border_mode='valid',
                        dim_ordering='tf',      # channels last
                        activation='relu', subsample=(1, 1)))
model.add(MaxPooling2D(pool_size=(2, 2), dim_ordering='tf'))
model.add(Convolution2D(3, 3, 3, 'he_normal', border_mode='same', bias=False, dim_ordering='tf'))
model.add(AveragePooling2D(dim_ordering='tf'))
model.add(BatchNormalization(epsilon=1e-5, mode=0, axis=-1))
model.add(Flatten())
model.add(Dense(3, activation='softmax'))
fill(model)
model.compile('adadelta', 'categorical_crossentropy', ['accuracy'])
X, Y = data(16, 8, 8, 2), to_categorical(labels(16, 3), nb_classes=3)
losses = model.fit(X, Y, 8, 3, 0, shuffle=False).history['loss']
