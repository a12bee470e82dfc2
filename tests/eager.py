"""The command line, with worker processes for any work at all: `python -m tests.eager run ...`."""

from __future__ import annotations

import simulation.experiment.replications
import simulation.planning.judging
from simulation.__main__ import main

if __name__ == "__main__":
    for module in (simulation.experiment.replications, simulation.planning.judging):
        module._WORTH_PROCESSES_S = 0  # type: ignore[attr-defined]
    simulation.planning.judging._BUSY_BLOCK = 10**9
    main()
