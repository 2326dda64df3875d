"""Corrections by hand: what a person who watched the film knows better, and the screening read anew with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from screener.assessment import AssessedTrial, with_clinician
from screener.errors import WrongUse
from screener.motion import Motion, Repetition
from screener.pipeline import Settings, screen_track
from screener.pose import PoseTrack
from screener.screening import Screening
from screener.terms import Side, Task

__all__ = [
    "Change",
    "DropRepetition",
    "ScoreItem",
    "SetSide",
    "SetTask",
    "changes_from_json",
    "check_change",
    "screen_corrected",
    "with_scores",
]


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DropRepetition(_Change):
    """Leave a repetition out: the one that `at_s` lies in. A time stays true when others are renumbered."""

    kind: Literal["drop_repetition"]
    at_s: Annotated[float, Field(ge=0, examples=[3.87])]


class SetSide(_Change):
    """The leg that was stood on, in the whole recording."""

    kind: Literal["set_side"]
    side: Side


class SetTask(_Change):
    """What was done, in the whole recording."""

    kind: Literal["set_task"]
    task: Task


class ScoreItem(_Change):
    """A clinician's score for an item of a rubric; `trial` counts from 1."""

    kind: Literal["score_item"]
    trial: Annotated[int, Field(ge=1, le=1000)]
    rubric: Annotated[str, Field(max_length=100)]
    item: Annotated[str, Field(max_length=100)]
    score: Annotated[int, Field(ge=0, le=1000)]


Change: TypeAlias = Annotated[DropRepetition | SetSide | SetTask | ScoreItem, Field(discriminator="kind")]

_CHANGES: TypeAdapter[tuple[Change, ...]] = TypeAdapter(tuple[Change, ...])

_BECAUSE = "left out by hand"


def changes_from_json(plain: Iterable[dict[str, Any]]) -> tuple[Change, ...]:
    """Changes as they were kept: plain dicts, the first one first."""
    return _CHANGES.validate_python(tuple(plain))


def screen_corrected(
    looks: tuple[PoseTrack, ...], settings: Settings | None = None, changes: Sequence[Change] = ()
) -> Screening:
    """Screen again from landmarks, with task, side and left out repetitions as they were corrected.

    Rubrics' scores come after the plan, which assesses anew: see `with_scores`.
    """
    settings = settings or Settings()
    for change in changes:  # of two that say different things the later one holds
        if isinstance(change, SetSide):
            settings = replace(settings, side=change.side)
        elif isinstance(change, SetTask):
            settings = replace(settings, task=change.task)
    dropped = [change.at_s for change in changes if isinstance(change, DropRepetition)]
    return screen_track(looks, settings, correct=lambda motion: _without(motion, dropped))


def _without(motion: Motion, dropped_s: Sequence[float]) -> Motion:
    """The motion in which the repetitions at these times do not count."""

    def kept(rep: Repetition) -> Repetition:
        if rep.counted and any(rep.start_s <= at <= rep.end_s for at in dropped_s):
            return replace(rep, counted=False, excluded_because=_BECAUSE)
        return rep

    trials = tuple(replace(trial, repetitions=tuple(kept(rep) for rep in trial.repetitions)) for trial in motion.trials)
    reason = motion.nothing_because
    if reason is None and not any(rep.counted for trial in trials for rep in trial.repetitions):
        reason = "Every repetition was left out by hand."
    return replace(motion, trials=trials, nothing_because=reason)


def with_scores(screening: Screening, changes: Sequence[Change]) -> Screening:
    """The screening with a clinician's scores in its rubrics. A score for a rubric that is not there has no effect."""
    given: dict[tuple[int, str], dict[str, int]] = {}
    for change in changes:
        if isinstance(change, ScoreItem):
            given.setdefault((change.trial, change.rubric), {})[change.item] = change.score

    def scored(number: int, trial: AssessedTrial) -> AssessedTrial:
        rubrics = tuple(
            with_clinician(rubric, given[number, rubric.id]) if (number, rubric.id) in given else rubric
            for rubric in trial.rubrics
        )
        return replace(trial, rubrics=rubrics)

    assessed = tuple(scored(number, trial) for number, trial in enumerate(screening.assessment.trials, start=1))
    return replace(screening, assessment=replace(screening.assessment, trials=assessed))


def check_change(document: dict[str, Any], change: Change) -> None:
    """Hold a change against the result that it is to correct, a `screening.json` as plain data.

    Raises:
        WrongUse: there is no such repetition, trial, rubric, item or score.
    """
    trials = document["trials"]
    if isinstance(change, DropRepetition):
        counted = [rep for trial in trials for rep in trial["repetitions"] if rep["counted"]]
        if not any(rep["start_s"] <= change.at_s <= rep["end_s"] for rep in counted):
            raise WrongUse(
                f"No repetition counts at {change.at_s} s.", "Give a time between a repetition's start and end."
            )
    if isinstance(change, ScoreItem):
        if change.trial > len(trials):
            raise WrongUse(f"There is no trial {change.trial}.", f"Give a number up to {len(trials)}.")
        from screener.assessment.rubrics import load_rubrics

        offered = {rubric["id"] for rubric in trials[change.trial - 1]["rubrics"]}
        rubric = next((each for each in load_rubrics() if each.id == change.rubric and each.id in offered), None)
        if rubric is None:
            raise WrongUse(f"The trial has no rubric '{change.rubric}'.", f"Give one of: {', '.join(sorted(offered))}.")
        scores = {item.id: item.scores for item in rubric.items}
        if change.item not in scores:
            raise WrongUse(f"The rubric has no item '{change.item}'.", f"Give one of: {', '.join(scores)}.")
        if change.score not in scores[change.item]:
            allowed = ", ".join(str(score) for score in scores[change.item])
            raise WrongUse(f"The item {change.item} has no score {change.score}.", f"Give one of: {allowed}.")
