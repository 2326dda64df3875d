"""Grades: which band of a norm a reading lies in, and when its interval does not allow to say."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import Field, model_validator

from screener.assessment.tables import Grounded, Row, Source, check_ids, check_sources, packaged, parse_table
from screener.errors import BadDataFile
from screener.measures.values import (
    MEASURES,
    MeasuredTrial,
    Measurement,
    MeasureName,
    NotMeasured,
    Reading,
    Task,
)

__all__ = [
    "BANDS",
    "Band",
    "DetectableDifference",
    "Gates",
    "Grade",
    "GradedMeasurement",
    "GradedReading",
    "MeasureWords",
    "Norm",
    "Norms",
    "Sex",
    "Ungraded",
    "bands_touched",
    "grade_reading",
    "in_words",
    "is_too_shallow",
    "load_norms",
    "measure_words",
    "possible_bands",
]

Sex: TypeAlias = Literal["female", "male"]
Band: TypeAlias = Literal["typical", "borderline", "marked"]
Grade: TypeAlias = Literal["typical", "borderline", "marked", "unclear"]
BANDS: tuple[Band, ...] = ("typical", "borderline", "marked")

Label = TypeVar("Label")


class Gates(Row):
    """What must hold before anything is graded or compared."""

    least_knee_flexion_deg: Annotated[float, Field(ge=0, le=120)]
    most_depth_difference_deg: Annotated[float, Field(gt=0)]
    asked_repetitions: Annotated[int, Field(ge=1)]
    sources: tuple[str, ...]


class Norm(Grounded):
    """The bands of one measure in one task (and for one sex, where a source has that)."""

    task: Task
    measure: MeasureName
    sex: Sex | None = None
    typical_from: float
    typical_to: float
    marked_above: float
    n: Annotated[int, Field(gt=0)]
    measured_in: str
    measured_how: str
    note: str

    @model_validator(mode="after")
    def _ordered(self) -> Norm:
        if not self.typical_from < self.typical_to < self.marked_above:
            raise ValueError("typical_from, typical_to and marked_above must rise in this order")
        return self

    @property
    def edges(self) -> tuple[float, float, float]:
        return (self.typical_from, self.typical_to, self.marked_above)


class Ungraded(Grounded):
    """A task for which there are no bands, and why."""

    task: Task
    says: str


class DetectableDifference(Grounded):
    """The smallest difference of a measure that is more than measurement error."""

    measure: MeasureName
    smallest_detectable: Annotated[float, Field(gt=0)]
    note: str


class Norms(Row):
    """A whole norms file. A file of a site's own may bring its own `sources`."""

    gates: Gates
    norms: tuple[Norm, ...]
    ungraded: tuple[Ungraded, ...] = ()
    differences: tuple[DetectableDifference, ...]
    sources: tuple[Source, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Norms:
        check_ids([*self.norms, *self.ungraded, *self.differences])
        check_ids(self.sources)
        keys = [(norm.task, norm.measure, norm.sex) for norm in self.norms]
        for row, key in enumerate(keys):
            if key in keys[:row]:
                raise ValueError(f"norms row {row + 1} ({self.norms[row].id}): these bands are given twice")
        own = [source.id for source in self.sources]
        check_sources([*self.norms, *self.ungraded, *self.differences], own)
        return self

    def find(self, task: Task, measure: MeasureName, sex: Sex | None = None) -> Norm | None:
        """The row for this sex, else the row for anybody, else None."""
        rows = {norm.sex: norm for norm in self.norms if (norm.task, norm.measure) == (task, measure)}
        return rows.get(sex) or rows.get(None)

    def why_ungraded(self, task: Task, measure: MeasureName) -> str:
        """A plain sentence for a reading without a norm."""
        for row in self.ungraded:
            if row.task == task:
                return row.says
        return f"There are no bands for {measure_words()[measure].short} in this task: shown without a grade."


class MeasureWords(Grounded):
    """A measure in words."""

    short: str
    unit_sign: str
    says: str


class MeasureTable(Row):
    measures: tuple[MeasureWords, ...]

    @model_validator(mode="after")
    def _complete(self) -> MeasureTable:
        check_ids(self.measures)
        if {row.id for row in self.measures} != set(MEASURES):
            raise ValueError("the rows are not the measures of the contract")
        return self


@cache
def measure_words() -> dict[str, MeasureWords]:
    """Every measure in words, by its name."""
    table = parse_table(MeasureTable, packaged("screener.assessment", "measures.toml"), "measures.toml")
    return {row.id: row for row in table.measures}


def in_words(measure: MeasureName, reading: Reading | None) -> str:
    """`17° [14 to 20]`: the value with its interval, or that there is none."""
    if not isinstance(reading, Measurement):
        return "not measured"
    sign = measure_words()[measure].unit_sign
    low, value, high = (f"{round(x) + 0:d}".replace("-", "−") for x in (reading.low, reading.value, reading.high))
    return f"{value}{sign} [{low} to {high}]"


def load_norms(path: Path | str | None = None) -> Norms:
    """The norms of this installation, or of a file that a site puts in their place.

    Raises:
        BadDataFile: the file cannot be read, or a row does not hold; the message names the row and the reason.
    """
    if path is None:
        return _own_norms()
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise BadDataFile(f"The norms file {path} cannot be read: {wrong}.", "Check the path.") from None
    return parse_table(Norms, text, Path(path).name)


@cache
def _own_norms() -> Norms:
    return parse_table(Norms, packaged("screener.assessment", "norms.toml"), "norms.toml")


def bands_touched(low: float, high: float, edges: Sequence[float], labels: Sequence[Label]) -> frozenset[Label]:
    """The labels of all bands that the interval `low..high` reaches into.

    `edges` rise, and there is one label more than edges: `labels[i]` holds for values above `edges[i - 1]` up
    to and with `edges[i]`. A wider interval touches the same bands or more, never fewer.
    """
    return frozenset(labels[bisect_left(edges, low) : bisect_left(edges, high) + 1])


def is_too_shallow(trial: MeasuredTrial, gates: Gates) -> bool | None:
    """Whether the trial's depth is under the gate. None where the depth was not measured.

    Judged on the value and not on its interval: depth is read from the front to within a few degrees, and most
    people stop near 60°, so that asking for the whole interval would leave good trials without a grade.
    """
    depth = trial.summary.get("knee_flexion_deg")
    return depth.value < gates.least_knee_flexion_deg if isinstance(depth, Measurement) else None


def possible_bands(
    trial: MeasuredTrial, measure: MeasureName, norms: Norms, sex: Sex | None = None
) -> frozenset[Band] | None:
    """The bands that the trial's reading may lie in, given its interval. None where it cannot be graded.

    All bands are possible where the squat was too shallow, or its depth is not known.
    """
    reading = trial.summary.get(measure)
    norm = norms.find(trial.task, measure, sex)
    if norm is None or not isinstance(reading, Measurement):
        return None
    if is_too_shallow(trial, norms.gates) is not False:
        return frozenset(BANDS)
    labels: tuple[Band, ...] = ("borderline", "typical", "borderline", "marked")
    return bands_touched(reading.low, reading.high, norm.edges, labels)


@dataclass(frozen=True, slots=True)
class GradedMeasurement:
    """A trial's reading with its grade. `grade` and `norm_id` are None where the task has no norm for it.

    `says` tells in one sentence why the grade is what it is.
    """

    value: float
    low: float
    high: float
    unit: str
    grade: Grade | None
    norm_id: str | None
    says: str


GradedReading: TypeAlias = GradedMeasurement | NotMeasured


def grade_reading(trial: MeasuredTrial, measure: MeasureName, norms: Norms, sex: Sex | None = None) -> GradedReading:
    """The trial's reading of one measure with its grade: `unclear` where its interval straddles a line."""
    reading = trial.summary[measure]
    if isinstance(reading, NotMeasured):
        return reading
    norm = norms.find(trial.task, measure, sex)
    bands = possible_bands(trial, measure, norms, sex)
    if norm is None or bands is None:
        grade, says = None, norms.why_ungraded(trial.task, measure)
    else:
        grade, says = _judged(bands, norm, is_too_shallow(trial, norms.gates), norms.gates)
    counted = sum(repetition.counted for repetition in trial.repetitions)
    if grade is not None and counted < norms.gates.asked_repetitions:
        says += f" It rests on {counted} of the {norms.gates.asked_repetitions} repetitions asked for."
    return GradedMeasurement(
        reading.value,
        reading.low,
        reading.high,
        reading.unit,
        grade,
        norm.id if norm is not None else None,
        says,
    )


def _judged(bands: frozenset[Band], norm: Norm, too_shallow: bool | None, gates: Gates) -> tuple[Grade, str]:
    if too_shallow is None:
        return "unclear", "The depth of the squat could not be measured, and without it nothing is graded."
    if too_shallow:
        least = gates.least_knee_flexion_deg
        return "unclear", f"The knee bent less than {least:g}°, and nothing is graded at so small a depth."
    if len(bands) > 1:
        names = " to ".join(band for band in BANDS if band in bands)
        return "unclear", f"The measurement error reaches from {names}."
    (band,) = bands
    lines = f"typical up to {norm.typical_to:g}°, marked above {norm.marked_above:g}°"
    return band, f"{band.capitalize()} with its whole measurement error ({lines})."
