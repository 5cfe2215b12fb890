"""Branches, loops and functions: ``tf.cond``, ``tf.while_loop``, ``tf.map_fn``, ``tf.function`` run as plain Python."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from lamina import ops
from lamina.graph.nests import leaves, map_structure
from lamina.graph.symbolic import SymbolicTensor, is_symbolic
from lamina.ops._tensors import recorded
from lamina.tf.table import TABLE, Function, tensor, together, word

# ---- functions -----------------------------------------------------------------------------------------------------


@word("function", "contrib.eager.defun", "compat.v1.wrap_function")
def function(func: Any = None, input_signature: Any = None, autograph: bool = True, jit_compile: Any = None,
             reduce_retracing: bool = False, experimental_implements: Any = None, experimental_autograph_options: Any = None,
             experimental_attributes: Any = None, experimental_relax_shapes: Any = None, experimental_compile: Any = None,
             experimental_follow_type_hints: Any = None) -> Any:  # fmt: skip
    """The function itself, which runs as Python: ``@tf.function`` and ``@tf.function(...)``. ``torch.compile`` compiles."""
    return (lambda given: given) if func is None else func


@word("autograph.experimental.do_not_convert", "autograph.to_graph", "contrib.autograph.convert")
def do_not_convert(func: Any = None) -> Any:
    """The function itself, which nothing converts."""
    return (lambda given: given) if func is None else func


@word("py_function", "compat.v1.py_func", "py_func")
def py_function(func: Function, inp: Any, Tout: Any, stateful: bool = True) -> Any:
    """A function of Python, on tensors."""
    found = func(*(tensor(one) for one in inp))
    return map_structure(_typed, found) if not isinstance(Tout, (list, tuple)) else [
        tensor(one, kind) for one, kind in zip(found if isinstance(found, (list, tuple)) else [found], Tout, strict=True)
    ]  # fmt: skip


def _typed(x: Any) -> Any:
    return tensor(x) if not isinstance(x, torch.Tensor) else x


@word("numpy_function", "compat.v1.numpy_function")
def numpy_function(func: Function, inp: Any, Tout: Any, stateful: bool = True) -> Any:
    """A function of arrays."""
    found = func(*(one.detach().cpu().numpy() if isinstance(one, torch.Tensor) else np.asarray(one) for one in inp))
    kinds = Tout if isinstance(Tout, (list, tuple)) else [Tout]
    made = [tensor(np.asarray(one), kind) for one, kind in zip(found if isinstance(found, (list, tuple)) else [found], kinds,
                                                               strict=True)]  # fmt: skip
    return made if isinstance(Tout, (list, tuple)) else made[0]


@word("group")
def group(*inputs: Any) -> None:
    """Has nothing to do: what was written was done."""


@word("no_op")
def no_op() -> None:
    """Nothing."""


# ---- branches ------------------------------------------------------------------------------------------------------


@word("cond", "compat.v1.cond", "smart_cond", "smart_module.smart_cond")
def cond(pred: Any, true_fn: Function | None = None, false_fn: Function | None = None, *, fn1: Function | None = None,
         fn2: Function | None = None, strict: bool = False) -> Any:  # fmt: skip
    """What one of two functions gives."""
    yes, no = true_fn or fn1, false_fn or fn2
    if yes is None or no is None:
        raise TypeError("tf.cond needs both true_fn and false_fn.")
    if isinstance(pred, SymbolicTensor):
        return _chosen(pred, yes(), no())
    return yes() if bool(pred) else no()


def _chosen(pred: Any, first: Any, second: Any) -> Any:
    others = iter(leaves(second))
    return map_structure(lambda one: ops.where(pred, *together(one, next(others))), first)


@word("case")
def case(pred_fn_pairs: Any, default: Function | None = None, exclusive: bool = False, strict: bool = False) -> Any:
    """What the function of the first condition that holds gives."""
    pairs = pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs
    last = None
    for condition, branch in pairs:
        if bool(condition):
            return branch()
        last = branch
    chosen = default or last
    if chosen is None:
        raise ValueError("tf.case has no branches.")
    return chosen()


@word("switch_case")
def switch_case(branch_index: Any, branch_fns: Any, default: Function | None = None) -> Any:
    """What the function of this number gives."""
    table = (
        dict(branch_fns)
        if isinstance(branch_fns, dict) or isinstance(branch_fns[0], tuple)
        else dict(enumerate(branch_fns))
    )
    chosen = table.get(int(branch_index), default or table[max(table)])
    return chosen()


# ---- loops ---------------------------------------------------------------------------------------------------------


@word("while_loop")
def while_loop(cond: Function, body: Function, loop_vars: Any, shape_invariants: Any = None, parallel_iterations: int = 10,
               back_prop: bool = True, swap_memory: bool = False, maximum_iterations: Any = None,
               return_same_structure: bool = True) -> Any:  # fmt: skip
    """``body`` of the variables, again and again, while ``cond`` of them holds."""
    state = tuple(loop_vars) if isinstance(loop_vars, (list, tuple)) else (loop_vars,)
    left = None if maximum_iterations is None else int(maximum_iterations)
    while (left is None or left > 0) and bool(cond(*state)):
        found = body(*state)
        state = tuple(found) if isinstance(found, (list, tuple)) else (found,)
        left = None if left is None else left - 1
    return list(state) if isinstance(loop_vars, list) else state if isinstance(loop_vars, tuple) else state[0]


@recorded
def _mapped(fn: Function, elems: Any) -> Any:
    count = len(leaves(elems)[0])
    rows = [fn(map_structure(lambda one, row=row: one[row], elems)) for row in range(count)]
    return _stacked(rows)


def _stacked(rows: list[Any]) -> Any:
    columns = [iter(leaves(row)) for row in rows]
    return map_structure(lambda _: torch.stack([tensor(next(column)) for column in columns]), rows[0])


@word("map_fn", "vectorized_map")
def map_fn(fn: Function, elems: Any, dtype: Any = None, parallel_iterations: Any = None, back_prop: bool = True,
           swap_memory: bool = False, infer_shape: bool = True, fn_output_signature: Any = None,
           fallback_to_while_loop: bool = True) -> Any:  # fmt: skip
    """A function of each slice along the first axis, put together again."""
    given = map_structure(lambda one: one if isinstance(one, SymbolicTensor) else tensor(one), elems)
    found = _mapped(fn, given)
    kinds = dtype if dtype is not None else fn_output_signature
    if kinds is None or not isinstance(kinds, str) or isinstance(found, (list, tuple, dict)):
        return found
    return tensor(found, kinds)


@recorded
def _scanned(fn: Function, elems: Any, initializer: Any, reverse: bool, all_of_them: bool) -> Any:
    count = len(leaves(elems)[0])
    order = list(range(count))[:: -1 if reverse else 1]
    state, rows = initializer, []
    if state is None:
        first = order.pop(0)
        state = map_structure(lambda one: one[first], elems)
        rows.append(state)
    for row in order:
        state = fn(state, map_structure(lambda one, row=row: one[row], elems))
        rows.append(state)
    return _stacked(rows[:: -1 if reverse else 1]) if all_of_them else state


def _tensors(structure: Any) -> Any:
    return None if structure is None else map_structure(tensor, structure)


@word("scan")
def scan(fn: Function, elems: Any, initializer: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
         swap_memory: bool = False, infer_shape: bool = True, reverse: bool = False) -> Any:  # fmt: skip
    """All states of ``state = fn(state, slice)`` along the first axis."""
    return _scanned(fn, _tensors(elems), _tensors(initializer), reverse, True)


@word("foldl")
def foldl(fn: Function, elems: Any, initializer: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
          swap_memory: bool = False) -> Any:  # fmt: skip
    """The last state of :func:`scan`."""
    return _scanned(fn, _tensors(elems), _tensors(initializer), False, False)


@word("foldr")
def foldr(fn: Function, elems: Any, initializer: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
          swap_memory: bool = False) -> Any:  # fmt: skip
    """:func:`foldl` from the last slice to the first."""
    return _scanned(fn, _tensors(elems), _tensors(initializer), True, False)


# ---- scopes that change nothing ------------------------------------------------------------------------------------


@contextlib.contextmanager
def _scope(*args: Any, **kwargs: Any) -> Iterator[Any]:
    """A scope that changes nothing: tensors have no names, things are done in their order, and lie where models are."""
    yield args[0] if args else kwargs.get("name")


for _name in ("name_scope", "control_dependencies", "colocate_with", "init_scope", "device", "compat.v1.variable_scope",
              "compat.v1.op_scope", "compat.v1.name_scope", "compat.v1.container", "xla.experimental.jit_scope",
              "contrib.framework.arg_scope", "summary.experimental.summary_scope"):  # fmt: skip
    TABLE[_name] = _scope


# ---- looking at numbers --------------------------------------------------------------------------------------------


@word("print")
def print_(*inputs: Any, output_stream: Any = None, summarize: int = 3, sep: str = " ", end: str = "\n") -> None:
    """Print tensors and text."""
    print(*(one.detach() if isinstance(one, torch.Tensor) else one for one in inputs), sep=sep, end=end)


@word("compat.v1.Print")
def print_of_tf1(input_: Any, data: Any, message: str = "", first_n: Any = None, summarize: Any = None) -> Any:
    """``input_`` itself; the data are printed."""
    if not is_symbolic(data):
        print_(message, *data)
    return input_


class InvalidArgumentError(ValueError):
    """What ``tf.debugging`` raises when something does not hold."""


TABLE["errors.InvalidArgumentError"] = InvalidArgumentError
TABLE["errors.OutOfRangeError"] = StopIteration
TABLE["errors.ResourceExhaustedError"] = torch.OutOfMemoryError
TABLE["errors.NotFoundError"] = FileNotFoundError
TABLE["errors.OpError"] = RuntimeError
TABLE["errors.UnimplementedError"] = NotImplementedError


def _fail(message: Any, otherwise: str) -> None:
    raise InvalidArgumentError(f"{message} {otherwise}" if message else otherwise)


def _comparison(name: str, sign: str, holds: Function) -> None:
    def check(x: Any, y: Any, message: Any = None, summarize: Any = None, *, data: Any = None) -> None:
        """Raise unless it holds for all numbers."""
        if is_symbolic((x, y)):
            return
        first, second = together(x, y)
        if not bool(ops.all(holds(first, second))):
            _fail(message, f"tf.debugging.{name}: {x!r:.80} {sign} {y!r:.80} does not hold for all numbers.")

    word(f"debugging.{name}", f"compat.v1.{name}")(check)


for _name, _sign, _holds in (
    ("assert_equal", "==", ops.equal), ("assert_greater", ">", ops.greater), ("assert_less", "<", ops.less),
    ("assert_greater_equal", ">=", ops.greater_equal), ("assert_less_equal", "<=", ops.less_equal),
    ("assert_none_equal", "!=", ops.not_equal),
):  # fmt: skip
    _comparison(_name, _sign, _holds)


def _sign_check(name: str, holds: Function) -> None:
    def check(x: Any, message: Any = None, summarize: Any = None, *, data: Any = None) -> None:
        """Raise unless it holds for all numbers."""
        if not is_symbolic(x) and not bool(ops.all(holds(tensor(x), 0))):
            _fail(message, f"tf.debugging.{name} does not hold for all numbers of {x!r:.80}.")

    word(f"debugging.{name}", f"compat.v1.{name}")(check)


for _name, _holds in (("assert_positive", ops.greater), ("assert_negative", ops.less),
                      ("assert_non_negative", ops.greater_equal), ("assert_non_positive", ops.less_equal)):  # fmt: skip
    _sign_check(_name, _holds)


@word("debugging.assert_near", "compat.v1.assert_near")
def assert_near(x: Any, y: Any, rtol: Any = None, atol: Any = None, message: Any = None, summarize: Any = None) -> None:
    """Raise unless all numbers are near each other, by default to ten of the type's smallest steps."""
    if is_symbolic((x, y)):
        return
    first, second = together(x, y)
    step = 10 * torch.finfo(first.dtype).eps
    near = ops.isclose(first, second, step if rtol is None else float(rtol), step if atol is None else float(atol))
    if not bool(ops.all(near)):
        _fail(message, f"tf.debugging.assert_near: {x!r:.80} is not near {y!r:.80}.")


@word("debugging.assert_rank", "compat.v1.assert_rank")
def assert_rank(x: Any, rank: Any, message: Any = None, *, data: Any = None, summarize: Any = None) -> None:
    """Raise unless there are so many axes."""
    found = len(tensor(x).shape)
    if found != int(rank):
        raise ValueError(f"{message or ''} A tensor has {found} axes, and {int(rank)} were expected.".strip())


@word("debugging.assert_rank_at_least", "compat.v1.assert_rank_at_least")
def assert_rank_at_least(x: Any, rank: Any, message: Any = None, *, data: Any = None, summarize: Any = None) -> None:
    """Raise unless there are at least so many axes."""
    found = len(tensor(x).shape)
    if found < int(rank):
        raise ValueError(f"{message or ''} A tensor has {found} axes, and at least {int(rank)} were expected.".strip())


@word("debugging.assert_rank_in", "compat.v1.assert_rank_in")
def assert_rank_in(x: Any, ranks: Any, message: Any = None, *, data: Any = None, summarize: Any = None) -> None:
    """Raise unless the number of axes is one of these."""
    found = len(tensor(x).shape)
    if found not in [int(one) for one in ranks]:
        raise ValueError(f"{message or ''} A tensor has {found} axes, and one of {list(ranks)} was expected.".strip())


@word("debugging.Assert", "compat.v1.Assert", "Assert")
def assert_(condition: Any, data: Any = None, summarize: Any = None) -> None:
    """Raise unless a condition holds."""
    if not is_symbolic(condition) and not bool(ops.all(tensor(condition))):
        _fail(None, f"tf.debugging.Assert: {data!r:.120}")


@word(
    "debugging.check_numerics",
    "compat.v1.check_numerics",
    "debugging.assert_all_finite",
    "compat.v1.verify_tensor_all_finite",
)
def check_numerics(tensor: Any = None, message: Any = "", *, t: Any = None, msg: Any = None, x: Any = None) -> Any:
    """A tensor itself, unless there is a number in it that is none, or none that is finite."""
    given = next(one for one in (tensor, t, x) if one is not None)
    if not is_symbolic(given) and not bool(torch.isfinite(_typed(given)).all()):
        _fail(msg or message, "A tensor has Inf or NaN.")
    return given


@word("debugging.enable_check_numerics", "debugging.disable_check_numerics", "compat.v1.add_check_numerics_ops")
def enable_check_numerics(*args: Any, **kwargs: Any) -> None:
    """Has no effect; ``torch.autograd.set_detect_anomaly(True)`` looks for numbers that are none."""
