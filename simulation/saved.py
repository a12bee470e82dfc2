"""Results read back from the folders that `run` and `plan` wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from simulation.advice import Remedy
from simulation.confirmation import Confirmation
from simulation.errors import InputError
from simulation.frontier import Goal
from simulation.input_files import shown
from simulation.output import reading, reason_of
from simulation.plan_result import AlternativeResult, Plan, Recommendation
from simulation.quantities import write_duration
from simulation.results import RunResult, calls_in
from simulation.scenario import Scenario, load_scenario
from simulation.warmup import warmup_from

__all__ = ["load_plan", "load_result"]

_NAME_ONE = "name a folder that `creditsim run --out` or `plan --out` wrote"

Place = Callable[[str], Path]
"""Where a file of the result is."""


def load_result(folder: Path | str) -> RunResult | Plan:
    """Read what ``run --out`` or ``plan --out`` wrote to a folder.

    A plan comes without its judgement, which is not written: its frontier tells the same by
    size. Where a folder holds both, it is the plan.

    Raises
    ------
    InputError
        If the folder holds neither, or a file of it cannot be read.
    """
    folder = Path(folder)
    try:
        with reading(folder) as file:
            result = _load(folder, file)
            if isinstance(result, RunResult):
                calls = calls_in(folder, file("calls.parquet"))
                return replace(result, folder=folder, _read_calls=calls)
            return result
    except (OSError, ValueError) as error:  # a name may hold what no name can
        if isinstance(error, InputError):
            raise
        what = f"cannot be read ({reason_of(error)}), {_NAME_ONE}"
        raise InputError(f"{shown(folder)}: {what}") from None


def _load(folder: Path, file: Place) -> RunResult | Plan:
    for summary, load in (("plan.json", _plan), ("summary.json", _run)):
        if file(summary).is_file():
            try:
                scenario = load_scenario(file("scenario.yaml"), trace_megabytes=None)
                told = _told(file(summary))
                return load(file, _warmed(scenario, told), told)
            except (OSError, ValueError, KeyError, TypeError) as error:
                if isinstance(error, InputError):
                    raise
                lacks = (
                    Path(str(error.filename or error)).name
                    if isinstance(error, OSError)
                    else f"{error} in {summary}"
                )
                what = f"is not whole (look at {lacks}), write the result again with --out"
                raise InputError(f"{shown(folder)}: {what}") from None
    raise InputError(f"{shown(folder)}: holds no result, {_NAME_ONE}")


def _warmed(scenario: Scenario, told: dict[str, Any]) -> Scenario:
    """Return a scenario with the warm-up that its result had."""
    warmup = warmup_from(told["warmup"])
    if warmup is None or warmup.given:
        return scenario
    return scenario.changed({"warmup": write_duration(warmup.length)})


def _run(file: Place, scenario: Scenario, summary: dict[str, Any]) -> RunResult:
    def table(name: str) -> pd.DataFrame:
        return _table(file(f"{name}.parquet"))

    return RunResult(
        scenario,
        summary["engine"],
        table("runs"),
        table("client_runs"),
        table("category_runs"),
        table("intervals"),
        table("alerts"),
        table("summary"),
        warmup_from(summary["warmup"]),
    )


def _table(file: Path) -> pd.DataFrame:
    with file.open("rb") as content:
        return pd.read_parquet(content)


def load_plan(folder: Path, scenario: Scenario) -> Plan:
    """Read what ``plan --out`` wrote of a scenario that is at hand."""
    told = _told(folder / "plan.json")
    return _plan(folder.joinpath, _warmed(scenario, told), told)


def _told(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"), parse_float=Decimal)


def _plan(file: Place, scenario: Scenario, told: dict[str, Any]) -> Plan:
    advice = dict(told["recommendation"])
    advice["remedies"] = [Remedy(**remedy) for remedy in advice["remedies"]]
    if advice["undecided_between"] is not None:
        advice["undecided_between"] = tuple(advice["undecided_between"])
    if advice["addon_credits"] is not None:  # with all digits
        advice["price_per_day"] = scenario.card.price_per_day(advice["addon_credits"])
        advice["price_per_month"] = scenario.card.price_per_month(advice["addon_credits"])
    confirmed = told["confirmation"]
    return Plan(
        scenario,
        Goal.of(scenario),
        told["replications"],
        _table(file("frontier.parquet")),
        _table(file("fresh.parquet")),
        warmup_from(told["warmup"]),
        Recommendation(**advice),
        [_alternative(given) for given in told["alternatives"]],
        None if confirmed is None else Confirmation(**confirmed),
        None,
    )


def _alternative(given: dict[str, Any]) -> AlternativeResult:
    saves = given["saves_per_month"]
    return AlternativeResult(
        given["name"],
        given["status"],
        given["addon_credits"],
        given["price_per_month"],
        _triple(given["throttled_share_difference"]),
        _triple(given["lost_calls_difference"]),
        None if saves is None else (Decimal(saves["mean"]), *_triple(saves)[1:]),
        given.get("total_per_month"),
        given["addon_credits_alone"],
        float(given["meets_probability"]),
        (float(given["meets_ci95"][0]), float(given["meets_ci95"][1])),
        given["decided"],
    )


def _triple(interval: dict[str, Any]) -> tuple[float, float, float]:
    mean, low, high = (
        float("nan") if end is None else float(end) for end in (interval["mean"], *interval["ci95"])
    )
    return mean, low, high
