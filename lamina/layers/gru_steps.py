"""All steps of a GRU on the CPU with a gradient of its own: torch's kernels there record every operation of every step.

The projections of all steps are one matrix product. A step then writes into buffers that hold all steps, four to six
calls of torch in all. In the gradient everything that does not depend on later steps is computed for all steps at once,
which leaves three to six calls a step; the weights' gradients are one matrix product each. Several directions (the
layers of a ``Bidirectional``) run as one batch of matrices.

Letters in shapes: D directions, T steps, B batch, F input features, U units. Gates are in Keras's order ``z, r, n``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

Tensors = Sequence[torch.Tensor]
_tanh_backward: Any = torch.ops.aten.tanh_backward
_FLOATS = (torch.float32, torch.float64)


def can_run(inputs: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether this is where it pays: eager torch on the CPU, with weights and inputs of one type."""
    return (
        inputs.is_cpu
        and inputs.dtype is weight.dtype
        and inputs.dtype in _FLOATS
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and not torch._C._are_functorch_transforms_active()
    )


def run(reset_after: bool, directions: Sequence[Tensors]) -> Tensors:
    """The outputs ``(B, T, U)`` of each direction, whose tensors are ``inputs`` ``(B, T, F)``, the first state ``(B, U)``,
    ``kernel`` ``(3 * U, F)``, ``recurrent_kernel`` ``(3 * U, U)``, ``bias`` ``(3 * U,)`` and, with ``reset_after``, a
    second bias of the recurrent product."""
    columns = [list(column) for column in zip(*directions, strict=True)]
    columns[0] = [x.transpose(0, 1) for x in columns[0]]  # (B, T, F) -> (T, B, F)
    function: Any = _ResetAfter if reset_after else _ResetBefore
    return function.apply(len(directions), *(tensor for column in columns for tensor in column))


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
    """What both kinds of GRU share. ``args`` are the columns of :func:`run`, one after the other."""

    reset_after: bool

    @classmethod
    def begin(cls, ctx: Any, count: int, args: Tensors, bias: Callable[..., torch.Tensor]) -> tuple[Tensors, ...]:
        """The projections of ``z, r`` and of ``n`` for all steps, room for the states, and the recurrent kernels."""
        ctx.count = count
        columns = _columns(args, count)
        xs, states, kernels, recurrents = columns[:4]
        steps, batch, _ = xs[0].shape
        units = states[0].shape[1]
        rows = [x.reshape(steps * batch, -1) for x in xs]
        gates, news = [], []
        for x, kernel, biases in zip(rows, kernels, zip(*columns[4:], strict=True), strict=True):
            gates.append(torch.addmm(bias(*biases)[: 2 * units], x, kernel[: 2 * units].t()))
            news.append(torch.addmm(biases[0][2 * units :], x, kernel[2 * units :].t()))
        h = rows[0].new_empty(steps + 1, count, batch, units)
        torch.stack(tuple(states), out=h[0])
        recurrent = torch.stack([one.t() for one in recurrents])  # (D, U, 3 * U)
        parts = recurrent[..., : 2 * units].contiguous(), recurrent[..., 2 * units :].contiguous()
        return (_together(gates, steps, batch), _together(news, steps, batch), h), parts

    @staticmethod
    def ends(ctx: Any, grads: Tensors, d_gates: torch.Tensor, d_new: torch.Tensor, inputs: Tensors) -> list[list[Any]]:
        """From the gradients of both projections those of the inputs, the kernels and the biases, for each direction."""
        xs, kernels = _columns(inputs, ctx.count)[0], _columns(inputs, ctx.count)[2]
        found: list[list[Any]] = [[], [], []]
        units = d_new.shape[-1]
        pairs = zip(xs, kernels, _apart(d_gates), _apart(d_new), strict=True)
        for index, (x, kernel, gates, new) in enumerate(pairs):
            wanted = ctx.needs_input_grad[1 + index]
            d_x = torch.addmm(gates @ kernel[: 2 * units], new, kernel[2 * units :]).view(x.shape) if wanted else None
            rows = x.reshape(-1, x.shape[-1])
            found[0].append(d_x)
            found[1].append(torch.cat([gates.t() @ rows, new.t() @ rows]))
            found[2].append(torch.cat([gates.sum(0), new.sum(0)]))
        return found

    @classmethod
    def again(cls, ctx: Any, grads: Tensors, inputs: Tensors) -> tuple[Any, ...]:
        """The gradients as operations that can be differentiated once more."""
        with torch.enable_grad():
            rows = zip(*_columns(inputs, ctx.count), strict=True)
            outputs = [plain(cls.reset_after, *row).transpose(0, 1) for row in rows]
        wanted = [tensor for tensor, needs in zip(inputs, ctx.needs_input_grad[1:], strict=True) if needs]
        found = iter(torch.autograd.grad(outputs, wanted, grads, create_graph=True, allow_unused=True))
        return None, *(next(found) if needs else None for needs in ctx.needs_input_grad[1:])


class _ResetAfter(_Steps):
    """``n = tanh(x_n + r * (h @ recurrent_n + bias_n))``, as since Keras 2.4 and in torch."""

    reset_after = True

    @staticmethod
    def forward(ctx: Any, count: int, *args: torch.Tensor) -> Any:
        (gates, n, h), (recurrent_gates, recurrent_n) = _ResetAfter.begin(ctx, count, args, torch.add)
        units = h.shape[-1]
        biases = torch.stack([bias[2 * units :] for bias in args[-count:]])
        u = biases.unsqueeze(1).expand_as(n).contiguous()  # becomes h @ recurrent_n + bias_n
        z, r = gates.chunk(2, -1)
        for gates_t, z_t, r_t, n_t, u_t, h_t, new in _each_step(gates, z, r, n, u, h[:-1], h[1:]):
            gates_t.baddbmm_(h_t, recurrent_gates).sigmoid_()
            u_t.baddbmm_(h_t, recurrent_n)
            n_t.addcmul_(r_t, u_t).tanh_()
            torch.lerp(n_t, h_t, z_t, out=new)
        ctx.save_for_backward(gates, n, u, h, *args)
        return _outputs(h)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        gates, n, u, h, *inputs = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _ResetAfter.again(ctx, grads, inputs)
        z, r = gates.chunk(2, -1)
        units = n.shape[-1]
        # For each step the factors by which its dh gives the gradients before the activations: of z, r, and h @ recurrent_n.
        d_recurrent = n.new_empty(*n.shape[:-1], 3, units)
        d_z, d_r, d_u = d_recurrent.unbind(-2)
        torch.sub(1, z, out=d_z)
        to_n = _tanh_backward(d_z, n)
        d_z.mul_(z).mul_(h[:-1] - n)
        torch.mul(to_n, r, out=d_u)
        torch.mul(d_u, u, out=d_r)
        torch.addcmul(d_r, d_r, r, value=-1, out=d_r)
        back = torch.stack(tuple(_columns(inputs, ctx.count)[3]))  # (D, 3 * U, U)
        d_h, carry = torch.empty_like(n), n.new_zeros(n.shape[1:])
        each = _each_step(_steps_first(grads), d_h, z, d_recurrent, d_recurrent.flatten(-2), backwards=True)
        for grad, dh, z_t, parts, flat in each:
            torch.add(grad, carry, out=dh)
            parts.mul_(dh.unsqueeze(-2))
            torch.mul(dh, z_t, out=carry)
            carry.baddbmm_(flat, back)
        rows, before = _apart(d_recurrent.flatten(-2)), _apart(h[:-1])
        d_kernels = [one.t() @ state for one, state in zip(rows, before, strict=True)]
        d_inputs = _ResetAfter.ends(ctx, grads, d_recurrent[..., :2, :].flatten(-2), d_h.mul_(to_n), inputs)
        sums = [one.sum(0) for one in rows]
        return None, *d_inputs[0], *carry.unbind(0), *d_inputs[1], *d_kernels, *d_inputs[2], *sums


class _ResetBefore(_Steps):
    """``n = tanh(x_n + (r * h) @ recurrent_n)``, as in Keras up to 2.3."""

    reset_after = False

    @staticmethod
    def forward(ctx: Any, count: int, *args: torch.Tensor) -> Any:
        (gates, n, h), (recurrent_gates, recurrent_n) = _ResetBefore.begin(ctx, count, args, lambda bias: bias)
        z, r = gates.chunk(2, -1)
        reset = torch.empty_like(n)  # r * h
        for gates_t, z_t, r_t, n_t, reset_t, h_t, new in _each_step(gates, z, r, n, reset, h[:-1], h[1:]):
            gates_t.baddbmm_(h_t, recurrent_gates).sigmoid_()
            torch.mul(r_t, h_t, out=reset_t)
            n_t.baddbmm_(reset_t, recurrent_n).tanh_()
            torch.lerp(n_t, h_t, z_t, out=new)
        ctx.save_for_backward(gates, n, reset, h, *args)
        return _outputs(h)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        gates, n, reset, h, *inputs = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _ResetBefore.again(ctx, grads, inputs)
        z, r = gates.chunk(2, -1)
        units = n.shape[-1]
        # As above; the gradient of r needs that of r * h, which is known step by step only.
        d_gates = torch.empty_like(gates)
        d_z, d_r = d_gates.chunk(2, -1)
        torch.sub(1, z, out=d_z)
        d_n = _tanh_backward(d_z, n)
        d_z.mul_(z).mul_(h[:-1] - n)
        torch.mul(reset, 1 - r, out=d_r)
        recurrents = torch.stack(tuple(_columns(inputs, ctx.count)[3]))
        back_gates, back_n = recurrents.split([2 * units, units], 1)  # (D, 2 * U, U), (D, U, U)
        carry, d_reset = n.new_zeros(n.shape[1:]), n.new_empty(n.shape[1:])
        each = _each_step(_steps_first(grads), d_gates, d_z, d_r, d_n, z, r, backwards=True)
        for grad, gates_t, z_t, r_t, n_t, kept, let_through in each:
            carry.add_(grad)
            z_t.mul_(carry)
            torch.bmm(n_t.mul_(carry), back_n, out=d_reset)
            r_t.mul_(d_reset)
            carry.mul_(kept).addcmul_(d_reset, let_through).baddbmm_(gates_t, back_gates)
        before = _apart(h[:-1])
        columns = zip(_apart(d_gates), _apart(d_n), before, _apart(reset), strict=True)
        d_kernels = [torch.cat([gate.t() @ state, new.t() @ rh]) for gate, new, state, rh in columns]
        d_inputs = _ResetBefore.ends(ctx, grads, d_gates, d_n, inputs)
        return None, *d_inputs[0], *carry.unbind(0), *d_inputs[1], *d_kernels, *d_inputs[2]


def _columns(args: Tensors, count: int) -> list[Tensors]:
    return [args[begin : begin + count] for begin in range(0, len(args), count)]


def _together(parts: Tensors, steps: int, batch: int) -> torch.Tensor:
    """``(T * B, N)`` of each direction as ``(T, D, B, N)``."""
    parts = [part.view(steps, 1, batch, -1) for part in parts]
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def _apart(x: torch.Tensor) -> Tensors:
    """The ``(T * B, N)`` of each direction of ``(T, D, B, N)``."""
    return [part.reshape(-1, x.shape[-1]) for part in x.unbind(1)]


def _outputs(h: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """``(B, T, U)`` of each direction; copies, since the states are not to be written over."""
    return tuple(one.transpose(0, 1).clone(memory_format=torch.contiguous_format) for one in h[1:].unbind(1))


def _steps_first(grads: Tensors) -> torch.Tensor:
    """``(B, T, U)`` of each direction as ``(T, D, B, U)``."""
    return torch.stack([grad.transpose(0, 1) for grad in grads], 1)


def _each_step(*tensors: torch.Tensor, backwards: bool = False) -> Any:
    """The tensors' parts of each step, side by side."""
    parts = [tensor.unbind(0) for tensor in tensors]
    return zip(*(part[::-1] for part in parts) if backwards else parts, strict=True)
