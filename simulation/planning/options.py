"""The options of a plan, whatever the scenario: checked once, and handed on as one piece."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Literal

from simulation.errors import InputError, Problem
from simulation.experiment import cores

if TYPE_CHECKING:
    from simulation.scenario import Scenario

__all__ = ["Confirmed", "PlanOptions"]

Confirmed = int | Literal["all", "none"]
"""How many calls to check against the SimPy model."""


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """The options of a plan, besides the scenario and where it is written.

    Attributes
    ----------
    max_replications, workers, force
        As for `simulation.plan`.
    confirm : int, ``all`` or ``none``
        As for `simulation.plan`; 0 has become ``none``, so that equal wishes are equal.

    Raises
    ------
    InputError
        If ``confirm`` is no number of calls, or ``workers`` no number of workers.
    """

    max_replications: int | None = None
    confirm: Confirmed = 1_000_000
    workers: int | None = None
    force: bool = False

    def __post_init__(self) -> None:
        cores(self.workers)
        object.__setattr__(self, "confirm", _calls_to_confirm(self.confirm))

    def check(self, scenario: Scenario, name: str = "max_replications") -> None:
        """Refuse a scenario whose plan begins with more replications than it may make.

        Parameters
        ----------
        scenario : Scenario
        name : str
            What the option is called where it was given.

        Raises
        ------
        InputError
        """
        first, most = scenario.replications, self.max_replications
        if most is not None and most < first:
            what = f"plans begin with {first} replications, write at least {first}"
            raise InputError([Problem(f"{name} {most}", "", what)])


def _calls_to_confirm(wanted: object) -> Confirmed:
    """Return how many calls to check against the SimPy model; ``none`` where 0 are wanted."""
    if wanted == "all":
        return "all"
    # False equals 0 and True equals 1, and neither is meant as a number.
    if wanted == "none" or (wanted == 0 and wanted is not False):
        return "none"
    if isinstance(wanted, Integral) and not isinstance(wanted, bool) and int(wanted) > 0:
        return int(wanted)
    raise InputError(f"confirm is {wanted!r}, write a number of calls, 'all' or 'none'")
