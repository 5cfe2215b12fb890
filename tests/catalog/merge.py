"""Merge layers."""

from catalog.row import Row, Wrong

PAIR = [(2, 4, 3), (2, 4, 3)]

ROWS = [
    *(Row(name, {}, PAIR) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")),
    *(Row(name, {}, [(2, 3), (2, 4, 3), (2, 1, 3)]) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")),
    Row("Subtract", {}, [(2, 4, 3), (2, 1, 3)]),
    Row("Concatenate", {"axis": 1}, [(2, 4, 3), (2, 2, 3), (2, 1, 3)]),
    Row("Concatenate", {"axis": -1}, [(2, 4, 3), (2, 4, 1)]),
    Row("Dot", {"axes": 1}, [(2, 5), (2, 5)]),
    Row("Dot", {"axes": 2}, [(2, 3, 5), (2, 7, 5)]),
    Row("Dot", {"axes": (1, 2)}, [(2, 4, 3), (2, 3, 4)]),
    Row("Dot", {"axes": (3, 2)}, [(2, 3, 5, 4), (2, 7, 4)]),
    Row("Dot", {"axes": -1, "normalize": True}, [(2, 5), (2, 5)]),
    Row("Dot", {"axes": (2, 2), "normalize": True}, [(2, 3, 5), (2, 7, 5)]),
]

WRONG = [
    Wrong("Add", {"name": "a"}, (2, 4), "Add 'a' takes a list of inputs, and got one of shape (2, 4)."),
    Wrong("Add", {"name": "a"}, [(2, 4)], "Add 'a' takes at least 2 inputs, and got 1."),
    Wrong("Subtract", {"name": "s"}, [(2, 4)] * 3, "Subtract 's' takes 2 inputs, and got 3."),
    Wrong("Add", {"name": "a"}, [(2, 4), (2, 5)],
          "Add 'a' can't merge inputs of the shapes (2, 4) and (2, 5): 4 and 5 differ."),
    Wrong("Concatenate", {"name": "c"}, [(2, 4, 3), (2, 5, 3)],
          "Concatenate 'c' needs inputs that differ only along axis -1, and got (2, 4, 3), (2, 5, 3)."),
    Wrong("Concatenate", {"name": "c", "axis": 5}, [(2, 4), (2, 5)],
          "Concatenate 'c' lays inputs along axis 5, and got (2, 4), which has 2 axes."),
    Wrong("Dot", {"name": "d", "axes": 0}, None, "Dot 'd' can't sum over the batch, and got axes=0; the axes count from 1."),
    Wrong("Dot", {"name": "d", "axes": "x"}, None, "Dot 'd' needs an integer or two for axes, and got 'x'."),
    Wrong("Dot", {"name": "d", "axes": 1}, [(2, 4), (2, 5)],
          "Dot 'd' sums over axes 1, whose sizes must be equal, and got (2, 4) and (2, 5)."),
]  # fmt: skip
