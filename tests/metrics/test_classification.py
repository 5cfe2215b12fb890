"""Scores for each class, in the logs and where they are watched."""

import numpy as np
import pytest

import lamina


def test_a_score_for_each_of_one_class():
    """Is an array of one number, as in Keras, wherever it goes."""
    model = lamina.Sequential([lamina.layers.Input((2,)), lamina.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[lamina.metrics.F1Score(threshold=0.5)])
    x, y = np.ones((4, 2)), np.ones((4, 1))
    stop = lamina.callbacks.EarlyStopping("f1_score", mode="max", patience=1)
    history = model.fit(x, y, epochs=2, verbose=0, callbacks=[stop], validation_data=(x, y)).history
    found = [model.get_metrics_result()["f1_score"], model.evaluate(x, y, verbose=0)[1], model.train_on_batch(x, y)[1],
             model.test_on_batch(x, y, return_dict=True)["f1_score"], *history["f1_score"],
             *history["val_f1_score"]]  # fmt: skip
    assert [np.shape(value) for value in found] == [(1,)] * len(found)


def test_an_array_can_not_be_watched():
    model = lamina.Sequential([lamina.layers.Input((2,)), lamina.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "mse", metrics=[lamina.metrics.F1Score(name="f1")])
    stop = lamina.callbacks.EarlyStopping("f1", mode="max")
    message = r"^EarlyStopping watches 'f1', which is not one number but an array of shape \(3,\)\. Give the metric an average"
    with pytest.raises(ValueError, match=message):
        model.fit(np.ones((4, 2)), np.eye(3)[[0, 1, 2, 0]], verbose=0, callbacks=[stop])
