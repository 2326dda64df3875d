"""API keys of machines: what each may do, since when it may no longer."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from api.access import Permission, Principal, Role
from api.accounts.tokens import KEY_PREFIX, digest, new_token
from api.records.models import ApiKey
from api.records.types import now

__all__ = ["SCOPES", "new_key", "principal_of_key"]

#: What a key may be given: everything but the administration of accounts.
SCOPES = frozenset(Permission) - {Permission.ADMINISTER}

_USED_EVERY = timedelta(minutes=1)


def new_key(
    session: Session, principal: Principal, name: str, scopes: frozenset[Permission], expires_at: datetime | None
) -> tuple[ApiKey, str]:
    """A new key of the principal's clinic: its row, and the key itself, which nobody can see again."""
    key = KEY_PREFIX + new_token()
    row = ApiKey(
        clinic_id=principal.clinic_id,
        created_by=principal.user_id,
        name=name,
        prefix=key[:16],
        key_sha256=digest(session, key),
        scopes=sorted(scopes & SCOPES),
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row, key


def principal_of_key(session: Session, key: str) -> Principal | None:
    """The machine that holds this key; None where it is unknown, over or withdrawn. Commits."""
    at = now()
    row = session.execute(
        select(ApiKey).where(
            ApiKey.key_sha256 == digest(session, key),
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at),
        )
    ).scalar_one_or_none()
    if row is None:
        return None
    if row.used_at is None or row.used_at < at - _USED_EVERY:
        session.commit()
        session.execute(update(ApiKey).where(ApiKey.id == row.id).values(used_at=at))
        session.commit()
    return Principal(
        kind="machine",
        clinic_id=row.clinic_id,
        role=Role.MACHINE,
        permissions=frozenset(Permission(scope) for scope in row.scopes) & SCOPES,
        key_id=row.id,
        name=row.name,
    )
