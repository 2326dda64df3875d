"""What is deleted and when: recordings after their time, uploads that were not finished, a person who asks for it.

Rows go first, files after them. If the service dies in between, the sweeper finds the files that no row names.
"""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.access import Principal
from api.files import Files
from api.records.audit import note
from api.records.database import Database
from api.records.models import Clinic, Job, Screening, StoredFile, Subject
from api.records.types import AWAY, now, why_away
from api.settings import Settings

__all__ = [
    "RECORDING",
    "Sweeper",
    "erase_screening",
    "erase_subject",
    "forget_recording",
    "keep_days",
    "remove_unnamed",
]

_log = structlog.get_logger()

#: The name of the row of an uploaded recording.
RECORDING = "video"

_AT_WORK = ("queued", "running")

# A minute late is of no matter where days are counted.
_SWEEP_S = 60.0


def keep_days(session: Session, settings: Settings, clinic_id: str) -> int:
    """How many days this clinic keeps recordings."""
    clinic = session.get(Clinic, clinic_id)
    return settings.keep_days if clinic is None or clinic.retention_days is None else clinic.retention_days


def forget_recording(session: Session, screening: Screening) -> None:
    """Delete the rows of the recording and of every file that shows the person. The numbers stay."""
    pictures = (StoredFile.name == RECORDING) | StoredFile.shows_person
    session.execute(delete(StoredFile).where(StoredFile.screening_id == screening.id, pictures))
    if screening.uploaded_at is not None and screening.kind == "video":
        screening.video_deleted_at = now()
    screening.delete_video_at = None


def remove_unnamed(database: Database, files: Files, clinic_id: str, screening_id: str) -> None:
    """Remove the files of a screening that no row names, unless somebody works on it who may just be storing them."""
    there = files.names(clinic_id, screening_id)
    with database.sessions() as session:
        screening = session.get(Screening, screening_id)
        at_work = select(Job.id).where(Job.screening_id == screening_id, Job.state.in_(_AT_WORK))
        if (screening is not None and screening.state == "awaiting_upload") or session.scalar(at_work) is not None:
            return
        named = set(session.scalars(select(StoredFile.sha256).where(StoredFile.screening_id == screening_id)))
    for sha256 in there - named:
        files.remove(clinic_id, screening_id, sha256)


def erase_screening(
    database: Database, files: Files, settings: Settings, principal: Principal, screening_id: str
) -> bool:
    """Delete a screening with all that belongs to it, but the line in the audit trail; whether there was one."""
    with database.changing() as session:
        screening = session.get(Screening, screening_id)
        if screening is None or screening.clinic_id != principal.clinic_id:
            return False
        note(session, principal, "deleted", "screening", screening.id)
        session.delete(screening)
    _remove_files(database, files, settings, principal.clinic_id, [screening_id])
    return True


def erase_subject(database: Database, files: Files, settings: Settings, principal: Principal, subject_id: str) -> bool:
    """Delete a person with all that belongs to them, but the line in the audit trail; whether there was one."""
    with database.changing() as session:
        subject = session.get(Subject, subject_id)
        if subject is None or subject.clinic_id != principal.clinic_id:
            return False
        screenings = list(session.scalars(select(Screening.id).where(Screening.subject_id == subject.id)))
        note(session, principal, "deleted", "subject", subject.id, screenings=len(screenings))
        session.delete(subject)
    _remove_files(database, files, settings, principal.clinic_id, screenings)
    return True


def _remove_files(database: Database, files: Files, settings: Settings, clinic_id: str, screenings: list[str]) -> None:
    for screening_id in screenings:
        files.remove(clinic_id, screening_id)
        (settings.uploads / screening_id).unlink(missing_ok=True)
    database.scrub()


class Sweeper:
    """A thread that deletes what has had its time: at the start, and every minute from then on."""

    def __init__(self, settings: Settings, database: Database, files: Files) -> None:
        self._settings = settings
        self._database = database
        self._files = files
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def open(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        looked = False
        while not self._closing.is_set():
            try:
                if not looked:
                    self.tidy()
                    looked = True
                self.sweep()
            except AWAY as error:
                _log.warning("database away", why=why_away(error))
            except Exception as error:
                _log.error("sweeper", error=type(error).__name__, exc_info=error)
            self._closing.wait(_SWEEP_S)

    def tidy(self) -> None:
        """Remove what a service that died between a row and its file has left of screenings that there are."""
        for clinic_id, screening_id in list(self._files.screenings()):
            if self._closing.is_set():
                return
            remove_unnamed(self._database, self._files, clinic_id, screening_id)

    def sweep(self) -> None:
        """Delete all that has had its time."""
        self._old_recordings()
        self._unfinished_uploads()
        self._orphans()

    def _old_recordings(self) -> None:
        at_work = select(Job.screening_id).where(Job.state.in_(_AT_WORK))
        due = select(Screening).where(Screening.delete_video_at <= now(), Screening.id.not_in(at_work))
        with self._database.changing() as session:
            gone = list(session.scalars(due))
            for screening in gone:
                forget_recording(session, screening)
                note(session, None, "deleted", "recording", screening.id, clinic_id=screening.clinic_id)
        for screening in gone:
            remove_unnamed(self._database, self._files, screening.clinic_id, screening.id)
        if gone:
            self._database.scrub()
            _log.info("recordings deleted", count=len(gone))

    def _unfinished_uploads(self) -> None:
        oldest = now() - timedelta(hours=self._settings.unfinished_hours)
        stale = select(Screening).where(Screening.state == "awaiting_upload", Screening.created_at < oldest)
        with self._database.changing() as session:
            for screening in session.scalars(stale):
                session.delete(screening)
        with self._database.sessions() as session:
            for part in self._settings.uploads.iterdir():
                waiting = session.get(Screening, part.name)
                in_use = waiting is not None and waiting.state == "awaiting_upload"
                # What somebody has just written to is left for the next round.
                if not in_use and time.time() - part.stat().st_mtime > _SWEEP_S:
                    part.unlink(missing_ok=True)

    def _orphans(self) -> None:
        found = list(self._files.screenings())
        with self._database.sessions() as session:
            known = set(session.scalars(select(Screening.id)))
        for clinic_id, screening_id in found:
            if screening_id not in known:
                self._files.remove(clinic_id, screening_id)
