"""A result as the pages show it: words and numbers from a screening.json, the same words as the report's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["Compared", "Leg", "Rep", "RubricView", "compared", "headline_names", "legs_of", "said_of"]


@dataclass(frozen=True, slots=True)
class Rep:
    """One repetition: its number, its bottom, its headline readings in words, and why it does not count."""

    index: int
    bottom_s: float
    words: tuple[str, ...]
    not_counted: str | None


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item of a rubric: what the camera says, what a clinician said, and what may be said."""

    id: str
    asks: str
    camera: int | None
    why_not: str | None
    given: int | None
    scores: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RubricView:
    """A rating scale of one trial."""

    id: str
    name: str
    result: str
    items: tuple[ItemView, ...]


@dataclass(frozen=True, slots=True)
class Leg:
    """One trial: its repetitions and where they were read, its measures (name, value, grade, why) and its rubrics."""

    number: int
    title: str
    side: str
    where_read: str
    repetitions: tuple[Rep, ...]
    measures: tuple[tuple[str, str, str, str], ...]
    rubrics: tuple[RubricView, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """Two days: what the difference of each measure is worth, or why nothing can be compared."""

    says: tuple[tuple[str, bool], ...]


def headline_names() -> tuple[str, ...]:
    """The measures of a first glance."""
    from screener.report.words import HEADLINE_MEASURES

    return tuple(HEADLINE_MEASURES.values())


def said_of(document: dict[str, Any]) -> tuple[str, ...]:
    """What was seen, in sentences."""
    if document["nothing_because"] is not None:
        return (f"Nothing could be measured. {document['nothing_because']}",)
    if document["scores_withheld_because"] is not None:
        return (str(document["scores_withheld_because"]),)
    return tuple(str(finding["says"]) for finding in document["findings"]) or (
        "The numbers are below; no pattern was found.",
    )


def legs_of(document: dict[str, Any]) -> tuple[Leg, ...]:
    """Every trial of a result."""
    from screener.assessment import trials_from_json
    from screener.report.contents import grade_in_words
    from screener.report.words import HEADLINE_MEASURES, reading_in_words, short_name, title, where_read

    legs = []
    for number, (trial, plain) in enumerate(zip(trials_from_json(document), document["trials"], strict=True), start=1):
        repetitions = tuple(
            Rep(
                rep.index,
                rep.bottom_s,
                tuple(reading_in_words(measure, rep.measures[measure]) for measure in HEADLINE_MEASURES),
                rep.excluded_because,
            )
            for rep in trial.repetitions
        )
        measures = tuple(
            (
                short_name(measure),
                reading_in_words(measure, reading),
                grade_in_words(graded.get("grade")) if "value" in graded else "",
                str(graded.get("not_measured") or graded.get("says") or ""),
            )
            for measure, reading in trial.summary.items()
            if (graded := plain["summary"][measure]) is not None
        )
        rubrics = tuple(_rubric(each) for each in plain["rubrics"])
        legs.append(Leg(number, title(trial), trial.stance_side, where_read(trial), repetitions, measures, rubrics))
    return tuple(legs)


def _rubric(plain: dict[str, Any]) -> RubricView:
    from screener.assessment.rubrics import load_rubrics

    rubric = next(each for each in load_rubrics() if each.id == plain["id"])
    rules = {item.id: item for item in rubric.items}
    items = tuple(
        ItemView(
            id=item["id"],
            asks=rules[item["id"]].asks,
            camera=item["score"],
            why_not=item["needs_clinician"],
            given=item["clinician_score"],
            scores=rules[item["id"]].scores,
        )
        for item in plain["items"]
    )
    if plain["total"] is not None:
        rating = f" ({plain['rating']})" if plain["rating"] else ""
        result = f"{plain['total']} of {rubric.worst}{rating}; fewer is better."
    else:
        still_open = sum(item.camera is None and item.given is None for item in items)
        result = f"No total yet: {still_open} of {len(items)} items need a clinician."
    return RubricView(plain["id"], rubric.name, result, items)


def compared(today: str, earlier: str) -> Compared:
    """Two results of one person, each the text of a screening.json: what changed beyond the measurement error."""
    from screener.assessment import load_norms, trials_from_json
    from screener.assessment.comparisons import compare_days

    now, then = trials_from_json(json.loads(today)), trials_from_json(json.loads(earlier))
    return Compared(tuple((each.says, each.detectable) for each in compare_days(now, then, load_norms())))
