"""`progress.html` and `progress.pdf`: several screenings of one person, each measure over time with its interval."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from screener.assessment import load_norms, trials_from_json
from screener.assessment.comparisons import Comparison, compare_days
from screener.assessment.norms import measure_words
from screener.days import day_in_words
from screener.errors import WrongUse
from screener.files import write_atomically
from screener.measures import MEASURES, MeasuredTrial, Measurement, MeasureName
from screener.report.contents import LIMITS, Table
from screener.report.curves import as_svg
from screener.report.page import inline, page_from
from screener.report.paper import Paper, set_paper
from screener.report.words import (
    HEADLINE_MEASURES,
    number,
    reading_in_words,
    short_name,
    title,
    unit_sign,
)
from screener.terms import StanceSide, Task

__all__ = ["Check", "Progress", "progress_of", "write_progress"]

_MARK = "●\N{NO-BREAK SPACE}changed"

_RULE = (
    "A change is marked only where it is beyond the smallest detectable difference of the measure and beyond the two "
    "readings' own intervals, compared at the same bend of the knee where both have one. Everything else may be "
    "measurement error, also where the numbers differ."
)

_BAND, _POINT, _RING = "#CBE6DC", "#0072B2", "#B34700"


@dataclass(frozen=True, slots=True)
class Check:
    """One screening among several.

    Attributes:
        created_at: ISO 8601, UTC.
        trials: measured then; of several of one leg and task, that with the most counted repetitions speaks.
    """

    created_at: str
    trials: tuple[MeasuredTrial, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One leg in one task over time.

    Attributes:
        figure: the name of its figure.
        checks: a row a check with the measures of a first glance.
        ends: the first check against the last, a row a measure.
    """

    title: str
    figure: str
    checks: Table
    ends: Table


@dataclass(frozen=True, slots=True)
class Progress:
    """What is said about several screenings of one person."""

    title: str
    about: tuple[tuple[str, str], ...]
    said: tuple[str, ...]
    rule: str
    parts: tuple[Part, ...]
    warnings: tuple[str, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Course:
    """One leg in one task: at each check its trial, and how each measure compares with the first check."""

    task: Task
    side: StanceSide
    days: tuple[str, ...]
    trials: tuple[MeasuredTrial, ...]
    since_first: tuple[dict[MeasureName, Comparison], ...]


def write_progress(documents: Sequence[Mapping[str, Any]], out_dir: Path, *, paper: Paper = "a4") -> list[Path]:
    """Write `progress.html` and `progress.pdf` over several `screening.json` of one person; returns their paths.

    Raises:
        WrongUse, BadDataFile: as `progress_of`.
    """
    progress, courses = _progress(documents)
    figures = {part.figure: as_svg(_draw, course) for part, course in zip(progress.parts, courses, strict=True)}
    out_dir.mkdir(parents=True, exist_ok=True)
    text = page_from(
        "progress.html.j2",
        contents=progress,
        figures={name: inline(svg, name) for name, svg in figures.items()},
    )
    with write_atomically(page := out_dir / "progress.html") as temporary:
        temporary.write_text(text, encoding="utf-8")
    last = max(str(document["created_at"]) for document in documents)
    set_paper(
        printed := out_dir / "progress.pdf", "progress.typ", dataclasses.asdict(progress), figures, (), last, paper
    )
    return [page, printed]


def progress_of(documents: Sequence[Mapping[str, Any]]) -> Progress:
    """What several screenings of one person say together.

    Args:
        documents: of `read_screening`, in any order.

    Raises:
        WrongUse: fewer than two, two persons, or the same recording twice.
        BadDataFile: one does not hold what it must.
    """
    return _progress(documents)[0]


def _progress(documents: Sequence[Mapping[str, Any]]) -> tuple[Progress, list[_Course]]:
    _refuse_what_does_not_fit(documents)
    in_order = sorted(documents, key=lambda document: datetime.fromisoformat(document["created_at"]))
    checks = [Check(document["created_at"], trials_from_json(document)) for document in in_order]
    courses = list(_courses(checks))
    person = next((document["subject"]["id"] for document in in_order if document["subject"]["id"]), None)
    progress = Progress(
        title="Movement checks over time",
        about=(
            *((("Person", person),) if person is not None else ()),
            ("Checks", str(len(checks))),
            ("First", day_in_words(checks[0].created_at)),
            ("Last", day_in_words(checks[-1].created_at)),
        ),
        said=tuple(_said(courses)),
        rule=f"{_RULE} {_without_a_difference()}",
        parts=tuple(_part(place, course) for place, course in enumerate(courses, start=1)),
        warnings=tuple(_warnings(in_order)),
        limits=LIMITS,
    )
    return progress, courses


def _without_a_difference() -> str:
    """The measures of which no smallest detectable difference is known, so that no change of them is ever marked."""
    known = {each.measure for each in load_norms().differences}
    names = [measure_words()[measure].short for measure in MEASURES if measure not in known]
    return (
        f"No smallest detectable difference is known for {', '.join(names[:-1])} and {names[-1]}: "
        "their numbers are shown and no change of them is marked."
    )


def _refuse_what_does_not_fit(documents: Sequence[Mapping[str, Any]]) -> None:
    if len(documents) < 2:
        raise WrongUse("One screening has no course.", "Give at least two screening.json of the same person.")
    persons = {document["subject"]["id"] for document in documents} - {None}
    if len(persons) > 1:
        raise WrongUse(
            f"These are screenings of {len(persons)} persons.", "Give those of one; --subject said who each shows."
        )
    hashes = [document["source"].get("sha256") for document in documents]
    known = [each for each in hashes if each is not None]
    if len(set(known)) < len(known):
        raise WrongUse("The same recording is among them twice.", "Give one screening of each recording.")


def _courses(checks: Sequence[Check]) -> Iterable[_Course]:
    """Every leg and task that was checked at least twice, in the order in which they first come."""
    kinds = dict.fromkeys((trial.task, trial.stance_side) for check in checks for trial in check.trials)
    for task, side in kinds:
        seen = []
        for check in checks:
            fitting = [trial for trial in check.trials if (trial.task, trial.stance_side) == (task, side)]
            if fitting and side != "unknown":
                most = max(reversed(fitting), key=lambda trial: sum(rep.counted for rep in trial.repetitions))
                seen.append((_date(check.created_at), most))
        if len(seen) > 1:
            days, trials = zip(*seen, strict=True)
            since = [{each.measure: each for each in compare_days([now], [trials[0]], load_norms())} for now in trials]
            yield _Course(task, side, tuple(days), tuple(trials), ({}, *since[1:]))


def _date(created_at: str) -> str:
    """`22 Nov 2026`."""
    made = datetime.fromisoformat(created_at).astimezone(UTC)
    return f"{made.day} {made:%b %Y}"


def _said(courses: Sequence[_Course]) -> Iterable[str]:
    if not courses:
        yield "No leg was checked twice in the same movement, so there is nothing to compare."
    for course in courses:
        compared = course.since_first[-1]
        found = [each for each in compared.values() if each.detectable]
        name = title(course.trials[-1])
        if not compared:
            yield f"{name}: nothing was measured both times that could be compared."
        elif found:
            yield from (f"{name}, since {course.days[0]}: {each.says}" for each in found)
        else:
            what = ", ".join(measure_words()[measure].short for measure in compared)
            yield f"{name}: no change beyond the measurement error since {course.days[0]} (looked at: {what})."


def _part(place: int, course: _Course) -> Part:
    name = title(course.trials[0])
    return Part(
        title=name,
        figure=f"course{place}",
        checks=Table(
            f"{name}: each check, the middle of its counted repetitions, with its 95 % interval",
            ("Check", "Repetitions", *HEADLINE_MEASURES.values()),
            tuple(
                (
                    f"{number_of}. {day}",
                    f"{sum(rep.counted for rep in trial.repetitions)} counted",
                    *(_cell(trial, since, measure) for measure in HEADLINE_MEASURES),
                )
                for number_of, (day, trial, since) in enumerate(
                    zip(course.days, course.trials, course.since_first, strict=True), start=1
                )
            ),
        ),
        ends=Table(
            f"{name}: every measure, the last check against the first",
            ("Measure", f"First, {course.days[0]}", f"Last, {course.days[-1]}", "What the difference is worth"),
            tuple(
                (
                    short_name(measure),
                    reading_in_words(measure, course.trials[0].summary[measure]),
                    reading_in_words(measure, course.trials[-1].summary[measure]),
                    _worth(course, measure),
                )
                for measure in MEASURES
            ),
        ),
    )


def _cell(trial: MeasuredTrial, since: Mapping[MeasureName, Comparison], measure: MeasureName) -> str:
    said = reading_in_words(measure, trial.summary[measure])
    return f"{said}, {_MARK}" if measure in since and since[measure].detectable else said


def _worth(course: _Course, measure: MeasureName) -> str:
    """The difference, which may be of a matched depth and so not that of the two columns, and what it is worth."""
    compared = course.since_first[-1].get(measure)
    if compared is None:
        both = all(isinstance(trial.summary[measure], Measurement) for trial in (course.trials[0], course.trials[-1]))
        return "no smallest detectable difference is known" if both else "not measured both times"
    sign = unit_sign(measure)
    where = "" if compared.compared_at == "summary" else f" at {compared.compared_at}° of knee bend"
    signed = f"{'+' if round(compared.difference, 1) > 0 else ''}{number(compared.difference)}{sign}{where}"
    if compared.detectable:
        return f"{_MARK}: {signed}, beyond {number(compared.threshold)}{sign}"
    if abs(compared.difference) > compared.threshold:
        return "not compared: the depths differ or are not known"
    return f"within the measurement error ({signed}, not beyond {number(compared.threshold)}{sign})"


def _warnings(documents: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for place, document in enumerate(documents, start=1):
        name = f"Check {place}, {_date(document['created_at'])}"
        if document.get("nothing_because"):
            yield f"{name}: nothing could be measured. {document['nothing_because']}"
        yield from (f"{name}: {warning}" for warning in document.get("warnings", ()))
    made = {
        (document["provenance"]["screener"], tuple(sorted(document["provenance"]["models"].values())))
        for document in documents
    }
    if len(made) > 1:
        yield (
            "The checks were made by different versions of this program or of its models; screen the older recordings "
            "again (their landmarks.parquet is enough) before a small change is believed."
        )


def _draw(course: _Course) -> Figure:
    """Four panels, each measure of a first glance over the checks: points with intervals, a ring where it changed."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    grid: Any = figure.subplots(2, 2)
    places = range(1, len(course.days) + 1)
    step = max(1, math.ceil(len(course.days) / 6))
    banded = False
    for axes, (measure, name) in zip(grid.flat, HEADLINE_MEASURES.items(), strict=True):
        norm = load_norms().find(course.task, measure)
        if norm is not None:
            axes.axhspan(norm.typical_from, norm.typical_to, color=_BAND, zorder=0, linewidth=0)
            axes.axhline(norm.marked_above, color="0.35", linewidth=1.0, linestyle=(0, (3, 2)))
            banded = True
        for place, trial, since in zip(places, course.trials, course.since_first, strict=True):
            reading = trial.summary[measure]
            if not isinstance(reading, Measurement):
                continue
            arms = [[reading.value - reading.low], [reading.high - reading.value]]
            axes.errorbar(place, reading.value, yerr=arms, fmt="o", color=_POINT, markersize=5, capsize=3)
            if measure in since and since[measure].detectable:
                axes.plot(place, reading.value, "o", markersize=12, markerfacecolor="none", color=_RING, mew=1.6)
        axes.axhline(0.0, color="black", linewidth=0.6)
        axes.set_xlim(0.5, len(course.days) + 0.5)
        axes.set_xticks(places[::step], course.days[::step], fontsize=7)
        axes.set_ylabel(f"{name}, °")
        for edge in ("top", "right"):
            axes.spines[edge].set_visible(False)
    handles: list[Any] = [
        Line2D([], [], color=_POINT, marker="o", markersize=5, label="middle of a check, with its 95 % interval"),
        Line2D(
            [],
            [],
            color=_RING,
            marker="o",
            markersize=10,
            markerfacecolor="none",
            linewidth=0,
            label="changed since the first, beyond the measurement error",
        ),
    ]
    if banded:
        handles.append(Patch(color=_BAND, label="typical (dashed: marked begins)"))
    figure.legend(handles=handles, loc="outside lower left", ncols=1, frameon=False)
    return figure
