"""All steps of a GRU on the CPU with a gradient of its own: torch's kernels there record every operation of every step.

The projections of all steps are one matrix product. A step then writes into buffers that hold all steps, five to six
calls of torch in all. In the gradient everything that does not depend on later steps is computed for all steps at once,
which leaves three to six calls a step; the weights' gradients are a matrix product or two. Several directions (the layers
of a ``Bidirectional``) run as one batch of matrices.

Letters in shapes: D directions, T steps, B batch, F input features, U units. Gates are in Keras's order ``z, r, n``.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch

from lamina.kernels.step_buffers import SIGMOID, Gate, Lease, Tensors, each_step, gradients_again, tanh_backward


def run(reset_after: bool, directions: Sequence[Tensors], every_step: bool = True, gate: Gate = SIGMOID) -> Tensors:
    """The outputs ``(B, T, U)`` of each direction, or without ``every_step`` its last ``(B, U)``. A direction's tensors are
    ``inputs`` ``(B, T, F)``, the first state ``(B, U)``, and in Keras's shapes ``kernel`` ``(F, 3 * U)``,
    ``recurrent_kernel`` ``(U, 3 * U)`` and ``bias`` ``(3 * U,)`` or, with ``reset_after``, ``(2, 3 * U)``."""
    function: Any = _Steps
    return function.apply(
        reset_after, gate, every_step, len(directions), *itertools.chain(*zip(*directions, strict=True))
    )


def with_slope(gate: Gate, kernel: torch.Tensor, recurrent: torch.Tensor, bias: torch.Tensor) -> Tensors:
    """A cell's weights with the first part of its gates' activation."""
    if gate.slope is None:
        return kernel, recurrent, bias
    slope, half = gate.line((True, True, False), recurrent.shape[0], kernel)
    return kernel * slope, recurrent * slope, torch.addcmul(half / (bias.numel() // len(half)), bias, slope)


def plain(
    reset_after: bool,
    x: torch.Tensor,
    h: torch.Tensor,
    kernel: torch.Tensor,
    recurrent: torch.Tensor,
    bias: torch.Tensor,
    gate: Gate = SIGMOID,
) -> torch.Tensor:
    """The same for one direction as torch would record it: what gradients of gradients are taken of."""
    units = h.shape[1]
    outputs = []
    for projected in (x @ kernel + (bias[0] if reset_after else bias)).unbind(1):
        x_z, x_r, x_n = projected.chunk(3, 1)
        if reset_after:
            u_z, u_r, u_n = (h @ recurrent + bias[1]).chunk(3, 1)
            n = torch.tanh(x_n + gate.of(x_r + u_r) * u_n)
        else:
            u_z, u_r = (h @ recurrent[:, : 2 * units]).chunk(2, 1)
            n = torch.tanh(x_n + (gate.of(x_r + u_r) * h) @ recurrent[:, 2 * units :])
        h = torch.lerp(n, h, gate.of(x_z + u_z))
        outputs.append(h)
    return torch.stack(outputs, 1)


class _Steps(torch.autograd.Function):
    """:func:`run` of ``count`` directions, whose inputs, states, kernels, ... ``tensors`` are, one after the other."""

    @staticmethod
    def forward(
        ctx: Any, reset_after: bool, gate: Gate, every_step: bool, count: int, *tensors: torch.Tensor
    ) -> Tensors:
        ctx.save_for_backward(*tensors)
        ctx.reset_after, ctx.gate, ctx.every_step, ctx.count = reset_after, gate, every_step, count
        xs, states, *weights = _columns(tensors, count)
        (batch, steps, features), units = xs[0].shape, states[0].shape[1]
        ctx.lease = Lease(_ResetAfter if reset_after else _ResetBefore, (count, steps, batch, units), xs[0].dtype)
        space = ctx.lease.space
        # In inference mode torch keeps no account of views and writes: the buffers are nobody else's.
        with torch.inference_mode():
            x = _stacked([x.transpose(0, 1) for x in xs])  # (D, T, B, F)
            ctx.rows = x.reshape(count, steps * batch, features)
            kernel, recurrent, bias = map(_stacked, weights)
            space.h[0] = _stacked(states)
            space.project(ctx.rows, kernel, bias)
            space.forward(recurrent, gate)
        # Copies, since the states are not to be written over.
        outputs = space.h[1:].transpose(0, 2) if every_step else space.h[-1].transpose(0, 1)  # (B, D, (T,) U)
        return tuple(one.clone(memory_format=torch.contiguous_format) for one in outputs.unbind(1))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        tensors = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _again(ctx, grads, tensors)
        space, (xs, _, *weights) = ctx.lease.space, _columns(tensors, ctx.count)
        with torch.inference_mode():
            grad = _stacked(grads)  # (D, B, (T,) U)
            above = grad.permute(2, 0, 1, 3).contiguous().unbind(0)[::-1] if ctx.every_step else itertools.repeat(None)
            kernel, recurrent, _ = map(_stacked, weights)
            dh = space.backward(recurrent.transpose(1, 2), ctx.gate, above, None if ctx.every_step else grad)
        d_gates, d_n = _rows(space.d_gates), _rows(space.d_n)
        d_xs: Any = [None] * ctx.count
        if any(ctx.needs_input_grad[4 : 4 + ctx.count]):
            to_gates, to_n = space.split(kernel.transpose(1, 2), 1)
            d_x = torch.bmm(d_gates, to_gates).baddbmm_(d_n, to_n)  # (D, T * B, F)
            d_xs = d_x.view(ctx.count, len(space.n), *xs[0].shape[::2]).transpose(1, 2).unbind(0)
        d_kernel = _kernel_gradient((d_gates, ctx.rows), (d_n, ctx.rows)).transpose(1, 2)
        d_bias = torch.cat([d_gates.sum(1), d_n.sum(1)], 1)
        found = dh.clone(), d_kernel, *space.recurrent_gradients(d_bias)
        return None, None, None, None, *d_xs, *itertools.chain(*(gradient.unbind(0) for gradient in found))


def _again(ctx: Any, grads: Tensors, tensors: Tensors) -> tuple[Any, ...]:
    """The gradients as operations that can be differentiated once more."""
    with torch.enable_grad():
        each = [plain(ctx.reset_after, x, h, kernel, recurrent, bias, ctx.gate)
                for x, h, kernel, recurrent, bias in zip(*_columns(tensors, ctx.count), strict=True)]  # fmt: skip
        outputs = each if ctx.every_step else [steps[:, -1] for steps in each]
    return None, None, None, None, *gradients_again(outputs, grads, tensors, ctx.needs_input_grad[4:])


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
    each_step_back: Sequence[Tensors] = ()

    def __init__(self, sizes: tuple[int, ...], dtype: torch.dtype) -> None:
        directions, steps, batch, units = sizes
        self.gates = torch.empty(steps, directions, batch, 2 * units, dtype=dtype)
        self.n = torch.empty(steps, directions, batch, units, dtype=dtype)
        self.h = torch.empty(steps + 1, directions, batch, units, dtype=dtype)
        self.z, self.r = self.gates.chunk(2, -1)

    @property
    def nbytes(self) -> int:
        """What all buffers take, with the gradients'."""
        return 5 * self.gates.nbytes

    def project(self, rows: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> None:
        """What the inputs ``(D, T * B, F)`` add to ``gates`` and ``n`` with a kernel ``(D, F, 3 * U)``."""
        for buffer, weight, start in zip((self.gates, self.n), self.split(kernel), self.split(bias), strict=True):
            if len(rows) == 1:
                torch.baddbmm(start.unsqueeze(1), rows, weight, out=_rows(buffer))
            else:
                projected = torch.baddbmm(start.unsqueeze(1), rows, weight)
                buffer.copy_(projected.view(buffer.transpose(0, 1).shape).transpose(0, 1))

    def split(self, weight: torch.Tensor, axis: int = -1) -> Tensors:
        """The parts of ``z, r`` and of ``n`` of a weight."""
        return weight.split([self.gates.shape[-1], self.n.shape[-1]], axis)

    def forward(self, recurrent: torch.Tensor, gate: Gate) -> None:
        """All steps, with a recurrent kernel ``(D, U, 3 * U)``."""
        raise NotImplementedError

    def backward(self, recurrent: torch.Tensor, gate: Gate, above: Any, last: torch.Tensor | None) -> torch.Tensor:
        """All steps, the last first, with a recurrent kernel ``(D, 3 * U, U)``: what each step's output gets is ``above``,
        what the last state gets is ``last``. Leaves the gradients in ``d_gates`` and ``d_n``, and returns the first state's."""
        if not self.each_step_back:
            self.make_room()
        self.fill_factors(gate)
        dh = torch.zeros_like(self.n[0]) if last is None else last.clone()
        return self.loop_back(recurrent, zip(above, self.each_step_back, strict=False), dh)

    def make_room(self) -> None:
        """For the gradients."""
        raise NotImplementedError

    def fill_factors(self, gate: Gate) -> None:
        """Fill the gradients' buffers with the factors by which a step's ``dh`` gives the gradients before the activation."""
        torch.sub(1, self.z, out=self.d_n)
        tanh_backward(self.d_n, self.n, grad_input=self.d_n)
        torch.sub(self.h[:-1], self.n, out=self.d_z)
        gate.times_slope(self.d_z, self.z, self.d_z)

    def loop_back(self, recurrent: torch.Tensor, steps: Any, dh: torch.Tensor) -> torch.Tensor:
        """The loop of :meth:`backward`."""
        raise NotImplementedError

    def recurrent_gradients(self, d_bias: torch.Tensor) -> Tensors:
        """The gradients of the recurrent kernel ``(D, U, 3 * U)`` and of the bias, of which the inputs' is known."""
        raise NotImplementedError


class _ResetAfter(_Workspace):
    """``n = tanh(x_n + r * (h @ recurrent_n + bias_n))``, as since Keras 2.4 and in torch. ``u`` is what ``r`` multiplies."""

    def __init__(self, sizes: tuple[int, ...], dtype: torch.dtype) -> None:
        super().__init__(sizes, dtype)
        self.u = torch.empty_like(self.n)
        self.each_step = each_step(self.gates, self.z, self.r, self.n, self.u, self.h[:-1], self.h[1:])

    def project(self, rows: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> None:
        inputs, (gates, new) = bias[:, 0].clone(), self.split(bias[:, 1])
        self.split(inputs)[0].add_(gates)
        super().project(rows, kernel, inputs)
        self.u.copy_(new.unsqueeze(1))

    def forward(self, recurrent: torch.Tensor, gate: Gate) -> None:
        (to_gates, to_u), activate = self.split(recurrent), gate.in_place
        for gates, z, r, n, u, h, new in self.each_step:
            activate(gates.baddbmm_(h, to_gates))
            u.baddbmm_(h, to_u)
            n.addcmul_(r, u).tanh_()
            torch.lerp(n, h, z, out=new)

    def make_room(self) -> None:
        units = self.n.shape[-1]
        parts = self.n.new_empty(*self.n.shape[:-1], 4, units)  # side by side, since each is a factor times dh
        self.d_n, self.d_z, self.d_r, self.d_u = parts.unbind(-2)
        self.d_recurrent = parts.flatten(-2)[..., units:]  # of z, r and u
        self.d_gates = self.d_recurrent[..., : 2 * units]
        one, other = self.n.new_empty(2, *self.n.shape[1:])
        turns = itertools.cycle([(one, one.unsqueeze(-2)), (other, other.unsqueeze(-2))])
        steps = each_step(parts, self.d_recurrent, self.z)[::-1]
        self.each_step_back = [(*step, *turn) for step, turn in zip(steps, turns, strict=False)]

    def fill_factors(self, gate: Gate) -> None:
        super().fill_factors(gate)
        torch.mul(self.d_n, self.r, out=self.d_u)
        torch.mul(self.d_n, self.u, out=self.d_r)
        gate.times_slope(self.d_r, self.r, self.d_r)

    def loop_back(self, recurrent: torch.Tensor, steps: Any, dh: torch.Tensor) -> torch.Tensor:
        for_parts = dh.unsqueeze(-2)
        for grad, (parts, d_recurrent, z, before, before_for_parts) in steps:
            if grad is not None:
                dh.add_(grad)
            parts.mul_(for_parts)
            dh, for_parts = torch.mul(z, dh, out=before).baddbmm_(d_recurrent, recurrent), before_for_parts
        return dh

    def recurrent_gradients(self, d_bias: torch.Tensor) -> Tensors:
        gradients = _rows(self.d_recurrent)
        d_kernel = torch.bmm(gradients.transpose(1, 2), _rows(self.h[:-1])).transpose(1, 2)
        return d_kernel, torch.stack([d_bias, gradients.sum(1)], 1)


class _ResetBefore(_Workspace):
    """``n = tanh(x_n + (r * h) @ recurrent_n)``, as in Keras up to 2.3."""

    def __init__(self, sizes: tuple[int, ...], dtype: torch.dtype) -> None:
        super().__init__(sizes, dtype)
        self.reset = torch.empty_like(self.n[0])  # r * h of one step
        self.each_step = each_step(self.gates, self.z, self.r, self.n, self.h[:-1], self.h[1:])

    def forward(self, recurrent: torch.Tensor, gate: Gate) -> None:
        (to_gates, to_n), reset, activate = self.split(recurrent), self.reset, gate.in_place
        for gates, z, r, n, h, new in self.each_step:
            activate(gates.baddbmm_(h, to_gates))
            torch.mul(r, h, out=reset)
            n.baddbmm_(reset, to_n).tanh_()
            torch.lerp(n, h, z, out=new)

    def make_room(self) -> None:
        self.d_gates, others = torch.empty_like(self.gates), self.n.new_empty(2, *self.n.shape)
        (self.d_z, self.d_r), (self.d_n, self.on) = self.d_gates.chunk(2, -1), others.unbind(0)
        self.resets = torch.empty_like(self.n)
        self.each_step_back = each_step(
            self.d_gates, self.d_z, self.d_r, others.transpose(0, 1), self.d_n, self.on, self.r)[::-1]  # fmt: skip

    def fill_factors(self, gate: Gate) -> None:
        super().fill_factors(gate)
        self.on.copy_(self.z)  # the part of dh that goes on to the state before
        # The gradient of r needs that of r * h, which is known step by step only.
        torch.mul(self.r, self.h[:-1], out=self.resets)
        gate.times_slope(self.h[:-1], self.r, self.d_r)

    def loop_back(self, recurrent: torch.Tensor, steps: Any, dh: torch.Tensor) -> torch.Tensor:
        (from_gates, from_n), d_reset = self.split(recurrent, 1), self.reset
        for grad, (gates, z, r, others, n, on, let_through) in steps:
            if grad is not None:
                dh.add_(grad)
            z.mul_(dh)
            others.mul_(dh)
            torch.bmm(n, from_n, out=d_reset)
            r.mul_(d_reset)
            dh = on.addcmul_(d_reset, let_through).baddbmm_(gates, from_gates)
        return dh

    def recurrent_gradients(self, d_bias: torch.Tensor) -> Tensors:
        gates, new = (_rows(self.d_gates), _rows(self.h[:-1])), (_rows(self.d_n), _rows(self.resets))
        return _kernel_gradient(gates, new).transpose(1, 2), d_bias


def _columns(tensors: Tensors, count: int) -> list[Tensors]:
    return [tensors[begin : begin + count] for begin in range(0, len(tensors), count)]


def _stacked(parts: Tensors) -> torch.Tensor:
    """The tensors of all directions as one with ``D`` in front; a single one is not copied."""
    return parts[0].unsqueeze(0) if len(parts) == 1 else torch.stack(tuple(parts))


def _rows(x: torch.Tensor) -> torch.Tensor:
    """``(T, D, B, N)`` as ``(D, T * B, N)``: a view where D is 1."""
    return x.transpose(0, 1).flatten(1, 2)


def _kernel_gradient(gates: Tensors, new: Tensors) -> torch.Tensor:
    """``(D, 3 * U, N)`` from what ``z, r`` and ``n`` got ``(D, T * B, ...)`` and what their kernels were given."""
    found = gates[0].new_empty(len(gates[0]), gates[0].shape[2] + new[0].shape[2], gates[1].shape[2])
    for (d_output, given), out in zip((gates, new), found.tensor_split([gates[0].shape[2]], 1), strict=True):
        torch.bmm(d_output.transpose(1, 2), given, out=out)
    return found
