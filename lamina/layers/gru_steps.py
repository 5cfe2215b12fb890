"""All steps of a GRU on the CPU with a gradient of its own: torch's kernels there record every operation of every step.

The projections of all steps are one matrix product. A step then writes into buffers that hold all steps, five to six
calls of torch in all. In the gradient everything that does not depend on later steps is computed for all steps at once,
which leaves three to six calls a step; the weights' gradients are a matrix product or two. Several directions (the layers
of a ``Bidirectional``) run as one batch of matrices.

Letters in shapes: D directions, T steps, B batch, F input features, U units. Gates are in Keras's order ``z, r, n``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import torch

Tensors = Sequence[torch.Tensor]
_tanh_backward: Any = torch.ops.aten.tanh_backward.grad_input
_KEPT, _KEPT_BYTES = 8, 2**23  # how many workspaces wait for a next run, and how large each may be


def run(reset_after: bool, directions: Sequence[Tensors], every_step: bool = True) -> Tensors:
    """The outputs ``(B, T, U)`` of each direction, or without ``every_step`` its last ``(B, U)``. A direction's tensors are
    ``inputs`` ``(B, T, F)``, the first state ``(B, U)``, ``kernel`` ``(3 * U, F)``, ``recurrent_kernel`` ``(3 * U, U)``,
    ``bias`` ``(3 * U,)`` and, with ``reset_after``, a second bias of the recurrent product."""
    columns = list(zip(*directions, strict=True))
    columns[0] = tuple(x.transpose(0, 1) for x in columns[0])  # (B, T, F) -> (T, B, F)
    one = len(directions) == 1
    stacked = [column[0].unsqueeze(0) if one else torch.stack(column) for column in columns]
    function: Any = _Steps
    outputs = function.apply(reset_after, every_step, *stacked)  # (D, B, T, U)
    return (outputs.squeeze(0),) if one else outputs.unbind(0)


def plain(reset_after: bool, x: torch.Tensor, h: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    """The same for one direction as torch would record it: what gradients of gradients are taken of."""
    kernel, recurrent, bias, *recurrent_bias = weights
    units = h.shape[1]
    outputs = []
    for projected in torch.nn.functional.linear(x, kernel, bias).unbind(0):
        x_z, x_r, x_n = projected.chunk(3, 1)
        if reset_after:
            u_z, u_r, u_n = torch.nn.functional.linear(h, recurrent, recurrent_bias[0]).chunk(3, 1)
            n = torch.tanh(x_n + torch.sigmoid(x_r + u_r) * u_n)
        else:
            u_z, u_r = (h @ recurrent[: 2 * units].t()).chunk(2, 1)
            n = torch.tanh(x_n + (torch.sigmoid(x_r + u_r) * h) @ recurrent[2 * units :].t())
        h = torch.lerp(n, h, torch.sigmoid(x_z + u_z))
        outputs.append(h)
    return torch.stack(outputs)


class _Steps(torch.autograd.Function):
    """:func:`run` on the tensors of all directions, ``x`` ``(D, T, B, F)`` and the others with ``D`` in front."""

    @staticmethod
    def forward(ctx: Any, reset_after: bool, every_step: bool, *tensors: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(*tensors)
        ctx.reset_after, ctx.every_step = reset_after, every_step
        x, state, kernel, recurrent, *biases = tensors
        ctx.lease = _Lease(_ResetAfter if reset_after else _ResetBefore, (*x.shape[:3], state.shape[-1]), x.dtype)
        space = ctx.lease.space
        # In inference mode torch keeps no account of views and writes: the buffers are nobody else's.
        with torch.inference_mode():
            ctx.rows = x.reshape(len(x), -1, x.shape[-1])  # (D, T, B, F) -> (D, T * B, F)
            space.h[0] = state
            space.project(ctx.rows, kernel.transpose(1, 2), biases)
            space.forward(recurrent.transpose(1, 2))
        # Copies, since the states are not to be written over.
        if not every_step:
            return space.h[-1].clone()
        return (
            space.h[1:].permute(1, 2, 0, 3).clone(memory_format=torch.contiguous_format)
        )  # (T, D, B, U) -> (D, B, T, U)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        tensors = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _again(ctx, grads[0], tensors)
        space, units = ctx.lease.space, tensors[1].shape[-1]
        with torch.inference_mode():
            above, dh = repeat(None, len(space.n)), grads[0]
            if ctx.every_step:
                each = grads[0].permute(2, 0, 1, 3).contiguous()  # (D, B, T, U) -> (T, D, B, U)
                above, dh = each.unbind(0)[::-1], torch.zeros_like(each[0])
            dh = space.backward(tensors[3], above, dh)
        gates, new = _rows(space.d_gates), _rows(space.d_n)
        d_x = None
        if ctx.needs_input_grad[2]:
            to_gates, to_new = tensors[2].split([2 * units, units], 1)
            d_x = torch.bmm(gates, to_gates).baddbmm_(new, to_new).view(tensors[0].shape)
        d_kernel = _kernel_gradient((gates, ctx.rows), (new, ctx.rows))
        d_bias = torch.cat([space.d_gates.sum((0, 2)), space.d_n.sum((0, 2))], -1)
        return None, None, d_x, dh.clone(), d_kernel, *space.recurrent_gradients(d_bias)


def _again(ctx: Any, grad: torch.Tensor, tensors: Tensors) -> tuple[Any, ...]:
    """The gradients as operations that can be differentiated once more."""
    with torch.enable_grad():
        steps = torch.stack([plain(ctx.reset_after, *each) for each in zip(*tensors, strict=True)])  # (D, T, B, U)
        outputs = steps.transpose(1, 2) if ctx.every_step else steps[:, -1]
    needed = ctx.needs_input_grad[2:]
    wanted = [tensor for tensor, needs in zip(tensors, needed, strict=True) if needs]
    found = iter(torch.autograd.grad(outputs, wanted, grad, create_graph=True, allow_unused=True))
    return None, None, *(next(found) if needs else None for needs in needed)


class _Workspace:
    """The buffers of one run, and of each step its parts of them.

    Attributes:
        gates: ``z`` and ``r`` of all steps ``(T, D, B, 2 * U)``, first their projections; their gradient is ``d_gates``.
        n: the new part of all states ``(T, D, B, U)``, likewise with ``d_n``.
        h: the states ``(T + 1, D, B, U)``, beginning with the one before the first step.
    """

    d_gates: torch.Tensor
    d_z: torch.Tensor
    d_n: torch.Tensor
    on: torch.Tensor

    def __init__(self, sizes: tuple[int, ...], dtype: torch.dtype) -> None:
        directions, steps, batch, units = sizes
        self.gates = torch.empty(steps, directions, batch, 2 * units, dtype=dtype)
        self.n = torch.empty(steps, directions, batch, units, dtype=dtype)
        self.h = torch.empty(steps + 1, directions, batch, units, dtype=dtype)
        self.z, self.r = self.gates.chunk(2, -1)
        self.each_step = self.each_step_back = ()

    def project(self, rows: torch.Tensor, kernel: torch.Tensor, biases: Tensors) -> None:
        """What the inputs ``(D, T * B, F)`` add to ``gates`` and ``n`` with a kernel ``(D, F, 3 * U)``."""
        for buffer, weight, bias in zip((self.gates, self.n), self.split(kernel), self.split(biases[0]), strict=True):
            if len(rows) == 1:
                torch.baddbmm(bias.unsqueeze(1), rows, weight, out=_rows(buffer))
            else:
                projected = torch.baddbmm(bias.unsqueeze(1), rows, weight)
                buffer.copy_(projected.view(buffer.transpose(0, 1).shape).transpose(0, 1))

    def split(self, weight: torch.Tensor, axis: int = -1) -> Tensors:
        """The parts of ``z, r`` and of ``n`` of a weight."""
        return weight.split([self.gates.shape[-1], self.n.shape[-1]], axis)

    def forward(self, recurrent: torch.Tensor) -> None:
        """All steps, with a recurrent kernel ``(D, U, 3 * U)``."""
        raise NotImplementedError

    def backward(self, recurrent: torch.Tensor, above: Any, dh: torch.Tensor) -> torch.Tensor:
        """All steps, the last first, with a recurrent kernel ``(D, 3 * U, U)``: what each step's output gets is ``above``,
        what the last state gets is ``dh``. Leaves the gradients in ``d_gates`` and ``d_n``, and returns the first state's.

        Before the loop each buffer holds the factor by which a step's ``dh`` gives the gradient before the activation,
        and ``on`` holds the part of ``dh`` that goes on to the state before.
        """
        raise NotImplementedError

    def recurrent_gradients(self, d_bias: torch.Tensor) -> Tensors:
        """The gradients of the recurrent kernel and of the biases, of which the first's is known."""
        raise NotImplementedError

    def _fill_factors(self) -> None:
        """What both kinds begin with: ``on`` and the factors in ``d_z`` and ``d_n``."""
        torch.sub(1, self.z, out=self.d_z)
        _tanh_backward(self.d_z, self.n, grad_input=self.d_n)
        self.d_z.mul_(self.z).mul_(self.h[:-1] - self.n)
        self.on.copy_(self.z)


class _ResetAfter(_Workspace):
    """``n = tanh(x_n + r * (h @ recurrent_n + bias_n))``, as since Keras 2.4 and in torch. ``u`` is what ``r`` multiplies."""

    def __init__(self, sizes: tuple[int, ...], dtype: torch.dtype) -> None:
        super().__init__(sizes, dtype)
        self.u = torch.empty_like(self.n)
        self.each_step = _each_step(self.gates, self.z, self.r, self.n, self.u, self.h[:-1], self.h[1:])

    def project(self, rows: torch.Tensor, kernel: torch.Tensor, biases: Tensors) -> None:
        gates, new = self.split(biases[1])
        super().project(rows, kernel, [biases[0] + torch.cat([gates, torch.zeros_like(new)], -1)])
        self.u.copy_(new.unsqueeze(1))

    def forward(self, recurrent: torch.Tensor) -> None:
        to_gates, to_u = self.split(recurrent)
        for gates, z, r, n, u, h, new in self.each_step:
            gates.baddbmm_(h, to_gates).sigmoid_()
            u.baddbmm_(h, to_u)
            n.addcmul_(r, u).tanh_()
            torch.lerp(n, h, z, out=new)

    def backward(self, recurrent: torch.Tensor, above: Any, dh: torch.Tensor) -> torch.Tensor:
        if not self.each_step_back:
            # Side by side what one product takes: the gradients of z, r and u; and those of n and of the state before.
            parts, others = (
                self.n.new_empty(*self.n.shape[:-1], 3, self.n.shape[-1]),
                self.n.new_empty(2, *self.n.shape),
            )
            (self.d_z, self.d_r, self.d_u), (self.d_n, self.on) = parts.unbind(-2), others.unbind(0)
            self.d_recurrent = parts.flatten(-2)
            self.d_gates = self.d_recurrent[..., : self.gates.shape[-1]]
            self.each_step_back = _each_step(parts, self.d_recurrent, others.transpose(0, 1), self.on)[::-1]
        self._fill_factors()
        torch.mul(self.d_n, self.r, out=self.d_u)
        torch.mul(self.d_u, self.u, out=self.d_r)
        self.d_r.addcmul_(self.d_r, self.r, value=-1)
        for grad, (parts, flat, others, on) in zip(above, self.each_step_back, strict=True):
            dh = dh if grad is None else dh.add_(grad)
            parts.mul_(dh.unsqueeze(-2))
            others.mul_(dh)
            dh = on.baddbmm_(flat, recurrent)
        return dh

    def recurrent_gradients(self, d_bias: torch.Tensor) -> Tensors:
        found = torch.bmm(_rows(self.d_recurrent).transpose(1, 2), _rows(self.h[:-1]))
        return found, d_bias, self.d_recurrent.sum((0, 2))


class _ResetBefore(_Workspace):
    """``n = tanh(x_n + (r * h) @ recurrent_n)``, as in Keras up to 2.3."""

    def __init__(self, sizes: tuple[int, ...], dtype: torch.dtype) -> None:
        super().__init__(sizes, dtype)
        self.reset = torch.empty_like(self.n[0])  # r * h of one step
        self.each_step = _each_step(self.gates, self.z, self.r, self.n, self.h[:-1], self.h[1:])

    def forward(self, recurrent: torch.Tensor) -> None:
        (to_gates, to_n), reset = self.split(recurrent), self.reset
        for gates, z, r, n, h, new in self.each_step:
            gates.baddbmm_(h, to_gates).sigmoid_()
            torch.mul(r, h, out=reset)
            n.baddbmm_(reset, to_n).tanh_()
            torch.lerp(n, h, z, out=new)

    def backward(self, recurrent: torch.Tensor, above: Any, dh: torch.Tensor) -> torch.Tensor:
        if not self.each_step_back:
            self.d_gates, others = torch.empty_like(self.gates), self.n.new_empty(2, *self.n.shape)
            (self.d_z, self.d_r), (self.d_n, self.on) = self.d_gates.chunk(2, -1), others.unbind(0)
            self.resets = torch.empty_like(self.n)
            self.each_step_back = _each_step(
                self.d_gates, self.d_z, self.d_r, others.transpose(0, 1), self.d_n, self.on, self.r)[::-1]  # fmt: skip
        self._fill_factors()
        # The gradient of r needs that of r * h, which is known step by step only.
        torch.mul(self.r, self.h[:-1], out=self.resets)
        torch.addcmul(self.resets, self.resets, self.r, value=-1, out=self.d_r)
        (from_gates, from_n), d_reset = self.split(recurrent, 1), self.reset
        for grad, (gates, z, r, others, n, on, let_through) in zip(above, self.each_step_back, strict=True):
            dh = dh if grad is None else dh.add_(grad)
            z.mul_(dh)
            others.mul_(dh)
            torch.bmm(n, from_n, out=d_reset)
            r.mul_(d_reset)
            dh = on.addcmul_(d_reset, let_through).baddbmm_(gates, from_gates)
        return dh

    def recurrent_gradients(self, d_bias: torch.Tensor) -> Tensors:
        gates, new = (_rows(self.d_gates), _rows(self.h[:-1])), (_rows(self.d_n), _rows(self.resets))
        return _kernel_gradient(gates, new), d_bias


_free: deque[tuple[Any, _Workspace]] = deque(maxlen=_KEPT)


class _Lease:
    """A workspace for as long as someone holds this: a run's gradient, as a rule. Then the next run of its shape gets it.

    To make a step's parts of all buffers takes as long as what is done with them where little is, and memory that was
    just written is near. Large workspaces are not kept: there it makes no difference.
    """

    def __init__(self, kind: type[_Workspace], sizes: tuple[int, ...], dtype: torch.dtype) -> None:
        self.key = kind, sizes, dtype
        for _ in range(len(_free)):
            try:  # each call is atomic: other threads may take from here, too
                key, space = _free.popleft()
            except IndexError:
                break
            if key == self.key:
                self.space = space
                return
            _free.append((key, space))
        with torch.inference_mode():
            self.space = kind(sizes, dtype)

    def __del__(self) -> None:
        space = getattr(self, "space", None)
        if space is not None and space.gates.nbytes * 5 <= _KEPT_BYTES:
            _free.append((self.key, space))


def _rows(x: torch.Tensor) -> torch.Tensor:
    """``(T, D, B, N)`` as ``(D, T * B, N)``: a view where D is 1."""
    return x.transpose(0, 1).flatten(1, 2)


def _kernel_gradient(gates: Tensors, new: Tensors) -> torch.Tensor:
    """``(D, 3 * U, N)`` from what ``z, r`` and ``n`` got ``(D, T * B, ...)`` and what their kernels were given."""
    found = gates[0].new_empty(len(gates[0]), gates[0].shape[2] + new[0].shape[2], gates[1].shape[2])
    for (d_output, given), out in zip((gates, new), found.tensor_split([gates[0].shape[2]], 1), strict=True):
        torch.bmm(d_output.transpose(1, 2), given, out=out)
    return found


def _each_step(*tensors: torch.Tensor) -> Sequence[Tensors]:
    """For each step the tensors' parts."""
    return list(zip(*(tensor.unbind(0) for tensor in tensors), strict=True))
