"""Layers of random shapes, arguments, types and orders of memory, forward and backward: ``make fuzz``."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # before anything here imports Keras
