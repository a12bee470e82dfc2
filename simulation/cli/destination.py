"""Where the results and the page of a command go, and what the user reads of them."""

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
        with progress("Simulating", "size") as watch:
            result.over_time.simulate(watch.advance)
    return report(result)


def draw_saved(folder: Path, page: Path, force: bool) -> None:
    """Draw the result that a folder holds."""
    from simulation.formats import OutputFile, real_path, stamp
    from simulation.planning import load_result

    def seen() -> list[object]:
        return [stamp(folder / name) for name in ("plan.json", "summary.json", "scenario.yaml")]

    before = seen()
    result = load_result(folder)
    file = OutputFile(page, force)
    text = draw(result)
    if real_path(page.parent) == real_path(folder):
        file.write_beside(folder, lambda: seen() == before, text)
    else:
        file.write(text)


class Destination:
    """Where ``--out`` and ``--report`` say that a result goes; checked before the work.

    A page that lies in the folder of results takes effect together with them.

    Parameters
    ----------
    out, report : Path or None
        The folder and the page.
    names : collection of str
        The files that are written to the folder.
    force : bool
        Whether files that this tool did not write are replaced.
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
        """Make a result, and put it and its page where they are wanted."""
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
            with self.telling():
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
            with self.telling():
                raise stopped
        return result

    def tell(self) -> None:
        """Print where the results and the page are."""
        if self._out is not None:
            print(f"Written to {self._out}: {', '.join(self._names)}")
        if self._report is not None:
            print(f"Written to {self._report}")

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Say of what is interrupted or fails what has been written all the same."""
        from simulation.errors import InputError, OutputError, Problem

        try:
            yield
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(f"interrupted; {self._told()}") from interrupt
        except InputError as error:
            if not self._tables or self._page:
                raise
            raise InputError([*error.problems, Problem("", "", self._told())]) from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            what = f"cannot be written ({reason}); {self._told()}"
            raise OutputError([Problem(str(self._report), "", what)]) from None

    def _told(self) -> str:
        written = [f"the tables are written to {self._out}"] if self._tables else []
        if self._page:
            written.append(f"the page to {self._report}" if written else "the page is written")
        if not written:
            return "nothing was written"
        missing = ", the page is not" if self._report is not None and not self._page else ""
        return " and ".join(written) + missing
