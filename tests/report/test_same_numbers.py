"""One screening of both legs, written in every format and read back: the same numbers to the last digit shown."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import av
import ezc3d
import numpy as np
import pyarrow.parquet as pq
import pytest
from fhir.resources.R4B.bundle import Bundle
from numpy.typing import NDArray

from screener import Screening
from screener.measures import MEASURES, Measurement, Reading
from screener.report import write_annotated_film, write_report
from screener.report.interchange import MOT_COLUMNS
from screener.report.words import HEADLINE_MEASURES, short_name, title
from screener.screening import Subject
from screener.video import open_video
from tests.clips import encode
from tests.conftest import clip_named
from tests.report.recordings import LEFT_THEN_RIGHT, with_an_excluded_repetition
from tests.report.test_page import Page
from tests.report.test_paper import read_back

#: Value, lower and upper bound as they stand there; `None` where it says that there is no number.
Told: TypeAlias = tuple[str, str, str] | None
#: Trial, from 1; the repetition's index, or 0 for the trial's summary; the measure.
Place: TypeAlias = tuple[int, int, str]

_HEIGHT_M = 1.7
_NUMBER = r"−?\d+\.\d"
_CELL = rf"({_NUMBER})[^\[\]]*? ?\[({_NUMBER}) to ({_NUMBER})\]|not measured"


@pytest.fixture(scope="module")
def reported(screened: Callable[[str], Screening], tmp_path_factory: pytest.TempPathFactory) -> tuple[Screening, Path]:
    """The left leg, then the right, one repetition hidden; and the folder with all that can be written of it."""
    folder, clip = tmp_path_factory.mktemp("same"), clip_named(LEFT_THEN_RIGHT)
    screening = with_an_excluded_repetition(screened(LEFT_THEN_RIGHT))
    screening = replace(screening, subject=Subject("Zoë", _HEIGHT_M))
    assert [trial.stance_side for trial in screening.trials] == ["left", "right"]
    assert [rep.counted for trial in screening.trials for rep in trial.repetitions] == [True, False, True, True]
    write_report(screening, out := folder / "out", clip, film=False, opensim=True, fhir=True, c3d=True)
    # The film of every fifth picture: what it says lasts longer than that.
    with open_video(clip) as source:
        thin = encode(folder / "thin.mp4", ((frame.time_s, frame.rgb) for frame in islice(source, 0, None, 5)))
    write_annotated_film(screening, thin, out / "annotated.mp4")
    return screening, out


def _as_shown(reading: Reading) -> Told:
    """With one decimal, rounded by Python's own formatting, no −0.0."""
    if not isinstance(reading, Measurement):
        return None
    value, low, high = (
        f"{each:.1f}".replace("-0.0", "0.0").replace("-", "−") for each in (reading.value, reading.low, reading.high)
    )
    return value, low, high


def _in_full(reading: Reading) -> Told:
    if not isinstance(reading, Measurement):
        return None
    return repr(reading.value), repr(reading.low), repr(reading.high)


# Readers of each format: what stands where ---------------------------------------------------------------------------


def _from_json(folder: Path, _: Screening) -> dict[Place, Told]:
    # Numbers as they are written, not as a program would take them.
    document = json.loads((folder / "screening.json").read_text(encoding="utf-8"), parse_float=str, parse_int=str)
    told: dict[Place, Told] = {}
    for number, trial in enumerate(document["trials"], start=1):
        for index, readings in [(0, trial["summary"])] + [
            (int(rep["index"]), rep["measures"]) for rep in trial["repetitions"]
        ]:
            for measure, reading in readings.items():
                missing = "not_measured" in reading
                told[number, index, measure] = None if missing else (reading["value"], reading["low"], reading["high"])
    return told


def _from_csv(folder: Path, _: Screening) -> dict[Place, Told]:
    with (folder / "repetitions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        (int(row["trial"]), int(row["index"]), measure): (
            None if row[f"{measure}_not_measured"] else (row[measure], row[f"{measure}_low"], row[f"{measure}_high"])
        )
        for row in rows
        for measure in MEASURES
    }


def _cell(said: str) -> Told:
    """A cell of page or paper: `13.4° [7.3 to 19.5], ? unclear`."""
    found = re.match(_CELL, said)
    assert found, said
    return (found[1], found[2], found[3]) if found[1] is not None else None


def _from_page(folder: Path, screening: Screening) -> dict[Place, Told]:
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    told: dict[Place, Told] = {}
    by_name = {short_name(measure): measure for measure in MEASURES}
    for number, trial in enumerate(screening.trials, start=1):
        whole = next(rows for said, rows in page.tables.items() if said.startswith(f"{title(trial)}: every measure"))
        for row in whole[1:]:
            if (measure := by_name[row[0]]) != "foot_touchdowns":  # a count, shown without decimals
                told[number, 0, measure] = _cell(row[1])
        each = next(rows for said, rows in page.tables.items() if said.startswith(f"{title(trial)}: each repetition"))
        for row in each[1:]:
            for measure, cell in zip(HEADLINE_MEASURES, row[2:6], strict=True):
                told[number, int(row[0]), measure] = _cell(cell)
    # What is said more than once is the same each time: the table of a first glance, and the words under a still.
    glance = next(rows for said, rows in page.tables.items() if said.startswith("The numbers of a first glance"))
    for row, measure in zip(glance[1:], HEADLINE_MEASURES, strict=True):
        for number, cell in enumerate(row[1:], start=1):
            assert _cell(cell) == told[number, 0, measure]
    captions = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert {caption.partition(", repetition")[0] for caption in captions} == set(map(title, screening.trials))
    for caption in captions:
        number = next(n for n, trial in enumerate(screening.trials, 1) if caption.startswith(title(trial)))
        found = re.search(r"repetition (\d+)", caption)
        assert found
        for measure, name in HEADLINE_MEASURES.items():
            assert _cell(caption.partition(f"{name} ")[2]) == told[number, int(found[1]), measure]
    return told


def _from_paper(folder: Path, screening: Screening) -> dict[Place, Told]:
    said = read_back(folder / "report.pdf")
    told: dict[Place, Told] = {}
    glance = said[said.index("The numbers of a first glance") : said.index("Pelvic drop: +")]
    for measure, name in HEADLINE_MEASURES.items():
        row = glance[glance.index(f"{name} ") :]
        for number, cell in zip(range(1, len(screening.trials) + 1), re.finditer(_CELL, row), strict=False):
            told[number, 0, measure] = _cell(cell[0])
    for number, trial in enumerate(screening.trials, start=1):
        table = said.split(f"{title(trial)}: each repetition")[1].split("each repetition")[0]
        rows = re.findall(rf"(\d+) {_NUMBER} s ((?:(?:{_CELL}) ?){{4}})", table)
        for index, row, *_ in rows:
            cells = [_cell(each[0]) for each in re.finditer(_CELL, row)]
            for measure, cell in zip(HEADLINE_MEASURES, cells, strict=True):
                told[number, int(index), measure] = cell
    return told


def _from_fhir(folder: Path, screening: Screening) -> dict[Place, Told]:
    bundle = Bundle.model_validate_json((folder / "report.fhir.json").read_text(encoding="utf-8"))
    legs = {f"{trial.stance_side} leg": number for number, trial in enumerate(screening.trials, start=1)}
    told: dict[Place, Told] = {}

    def shown(quantity: Any) -> str:
        return str(quantity.value).replace("-", "−")

    for observation in (entry.resource for entry in bundle.entry):
        if observation.get_resource_type() != "Observation":
            continue
        number, measure = legs[observation.bodySite.text], observation.code.coding[0].code
        parts = {part.code.text: part for part in observation.component}
        for index in [0, *range(1, len(screening.trials[number - 1].repetitions) + 1)]:
            value = parts[f"Repetition {index}"] if index else observation
            if value.valueQuantity is None:
                assert value.dataAbsentReason.text
                told[number, index, measure] = None
                continue
            interval = parts[f"Repetition {index}, 95 % interval" if index else "95 % interval"].valueRange
            told[number, index, measure] = (shown(value.valueQuantity), shown(interval.low), shown(interval.high))
    return told


def _from_film(folder: Path, screening: Screening) -> dict[Place, Told]:
    """By its caption track, which is made of the very words that are drawn.

    That those are in the picture, digit for digit, `test_film` finds by their shape.
    """
    with av.open(str(folder / "annotated.mp4")) as container:
        # A caption in an MP4 begins with its length in two bytes.
        cues = [bytes(packet)[2:].decode() for packet in container.demux(container.streams.subtitles[0])]
    told: dict[Place, Told] = {}
    for cue in cues:
        lines = cue.splitlines()
        read = next((found for line in lines if (found := re.search(r"as read in (\d+)$", line))), None)
        if read is None:
            continue
        number = next(n for n, trial in enumerate(screening.trials, 1) if title(trial) in cue)
        for measure, name in HEADLINE_MEASURES.items():
            (line,) = [each for each in lines if f"{name} " in each and "[" in each]
            place, cell = (number, int(read[1]), measure), _cell(line.partition(f"{name} ")[2])
            assert told.setdefault(place, cell) == cell
    return told


Shown: TypeAlias = Callable[[Reading], Told]
Reader: TypeAlias = Callable[[Path, Screening], dict[Place, Told]]

_EVERY, _FIRST_GLANCE = tuple(MEASURES), tuple(HEADLINE_MEASURES)
_BUT_COUNTS = tuple(measure for measure in MEASURES if measure != "foot_touchdowns")

#: A format's reader; how its numbers must look; which measures it tells of a trial, and which of a repetition.
FORMATS: dict[str, tuple[Reader, Shown, tuple[str, ...], tuple[str, ...]]] = {
    "screening.json": (_from_json, _in_full, _EVERY, _EVERY),
    "repetitions.csv": (_from_csv, _in_full, (), _EVERY),
    "report.html": (_from_page, _as_shown, _BUT_COUNTS, _FIRST_GLANCE),
    "report.pdf": (_from_paper, _as_shown, _FIRST_GLANCE, _FIRST_GLANCE),
    "report.fhir.json": (_from_fhir, _as_shown, _EVERY, _EVERY),
    "annotated.mp4": (_from_film, _as_shown, (), _FIRST_GLANCE),
}


def test_every_format_tells_the_same_numbers(reported: tuple[Screening, Path]) -> None:
    screening, folder = reported
    for name, (read, shown, of_a_trial, of_a_repetition) in FORMATS.items():
        expected: dict[Place, Told] = {}
        for number, trial in enumerate(screening.trials, start=1):
            expected |= {(number, 0, measure): shown(trial.summary[measure]) for measure in of_a_trial}  # type: ignore[index]
            for rep in trial.repetitions:
                if rep.counted or name != "annotated.mp4":  # which says of the others that they are not counted
                    readings = {measure: shown(rep.measures[measure]) for measure in of_a_repetition}  # type: ignore[index]
                    expected |= {(number, rep.index, measure): told for measure, told in readings.items()}
        found = read(folder, screening)
        assert found == expected, name
        assert sum(told is not None for told in found.values()) >= 3 * len(_FIRST_GLANCE), name


# Signals and markers -------------------------------------------------------------------------------------------------

_Values: TypeAlias = NDArray[np.float64]


def _columns_of(path: Path, head_row: int, first_row: int) -> tuple[list[str], _Values]:
    """A tab-separated table of OpenSim as any program would take it: names, and `(row, column)`, NaN where blank."""
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = [[float(cell) if cell else np.nan for cell in line.split("\t")] for line in lines[first_row:] if line]
    return lines[head_row].split("\t"), np.array(rows)


def _at(times_s: _Values, seen_s: _Values, values: _Values) -> _Values:
    """A course at other times, linear in between. NumPy's own, which the writers do not use."""
    return np.asarray(np.interp(times_s, seen_s, values), dtype=np.float64)


def test_mot_and_parquet_hold_the_same_angles(reported: tuple[Screening, Path]) -> None:
    screening, folder = reported
    signals = pq.read_table(folder / "signals.parquet").to_pandas()
    for number, trial in enumerate(screening.motion.trials, start=1):
        path = folder / f"angles_2d_trial{number}.mot"
        end = path.read_text(encoding="utf-8").split("\n").index("endheader")
        names, table = _columns_of(path, end + 1, end + 2)
        assert names == ["time", *MOT_COLUMNS]
        there = signals[signals["trial"] == number]
        seen_s = there["time_s"].to_numpy()
        assert np.array_equal(seen_s, trial.signals.times_s)
        for name, course in zip(names[1:], table[:, 1:].T, strict=True):
            expected = _at(table[:, 0], seen_s, there[name].to_numpy())
            both = np.isfinite(course) & np.isfinite(expected)
            assert both.mean() > 0.9
            assert np.allclose(course[both], expected[both], rtol=0, atol=1e-9), name


def test_trc_and_c3d_hold_the_same_markers_and_those_are_the_landmarks(reported: tuple[Screening, Path]) -> None:
    screening, folder = reported
    head, table = _columns_of(folder / "markers_2d.trc", 3, 6)
    names = [name for name in head[2:] if name]
    trc = table[:, 2:].reshape(len(table), len(names), 3)
    c3d = ezc3d.c3d(str(folder / "markers_2d.c3d"))
    assert c3d["parameters"]["POINT"]["LABELS"]["value"] == names
    forward, left, up = (axis.T for axis in c3d["data"]["points"][:3])
    # C3D keeps single precision: of 2 m a part in ten million.
    for here, axis in ((forward, 0), (up, 1), (-left, 2)):
        assert np.allclose(here, np.where(np.isnan(trc[..., 1]), np.nan, trc[..., axis]), atol=3e-7, equal_nan=True)
    joints = screening.motion.joints
    metres_a_px = 0.491 * _HEIGHT_M / float(np.nanmedian(joints.leg_px))
    nose, foot = names.index("nose"), names.index("left_heel")
    for axis, picture, sign in ((1, 1, -1), (2, 0, -1)):
        apart = sign * metres_a_px * (joints.px[:, nose, picture] - joints.px[:, foot, picture])
        found = trc[:, nose, axis] - trc[:, foot, axis]
        expected = _at(table[:, 1], joints.times_s, apart)
        both = np.isfinite(found) & np.isfinite(expected)
        assert both.mean() > 0.9
        assert np.allclose(found[both], expected[both], rtol=0, atol=1e-9)
