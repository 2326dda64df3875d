"""The database: SQLite in a file by default, PostgreSQL by URL. One session a request, committed by who changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import structlog
from fastapi import Depends, Request
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from api.access import PERSONAL_CLINIC_ID
from api.records.engine import open_engine
from api.records.models import ME, Clinic, Subject
from api.records.types import AWAY, why_away

__all__ = ["Database", "DbSession"]

# A database server that is started together with the service, or that died together with it, is back by then.
_START_S = 60.0

_log = structlog.get_logger()


class Database:
    """The engine and its sessions."""

    def __init__(self, url: str, secret: str = "") -> None:
        self.url = url
        # What tokens are hashed with (api/accounts/tokens.py) goes where they are looked up.
        info = {"secret": secret}
        self.engine = open_engine(url)
        #: For reading alone.
        self.sessions = sessionmaker(self.engine, expire_on_commit=False, info=info)
        #: For changing. On SQLite one writer comes after the other from the first statement on: one that read
        #: first and wrote then would be refused whenever another had written in between.
        self.writers = sessionmaker(self.engine.execution_options(begin="IMMEDIATE"), expire_on_commit=False, info=info)

    @contextmanager
    def changing(self) -> Iterator[Session]:
        """A session whose changes are kept when the block ends well, and none of them when it does not."""
        with self.writers() as session, session.begin():
            yield session

    def scrub(self) -> None:
        """After a deletion: what SQLite still holds of it beside the database file is written over."""
        if self.engine.dialect.name == "sqlite":
            with self.engine.connect() as connection:
                connection.execution_options(begin="NONE").exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def prepare(self) -> None:
        """Bring the tables to this version, from whichever they are of, and put in the one person of a personal one.

        A database server that does not answer yet is waited for.
        """
        until = time.monotonic() + (0.0 if self.engine.dialect.name == "sqlite" else _START_S)
        while True:
            try:
                self._prepare()
                return
            except AWAY as error:
                if time.monotonic() > until:
                    raise
                _log.warning("waiting for the database", why=why_away(error))
                time.sleep(1.0)

    def _prepare(self) -> None:
        from api.records.migrate import upgrade  # slow to load, and a worker has no need of it

        upgrade(self.engine)
        with self.changing() as session:
            if session.get(Clinic, PERSONAL_CLINIC_ID) is None:
                session.add(Clinic(id=PERSONAL_CLINIC_ID, name="Personal"))
                session.flush()
                session.add(Subject(clinic_id=PERSONAL_CLINIC_ID, code=ME))

    def answers(self) -> bool:
        """Whether it answers now."""
        with self.engine.connect() as connection:
            return bool(connection.execute(text("SELECT 1")).scalar_one() == 1)

    def close(self) -> None:
        """Let all connections go."""
        self.engine.dispose()


def _session(request: Request) -> Iterator[Session]:
    database: Database = request.app.state.database
    with database.sessions() if request.method in ("GET", "HEAD") else database.writers() as session:
        yield session


#: A session for this request, made for reading where the method reads. What a route changes it commits itself,
#: before it answers.
DbSession = Annotated[Session, Depends(_session)]
