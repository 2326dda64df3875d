"""What a report says, once: sentences and tables that the page and the paper both show, so that they cannot differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from screener.assessment import EVIDENCE_MEANS, AssessedTrial, Grade, GradedMeasurement, load_norms, load_sources
from screener.assessment.norms import measure_words
from screener.assessment.rubrics import RubricScore, load_rubrics
from screener.days import day_in_words
from screener.measures import MEASURES, MeasuredTrial, MeasureName, NotMeasured
from screener.plan import Plan, PlannedPhase
from screener.report.words import (
    FACING,
    HEADLINE_MEASURES,
    number,
    reading_in_words,
    short_name,
    task_doubt,
    title,
    unit_sign,
    where_read,
)
from screener.screening import Screening
from screener.terms import Task

__all__ = [
    "LIMITS",
    "Contents",
    "LegPart",
    "PhasePart",
    "PlanPart",
    "Table",
    "contents_of",
    "grade_in_words",
]


@dataclass(frozen=True, slots=True)
class Table:
    """Words in rows and columns; the first cell of a row is its name."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class LegPart:
    """One trial."""

    title: str
    counted: str
    summary: Table
    repetitions: Table
    bottoms: Table | None
    rubrics: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class PhasePart:
    """One phase of a plan."""

    title: str
    goal: str
    exercises: Table
    move_on_when: tuple[str, ...]
    step_back_when: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanPart:
    """A plan in words. Where `why_none` speaks, there are no phases."""

    programme: str
    why_none: str | None
    see_a_clinician: tuple[str, ...]
    advice: tuple[str, ...]
    phases: tuple[PhasePart, ...]
    running: Table | None
    running_says: str | None
    stop_rules: tuple[str, ...]
    retest: str | None
    disagreements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """A whole report.

    Attributes:
        about: whom and what it is about, as `(name, value)`.
        said: what was seen, in plain words.
        key: the numbers of a first glance, a column a trial: left stands beside right.
        legs: a part for each trial.
        sides: left against right, and today against earlier, each with what the difference is worth.
        recording: what to know about the recording.
        not_measured: what has no number, and why; None where everything has one.
        plan: what to practise; None where no questions were answered.
        sources: what grades, findings and plan rest on.
        limits: what this check cannot tell.
        provenance: versions and hashes, as `(name, value)`.
    """

    title: str
    about: tuple[tuple[str, str], ...]
    said: tuple[str, ...]
    key: Table | None
    legs: tuple[LegPart, ...]
    sides: tuple[str, ...]
    recording: tuple[str, ...]
    not_measured: Table | None
    plan: PlanPart | None
    sources: tuple[str, ...]
    limits: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]


_GRADES: dict[Grade, str] = {
    "typical": "○\N{NO-BREAK SPACE}typical",
    "borderline": "◐\N{NO-BREAK SPACE}borderline",
    "marked": "●\N{NO-BREAK SPACE}marked",
    "unclear": "?\N{NO-BREAK SPACE}unclear",
}

#: The same in every report, whatever was read.
LIMITS = (
    "This is a movement check of one recording. It is not a medical device and not a diagnosis.",
    "It tells how pelvis, knee and trunk moved in front of this camera, on this day. It does not tell why: strength, "
    "habit, shoes, tiredness and the task all show in the same angles.",
    "The knee angle is the frontal plane projection angle (FPPA), an index of alignment; it is not the knee's joint "
    "angle in three dimensions, and it tells little about later injury.",
    "The intervals come from rendered people of known movement and from one recording with a 3D reference. They are "
    "not from a clinical study, and none has been done.",
    "A small number is not a clean bill of health, and a large one says nothing about pain. If something hurts, "
    "locks, swells or gives way, see a clinician.",
)


def grade_in_words(grade: Grade | None) -> str:
    """A grade as a shape and a word, so that it is not told by colour alone."""
    return _GRADES[grade] if grade is not None else "no grade"


def contents_of(screening: Screening) -> Contents:
    """Everything that a report of this screening says."""
    graded = list(zip(screening.trials, screening.assessment.trials, strict=True))
    return Contents(
        title="Movement check",
        about=_about(screening),
        said=_said(screening),
        key=_key(graded),
        legs=tuple(_leg(trial, assessed) for trial, assessed in graded),
        sides=tuple(comparison.says for comparison in screening.assessment.comparisons),
        recording=_recording(screening),
        not_measured=_not_measured(screening.trials),
        plan=_plan(screening.plan) if screening.plan is not None else None,
        sources=_sources(screening),
        limits=LIMITS,
        provenance=_provenance(screening),
    )


def _about(screening: Screening) -> tuple[tuple[str, str], ...]:
    source = screening.source
    rows = []
    if screening.subject.id is not None:
        rows.append(("Person", screening.subject.id))
    rows += [("Recording", str(source.get("name", "not named"))), ("Screened", day_in_words(screening.created_at))]
    rows += [("Movement", "; ".join(title(trial) for trial in screening.trials) or "none found")]
    return tuple(rows)


def _said(screening: Screening) -> tuple[str, ...]:
    if screening.nothing_because is not None:
        return (f"Nothing could be measured. {screening.nothing_because}",)
    assessment = screening.assessment
    if assessment.withheld_because is not None:
        return (assessment.withheld_because,)
    return tuple(finding.says for finding in assessment.findings) or ("The numbers are below; no pattern was found.",)


def _key(graded: list[tuple[MeasuredTrial, AssessedTrial]]) -> Table | None:
    if not graded:
        return None

    def cell(trial: MeasuredTrial, assessed: AssessedTrial, measure: MeasureName) -> str:
        said = reading_in_words(measure, trial.summary[measure])
        reading = assessed.summary[measure]
        grade = reading.grade if isinstance(reading, GradedMeasurement) else None
        return f"{said}, {grade_in_words(grade)}" if grade is not None else said

    return Table(
        caption="The numbers of a first glance: the middle of the counted repetitions, with its 95 % interval",
        head=("", *(title(trial) for trial, _ in graded)),
        rows=tuple(
            (name, *(cell(trial, assessed, measure) for trial, assessed in graded))
            for measure, name in HEADLINE_MEASURES.items()
        ),
    )


def _leg(trial: MeasuredTrial, assessed: AssessedTrial) -> LegPart:
    counted = sum(rep.counted for rep in trial.repetitions)
    said = f"{counted} of {len(trial.repetitions)} repetitions counted."
    if trial.quiet_stance is not None:
        feet = "both feet" if trial.quiet_stance.kind == "bilateral" else "one leg"
        said += f" Changes are counted from standing on {feet}."
    if (doubt := task_doubt(trial)) is not None:
        said += f" {doubt}"
    return LegPart(
        title=title(trial),
        counted=said,
        summary=Table(
            caption=f"{title(trial)}: every measure, the middle of the counted repetitions",
            head=("Measure", "Value [95 % interval]", "Grade", "Why this grade", "What it is"),
            rows=tuple(_summary_row(trial, assessed, measure) for measure in MEASURES),
        ),
        repetitions=Table(
            caption=f"{title(trial)}: each repetition, {where_read(trial)}, with 95 % intervals",
            head=("Repetition", "Bottom at", *HEADLINE_MEASURES.values(), "Remark"),
            rows=tuple(
                (
                    str(rep.index),
                    f"{number(rep.bottom_s)} s",
                    *(reading_in_words(measure, rep.measures[measure]) for measure in HEADLINE_MEASURES),
                    f"not counted: {rep.excluded_because}"
                    if not rep.counted
                    else ("read above it" if rep.read_at == "deepest_readable" else ""),
                )
                for rep in trial.repetitions
            ),
        ),
        bottoms=_bottoms(trial),
        rubrics=tuple(_rubric(score) for score in assessed.rubrics),
    )


def _bottoms(trial: MeasuredTrial) -> Table | None:
    """What the bottoms of the repetitions that were read on the way down read besides; None where there are none."""
    deep = [rep for rep in trial.repetitions if rep.read_at != "bottom" and "bottom" in rep.at_depth]
    if not deep:
        return None
    return Table(
        caption=f"{title(trial)}: the same at the bottom, of which a camera is less sure",
        head=("Repetition", "Bottom at", *HEADLINE_MEASURES.values()),
        rows=tuple(
            (
                str(rep.index),
                f"{number(rep.bottom_s)} s",
                *(reading_in_words(measure, rep.at_depth["bottom"][measure]) for measure in HEADLINE_MEASURES),
            )
            for rep in deep
        ),
    )


def _summary_row(trial: MeasuredTrial, assessed: AssessedTrial, measure: MeasureName) -> tuple[str, ...]:
    reading = assessed.summary[measure]
    if isinstance(reading, NotMeasured):
        grade, why = "", reading.reason
    else:
        grade, why = grade_in_words(reading.grade), reading.says
    name = short_name(measure)
    return name, reading_in_words(measure, trial.summary[measure]), grade, why, measure_words()[measure].says


def _rubric(score: RubricScore) -> Table:
    """A clinicians' rating scale: what could be scored, and what needs a clinician."""
    rubric = next(each for each in load_rubrics() if each.id == score.id)
    asks = {item.id: item.asks for item in rubric.items}
    open_items = sum(item.final is None for item in score.items)
    if score.total is not None:
        rating = f" ({score.rating})" if score.rating is not None else ""
        result = f"{rubric.name}: {score.total} of {rubric.worst}{rating}. Fewer is better."
    else:
        result = f"{rubric.name}: no total, since {open_items} of {len(score.items)} items need a clinician."
    rows = tuple(
        (
            asks[item.id],
            str(item.final) if item.final is not None else "for a clinician",
            item.needs_clinician or (short_name(item.from_measure) if item.from_measure is not None else ""),
        )
        for item in score.items
    )
    return Table(result, ("Item", "Score", "Read from, or why not"), rows)


def _recording(screening: Screening) -> tuple[str, ...]:
    source, view = screening.source, screening.view
    said = [f"{source['width_px']} × {source['height_px']} pixels"]
    if source.get("duration_s"):
        said[0] += f", {number(source['duration_s'])} s"
    if source.get("fps_mean"):
        said[0] += f", {number(source['fps_mean'])} pictures a second"
    said[0] += "; a mirror image, turned back." if source.get("mirrored") else "."
    if view is not None:
        said.append(
            f"Seen from the {FACING[view.facing]}; the person is turned by {number(view.yaw_deg)}° and the picture "
            f"tilted by {number(view.roll_deg)}°. Quality {view.quality:.0%} of a good recording."
        )
    return (*said, *screening.warnings)


def _not_measured(trials: tuple[MeasuredTrial, ...]) -> Table | None:
    rows = [
        (f"{title(trial)}: {measure_words()[measure].short}", reading.reason)
        for trial in trials
        for measure, reading in trial.summary.items()
        if isinstance(reading, NotMeasured)
    ]
    rows += [
        (f"{title(trial)}: repetition {rep.index}", f"not counted: {rep.excluded_because}")
        for trial in trials
        for rep in trial.repetitions
        if not rep.counted
    ]
    return Table("What has no number, and why", ("What", "Why"), tuple(rows)) if rows else None


def _plan(plan: Plan) -> PlanPart:
    running = plan.running if plan.running is not None and plan.running.weeks else None
    return PlanPart(
        programme=f"{plan.programme_name} ({plan.said_by})",
        why_none=plan.why_none,
        see_a_clinician=tuple(line.says for line in plan.see_a_clinician),
        advice=tuple(line.says for line in plan.advice),
        phases=tuple(_phase(number, phase) for number, phase in enumerate(plan.phases, start=1)),
        running=None
        if running is None
        else Table(
            "Back to running, week by week",
            ("Week", "Runs", "Each", "Whole week", "How", "Ground"),
            tuple(
                (
                    str(week.week),
                    str(week.sessions),
                    f"{number(week.km_per_session)} km",
                    f"{number(week.km)} km",
                    week.how,
                    week.terrain,
                )
                for week in running.weeks
            ),
        ),
        running_says=None
        if plan.running is None
        else (plan.running.why_none or f"{plan.running.says} {plan.running.go_on_when}"),
        stop_rules=tuple(line.says for line in plan.stop_rules),
        retest=f"Next check on {day_in_words(plan.retest_on)}. {plan.retest_says or ''}".strip()
        if plan.retest_on
        else None,
        disagreements=tuple(line.says for line in plan.disagreements),
    )


def _phase(place: int, phase: PlannedPhase) -> PhasePart:
    rows = tuple(
        (
            each.name,
            each.dose,
            " ".join((*each.cues, *([each.note] if each.note else []))),
            f"{each.evidence_grade}: {'; '.join(_cites(each.source_ids))}",
        )
        for each in phase.exercises
    )
    name = f"Phase {place}: {phase.name}, {phase.weeks}"
    return PhasePart(
        title=name,
        goal=phase.goal,
        exercises=Table(f"Exercises of phase {place}", ("Exercise", "How much", "How", "What it rests on"), rows),
        move_on_when=phase.move_on_when,
        step_back_when=phase.step_back_when,
    )


def _cites(ids: Iterable[str]) -> tuple[str, ...]:
    """Sources as a person reads them; an id of a site's own norms file stands for itself."""
    known = load_sources()
    return tuple(dict.fromkeys(known[each].cite if each in known else each for each in ids))


def _sources(screening: Screening) -> tuple[str, ...]:
    norms = {norm.id: norm for norm in load_norms().norms}
    said = []
    for task, measure, norm_id in _norms_used(screening):
        if (norm := norms.get(norm_id)) is not None:
            said.append(
                f"{short_name(measure)}, {task.replace('_', ' ')}: typical up to {norm.typical_to:g}"
                f"{unit_sign(measure)}, marked above {norm.marked_above:g}{unit_sign(measure)}; "
                f"{norm.n} {norm.measured_in}, {norm.measured_how}. {norm.note} ({'; '.join(_cites(norm.sources))})"
            )
    for finding in screening.assessment.findings:
        said.append(
            f"{finding.pattern.replace('_', ' ').capitalize()}: {EVIDENCE_MEANS[finding.evidence_grade]} "
            f"({'; '.join(_cites(finding.source_ids))})."
        )
    return tuple(dict.fromkeys(said))


def _norms_used(screening: Screening) -> Iterable[tuple[Task, MeasureName, str]]:
    for assessed in screening.assessment.trials:
        for measure, reading in assessed.summary.items():
            if isinstance(reading, GradedMeasurement) and reading.norm_id is not None:
                yield assessed.task, measure, reading.norm_id


def _provenance(screening: Screening) -> tuple[tuple[str, str], ...]:
    known = screening.provenance
    return (
        ("screener", known["screener"]),
        ("mediapipe", known["mediapipe"]),
        *((f"model {name}", sha256) for name, sha256 in known["models"].items()),
        ("settings", known["settings_sha256"]),
        ("recording", str(screening.source.get("sha256") or "not hashed")),
        *(("step", step) for step in known["steps"]),
    )
