"""The random numbers: the generator is Philox, its streams are independent, its laws are right."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from simulation.demand.demand import Demand
from simulation.demand.kernels import _gamma, _uniforms, exponentials, fill
from simulation.demand.streams import jitter_key, key_of, purpose_of, stream
from simulation.quantities import DAY
from tests.helpers import build, poisson, stream_words

Words = NDArray[np.uint64]

# One of 100,000 right generators fails a test at this level; there are some hundred of them.
LEVEL = 1e-5

BIG = 2**64 - 1


def uniforms_of(words: Words) -> NDArray[np.float64]:
    numbers = np.empty(len(words))
    _uniforms(words, numbers)
    return numbers


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        (
            [0, 0, 0, 0],
            [0, 0],
            "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b",
        ),
        (
            [BIG, BIG, BIG, BIG],
            [BIG, BIG],
            "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0",
        ),
        (
            [0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89],
            [0x452821E638D01377, 0xBE5466CF34E90C6C],
            "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
        ),
    ],
)
def test_the_loop_gives_the_published_vectors_of_philox(
    counter: list[int], key: list[int], expected: str
) -> None:
    # The known answers of Random123 (Salmon and others 2011), file kat_vectors, philox4x64 10.
    words = np.empty(4, np.uint64)
    before = np.uint64((counter[0] - 1) & BIG)  # the loop counts from 1, as NumPy does
    fill(words, before, *np.array(counter[1:], np.uint64), *np.array(key, np.uint64))
    assert [f"{word:016x}" for word in words] == expected.split()


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**63 - 1),
    client=st.text(min_size=1),
    day=st.integers(0, 10_000),
    replication=st.integers(0, 10**6),
    block=st.integers(0, 10**6),
)
def test_the_loop_gives_the_words_of_numpy(
    seed: int, client: str, day: int, replication: int, block: int
) -> None:
    words = np.empty(12, np.uint64)
    fill(words, block, day, replication, purpose_of("mix"), *key_of(seed, client))
    bits = stream(seed, replication, client, day, "mix").bit_generator
    assert isinstance(bits, np.random.Philox)
    assert words.tolist() == bits.advance(block).random_raw(12).tolist()


def test_a_stream_is_the_same_on_every_machine_and_numpy() -> None:
    assert stream(34, 3, "website-forms", 17, "arrivals").bit_generator.random_raw(2).tolist() == [
        17932468546402809000,
        14394647825204693930,
    ]
    assert jitter_key(34, 3, "website-forms") == 16123958821966173005


def test_seed_client_replication_day_and_purpose_each_name_another_stream() -> None:
    names: list[tuple[int, int, str, int, str]] = [
        (seed, replication, client, day, purpose)
        for seed, replication, client, day, purpose in product(
            (0, 1, 2**63 - 1), (0, 1), ("a", "b", "ab"), (0, 1), ("mix", "arrivals")
        )
    ]
    first = {int(stream(*name).bit_generator.random_raw()) for name in names}
    assert len(first) == len(names)


def test_the_logarithm_is_that_of_the_machine_to_the_last_bit_or_two() -> None:
    words = stream_words(200_000)
    gaps, twos = np.empty(len(words)), np.empty(len(words))
    exponentials(words, gaps, twos)
    expected = -np.log1p(-uniforms_of(words))
    assert np.abs(gaps / expected - 1).max() <= 2 * np.finfo(float).eps
    ends = np.array([0, BIG], np.uint64)
    exponentials(ends, gaps[:2], twos[:2])
    assert gaps[:2].tolist() == [0.0, pytest.approx(52 * np.log(2))]


def test_gaps_are_exponential_and_independent() -> None:
    words = stream_words(1_000_000)
    gaps, twos = np.empty(len(words)), np.empty(len(words))
    exponentials(words, gaps, twos)
    assert stats.kstest(gaps, "expon").pvalue > LEVEL
    for lag in (1, 2, 3, 4, 5, 8, 256):
        correlation = np.corrcoef(gaps[:-lag], gaps[lag:])[0, 1]
        assert abs(correlation) < 4.5 / np.sqrt(len(gaps))


@pytest.mark.parametrize("variation", [1e-3, 0.2, 1.0, 3.0, 10.0])
def test_a_day_s_factor_is_gamma(variation: float) -> None:
    shape, key = variation**-2, key_of(34, "a")
    drawn = np.array([_gamma(shape, day, 5, purpose_of("volume"), *key) for day in range(20_000)])
    law = stats.gamma(shape, scale=1 / shape)
    assert stats.kstest(drawn, law.cdf).pvalue > LEVEL
    assert abs(drawn.mean() - 1) < 4.5 * variation / np.sqrt(len(drawn))


def test_counts_of_a_day_are_poisson_by_their_whole_distribution() -> None:
    demand = Demand(build([poisson("p", "7 per day")], horizon="1 day"))
    counts = np.array([len(demand.draw_day(replication, 0)) for replication in range(20_000)])
    cells = np.append(np.arange(1, 15), np.inf)
    edges = np.concatenate(([-1.0], cells))
    seen = np.histogram(counts, edges + 0.5)[0]
    expected = len(counts) * np.diff(stats.poisson(7).cdf(edges))
    assert stats.chisquare(seen, expected).pvalue > LEVEL


def test_calls_of_a_flat_rate_come_at_uniform_times_of_the_day() -> None:
    demand = Demand(build([poisson("p", "20000 per day")], horizon="8 days"))
    for day in range(8):
        times = demand.draw_day(0, day).time - day * DAY
        assert stats.kstest(times, stats.uniform(0, DAY).cdf).pvalue > LEVEL


@pytest.mark.parametrize(
    "law",
    [
        {"uniform": [3, 12]},
        {"choices": {1: 3, 50: 1, 7: 0, 100: 2}},
        {"poisson": 6},
        {"poisson": 0.7},
    ],
)
def test_records_have_their_law_in_every_kind_of_a_mix(law: dict[str, Any]) -> None:
    client = poisson("p", "60000 per day")
    client["calls"] = [
        {"api": "get_modules", "weight": 2},
        {"api": "upsert_records", "records": law, "weight": 1},
        {"api": "insert_records", "records": law, "weight": 3},
    ]
    demand = Demand(build([client], horizon="1 day"))
    calls = demand.draw_day(0, 0)
    for api in ("upsert_records", "insert_records"):
        records = calls.records[calls.api == demand.apis.index(api)]
        numbers = np.arange(1, 101)
        if "uniform" in law:
            chances = np.where((numbers >= 3) & (numbers <= 12), 0.1, 0.0)
        elif "choices" in law:
            chances = np.array([law["choices"].get(int(number), 0) for number in numbers]) / 6
        else:
            chances = stats.poisson(law["poisson"]).pmf(numbers)
            chances[0] += stats.poisson(law["poisson"]).pmf(0)
        seen = np.bincount(records, minlength=101)[1:]
        assert not seen[chances == 0].any()
        often = len(records) * chances >= 5
        seen = np.append(seen[often], seen[~often].sum())
        expected = np.append(chances[often], chances[~often].sum()) * len(records)
        seen, expected = seen[expected > 1e-9], expected[expected > 1e-9]
        assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > LEVEL


def neighbours() -> list[Words]:
    """Return streams whose names differ as little as can be."""
    return [
        stream_words(10_000, seed, client, day, replication)
        for seed, client, day, replication in product((34, 35), ("a", "b"), (0, 1), (0, 1))
    ]


def test_neighbouring_streams_are_independent_in_pairs() -> None:
    for one, other in pairwise(neighbours()):
        cells = 16 * (one >> np.uint64(60)) + (other >> np.uint64(60))
        seen = np.bincount(cells.astype(np.int64), minlength=256)
        assert stats.chisquare(seen).pvalue > LEVEL
        # Half of the bits of two words differ; their number is binomial.
        apart = int(np.unpackbits((one ^ other).view(np.uint8)).sum())
        assert abs(apart - 32 * len(one)) < 4.5 * np.sqrt(16 * len(one))
