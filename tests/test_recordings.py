"""The same movement, however it was filmed and stored, gives the same answer; and the answer is near the truth."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from screener import Screening, Settings, screen
from screener.measures import MeasuredTrial, Measurement, MeasureName, Reading, measure_trial
from screener.selfcheck import Found, check_clips, found_in_clips, sample_names, table
from screener.terms import other_side
from screener.video import Picture, open_video
from tests.clips import encode, reencode, sample_clips, set_rotation
from tests.conftest import clip_named


def _measurable(clip: Path) -> bool:
    return bool(json.loads(clip.with_suffix(".truth.json").read_text(encoding="utf-8")).get("measurable", True))


MEASURABLE = [clip.stem for clip in sample_clips() if _measurable(clip)]


def only_trial(screening: Screening) -> MeasuredTrial:
    (trial,) = screening.trials
    return trial


def value(trial: MeasuredTrial, measure: MeasureName = "fppa_deg") -> float:
    reading = trial.summary[measure]
    assert isinstance(reading, Measurement), reading
    return reading.value


def values(trial: MeasuredTrial, measure: MeasureName = "fppa_deg") -> list[float]:
    readings = [rep.measures[measure] for rep in trial.repetitions if rep.counted]
    assert all(isinstance(reading, Measurement) for reading in readings), readings
    return [reading.value for reading in readings if isinstance(reading, Measurement)]


@pytest.fixture(scope="module")
def found(screened: Callable[[str], Screening]) -> Found:
    """All sample clips, screened and compared with their truth."""
    return found_in_clips(lambda path: screened(path.stem), sample_names())


def test_sides_tasks_repetitions_and_refusals_are_the_truth_s(found: Found) -> None:
    assert found.mistakes == ()
    assert len(found.errors["pelvic_drop_deg"]) == 46


def test_every_claim_of_the_sample_clips_holds(found: Found) -> None:
    assert check_clips(found) == [], table(found)


@pytest.mark.parametrize("clip", MEASURABLE)
def test_bottoms_and_the_picture_s_fppa_are_the_truth_s(clip: str, screened: Callable[[str], Screening]) -> None:
    truth = json.loads(clip_named(clip).with_suffix(".truth.json").read_text(encoding="utf-8"))
    with clip_named(clip).with_suffix(".truth.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times_s = [float(row["time_s"]) for row in rows]
    true_fppa_deg = [float(row["fppa_picture_deg"]) for row in rows]
    screening = screened(clip)
    assert screening.motion is not None
    assert screening.motion.view is not None
    bottoms_s = [rep["bottom_s"] for rep in truth["repetitions"]]
    trials = [
        # Without the corrector: what the plain formula sees in the picture.
        measure_trial(trial, screening.motion.joints, screening.motion.view, screening.looks)
        for trial in screening.motion.trials
    ]
    assert screening.nothing_because is None
    assert {trial.task_from for trial in trials} == {"detected"}
    assert [rep.excluded_because for trial in trials for rep in trial.repetitions] == [None] * len(bottoms_s)
    found_s = [rep.bottom_s for trial in trials for rep in trial.repetitions]
    # The studio's people stay at the bottom for 0.15 s, swaying: which of these instants is deepest is chance.
    held_s = 0.15 if clip_named(clip).with_suffix(".spec.json").exists() else 0.0
    np.testing.assert_allclose(found_s, bottoms_s, atol=max(0.10, held_s))
    if not held_s:
        errors_deg = np.concatenate([values(trial) for trial in trials]) - np.interp(bottoms_s, times_s, true_fppa_deg)
        # The plain formula is this far off on films seen from within 10° (docs/accuracy.md, seed 35).
        assert np.abs(errors_deg).mean() < 5.8, errors_deg


def plain(screening: Screening) -> MeasuredTrial:
    """What the formulas see in the picture, without the corrector."""
    motion = screening.motion
    assert motion is not None
    assert motion.view is not None
    (trial,) = motion.trials
    return measure_trial(trial, motion.joints, motion.view, screening.looks)


def readings(trial: MeasuredTrial) -> list[dict[MeasureName, Reading]]:
    return [rep.measures for rep in trial.repetitions]


def turned(src: Path, dst: Path, deg: int) -> Path:
    """The clip stored turned by `deg` anticlockwise, and marked to be shown turned back."""
    with open_video(src) as source:
        frames = [(frame.time_s, np.ascontiguousarray(np.rot90(frame.rgb, deg // 90))) for frame in source]
    set_rotation(encode(dst, frames), deg)
    return dst


def landscape(src: Path, dst: Path, size: tuple[int, int] | None = None) -> Path:
    """The clip on a 16:9 picture, its sides filled up; then scaled to `size`."""

    def wide(rgb: Picture) -> Picture:
        missing = round(rgb.shape[0] * 16 / 9) // 2 * 2 - rgb.shape[1]
        return np.pad(rgb, ((0, 0), (missing // 2, missing - missing // 2), (0, 0)), mode="edge")

    with open_video(src) as source:
        encode(dst, [(frame.time_s, wide(frame.rgb)) for frame in source])
    return dst if size is None else reencode(dst, dst.with_name(f"scaled_{dst.name}"), size=size)


Variant = tuple[Callable[[Path, Path], Path], str, Settings, float]
PLAIN = Settings()
FPPA: MeasureName = "fppa_deg"
#: A corrected FPPA is spread as truths are, by this factor (docs/accuracy.md), and with it what coding does to it.
SPREAD = 1.11

#: name: (how it is made, its suffix, what the person says, how far FPPA may be from the original's in degrees)
VARIANTS: dict[str, Variant] = {
    "mirrored, told": (partial(reencode, mirrored=True), ".mp4", Settings(mirrored=True), 2.0),
    "mirrored, not told": (partial(reencode, mirrored=True), ".mp4", PLAIN, 2.0),
    "rotated 90°": (partial(turned, deg=90), ".mp4", PLAIN, 2.0),
    "rotated 180°": (partial(turned, deg=180), ".mp4", PLAIN, 2.0),
    "rotated 270°": (partial(turned, deg=270), ".mov", PLAIN, 2.0),
    "portrait": (partial(reencode, portrait=True), ".mp4", PLAIN, 2.0),
    "landscape": (landscape, ".mp4", PLAIN, 2.0),
    "HEVC .mov": (partial(reencode, codec="hevc"), ".mov", PLAIN, 2.0),
    "variable frame rate": (partial(reencode, vfr=True), ".mp4", PLAIN, 2.0),
    "24 frames/s": (partial(reencode, fps=24), ".mp4", PLAIN, 2.0),
    "29.97 frames/s": (partial(reencode, fps=Fraction(30000, 1001)), ".mp4", PLAIN, 2.0),
    "60 frames/s": (partial(reencode, fps=60), ".mp4", PLAIN, 2.0),
    "120 frames/s": (partial(reencode, fps=120), ".mp4", PLAIN, 2.0),
    "320 × 240": (partial(reencode, size=(320, 240)), ".mp4", PLAIN, 3.0),
    "1920 × 1080": (partial(landscape, size=(1920, 1080)), ".mp4", PLAIN, 2.0),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_however_it_is_stored_the_answer_is_the_same(
    variant: str, tmp_path: Path, screened: Callable[[str], Screening]
) -> None:
    name = "sls_right_drop_and_valgus"
    make, suffix, settings, within_deg = VARIANTS[variant]
    original = only_trial(screened(name))
    stored = screen(make(clip_named(name), tmp_path / f"clip{suffix}"), settings)
    trial = only_trial(stored)

    assert original.stance_side != "unknown"
    swapped = variant == "mirrored, not told"
    assert trial.stance_side == (other_side(original.stance_side) if swapped else original.stance_side)
    assert trial.task == original.task
    assert [rep.excluded_because for rep in trial.repetitions] == [None, None, None]
    assert value(plain(stored)) == pytest.approx(value(plain(screened(name))), abs=within_deg)
    assert value(trial) == pytest.approx(value(original), abs=SPREAD * within_deg)
    # A repetition alone shares less of its error with the others; its interval holds that.
    for mine, theirs in zip(readings(trial), readings(original), strict=True):
        reading, read = mine[FPPA], theirs[FPPA]
        assert isinstance(reading, Measurement)
        assert isinstance(read, Measurement)
        assert read.low <= reading.value <= read.high


@pytest.mark.parametrize("clip", MEASURABLE)
def test_tempo_and_a_still_foot_lie_within_their_intervals(clip: str, screened: Callable[[str], Screening]) -> None:
    truth = json.loads(clip_named(clip).with_suffix(".truth.json").read_text(encoding="utf-8"))
    repetitions = [repetition for trial in screened(clip).trials for repetition in trial.repetitions]
    missed = []
    for repetition, true in zip(repetitions, truth["repetitions"], strict=True):
        for name, expected in (("tempo_s", true["end_s"] - true["start_s"]), ("foot_drift_pct", 0.0)):
            reading = repetition.measures[name]
            assert isinstance(reading, Measurement)
            # On another machine landmarks, and so readings, are a little elsewhere: 0.07 past an edge at 4.9 here.
            near = 0.05 * (reading.high - reading.low) / 2
            if not reading.low - near <= expected <= reading.high + near:
                missed.append((name, reading, expected))
    assert missed == []
