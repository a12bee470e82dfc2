"""Usage as it is fitted: how many calls one client made in each stretch of time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulation.arrays import Floats, Ints
from simulation.fitting.cell_loops import in_steps
from simulation.quantities import DAY, SECOND

__all__ = ["Cells"]

_LAST = 2**62  # µs since 1970, of any moment; sums of two then have 64 bits


@dataclass(frozen=True)
class Cells:
    """How many calls one client made when: a count for each stretch in which it made any.

    Attributes
    ----------
    grain : int
        Length of a cell, µs; from 1 to a day.
    at : (n,) int64 array
        Index of each cell, strictly rising: it begins ``at * grain`` µs after 1970-01-01 UTC.
    calls : (n,) int64 array
        Calls that began in it, at least 1.
    covered : tuple of (int, int)
        Stretches [begin, end) in µs since 1970-01-01 UTC that the log covers, in order, disjoint.

    Raises
    ------
    ValueError
        If arrays or stretches are not as said, or a cell lies outside all stretches.
    """

    grain: int
    at: Ints
    calls: Ints
    covered: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if not 1 <= self.grain <= DAY:
            raise ValueError(f"a cell of {self.grain} µs, cells last from 1 µs to a day")
        if self.at.shape != self.calls.shape or self.at.ndim != 1:
            raise ValueError("at and calls differ in their shape")
        edges = [edge for stretch in self.covered for edge in stretch]
        if not edges or any(a >= b for a, b in self.covered) or edges != sorted(edges):
            raise ValueError("covered stretches are not in order, empty, or overlap")
        if max(map(abs, edges)) > _LAST:
            raise ValueError("a covered stretch lies further from 1970 than times can count")
        if not len(self.at):
            return
        if (np.diff(self.at) <= 0).any():
            raise ValueError("cells are not in order, or one stands twice")
        if self.calls.min() < 1:
            raise ValueError("a cell without calls")
        # Cells that reach into a stretch, from the first behind those of the stretches before.
        begins, ends = np.array(self.covered, np.int64).T
        first = np.searchsorted(self.at, begins // self.grain)
        behind = np.concatenate([[0], np.searchsorted(self.at, -(-ends // self.grain))])
        if (first > behind[:-1]).any() or behind[-1] < len(self.at):
            raise ValueError("a cell lies outside of what the log covers")

    @classmethod
    def of_times(
        cls, times: Ints, grain: int = SECOND, covered: tuple[tuple[int, int], ...] | None = None
    ) -> Cells:
        """Return the cells of single calls.

        Parameters
        ----------
        times : (calls,) int64 array
            When each call began, µs since 1970-01-01 UTC, in any order; at least one unless
            ``covered`` is given.
        grain : int
            Length of a cell, µs.
        covered : tuple of (int, int), optional
            What the log covers; from the first cell to the last one unless given.
        """
        at, calls = np.unique(times // grain, return_counts=True)
        if covered is None:
            covered = ((int(at[0]) * grain, (int(at[-1]) + 1) * grain),)
        return cls(grain, at.astype(np.int64), calls.astype(np.int64), covered)

    @cached_property
    def begins(self) -> Ints:
        """When each cell begins, (n,), µs since 1970-01-01 UTC."""
        return self.at * self.grain

    @property
    def total(self) -> int:
        """The calls of all cells."""
        return int(self.calls.sum())

    @property
    def length(self) -> int:
        """How long all covered stretches are together, µs."""
        return sum(end - begin for begin, end in self.covered)

    def with_calls(self, calls: Ints) -> Cells:
        """Return these cells with other numbers of calls, (n,); those without any are left out."""
        some = calls > 0
        return Cells(self.grain, self.at[some], calls[some], self.covered)

    def longer(self, grain: int) -> Cells:
        """Return the same calls in cells of a length that is a multiple of this one's, µs."""
        if grain == self.grain:
            return self
        return Cells(grain, *in_steps(self.at, self.calls, grain // self.grain), self.covered)

    def within(self, moments: Ints) -> Floats:
        """Return how many calls began before each moment, (m,); a cell's are spread over it."""
        sums = np.concatenate([[0], np.cumsum(self.calls)])
        before = np.searchsorted(self.at, moments // self.grain)
        if not len(self.at):
            return np.zeros(len(moments))
        cell = np.minimum(before, len(self.at) - 1)
        part = np.clip((moments - self.at[cell] * self.grain) / self.grain, 0, 1)
        cut = np.where(self.at[cell] == moments // self.grain, part * self.calls[cell], 0.0)
        counted: Floats = sums[before] + cut
        return counted
