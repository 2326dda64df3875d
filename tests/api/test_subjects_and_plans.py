"""People and their consent, pages of many, plans without a recording, and what plans are made from."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from api.access import PERSONAL_CLINIC_ID
from api.context import Service
from api.records.models import AuditLine, Job, Screening, StoredFile
from api.records.types import now
from screener.assessment import findings_from_json
from screener.plan import load_intake, make_plan
from screener.screening import plan_to_dict
from tests.plan.answers import ANSWERS


def _added(client: TestClient, code: str, **given: Any) -> dict[str, Any]:
    answer = client.post("/v1/subjects", json={"code": code} | given)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_person_is_added_changed_found_and_deleted(client: TestClient, service: Service) -> None:
    added = _added(client, "P-1", name="Ada Lovelace", height_m=1.65)
    url = f"/v1/subjects/{added['id']}"
    assert client.get(url).json() == added
    changed = client.patch(url, json={"height_m": 1.7, "name": None}).json()
    assert (changed["height_m"], changed["name"], changed["code"]) == (1.7, None, "P-1")
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404
    with service.database.sessions() as session:
        lines = session.execute(
            select(AuditLine.action, AuditLine.detail).where(AuditLine.object_id == added["id"]).order_by(AuditLine.id)
        ).all()
    assert [line.action for line in lines] == ["created", "saw", "changed", "deleted"]
    # It tells which fields, and not what was in them.
    assert lines[2].detail == {"fields": ["height_m", "name"]}
    assert "Ada" not in str(lines)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "body.code"),
        ({"code": ""}, "body.code"),
        ({"code": "x", "height_m": 17}, "body.height_m"),
        ({"code": "x", "height_m": False}, "body.height_m"),
        ({"code": "x", "birth_year": "1990"}, "body.birth_year"),
        ({"code": "x", "sex": "f"}, "body.sex"),
        ({"code": "x", "weight_kg": 70}, "body.weight_kg"),
        ({"code": "a\x00b"}, "body.code"),
    ],
)
def test_a_field_that_does_not_hold_is_named(client: TestClient, given: dict[str, Any], field: str) -> None:
    answer = client.post("/v1/subjects", json=given)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_a_code_is_one_person_s(client: TestClient) -> None:
    _added(client, "P-1")
    answer = client.post("/v1/subjects", json={"code": "P-1"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "body.code")


def test_pages_hold_everybody_once(client: TestClient) -> None:
    codes = [f"P-{number}" for number in range(7)]
    for code in codes:
        _added(client, code)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = client.get("/v1/subjects", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [person["code"] for person in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [*reversed(codes), "me"]
    assert [each["code"] for each in client.get("/v1/subjects", params={"q": "p-3"}).json()["items"]] == ["P-3"]
    assert client.get("/v1/subjects", params={"q": "%"}).json()["items"] == []


def test_a_consent_is_recorded_and_withdrawn(client: TestClient) -> None:
    person = _added(client, "P-1")
    url = f"/v1/subjects/{person['id']}"
    consent = client.post(f"{url}/consents", json={"how": "written", "given_on": "2026-11-01"}).json()
    assert consent["given_on"] == "2026-11-01"
    assert client.get(url).json()["consented"]
    client.post(f"{url}/consents/{consent['id']}:withdraw")
    assert not client.get(url).json()["consented"]
    assert [each["id"] for each in client.get(f"{url}/consents").json()] == [consent["id"]]


def test_a_recording_s_time_is_over(service: Service, client: TestClient) -> None:
    """After its days the recording and all that shows the person goes; numbers and the plain report stay."""
    made = client.post("/v1/screenings", json={"consent": {"how": "spoken"}}).json()
    client.put(f"/v1/screenings/{made['id']}/video", content=b"moving pictures")
    for name, sha256, shown in (
        ("annotated.mp4", "1" * 64, True),
        ("report.pdf", "2" * 64, True),
        ("plain_report.pdf", "3" * 64, False),
    ):
        (path := service.settings.uploads / "x").write_bytes(name.encode())
        service.files.put(path, PERSONAL_CLINIC_ID, made["id"], sha256)
        with service.database.changing() as session:
            session.add(
                StoredFile(
                    clinic_id=PERSONAL_CLINIC_ID,
                    screening_id=made["id"],
                    name=name,
                    sha256=sha256,
                    bytes=len(name),
                    shows_person=shown,
                )
            )
    with service.database.changing() as session:
        session.execute(update(Screening).values(state="done", delete_video_at=now() + timedelta(days=1), result="{}"))
        session.execute(update(Job).values(state="done"))
    url = f"/v1/screenings/{made['id']}"
    service.sweeper.sweep()
    assert client.get(f"{url}/film").content == b"annotated.mp4"
    assert client.get(f"{url}/report/report.pdf").content == b"report.pdf"

    with service.database.changing() as session:
        session.execute(update(Screening).values(delete_video_at=now()))
    service.sweeper.sweep()
    assert client.get(f"{url}/film").status_code == 404
    assert client.get(f"{url}/report/report.pdf").content == b"plain_report.pdf"
    told = client.get(url).json()
    assert (told["has_recording"], told["has_film"], told["video_deleted_at"] is not None) == (False, False, True)
    assert client.get(f"{url}/result").status_code == 200
    assert service.files.names(PERSONAL_CLINIC_ID, made["id"]) == {"3" * 64}


def test_files_that_no_row_names_are_swept_away(service: Service) -> None:
    (path := service.settings.uploads / "x").write_bytes(b"left by a crash")
    service.files.put(path, PERSONAL_CLINIC_ID, "01932f5e-7b1a-7c3d-9e4f-5a6b7c8d9e0f", "1" * 64)
    service.sweeper.sweep()
    assert list(service.files.screenings()) == []


# -- plans --------------------------------------------------------------------------------------------------------

_MEASURED = {
    "task": "single_leg_squat",
    "stance_side": "left",
    "summary": {
        "pelvic_drop_deg": {"value": 12.0, "low": 10.5, "high": 13.5, "unit": "deg"},
        "fppa_deg": {"value": 18.0, "low": 15.0, "high": 21.0, "unit": "deg"},
        "knee_flexion_deg": {"value": 62.0, "low": 57.0, "high": 67.0, "unit": "deg"},
    },
}


def test_a_plan_needs_no_recording(client: TestClient) -> None:
    told = client.post("/v1/plans", json={"measurements": [_MEASURED], "intake": ANSWERS}).json()
    assert {finding["pattern"] for finding in told["findings"]} != set()
    assert told["plan"]["phases"][0]["exercises"]
    findings = findings_from_json({"schema_version": "1.0", "findings": told["findings"]})
    assert told["plan"] == json.loads(json.dumps(plan_to_dict(make_plan(findings, load_intake(ANSWERS)))))


def test_a_red_flag_comes_before_any_exercise(client: TestClient) -> None:
    flags = client.get("/v1/programmes").json()["red_flag_questions"]
    intake = ANSWERS | {"pain_now": 2, "pain_where": ["hip"], "red_flags": [next(iter(flags))]}
    told = client.post("/v1/plans", json={"measurements": [_MEASURED], "intake": intake}).json()
    assert (told["findings"], told["plan"]["phases"]) == ([], [])
    assert told["plan"]["referrals"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"measurements": []}, "body.measurements"),
        ({"intake": {}}, "body.intake.age_years"),
        ({"programme": "none-such"}, None),
        (
            {"measurements": [_MEASURED | {"summary": {"charm": {"value": 1, "low": 0, "high": 2, "unit": "deg"}}}]},
            "body.measurements.0.summary.charm",
        ),
        (
            {"measurements": [_MEASURED | {"summary": {"fppa_deg": {"value": 9, "low": 0, "high": 2, "unit": "deg"}}}]},
            "body.measurements.0.summary.fppa_deg",
        ),
    ],
)
def test_a_plan_that_cannot_be_made_says_why(client: TestClient, changes: dict[str, Any], field: str | None) -> None:
    answer = client.post("/v1/plans", json={"measurements": [_MEASURED], "intake": ANSWERS} | changes)
    assert answer.status_code == 422
    if field is not None:
        assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(("path", "holds"), [("exercises", "clamshell"), ("programmes", "evidence"), ("norms", "R19")])
def test_the_knowledge_is_told_with_its_sources(client: TestClient, path: str, holds: str) -> None:
    told = client.get(f"/v1/{path}")
    assert told.status_code == 200
    assert holds in told.text
    assert told.json()["sources"]
