"""What an editor should see in a call of a layer."""

from __future__ import annotations

from typing import reveal_type

from lamina import layers, losses, metrics, ops, optimizers

layers.Dense()  # error: Argument missing for parameter "units"
layers.Dropout()  # error: Argument missing for parameter "rate"
reveal_type(layers.Dense(3))  # type: is "Dense"
reveal_type(layers.Conv2D)  # type: is "type[Conv2D]"
reveal_type(optimizers.Adam())  # type: is "Adam"
reveal_type(losses.MeanSquaredError())  # type: is "MeanSquaredError"
reveal_type(metrics.AUC())  # type: is "AUC"
reveal_type(ops.elu)  # type: alpha: float = 1
ops.sin(1.0, 2.0)  # error: Expected 1 positional argument
