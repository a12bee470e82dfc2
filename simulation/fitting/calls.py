"""What a client calls: the mix of kinds and records that its log shows."""

from __future__ import annotations

from collections import Counter
from typing import Any

from simulation.fitting.call_durations import duration_law, durations_matter, sums_by_kind
from simulation.fitting.call_kinds import Kind
from simulation.fitting.call_rules import RecordGuess
from simulation.fitting.gathering import ClientUsage
from simulation.rate_cards import RateCard

__all__ = ["Mix", "mix_of", "priced_as"]

_MOST_KINDS = 12
_OTHER = "other"


class Mix:
    """The mix of a client's calls.

    Attributes
    ----------
    calls : list of dict
        As a scenario file writes it, the most frequent first.
    notes : list of str
        What was assumed, in sentences.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.notes: list[str] = []


def priced_as(kind: Kind, told: int | None, card: RateCard) -> tuple[str, int]:
    """Return the kind of call that a rate card has, and the records to count.

    A kind that the card does not have is ``other``. Where the log does not tell how many records a
    call carries and the credits depend on it, the table's guess is taken.
    """
    api = kind.api if kind.api in card.calls else _OTHER
    if not (card.kind(api).per_records or card.kind(api).tiers):
        return api, 1
    records = told or (kind.records.number if isinstance(kind.records, RecordGuess) else 1)
    most = card.most_records(api)
    return api, min(records, most) if most else records


def mix_of(usage: ClientUsage, card: RateCard) -> Mix:
    """Return what a client calls, by the kinds of a rate card; what is guessed is said."""
    counts: Counter[tuple[str, int]] = Counter()
    guessed: dict[str, RecordGuess] = {}
    unknown = 0
    for (kind, told), calls in usage.kinds.items():
        api, records = priced_as(kind, told, card)
        unknown += 0 if kind.known else calls
        if records != 1 and told is None and isinstance(kind.records, RecordGuess):
            guessed[api] = kind.records
        counts[api, records] += calls
    mix = Mix()
    lasting = _lasting(usage, card) if durations_matter(card) else {}
    kept = counts.most_common(_MOST_KINDS)
    total = counts.total()
    for (api, records), calls in kept:
        each: dict[str, Any] = {"api": api}
        if records != 1:
            each["records"] = records
        if len(kept) > 1:
            each["weight"] = calls
        if lasting.get(api) is not None:
            each["duration"] = lasting[api]
        mix.calls.append(each)
    if len(counts) > len(kept):
        rest = total - sum(calls for _, calls in kept)
        mix.notes.append(f"{rest / total:.1%} of its calls are of rarer kinds, and left out")
    for api, guess in guessed.items():
        mix.notes.append(
            f"{api}: the log does not tell the records of a call; assumed are {guess.number}, "
            f"from {guess.least} to {guess.most} are possible"
        )
    if unknown:
        mix.notes.append(
            f"{unknown / total:.1%} of its calls are of no known kind and count as other"
        )
    return mix


def _lasting(usage: ClientUsage, card: RateCard) -> dict[str, Any]:
    """Return how long calls stay open, by the card's kinds of call."""
    counts = sums_by_kind(
        (kind if kind in card.calls else _OTHER, its) for kind, its in usage.durations.items()
    )
    return {api: duration_law(its) for api, its in counts.items()}
