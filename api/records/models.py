"""Every table. A clinic owns its rows; deleting a person's row takes all that hangs on it, but the audit trail."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from api.records.types import UtcDateTime, new_id, now

__all__ = [
    "ME",
    "ApiKey",
    "AuditLine",
    "Base",
    "Clinic",
    "Consent",
    "Correction",
    "IdempotencyKey",
    "Invitation",
    "Job",
    "Screening",
    "StoredFile",
    "Subject",
    "User",
    "UserSession",
]


#: The code of the one person of a personal installation, who needs no number.
ME = "me"


class Base(DeclarativeBase):
    """What all tables share: names for constraints, so that a later migration can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[str]: JSON,
    }


def _id() -> Mapped[str]:
    return mapped_column(String(36), primary_key=True, default=new_id)


def _of(column: str, *, null: bool = False) -> Mapped[Any]:
    """A reference that dies with what it refers to, or forgets it where it may be empty."""
    return mapped_column(
        String(36), ForeignKey(column, ondelete="SET NULL" if null else "CASCADE"), nullable=null, index=True
    )


class Clinic(Base):
    """A clinic; `personal` is the one of a personal installation."""

    __tablename__ = "clinics"

    id: Mapped[str] = _id()
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)
    # None: what the settings of the service say.
    retention_days: Mapped[int | None]


class User(Base):
    """An account of one clinic. Without a password it waits for its invitation to be taken up."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('admin', 'clinician', 'read_only')", "role"),)

    id: Mapped[str] = _id()
    clinic_id: Mapped[str] = _of("clinics.id")
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str | None] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_sign_in_at: Mapped[datetime | None]


class UserSession(Base):
    """A sign-in. The token itself is in the cookie alone."""

    __tablename__ = "user_sessions"

    id: Mapped[str] = _id()
    user_id: Mapped[str] = _of("users.id")
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ApiKey(Base):
    """A machine's key: what it may do, and since when it may no longer."""

    __tablename__ = "api_keys"

    id: Mapped[str] = _id()
    clinic_id: Mapped[str] = _of("clinics.id")
    created_by: Mapped[str | None] = _of("users.id", null=True)
    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16))
    key_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Invitation(Base):
    """A link by which a person sets a password: the first one (`invitation`) or a new one (`reset`)."""

    __tablename__ = "invitations"
    __table_args__ = (CheckConstraint("kind IN ('invitation', 'reset')", "kind"),)

    id: Mapped[str] = _id()
    user_id: Mapped[str] = _of("users.id")
    created_by: Mapped[str | None] = _of("users.id", null=True)
    kind: Mapped[str] = mapped_column(String(20))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Subject(Base):
    """A person who is recorded. `code` is the clinic's own number for them, and goes into results; `name` does not."""

    __tablename__ = "subjects"
    __table_args__ = (UniqueConstraint("clinic_id", "code"),)

    id: Mapped[str] = _id()
    clinic_id: Mapped[str] = _of("clinics.id")
    code: Mapped[str] = mapped_column(String(100))
    name: Mapped[str | None] = mapped_column(String(200))
    birth_year: Mapped[int | None]
    sex: Mapped[str | None] = mapped_column(String(10))
    height_m: Mapped[float | None]
    note: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Consent(Base):
    """That a person agreed to be recorded: when, how, to which text. Without one no video is taken."""

    __tablename__ = "consents"

    id: Mapped[str] = _id()
    clinic_id: Mapped[str] = _of("clinics.id")
    subject_id: Mapped[str] = _of("subjects.id")
    given_on: Mapped[date]
    how: Mapped[str] = mapped_column(String(20))
    text_version: Mapped[str] = mapped_column(String(50))
    recorded_by: Mapped[str] = mapped_column(String(200))
    recorded_at: Mapped[datetime] = mapped_column(default=now)
    withdrawn_at: Mapped[datetime | None]


class Screening(Base):
    """One recording of one person and what came of it. `state` follows its latest job."""

    __tablename__ = "screenings"
    __table_args__ = (
        CheckConstraint("kind IN ('video', 'landmarks', 'live')", "kind"),
        CheckConstraint("state IN ('awaiting_upload', 'queued', 'running', 'done', 'failed', 'cancelled')", "state"),
        Index("ix_screenings_clinic_id_id", "clinic_id", "id"),
        Index("ix_screenings_delete_video_at", "delete_video_at"),
    )

    id: Mapped[str] = _id()
    clinic_id: Mapped[str] = mapped_column(String(36), ForeignKey("clinics.id", ondelete="CASCADE"))
    subject_id: Mapped[str] = _of("subjects.id")
    kind: Mapped[str] = mapped_column(String(20), default="video")
    state: Mapped[str] = mapped_column(String(20), default="awaiting_upload")
    # As given: the file's name, how it was recorded, the settings of the analysis, the intake.
    name: Mapped[str] = mapped_column(String(255))
    recorded_on: Mapped[date | None]
    settings: Mapped[dict[str, Any]]
    intake: Mapped[dict[str, Any] | None]
    programme: Mapped[str] = mapped_column(String(100), default="evidence")
    declared_bytes: Mapped[int | None] = mapped_column(BigInteger)
    declared_sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str] = mapped_column(String(200))
    # Once the upload is whole.
    sha256: Mapped[str | None] = mapped_column(String(64))
    uploaded_at: Mapped[datetime | None]
    delete_video_at: Mapped[datetime | None]
    video_deleted_at: Mapped[datetime | None]
    # screening.json as text, every digit as the analysis wrote it.
    result: Mapped[str | None] = mapped_column(Text)
    result_at: Mapped[datetime | None]
    # Why there is no result: {type, message, what_to_do}.
    failure: Mapped[dict[str, Any] | None]


class Job(Base):
    """One piece of work on a screening. This row is the truth: whoever works holds it by a lease that runs out.

    `key` is content, settings and versions: the same work is never queued twice for a screening.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("screening_id", "key"),
        CheckConstraint("kind IN ('screen', 'rescreen')", "kind"),
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", "state"),
        Index("ix_jobs_state_id", "state", "id"),
    )

    id: Mapped[str] = _id()
    clinic_id: Mapped[str] = _of("clinics.id")
    screening_id: Mapped[str] = _of("screenings.id")
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20), default="queued")
    doing: Mapped[str] = mapped_column(String(50), default="waiting")
    share: Mapped[float] = mapped_column(default=0.0)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    cancel_asked: Mapped[bool] = mapped_column(default=False)
    # Who works on it, until when that counts; None unless running.
    lease: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class StoredFile(Base):
    """A file of a screening: the recording (`video`), or one of its report by the report's own file name."""

    __tablename__ = "stored_files"
    __table_args__ = (UniqueConstraint("screening_id", "name"),)

    id: Mapped[str] = _id()
    clinic_id: Mapped[str] = _of("clinics.id")
    screening_id: Mapped[str] = _of("screenings.id")
    name: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    # It shows the person, so it goes when the recording goes.
    shows_person: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Correction(Base):
    """What a person changed in a result, and why. Applied in order; the result is read anew each time."""

    __tablename__ = "corrections"

    id: Mapped[str] = _id()
    clinic_id: Mapped[str] = _of("clinics.id")
    screening_id: Mapped[str] = _of("screenings.id")
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(default=now)
    change: Mapped[dict[str, Any]]
    reason: Mapped[str | None] = mapped_column(Text)
    undone_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """A request that was answered already: the same key gives the same answer and does nothing again."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("clinic_id", "asked_by", "key"),)

    id: Mapped[str] = _id()
    clinic_id: Mapped[str] = _of("clinics.id")
    asked_by: Mapped[str] = mapped_column(String(200))
    key: Mapped[str] = mapped_column(String(200))
    request_sha256: Mapped[str] = mapped_column(String(64))
    screening_id: Mapped[str] = _of("screenings.id")
    created_at: Mapped[datetime] = mapped_column(default=now)


class AuditLine(Base):
    """Who did what to what, and when. Only ever added to: the database itself refuses change and deletion.

    It refers to nothing by foreign key, so it outlives what it tells of; it holds identifiers and no names.
    """

    __tablename__ = "audit_lines"
    __table_args__ = (Index("ix_audit_lines_clinic_id_id", "clinic_id", "id"),)

    id: Mapped[str] = _id()
    at: Mapped[datetime] = mapped_column(default=now)
    clinic_id: Mapped[str] = mapped_column(String(36))
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[str | None] = mapped_column(String(36))
    action: Mapped[str] = mapped_column(String(50))
    object_kind: Mapped[str] = mapped_column(String(30))
    object_id: Mapped[str | None] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    request_id: Mapped[str | None] = mapped_column(String(36))
