from keras.models import Model
from keras.layers import Input, LSTM, Dense
from filling import fill, data
latent_dim = 4
encoder_inputs = Input(shape=(None, 3))
encoder = LSTM(latent_dim, return_state=True)
encoder_outputs, state_h, state_c = encoder(encoder_inputs)
encoder_states = [state_h, state_c]
decoder_inputs = Input(shape=(None, 2))
decoder_lstm = LSTM(latent_dim, return_sequences=True, return_state=True)
decoder_outputs, _, _ = decoder_lstm(decoder_inputs, initial_state=encoder_states)
decoder_dense = Dense(2, activation='softmax')
decoder_outputs = decoder_dense(decoder_outputs)
model = Model([encoder_inputs, decoder_inputs], decoder_outputs)
fill(model)
model.compile(optimizer='adagrad', loss='categorical_crossentropy')
h = model.fit([data(6, 4, 3), data(6, 5, 2)], data(6, 5, 2), batch_size=3, epochs=3, verbose=0, shuffle=False)
encoder_model = Model(encoder_inputs, encoder_states)
losses = h.history['loss'] + encoder_model.predict(data(1, 4, 3))[0].ravel().tolist()
