"""What is done with one recording, in a process of its own that has bounds: the only place that opens a video.

`perform` is called where the work is to be done, in the service or on a machine of a cluster. It fetches the
recording from the file store, lets a child process screen it and write the report, and puts what was written
into the store. It knows nothing of the database.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.files import Files, sha256_of
from screener.batch.crew import settle_in

if TYPE_CHECKING:
    from screener.changes import Change
    from screener.screening import Screening

__all__ = ["PLAIN", "Died", "Done", "Failed", "Limits", "Outcome", "Stopped", "Work", "Written", "perform"]

#: Told now and then what is being done and how much of it, 0..1; says whether to go on.
Tell = Callable[[str, float], bool]

# How often the one who waits for the child looks up.
_BREATH_S = 0.5

# Files of a report in which the person can be seen.
_WITH_PICTURES = frozenset({"report.html", "report.pdf", "annotated.mp4"})

#: Before the names of the report's files as they are when the recording is gone.
PLAIN = "plain_"

# What the recording is called here: a message that names it names it as the person did.
_RECORDING, _LANDMARKS = "{recording}", "{landmarks}"


# The parts of the work as shares of all of it, about as long as they take.
_REPORT = 0.7
_PARTS = {"looking": (0.0, 0.45), "looking closely": (0.45, _REPORT)}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the process that opens a recording may take."""

    memory_mb: int
    cpu_s: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class Work:
    """One recording, or its landmarks, and how to screen it.

    `name` is the file's name as the person gave it, for the result alone. `video` and `landmarks` are hashes of
    stored files; with landmarks the video is only drawn from. `pictures` asks for the annotated film and for
    stills in the report. `changes` are corrections, in their order.
    """

    files_url: str
    clinic_id: str
    screening_id: str
    name: str
    video: str | None
    landmarks: str | None
    settings: dict[str, Any]
    subject_code: str | None
    height_m: float | None
    intake: dict[str, Any] | None
    programme: str
    pictures: bool
    limits: Limits
    changes: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is in the store now."""

    name: str
    sha256: str
    bytes: int
    shows_person: bool


@dataclass(frozen=True, slots=True)
class Done:
    """The work was done; `result` is screening.json as text. Nothing measured is a result too."""

    result: str
    files: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The recording cannot be screened, now or ever: why, and what to do."""

    kind: str
    message: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class Died:
    """The process died; perhaps through no fault of the recording, so it may be tried again."""

    how: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """`tell` said to stop."""


Outcome = Done | Failed | Died | Stopped


def perform(work: Work, tell: Tell) -> Outcome:
    """Do the work. Whatever goes wrong with the recording is in the outcome."""
    files = Files(work.files_url)
    with tempfile.TemporaryDirectory(prefix="screener-") as name:
        folder = Path(name)
        for sha256, called in ((work.video, _RECORDING), (work.landmarks, _LANDMARKS)):
            if sha256 is not None:
                with files.local(work.clinic_id, work.screening_id, sha256) as path:
                    _lend(path, folder / called)
        outcome = _in_child(work, folder, tell)
        if isinstance(outcome, Done):
            written = []
            for path in sorted((folder / "out").iterdir()):
                sha256, size = sha256_of(path), path.stat().st_size
                files.put(path, work.clinic_id, work.screening_id, sha256)
                shown = work.pictures and path.name in _WITH_PICTURES
                written.append(Written(path.name, sha256, size, shown))
            outcome = replace(outcome, files=tuple(written))
        return outcome


def _lend(path: Path, to: Path) -> None:
    """The same file under another name, to read."""
    try:
        os.link(path, to)
    except OSError:  # another file system
        shutil.copyfile(path, to)


def _in_child(work: Work, folder: Path, tell: Tell) -> Outcome:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(work, str(folder), theirs), daemon=True)
    child.start()
    theirs.close()
    deadline = time.monotonic() + work.limits.wall_s
    doing, share = "starting", 0.0
    try:
        while child.is_alive():
            if time.monotonic() > deadline:
                return _too_long(work)
            if not tell(doing, share):
                return Stopped()
            try:
                if ours.poll(_BREATH_S):
                    doing, share = ours.recv()
            except (EOFError, OSError):
                child.join(_BREATH_S)
        child.join()
        if child.exitcode == -signal.SIGXCPU:
            return _too_long(work)
        if child.exitcode != 0:
            return Died(f"exit code {child.exitcode}")
        told = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
        if told is not None:
            return Failed(**told)
        return Done((folder / "out" / "screening.json").read_text(encoding="utf-8"), ())
    finally:
        child.kill()
        child.join()
        ours.close()


def _too_long(work: Work) -> Failed:
    return Failed(
        "TooLong",
        f"The analysis took longer than the {work.limits.wall_s / 60:.0f} minutes that one recording may take.",
        "Send a shorter recording: one set of repetitions of each leg is enough.",
    )


def _child(work: Work, folder_name: str, connection: Connection) -> None:
    """The child process: bounds first, then everything else."""
    settle_in()
    memory = work.limits.memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (work.limits.cpu_s, work.limits.cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # People who read come before recordings that wait.
    os.nice(10)
    folder = Path(folder_name)
    told: dict[str, str] | None = None
    from screener.errors import ScreenerError

    try:
        _screen_and_write(work, folder, connection)
    except ScreenerError as error:
        told = {"kind": type(error).__name__, "message": error.message, "what_to_do": error.what_to_do}
        told = {key: text.replace(_RECORDING, work.name) for key, text in told.items()}
    except MemoryError:
        told = {
            "kind": "TooLarge",
            "message": f"The recording needs more than the {work.limits.memory_mb} MB of memory that one may take.",
            "what_to_do": "Send it at a smaller size, such as 1080p.",
        }
    (folder / "outcome.json").write_text(json.dumps(told), encoding="utf-8")


@dataclass
class _Teller:
    """Sends progress, no more often than it can be of use."""

    connection: Connection
    _last: float = field(default=0.0)

    def __call__(self, what: str, share: float) -> None:
        at = time.monotonic()
        if at - self._last > _BREATH_S:
            self._last = at
            begin, end = _PARTS.get(what, (_REPORT, 1.0))
            self.connection.send((what, begin + (end - begin) * min(1.0, max(0.0, share))))


def _screen_and_write(work: Work, folder: Path, connection: Connection) -> None:
    from screener.changes import changes_from_json
    from screener.corrections import with_scores
    from screener.pipeline import with_plan
    from screener.plan import load_intake
    from screener.report import write_page, write_paper, write_report

    tell = _Teller(connection)
    changes = changes_from_json(work.changes)
    screening = _named(_screened(work, changes, folder, tell), work.name)
    if work.intake is not None:
        screening = with_plan(screening, load_intake(work.intake), work.programme)
    screening = with_scores(screening, changes)
    out = folder / "out"
    pictured = folder / _RECORDING if work.pictures and work.video is not None else None
    connection.send(("writing the report", _REPORT))
    write_report(
        screening,
        out,
        pictured,
        opensim=screening.subject.height_m is not None,
        progress=tell,
    )
    if pictured is not None:
        write_page(screening, out / f"{PLAIN}report.html", ())
        write_paper(screening, out / f"{PLAIN}report.pdf", ())


def _screened(work: Work, changes: tuple[Change, ...], folder: Path, tell: Callable[[str, float], None]) -> Screening:
    from screener.corrections import screen_corrected
    from screener.pipeline import Settings, screen
    from screener.pose import read_pose_track
    from screener.screening import Subject

    settings = Settings(**work.settings, subject=Subject(work.subject_code, work.height_m))
    if work.landmarks is None:
        return screen(folder / _RECORDING, settings, progress=tell)
    track, further = read_pose_track(folder / _LANDMARKS)
    return screen_corrected((track, *further), settings, changes)


def _named(screening: Screening, name: str) -> Screening:
    """The screening with the recording's own name, which it did not have here, wherever its source is told."""
    looks = tuple(replace(look, source={**look.source, "name": name}) for look in screening.looks)
    return replace(screening, source={**screening.source, "name": name}, looks=looks)
