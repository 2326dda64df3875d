"""All that is kept of one person, as a zip that is sent while it is made: nothing of it lies on the disk."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from sqlalchemy import inspect, select

from api.files import Files
from api.records.database import Database
from api.records.models import AuditLine, Base, Consent, Correction, Screening, StoredFile, Subject

__all__ = ["export_subject"]

_CHUNK = 1024 * 1024


class _Outlet:
    """A file that can only be written to, and emptied."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nowhere to flush to."""

    def close(self) -> None:
        """There is nothing to close."""

    def taken(self) -> bytes:
        """What was written since the last call."""
        held, self._held = self._held, []
        return b"".join(held)


def export_subject(database: Database, files: Files, subject_id: str) -> Iterator[bytes]:
    """The zip in pieces: `person.json`, `consents.json`, `audit.json`, and a folder for each screening."""
    with database.sessions() as session:
        subject = session.get(Subject, subject_id)
        if subject is None:
            return
        consents = session.scalars(select(Consent).where(Consent.subject_id == subject_id)).all()
        screenings = session.scalars(
            select(Screening).where(Screening.subject_id == subject_id).order_by(Screening.id)
        ).all()
        ids = [screening.id for screening in screenings]
        of_them = AuditLine.object_id.in_([subject_id, *ids, *(each.id for each in consents)])
        trail = session.scalars(select(AuditLine).where(AuditLine.clinic_id == subject.clinic_id, of_them)).all()
        changes = session.scalars(select(Correction).where(Correction.screening_id.in_(ids))).all()
        stored = session.scalars(select(StoredFile).where(StoredFile.screening_id.in_(ids))).all()
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("person.json", _json(_plain(subject)))
        archive.writestr("consents.json", _json([_plain(each) for each in consents]))
        archive.writestr("audit.json", _json([_plain(each) for each in trail]))
        for screening in screenings:
            folder = f"screenings/{screening.id}"
            made = [_plain(each) for each in changes if each.screening_id == screening.id]
            archive.writestr(f"{folder}/entry.json", _json(_plain(screening, "result") | {"corrections": made}))
            for file in stored:
                if file.screening_id == screening.id:
                    # Recordings and reports are packed already.
                    entry = zipfile.ZipInfo(f"{folder}/{file.name}", file.created_at.timetuple()[:6])
                    with (
                        files.open(file.clinic_id, file.screening_id, file.sha256) as source,
                        archive.open(entry, "w", force_zip64=True) as target,
                    ):
                        while piece := source.read(_CHUNK):
                            target.write(piece)
                            yield outlet.taken()
            yield outlet.taken()
    yield outlet.taken()


def _plain(row: Base, *without: str) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in inspect(type(row)).columns if column.key not in without}


def _json(value: Any) -> str:
    def as_text(each: object) -> str:
        if isinstance(each, date | datetime):
            return each.isoformat()
        raise TypeError(type(each).__name__)

    return json.dumps(value, ensure_ascii=False, indent=2, default=as_text)
