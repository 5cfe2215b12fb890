import keras
from keras.callbacks import ReduceLROnPlateau, ModelCheckpoint, EarlyStopping
from keras.layers.merge import concatenate, Add
from keras.layers import Input, Dense, Conv1D, GlobalAveragePooling1D, TimeDistributed
from keras.models import Model as M
import keras.backend as K
from filling import fill, data
a = Input((4, 3))
b = Conv1D(3, 2, padding='causal', dilation_rate=2, activation='relu')(a)
c = Add()([a, b])
d = concatenate([c, b], axis=-1)
e = GlobalAveragePooling1D()(TimeDistributed(Dense(2))(d))
m = M(a, e)
fill(m)
def rate(y_true, y_pred):
    return K.mean(K.abs(y_true - y_pred))
m.compile(keras.optimizers.sgd(lr=0.05, momentum=0.5), loss='mse', metrics=[rate, 'mae'])
h = m.fit(data(8, 4, 3), data(8, 2), batch_size=4, epochs=4, verbose=0, shuffle=False,
          callbacks=[ReduceLROnPlateau(monitor='loss', factor=0.5, patience=0, epsilon=10.)])
losses = h.history['loss'] + h.history['lr'] + h.history['rate'] + h.history['mean_absolute_error']
