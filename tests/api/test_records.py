"""The records on SQLite and PostgreSQL: the same tables from every start, instants, deletion, the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import delete, func, inspect, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError, StatementError

from api.access import PERSONAL, PERSONAL_CLINIC_ID
from api.context import Service
from api.records import migrate
from api.records.audit import note
from api.records.database import Database
from api.records.models import AuditLine, Base, Clinic, Consent, Job, Screening, StoredFile, Subject
from api.records.types import new_id, now
from api.retention import erase_subject

_MIGRATIONS = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
_REVISIONS = [script.revision for script in _MIGRATIONS.walk_revisions()]


def _screening(service: Service) -> tuple[str, str]:
    """A person with a consent, and a screening of them with a job and a file."""
    with service.database.changing() as session:
        session.add(subject := Subject(clinic_id=PERSONAL_CLINIC_ID, code="P-1", name="Ada"))
        session.flush()
        session.add(
            Consent(
                clinic_id=PERSONAL_CLINIC_ID,
                subject_id=subject.id,
                given_on=now().date(),
                how="written",
                text_version="1",
                recorded_by="personal",
            )
        )
        session.add(
            screening := Screening(
                clinic_id=PERSONAL_CLINIC_ID,
                subject_id=subject.id,
                name="squat.mp4",
                settings={},
                created_by="personal",
            )
        )
        session.flush()
        session.add(Job(clinic_id=PERSONAL_CLINIC_ID, screening_id=screening.id, kind="screen", key="k"))
        session.add(
            StoredFile(clinic_id=PERSONAL_CLINIC_ID, screening_id=screening.id, name="video", sha256="0" * 64, bytes=1)
        )
        return subject.id, screening.id


def test_the_migrations_make_what_the_models_say(database_url: str) -> None:
    database = Database(database_url)
    migrate.upgrade(database.engine)
    migrate.check(database.engine)
    assert {*inspect(database.engine).get_table_names()} == {*Base.metadata.tables, "alembic_version"}
    database.close()


@pytest.mark.parametrize("revision", _REVISIONS)
def test_every_earlier_version_comes_up_to_this_one(database_url: str, revision: str) -> None:
    database = Database(database_url)
    migrate.upgrade(database.engine, revision)
    database.prepare()
    migrate.check(database.engine)
    database.prepare()  # a second start changes nothing
    with database.sessions() as session:
        assert session.scalars(select(Clinic.id)).all() == [PERSONAL_CLINIC_ID]
    database.close()


def test_an_instant_comes_back_as_it_went_in(service: Service) -> None:
    east = timezone(timedelta(hours=9))
    at = datetime(2026, 3, 1, 0, 30, 15, 123456, tzinfo=east)
    with service.database.changing() as session:
        session.add(Clinic(id="c", name="A clinic", created_at=at))
    with service.database.sessions() as session:
        back = session.get_one(Clinic, "c").created_at
    assert back == at
    assert back.tzinfo is UTC


def test_an_instant_without_a_zone_is_refused(service: Service) -> None:
    with service.database.sessions() as session:
        session.add(Clinic(id="c", name="A clinic", created_at=datetime(2026, 3, 1)))
        with pytest.raises(StatementError, match="time zone"):
            session.flush()


def test_identifiers_sort_by_the_time_of_their_making() -> None:
    made = []
    for _ in range(5):
        made.append(new_id())
        until = now() + timedelta(milliseconds=2)
        while now() < until:
            pass
    assert made == sorted(made)
    assert all(each[14] == "7" and len(each) == 36 for each in made)


def test_foreign_keys_hold(service: Service) -> None:
    with pytest.raises(IntegrityError), service.database.changing() as session:
        session.add(Subject(clinic_id="nowhere", code="x"))


def test_a_change_that_fails_leaves_nothing(service: Service) -> None:
    def fail() -> None:
        with service.database.changing() as session:
            session.add(Clinic(id="c", name="A clinic"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with service.database.sessions() as session:
        assert session.get(Clinic, "c") is None


@pytest.mark.parametrize("statement", [update(AuditLine).values(action="other"), delete(AuditLine)])
def test_the_database_itself_keeps_the_audit_trail(service: Service, statement: object) -> None:
    with service.database.changing() as session:
        note(session, PERSONAL, "created", "subject", "s")
    with pytest.raises(DatabaseError, match="append-only"), service.database.changing() as session:
        session.execute(statement)  # type: ignore[call-overload]
    with service.database.sessions() as session:
        assert session.scalars(select(AuditLine.action)).all() == ["created"]


def test_who_is_deleted_leaves_nothing_but_the_line_in_the_audit_trail(service: Service) -> None:
    subject_id, screening_id = _screening(service)
    store = service.settings.data_dir / "files"
    (source := service.settings.uploads / "x").write_bytes(b"moving pictures")
    service.files.put(source, PERSONAL_CLINIC_ID, screening_id, "0" * 64)
    (service.settings.uploads / screening_id).write_bytes(b"half an upload")

    assert erase_subject(service.database, service.files, service.settings, PERSONAL, subject_id)

    mentions = {}
    with service.database.sessions() as session:
        for name, table in Base.metadata.tables.items():
            rows = session.execute(select(table)).all()
            if any(mark in str(row) for row in rows for mark in (subject_id, screening_id, "Ada", "P-1")):
                mentions[name] = len(rows)
    assert mentions == {"audit_lines": 1}
    assert [path for path in (*store.rglob("*"), *service.settings.uploads.rglob("*")) if path.is_file()] == []
    if service.database.engine.dialect.name == "sqlite":
        # Not in the file of the database either, nor beside it.
        beside = service.settings.data_dir.parent.glob("records.sqlite3*")
        assert all(b"P-1" not in path.read_bytes() and b"Ada" not in path.read_bytes() for path in beside)


def test_a_person_of_another_clinic_is_not_deleted(service: Service) -> None:
    with service.database.changing() as session:
        session.add(Clinic(id="other", name="Other"))
        session.flush()
        session.add(subject := Subject(clinic_id="other", code="P-1"))
    assert not erase_subject(service.database, service.files, service.settings, PERSONAL, subject.id)
    with service.database.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Subject).where(Subject.clinic_id == "other")) == 1


def test_readers_do_not_wait_for_a_writer(service: Service) -> None:
    with service.database.changing() as writing:
        writing.add(Clinic(id="c", name="A clinic"))
        writing.flush()
        with service.database.sessions() as reading:
            assert reading.execute(text("SELECT count(*) FROM clinics")).scalar_one() == 1
