"""The database server dies and comes back: requests are told so, the work in hand goes on, all by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.access import PERSONAL_CLINIC_ID
from api.analysis import Done, Outcome, Work
from api.app import create_app
from api.context import Service
from api.jobs import Workshop, queue
from api.records.database import Database
from api.records.models import Job, Screening, Subject
from api.records.types import AWAY
from api.settings import Settings
from tests.api.clinics import HTTPS
from tests.api.conftest import BASE, Postgres, Scripted, own_database


@pytest.fixture
def settings(own_postgres: Postgres, tmp_path: Path) -> Iterator[Settings]:
    """Of a service whose database server may be killed."""
    with own_database(own_postgres.address, "template0") as url:
        yield Settings(data_dir=tmp_path / "data", database_url=url, workers=0).prepared()


@contextmanager
def _killed(postgres: Postgres) -> Iterator[None]:
    postgres.kill()
    try:
        yield
    finally:
        postgres.start()


def _is_told(client: TestClient, method: str, path: str, **headers: str) -> None:
    answer = client.request(method, path, headers=headers, json={"code": "P-1"} if method == "POST" else None)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert "database does not answer" in answer.json()["detail"]


def test_requests_are_told_that_the_database_is_away_and_answered_when_it_is_back(
    settings: Settings, own_postgres: Postgres
) -> None:
    with TestClient(create_app(settings), base_url=BASE) as client:
        assert client.get("/v1/subjects").status_code == 200
        with _killed(own_postgres):
            assert client.get("/healthz").status_code == 200
            assert client.get("/readyz").status_code == 503
            for method, path in (("GET", "/v1/subjects"), ("POST", "/v1/subjects"), ("GET", "/metrics")):
                _is_told(client, method, path)
            page = client.get("/clinic/", headers={"accept": "text/html"})
            assert (page.status_code, "database does not answer" in page.text) == (503, True)
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/subjects").status_code == 200


def test_who_asks_cannot_be_looked_up_while_the_database_is_away(settings: Settings, own_postgres: Postgres) -> None:
    clinic = settings.model_copy(update={"mode": "clinic"})
    with TestClient(create_app(clinic), base_url=HTTPS) as client:
        with _killed(own_postgres):
            _is_told(client, "GET", "/v1/subjects", authorization="Bearer nobody's")
        # Neither taken for somebody meanwhile, nor afterwards.
        assert client.get("/v1/subjects", headers={"authorization": "Bearer nobody's"}).status_code == 401


def test_a_start_waits_for_the_database(settings: Settings, own_postgres: Postgres) -> None:
    database = Database(settings.database)
    with _killed(own_postgres):
        starting = threading.Thread(target=database.prepare)
        starting.start()
        time.sleep(1.5)
        assert starting.is_alive()
    starting.join(30)
    assert database.answers()
    with database.sessions() as session:
        assert session.scalars(select(Subject)).one().clinic_id == PERSONAL_CLINIC_ID
    database.close()


@pytest.mark.parametrize("back", ["before the end", "after the end"])
def test_work_in_hand_outlives_the_database(settings: Settings, own_postgres: Postgres, back: str) -> None:
    service = Service(settings)
    service.database.prepare()
    with service.database.changing() as session:
        subject = session.scalars(select(Subject)).one()
        screening = Screening(
            clinic_id=PERSONAL_CLINIC_ID,
            subject_id=subject.id,
            name="squat.mp4",
            settings={},
            created_by="personal",
            sha256="a" * 64,
        )
        session.add(screening)
        session.flush()
        queue(session, screening)

    later = threading.Timer(1.5, own_postgres.start)

    def work(work: Work, tell: Callable[[str, float], bool]) -> Outcome:
        own_postgres.kill()
        time.sleep(1.0)  # So that this is told to the database.
        assert tell("looking", 0.5)
        if back == "before the end":
            own_postgres.start()
        else:
            later.start()
        return Done('{"trials": []}', ())

    performer = Scripted(work)
    settings = settings.model_copy(update={"workers": 1})
    workshop = Workshop(settings, service.database, service.files, performer)
    workshop.open()
    deadline = time.monotonic() + 30
    state = ""
    while state != "done" and time.monotonic() < deadline:
        time.sleep(0.2)
        with suppress(*AWAY), service.database.sessions() as session:
            job = session.scalars(select(Job)).one()
            state = job.state
    workshop.close()
    assert (job.state, job.attempts, len(performer.asked)) == ("done", 1, 1)
    service.database.close()
