"""The audit trail: one function that adds a line. Nothing changes or removes one, the database refuses it."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy.orm import Session
from structlog.contextvars import get_contextvars

from api.access import Principal
from api.records.models import AuditLine

__all__ = ["note"]


def note(
    session: Session,
    principal: Principal | None,
    action: str,
    object_kind: str,
    object_id: str | None = None,
    *,
    clinic_id: str | None = None,
    otherwise: Literal["service", "nobody"] = "service",
    **detail: Any,
) -> None:
    """Add a line to the audit trail; it is kept when the session's other changes are, and only then.

    Args:
        session: of the change that the line tells of.
        principal: who did it; None for the one that `otherwise` names, where `clinic_id` must be given.
        action: what was done, as a verb in the past: `created`, `read`, `changed`, `exported`, `deleted` ...
        object_kind, object_id: to what: `screening`, `subject` and so on, with its identifier.
        clinic_id: whose trail it is, where that is not the principal's.
        otherwise: the service itself (retention), or somebody who is not signed in (a refused sign-in).
        detail: further facts, never a name or another thing that tells who a person is.
    """
    owner = clinic_id or (principal.clinic_id if principal is not None else None)
    if owner is None:
        raise ValueError("a line of the audit trail belongs to a clinic")
    session.add(
        AuditLine(
            clinic_id=owner,
            actor_kind=principal.kind if principal is not None else otherwise,
            actor_id=(principal.user_id or principal.key_id) if principal is not None else None,
            action=action,
            object_kind=object_kind,
            object_id=object_id,
            detail=detail,
            request_id=get_contextvars().get("request_id"),
        )
    )
