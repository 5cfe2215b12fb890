"""lamina: the Keras layer API, of every generation, as plain PyTorch modules."""
