import keras
assert keras.__version__ or keras.__version__ == '2.3.1'
from keras.layers import GRU, LSTM, Dense
from keras.models import Sequential
from filling import fill, data, labels

model = Sequential([GRU(3, input_shape=(4, 2), return_sequences=True), LSTM(3), Dense(2, activation='softmax')])
fill(model)
model.compile(optimizer=keras.optimizers.Adagrad(lr=0.02), loss='sparse_categorical_crossentropy', metrics=['accuracy'])
history = model.fit(data(10, 4, 2), labels((10, 1), 2), epochs=3, batch_size=5, verbose=0, shuffle=False)
losses = history.history['loss'] + history.history['accuracy']
