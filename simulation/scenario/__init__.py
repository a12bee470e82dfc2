"""What the user writes: the org, its clients and its objective, checked down to the key.

Says when clients mean to call and never draws a call: random numbers begin in `demand`.
"""

from typing import TYPE_CHECKING

from simulation.lazy import lazily

if TYPE_CHECKING:
    from simulation.scenario.arrival_laws import PROFILES, WEEKDAYS, Arrivals, Poisson, Schedule
    from simulation.scenario.call_mix import CallMix, RecordCount
    from simulation.scenario.clients import Client
    from simulation.scenario.clock import Clock
    from simulation.scenario.loading import as_scenario, load_scenario
    from simulation.scenario.objective import Objective
    from simulation.scenario.policies import OnThrottle, Retry
    from simulation.scenario.scenario import Scenario
    from simulation.scenario.starter import scenario_schema, write_starter
    from simulation.scenario.traces import Trace

__getattr__ = lazily(__name__)
