"""An accelerator that is not there: torch's PrivateUse1 device under the name ``pretend``, computed by the CPU's kernels.

To torch it is a device like any other: ``torch.accelerator`` names it, tensors say that they lie on it, gradients are
recorded for it. Its memory is the CPU's, so its numbers are real. Like a GPU it refuses an operation on tensors of both
devices, and reading a number from it is counted, as that is where a program would wait.

A process that has it keeps it: import this in a process of its own only.
"""

# torch's own words for a backend written in Python have leading underscores.
# pyright: reportPrivateImportUsage=false, reportAttributeAccessIssue=false
from __future__ import annotations

from typing import Any

import torch
import torch._dynamo  # before torch's functions are replaced, which it keeps a table of
from torch import library
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_setup_privateuseone_for_python_backend("pretend")
DEVICE = torch.device("pretend", 0)

waits = 0  # how often a number was read from the device, or data came back from it
_CPU_KERNEL = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)
_kept: list[torch.Tensor] = []  # the CPU's tensors, which own the memory; a test's process is short
_aten = torch.ops.aten
# What may see both devices: copies, and an index, which torch brings to where it is needed.
_COPIES = {"copy_", "_copy_from", "_to_copy", "index", "index_put_", "_index_put_impl_", "index_put", "set_"}
# What CPU kernels call otherwise.
_OTHER_NAMES = {
    "convolution_overrideable": _aten.convolution.default,
    "convolution_backward_overrideable": lambda grad, x, w, *rest: _aten.convolution_backward.default(
        grad, x, w, None, *rest),
    "_copy_from": lambda source, target, non_blocking=False: target.copy_(source),
}  # fmt: skip


def is_pretend(value: Any) -> bool:
    """Whether ``value`` is a tensor on the device."""
    return isinstance(value, torch.Tensor) and value.device.type == "pretend"


def _beneath(tensor: torch.Tensor) -> torch.Tensor:
    """The CPU's tensor over the same memory."""
    storage = tensor.untyped_storage()
    size = storage.nbytes()
    cpu = torch.UntypedStorage(0) if not size else torch._C._construct_storage_from_data_pointer(
        storage.data_ptr(), torch.device("cpu"), size)  # fmt: skip
    found = torch.empty(0, dtype=tensor.dtype).set_(cpu, tensor.storage_offset(), tensor.shape, tensor.stride())
    for made, wanted in ((found.is_conj(), tensor.is_conj()), (found.is_neg(), tensor.is_neg())):
        assert made == wanted, "complex views are not pretended"
    return found


def _on_device(made: torch.Tensor, given: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """What a CPU kernel made, on the device: an argument itself, a view of one, or new memory."""
    for tensor, beneath in given:
        if made is beneath:
            return tensor
    place = made.untyped_storage().data_ptr()
    for tensor, beneath in given:
        if place and place == beneath.untyped_storage().data_ptr() and made.dtype is tensor.dtype:
            return _aten.as_strided.default.redispatch(
                _CPU_KERNEL, tensor, made.shape, made.stride(), made.storage_offset()
            )
    return _over(torch._C._acc.create_empty_tensor((0,), made.dtype), made)


def _over(tensor: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """``tensor``, of the device, over the memory of ``made``."""
    _kept.append(made)
    memory = made.untyped_storage()
    storage = torch._C._construct_storage_from_data_pointer(memory.data_ptr(), DEVICE, memory.nbytes())
    return _aten.set_.source_Storage_storage_offset.redispatch(
        _CPU_KERNEL, tensor, storage, made.storage_offset(), made.shape, made.stride()
    )


def _run(op: Any, *args: Any, **kwargs: Any) -> Any:
    """Any operation: on the CPU, its results on the device."""
    global waits
    name = op._schema.name.partition("::")[2]
    leaves, spec = tree_flatten((args, kwargs))
    given: list[tuple[torch.Tensor, torch.Tensor]] = []
    plain: list[Any] = []
    target = next((leaf for leaf in leaves if isinstance(leaf, torch.device)), None)
    for leaf in leaves:
        if is_pretend(leaf):
            given.append((leaf, _beneath(leaf)))
            leaf = given[-1][1]
        elif isinstance(leaf, torch.Tensor):
            if leaf.dim() and name not in _COPIES:
                raise RuntimeError(f"{op}: Expected all tensors to be on the same device, but found pretend:0 and cpu!")
        elif isinstance(leaf, torch.device):
            leaf = torch.device("cpu")
        plain.append(leaf)
    if name in ("_local_scalar_dense", "nonzero", "_unique2", "equal", "masked_select", "is_nonzero"):
        waits += 1
    args, kwargs = tree_unflatten(plain, spec)
    if name.startswith("_fused_"):  # whose CPU kernels are less strict than those of GPUs
        for same in zip(*(one for one in args[:4] if one), strict=True):
            assert len({tensor.stride() for tensor in same}) == 1, f"{op}: strides differ"
    if name == "mse_loss":  # it is asked for with an `out` of a size that its CPU kernel does not take
        kwargs.pop("out")
        return _over(given[-1][0], _aten.mse_loss.default(*args, **kwargs))
    made = _OTHER_NAMES.get(name, op)(*args, **kwargs)
    for tensor, beneath in given:
        if beneath.shape != tensor.shape:  # what was given as `out`
            _over(tensor, beneath)
    if name == "_to_copy" and target is not None and target.type == "cpu":
        waits += 1
        return made
    if name in ("copy_", "_copy_from"):
        target_tensor = leaves[0 if name == "copy_" else 1]
        waits += not is_pretend(target_tensor)
        return target_tensor
    return tree_map(lambda one: _on_device(one, given) if isinstance(one, torch.Tensor) else one, made)


_library = library.Library("_", "IMPL")
_library.fallback(_run, "PrivateUse1")
_own = library.Library("aten", "IMPL")
for _name in ("empty.memory_format", "empty_strided", "convolution_overrideable",
              "convolution_backward_overrideable", "_copy_from", "as_strided", "view", "_reshape_alias", "unfold",
              "_local_scalar_dense"):  # fmt: skip
    _overload: Any = getattr(_aten, _name.partition(".")[0])
    _overload = getattr(_overload, _name.partition(".")[2] or "default")

    def _kernel(*args: Any, _op: Any = _overload, **kwargs: Any) -> Any:
        return _run(_op, *args, **kwargs)

    _own.impl(_name, _kernel, "PrivateUse1")


def _lstm_cell(i: Any, h: Any, cx: Any, i_bias: Any = None, h_bias: Any = None) -> Any:
    gates = i + h if i_bias is None else i + h + i_bias + h_bias
    into, keep, new, out = gates.chunk(4, 1)
    cy = keep.sigmoid() * cx + into.sigmoid() * new.tanh()
    return out.sigmoid() * cy.tanh(), cy, gates


def _gru_cell(i: Any, h: Any, hx: Any, i_bias: Any = None, h_bias: Any = None) -> Any:
    i, h = (i, h) if i_bias is None else (i + i_bias, h + h_bias)
    (i_r, i_z, i_n), (h_r, h_z, h_n) = i.chunk(3, 1), h.chunk(3, 1)
    new = ((i_r + h_r).sigmoid() * h_n + i_n).tanh()
    return new + (i_z + h_z).sigmoid() * (hx - new), h


# On any device but the CPU, torch takes a step of an LSTM or GRU in one kernel, which the CPU lacks.
for _key in ("AutogradPrivateUse1", "PrivateUse1"):
    _own.impl("_thnn_fused_lstm_cell", _lstm_cell, _key)
    _own.impl("_thnn_fused_gru_cell", _gru_cell, _key)


def _resize(tensor: torch.Tensor, size: Any, *, memory_format: Any = None) -> torch.Tensor:
    return _over(tensor, torch.empty(size, dtype=tensor.dtype))  # of what is to be written over


def _set_storage(tensor: Any, storage: Any, offset: int, size: Any, stride: Any = ()) -> Any:
    return _aten.set_.source_Storage_storage_offset.redispatch(_CPU_KERNEL, tensor, storage, offset, size, stride)


_own.impl("resize_", _resize, "PrivateUse1")
_own.impl("set_.source_Storage_storage_offset", _set_storage, "PrivateUse1")


# torch lets `weight.data = ...` take a weight from the CPU to a GPU, and not to a device written in Python. There the
# two tensors exchange what they hold: the weight is the same object afterwards, as on a GPU.
_data: Any = torch.Tensor.data


def _set_data(self: torch.Tensor, new: torch.Tensor) -> None:
    if self.device.type == new.device.type:
        _data.__set__(self, new)
    else:
        torch._C._swap_tensor_impl(self, new.detach().requires_grad_(self.requires_grad))


torch.Tensor.data = property(_data.__get__, _set_data)
torch._has_compatible_shallow_copy_type = lambda one, other: True

_clone = torch.storage._StorageBase.clone


def _clone_storage(self: Any) -> Any:
    """Of a storage, which ``deepcopy`` copies by itself."""
    if self.device.type != "pretend":
        return _clone(self)
    memory = torch._C._construct_storage_from_data_pointer(self.data_ptr(), torch.device("cpu"), self.nbytes())
    copied = torch.empty(0, dtype=torch.uint8).set_(memory).clone()
    _kept.append(copied)
    return torch._C._construct_storage_from_data_pointer(copied.data_ptr(), DEVICE, copied.nbytes)


torch.storage._StorageBase.clone = _clone_storage


class _Generator(torch.Generator):
    """torch has no generator for a device written in Python: the CPU's fills its memory."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return super().__new__(cls, "cpu" if torch.device(device).type == "pretend" else device)


torch.Generator = _Generator
