"""Comparisons: left with right and today with an earlier day, each against the smallest detectable difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from screener.assessment.norms import DetectableDifference, Norms, in_words, measure_words
from screener.measures.values import (
    AtDepth,
    MeasuredTrial,
    Measurement,
    MeasureName,
    Reading,
    Side,
    StanceSide,
    Task,
)

__all__ = ["Comparison", "compare_days", "compare_sides", "reading_at_depth"]

#: Deepest first: alignment shows itself with depth, so the deepest shared depth says most.
_DEPTHS: tuple[AtDepth, ...] = ("60", "45", "30")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values of one measure and what their difference is worth.

    `between` the sides: `difference` is left − right, and `earlier`, `today` and `side` are None. Between days:
    it is today − earlier of one `side`, and `left` and `right` are None. `low..high` is the 95 % interval of
    the difference. `compared_at` is the matched depth in degrees of knee flexion, or `summary` where the two
    have no depth in common. `threshold` is what the difference had to exceed, and `difference_id` the row that
    it comes from.
    """

    measure: MeasureName
    task: Task
    between: Literal["sides", "days"]
    side: StanceSide | None
    left: float | None
    right: float | None
    earlier: float | None
    today: float | None
    difference: float
    low: float
    high: float
    unit: str
    compared_at: AtDepth | Literal["summary"]
    threshold: float
    detectable: bool
    difference_id: str
    says: str


def reading_at_depth(trial: MeasuredTrial, measure: MeasureName, depth: AtDepth) -> Measurement | None:
    """The trial's reading at a matched depth: the median over its counted repetitions.

    The bounds are the medians of the repetitions' bounds: most of a reading's error is the same in each
    repetition of a recording, so that averaging would not narrow it.
    """
    found = [
        reading
        for repetition in trial.repetitions
        if repetition.counted and isinstance(reading := repetition.at_depth.get(depth, {}).get(measure), Measurement)
    ]
    if not found:
        return None
    return Measurement(
        value=median(each.value for each in found),
        low=median(each.low for each in found),
        high=median(each.high for each in found),
        unit=found[0].unit,
        n=len(found),
    )


def compare_sides(trials: Sequence[MeasuredTrial], norms: Norms) -> tuple[Comparison, ...]:
    """Left with right, for each task that has both."""
    found: list[Comparison] = []
    for task in dict.fromkeys(trial.task for trial in trials):
        left, right = _best(trials, task, "left"), _best(trials, task, "right")
        if left is None or right is None:
            continue
        for row in norms.differences:
            comparison = _compare(left, right, row, norms, "sides")
            if comparison is not None:
                found.append(comparison)
    return tuple(found)


def compare_days(
    trials: Sequence[MeasuredTrial], earlier: Sequence[MeasuredTrial], norms: Norms
) -> tuple[Comparison, ...]:
    """Today with an earlier screening, for each task and side that both have."""
    found: list[Comparison] = []
    for task, side in dict.fromkeys((trial.task, trial.stance_side) for trial in trials):
        now, then = _best(trials, task, side), _best(earlier, task, side)
        if now is None or then is None or side == "unknown":
            continue
        for row in norms.differences:
            comparison = _compare(now, then, row, norms, "days")
            if comparison is not None:
                found.append(comparison)
    return tuple(found)


def _best(trials: Sequence[MeasuredTrial], task: Task, side: Side | StanceSide) -> MeasuredTrial | None:
    """The trial with the most counted repetitions; of several, the last."""
    fitting = [trial for trial in trials if (trial.task, trial.stance_side) == (task, side)]
    return max(reversed(fitting), key=lambda trial: sum(rep.counted for rep in trial.repetitions), default=None)


def _matched(
    one: MeasuredTrial, other: MeasuredTrial, measure: MeasureName
) -> tuple[Reading | None, Reading | None, AtDepth | Literal["summary"]]:
    if measure != "knee_flexion_deg":
        for depth in _DEPTHS:
            a, b = reading_at_depth(one, measure, depth), reading_at_depth(other, measure, depth)
            if a is not None and b is not None:
                return a, b, depth
    return one.summary.get(measure), other.summary.get(measure), "summary"


def _compare(
    one: MeasuredTrial,
    other: MeasuredTrial,
    row: DetectableDifference,
    norms: Norms,
    between: Literal["sides", "days"],
) -> Comparison | None:
    a, b, compared_at = _matched(one, other, row.measure)
    if not isinstance(a, Measurement) or not isinstance(b, Measurement):
        return None
    difference = a.value - b.value
    # Independent errors add in quadrature; each bound takes the half-widths that push towards it.
    low = difference - math.hypot(a.value - a.low, b.high - b.value)
    high = difference + math.hypot(a.high - a.value, b.value - b.low)
    threshold = max(row.smallest_detectable, difference - low, high - difference)
    depths_differ = compared_at == "summary" and _depths_differ(one, other, row.measure, norms)
    detectable = abs(difference) > threshold and not depths_differ
    words = measure_words()[row.measure]
    names = ("left", "right") if between == "sides" else ("today", "earlier")
    where = "" if compared_at == "summary" else f" at {compared_at}° of knee bend"
    whose = "" if between == "sides" else f"{one.stance_side} leg, "
    says = (
        f"{words.short}{where}: {whose}{names[0]} {in_words(row.measure, a)}, {names[1]} {in_words(row.measure, b)}: "
    )
    if depths_differ:
        says += "not compared, because the depths differ or are not known."
    elif detectable:
        says += f"a difference beyond the measurement error ({threshold:.0f}{words.unit_sign})."
    else:
        says += f"no detectable difference (under {threshold:.0f}{words.unit_sign})."
    sides = between == "sides"
    return Comparison(
        measure=row.measure,
        task=one.task,
        between=between,
        side=None if sides else one.stance_side,
        left=a.value if sides else None,
        right=b.value if sides else None,
        earlier=None if sides else b.value,
        today=None if sides else a.value,
        difference=difference,
        low=low,
        high=high,
        unit=a.unit,
        compared_at=compared_at,
        threshold=threshold,
        detectable=detectable,
        difference_id=row.id,
        says=says[0].upper() + says[1:],
    )


def _depths_differ(one: MeasuredTrial, other: MeasuredTrial, measure: MeasureName, norms: Norms) -> bool:
    """Whether two summaries were read at depths too far apart (or unknown) to be compared."""
    if measure == "knee_flexion_deg":
        return False
    a, b = one.summary.get("knee_flexion_deg"), other.summary.get("knee_flexion_deg")
    if not isinstance(a, Measurement) or not isinstance(b, Measurement):
        return True
    return abs(a.value - b.value) > norms.gates.most_depth_difference_deg
