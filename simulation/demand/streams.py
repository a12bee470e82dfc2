"""Named streams of random numbers: one for each client, day and purpose.

A stream depends on what it is for and on nothing else. So adding a client, reordering
others, cutting the horizon or running replications elsewhere changes no other stream, and
day 200 can be drawn without drawing the days before it (rule 4).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

__all__ = ["jitter_key", "stream", "uniform"]

_MASK = 2**64 - 1


@lru_cache(maxsize=4096)
def _words(name: str) -> tuple[int, ...]:
    """Return a name's hash as four 32-bit words, the same on every machine and in every process."""
    # Python's own hash of a text differs between processes.
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))


def _sequence(
    seed: int, replication: int, client: str, day: int, purpose: str
) -> np.random.SeedSequence:
    key = (replication, *_words(client), day, *_words(purpose))
    return np.random.SeedSequence(entropy=seed, spawn_key=key)


def stream(seed: int, replication: int, client: str, day: int, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose of one client on one day.

    Parameters
    ----------
    seed : int
        The scenario's seed, 0 or more.
    replication, day : int
        Counted from 0.
    client, purpose : str
        Their names; streams of different names are independent.
    """
    # By its name: what `default_rng` draws from may change with NumPy's version.
    bits = np.random.PCG64(_sequence(seed, replication, client, day, purpose))
    return np.random.Generator(bits)


def jitter_key(seed: int, replication: int, client: str) -> int:
    """Return the 64-bit key from which `uniform` draws the jitter of a client's retries."""
    sequence = _sequence(seed, replication, client, 0, "jitter")
    return int(sequence.generate_state(1, np.uint64)[0])


def _mix(word: int) -> int:
    """Return 64 bits, scrambled (the finalizer of SplitMix64; Steele, Lea and Flood 2014)."""
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
    return word ^ (word >> 31)


def uniform(key: int, call: int, attempt: int) -> float:
    """Return the uniform number in [0, 1) that belongs to one attempt of one call.

    It is a function of its arguments alone, so a retry's jitter is the same whatever else
    happens and in whatever order (rule 3.6).
    """
    # Plus 1, since 0 is mixed to 0. Masks are for Python's whole numbers, which do not wrap.
    word = _mix(key ^ _mix((call * 0x9E3779B97F4A7C15 + 1) & _MASK))
    word = _mix((word + attempt * 0x9E3779B97F4A7C15) & _MASK)
    # The upper 53 bits, as many as a float holds, so that no number is rounded up to 1.
    return (word >> 11) * 2.0**-53
