"""Usage logs to scenarios: the laws by which a client calls, and how sure each figure is.

Takes counts of calls, never a file, and never asks what the pool does with them: it knows the laws
of scenarios, not the engines that judge them.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.fitting.cells import Cells
    from simulation.fitting.client import fit_client
    from simulation.fitting.result import Component, DayFactors, Estimate, FittedClient, Outlier
    from simulation.fitting.variation import shared_variation
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
