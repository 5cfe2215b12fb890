from keras.models import Model
from keras.layers import Input, LSTM, GRU, Dense, Bidirectional, TimeDistributed, concatenate
from keras.optimizers import Nadam, Adam
from filling import fill, data

x = Input(shape=(6, 3))
h = Bidirectional(LSTM(4, return_sequences=True))(x)
h = GRU(3, return_sequences=True, name='gru')(h)
h = TimeDistributed(Dense(2, activation='tanh'))(h)
last = LSTM(3, recurrent_activation='hard_sigmoid', implementation=2)(concatenate([h, x]))
model = Model(inputs=x, outputs=Dense(1)(last))
fill(model)
model.compile(Adam(lr=0.01, epsilon=None, decay=0.0), loss='mean_squared_error')
losses = model.fit(data(10, 6, 3), data(10, 1), batch_size=5, epochs=3, verbose=0, shuffle=False).history['loss']
