"""All steps of an LSTM on the CPU with a gradient of its own, for what torch's kernel can't do: hard sigmoids, which were
Keras's default up to 2.2, and dropout of its own for each gate.

A step writes into buffers that hold all steps, eight calls of torch in all. In the gradient everything that does not
depend on later steps is computed for all steps at once, which leaves five calls a step, and the recurrent kernel's gradient
is one matrix product. The inputs' projection is torch's to record: to all steps at once it is one product, too.

Letters in shapes: T steps, B batch, U units. Gates are in Keras's order ``i, f, g, o``.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch

from lamina.kernels.step_buffers import Gate, Lease, Tensors, each_step, gradients_again, tanh_backward

_IS_GATE = True, True, False, True


def run(
    gate: Gate,
    projected: torch.Tensor,
    h: torch.Tensor,
    c: torch.Tensor,
    recurrent: torch.Tensor,
    masks: torch.Tensor | None = None,
    every_step: bool = True,
) -> Tensors:
    """The outputs ``(B, T, U)``, or without ``every_step`` the last ``(B, U)``, and the last ``c`` ``(B, U)``. ``projected``
    is what the inputs give the gates ``(B, T, 4 * U)``, ``recurrent`` the kernel ``(U, 4 * U)``, and ``masks`` what the
    state is multiplied by for each gate ``(4, B, U)``."""
    function: Any = _Steps
    return function.apply(gate, every_step, masks, projected, h, c, recurrent)


def plain(
    gate: Gate,
    masks: torch.Tensor | None,
    projected: torch.Tensor,
    h: torch.Tensor,
    c: torch.Tensor,
    recurrent: torch.Tensor,
) -> Tensors:
    """The same as torch would record it: what gradients of gradients are taken of."""
    slope, half = gate.line(_IS_GATE, h.shape[1], h)
    outputs = []
    for x in projected.unbind(1):
        u = h @ recurrent if masks is None else torch.cat((*torch.bmm(h * masks, _parts(recurrent)),), 1)
        i, f, g, o = torch.addcmul(half, x + u, slope).chunk(4, 1)
        c = gate.of(f) * c + gate.of(i) * torch.tanh(g)
        h = gate.of(o) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, 1), c


def _parts(x: torch.Tensor) -> torch.Tensor:
    """``(N, 4 * U)`` as a view of the gates' parts ``(4, N, U)``."""
    return x.unflatten(-1, (4, -1)).transpose(0, 1)


class _Steps(torch.autograd.Function):
    """:func:`run`."""

    @staticmethod
    def forward(ctx: Any, gate: Gate, every_step: bool, masks: Any, *tensors: torch.Tensor) -> Tensors:
        projected, h, c, recurrent = tensors
        ctx.save_for_backward(*tensors)
        ctx.gate, ctx.every_step, ctx.masks = gate, every_step, masks
        ctx.lease = Lease(_Workspace, (projected.shape[1], *h.shape), h.dtype)
        space = ctx.lease.space
        ctx.slope, half = gate.line(_IS_GATE, h.shape[1], h)
        # In inference mode torch keeps no account of views and writes: the buffers are nobody else's.
        with torch.inference_mode():
            space.h[0], space.c[0] = h, c
            torch.addcmul(half, projected.transpose(0, 1), ctx.slope, out=space.gates)
            space.forward(recurrent * ctx.slope, gate, masks)
        # Copies, since the buffers are to be written over.
        outputs = space.h[1:].transpose(0, 1) if every_step else space.h[-1]
        return outputs.clone(memory_format=torch.contiguous_format), space.c[-1].clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        tensors, gate, masks = ctx.saved_tensors, ctx.gate, ctx.masks
        if torch.is_grad_enabled():
            with torch.enable_grad():
                outputs, c = plain(gate, masks, *tensors)
                outputs = outputs if ctx.every_step else outputs[:, -1]
            return None, None, None, *gradients_again([outputs, c], grads, tensors, ctx.needs_input_grad[3:])
        space, slope, (projected, _, _, recurrent) = ctx.lease.space, ctx.slope, tensors
        d_projected, dc = torch.empty_like(projected, memory_format=torch.contiguous_format), grads[1].clone()
        with torch.inference_mode():
            above = grads[0].transpose(0, 1).contiguous().unbind(0)[::-1] if ctx.every_step else itertools.repeat(None)
            dh = torch.zeros_like(dc) if ctx.every_step else grads[0].clone()
            space.backward((recurrent * slope).t(), gate, masks, above, dh, dc)
            torch.mul(space.d_gates.transpose(0, 1), slope, out=d_projected)
        return None, None, None, d_projected, dh.clone(), dc, space.recurrent_gradient(masks) * slope


class _Workspace:
    """The buffers of one run, and of each step its parts of them.

    Attributes:
        gates: ``i, f, g, o`` of all steps ``(T, B, 4 * U)``, first their projections; their gradient is ``d_gates``.
        h, c: the states ``(T + 1, B, U)``, beginning with the one before the first step; ``tanh_c`` ``(T, B, U)``.
    """

    each_step_back: Any = ()

    def __init__(self, sizes: tuple[int, ...], dtype: torch.dtype) -> None:
        steps, batch, units = sizes
        self.gates = torch.empty(steps, batch, 4 * units, dtype=dtype)
        self.h, self.c = torch.empty(2, steps + 1, batch, units, dtype=dtype)
        self.tanh_c = torch.empty(steps, batch, units, dtype=dtype)
        self.i, self.f, self.g, self.o = self.gates.chunk(4, -1)
        self.each_step = each_step(self.gates, self.gates[..., : 2 * units], self.i, self.f, self.g, self.o,
                                   self.c[:-1], self.c[1:], self.tanh_c, self.h[:-1], self.h[1:])  # fmt: skip

    @property
    def nbytes(self) -> int:
        """What all buffers take, with the gradients'."""
        return 3 * self.gates.nbytes

    def forward(self, recurrent: torch.Tensor, gate: Gate, masks: Any) -> None:
        """All steps, with a recurrent kernel ``(U, 4 * U)``."""
        activate, by_gate = gate.in_place, _parts(recurrent)
        for gates, i_and_f, i, f, g, o, c, new_c, tanh_c, h, new_h in self.each_step:
            if masks is None:
                gates.addmm_(h, recurrent)
            else:
                _parts(gates).add_(torch.bmm(h * masks, by_gate))
            activate(i_and_f)
            activate(o)
            g.tanh_()
            torch.mul(f, c, out=new_c).addcmul_(i, g)
            torch.tanh(new_c, out=tanh_c)
            torch.mul(o, tanh_c, out=new_h)

    def backward(
        self, recurrent: torch.Tensor, gate: Gate, masks: Any, above: Any, dh: torch.Tensor, dc: torch.Tensor
    ) -> None:
        """All steps, the last first, with a recurrent kernel ``(4 * U, U)``: what each step's output gets is ``above``, and
        ``dh`` and ``dc``, what the last states get, become what the first ones get. Leaves the rest in ``d_gates``."""
        if not self.each_step_back:
            self.make_room()
        self.fill_factors(gate)
        dc_for_gates, by_gate = dc.unsqueeze(1), recurrent.unflatten(0, (4, -1))
        for grad, (d_gates, of_c, d_o, to_c, f) in zip(above, self.each_step_back, strict=False):
            if grad is not None:
                dh.add_(grad)
            d_o.mul_(dh)
            dc.addcmul_(dh, to_c)
            of_c.mul_(dc_for_gates)
            dc.mul_(f)
            if masks is None:
                torch.mm(d_gates, recurrent, out=dh)
            else:
                torch.sum(torch.bmm(_parts(d_gates), by_gate).mul_(masks), 0, out=dh)

    def make_room(self) -> None:
        """For the gradients."""
        self.d_gates, self.to_c = torch.empty_like(self.gates), torch.empty_like(self.tanh_c)
        d_o = self.d_gates.chunk(4, -1)[3]
        of_c = self.d_gates.unflatten(-1, (4, -1))[:, :, :3]  # of i, f and g, which act on c: (T, B, 3, U)
        self.each_step_back = each_step(self.d_gates, of_c, d_o, self.to_c, self.f)[::-1]

    def fill_factors(self, gate: Gate) -> None:
        """Fill the gradients' buffers with the factors by which a step's ``dc`` (for ``o`` its ``dh``) gives the gradients
        before the activation, and ``to_c`` with the one by which ``dh`` adds to ``dc``."""
        d_i, d_f, d_g, d_o = self.d_gates.chunk(4, -1)
        gate.times_slope(self.g, self.i, d_i)
        gate.times_slope(self.c[:-1], self.f, d_f)
        tanh_backward(self.i, self.g, grad_input=d_g)
        gate.times_slope(self.tanh_c, self.o, d_o)
        tanh_backward(self.o, self.tanh_c, grad_input=self.to_c)

    def recurrent_gradient(self, masks: Any) -> torch.Tensor:
        """The gradient ``(U, 4 * U)`` of the kernel, in memory as the kernel lies."""
        states, d_gates = self.h[:-1], self.d_gates.flatten(0, 1)  # (T, B, U), (T * B, 4 * U)
        if masks is None:
            return (d_gates.t() @ states.flatten(0, 1)).t()
        masked = (states * masks.unsqueeze(1)).flatten(1, 2)  # (4, T * B, U)
        return torch.bmm(_parts(d_gates).transpose(1, 2), masked).flatten(0, 1).t()
