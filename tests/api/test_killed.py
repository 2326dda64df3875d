"""Service, worker and database are killed at instants of chance under load: every upload ends done, once, by itself."""

from __future__ import annotations

import json
import os
import random
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.records.database import Database
from api.records.models import AuditLine, Job, Screening, StoredFile
from tests.api.conftest import KINDS, Postgres, Server, children, in_thread, kill, own_database
from tests.clips import reencode
from tests.conftest import clip_named

# `SCREENER_KILLS=10 SCREENER_UPLOADS=20` is the whole trial; fewer for every run.
_KILLS = int(os.environ.get("SCREENER_KILLS", "2"))
_UPLOADS = int(os.environ.get("SCREENER_UPLOADS", "3"))


def _ask(server: Server, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
    """What the service answers, however long it takes until it does: it, or its database, may be dead right now."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        request = urllib.request.Request(server.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                said = error.read()
                if error.code == 409 and b"has its recording already" in said:
                    return None  # the answer to an earlier try was lost on the way
                if error.code != 503:
                    raise AssertionError(said) from error
                time.sleep(min(1.0, float(error.headers["retry-after"])))
        except (OSError, json.JSONDecodeError):
            time.sleep(0.2)
    raise AssertionError("the service does not come back")


@dataclass
class Victims:
    """Who may be killed, in turns, and where the records are."""

    url: str
    postgres: Postgres | None

    def turns(self) -> Iterator[str]:
        """Whom each kill takes."""
        return cycle(("server", "worker") if self.postgres is None else ("database", "server", "connection", "worker"))

    def kill(self, who: str, server: Server, chance: random.Random) -> None:
        """Kill somebody. The service and the database are started again, as whoever keeps them running would."""
        assert server.process is not None
        if who == "server":
            server.kill()
            server.start()
        elif who == "worker" and (found := children(server.process.pid)):
            kill(chance.choice(found))
        elif who == "connection" and self.postgres is not None:
            self.postgres.kill_one(chance)
        elif who == "database" and self.postgres is not None:
            self.postgres.kill()
            time.sleep(chance.uniform(0.0, 3.0))
            self.postgres.start()


@pytest.fixture(params=KINDS)
def victims(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Victims]:
    """Both kinds of database; that of a PostgreSQL has processes to kill."""
    if request.param == "sqlite":
        yield Victims(f"sqlite:///{tmp_path / 'records.sqlite3'}", None)
    else:
        postgres: Postgres = request.getfixturevalue("own_postgres")
        with own_database(postgres.address, "template0") as url:
            yield Victims(url, postgres)


@pytest.fixture
def short_clip(tmp_path: Path) -> Path:
    """Two seconds of a small person: quick work."""
    return reencode(clip_named("sls_left_steady"), tmp_path / "short.mp4", size=(160, 120), end_s=2.0)


def test_whatever_is_killed_when_every_upload_is_done_once(
    new_server: Callable[..., Server], victims: Victims, short_clip: Path
) -> None:
    began, chance = time.monotonic(), random.Random(20261122)
    server = new_server(SCREENER_DATABASE_URL=victims.url, SCREENER_WORKERS="2", SCREENER_LEASE_S="4")
    server.start()
    video = short_clip.read_bytes()
    ids = []

    def upload() -> None:
        for number in range(_UPLOADS):
            body = json.dumps({"name": f"{number}.mp4", "consent": {"how": "on_screen"}}).encode()
            key = {"content-type": "application/json", "idempotency-key": f"k-{number}"}
            screening_id = _ask(server, "POST", "/v1/screenings", body, **key)["id"]
            _ask(server, "PUT", f"/v1/screenings/{screening_id}/video", video)
            ids.append(screening_id)

    with in_thread(upload, patience_s=600):
        _ask(server, "GET", "/readyz")
        killed = list(islice(victims.turns(), _KILLS))
        for who in killed:
            time.sleep(chance.uniform(0.5, 6.0))
            victims.kill(who, server, chance)
    assert len(ids) == _UPLOADS

    for screening_id in ids:
        deadline = time.monotonic() + 600
        while (told := _ask(server, "GET", f"/v1/screenings/{screening_id}"))["progress"]["state"] != "done":
            assert told["progress"]["state"] in ("queued", "running"), told
            assert time.monotonic() < deadline, told
            time.sleep(0.5)

    database = Database(victims.url)
    with database.sessions() as session:
        jobs = session.scalars(select(Job)).all()
        assert sorted(job.screening_id for job in jobs) == sorted(ids)
        assert {(job.state, job.lease) for job in jobs} == {("done", None)}
        assert all(session.get_one(Screening, each).result for each in ids)
        uploads = session.scalars(select(AuditLine.object_id).where(AuditLine.action == "uploaded")).all()
        assert sorted(map(str, uploads)) == sorted(ids)
        named = {(row.screening_id, row.sha256) for row in session.scalars(select(StoredFile))}
        print(
            f"{_UPLOADS} uploads, killed: {dict(Counter(killed))}; all done after {time.monotonic() - began:.0f} s; "
            f"attempts: {sorted(job.attempts for job in jobs)}"
        )
    database.close()
    store = server.data_dir / "files" / "personal"
    deadline = time.monotonic() + 30  # The last row may be written just before its files are tidied up.
    while (left := {(path.parent.name, path.name) for path in store.rglob("*") if path.is_file()}) != named:
        assert time.monotonic() < deadline, left ^ named
        time.sleep(0.2)
    assert [path.name for path in (server.data_dir / "uploads").iterdir()] == []
