"""On a cluster of separate processes, from which a worker and then the scheduler are taken away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.batch.conftest import Study, command, results_in, run
from tests.batch.recordings import tables_of

PATIENCE_S = 300


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a part of Dask in a process group of its own; all are ended with the test."""
    groups: list[subprocess.Popen[bytes]] = []

    def start(part: str, *options: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", part, *options],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        groups.append(process)
        return process

    yield start
    for process in groups:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


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


def test_a_lost_worker_and_a_lost_scheduler(
    study: Study, tmp_path: Path, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    scheduler_options = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    worker_options = (address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path / "scratch"))
    out = tmp_path / "out"

    scheduler = started("scheduler", *scheduler_options)
    until(listening(port), scheduler)
    workers = [started("worker", *worker_options) for _ in range(2)]
    with subprocess.Popen(
        command(study.folder, out, "--scheduler", address), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as batch:
        until(lambda: len(results_in(out)) >= 2, batch)
        end(workers[0])
        until(lambda: len(results_in(out)) >= 5, batch)
        end(scheduler)
        _, said = batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 1
    assert "The scheduler of the cluster was lost; what was done is kept." in said
    assert 5 <= len(results_in(out)) < len(study.recordings)
    end(workers[1])

    scheduler = started("scheduler", *scheduler_options)
    until(listening(port), scheduler)
    started("worker", *worker_options)
    done = run(study.folder, out, "--scheduler", address, "--resume")
    assert done.returncode == 4, done.stderr
    assert tables_of(out) == tables_of(study.out)
