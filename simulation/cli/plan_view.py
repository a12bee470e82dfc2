"""What the terminal shows of a plan: the advice, the sizes worth seeing, alternatives."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import isnan

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulation.cli.console import NOT_DECIDED, table_of
from simulation.cli.run_view import start_view
from simulation.cli.timeline_view import Timeline
from simulation.experiment import coarser
from simulation.formats import dollars, listed, number, percent, period, say_number
from simulation.planning import AlternativeResult, Plan, advised, calls_of, surely_enough
from simulation.report import estimates_in_words, other_cards_in_words, plan_findings, what_it_is

__all__ = ["plan_view", "sizes_worth_seeing"]


def sizes_worth_seeing(plan: Plan) -> dict[int, str]:
    """Return the sizes that a table shows, each with what it is."""
    sizes = plan.frontier["addon_credits"].tolist()
    advice = plan.recommendation
    named: dict[int, str] = {sizes[0]: "", sizes[-1]: "most for sale"}
    for edge in plan.scenario.card.slab_edges():
        if edge < sizes[-1]:
            named[edge] = "end of slab"
    if advice.zero_throttle_addon_credits is not None:
        named[advice.zero_throttle_addon_credits] = "throttles none"
    if advice.addon_credits is not None:
        place = sizes.index(advice.addon_credits)
        for near in (place - 1, place + 1):
            if 0 <= near < len(sizes):
                named.setdefault(sizes[near], "")
    now = plan.scenario.org.addon_credits
    named[now] = "now" if now or not named.get(now) else named[now]
    for size in (advice.addon_credits, surely_enough(plan)):
        if size is not None:
            named[size] = what_it_is(plan, size)
    return dict(sorted(named.items()))


def _timelines(plan: Plan) -> Iterator[Timeline]:
    """Yield what is shown over time: the org as it is, and as is advised."""
    kept, now = plan.over_time, plan.scenario.org.addon_credits
    if kept is None:
        return
    available = f"Available {plan.scenario.card.pool.unit}"
    shown = {now: f"{available} now"}
    if (size := advised(plan)) is not None and size != now:
        shown[size] = f"{available} with {size:,} add-on credits"
    limit, unit = plan.scenario.offer.limit, period(plan.scenario.counted)
    for size, title in shown.items():
        line = partial(coarser, kept.timeline(size))
        yield Timeline(title, limit(size), unit, kept.replications, line)


def plan_view(plan: Plan) -> RenderableType:
    """Show what a plan advises, what that does over time, then its tables."""
    first, second = plan_findings(plan)
    parts: list[RenderableType] = [
        Text(plan.scenario.describe(), style="dim"),
        Text(""),
        Text(f"{first} {second}", style="bold"),
        *map(Text, estimates_in_words(plan)),
        *map(Text, other_cards_in_words(plan)),
        *start_view(plan.warmup),
        Text(""),
        *_timelines(plan),
        _frontier_table(plan),
    ]
    if plan.alternatives:
        parts.append(_alternative_table(plan))
    parts.append(Text("Why", style="bold"))
    parts += [Text(f"• {reason}") for reason in plan.recommendation.reasons]
    if plan.recommendation.remedies:
        parts.append(Text("\nWhat would be enough", style="bold"))
        for remedy in plan.recommendation.remedies:
            total = remedy.total_per_month
            cost = "" if total is None else f": {dollars(total)} a month in all"
            if cost and plan.scenario.billed_use_of_a_day is not None:
                cost += ", at most"
            parts.append(Text(f"• {remedy.change}{cost}"))
    if plan.confirmation is not None:
        done = plan.confirmation
        sizes = listed(f"{size:,}" for size in done.addon_credits)
        parts.append(
            Text(
                f"\nChecked: the reference model, in SimPy, decided {done.calls:,} of the calls "
                f"again with {sizes} add-on credits, and each ended the same.",
                style="dim",
            )
        )
    return Group(*parts)


def _frontier_table(plan: Plan) -> Table:
    by_cost = plan.objective.cost_of_lost_call is not None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    last = "all costs" if by_cost else "keeps to it"
    billed = plan.scenario.billed_use_of_a_day is not None
    prices = ("$ at most", "you pay") if billed else ("$ a month",)
    sells = plan.scenario.card.sells
    bought = ("add-on", *prices) if sells else ("limit",)
    for heading in (*bought, "throttled", "calls lost", last):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    if plan.objective.protect:
        table.caption = f"throttled and calls lost: of the {calls_of(plan.objective)} alone"
        table.caption_justify = "left"
    for size, name in sizes_worth_seeing(plan).items():
        row = plan.row(size)
        style = "bold" if size == advised(plan) else ""
        kept = f"{percent(row['meets_low'])} to {percent(row['meets_high'])}"
        judged = int(row["replications"])
        if judged < plan.replications:
            kept = f"{round(row['meets_probability'] * judged)} of {judged}"
        if plan.replications == 1:
            kept = "yes" if row["meets_probability"] else "no"
        table.add_row(
            f"{size:,}" if sells else f"{int(row['limit']):,}",
            *([f"{row['price_per_month']:,}"] if sells else []),
            *([f"{row['bill_per_month']:,.2f}"] if sells and billed else []),
            "" if isnan(row["throttled_share"]) else percent(row["throttled_share"]),
            number(row["lost_calls"]),
            f"{row['cost_per_month']:,.2f}" if by_cost else kept,
            Text(name),
            style=style,
        )
    return table


def _alternative_table(plan: Plan) -> Table:
    says_how_sure = plan.objective.cost_of_lost_call is None and plan.replications > 1
    billed = ["you pay"] if any(map(_pays_less, plan.alternatives)) else []
    price = "$ at most" if billed else "$ a month"
    headings = ["alternative", "add-on", price, *billed, "saves a month", "lost calls"]
    table = table_of(*headings, *(["sure"] if says_how_sure else []))
    if says_how_sure and not all(each.decided for each in plan.alternatives):
        table.caption, table.caption_justify = NOT_DECIDED, "left"
    for each in plan.alternatives:
        saves = "no size is enough"
        if each.addon_credits is not None:
            saves = "this is enough"
        if each.saves_per_month is not None:
            found = each.saves_per_month
            saves = dollars(found.mean)
            if found.has_interval:
                saves += f"\n({dollars(found.low)} to {dollars(found.high)})"
            if each.addon_credits_alone:
                saves += "\nin add-on credits alone"
            elif each.total_per_month and each.total_per_month != each.price_per_month:
                saves += f"\n{dollars(each.total_per_month)} with its licenses"
        table.add_row(
            Text(each.name),
            "" if each.addon_credits is None else f"{each.addon_credits:,}",
            "" if each.price_per_month is None else f"{each.price_per_month:,}",
            *(_bill(each) for _ in billed),
            saves,
            say_number(each.lost_calls_difference.mean),
            *([_kept(each)] if says_how_sure else []),
        )
    return table


def _pays_less(alternative: AlternativeResult) -> bool:
    """Whether what is paid with an alternative is not its price, since what is used is billed."""
    bill, price = alternative.bill_per_month, alternative.price_per_month
    return bill is not None and price is not None and bill.mean < float(price)


def _bill(alternative: AlternativeResult) -> str:
    """Say what is paid a month with an alternative."""
    bill = alternative.bill_per_month
    return "" if bill is None else f"{bill.mean:,.2f}"


def _kept(alternative: AlternativeResult) -> str:
    """Say how often the size that an alternative needs keeps to the objective."""
    return f"{percent(alternative.meets_probability.mean)}{'' if alternative.decided else ' ?'}"
