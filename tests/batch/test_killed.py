"""Killed at ten random instants and resumed, a batch ends with the tables of an undisturbed one, byte for byte."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

from tests.batch.conftest import Study, command, results_in, run
from tests.batch.recordings import tables_of

KILLS = 10


def alive(session: int) -> list[int]:
    """The processes of a session that are still there."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_killed_ten_times_and_resumed(study: Study, tmp_path: Path) -> None:
    chance, killed = random.Random(11), 0
    for number in range(KILLS):
        before = len(results_in(tmp_path))
        with subprocess.Popen(
            command(study.folder, tmp_path, "--resume"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            # Half of the kills come at any time from the start on, half of them at any time after a result.
            while number % 2 and process.poll() is None and len(results_in(tmp_path)) == before:
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 0.5 if number % 2 else 6))
            killed += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
            # Nobody is left behind to write on into the folder.
            patience = time.monotonic() + 30
            while (left := alive(process.pid)) and time.monotonic() < patience:
                time.sleep(0.05)
            assert not left
    assert killed >= KILLS // 2
    assert run(study.folder, tmp_path, "--resume").returncode == 4
    assert tables_of(tmp_path) == tables_of(study.out)
    assert len(tables_of(tmp_path)) >= 8


def test_a_second_run_into_the_same_folder_is_asked_about(study: Study) -> None:
    done = run(study.folder, study.out)
    assert done.returncode == 2
    assert "holds the results of an earlier run" in done.stderr
