"""When calls come, and what each costs: a scenario's demand as arrays, a day at a time.

Never knows a limit: the same demand meets pools of every size.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.demand.calls import Calls, concatenate, unpacked
    from simulation.demand.client import Drawn
    from simulation.demand.demand import Demand, demands_of
    from simulation.demand.portion import Block, Portion, asked_between, calls_between
    from simulation.demand.streams import jitter_key, stream, uniform
    from simulation.demand.workload import check_workload, tries_most, too_much, workload_of
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
