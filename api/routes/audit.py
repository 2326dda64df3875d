"""The audit trail of a clinic: read by its admins, changed by nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy import select

from api.access import Administrator
from api.records.database import DbSession
from api.records.models import AuditLine
from api.routes.forms import Cursor, Limit, Page, Told, page_of

__all__ = ["router"]

_PLAIN = r"^[^\x00]*$"

router = APIRouter(prefix="/v1", tags=["audit"])


class AuditLineTold(Told):
    """Who did what to what, and when. Identifiers only: a deleted person leaves no name here."""

    id: str
    at: datetime
    actor_kind: str = Field(description="`user`, `machine`, `personal`, `service`, or `nobody` before sign-in.")
    actor_id: str | None
    action: str
    object_kind: str
    object_id: str | None
    detail: dict[str, Any]
    request_id: str | None


@router.get("/audit")
def read_audit(
    principal: Administrator,
    db: DbSession,
    object_id: Annotated[
        str | None, Query(max_length=200, pattern=_PLAIN, description="Of one person, screening, account ...")
    ] = None,
    actor_id: Annotated[
        str | None, Query(max_length=36, pattern=_PLAIN, description="What one account or key did.")
    ] = None,
    action: Annotated[str | None, Query(max_length=50, pattern=_PLAIN, examples=["exported"])] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[AuditLineTold]:
    """The clinic's audit trail, the newest line first."""
    lines = select(AuditLine).where(AuditLine.clinic_id == principal.clinic_id)
    for column, value in (
        (AuditLine.object_id, object_id),
        (AuditLine.actor_id, actor_id),
        (AuditLine.action, action),
    ):
        if value is not None:
            lines = lines.where(column == value)
    return page_of(
        db, lines, AuditLine.id, cursor, limit, lambda found: [AuditLineTold.model_validate(line) for line in found]
    )
