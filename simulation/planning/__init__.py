"""What to buy and why: every size judged on the same demand, and the cheapest that is enough.

Never draws a picture or a page: a plan holds what `report` shows.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.planning.beside import (
        helps_against, more_of_the_pool, throttled_beside, what_helps_beside,
    )
    from simulation.planning.causes import Cause, biggest_cause
    from simulation.planning.estimates import RECORDED, Estimates, RateEstimate, rate_estimates
    from simulation.planning.options import Confirmed, PlanOptions
    from simulation.planning.other_cards import OtherCard
    from simulation.planning.planning import plan, plan_with
    from simulation.planning.reasons import wanted
    from simulation.planning.result import (
        AlternativeResult, Plan, advised, over_time_of, surely_enough,
    )
    from simulation.planning.saved import load_plan, load_result
    from simulation.planning.status import calls_of
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
