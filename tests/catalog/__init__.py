"""The catalogue: every layer with every argument, one row each. ``tests/test_contract.py`` runs each test over all rows."""

from catalog import (
    advanced_activations,
    attention,
    convolutional,
    core,
    embeddings,
    keras1,
    local,
    merge,
    noise,
    normalization,
    pooling,
    random_features,
    recurrent,
    resizing,
    torch_module,
)
from catalog.row import Row as Row
from catalog.row import Wrong as Wrong

FAMILIES = (
    core,
    convolutional,
    pooling,
    advanced_activations,
    attention,
    embeddings,
    merge,
    noise,
    normalization,
    recurrent,
    resizing,
    local,
    keras1,
    random_features,
    torch_module,
)
ROWS: list[Row] = [row for family in FAMILIES for row in family.ROWS]
WRONG: list[Wrong] = [wrong for family in FAMILIES for wrong in family.WRONG]

# Constructor arguments that no row needs to exercise, each with its reason.
NOT_EXERCISED: dict[tuple[str, str], str] = {
    ("SpatialDropout1D", "data_format"): "its bases' argument; sequences have their channels last, as in Keras",
    **recurrent.NOT_EXERCISED,
    **{
        (name, "flash_attention"): "no part of a config; tests/layers/test_attention.py"
        for name in ("MultiHeadAttention", "GroupedQueryAttention")
    },
    ("LayerNormalization", "rms_scaling"): "Keras warns of it; tests/layers/test_normalization.py",
    ("Embedding", "weights"): "no part of a config; tests/layers/test_embeddings.py",
    ("Embedding", "input_length"): "of Keras 1 and 2; tests/layers/test_embeddings.py",
    ("Embedding", "sparse"): "sparse gradients can't be compared as others are; tests/layers/test_embeddings.py",
    **{("ReversibleEmbedding", name): "its base's" for name in ("weights", "input_length", "sparse", "lora_alpha")},
    ("Highway", "weights"): "no part of a config; tests/layers/test_keras1.py",
    ("MaxoutDense", "weights"): "no part of a config; tests/layers/test_keras1.py",
    ("ParametricSoftplus", "weights"): "no part of a config; tests/layers/test_keras1.py",
}
# Public classes that are no layers of their own.
NO_ROW: dict[str, str] = {
    "AbstractRNNCell": "the base of cells; tests/layers/test_cells.py",
    "Wrapper": "the base of layers around a layer; tests/layers/test_wrappers.py",
    "Layer": "the base of all layers; tests/layers/test_base.py",
    "InputLayer": "computes nothing; tests/graph/test_plan.py",
    "Recurrent": "the base of Keras 1's recurrent layers; tests/layers/test_recurrent_keras1.py",
    "ConvRecurrent2D": "the same over images; tests/layers/test_recurrent_keras1.py",
}
