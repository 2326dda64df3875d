"""From findings and answers to a plan: safety first, then a programme's phases, each line with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from screener.assessment import Evidence, Finding, Pattern
from screener.plan.catalogue import Exercise, harder_than, load_catalogue
from screener.plan.intake import Intake, Referral, load_safety, referrals
from screener.plan.programmes import (
    Advice,
    Disagreement,
    Phase,
    PhaseRow,
    Programme,
    find_programme,
    load_programmes,
)
from screener.plan.running import RunningPlan, return_to_running

__all__ = ["Plan", "PlannedExercise", "PlannedPhase", "SafetyLine", "make_plan"]

#: A phase of another programme that is put before one without a step for a sore day.
_CALM = ("evidence", "calm")
#: Above this the pain-monitoring model says hold: the sore day that `calm_first` is for.
_HOLD_ABOVE = 2


@dataclass(frozen=True, slots=True)
class SafetyLine:
    """A rule in words, and the row that it comes from."""

    rule_id: str
    says: str
    source_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedExercise:
    """One line of the plan.

    `rule_id` is programme.phase.exercise, the row that put it here; `finding_ids` the findings that it answers
    (none where it is for everybody). Those that answer a finding stand first in their phase. `easier` and
    `harder` are ids of the catalogue.
    """

    id: str
    name: str
    dose: str
    cues: tuple[str, ...]
    note: str | None
    easier: tuple[str, ...]
    harder: tuple[str, ...]
    rule_id: str
    finding_ids: tuple[str, ...]
    source_ids: tuple[str, ...]
    evidence_grade: Evidence


@dataclass(frozen=True, slots=True)
class PlannedPhase:
    """A step of the plan, and what takes the person on or back."""

    id: str
    name: str
    weeks: str
    goal: str
    exercises: tuple[PlannedExercise, ...]
    move_on_when: tuple[str, ...]
    step_back_when: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to practise, how to go on, and when to stop.

    Where `referrals` has an entry, or nothing was measured, there are no phases and `why_none` says so; then
    `scores_withheld` tells whether grades and findings must be withheld as well (`withhold_scores`).
    `retest_on` is an ISO date.
    """

    programme: str
    programme_name: str
    said_by: str
    claims: tuple[str, ...]
    also_says: tuple[str, ...]
    leaves_out: tuple[str, ...]
    disagreements: tuple[SafetyLine, ...]
    advice: tuple[SafetyLine, ...]
    start_phase: str | None
    phases: tuple[PlannedPhase, ...]
    running: RunningPlan | None
    stop_rules: tuple[SafetyLine, ...]
    see_a_clinician: tuple[SafetyLine, ...]
    referrals: tuple[Referral, ...]
    why_none: str | None
    scores_withheld: bool
    retest_on: str | None
    retest_says: str | None


def make_plan(
    findings: Sequence[Finding],
    intake: Intake,
    programme: str = "evidence",
    *,
    today: date | None = None,
) -> Plan:
    """A plan from what was found and what was answered.

    A red flag, or pain above 3, comes before everything: then there are no phases.

    Raises:
        WrongUse: there is no such programme.
    """
    chosen = find_programme(programme)
    signs = referrals(intake)
    if signs:
        return _no_plan(chosen, signs, signs[0].says, scores_withheld=True)
    if not findings:
        why = "Nothing could be read from the recording, so there is nothing to plan from. Record again."
        return _no_plan(chosen, (), why, scores_withheld=False)
    patterns: set[Pattern] = {finding.pattern for finding in findings}
    table = load_programmes()
    advice = [row for row in table.advice if row.pattern in patterns]
    start = next(row for row in chosen.start if row.fits(intake, patterns))
    first = [phase.id for phase in chosen.phases].index(start.phase)
    phases = [_planned(chosen, phase, findings, advice) for phase in chosen.phases[first:]]
    if chosen.calm_first and intake.pain_now > _HOLD_ABOVE:
        phases.insert(0, _calm_first(findings))
    running = return_to_running(intake, programme)
    weeks = timedelta(weeks=chosen.retest_weeks)
    return Plan(
        programme=chosen.id,
        programme_name=chosen.name,
        said_by=chosen.said_by,
        claims=chosen.claims,
        also_says=chosen.also_says,
        leaves_out=chosen.leaves_out,
        disagreements=tuple(_disagreement(each) for each in table.disagreements if chosen.id in each.programmes),
        advice=tuple(SafetyLine(each.id, each.says, each.sources) for each in advice),
        start_phase=phases[0].id,
        phases=tuple(phases),
        running=running,
        stop_rules=_stop_rules(),
        see_a_clinician=_see_a_clinician(),
        referrals=(),
        why_none=None,
        scores_withheld=False,
        retest_on=((today or date.today()) + weeks).isoformat(),
        retest_says=chosen.retest_says,
    )


def _no_plan(chosen: Programme, signs: tuple[Referral, ...], why: str, *, scores_withheld: bool) -> Plan:
    return Plan(
        programme=chosen.id,
        programme_name=chosen.name,
        said_by=chosen.said_by,
        claims=(),
        also_says=(),
        leaves_out=(),
        disagreements=(),
        advice=(),
        start_phase=None,
        phases=(),
        running=None,
        stop_rules=_stop_rules(),
        see_a_clinician=(
            *(SafetyLine(each.flag_id, each.says, each.source_ids) for each in signs),
            *_see_a_clinician(),
        ),
        referrals=signs,
        why_none=why,
        scores_withheld=scores_withheld,
        retest_on=None,
        retest_says=None,
    )


def _stop_rules() -> tuple[SafetyLine, ...]:
    return tuple(SafetyLine(row.id, row.says, row.sources) for row in load_safety().stop_rules)


def _see_a_clinician() -> tuple[SafetyLine, ...]:
    return tuple(SafetyLine(row.id, row.says, row.sources) for row in load_safety().standing)


def _disagreement(row: Disagreement) -> SafetyLine:
    says = f"{row.issue}. {row.who_says_what} The evidence: {row.evidence_says}"
    return SafetyLine(row.id, says, row.sources)


def _calm_first(findings: Sequence[Finding]) -> PlannedPhase:
    evidence = find_programme(_CALM[0])
    calm = next(phase for phase in evidence.phases if phase.id == _CALM[1])
    return _planned(evidence, calm, findings, ())


def _planned(programme: Programme, phase: Phase, findings: Sequence[Finding], advice: Sequence[Advice]) -> PlannedPhase:
    patterns = {finding.pattern for finding in findings}
    rows = [row for row in phase.exercises if row.fits(patterns)]
    rows.sort(key=lambda row: not any(map(row.answers, patterns)))
    return PlannedPhase(
        id=phase.id,
        name=phase.name,
        weeks=phase.weeks,
        goal=phase.goal,
        exercises=tuple(_line(programme, phase, row, findings, advice) for row in rows),
        move_on_when=phase.move_on_when,
        step_back_when=tuple(row.says for row in load_programmes().step_back),
    )


def _line(
    programme: Programme,
    phase: Phase,
    row: PhaseRow,
    findings: Sequence[Finding],
    advice: Sequence[Advice],
) -> PlannedExercise:
    exercise = load_catalogue()[row.exercise]
    notes = [row.note] if row.note else []
    if not programme.by_findings and row.dose is None and exercise.kind != "check":
        notes.append("The programme names no dose for it; this one is the catalogue's.")
    cues = exercise.cues
    if programme.by_findings and exercise.kind in ("control", "balance"):
        cues += tuple(cue for each in advice for cue in each.cues)
    text = phase.dose_of(row).in_words()
    bigger = _larger_side(findings, advice) if programme.by_findings and exercise.is_loaded else None
    if bigger is not None:
        text += f"; one extra set on the {bigger} side"
    return PlannedExercise(
        id=exercise.id,
        name=exercise.name,
        dose=text,
        cues=tuple(dict.fromkeys(cues)),
        note=" ".join(notes) or None,
        easier=exercise.easier,
        harder=harder_than(exercise.id),
        rule_id=f"{programme.id}.{phase.id}.{exercise.id}",
        finding_ids=tuple(each.id for each in findings if row.answers(each.pattern)),
        source_ids=_sources(programme, exercise),
        evidence_grade=exercise.evidence,
    )


def _larger_side(findings: Sequence[Finding], advice: Sequence[Advice]) -> str | None:
    asked = {each.pattern for each in advice if each.extra_set}
    return next((each.side for each in findings if each.pattern in asked), None)


def _sources(programme: Programme, exercise: Exercise) -> tuple[str, ...]:
    """The exercise's sources, and who put it into the programme where that is somebody else."""
    putter = () if programme.by_findings else programme.sources
    return tuple(dict.fromkeys((*putter, *exercise.sources)))
