"""Cells: what is refused, and how many calls lie before a moment."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.fitting.cells import Cells
from simulation.quantities import DAY, HOUR, SECOND


def ints(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("grain", "at", "calls", "covered", "says"),
    [
        (0, ints(1), ints(1), ((0, 9),), "cells last"),
        (2 * DAY, ints(1), ints(1), ((0, 9),), "cells last"),
        (1, ints(1, 2), ints(1), ((0, 9),), "shape"),
        (1, ints(2, 1), ints(1, 1), ((0, 9),), "order"),
        (1, ints(1, 1), ints(1, 1), ((0, 9),), "twice"),
        (1, ints(1), ints(0), ((0, 9),), "without calls"),
        (1, ints(1), ints(1), (), "stretches"),
        (1, ints(1), ints(1), ((5, 5),), "stretches"),
        (1, ints(1), ints(1), ((0, 5), (4, 9)), "stretches"),
        (1, ints(1), ints(1), ((0, 2**63),), "further"),
        (1, ints(9), ints(1), ((0, 9),), "outside"),
        (10, ints(0, 2), ints(1, 1), ((0, 5), (30, 40)), "outside"),
    ],
)
def test_cells_are_as_said(
    grain: int, at: object, calls: object, covered: object, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Cells(grain, at, calls, covered)  # type: ignore[arg-type]


def test_a_cell_that_is_covered_in_part_is_one() -> None:
    assert Cells(10, ints(0, 2), ints(1, 1), ((5, 8), (29, 40))).total == 2
    assert not Cells(10, ints(), ints(), ((5, 8),)).total


def test_calls_of_a_cell_are_spread_over_it() -> None:
    cells = Cells(10, ints(1, 3), ints(4, 6), ((0, 50),))
    moments = ints(0, 10, 15, 20, 25, 30, 35, 40, 49)
    assert cells.within(moments).tolist() == [0, 0, 2, 4, 4, 4, 7, 10, 10]


def test_single_calls_are_counted_in_any_order() -> None:
    cells = Cells.of_times(ints(7 * SECOND + 3, 5, 7 * SECOND))
    assert (cells.at.tolist(), cells.calls.tolist()) == ([0, 7], [1, 2])
    assert cells.covered == ((0, 8 * SECOND),)
    assert cells.length == 8 * SECOND
    assert Cells.of_times(ints(), HOUR, ((0, HOUR),)).total == 0


def test_longer_cells_hold_the_same_calls() -> None:
    cells = Cells.of_times(np.array([1, 4, 5, 9, 31]) * SECOND, SECOND, ((0, 60 * SECOND),))
    longer = cells.longer(5 * SECOND)
    assert longer.at.tolist() == [0, 1, 6]
    assert longer.calls.tolist() == [2, 2, 1]
    assert longer.covered == cells.covered
