"""The start of `creditsim` and `python -m simulation`: quick, so that Ctrl-C gives no traceback."""

from __future__ import annotations

# `signal` takes a while to import; this module, on which it is built, is loaded already.
import _signal  # type: ignore[import-not-found]

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        # While modules are imported, Python's handler would print a traceback of them.
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

    from simulation.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
