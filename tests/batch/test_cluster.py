"""On a cluster of separate processes, from which a worker and then the scheduler are taken away."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from screener.batch.crew import hire
from screener.errors import ScreenerError
from tests.batch.conftest import Study, command, results_in, run
from tests.batch.recordings import tables_of
from tests.conftest import StartDask, end_group, free_port

PATIENCE_S = 300


def listening(port: int) -> Callable[[], bool]:
    """Whether anybody listens there: a busy machine may need longer to start a scheduler than a batch waits for it."""

    def tried() -> bool:
        with socket.socket() as knock:
            return knock.connect_ex(("127.0.0.1", port)) == 0

    return tried


def until(true: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    """Waits for something that a process brings about."""
    patience = time.monotonic() + PATIENCE_S
    while not true():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < patience
        time.sleep(0.05)


def test_a_lost_scheduler_is_told_of_by_whatever_asks_it_first(start_dask: StartDask) -> None:
    port = free_port()
    scheduler = start_dask("scheduler", "--host", "127.0.0.1", "--port", str(port))
    until(listening(port), scheduler)
    with hire(scheduler=f"tcp://127.0.0.1:{port}") as crew:
        assert crew.room == 4
        end_group(scheduler)
        with pytest.raises(ScreenerError, match=r"The scheduler of the cluster was lost"):
            _ = crew.room


def test_a_lost_worker_and_a_lost_scheduler(study: Study, tmp_path: Path, start_dask: StartDask) -> None:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler_options = ("--host", "127.0.0.1", "--port", str(port))
    worker_options = (address, "--nthreads", "1", "--local-directory", str(tmp_path / "scratch"))
    out = tmp_path / "out"

    scheduler = start_dask("scheduler", *scheduler_options)
    until(listening(port), scheduler)
    workers = [start_dask("worker", *worker_options) for _ in range(2)]
    with subprocess.Popen(
        command(study.folder, out, "--scheduler", address), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as batch:
        until(lambda: len(results_in(out)) >= 2, batch)
        end_group(workers[0])
        until(lambda: len(results_in(out)) >= 5, batch)
        end_group(scheduler)
        _, said = batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 1
    assert "The scheduler of the cluster was lost; what was done is kept." in said
    assert 5 <= len(results_in(out)) < len(study.recordings)
    end_group(workers[1])

    scheduler = start_dask("scheduler", *scheduler_options)
    until(listening(port), scheduler)
    start_dask("worker", *worker_options)
    done = run(study.folder, out, "--scheduler", address, "--resume")
    assert done.returncode == 4, done.stderr
    assert tables_of(out) == tables_of(study.out)
