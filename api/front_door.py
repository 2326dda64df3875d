"""What every request passes first: its Host and Origin are our own, and every answer carries the security headers."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.refusal import Refusal, refuse

__all__ = ["CSP", "DOCUMENT_CSP", "LOOPBACK_HOSTS", "FrontDoor"]

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

#: Pages load scripts, styles and fonts from here alone, nothing inline; pictures may be made in the page itself.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)

#: For a document that stands alone (a report's page): inline styles and pictures, no script, an origin of its own.
DOCUMENT_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox"
)

# `same-origin` and not `no-referrer`: the latter makes browsers send "Origin: null" with a form of our own.
_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    # What a person's page shows must not stay in a browser's or proxy's store.
    "cache-control": "no-store",
}
_HSTS = "max-age=31536000; includeSubDomains"


class FrontDoor:
    """Refuses a foreign Host (a rebound name) and a foreign Origin (another page), on HTTP and on WebSocket alike.

    A page of another host can send requests to a server on this machine, loopback or not, and a browser opens a
    WebSocket across origins without asking anybody; so both are told apart here, before any route.

    Args:
        app: what stands behind the door.
        hosts: the names under which this server answers, besides loopback.
        origins: whose pages may call besides our own, such as `https://screener.example.org`.
        https: tell browsers to come by HTTPS only (clinic mode, with TLS by the proxy in front).
    """

    def __init__(
        self, app: ASGIApp, hosts: Iterable[str] = (), origins: Iterable[str] = (), *, https: bool = False
    ) -> None:
        self._app = app
        self._hosts = LOOPBACK_HOSTS | {host.lower() for host in hosts}
        self._origins = frozenset(origin.lower() for origin in origins)
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        wrong = self._wrong(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self._https:
                    headers["strict-transport-security"] = _HSTS
            await send(message)

        if wrong is None:
            await self._app(scope, receive, send_with_headers)
        else:
            await refuse(scope, receive, send_with_headers, wrong)

    def _wrong(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _hostname(hosts[0]) not in self._hosts:
            return 421, "Unknown host", "This server does not answer under that name. Use the address it was given."
        origins = headers.getlist("origin")
        if len(origins) == 1 and origins[0].lower() in self._origins:
            return None
        if origins and not (len(origins) == 1 and _same_place(origins[0], hosts[0])):
            return 403, "Foreign origin", "The request came from a page of another site. Use this server's own pages."
        # An <img> or <video> of another page has no Origin, but browsers say where it stands.
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return 403, "Foreign origin", "The request came from a page of another site. Use this server's own pages."
        return None


def _hostname(host: str) -> str | None:
    """The name in a Host header, without its port; None where it is not one."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises where the port is no number
    except ValueError:
        return None
    clean = parts.netloc == host and "@" not in host and not (parts.path or parts.query or parts.fragment)
    return parts.hostname if clean else None


def _same_place(origin: str, host: str) -> bool:
    """An Origin names the very host and port that the request was sent to."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
