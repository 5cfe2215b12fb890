"""TorchModuleWrapper."""

import torch
from torch import nn

from catalog.row import Make, Row, Wrong
from lamina.registry import register_keras_serializable


@register_keras_serializable(package="catalog")
class Affine(nn.Module):
    """A module of torch alone, which says how to make it again."""

    def __init__(self, size):
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(1, 2, size))
        self.offset = nn.Parameter(torch.zeros(size))

    def forward(self, x):
        return x * self.scale + self.offset

    def get_config(self):
        return {"size": len(self.scale)}


AFFINE = Make(lambda library: Affine(4), "Affine(4)")
PICKLED = {
    "config": "Keras pickles the module",
    "keras_takes_config": "Keras opens a pickle",
}

ROWS = [
    Row("TorchModuleWrapper", {"module": AFFINE}, (3, 4),
        exceptions=PICKLED | {"unknown_sizes": "torch says by itself that the module can't take such a size"}),
    Row("TorchModuleWrapper", {"module": AFFINE, "output_shape": (None, 4)}, (3, 4),
        exceptions=PICKLED | {"types": "which type the module gives is not known before it runs"}),
]  # fmt: skip

WRONG = [
    Wrong("TorchModuleWrapper", {"module": 3, "name": "t"}, None, "TorchModuleWrapper 't' needs an nn.Module, and got 3.",
          TypeError),
    Wrong("TorchModuleWrapper", {"module": nn.LazyLinear(2), "name": "t"}, None, "TorchModuleWrapper 't' got a lazy module, "
          "LazyLinear, that has no weights yet. Call it once before."),
]  # fmt: skip
