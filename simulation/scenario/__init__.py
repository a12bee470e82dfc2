"""What the user writes: the org, its clients and its objective, checked down to the key.

Says when clients mean to call and never draws a call: random numbers begin in `demand`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.scenario.bursts import Each
    from simulation.scenario.call_mix import CallMix, RecordCount
    from simulation.scenario.card_choice import by_pool_alone, chosen_card, on_chosen_card
    from simulation.scenario.clients import Client
    from simulation.scenario.clock import Clock
    from simulation.scenario.conduct import InitialUsage, PartOfPool
    from simulation.scenario.estimated import Estimated, written_rate
    from simulation.scenario.laws import Law
    from simulation.scenario.loading import as_scenario, load_scenario
    from simulation.scenario.objective import Alternative, Objective
    from simulation.scenario.poisson import Poisson
    from simulation.scenario.policies import OnThrottle, Retry
    from simulation.scenario.scenario import Scenario
    from simulation.scenario.schedule import Schedule
    from simulation.scenario.starter import scenario_schema, write_starter
    from simulation.scenario.traces import Trace
    from simulation.scenario.usage_before import recorded_before
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
