"""Middleware that finds out who asks, before any route; without an answer nothing is open but what is listed here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access import PERSONAL, Principal

__all__ = ["SignIn", "nobody_else"]

#: Finds the principal of a connection; None where there is no valid session or key.
Resolve = Callable[[HTTPConnection], Awaitable[Principal | None]]


async def nobody_else(_: HTTPConnection) -> Principal:
    """Personal mode: whoever reaches loopback is the one person."""
    return PERSONAL


class SignIn:
    """Puts the principal into the connection's state."""

    def __init__(self, app: ASGIApp, resolve: Resolve = nobody_else) -> None:
        self._app = app
        self._resolve = resolve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its principal."""
        if scope["type"] in ("http", "websocket"):
            scope.setdefault("state", {})["principal"] = await self._resolve(HTTPConnection(scope))
        await self._app(scope, receive, send)
