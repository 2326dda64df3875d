"""What a person may change in a result by hand, and whether a change fits the result. Light to import."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from screener.errors import WrongUse
from screener.terms import Side, Task

__all__ = ["Change", "DropRepetition", "ScoreItem", "SetSide", "SetTask", "changes_from_json", "check_change"]


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


def changes_from_json(plain: Iterable[dict[str, Any]]) -> tuple[Change, ...]:
    """Changes as they were kept: plain dicts, the first one first."""
    return _CHANGES.validate_python(tuple(plain))


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
