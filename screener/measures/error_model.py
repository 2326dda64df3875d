"""How sure a raw reading is: standard deviations with their sources, read from `raw_error.toml`."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from screener.measures.values import MEASURES, Measurement, MeasureName

__all__ = ["Estimate", "measurement", "pooled", "raw_estimate"]

# The standard deviations either side of a normal mean that hold 95 %.
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the half-width of its 95 % interval, both in the measure's unit."""

    value: float
    half_width: float


@cache
def _table() -> dict[str, dict[str, dict[str, float | str]]]:
    return tomllib.loads(files("screener.measures").joinpath("raw_error.toml").read_text(encoding="utf-8"))


def raw_estimate(measure: MeasureName, value: float, yaw_deg: float) -> Estimate:
    """A raw reading with the interval that its row of the table and the camera's yaw give it."""
    row = _table()["measures"][measure]
    sd = math.hypot(float(row["sd"]), float(row.get("yaw_gain", 0.0)) * yaw_deg)
    return Estimate(value, _Z95 * sd)


def measurement(measure: MeasureName, estimate: Estimate, n: int = 1) -> Measurement:
    """An estimate as a `Measurement`; lengths of time and distances do not go below zero."""
    low, high = estimate.value - estimate.half_width, estimate.value + estimate.half_width
    if measure in _NEVER_NEGATIVE:
        low = min(max(0.0, low), estimate.value)
    return Measurement(estimate.value, low, high, MEASURES[measure], n)


_NEVER_NEGATIVE: frozenset[MeasureName] = frozenset(
    {"tempo_s", "knee_wobble_deg", "foot_drift_pct", "knee_flexion_deg", "foot_touchdowns"}
)


def pooled(measure: MeasureName, readings: list[Measurement]) -> Measurement:
    """A trial's value: the median of its repetitions, with an interval that knows that they share one error.

    With `part` of the variance common, the mean of n repetitions keeps `part + (1 − part) / n` of one
    repetition's variance, and their scatter around each other is added as it is seen.
    """
    values = sorted(reading.value for reading in readings)
    n = len(values)
    middle = (values[(n - 1) // 2] + values[n // 2]) / 2
    half = sum(reading.high - reading.low for reading in readings) / (2 * n)
    shared = float(_table()["shared"]["part"])  # type: ignore[arg-type]
    mean = sum(values) / n
    scatter = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1)) if n > 1 else 0.0
    kept = math.hypot(half * math.sqrt(shared + (1 - shared) / n), _Z95 * scatter / math.sqrt(n))
    return measurement(measure, Estimate(middle, kept), n)
