from keras.models import Model, Sequential
from keras.layers import Input, Dense, Lambda
from keras.optimizers import SGD
from keras import backend as K
from filling import fill, data, labels


def euclidean_distance(vects):
    x, y = vects
    return K.sqrt(K.maximum(K.sum(K.square(x - y), axis=1, keepdims=True), K.epsilon()))


def contrastive_loss(y_true, y_pred):
    margin = 1
    return K.mean(y_true * K.square(y_pred) + (1 - y_true) * K.square(K.maximum(margin - y_pred, 0)))


base_network = Sequential()
base_network.add(Dense(4, input_shape=(6,), activation='relu'))
base_network.add(Dense(3))
input_a, input_b = Input(shape=(6,)), Input(shape=(6,))
distance = Lambda(euclidean_distance, output_shape=(1,))([base_network(input_a), base_network(input_b)])
model = Model([input_a, input_b], distance)
fill(model)
model.compile(loss=contrastive_loss, optimizer=SGD(lr=0.05, clipnorm=1.))
losses = model.fit([data(10, 6), data(10, 6, seed=7)], labels((10, 1), 2).astype('float32'), epochs=3, batch_size=5,
                   verbose=0, shuffle=False).history['loss']
