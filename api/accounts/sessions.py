"""Sessions of people who signed in: opaque, kept in the database, ended by time, by hand or by an admin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from api.access import PERMISSIONS_OF, Principal, Role
from api.accounts.tokens import digest, new_token
from api.records.models import User, UserSession
from api.records.types import now

__all__ = [
    "COOKIE",
    "IDLE",
    "LONGEST",
    "NewSession",
    "end_session_row",
    "open_session",
    "principal_of_cookie",
    "revoke_sessions",
]

#: `__Host-`: a browser takes it over HTTPS only, for this host alone, and no other host can set it.
COOKIE = "__Host-screener-session"

#: A working day with its breaks: then the password is asked for again.
IDLE, LONGEST = timedelta(hours=1), timedelta(hours=12)

# How exactly `seen_at` is kept: not every request needs to write.
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewSession:
    """The cookie's token, which goes to the browser and is kept nowhere, and who holds it."""

    token: str
    principal: Principal


def open_session(session: Session, user: User, user_agent: str) -> NewSession:
    """A new session of a user. The caller commits."""
    token, at = new_token(), now()
    row = UserSession(
        user_id=user.id,
        token_sha256=digest(session, token),
        csrf_token=new_token(),
        user_agent=user_agent[:300],
        expires_at=at + LONGEST,
    )
    session.add(row)
    user.last_sign_in_at = at
    session.flush()
    return NewSession(token, _principal(user, row))


def principal_of_cookie(session: Session, token: str) -> Principal | None:
    """Who holds this cookie; None where the session is unknown, over, idle too long, or of a closed account.

    Commits: reading and writing are transactions of their own, since SQLite refuses a write after a read that
    another writer has overtaken.
    """
    at = now()
    found = session.execute(
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.token_sha256 == digest(session, token),
            UserSession.revoked_at.is_(None),
            UserSession.expires_at > at,
            UserSession.seen_at > at - IDLE,
            User.active.is_(True),
        )
    ).one_or_none()
    if found is None:
        return None
    row, user = found
    if row.seen_at < at - _SEEN_EVERY:
        session.commit()
        session.execute(update(UserSession).where(UserSession.id == row.id).values(seen_at=at))
        session.commit()
    return _principal(user, row)


def _principal(user: User, row: UserSession) -> Principal:
    role = Role(user.role)
    return Principal(
        kind="user",
        clinic_id=user.clinic_id,
        role=role,
        permissions=PERMISSIONS_OF[role],
        user_id=user.id,
        session_id=row.id,
        name=user.name,
        csrf_token=row.csrf_token,
    )


def revoke_sessions(session: Session, user_id: str, *, but: str | None = None, at: datetime | None = None) -> int:
    """End every session of a user, but one; how many ended. The caller commits."""
    ended = session.execute(
        update(UserSession)
        .where(UserSession.user_id == user_id, UserSession.revoked_at.is_(None), UserSession.id != (but or ""))
        .values(revoked_at=at or now())
        .returning(UserSession.id)
    )
    return len(ended.all())


def end_session_row(session: Session, session_id: str) -> None:
    """End one session. The caller commits."""
    session.execute(update(UserSession).where(UserSession.id == session_id).values(revoked_at=now()))
