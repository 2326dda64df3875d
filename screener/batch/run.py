"""A batch from end to end: what is to do, who does it, what is known afterwards, and the tables made of that."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version

from screener.batch.crew import Crashed, hire, work_through
from screener.batch.folders import Folder, stamps
from screener.batch.manifest import Recording, find_recordings
from screener.batch.study import write_study
from screener.batch.tables import TAKEN_COLUMNS, Row, write_tables
from screener.batch.work import (
    LANDMARKS,
    RESULTS,
    Failure,
    Job,
    Outcome,
    do,
    landmarks_prefix,
    result_key,
    versions,
    versions_sha256,
)
from screener.errors import WrongUse
from screener.pipeline import Settings

__all__ = ["Finished", "Standing", "run_batch"]

# What is known of the files is written so often while the work goes on. It saves reading them again, no more:
# the results themselves tell what is done.
_NOTED_EVERY_S = 30.0

_INDEX = "index.json"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a batch stands: recordings in all, done before this run, done in it, and failed in it."""

    total: int
    before: int
    done: int
    failed: int


@dataclass(frozen=True, slots=True)
class Finished:
    """What a batch came to. `exit_code` is 0 where every recording was measured, else the worst failure's."""

    recordings: int
    screened: int
    failures: tuple[tuple[Recording, Failure], ...]

    @property
    def exit_code(self) -> int:
        return max((failure.exit_code for _, failure in self.failures), default=0)


def run_batch(
    source: str,
    out: str,
    settings: Settings | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    from_landmarks: bool = False,
    tell: Callable[[Standing], None] | None = None,
) -> Finished:
    """Screen every recording of a folder or a manifest, and write the tables.

    Args:
        source: a folder, or a manifest that ends in `.csv`; a path or a URL such as `s3://bucket/folder`.
        out: the folder for everything that is written; a path or a URL.
        settings: what holds for every recording of which the manifest says nothing else.
        workers: processes on this machine; None takes one a core.
        scheduler: the address of a Dask scheduler, whose workers do it instead.
        resume: `out` holds an earlier run: do what is missing, or was not done by these versions.
        from_landmarks: screen again from the landmarks in `out`, without any video.
        tell: called now and then.

    Raises:
        WrongUse: source, out or scheduler do not fit.
        ScreenerError: the scheduler was lost on the way.

    No single recording stops the others: what is wrong with one is in `failures.csv`.
    """
    started, clock_s = datetime.now(UTC), time.monotonic()
    settings = settings or Settings()
    folder = Folder(out)
    done = folder.names(RESULTS)
    if done and not (resume or from_landmarks):
        raise WrongUse(f"{out} holds the results of an earlier run.", "Add --resume, or give another folder.")
    index = _read_index(folder)
    recordings = find_recordings(source, TAKEN_COLUMNS, known=tuple(index) if from_landmarks else ())
    settings_of = [_settings(recording, settings) for recording in recordings]
    now = stamps(recording.address for recording in recordings)
    made_by = versions_sha256()

    landmarks = _newest(folder.names(LANDMARKS)) if from_landmarks else None
    sha256_of = {
        address: sha256 for address, (stamp, sha256) in index.items() if from_landmarks or now.get(address) == stamp
    }
    jobs, numbers, failures = _jobs(
        recordings, settings_of, sha256_of, folder.address(), done, landmarks, made_by, resume
    )
    before = len(recordings) - sum(map(len, numbers)) - len(failures)
    standing = Standing(len(recordings), before, 0, len(failures))
    show = tell or (lambda standing: None)
    show(standing)
    noted_s = time.monotonic()
    crew_size = None
    if jobs:
        with hire(workers, scheduler) as crew:
            crew_size = crew.room
            for result in work_through(do, jobs, crew):
                if result is not None:
                    number, outcome = result
                    if isinstance(outcome, Crashed):
                        outcome = Outcome(None, Failure.of(outcome), kept=False)
                    for each in numbers[number]:
                        if outcome.sha256 is not None and (address := recordings[each].address) in now:
                            index[address] = (now[address], outcome.sha256)
                        if outcome.failure is not None and not outcome.kept:
                            failures[each] = outcome.failure
                    failed = len(numbers[number]) if outcome.failure is not None else 0
                    standing = replace(
                        standing, done=standing.done + len(numbers[number]), failed=standing.failed + failed
                    )
                    if time.monotonic() - noted_s > _NOTED_EVERY_S:
                        folder.write_json(_INDEX, index)
                        noted_s = time.monotonic()
                show(standing)
    folder.write_json(_INDEX, index)

    rows = [
        Row(recording, None, failures[number])
        if number in failures
        else Row(recording, result_key(index[recording.address][1], settings_of[number], made_by))
        for number, recording in enumerate(recordings)
    ]
    finished = Finished(len(recordings), standing.done, tuple(write_tables(rows, folder)))
    write_study(folder, finished.failures, len(recordings))
    folder.write_json(
        "run.json",
        {
            "versions": {**versions(), "python": platform.python_version(), **_VERSIONS},
            "versions_sha256": made_by,
            "settings": {name: value for name, value in asdict(settings).items() if name != "subject"},
            "recordings": len(recordings),
            "recordings_sha256": _recordings_sha256(rows),
            "failures": len(finished.failures),
            "source": source,
            "this_run": {
                "started_at": started.isoformat(timespec="seconds"),
                "took_s": round(time.monotonic() - clock_s, 3),
                "screened": standing.done,
                "already_there": before,
                "resume": resume,
                "from_landmarks": from_landmarks,
                "workers": crew_size if scheduler is None else None,
                "scheduler": scheduler,
            },
            "machine": {
                "platform": platform.platform(),
                "processor": platform.machine(),
                "cores": os.cpu_count(),
            },
        },
        indent=2,
    )
    return finished


_VERSIONS = {name: version(name) for name in ("av", "numpy", "scipy", "pyarrow")}

Index = dict[str, tuple[str, str]]


def _read_index(folder: Folder) -> Index:
    """For each address the stamp that the file had, and the sha256 of its content then."""
    try:
        return {address: (stamp, sha256) for address, (stamp, sha256) in json.loads(folder.read(_INDEX)).items()}
    except (FileNotFoundError, ValueError):
        return {}


def _settings(recording: Recording, settings: Settings) -> Settings:
    return Settings(
        task=recording.task or settings.task,
        side=recording.side or settings.side,
        mirrored=settings.mirrored if recording.mirrored is None else recording.mirrored,
        second_look=settings.second_look,
    )


def _jobs(
    recordings: Sequence[Recording],
    settings_of: Sequence[Settings],
    sha256_of: dict[str, str],
    out: str,
    done: Collection[str],
    landmarks: dict[str, str] | None,
    made_by: str,
    resume: bool,
) -> tuple[list[Job], list[list[int]], dict[int, Failure]]:
    """What is to do, for which recordings (those of one content share a job), and what cannot be done."""
    jobs: dict[object, Job] = {}
    numbers: dict[object, list[int]] = {}
    failures: dict[int, Failure] = {}
    for number, (recording, settings) in enumerate(zip(recordings, settings_of, strict=True)):
        sha256 = sha256_of.get(recording.address)
        key = result_key(sha256, settings, made_by) if sha256 else None
        kept = landmarks.get(landmarks_prefix(sha256, settings)) if landmarks and sha256 else None
        # Without landmarks there is nothing that could come out otherwise than it did.
        if f"{key}.json" in done and (resume or kept is None):
            continue
        if landmarks is not None and kept is None:
            failures[number] = _NO_LANDMARKS
            continue
        # A file whose content is not known yet is looked up by the worker, which reads it anyhow.
        which = key or (recording.address, settings.sha256())
        jobs.setdefault(which, Job(recording.address, settings, out, made_by, kept, sha256))
        numbers.setdefault(which, []).append(number)
    return list(jobs.values()), list(numbers.values()), failures


def _newest(names: dict[str, str]) -> dict[str, str]:
    """For each recording and its settings the landmarks that were written last, by whichever version."""
    return {name.rpartition(".")[0].rpartition(".")[0] + ".": name for name in sorted(names, key=names.__getitem__)}


_NO_LANDMARKS = Failure(
    "NoLandmarks",
    "No landmarks of this recording and these settings are kept.",
    "Run again without --from-landmarks, with --resume, where the recording is.",
    2,
)


def _recordings_sha256(rows: Sequence[Row]) -> str:
    """One hash over which results went into the tables, under which names, in which order."""
    told = hashlib.sha256()
    for row in rows:
        told.update(json.dumps([row.recording.file, row.recording.subject, row.key]).encode())
    return told.hexdigest()
