"""The largest quantities that a scenario and a rate card may hold, and why.

Both engines count in whole numbers of 64 bits. With these bounds no sum, product or time can
leave them: 1,000,000 credits a call and 9 million million calls, more than a run can make in
a week of computing, add up to less than 2^63; so do 20 years in µs and any delay behind them.
Where a rate card's smallest unit is a part of a credit, its bounds are of as many such units.
"""

from __future__ import annotations

__all__ = [
    "FEWEST_PER_MONTH",
    "FIRST_YEAR",
    "LAST_YEAR",
    "LEAST_VARIATION",
    "LEAST_WEIGHT",
    "MOST_CALLS_A_DAY",
    "MOST_CLIENTS",
    "MOST_CONCURRENT",
    "MOST_CREDITS",
    "MOST_CREDITS_A_CALL",
    "MOST_DOLLARS",
    "MOST_LICENSES",
    "MOST_PER_LICENSE",
    "MOST_PER_MONTH",
    "MOST_RECORDS",
    "MOST_REPLICATIONS",
    "MOST_SEED",
    "MOST_VARIATION",
    "MOST_WEIGHT",
    "MOST_WORKERS",
]

FIRST_YEAR, LAST_YEAR = 1990, 2200
"""Years of a start and of a trace's rows: any zone, and any horizon, can be applied to them."""

MOST_CALLS_A_DAY = 100_000_000
"""Of one client, and of all: a day's calls stand in memory as arrays, which take some 35 GB."""
MOST_CREDITS_A_CALL = 1_000_000
MOST_CREDITS = 10**12
"""Of a base allowance, a maximum, a purchase cap, and the add-on credits of an org."""
MOST_PER_LICENSE, MOST_LICENSES = 1_000_000, 10_000_000
MOST_RECORDS = 1_000_000_000
MOST_CLIENTS = 100_000
MOST_CONCURRENT = 1_000_000
MOST_DOLLARS = 1_000_000_000
MOST_REPLICATIONS, MOST_SEED = 1_000_000, 2**63 - 1
MOST_WORKERS = 1024
"""Processes or threads at once; more help on no machine."""

LEAST_WEIGHT, MOST_WEIGHT = 1e-9, 1e12
"""Of a kind of call, a number of records or an hour; within these a sum of weights is precise."""
LEAST_VARIATION, MOST_VARIATION = 1e-6, 10.0
"""Of a day's volume: below, the gamma law's shape overflows; above, most days have no calls."""
FEWEST_PER_MONTH, MOST_PER_MONTH = 1e-12, 1e12
"""Of growth, as a factor for 30 days."""
