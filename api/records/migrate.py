"""The form of the database from version to version. `python -m api.records.migrate check|upgrade|write TEXT`."""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from api.records.engine import open_engine

__all__ = ["check", "upgrade", "write"]

# Any number, the same in every process: two that start at once on PostgreSQL come one after the other.
_TURN = 7_101_977


def upgrade(engine: Engine, to: str = "head") -> None:
    """Bring the tables to a version, from an empty database or from any earlier version."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
        command.upgrade(_config(connection), to)


def check(engine: Engine) -> None:
    """Compare the tables with the models.

    Raises:
        alembic.util.CommandError: they differ.
    """
    with engine.begin() as connection:
        command.check(_config(connection))


def write(engine: Engine, says: str) -> None:
    """Write a migration from the tables as they are to the models as they are. Read it before it is kept."""
    with engine.begin() as connection:
        command.revision(_config(connection), message=says, autogenerate=True)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def main() -> None:
    """The command."""
    from api.settings import Settings

    engine = open_engine(Settings().prepared().database)
    match sys.argv[1:]:
        case ["check"]:
            check(engine)
        case ["upgrade"]:
            upgrade(engine)
        case ["write", says]:
            write(engine, says)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
