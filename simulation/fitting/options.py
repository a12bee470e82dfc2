"""How a log is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from simulation.fitting.call_kinds import read_call_kinds
from simulation.logs import ClientNames, Reading, pattern_layout
from simulation.rate_cards import DEFAULT_RATE_CARD

__all__ = ["FitOptions"]


@dataclass(frozen=True)
class FitOptions:
    """How a log is fitted.

    Attributes
    ----------
    timezone : ZoneInfo
        Of times without an offset, and by whose clocks clients call.
    rate_card : str or Path
    edition, user_licenses : str, int or None
        Of the org; the card's first paid edition and 10 licenses unless given, both assumed.
    addon_credits : int
        That the org has bought.
    names : mapping of str to str
        What clients are called in the scenario, by what the log calls them; others are ``app-1``
        and so on.
    keep_names : bool
        Whether clients are called in the scenario what the log calls them.
    day_first, clients_by, fields, allow_skipped
        As in `simulation.logs.read_log`.
    bucket : int
        The length of a bucket, µs, where a log of counts does not show it; otherwise 0.
    log_format : str or None
        As in `simulation.logs.read_log`.
    calls : Path or None
        A table of kinds of call of one's own.

    Raises
    ------
    ValueError
        If lines of ``log_format`` cannot be parted.
    """

    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    rate_card: str | Path = DEFAULT_RATE_CARD
    edition: str | None = None
    user_licenses: int | None = None
    addon_credits: int = 0
    names: Mapping[str, str] = field(default_factory=dict)
    keep_names: bool = False
    day_first: bool | None = None
    clients_by: Sequence[Any] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    allow_skipped: float = 0.05
    bucket: int = 0
    log_format: str | None = None
    calls: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a pattern that no line can be parted by."""
        if self.log_format is not None:
            pattern_layout(self.log_format)

    def reading(self) -> Reading:
        """Return what reads a log so."""
        clients = ClientNames(self.clients_by)
        return Reading(
            self.timezone,
            self.day_first,
            self.fields,
            clients,
            bucket=self.bucket,
            log_format=self.log_format,
            is_api=lambda name: read_call_kinds(self.calls).kind_of(name).known,
        )
