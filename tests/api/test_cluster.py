"""The service hands its jobs to a Dask cluster, from which a worker and then the scheduler are taken away."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from api.analysis import Done, perform
from tests.api.conftest import Server, children, work_on
from tests.clips import reencode
from tests.conftest import StartDask, clip_named, end_group, free_port

_PATIENCE_S = 300


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
    outcome = perform(work_on(tmp_path, video, "a.mp4"), lambda doing, share: True)
    assert isinstance(outcome, Done), outcome
    result: dict[str, Any] = json.loads(outcome.result)
    return result


def test_on_a_cluster_the_result_is_the_same_and_whoever_is_lost_it_comes_once(
    tmp_path: Path, start_dask: StartDask, new_server: Callable[..., Server]
) -> None:
    video = reencode(clip_named("sls_left_steady"), tmp_path / "short.mp4", size=(160, 120), end_s=3.0)
    here = _analysed_here(tmp_path, video)

    port = str(free_port())
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ("scheduler", "--host", "127.0.0.1", "--port", port)
    worker = ("worker", address, "--nthreads", "1", "--local-directory", str(tmp_path / "scratch"))
    first = start_dask(*scheduler)
    workers = [start_dask(*worker)]
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
    end_group(workers[0])
    assert told(ids[0])["progress"]["state"] == "running"
    workers.append(start_dask(*worker))
    _until(lambda: done(ids[0]))

    # The scheduler dies, and comes back after the service has asked for it in vain.
    ids.append(_uploaded(server, video))
    _until(lambda: _looking(workers[1]))
    end_group(first)
    end_group(workers[1])
    _until(lambda: "the cluster does not answer" in (server.data_dir.parent / "server.log").read_text())
    start_dask(*scheduler)
    start_dask(*worker)
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
