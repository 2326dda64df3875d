"""How a database of each kind is opened."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event

__all__ = ["open_engine"]

# A writer of SQLite waits for the one before it; a second is long for any of ours, so this is only ever
# reached when something is wrong.
_BUSY_MS = 15_000

# A server that does not take a connection within this is away; without a bound one would wait for minutes.
_CONNECT_S = 5


def open_engine(url: str) -> Engine:
    """The engine of a database: SQLite with one writer at a time and nothing left of what is deleted, or a server."""
    if not url.startswith("sqlite"):
        # A connection that died with the server is found out before it is used.
        patience = {"connect_timeout": _CONNECT_S}
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, connect_args=patience)
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
        mode = connection.get_execution_options().get("begin", "DEFERRED")
        if mode != "NONE":
            connection.exec_driver_sql(f"BEGIN {mode}")

    return engine
