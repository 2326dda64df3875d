"""Random tokens: given out once, kept as a hash, so that whoever reads the database can use none of them."""

from __future__ import annotations

import hmac
import secrets

from sqlalchemy.orm import Session

__all__ = ["KEY_PREFIX", "digest", "new_token"]

#: What an API key begins with, so that a scanner of source code knows one when it sees it.
KEY_PREFIX = "screener_"


def new_token() -> str:
    """256 random bits as text for a cookie, a header or a link."""
    return secrets.token_urlsafe(32)


def digest(session: Session, token: str) -> str:
    """What is kept of a token: a hash keyed with the service's secret.

    A fast hash will do: nobody guesses 256 random bits. The key is there so that who can write to the database
    cannot put in a token of their own, and so that a new secret ends every session, key and link at once.
    """
    return hmac.new(session.info["secret"].encode(), token.encode(), "sha256").hexdigest()
