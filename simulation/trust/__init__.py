"""How far a fitted scenario may be trusted: a log beside its model, and days it had not seen.

Judges scenarios by logs; never says what to buy.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.trust.predictions import Backtest
    from simulation.trust.rolling import GAP_EDGES
    from simulation.trust.judged_days import NOT_JUDGED, LeftOut
    from simulation.trust.comparison import Comparison
    from simulation.trust.from_logs import backtest, compare_fit, hold_out
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
