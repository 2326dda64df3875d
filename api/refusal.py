"""Refusing a request before it reaches a route: a problem document on HTTP, a closed socket on WebSocket."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

__all__ = ["Refusal", "refuse"]

#: Status, title, and what is wrong with the mend.
Refusal = tuple[int, str, str]


async def refuse(
    scope: Scope, receive: Receive, send: Send, refusal: Refusal, further: Mapping[str, str] | None = None
) -> None:
    """Answer with the refusal. The rest of the request is not read, so the connection ends."""
    status, title, detail = refusal
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": title})
        return
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *((name.encode(), value.encode()) for name, value in (further or {}).items()),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
