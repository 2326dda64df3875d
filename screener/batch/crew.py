"""Who does the jobs: a process for each core of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import wait as wait_for
from types import TracebackType
from typing import Any, Protocol, TypeVar

from screener.errors import ScreenerError, WrongUse
from screener.memory import share_arenas

__all__ = ["Crashed", "Crew", "cores", "hire", "settle_in", "work_through"]

_Job = TypeVar("_Job")
_Done = TypeVar("_Done")

# A process can die through no fault of its recording (killed from outside, memory taken by others): once more is
# enough to tell that from a recording that kills.
_TRIES = 2

# How often the waiting ends though nothing was done, to tell how the work stands.
_BREATH_S = 1.0


class Crashed(ScreenerError):
    """The process that screened the recording died."""


class Crew(Protocol):
    """Those who do jobs."""

    @property
    def room(self) -> int:
        """How many jobs may be in hand at once."""

    @property
    def died(self) -> tuple[type[BaseException], ...]:
        """The errors that say that the process which had the job died."""

    def submit(self, work: Callable[[_Job], _Done], job: _Job) -> Future[_Done]:
        """Hand a job over."""

    def close(self) -> None:
        """Let everybody go."""

    def __enter__(self) -> Crew: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hire(workers: int | None = None, scheduler: str | None = None) -> Crew:
    """A crew of `workers` processes here (one a core), or that of the Dask scheduler at an address.

    Raises:
        WrongUse: no scheduler answers, or the package for it is not installed.
    """
    return _Processes(workers or cores()) if scheduler is None else _Cluster(scheduler)


def work_through(
    work: Callable[[_Job], _Done], jobs: Sequence[_Job], crew: Crew
) -> Iterator[tuple[int, _Done | Crashed] | None]:
    """Do all jobs, in any order; give the number of each with what came of it, or None when nothing did for a while.

    A job whose process dies is done once more; if that dies too, `Crashed` comes of it and the others go on.

    Raises:
        ScreenerError: the scheduler of the cluster was lost.
    """
    waiting, tries = deque(range(len(jobs))), Counter[int]()
    in_hand: dict[Future[_Done], int] = {}
    while waiting or in_hand:
        while waiting and len(in_hand) < crew.room:
            number = waiting.popleft()
            tries[number] += 1
            in_hand[crew.submit(work, jobs[number])] = number
        done, _ = wait(in_hand, timeout=_BREATH_S, return_when=FIRST_COMPLETED)
        # A future that was cancelled from afar does not wake those who wait for it.
        done |= {future for future in in_hand if future.cancelled()}
        for future in done:
            number = in_hand.pop(future)
            try:
                yield number, future.result()
            except crew.died:
                if tries[number] < _TRIES:
                    waiting.append(number)
                else:
                    yield number, _crashed()
            except CancelledError as error:
                raise _scheduler_lost() from error
        if not done:
            yield None


def _crashed() -> Crashed:
    return Crashed(
        f"The process that screened it died {_TRIES} times.",
        "Its memory may have run out: run again with --resume and fewer --workers. Else report this recording.",
    )


def _scheduler_lost() -> ScreenerError:
    return ScreenerError(
        "The scheduler of the cluster was lost; what was done is kept.",
        "Start the scheduler again, then run the same command with --resume.",
    )


class _Context:
    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        raise NotImplementedError


class _Processes(_Context):
    """Processes of this machine, each an executor of its own: when one dies it is known which job it had."""

    died = (BrokenProcessPool,)

    def __init__(self, workers: int) -> None:
        self.room = workers
        self._idle: list[ProcessPoolExecutor] = []
        self._busy: dict[Future[Any], ProcessPoolExecutor] = {}

    def submit(self, work: Callable[[_Job], _Done], job: _Job) -> Future[_Done]:
        for future in [each for each in self._busy if each.done()]:
            executor = self._busy.pop(future)
            if isinstance(future.exception(), BrokenProcessPool):
                executor.shutdown(wait=False)
            else:
                self._idle.append(executor)
        executor = self._idle.pop() if self._idle else self._new()
        future = executor.submit(work, job)
        self._busy[future] = executor
        return future

    def close(self) -> None:
        for executor in (*self._idle, *self._busy.values()):
            executor.shutdown(wait=True, cancel_futures=True)

    @staticmethod
    def _new() -> ProcessPoolExecutor:
        # Spawned, never forked: the threads of the numeric libraries do not survive a fork.
        return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=settle_in)


def settle_in() -> None:
    """A worker's first act: one core for it, an interrupt is the parent's to handle, and it dies with its parent."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    share_arenas()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if (parent := multiprocessing.parent_process()) is not None:

        def follow() -> None:
            wait_for([parent.sentinel])
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()


class _Cluster(_Context):
    """The workers of a Dask scheduler. It gives the job of a lost worker to another by itself."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
            from distributed.scheduler import KilledWorker
        except ImportError as error:
            raise WrongUse("Dask is not installed.", "Install screener[cluster] here and on every worker.") from error
        try:
            self._client = Client(address, timeout=20, set_as_default=False)
        except (OSError, ValueError) as error:
            raise WrongUse(
                f"No Dask scheduler answers at {address}.", "Start one with `dask scheduler`, and workers for it."
            ) from error
        self._executor = self._client.get_executor()
        self.died = (KilledWorker,)

    @property
    def room(self) -> int:
        # One in hand and one at hand for each worker; some before the first worker is there.
        try:
            return int(max(4, 2 * sum(self._client.nthreads().values())))
        except OSError as error:  # Before the jobs in hand are cancelled, the question itself finds nobody.
            raise _scheduler_lost() from error

    def submit(self, work: Callable[[_Job], _Done], job: _Job) -> Future[_Done]:
        future: Future[_Done] = self._executor.submit(work, job)
        return future

    def close(self) -> None:
        # A client that has lost its scheduler closes itself; asked to meanwhile, it stumbles over its own time-outs.
        with suppress(RuntimeError):
            self._client.close()
