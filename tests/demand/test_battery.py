"""The ten tests of SmallCrush on the streams, taken one after the other and side by side.

P. L'Ecuyer and R. Simard, TestU01: a C library for empirical testing of random number generators,
2007, section 5.3; no package of Python brings it. Parameters are smaller than theirs, for time's
sake: each sequence is two hundred thousand words. Upper and lower halves of the words are tested.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import comb, factorial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from tests.helpers import stream_words

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]

pytestmark = pytest.mark.once

WORDS = 200_000
LEVEL = 1e-6  # there are a hundred of these tests


SEQUENCES: dict[str, Callable[[], Words]] = {
    "one stream": lambda: stream_words(WORDS, 34, "a", 0, 0),
    "days side by side": lambda: side_by_side(lambda n: stream_words(4, 34, "a", n, 0)),
    "replications side by side": lambda: side_by_side(lambda n: stream_words(4, 34, "a", 0, n)),
    "clients side by side": lambda: side_by_side(lambda n: stream_words(4, 34, f"c{n}", 0, 0)),
    "seeds side by side": lambda: side_by_side(lambda n: stream_words(4, n, "a", 0, 0)),
}


def side_by_side(stream: Callable[[int], Words]) -> Words:
    """Return the first words of many streams that differ in one number."""
    return np.concatenate([stream(n) for n in range(WORDS // 4)])


@lru_cache
def words_of(name: str) -> Words:
    return SEQUENCES[name]()


@pytest.fixture(params=[*SEQUENCES])
def words(request: pytest.FixtureRequest) -> Words:
    return words_of(request.param)


@pytest.fixture(params=["upper half", "lower half"])
def uniforms(request: pytest.FixtureRequest, words: Words) -> Floats:
    """Numbers in [0, 1) of half of the bits each."""
    half = words >> np.uint64(32) if request.param == "upper half" else words & np.uint64(2**32 - 1)
    return half / 2.0**32


def check(seen: NDArray[np.int64], chances: Floats) -> None:
    """Compare counts with what they should be, rare cells together (Pearson's chi-square)."""
    expected = chances / chances.sum() * seen.sum()
    often = expected >= 10
    if not often.all():
        seen = np.append(seen[often], seen[~often].sum())
        expected = np.append(expected[often], expected[~often].sum())
    assert stats.chisquare(seen, expected).pvalue > LEVEL


def check_poisson(seen: int, mean: float) -> None:
    assert stats.poisson(mean).sf(seen - 1) > LEVEL
    assert stats.poisson(mean).cdf(seen) > LEVEL


def test_birthday_spacings(uniforms: Floats) -> None:
    days, people = 2**32, 4096  # the mean of equal spacings is people³ / (4 days) = 4
    groups = uniforms[: len(uniforms) // people * people].reshape(-1, people)
    spacings = np.sort(np.diff(np.sort(groups * days, axis=1), axis=1), axis=1)
    equal = int((np.diff(spacings, axis=1) == 0).sum())
    check_poisson(equal, len(groups) * people**3 / (4 * days))


def test_collisions(uniforms: Floats) -> None:
    urns = 2**24
    thrown = (uniforms * urns).astype(np.int64)
    collisions = len(thrown) - len(np.unique(thrown))
    empty = urns * np.exp(len(thrown) * np.log1p(-1 / urns))
    check_poisson(collisions, len(thrown) - urns + empty)


def test_gaps(uniforms: Floats) -> None:
    hits = np.flatnonzero(uniforms < 1 / 16)
    gaps = np.minimum(np.diff(hits) - 1, 100)
    chances = (15 / 16) ** np.arange(101) / 16
    chances[100] *= 16  # and all longer ones
    check(np.bincount(gaps, minlength=101), chances)


def stirling(n: int, k: int) -> int:
    """Return in how many ways n things make k groups."""
    ways: int = sum((-1) ** i * comb(k, i) * (k - i) ** n for i in range(k + 1))
    return ways // factorial(k)


def test_poker_hands(uniforms: Floats) -> None:
    hands = np.sort((uniforms[: len(uniforms) // 5 * 5] * 16).astype(np.int64).reshape(-1, 5))
    different = 1 + (np.diff(hands, axis=1) > 0).sum(axis=1)
    ways = [stirling(5, k) * factorial(16) / factorial(16 - k) for k in range(1, 6)]
    check(np.bincount(different, minlength=6)[1:], np.array(ways) / 16**5)


def test_coupon_collectors(uniforms: Floats) -> None:
    kinds, lengths = 5, []
    missing, length = {*range(kinds)}, 0
    for coupon in (uniforms * kinds).astype(np.int64).tolist():
        missing.discard(coupon)
        length += 1
        if not missing:
            lengths.append(min(length, 40))
            missing, length = {*range(kinds)}, 0
    whole = np.arange(kinds, 40)
    done = [stirling(int(n) - 1, kinds - 1) * factorial(kinds) / kinds ** int(n) for n in whole]
    chances = np.append(done, 1 - sum(done))
    check(np.bincount(lengths, minlength=41)[kinds:], chances)


def test_largest_of_eight(uniforms: Floats) -> None:
    largest = uniforms[: len(uniforms) // 8 * 8].reshape(-1, 8).max(axis=1)
    assert stats.kstest(largest**8, "uniform").pvalue > LEVEL


def test_weights_of_groups(uniforms: Floats) -> None:
    groups = uniforms[: len(uniforms) // 64 * 64].reshape(-1, 64)
    inside = (groups < 1 / 4).sum(axis=1)
    check(np.bincount(inside, minlength=65), stats.binom(64, 1 / 4).pmf(np.arange(65)))


def test_ranks_of_binary_matrices(words: Words) -> None:
    size = 64
    ranks = [rank(matrix.tolist()) for matrix in words[: 3_000 * size].reshape(-1, size)]
    lost = size - np.minimum(ranks, size)
    chances = [_chance_of_rank(size, size - n) for n in range(4)]
    seen = np.bincount(np.minimum(lost, 4), minlength=5)
    check(seen, np.append(chances, max(0.0, 1 - sum(chances))))


def _chance_of_rank(size: int, rank: int) -> float:
    chance = 2.0 ** (rank * (2 * size - rank) - size * size)
    for i in range(rank):
        chance *= (1 - 2.0 ** (i - size)) ** 2 / (1 - 2.0 ** (i - rank))
    return chance


def rank(rows: list[int]) -> int:
    """Return the rank of a matrix of bits."""
    found = 0
    while rows:
        row = rows.pop()
        if row:
            found += 1
            low = row & -row
            rows = [other ^ row if other & low else other for other in rows]
    return found


def test_hamming_weights_of_neighbours_are_independent(words: Words) -> None:
    ones = np.unpackbits(words.view(np.uint8)).reshape(len(words), 64).sum(axis=1)
    kind = np.sign(ones.astype(np.int64) - 32) + 1
    law = stats.binom(64, 0.5)
    single = np.array([law.cdf(31), law.pmf(32), law.sf(32)])
    pairs = 3 * kind[0::2] + kind[1::2]
    check(np.bincount(pairs, minlength=9), np.outer(single, single).ravel())


def test_random_walks(words: Words) -> None:
    steps = 2 * np.unpackbits(words.view(np.uint8)).astype(np.int64) - 1
    walks = steps[: len(steps) // 256 * 256].reshape(-1, 256)
    ends = (walks.sum(axis=1) + 256) // 2
    check(np.bincount(ends, minlength=257), stats.binom(256, 0.5).pmf(np.arange(257)))
    # The furthest to one side: P(max ≥ m) = P(end ≥ m) + P(end > m), by reflection.
    furthest = np.maximum(walks.cumsum(axis=1).max(axis=1), 0)
    law = stats.binom(256, 0.5)
    at_least = [law.sf((m + 256 + 1) // 2 - 1) + law.sf((m + 256) // 2) for m in range(258)]
    chances = np.append(1.0, at_least[1:257]) - np.array(at_least[1:258])
    check(np.bincount(furthest, minlength=257), chances)
