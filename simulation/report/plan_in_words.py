"""What a plan advises, in the words of the person who pays."""

from __future__ import annotations

from math import isnan

import pandas as pd

from simulation.formats import counted, dollars, number, percent, period, plural
from simulation.planning import (
    AlternativeResult,
    Plan,
    calls_of,
    more_of_the_pool,
    surely_enough,
    throttled_beside,
    wanted,
    what_helps_beside,
)
from simulation.report.bill_in_words import set_the_limit
from simulation.scenario import Scenario

__all__ = [
    "advice_in_brief",
    "alternatives_in_words",
    "best_alternative",
    "plan_findings",
    "what_it_is",
]


def plan_findings(plan: Plan) -> list[str]:
    """Return the advice in two sentences: what to buy and how sure it is; what else there is."""
    return [_what(plan), _else(plan)]


def what_it_is(plan: Plan, size: int) -> str:
    """Return what a plan says of a size in two words; empty where it says nothing of its own."""
    advice = plan.recommendation
    if size == advice.addon_credits:
        sure = advice.decided or plan.objective.cost_of_lost_call is not None
        return "recommended" if sure else "may be enough"
    return "surely enough" if size == surely_enough(plan) else ""


def _what(plan: Plan) -> str:
    advice, unit = plan.recommendation, period(plan.scenario.counted)
    many = plural(unit)
    if advice.status == "not_reachable" and advice.decided:
        return _not_reachable(plan)
    if not advice.decided and plan.objective.cost_of_lost_call is None:
        return _undecided(plan)
    assert advice.addon_credits is not None
    do = _purchase(plan, advice.addon_credits)
    row = plan.row(advice.addon_credits)
    if isnan(row["throttled_share"]):
        return f"{do}: none of the {calls_of(plan.objective)} comes after the warm-up."
    if plan.objective.cost_of_lost_call is not None:
        return f"{do}: {_least_cost(plan)}."
    sure = (
        f"in {percent(row['meets_probability'])} of such {many} (95 % interval "
        f"{percent(row['meets_low'])} to {percent(row['meets_high'])}, {plan.replications:,} "
        f"fresh ones simulated) at most {percent(plan.objective.throttled_share)} of the "
        f"{calls_of(plan.objective)} are throttled"
    )
    if plan.replications == 1:
        share, whose = percent(row["throttled_share"]), calls_of(plan.objective)
        sure = f"{share} of the {whose} are throttled then"
        if not _certain(plan):
            sure += f", in the one {unit} that was simulated"
    fewer = ""
    if len(plan.fresh) > 1:
        below = plan.fresh.iloc[0]
        fewer = f"; with {int(below['addon_credits']):,} "
        if plan.replications == 1:
            fewer += f"{percent(below['throttled_share'])} would be"
        else:
            fewer += f"that holds in only {percent(below['meets_probability'])}"
    return f"{do}: {sure}{fewer}.{_lost_all_the_same(plan, row)}"


def _lost_all_the_same(plan: Plan, row: pd.Series) -> str:
    """Return how many calls are lost with a size that is enough, as a sentence; or nothing.

    Only where clients hold calls back themselves, which no size need change.
    """
    scenario, lost = plan.scenario, float(row["lost_calls"])
    holds_back = any(
        client.quota is not None
        or client.reserve is not None
        or ((queue := client.on_throttle.queue) is not None and queue.max_wait is not None)
        for client in scenario.clients
    )
    if not holds_back or not lost > 0:
        return ""
    none = plan.frontier[plan.frontier["lost_calls"] == 0]["addon_credits"]
    more = f"; with {int(none.iloc[0]):,} add-on credits none are" if len(none) else ""
    return (
        f" But {_are_lost(lost)} in a {period(scenario.counted)} all the same, since clients hold "
        f"calls back themselves (`quota`, `reserve`, `max_wait`){more}."
    )


def _are_lost(count: float, which: str = "") -> str:
    """Return that some calls are lost, in words."""
    shown = number(count)
    return f"{shown} {which}call is lost" if shown == "1" else f"{shown} {which}calls are lost"


def _purchase(plan: Plan, size: int) -> str:
    """Return what to buy and what it costs, in words; what follows explains it after a colon."""
    if not size:
        return "Nothing needs to be bought"
    if plan.scenario.billed_use_of_a_day is not None:
        return f"{set_the_limit(plan, size)}. Why"
    price = plan.scenario.offer.price_per_month(size)
    a_day = plan.scenario.offer.price_per_day(size)
    return f"Buy {size:,} add-on credits for {dollars(price)} a month (${a_day} a day)"


def _not_reachable(plan: Plan) -> str:
    """Return by how much even the largest purchase falls short, in words."""
    if not plan.recommendation.credits_help:
        return _credits_do_not_help(plan)
    largest = int(plan.frontier["addon_credits"].iloc[-1])
    card = plan.scenario.card
    short = f"{plan.recommendation.shortfall_credits:,} {card.pool.unit} short"
    if not card.sells:
        return f"The limit does not meet the objective ({wanted(plan.scenario)}): it falls {short}."
    most = f"{plan.scenario.org.edition} cannot buy add-on credits, and its limit falls"
    if largest:
        most = f"even the maximum, {largest:,} add-on credits, falls"
    return f"No purchase meets the objective ({wanted(plan.scenario)}): {most} {short}."


def _credits_do_not_help(plan: Plan) -> str:
    """Return that no purchase helps, what throttles the calls, and what would help, in words."""
    shares = plan.recommendation.throttled_beside_pool
    said = throttled_beside(plan.scenario, shares)
    more, cut = more_of_the_pool(plan.scenario), ""
    now, most = plan.row(plan.scenario.org.addon_credits), plan.frontier.iloc[-1]
    if plan.scenario.card.sells and most["lost_calls"] < now["lost_calls"] / 2:
        more = f"{more} alone"
        unit = period(plan.scenario.counted)
        lost = _are_lost(float(most["lost_calls"]))
        cut = (
            f" With {int(most['addon_credits']):,} add-on credits {lost} in a {unit}, in place of "
            f"{number(now['lost_calls'])}."
        )
    return (
        f"{more[0].upper()}{more[1:]} will not help: even with a pool that is never used up "
        f"{said}.{cut} {what_helps_beside(plan.scenario, shares)}"
    ).rstrip()


def _least_cost(plan: Plan) -> str:
    """Return what the recommended size costs in all, and what none would, in words."""
    assert plan.objective.cost_of_lost_call is not None
    assert plan.recommendation.addon_credits is not None
    row = plan.row(plan.recommendation.addon_credits)
    without = plan.frontier["cost_per_month"].iloc[0]
    said = []
    if plan.replications == 1 and not _certain(plan):
        said.append("by one simulation, so without an interval")
    elif not _certain(plan):
        ends = [dollars(row[f"cost_per_month_{end}"]) for end in ("low", "high")]
        said.append(f"95 % interval {ends[0]} to {ends[1]}")
    if plan.recommendation.addon_credits:
        said.append(f"it would be {dollars(without)} without add-on credits")
    return (
        f"with lost calls at {dollars(plan.objective.cost_of_lost_call)} the expected cost is then "
        f"least, {dollars(row['cost_per_month'])} a month"
        + (f" ({'; '.join(said)})" if said else "")
    )


def _undecided(plan: Plan) -> str:
    """Return which size surely is enough, and which smaller one may be, in words."""
    assert plan.recommendation.undecided_between is not None
    low, high = plan.recommendation.undecided_between
    months, best = plural(period(plan.scenario.counted)), plan.recommendation.addon_credits
    goal = f"({wanted(plan.scenario)})"
    looked = f"{2 * plan.replications:,} replications"  # the search's and the last look's
    if high is None:
        most = int(plan.frontier["addon_credits"].iloc[-1])
        if not plan.scenario.card.sells:
            return (
                f"Whether the limit is enough {goal} is not decided after {looked}; more may tell: "
                f"{_kept(plan, most, months)} keep to it."
            )
        return (
            f"Whether any purchase is enough {goal} is not decided after {looked}; more may tell: "
            f"with {most:,} add-on credits, the most for sale, {_kept(plan, most, months)} keep to "
            "it."
        )
    price = plan.scenario.offer.price_per_month(high)
    smaller = int(plan.fresh["addon_credits"].iloc[0])
    open_ = smaller if best is None or best >= high else best
    fewer = f"{open_:,} are enough too" if open_ else "none are needed"
    if low < open_:
        fewer += f", or even {low:,}," if low else ", or even none,"
    do = f"Buy {high:,} add-on credits for {dollars(price)} a month. They are"
    if plan.scenario.billed_use_of_a_day is not None:
        do = f"{set_the_limit(plan, high)}. That is"
    return (
        f"{do} surely enough {goal}. "
        f"Whether {fewer} is not decided after {looked}; "
        f"more may tell: with {open_:,}, {_kept(plan, open_, months)} do."
    )


def _kept(plan: Plan, size: int, months: str) -> str:
    """Return in how many months a size keeps to the objective, in words."""
    row = plan.row(size)
    return (
        f"{percent(row['meets_probability'])} of {months} (95 % interval "
        f"{percent(row['meets_low'])} to {percent(row['meets_high'])})"
    )


def _certain(plan: Plan) -> bool:
    """Return whether nothing is random: intervals are points then."""
    return bool((plan.frontier["meets_low"] == plan.frontier["meets_high"]).all())


def _else(plan: Plan) -> str:
    advice = plan.recommendation
    if not advice.decided and plan.objective.cost_of_lost_call is not None:
        between = advice.undecided_between
        assert between is not None
        upper = "more than can be bought" if between[1] is None else f"{between[1]:,}"
        looked = counted(plan.replications, "replication")
        return (
            f"After {looked} this is not decided, more may tell: the answer lies "
            f"between {between[0]:,} add-on credits and {upper}."
        )
    if (best := best_alternative(plan)) is not None:
        assert best.saves_per_month is not None
        saves = best.saves_per_month
        interval = f" (95 % interval {dollars(saves.low)} to {dollars(saves.high)})"
        interval = "" if _certain(plan) else interval
        than = ""
        if surely_enough(plan) != advice.addon_credits:
            than = f" compared with {advice.addon_credits:,}"
        return (
            f"Better: {_needs(best)} and saves {dollars(saves.mean)} a month{than}{interval}"
            f"{_how_sure(plan, best)}."
        )
    if (other := _most_saving(plan, addon_credits_alone=True)) is not None:
        assert other.saves_per_month is not None
        saving = dollars(other.saves_per_month.mean)
        return (
            f"In add-on credits alone, `{other.name}` saves {saving} a month; what its licenses "
            "cost is not known, state it under `org.license_prices`."
        )
    if advice.status == "not_reachable":
        return _what_is_enough(plan)
    return _without_throttling(plan)


def _what_is_enough(plan: Plan) -> str:
    """Return what would be enough where no purchase is, in words."""
    advice = plan.recommendation
    enough = [each for each in plan.alternatives if each.addon_credits is not None]
    best = min(enough, key=lambda each: (not each.decided, each.addon_credits), default=None)
    if advice.remedies and not (best and best.decided):
        return f"What would be enough: {advice.remedies[0].change}."
    if best is not None:
        return f"What would be enough: {_needs(best)}{_how_sure(plan, best)}."
    if not advice.credits_help:
        return "No higher edition is enough as things are."
    return _nothing_is_enough(plan.scenario)


def _needs(alternative: AlternativeResult) -> str:
    """Return how many add-on credits are enough with an alternative, in words."""
    size = alternative.addon_credits
    if size is None:
        return f"`{alternative.name}` is not enough, whatever is bought"
    needs = "needs" if alternative.decided else "may need"
    return f"`{alternative.name}` {needs} {f'{size:,}' if size else 'no'} add-on credits"


def alternatives_in_words(plan: Plan) -> list[str]:
    """Return what each alternative needs, and what it changes as things are, a sentence each."""
    found = []
    for each in plan.alternatives:
        difference = each.lost_calls_difference.mean
        lost = "as many calls are lost"
        if difference:
            lost = _are_lost(abs(difference), "more " if difference > 0 else "fewer ")
        unit = period(plan.scenario.counted)
        now = f"At the add-on credits of now {lost} in a {unit}."
        found.append(f"{_needs(each)}{_how_sure(plan, each)}. {now}")
    return found


def _nothing_is_enough(scenario: Scenario) -> str:
    """Return a sentence for an org of which no change meets the objective."""
    licenses, edition = scenario.user_licenses, scenario.org.edition
    with_them = f" with {counted(licenses, 'license')}" if licenses else ""
    if not scenario.offer.rules.per_license:
        unit = scenario.card.pool.unit
        return f"Licenses add no {unit} to {edition}, and no higher edition{with_them} is enough."
    return f"No number of licenses, and no higher edition{with_them}, is enough."


def _how_sure(plan: Plan, best: AlternativeResult) -> str:
    """Return how often the size that an alternative needs keeps to the objective, in words."""
    if plan.objective.cost_of_lost_call is not None or _certain(plan) or plan.replications == 1:
        return ""
    kept = f"; it keeps to the objective in {percent(best.meets_probability.mean)} of the fresh "
    kept += plural(period(plan.scenario.counted))
    return kept if best.decided else f"{kept}, which does not decide whether that is enough"


def _without_throttling(plan: Plan) -> str:
    advice = plan.recommendation
    if advice.zero_throttle_addon_credits is not None:
        calls = f"one of the {calls_of(plan.objective)}" if plan.objective.protect else "one call"
        none = f"With {number(advice.zero_throttle_addon_credits)} add-on credits not {calls} "
        if not plan.scenario.card.sells:
            none = f"Not {calls} "
        if _certain(plan):
            return f"{none}is throttled; nothing in this {period(plan.scenario.counted)} is random."
        if plan.replications == 1:
            return f"{none}was throttled in the one {period(plan.scenario.counted)} simulated."
        many = f"{plan.replications:,} simulated {plural(period(plan.scenario.counted))}"
        return f"{none}was throttled in any of the {many}."
    shares = advice.throttled_beside_pool
    if shares and advice.addon_credits is not None:
        said = throttled_beside(plan.scenario, shares)
        return f"Then {said}; {more_of_the_pool(plan.scenario)} would not change that."
    return "No purchase prevents every throttled call."


def advice_in_brief(plan: Plan) -> str:
    """Return in a few words what to do; where that is open, what surely is enough comes first."""
    advice, now = plan.recommendation, plan.scenario.org.addon_credits
    size, safe = advice.addon_credits, surely_enough(plan)
    if not advice.decided and safe is None:
        looks = (
            "" if size is None else f", {size:,} may be" if size else ", perhaps none are needed"
        )
        return f"not decided whether any purchase is enough{looks}"
    if size is None and not advice.credits_help:
        return f"{more_of_the_pool(plan.scenario)} will not help: another limit throttles"
    if size is None:
        most = int(plan.frontier["addon_credits"].iloc[-1])
        if not most:
            return "no purchase is enough: none can be made"
        share = plan.fresh["meets_probability"].iloc[-1]
        months = plural(period(plan.scenario.counted))
        often = f"{percent(share)} of {months}"
        return f"no purchase is enough: {most:,} add-on credits are enough in {often}"
    billed = plan.scenario.billed_use_of_a_day is not None
    if safe in (None, size):
        return _action(size, now, billed)
    fewer = f"{size:,} may be too" if size else "perhaps none are needed"
    return f"{_action(safe, now, billed)}: surely enough; {fewer}"


def _action(size: int | None, now: int, billed: bool) -> str:
    """Return what to do to have a size, in words; ``billed``: its use is, not the whole of it."""
    assert size is not None
    if billed and size != now:
        return f"{'set' if size > now else 'lower'} the limit of add-on credits to {size:,}"
    if size == now:
        return "keep what you have" if now else "nothing to buy"
    if size < now:
        return f"cut to {size:,}, {now - size:,} too many are bought"
    return f"buy {size:,}" if not now else f"buy {size:,}, {size - now:,} more than now"


def best_alternative(plan: Plan) -> AlternativeResult | None:
    """Return the alternative that saves most, if one surely saves something in all."""
    return _most_saving(plan, addon_credits_alone=False)


def _most_saving(plan: Plan, addon_credits_alone: bool) -> AlternativeResult | None:
    savers = [
        (each, each.saves_per_month)
        for each in plan.alternatives
        if each.addon_credits_alone == addon_credits_alone
        and each.saves_per_month is not None
        and each.saves_per_month.mean > 0
        and each.saves_per_month.low > 0
    ]
    if not savers:
        return None
    return max(savers, key=lambda saver: (saver[1].mean, saver[1].low, saver[1].high))[0]
