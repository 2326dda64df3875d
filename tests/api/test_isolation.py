"""Nobody reaches another clinic's rows, files, events or films: every route × role × foreign identifier."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Connection, select

from api.access import PERMISSIONS_OF, Permission, Role
from api.app import create_app
from api.records.models import AuditLine, Base
from api.settings import Settings
from api.sign_in import OPEN
from tests.api.clinics import HTTPS, ROLES, Clinics, client_of, found_clinic, routes_of

_RESULT: dict[str, Any] = {
    "schema_version": "1.0",
    "trials": [],
    "comparisons": [],
    "findings": [],
    "warnings": [],
    "nothing_because": "Nobody could be found in the picture.",
    "scores_withheld_because": None,
    "plan": None,
    "view": None,
    "source": {},
}

_INTAKE = {"age_years": 30, "pain_now": 0, "running_km_per_week": 0.0, "recent_spike": False, "red_flags": []}

#: What a request must bring to get as far as the row that it asks for.
_BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/screenings"): {"name": "a.mp4", "subject_id": "{subject_id}"},
    ("POST", "/v1/screenings:from-landmarks"): {"name": "a.parquet", "subject_id": "{subject_id}"},
    ("PATCH", "/v1/subjects/{subject_id}"): {"name": "changed"},
    ("POST", "/v1/subjects/{subject_id}/consents"): {"how": "written"},
    ("POST", "/v1/screenings/{screening_id}/corrections"): {"change": {"kind": "set_side", "side": "left"}},
    ("PUT", "/v1/screenings/{screening_id}/intake"): {"intake": _INTAKE},
    ("PATCH", "/v1/users/{user_id}"): {"name": "changed"},
}

#: Questions behind the address that name rows too.
_QUERIES: dict[str, str] = {
    "/clinic/compare": "?one={screening_id}&other={waiting_id}",
    "/clinic/audit": "?object_id={subject_id}",
    "/v1/audit": "?object_id={subject_id}",
    "/v1/subjects": "?q=code",
    "/v1/screenings:from-landmarks": "?subject_id={subject_id}&name=a.parquet",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    data_dir = tmp_path_factory.mktemp("clinics")
    return create_app(Settings(mode="clinic", data_dir=data_dir, workers=0))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with client_of(app) as made:
        yield made


@pytest.fixture(scope="module")
def clinics(app: FastAPI, client: TestClient, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clinics, Clinics]:
    """Ours and theirs."""
    folder = tmp_path_factory.mktemp("files")
    service = app.state.service
    return found_clinic(service, "ours", _RESULT, folder), found_clinic(service, "theirs", _RESULT, folder)


@cache
def _routes() -> tuple[tuple[str, str], ...]:
    """The routes of a service in clinic mode, without starting one."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return tuple(routes_of(create_app(Settings(mode="clinic", data_dir=Path(folder), workers=0))))


def _filled(text: str, ids: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: ids[found[1]], text)


def _address(path: str, ids: dict[str, str]) -> str:
    return _filled(path, ids) + _filled(_QUERIES.get(path, ""), ids)


def _body(method: str, path: str, ids: dict[str, str]) -> dict[str, Any] | None:
    given = _BODIES.get((method, path))
    filled: dict[str, Any] | None = json.loads(_filled_json(json.dumps(given), ids)) if given is not None else None
    return filled


def _filled_json(text: str, ids: dict[str, str]) -> str:
    return re.sub(r'"\{(\w+)\}"', lambda found: f'"{ids[found[1]]}"', text)


def _everything(connection: Connection, clinic_id: str) -> dict[str, Any]:
    """Every row of a clinic, but its trail, and sessions, whose use is noted."""
    tables = [table for table in Base.metadata.sorted_tables if "clinic_id" in table.c and table.name != "audit_lines"]
    return {
        table.name: connection.execute(select(table).where(table.c.clinic_id == clinic_id).order_by("id")).all()
        for table in tables
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("method", "path"), _routes(), ids=lambda part: str(part))
def test_nobody_reaches_what_is_another_clinics(
    client: TestClient, app: FastAPI, clinics: tuple[Clinics, Clinics], method: str, path: str, role: str
) -> None:
    ours, theirs = clinics
    if method == "WEBSOCKET":
        pytest.fail(f"{path}: a socket in clinic mode needs a test of its own")
    named = set(re.findall(r"\{(\w+)", path))
    assert named <= theirs.ids.keys(), "a new parameter: give it a foreign identifier"
    with app.state.database.engine.connect() as connection:
        before = _everything(connection, theirs.id)
    answer = client.request(
        method, _address(path, theirs.ids), headers=ours.headers[role], json=_body(method, path, theirs.ids)
    )
    for secret in theirs.secrets:
        if secret not in theirs.ids.values():  # an address that was asked for may be said again
            assert secret not in answer.text
    assert answer.status_code < 500
    if named - {"name"}:
        allowed = {403, 404}
        if (method, path) in {("PUT", "/v1/screenings/{screening_id}/video"), ("DELETE", "/v1/sessions/{session_id}")}:
            allowed |= {409}
        assert answer.status_code in allowed, answer.text
    elif path in _QUERIES and path.startswith("/clinic/compare"):
        assert answer.status_code == 404
    with app.state.database.engine.connect() as connection:
        assert _everything(connection, theirs.id) == before


def test_lists_hold_our_own_rows_alone(client: TestClient, clinics: tuple[Clinics, Clinics]) -> None:
    """The test above would pass if lists were empty."""
    ours, _ = clinics
    for path in ("/v1/subjects", "/v1/screenings", "/v1/users", "/v1/keys", "/v1/clinic", "/clinic/"):
        assert ours.secrets[0] in client.get(path, headers=ours.headers["admin"]).text


def test_our_own_consent_does_not_open_a_foreign_person(client: TestClient, clinics: tuple[Clinics, Clinics]) -> None:
    """Of an address with two identifiers both are held against the clinic, and against each other."""
    ours, theirs = clinics
    for mixed in (
        theirs.ids | {"consent_id": ours.ids["consent_id"]},
        ours.ids | {"consent_id": theirs.ids["consent_id"]},
    ):
        path = _filled("/v1/subjects/{subject_id}/consents/{consent_id}:withdraw", mixed)
        assert client.post(path, headers=ours.headers["admin"]).status_code == 404
    for mixed in (
        theirs.ids | {"correction_id": ours.ids["correction_id"]},
        ours.ids | {"correction_id": theirs.ids["correction_id"]},
    ):
        path = _filled("/v1/screenings/{screening_id}/corrections/{correction_id}", mixed)
        assert client.delete(path, headers=ours.headers["admin"]).status_code == 404


def test_a_foreign_person_takes_no_recording_of_ours(client: TestClient, clinics: tuple[Clinics, Clinics]) -> None:
    ours, theirs = clinics
    body = {"name": "a.mp4", "subject_id": theirs.ids["subject_id"], "consent": {"how": "written"}}
    assert client.post("/v1/screenings", headers=ours.headers["admin"], json=body).status_code == 404
    upload = f"/v1/screenings/{theirs.ids['waiting_id']}/video"
    assert client.put(upload, headers=ours.headers["admin"], content=b"x").status_code == 404
    assert client.get(upload, headers=ours.headers["admin"]).status_code == 404


def test_what_is_refused_leaves_no_line_in_the_other_clinics_trail(
    app: FastAPI, client: TestClient, clinics: tuple[Clinics, Clinics]
) -> None:
    ours, theirs = clinics
    client.get(f"/v1/subjects/{theirs.ids['subject_id']}", headers=ours.headers["admin"])
    with app.state.database.sessions() as session:
        trail = session.scalars(select(AuditLine).where(AuditLine.clinic_id == theirs.id)).all()
        own = session.scalars(select(AuditLine).where(AuditLine.clinic_id == ours.id)).all()
    assert trail == []
    assert not any(theirs.ids["subject_id"] == line.object_id for line in own)


@pytest.mark.parametrize(("method", "path"), _routes(), ids=lambda part: str(part))
def test_nothing_answers_without_a_session_but_sign_in_and_health(
    client: TestClient, clinics: tuple[Clinics, Clinics], method: str, path: str
) -> None:
    ours, _ = clinics
    if (method, path) in OPEN:
        assert path in {
            "/healthz",
            "/readyz",
            "/clinic/sign-in",
            "/clinic/link",
            "/v1/sessions",
            "/v1/links:take-up",
        }
        return
    for headers in (
        {},
        {"cookie": "__Host-screener-session=guessed"},
        {"authorization": "Bearer screener_guessed"},
        {"authorization": "Basic YWRtaW46YWRtaW4="},
    ):
        answer = client.request(method, _address(path, ours.ids), headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        for secret in ours.secrets[:1]:
            assert secret not in answer.text


def test_every_open_address_is_a_route() -> None:
    """An entry that fits no route would open the next one that takes its place."""
    assert set(OPEN) <= set(_routes())


#: Changes that need no permission over records: one's own account.
_OWN_ACCOUNT = {
    ("POST", "/v1/sessions"),
    ("DELETE", "/v1/sessions/{session_id}"),
    ("PUT", "/v1/me/password"),
    ("POST", "/v1/links:take-up"),
}
#: A question with a body: it changes nothing.
_ASKS_ONLY = {("POST", "/v1/plans")}
_CHANGES = [each for each in _routes() if each[0] not in ("GET", "WEBSOCKET") and each not in _OWN_ACCOUNT | _ASKS_ONLY]


@pytest.mark.parametrize(("method", "path"), _CHANGES, ids=lambda part: str(part))
def test_who_may_read_only_changes_nothing(
    client: TestClient, app: FastAPI, clinics: tuple[Clinics, Clinics], method: str, path: str
) -> None:
    ours, _ = clinics
    body = _body(method, path, ours.ids)
    with app.state.database.engine.connect() as connection:
        before = _everything(connection, ours.id)
    answer = client.request(method, _address(path, ours.ids), headers=ours.headers["read_only"], json=body)
    assert answer.status_code == 403, answer.text
    with app.state.database.engine.connect() as connection:
        assert _everything(connection, ours.id) == before


@pytest.mark.parametrize("role", ["clinician", "read_only", "machine"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/users"),
        ("POST", "/v1/users"),
        ("PATCH", "/v1/users/{user_id}"),
        ("POST", "/v1/users/{user_id}/links"),
        ("DELETE", "/v1/users/{user_id}/sessions"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("DELETE", "/v1/keys/{key_id}"),
        ("GET", "/v1/audit"),
        ("PATCH", "/v1/clinic"),
        ("GET", "/clinic/audit"),
    ],
    ids=lambda part: str(part),
)
def test_accounts_keys_and_the_trail_are_the_admins_alone(
    client: TestClient, clinics: tuple[Clinics, Clinics], method: str, path: str, role: str
) -> None:
    ours, _ = clinics
    body = {"email": "new@x.example", "name": "n", "role": "admin", "scopes": ["read"]} if method == "POST" else {}
    answer = client.request(method, _filled(path, ours.ids), headers=ours.headers[role], json=body)
    assert answer.status_code in (403, 422), answer.text
    assert answer.status_code == 403 or "body" in answer.json()["errors"][0]["field"]


def test_a_change_with_the_cookie_alone_is_refused(client: TestClient, clinics: tuple[Clinics, Clinics]) -> None:
    ours, _ = clinics
    cookie = {"cookie": ours.headers["admin"]["cookie"]}
    for method, path in _CHANGES:
        for token in ({}, {"x-csrf-token": "guessed"}, {"x-csrf-token": ours.headers["clinician"]["x-csrf-token"]}):
            answer = client.request(method, _address(path, ours.ids), headers=cookie | token)
            assert answer.status_code == 403, f"{method} {path}"
            assert "x-csrf-token" in answer.json()["detail"]


def test_a_page_without_a_session_leads_to_sign_in_and_back(client: TestClient) -> None:
    answer = client.get("/clinic/settings", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/clinic/sign-in?next=/clinic/settings")
    for elsewhere in (
        "//evil.example",
        "https://evil.example",
        "/clinic//evil.example",
        "/clinic\\evil",
        "javascript:x",
    ):
        page = client.get("/clinic/sign-in", params={"next": elsewhere}, headers={"accept": "text/html"})
        assert 'data-then="/clinic/"' in page.text


def test_machines_may_what_their_scopes_say(client: TestClient, app: FastAPI, clinics: tuple[Clinics, Clinics]) -> None:
    ours, _ = clinics
    made = client.post("/v1/keys", headers=ours.headers["admin"], json={"name": "reader", "scopes": ["read"]}).json()
    bearer = {"authorization": f"Bearer {made['key']}"}
    person = f"/v1/subjects/{ours.ids['subject_id']}"
    assert client.get(person, headers=bearer).status_code == 200
    assert client.patch(person, headers=bearer, json={"name": "x"}).status_code == 403
    assert client.get(f"{person}/export", headers=bearer).status_code == 403
    assert client.delete(person, headers=bearer).status_code == 403
    assert client.delete(f"/v1/keys/{made['id']}", headers=ours.headers["admin"]).status_code == 204
    assert client.get(person, headers=bearer).status_code == 401


def test_no_role_has_more_than_it_should() -> None:
    assert PERMISSIONS_OF[Role.MACHINE] == frozenset()
    assert PERMISSIONS_OF[Role.READ_ONLY] == {Permission.READ}
    assert Permission.ADMINISTER not in PERMISSIONS_OF[Role.CLINICIAN]


def test_personal_mode_has_no_accounts(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path, workers=0))
    with TestClient(app, base_url=HTTPS) as client:
        for path in ("/v1/users", "/v1/keys", "/v1/sessions"):
            assert client.get(path).status_code == 403
        assert client.get("/clinic/").status_code == 200
        assert "Sign out" not in client.get("/clinic/").text
