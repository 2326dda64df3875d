"""The database: SQLite in a file by default, PostgreSQL by URL. One session a request, committed by who changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker

from api.access import PERSONAL_CLINIC_ID
from api.records.models import Clinic

__all__ = ["Database", "DbSession"]

# A writer of SQLite waits for the one before it; a second is long for any of ours, so this is only ever
# reached when something is wrong.
_BUSY_MS = 15_000


class Database:
    """The engine and its sessions."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session whose changes are kept when the block ends well, and none of them when it does not."""
        with self.sessions() as session, session.begin():
            yield session

    def prepare(self) -> None:
        """Bring the tables to this version, from whichever they are of, and put in the row of the personal clinic."""
        from api.records.migrate import upgrade

        upgrade(self.engine)
        with self.session() as session:
            if session.get(Clinic, PERSONAL_CLINIC_ID) is None:
                session.add(Clinic(id=PERSONAL_CLINIC_ID, name="Personal"))

    def answers(self) -> bool:
        """Whether it answers now."""
        with self.engine.connect() as connection:
            return bool(connection.execute(text("SELECT 1")).scalar_one() == 1)

    def close(self) -> None:
        """Let all connections go."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": _BUSY_MS / 1000}, pool_size=20)

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _: Any) -> None:
        # The driver would begin a transaction only at the first write, too late to keep a promise made by a read.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        # What is deleted is overwritten, not only forgotten.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _session(request: Request) -> Iterator[Session]:
    database: Database = request.app.state.database
    with database.sessions() as session:
        yield session


#: A session for this request. What a route changes it commits itself, before it answers.
DbSession = Annotated[Session, Depends(_session)]
