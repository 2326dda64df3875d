"""People: who is recorded, their consent, their screenings and progress, all of their data, and their deletion."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.access import PERSONAL_CLINIC_ID, Eraser, Exporter, Principal, Reader, Writer
from api.context import Context
from api.export import export_subject
from api.problems import Problem, problems
from api.records.audit import note
from api.records.database import DbSession
from api.records.models import ME, Consent, Screening, Subject
from api.records.types import now
from api.retention import erase_subject
from api.routes.forms import Cursor, Given, Id, Limit, Line, Page, Told, page_of, subject_of, tell_reading
from api.routes.told import ScreeningTold, screenings_told

router = APIRouter(prefix="/v1/subjects", tags=["people"])

_Note = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00]*$")]
_Sex = Literal["female", "male"]

#: The text that a person agrees to; a change of the text is a new version.
CONSENT_TEXT = "2026-11"


class SubjectGiven(Given):
    """A person who will be recorded."""

    code: Line = Field(description="The clinic's own number for them: it goes into results.", examples=["P-0412"])
    name: Line | None = Field(default=None, description="For the clinic's eyes: in no result and no log.")
    birth_year: Annotated[int, Field(ge=1900, le=2100)] | None = None
    sex: _Sex | None = None
    height_m: Annotated[float, Field(ge=0.5, le=2.5)] | None = Field(default=None, examples=[1.72])
    note: _Note | None = None


class SubjectChanges(Given):
    """What is to be changed; what is not named stays."""

    code: Line | None = None
    name: Line | None = None
    birth_year: Annotated[int, Field(ge=1900, le=2100)] | None = None
    sex: _Sex | None = None
    height_m: Annotated[float, Field(ge=0.5, le=2.5)] | None = Field(default=None, examples=[1.72])
    note: _Note | None = None


class SubjectTold(Told):
    """A person who is recorded."""

    id: str
    code: str
    name: str | None
    birth_year: int | None
    sex: str | None
    height_m: float | None
    note: str | None
    created_at: datetime
    consented: bool = Field(description="Whether a consent holds now; without one no recording is taken.")


class ConsentGiven(Given):
    """That the person agreed to be recorded."""

    how: Literal["written", "spoken", "on_screen"] = Field(examples=["written"])
    given_on: date | None = Field(default=None, strict=False, description="The day; today unless given.")
    text_version: Line = Field(default=CONSENT_TEXT, description="Which text they agreed to.")


class ConsentTold(Told):
    """A recorded consent."""

    id: str
    how: str
    given_on: date
    text_version: str
    recorded_by: str
    recorded_at: datetime
    withdrawn_at: datetime | None


class PointTold(BaseModel):
    """A value of one day with its 95% interval."""

    screening_id: str
    at: datetime = Field(description="When it was recorded, as far as that was said, else uploaded.")
    value: float
    low: float
    high: float
    grade: str | None


class SeriesTold(BaseModel):
    """One measure of one leg in one task, over time."""

    measure: str = Field(examples=["pelvic_drop_deg"])
    unit: str = Field(examples=["deg"])
    task: str = Field(examples=["single_leg_squat"])
    stance_side: str = Field(examples=["left"])
    points: list[PointTold] = Field(description="The oldest first.")


class ProgressTold(BaseModel):
    """All measures of a person over time."""

    series: list[SeriesTold]


@router.post("", status_code=201, responses=problems(409))
def add_subject(given: SubjectGiven, principal: Writer, db: DbSession) -> SubjectTold:
    """Add a person. Their consent comes next, then recordings."""
    subject = Subject(clinic_id=principal.clinic_id, **given.model_dump())
    db.add(subject)
    _flush(db)
    note(db, principal, "created", "subject", subject.id)
    db.commit()
    return _told(db, [subject])[0]


@router.get("")
def list_subjects(
    principal: Reader,
    db: DbSession,
    q: Annotated[
        str | None, Query(max_length=100, pattern=r"^[^\x00]*$", description="Part of the code or the name.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SubjectTold]:
    """The clinic's people, the newest first."""
    rows = select(Subject).where(Subject.clinic_id == principal.clinic_id)
    if q:
        rows = rows.where(or_(Subject.code.icontains(q, autoescape=True), Subject.name.icontains(q, autoescape=True)))
    return page_of(db, rows, Subject.id, cursor, limit, lambda found: _told(db, found))


@router.get("/{subject_id}", responses=problems(404))
def read_subject(subject_id: Id, principal: Reader, db: DbSession, context: Context) -> SubjectTold:
    """One person."""
    told = _told(db, [subject_of(db, principal, subject_id)])[0]
    tell_reading(context, principal, "subject", subject_id)
    return told


@router.patch("/{subject_id}", responses=problems(404, 409))
def change_subject(subject_id: Id, given: SubjectChanges, principal: Writer, db: DbSession) -> SubjectTold:
    """Change what is known of a person. `null` takes an entry away."""
    subject = subject_of(db, principal, subject_id)
    changes = given.model_dump(exclude_unset=True)
    if "code" in changes and changes["code"] is None:
        raise Problem(422, "A person needs a code.", "Leave the field out to keep it.", field="body.code")
    for name, value in changes.items():
        setattr(subject, name, value)
    _flush(db)
    note(db, principal, "changed", "subject", subject.id, fields=sorted(changes))
    db.commit()
    return _told(db, [subject])[0]


@router.delete("/{subject_id}", status_code=204, responses=problems(404))
def delete_subject(subject_id: Id, principal: Eraser, context: Context) -> Response:
    """Delete a person with every consent, recording, result and file. The audit trail keeps that it was done."""
    if not erase_subject(context.database, context.files, context.settings, principal, subject_id):
        raise Problem(404, "There is no such person.", "It may have been deleted; list what there is.")
    return Response(status_code=204)


@router.post("/{subject_id}/consents", status_code=201, responses=problems(404))
def record_consent(subject_id: Id, given: ConsentGiven, principal: Writer, db: DbSession) -> ConsentTold:
    """Record that the person agreed to be recorded."""
    subject = subject_of(db, principal, subject_id)
    consent = add_consent(db, principal, subject, given)
    db.commit()
    return ConsentTold.model_validate(consent)


@router.get("/{subject_id}/consents", responses=problems(404))
def list_consents(subject_id: Id, principal: Reader, db: DbSession) -> list[ConsentTold]:
    """The person's consents, withdrawn ones among them, the newest first."""
    subject_of(db, principal, subject_id)
    rows = select(Consent).where(Consent.subject_id == subject_id).order_by(Consent.id.desc())
    return [ConsentTold.model_validate(row) for row in db.scalars(rows)]


@router.post("/{subject_id}/consents/{consent_id}:withdraw", responses=problems(404))
def withdraw_consent(subject_id: Id, consent_id: Id, principal: Writer, db: DbSession) -> ConsentTold:
    """Take a consent back: no further recording is taken. What there is stays until it is deleted."""
    subject_of(db, principal, subject_id)
    consent = db.get(Consent, consent_id)
    if consent is None or consent.subject_id != subject_id:
        raise Problem(404, "There is no such consent.", "List the person's consents.")
    if consent.withdrawn_at is None:
        consent.withdrawn_at = now()
        note(db, principal, "withdrew", "consent", consent.id, subject_id=subject_id)
    db.commit()
    return ConsentTold.model_validate(consent)


@router.get("/{subject_id}/screenings", responses=problems(404))
def list_screenings_of(
    subject_id: Id, principal: Reader, db: DbSession, cursor: Cursor = None, limit: Limit = 50
) -> Page[ScreeningTold]:
    """The person's screenings, the newest first."""
    subject_of(db, principal, subject_id)
    rows = select(Screening).where(Screening.subject_id == subject_id)
    return page_of(db, rows, Screening.id, cursor, limit, lambda found: screenings_told(db, found))


@router.get("/{subject_id}/progress", responses=problems(404))
def read_progress(subject_id: Id, principal: Reader, db: DbSession, context: Context) -> ProgressTold:
    """Every measure over time, each value with its interval, apart by leg and task."""
    subject_of(db, principal, subject_id)
    rows = select(Screening.id, Screening.recorded_on, Screening.created_at, Screening.result).where(
        Screening.subject_id == subject_id, Screening.result.is_not(None)
    )
    series: dict[tuple[str, str, str], SeriesTold] = {}
    for row in sorted(db.execute(rows), key=lambda row: (_when(row.recorded_on, row.created_at), row.id)):
        for trial in json.loads(row.result)["trials"]:
            for measure, reading in trial["summary"].items():
                if "value" in reading:
                    key = (measure, trial["task"], trial["stance_side"])
                    one = series.setdefault(
                        key,
                        SeriesTold(measure=measure, unit=reading["unit"], task=key[1], stance_side=key[2], points=[]),
                    )
                    one.points.append(_point(row.id, _when(row.recorded_on, row.created_at), reading))
    tell_reading(context, principal, "subject", subject_id, part="progress")
    return ProgressTold(series=[series[key] for key in sorted(series)])


@router.get(
    "/{subject_id}/export",
    response_class=StreamingResponse,
    responses=problems(404)
    | {200: {"description": "A zip file", "content": {"application/zip": {"schema": {"type": "string"}}}}},
)
def export(subject_id: Id, principal: Exporter, context: Context) -> StreamingResponse:
    """Everything that is kept of one person, in one zip: entries, consents, results, reports, recordings."""
    with context.database.changing() as session:
        subject = subject_of(session, principal, subject_id)
        note(session, principal, "exported", "subject", subject.id)
    return StreamingResponse(
        export_subject(context.database, context.files, subject_id),
        media_type="application/zip",
        headers={"content-disposition": f'attachment; filename="person-{subject_id}.zip"'},
    )


def add_consent(db: Session, principal: Principal, subject: Subject, given: ConsentGiven) -> Consent:
    """Record a consent; the caller commits."""
    consent = Consent(
        clinic_id=principal.clinic_id,
        subject_id=subject.id,
        given_on=given.given_on or now().date(),
        how=given.how,
        text_version=given.text_version,
        recorded_by=principal.user_id or principal.key_id or principal.kind,
    )
    db.add(consent)
    db.flush()
    note(db, principal, "recorded", "consent", consent.id, subject_id=subject.id, how=given.how)
    return consent


def has_consented(db: Session, subject_id: str) -> bool:
    """Whether a consent of the person holds now."""
    held = select(Consent.id).where(Consent.subject_id == subject_id, Consent.withdrawn_at.is_(None))
    return db.scalar(held.limit(1)) is not None


def the_one_person(db: Session) -> Subject:
    """The person of a personal installation, made at the first call; the caller commits."""
    mine = select(Subject).where(Subject.clinic_id == PERSONAL_CLINIC_ID, Subject.code == ME)
    subject = db.scalar(mine)
    if subject is None:
        db.add(subject := Subject(clinic_id=PERSONAL_CLINIC_ID, code=ME))
        db.flush()
    return subject


def _flush(db: Session) -> None:
    try:
        db.flush()
    except IntegrityError as error:
        raise Problem(
            409, "Another person has this code.", "Give another code, or open that person.", field="body.code"
        ) from error


def _told(db: Session, subjects: Sequence[Subject]) -> list[SubjectTold]:
    ids = [subject.id for subject in subjects]
    held = select(Consent.subject_id).where(Consent.subject_id.in_(ids), Consent.withdrawn_at.is_(None))
    consented = set(db.scalars(held))
    entered = [name for name in SubjectTold.model_fields if name != "consented"]
    return [
        SubjectTold(**{name: getattr(subject, name) for name in entered}, consented=subject.id in consented)
        for subject in subjects
    ]


def _when(recorded_on: date | None, created_at: datetime) -> datetime:
    if recorded_on is None:
        return created_at
    return datetime(recorded_on.year, recorded_on.month, recorded_on.day, 12, tzinfo=created_at.tzinfo)


def _point(screening_id: str, at: datetime, reading: dict[str, Any]) -> PointTold:
    return PointTold(
        screening_id=screening_id,
        at=at,
        value=reading["value"],
        low=reading["low"],
        high=reading["high"],
        grade=reading.get("grade"),
    )
