"""Where the results and the page of a command are written, and what is printed of that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from simulation.experiment import RunResult
    from simulation.formats import OutputFolder
    from simulation.planning import Plan

__all__ = ["Destination", "draw", "draw_saved"]

R = TypeVar("R", bound="RunResult | Plan")


def draw(result: RunResult | Plan) -> str:
    """Return the page of a result; what it shows is simulated first, where it is not yet."""
    from simulation.cli.progress import progress
    from simulation.planning import Plan
    from simulation.report import report

    if isinstance(result, Plan) and result.over_time is not None:
        with progress("Simulating", "replication") as watch:
            result.over_time.simulate(watch.advance)
    return report(result)


def draw_saved(folder: Path, page: Path, force: bool) -> None:
    """Write the page of the result that a folder holds."""
    from simulation.formats import OutputFile, real_path, stamp
    from simulation.planning import load_result

    def stamps() -> list[object]:
        return [stamp(folder / name) for name in ("plan.json", "summary.json", "scenario.yaml")]

    # A command may replace the result while this draws it; then the page is refused.
    before = stamps()
    result = load_result(folder)
    file = OutputFile(page, force)
    text = draw(result)
    if real_path(page.parent) == real_path(folder):
        file.write_beside(folder, lambda: stamps() == before, text)
    else:
        file.write(text)


class Destination:
    """The folder of ``--out`` and the page of ``--report``, checked before the work.

    A page inside the folder of results is put in place together with them.

    Parameters
    ----------
    out, report : Path or None
        The folder and the page.
    names : collection of str
        The names of the files written to the folder.
    force : bool
        Whether files that creditsim did not write may be replaced.
    """

    def __init__(
        self, out: Path | None, report: Path | None, names: Collection[str], force: bool
    ) -> None:
        from simulation.formats import real_path

        self._out, self._report, self._force = out, report, force
        self._names = [*names]
        self._inside = (
            out is not None
            and report is not None
            and real_path(report.parent) == real_path(out)
            and not report.is_symlink()
        )
        self._tables = self._page = False

    def make(self, simulate: Callable[[OutputFolder | None], R]) -> R:
        """Return the result of ``simulate``, and write it and its page."""
        from simulation.errors import InputError
        from simulation.formats import OutputFile, OutputFolder

        file = None
        if self._report is not None and self._inside and self._report.name in self._names:
            raise InputError(f"--report {self._report}: is the name of a table, name another file")
        if self._report is not None and not self._inside:
            file = OutputFile(self._report, self._force)
        if self._out is None:
            result = simulate(None)
        else:
            names = [*self._names, *([self._report.name] if self._inside and self._report else [])]
            output = OutputFolder(self._out, names, self._force)
            try:
                result = self._make_inside(output, simulate)
            finally:
                self._tables = output.placed
        if file is not None:
            with self.saying_what_is_written():
                file.write(draw(result))
                self._page = True
        return result

    def _make_inside(self, output: OutputFolder, simulate: Callable[[OutputFolder | None], R]) -> R:
        from simulation.formats import OutputFile

        stopped: BaseException | None = None
        with output:
            page = None
            if self._inside and self._report is not None:
                OutputFile(self._report, self._force)
                page = output.part(self._report.name)
            result = simulate(output)
            if page is not None:
                try:
                    page.write_text(draw(result), encoding="utf-8", errors="backslashreplace")
                    self._page = True
                except BaseException as error:  # the tables are whole, and worth keeping
                    with suppress(OSError):
                        page.unlink(missing_ok=True)
                    stopped = error
        self._tables = True
        if stopped is not None:
            with self.saying_what_is_written():
                raise stopped
        return result

    def print_paths(self) -> None:
        """Print where results and page were written."""
        if self._out is not None:
            print(f"Written to {self._out}: {', '.join(self._names)}")
        if self._report is not None:
            print(f"Written to {self._report}")

    @contextmanager
    def saying_what_is_written(self) -> Iterator[None]:
        """Add what has been written to the message of an error or an interrupt in the body."""
        from simulation.errors import InputError, OutputError, Problem
        from simulation.formats import reason_of

        try:
            yield
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(f"interrupted; {self._written()}") from interrupt
        except InputError as error:
            if not self._tables or self._page:
                raise
            raise InputError([*error.problems, Problem("", "", self._written())]) from None
        except OSError as error:
            what = f"cannot be written ({reason_of(error)}); {self._written()}"
            raise OutputError([Problem(str(self._report), "", what)]) from None

    def _written(self) -> str:
        written = [f"the tables are written to {self._out}"] if self._tables else []
        if self._page:
            written.append(f"the page to {self._report}" if written else "the page is written")
        if not written:
            return "nothing was written"
        missing = ", the page is not" if self._report is not None and not self._page else ""
        return " and ".join(written) + missing
