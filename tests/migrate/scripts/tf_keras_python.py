from tensorflow.python.keras.layers import Dense, Input, ConvLSTM2D, Flatten
from tensorflow.python.keras.models import Model
import tensorflow.keras.backend as K
import tensorflow.keras.regularizers as reg
from filling import fill, data

i = Input((3, 4, 4, 1))
h = ConvLSTM2D(2, (3, 3), padding='same')(i)
o = Dense(1, kernel_regularizer=reg.l1_l2(l1=0.01, l2=0.01))(Flatten()(h))
m = Model(i, o)
fill(m)
m.compile('sgd', lambda t, p: K.mean(K.abs(t - p), axis=-1))
losses = m.fit(data(4, 3, 4, 4, 1), data(4, 1), epochs=2, verbose=0, shuffle=False).history['loss']
