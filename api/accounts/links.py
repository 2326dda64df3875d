"""One-time links: an admin makes one, and whoever holds it sets the password of one account, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from api.accounts.tokens import digest, new_token
from api.records.models import Invitation, User
from api.records.types import now

__all__ = ["LASTS", "link_path", "new_link", "take_up"]

LinkKind = Literal["invitation", "reset"]

#: An invitation may wait over a weekend; a reset is wanted now.
LASTS: dict[LinkKind, timedelta] = {"invitation": timedelta(days=3), "reset": timedelta(hours=4)}


def link_path(token: str) -> str:
    """The link, without the host. The token stands behind `#`, which browsers send to nobody and no log holds."""
    return f"/clinic/link#{token}"


def new_link(session: Session, user: User, kind: LinkKind, created_by: str | None) -> str:
    """A link's token for a user; links given out to them before no longer work. The caller commits."""
    at, token = now(), new_token()
    session.execute(
        update(Invitation).where(Invitation.user_id == user.id, Invitation.used_at.is_(None)).values(expires_at=at)
    )
    session.add(
        Invitation(
            user_id=user.id,
            created_by=created_by,
            kind=kind,
            token_sha256=digest(session, token),
            expires_at=at + LASTS[kind],
        )
    )
    return token


def take_up(session: Session, token: str) -> tuple[Invitation, User] | None:
    """The open link with this token and its user; None where it is unknown, used or too old.

    On PostgreSQL the row is locked, so that of two who come at once one finds it used.
    """
    found = session.execute(
        select(Invitation, User)
        .join(User, User.id == Invitation.user_id)
        .where(
            Invitation.token_sha256 == digest(session, token),
            Invitation.used_at.is_(None),
            Invitation.expires_at > now(),
            User.active.is_(True),
        )
        .with_for_update(of=Invitation)
    ).one_or_none()
    return None if found is None else (found[0], found[1])
