"""Results read back from the folders that `run` and `plan` wrote."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype
from pydantic import TypeAdapter, ValidationError

from simulation.errors import InputError, in_a_line
from simulation.experiment import (
    STATISTICS,
    Estimate,
    RunResult,
    calls_in,
    warmup_from,
)
from simulation.formats import (
    digest,
    hashes_of,
    read_parquet,
    reading,
    reason_of,
    shown,
    to_json,
)
from simulation.planning.confirmation import Confirmation
from simulation.planning.estimates import Estimates
from simulation.planning.other_cards import OtherCard
from simulation.planning.over_time import OverTime
from simulation.planning.reasons import Rejection
from simulation.planning.remedies import Remedy
from simulation.planning.result import AlternativeResult, Plan, Recommendation
from simulation.planning.saved_tables import (
    BEGIN,
    KEYS,
    MAY_BE_MISSING,
    NO_NUMBERS,
    OVER_TIME,
    PLANS,
    RUNS,
)
from simulation.quantities import write_duration
from simulation.scenario import Scenario, load_scenario

__all__ = ["load_plan", "load_result"]

_SCENARIO = "scenario.yaml"
_NAME_ONE = "name a folder that `creditsim run --out` or `plan --out` wrote"

Locate = Callable[[str], Path]
"""Returns where a file of the result is, by its name."""


def load_result(folder: Path | str) -> RunResult | Plan:
    """Return the result that ``run --out`` or ``plan --out`` wrote to a folder.

    A plan comes without its judgement, which is not written: its frontier says the same by
    size. Where a folder holds both, it is the plan.

    Raises
    ------
    InputError
        If the folder holds neither, or a file of it cannot be read.
    """
    folder = Path(folder)
    try:
        with reading(folder) as file:
            return _load(folder, file)
    except (OSError, ValueError) as error:  # a name may hold what no name can
        if isinstance(error, InputError):
            raise
        what = f"cannot be read ({reason_of(error)}), {_NAME_ONE}"
        raise InputError(f"{shown(folder)}: {what}") from None


def _load(folder: Path, file: Locate) -> RunResult | Plan:
    for summary, load in (("plan.json", _plan), ("summary.json", _run)):
        if file(summary).is_file():
            try:
                given, hashes = _summary(file(summary))
                as_written = _as_written(file, summary, hashes)
                with _looking_at(_SCENARIO):
                    scenario = load_scenario(as_written(_SCENARIO), trace_megabytes=None)
                with _looking_at(summary):
                    _compare_scenario(scenario, given, summary)
                    result = load(as_written, _warmed(scenario, given), given)
                if isinstance(result, RunResult):
                    with _looking_at(summary):
                        written_as = None if hashes is None else hashes["calls.parquet"]
                    calls = calls_in(folder, written_as, file("calls.parquet"))
                    return replace(result, folder=folder, _read_calls=calls)
                return result
            except _NotWholeError as error:
                what = f"is not whole (look at {error}), write the result again with --out"
                raise InputError(f"{shown(folder)}: {what}") from None
    raise InputError(f"{shown(folder)}: holds no result, {_NAME_ONE}")


class _NotWholeError(Exception):
    """A file of a result is not what was written there; the text names it, and may say why."""


def _summary(summary: Path) -> tuple[dict[str, Any], dict[str, str] | None]:
    """Return a summary's contents, and the hashes of the files that were written with it."""
    with _looking_at(summary.name):
        given = json.loads(_regular(summary).read_text("utf-8"), parse_float=Decimal)
        if not isinstance(given, dict):
            raise TypeError("holds no mapping")
        try:
            return given, hashes_of(summary, given)
        except ValueError:
            raise _NotWholeError(f"{summary.name}: it is not what was written here") from None


def _regular(file: Path) -> Path:
    """Return a file, refused if it is a pipe: reading that would wait for ever."""
    if os.path.lexists(file) and not file.is_file():
        raise _NotWholeError(f"{file.name}: it is no regular file")
    return file


def _as_written(locate: Locate, summary: str, hashes: dict[str, str] | None) -> Locate:
    """Return where the files of a result are, each found to be written with its summary."""

    def found(name: str) -> Path:
        with _looking_at(name):
            file = _regular(locate(name))
            if hashes is not None and hashes.get(name) != digest(file):
                what = f"it is not what was written with {summary}"
                if name == _SCENARIO:  # a scenario is there to be changed, but not in a result
                    what += "; run a changed scenario from a file outside of the result"
                raise _NotWholeError(f"{name}: {what}")
            return file

    return found


def _compare_scenario(scenario: Scenario, given: dict[str, Any], summary: str) -> None:
    """Refuse the scenario of another result, as far as a summary without hashes can say."""
    limit = given["limit"] if summary == "summary.json" else given["current"]["limit"]
    for key, value, expected in (
        ("scenario", given["scenario"], scenario.name),
        ("rate_card", given["rate_card"], scenario.card.name),
        ("seed", given["seed"], scenario.seed),
        ("limit", limit, scenario.limit),
    ):
        if value != expected:
            what = f"they are of different results by their {key.replace('_', ' ')}"
            raise _NotWholeError(f"{_SCENARIO} and {summary}: {what}")


@contextmanager
def _looking_at(name: str) -> Iterator[None]:
    """Name the file that is read, whatever its contents make of the reading."""
    try:
        yield
    except _NotWholeError:
        raise
    except InputError as error:  # of a scenario, of which one line is enough
        raise _NotWholeError(f"{name}: {error.problems[0]}") from None
    except KeyError as error:
        raise _NotWholeError(f"{error} in {name}") from None
    except OSError as error:
        raise _NotWholeError(name if error.filename else f"{name}: {reason_of(error)}") from None
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"]))
        raise _NotWholeError(f"{key!r} in {name}") from None
    except Exception as error:  # there is no end to what damage may do
        raise _NotWholeError(f"{name}: {in_a_line(error)[:200]}") from None


def _warmed(scenario: Scenario, given: dict[str, Any]) -> Scenario:
    """Return a scenario with the warm-up that its result had."""
    # The file has it as it was written; where none was, the run found one and simulated with it.
    warmup = warmup_from(given["warmup"])
    if warmup is None or warmup.given:
        return scenario
    return scenario.changed({"warmup": write_duration(warmup.length)})


def _run(file: Locate, scenario: Scenario, summary: dict[str, Any]) -> RunResult:
    tables = {name: _table(file(f"{name}.parquet"), name) for name in RUNS}
    _refuse_rows_twice(tables)
    of_runs = {*tables["runs"]["replication"]}
    _compare("runs", len(of_runs), _whole(summary["replications"]), "summary.json")
    _compare("runs", of_runs, {*range(len(of_runs))}, "summary.json")
    for name in ("client_runs", "category_runs", "meter_runs", "intervals"):
        _compare(name, {*tables[name]["replication"]}, of_runs, "runs.parquet")
    limits = {meter.name for meter in scenario.card.meters}
    for name in ("meter_runs", "meters"):
        _compare(name, {*tables[name]["meter"]}, limits, _SCENARIO)
    names = {client.name for client in scenario.clients}
    _compare("client_runs", {*tables["client_runs"]["client"]}, names, _SCENARIO)
    groups = len(names) + 1 + tables["category_runs"]["category"].nunique()
    _compare_summary("summary", tables["summary"], groups, "runs.parquet")
    engine = TypeAdapter(Literal["simpy", "compiled"]).validate_python(summary["engine"])
    result = RunResult(
        scenario=scenario, engine=engine, **tables, warmup=warmup_from(summary["warmup"])
    )
    if "files" not in summary:  # else its hashes prove more
        _refuse_other_figures(result, summary)
    return result


def _refuse_other_figures(result: RunResult, summary: dict[str, Any]) -> None:
    """Refuse a summary whose figures are not those of its tables."""
    computed = json.loads(to_json(result.to_dict()), parse_float=Decimal)
    for key in ("overall", "clients", "categories", "limits"):
        if summary[key] != computed[key]:
            what = f"its {key!r} differs from its tables, they are of different results"
            raise _NotWholeError(f"summary.json: {what}")


def _table(file: Path, name: str) -> pd.DataFrame:
    """Return a table, read from its file; refuse one of another name."""
    with _looking_at(f"{name}.parquet"):
        table: pd.DataFrame = read_parquet(file).to_pandas(use_threads=False)
        expected = [*BEGIN[name]]
        if [*table.columns[: len(expected)]] != expected:
            missing = [column for column in expected if column not in table.columns]
            found = f"has no column {missing[0]!r}" if missing else "has other columns"
            raise _NotWholeError(f"{name}.parquet: it {found}, another version or table wrote it")
        for column in {*expected} - NO_NUMBERS:
            if not is_numeric_dtype(table[column]):
                raise _NotWholeError(f"{name}.parquet: its column {column!r} holds no numbers")
            if column not in MAY_BE_MISSING and not np.isfinite(table[column]).all():
                raise _NotWholeError(f"{name}.parquet: its column {column!r} lacks numbers")
        for column in {"start", "start_at", "crossed_at"} & {*expected}:
            if not is_datetime64_any_dtype(table[column]):
                raise _NotWholeError(f"{name}.parquet: its column {column!r} holds no times")
        return table


def _refuse_rows_twice(tables: Mapping[str, pd.DataFrame]) -> None:
    for name, table in tables.items():
        if name in KEYS and table.duplicated([*KEYS[name]]).any():
            raise _NotWholeError(f"{name}.parquet: it has rows twice")


def _compare_summary(name: str, summary: pd.DataFrame, groups: int, of: str) -> None:
    """Refuse a summary that does not estimate each statistic for this many groups of calls."""
    _compare(name, Counter(summary["statistic"]), dict.fromkeys(STATISTICS, groups), of)


def _whole(count: Any) -> int:
    return TypeAdapter(int).validate_python(count)


def _compare(name: str, found: Any, expected: Any, of: str) -> None:
    if found != expected:
        raise _NotWholeError(f"{name}.parquet and {of}: they are of different results")


def load_plan(folder: Path, scenario: Scenario) -> Plan:
    """Return the plan that ``plan --out`` wrote, of a scenario that is at hand.

    Raises
    ------
    InputError
        If a file is not what was written there.
    """
    try:
        given, hashes = _summary(folder / "plan.json")
        as_written = _as_written(folder.joinpath, "plan.json", hashes)
        with _looking_at("plan.json"):
            return _plan(as_written, _warmed(scenario, given), given)
    except _NotWholeError as error:
        raise InputError(f"the plan is not whole (look at {error}), make it again") from None


def _plan(file: Locate, scenario: Scenario, given: dict[str, Any]) -> Plan:
    advice = dict(given["recommendation"])
    advice["rejected"] = [Rejection.from_dict(each) for each in advice["rejected"]]
    advice["remedies"] = [Remedy(**remedy) for remedy in advice["remedies"]]
    if advice["undecided_between"] is not None:
        advice["undecided_between"] = tuple(advice["undecided_between"])
    if advice["addon_credits"] is not None:  # with all digits
        advice["price_per_day"] = scenario.offer.price_per_day(advice["addon_credits"])
        advice["price_per_month"] = scenario.offer.price_per_month(advice["addon_credits"])
    shares = advice["throttled_beside_pool"].items()
    advice["throttled_beside_pool"] = {meter: float(share) for meter, share in shares}
    confirmed, replications = given["confirmation"], _whole(given["replications"])
    advice["bill_per_month"], advice["worst_bill_per_month"] = _bill(advice, replications)
    tables = {name: _table(file(f"{name}.parquet"), name) for name in PLANS}
    for name, table in tables.items():
        rows = [row["addon_credits"] for row in given[name]]
        _compare(name, [*table["addon_credits"]], rows, "plan.json")
    current = scenario.org.addon_credits
    if current not in {*tables["frontier"]["addon_credits"]}:
        raise _NotWholeError(f"frontier.parquet: it has no row of {current:,} add-on credits")
    plan = Plan(
        scenario=scenario,
        replications=replications,
        frontier=tables["frontier"],
        fresh=tables["fresh"],
        warmup=warmup_from(given["warmup"]),
        recommendation=Recommendation(**advice),
        alternatives=[_alternative(each, replications) for each in given["alternatives"]],
        confirmation=None if confirmed is None else Confirmation(**confirmed),
        over_time=_over_time(file, scenario, given),
        judgement=None,
        other_cards=[OtherCard.from_dict(each) for each in given.get("other_cards", ())],
        estimates=Estimates.from_dict(given["estimates"]) if "estimates" in given else None,
    )
    _check(Recommendation, plan.recommendation)
    for alternative in plan.alternatives:
        _check(AlternativeResult, alternative)
    if plan.confirmation is not None:
        _check(Confirmation, plan.confirmation)
    return plan


def _over_time(file: Locate, scenario: Scenario, given: dict[str, Any]) -> OverTime | None:
    """Return what a plan shows over time, read from its files; None if it was not kept."""
    files = [f"{name}.parquet" for name in OVER_TIME]
    kept = given.get("files")
    if not any(file(name).is_file() if kept is None else name in kept for name in files):
        return None
    tables = {name: _table(file(f"{name}.parquet"), name) for name in OVER_TIME}
    _refuse_rows_twice(tables)
    sizes = Counter(tables["timelines"]["addon_credits"])
    if scenario.org.addon_credits not in sizes or len({*sizes.values()}) > 1:
        raise _NotWholeError("timelines.parquet: it has not the same rows of each size")
    runs = tables["now_runs"]
    groups = {(row.grain, row.name) for row in runs[["grain", "name"]].itertuples(index=False)}
    clients = {name for grain, name in groups if grain == "client"}
    _compare("now_runs", clients, {client.name for client in scenario.clients}, _SCENARIO)
    _compare("now_runs", {*Counter(runs["replication"]).values()}, {len(groups)}, _SCENARIO)
    limits = {meter.name for meter in scenario.card.meters}
    _compare("now_meters", {*tables["now_meters"]["meter"]}, limits, _SCENARIO)
    _compare_summary("now_summary", tables["now_summary"], len(groups), "now_runs.parquet")
    if {*tables["now_hours"]["weekday"]} != {*range(7)}:
        raise _NotWholeError("now_hours.parquet: it has not the days of a week")
    return OverTime.of_tables(scenario, {f"{name}.parquet": tables[name] for name in OVER_TIME})


def _check(kind: type[Any], value: Any) -> None:
    """Raise ValidationError where a part of a plan is not of the types that it states."""
    kept: TypeAdapter[Any] = TypeAdapter(kind)
    kept.validate_python(asdict(value))


def _alternative(given: dict[str, Any], replications: int) -> AlternativeResult:
    meets = {"mean": given["meets_probability"], "ci95": given["meets_ci95"]}
    bill, worst = _bill(given, replications)
    saves = given["saves_per_month"]
    if saves is not None:  # with all digits
        found = Estimate.from_dict(saves, replications)
        saves = Estimate(Decimal(saves["mean"]), found.low, found.high, replications)
    return AlternativeResult(
        name=given["name"],
        status=given["status"],
        addon_credits=given["addon_credits"],
        price_per_month=given["price_per_month"],
        bill_per_month=bill,
        worst_bill_per_month=worst,
        throttled_share_difference=Estimate.from_dict(
            given["throttled_share_difference"], replications
        ),
        lost_calls_difference=Estimate.from_dict(given["lost_calls_difference"], replications),
        saves_per_month=saves,
        total_per_month=given.get("total_per_month"),
        addon_credits_alone=given["addon_credits_alone"],
        meets_probability=Estimate.from_dict(meets, replications),
        decided=given["decided"],
    )


def _bill(given: dict[str, Any], replications: int) -> tuple[Estimate[float] | None, float | None]:
    """Return what is paid per month, and in the worst month in 20, of a size with its price."""
    bill, worst = given["bill_per_month"], given["worst_bill_per_month"]
    found = None if bill is None else Estimate.from_dict(bill, replications)
    return found, None if worst is None else float(worst)
