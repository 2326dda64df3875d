"""The crew: a process that dies takes no other job with it, and memory does not grow."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from statistics import median

import pytest

from screener.batch.crew import Crashed, hire, work_through
from screener.batch.work import Job, do, versions_sha256
from screener.errors import WrongUse
from tests.batch.recordings import QUICK
from tests.clips import reencode, sample_clips


def squared(number: int) -> int:
    """Kills its own process at 13."""
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def squared_in_the_end(job: tuple[int, Path]) -> int:
    """Kills its own process when it is called the first time."""
    number, mark = job
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def memory_after(job: Job) -> float:
    """Does a job of a batch and gives what the process holds afterwards, in MB."""
    outcome = do(job)
    assert outcome.kept, outcome
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_a_job_that_kills_its_process_is_told_and_the_others_are_done() -> None:
    jobs = list(range(10, 16))
    with hire(workers=2) as crew:
        done = dict(each for each in work_through(squared, jobs, crew) if each is not None)
    crashed = done.pop(3)
    assert isinstance(crashed, Crashed)
    assert "died 2 times" in crashed.message
    assert done == {number: job**2 for number, job in enumerate(jobs) if job != 13}


def test_a_process_that_died_by_accident_costs_nothing_but_time(tmp_path: Path) -> None:
    jobs = [(number, tmp_path / "mark") for number in range(4)]
    with hire(workers=2) as crew:
        done = dict(each for each in work_through(squared_in_the_end, jobs, crew) if each is not None)
    assert done == {0: 0, 1: 1, 2: 4, 3: 9}


def test_no_scheduler_answers() -> None:
    with pytest.raises(WrongUse, match=r"No Dask scheduler answers at 127\.0\.0\.1"):
        hire(scheduler="127.0.0.1")


def test_memory_stays_flat_over_a_hundred_recordings(tmp_path: Path) -> None:
    # Three sizes in turn; short, since a recording's own memory is given back whatever its length.
    paths = [
        reencode(clip, tmp_path / f"{height}.mp4", fps=10, end_s=2.0, size=(height * 3 // 4 // 2 * 2, height))
        for clip, height in zip(sample_clips(), (480, 640, 320), strict=False)
    ]
    # Each into a folder of its own: in one, a recording would be screened once.
    jobs = [Job(str(paths[n % 3]), QUICK, str(tmp_path / f"out{n}"), versions_sha256()) for n in range(100)]
    with hire(workers=1) as crew:
        done = dict(each for each in work_through(memory_after, jobs, crew) if each is not None)
    memory = {number: mb for number, mb in done.items() if isinstance(mb, float)}
    assert len(memory) == len(jobs)
    early, late = (median(memory[number] for number in range(start, start + 30)) for start in (10, 70))
    # Once in a while the allocator keeps a recording's arrays (15 to 20 MB) and from then on uses them again: one
    # step, whenever it comes. What leaks grows from each recording to the next of its size.
    assert late < 1.1 * early, (early, late)
    grown = median(memory[number + 3] - memory[number] for number in range(10, 97))
    assert grown / 3 * 100 < 0.05 * early, (grown, early)
