"""A screening as answers tell it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import case, select
from sqlalchemy.orm import Session

from api.analysis import PLAIN
from api.records.models import Job, Screening, StoredFile
from api.retention import RECORDING
from api.routes.forms import Told

__all__ = ["FailureTold", "ProgressOfJob", "ScreeningTold", "progress_of", "screening_told", "screenings_told"]

State = Literal["awaiting_upload", "queued", "running", "done", "failed", "cancelled"]


class FailureTold(BaseModel):
    """Why there is no result."""

    kind: str = Field(examples=["UnreadableVideo"])
    message: str = Field(examples=["squat.mp4 is not a video, or its beginning or end is missing."])
    what_to_do: str = Field(examples=["Send the original file again, or record it once more as MP4, MOV or WebM."])


class ProgressOfJob(BaseModel):
    """How far it is."""

    state: State
    doing: str = Field(examples=["looking closely"])
    share: float = Field(ge=0, le=1, examples=[0.42])


class FileTold(Told):
    """A file of the report, to be had at `/v1/screenings/{id}/report/{name}`."""

    name: str = Field(examples=["report.pdf"])
    bytes: int
    sha256: str


class ScreeningTold(BaseModel):
    """One recording and what came of it."""

    id: str
    subject_id: str
    kind: Literal["video", "landmarks", "live"]
    name: str = Field(examples=["squat.mp4"])
    progress: ProgressOfJob
    failure: FailureTold | None
    settings: dict[str, Any]
    programme: str
    recorded_on: date | None
    created_at: datetime
    uploaded_at: datetime | None
    result_at: datetime | None
    sha256: str | None = Field(description="Of the upload, once it is whole.")
    has_recording: bool
    has_film: bool
    delete_video_at: datetime | None = Field(description="When the recording and the pictures from it are deleted.")
    video_deleted_at: datetime | None
    files: list[FileTold]


# A correction that is taken back queues the work of before it again: what is under way counts, however old its row.
_LATEST_LAST = (case((Job.state.in_(("queued", "running")), 1), else_=0), Job.id)


def progress_of(session: Session, screening: Screening) -> ProgressOfJob:
    """How far the screening is, as its latest job tells."""
    jobs = session.scalars(select(Job).where(Job.screening_id == screening.id).order_by(*_LATEST_LAST)).all()
    return _progress(screening, jobs[-1] if jobs else None)


def screening_told(session: Session, screening: Screening) -> ScreeningTold:
    """A screening as the API tells it."""
    return screenings_told(session, [screening])[0]


def screenings_told(session: Session, screenings: Sequence[Screening]) -> list[ScreeningTold]:
    """Many screenings; their jobs and files are asked for once, not for each."""
    ids = [screening.id for screening in screenings]
    jobs = {
        job.screening_id: job
        for job in session.scalars(select(Job).where(Job.screening_id.in_(ids)).order_by(*_LATEST_LAST))
    }
    stored: dict[str, list[StoredFile]] = {each: [] for each in ids}
    for file in session.scalars(select(StoredFile).where(StoredFile.screening_id.in_(ids)).order_by(StoredFile.name)):
        stored[file.screening_id].append(file)
    return [_told(screening, jobs.get(screening.id), stored[screening.id]) for screening in screenings]


def _progress(screening: Screening, job: Job | None) -> ProgressOfJob:
    if job is None:
        ended = screening.state != "awaiting_upload"
        return ProgressOfJob(state=screening.state, doing="done" if ended else "waiting", share=float(ended))  # type: ignore[arg-type]
    return ProgressOfJob(state=screening.state, doing=job.doing, share=job.share)  # type: ignore[arg-type]


def _told(screening: Screening, job: Job | None, stored: Sequence[StoredFile]) -> ScreeningTold:
    names = {file.name for file in stored}
    same = ("id", "subject_id", "kind", "name", "settings", "programme", "recorded_on", "created_at", "uploaded_at")
    return ScreeningTold(
        **{name: getattr(screening, name) for name in (*same, "result_at", "sha256")},
        progress=_progress(screening, job),
        failure=FailureTold(**screening.failure) if screening.failure is not None else None,
        has_recording=RECORDING in names,
        has_film="annotated.mp4" in names,
        delete_video_at=screening.delete_video_at,
        video_deleted_at=screening.video_deleted_at,
        files=[FileTold.model_validate(file) for file in stored if _of_the_report(file.name, names)],
    )


def _of_the_report(name: str, names: set[str]) -> bool:
    if name == RECORDING or name == "annotated.mp4":
        return False
    # The report without pictures stands in for the one with pictures when that is gone.
    return not (name.startswith(PLAIN) and name.removeprefix(PLAIN) in names)
