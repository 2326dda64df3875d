"""Who has the camera, which results are still at hand, and what was kept of earlier checks: one desk for a service."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections import OrderedDict
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from screener.assessment import AssessedTrial, GradedMeasurement, load_norms
from screener.assessment.comparisons import Comparison, compare_days
from screener.errors import BadDataFile, WrongUse
from screener.live import Course, Recording
from screener.measures import MeasuredTrial, Measurement, MeasureName
from screener.pipeline import Settings, screen_track
from screener.pose import read_pose_track, write_pose_track
from screener.report import write_paper
from screener.report.contents import contents_of, grade_in_words
from screener.report.words import HEADLINE_MEASURES, reading_in_words, title
from screener.screening import Screening, read_screening, write_screening
from screener.video import write_video

__all__ = ["Desk", "Earlier", "Result"]

# A result whose page was closed can still be printed for a while; its pictures are gone with the page.
_MOST_RESULTS = 4


@dataclass(eq=False)
class Result:
    """One finished check. `recording` is None once the page that made it has closed."""

    id: str
    screening: Screening
    course: Course
    box_height_cm: float | None
    recording: Recording | None
    compared: tuple[Comparison, ...]
    kept: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Everything that the page shows."""
        screening = self.screening
        plan = screening.plan
        return {
            "id": self.id,
            "created_at": screening.created_at,
            "task": self.course.task,
            "box_height_cm": self.box_height_cm,
            "contents": asdict(contents_of(screening)),
            "trials": [
                {
                    "side": trial.stance_side,
                    "task": trial.task,
                    "title": title(trial),
                    "counted": sum(rep.counted for rep in trial.repetitions),
                    "seen": len(trial.repetitions),
                    "summary": {name: getattr(reading, "value", None) for name, reading in trial.summary.items()},
                    "readings": [
                        _reading_to_dict(name, measure, trial, assessed) for measure, name in HEADLINE_MEASURES.items()
                    ],
                }
                for trial, assessed in zip(screening.trials, screening.assessment.trials, strict=True)
            ],
            "nothing_because": screening.nothing_because,
            "compared": [each.says for each in self.compared],
            "plan": None if plan is None else asdict(plan),
            "can_download": self.recording is not None,
        }

    def paper(self) -> bytes:
        """The report as PDF."""
        with tempfile.TemporaryDirectory() as folder:
            write_paper(self.screening, path := Path(folder) / "report.pdf")
            return path.read_bytes()

    def film(self) -> bytes:
        """The recording as MP4, each picture at its own time.

        Raises:
            WrongUse: it was dropped.
        """
        if self.recording is None:
            raise WrongUse("The recording was dropped when its page closed.", "Do the check again.")
        with tempfile.TemporaryDirectory() as folder:
            frames = ((frame.time_s, frame.rgb) for frame in self.recording)
            return write_video(Path(folder) / "check.mp4", frames, fps=30).read_bytes()

    def reminder(self) -> bytes:
        """The next check as a calendar file (RFC 5545): a whole day, with an alarm at nine.

        Raises:
            WrongUse: there is no date, since there is no plan.
        """
        plan = self.screening.plan
        if plan is None or plan.retest_on is None:
            raise WrongUse("There is no date for a next check.", "It comes with a plan.")
        day = date.fromisoformat(plan.retest_on)
        made = datetime.fromisoformat(self.screening.created_at)
        lines = [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Screener//Movement check//EN",
            "BEGIN:VEVENT",
            f"UID:{self.id}@screener.invalid",
            f"DTSTAMP:{made:%Y%m%dT%H%M%SZ}",
            f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
            f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}",
            "SUMMARY:Movement check",
            f"DESCRIPTION:{_calendar_text(plan.retest_says or '')}",
            "TRANSP:TRANSPARENT",
            "BEGIN:VALARM",
            "ACTION:DISPLAY",
            "DESCRIPTION:Movement check",
            "TRIGGER:PT9H",
            "END:VALARM",
            "END:VEVENT",
            "END:VCALENDAR",
        ]
        return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line)).encode()


def _reading_to_dict(
    name: str, measure: MeasureName, trial: MeasuredTrial, assessed: AssessedTrial
) -> dict[str, str | None]:
    """A reading in words: its value, its grade, and why it has that one or none."""
    graded = assessed.summary[measure]
    grade = graded.grade if isinstance(graded, GradedMeasurement) else None
    return {
        "name": name,
        "value": reading_in_words(measure, trial.summary[measure]),
        "grade": grade_in_words(grade) if grade is not None else None,
        "why": graded.says if isinstance(graded, GradedMeasurement) else graded.reason,
    }


def _calendar_text(text: str) -> str:
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return text


def _folded(line: str) -> list[str]:
    """Lines of at most 75 octets; those that go on begin with a space."""
    parts: list[str] = []
    part = ""
    for letter in line:
        if len((part + letter).encode()) > 74:
            parts.append(part)
            part = " "
        part += letter
    return [*parts, part]


def _reading(plain: dict[str, Any]) -> Measurement | None:
    """A reading out of a `screening.json`."""
    return Measurement(plain["value"], plain["low"], plain["high"], plain["unit"], 1) if "value" in plain else None


class Earlier:
    """Earlier checks, kept because the person wished it: numbers and landmarks, no picture."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, result: Result) -> None:
        """Keeps one, under the moment at which it was made."""
        place = self._folder / result.screening.created_at.replace(":", "").replace("+0000", "Z")
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        first, *further = result.screening.looks
        write_pose_track(first, place / "landmarks.parquet", looks=tuple(further))
        write_screening(result.screening, place / "screening.json")

    def all(self) -> list[dict[str, Any]]:
        """Each check's day and first numbers, the latest first."""
        found = []
        for place in self._places():
            try:
                plain = read_screening(place / "screening.json")
            except BadDataFile:
                continue
            rows = [
                {
                    "side": trial["stance_side"],
                    "task": trial["task"],
                    "readings": [
                        {"name": name, "value": reading_in_words(measure, _reading(trial["summary"][measure]))}
                        for measure, name in HEADLINE_MEASURES.items()
                    ],
                }
                for trial in plain["trials"]
            ]
            found.append({"created_at": plain["created_at"], "trials": rows})
        return found

    def compare(self, screening: Screening, course: Course) -> tuple[Comparison, ...]:
        """Today with the last earlier check of the same task, by today's way of reading both."""
        for place in self._places():
            try:
                first, further = read_pose_track(place / "landmarks.parquet")
            except BadDataFile:
                continue
            then = screen_track((first, *further), Settings(task=course.task))
            if found := compare_days(screening.trials, then.trials, load_norms()):
                return found
        return ()

    def forget(self) -> None:
        """Deletes everything."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _places(self) -> list[Path]:
        return sorted(self._folder.iterdir(), reverse=True) if self._folder.is_dir() else []


class Desk:
    """What all pages of the self-check share.

    Attributes:
        owner: the connection that has the camera; None where nobody has.
        results: finished checks, the latest last.
        earlier: what was kept.
    """

    def __init__(self, data_dir: Path) -> None:
        self.owner: object | None = None
        self.results: OrderedDict[str, Result] = OrderedDict()
        self.earlier = Earlier(data_dir / "self-checks")

    def add(self, screening: Screening, course: Course, box_height_cm: float | None, recording: Recording) -> Result:
        """A finished check; the oldest one makes room."""
        compared = self.earlier.compare(screening, course)
        result = Result(secrets.token_urlsafe(12), screening, course, box_height_cm, recording, compared)
        self.results[result.id] = result
        while len(self.results) > _MOST_RESULTS:
            self.results.popitem(last=False)
        return result

    def drop_recording(self, recording: Recording) -> None:
        """The page has closed, or another check begins: its pictures are forgotten."""
        for result in self.results.values():
            if result.recording is recording:
                result.recording = None
