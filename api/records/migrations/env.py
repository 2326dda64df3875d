"""What Alembic runs: with the connection that it was given, in that connection's transaction."""

from typing import Literal

from alembic import context

from api.records.models import Base
from api.records.types import UtcDateTime


def _as_code(kind: str, thing: object, _: object) -> str | Literal[False]:
    """How a type of ours is written in a migration; False leaves it to Alembic."""
    return "UtcDateTime()" if kind == "type" and isinstance(thing, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite cannot alter a column: the table is written anew.
    render_as_batch=True,
    compare_type=True,
    render_item=_as_code,
)
with context.begin_transaction():
    context.run_migrations()
