"""Jobs: a row is worked on by one at a time, taken over from who died, and ends once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from api.access import PERSONAL_CLINIC_ID
from api.analysis import Died, Done, Failed, Outcome, Stopped, Work, Written
from api.context import Service
from api.jobs import Workshop, queue
from api.records.models import Correction, Job, Screening, StoredFile, Subject
from api.records.types import now
from api.retention import RECORDING
from tests.api.conftest import Scripted

Tell = Callable[[str, float], bool]

_DONE = Done('{"trials": []}', ())
_UNREADABLE = Failed("UnreadableVideo", "It is no video.", "Send a video.")


def _queued(service: Service, name: str = "squat.mp4") -> str:
    """The id of a screening whose recording is here, with its job in the queue."""
    with service.database.changing() as session:
        subject = session.scalars(select(Subject)).first()
        assert subject is not None
        screening = Screening(
            clinic_id=PERSONAL_CLINIC_ID,
            subject_id=subject.id,
            name=name,
            settings={"side": "left", "pictures": True},
            created_by="personal",
            sha256="a" * 64,
            uploaded_at=now(),
        )
        session.add(screening)
        session.flush()
        session.add(
            StoredFile(
                clinic_id=PERSONAL_CLINIC_ID,
                screening_id=screening.id,
                name=RECORDING,
                sha256="a" * 64,
                bytes=3,
                shows_person=True,
            )
        )
        queue(session, screening)
        _store(service, screening.id, "a" * 64)
        return screening.id


def _store(service: Service, screening_id: str, sha256: str) -> None:
    path = service.settings.uploads / f"{screening_id}.{sha256[0]}"
    path.write_bytes(b"abc")
    service.files.put(path, PERSONAL_CLINIC_ID, screening_id, sha256)


def _worker(service: Service, performer: Scripted, **settings: object) -> Workshop:
    defaults = {"workers": 1, "lease_s": 3.0}
    return Workshop(service.settings.model_copy(update=defaults | settings), service.database, service.files, performer)


def _wait(service: Service, screening_id: str, *states: str) -> Screening:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with service.database.sessions() as session:
            screening = session.get_one(Screening, screening_id)
            if screening.state in states:
                return screening
        time.sleep(0.05)
    raise AssertionError(f"the screening is still {screening.state}")


def _job(service: Service, screening_id: str) -> Job:
    with service.database.sessions() as session:
        return session.scalars(select(Job).where(Job.screening_id == screening_id)).one()


def test_a_job_gets_what_was_said_of_its_recording_and_keeps_what_comes_of_it(service: Service) -> None:
    screening_id = _queued(service)

    def write(work: Work, tell: Tell) -> Outcome:
        assert tell("looking", 0.5)
        _store(service, screening_id, "b" * 64)
        return Done('{"trials": [], "x": 0.1000000000000000055}', (Written("report.pdf", "b" * 64, 3, False),))

    performer = Scripted(write)
    workshop = _worker(service, performer)
    workshop.open()
    screening = _wait(service, screening_id, "done")
    workshop.close()

    assert screening.result == '{"trials": [], "x": 0.1000000000000000055}'
    assert [(work.name, work.settings, work.video) for work in performer.asked] == [
        ("squat.mp4", {"side": "left"}, "a" * 64)
    ]
    job = _job(service, screening_id)
    assert (job.state, job.attempts, job.share, job.lease) == ("done", 1, 1.0, None)
    # Retention is 0 days here: the recording went when the numbers were there.
    assert screening.video_deleted_at is not None
    assert service.files.names(PERSONAL_CLINIC_ID, screening_id) == {"b" * 64}


def test_many_workers_do_every_job_once(service: Service) -> None:
    ids = [_queued(service, f"{number}.mp4") for number in range(12)]
    performer = Scripted(lambda work, tell: _DONE)
    workshops = [_worker(service, performer, workers=3, lease_s=60.0) for _ in range(2)]
    for workshop in workshops:
        workshop.open()
    for screening_id in ids:
        _wait(service, screening_id, "done")
    for workshop in workshops:
        workshop.close()
    assert sorted(work.screening_id for work in performer.asked) == sorted(ids)


def test_a_job_whose_worker_died_with_its_machine_is_taken_over(service: Service) -> None:
    screening_id = _queued(service)
    with service.database.changing() as session:
        session.execute(
            update(Job).values(
                state="running", lease="of the dead", lease_until=now() + timedelta(seconds=1), attempts=1
            )
        )
    workshop = _worker(service, Scripted(lambda work, tell: _DONE))
    workshop.open()
    time.sleep(0.3)
    assert _job(service, screening_id).lease == "of the dead"  # it might live yet
    _wait(service, screening_id, "done")
    workshop.close()
    assert _job(service, screening_id).attempts == 2


def test_who_comes_back_late_changes_nothing(service: Service) -> None:
    screening_id = _queued(service)
    taken, over = threading.Event(), threading.Event()

    def sleep_through_the_lease(work: Work, tell: Tell) -> Outcome:
        taken.set()
        assert over.wait(30)
        return Done('{"trials": [], "from": "the late one"}', ())

    late = _worker(service, Scripted(sleep_through_the_lease))
    late.open()
    assert taken.wait(30)
    swift = _worker(service, Scripted(lambda work, tell: _DONE))
    swift.open()
    _wait(service, screening_id, "done")
    over.set()
    late.close()
    swift.close()
    with service.database.sessions() as session:
        assert session.get_one(Screening, screening_id).result == _DONE.result
    assert _job(service, screening_id).attempts == 2


def test_a_long_job_keeps_its_lease(service: Service) -> None:
    screening_id = _queued(service)

    def work_long(work: Work, tell: Tell) -> Outcome:
        until = time.monotonic() + 7  # more than two leases
        while time.monotonic() < until:
            assert tell("looking", 0.5)
            time.sleep(0.05)
        return _DONE

    performer = Scripted(work_long)
    workshops = [_worker(service, performer) for _ in range(2)]
    for workshop in workshops:
        workshop.open()
    _wait(service, screening_id, "done")
    for workshop in workshops:
        workshop.close()
    assert len(performer.asked) == 1


def test_a_recording_that_kills_its_process_is_given_up(service: Service) -> None:
    screening_id = _queued(service)
    performer = Scripted(lambda work, tell: Died("exit code -9"))
    workshop = _worker(service, performer)
    workshop.open()
    screening = _wait(service, screening_id, "failed")
    workshop.close()
    assert len(performer.asked) == 5
    assert screening.failure is not None
    assert screening.failure["kind"] == "Crashed"


def test_a_recording_that_kills_the_whole_service_is_given_up(service: Service) -> None:
    screening_id = _queued(service)
    with service.database.changing() as session:
        session.execute(update(Job).values(state="running", lease="x", lease_until=now(), attempts=5))
    performer = Scripted(lambda work, tell: _DONE)
    workshop = _worker(service, performer)
    workshop.open()
    _wait(service, screening_id, "failed")
    workshop.close()
    assert performer.asked == []


def test_what_died_waits_behind_what_was_there(service: Service) -> None:
    names = {_queued(service, name): name for name in ("first.mp4", "second.mp4", "third.mp4")}

    def die_once(work: Work, tell: Tell) -> Outcome:
        return Died("exit code -9") if len(performer.asked) == 1 else _DONE

    performer = Scripted(die_once)
    workshop = _worker(service, performer)
    workshop.open()
    for screening_id in names:
        _wait(service, screening_id, "done")
    workshop.close()
    assert [work.name for work in performer.asked] == ["first.mp4", "second.mp4", "third.mp4", "first.mp4"]


def test_what_a_late_one_wrote_is_not_kept(service: Service) -> None:
    screening_id = _queued(service)

    def write_for_nothing(work: Work, tell: Tell) -> Outcome:
        _store(service, screening_id, "b" * 64)
        with service.database.changing() as session:
            session.execute(update(Job).values(state="cancelled", lease=None))
            session.execute(update(Screening).values(state="cancelled"))
        return _DONE

    workshop = _worker(service, Scripted(write_for_nothing))
    workshop.open()
    deadline = time.monotonic() + 30
    while service.files.names(PERSONAL_CLINIC_ID, screening_id) != {"a" * 64} and time.monotonic() < deadline:
        time.sleep(0.05)
    workshop.close()
    assert service.files.names(PERSONAL_CLINIC_ID, screening_id) == {"a" * 64}


def test_a_start_removes_files_that_no_row_names_but_none_that_may_get_one(service: Service) -> None:
    left, in_hand = _queued(service, "left.mp4"), _queued(service, "in hand.mp4")
    with service.database.changing() as session:
        session.execute(update(Job).where(Job.screening_id == left).values(state="done"))
    for screening_id in (left, in_hand):
        _store(service, screening_id, "b" * 64)
    service.sweeper.tidy()
    assert service.files.names(PERSONAL_CLINIC_ID, left) == {"a" * 64}
    assert service.files.names(PERSONAL_CLINIC_ID, in_hand) == {"a" * 64, "b" * 64}


def test_an_unreadable_recording_fails_at_once_and_is_not_kept(service: Service) -> None:
    screening_id = _queued(service)
    performer = Scripted(lambda work, tell: _UNREADABLE)
    workshop = _worker(service, performer, retention_days=30)
    workshop.open()
    screening = _wait(service, screening_id, "failed")
    workshop.close()
    assert len(performer.asked) == 1
    assert screening.failure == {"kind": "UnreadableVideo", "message": "It is no video.", "what_to_do": "Send a video."}
    assert service.files.names(PERSONAL_CLINIC_ID, screening_id) == set()


def test_an_error_of_our_own_is_tried_again(service: Service) -> None:
    screening_id = _queued(service)

    def fail_once(work: Work, tell: Tell) -> Outcome:
        if len(performer.asked) == 1:
            raise OSError("the store was away")
        return _DONE

    performer = Scripted(fail_once)
    workshop = _worker(service, performer)
    workshop.open()
    _wait(service, screening_id, "done")
    workshop.close()
    assert len(performer.asked) == 2


def _until_told_to_stop(work: Work, tell: Tell) -> Outcome:
    while tell("looking", 0.1):
        time.sleep(0.05)
    return Stopped()


def test_closing_puts_what_is_in_hand_back_into_the_queue(service: Service) -> None:
    screening_id = _queued(service)
    workshop = _worker(service, Scripted(_until_told_to_stop))
    workshop.open()
    _wait(service, screening_id, "running")
    workshop.close()
    job = _job(service, screening_id)
    assert (job.state, job.attempts, job.lease) == ("queued", 0, None)
    assert _wait(service, screening_id, "queued").failure is None


def test_calling_off_stops_what_is_in_hand(service: Service) -> None:
    screening_id = _queued(service)
    workshop = _worker(service, Scripted(_until_told_to_stop))
    workshop.open()
    _wait(service, screening_id, "running")
    with service.database.changing() as session:
        session.execute(update(Job).values(cancel_asked=True))
    _wait(service, screening_id, "cancelled")
    workshop.close()


def test_what_is_deleted_while_it_is_worked_on_leaves_no_file(service: Service) -> None:
    screening_id = _queued(service)

    def write_after_the_deletion(work: Work, tell: Tell) -> Outcome:
        with service.database.changing() as session:
            session.delete(session.get_one(Screening, screening_id))
        assert not tell("looking", 0.5) or not tell("looking", 0.6)
        _store(service, screening_id, "b" * 64)
        return _DONE

    performer = Scripted(write_after_the_deletion)
    workshop = _worker(service, performer, lease_s=0.01)
    workshop.open()
    deadline = time.monotonic() + 30
    while service.files.names(PERSONAL_CLINIC_ID, screening_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    workshop.close()
    assert len(performer.asked) == 1
    assert service.files.names(PERSONAL_CLINIC_ID, screening_id) == set()


def test_the_same_work_is_queued_once_and_other_work_anew(service: Service) -> None:
    screening_id = _queued(service)
    with service.database.changing() as session:
        screening = session.get_one(Screening, screening_id)
        assert queue(session, screening).id == queue(session, screening).id
        session.add(
            Correction(
                clinic_id=PERSONAL_CLINIC_ID,
                screening_id=screening_id,
                made_by="personal",
                change={"kind": "set_side", "side": "right"},
            )
        )
        session.flush()
        queue(session, screening)
    with service.database.sessions() as session:
        states = session.scalars(select(Job.state).order_by(Job.id)).all()
    # What was said before is not worked on any more.
    assert states == ["cancelled", "queued"]


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_failed_work_can_be_queued_again(service: Service, state: str) -> None:
    screening_id = _queued(service)
    with service.database.changing() as session:
        session.execute(update(Job).values(state=state, attempts=3, cancel_asked=True))
        screening = session.get_one(Screening, screening_id)
        screening.failure = {"kind": "x", "message": "x", "what_to_do": "x"}
        queue(session, screening)
    job = _job(service, screening_id)
    assert (job.state, job.attempts, job.cancel_asked) == ("queued", 0, False)
