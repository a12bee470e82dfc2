"""What the tables of results hold that are read back: their columns, keys and numbers."""

from __future__ import annotations

from simulation.experiment import METER_COLUMNS, METER_STATISTICS, STATISTICS, SUMMARY_COLUMNS

__all__ = ["BEGIN", "KEYS", "MAY_BE_MISSING", "NO_NUMBERS", "OVER_TIME", "PLANS", "RUNS"]

RUNS = (
    *("runs", "client_runs", "category_runs", "meter_runs", "meters", "intervals", "alerts"),
    "summary",
)
PLANS = ("frontier", "fresh")
OVER_TIME = ("timelines", "now_runs", "now_summary", "now_meters", "now_hours")
_SIZES = (
    "addon_credits limit price_per_day price_per_month bill_per_month bill_per_month_low "
    "bill_per_month_high worst_bill_per_month throttled_share throttled_share_low "
    "throttled_share_high lost_calls lost_calls_low lost_calls_high meets_probability meets_low "
    "meets_high replications"
)
_INTERVALS = (
    "replication start_at calls credits_demanded credits_used credits_available throttled_attempts"
)
BEGIN = {
    "runs": ("replication", *STATISTICS),
    "client_runs": ("replication", "client", *STATISTICS),
    "category_runs": ("replication", "category", *STATISTICS),
    "meter_runs": ("replication", "meter", *METER_STATISTICS),
    "meters": METER_COLUMNS,
    "intervals": tuple(_INTERVALS.split()),
    "alerts": ("replication", "level_percent", "day", "crossed_at"),
    "summary": SUMMARY_COLUMNS,
    **dict.fromkeys(PLANS, tuple(_SIZES.split())),
    "timelines": (
        *("addon_credits", "replications", "start", "low", "median", "high"),
        *("throttled", "warming"),
    ),
    "now_runs": ("replication", "grain", "name", *STATISTICS),
    "now_summary": SUMMARY_COLUMNS,
    "now_meters": METER_COLUMNS,
    "now_hours": ("weekday", "hour", "mean_throttled_attempts"),
}
"""The columns with which each table begins, in their order."""

KEYS = {
    "runs": ("replication",),
    "client_runs": ("replication", "client"),
    "category_runs": ("replication", "category"),
    "meter_runs": ("replication", "meter"),
    "meters": ("meter", "statistic"),
    "now_meters": ("meter", "statistic"),
    "intervals": ("replication", "start_at"),
    "summary": ("grain", "name", "statistic"),
    "now_runs": ("replication", "grain", "name"),
    "now_summary": ("grain", "name", "statistic"),
    "now_hours": ("weekday", "hour"),
}
"""What tells the rows of a table apart."""

MAY_BE_MISSING = {name for name in STATISTICS if name.startswith("delay_")} | {
    *("throttled_share", "peak_share", "hours_to_first_throttle", "mean", "ci95_low", "ci95_high"),
    "mean_throttled_attempts",
    *("throttled_share_low", "throttled_share_high", "lost_calls_low", "lost_calls_high"),
    *("bill_per_month_low", "bill_per_month_high", "worst_bill_per_month"),
}
"""Columns whose numbers may be missing, as the share of no calls is."""

NO_NUMBERS = {"client", "category", "meter", "grain", "name", "statistic"} | {
    *("price_per_day", "price_per_month", "start", "start_at", "crossed_at"),
}
"""Columns that hold text, times or exact amounts."""
