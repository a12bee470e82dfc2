"""Many orgs: the portfolio, the workers that plan, and the results that are kept.

Hands each org to `planning` whole; never looks inside a plan but for
its row of the tables and what its page shows.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.batch.portfolio import distinct_failures, portfolio_of
    from simulation.batch.result import BatchProgress, BatchResult
    from simulation.batch.runner import plan_portfolio
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
