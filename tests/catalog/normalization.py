"""Normalization layers."""

from catalog.row import Make, Row, Wrong

L2 = {"class_name": "L2", "config": {"l2": 0.1}}
AFFINE = {"beta_initializer": "ones", "gamma_initializer": "uniform", "beta_regularizer": L2, "gamma_regularizer": L2,
          "beta_constraint": "non_neg", "gamma_constraint": "unit_norm"}  # fmt: skip
BARE = {"center": False, "scale": False}
BOUNDS = {"rmin": 0.8, "rmax": 1.2, "dmax": 0.3}
DENSE = Make(lambda library: library.layers.Dense(3, name="inner"), "Dense(3)")
CONV = Make(lambda library: library.layers.Conv2D(3, 2, name="inner"), "Conv2D(3,2)")
TABLE = Make(lambda library: library.layers.Embedding(4, 3, name="inner"), "Embedding(4,3)")

CUBE = {"mask": "Keras and lamina alike take masks of all axes but the last, and the test's has two axes"}
FLOAT32 = {"values_in_float64": "the layer inside has a type of its own, float32"}
INNER = {"config": "Keras's config of the Dense inside has quantization_config, too"}
ROUNDED = {"values_in_float64": "Keras rounds the bounds to float32"}

# Keras takes the variance as mean(x * x) - mean(x) ** 2, which rounds more than torch's kernels do.
ROWS = [
    *(Row("BatchNormalization", kwargs, shape, training=training, tolerance=2e-5,
          exceptions=CUBE if len(shape) > 3 else {})
      for kwargs, shape in (({}, (8, 3)), ({}, (2, 6, 3)), ({}, (2, 5, 4, 3)), ({}, (2, 3, 4, 3, 2)),
                            ({"axis": 1}, (2, 3, 6)), ({"axis": 1}, (3, 3, 5, 4)), ({"axis": 2}, (3, 5, 4, 3)),
                            ({"axis": -2}, (2, 3, 4, 3, 2)))
      for training in (False, True)),
    *(Row("BatchNormalization", kwargs, (2, 6, 3), training=True, tolerance=2e-5)
      for kwargs in (AFFINE, BARE, {"center": False}, {"scale": False}, {"trainable": False},
                     {"momentum": 0.5, "epsilon": 0.1},
                     {"moving_mean_initializer": "ones", "moving_variance_initializer": "zeros"}, {"renorm": True})),
    Row("BatchNormalization", {"renorm": True, "renorm_clipping": BOUNDS, "renorm_momentum": 0.9, **BARE}, (2, 6, 3),
        training=True, tolerance=2e-5, exceptions=ROUNDED),
    Row("BatchNormalization", {"renorm": True, "axis": 1}, (2, 3, 6), training=True, tolerance=2e-5),
    Row("BatchNormalization", {"renorm": True}, (2, 6, 3), tolerance=2e-5),
    Row("BatchNormalization", {"momentum": 0.9}, (1, 3), training=True),
    Row("BatchNormalization", {"synchronized": True}, (4, 6, 3), keras=None, training=True),
    Row("BatchNormalization", {"variance_correction": "1+epsilon"}, (4, 6, 3), keras=None, training=True),
    Row("BatchNormalization", {"debiases": True}, (4, 6, 3), keras=None, training=True),
    *(Row("BatchNormalization", {"trainable": False, "frozen_statistics": kind, **more}, (4, 6, 3), keras=None, training=True)
      for kind in ("batch", "follow") for more in ({}, {"variance_correction": "1+epsilon"}, {"renorm": True})),
    *(Row("LayerNormalization", kwargs, (2, 4, 3, 5), tolerance=2e-5)
      for kwargs in ({}, {"axis": [2, 3]}, {"axis": (-1, -3)}, {"epsilon": 0.1}, AFFINE, BARE, {"center": False},
                     {"scale": False})),
    *(Row("LayerNormalization", kwargs, (2, 4, 3, 5), keras=None)  # Keras on torch fails; tests/layers/test_normalization.py
      for kwargs in ({"axis": 1}, {"axis": [1, 2]}, {"axis": 2, **BARE})),
    Row("LayerNormalization", {}, (4, 5), tolerance=2e-5),
    *(Row("RMSNormalization", kwargs, (2, 4, 3, 5)) for kwargs in ({}, {"axis": [2, 3]}, {"epsilon": 0.1})),
    *(Row("RMSNormalization", kwargs, (2, 4, 3, 5), keras=None) for kwargs in ({"axis": 1}, {"axis": [1, 2]})),
    Row("UnitNormalization", {}, (4, 5)),
    *(Row("UnitNormalization", {"axis": axis}, (2, 4, 3, 5)) for axis in (1, [1, 2], (2, 3))),
    *(Row("GroupNormalization", {"groups": groups, **more}, shape, tolerance=2e-5)
      for groups, more, shape in ((2, {}, (4, 6)), (2, {}, (2, 5, 4)), (2, {}, (2, 5, 16)), (2, {}, (2, 5, 4, 6)),
                                  (2, {}, (2, 5, 4, 16)), (2, {}, (2, 3, 4, 3, 16)), (-1, {}, (2, 5, 4, 6)),
                                  (1, {}, (2, 5, 4, 6)), (2, {"axis": 1}, (2, 6, 5, 4)), (2, {"axis": 2}, (2, 5, 4, 6)),
                                  (3, AFFINE, (2, 5, 6)), (3, BARE, (2, 5, 6)), (3, {"center": False}, (2, 5, 6)),
                                  (3, {"scale": False}, (2, 5, 6)), (2, {"epsilon": 0.1}, (2, 5, 4)))),
    *(Row("SpectralNormalization", {"layer": layer, **more}, shape, training=training,
          exceptions=exceptions | (FLOAT32 if training else {}))
      for layer, more, shape, exceptions in ((DENSE, {}, (4, 5), INNER),
                                             (CONV, {"power_iterations": 3}, (2, 5, 5, 2), {}))
      for training in (False, True)),
    Row("SpectralNormalization", {"layer": TABLE}, (2, 5), dtype="int32", keras=None),  # Keras makes integers of it
]  # fmt: skip

WRONG = [
    Wrong("BatchNormalization", {"name": "b", "axis": 3}, (2, 4),
          "BatchNormalization 'b' normalizes axis 3, and got (2, 4), which has 2 axes."),
    Wrong("BatchNormalization", {"name": "b", "axis": [1, 2]}, None,
          "BatchNormalization 'b' normalizes along one axis, and got axis=[1, 2]."),
    Wrong("BatchNormalization", {"name": "b", "axis": "last"}, None,
          "BatchNormalization 'b' needs an integer or a list of integers for axis, and got 'last'.", TypeError),
    Wrong("BatchNormalization", {"name": "b"}, (2, None),
          "BatchNormalization 'b' needs to know the size of axis 1 of its inputs, and got (2, None)."),
    Wrong("BatchNormalization", {"name": "b", "epsilon": -1}, None,
          "BatchNormalization 'b' needs a non-negative number for epsilon, and got -1."),
    Wrong("BatchNormalization", {"name": "b", "variance_correction": "keras"}, None,
          "BatchNormalization 'b' needs 'none' or '1+epsilon' or 'images' for variance_correction, and got 'keras'."),
    Wrong("BatchNormalization", {"name": "b", "frozen_statistics": "none"}, None,
          "BatchNormalization 'b' needs 'moving' or 'batch' or 'follow' for frozen_statistics, and got 'none'."),
    Wrong("BatchNormalization", {"name": "b", "renorm": True, "renorm_clipping": {"max": 1}}, None,
          "BatchNormalization 'b' takes the bounds rmax, rmin, dmax in renorm_clipping, and got 'max'."),
    Wrong("BatchNormalization", {"name": "b", "renorm": True, "renorm_clipping": {"rmin": 2, "rmax": 1}}, None,
          "BatchNormalization 'b' needs rmin <= rmax and dmax >= 0 in renorm_clipping, and got {'rmin': 2, 'rmax': 1}."),
    Wrong("LayerNormalization", {"name": "n", "axis": 1.5}, None,
          "LayerNormalization 'n' needs an integer or a list of integers for axis, and got 1.5.", TypeError),
    Wrong("LayerNormalization", {"name": "n", "axis": [1, 4]}, (2, 3, 4),
          "LayerNormalization 'n' normalizes axis 4, and got (2, 3, 4), which has 3 axes."),
    Wrong("RMSNormalization", {"name": "n", "axis": -4}, (2, 3, 4),
          "RMSNormalization 'n' normalizes axis -4, and got (2, 3, 4), which has 3 axes."),
    Wrong("UnitNormalization", {"name": "n", "axis": 2}, (2, 3),
          "UnitNormalization 'n' normalizes axis 2, and got (2, 3), which has 2 axes."),
    Wrong("GroupNormalization", {"name": "g", "groups": 0}, None,
          "GroupNormalization 'g' needs a positive integer or -1 for groups, and got 0."),
    Wrong("GroupNormalization", {"name": "g", "groups": 4}, (2, 6),
          "GroupNormalization 'g' has 4 groups, which must divide the number of channels, and got 6."),
    Wrong("SpectralNormalization", {"name": "s", "layer": 3}, None,
          "SpectralNormalization 's' needs a layer, and got 3."),
]  # fmt: skip
