"""Noise layers. What they do in training is random, and tested in tests/layers/test_noise.py."""

from catalog.row import Row, Wrong

ROWS = [
    Row("GaussianNoise", {"stddev": 0.5}, (2, 4)),
    Row("GaussianNoise", {"stddev": 0.0, "seed": 3}, (2, 4), training=True),
    Row("GaussianDropout", {"rate": 0.5}, (2, 4)),
    Row("GaussianDropout", {"rate": 0.0, "seed": 3}, (2, 4), training=True),
    Row("AlphaDropout", {"rate": 0.5, "noise_shape": (2, 1)}, (2, 4)),
    Row("AlphaDropout", {"rate": 0.0, "seed": 3}, (2, 4), training=True),
]

WRONG = [
    Wrong("GaussianNoise", {"name": "n", "stddev": -1}, None,
          "GaussianNoise 'n' needs a number that is not negative for stddev, and got -1."),
    Wrong("GaussianDropout", {"name": "n", "rate": 1.0}, None,
          "GaussianDropout 'n' needs a number from 0 to below 1 for rate, and got 1.0."),
    Wrong("AlphaDropout", {"name": "n", "rate": 2}, None,
          "AlphaDropout 'n' needs a number from 0 to below 1 for rate, and got 2."),
]  # fmt: skip
