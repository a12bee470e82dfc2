"""Many orgs: which are meant, who plans for them, and what is kept when work is interrupted.

Hands each org to `planning` whole; never looks inside a plan but for its row of the tables.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.batch.portfolio import portfolio_of, told_once
    from simulation.batch.result import BatchProgress, BatchResult
    from simulation.batch.runner import plan_portfolio
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
