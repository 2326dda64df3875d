"""Uploads: counted, hashed, bounded, resumed; whatever is wrong with one leaves nothing on the disk."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient

from api.app import create_app
from api.context import Service
from api.settings import Settings
from tests.api.conftest import BASE, in_thread
from tests.conftest import free_port

_CONTENT = bytes(range(256)) * 4096  # 1 MB
_SHA256 = hashlib.sha256(_CONTENT).hexdigest()


def _made(client: TestClient, **given: Any) -> str:
    """The id of a new screening."""
    answer = client.post("/v1/screenings", json={"consent": {"how": "on_screen"}} | given)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _files(settings: Settings) -> list[Path]:
    """Every file of an upload that lies on the disk."""
    folders = (settings.uploads, settings.data_dir / "files")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def test_an_upload_is_counted_hashed_stored_by_content_and_queued(client: TestClient, settings: Settings) -> None:
    screening_id = _made(client, name="squat.mp4", bytes=len(_CONTENT), sha256=_SHA256)
    answer = client.put(f"/v1/screenings/{screening_id}/video", content=_CONTENT)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert told["complete"]
    assert (told["screening"]["sha256"], told["screening"]["progress"]["state"]) == (_SHA256, "queued")
    assert [(path.name, path.read_bytes()) for path in _files(settings)] == [(_SHA256, _CONTENT)]


def test_an_upload_goes_on_where_it_was_cut(client: TestClient, settings: Settings) -> None:
    screening_id = _made(client)
    url, total = f"/v1/screenings/{screening_id}/video", len(_CONTENT)
    cut = 300_001
    first = client.put(url, content=_CONTENT[:cut], headers={"content-range": f"bytes 0-{cut - 1}/{total}"})
    assert (first.status_code, first.json()["received_bytes"], first.json()["complete"]) == (202, cut, False)
    assert client.get(url).json()["received_bytes"] == cut

    wrong = client.put(url, content=_CONTENT[5:], headers={"content-range": f"bytes 5-{total - 1}/{total}"})
    assert (wrong.status_code, wrong.headers["content-range"]) == (416, f"bytes */{cut}")
    assert str(cut) in wrong.json()["detail"]

    rest = client.put(url, content=_CONTENT[cut:], headers={"content-range": f"bytes {cut}-{total - 1}/{total}"})
    assert rest.json()["complete"]
    assert rest.json()["screening"]["sha256"] == _SHA256


def test_an_upload_may_begin_again(client: TestClient) -> None:
    url = f"/v1/screenings/{_made(client)}/video"
    client.put(url, content=b"x" * 1000, headers={"content-range": "bytes 0-999/5000"})
    assert client.put(url, content=_CONTENT).json()["screening"]["sha256"] == _SHA256


@pytest.mark.parametrize(
    ("declared", "sent", "says"),
    [
        ({"bytes": 5}, b"sixsix", "5 bytes were announced, 6 came"),
        ({"sha256": "0" * 64}, b"six", "SHA-256"),
        ({}, b"", "empty"),
    ],
)
def test_what_is_not_what_was_announced_is_refused_and_not_kept(
    client: TestClient, settings: Settings, declared: dict[str, Any], sent: bytes, says: str
) -> None:
    url = f"/v1/screenings/{_made(client, **declared)}/video"
    answer = client.put(url, content=sent)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert _files(settings) == []
    assert client.get(url).json() | {"screening": None} == {"received_bytes": 0, "complete": False, "screening": None}


@pytest.mark.parametrize(
    "given", ["bytes 5-4/10", "bytes 0-9/9", "bytes */10", "0-4/10", "bytes 0-9/20", "bytes 0-9/x"]
)
def test_a_content_range_that_makes_no_sense_is_refused(client: TestClient, given: str) -> None:
    answer = client.put(f"/v1/screenings/{_made(client)}/video", content=b"12345", headers={"content-range": given})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "header.content-range")


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
def test_too_large_a_file_is_refused_and_not_kept(settings: Settings, announced: bool) -> None:
    small = settings.model_copy(update={"max_upload_mb": 1})
    body = b"x" * (1024 * 1024 + 1)

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(body), 65536):
            yield body[at : at + 65536]

    with TestClient(create_app(small), base_url=BASE) as client:
        answer = client.put(f"/v1/screenings/{_made(client)}/video", content=body if announced else pieces())
    assert answer.status_code == 413
    assert "1 MB" in answer.json()["detail"]
    assert _files(small) == []


def test_without_consent_no_video_is_taken(client: TestClient, settings: Settings) -> None:
    refused = client.post("/v1/screenings", json={})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "body.consent")
    # Nor when it is withdrawn between the two requests.
    screening = client.post("/v1/screenings", json={"consent": {"how": "written"}}).json()
    consents = f"/v1/subjects/{screening['subject_id']}/consents"
    consent = client.get(consents).json()[0]
    assert client.post(f"{consents}/{consent['id']}:withdraw").json()["withdrawn_at"] is not None
    answer = client.put(f"/v1/screenings/{screening['id']}/video", content=_CONTENT)
    assert answer.status_code == 409
    assert _files(settings) == []


def test_the_same_idempotency_key_makes_one_screening(client: TestClient) -> None:
    body = {"name": "a.mp4", "consent": {"how": "on_screen"}}
    answers = [client.post("/v1/screenings", json=body, headers={"idempotency-key": "k-1"}) for _ in range(3)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = client.post("/v1/screenings", json=body | {"name": "b.mp4"}, headers={"idempotency-key": "k-1"})
    assert other.status_code == 422
    assert client.post("/v1/screenings", json=body, headers={"idempotency-key": "k-2"}).json()["id"] not in {
        answer.json()["id"] for answer in answers
    }


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "a/../../b.mp4", "con.mp4", "x" * 200, "☃.mp4"]
)
def test_a_name_is_only_ever_shown(client: TestClient, settings: Settings, name: str) -> None:
    screening_id = _made(client, name=name)
    client.put(f"/v1/screenings/{screening_id}/video", content=b"abc")
    assert client.get(f"/v1/screenings/{screening_id}").json()["name"] == name
    inside = settings.data_dir / "files" / "personal" / screening_id
    assert _files(settings) == [inside / hashlib.sha256(b"abc").hexdigest()]


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "a\nb", "x" * 201, 5, None])
def test_a_name_that_is_none_is_refused_by_its_field(client: TestClient, name: object) -> None:
    answer = client.post("/v1/screenings", json={"name": name})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.name")


@pytest.mark.parametrize("path", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "a" * 36, "01932f5e-7b1a-7c3d-9e4f-5a6b7c8d9e0f"])
def test_there_is_no_way_to_a_file_by_an_address(client: TestClient, path: str) -> None:
    for tail in ("", "/video", "/result", "/film", "/report/report.html", f"/report/{path}"):
        assert client.get(f"/v1/screenings/{path}{tail}").status_code in (404, 422)


def test_a_screening_takes_one_recording(client: TestClient) -> None:
    url = f"/v1/screenings/{_made(client)}/video"
    assert client.put(url, content=b"abc").status_code == 202
    assert client.put(url, content=b"abc").status_code == 409


# -- with a real connection, which can be cut ---------------------------------------------------------------------


@pytest.fixture
def listening(service: Service) -> Iterator[int]:
    """The port of a service behind uvicorn, as it is in use."""
    settings = service.settings.model_copy(update={"upload_idle_s": 1.0})
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=port, log_config=None, lifespan="on"))
    with in_thread(server.run):
        while not server.started:
            time.sleep(0.02)
        yield port
        server.should_exit = True


def _request(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()


def _new(port: int) -> str:
    body = json.dumps({"consent": {"how": "on_screen"}}).encode()
    status, answer = _request(port, "POST", "/v1/screenings", body, content_type="application/json")
    assert status == 201, answer
    return str(json.loads(answer)["id"])


def _begin(port: int, screening_id: str, announced: int, sent: bytes) -> socket.socket:
    """A PUT that announces so many bytes and sends those."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    lines = [
        f"PUT /v1/screenings/{screening_id}/video HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Content-Length: {announced}",
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + sent)
    return connection


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_cut_connection_is_resumed(service: Service, listening: int) -> None:
    screening_id = _new(listening)
    part = service.settings.uploads / screening_id
    with _begin(listening, screening_id, len(_CONTENT), _CONTENT[:700_000]):
        time.sleep(0.3)
    _until(lambda: part.exists() and part.stat().st_size == 700_000)
    rest = _CONTENT[700_000:]
    span = f"bytes 700000-{len(_CONTENT) - 1}/{len(_CONTENT)}"
    _until(lambda: _request(listening, "GET", f"/v1/screenings/{screening_id}/video")[0] == 200)
    status, answer = _request(listening, "PUT", f"/v1/screenings/{screening_id}/video", rest, content_range=span)
    assert (status, _SHA256 in answer.decode()) == (202, True)


def test_a_length_that_promises_too_much_ends_by_itself(service: Service, listening: int) -> None:
    screening_id = _new(listening)
    with _begin(listening, screening_id, 10 * len(_CONTENT), _CONTENT) as connection:
        answer = connection.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 408")
    # What came is kept for a while, and queued is nothing.
    assert (service.settings.uploads / screening_id).stat().st_size == len(_CONTENT)
    _, told = _request(listening, "GET", f"/v1/screenings/{screening_id}")
    assert b"awaiting_upload" in told
    # Its time over, nothing is left.
    service.sweeper._settings = service.settings.model_copy(update={"unfinished_hours": 1e-9})
    os.utime(service.settings.uploads / screening_id, (0, 0))
    service.sweeper.sweep()
    assert _files(service.settings) == []
    assert _request(listening, "GET", f"/v1/screenings/{screening_id}")[0] == 404


def test_a_length_that_promises_too_little_takes_no_more_than_it_said(service: Service, listening: int) -> None:
    screening_id = _new(listening)
    with _begin(listening, screening_id, 1000, _CONTENT) as connection:
        answer = connection.recv(65536).decode()
    assert answer.startswith(("HTTP/1.1 202", "HTTP/1.1 400"))
    assert [path.stat().st_size for path in _files(service.settings)] in ([1000], [])


def test_two_cannot_write_to_the_same_upload(service: Service, listening: int) -> None:
    screening_id = _new(listening)
    with _begin(listening, screening_id, len(_CONTENT), _CONTENT[:10]):
        _until(lambda: (service.settings.uploads / screening_id).exists())
        status, answer = _request(listening, "PUT", f"/v1/screenings/{screening_id}/video", _CONTENT)
    assert (status, b"Another request" in answer) == (409, True)
