"""The service hands its jobs to a Dask cluster, from which a worker and then the scheduler are taken away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.analysis import Done, Limits, Work, perform
from api.files import Files, sha256_of
from tests.api.conftest import Server, children, free_port
from tests.clips import reencode
from tests.conftest import clip_named

_PATIENCE_S = 300

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a part of Dask in a process group of its own; all are ended with the test."""
    groups: list[subprocess.Popen[bytes]] = []

    def started(part: str, *options: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{part}-{len(groups)}.log").open("wb") as log:
            command = [sys.executable, "-m", "dask", part, *options, "--no-dashboard"]
            groups.append(subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log))
        return groups[-1]

    yield started
    for group in groups:
        _end(group)


def _end(group: subprocess.Popen[bytes]) -> None:
    """Kills a process and all that it started."""
    try:
        os.killpg(group.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    group.wait()


def _ask(server: Server, method: str, path: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(server.url + path, body, {"content-type": "application/json"}, method=method)
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError:
            raise
        except OSError:  # It does not listen yet.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _uploaded(server: Server, video: Path) -> str:
    told = _ask(server, "POST", "/v1/screenings", json.dumps({"name": "a.mp4", "consent": {"how": "written"}}).encode())
    _ask(server, "PUT", f"/v1/screenings/{told['id']}/video", video.read_bytes())
    return str(told["id"])


def _until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _looking(worker: subprocess.Popen[bytes]) -> bool:
    """Whether a child of the worker has the recording open."""
    everybody = [worker.pid]
    for each in everybody:
        everybody += children(each)
    return any(_opens_a_recording(each) for each in everybody)


def _opens_a_recording(pid: int) -> bool:
    try:
        return any("{recording}" in str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return False


def _analysed_here(tmp_path: Path, video: Path) -> dict[str, Any]:
    """What an analysis without a cluster gives."""
    files = Files(str(tmp_path / "files"))
    (copy := tmp_path / "copy").write_bytes(video.read_bytes())
    sha256 = sha256_of(copy)
    files.put(copy, "clinic", "screening", sha256)
    work = Work(
        files_url=files.url,
        clinic_id="clinic",
        screening_id="screening",
        name="a.mp4",
        video=sha256,
        landmarks=None,
        settings={},
        subject_code=None,
        height_m=None,
        intake=None,
        programme="evidence",
        pictures=False,
        limits=Limits(6144, 600, 600.0),
    )
    outcome = perform(work, lambda doing, share: True)
    assert isinstance(outcome, Done), outcome
    result: dict[str, Any] = json.loads(outcome.result)
    return result


def test_on_a_cluster_the_result_is_the_same_and_whoever_is_lost_it_comes_once(
    tmp_path: Path, start: Start, new_server: Callable[..., Server]
) -> None:
    video = reencode(clip_named("sls_left_steady"), tmp_path / "short.mp4", size=(160, 120), end_s=3.0)
    here = _analysed_here(tmp_path, video)

    port = str(free_port())
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ("scheduler", "--host", "127.0.0.1", "--port", port)
    worker = ("worker", address, "--nthreads", "1", "--local-directory", str(tmp_path / "scratch"))
    first = start(*scheduler)
    workers = [start(*worker)]
    server = new_server(SCREENER_SCHEDULER=address, SCREENER_LEASE_S="4")
    server.start()

    def told(screening_id: str) -> dict[str, Any]:
        screening: dict[str, Any] = _ask(server, "GET", f"/v1/screenings/{screening_id}")
        assert screening["progress"]["state"] in ("queued", "running", "done"), screening
        return screening

    def done(screening_id: str) -> bool:
        return bool(told(screening_id)["progress"]["state"] == "done")

    def results() -> Iterator[dict[str, Any]]:
        for each in ids:
            yield _ask(server, "GET", f"/v1/screenings/{each}/result")

    # The only worker dies with the recording open; another comes.
    ids = [_uploaded(server, video)]
    _until(lambda: _looking(workers[0]))
    _end(workers[0])
    assert told(ids[0])["progress"]["state"] == "running"
    workers.append(start(*worker))
    _until(lambda: done(ids[0]))

    # The scheduler dies, and comes back after the service has asked for it in vain.
    ids.append(_uploaded(server, video))
    _until(lambda: _looking(workers[1]))
    _end(first)
    _end(workers[1])
    _until(lambda: "the cluster does not answer" in (server.data_dir.parent / "server.log").read_text())
    start(*scheduler)
    start(*worker)
    _until(lambda: done(ids[1]))

    here.pop("created_at")
    for result in results():
        result.pop("created_at")
        assert json.dumps(result) == json.dumps(here)
    log = (server.data_dir.parent / "server.log").read_text()
    assert log.count("how=done") == len(ids)
    store = server.data_dir / "files" / "personal"
    for each in ids:
        named = {file["sha256"] for file in told(each)["files"]}
        assert named <= {path.name for path in (store / each).iterdir()}
