"""The start of a new scenario: the commented starter file, and the schema for editors."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from simulation.errors import InputError, OutputError, Problem
from simulation.formats import OutputFile, listed, real_path, unprintable
from simulation.moments import read_zone
from simulation.rate_cards import DEFAULT_RATE_CARD, RateCard
from simulation.scenario.card_choice import card_option, chosen_card
from simulation.scenario.loading import load_scenario
from simulation.scenario.scenario import Scenario

__all__ = ["coming_monday", "scenario_schema", "write_starter"]

_SCHEMA_LINE = "# yaml-language-server: $schema="
_START = date(2026, 1, 5)
"""The start that the starter has as it ships; dates in it move with the start."""

_EDITION, _ZONE = "professional", "Europe/Berlin"
_IS_PLAIN = re.compile(r"[A-Za-z_./][\w./-]*").fullmatch
_API = re.compile(r"\{api: (\w+)[^{}]*(?:\{[^}]*\}[^{}]*)?\}")


def scenario_schema() -> str:
    """Return the JSON Schema of a scenario file, as text."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Scenario.model_json_schema(),
        "title": "creditsim scenario",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def coming_monday(today: date) -> date:
    """Return the next Monday: a day itself where it is one.

    >>> coming_monday(date(2026, 1, 5)), coming_monday(date(2026, 1, 6))
    (datetime.date(2026, 1, 5), datetime.date(2026, 1, 12))
    """
    return today + timedelta(days=-today.weekday() % 7)


def _today_in(zone: ZoneInfo) -> date:
    """Return what day it is in a time zone."""
    return datetime.now(zone).date()


def write_starter(
    path: Path,
    force: bool = False,
    *,
    rate_card: Path | str | None = None,
    edition: str | None = None,
    user_licenses: int | None = None,
    timezone: str | None = None,
    today: date | None = None,
) -> None:
    """Write the starter scenario; its first line names the schema that ships.

    Parameters
    ----------
    path : Path
    force : bool
        Whether a file that is there is replaced.
    rate_card, edition, user_licenses, timezone : optional
        In place of the starter's own; the path of a card starts at the current folder.
    today : date, optional
        The day from which the coming Monday is counted, on which the scenario starts; today in the
        scenario's time zone unless given.

    Raises
    ------
    InputError
        If the file exists and ``force`` is not set, it cannot be written, or a value is wrong.
    """
    card_name = chosen_card(rate_card) or DEFAULT_RATE_CARD
    card = RateCard.load(card_name)
    zone = _zone(timezone)
    edition = _edition(card, edition)
    text = _starter(
        card=card,
        edition=edition,
        user_licenses=user_licenses,
        zone=zone,
        start=coming_monday(today or _today_in(zone)),
    )
    _check(_put(text, "rate_card", _quoted(card_name)), card)
    package = resources.files("simulation.scenario")
    with resources.as_file(package / "scenario.schema.json") as schema:
        text = f"{_SCHEMA_LINE}{schema}\n{text}"
    text = _put(text, "rate_card", _quoted(_from(path, card_name)))
    try:
        if force and path.exists():
            OutputFile(path, force).write(text)
            return
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        what = "exists already, name another file or add --force"
        raise InputError([Problem(str(path), "", what)]) from None
    except OSError as error:
        reason = (error.strerror or "unwritable").lower()
        what = f"cannot be written ({reason}), name another file"
        raise OutputError([Problem(str(path), "", what)]) from None


def _zone(timezone: str | None) -> ZoneInfo:
    try:
        zone: ZoneInfo = read_zone(_ZONE if timezone is None else timezone)
    except ValueError as error:
        raise InputError([Problem("--timezone", "", str(error))]) from None
    return zone


def _edition(card: RateCard, edition: str | None) -> str:
    """Return the edition that a new scenario names."""
    try:
        card.edition(edition or _EDITION)
    except InputError as error:
        what = error.problems[0].what
        if edition is None:
            what = f"is missing, rate card {card.name} has these: {', '.join(card.editions)}"
        raise InputError([Problem("--edition", "", what)]) from None
    return edition or _EDITION


def _starter(
    *, card: RateCard, edition: str, user_licenses: int | None, zone: ZoneInfo, start: date
) -> str:
    """Return the text of the starter with values put in, its comments kept and true."""
    package = resources.files("simulation.scenario")
    text = (package / "starter.yaml").read_text(encoding="utf-8")

    def moved(found: re.Match[str]) -> str:
        return str(date.fromisoformat(found[0]) + (start - _START))

    text = re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", moved, text)
    text = _put(text, "edition", edition, ", ".join(card.editions))
    needs_none = [name for name, rules in card.editions.items() if not rules.per_license]
    comment = f"as bought; {listed(needs_none)} needs none" if needs_none else "as bought"
    if len(needs_none) > 1:
        comment = comment.replace("needs", "need")
    if user_licenses is None and card.edition(edition) in needs_none:
        user_licenses = 0
    licenses = None if user_licenses is None else str(user_licenses)
    text = _put(text, "user_licenses", licenses, comment)
    text = _put(text, "addon_credits", None, f"bought on top, per {card.window_in_words}")
    text = _put(text, "timezone", zone.key)
    return "\n".join(_with_calls_of(card, text.split("\n")))


def _put(text: str, key: str, value: str | None, comment: str | None = None) -> str:
    """Return a text in which a key has another value or comment; None leaves it as it is."""
    found = re.search(rf"^( *{key}: )(\S+)( +# )(.*)$", text, re.MULTILINE)
    assert found is not None, f"the starter has no {key}"
    given = found[2] if value is None else value
    # The comments of neighbours stand below each other as long as values are short.
    gap = " " * max(1, len(found[2]) + len(found[3]) - 2 - len(given))
    said = found[4] if comment is None else comment
    return f"{text[: found.start()]}{found[1]}{given}{gap}# {said}{text[found.end() :]}"


def _with_calls_of(card: RateCard, lines: list[str]) -> Iterator[str]:
    """Yield the lines of the starter with calls that the card lists; others become ``other``."""
    before = ""
    for line in lines:
        found = _API.search(line)
        if found is None or line.lstrip().startswith("#") or found[1] in card.calls:
            before = ""
            yield line
        else:
            changed = line.replace(found[0], "{api: other}")
            if changed != before:  # a call of the mix for which there is one like it
                yield changed
            before = changed


def _check(text: str, card: RateCard) -> None:
    """Raise InputError where the scenario would not be valid, for its card or its time zone."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "starter.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            load_scenario(file)
        except InputError as error:
            first = error.problems[0]
            if first.path == "start":
                raise InputError([Problem("--timezone", "", first.what)]) from None
            what = f"the starter does not fit {card.name}: {first.path}: {first.what}"
            raise card_option(what) from None


def _quoted(text: str) -> str:
    """Return a text as YAML has it."""
    return text if _IS_PLAIN(text) else json.dumps(text, ensure_ascii=False)


def _from(path: Path, card: str) -> str:
    """Return how a scenario at a path names a card: by a path from its own folder."""
    if not os.path.isabs(card):  # noqa: PTH117
        return card
    named = os.path.relpath(real_path(Path(card)), real_path(path.parent))
    if unprintable(named):
        raise card_option("has a path that is no UTF-8 text, rename it")
    return named
