"""torch's recurrent kernels on sequences ``(B, T, F)`` and Keras's weights.

Each takes ``(inputs, states, weights, lengths)`` and gives outputs ``(B, T, U)`` and the last states. With ``lengths``,
how many steps of each row count, the last states are those after that many steps, and outputs beyond are zeros.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import library
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

Tensors = list[torch.Tensor]
Kernel = Callable[[torch.Tensor, Tensors, Tensors, Any], tuple[torch.Tensor, Tensors]]
_functions: Any = torch._VF  # pyright: ignore[reportPrivateImportUsage]
# An exported program is to hold torch's operations only. (torch 2.6 can't tell.)
_is_exporting: Callable[[], bool] = getattr(torch.compiler, "is_exporting", lambda: False)


def with_two_biases(weights: list[Any]) -> Tensors:
    """torch adds two biases where Keras has one: the second is zeros."""
    kernel, recurrent_kernel, bias = weights
    return [kernel, recurrent_kernel] if bias is None else [kernel, recurrent_kernel, bias, torch.zeros_like(bias)]


def reset_first(weight: torch.Tensor) -> torch.Tensor:
    """A GRU's gates from Keras's order ``z, r, h`` into torch's, ``r, z, h``."""
    z, r, h = weight.chunk(3)
    return torch.cat((r, z, h))


def _kernel(name: str) -> Kernel:
    def run(
        inputs: torch.Tensor, states: Tensors, weights: Tensors, lengths: Any = None
    ) -> tuple[torch.Tensor, Tensors]:
        check(inputs, states, weights)
        if weights[0].dtype is not inputs.dtype:  # under autocast
            weights = [weight.to(inputs.dtype) for weight in weights]
        before = [state.unsqueeze(0) for state in states]  # (B, U) -> (1, B, U), as torch has it for one layer
        # Gradients are known whenever they are recorded: `train` only says whether torch keeps what they need.
        settings = (len(weights) == 4, 1, 0.0, torch.is_grad_enabled(), False)
        if lengths is not None:
            by_length = _packed if inputs.is_cpu else _past_the_end
            return by_length(name, inputs, before, weights, lengths, settings)
        if name == "lstm" and torch.compiler.is_compiling() and not _is_exporting():
            outputs, *after = torch.ops.lamina.lstm(inputs, before, weights, settings[0], settings[3])
        else:
            outputs, *after = _run(name, inputs, before, weights, settings)
        return outputs, [state.squeeze(0) for state in after]

    return run


rnn_tanh, rnn_relu, gru, lstm = (_kernel(name) for name in ("rnn_tanh", "rnn_relu", "gru", "lstm"))


def check(inputs: torch.Tensor, states: Tensors, weights: Tensors) -> None:
    """torch's kernels read what lies beside a tensor that is too small: their sizes are its callers' business."""
    features, units = weights[0].shape[1], weights[1].shape[1]
    if inputs.dim() != 3:
        raise ValueError(
            f"A recurrent kernel takes inputs (batch, steps, features), and got shape {tuple(inputs.shape)}."
        )
    if inputs.shape[-1] != features:
        raise RuntimeError(f"The kernel has {features} features, and got inputs of shape {tuple(inputs.shape)}.")
    for state in states:
        if state.shape != (inputs.shape[0], units):
            raise ValueError(f"The inputs of shape {tuple(inputs.shape)} need states of shape {(inputs.shape[0], units)}, "
                             f"and got one of shape {tuple(state.shape)}.")  # fmt: skip


def _run(name: str, inputs: torch.Tensor, states: Tensors, weights: Tensors, settings: Any) -> Any:
    function, before = getattr(_functions, name), _states(name, states)
    if not inputs.is_cuda or torch.compiler.is_compiling():
        return function(inputs, before, weights, *settings, True)
    with warnings.catch_warnings():  # cuDNN wants its weights in one piece, and copies Keras's, which is little work
        warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")
        return function(inputs, before, weights, *settings, True)


def _states(name: str, states: Tensors) -> Any:
    return tuple(states) if name == "lstm" else states[0]


def _portable_lstm(
    inputs: torch.Tensor, states: Tensors, weights: Tensors, has_biases: bool, train: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """torch's LSTM without oneDNN, whose gradient torch's compiler can't trace."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="TF32 acceleration")  # the switch speaks of GPUs that are not there
        with torch.backends.mkldnn.flags(enabled=False):
            return _functions.lstm(inputs, tuple(states), weights, has_biases, 1, 0.0, train, False, True)


# An operation made of torch's own: the compiler takes it as one, and looks into it where it needs to.
_library = library.Library("lamina", "FRAGMENT")
_library.define("lstm(Tensor inputs, Tensor[] states, Tensor[] weights, bool has_biases, bool train)"
                " -> (Tensor, Tensor, Tensor)")  # fmt: skip
_library.impl("lstm", _portable_lstm, "CompositeImplicitAutograd")


def _packed(
    name: str, inputs: torch.Tensor, states: Tensors, weights: Tensors, lengths: torch.Tensor, settings: Any
) -> tuple[torch.Tensor, Tensors]:
    # Packing wants at least one step of each row; rows without one get their states back.
    empty = (lengths == 0).unsqueeze(1)
    packed = pack_padded_sequence(inputs, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
    order: Any = packed.sorted_indices
    back: Any = packed.unsorted_indices
    before = [state.index_select(1, order) for state in states]
    data, *after = getattr(_functions, name)(packed.data, packed.batch_sizes, _states(name, before), weights, *settings)
    outputs, _ = pad_packed_sequence(
        PackedSequence(data, packed.batch_sizes, order, back),
        batch_first=True, total_length=inputs.shape[1])  # fmt: skip
    after = [state.index_select(1, back).squeeze(0) for state in after]
    return outputs, [torch.where(empty, old.squeeze(0), new) for old, new in zip(states, after, strict=True)]


_SURE = 1e4  # before a sigmoid: exactly 1 after it, in any type of number; and exactly 0 with the other sign


def _past_the_end(
    name: str, inputs: torch.Tensor, states: Tensors, weights: Tensors, lengths: torch.Tensor, settings: Any
) -> tuple[torch.Tensor, Tensors]:
    """What :func:`_packed` gives, without a wait: packing needs the lengths as numbers, for which a GPU's work would have
    to be done first.

    All steps are run. After its end a row's inputs are 0 and one more feature is 1, whose weights shut an LSTM's input
    gate and open its forget gate: ``c`` stays as it is, exactly, and no gradient comes from there. ``h`` is an output.
    """
    past = torch.arange(inputs.shape[1], device=inputs.device) >= lengths.unsqueeze(1)  # (B, T)
    past = past.unsqueeze(-1)
    inputs = torch.where(past, 0.0, inputs)
    if name == "lstm":
        units = weights[1].shape[1]
        column = torch.zeros_like(weights[0][:, :1])
        column[:units], column[units : 2 * units] = -_SURE, _SURE
        inputs = torch.cat((inputs, past.to(inputs.dtype)), -1)
        weights = [torch.cat((weights[0], column), 1), *weights[1:]]
    outputs, *after = _run(name, inputs, states, weights, settings)
    rows = torch.arange(len(lengths), device=lengths.device)
    last = outputs[rows, (lengths - 1).clamp(min=0)]
    h = torch.where((lengths > 0).unsqueeze(1), last, states[0].squeeze(0))
    return torch.where(past, 0.0, outputs), [h, *(state.squeeze(0) for state in after[1:])]
