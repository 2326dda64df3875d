"""Uploads: a recording as the raw body of a PUT, counted, hashed and bounded while it comes, and resumed by offset."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from api.access import Principal, Reader, Writer
from api.context import Context, Service
from api.jobs import queue
from api.metrics import UPLOADED_BYTES
from api.problems import Problem, problems
from api.records.audit import note
from api.records.models import Screening, StoredFile
from api.records.types import now
from api.retention import RECORDING, keep_days
from api.routes.forms import Id, Line, screening_of
from api.routes.screenings import ScreeningGiven, SettingsGiven, new_screening
from api.routes.subjects import ConsentGiven, has_consented
from api.routes.told import ScreeningTold, screening_told

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["uploads"])

_MB = 1024 * 1024

# Landmarks of two hours of video are a tenth of this.
_LANDMARKS_MB = 512

_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")

# What is not read of a refused body would have to be read before the connection could serve another request.
_HANG_UP = {"connection": "close"}


# What the OpenAPI says of a body that is the file itself.
_RAW = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class UploadTold(BaseModel):
    """How much of an upload has arrived."""

    received_bytes: int = Field(description="The next part begins here.")
    complete: bool
    screening: ScreeningTold


@router.get("/screenings/{screening_id}/video", responses=problems(404))
def read_upload(screening_id: Id, principal: Reader, context: Context) -> UploadTold:
    """How much of the recording has arrived, to go on from there after a cut connection."""
    with context.database.sessions() as session:
        screening = screening_of(session, principal, screening_id)
        return _told(context, screening_told(session, screening))


@router.put(
    "/screenings/{screening_id}/video",
    status_code=202,
    responses=problems(404, 408, 409, 413, 416, 507),
    openapi_extra=_RAW,
)
async def put_video(
    screening_id: Id,
    principal: Writer,
    context: Context,
    request: Request,
    content_range: Annotated[
        str | None,
        Header(max_length=100, description="`bytes FIRST-LAST/TOTAL` of a part; none where the body is all of it."),
    ] = None,
) -> UploadTold:
    """Upload the recording: `curl -T squat.mp4 URL`. When its last byte is here, the analysis is queued.

    After a cut connection what has arrived is kept for some hours; `GET` this address tells how much, and
    `curl -C OFFSET -T squat.mp4 URL` goes on from there.
    """
    await to_thread.run_sync(_admit, context, principal, screening_id)
    span = _span(content_range, request.headers.get("content-length"))
    told = await _receive(context, principal, screening_id, request, span, context.settings.max_upload_mb * _MB)
    return _told(context, told)


@router.post(
    "/screenings:from-landmarks",
    status_code=202,
    responses=problems(404, 408, 409, 413, 507),
    openapi_extra=_RAW,
)
async def post_landmarks(
    principal: Writer,
    context: Context,
    request: Request,
    subject_id: Annotated[str | None, Query(pattern="^[0-9a-f-]{36}$")] = None,
    name: Annotated[Line, Query()] = "landmarks.parquet",
    task: Annotated[Literal["single_leg_squat", "forward_step_down", "lateral_step_down"] | None, Query()] = None,
    side: Annotated[Literal["left", "right"] | None, Query()] = None,
    consent: Annotated[
        Literal["written", "spoken", "on_screen"] | None, Query(description="Record the person's consent with it.")
    ] = None,
) -> ScreeningTold:
    """Screen a `landmarks.parquet` that was made elsewhere, as the body; the video need not leave the place."""
    given = ScreeningGiven(
        subject_id=subject_id,
        name=name,
        settings=SettingsGiven(task=task, side=side),
        consent=ConsentGiven(how=consent) if consent is not None else None,
    )
    screening_id = await to_thread.run_sync(_begin, context, principal, given)
    span = _span(None, request.headers.get("content-length"))
    try:
        return await _receive(context, principal, screening_id, request, span, _LANDMARKS_MB * _MB)
    except Problem:
        await to_thread.run_sync(_undo, context, screening_id)
        raise


def _begin(service: Service, principal: Principal, given: ScreeningGiven) -> str:
    with service.database.changing() as session:
        return new_screening(session, principal, given, kind="landmarks").id


def _undo(service: Service, screening_id: str) -> None:
    """Nobody can go on with an upload of landmarks, so nothing stays of one that was cut."""
    with service.database.changing() as session:
        if (screening := session.get(Screening, screening_id)) is not None:
            session.delete(screening)
    (service.settings.uploads / screening_id).unlink(missing_ok=True)


def _told(service: Service, screening: ScreeningTold) -> UploadTold:
    part = service.settings.uploads / screening.id
    complete = screening.progress.state != "awaiting_upload"
    arrived = part.stat().st_size if not complete and part.exists() else 0
    return UploadTold(received_bytes=arrived, complete=complete, screening=screening)


def _admit(service: Service, principal: Principal, screening_id: str) -> None:
    with service.database.sessions() as session:
        screening = screening_of(session, principal, screening_id)
        if screening.state != "awaiting_upload":
            raise Problem(
                409,
                "The screening has its recording already.",
                "Make a new screening for another one.",
                headers=_HANG_UP,
            )
        if not has_consented(session, screening.subject_id):
            raise Problem(409, "The person's consent was withdrawn.", "Record a new one first.", headers=_HANG_UP)


@dataclass(frozen=True, slots=True)
class _Span:
    """Which bytes of the whole come; `total` is None where only the end of the body will tell."""

    first: int
    total: int | None


def _span(content_range: str | None, content_length: str | None) -> _Span:
    length = int(content_length) if content_length is not None and content_length.isdecimal() else None
    if content_range is None:
        return _Span(0, length)
    asked = _CONTENT_RANGE.fullmatch(content_range)
    first, last, total = (int(number) for number in asked.groups()) if asked is not None else (0, 0, 0)
    if not first <= last < total or length not in (None, last - first + 1):
        raise Problem(
            422,
            "Content-Range is not understood, or does not fit Content-Length.",
            "Write bytes FIRST-LAST/TOTAL with FIRST ≤ LAST < TOTAL; the body has LAST - FIRST + 1 bytes.",
            field="header.content-range",
            headers=_HANG_UP,
        )
    return _Span(first, total)


async def _receive(
    service: Service, principal: Principal, screening_id: str, request: Request, span: _Span, limit: int
) -> ScreeningTold:
    """Take the body in as a part of the screening's upload, or as all of it; queue the work when it is whole."""
    if span.total is not None and span.total > limit:
        raise _too_large(limit)
    path = service.settings.uploads / screening_id
    try:
        with _growing(path, span.first) as part:
            await to_thread.run_sync(part.catch_up)
            await _take_in(part, request, span, limit, service.settings.upload_idle_s)
            if span.total is not None and part.size < span.total:
                return await to_thread.run_sync(_so_far, service, principal, screening_id)
            return await to_thread.run_sync(_take_over, service, principal, screening_id, part)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Problem(
            507, "There is no room to store the file.", "Tell who runs this service.", headers=_HANG_UP
        ) from error
    except Problem as problem:
        if problem.status in (413, 422):
            path.unlink(missing_ok=True)
        raise


@dataclass(slots=True)
class _Part:
    """A file that grows, and the hash of all that is in it."""

    path: Path
    file: BinaryIO
    size: int
    sha256: Any = field(default_factory=hashlib.sha256)

    def catch_up(self) -> None:
        """Hash what is there already."""
        self.file.seek(0)
        while piece := self.file.read(_MB):
            self.sha256.update(piece)

    def add(self, piece: bytes) -> None:
        self.file.write(piece)
        self.sha256.update(piece)
        self.size += len(piece)


@contextmanager
def _growing(path: Path, first: int) -> Iterator[_Part]:
    """The file of an upload, to be written on from `first`; nobody else writes to it meanwhile."""
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:  # noqa: PTH123
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Problem(
                409, "Another request is uploading it right now.", "Wait until that one has ended.", headers=_HANG_UP
            ) from error
        there = file.seek(0, os.SEEK_END)
        if first not in (0, there):
            raise Problem(
                416,
                f"{there} bytes have arrived, and this part begins at {first}.",
                f"Begin at {there}, or at 0 to send all of it again.",
                headers={"content-range": f"bytes */{there}", **_HANG_UP},
            )
        file.truncate(first)
        yield _Part(path, file, first)


async def _take_in(part: _Part, request: Request, span: _Span, limit: int, idle_s: float) -> None:
    """Write what comes. What has come before a connection is cut stays."""
    loop = asyncio.get_running_loop()
    held = bytearray()
    try:
        async with asyncio.timeout(idle_s) as patience:
            async for piece in request.stream():
                patience.reschedule(loop.time() + idle_s)
                held += piece
                if part.size + len(held) > limit:
                    raise _too_large(limit)
                if span.total is not None and part.size + len(held) > span.total:
                    raise Problem(
                        422, "More bytes came than were announced.", "Send it from the beginning.", headers=_HANG_UP
                    )
                if len(held) >= _MB:
                    await to_thread.run_sync(part.add, bytes(held))
                    held.clear()
    except TimeoutError as error:
        raise Problem(
            408, f"Nothing came for {idle_s:.0f} seconds.", "Go on from where it stopped.", headers=_HANG_UP
        ) from error
    except ClientDisconnect as error:
        # Nobody reads this answer; the log does.
        raise Problem(408, "The connection was cut.", "Go on from where it was cut.") from error
    finally:
        UPLOADED_BYTES.inc(part.size + len(held) - span.first)
        part.add(bytes(held))
        part.file.flush()


def _so_far(service: Service, principal: Principal, screening_id: str) -> ScreeningTold:
    with service.database.sessions() as session:
        return screening_told(session, screening_of(session, principal, screening_id))


def _take_over(service: Service, principal: Principal, screening_id: str, part: _Part) -> ScreeningTold:
    """The upload is whole: check it against what was said of it, store it, and queue the work."""
    sha256 = part.sha256.hexdigest()
    with service.database.sessions() as session:
        screening = screening_of(session, principal, screening_id)
        _check(screening, part.size, sha256)
    os.fsync(part.file.fileno())
    try:
        service.files.put(part.path, principal.clinic_id, screening_id, sha256)
    except FileNotFoundError as error:
        raise Problem(404, "The screening was deleted meanwhile.", "Make a new one.") from error
    with service.database.changing() as session:
        found = session.get(Screening, screening_id)
        if found is None:
            service.files.remove(principal.clinic_id, screening_id)
            raise Problem(404, "The screening was deleted meanwhile.", "Make a new one.")
        if found.state != "awaiting_upload":
            raise Problem(409, "The screening has its recording already.", "Make a new screening for another one.")
        session.add(
            StoredFile(
                clinic_id=found.clinic_id,
                screening_id=found.id,
                name=RECORDING if found.kind == "video" else "landmarks.parquet",
                sha256=sha256,
                bytes=part.size,
                shows_person=found.kind == "video",
            )
        )
        found.sha256, found.uploaded_at = sha256, now()
        days = keep_days(session, service.settings, found.clinic_id)
        found.delete_video_at = found.uploaded_at + timedelta(days=days)
        queue(session, found)
        note(session, principal, "uploaded", "screening", found.id, bytes=part.size)
        session.flush()
        return screening_told(session, found)


def _check(screening: Screening, size: int, sha256: str) -> None:
    again = "Send it from the beginning."
    if size == 0:
        raise Problem(422, "The file is empty.", again, field="body")
    if screening.declared_bytes not in (None, size):
        raise Problem(422, f"{screening.declared_bytes} bytes were announced, {size} came.", again, field="body")
    if screening.declared_sha256 not in (None, sha256):
        raise Problem(422, f"The content is not what was announced: its SHA-256 is {sha256}.", again, field="body")


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        f"The file is larger than the {limit // _MB} MB that one may have.",
        "Send a shorter recording, or one of a smaller size such as 1080p.",
        headers=_HANG_UP,
    )
