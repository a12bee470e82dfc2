"""Workers: processes of this machine, or a Dask cluster, behind one interface.

Both are executors of `concurrent.futures`. The future of a task whose worker was
killed raises an exception of the executor; the other tasks go on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from simulation.errors import InputError
from simulation.experiment import serve_only, start_trackers
from simulation.signals import held_back

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

__all__ = ["Workforce", "cluster", "processes"]

_REACH_CLUSTER_S = 10.0
_AWAIT_WORKERS_S = 60.0

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Workforce:
    """An executor, and how many tasks it can do at once at this moment."""

    executor: Executor
    size: Callable[[], int]


class _Task(NamedTuple):
    """A call to be made in a process, and the future that its result goes to."""

    call: Callable[[], Any]
    future: Future[Any]


class Processes(Executor):
    """Processes of this machine that do not depend on each other.

    A standard process pool fails as a whole when one worker dies. Here each process is a pool of
    its own: a process that is killed fails only the task that it had, whose future raises
    `concurrent.futures.BrokenExecutor`, and a new one replaces it. No process outlives the one
    that started it.
    """

    def __init__(self, workers: int) -> None:
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._closed = Event()
        self._slots = [_Slot(self._tasks) for _ in range(workers)]

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return the future of a call that the next free process makes.

        Raises
        ------
        RuntimeError
            If the executor was shut down.
        """
        if self._closed.is_set():
            raise RuntimeError("this executor was shut down")
        future: Future[T] = Future()
        self._tasks.put(_Task(partial(fn, *args, **kwargs), future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes: after their work, or at once if futures are cancelled."""
        self._closed.set()
        if cancel_futures:
            while not self._tasks.empty():
                if (task := self._tasks.get()) is not None:
                    task.future.cancel()
            for slot in self._slots:
                slot.kill()
        for _ in self._slots:
            self._tasks.put(None)
        if wait:
            for slot in self._slots:
                slot.thread.join()


class _Slot:
    """A thread with a process of its own, which does one task after the other."""

    def __init__(self, tasks: SimpleQueue[_Task | None]) -> None:
        self._tasks = tasks
        self._pool: ProcessPoolExecutor | None = None
        self._killed = False
        self.thread = Thread(target=self._serve, daemon=True)
        self.thread.start()

    def kill(self) -> None:
        self._killed = True
        if self._pool is not None:
            self._pool.shutdown(wait=False, kill_workers=True)

    def _serve(self) -> None:
        # Ctrl-C is for the process that runs the batch alone; what starts here inherits that.
        with held_back():
            self._work()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None and not self._killed:
            if task.future.set_running_or_notify_cancel():
                self._do(task)
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=self._killed)

    def _do(self, task: _Task) -> None:
        try:
            result = self._begin(task).result()
        except BaseException as error:
            task.future.set_exception(error)
        else:
            task.future.set_result(result)

    def _begin(self, task: _Task) -> Future[Any]:
        try:
            future: Future[Any] = self._process().submit(task.call)
        except BrokenExecutor:  # the process was killed, at its last task or since
            self._pool = None
            future = self._process().submit(task.call)
        return future

    def _process(self) -> ProcessPoolExecutor:
        if self._pool is None:
            from loky import ProcessPoolExecutor

            self._pool = ProcessPoolExecutor(1, initializer=serve_only, initargs=(os.getpid(),))
            if self._killed:  # `kill` ran in another thread before this process was there
                self._pool.shutdown(wait=False, kill_workers=True)
        return self._pool


@contextmanager
def processes(workers: int) -> Iterator[Workforce]:
    """Provide ``workers`` processes of this machine; kill them if the body raises."""
    start_trackers()
    executor = Processes(workers)
    try:
        yield Workforce(executor, lambda: workers)
    except BaseException:
        executor.shutdown(cancel_futures=True)
        raise
    executor.shutdown()


@contextmanager
def cluster(address: str) -> Iterator[Workforce]:
    """Provide the workers of a Dask cluster that is running.

    Parameters
    ----------
    address : str
        The address of its scheduler, such as ``tcp://127.0.0.1:8786``.

    Raises
    ------
    InputError
        If Dask is not installed, nothing answers at the address, or no worker joins in a minute.
    """
    try:
        from distributed import Client
        from distributed.comm import CommClosedError
    except ImportError:
        what = "--scheduler needs Dask, install it: pip install distributed"
        raise InputError(what) from None
    for name in ("distributed", "distributed.client"):  # they log the errors that we report
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=_REACH_CLUSTER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        what = f"--scheduler {address}: is not reached ({reason}), start one with `dask scheduler`"
        raise InputError(what) from None
    try:
        try:
            client.wait_for_workers(1, timeout=_AWAIT_WORKERS_S)
        except TimeoutError:
            what = f"--scheduler {address}: has no workers, start some with `dask worker {address}`"
            raise InputError(what) from None
        executor = client.get_executor(pure=False)
        yield Workforce(executor, lambda: max(1, sum(client.nthreads().values())))
    except Exception as error:
        lost = isinstance(error, CommClosedError) or client.status != "running"
        if isinstance(error, InputError) or not lost:
            raise
        what = f"--scheduler {address}: is gone; when it is back, the same command goes on"
        raise InputError(what) from None
    finally:
        with suppress(Exception):  # already gone: nothing left to close
            client.close()
