"""Random tokens: given out once, kept as a hash, so that whoever reads the database can use none of them."""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["KEY_PREFIX", "digest", "new_token"]

#: What an API key begins with, so that a scanner of source code knows one when it sees it.
KEY_PREFIX = "screener_"


def new_token() -> str:
    """256 random bits as text for a cookie, a header or a link."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token. A plain hash will do: nobody guesses 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()
