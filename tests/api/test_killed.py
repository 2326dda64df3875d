"""The service is killed at instants of chance while it works: after the next start every upload is done, once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.records.database import Database
from api.records.models import AuditLine, Job, Screening, StoredFile
from tests.api.conftest import Server
from tests.clips import reencode
from tests.conftest import clip_named

# `SCREENER_KILLS=10 SCREENER_UPLOADS=20` is the whole trial; fewer for every run.
_KILLS = int(os.environ.get("SCREENER_KILLS", "2"))
_UPLOADS = int(os.environ.get("SCREENER_UPLOADS", "3"))


def _ask(server: Server, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
    """What the service answers, however long it takes until it does: it may be dead right now."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        request = urllib.request.Request(server.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 409 and method == "PUT":
                    return None  # the answer to an earlier try was lost on the way
                raise AssertionError(error.read()) from error
        except (OSError, json.JSONDecodeError):
            time.sleep(0.2)
    raise AssertionError("the service does not come back")


def _children(pid: int) -> list[int]:
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(each) for each in told.split()]


@pytest.fixture
def short_clip(tmp_path: Path) -> Path:
    """Two seconds of a small person: quick work."""
    return reencode(clip_named("sls_left_steady"), tmp_path / "short.mp4", size=(160, 120), end_s=2.0)


def test_whatever_is_killed_when_every_upload_is_done_once(
    new_server: Callable[..., Server], prepared_url: str, short_clip: Path
) -> None:
    chance = random.Random(20261122)
    server = new_server(SCREENER_DATABASE_URL=prepared_url, SCREENER_WORKERS="2", SCREENER_LEASE_S="4")
    server.start()
    video = short_clip.read_bytes()
    ids = []
    for number in range(_UPLOADS):
        body = json.dumps({"name": f"{number}.mp4", "consent": {"how": "on_screen"}}).encode()
        key = {"content-type": "application/json", "idempotency-key": f"k-{number}"}
        ids.append(_ask(server, "POST", "/v1/screenings", body, **key)["id"])

    for screening_id in ids:
        _ask(server, "PUT", f"/v1/screenings/{screening_id}/video", video)
    for kill in range(_KILLS):
        time.sleep(chance.uniform(0.5, 6.0))
        assert server.process is not None
        children = _children(server.process.pid)
        if kill % 2 and children:
            os.kill(chance.choice(children), signal.SIGKILL)
        else:
            server.kill()
            server.start()

    for screening_id in ids:
        deadline = time.monotonic() + 600
        while (told := _ask(server, "GET", f"/v1/screenings/{screening_id}"))["progress"]["state"] != "done":
            assert told["progress"]["state"] in ("queued", "running"), told
            assert time.monotonic() < deadline, told
            time.sleep(0.5)

    database = Database(prepared_url)
    with database.sessions() as session:
        jobs = session.scalars(select(Job)).all()
        assert sorted(job.screening_id for job in jobs) == sorted(ids)
        assert {(job.state, job.lease) for job in jobs} == {("done", None)}
        assert all(session.get_one(Screening, each).result for each in ids)
        uploads = session.scalars(select(AuditLine.object_id).where(AuditLine.action == "uploaded")).all()
        assert sorted(map(str, uploads)) == sorted(ids)
        named = {(row.screening_id, row.sha256) for row in session.scalars(select(StoredFile))}
        print("attempts:", sorted(job.attempts for job in jobs))
    database.close()
    store = server.data_dir / "files" / "personal"
    assert {(path.parent.name, path.name) for path in store.rglob("*") if path.is_file()} == named
    assert [path.name for path in (server.data_dir / "uploads").iterdir()] == []
