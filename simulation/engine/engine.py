"""What both engines are: one replication of a scenario that yields what each day leaves behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from simulation.demand import Demand
from simulation.engine.records import DayRecords
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

    @abstractmethod
    def run(self) -> Iterator[DayRecords]:
        """Simulate day by day until the horizon; yield what each local day leaves behind."""
