"""What `screen()` says of recordings whose truth is known, as two tables: a row a film, and a row a reading.

The tables are what `notebooks/03_validation` and the accuracy page are made of. Nothing is left out: a film that was
refused, or taken for another side or number of repetitions, has its row in the table of films and no readings.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from screener import measures
from screener.measures import MeasuredRepetition, MeasuredTrial, Measurement, MeasureName, measure_trial
from screener.screening import Screening

__all__ = ["MEASURED", "Film", "Reading", "measure_films", "truth_of_reading", "write_tables"]

#: The measures of which the studio knows the truth.
MEASURED: tuple[MeasureName, ...] = ("pelvic_drop_deg", "fppa_deg", "knee_flexion_deg", "trunk_lean_deg")


@dataclass(frozen=True, slots=True)
class Film:
    """One recording: how it was made, and what was found. Degrees, metres; `exposure` below 0.5 is poor light."""

    film: str
    task: str
    stance_side: str
    repetitions: int
    facing: str
    yaw_deg: float
    exposure: float
    person_px: float
    sex: str
    stature_m: float
    weight: float
    bottom: str
    found_task: str
    found_side: str
    found_repetitions: int
    found_yaw_deg: float | None
    found_grainy: bool
    refused: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One measure of one repetition: truth, value with its 95 % interval, and what the plain formula gives.

    The truth is that of the true bottom, since where the bottom lies is found too; of a deep repetition it is that of
    the instant on the way down which was read instead and which the result names (`read_s`). How far the knee bends is
    always told of the bottom. What such a repetition's bottom reads besides has a row of its own, `read_at` "besides".
    """

    film: str
    repetition: int
    measure: str
    read_at: str
    true_knee_flexion_deg: float
    truth: float
    value: float
    low: float
    high: float
    plain: float | None


def measure_films(
    folder: Path, screen: Callable[[Path], Screening], progress: Callable[[str], None] = lambda name: None
) -> tuple[list[Film], list[Reading]]:
    """Screen every film of a folder that `python -m screener.studio validation` wrote.

    Args:
        folder: films with their truth and spec files.
        screen: how a recording is screened.
        progress: told each film's name when it is done.
    """
    films: list[Film] = []
    readings: list[Reading] = []
    for path in sorted(folder.glob("[!.]*.mp4")):
        truth = json.loads(path.with_suffix(".truth.json").read_text(encoding="utf-8"))
        spec = json.loads(path.with_suffix(".spec.json").read_text(encoding="utf-8"))
        screening = screen(path)
        film = _film(path, truth, spec, screening)
        films.append(film)
        if (film.found_side, film.found_repetitions) == (film.stance_side, film.repetitions):
            readings += _readings(film.film, truth, _frames(path), screening)
        progress(path.stem)
    return films, readings


def _film(path: Path, truth: dict[str, Any], spec: dict[str, Any], screening: Screening) -> Film:
    counted = [rep for trial in screening.trials for rep in trial.repetitions if rep.counted]
    first = _frames(path)[0]
    ankles, shoulders = (
        sum(float(first[f"{side}_{joint}_y_px"]) for side in ("left", "right")) / 2 for joint in ("ankle", "shoulder")
    )
    return Film(
        film=path.stem,
        task=truth["task"],
        stance_side=truth["stance_side"],
        repetitions=len(truth["repetitions"]),
        facing=truth["camera"]["facing"],
        yaw_deg=round(truth["camera"]["yaw_deg"], 2),
        exposure=round(spec["look"]["exposure"], 3),
        person_px=round(ankles - shoulders, 1),
        sex=spec["person"]["sex"],
        stature_m=round(truth["stature_m"], 3),
        weight=round(spec["person"]["weight"], 3),
        bottom=spec["clothes"]["bottom"],
        found_task=" ".join(dict.fromkeys(trial.task for trial in screening.trials)),
        found_side=" ".join(dict.fromkeys(trial.stance_side for trial in screening.trials)),
        found_repetitions=len(counted),
        # A person turned one way is a camera that stands the other way.
        found_yaw_deg=None if screening.view is None else round(-screening.view.yaw_deg, 2),
        found_grainy=bool(screening.source.get("grainy", False)),
        refused=screening.nothing_because or "",
    )


def _frames(path: Path) -> list[dict[str, str]]:
    """The truth of every frame of a film."""
    with path.with_suffix(".truth.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


#: What a film's truth calls what is read at an instant.
_COLUMNS: dict[MeasureName, str] = {
    "pelvic_drop_deg": "pelvic_drop_deg",
    "fppa_deg": "fppa_frontal_plane_deg",
    "trunk_lean_deg": "trunk_lean_deg",
}


def truth_of_reading(
    measure: MeasureName, rep: MeasuredRepetition, true: dict[str, float], frames: list[dict[str, str]]
) -> float:
    """What a repetition's value is held against: the truth at the true bottom, or at the instant read instead."""
    if rep.read_at == "bottom" or rep.read_s is None or measure not in _COLUMNS:
        return true[measure]
    times_s, values = (np.array([float(row[name]) for row in frames]) for name in ("time_s", _COLUMNS[measure]))
    return round(float(np.interp(rep.read_s, times_s, values)), 2)


def _readings(
    film: str, truth: dict[str, Any], frames: list[dict[str, str]], screening: Screening
) -> Iterator[Reading]:
    for trial, plain in zip(screening.trials, _plain(screening), strict=True):
        pairs = zip(trial.repetitions, plain.repetitions, strict=True)
        counted = [(rep, raw) for rep, raw in pairs if rep.counted]
        if len(counted) != len(truth["repetitions"]):
            return  # two trials of one leg, where one set was shown
        for (rep, raw), true in zip(counted, truth["repetitions"], strict=True):
            for measure in MEASURED:
                truth_read = truth_of_reading(measure, rep, true, frames)
                told: list[_Told] = [(rep.read_at, truth_read, rep.measures, raw.measures)]
                if rep.read_at != "bottom" and measure in _COLUMNS and "bottom" in rep.at_depth:
                    told.append(("besides", true[measure], rep.at_depth["bottom"], raw.at_depth["bottom"]))
                for read_at, truth_there, readings, formulas in told:
                    reading, formula = readings[measure], formulas[measure]
                    if isinstance(reading, Measurement):
                        yield Reading(
                            film=film,
                            repetition=rep.index,
                            measure=measure,
                            read_at=read_at,
                            true_knee_flexion_deg=true["knee_flexion_deg"],
                            truth=truth_there,
                            value=round(reading.value, 3),
                            low=round(reading.low, 3),
                            high=round(reading.high, 3),
                            plain=round(formula.value, 3) if isinstance(formula, Measurement) else None,
                        )


_Measures: TypeAlias = Mapping[MeasureName, measures.Reading]
#: Where it was read, what is true there, and what as reported and the plain formula say.
_Told: TypeAlias = tuple[str, float, _Measures, _Measures]


def _plain(screening: Screening) -> Sequence[MeasuredTrial]:
    """The same trials by the plain formulas, without the corrector."""
    motion = screening.motion
    if motion is None or motion.view is None:
        return ()
    return [measure_trial(trial, motion.joints, motion.view, screening.looks) for trial in motion.trials]


def write_tables(folder: Path, films: Sequence[Film], readings: Sequence[Reading]) -> None:
    """`validation_films.csv` and `validation.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("validation_films.csv", films), ("validation.csv", readings)):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            table = [asdict(row) for row in rows]
            writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)
