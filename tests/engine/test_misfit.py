"""The table of what fits and what does not, and what it says of the cause."""

from __future__ import annotations

import random

import numpy as np
import pytest

from lamina.engine.misfit import FITS, MOST_ROWS, UNREADABLE, Comparison, aligned
from lamina.layers import LSTM, Bidirectional, Dense, Input
from lamina.models import Sequential


def compared(theirs: dict[str, list[tuple[int, ...]]], mine: dict[str, list[tuple[int, ...]]]) -> Comparison:
    found = Comparison("w", "Sequential 'net'")
    for name in dict.fromkeys([*mine, *theirs]):
        found.add(name, theirs.get(name), mine.get(name))
    return found


OK = {"ok": [(2, 2)]}
CAUSES = {
    "units": ({"a": [(3, 4), (4,)], "b": [(4, 2)]}, {"a": [(3, 6), (6,)], "b": [(6, 2)]},
              "Where they differ, the file has 4 and the model 6: another number of units or classes."),
    "two sizes": ({"a": [(3, 4)]}, {"a": [(5, 6)]}, None),
    "another rank": ({"a": [(3, 4)]}, {"a": [(3, 4, 1)]}, None),
    "transposed": ({"a": [(3, 4), (4,)]}, {"a": [(4, 3), (4,)]}, "The file has the same sizes transposed"),
    "turned": ({"a": [(8, 2, 3, 3)]}, {"a": [(3, 3, 2, 8)]}, "The file has the same sizes with the axes in another order"),
    "more": ({**OK, "a": [(3,)], "b": [(3,)]}, OK, "The file has 2 layers more than the model; all else fits."),
    "fewer": (OK, {**OK, "a": [(3,)]}, "The file has 1 layer fewer than the model; all else fits."),
    "nothing fits": ({}, {"a": [(3,)]}, None),
    "names": ({"x": [(3, 4), (4,)]}, {"a": [(3, 4), (4,)]}, "just these shapes, in this order, under other names."),
    "torch's": ({"x": [(4, 3), (4,)]}, {"a": [(3, 4), (4,)]}, "under other names and with the axes of kernels in"),
    "other names, other sizes": ({"x": [(4, 3)]}, {"a": [(3, 5)]}, None),
    "more, and other shapes": ({**OK, "a": [(3,)], "b": [(3,)]}, {**OK, "a": [(4,)]}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", CAUSES)
def test_a_cause_is_named_where_there_is_one(case: str):
    theirs, mine, cause = CAUSES[case]
    table = compared(theirs, mine).table().splitlines()
    rows = len(dict.fromkeys([*theirs, *mine]))
    assert len(table) == 1 + rows + (cause is not None)
    assert cause is None or cause in table[-1]


def test_what_fits_comes_last_and_much_is_counted():
    found = Comparison("w", "Sequential 'net'")
    for number in range(50):
        found.add(f"fits{number}", [(number,)], [(number,)])
    for number in range(15):
        found.add(f"wrong{number}", [(number,)], [(number, 1)])
    lines = found.table().splitlines()
    assert [line.split()[0] for line in lines[1:17]] == [f"wrong{number}" for number in range(15)] + ["fits0"]
    assert lines[-1] == f"  and 45 more: 45 {FITS}"
    assert len(lines) == 2 + MOST_ROWS
    for number in range(15, 40):
        found.add(f"wrong{number}", None, [(number, 1)])
    assert found.table().splitlines()[-1] == "  and 70 more: 20 missing in file, 50 fits"


def test_what_a_file_says_is_shown_as_plain_text():
    found = Comparison("w", "Sequential 'net'")
    found.add("\x1b[31mred\n", [(1,)] * 100_000, None)
    found.add("x" * 10_000, None, [()], "said", UNREADABLE)
    table = found.table()
    assert "\x1b" not in table
    assert len(table.splitlines()) == 3
    assert max(map(len, table.splitlines())) < 200
    assert "(1,) (1,) (1,) (1,) and 99996 more" in table


def test_alignment():
    assert aligned("abc", "abc") == [(0, 0), (1, 1), (2, 2)]
    assert aligned("abc", "axc") == [(0, 0), (1, 1), (2, 2)]
    assert aligned("abc", "ac") == [(0, 0), (1, None), (2, 1)]
    assert aligned("ac", "abc") == [(0, 0), (None, 1), (1, 2)]
    assert aligned("", "ab") == [(None, 0), (None, 1)]
    assert aligned("a" * 5000, "a" * 4000)[-1] == (4999, None)
    rng = random.Random(0)
    for _ in range(50):
        one, two = ("".join(rng.choices("ab", k=rng.randint(0, 9))) for _ in range(2))
        pairs = aligned(one, two)
        assert [a for a, _ in pairs if a is not None] == list(range(len(one)))
        assert [b for _, b in pairs if b is not None] == list(range(len(two)))


def net(units: int = 2) -> Sequential:
    return Sequential(
        [
            Input((7, 3)),
            Bidirectional(LSTM(2, name="rnn"), name="both"),
            Dense(4, name="mid"),
            Dense(units, name="out"),
        ],
        name="net",
    )


def test_set_weights_of_a_model_shows_the_table():
    model = net()
    before = model.get_weights()
    with pytest.raises(
        ValueError, match=r"^Weight 8 of Sequential 'net' has shape \(4, 2\), and set_weights got \(4, 3\)"
    ) as error:
        model.set_weights(net(3).get_weights())
    assert str(error.value).splitlines()[1:] == [
        "  layer                        given               in model            verdict",
        "  out                          (4, 3) (3,)         (4, 2) (2,)         shape differs",
        "  both/forward_rnn/lstm_cell   (3, 8) (2, 8) (8,)  (3, 8) (2, 8) (8,)  fits",
        "  both/backward_rnn/lstm_cell  (3, 8) (2, 8) (8,)  (3, 8) (2, 8) (8,)  fits",
        "  mid                          (4, 4) (4,)         (4, 4) (4,)         fits",
        "Where they differ, the list has 3 and the model 2: another number of units or classes.",
    ]
    with pytest.raises(ValueError, match=r"^Sequential 'net' has 10 weights, and set_weights got 8\.\n") as error:
        model.set_weights(before[:-2])
    assert str(error.value).endswith("The list has 1 layer fewer than the model; all else fits.")
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_single_layer_says_it_in_a_sentence():
    with pytest.raises(ValueError, match=r"^Dense 'out' has 2 weights, and set_weights got 0\.$"):
        net().layers[-1].set_weights([])
    with pytest.raises(ValueError, match=r"has no weights yet: it is not built"):
        Sequential([Dense(2)]).set_weights([np.zeros((2, 2))])
