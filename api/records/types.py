"""Column types, identifiers and errors that are the same on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from sqlalchemy.types import TypeDecorator

__all__ = ["AWAY", "UtcDateTime", "new_id", "now", "why_away"]

#: The database does not answer now: it was lost, is starting, or is too busy. Another try may go well.
AWAY = (InterfaceError, OperationalError, TimeoutError)


def why_away(error: Exception) -> str:
    """The driver's own first line, for the log. It tells of the connection or the server, never of a row."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, kept as UTC since SQLite drops time zones; one without a zone is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """An identifier that sorts by the time of its making and cannot be guessed: a UUID of version 7 (RFC 9562)."""
    milliseconds = time.time_ns() // 1_000_000
    raw = bytearray(milliseconds.to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(raw)))
