import tensorflow as tf
from filling import fill, data, labels

model = tf.keras.models.Sequential([
    tf.keras.layers.Flatten(input_shape=(4, 4)),
    tf.keras.layers.Dense(6, activation='relu'),
    tf.keras.layers.Dropout(0.0),
    tf.keras.layers.Dense(3, activation='softmax')
])
fill(model)
model.compile(optimizer='adam',
              loss='sparse_categorical_crossentropy',
              metrics=['accuracy'])
history = model.fit(data(12, 4, 4), labels(12, 3), epochs=3, batch_size=4, verbose=0, shuffle=False)
losses = history.history['loss'] + history.history['accuracy'] + model.evaluate(data(12, 4, 4), labels(12, 3), verbose=0)
