"""What a measured number is: a value with its 95 % interval and unit, or a reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from screener.terms import QuietStance, Side, StanceSide, Task

__all__ = [
    "MEASURES",
    "AtDepth",
    "MeasureName",
    "MeasuredRepetition",
    "MeasuredTrial",
    "Measurement",
    "NotMeasured",
    "QuietStance",
    "ReadAt",
    "Reading",
    "Side",
    "StanceSide",
    "Task",
]

ReadAt: TypeAlias = Literal["bottom", "deepest_readable"]
AtDepth: TypeAlias = Literal["30", "45", "60", "bottom"]

MeasureName: TypeAlias = Literal[
    "fppa_deg",
    "pelvic_drop_deg",
    "hip_adduction_deg",
    "trunk_lean_deg",
    "knee_flexion_deg",
    "knee_medial_displacement_pct",
    "pelvic_shift_pct",
    "knee_over_foot_pct",
    "tempo_s",
    "knee_wobble_deg",
    "foot_touchdowns",
    "foot_drift_pct",
]

#: Every measure and its unit, in the order in which tables show them.
MEASURES: dict[MeasureName, str] = {
    "pelvic_drop_deg": "deg",
    "fppa_deg": "deg",
    "hip_adduction_deg": "deg",
    "trunk_lean_deg": "deg",
    "knee_flexion_deg": "deg",
    "knee_medial_displacement_pct": "% of leg length",
    "pelvic_shift_pct": "% of leg length",
    "knee_over_foot_pct": "% of shank length",
    "tempo_s": "s",
    "knee_wobble_deg": "deg",
    "foot_touchdowns": "count",
    "foot_drift_pct": "% of leg length",
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured value. `low` and `high` bound its 95 % interval; `n` is how many readings it rests on.

    Raises:
        ValueError: a bound is not finite, or `low <= value <= high` does not hold.
    """

    value: float
    low: float
    high: float
    unit: str
    n: int = 1

    def __post_init__(self) -> None:
        if not all(math.isfinite(x) for x in (self.value, self.low, self.high)):
            raise ValueError(f"a measurement must be finite, got {self.low}, {self.value}, {self.high}")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"expected low <= value <= high, got {self.low}, {self.value}, {self.high}")


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """There is no number, and `reason` says why in a plain sentence."""

    reason: str


Reading: TypeAlias = Measurement | NotMeasured


@dataclass(frozen=True, slots=True)
class MeasuredRepetition:
    """One repetition with its readings. `excluded_because` is None exactly where `counted` is true.

    `read_s` is the instant at which its pose was read: the bottom or, where the knee bends further than 65°, that depth
    on the way down; None where none could be, and in results from before it was kept. How far the knee bends is told
    of the bottom all the same. `at_depth` has what one pose gives at matched depths in degrees of knee flexion, as far
    as it goes, and at the bottom, where that can be read.
    """

    index: int
    start_s: float
    bottom_s: float
    end_s: float
    counted: bool
    excluded_because: str | None
    read_at: ReadAt
    measures: dict[MeasureName, Reading]
    at_depth: dict[AtDepth, dict[MeasureName, Reading]]
    read_s: float | None = None

    @property
    def shown_s(self) -> float:
        """The instant that shows what the numbers say: the one read, or the bottom where none is known."""
        return self.bottom_s if self.read_s is None else self.read_s


@dataclass(frozen=True, slots=True)
class MeasuredTrial:
    """One set of repetitions of one leg. `summary` holds the median over the counted repetitions."""

    task: Task
    task_from: Literal["given", "detected"]
    stance_side: StanceSide
    quiet_stance: QuietStance | None
    repetitions: tuple[MeasuredRepetition, ...]
    summary: dict[MeasureName, Reading]
