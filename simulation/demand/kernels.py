"""Loops that draw demand: from the words of named streams to times, kinds and records.

A loop draws all days of a block for one client. Its arrays are short enough to stay in the cache,
and its steps are written one after the other over a few hundred numbers, so that the compiler makes
vector instructions of them. Of floats only sums, products, quotients and square roots are taken,
which are the same on every machine, so the calls are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from simulation.jit import compiled, compiled_with_memory

__all__ = [
    "NO_ROOM",
    "TOO_MANY",
    "draw_factors",
    "draw_mix",
    "draw_poisson",
    "exponentials",
    "fill",
]

NO_ROOM, TOO_MANY = -1, -2
"""What `draw_poisson` returns in place of a count."""

_BLOCKS = 64  # of four words, drawn in one go

_WORD = 2**64
# The multipliers of Philox4x64, and what its key grows by from round to round.
_A, _B = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_NEXT_A, _NEXT_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_ROUNDS = 10


def _product(a: Any, b: Any) -> Any:
    """Return the upper and the lower word of a product of two words."""
    upper, lower = divmod(int(a) * int(b), _WORD)
    return np.uint64(upper), np.uint64(lower)


@intrinsic
def _product_in_registers(context, a, b):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Compile `_product`: processors multiply words to 128 bits, which Numba has no type for."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        wide, word = ir.IntType(128), ir.IntType(64)
        product = builder.mul(*(builder.zext(each, wide) for each in arguments))
        upper = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), word)
        lower = builder.trunc(product, word)
        return context.make_tuple(builder, signature.return_type, (upper, lower))

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), generate


@overload(_product)
def _compile_product(a, b):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return lambda a, b: _product_in_registers(a, b)  # noqa: PLW0108 - Numba takes functions alone


@compiled
def fill(words, block, day, replication, purpose, first, second):  # type: ignore[no-untyped-def]
    """Fill with words of a stream, from one of its blocks on (Philox4x64-10, see `streams`).

    Parameters
    ----------
    words : (4 * m,) uint64 array
    block : int
        Number of the first block.
    day, replication : int
    purpose, first, second : uint64
        Of `streams.purpose_of` and `streams.key_of`.
    """
    for n in range(words.shape[0] // 4):
        a = np.uint64(block + n + 1)  # as NumPy, which counts before it draws
        b, c, d = np.uint64(day), np.uint64(replication), np.uint64(purpose)
        key, other = np.uint64(first), np.uint64(second)
        for _ in range(_ROUNDS):
            a_upper, a_lower = _product(a, _A)
            c_upper, c_lower = _product(c, _B)
            a, b, c, d = c_upper ^ b ^ key, c_lower, a_upper ^ d ^ other, a_lower
            key, other = key + _NEXT_A, other + _NEXT_B
        words[4 * n], words[4 * n + 1], words[4 * n + 2], words[4 * n + 3] = a, b, c, d


_ONE = np.uint64(1023 << 52)  # the float 1.0
_DIGITS = np.uint64(2**52 - 1)
_12, _52 = np.uint64(12), np.uint64(52)


@compiled
def _uniforms(words, numbers):  # type: ignore[no-untyped-def]
    """Put the upper 52 bits of words into numbers in [0, 1)."""
    bits = numbers.view(np.uint64)
    for n in range(words.shape[0]):
        bits[n] = (words[n] >> _12) | _ONE  # a float in [1, 2)
    for n in range(words.shape[0]):
        numbers[n] -= 1.0


# The logarithm of a float between √½ and √2, to the last bit: coefficients of fdlibm's e_log.c
# (Sun Microsystems 1993). The machine's own would give other bytes on another machine.
_ROOT_HALF = np.uint64(0x3FE6A09E00000000)
_LOG_2, _LOG_2_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_C1, _C2, _C3 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01
_C4, _C5, _C6 = 2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01
_C7 = 1.479819860511658591e-01


@compiled
def _minus_log(over, twos):  # type: ignore[no-untyped-def]
    """Return -log of (1 + over) · 2**twos."""
    ratio = over / (2.0 + over)
    z = ratio * ratio
    w = z * z
    rest = z * (_C1 + w * (_C3 + w * (_C5 + w * _C7))) + w * (_C2 + w * (_C4 + w * _C6))
    half = 0.5 * over * over
    return -(ratio * (half + rest) + twos * _LOG_2_REST - half + over + twos * _LOG_2)


@compiled
def _minus_logs(numbers, twos):  # type: ignore[no-untyped-def]
    """Replace numbers above 0 by their -log; what stands in ``twos`` does not matter."""
    bits = numbers.view(np.uint64)
    for n in range(numbers.shape[0]):
        shifted = bits[n] + (_ONE - _ROOT_HALF)
        twos[n] = np.float64(np.int64(shifted >> _52) - 1023)
        bits[n] = (shifted & _DIGITS) + _ROOT_HALF
    for n in range(numbers.shape[0]):
        numbers[n] = _minus_log(numbers[n] - 1.0, twos[n])


@compiled
def _log(number, cell, bits):  # type: ignore[no-untyped-def]
    """Return the log of one number above 0; ``bits`` are those of ``cell``."""
    cell[0] = number
    shifted = bits[0] + (_ONE - _ROOT_HALF)
    bits[0] = (shifted & _DIGITS) + _ROOT_HALF
    return -_minus_log(cell[0] - 1.0, np.float64(np.int64(shifted >> _52) - 1023))


@compiled
def exponentials(words, gaps, twos):  # type: ignore[no-untyped-def]
    """Put standard exponential numbers into ``gaps``, one from each word, by inversion."""
    _uniforms(words, gaps)
    for n in range(words.shape[0]):
        gaps[n] = 1.0 - gaps[n]  # above 0
    _minus_logs(gaps, twos)


@compiled_with_memory
def _gamma(shape, day, replication, purpose, first, second):  # type: ignore[no-untyped-def]
    """Return a gamma number of mean 1 (Marsaglia and Tsang 2000), from a stream of its own."""
    words = np.empty(4, np.uint64)
    numbers, cell = np.empty(4), np.empty(1)
    bits = cell.view(np.uint64)
    # Below 1 the gamma of a shape one higher is drawn, times a power of a uniform number.
    d = (shape if shape >= 1.0 else shape + 1.0) - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    block = 0
    while True:
        fill(words, block, day, replication, purpose, first, second)
        _uniforms(words, numbers)
        block += 1
        # A normal number, by the polar method (Marsaglia and Bray 1964).
        x, y = 2.0 * numbers[0] - 1.0, 2.0 * numbers[1] - 1.0
        square = x * x + y * y
        if square >= 1.0 or square == 0.0:
            continue
        normal = x * np.sqrt(-2.0 * _log(square, cell, bits) / square)
        root = 1.0 + c * normal
        if root <= 0.0:
            continue
        v = root * root * root
        bound = 0.5 * normal * normal + d - d * v + d * _log(v, cell, bits)
        if _log(1.0 - numbers[2], cell, bits) < bound:
            break
    value = d * v / shape
    if shape < 1.0:
        value *= (1.0 - numbers[3]) ** (1.0 / shape)
    return value


@compiled_with_memory
def draw_factors(factors, days, shape, replication, names):  # type: ignore[no-untyped-def]
    """Draw a factor for each of some days; ``names`` are the key's words and the purpose."""
    for d in range(days.shape[0]):
        factors[d] = _gamma(shape, days[d], replication, names[2], names[0], names[1])


@compiled
def _below(numbers, first, last, most):  # type: ignore[no-untyped-def]
    """Return where the rising numbers from ``first`` to ``last`` are no more below ``most``."""
    # Numba's `searchsorted` takes seconds to compile, for the text of its arguments.
    while first < last:
        middle = (first + last) >> 1
        if numbers[middle] < most:
            first = middle + 1
        else:
            last = middle
    return first


@compiled_with_memory
def draw_poisson(  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912, PLR0915 - one loop
    times, days, factors, edges, means, hours, replication, until, names, most
):
    """Draw the calls of an inhomogeneous Poisson process, day by day; return how many.

    Standard exponential gaps are added up to the mean number of calls at which each call comes, and
    mapped to the time at which that is reached (E. Çinlar, Introduction to Stochastic Processes,
    1975, section 4.7).

    Parameters
    ----------
    times : (n,) int64 array
        Filled with the times, µs since the scenario's start, those before it and from ``until`` on
        left out.
    days : (3, d) int64 array
        The days' numbers; filled with how many calls of the day come before the start, and how
        many stand in ``times``.
    factors : (d,) float64 array
        By which the means of each day are multiplied.
    edges, means : (h + 1,) int64 and (h,) float64 array
        When hours begin and end, µs, and the mean number of calls in each.
    hours : (d + 1,) int64 array
        The first hour of each day.
    names : (3,) uint64 array
        The key's words and the purpose.
    most : float
        Calls that a day may have on average.

    Returns
    -------
    int
        How many; `NO_ROOM` if ``times`` is too short, or `TOO_MANY` if a day has more than
        ``most``.
    """
    words = np.empty(4 * _BLOCKS, np.uint64)
    gaps, twos = np.empty(4 * _BLOCKS), np.empty(4 * _BLOCKS)
    first, second, arrivals = names[0], names[1], names[2]
    made = 0
    for d in range(days.shape[1]):
        day, hour, end = days[0, d], hours[d], hours[d + 1]
        total = 0.0
        for h in range(hour, end):
            total += means[h]
        factor = factors[d]
        days[1, d] = days[2, d] = 0
        if not total * factor <= most:  # so written, it refuses nan too
            return TOO_MANY
        # Hours without calls at the day's end are left out, though rounding may reach their edge.
        while end > hour and means[end - 1] == 0.0:
            end -= 1
        if factor == 0.0 or end == hour:
            continue
        gone, reached, block, first_made = 0.0, 0.0, 0, made
        # Fields of the hour in locals, since it changes once for thousands of calls.
        begin, last, passed = edges[hour], edges[hour + 1] - 1, means[hour]
        scale, slope = 1.0 / factor, (edges[hour + 1] - edges[hour]) / means[hour]
        while hour < end:
            # About as many as still come; the last words of a day are drawn in vain.
            left = max(0.0, (total - gone) * factor)
            blocks = min(_BLOCKS, 1 + int(0.25 * (left + 2.0 * np.sqrt(left))))
            count = 4 * blocks
            if made + count > times.shape[0]:
                return NO_ROOM
            fill(words[:count], block, day, replication, arrivals, first, second)
            exponentials(words[:count], gaps[:count], twos[:count])
            block += blocks
            # Sums of four gaps at a time: added one by one, each addition would wait for the last.
            for n in range(0, count, 4):
                one, three = gaps[n] * scale, gaps[n + 2] * scale
                two = one + gaps[n + 1] * scale
                gaps[n], gaps[n + 1], gaps[n + 2] = gone + one, gone + two, gone + (two + three)
                gone += two + (three + gaps[n + 3] * scale)
                gaps[n + 3] = gone
            done = 0
            while done < count and hour < end:
                stop = _below(gaps, done, count, passed)
                for n in range(done, stop):
                    # The last float before an edge may be rounded up to it.
                    times[made + n - done] = min(
                        begin + np.int64(slope * (gaps[n] - reached)), last
                    )
                made += stop - done
                done = stop
                if done < count:
                    hour += 1
                    if hour < end:
                        reached, passed = passed, passed + means[hour]
                        begin, last = edges[hour], edges[hour + 1] - 1
                        slope = (edges[hour + 1] - edges[hour]) / means[hour]
        early = 0
        if edges[hours[d]] < 0:  # the day began before the run
            while first_made + early < made and times[first_made + early] < 0:
                early += 1
            made -= early
            for n in range(first_made, made):
                times[n] = times[n + early]
        while made > first_made and times[made - 1] >= until:
            made -= 1
        days[1, d], days[2, d] = early, made - first_made
    return made


@compiled
def _above(sums, low, high, number):  # type: ignore[no-untyped-def]
    """Return where the rising sums from ``low`` to ``high`` first lie above a number."""
    while low < high:
        middle = (low + high) >> 1
        if number < sums[middle]:
            high = middle
        else:
            low = middle + 1
    return low


@compiled_with_memory
def draw_mix(  # type: ignore[no-untyped-def]  # noqa: C901 - one loop
    what, days, replication, names, lows, scales, least, most, begins, ends, sums, numbers
):
    """Draw the kind and the records of each call from one word.

    The word chooses a kind, and where in the kind's part it lies is again uniform: that chooses the
    records.

    Parameters
    ----------
    what : (n,) int64 array
        Filled with api × 2**32 + records.
    days : (3, d) int64 array
        The days' numbers, how many calls of the day are left out before those in ``what``, and how
        many follow.
    replication : int
    names : (3,) uint64 array
        The key's words and the purpose.
    lows, scales : (k,) float64 array
        Where each kind's part of [0, 1) begins, and what its place there is multiplied by: how many
        numbers of records are as likely, over the length of the part.
    least, most : (k,) int64 array
        Of each kind: its code and the least number of records as in ``what``, and how many more
        there may be.
    begins, ends : (k,) int64 array
        Where in ``sums`` and ``numbers`` the records of each kind begin and end; they do not where
        all numbers are as likely.
    sums, numbers : (t,) float64 and int64 array
        Probabilities, added up within each kind, and numbers of records.
    """
    words = np.empty(4 * _BLOCKS, np.uint64)
    uniforms, within = np.empty(4 * _BLOCKS), np.empty(4 * _BLOCKS)
    first, rest = np.empty(4 * _BLOCKS, np.int64), np.empty(4 * _BLOCKS, np.int64)
    made = 0
    for d in range(days.shape[1]):
        here, last = days[1, d], days[1, d] + days[2, d]
        while here < last:
            block = here // 4
            blocks = min(_BLOCKS, (last - 4 * block + 3) // 4)
            count = 4 * blocks
            fill(words[:count], block, days[0, d], replication, names[2], names[0], names[1])
            _uniforms(words[:count], uniforms[:count])
            # By choice between values, not by branches, which random numbers make unpredictable.
            for n in range(count):
                within[n] = (uniforms[n] - lows[0]) * scales[0]
                first[n], rest[n] = least[0], most[0]
            for k in range(1, lows.shape[0]):
                low, scale, its_least, its_most = lows[k], scales[k], least[k], most[k]
                for n in range(count):
                    its = uniforms[n] >= low
                    within[n] = (uniforms[n] - low) * scale if its else within[n]
                    first[n] = its_least if its else first[n]
                    rest[n] = its_most if its else rest[n]
            skipped, end = here - 4 * block, min(count, last - 4 * block)
            # Of records that are as likely the number within; rounding may reach the next one.
            for n in range(skipped, end):
                what[made + n - skipped] = first[n] + min(np.int64(within[n]), rest[n])
            if sums.shape[0] > 0:
                for n in range(skipped, end):
                    kind = np.int64(0)
                    for k in range(1, lows.shape[0]):
                        kind += uniforms[n] >= lows[k]
                    if begins[kind] < ends[kind]:
                        found = _above(sums, begins[kind], ends[kind] - 1, within[n])
                        what[made + n - skipped] = first[n] + numbers[found]
            made += end - skipped
            here = 4 * (block + blocks)
