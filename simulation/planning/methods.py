"""How the figures of a plan were made, for a report on them: the page beside a plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulation.experiment import (
    CONFIDENCE,
    Warmup,
    initialisation,
    inputs,
    page,
    quoted,
    random_numbers,
    what_was_bought,
)
from simulation.formats import exact_percent, listed
from simulation.planning.billing import LEAST_MONTHS, days_billed
from simulation.planning.confirmation import Confirmation
from simulation.planning.looks import DECISION_ERROR
from simulation.planning.search import NOTABLE_SAVING
from simulation.quantities import DAYS_PER_MONTH, write_duration
from simulation.scenario import Objective, Scenario

__all__ = ["plan_methods"]


def plan_methods(
    scenario: Scenario,
    warmup: Warmup | None,
    sizes: Sequence[int],
    replications: int,
    fresh: Sequence[int],
    confirmation: Confirmation | None,
    last_look: bool = False,
    decided: bool = True,
) -> str:
    """Return how the figures of a plan were made, as Markdown.

    Parameters
    ----------
    scenario : Scenario
        As it was planned for, with the warm-up that it had.
    warmup : Warmup or None
    sizes, fresh : sequence of int
        The add-on credits that were judged, and those that fresh replications judged again.
    replications : int
        Those of the search; as many fresh ones followed.
    confirmation : Confirmation or None
    last_look : bool
        Whether the sizes in doubt were judged on as many again, and this decided, or ruled out the
        size that the search had chosen.
    decided : bool
        Whether a look decided that the recommended size is the right one.
    """
    return page(
        "a plan of creditsim",
        {
            "Purpose": [f"{what_was_bought(scenario)} {_objective(scenario)}"],
            "Inputs": _inputs(scenario),
            "Initialisation": [*initialisation(scenario, warmup), _of_each_size()],
            "Estimation": _estimation(
                scenario, sizes, replications, fresh, confirmation, last_look, decided
            ),
            "Software": random_numbers(scenario),
        },
    )


def _of_each_size() -> str:
    return (
        "- Each size begins with its own pool full. What was examined is the pool that the org has "
        "now; other sizes, and alternatives, have the same warm-up."
    )


def _objective(scenario: Scenario) -> str:
    objective = scenario.objective
    whose = (
        f"calls of {', '.join(map(quoted, objective.protect))}" if objective.protect else "calls"
    )
    if objective.cost_of_lost_call is not None:
        return (
            "The plan looks for the purchase of add-on credits with the least expected cost a "
            f"month: its price, and ${objective.cost_of_lost_call:,.12g} for each of the {whose} "
            "that is lost."
        )
    return (
        "The plan looks for the smallest purchase of add-on credits such that it and every larger "
        f"one meets the objective: in at least {exact_percent(objective.probability)} of runs of "
        f"{write_duration(scenario.counted)} at most {exact_percent(objective.throttled_share)} of "
        f"the {whose} have their first attempt throttled."
    )


def _inputs(scenario: Scenario) -> Iterator[str]:
    yield from inputs(scenario)
    for each in scenario.alternatives:
        keys = ", ".join(map(quoted, each.set))
        yield f"- Alternative {quoted(each.name)}: the same but for {keys}."


def _estimation(
    scenario: Scenario,
    sizes: Sequence[int],
    replications: int,
    fresh: Sequence[int],
    confirmation: Confirmation | None,
    last_look: bool,
    decided: bool,
) -> Iterator[str]:
    objective = scenario.objective
    yield (
        f"- Sizes: {len(sizes):,} can be bought, from 0 to {sizes[-1]:,} add-on credits, and all "
        "are judged on the same demand (common random numbers)."
    )
    judged = listed(f"{size:,}" for size in fresh)
    if not scenario.is_random:
        yield "- Nothing in the scenario is random: one replication tells all, and is exact."
    else:
        level = exact_percent(CONFIDENCE)
        again = ""
        if last_look:
            again = (
                f" They left a doubt, so the sizes in doubt were judged on {replications:,} others "
                f"as well, for a last look at all {2 * replications:,}."
            )
        yield (
            f"- Search: {replications:,} replications. It began with {scenario.replications:,} and "
            "added as many again while the answer was open, up to a maximum."
            f"{again} {_ends(objective)} Sizes that were out of the question early were judged on "
            "fewer, as `frontier.csv` says."
        )
        yield (
            f"- Fresh replications: {replications:,} more, which decided nothing, judged {judged} "
            "add-on credits again (`fresh.parquet`). These are the figures of the advice, since "
            "those of the search flatter what it chose."
        )
        if not decided and objective.cost_of_lost_call is None:
            yield (
                "- The plan is not decided. Where a search leaves a doubt, the fresh replications "
                "are a last look at the sizes in doubt. Those that would have decided are not "
                "shown as fresh ones, so the figures of an open size lie a little too near to what "
                "is wanted."
            )
        yield (
            f"- Intervals hold with {level} confidence each, over replications. "
            f"{_by_what(objective)}"
        )
    yield from _bills(scenario)
    if scenario.alternatives:
        yield (
            "- Alternatives are judged on the same replications. What one saves is a paired "
            "difference with a bootstrap interval; those of all alternatives hold together."
        )
    if confirmation is not None:
        again = listed(f"{size:,}" for size in confirmation.addon_credits)
        yield (
            f"- Confirmation: the SimPy model decided {confirmation.calls:,} calls again, those of "
            f"{confirmation.days:,} days (replications: {confirmation.replications:,}), with "
            f"{again} add-on credits; every record was identical."
        )


def _bills(scenario: Scenario) -> Iterator[str]:
    """Yield how bills are estimated, where what is used is billed."""
    use = scenario.billed_use_of_a_day
    if use is None:
        return
    days = len(days_billed(scenario))
    what = "the credits consumed on the local calendar day"
    if use == "any_24_hours":
        what = "the most credits in use in any 24 hours that end in the local day"
    yield (
        f"- Bills: a day's use of add-on credits is {what}, less the allowance, from 0 to the "
        "size; it is priced by the card's slabs. A month has 30 days. Whole local days count: of "
        f"each run {days:,}, those that begin after the warm-up and end within the run. "
        "`bill_per_month` is their mean over replications. Prices are what is paid at most, and "
        "what a size costs in all holds its bill."
    )
    months = "A run holds one month or more, which are taken one after the other."
    if days < DAYS_PER_MONTH:
        months = (
            "A run is shorter than a month, so months are put together of replications that follow "
            "each other, as if nothing went on from one run to the next."
        )
    yield (
        "- `worst_bill_per_month` is the bill that 1 simulated month in 20 exceeds, the 95 % "
        f"quantile. {months} Of fewer than {LEAST_MONTHS} months it is not said, unless nothing is "
        "random: then it is the dearest month."
    )


def _ends(objective: Objective) -> str:
    error = exact_percent(DECISION_ERROR)
    if objective.cost_of_lost_call is None:
        return f"At most {error} of plans decide wrongly, all looks at the growing sample together."
    return (
        f"It ended when no other size could cost less by more than {exact_percent(NOTABLE_SAVING)} "
        f"of the cost, by intervals of paired differences that share an error of {error} among the "
        "looks at the growing sample, not among the sizes."
    )


def _by_what(objective: Objective) -> str:
    shares = (
        "Throttled shares are ratios of sums, lost calls are means: Student's t after Hall's "
        "transformation, or the gamma interval of Fay and Feuer where at most a third of the "
        "replications show any."
    )
    if objective.cost_of_lost_call is not None:
        return f"{shares} The cost is the price and the mean of what lost calls cost."
    return (
        "The probability that a run meets the objective is the share of replications that do, with "
        f"the interval of Clopper and Pearson. {shares}"
    )
