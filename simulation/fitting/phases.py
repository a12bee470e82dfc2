"""Times of a cycle at which calls come again and again: of the day, or of a shorter period.

A cycle is cut into slots. A slot stands out if its count reaches some number in most cycles, while
slots close to it reach that number far less often. Slots close to it tell how often chance would,
whatever the law of what else comes: its rate, its bursts, and busy days count alike in all of them.
They lie within half an hour on either side, and the side where more comes counts: where the rate
changes by the hour, one of both sides has the slot's own rate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from simulation.arrays import Flags, Floats, Ints

__all__ = ["FALSE_ALARMS", "Phase", "phases_of"]

FALSE_ALARMS = 0.001
"""Logs without a schedule in which one is found, as a share of all, by Bonferroni's inequality."""

_TESTS_BESIDES = 500  # widths, offsets, periods and sets of days that are looked at, for each slot
_LEAST_SHARE = 0.6  # of the cycles in which the slot has to stand out: a few runs may be missed
_MOST_CHANCE = 0.5  # of that share is what chance makes
_DAY_SHARE = 0.9  # of the mean of it and of chance is reached on a weekday, if it is one of them
_STEP = 1.5  # from each count that is tried to the next
_SETS = np.array(
    [
        np.ones(7),
        np.arange(7) < 5,
        np.arange(7) >= 5,
        *np.eye(7),
    ]
)  # of weekdays on which a schedule may run, (s, 7)


class Phase(NamedTuple):
    """A slot that stands out.

    Attributes
    ----------
    slot : int
    calls : int
        The count that it reaches.
    days : (7,) bool array
        On which weekdays it does.
    p_value : float
    """

    slot: int
    calls: int
    days: Flags
    p_value: float


def phases_of(
    slot: Ints, weekday: Ints, calls: Ints, slots: int, cycles: Ints, reach: int
) -> list[Phase]:
    """Return the slots that stand out, in order.

    Parameters
    ----------
    slot, weekday, calls : (n,) int64 arrays
        Of each slot of each cycle in which there are calls: its number, the weekday of its cycle,
        and its calls.
    slots : int
        Slots of a cycle.
    cycles : (7,) int64 array
        How many cycles the log covers, by weekday.
    reach : int
        How many slots on each side are close.
    """
    found: dict[int, Phase] = {}
    reach = min(reach, (slots - 3) // 2)
    if reach < 1 or not len(slot):
        return []
    covered = _SETS @ cycles
    place_of, level = weekday * slots + slot, 1.0
    while len(calls) and level <= calls.max():
        at_least = int(np.ceil(level))
        level = max(level * _STEP, level + 1)
        if at_least > 1:
            reached = calls >= at_least
            place_of, calls = place_of[reached], calls[reached]
        # As floats, since a product of whole numbers takes many times as long.
        by_day = np.bincount(place_of, minlength=7 * slots).reshape(7, slots).astype(np.float64)
        rare = _chance(by_day.sum(axis=0), float(cycles.sum()), reach, 1)
        some = False
        for by_set, count in zip(_SETS @ by_day, covered, strict=True):
            if count < 2:
                continue
            its = np.minimum(by_set, count)
            often = np.flatnonzero(its >= _LEAST_SHARE * count)
            some |= bool(len(often))
            if not len(often):
                continue
            # Few days of one kind tell less than all days do of what is rare on all of them.
            chance = np.maximum(_chance(its, count, reach), rare)[often]
            p_value = stats.binom.sf(its[often] - 1, count, chance)
            p_value = p_value * slots * _TESTS_BESIDES
            sure = (p_value < FALSE_ALARMS) & (chance <= _MOST_CHANCE * its[often] / count)
            columns = (often[sure].tolist(), p_value[sure].tolist(), chance[sure].tolist())
            for place, p, luck in zip(*columns, strict=True):
                # The largest count that stands out as surely tells most of the calls.
                if place not in found or p <= found[place].p_value:
                    share = by_day[:, place] / np.maximum(cycles, 1)
                    least = (_DAY_SHARE * its[place] / count + luck) / 2
                    on = _on(share >= least, cycles > 0)
                    found[place] = Phase(place, at_least, on, p)
        if not some:
            break
    return [found[place] for place in sorted(found)]


def _on(reached: Flags, covered: Flags) -> Flags:
    """Return on which weekdays a slot stands out, (7,): one that the log lacks is as its type is.

    If the log has none of the type, it is as the others are.
    """
    on = reached & covered
    for kind in (_SETS[1] > 0, _SETS[2] > 0):  # from Monday to Friday; Saturday and Sunday
        alike = covered & kind if (covered & kind).any() else covered
        on |= kind & ~covered & bool(reached[alike].mean() >= 0.5)
    return on


def _chance(hits: Floats | Ints, cycles: float, reach: int, besides: int = 0) -> Floats:
    """Return how often slots close to each slot reach a count by chance, on the side of more.

    As if they had reached it ``besides`` once more, where nothing may only be luck.
    """
    slots = len(hits)
    around = np.concatenate([hits[-reach - 2 :], hits, hits[: reach + 2]])
    sums = np.concatenate([[0.0], np.cumsum(around)])
    # The two slots next to it are left out: a run may reach into them.
    before = sums[reach : reach + slots] - sums[:slots]
    after = sums[2 * reach + 5 : 2 * reach + 5 + slots] - sums[reach + 5 : reach + 5 + slots]
    most: Floats = (np.maximum(before, after) + besides) / (reach * cycles + besides)
    return np.minimum(most, 1.0)
