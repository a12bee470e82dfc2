"""Where `creditsim` and `python -m simulation` begin: quickly, so that Ctrl-C is no traceback."""

from __future__ import annotations

from simulation.signals import leave_to_the_system

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    leave_to_the_system()

    from simulation.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
