"""Where `creditsim` and `python -m simulation` begin: quickly, so that Ctrl-C is no traceback."""

from __future__ import annotations

# What `signal` is made of, and there already: that one imports for a while.
import _signal  # type: ignore[import-not-found]

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # in place of a traceback of imports

    from simulation.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
