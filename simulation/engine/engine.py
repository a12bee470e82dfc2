"""What both engines are: one replication of a scenario that yields what each day leaves behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from simulation.demand import Demand
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
        """Do what `run` says, and raise TooManyAttemptsError."""

    def bounded(self, days: Iterator[DayRecords]) -> Iterator[DayRecords]:
        """Yield what days of this replication leave behind; say what to change if it is too much.

        Raises
        ------
        InputError
            In one line, which names the client that tries most often.
        """
        try:
            yield from days
        except TooManyAttemptsError:
            tries = [
                0 if (retry := client.on_throttle.retry) is None else retry.max_attempts
                for client in self.scenario.clients
            ]
            most = tries.index(max(tries))
            what = (
                f"more than {MOST_ATTEMPTS / 1e6:.0f} million attempts are made on a day, which "
                "are too many to hold"
            )
            problem = self.scenario.problem(("clients",), f"{what}: write fewer calls")
            if tries[most]:
                path = ("clients", most, "on_throttle", "retry")
                what = f"{what}: write a longer 'first', or fewer 'max_attempts'"
                problem = self.scenario.problem(path, what)
            raise InputError([problem]) from None
