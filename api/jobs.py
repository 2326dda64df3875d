"""Jobs: rows are the truth. Whoever works claims a row by a lease, keeps it alive, and lets go when it is done.

A worker that dies, with its machine or without, stops renewing its leases; when they run out another claims the
rows. A result is written together with the end of its job, in one transaction, and only by the holder of the
lease; so a job ends once, whatever is killed when. While the database is away the work goes on, and its end waits.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from datetime import timedelta
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog
from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from api.access import PERSONAL_CLINIC_ID
from api.analysis import Died, Done, Failed, Limits, Outcome, Stopped, Work, perform
from api.files import Files
from api.metrics import JOB_SECONDS, JOBS_ENDED
from api.records.database import Database
from api.records.models import ME, Correction, Job, Screening, StoredFile, Subject
from api.records.types import AWAY, new_id, now, why_away
from api.retention import RECORDING, forget_recording, keep_days, remove_unnamed
from api.settings import Settings
from screener.data import data_path
from screener.errors import WrongUse

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Performer", "Workshop", "queue"]

_log = structlog.get_logger()

# A process can die through no fault of its recording: of twenty uploads, ten kills at instants of chance took one in
# ten three times (tests/api/test_killed.py). Five times is no accident.
_TRIES = 5

# How often somebody with nothing to do asks for work.
_LOOK_S = 0.5

# How long at most between two tries while the database is away.
_LONGEST_PAUSE_S = 8.0

_Answer = TypeVar("_Answer")


def queue(session: Session, screening: Screening) -> Job:
    """Put the work on a screening into the queue: once for the same content, settings, corrections and versions.

    Whatever was still under way for it is called off. The caller commits.
    """
    key = _key(screening, _changes(session, screening.id))
    session.execute(
        update(Job)
        .where(Job.screening_id == screening.id, Job.key != key, Job.state.in_(("queued", "running")))
        .values(state="cancelled", ended_at=now(), lease=None, lease_until=None)
    )
    job = session.scalar(select(Job).where(Job.screening_id == screening.id, Job.key == key))
    if job is None:
        kind = "screen" if screening.result is None else "rescreen"
        job = Job(clinic_id=screening.clinic_id, screening_id=screening.id, key=key, kind=kind, state="queued")
        session.add(job)
    elif job.state not in ("queued", "running"):
        job.state, job.attempts, job.cancel_asked, job.ended_at = "queued", 0, False, None
        job.doing, job.share = "waiting", 0.0
    screening.state = job.state
    screening.failure = None
    return job


def _changes(session: Session, screening_id: str) -> tuple[dict[str, Any], ...]:
    made = select(Correction.change).where(Correction.screening_id == screening_id, Correction.undone_at.is_(None))
    return tuple(session.scalars(made.order_by(Correction.id)))


def _key(screening: Screening, changes: tuple[dict[str, Any], ...]) -> str:
    said = [screening.settings, screening.intake, screening.programme, changes]
    settings = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return f"{screening.sha256}.{settings[:16]}.{_versions()}"


@cache
def _versions() -> str:
    """The same program and models have the same text."""
    models = data_path("models", "manifest.json").read_bytes()
    return hashlib.sha256(version("screener").encode() + models).hexdigest()[:16]


class Performer(Protocol):
    """Whoever does the work: this machine, or a cluster."""

    def perform(self, work: Work, tell: Callable[[str, float], bool]) -> Outcome:
        """Do it, telling how far it is; stop when told to."""

    def close(self) -> None:
        """Let go."""


class _Here:
    def perform(self, work: Work, tell: Callable[[str, float], bool]) -> Outcome:
        return perform(work, tell)

    def close(self) -> None:
        pass


class _Cluster:
    """The workers of a Dask scheduler. It connects when the first job comes, and again when the scheduler was lost."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._client: Client | None = None

    def perform(self, work: Work, tell: Callable[[str, float], bool]) -> Outcome:
        try:
            future: Future[Outcome] = self._connected().get_executor(pure=False).submit(_on_a_worker, work)
        except OSError as error:
            _log.warning("the cluster does not answer", error=type(error).__name__)
            self._forget()
            return Stopped()
        while not future.done():
            if not tell("on the cluster", 0.0):
                future.cancel()
                return Stopped()
            time.sleep(_LOOK_S)
        try:
            return future.result()
        except CancelledError:  # The scheduler was lost, and what it knew.
            self._forget()
            return Stopped()
        except Exception as error:
            _log.error("job on the cluster", error=type(error).__name__, exc_info=error)
            return Died(f"{type(error).__name__} on the cluster")

    def close(self) -> None:
        self._forget()

    def _connected(self) -> Client:
        with self._lock:
            if self._client is None:
                try:
                    from distributed import Client
                except ImportError as error:
                    raise WrongUse(
                        "Dask is not installed.", "Install screener[cluster] here and on every worker."
                    ) from error
                self._client = Client(self._address, timeout=10, set_as_default=False)
            return self._client

    def _forget(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()


def _on_a_worker(work: Work) -> Outcome:
    # A nanny starts its worker as a daemon, which may have no children. Ours does not outlive the worker all the same.
    multiprocessing.current_process().daemon = False
    return perform(work, lambda doing, share: True)


class Workshop:
    """The workers of this process: each a thread that claims a job, has it done, and claims the next."""

    def __init__(
        self, settings: Settings, database: Database, files: Files, performer: Performer | None = None
    ) -> None:
        self._settings = settings
        self._database = database
        self._files = files
        self._closing = threading.Event()
        self._performer = performer or (_Cluster(settings.scheduler) if settings.scheduler else _Here())
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(settings.workers)
        ]

    def open(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop: what is in hand goes back into the queue."""
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._performer.close()

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                claimed = self._claim()
                if claimed is None:
                    self._closing.wait(_LOOK_S)
                else:
                    self._do(*claimed)
            except AWAY as error:
                _log.warning("database away", why=why_away(error))
                self._closing.wait(_LOOK_S * 4)
            except Exception as error:
                # The job's lease runs out and it is claimed again.
                _log.error("worker", error=type(error).__name__, exc_info=error)
                self._closing.wait(_LOOK_S * 4)

    def _claim(self) -> tuple[str, str, int] | None:
        """A job that nobody works on: its id, the lease by which it is ours now, and the how manieth attempt it is."""
        with self._database.sessions() as session:
            if session.scalar(_first_free()) is None:
                return None
        with self._database.changing() as session:
            session.connection()  # On SQLite this waits for its turn: the lease begins behind that.
            lease, at = new_id(), now()
            taken = session.execute(
                # One statement, so that of two who ask at once one gets it: it is looked at again under the lock.
                update(Job)
                .where(Job.id == _first_free().scalar_subquery(), _is_free())
                .values(
                    state="running",
                    lease=lease,
                    lease_until=at + timedelta(seconds=self._settings.lease_s),
                    attempts=Job.attempts + 1,
                    started_at=at,
                    doing="starting",
                    share=0.0,
                )
                .returning(Job.id, Job.screening_id, Job.attempts)
                .execution_options(synchronize_session=False)
            ).first()
            if taken is None:
                return None
            session.execute(update(Screening).where(Screening.id == taken.screening_id).values(state="running"))
        _log.info("job claimed", job=taken.id, attempt=taken.attempts)
        return taken.id, lease, taken.attempts

    def _do(self, job_id: str, lease: str, attempts: int) -> None:
        began = time.monotonic()
        work = self._patiently(lambda: self._work_of(job_id))
        if work is None:
            return  # Deleted in between.
        told_at = 0.0

        def tell(doing: str, share: float) -> bool:
            nonlocal told_at
            if self._closing.is_set():
                return False
            # Often enough to be watched, and several times within a lease.
            if time.monotonic() - told_at < min(1.0, self._settings.lease_s / 4):
                return True
            told_at = time.monotonic()
            try:
                return self._renew(job_id, lease, doing, share)
            except AWAY as error:
                # The lease may run out meanwhile; whether it is still ours is asked when the database is back.
                _log.warning("database away", job=job_id, why=why_away(error))
                return True

        outcome: Outcome
        if attempts > _TRIES:
            # Those who tried before could not even tell how it ended: it took their whole process with it.
            outcome = Died("the service itself died")
        else:
            try:
                outcome = self._performer.perform(work, tell)
            except Exception as error:
                _log.error("job", job=job_id, error=type(error).__name__, exc_info=error)
                outcome = Died(type(error).__name__)
        how = self._patiently(lambda: self._end(job_id, lease, work, outcome))
        JOBS_ENDED.labels(how).inc()
        JOB_SECONDS.observe(time.monotonic() - began)
        _log.info("job ended", job=job_id, how=how, seconds=round(time.monotonic() - began, 1))

    def _patiently(self, ask: Callable[[], _Answer]) -> _Answer:
        """Ask the database again and again while it is away, until the service closes.

        What is asked must be harmless to ask twice: a change may have been made though nobody could say so any more.
        """
        pause_s = _LOOK_S
        while True:
            try:
                return ask()
            except AWAY as error:
                _log.warning("database away", why=why_away(error))
                if self._closing.wait(pause_s):
                    raise
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _work_of(self, job_id: str) -> Work | None:
        with self._database.sessions() as session:
            row = session.execute(
                select(Screening, Subject)
                .join(Job, Job.screening_id == Screening.id)
                .join(Subject, Screening.subject_id == Subject.id)
                .where(Job.id == job_id)
            ).first()
            if row is None:
                return None
            screening, subject = row
            kept = dict(
                session.execute(
                    select(StoredFile.name, StoredFile.sha256).where(StoredFile.screening_id == screening.id)
                ).all()
            )
            settings = dict(screening.settings)
            return Work(
                files_url=self._files.url,
                clinic_id=screening.clinic_id,
                screening_id=screening.id,
                name=screening.name,
                video=kept.get(RECORDING),
                landmarks=kept.get("landmarks.parquet"),
                subject_code=None if (subject.clinic_id, subject.code) == (PERSONAL_CLINIC_ID, ME) else subject.code,
                height_m=subject.height_m,
                intake=screening.intake,
                programme=screening.programme,
                pictures=bool(settings.pop("pictures", True))
                and keep_days(session, self._settings, screening.clinic_id) > 0,
                settings=settings,
                limits=Limits(self._settings.job_memory_mb, self._settings.job_cpu_s, self._settings.job_wall_s),
                changes=_changes(session, screening.id),
            )

    def _renew(self, job_id: str, lease: str, doing: str, share: float) -> bool:
        """Keep the lease and tell how far it is; whether it is still ours and wanted."""
        with self._database.changing() as session:
            wanted = session.execute(
                update(Job)
                .where(Job.id == job_id, Job.lease == lease, Job.cancel_asked.is_(False))
                .values(doing=doing, share=share, lease_until=now() + timedelta(seconds=self._settings.lease_s))
                .returning(Job.id)
            ).first()
        return wanted is not None

    def _end(self, job_id: str, lease: str, work: Work, outcome: Outcome) -> str:
        """Write what came of it, if the job is still ours; else throw it away."""
        with self._database.changing() as session:
            job = session.scalar(select(Job).where(Job.id == job_id, Job.lease == lease).with_for_update())
            screening = session.get(Screening, work.screening_id)
            if screening is None:
                self._files.remove(work.clinic_id, work.screening_id)
                return "deleted"
            how = "lost" if job is None else self._close(session, job, screening, outcome)
        remove_unnamed(self._database, self._files, work.clinic_id, work.screening_id)
        return how

    def _close(self, session: Session, job: Job, screening: Screening, outcome: Outcome) -> str:
        """Let go of a job of ours and say how it ended; `queued` where it did not."""
        job.state = screening.state = how = self._verdict(job, outcome)
        job.lease = job.lease_until = None
        if how == "queued":
            return how
        job.ended_at = now()
        if isinstance(outcome, Done):
            job.doing, job.share = "done", 1.0
            _keep(session, screening, outcome)
        else:
            screening.failure = _failure(outcome)
        days = keep_days(session, self._settings, screening.clinic_id)
        if days == 0 or isinstance(outcome, Failed):
            # Not to be kept, or of no use to anybody.
            forget_recording(session, screening)
        elif screening.uploaded_at is not None:
            screening.delete_video_at = screening.uploaded_at + timedelta(days=days)
        return how

    @staticmethod
    def _verdict(job: Job, outcome: Outcome) -> str:
        if isinstance(outcome, Done):
            return "done"
        if job.cancel_asked:
            return "cancelled"
        if isinstance(outcome, Stopped):
            job.attempts -= 1  # The service closes, or the cluster is away: no fault of the job's.
            job.started_at = None
            return "queued"
        if isinstance(outcome, Died) and job.attempts < _TRIES:
            return "queued"
        return "failed"


def _is_free() -> ColumnElement[bool]:
    return or_(Job.state == "queued", and_(Job.state == "running", Job.lease_until < now()))


def _first_free() -> Select[str]:
    # What was begun before and did not come to its end waits behind what was there by then, and holds nobody up.
    return select(Job.id).where(_is_free()).order_by(func.coalesce(Job.started_at, Job.created_at), Job.id).limit(1)


def _keep(session: Session, screening: Screening, done: Done) -> None:
    screening.result, screening.result_at, screening.failure = done.result, now(), None
    session.execute(delete(StoredFile).where(StoredFile.screening_id == screening.id, StoredFile.name != RECORDING))
    session.add_all(
        StoredFile(
            clinic_id=screening.clinic_id,
            screening_id=screening.id,
            name=written.name,
            sha256=written.sha256,
            bytes=written.bytes,
            shows_person=written.shows_person,
        )
        for written in done.files
    )


def _failure(outcome: Failed | Died | Stopped) -> dict[str, str] | None:
    match outcome:
        case Failed(kind, message, what_to_do):
            return {"kind": kind, "message": message, "what_to_do": what_to_do}
        case Died():
            return {
                "kind": "Crashed",
                "message": "The process that analysed the recording died, more than once.",
                "what_to_do": "Its memory may not suffice for this recording: send it smaller, such as at 1080p.",
            }
        case Stopped():
            return None
