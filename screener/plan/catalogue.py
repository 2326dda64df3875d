"""The exercise catalogue: what each exercise is, how it is done, and its ladder from easier to harder."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from screener.assessment.tables import Basis, Grounded, Row, check_ids, check_sources, packaged, parse_table

__all__ = ["Dose", "Emg", "Exercise", "Kind", "harder_than", "load_catalogue"]

Kind: TypeAlias = Literal["strength", "control", "balance", "stretch", "release", "activity", "warm_up", "check"]
Least: TypeAlias = Annotated[int, Field(ge=1)]
Range: TypeAlias = tuple[Least, Least]


class Dose(Row):
    """How much. Each range is `(least, most)`; `days` is days a week, `effort` is 0-10."""

    sets: Range | None = None
    reps: Range | None = None
    hold_s: Range | None = None
    minutes: Range | None = None
    days: Range | None = None
    effort: Range | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Dose:
        for name in type(self).model_fields:
            given: Range | None = getattr(self, name)
            if given is not None and given[0] > given[1]:
                raise ValueError(f"{name}: the least is above the most")
        return self

    def in_words(self) -> str:
        """`3 × 8–12, 3 days a week`."""
        said = []
        if self.sets is not None:
            sets = _span(self.sets)
            said.append(f"{sets} × {_span(self.reps)}" if self.reps is not None else f"{sets} ×")
        if self.hold_s is not None:
            held = f"{_span(self.hold_s)} s"
            if said and self.reps is None:
                said[-1] += f" {held}"
            else:
                said.append(f"hold {held}")
        if self.minutes is not None:
            minutes = f"{_span(self.minutes)} minutes"
            said[-1:] = [f"{said[-1]} {minutes}"] if said else [minutes]
        if self.effort is not None:
            said.append(f"effort {_span(self.effort)} of 10")
        if self.days is not None:
            days = "every day" if self.days == (7, 7) else f"{_span(self.days)} days a week"
            said.append("once" if self.days == (1, 1) else days)
        return ", ".join(said)


def _span(given: Range) -> str:
    return str(given[0]) if given[0] == given[1] else f"{given[0]}–{given[1]}"


class Emg(Row):
    """The activity of a muscle, in % of a maximal voluntary contraction."""

    muscle: str
    percent: Annotated[float, Field(gt=0)]
    sd: float | None = None
    source: str
    basis: Basis


class Exercise(Grounded):
    """One exercise, stretch, release or activity. `easier` names the steps below it on its ladders."""

    name: str
    other_names: tuple[str, ...]
    kind: Kind
    aim: str
    muscles: tuple[str, ...]
    position: str
    steps: Annotated[tuple[str, ...], Field(min_length=1)]
    faults: tuple[str, ...]
    cues: Annotated[tuple[str, ...], Field(min_length=1)]
    dose: Dose
    equipment: tuple[str, ...]
    easier: tuple[str, ...] = ()
    emg: tuple[Emg, ...] = ()
    not_if: tuple[str, ...]

    @property
    def is_loaded(self) -> bool:
        """Whether sets and repetitions of a phase are meant for it."""
        return self.kind in ("strength", "control")


class CatalogueTable(Row):
    exercises: tuple[Exercise, ...]

    @model_validator(mode="after")
    def _consistent(self) -> CatalogueTable:
        check_ids(self.exercises)
        check_sources(self.exercises)
        known = {exercise.id for exercise in self.exercises}
        for exercise in self.exercises:
            if missing := set(exercise.easier) - known:
                raise ValueError(f"{exercise.id}: there is no exercise {', '.join(sorted(missing))}")
            if missing := {each.source for each in exercise.emg} - set(exercise.sources):
                raise ValueError(f"{exercise.id}: the source {', '.join(sorted(missing))} of emg is not named")
        return self


@cache
def load_catalogue() -> dict[str, Exercise]:
    """Every exercise by its id."""
    table = parse_table(CatalogueTable, packaged("screener.plan", "exercises.toml"), "exercises.toml")
    return {exercise.id: exercise for exercise in table.exercises}


@cache
def harder_than(exercise_id: str) -> tuple[str, ...]:
    """The steps above an exercise: those that name it as easier."""
    return tuple(each.id for each in load_catalogue().values() if exercise_id in each.easier)
