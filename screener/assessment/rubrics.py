"""Rubrics: clinicians' rating scales, scored from measures where a camera can, else left to a clinician."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, model_validator

from screener.assessment.norms import Norms, bands_touched, is_too_shallow, measure_words
from screener.assessment.tables import Basis, Grounded, Row, check_ids, check_sources, packaged, parse_table
from screener.errors import WrongUse
from screener.measures.values import MeasuredTrial, Measurement, MeasureName, Task

__all__ = [
    "ItemRule",
    "Rating",
    "Rubric",
    "RubricItem",
    "RubricScore",
    "camera_scores",
    "load_rubrics",
    "score_rubrics",
    "with_clinician",
]


class ItemRule(Row):
    """One item of a rubric: what it asks, and how a measure answers it."""

    id: str
    asks: str
    scores: Annotated[tuple[int, ...], Field(min_length=2)]
    measure: MeasureName | None = None
    edges: tuple[float, ...] = ()
    either_way: bool = False
    needs_depth: bool = False
    camera: Literal["full", "fault_only", "none"] = "none"
    reads: str
    basis: Basis

    @model_validator(mode="after")
    def _fits(self) -> ItemRule:
        if (self.measure is None) != (self.camera == "none"):
            raise ValueError("camera and measure must be given together")
        if self.measure is not None and len(self.scores) != len(self.edges) + 1:
            raise ValueError("there must be one score more than edges")
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must rise")
        return self


class Rating(Row):
    """What a total up to and with `up_to` is called."""

    up_to: int
    rating: str


class Rubric(Grounded):
    """A rating scale."""

    name: str
    tasks: tuple[Task, ...]
    how: str
    worst: int
    ratings: tuple[Rating, ...]
    items: tuple[ItemRule, ...]

    @model_validator(mode="after")
    def _adds_up(self) -> Rubric:
        check_ids(self.items)
        if sum(max(item.scores) for item in self.items) != self.worst:
            raise ValueError("the items' worst scores do not add up to `worst`")
        check_sources([self])
        return self


class RubricTable(Row):
    rubrics: tuple[Rubric, ...]


@cache
def load_rubrics() -> tuple[Rubric, ...]:
    """Every rubric."""
    return parse_table(RubricTable, packaged("screener.assessment", "rubrics.toml"), "rubrics.toml").rubrics


@dataclass(frozen=True, slots=True)
class RubricItem:
    """An item's score. Exactly one of `score` (the camera's) and `needs_clinician` (why not) is given.

    `clinician_score` is what a clinician filled in or put in the camera's place; both are kept.
    """

    id: str
    score: int | None
    needs_clinician: str | None
    from_measure: MeasureName | None
    value: float | None
    clinician_score: int | None = None

    @property
    def final(self) -> int | None:
        return self.score if self.clinician_score is None else self.clinician_score


@dataclass(frozen=True, slots=True)
class RubricScore:
    """A rubric's items. `total` and `rating` are given only where every item has a score."""

    id: str
    items: tuple[RubricItem, ...]
    total: int | None
    rating: str | None


def camera_scores(item: ItemRule, trial: MeasuredTrial, norms: Norms) -> frozenset[int] | None:
    """The scores that the trial's reading may mean, given its interval. None where nothing is read."""
    reading = trial.summary.get(item.measure) if item.measure is not None else None
    if not isinstance(reading, Measurement):
        return None
    if item.needs_depth and is_too_shallow(trial, norms.gates) is not False:
        return frozenset(item.scores)
    low, high = reading.low, reading.high
    if item.either_way:
        crosses = low <= 0.0 <= high
        low, high = 0.0 if crosses else min(abs(low), abs(high)), max(abs(low), abs(high))
    return bands_touched(low, high, item.edges, item.scores)


def score_rubrics(trial: MeasuredTrial, norms: Norms) -> tuple[RubricScore, ...]:
    """Every rubric that is made for the trial's task."""
    return tuple(
        _totalled(rubric, tuple(_scored(item, trial, norms) for item in rubric.items))
        for rubric in load_rubrics()
        if trial.task in rubric.tasks
    )


def with_clinician(score: RubricScore, given: Mapping[str, int]) -> RubricScore:
    """The rubric with a clinician's scores (item id to score) filled in or put in the camera's place.

    Raises:
        WrongUse: an item or a score that the rubric does not have.
    """
    rubric = next(each for each in load_rubrics() if each.id == score.id)
    rules = {item.id: item for item in rubric.items}
    for name, points in given.items():
        if name not in rules or points not in rules[name].scores:
            allowed = f"one of {sorted(rules[name].scores)}" if name in rules else f"one of {', '.join(rules)}"
            what = f"{name}: {points}" if name in rules else name
            raise WrongUse(f"The rubric {rubric.id} has no '{what}'.", f"Give {allowed}.")
    items = tuple(replace(item, clinician_score=given.get(item.id, item.clinician_score)) for item in score.items)
    return _totalled(rubric, items)


def _scored(item: ItemRule, trial: MeasuredTrial, norms: Norms) -> RubricItem:
    reading = trial.summary.get(item.measure) if item.measure is not None else None
    value = reading.value if isinstance(reading, Measurement) else None
    possible = camera_scores(item, trial, norms)
    score, why = None, None
    if item.measure is None:
        why = item.reads
    elif possible is None:
        why = f"The {measure_words()[item.measure].short} was not measured."
    elif len(possible) > 1:
        shallow = item.needs_depth and is_too_shallow(trial, norms.gates) is not False
        why = (
            "The squat was too shallow, or its depth is not known."
            if shallow
            else "The measurement error reaches over the line between two scores."
        )
    elif item.camera == "fault_only" and possible == {0}:
        why = f"The camera saw no fault here, but it cannot see all that the item asks about. {item.reads}"
    else:
        (score,) = possible
    return RubricItem(item.id, score, why, item.measure, value)


def _totalled(rubric: Rubric, items: tuple[RubricItem, ...]) -> RubricScore:
    finals = [item.final for item in items]
    scores = [score for score in finals if score is not None]
    if len(scores) < len(finals):
        return RubricScore(rubric.id, items, None, None)
    total = sum(scores)
    rating = next((each.rating for each in rubric.ratings if total <= each.up_to), None)
    return RubricScore(rubric.id, items, total, rating)
