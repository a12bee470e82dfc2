"""How fast logs are read and fitted, beside pyarrow's reader of CSV and a loop with `re`.

    python -m tests.benchmarks.logs            # ten million lines, plain and gzip; some minutes
    python -m tests.benchmarks.logs 1000000    # fewer

All read the same generated access log, in the combined form, in a process of their own, and are
warmed up by a short log: pyarrow as CSV parted by blanks, all of it at once on all cores
(`read_csv`) and in parts (`open_csv`); the loop matches one expression a line and reads its time by
`strptime`, of the first 300,000 lines; this package reads and gathers the log by app, cell and kind
of call; and it makes a scenario of it (`fit`). A round measures each once, one after the other; the
ratios of a round count, and the median of them is shown. Peaks are those of the whole process.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from rich.console import Console
from rich.table import Table

__all__ = ["logs_read"]

LINES = 10_000_000
ROUNDS = 3
OF_LOOP = 300_000
AGENTS = (
    "python-requests/2.28.1",
    "curl/7.54.0",
    "okhttp/4.9",
    "ZohoFlow/1.0 (+https://zoho.com)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/96.0",
)
PATHS = (
    "GET /crm/v7/Leads/{id}/Notes?fields=Title,Owner&per_page=200",
    "GET /crm/v7/Contacts/{id}",
    "POST /crm/v7/Deals/upsert",
    "PUT /crm/v7/Leads/{id}",
    "GET /crm/v7/Accounts?page=3&per_page=200",
)
LINE = re.compile(
    r'(\S+) (\S+) (\S+) \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d+) (\S+) "([^"]*)" "([^"]*)"'
)


def write_log(file: Path, lines: int) -> None:
    """Write an access log of four weeks; one as a packed file, too, if its name ends in gz."""
    random, part = np.random.default_rng(34), 100_000
    begin, span = 1_767_571_200, 28 * 86_400
    with gzip.open(file, "wb", 6) if file.suffix == ".gz" else file.open("wb") as into:
        for first in range(0, lines, part):
            count = min(part, lines - first)
            seconds = begin + (np.arange(first, first + count) * span) // lines
            agents, paths = random.integers(0, 5, (2, count)).tolist()
            ids, sizes = random.integers(0, 10**9, (2, count)).tolist()
            throttled = random.random(count) < 0.01
            clocks: dict[int, str] = {}
            text = []
            for n, second in enumerate(seconds.tolist()):
                if second not in clocks:
                    when = dt.datetime.fromtimestamp(second, dt.UTC)
                    clocks[second] = when.strftime("%d/%b/%Y:%H:%M:%S +0000")
                asked = PATHS[paths[n]].replace("{id}", f"5725767{ids[n]:012}")
                text.append(
                    f"10.0.{ids[n] % 250}.{sizes[n] % 250} - - [{clocks[second]}] "
                    f'"{asked} HTTP/1.1" {429 if throttled[n] else 200} {sizes[n] % 90_000} "-" '
                    f'"{AGENTS[agents[n]]}"\n'
                )
            into.write("".join(text).encode())


def by_read_csv(file: Path) -> int:
    """Read the whole log as CSV on all cores."""
    import pyarrow.csv as pc

    names = pc.ReadOptions(autogenerate_column_names=True)
    return int(pc.read_csv(file, names, pc.ParseOptions(delimiter=" ")).num_rows)


def by_open_csv(file: Path) -> int:
    """Read the log as CSV part by part."""
    import pyarrow.csv as pc

    names = pc.ReadOptions(autogenerate_column_names=True)
    return sum(part.num_rows for part in pc.open_csv(file, names, pc.ParseOptions(delimiter=" ")))


def by_loop(file: Path) -> int:
    """Match one expression a line."""
    found = 0
    with gzip.open(file, "rt") if file.suffix == ".gz" else file.open() as text:
        for line in islice(text, OF_LOOP):
            if match := LINE.match(line):
                dt.datetime.strptime(match[4], "%d/%b/%Y:%H:%M:%S %z")
                found += bool(match.groups())
    return found


def by_gathering(file: Path) -> int:
    """Read the log, and gather what it says of each app."""
    from simulation.fitting import Gathering, read_call_kinds
    from simulation.logs import Reading, entries_of_logs

    reading = Reading(ZoneInfo("UTC"))
    usage = Gathering(reading, read_call_kinds()).take_all(entries_of_logs([file], reading)).usage()
    return sum(each.attempts.total for each in usage.clients)


def by_fit(file: Path) -> int:
    """Make a scenario of the log."""
    from simulation.fitting import fit

    return sum(app.usage.attempts.total for app in fit(file).apps)


PROGRAMS: dict[str, Callable[[Path], int]] = {
    "pyarrow, read_csv": by_read_csv,
    "pyarrow, open_csv": by_open_csv,
    "a loop with re": by_loop,
    "read and gathered": by_gathering,
    "read and fitted": by_fit,
}


def measured(name: str, file: Path, short: Path) -> tuple[float, float]:
    """Return the lines a second of a program, and the MB of its peak, in a process of its own."""
    code = (
        "import json, resource, sys, time\n"
        "from pathlib import Path\n"
        "from tests.benchmarks.logs import PROGRAMS\n"
        "name, file, short = sys.argv[1:]\n"
        "PROGRAMS[name](Path(short))\n"
        "begun = time.perf_counter()\n"
        "lines = PROGRAMS[name](Path(file))\n"
        "taken = time.perf_counter() - begun\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(json.dumps([lines / taken, peak]))"
    )
    arguments = [sys.executable, "-c", code, name, str(file), str(short)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    speed, peak = json.loads(done.stdout)
    return speed, peak


def logs_read(lines: int = LINES, rounds: int = ROUNDS) -> Table:
    """Return a table of the speeds and peaks of all programs, on a plain and a packed log."""
    title = f"An access log of {lines:,} lines, read and fitted"
    table = Table("what", "lines/s", "× read_csv", "× open_csv", "× re", "peak, MB", title=title)
    with tempfile.TemporaryDirectory() as folder:
        short = Path(folder) / "short.log"
        write_log(short, 30_000)
        for name in ("plain.log", "packed.log.gz"):
            file = Path(folder) / name
            begun = time.perf_counter()
            write_log(file, lines)
            size = file.stat().st_size / 1e6
            table.add_section()
            table.add_row(f"{name}, {size:,.0f} MB ({time.perf_counter() - begun:.0f} s to make)")
            found = [
                {each: measured(each, file, short) for each in PROGRAMS} for _ in range(rounds)
            ]
            for program in PROGRAMS:
                ratios = [
                    f"{statistics.median(r[program][0] / r[other][0] for r in found):.2f}"
                    for other in list(PROGRAMS)[:3]
                ]
                speed = statistics.median(each[program][0] for each in found)
                peak = max(each[program][1] for each in found)
                table.add_row(program, f"{speed:,.0f}", *ratios, f"{peak:,.0f}")
            file.unlink()
    table.caption = "wanted of 'read and fitted': ≥ 0.5 × pyarrow, ≥ 5 × re, ≤ 1,024 MB"
    return table


if __name__ == "__main__":
    Console(width=110).print(logs_read(*map(int, sys.argv[1:])))
