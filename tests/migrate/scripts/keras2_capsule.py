import keras.backend as K
from keras import layers, initializers, models
from filling import fill, data


def squash(vectors, axis=-1):
    s_squared_norm = K.sum(K.square(vectors), axis, keepdims=True)
    scale = s_squared_norm / (1 + s_squared_norm) / K.sqrt(s_squared_norm + K.epsilon())
    return scale * vectors


class Length(layers.Layer):
    def call(self, inputs, **kwargs):
        return K.sqrt(K.sum(K.square(inputs), -1) + K.epsilon())

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]


class Caps(layers.Layer):
    def __init__(self, num, dim, **kwargs):
        super(Caps, self).__init__(**kwargs)
        self.num, self.dim = num, dim
        self.kernel_initializer = initializers.get('glorot_uniform')

    def build(self, input_shape):
        self.W = self.add_weight(shape=[input_shape[2], self.num * self.dim], initializer=self.kernel_initializer, name='W')
        self.built = True

    def call(self, inputs):
        u = K.dot(inputs, self.W)
        u = K.reshape(u, (-1, K.int_shape(inputs)[1], self.num, self.dim))
        u = K.permute_dimensions(u, (0, 2, 1, 3))
        c = K.softmax(K.zeros_like(u[:, :, :, 0]))
        return squash(K.sum(K.expand_dims(c) * u, axis=2))

    def compute_output_shape(self, input_shape):
        return (None, self.num, self.dim)


x = layers.Input(shape=(5, 4))
caps = Caps(3, 2)(layers.Lambda(squash, name='squash')(x))
out = Length(name='capsnet')(caps)
model = models.Model(x, out)
fill(model)


def margin_loss(y_true, y_pred):
    L = y_true * K.square(K.maximum(0., 0.9 - y_pred)) + 0.5 * (1 - y_true) * K.square(K.maximum(0., y_pred - 0.1))
    return K.mean(K.sum(L, 1))


model.compile(optimizer='sgd', loss=[margin_loss])
losses = model.fit(data(6, 5, 4), data(6, 3), batch_size=3, epochs=3, verbose=0, shuffle=False).history['loss']
