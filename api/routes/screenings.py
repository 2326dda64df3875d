"""Screenings: made, watched, read, corrected in their course, deleted. Their uploads are in `uploads`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.access import PERSONAL_CLINIC_ID, CurrentPrincipal, Eraser, Principal, Reader, Writer
from api.analysis import PLAIN
from api.context import Context, Service
from api.front_door import DOCUMENT_CSP
from api.jobs import queue
from api.problems import Problem, problems
from api.ranges import file_response
from api.records.audit import note
from api.records.database import DbSession
from api.records.models import IdempotencyKey, Job, Screening, StoredFile, Subject
from api.records.types import AWAY
from api.retention import erase_screening
from api.routes.forms import Cursor, Given, Id, Limit, Line, Page, page_of, screening_of, subject_of, tell_reading
from api.routes.plans import IntakeGiven, Programme
from api.routes.subjects import ConsentGiven, add_consent, has_consented, the_one_person
from api.routes.told import ProgressOfJob, ScreeningTold, progress_of, screening_told, screenings_told

router = APIRouter(prefix="/v1/screenings", tags=["screenings"])

# How often the records are asked while somebody watches.
_WATCH_S = 0.5
# Proxies close a connection on which nothing comes for a minute.
_STILL_THERE_S = 15.0

_ENDED = ("done", "failed", "cancelled")

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "svg": "image/svg+xml",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "trc": "text/tab-separated-values; charset=utf-8",
    "mot": "text/tab-separated-values; charset=utf-8",
    "c3d": "application/octet-stream",
    "mp4": "video/mp4",
    "webm": "video/webm",
}


class SettingsGiven(Given):
    """What is known about the recording. Everything has a default that works."""

    task: Literal["single_leg_squat", "forward_step_down", "lateral_step_down"] | None = Field(
        default=None, description="Told from the picture unless given."
    )
    side: Literal["left", "right"] | None = Field(
        default=None, description="The leg stood on; told from it unless given."
    )
    mirrored: bool = Field(default=False, description="The recording is a selfie view.")
    second_look: bool = Field(default=True, description="Look again with the larger model: slower, better.")
    pictures: bool = Field(default=True, description="Make the annotated film, and put stills into the report.")


class ScreeningGiven(Given):
    """A recording that will be uploaded next."""

    subject_id: Annotated[str, Field(pattern="^[0-9a-f-]{36}$")] | None = Field(
        default=None, description="Whom it shows. Only a personal installation knows without being told."
    )
    name: Line = Field(default="recording", description="The file's name, for the result.", examples=["squat.mp4"])
    settings: SettingsGiven = SettingsGiven()
    recorded_on: date | None = Field(default=None, strict=False, description="The day it was recorded.")
    intake: IntakeGiven | None = Field(default=None, description="Answers of the person; adds a plan to the result.")
    programme: Programme = "evidence"
    consent: ConsentGiven | None = Field(default=None, description="Record the person's consent with the same request.")
    bytes: Annotated[int, Field(ge=1, le=2**40)] | None = Field(
        default=None, description="Its size, checked on arrival."
    )
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        default=None, description="Checked on arrival."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "squat.mp4", "consent": {"how": "on_screen"}, "settings": {"side": "left"}}]
        }
    )


@router.post("", status_code=201, responses=problems(404, 409))
def add_screening(
    given: ScreeningGiven,
    principal: Writer,
    db: DbSession,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, pattern=r"^[\x21-\x7e]+$", description="The same key makes the same screening, once."),
    ] = None,
) -> ScreeningTold:
    """Tell of a recording; then `PUT` it to `/v1/screenings/{id}/video`.

    The person's consent must be recorded, before or with this request.
    """
    asked_by = principal.user_id or principal.key_id or principal.kind
    asked = hashlib.sha256(given.model_dump_json().encode()).hexdigest()
    if idempotency_key is not None:
        seen = db.scalar(
            select(IdempotencyKey).where(
                IdempotencyKey.clinic_id == principal.clinic_id,
                IdempotencyKey.asked_by == asked_by,
                IdempotencyKey.key == idempotency_key,
            )
        )
        if seen is not None:
            if seen.request_sha256 != asked:
                raise Problem(
                    422,
                    "This Idempotency-Key came with another request before.",
                    "Use a new key for a new request.",
                    field="header.idempotency-key",
                )
            return screening_told(db, screening_of(db, principal, seen.screening_id))
    screening = new_screening(db, principal, given)
    if idempotency_key is not None:
        db.add(
            IdempotencyKey(
                clinic_id=principal.clinic_id,
                asked_by=asked_by,
                key=idempotency_key,
                request_sha256=asked,
                screening_id=screening.id,
            )
        )
    try:
        db.commit()
    except IntegrityError as error:
        raise Problem(409, "The same request is being answered right now.", "Send it again in a moment.") from error
    return screening_told(db, screening)


@router.get("")
def list_screenings(principal: Reader, db: DbSession, cursor: Cursor = None, limit: Limit = 50) -> Page[ScreeningTold]:
    """The clinic's screenings, the newest first."""
    rows = select(Screening).where(Screening.clinic_id == principal.clinic_id)
    return page_of(db, rows, Screening.id, cursor, limit, lambda found: screenings_told(db, found))


@router.get("/{screening_id}", responses=problems(404))
def read_screening(screening_id: Id, principal: Reader, db: DbSession) -> ScreeningTold:
    """How a screening stands, and which files there are."""
    return screening_told(db, screening_of(db, principal, screening_id))


@router.delete("/{screening_id}", status_code=204, responses=problems(404))
def delete_screening(screening_id: Id, principal: Eraser, context: Context) -> Response:
    """Delete a screening with its recording, result and files."""
    if not erase_screening(context.database, context.files, context.settings, principal, screening_id):
        raise Problem(404, "There is no such screening.", "It may have been deleted; list what there is.")
    return Response(status_code=204)


@router.post("/{screening_id}:cancel", responses=problems(404, 409))
def cancel_screening(screening_id: Id, principal: Writer, db: DbSession) -> ScreeningTold:
    """Call the analysis off. What is in hand stops within seconds."""
    screening = screening_of(db, principal, screening_id)
    jobs = select(Job).where(Job.screening_id == screening.id, Job.state.in_(("queued", "running"))).with_for_update()
    under_way = list(db.scalars(jobs))
    if not under_way:
        raise Problem(409, f"Nothing is under way: the screening is {screening.state}.", "Look at its state.")
    for job in under_way:
        job.cancel_asked = True
        if job.state == "queued":
            job.state = screening.state = "cancelled"
    note(db, principal, "cancelled", "screening", screening.id)
    db.commit()
    return screening_told(db, screening)


@router.post("/{screening_id}:retry", responses=problems(404, 409))
def retry_screening(screening_id: Id, principal: Writer, db: DbSession) -> ScreeningTold:
    """Analyse again what failed or was called off, as long as the recording is kept."""
    screening = screening_of(db, principal, screening_id)
    if screening.state not in ("failed", "cancelled"):
        raise Problem(409, f"The screening is {screening.state}.", "Only one that failed or was called off is retried.")
    if db.scalar(select(StoredFile.id).where(StoredFile.screening_id == screening.id).limit(1)) is None:
        raise Problem(409, "The recording is not kept any more.", "Make a new screening and upload it again.")
    queue(db, screening)
    note(db, principal, "retried", "screening", screening.id)
    db.commit()
    return screening_told(db, screening)


@router.get(
    "/{screening_id}/events",
    response_class=StreamingResponse,
    responses=problems(404)
    | {200: {"description": "Server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def watch_screening(
    screening_id: Id, principal: CurrentPrincipal, context: Context, request: Request
) -> StreamingResponse:
    """Progress as server-sent events: `progress` whenever something changes, `end` as the last one."""
    first = await to_thread.run_sync(_look, context, principal, screening_id)
    if first is None:
        raise Problem(404, "There is no such screening.", "It may have been deleted; list what there is.")
    events = _events(context, principal, screening_id, first, request)
    return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@router.get(
    "/{screening_id}/result",
    response_class=Response,
    responses=problems(404, 409)
    | {
        200: {
            "description": "screening.json, schema 1.0: docs/data_dictionary.md tells every field",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
)
def read_result(screening_id: Id, principal: Reader, db: DbSession, context: Context) -> Response:
    """The result: every digit that `screener analyze` gives."""
    screening = screening_of(db, principal, screening_id)
    if screening.result is None:
        raise _no_result(screening)
    tell_reading(context, principal, "screening", screening_id)
    return Response(screening.result, media_type="application/json")


@router.get(
    "/{screening_id}/report/{name}",
    response_class=Response,
    responses=problems(404, 409, 416)
    | {status: {"description": "The file", "content": {"*/*": {}}} for status in (200, 206)},
)
def read_report(
    screening_id: Id,
    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}\.[a-z0-9]{1,8}$")],
    principal: Reader,
    db: DbSession,
    context: Context,
    request: Request,
) -> Response:
    """A file of the report: report.html, report.pdf, screening.json, curves.svg, repetitions.csv and others."""
    screening = screening_of(db, principal, screening_id)
    stored = _stored(db, screening, name) or _stored(db, screening, f"{PLAIN}{name}")
    if stored is None or name.startswith(PLAIN) or "." not in name:
        if screening.result is None:
            raise _no_result(screening)
        raise Problem(404, "The report has no such file.", "The screening's `files` names those that there are.")
    tell_reading(context, principal, "screening", screening_id, file=name)
    return _sent(context, stored, name, request)


@router.get(
    "/{screening_id}/film",
    response_class=Response,
    responses=problems(404, 416)
    | {
        status: {"description": "The film", "content": {"video/mp4": {"schema": {"type": "string"}}}}
        for status in (200, 206)
    },
)
def read_film(screening_id: Id, principal: Reader, db: DbSession, context: Context, request: Request) -> Response:
    """The annotated film, or any part of it by a Range header."""
    screening = screening_of(db, principal, screening_id)
    stored = _stored(db, screening, "annotated.mp4")
    if stored is None:
        gone = screening.video_deleted_at is not None
        raise Problem(
            404,
            "The recording's time was over, and its film went with it." if gone else "There is no film.",
            "The numbers and the report stay." if gone else "It is made with the result, where pictures are asked for.",
        )
    tell_reading(context, principal, "screening", screening_id, file="film")
    return _sent(context, stored, stored.name, request)


def new_screening(
    db: Session, principal: Principal, given: ScreeningGiven, kind: Literal["video", "landmarks"] = "video"
) -> Screening:
    """A screening of a person who consented; the caller commits."""
    subject = _subject(db, principal, given)
    if given.consent is not None:
        add_consent(db, principal, subject, given.consent)
    if not has_consented(db, subject.id):
        raise Problem(
            409,
            "No consent of this person is recorded.",
            f"Record it first (POST /v1/subjects/{subject.id}/consents), or send `consent` with the screening.",
            field="body.consent",
        )
    screening = Screening(
        clinic_id=principal.clinic_id,
        subject_id=subject.id,
        kind=kind,
        state="awaiting_upload",
        name=given.name,
        settings=given.settings.model_dump(),
        recorded_on=given.recorded_on,
        intake=given.intake.model_dump(exclude_none=True) if given.intake is not None else None,
        programme=given.programme,
        declared_bytes=given.bytes,
        declared_sha256=given.sha256,
        created_by=principal.user_id or principal.key_id or principal.kind,
    )
    if given.intake is not None:
        given.intake.checked()
    db.add(screening)
    db.flush()
    note(db, principal, "created", "screening", screening.id, subject_id=subject.id)
    return screening


def _subject(db: Session, principal: Principal, given: ScreeningGiven) -> Subject:
    if given.subject_id is not None:
        return subject_of(db, principal, given.subject_id)
    if principal.clinic_id == PERSONAL_CLINIC_ID:
        return the_one_person(db)
    raise Problem(422, "It is not said whom the recording shows.", "Give subject_id.", field="body.subject_id")


def _no_result(screening: Screening) -> Problem:
    failure = screening.failure
    if failure is not None:
        return Problem(409, failure["message"], failure["what_to_do"])
    return Problem(409, f"There is no result: the screening is {screening.state}.", "Watch its events.")


def _stored(db: Session, screening: Screening, name: str) -> StoredFile | None:
    return db.scalar(select(StoredFile).where(StoredFile.screening_id == screening.id, StoredFile.name == name))


def _sent(context: Service, stored: StoredFile, name: str, request: Request) -> Response:
    suffix = name.rpartition(".")[2]
    headers = {"content-disposition": f'inline; filename="{stored.screening_id}-{name}"'}
    if suffix in ("html", "svg"):
        headers["content-security-policy"] = DOCUMENT_CSP
    return file_response(context.files, stored, request, _MEDIA_TYPES.get(suffix, "application/octet-stream"), headers)


def _look(service: Service, principal: Principal, screening_id: str) -> ProgressOfJob | None:
    with service.database.sessions() as session:
        screening = session.get(Screening, screening_id)
        if screening is None or screening.clinic_id != principal.clinic_id:
            return None
        return progress_of(session, screening)


async def _events(
    service: Service, principal: Principal, screening_id: str, seen: ProgressOfJob | None, request: Request
) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    told: ProgressOfJob | None = None
    spoke_at = loop.time()
    while seen is not None and not await request.is_disconnected():
        if seen != told:
            told, spoke_at = seen, loop.time()
            yield f"event: progress\ndata: {seen.model_dump_json()}\n\n"
        elif loop.time() - spoke_at > _STILL_THERE_S:
            spoke_at = loop.time()
            yield ": still there\n\n"
        if seen.state in _ENDED:
            break
        if service.closing.is_set():
            return  # A browser comes back by itself, and finds the service started again.
        await asyncio.sleep(_WATCH_S)
        try:
            seen = await to_thread.run_sync(_look, service, principal, screening_id)
        except AWAY:
            return  # As above; the answer is 503 until the database is back.
    yield "event: end\ndata: {}\n\n"
