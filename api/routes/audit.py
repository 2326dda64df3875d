"""The audit trail of a clinic: read by its admins, changed by nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from api.access import Administrator
from api.records.database import DbSession
from api.records.models import AuditLine

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["audit"])


class AuditLineTold(BaseModel):
    """Who did what to what, and when. Identifiers only: a deleted person leaves no name here."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    at: datetime
    actor_kind: str = Field(description="`user`, `machine`, `personal`, `service`, or `nobody` before sign-in.")
    actor_id: str | None
    action: str
    object_kind: str
    object_id: str | None
    detail: dict[str, Any]
    request_id: str | None


class AuditPage(BaseModel):
    """Lines, the newest first."""

    items: list[AuditLineTold]
    next_cursor: str | None = Field(description="Send it as `cursor` for the page before; None at the beginning.")


@router.get("/audit")
def read_audit(
    principal: Administrator,
    db: DbSession,
    object_id: Annotated[str | None, Query(max_length=200, description="Of one person, screening, account ...")] = None,
    actor_id: Annotated[str | None, Query(max_length=36, description="What one account or key did.")] = None,
    action: Annotated[str | None, Query(max_length=50, examples=["exported"])] = None,
    cursor: Annotated[str | None, Query(max_length=36)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AuditPage:
    """The clinic's audit trail, the newest line first."""
    lines = select(AuditLine).where(AuditLine.clinic_id == principal.clinic_id)
    for column, value in (
        (AuditLine.object_id, object_id),
        (AuditLine.actor_id, actor_id),
        (AuditLine.action, action),
    ):
        if value is not None:
            lines = lines.where(column == value)
    if cursor is not None:
        lines = lines.where(AuditLine.id < cursor)
    rows = db.scalars(lines.order_by(AuditLine.id.desc()).limit(limit + 1)).all()
    more = len(rows) > limit
    return AuditPage(
        items=[AuditLineTold.model_validate(row) for row in rows[:limit]],
        next_cursor=rows[limit - 1].id if more else None,
    )
