"""The programmes: phases, what each claims and who says so, and where they contradict the evidence."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from pydantic import Field, model_validator

from screener.assessment import Pattern
from screener.assessment.tables import (
    Grounded,
    Row,
    check_ids,
    check_sources,
    packaged,
    parse_table,
)
from screener.errors import WrongUse
from screener.plan.catalogue import Dose, load_catalogue
from screener.plan.intake import Intake, Saying

__all__ = [
    "Advice",
    "Disagreement",
    "Phase",
    "PhaseRow",
    "Programme",
    "ProgrammeTable",
    "RunningRule",
    "Start",
    "find_programme",
    "load_programmes",
]


class PhaseRow(Row):
    """An exercise in a phase: for everybody or only some `patterns`, and the `focus` of others."""

    exercise: str
    focus: tuple[Pattern, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    not_for: tuple[Pattern, ...] = ()
    dose: Dose | None = None
    note: str | None = None

    def fits(self, patterns: set[Pattern]) -> bool:
        return (not self.patterns or bool(patterns & set(self.patterns))) and not patterns & set(self.not_for)

    def answers(self, pattern: Pattern) -> bool:
        """Whether this exercise is here, or to the fore, because of the pattern."""
        return pattern in self.patterns or pattern in self.focus


class Phase(Row):
    """A step of a programme."""

    id: str
    name: str
    weeks: str
    goal: str
    dose: Dose | None = None
    move_on_when: Annotated[tuple[str, ...], Field(min_length=1)]
    exercises: Annotated[tuple[PhaseRow, ...], Field(min_length=1)]

    def dose_of(self, row: PhaseRow) -> Dose:
        """The row's own dose, else the phase's where the exercise is loaded, else the exercise's."""
        exercise = load_catalogue()[row.exercise]
        return row.dose or (self.dose if exercise.is_loaded else None) or exercise.dose


class Start(Row):
    """Where to begin: the first row of which all that is given holds."""

    phase: str
    pain_over: int | None = None
    pain_up_to: int | None = None
    recent_spike: bool | None = None
    only_pattern: Pattern | None = None

    def fits(self, intake: Intake, patterns: set[Pattern]) -> bool:
        return (
            (self.pain_over is None or intake.pain_now > self.pain_over)
            and (self.pain_up_to is None or intake.pain_now <= self.pain_up_to)
            and (self.recent_spike is None or intake.recent_spike == self.recent_spike)
            and (self.only_pattern is None or patterns == {self.only_pattern})
        )


class Programme(Grounded):
    """A programme. `by_findings`: what was found changes what is practised. `calm_first`: it has no step for a
    sore day of its own, so that the calm phase of the evidence programme is put before it."""

    name: str
    said_by: str
    by_findings: bool
    calm_first: bool
    doses_from: str
    claims: tuple[str, ...]
    also_says: tuple[str, ...]
    leaves_out: tuple[str, ...]
    retest_weeks: Annotated[int, Field(ge=1)]
    retest_says: str
    start: Annotated[tuple[Start, ...], Field(min_length=1)]
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Programme:
        check_ids(self.phases)
        phases = {phase.id for phase in self.phases}
        if missing := {start.phase for start in self.start} - phases:
            raise ValueError(f"start: there is no phase {', '.join(sorted(missing))}")
        if self.start[-1] != Start(phase=self.start[-1].phase):
            raise ValueError("start: the last row must hold for everybody")
        for phase in self.phases:
            if missing := {row.exercise for row in phase.exercises} - load_catalogue().keys():
                raise ValueError(f"{phase.id}: there is no exercise {', '.join(sorted(missing))}")
        return self


class Advice(Grounded):
    """What a pattern means for the plan."""

    pattern: Pattern
    says: str
    cues: tuple[str, ...]
    extra_set: bool = False


class Disagreement(Grounded):
    """Where programmes contradict each other or the evidence, and what follows."""

    issue: str
    programmes: tuple[str, ...]
    who_says_what: str
    evidence_says: str


class RunningRule(Grounded):
    """How a programme goes back to running."""

    programme: str
    sessions: Annotated[int, Field(ge=1, le=7)]
    weeks_off: Annotated[int, Field(ge=0)]
    ramp: tuple[float, ...] = ()
    start_km_per_session: Annotated[float, Field(gt=0)] | None = None
    walk_run_weeks: Annotated[int, Field(ge=0)]
    growth_per_week: Annotated[float, Field(gt=0, le=0.14)] | None = None
    how: str
    says: str

    @model_validator(mode="after")
    def _one_way(self) -> RunningRule:
        growing = self.start_km_per_session is not None and self.growth_per_week is not None
        if growing == bool(self.ramp):
            raise ValueError("a rule has a ramp, or a start and a growth")
        return self


class NoRunning(Grounded):
    """Why a programme has no running plan."""

    programme: str
    says: str


class LastWeek(Grounded):
    """A week at the earlier volume, after it was reached."""

    terrain: str
    how: str


class ProgrammeTable(Row):
    """The file `programmes.toml`."""

    programmes: tuple[Programme, ...]
    step_back: tuple[Saying, ...]
    advice: tuple[Advice, ...]
    disagreements: tuple[Disagreement, ...]
    running: tuple[RunningRule, ...]
    running_none: tuple[NoRunning, ...]
    running_last: tuple[LastWeek, ...]

    @model_validator(mode="after")
    def _consistent(self) -> ProgrammeTable:
        rows: list[Grounded] = [*self.programmes, *self.step_back, *self.advice, *self.disagreements]
        rows += [*self.running, *self.running_none, *self.running_last]
        check_ids(rows)
        check_sources(rows)
        known = {programme.id for programme in self.programmes}
        runs = [row.programme for row in self.running] + [row.programme for row in self.running_none]
        if sorted(runs) != sorted(known):
            raise ValueError("running: each programme has one rule, or one reason why there is none")
        for each in self.disagreements:
            if missing := set(each.programmes) - known:
                raise ValueError(f"{each.id}: there is no programme {', '.join(sorted(missing))}")
        return self


@cache
def load_programmes() -> ProgrammeTable:
    """Every programme, and what belongs to them."""
    return parse_table(ProgrammeTable, packaged("screener.plan", "programmes.toml"), "programmes.toml")


def find_programme(programme: str) -> Programme:
    """The programme of this id.

    Raises:
        WrongUse: there is none.
    """
    known = {each.id: each for each in load_programmes().programmes}
    if programme not in known:
        raise WrongUse(f"programme: there is none called {programme!r}.", f"Choose {', '.join(known)}.")
    return known[programme]
