"""Logs: a line an event, as JSON or as text. Identifiers and numbers, never names, addresses or what was typed."""

from __future__ import annotations

import logging
import sys
import time
from typing import Literal

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import REQUEST_SECONDS
from api.records.types import new_id

__all__ = ["RequestLog", "configure"]

_log = structlog.get_logger()

# Asked every few seconds by who watches the service.
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


def configure(log_format: Literal["json", "text"]) -> None:
    """Let this process write its log to standard error in that form."""
    last = structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


class RequestLog:
    """Gives every request an id, which its answer carries, and logs and counts it by its route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and tell of it when it is over."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, began, status = new_id(), time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - began
                # The route's pattern: the address itself could hold what somebody typed.
                route = str(getattr(scope.get("route"), "path", "none"))
                REQUEST_SECONDS.labels(scope["method"] if route != "none" else "-", route, status).observe(seconds)
                if route not in _QUIET:
                    _log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1e3, 1))
