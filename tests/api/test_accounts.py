"""Signing in and out, one-time links, sessions that end, limits on tries, and the audit trail of all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr
from sqlalchemy import select, update

from api.accounts import passwords
from api.accounts.first_admin import base_url, make_admin
from api.accounts.limits import SignInLimits, TooManyTries
from api.accounts.passwords import hash_password, verify_password, why_too_weak
from api.accounts.sessions import COOKIE, IDLE
from api.app import create_app
from api.records.models import ApiKey, AuditLine, Clinic, Invitation, User, UserSession
from api.records.types import now
from api.settings import Settings
from screener.errors import WrongUse
from tests.api.clinics import HTTPS

_PASSWORD = "violet harbour kettle mosaic"
_OTHER = "seven quiet lanterns ahead"


@pytest.fixture(scope="module", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """The same algorithm at the lowest cost: dozens of hashes are made here. One test looks at the shipped costs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64),)))
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("accounts")
    return Settings(mode="clinic", data_dir=folder, workers=0, port=8000).prepared()


@pytest.fixture(scope="module")
def service(settings: Settings) -> FastAPI:
    """One service for all of these tests: each has a clinic of its own."""
    app = create_app(settings)
    app.state.database.prepare()
    return app


@pytest.fixture
def app(service: FastAPI) -> FastAPI:
    """The service, as if nobody had tried to sign in yet."""
    service.state.sign_in_limits = SignInLimits()
    return service


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=HTTPS)


@pytest.fixture
def clinic() -> str:
    """The name of a clinic of this test alone."""
    return f"north-{next(_NUMBERS)}"


@pytest.fixture
def admin(settings: Settings, client: TestClient, clinic: str) -> str:
    """An admin's address; the account is open, and nobody is signed in."""
    _take_up(client, make_admin(settings, f"Ada@{clinic}.Example", "Ada", clinic), _PASSWORD)
    return f"ada@{clinic}.example"


_NUMBERS = count(1)


def _take_up(client: TestClient, link: str, password: str) -> Response:
    answer: Response = client.post("/v1/links:take-up", json={"token": link.partition("#")[2], "password": password})
    return answer


def _sign_in(client: TestClient, email: str, password: str = _PASSWORD) -> Response:
    answer: Response = client.post("/v1/sessions", json={"email": email, "password": password})
    if answer.status_code == 201:
        client.headers["x-csrf-token"] = answer.json()["csrf_token"]
    return answer


def _trail(app: FastAPI, clinic_id: str) -> list[tuple[str, str, str]]:
    with app.state.database.sessions() as session:
        rows = session.scalars(select(AuditLine).where(AuditLine.clinic_id == clinic_id).order_by(AuditLine.id))
        return [(row.actor_kind, row.action, row.object_kind) for row in rows]


def test_the_first_admin_is_made_by_a_command_and_chooses_a_password(
    settings: Settings, client: TestClient, app: FastAPI, clinic: str
) -> None:
    link = make_admin(settings, f"Ada@{clinic}.Example", "Ada", clinic)
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/clinic/link#[\w-]{43}", link)
    assert _take_up(client, link, _PASSWORD).json() == {"email": f"ada@{clinic}.example"}
    assert _take_up(client, link, _OTHER).status_code == 404
    told = _sign_in(client, f" ADA@{clinic}.example ").json()
    assert (told["kind"], told["name"], told["role"]) == ("user", "Ada", "admin")
    assert _trail(app, told["clinic_id"]) == [
        ("service", "created", "clinic"),
        ("service", "made", "admin"),
        ("nobody", "took_up", "invitation"),
        ("user", "signed_in", "session"),
    ]


def test_the_command_helps_who_is_locked_out_and_keeps_clinics_apart(
    settings: Settings, admin: str, clinic: str
) -> None:
    assert "#" in make_admin(settings, admin, None, clinic)
    with pytest.raises(WrongUse):
        make_admin(settings, admin, None, "South")
    with pytest.raises(WrongUse):
        make_admin(settings, "nobody", None, clinic)


def test_links_name_the_host_that_people_reach(settings: Settings) -> None:
    behind = settings.model_copy(update={"allowed_hosts": ("screener.example.org",)})
    assert base_url(behind) == "https://screener.example.org"


def test_the_cookie_is_for_this_host_https_and_no_script(client: TestClient, admin: str) -> None:
    cookie = _sign_in(client, admin).headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for part in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie


def test_nothing_kept_can_be_used_to_sign_in(
    client: TestClient, app: FastAPI, admin: str, settings: Settings, clinic: str
) -> None:
    _sign_in(client, admin)
    token = client.cookies[COOKIE]
    key = client.post("/v1/keys", json={"name": "k", "scopes": ["read"]}).json()["key"]
    link = make_admin(settings, admin, None, clinic).partition("#")[2]
    kept: list[Any] = []
    with app.state.database.sessions() as session:
        for table in (User, UserSession, ApiKey, Invitation):
            kept += [str(vars(row)) for row in session.scalars(select(table))]
    for secret in (token, key, link, _PASSWORD):
        assert not any(secret in row for row in kept)
    assert any("$argon2id$" in row for row in kept)


@pytest.mark.parametrize(("known", "password"), [(True, _OTHER), (False, _PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(
    client: TestClient, admin: str, known: bool, password: str
) -> None:
    answer = _sign_in(client, admin if known else f"no-{admin}", password)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "The address or the password is wrong, or the account is closed. Try again."
    assert "set-cookie" not in answer.headers


def test_signing_out_ends_the_session_and_not_only_the_cookie(client: TestClient, admin: str) -> None:
    _sign_in(client, admin)
    token = client.cookies[COOKIE]
    answer = client.delete("/v1/sessions/current")
    assert answer.status_code == 204
    assert "storage" in answer.headers["clear-site-data"]
    assert client.get("/v1/me", headers={"cookie": f"{COOKIE}={token}"}).status_code == 401


@pytest.mark.parametrize(
    "over",
    [
        {"revoked_at": now()},
        {"expires_at": now() - timedelta(seconds=1)},
        {"seen_at": now() - IDLE - timedelta(seconds=1)},
    ],
    ids=["revoked", "expired", "idle"],
)
def test_a_session_that_is_over_opens_nothing(
    client: TestClient, app: FastAPI, admin: str, over: dict[str, Any]
) -> None:
    _sign_in(client, admin)
    assert client.get("/v1/me").status_code == 200
    with app.state.database.changing() as session:
        session.execute(update(UserSession).values(**over))
    assert client.get("/v1/me").status_code == 401


def test_use_keeps_a_session_from_idling(client: TestClient, app: FastAPI, admin: str) -> None:
    _sign_in(client, admin)
    with app.state.database.changing() as session:
        session.execute(update(UserSession).values(seen_at=now() - IDLE + timedelta(minutes=5)))
    assert client.get("/v1/me").status_code == 200
    with app.state.database.sessions() as session:
        latest = select(UserSession.seen_at).order_by(UserSession.id.desc()).limit(1)
        assert session.scalars(latest).one() > now() - timedelta(minutes=1)


def test_a_session_ended_elsewhere_is_over_at_once(app: FastAPI, client: TestClient, admin: str) -> None:
    _sign_in(client, admin)
    there, here = TestClient(app, base_url=HTTPS), client
    _sign_in(there, admin)
    listed = here.get("/v1/sessions").json()
    other = next(each["id"] for each in listed if not each["current"])
    assert here.delete(f"/v1/sessions/{other}").status_code == 204
    assert there.get("/v1/me").status_code == 401
    assert here.get("/v1/me").status_code == 200


def test_signing_in_again_ends_the_session_before(client: TestClient, admin: str) -> None:
    _sign_in(client, admin)
    before = client.cookies[COOKIE]
    _sign_in(client, admin)
    assert client.cookies[COOKIE] != before
    client.cookies.clear()
    assert client.get("/v1/me", headers={"cookie": f"{COOKIE}={before}"}).status_code == 401


def test_people_are_invited_changed_and_closed(app: FastAPI, client: TestClient, admin: str) -> None:
    bo_email = f"bo-{admin}"
    _sign_in(client, admin)
    made = client.post("/v1/users", json={"email": bo_email, "name": "Bo", "role": "read_only"}).json()
    bo = TestClient(app, base_url=HTTPS)
    assert _sign_in(bo, bo_email).status_code == 401  # not before the link was taken up
    assert _take_up(bo, made["link"], _OTHER).status_code == 200
    assert _sign_in(bo, bo_email, _OTHER).json()["permissions"] == ["read"]
    changed = client.patch(f"/v1/users/{made['user']['id']}", json={"role": "clinician"})
    assert changed.json()["role"] == "clinician"
    assert bo.get("/v1/me").status_code == 401  # with new rights one signs in anew
    assert "erase" in _sign_in(bo, bo_email, _OTHER).json()["permissions"]
    client.patch(f"/v1/users/{made['user']['id']}", json={"active": False})
    assert bo.get("/v1/me").status_code == 401
    assert _sign_in(bo, bo_email, _OTHER).status_code == 401
    again = client.post("/v1/users", json={"email": bo_email.upper(), "name": "Bo", "role": "admin"})
    assert (again.status_code, again.json()["errors"][0]["field"]) == (409, "body.email")


def test_a_reset_by_an_admin_ends_sessions_and_earlier_links(app: FastAPI, client: TestClient, admin: str) -> None:
    bo_email = f"bo-{admin}"
    _sign_in(client, admin)
    made = client.post("/v1/users", json={"email": bo_email, "name": "Bo", "role": "clinician"}).json()
    bo = TestClient(app, base_url=HTTPS)
    _take_up(bo, made["link"], _PASSWORD)
    _sign_in(bo, bo_email)
    links = [client.post(f"/v1/users/{made['user']['id']}/links").json()["link"] for _ in range(2)]
    assert bo.get("/v1/me").status_code == 200
    assert _take_up(bo, links[0], _OTHER).status_code == 404
    assert _take_up(bo, links[1], _OTHER).status_code == 200
    assert bo.get("/v1/me").status_code == 401
    assert _sign_in(bo, bo_email).status_code == 401
    assert _sign_in(bo, bo_email, _OTHER).status_code == 201


def test_another_secret_ends_every_session_key_and_link(
    client: TestClient, settings: Settings, admin: str, clinic: str
) -> None:
    _sign_in(client, admin)
    key = client.post("/v1/keys", json={"name": "k", "scopes": ["read"]}).json()["key"]
    link = make_admin(settings, admin, None, clinic)
    changed = create_app(settings.model_copy(update={"secret": SecretStr("another secret, of 32 characters")}))
    there = TestClient(changed, base_url=HTTPS)
    assert there.get("/v1/me", headers={"cookie": f"{COOKIE}={client.cookies[COOKIE]}"}).status_code == 401
    assert there.get("/v1/me", headers={"authorization": f"Bearer {key}"}).status_code == 401
    assert _take_up(there, link, _OTHER).status_code == 404
    assert _sign_in(there, admin).status_code == 201


def test_an_admin_signs_a_person_out_everywhere(app: FastAPI, client: TestClient, admin: str) -> None:
    there = TestClient(app, base_url=HTTPS)
    _sign_in(there, admin)
    _sign_in(client, admin)
    own = client.get("/v1/me").json()["user_id"]
    assert client.delete(f"/v1/users/{own}/sessions").status_code == 204
    assert there.get("/v1/me").status_code == client.get("/v1/me").status_code == 401


def test_a_link_is_over_after_its_time(app: FastAPI, client: TestClient, settings: Settings, clinic: str) -> None:
    link = make_admin(settings, f"ada@{clinic}.example", None, clinic)
    with app.state.database.changing() as session:
        session.execute(update(Invitation).values(expires_at=now() - timedelta(seconds=1)))
    assert _take_up(client, link, _PASSWORD).status_code == 404


def test_the_last_admin_stays(client: TestClient, admin: str) -> None:
    _sign_in(client, admin)
    own = client.get("/v1/me").json()["user_id"]
    for change in ({"role": "clinician"}, {"active": False}):
        assert client.patch(f"/v1/users/{own}", json=change).status_code == 409
    assert client.get("/v1/me").json()["role"] == "admin"


def test_a_password_is_changed_with_the_old_one_and_ends_other_sessions(
    app: FastAPI, client: TestClient, admin: str
) -> None:
    _sign_in(client, admin)
    there = TestClient(app, base_url=HTTPS)
    _sign_in(there, admin)
    wrong = client.put("/v1/me/password", json={"current": _OTHER, "password": _OTHER})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "body.current")
    weak = client.put("/v1/me/password", json={"current": _PASSWORD, "password": "passwordpassword"})
    assert (weak.status_code, weak.json()["errors"][0]["field"]) == (422, "body.password")
    assert client.put("/v1/me/password", json={"current": _PASSWORD, "password": _OTHER}).status_code == 204
    assert client.get("/v1/me").status_code == 200
    assert there.get("/v1/me").status_code == 401


@pytest.mark.parametrize(
    "password",
    ["", "short", "fourteen chars", "passwordpassword", "aaaaaaaaaaaaaaaaaaaa", "ada@clinic.example", "x" * 201],
)
def test_passwords_that_are_easy_to_guess_are_refused(password: str) -> None:
    assert why_too_weak(password, "Ada Lovelace", "ada@clinic.example", "North Clinic") is not None


@pytest.mark.parametrize("password", [_PASSWORD, _OTHER, "přilétla k nám modrá sova", "correct horse 🐎 battery"])
def test_passwords_of_any_characters_are_taken_as_they_are(password: str) -> None:
    assert why_too_weak(password) is None
    kept = hash_password(password)
    assert verify_password(password, kept) == (True, None)
    assert verify_password(password + " ", kept)[0] is False


def test_the_shipped_hash_costs_what_is_advised_and_older_ones_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least 19 MiB and two passes of Argon2id, as OWASP's advice on password storage says."""
    cheap = hash_password(_PASSWORD)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHash((Argon2Hasher(),)))
    good, renewed = verify_password(_PASSWORD, cheap)
    assert good
    assert renewed is not None
    costs = re.match(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$", renewed)
    assert costs is not None
    assert int(costs[1]) >= 19 * 1024
    assert int(costs[2]) >= 2


def test_nobody_has_the_password_of_no_account() -> None:
    assert verify_password("nobody has this password, and nobody can sign in with it", None) == (False, None)


def test_guessing_is_held_back_and_the_person_is_not(client: TestClient, admin: str) -> None:
    answers = [_sign_in(client, admin, "wrong").status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
    held = _sign_in(client, admin)
    assert held.status_code == 429
    assert 0 < int(held.headers["retry-after"]) <= 15 * 60


def test_limits_count_by_account_and_address_and_forget_slips() -> None:
    limits = SignInLimits()
    for _ in range(9):
        limits.count("ada", "10.0.0.1")
    limits.forget("ada", "10.0.0.1")
    for _ in range(10):
        limits.count("ada", "10.0.0.1")
    with pytest.raises(TooManyTries):
        limits.count("ada", "10.0.0.1")
    limits.count("ada", "10.0.0.2")  # the person herself, elsewhere
    limits.count("bo", "10.0.0.1")
    for number in range(79):  # of 100 from one address, over all accounts
        limits.count(f"person {number}", "10.0.0.1")
    with pytest.raises(TooManyTries):
        limits.count("one more", "10.0.0.1")
    for number in range(80):  # of 100 at one account, from all addresses
        limits.count("ada", f"10.1.0.{number}")
    with pytest.raises(TooManyTries):
        limits.count("ada", "10.2.0.1")


def test_refused_sign_ins_are_in_the_trail_and_nobody_changes_it(app: FastAPI, client: TestClient, admin: str) -> None:
    _sign_in(client, admin, "wrong")
    _sign_in(client, admin)
    page = client.get("/v1/audit", params={"action": "refused"}).json()
    assert [(each["actor_kind"], each["object_kind"]) for each in page["items"]] == [("nobody", "sign_in")]
    first = client.get("/v1/audit", params={"limit": 1}).json()
    second = client.get("/v1/audit", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert first["items"][0]["id"] > second["items"][0]["id"]
    for change in (update(AuditLine).values(action="nothing"), AuditLine.__table__.delete()):  # type: ignore[attr-defined]
        with pytest.raises(Exception, match="append-only"), app.state.database.changing() as session:
            session.execute(change)


def test_a_key_ends_by_itself(app: FastAPI, client: TestClient, admin: str) -> None:
    _sign_in(client, admin)
    past = client.post("/v1/keys", json={"name": "k", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"})
    assert (past.status_code, past.json()["errors"][0]["field"]) == (422, "body.expires_at")
    for wrong in (["administer"], ["everything"], []):
        assert client.post("/v1/keys", json={"name": "k", "scopes": wrong}).status_code == 422
    soon = (now() + timedelta(hours=1)).isoformat()
    key = client.post("/v1/keys", json={"name": "k", "scopes": ["read"], "expires_at": soon}).json()["key"]
    bearer = {"authorization": f"Bearer {key}"}
    machine = TestClient(app, base_url=HTTPS)
    assert machine.get("/v1/me", headers=bearer).json()["kind"] == "machine"
    with app.state.database.changing() as session:
        session.execute(update(ApiKey).values(expires_at=now() - timedelta(seconds=1)))
    assert machine.get("/v1/me", headers=bearer).status_code == 401
    # A key that does not hold is not made good by a cookie.
    assert client.get("/v1/me", headers=bearer).status_code == 401


def test_the_clinic_is_renamed_and_says_how_long_it_keeps(app: FastAPI, client: TestClient, admin: str) -> None:
    _sign_in(client, admin)
    assert client.get("/v1/clinic").json()["keeps_days"] == 30
    told = client.patch("/v1/clinic", json={"name": "South", "retention_days": 7}).json()
    assert (told["name"], told["keeps_days"]) == ("South", 7)
    assert client.patch("/v1/clinic", json={"retention_days": -1}).status_code == 422
    with app.state.database.sessions() as session:
        assert session.scalars(select(Clinic.name).where(Clinic.id == told["id"])).one() == "South"
