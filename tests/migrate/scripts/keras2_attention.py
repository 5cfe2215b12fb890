import keras.backend as K
from keras.engine import Layer
from keras.layers import Dense, Input, LSTM, Lambda, Activation, Permute, RepeatVector, multiply
from keras.models import Model
from keras import initializers, regularizers, constraints
from filling import fill, data


class Attention(Layer):
    def __init__(self, W_regularizer=None, bias=True, **kwargs):
        self.W_regularizer = regularizers.get(W_regularizer)
        self.init = initializers.get('glorot_uniform')
        self.bias = bias
        super(Attention, self).__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.add_weight(shape=(input_shape[-1],), initializer=self.init, name='{}_W'.format(self.name),
                                 regularizer=self.W_regularizer)
        super(Attention, self).build(input_shape)

    def call(self, x):
        e = K.sum(x * self.W, axis=-1)
        a = K.exp(K.tanh(e))
        a /= K.cast(K.sum(a, axis=1, keepdims=True) + K.epsilon(), K.floatx())
        return K.sum(x * K.expand_dims(a), axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[-1]


inputs = Input((5, 3))
h = Dense(4, activation='relu')(inputs)
pooled = Attention(W_regularizer='l2')(h)
swapped = Lambda(lambda t: K.permute_dimensions(t, (0, 2, 1)), output_shape=(4, 5))(h)
most = Lambda(lambda t: K.max(t, axis=-1), output_shape=(4,))(swapped)
model = Model(inputs, Dense(1)(multiply([pooled, most])))
fill(model)
model.compile(loss='mse', optimizer='sgd')
losses = model.fit(data(8, 5, 3), data(8, 1), batch_size=4, epochs=3, verbose=0, shuffle=False).history['loss']
