"""Old habits and small things: K, ops, activations, utilities, Keras 1 and 2 names."""

import numpy as np

import lamina as keras
from lamina import backend as K
from lamina import ops
from lamina.layers import LSTM, Activation, Bidirectional, Dense, Embedding, Lambda, TimeDistributed
from lamina.models import Model, Sequential
from lamina.regularizers import l1, l1_l2, l2

keras.utils.set_random_seed(812)
K.clear_session()
K.set_floatx("float32")
print(K.floatx(), K.epsilon(), K.image_data_format(), keras.config.floatx())
a = K.constant([[1.0, 2.0]])
print(K.get_value(K.dot(a, K.transpose(a))), K.int_shape(a), ops.shape(a), ops.convert_to_numpy(ops.relu(a)))
print(
    ops.matmul(a, ops.transpose(a)).shape,
    ops.argmax(a, axis=-1),
    ops.concatenate([a, a], axis=0).shape,
    ops.one_hot([1], 3),
)

model = Sequential(name="words")
model.add(Embedding(20, 8, mask_zero=True, input_shape=(5,)))
model.add(Bidirectional(LSTM(4, return_sequences=True, dropout=0.1, kernel_regularizer=l1_l2(l1=1e-5, l2=1e-4))))
model.add(TimeDistributed(Dense(3, activity_regularizer=l2(0.01), bias_regularizer=l1(0.1))))
model.add(Activation("tanh"))
model.add(Lambda(lambda t: ops.mean(t, axis=1)))
model.add(Dense(1, activation="sigmoid", kernel_constraint="max_norm"))
model.compile(
    loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(learning_rate=0.01, rho=0.9), metrics=["accuracy"]
)
X = np.random.default_rng(0).integers(0, 20, (8, 5))
Y = np.ones((8, 1))
hist = model.fit(X, Y, epochs=1, batch_size=4, verbose=2, validation_split=0.5)
print(sorted(hist.history.keys()), model.metrics_names, model.output.shape, model.inputs[0].shape, model.stop_training)
score, acc = model.evaluate(X, Y, batch_size=4, verbose=0)
encoder = Model(inputs=model.inputs, outputs=model.layers[-2].output)
print(encoder.predict(X, verbose=0).shape, model.layers[0].input_shape, model.layers[0].trainable_weights[0].shape)
model.layers[0].set_weights([np.zeros((20, 8))])
model.trainable = False
print(model.trainable, len(model.trainable_weights), len(model.non_trainable_weights), model.name)
progress = keras.utils.Progbar(2, verbose=0)
progress.update(1, values=[("loss", 0.5)])
bound = keras.initializers.VarianceScaling(scale=2.0, mode="fan_out", distribution="uniform", seed=3)
print(bound((2, 2)).sum(), keras.initializers.RandomNormal(stddev=0.1, seed=keras.random.SeedGenerator(1))((2,)).shape)
print(
    keras.tree.map_structure(lambda v: v + 1, {"a": 1}),
    keras.activations.get("relu")(a),
    keras.constraints.NonNeg()(a).min(),
)
