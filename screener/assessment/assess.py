"""From measured trials to an assessment: grades, rubrics, comparisons and findings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from screener.assessment.comparisons import Comparison, compare_days, compare_sides
from screener.assessment.norms import (
    GradedMeasurement,
    GradedReading,
    Norms,
    Sex,
    grade_reading,
    load_norms,
)
from screener.assessment.patterns import Finding, find_patterns
from screener.assessment.rubrics import RubricScore, score_rubrics
from screener.errors import BadDataFile
from screener.measures.values import MeasuredTrial, MeasureName, StanceSide, Task

__all__ = [
    "SCHEMA_VERSION",
    "AssessedTrial",
    "Assessment",
    "assess",
    "findings_from_json",
    "trials_from_json",
    "withhold_scores",
]

Whole = TypeVar("Whole")

#: The version of `screening.json` that this program writes and reads.
SCHEMA_VERSION = "1.0"

# Made once: a table over thousands of screenings would spend half of its time on making them.
_FINDINGS = TypeAdapter(tuple[Finding, ...])
_TRIALS = TypeAdapter(tuple[MeasuredTrial, ...])


@dataclass(frozen=True, slots=True)
class AssessedTrial:
    """What the readings of one trial mean. It stands at the place of its trial in `assess`'s argument."""

    task: Task
    stance_side: StanceSide
    summary: dict[MeasureName, GradedReading]
    rubrics: tuple[RubricScore, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """All that is said about a screening before a plan is made.

    `withheld_because` is None, or the sentence that tells why there are no grades, rubrics and findings.
    """

    trials: tuple[AssessedTrial, ...]
    comparisons: tuple[Comparison, ...]
    findings: tuple[Finding, ...]
    withheld_because: str | None = None


def assess(
    trials: Sequence[MeasuredTrial],
    *,
    norms: Norms | None = None,
    sex: Sex | None = None,
    earlier: Sequence[MeasuredTrial] | None = None,
) -> Assessment:
    """Grade, rate and compare measured trials, and find their patterns.

    `norms` replaces the bands of this installation, `sex` picks bands made for it where there are any, and
    `earlier` holds the trials of another day to compare with.
    """
    norms = norms if norms is not None else load_norms()
    comparisons = compare_sides(trials, norms)
    findings = find_patterns(trials, comparisons, norms, sex)
    if earlier is not None:
        comparisons += compare_days(trials, earlier, norms)
    return Assessment(
        trials=tuple(
            AssessedTrial(
                task=trial.task,
                stance_side=trial.stance_side,
                summary={name: grade_reading(trial, name, norms, sex) for name in trial.summary},
                rubrics=score_rubrics(trial, norms),
            )
            for trial in trials
        ),
        comparisons=comparisons,
        findings=findings,
    )


def withhold_scores(assessment: Assessment, because: str) -> Assessment:
    """The assessment with its measurements kept and everything that judges them taken out.

    For a person who should see a clinician first: a grade could be taken for an answer.
    """
    trials = tuple(
        replace(
            trial,
            summary={
                name: replace(reading, grade=None, norm_id=None, says=because)
                if isinstance(reading, GradedMeasurement)
                else reading
                for name, reading in trial.summary.items()
            },
            rubrics=(),
        )
        for trial in assessment.trials
    )
    return Assessment(trials, comparisons=(), findings=(), withheld_because=because)


def findings_from_json(document: Mapping[str, Any]) -> tuple[Finding, ...]:
    """The findings of a `screening.json`, to make a plan from.

    Raises:
        BadDataFile: another schema version, or a field that does not hold; the message names the field.
    """
    return _read(_FINDINGS, document, "findings")


def trials_from_json(document: Mapping[str, Any]) -> tuple[MeasuredTrial, ...]:
    """The measured trials of a `screening.json`, to assess again or to compare with.

    Raises:
        BadDataFile: as `findings_from_json`.
    """
    return _read(_TRIALS, document, "trials")


def _read(kind: TypeAdapter[Whole], document: Mapping[str, Any], field: str) -> Whole:
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise BadDataFile(
            f"schema_version: expected {SCHEMA_VERSION!r}, got {version!r}.",
            "Screen the recording again with this version.",
        )
    if field not in document:
        raise BadDataFile(f"The screening has no field {field}.", "Screen the recording again.")
    try:
        return kind.validate_json(json.dumps(_readings_back(document[field])), strict=True)
    except (ValidationError, TypeError, ValueError) as wrong:
        if not isinstance(wrong, ValidationError):
            raise BadDataFile(f"{field}: {wrong}.", "Screen the recording again.") from None
        first = wrong.errors()[0]
        place = ".".join(str(step) for step in (field, *first["loc"]))
        raise BadDataFile(f"{place}: {first['msg']}.", "Screen the recording again.") from None


def _readings_back(value: Any) -> Any:
    """`{not_measured: reason}` as `NotMeasured`, and what the JSON leaves out put back, all through a document."""
    if isinstance(value, Mapping):
        if set(value) == {"not_measured"}:
            return {"reason": value["not_measured"]}
        absent = {"excluded_because": None} if value.get("counted") is True else {}
        return absent | {key: _readings_back(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_readings_back(each) for each in value]
    return value
