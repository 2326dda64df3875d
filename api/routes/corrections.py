"""Corrections of a result by hand: each is kept with its reason, can be undone, and lets the result be read anew."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access import Principal, Reader, Writer
from api.jobs import queue
from api.problems import Problem, problems
from api.records.audit import note
from api.records.database import DbSession
from api.records.models import Correction, Screening, StoredFile
from api.records.types import now
from screener.changes import Change, check_change

__all__ = ["router"]

router = APIRouter(prefix="/v1/screenings/{screening_id}/corrections", tags=["corrections"])


class CorrectionGiven(BaseModel):
    """What to change, and why."""

    model_config = ConfigDict(extra="forbid", strict=True)

    change: Change = Field(examples=[{"kind": "drop_repetition", "at_s": 3.87}])
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] | None = Field(
        default=None, examples=["She reached for the wall."]
    )


class CorrectionTold(BaseModel):
    """A correction. It holds unless it was undone; of two that say different things the later one holds."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    made_by: str
    made_at: datetime
    change: dict[str, Any]
    reason: str | None
    undone_at: datetime | None


def _screening(db: Session, principal: Principal, screening_id: str) -> Screening:
    screening = db.get(Screening, screening_id)
    if screening is None or screening.clinic_id != principal.clinic_id:
        raise Problem(404, "There is no such screening.", "GET /v1/screenings lists those there are.")
    return screening


def _read_anew(db: Session, screening: Screening) -> None:
    """Queue the work: from the saved landmarks, so that it takes seconds and needs no video."""
    kept = select(StoredFile.id).where(StoredFile.screening_id == screening.id, StoredFile.name == "landmarks.parquet")
    if screening.result is None or db.scalar(kept) is None:
        raise Problem(409, "There is no result to correct yet.", "Wait until the recording has been analysed.")
    db.flush()
    queue(db, screening)


@router.get("", responses=problems(404))
def list_corrections(screening_id: str, principal: Reader, db: DbSession) -> list[CorrectionTold]:
    """Every correction of a result, the first one first, those undone too."""
    screening = _screening(db, principal, screening_id)
    rows = db.scalars(select(Correction).where(Correction.screening_id == screening.id).order_by(Correction.id))
    return [CorrectionTold.model_validate(row) for row in rows]


@router.post("", status_code=202, responses=problems(404, 409))
def correct(screening_id: str, given: CorrectionGiven, principal: Writer, db: DbSession) -> CorrectionTold:
    """Correct a result. It is read anew from the saved landmarks; follow it as any other analysis."""
    screening = _screening(db, principal, screening_id)
    if screening.result is not None:
        check_change(json.loads(screening.result), given.change)
    row = Correction(
        clinic_id=principal.clinic_id,
        screening_id=screening.id,
        made_by=principal.name,
        change=given.change.model_dump(),
        reason=given.reason or None,
    )
    db.add(row)
    _read_anew(db, screening)
    note(db, principal, "corrected", "screening", screening.id, correction=row.id, change=given.change.kind)
    db.commit()
    return CorrectionTold.model_validate(row)


@router.delete("/{correction_id}", status_code=202, responses=problems(404, 409))
def undo(screening_id: str, correction_id: str, principal: Writer, db: DbSession) -> CorrectionTold:
    """Undo a correction. It stays in the list; the result is read anew without it."""
    screening = _screening(db, principal, screening_id)
    row = db.get(Correction, correction_id)
    if row is None or row.screening_id != screening.id:
        raise Problem(404, "The screening has no such correction.", "GET its corrections.")
    if row.undone_at is not None:
        raise Problem(409, "This correction was undone already.", "Make a new one.")
    row.undone_at = now()
    _read_anew(db, screening)
    note(db, principal, "undid", "screening", screening.id, correction=row.id)
    db.commit()
    return CorrectionTold.model_validate(row)
