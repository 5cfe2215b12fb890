import tensorflow as tf
from tensorflow.keras.models import Sequential, Model
from tensorflow.keras.layers import (
    Dense, Conv2D, MaxPool2D, Flatten, GRU, Bidirectional, Embedding,  # many
    MultiHeadAttention, LayerNormalization, GlobalAveragePooling1D, Input,
)
from tensorflow.keras.losses import SparseCategoricalCrossentropy
from tensorflow.keras.optimizers import Adam
from tensorflow.keras.callbacks import EarlyStopping
from filling import fill, data, labels

keras = tf.keras
inputs = keras.Input(shape=(6,), dtype="int64")
x = Embedding(12, 4)(inputs)
att = MultiHeadAttention(num_heads=2, key_dim=3)(x, x)
x = LayerNormalization(epsilon=1e-6)(x + att)
x = Bidirectional(GRU(3, return_sequences=True))(x)
x = GlobalAveragePooling1D()(x)
model = keras.Model(inputs, Dense(3)(x))
fill(model)
model.compile(optimizer=Adam(1e-2), loss=SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
h = model.fit(labels((8, 6), 12), labels(8, 3), epochs=2, batch_size=4, shuffle=False, verbose=0,
              callbacks=[EarlyStopping(monitor="loss", patience=2)])
losses = h.history["loss"] + h.history["accuracy"]
