"""Every layer, by name."""

from typing import Any

from lamina.dialects import old_classes
from lamina.engine.layer import LAYERS
from lamina.engine.layer import InputSpec as InputSpec
from lamina.engine.layer import Layer as Layer
from lamina.errors import did_you_mean
from lamina.layers.advanced_activations import ELU as ELU
from lamina.layers.advanced_activations import LeakyReLU as LeakyReLU
from lamina.layers.advanced_activations import PReLU as PReLU
from lamina.layers.advanced_activations import ReLU as ReLU
from lamina.layers.advanced_activations import Softmax as Softmax
from lamina.layers.advanced_activations import ThresholdedReLU as ThresholdedReLU
from lamina.layers.attention import AdditiveAttention as AdditiveAttention
from lamina.layers.attention import Attention as Attention
from lamina.layers.cell import AbstractRNNCell as AbstractRNNCell
from lamina.layers.cells import GRUCell as GRUCell
from lamina.layers.cells import LSTMCell as LSTMCell
from lamina.layers.cells import SimpleRNNCell as SimpleRNNCell
from lamina.layers.cells import StackedRNNCells as StackedRNNCells
from lamina.layers.convolutional import Conv1D as Conv1D
from lamina.layers.convolutional import Conv2D as Conv2D
from lamina.layers.convolutional import Conv3D as Conv3D
from lamina.layers.convolutional import Convolution1D as Convolution1D
from lamina.layers.convolutional import Convolution2D as Convolution2D
from lamina.layers.convolutional import Convolution3D as Convolution3D
from lamina.layers.convolutional_recurrent import ConvLSTM1D as ConvLSTM1D
from lamina.layers.convolutional_recurrent import ConvLSTM2D as ConvLSTM2D
from lamina.layers.convolutional_recurrent import ConvLSTM2DCell as ConvLSTM2DCell
from lamina.layers.convolutional_recurrent import ConvLSTM3D as ConvLSTM3D
from lamina.layers.convolutional_transpose import Conv1DTranspose as Conv1DTranspose
from lamina.layers.convolutional_transpose import Conv2DTranspose as Conv2DTranspose
from lamina.layers.convolutional_transpose import Conv3DTranspose as Conv3DTranspose
from lamina.layers.core import Activation as Activation
from lamina.layers.core import ActivityRegularization as ActivityRegularization
from lamina.layers.core import Dense as Dense
from lamina.layers.core import Identity as Identity
from lamina.layers.core import Input as Input
from lamina.layers.core import InputLayer as InputLayer
from lamina.layers.core import Lambda as Lambda
from lamina.layers.core import Masking as Masking
from lamina.layers.dropout import Dropout as Dropout
from lamina.layers.dropout import SpatialDropout1D as SpatialDropout1D
from lamina.layers.dropout import SpatialDropout2D as SpatialDropout2D
from lamina.layers.dropout import SpatialDropout3D as SpatialDropout3D
from lamina.layers.einsum_dense import EinsumDense as EinsumDense
from lamina.layers.embeddings import Embedding as Embedding
from lamina.layers.embeddings import ReversibleEmbedding as ReversibleEmbedding
from lamina.layers.group_normalization import GroupNormalization as GroupNormalization
from lamina.layers.keras1 import Highway as Highway
from lamina.layers.keras1 import MaxoutDense as MaxoutDense
from lamina.layers.keras1 import ParametricSoftplus as ParametricSoftplus
from lamina.layers.keras1 import SReLU as SReLU
from lamina.layers.local import LocallyConnected1D as LocallyConnected1D
from lamina.layers.local import LocallyConnected2D as LocallyConnected2D
from lamina.layers.merge import Add as Add
from lamina.layers.merge import Average as Average
from lamina.layers.merge import Concatenate as Concatenate
from lamina.layers.merge import Dot as Dot
from lamina.layers.merge import Maximum as Maximum
from lamina.layers.merge import Minimum as Minimum
from lamina.layers.merge import Multiply as Multiply
from lamina.layers.merge import Subtract as Subtract
from lamina.layers.merge import add as add
from lamina.layers.merge import average as average
from lamina.layers.merge import concatenate as concatenate
from lamina.layers.merge import dot as dot
from lamina.layers.merge import maximum as maximum
from lamina.layers.merge import minimum as minimum
from lamina.layers.merge import multiply as multiply
from lamina.layers.merge import subtract as subtract
from lamina.layers.multi_head_attention import GroupedQueryAttention as GroupedQueryAttention
from lamina.layers.multi_head_attention import GroupQueryAttention as GroupQueryAttention
from lamina.layers.multi_head_attention import MultiHeadAttention as MultiHeadAttention
from lamina.layers.noise import AlphaDropout as AlphaDropout
from lamina.layers.noise import GaussianDropout as GaussianDropout
from lamina.layers.noise import GaussianNoise as GaussianNoise
from lamina.layers.normalization import BatchNormalization as BatchNormalization
from lamina.layers.normalization import LayerNormalization as LayerNormalization
from lamina.layers.normalization import RMSNormalization as RMSNormalization
from lamina.layers.normalization import UnitNormalization as UnitNormalization
from lamina.layers.pooling import AdaptiveAveragePooling1D as AdaptiveAveragePooling1D
from lamina.layers.pooling import AdaptiveAveragePooling2D as AdaptiveAveragePooling2D
from lamina.layers.pooling import AdaptiveAveragePooling3D as AdaptiveAveragePooling3D
from lamina.layers.pooling import AdaptiveMaxPooling1D as AdaptiveMaxPooling1D
from lamina.layers.pooling import AdaptiveMaxPooling2D as AdaptiveMaxPooling2D
from lamina.layers.pooling import AdaptiveMaxPooling3D as AdaptiveMaxPooling3D
from lamina.layers.pooling import AveragePooling1D as AveragePooling1D
from lamina.layers.pooling import AveragePooling2D as AveragePooling2D
from lamina.layers.pooling import AveragePooling3D as AveragePooling3D
from lamina.layers.pooling import AvgPool1D as AvgPool1D
from lamina.layers.pooling import AvgPool2D as AvgPool2D
from lamina.layers.pooling import AvgPool3D as AvgPool3D
from lamina.layers.pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
from lamina.layers.pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from lamina.layers.pooling import GlobalAveragePooling3D as GlobalAveragePooling3D
from lamina.layers.pooling import GlobalAvgPool1D as GlobalAvgPool1D
from lamina.layers.pooling import GlobalAvgPool2D as GlobalAvgPool2D
from lamina.layers.pooling import GlobalAvgPool3D as GlobalAvgPool3D
from lamina.layers.pooling import GlobalMaxPool1D as GlobalMaxPool1D
from lamina.layers.pooling import GlobalMaxPool2D as GlobalMaxPool2D
from lamina.layers.pooling import GlobalMaxPool3D as GlobalMaxPool3D
from lamina.layers.pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
from lamina.layers.pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
from lamina.layers.pooling import GlobalMaxPooling3D as GlobalMaxPooling3D
from lamina.layers.pooling import MaxPool1D as MaxPool1D
from lamina.layers.pooling import MaxPool2D as MaxPool2D
from lamina.layers.pooling import MaxPool3D as MaxPool3D
from lamina.layers.pooling import MaxPooling1D as MaxPooling1D
from lamina.layers.pooling import MaxPooling2D as MaxPooling2D
from lamina.layers.pooling import MaxPooling3D as MaxPooling3D
from lamina.layers.random_features import RandomFourierFeatures as RandomFourierFeatures
from lamina.layers.recurrent import GRU as GRU
from lamina.layers.recurrent import LSTM as LSTM
from lamina.layers.recurrent import RNN as RNN
from lamina.layers.recurrent import SimpleRNN as SimpleRNN
from lamina.layers.recurrent_keras1 import ConvRecurrent2D as ConvRecurrent2D
from lamina.layers.recurrent_keras1 import Recurrent as Recurrent
from lamina.layers.reshaping import Flatten as Flatten
from lamina.layers.reshaping import Permute as Permute
from lamina.layers.reshaping import RepeatVector as RepeatVector
from lamina.layers.reshaping import Reshape as Reshape
from lamina.layers.resizing import Cropping1D as Cropping1D
from lamina.layers.resizing import Cropping2D as Cropping2D
from lamina.layers.resizing import Cropping3D as Cropping3D
from lamina.layers.resizing import UpSampling1D as UpSampling1D
from lamina.layers.resizing import UpSampling2D as UpSampling2D
from lamina.layers.resizing import UpSampling3D as UpSampling3D
from lamina.layers.resizing import ZeroPadding1D as ZeroPadding1D
from lamina.layers.resizing import ZeroPadding2D as ZeroPadding2D
from lamina.layers.resizing import ZeroPadding3D as ZeroPadding3D
from lamina.layers.separable import DepthwiseConv1D as DepthwiseConv1D
from lamina.layers.separable import DepthwiseConv2D as DepthwiseConv2D
from lamina.layers.separable import SeparableConv1D as SeparableConv1D
from lamina.layers.separable import SeparableConv2D as SeparableConv2D
from lamina.layers.spectral_normalization import SpectralNormalization as SpectralNormalization
from lamina.layers.torch_module import TorchModuleWrapper as TorchModuleWrapper
from lamina.layers.wrappers import Bidirectional as Bidirectional
from lamina.layers.wrappers import TimeDistributed as TimeDistributed
from lamina.layers.wrappers import Wrapper as Wrapper

_OLDER = old_classes(LAYERS.members)
LAYERS.members.update(_OLDER)

serialize = LAYERS.serialize
deserialize = LAYERS.deserialize


def __getattr__(name: str) -> Any:
    """Layers of older Keras that are one of today's in other words, such as ``AtrousConvolution2D``."""
    if name in _OLDER:
        return _OLDER[name]
    raise AttributeError(f"lamina.layers has no {name!r}.{did_you_mean(name, [*globals(), *_OLDER])}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_OLDER})
