"""Named streams of random numbers: one for each client, day and purpose.

A stream depends on what it is for and on nothing else. So adding a client, reordering
others, cutting the horizon or running replications elsewhere changes no other stream, and
day 200 can be drawn without drawing the days before it (rule 4).

The generator is Philox4x64-10, which is counter-based (Salmon, Moraes, Dror and Shaw, Parallel
random numbers: as easy as 1, 2, 3, 2011): word n is a function of a key and of n alone. The key is
the hash of seed and client; replication, day and purpose stand in the counter beside the number of
the block. So streams never overlap, and none has to be set up: `kernels` draws a client's days in
one loop. NumPy's own Philox gives the same words.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Key", "jitter_key", "key_of", "names_of", "purpose_of", "stream", "uniform"]

_MASK = 2**64 - 1


class Key(NamedTuple):
    """The words that a client's streams have in common."""

    first: np.uint64
    second: np.uint64


@lru_cache(maxsize=4096)
def key_of(seed: int, client: str) -> Key:
    """Return the key of a client's streams, the same on every machine and in every process."""
    # Python's own hash of a text differs between processes.
    digest = hashlib.blake2b(
        client.encode(), digest_size=16, salt=seed.to_bytes(16, "little")
    ).digest()
    return Key(*np.frombuffer(digest, "<u8").astype(np.uint64))


@lru_cache(maxsize=64)
def purpose_of(name: str) -> np.uint64:
    """Return the word of the counter that names what a stream is for."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def names_of(seed: int, client: str, purpose: str) -> NDArray[np.uint64]:
    """Return what names a client's streams of a purpose to the loops: key and purpose, (3,)."""
    return np.array([*key_of(seed, client), purpose_of(purpose)], np.uint64)


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
    # NumPy counts before it draws, so its first block is that of counter 1.
    counter = np.array([0, day, replication, purpose_of(purpose)], np.uint64)
    bits = np.random.Philox(counter=counter, key=np.array(key_of(seed, client), np.uint64))
    return np.random.Generator(bits)


def jitter_key(seed: int, replication: int, client: str) -> int:
    """Return the 64-bit key from which `uniform` draws the jitter of a client's retries."""
    return int(stream(seed, replication, client, 0, "jitter").bit_generator.random_raw())


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
