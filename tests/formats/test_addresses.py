"""A key of --set leads to one thing, whatever the names of items look like, or is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from simulation import InputError, Scenario
from simulation.formats.documents import Document
from tests.helpers import build, poisson

_WORDS = "#1 #2 #3 #01 0 1 2 a a.on_throttle a.b b a=b a=b.c a[0] [a] = . a. # clients"
_NAMES = st.lists(
    st.sampled_from([*_WORDS.split(), "a.on_throttle=x", "#2.on_throttle", "1.5"]),
    min_size=1,
    max_size=5,
    unique=True,
)


def document(names: list[str]) -> Document:
    clients: list[dict[str, Any]] = [poisson(name, "1 per day") for name in names]
    data = {"name": "N", "org": {"edition": "free"}, "start": "2026-01-05", "horizon": "3 days"}
    return Document({**data, "warmup": 0, "clients": clients}, "n.yaml")


def readings(names: list[str], assignment: str) -> set[tuple[int, str]]:
    """Return each client that an assignment may mean, and what is left of it behind its name."""
    return {
        (place, assignment.removeprefix(f"clients.{called}"))
        for place, name in enumerate(names)
        for called in (name, f"#{place + 1}", f"#0{place + 1}", f"{place}")
        if assignment.startswith((f"clients.{called}.", f"clients.{called}="))
    }


@given(_NAMES)
@example(["a", "b", "a.on_throttle"])
def test_what_an_assignment_changes_is_its_only_reading(names: list[str]) -> None:
    for word in [*names, "#1", "#2", "#3", "0", "1", "2"]:
        assignment = f"clients.{word}.on_throttle=drop"
        meant = readings(names, assignment)
        before, after = document(names), document(names)
        try:
            after = after.overridden([assignment])
        except InputError as error:
            told = str(error)
        else:
            told = ""
        if len(meant) != 1:
            assert ("has two readings, write " if meant else "there is no ") in told
            continue
        ((place, rest),) = meant
        kept = after.data["clients"][place]
        if rest == ".on_throttle=drop":
            assert kept["on_throttle"] == "drop"
        after.data["clients"][place] = before.data["clients"][place]
        assert after.data == before.data


@given(_NAMES)
def test_every_client_that_is_not_refused_can_be_addressed_as_messages_do(names: list[str]) -> None:
    try:
        document(names).validate(Scenario)
    except InputError as error:
        assume(all("reads as item #" in p.what for p in error.problems))
        wrong = {p.path for p in error.problems}
        assert wrong <= {f"clients.#{n + 1}.name" for n in range(len(names))}
        return
    for place in range(len(names)):
        before = document(names)
        key = before.readable(("clients", place, "on_throttle"))
        changed = before.overridden([f"{key}=drop"])
        before.data["clients"][place]["on_throttle"] = "drop"
        assert changed.data == before.data


@pytest.mark.parametrize(
    ("names", "assignment", "told"),
    [
        (
            ["a", "a.calls"],
            "clients.a.calls.#1.weight=2",
            "clients.#2.#1.weight for 'a.calls' or clients.#1.calls.#1.weight for 'a'",
        ),
        (["1", "web"], "clients.1.seed=2", "clients.#1.seed for '1' or clients.web.seed for 'web'"),
        (["#2", "web"], "clients.#2.x=2", "clients.#1.x for '#2' or clients.web.x for 'web'"),
        (["a", "a=b"], "clients.a=b.x=2", "clients.#1=b.x=2 or clients.#2.x=2"),
    ],
)
def test_both_readings_are_named(names: list[str], assignment: str, told: str) -> None:
    with pytest.raises(InputError) as refusal:
        document(names).overridden([assignment])
    key = assignment.rpartition("=")[0]
    assert str(refusal.value).startswith(f"--set {key}")
    assert str(refusal.value).endswith(f": has two readings, write {told}")


def test_a_name_with_an_equals_sign_is_addressed_by_it() -> None:
    changed = document(["a=b", "c"])
    changed = changed.overridden(["clients.a=b.on_throttle=drop"])
    assert changed.data["clients"][0]["on_throttle"] == "drop"
    changed = changed.overridden(["name=x=y"])
    assert changed.data["name"] == "x=y"
    with pytest.raises(InputError, match="there is no 'b' here, name one of: a=b, c"):
        changed.overridden(["clients.b=b.on_throttle=drop"])


def test_keys_that_both_are_there_are_not_told_apart() -> None:
    changes = {"org": {"user_licenses": 2}, "org.user_licenses": 3}
    data = document(["a"]).data | {"alternatives": [{"name": "x", "set": changes}]}
    with pytest.raises(InputError, match=r"may lead into 'org.user_licenses' or 'org', which both"):
        Document(data).overridden(["alternatives.x.set.org.user_licenses=4"])
    with pytest.raises(InputError, match="has two readings, change it in the file"):
        Document({"prices": {"a=b": 1}}).overridden(["prices.a=b=2"])


@pytest.mark.parametrize("what", ["clients", "alternatives", "calls"])
def test_a_name_that_is_the_place_of_another_item_is_refused_at_its_key(what: str) -> None:
    keys: dict[str, Any] = {}
    clients = [poisson("a", "1 per day"), poisson("b", "1 per day")]
    if what == "clients":
        clients[1]["name"], key = "#1", "clients.#2.name"
    elif what == "alternatives":
        change = {"org.user_licenses": 1}
        keys["alternatives"] = [{"name": name, "set": change} for name in ("#2", "x")]
        key = "alternatives.#1.name"
    else:
        clients[0]["calls"] = [{"api": "#2"}, {"api": "other"}]
        keys["other_apis"], key = ["#2"], "clients.a.calls.#1.api"
    with pytest.raises(InputError) as refusal:
        build(clients, **keys)
    (problem,) = refusal.value.problems
    assert problem.path == key
    assert "reads as item #" in problem.what
