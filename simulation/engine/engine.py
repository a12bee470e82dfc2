"""What both engines are: one replication of a scenario that yields what each day leaves behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from simulation.demand import Demand, tries_most
from simulation.engine.records import MOST_ATTEMPTS, DayRecords, TooManyAttemptsError
from simulation.errors import InputError
from simulation.scenario import Scenario

__all__ = ["Engine"]


class Engine(ABC):
    """One replication of a scenario.

    Parameters
    ----------
    scenario : Scenario
        What to simulate.
    replication : int
        Which one, from 0; each has its own random numbers.
    demand : Demand, optional
        The scenario's demand, where the caller has it already.
    limit : int, optional
        The size of the pool in credits, in place of what the org has bought.
    """

    def __init__(
        self,
        scenario: Scenario,
        replication: int = 0,
        demand: Demand | None = None,
        limit: float | None = None,
    ) -> None:
        self.scenario = scenario
        self.replication = replication
        self.demand = demand or Demand(scenario)
        self.limit = scenario.limit if limit is None else limit
        self._set_up()

    @property
    def units(self) -> int:
        """The size of the pool in the card's smallest unit; of one that counts calls, calls."""
        return self.scenario.card.pool_parts(self.limit)

    def _set_up(self) -> None:  # noqa: B027 - not every engine needs it
        """Make what an engine needs before the first day; some need nothing."""

    def run(self) -> Iterator[DayRecords]:
        """Simulate day by day until the horizon; yield what each local day leaves behind.

        Raises
        ------
        InputError
            If on some day more attempts are made than can be held.
        """
        return self.bounded(self._days())

    @abstractmethod
    def _days(self) -> Iterator[DayRecords]:
        """Yield what each local day leaves behind, or raise TooManyAttemptsError."""

    def bounded(self, days: Iterator[DayRecords]) -> Iterator[DayRecords]:
        """Yield these days; where one has too many attempts, raise with what to change.

        Raises
        ------
        InputError
            In one line, which names the client that may try most often.
        """
        try:
            yield from days
        except TooManyAttemptsError:
            path, remedy = tries_most(self.scenario)
            what = (
                f"on one day more than {MOST_ATTEMPTS / 1e6:.0f} million attempts are made, too "
                f"many to hold in memory: {remedy}"
            )
            raise InputError([self.scenario.problem(path, what)]) from None
