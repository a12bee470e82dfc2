"""Usage logs become scenarios: which calls a log holds, and what they cost.

Knows logs and the vendor's requests, never an engine.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.fitting.call_kinds import UNKNOWN, CallKindTable, Kind, read_call_kinds
    from simulation.fitting.call_rules import RecordGuess
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
