"""The command line: its commands in order, and where it begins. Heavy imports wait for need."""

from __future__ import annotations

import sys

from simulation.cli.app import CANNOT_PRINT, app, command, show_own_warnings_alone
from simulation.cli.batch_command import batch
from simulation.cli.card_commands import quote, rate_cards
from simulation.cli.fit_command import backtest, fit
from simulation.cli.result_commands import plan, report, run
from simulation.cli.scenario_commands import new, schema, validate
from simulation.cli.terminal import PrintError, guard, stop_printing
from simulation.signals import leave_to_the_system

__all__ = ["app", "main"]

COMMANDS = (new, fit, validate, schema, quote, rate_cards, run, plan, backtest, batch, report)
"""The commands in the order of the help, which is the order in which a user needs them."""

for each in COMMANDS:
    command(each)


def main() -> None:
    """Run the command line."""
    try:
        guard()
        show_own_warnings_alone()
        leave_to_the_system()
        try:
            app()
        finally:
            sys.stdout.flush()
    except PrintError as error:
        stop_printing()
        if error.has_seen_enough:  # a reader such as `head` closed the pipe
            sys.exit(0)
        print(f"standard output cannot be written ({error}), send it elsewhere", file=sys.stderr)
        sys.exit(CANNOT_PRINT)
