"""Middleware that finds out who asks, before any route: without a session or key only what is listed here is open."""

from __future__ import annotations

import hmac
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from api.access import PERSONAL, Principal
from api.accounts.keys import principal_of_key
from api.accounts.sessions import COOKIE, principal_of_cookie
from api.problems import DATABASE_AWAY
from api.records.database import Database
from api.records.types import AWAY
from api.refusal import Refusal, refuse

__all__ = ["CSRF_HEADER", "OPEN", "SIGN_IN_PAGE", "SignIn"]

CSRF_HEADER = "x-csrf-token"
SIGN_IN_PAGE = "/clinic/sign-in"

#: What answers without a session in clinic mode: health, signing in, taking up a link, and files of the pages.
OPEN: frozenset[tuple[str, str]] = frozenset(
    {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", SIGN_IN_PAGE),
        ("GET", "/clinic/link"),
        ("POST", "/v1/sessions"),
        ("POST", "/v1/links:take-up"),
    }
)
_OPEN_FOLDERS = ("/static/", "/clinic/static/")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class SignIn:
    """Puts the principal into the connection's state, or refuses.

    Args:
        app: what stands behind.
        personal: there are no accounts; whoever reaches loopback is the one person.
    """

    def __init__(self, app: ASGIApp, *, personal: bool) -> None:
        self._app = app
        self._personal = personal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its principal, or answer 401 or 403."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        refusal: Refusal | None = None
        try:
            principal = PERSONAL if self._personal else await to_thread.run_sync(_find, connection)
        except AWAY:
            wait_s, message, what_to_do = DATABASE_AWAY
            refusal = 503, "Service Unavailable", f"{message} {what_to_do}"
            await refuse(scope, receive, send, refusal, {"retry-after": str(wait_s)})
            return
        scope.setdefault("state", {})["principal"] = principal
        if principal is not None:
            # For the request's line in the log: who, by identifier.
            bind_contextvars(actor=principal.user_id or principal.key_id or principal.kind)
        if principal is None and not _is_open(scope):
            refusal = 401, "Not signed in", "Sign in first, or send an API key: Authorization: Bearer KEY."
        elif principal is not None and _is_forged(connection, principal):
            refusal = (
                403,
                "Not from our pages",
                f"A change by a signed-in person must carry the header {CSRF_HEADER}. Load the page again.",
            )
        if refusal is None:
            await self._app(scope, receive, send)
        elif refusal[0] == 401 and _is_page(connection):
            await _redirect(send, connection)
        else:
            await refuse(scope, receive, send, refusal)


def _find(connection: HTTPConnection) -> Principal | None:
    """The holder of the request's key or cookie. A key that does not hold is not made good by a cookie."""
    database: Database = connection.app.state.database
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    cookie = connection.cookies.get(COOKIE)
    if not scheme and not cookie:
        return None
    with database.sessions() as session:
        if scheme:
            return principal_of_key(session, key.strip()) if scheme.lower() == "bearer" else None
        return principal_of_cookie(session, cookie or "")


def _is_open(scope: Scope) -> bool:
    method = scope.get("method", "WEBSOCKET")
    path = scope["path"]
    return ("GET" if method == "HEAD" else method, path) in OPEN or (
        method in ("GET", "HEAD") and path.startswith(_OPEN_FOLDERS)
    )


def _is_forged(connection: HTTPConnection, principal: Principal) -> bool:
    """A change that came with the cookie of a browser, but without what only our own pages know."""
    if principal.kind != "user" or connection.scope.get("method", "GET") in _SAFE:
        return False
    given = connection.headers.get(CSRF_HEADER, "")
    return not hmac.compare_digest(given.encode(), (principal.csrf_token or "").encode())


def _is_page(connection: HTTPConnection) -> bool:
    return connection.scope.get("method") == "GET" and "text/html" in connection.headers.get("accept", "")


async def _redirect(send: Send, connection: HTTPConnection) -> None:
    """To the sign-in page, which comes back here; only the path is kept, so that it cannot lead elsewhere."""
    target = f"{SIGN_IN_PAGE}?next={quote(connection.scope['path'])}"
    await send(
        {"type": "http.response.start", "status": 303, "headers": [(b"location", target.encode("ascii"))]},
    )
    await send({"type": "http.response.body", "body": b""})
