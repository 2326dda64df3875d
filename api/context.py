"""What every route may need of the running service, in one dependency."""

from __future__ import annotations

import threading
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.files import Files
from api.jobs import Workshop
from api.records.database import Database
from api.retention import Sweeper
from api.settings import Settings

__all__ = ["Context", "Service"]


class Service:
    """The parts of the service, made once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database, settings.secret.get_secret_value())
        self.files = Files(settings.files)
        self.workshop = Workshop(settings, self.database, self.files)
        self.sweeper = Sweeper(settings, self.database, self.files)
        #: Readings told to the audit trail lately: who read what, and when that was told.
        self.readings_told: dict[tuple[str, str, str], float] = {}

        #: Set when the service stops, for those who wait for something.
        self.closing = threading.Event()

    def open(self) -> None:
        """Bring the database to this version, and begin to work and to sweep."""
        self.database.prepare()
        self.workshop.open()
        self.sweeper.open()

    def close(self) -> None:
        """Stop; what is in hand goes back into the queue."""
        self.closing.set()
        self.sweeper.close()
        self.workshop.close()
        self.database.close()


def _service(connection: HTTPConnection) -> Service:
    return cast(Service, connection.app.state.service)


Context = Annotated[Service, Depends(_service)]
