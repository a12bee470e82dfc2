"""Before and after its own work a signal ends a command in silence; workers print no warning."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
import simpy

from simulation.signals import STOPPING, Stopped, exit_code
from tests.helpers import ROOT, SCENARIOS

SCRIPT = (str(Path(sys.executable).parent / "creditsim"),)
MODULE = (sys.executable, "-m", "simulation")

# Python imports this file before all else: it sends the signal when a module is first looked for,
# or at the very end.
SEND = """\
import atexit, os, sys
def send():
    os.kill(os.getpid(), int(os.environ["SIGNAL"]))
if os.environ["WHEN"] == "end":
    atexit.register(send)
else:
    def hook(event, args, sent=[]):
        if event == "import" and args[0] == os.environ["WHEN"] and not sent:
            sent.append(True)
            send()
    sys.addaudithook(hook)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("begin", [SCRIPT, MODULE], ids=["script", "module"])
@pytest.mark.parametrize(
    "when",
    [
        "simulation.cli.commands",
        "typer",
        "simulation.cli.batch_command",
        "simulation.cli.terminal",
        "simulation.signals",
        "end",
    ],
)
def test_a_signal_before_and_after_the_work_ends_in_silence(
    tmp_path: Path, how: signal.Signals, begin: tuple[str, ...], when: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SEND)
    done = subprocess.run(
        [*begin, "quote", "--edition", "free", "--json"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
            "SIGNAL": str(int(how)),
            "WHEN": when,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert (done.returncode, done.stderr) == (-how, "")
    assert (done.stdout != "") == (when == "end")


# In worker processes alone, from their first line on and for as long as they live.
WARN = """\
import os, sys
if any("loky.backend.popen" in word for word in sys.orig_argv):
    import threading, time, warnings
    def warn():
        warned = 0
        while True:
            if "numpy" in sys.modules and hasattr(sys.modules["numpy"], "float64"):
                float64 = sys.modules["numpy"].float64
                float64(1) / float64(0)
                open(os.path.join(os.environ["WARNED"], str(os.getpid())), "w").close()
            warned += 1
            for kind in (UserWarning, RuntimeWarning, DeprecationWarning, ResourceWarning):
                warnings.warn_explicit(f"a warning {warned}", kind, "a.py", warned, "__main__")
            time.sleep(0.02)
    warnings.warn("a warning at the beginning", UserWarning)
    threading.Thread(target=warn, daemon=True).start()
"""

ORGS = f"name,scenario\nA,{SCENARIOS[0]}\n"


@pytest.mark.parametrize("command", ["run", "plan", "batch"])
def test_warnings_of_worker_processes_are_for_no_screen(tmp_path: Path, command: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(WARN)
    (tmp_path / "orgs.csv").write_text(ORGS)
    (tmp_path / "warned").mkdir()
    quick = ["--set", "horizon=2 days", "--replications", "4", "--workers", "2", "--json"]
    few = ["--max-replications", "4", "--confirm", "none"]
    options = {
        "run": ["run", str(SCENARIOS[0]), "--engine", "compiled", *quick],
        "plan": ["plan", str(SCENARIOS[0]), *few, *quick],
        "batch": ["batch", "orgs.csv", "--no-confined", "--out", "out", *few, *quick],
    }[command]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.eager", *options],
        cwd=tmp_path,
        env={
            **environment,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
            "WARNED": str(tmp_path / "warned"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "warned").iterdir()), "no worker process warned"
    assert "warn" not in done.stderr.lower()
    assert "divide by zero" not in done.stderr


INTERRUPT = """\
import random, signal
import numpy as np
from simulation.demand.demand import Demand
from simulation.engine.compiled.kernel import Day, decide
from simulation.engine.compiled.model import empty_tape, laws_of
from simulation.engine.compiled.lanes import lanes_of
from tests.helpers import any_limit, poisson

laws = laws_of(Demand(any_limit(9, [poisson("a", "9 per day", "one")])), 0)
none = np.empty(0, np.int64)
day = Day(none, none.astype(np.int32), none, none, none.astype(bool))
task = lanes_of([9]), laws, day, np.zeros(1, np.int64), 10**9, empty_tape(), 0
decide(*task)
signal.signal(signal.SIGALRM, signal.default_int_handler)
drawn, interrupts = random.Random(1), 0
for _ in range(2_000):
    try:
        signal.setitimer(signal.ITIMER_REAL, drawn.uniform(1e-5, 3e-4))
        for _ in range(2_000):
            decide(*task)
    except KeyboardInterrupt:
        interrupts += 1
print("interrupted:", interrupts)
"""


def test_interrupts_of_a_compiled_loop_are_exceptions_and_no_crash() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr  # Numba may tell there of what it ignored
    assert int(done.stdout.removeprefix("interrupted: ")) > 1_000


@pytest.mark.parametrize("number", STOPPING)
def test_a_request_to_end_that_falls_into_a_client_stays_one(number: signal.Signals) -> None:
    def client(environment: simpy.Environment) -> Generator[simpy.Event, None, None]:
        yield environment.timeout(1)
        raise Stopped(number)

    environment = simpy.Environment()
    environment.process(client(environment))
    with pytest.raises(Stopped) as stopped:  # SimPy raises one of its own making
        environment.run()
    assert exit_code(stopped.value) == 128 + number
    assert str(stopped.value) == ""  # the command says what was written
