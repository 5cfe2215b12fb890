"""Every layer, by name."""

from typing import Any

from lamina.dialects import old_classes
from lamina.dialects.absent import no_such
from lamina.engine.layer import LAYERS, InputSpec, Layer
from lamina.layers.advanced_activations import ELU, LeakyReLU, PReLU, ReLU, Softmax, ThresholdedReLU
from lamina.layers.attention import AdditiveAttention, Attention
from lamina.layers.cell import AbstractRNNCell
from lamina.layers.cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from lamina.layers.convolutional import Conv1D, Conv2D, Conv3D, Convolution1D, Convolution2D, Convolution3D
from lamina.layers.convolutional_recurrent import ConvLSTM1D, ConvLSTM2D, ConvLSTM2DCell, ConvLSTM3D
from lamina.layers.convolutional_transpose import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose
from lamina.layers.core import Activation, ActivityRegularization, Dense, Identity, Input, InputLayer, Lambda, Masking
from lamina.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from lamina.layers.einsum_dense import EinsumDense
from lamina.layers.embeddings import Embedding, ReversibleEmbedding
from lamina.layers.group_normalization import GroupNormalization
from lamina.layers.keras1 import Highway, MaxoutDense, ParametricSoftplus, SReLU
from lamina.layers.local import LocallyConnected1D, LocallyConnected2D
from lamina.layers.merge import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from lamina.layers.multi_head_attention import GroupedQueryAttention, GroupQueryAttention, MultiHeadAttention
from lamina.layers.noise import AlphaDropout, GaussianDropout, GaussianNoise
from lamina.layers.normalization import BatchNormalization, LayerNormalization, RMSNormalization, UnitNormalization
from lamina.layers.pooling import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    AvgPool1D,
    AvgPool2D,
    AvgPool3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalAvgPool3D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    GlobalMaxPool3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    MaxPool1D,
    MaxPool2D,
    MaxPool3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from lamina.layers.random_features import RandomFourierFeatures
from lamina.layers.recurrent import GRU, LSTM, RNN, SimpleRNN
from lamina.layers.recurrent_keras1 import ConvRecurrent2D, Recurrent
from lamina.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from lamina.layers.resizing import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from lamina.layers.separable import DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D
from lamina.layers.spectral_normalization import SpectralNormalization
from lamina.layers.torch_module import TorchModuleWrapper
from lamina.layers.wrappers import Bidirectional, TimeDistributed, Wrapper

__all__ = [
    "ELU", "GRU", "LSTM", "RNN", "AbstractRNNCell", "Activation", "ActivityRegularization", "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D", "Add", "AdditiveAttention", "AlphaDropout", "Attention", "Average", "AveragePooling1D",
    "AveragePooling2D", "AveragePooling3D", "AvgPool1D", "AvgPool2D", "AvgPool3D", "BatchNormalization",
    "Bidirectional", "Concatenate", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D",
    "Conv3DTranspose", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM2DCell", "ConvLSTM3D", "ConvRecurrent2D", "Convolution1D",
    "Convolution2D", "Convolution3D", "Cropping1D", "Cropping2D", "Cropping3D", "Dense", "DepthwiseConv1D",
    "DepthwiseConv2D", "Dot", "Dropout", "EinsumDense", "Embedding", "Flatten", "GRUCell", "GaussianDropout",
    "GaussianNoise", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalAvgPool1D",
    "GlobalAvgPool2D", "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D", "GlobalMaxPooling1D",
    "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GroupNormalization", "GroupQueryAttention", "GroupedQueryAttention",
    "Highway", "Identity", "Input", "InputLayer", "InputSpec", "LSTMCell", "Lambda", "Layer", "LayerNormalization",
    "LeakyReLU", "LocallyConnected1D", "LocallyConnected2D", "Masking", "MaxPool1D", "MaxPool2D", "MaxPool3D",
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Maximum", "MaxoutDense", "Minimum", "MultiHeadAttention",
    "Multiply", "PReLU", "ParametricSoftplus", "Permute", "RMSNormalization", "RandomFourierFeatures", "ReLU",
    "Recurrent", "RepeatVector", "Reshape", "ReversibleEmbedding", "SReLU", "SeparableConv1D", "SeparableConv2D",
    "SimpleRNN", "SimpleRNNCell", "Softmax", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
    "SpectralNormalization", "StackedRNNCells", "Subtract", "ThresholdedReLU", "TimeDistributed", "TorchModuleWrapper",
    "UnitNormalization", "UpSampling1D", "UpSampling2D", "UpSampling3D", "Wrapper", "ZeroPadding1D", "ZeroPadding2D",
    "ZeroPadding3D", "add", "average", "concatenate", "deserialize", "dot", "maximum", "minimum", "multiply",
    "serialize", "subtract",
]  # fmt: skip

_OLDER = old_classes(LAYERS.members)
LAYERS.members.update(_OLDER)

serialize = LAYERS.serialize
deserialize = LAYERS.deserialize


def __getattr__(name: str) -> Any:
    """Layers of older Keras that are one of today's in other words, such as ``AtrousConvolution2D``."""
    if name in _OLDER:
        return _OLDER[name]
    raise AttributeError(no_such("layers", name, [*__all__, *_OLDER]), name=name)


def __dir__() -> list[str]:
    return sorted({*__all__, *_OLDER})
