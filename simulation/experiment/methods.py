"""How the figures of a result were made, for a report on them: the page beside a result.

It answers for one result what the reporting guideline STRESS-DES asks and `tests/STRESS-DES.md`
cannot: its inputs with their sources, how its runs begin, and how its figures are estimated.
Nothing in it depends on the machine, and no text of the user's is read as Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from simulation.experiment.intervals import CONFIDENCE
from simulation.experiment.summary import ESTIMATORS
from simulation.experiment.warmup import MOST_SHOWN, Warmup
from simulation.formats import counted, exact, exact_percent
from simulation.paces import pace_in_words
from simulation.plain_text import one_line
from simulation.quantities import write_duration
from simulation.scenario import Client, InitialUsage, OnThrottle, RecordCount, Scenario
from simulation.version import __version__

__all__ = [
    "initialisation",
    "inputs",
    "page",
    "quoted",
    "random_numbers",
    "run_methods",
    "what_was_bought",
]

_MODEL = (
    "How the model decides, whatever the scenario, is in the documentation of creditsim: the rules "
    "in `simulation/README.md`, the reporting guideline STRESS-DES in `tests/STRESS-DES.md`."
)


def quoted(text: str) -> str:
    r"""Return text of the user's as a code span, in which Markdown and a terminal read nothing.

    >>> print(quoted("a"), quoted("b`c"), quoted("`"), quoted("*d*\n# e"))
    `a` ``b`c`` `` ` `` `*d*\n# e`
    """
    safe = one_line(text)
    # A fence one backtick longer than any run inside: nothing in the text can close it.
    longest = max(map(len, re.findall("`+", safe)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if safe[:1] in ("`", " ") or safe[-1:] in ("`", " ") else ""
    return f"{fence}{pad}{safe}{pad}{fence}"


def page(title: str, sections: dict[str, Iterable[str]]) -> str:
    """Return the page: a title, and sections of lines that are Markdown."""
    parts = [f"# Methods: {title}", "", _MODEL]
    for heading, lines in sections.items():
        parts += ["", f"## {heading}", "", *lines]
    return "\n".join(parts) + "\n"


def run_methods(
    scenario: Scenario, warmup: Warmup | None, engine: str, precision: float = 0.0
) -> str:
    """Return how the figures of a run were made, as Markdown.

    Parameters
    ----------
    scenario : Scenario
        As it was run, with the warm-up and the replications that it had.
    warmup : Warmup or None
    engine : str
    precision : float
        The part of the throttled share that was wanted as half its interval; 0 where none was.
    """
    purpose = (
        f"{what_was_bought(scenario)} The run estimates how often the pool throttles calls, "
        "whose calls, when, and how many are lost, with what the org has bought."
    )
    return page(
        "a run of creditsim",
        {
            "Purpose": [purpose],
            "Inputs": inputs(scenario),
            "Initialisation": initialisation(scenario, warmup),
            "Estimation": _estimation(scenario, engine, precision),
            "Software": random_numbers(scenario),
        },
    )


def what_was_bought(scenario: Scenario) -> str:
    """Return what the org has bought, and how large its pool is."""
    org = scenario.org
    return (
        f"{quoted(scenario.name)} is an org on edition {quoted(org.edition)} with "
        f"{counted(scenario.user_licenses, 'user license')} and {org.addon_credits:,} add-on "
        f"credits: a pool of {scenario.card.pool_in_words(scenario.limit, org.edition)}."
    )


def inputs(scenario: Scenario) -> Iterator[str]:
    """Yield the inputs with their sources, a list item each."""
    yield "- Scenario: `scenario.yaml` beside this page, as it was simulated, `--set` included."
    card = scenario.card
    whose = "which comes with creditsim"
    if Path(scenario.rate_card).suffix:
        whose = f"from {quoted(Path(scenario.rate_card).name)}"
    yield f"- Rate card: {quoted(card.name)} ({quoted(card.title)}), {whose}. Its sources:"
    for source in card.sources:
        yield f"  - {quoted(source.title)} ({quoted(source.date)}): {quoted(source.url)}"
    if len(card.meters) > 1:
        yield (
            "- Limits, in the order in which they are asked; the first that refuses a call has "
            "throttled it:"
        )
        for meter in card.meters:
            allows = card.meter_in_words(meter, scenario.org.edition, scenario.limit)
            yield f"  - {quoted(meter.name)}: {allows}"
    yield f"- Clients, {len(scenario.clients):,} in this order:"
    for client in scenario.clients:
        law = " ".join(_sentences(scenario, client))
        yield f"  - {quoted(client.name)}: {law}"
    yield (
        "- All of this is taken as true: no interval covers a wrong rate, a wrong price or a "
        "client that was left out."
    )


def _sentences(scenario: Scenario, client: Client) -> Iterator[str]:
    arrivals = client.arrivals.law
    yield _trace(scenario, client) if arrivals is None else arrivals.in_words()
    mix = ", ".join(
        f"{quoted(call.api)}{_records(call.records)}"
        + (f" (weight {exact(call.weight)})" if len(client.calls) > 1 else "")
        + (f", open for {law.in_words()}" if scenario.needs_durations else "")
        for call, law in zip(client.calls, scenario.durations_of(client).of_call, strict=True)
    )
    yield f"Calls: {mix}." if mix else "Calls: as the trace names them."
    yield _when_throttled(client.on_throttle)
    yield from _held_back(client)


def _held_back(client: Client) -> Iterator[str]:
    """Yield how a client holds itself back, a sentence each."""
    if client.quota is not None:
        yield f"It takes at most {client.quota} of the pool itself (quota)."
    if client.reserve is not None:
        yield f"It makes no attempt that would leave less than {client.reserve} of the pool free."
    if client.pace is not None:
        yield f"It makes at most {pace_in_words(client.pace)} attempts, evenly spaced."
    if client.max_concurrent is not None:
        yield f"At most {client.max_concurrent:,} of its calls are open at once."
    if client.group is not None:
        yield f"It is of group {quoted(client.group)}."


def _trace(scenario: Scenario, client: Client) -> str:
    trace, law = scenario.trace_of(client), client.arrivals
    calls = len(trace.times) if trace.counts is None else int(trace.counts.sum())
    row = (
        "a call" if trace.counts is None else f"a count of calls in {write_duration(trace.bucket)}"
    )
    clock = scenario.clock
    first, last = (
        f"{clock.local(int(moment) - clock.start_epoch):%Y-%m-%d %H:%M:%S}"
        for moment in (trace.times[0], trace.times[-1])
    )
    inside = (trace.times >= clock.start_epoch) & (
        trace.times < clock.start_epoch + scenario.horizon
    )
    rows, begun = (len(np.unique(lines)) for lines in (trace.lines, trace.lines[inside]))
    said = (
        f"as recorded in {quoted(Path(law.file or '').name)}: {rows:,} rows, each "
        f"{row}, {calls:,} calls, from {first} to {last} local time; {begun:,} rows begin "
        "within the run."
    )
    if (read := law.count_trace or law.trace) is not None and read.columns:
        named = ", ".join(f"`{of}` is {quoted(name)}" for of, name in read.columns.items())
        said += f" Of its columns, {named}."
    if law.each is not None:
        said += f" {law.each.in_words()}"
    return said


def _records(law: RecordCount) -> str:
    if law.fixed is not None:
        return f" of {law.fixed:,} records" if law.fixed > 1 else ""
    if law.uniform is not None:
        least, most = law.uniform
        return f" of {least:,} to {most:,} records, every number as likely"
    if law.choices is not None:
        each = (f"{number:,} (weight {exact(weight)})" for number, weight in law.choices.items())
        return f" of {', '.join(each)} records"
    assert law.poisson is not None
    return f" of {exact(law.poisson)} records on average (Poisson)"


def _when_throttled(policy: OnThrottle) -> str:
    retry, queue = policy.retry, policy.queue
    if queue is not None:
        wait = "until there is room for its first call"
        if queue.wait.span is not None:
            wait = f"for {write_duration(queue.wait.span)}"
        elif queue.wait.clock is not None:
            wait = f"until the next {queue.wait.clock:%H:%M}"
        lost = ""
        if queue.max_wait is not None:
            lost = f"; a call that is older than {write_duration(queue.max_wait)} is lost"
        return f"When throttled it stops {wait}, then works what has waited in order{lost}."
    if retry is None:
        return "A throttled call is lost."
    jitter = ", each delay drawn between 0 and its length" if retry.jitter == "full" else ""
    first, grown = write_duration(retry.first), "the one before"
    if retry.then is not None:
        first, grown = f"at once, then after {write_duration(retry.then)}", "the one before it"
    else:
        first = f"after {first}"
    return (
        f"A throttled call is tried again {first}, each delay "
        f"{retry.factor:f} times {grown} and at most {write_duration(retry.max_delay)}"
        f"{jitter}; it is lost after {retry.max_attempts:,} attempts."
    )


def _in_use(initial: InitialUsage, scenario: Scenario) -> str:
    """Return what of the pool is in use at the start, as a clause."""
    pool = scenario.card.pool
    of_all = f"of a pool of {scenario.limit:,}"
    if initial.credits is None:
        assert initial.trace is not None
        counts = initial.trace.counts
        file = quoted(Path((counts or initial.trace).file or "").name)
        return f"what {file} records before the start is in use, {of_all}"
    back = {"calendar": "at the next reset", "bucket": "as the bucket refills"}
    when = back.get(pool.kind, "evenly over the next window")
    return f"{initial.credits:,} {pool.unit} are in use, {of_all}; they come back {when}"


def initialisation(scenario: Scenario, warmup: Warmup | None) -> Iterator[str]:
    """Yield how a run begins, and what of it counts, a list item each."""
    clock, zone, window = scenario.clock, scenario.timezone, scenario.card.window_in_words
    begins, counts, ends = (
        f"{clock.local(moment):%Y-%m-%d %H:%M}"
        for moment in (0, scenario.warmup_end, scenario.horizon)
    )
    unit, initial = scenario.card.pool.unit, scenario.initial_usage
    full = f"At first the pool is full: all {scenario.limit:,} {unit} are available"
    if initial is not None:
        full = f"At first {_in_use(initial, scenario)}"
    yield (
        f"- A run begins at {begins} ({zone}) and ends at {ends}: "
        f"{write_duration(scenario.horizon)}. {full}, and no call waits."
    )
    if len(scenario.card.meters) > 1:
        yield "- All other limits are unused at first, and no call is open."
    if not scenario.warmup_end:
        start = "full pool" if initial is None else "start"
        yield f"- There is no warm-up: all calls count, and the {start} is part of what is asked."
        return
    length = write_duration(scenario.warmup_end)
    yield (
        f"- Warm-up: {length}. Calls submitted before {counts} are simulated and left out of the "
        f"statistics, which are over the {write_duration(scenario.counted)} that follow."
    )
    if warmup is None:
        yield "- Whether the start still shows after it was not examined."
        return
    chosen = "chosen by pilot runs, since the scenario names none"
    if warmup.given:
        chosen = "named by the scenario"
    if warmup.leaves_out:
        yield (
            f"- The warm-up was {chosen}. In pilot runs calls are throttled during it, but after "
            "it not a single call is throttled: **it leaves out all that matters**."
        )
        return
    forgotten = (
        "forgotten" if warmup.is_enough else "**not** forgotten, so the figures depend on it"
    )
    yield (
        f"- The warm-up was {chosen}. Pilot runs began with a full pool and, on the same demand, "
        f"with a spent one, whose credits come back evenly in the first {window}. After the "
        f"warm-up {exact_percent(round(warmup.still_shows, 6))} of the throttled calls of the two "
        "come at other hours, or in one of them alone. The start counts as forgotten up to "
        f"{exact_percent(MOST_SHOWN)}: it is {forgotten}."
    )


def _estimation(scenario: Scenario, engine: str, precision: float) -> Iterator[str]:
    n, level = scenario.replications, exact_percent(CONFIDENCE)
    many = f"{n:,}, independent of each other" if n > 1 else "1"
    until = ""
    if precision and scenario.is_random:
        until = (
            ", added until half the interval of the throttled share is at most "
            f"{exact_percent(precision)} of the share, or a maximum is reached"
        )
    yield f"- Replications: {many}{until}. Engine: `{engine}`; both engines give the same figures."
    if not scenario.is_random:
        yield (
            "- Nothing in the scenario is random: replications are all the same, and what they "
            "show is exact."
        )
    elif n == 1:
        yield "- One replication gives no intervals."
    else:
        yield (
            f"- Every interval holds its figure with {level} confidence, over replications. Means "
            "and ratios: Student's t after Hall's transformation, or the gamma interval of Fay and "
            "Feuer where at most a third of the replications show an event. Medians: between two "
            "order statistics. Percentiles of delays: from the interval of the share of calls that "
            "wait longer. Shares of replications: Clopper and Pearson."
        )
    by_estimator: dict[str, list[str]] = {}
    for statistic, estimator in ESTIMATORS.items():
        by_estimator.setdefault(estimator, []).append(f"`{statistic}`")
    yield "- What stands as the estimate of each statistic in `summary.json`:"
    for estimator, statistics in by_estimator.items():
        yield f"  - {estimator}: {', '.join(statistics)}"


def random_numbers(scenario: Scenario) -> Iterator[str]:
    """Yield which versions decide the figures, and the seed."""
    yield (
        f"creditsim {__version__} with NumPy {np.__version__}; Philox4x64-10 draws the "
        f"random numbers, seed {scenario.seed}. The same scenario, seed and versions give the same "
        "files, to the byte; how many workers there were, and which machine, does not matter."
    )
