from filling import fill, data, labels
import keras.layers.recurrent as rnn
from keras.models import *
from keras.layers import *
from keras.optimizers import Adagrad as Optimizer

model = Sequential()
model.add(Embedding(output_dim=4, input_dim=12, mask_zero=True, input_length=5))
model.add(rnn.GRU(output_dim=3, dropout_W=0., dropout_U=0.))
model.add(Dense(2, activation='softmax'))
fill(model)
model.compile(loss='sparse_categorical_crossentropy', optimizer=Optimizer(lr=0.05))
x = labels((10, 5), 12)
losses = model.fit(x, labels((10, 1), 2), batch_size=5, nb_epoch=3, verbose=0, shuffle=False).history['loss']
