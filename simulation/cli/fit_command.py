"""The commands that make a scenario of logs, and judge one by them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from simulation.bounds import MOST_CREDITS, MOST_LICENSES
from simulation.cli.app import fail, print_json, typed_command
from simulation.cli.log_options import LogArguments, fit_options, pairs, value_of
from simulation.cli.options import (
    AsJson,
    Assignments,
    Force,
    ReportFile,
    ScenarioFile,
    path_argument,
    path_option,
    whole_option,
)
from simulation.cli.reading import load
from simulation.formats import Access, OutputFile, listed, shown

if TYPE_CHECKING:
    from simulation.fitting import Fit, FitOptions, Replay
    from simulation.trust import Backtest, Comparison

__all__ = ["backtest", "fit"]

Logs = Annotated[list[Path], path_argument("LOG...", "Files, and patterns such as 'a/*.gz'.")]


def fit(
    context: typer.Context,
    logs: Logs,
    out: Annotated[
        Path,
        path_option("--out", "Scenario to write; its estimates go to NAME.fit.json."),
    ],
    asked: LogArguments,
    timezone: Annotated[
        str,
        typer.Option(metavar="ZONE", help="Of the scenario, and of times without an offset."),
    ] = "UTC",
    rate_card: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="The scenario's rate card.")
    ] = None,
    edition: Annotated[str | None, typer.Option(metavar="NAME", help="The org's edition.")] = None,
    licenses: Annotated[
        int | None, whole_option("--licenses", 0, MOST_LICENSES, "User licenses.")
    ] = None,
    addon_credits: Annotated[
        int, whole_option("--addon-credits", 0, MOST_CREDITS, "Add-on credits that are bought.")
    ] = 0,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="LOGGED=NAME", help="What to call an app; may be given again."),
    ] = None,
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Keep the names that the log has of apps.")
    ] = False,
    replay: Annotated[
        Path | None,
        path_option("--replay", "Also write a scenario that repeats the calls of the log."),
    ] = None,
    report: ReportFile = None,
    hold_out: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Predict the last days, such as 1 week, from those before them.",
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make a scenario of logs: who calls, when, how much, and how surely that is known.

    Example: creditsim fit access.log --out org.yaml && creditsim plan org.yaml
    """
    from simulation.moments import read_zone
    from simulation.quantities import parse_duration
    from simulation.rate_cards import DEFAULT_RATE_CARD

    withheld = None if hold_out is None else value_of("--hold-out", parse_duration, hold_out)
    options = fit_options(
        asked,
        timezone=value_of("--timezone", read_zone, timezone),
        rate_card=rate_card or DEFAULT_RATE_CARD,
        edition=edition,
        user_licenses=licenses,
        addon_credits=addon_credits,
        names=pairs("--name", name),
        keep_names=keep_names,
    )
    files = _Files.of(logs, force, out, report, replay)
    found, recorded = _read(logs, options, bool(files.page or files.replay or withheld is not None))
    judged = _judge(logs, found, recorded, withheld, is_compared=files.page is not None)
    _write(files, found, recorded, judged, typed_command(context), logs)
    if as_json:
        print_json(found.report)
        return
    from simulation.cli.console import Console
    from simulation.cli.fit_view import fit_view

    Console().print(fit_view(found, *judged))
    _print_files(files.written, files.replay, found, judged)


class _Files(NamedTuple):
    """The files that a fit writes; None where one is not asked for."""

    scenario: OutputFile
    estimates: OutputFile
    page: OutputFile | None
    replay: OutputFile | None
    force: bool

    @classmethod
    def of(
        cls, logs: list[Path], force: bool, out: Path, report: Path | None, replay: Path | None
    ) -> _Files:
        """Return files that can be written; ends where one is a log, or two are one."""
        if out.name.endswith(".fit.json"):
            what = "is a name for estimates, name a file for the scenario, such as org.yaml"
            fail(f"{shown(out)}: {what}")
        beside = out.with_suffix(".fit.json")
        named = {"--out": out, "its estimates": beside, "--report": report, "--replay": replay}
        _check_apart(logs, named)
        files = [None if each is None else OutputFile(each, force) for each in named.values()]
        scenario, estimates, page, its_replay = files
        assert scenario is not None
        assert estimates is not None
        return cls(scenario, estimates, page, its_replay, force)

    @property
    def written(self) -> list[Path]:
        """Their paths, the scenario's first."""
        files = (self.scenario, self.estimates, self.page, self.replay)
        return [each.file for each in files if each is not None]


class _Judged(NamedTuple):
    """How far a fit may be trusted; None where that is not asked for."""

    comparison: Comparison | None
    predicted: Backtest | None


def _read(logs: list[Path], options: FitOptions, again: bool) -> tuple[Fit, Replay | None]:
    """Return the fit to logs; and their calls as they came, if they are to be read again."""
    from simulation.cli.progress import progress
    from simulation.fitting import fit as fitted
    from simulation.fitting import replay_of

    with progress("Reading", "line"):
        found = fitted(*logs, options=options)
    if not again:
        return found, None
    with progress("Reading again", "line"):
        return found, replay_of(logs, options, found.usage, found.scenario.card)


def _judge(
    logs: list[Path], found: Fit, recorded: Replay | None, withheld: int | None, is_compared: bool
) -> _Judged:
    """Return how far a fit may be trusted, and add it to its report."""
    comparison = predicted = None
    if recorded is None:
        return _Judged(comparison, predicted)
    from simulation.cli.progress import progress
    from simulation.errors import InputError
    from simulation.fitting import throttling_of
    from simulation.trust import compare_fit
    from simulation.trust import hold_out as held_out

    zone, card = found.options.timezone, found.scenario.card
    found.report["throttled"] = throttling_of(recorded, zone, card)
    if is_compared:
        with progress("Comparing", "step") as watch:
            try:
                comparison = compare_fit(found, recorded, watch)
            except InputError as error:
                fail(f"{error}, or leave out --report")
        found.report["comparison"] = comparison.to_dict()
    if withheld is not None:
        with progress("Predicting", "step") as watch:
            predicted = held_out(logs, found, recorded, withheld, watch)
        found.report["backtest"] = predicted.to_dict()
    return _Judged(comparison, predicted)


def _write(
    files: _Files,
    found: Fit,
    recorded: Replay | None,
    judged: _Judged,
    command: str,
    logs: list[Path],
) -> None:
    """Write the scenario, its estimates, and what else is asked for."""
    from simulation.formats import to_json

    files.scenario.write(found.text)
    files.estimates.write(to_json(found.report) + "\n")
    if files.replay is not None and recorded is not None:
        _write_replay(files.replay, recorded, found, files.force)
    if files.page is not None:
        from simulation.report import trust_report

        names = [*map(shown, logs)]
        files.page.write(trust_report(found.scenario, command, found.report, *judged, names))


def _print_files(
    written: list[Path], replay: OutputFile | None, found: Fit, judged: _Judged
) -> None:
    """Print what was written, the scenario first, and what comes next."""
    names = [shlex.quote(shown(each)) for each in written]
    print(f"Wrote {listed(names)}.")
    first = "Set your edition and licenses in it, then" if found.scenario.org.assumed else "Next"
    plan = names[0]
    if replay is not None:
        calls = shlex.quote(shown(replay.file))
        if any(app.usage.throttled for app in found.apps):
            print(f"To see what its pool would throttle of the log's calls: creditsim run {calls}")
        if judged.comparison is not None and judged.comparison.verdict == "understates":
            plan = calls
    print(f"{first}: creditsim plan {plan}")


def _check_apart(logs: list[Path], files: dict[str, Path | None]) -> None:
    """End where two files that are to be written are one, or one is a log."""
    from simulation.logs import find

    found = {path.resolve(): "a log" for path in find(logs)}
    for what, path in files.items():
        if path is not None and (other := found.setdefault(path.resolve(), what)) != what:
            fail(f"{shown(path)}: is named for {other} and {what}, name two files")


def _write_replay(file: OutputFile, recorded: Replay, found: Fit, force: bool) -> None:
    """Write the scenario of a replay, and beside it the trace of each client."""
    from simulation.fitting import replay_text

    names = recorded.files(file.file.stem)
    traces = [OutputFile(file.file.with_name(name), force) for name in names]
    for trace, text in zip(traces, recorded.texts(), strict=True):
        trace.write(text)
    file.write(replay_text(recorded, names, found.options, found.scenario.card))


def backtest(
    context: typer.Context,
    scenario: ScenarioFile,
    logs: Logs,
    asked: LogArguments,
    set_: Assignments = None,
    report: ReportFile = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Judge a scenario by logs that it was not fitted to: whether what it predicts came.

    Example: creditsim backtest org.yaml december.log
    """
    from simulation.cli.progress import progress
    from simulation.trust import backtest as judged

    _check_effect(set_ or [])
    checked = load(scenario, set_, Access())
    page = None if report is None else OutputFile(report, force)
    with progress("Predicting", "step") as watch:
        found = judged(checked, *logs, options=fit_options(asked), progress=watch)
    if page is not None:
        from simulation.report import trust_report

        names = [*map(shown, logs)]
        page.write(trust_report(checked, typed_command(context), backtest=found, logs=names))
    if as_json:
        print_json(found.to_dict())
        return
    from simulation.cli.console import Console
    from simulation.cli.fit_view import backtest_view

    Console().print(backtest_view(found))
    if report is not None:
        print(f"Wrote {shlex.quote(shown(report))}.")


def _check_effect(assignments: list[str]) -> None:
    """End where a key is set that changes nothing of a backtest."""
    from simulation.trust import NOT_JUDGED

    for each in assignments:
        key = each.partition("=")[0].strip()
        if key.partition(".")[0] in NOT_JUDGED:
            why = "its days are those of the log, and it judges no purchase"
            fail(f"--set: {shown(key)} has no effect on a backtest, {why}: leave it out")
