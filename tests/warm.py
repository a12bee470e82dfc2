"""The command line, of which each command begins at once: forks of a process that has imported all.

Worker processes are used for any work at all, as in `tests.eager`. A line of JSON on standard input
asks for a command, or for the exit code of one; the answer is a line on standard output.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.helpers import SCENARIOS

__all__ = ["main"]


def main() -> None:
    """Begin and await commands; in a fork, be the command, and end as it does."""
    import simulation.batch.runner
    import simulation.cli.commands
    import simulation.cli.plan_view
    import simulation.experiment.replications
    import simulation.planning.search
    from simulation import load_scenario, plan, run
    from simulation.__main__ import main as command_line
    from simulation.report.page import report

    scenario = load_scenario(SCENARIOS[0], ["horizon=2 days", "replications=2"])
    run(scenario, engine="compiled", workers=1)
    report(plan(scenario, max_replications=2, confirm="none", workers=1))  # loads all loops
    for module in (simulation.experiment.replications, simulation.planning.search):
        module._WORTH_PROCESSES_S = 0  # type: ignore[attr-defined]
    for line in sys.stdin:
        asked = json.loads(line)
        if "await" in asked:
            _, status = os.waitpid(asked["await"], 0)
            _answer(os.waitstatus_to_exitcode(status))
            continue
        ready, begun = os.pipe()
        if (process := os.fork()) == 0:
            _become(asked)
            os.write(begun, b".")
            os.close(ready)
            os.close(begun)
            command_line()
            return
        os.close(begun)
        os.read(ready, 1)
        os.close(ready)
        _answer(process)


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _become(asked: dict[str, Any]) -> None:
    """Have this process be as a terminal begins a command."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(asked["folder"])
    os.environ.update(asked["environment"])
    sys.argv = ["creditsim", *asked["arguments"]]
    for number, file in enumerate([os.devnull, *asked["outputs"]]):
        opened = os.open(Path(file), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, number)
        os.close(opened)


if __name__ == "__main__":
    main()
