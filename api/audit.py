"""The audit trail: who saw, changed, exported or deleted what. Lines are added, in the transaction they tell of."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session
from structlog.contextvars import get_contextvars

from api.access import Principal
from api.records.models import AuditLine

__all__ = ["record", "record_nobody"]


def record(
    session: Session, principal: Principal, action: str, kind: str, object_id: str | None = None, **detail: Any
) -> None:
    """Add a line; it is kept when the caller commits.

    Args:
        session: of the change itself, so that there is neither a change without its line nor the other way round.
        principal: who did it.
        action: `saw`, `created`, `changed`, `exported`, `deleted`, `signed_in` and so on.
        kind: of what: `subject`, `screening`, `user` and so on.
        object_id: which one.
        detail: what else must be known later; identifiers and numbers, never names or texts about a person.
    """
    session.add(
        AuditLine(
            clinic_id=principal.clinic_id,
            actor_kind=principal.kind,
            actor_id=principal.user_id or principal.key_id,
            action=action,
            object_kind=kind,
            object_id=object_id,
            detail=detail,
            request_id=get_contextvars().get("request_id"),
        )
    )


def record_nobody(
    session: Session, clinic_id: str, action: str, kind: str, object_id: str | None, **detail: Any
) -> None:
    """Add a line about somebody who is not signed in: a refused sign-in, a link taken up."""
    session.add(
        AuditLine(
            clinic_id=clinic_id,
            actor_kind="nobody",
            actor_id=None,
            action=action,
            object_kind=kind,
            object_id=object_id,
            detail=detail,
            request_id=get_contextvars().get("request_id"),
        )
    )
