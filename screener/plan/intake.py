"""The intake: what a person answers before a plan, and the signs that belong to a clinician first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import Field, model_validator

from screener.assessment import Sex
from screener.assessment.tables import (
    Grounded,
    Row,
    check_ids,
    check_sources,
    packaged,
    parse_json,
    parse_table,
)
from screener.errors import BadDataFile

__all__ = [
    "PAIN_PLACES",
    "Intake",
    "PainPlace",
    "RedFlag",
    "Referral",
    "Safety",
    "Saying",
    "Urgency",
    "load_intake",
    "load_safety",
    "red_flag_questions",
    "referrals",
]

Urgency: TypeAlias = Literal["now", "today", "soon"]
PainPlace: TypeAlias = Literal[
    "outer_knee", "front_of_knee", "inner_knee", "back_of_knee", "hip", "groin", "buttock", "thigh", "other"
]
PAIN_PLACES: tuple[PainPlace, ...] = get_args(PainPlace)


class Saying(Grounded):
    """A rule of every plan, in words."""

    says: str


class UrgencyWords(Row):
    id: Urgency
    says: str


class RedFlag(Grounded):
    """A sign that belongs to a clinician: asked by `question`, or read from other answers."""

    question: str | None = None
    pain_over: int | None = None
    age_under: int | None = None
    urgency: Urgency
    reason: str

    @model_validator(mode="after")
    def _one_way(self) -> RedFlag:
        if (self.question is None) == (self.pain_over is None and self.age_under is None):
            raise ValueError("a flag has a question, or is read from pain or age")
        return self


class Safety(Row):
    """The file `safety.toml`."""

    flags: tuple[RedFlag, ...]
    urgencies: tuple[UrgencyWords, ...]
    stop_rules: tuple[Saying, ...]
    standing: tuple[Saying, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Safety:
        rows = (*self.flags, *self.stop_rules, *self.standing)
        check_ids(rows)
        check_sources(rows)
        return self


@cache
def load_safety() -> Safety:
    """The red flags and the rules of every plan."""
    return parse_table(Safety, packaged("screener.plan", "safety.toml"), "safety.toml")


def red_flag_questions() -> dict[str, str]:
    """What to ask, by the flag's id, in the order of the table."""
    return {flag.id: flag.question for flag in load_safety().flags if flag.question is not None}


class Intake(Row):
    """A person's answers. A field without a default must be answered, `red_flags` with an empty list if none.

    Attributes:
        age_years: in whole years.
        pain_now: 0 to 10.
        pain_where: where it hurts; must be answered where `pain_now` is above 0.
        running_km_per_week: usual distance before the trouble began; 0 for a person who does not run.
        recent_spike: running or training grew quickly in the last weeks.
        red_flags: the ids of the questions (`red_flag_questions`) that were answered with yes.
    """

    age_years: Annotated[int, Field(ge=5, le=110)]
    pain_now: Annotated[int, Field(ge=0, le=10)]
    pain_where: tuple[PainPlace, ...] = ()
    running_km_per_week: Annotated[float, Field(ge=0, le=300)]
    recent_spike: bool
    red_flags: tuple[str, ...]
    sex: Sex | None = None
    height_m: Annotated[float, Field(ge=1.0, le=2.5)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Intake:
        if self.pain_now > 0 and not self.pain_where:
            raise ValueError("pain_where: tell where it hurts")
        if unknown := set(self.red_flags) - red_flag_questions().keys():
            raise ValueError(f"red_flags: there is no question {', '.join(sorted(unknown))}")
        return self


def load_intake(given: Path | str | Mapping[str, Any]) -> Intake:
    """An intake from a JSON file or from plain data.

    Raises:
        BadDataFile: it cannot be read, or an answer is missing or impossible; the message names the field.
    """
    if isinstance(given, Mapping):
        return parse_json(Intake, json.dumps(dict(given), default=str), "The intake")
    try:
        text = Path(given).read_bytes()
    except OSError as wrong:
        raise BadDataFile(f"The intake {given} cannot be read: {wrong}.", "Check the path.") from None
    return parse_json(Intake, text, Path(given).name)


@dataclass(frozen=True, slots=True)
class Referral:
    """Why to see a clinician, and how soon. `flag_id` names the row."""

    flag_id: str
    urgency: Urgency
    reason: str
    says: str
    source_ids: tuple[str, ...]


def referrals(intake: Intake) -> tuple[Referral, ...]:
    """Every sign that applies, the most urgent first. Where there is one, there is no score and no exercise."""
    safety = load_safety()
    words = {row.id: row.says for row in safety.urgencies}
    order: tuple[Urgency, ...] = ("now", "today", "soon")
    found = [
        Referral(flag.id, flag.urgency, flag.reason, f"{words[flag.urgency]} {flag.reason}", flag.sources)
        for flag in safety.flags
        if _applies(flag, intake)
    ]
    return tuple(sorted(found, key=lambda each: order.index(each.urgency)))


def _applies(flag: RedFlag, intake: Intake) -> bool:
    if flag.question is not None:
        return flag.id in intake.red_flags
    too_sore = flag.pain_over is None or intake.pain_now > flag.pain_over
    too_young = flag.age_under is None or intake.age_years < flag.age_under
    return too_sore and too_young
