"""What requests and answers share: strict forms, texts that every database takes, pages, and who may see which row."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from api.access import Principal
from api.context import Service
from api.problems import Problem
from api.records.audit import note
from api.records.models import AuditLine, Screening, Subject

__all__ = [
    "Cursor",
    "Given",
    "Id",
    "Limit",
    "Line",
    "Page",
    "Told",
    "page_of",
    "screening_of",
    "subject_of",
    "tell_reading",
]

Item = TypeVar("Item")
Row = TypeVar("Row", Screening, Subject, AuditLine)

# PostgreSQL takes no zero character in a text, and a line has no other control characters either.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"

#: A short text of one line.
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_PLAIN)]

#: The identifier of a row, in an address.
Id = Annotated[str, Path(pattern="^[0-9a-f-]{36}$", examples=["01932f5e-7b1a-7c3d-9e4f-5a6b7c8d9e0f"])]

Cursor = Annotated[
    str | None, Query(pattern="^[0-9a-f-]{36}$", description="`next_cursor` of the page before; none for the first.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]

# Who opens a result ten times in a row has read it once: a line for each would bury the others.
_READ_ONCE_S = 600.0


class Given(BaseModel):
    """What a request brings: no unknown field, and no text where a number belongs."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Told(BaseModel):
    """What an answer tells."""

    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[Item]):
    """Some of many, the newest first."""

    items: list[Item]
    next_cursor: str | None = Field(description="Ask with it for the next page; null on the last.")


def page_of(
    session: Session,
    rows: Select[Row],
    id_column: InstrumentedAttribute[str],
    cursor: str | None,
    limit: int,
    told: Callable[[Sequence[Row]], list[Item]],
) -> Page[Item]:
    """One page of a selection. Identifiers sort by the time of their making, so the last one is the cursor."""
    if cursor is not None:
        rows = rows.where(id_column < cursor)
    found: Sequence[Row] = session.scalars(rows.order_by(id_column.desc()).limit(limit + 1)).all()
    more = len(found) > limit
    found = found[:limit]
    return Page(items=told(found), next_cursor=found[-1].id if more else None)


def subject_of(session: Session, principal: Principal, subject_id: str) -> Subject:
    """A person of the principal's clinic.

    Raises:
        Problem: 404; of another clinic's person it says the same as of none.
    """
    return _own(session.get(Subject, subject_id), principal, "person")


def screening_of(session: Session, principal: Principal, screening_id: str) -> Screening:
    """A screening of the principal's clinic; raises as `subject_of` does."""
    return _own(session.get(Screening, screening_id), principal, "screening")


def _own(row: Row | None, principal: Principal, what: str) -> Row:
    if row is None or row.clinic_id != principal.clinic_id:
        raise Problem(404, f"There is no such {what}.", "It may have been deleted; list what there is.")
    return row


def tell_reading(service: Service, principal: Principal, kind: str, object_id: str, **detail: Any) -> None:
    """Add to the audit trail that somebody saw this; not again for what they saw a few minutes ago."""
    who = principal.user_id or principal.key_id or principal.kind
    key, at = (who, kind, object_id), time.monotonic()
    told = service.readings_told
    if at - told.get(key, -_READ_ONCE_S) < _READ_ONCE_S:
        return
    with service.database.changing() as session:
        note(session, principal, "saw", kind, object_id, **detail)
    if len(told) > 10_000:
        told.clear()
    told[key] = at
