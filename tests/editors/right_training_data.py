"""Data of every kind: generators, DataLoader, PyDataset, torch's data sets, tensors, frames."""

import math

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

import lamina as keras
from lamina.utils import PyDataset, Sequence, to_categorical

x, y = np.random.default_rng(0).random((16, 4)).astype("float32"), np.arange(16) % 2
model = keras.Sequential([keras.layers.Dense(2, activation="softmax", input_shape=(4,))])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])


class Rows(PyDataset):
    def __init__(self, x_set, y_set, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size = x_set, y_set, batch_size

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, idx):
        low = idx * self.batch_size
        return self.x[low : low + self.batch_size], self.y[low : low + self.batch_size]


class Older(Sequence):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return x[index * 8 : index * 8 + 8], y[index * 8 : index * 8 + 8]

    def on_epoch_end(self):
        pass


class Torch(Dataset):
    def __len__(self):
        return len(x)

    def __getitem__(self, index):
        return x[index], y[index]


def generate(batch_size=8):
    while True:
        for start in range(0, len(x), batch_size):
            yield x[start : start + batch_size], y[start : start + batch_size]


loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=8, shuffle=True)
model.fit(loader, epochs=1, verbose=0, validation_data=DataLoader(Torch(), batch_size=8))
model.fit(Rows(x, y, 8, workers=1), verbose=0, validation_data=Older())
model.fit(Older(), verbose=0, shuffle=False)
model.fit(generate(), steps_per_epoch=len(x) // 8, epochs=2, verbose=0, validation_data=generate(), validation_steps=2)
model.fit(generate(), steps_per_epoch=len(x) / 8, verbose=0)
model.fit_generator(generate(), steps_per_epoch=2, epochs=1, verbose=0, validation_data=(x, y), workers=1)
print(
    model.evaluate_generator(generate(), steps=2), model.predict_generator(Older()).shape, model.predict_classes(x)[0]
)
model.evaluate(loader, verbose=0)
model.predict(DataLoader(TensorDataset(torch.from_numpy(x)), batch_size=8), verbose=0)
frame = pd.DataFrame(x, columns=list("abcd"))
frame["label"] = y
model.fit(frame[["a", "b", "c", "d"]], frame["label"], verbose=0)
model.fit(frame.drop(columns=["label"]), frame.pop("label"), validation_split=0.5, verbose=0)
model.fit(torch.from_numpy(x), torch.from_numpy(y), sample_weight=torch.ones(16), verbose=0)
model.predict(x.tolist(), verbose=0)
model.predict(torch.from_numpy(x), batch_size=4, verbose=0, steps=2)
print(
    to_categorical(y).sum(axis=0),
    to_categorical(torch.from_numpy(y), 2).device,
    to_categorical([0, 1], num_classes=2).shape,
)
print(keras.utils.normalize(x, axis=1)[0], keras.utils.normalize(torch.ones(2, 2)).shape)
(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
x_train = x_train.reshape(-1, 784).astype("float32") / 255
print(x_train.shape, y_train[:3], x_test.dtype, y_test.shape[0])
