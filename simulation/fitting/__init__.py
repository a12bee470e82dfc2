"""Usage logs to scenarios: what a log shows of each client, as laws, and how sure each figure is.

Knows logs, the vendor's requests and the laws of scenarios; never an engine, nor what a pool does.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.fitting.call_kinds import UNKNOWN, CallKindTable, Kind, read_call_kinds
    from simulation.fitting.call_rules import RecordGuess
    from simulation.fitting.cells import Cells
    from simulation.fitting.client import fit_client
    from simulation.fitting.fit_report import throttling_of
    from simulation.fitting.from_log import Fit, fit, fit_part, usage_of
    from simulation.fitting.gathering import ClientUsage, Gathering, Usage
    from simulation.fitting.options import FitOptions
    from simulation.fitting.replay import Replay, replay_of
    from simulation.fitting.result import (
        REACH, Component, DayFactors, Estimate, FittedClient, Outlier,
    )
    from simulation.fitting.variation import shared_variation
    from simulation.fitting.writing import replay_text
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
