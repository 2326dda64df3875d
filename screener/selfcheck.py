"""Does this installation measure as well as is claimed? The sample clips are screened and compared with their truth."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.data import data_path
from screener.measures import MeasuredTrial, Measurement, MeasureName
from screener.screening import Screening

__all__ = ["Claim", "Found", "check_clips", "claims", "found_in_clips", "sample_names", "table"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What `claims.toml` says of one measure: how far off it is in the mean, and how often its interval holds."""

    measure: MeasureName
    mean_error_at_most: float
    coverage_at_least: float


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What the clips gave.

    Attributes:
        mistakes: plain sentences: a wrong side or task, repetitions missed or invented, a refusal that did not come.
        errors: for each measure `(repetition,)`, value minus truth.
        covered: for each measure `(repetition,)`, whether its interval holds the truth.
    """

    mistakes: tuple[str, ...]
    errors: dict[MeasureName, NDArray[np.float64]]
    covered: dict[MeasureName, NDArray[np.bool_]]


def claims() -> tuple[Claim, ...]:
    """What is claimed of the sample clips."""
    text = files("screener").joinpath("claims.toml").read_text(encoding="utf-8")
    return tuple(Claim(**row) for row in tomllib.loads(text)["claim"])


def sample_names() -> list[str]:
    """The sample clips that are installed."""
    return sorted(path.stem for path in data_path("sample_videos").glob("*.mp4"))


def found_in_clips(
    screen: Callable[[Path], Screening], names: list[str], progress: Callable[[int], None] | None = None
) -> Found:
    """Screen the sample clips and compare.

    Args:
        screen: how a recording is screened.
        names: of the clips.
        progress: told how many are done.
    """
    mistakes: list[str] = []
    errors: dict[MeasureName, list[float]] = {claim.measure: [] for claim in claims()}
    covered: dict[MeasureName, list[bool]] = {claim.measure: [] for claim in claims()}
    for number, name in enumerate(names, start=1):
        truth = json.loads(data_path("sample_videos", f"{name}.truth.json").read_text(encoding="utf-8"))
        screening = screen(data_path("sample_videos", f"{name}.mp4"))
        for trial, reps in _matched(name, truth, screening, mistakes):
            counted = [rep for rep in trial.repetitions if rep.counted]
            for rep, true in zip(counted, reps, strict=True):
                for measure in errors:
                    reading = rep.measures[measure]
                    if not isinstance(reading, Measurement):
                        mistakes.append(f"{name}: {measure} of repetition {rep.index} was not measured.")
                        continue
                    errors[measure].append(reading.value - true[measure])
                    covered[measure].append(reading.low <= true[measure] <= reading.high)
        if progress is not None:
            progress(number)
    return Found(
        tuple(mistakes),
        {measure: np.array(each) for measure, each in errors.items()},
        {measure: np.array(each) for measure, each in covered.items()},
    )


def _matched(
    name: str, truth: dict[str, Any], screening: Screening, mistakes: list[str]
) -> list[tuple[MeasuredTrial, list[dict[str, Any]]]]:
    """Trials with the true repetitions of their set, where side, task and number are right."""
    if not truth.get("measurable", True):
        if screening.nothing_because is None:
            mistakes.append(f"{name}: it must be refused, but was measured.")
        return []
    sets = truth.get("sets", [truth])
    if len(screening.trials) != len(sets):
        mistakes.append(f"{name}: {len(screening.trials)} sets were found, not {len(sets)}.")
        return []
    matched = []
    for trial, each in zip(screening.trials, sets, strict=True):
        seen, true = (trial.stance_side, trial.task), (each["stance_side"], truth["task"])
        counted = sum(rep.counted for rep in trial.repetitions)
        if seen != true:
            mistakes.append(f"{name}: {' '.join(seen)} instead of {' '.join(true)}.")
        elif counted != len(each["repetitions"]):
            mistakes.append(f"{name}: {counted} repetitions instead of {len(each['repetitions'])}.")
        else:
            matched.append((trial, each["repetitions"]))
    return matched


def check_clips(found: Found) -> list[str]:
    """What does not hold, in plain sentences; nothing where every claim does."""
    broken = list(found.mistakes)
    for claim in claims():
        error = float(np.abs(found.errors[claim.measure]).mean())
        coverage = float(found.covered[claim.measure].mean())
        if error > claim.mean_error_at_most:
            broken.append(
                f"{claim.measure}: {error:.2f} off in the mean; at most {claim.mean_error_at_most} is claimed."
            )
        if coverage < claim.coverage_at_least:
            broken.append(
                f"{claim.measure}: {coverage:.0%} of the intervals hold the truth; "
                f"at least {claim.coverage_at_least:.0%} is claimed."
            )
    return broken


def table(found: Found) -> str:
    """A line a measure: repetitions, mean error, bias, intervals that hold the truth, and what is claimed."""
    lines = [f"{'':<20}{'n':>4}{'mean error':>12}{'claimed':>9}{'bias':>8}{'holds':>8}{'claimed':>9}"]
    for claim in claims():
        error, held = found.errors[claim.measure], found.covered[claim.measure]
        lines.append(
            f"{claim.measure:<20}{len(error):>4}{np.abs(error).mean():>12.2f}{claim.mean_error_at_most:>9.2f}"
            f"{error.mean():>8.2f}{held.mean():>8.0%}{claim.coverage_at_least:>9.0%}"
        )
    return "\n".join(lines)
