from filling import fill, data, labels
from keras.models import Sequential
from keras.layers import Dense, LSTM, Embedding
from keras.optimizers import Adam

model = Sequential()
model.add(Embedding(20, 6, input_length=7))
model.add(LSTM(5, return_sequences=True, consume_less='gpu'))
model.add(LSTM(output_dim=4, init='glorot_uniform', inner_init='orthogonal', activation='tanh',
               inner_activation='hard_sigmoid'))
model.add(Dense(1, activation='sigmoid'))
fill(model)
adam = Adam(lr=0.01, beta_1=0.9)
model.compile(loss='binary_crossentropy', optimizer=adam, metrics=['accuracy'])
x, y = labels((12, 7), 20), labels(12, 2, 3)
hist = model.fit(x, y, nb_epoch=3, batch_size=4, verbose=0, shuffle=False)
losses = hist.history['loss'] + hist.history['acc']
