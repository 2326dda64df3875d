"""A foreign Host or Origin is refused on HTTP and on WebSocket; every answer carries the security headers."""

from __future__ import annotations

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from api.access import CurrentPrincipal
from api.front_door import CSP, FrontDoor
from api.sign_in import SignIn

_OWN = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def client() -> TestClient:
    """A service behind the door: it says who asks, over HTTP and over WebSocket."""
    app = FastAPI()

    @app.get("/who")
    @app.post("/who")
    def who(principal: CurrentPrincipal) -> str:
        return principal.name

    @app.websocket("/live")
    async def live(socket: WebSocket, principal: CurrentPrincipal) -> None:
        await socket.accept()
        await socket.send_text(principal.name)
        await socket.close()

    app.add_middleware(SignIn, personal=True)
    app.add_middleware(FrontDoor, ["clinic.example"], ["https://records.example"])
    return TestClient(app, base_url=_OWN)


_FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
    "evil.example/127.0.0.1",
    "localhost.",
    "localhost:port",
    "",
    "0.0.0.0:8000",
]
_FOREIGN_ORIGINS = [
    "http://evil.example",
    "http://127.0.0.1:9000",
    "http://localhost:8000",  # the same machine under another name is another origin
    "https://127.0.0.1:8000.evil.example",
    "null",
    "file://",
    "http://127.0.0.1:8000@evil.example",
    "chrome-extension://127.0.0.1:8000",
    "",
]


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000", "clinic.example", "CLINIC.example:443"])
def test_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/who", headers={"host": host}).json() == "personal"


@pytest.mark.parametrize("host", _FOREIGN_HOSTS)
def test_a_rebound_name_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/who", headers={"host": host})
    assert (answer.status_code, answer.headers["content-type"]) == (421, "application/problem+json")
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/live", headers={"host": host}):
        pass
    assert closed.value.code == 1008


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("origin", _FOREIGN_ORIGINS)
def test_a_page_of_another_origin_is_refused(client: TestClient, origin: str, method: str) -> None:
    answer = client.request(method, "/who", headers={"origin": origin})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", _FOREIGN_ORIGINS)
def test_a_websocket_of_another_origin_is_refused(client: TestClient, origin: str) -> None:
    headers = {"origin": origin, "host": "127.0.0.1:8000"}
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/live", headers=headers):
        pass
    assert closed.value.code == 1008


@pytest.mark.parametrize("origin", [_OWN, "https://records.example", None])
def test_own_pages_and_programs_pass(client: TestClient, origin: str | None) -> None:
    headers = {"host": "127.0.0.1:8000"} | ({"origin": origin} if origin else {})
    assert client.post("/who", headers=headers).json() == "personal"
    with client.websocket_connect("/live", headers=headers) as socket:
        assert socket.receive_text() == "personal"


def test_two_hosts_or_two_origins_are_refused(client: TestClient) -> None:
    twice = client.get("/who", headers=[("host", "127.0.0.1:8000"), ("host", "127.0.0.1:8000")])
    assert twice.status_code == 421
    assert client.get("/who", headers=[("origin", _OWN), ("origin", "http://evil.example")]).status_code == 403


def test_a_picture_in_another_page_is_refused_and_a_link_from_it_is_not(client: TestClient) -> None:
    picture = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/who", headers=picture).status_code == 403
    assert client.get("/who", headers=link).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers"), [("/who", {}), ("/nowhere", {}), ("/who", {"host": "evil.example"})], ids=["200", "404", "421"]
)
def test_every_answer_carries_the_security_headers(client: TestClient, path: str, headers: dict[str, str]) -> None:
    given = client.get(path, headers=headers).headers
    assert given["content-security-policy"] == CSP
    assert "unsafe" not in CSP
    assert "http" not in CSP
    assert given["x-content-type-options"] == "nosniff"
    assert given["referrer-policy"] == "same-origin"
    assert given["cross-origin-resource-policy"] == "same-origin"
    assert given["cache-control"] == "no-store"
    assert "strict-transport-security" not in given


def test_browsers_are_told_to_stay_on_https_in_clinic_mode() -> None:
    app = FastAPI()
    app.add_middleware(FrontDoor, https=True)
    headers = TestClient(app, base_url=_OWN).get("/").headers
    assert headers["strict-transport-security"].startswith("max-age=31536000")
