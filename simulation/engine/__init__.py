"""The pool decides: the SimPy model, which is the reference, and the compiled engine, its equal.

Decides attempts and leaves records; never counts a statistic and never writes a word.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.engine.compiled.daily_use import DailyUse
    from simulation.engine.compiled.model import CompiledModel
    from simulation.engine.compiled.peak import calls_at_peak
    from simulation.engine.compiled.starts import throttled_from
    from simulation.engine.compiled.sweep import lanes_at_once, sweep, sweep_together
    from simulation.engine.compiled.swept import Pools, Swept
    from simulation.engine.compiled.watch import Watched, watch
    from simulation.engine.engine import Engine
    from simulation.engine.model import Model
    from simulation.engine.pool import CreditPool, TooManyRequests
    from simulation.engine.records import (
        IMPOSSIBLE, LOST, OUTCOMES, SUCCEEDED, UNFINISHED, CallRecords, DayRecords, Entries,
    )
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
