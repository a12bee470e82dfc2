"""Replications of a scenario and their statistics, each with its confidence interval.

Estimates what happens at one size; never compares sizes, which is `planning`'s.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.experiment.by_meter import METER_COLUMNS, METER_STATISTICS, meter_size
    from simulation.experiment.estimates import (
        binomial_interval, mean_difference, mean_of, ratio_difference, ratios, unseen_calls,
    )
    from simulation.experiment.experiment import run
    from simulation.experiment.intervals import CONFIDENCE, Estimate, Estimates, interval_columns
    from simulation.experiment.methods import (
        initialisation, inputs, page, quoted, random_numbers, what_was_bought,
    )
    from simulation.experiment.over_time import coarser, timeline, timeline_of, weekly
    from simulation.experiment.progress import Steps
    from simulation.experiment.replications import seconds_for
    from simulation.experiment.result import RunResult
    from simulation.experiment.saving import calls_in, files_of, save, with_tables
    from simulation.experiment.statistics import STATISTICS, TABLE
    from simulation.experiment.summary import SUMMARY_COLUMNS
    from simulation.experiment.warmup import Warmup, warmup_from, with_warmup
    from simulation.experiment.workers import (
        BUSY_DAY, cores, in_processes, in_threads, serve_only, start_trackers,
    )
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
