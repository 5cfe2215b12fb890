import keras
from keras import backend as K
from keras.layers import Conv2D, MaxPooling2D, Dense, Flatten, BatchNormalization
from filling import fill, data, labels

img_rows, img_cols = 8, 8
if K.image_data_format() == 'channels_first':
    input_shape = (1, img_rows, img_cols)
else:
    input_shape = (img_rows, img_cols, 1)

model = keras.models.Sequential()
model.add(Conv2D(4, kernel_size=(3, 3), activation='relu', input_shape=input_shape))
model.add(Conv2D(4, (3, 3), activation='relu', padding='same'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dense(3, activation='softmax'))
fill(model)
model.compile(loss=keras.losses.categorical_crossentropy, optimizer=keras.optimizers.Adadelta(), metrics=['accuracy'])
losses = model.fit(data(12, 8, 8, 1), keras.utils.to_categorical(labels(12, 3), 3), batch_size=4, epochs=3,
                   verbose=0, shuffle=False).history['loss']
