"""creditsim: a discrete-event capacity simulator for API credit pools.

    >>> import simulation
    >>> simulation.RateCard.load("kaizen-34").price_per_month(100_000)
    Decimal('240.00')

Reading:

- `load_scenario`: reads and checks a scenario file
- `Scenario`: an organisation, the clients that use its credits, and what to find out about them
- `load_result`: reads what ``run --out`` or ``plan --out`` wrote to a folder
- `read_log`: the requests of access logs, exports and counts, as a table
- `fit`: makes a scenario of logs: who calls, when, how much, and how surely that is known
- `Fit`: what `fit` returns: the scenario, its text with comments, and a report of the estimates
- `FitOptions`: how logs are fitted: time zone, rate card, edition, names of the clients
- `backtest`: how well a scenario predicts the days of logs that it was not fitted to
- `Backtest`: what `backtest` returns: predictions, what came, coverage, scores and a verdict
- `InputError`: the input is wrong; one line for each mistake

Simulating and planning:

- `run`: simulates a scenario
- `RunResult`: what `run` returns: tables of calls, intervals and replications, and estimates
- `plan`: finds the cheapest purchase that meets the objective of a scenario, and why
- `Plan`: what `plan` returns: the recommendation, the frontier and the confirmation
- `plan_portfolio`: plans for many organisations
- `BatchResult`: what `plan_portfolio` returns: a row for each organisation, and totals

The vendor's rules:

- `RateCard`: one published version of them: allowances, credits per call, prices
- `Quote`: what an organisation gets and pays

A SimPy model of your own:

- `Model`: one replication of a scenario, which a process of your own can join
- `CreditPool`: credits that come back 24 hours after they were taken
- `TooManyRequests`: a throttled attempt, with the vendor's answer
- `SECOND`, `MINUTE`, `HOUR`, `DAY`: in microseconds, the unit of simulated time

Names are imported when first used, so that ``import simulation`` stays light: it imports nothing
at all, so that the command line has begun before Ctrl-C can come.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` would be an import

if TYPE_CHECKING:
    from typing import Any

    from simulation.batch import BatchResult as BatchResult
    from simulation.batch import plan_portfolio as plan_portfolio
    from simulation.engine import CreditPool as CreditPool
    from simulation.engine import Model as Model
    from simulation.engine import TooManyRequests as TooManyRequests
    from simulation.errors import InputError as InputError
    from simulation.experiment import RunResult as RunResult
    from simulation.experiment import run as run
    from simulation.fitting import Fit as Fit
    from simulation.fitting import FitOptions as FitOptions
    from simulation.fitting import fit as fit
    from simulation.logs import read_log as read_log
    from simulation.planning import Plan as Plan
    from simulation.planning import load_result as load_result
    from simulation.planning import plan as plan
    from simulation.quantities import DAY as DAY
    from simulation.quantities import HOUR as HOUR
    from simulation.quantities import MINUTE as MINUTE
    from simulation.quantities import SECOND as SECOND
    from simulation.rate_cards import Quote as Quote
    from simulation.rate_cards import RateCard as RateCard
    from simulation.scenario import Scenario as Scenario
    from simulation.scenario import load_scenario as load_scenario
    from simulation.trust import Backtest as Backtest
    from simulation.trust import backtest as backtest
    from simulation.version import __version__ as __version__

_HOME = {
    "InputError": "errors",
    "Model": "engine",
    "CreditPool": "engine",
    "TooManyRequests": "engine",
    "DAY": "quantities",
    "HOUR": "quantities",
    "MINUTE": "quantities",
    "SECOND": "quantities",
    "Quote": "rate_cards",
    "RateCard": "rate_cards",
    "Scenario": "scenario",
    "load_scenario": "scenario",
    "read_log": "logs",
    "Fit": "fitting",
    "FitOptions": "fitting",
    "fit": "fitting",
    "Backtest": "trust",
    "backtest": "trust",
    "RunResult": "experiment",
    "run": "experiment",
    "Plan": "planning",
    "plan": "planning",
    "load_result": "planning",
    "BatchResult": "batch",
    "plan_portfolio": "batch",
}

__all__ = [*_HOME]  # noqa: PLE0604 - all strings


def __getattr__(name: str) -> Any:
    home = "version" if name == "__version__" else _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    """Return the public names, without what this file needs for itself."""
    own = {name for name in globals() if name.startswith("__")}
    return sorted({*_HOME, "__version__", *own})
