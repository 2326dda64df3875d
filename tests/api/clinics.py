"""Two clinics with people of every role and a full set of rows and files each, for tests of who reaches what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute, Mount

from api.access import Permission, Principal, Role
from api.accounts.keys import new_key
from api.accounts.sessions import COOKIE, open_session
from api.accounts.tokens import new_token
from api.context import Service
from api.files import sha256_of
from api.records.models import (
    Clinic,
    Consent,
    Correction,
    Job,
    Screening,
    StoredFile,
    Subject,
    User,
)
from api.records.types import now
from api.sign_in import CSRF_HEADER

#: As a browser behind the proxy names the service.
HTTPS = "https://127.0.0.1:8000"

ROLES = ("admin", "clinician", "read_only", "machine")


@dataclass
class Clinics:
    """One clinic as tests know it.

    Attributes:
        name: of the clinic.
        secrets: texts that nobody of another clinic may ever see.
        ids: an identifier for every parameter that an address may have.
        headers: by role, what a request of theirs carries.
        users: by role, the account.
    """

    name: str
    id: str = ""
    secrets: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every method and path of the application, `WEBSOCKET` for sockets; folders of static files are left out."""

    def walk(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
        for route in routes:
            router = getattr(route, "original_router", None)
            if router is not None:
                yield from walk(router.routes)
            elif not isinstance(route, Mount):
                yield route

    for route in walk(app.routes):
        for method in sorted(getattr(route, "methods", None) or {"WEBSOCKET"}):
            if method not in ("HEAD", "OPTIONS"):
                yield method, str(route.path)  # type: ignore[attr-defined]


def found_clinic(service: Service, name: str, result: dict[str, Any], folder: Path) -> Clinics:
    """A clinic with a person of each role, a machine, and one person with a finished screening."""
    clinic = Clinics(name)
    secret = f"{name}-{new_token()[:12]}"
    with service.database.changing() as session:
        row = Clinic(name=f"Clinic {secret}")
        session.add(row)
        session.flush()
        clinic.id = row.id
        for role in ROLES[:3]:
            user = User(clinic_id=row.id, email=f"{role}@{secret}.example".lower(), name=f"{role} {secret}", role=role)
            session.add(user)
            session.flush()
            # As if the link had been taken up: a hash takes half a second, and nothing here signs in by password.
            user.password_hash = "not a hash"
            opened = open_session(session, user, "test")
            clinic.users[role] = user.id
            clinic.headers[role] = {
                "cookie": f"{COOKIE}={opened.token}",
                CSRF_HEADER: opened.principal.csrf_token or "",
            }
            clinic.ids |= {"user_id": user.id, "session_id": str(opened.principal.session_id)}
        admin = Principal("user", row.id, Role.ADMIN, frozenset(Permission), user_id=clinic.users["admin"])
        key_row, key = new_key(session, admin, f"key {secret}", frozenset(Permission), None)
        clinic.headers["machine"] = {"authorization": f"Bearer {key}"}
        subject = Subject(clinic_id=row.id, code=f"code {secret}", name=f"name {secret}", note=f"note {secret}")
        session.add(subject)
        session.flush()
        consent = Consent(
            clinic_id=row.id,
            subject_id=subject.id,
            given_on=now().date(),
            how="written",
            text_version="1",
            recorded_by=secret,
        )
        screening = Screening(
            clinic_id=row.id,
            subject_id=subject.id,
            kind="video",
            state="done",
            name=f"{secret}.mp4",
            settings={},
            created_by=secret,
            sha256="0" * 64,
            uploaded_at=now(),
            result=json.dumps(result | {"subject": {"id": secret, "height_m": None}}),
            result_at=now(),
        )
        session.add_all([consent, screening])
        session.flush()
        waiting = Screening(
            clinic_id=row.id,
            subject_id=subject.id,
            kind="video",
            state="awaiting_upload",
            name=f"waiting {secret}.mp4",
            settings={},
            created_by=secret,
        )
        session.add(waiting)
        correction = Correction(
            clinic_id=row.id,
            screening_id=screening.id,
            made_by=f"by {secret}",
            change={"kind": "set_side", "side": "left"},
            reason=f"reason {secret}",
        )
        session.add_all(
            [correction, Job(clinic_id=row.id, screening_id=screening.id, kind="screen", key="k", state="done")]
        )
        session.flush()
        for file_name in ("video", "annotated.mp4", "report.html", "landmarks.parquet"):
            path = folder / f"{name}-{file_name}"
            path.write_text(f"{file_name} {secret}", encoding="utf-8")
            sha256 = sha256_of(path)
            service.files.put(path, row.id, screening.id, sha256)
            session.add(
                StoredFile(
                    clinic_id=row.id,
                    screening_id=screening.id,
                    name=file_name,
                    sha256=sha256,
                    bytes=len(f"{file_name} {secret}"),
                    shows_person=file_name != "landmarks.parquet",
                )
            )
    clinic.secrets = [secret, subject.id, screening.id, clinic.id]
    clinic.ids |= {
        "subject_id": subject.id,
        "screening_id": screening.id,
        "consent_id": consent.id,
        "correction_id": correction.id,
        "key_id": key_row.id,
        "waiting_id": waiting.id,
        "name": "report.html",
    }
    return clinic


def client_of(app: FastAPI) -> TestClient:
    """A client that follows no redirect and keeps no cookie of its own."""
    return TestClient(app, base_url=HTTPS, follow_redirects=False)
