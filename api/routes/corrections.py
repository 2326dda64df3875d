"""What a person adds to a result: corrections, each kept and undone singly, and answers; then it is read anew."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access import Reader, Writer
from api.jobs import queue
from api.problems import Problem, problems
from api.records.audit import note
from api.records.database import DbSession
from api.records.models import Correction, Screening, StoredFile
from api.records.types import now
from api.routes.forms import Given, Id, Line, Told, screening_of
from api.routes.plans import IntakeGiven, Programme
from api.routes.told import ScreeningTold, screening_told
from screener.changes import Change, check_change

__all__ = ["router"]

router = APIRouter(prefix="/v1/screenings/{screening_id}", tags=["corrections"])


class CorrectionGiven(Given):
    """What to change, and why."""

    change: Change = Field(examples=[{"kind": "drop_repetition", "at_s": 3.87}])
    reason: Line | None = Field(default=None, examples=["She reached for the wall."])


class CorrectionTold(Told):
    """A correction. It holds unless it was undone; of two that say different things the later one holds."""

    id: str
    made_by: str
    made_at: datetime
    change: dict[str, Any]
    reason: str | None
    undone_at: datetime | None


def _read_anew(db: Session, screening: Screening) -> None:
    """Queue the work: from the saved landmarks, so that it takes seconds and needs no video."""
    kept = select(StoredFile.id).where(StoredFile.screening_id == screening.id, StoredFile.name == "landmarks.parquet")
    if screening.result is None or db.scalar(kept) is None:
        raise Problem(409, "There is no result to correct yet.", "Wait until the recording has been analysed.")
    db.flush()
    queue(db, screening)


@router.get("/corrections", responses=problems(404))
def list_corrections(screening_id: Id, principal: Reader, db: DbSession) -> list[CorrectionTold]:
    """Every correction of a result, the first one first, those undone too."""
    screening = screening_of(db, principal, screening_id)
    rows = db.scalars(select(Correction).where(Correction.screening_id == screening.id).order_by(Correction.id))
    return [CorrectionTold.model_validate(row) for row in rows]


@router.post("/corrections", status_code=202, responses=problems(404, 409))
def correct(screening_id: Id, given: CorrectionGiven, principal: Writer, db: DbSession) -> CorrectionTold:
    """Correct a result. It is read anew from the saved landmarks; follow it as any other analysis."""
    screening = screening_of(db, principal, screening_id)
    if screening.result is not None:
        check_change(json.loads(screening.result), given.change)
    row = Correction(
        clinic_id=principal.clinic_id,
        screening_id=screening.id,
        made_by=principal.name,
        change=given.change.model_dump(),
        reason=given.reason,
    )
    db.add(row)
    _read_anew(db, screening)
    note(db, principal, "corrected", "screening", screening.id, correction=row.id, change=given.change.kind)
    db.commit()
    return CorrectionTold.model_validate(row)


@router.delete("/corrections/{correction_id}", status_code=202, responses=problems(404, 409))
def undo(screening_id: Id, correction_id: Id, principal: Writer, db: DbSession) -> CorrectionTold:
    """Undo a correction. It stays in the list; the result is read anew without it."""
    screening = screening_of(db, principal, screening_id)
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


class AnswersGiven(Given):
    """A person's answers that came after the recording, and the programme to follow."""

    intake: IntakeGiven
    programme: Programme = "evidence"


@router.put("/intake", status_code=202, responses=problems(404, 409))
def answer(screening_id: Id, given: AnswersGiven, principal: Writer, db: DbSession) -> ScreeningTold:
    """Give or change the answers that a plan rests on. The result is read anew, with its plan."""
    screening = screening_of(db, principal, screening_id)
    given.intake.checked()
    screening.intake = given.intake.model_dump(exclude_none=True)
    screening.programme = given.programme
    _read_anew(db, screening)
    note(db, principal, "answered", "screening", screening.id)
    db.commit()
    return screening_told(db, screening)
