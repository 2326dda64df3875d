"""The tables hold the very numbers of the result, and tell what is missing and why."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from screener import Screening
from screener.measures import MEASURES
from screener.report import write_repetitions_csv, write_signals_parquet
from screener.report.tables import AT_DEPTH_MEASURES, REPETITION_COLUMNS
from screener.screening import Subject, screening_to_dict
from tests.report.recordings import CLIP, with_an_excluded_repetition, with_nobody


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def written(screening: Screening, folder: Path) -> list[dict[str, str]]:
    write_repetitions_csv(screening, folder / "repetitions.csv")
    return rows_of(folder / "repetitions.csv")


def test_every_number_of_the_json_stands_in_the_csv_digit_for_digit(
    screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    screening = screened(CLIP)
    rows = iter(written(screening, tmp_path))
    checked = 0
    for number, trial in enumerate(screening_to_dict(screening)["trials"], start=1):
        for rep in trial["repetitions"]:
            row = next(rows)
            assert (row["trial"], row["task"], row["index"]) == (str(number), trial["task"], str(rep["index"]))
            for measure, reading in rep["measures"].items():
                for part, field in (("", "value"), ("_low", "low"), ("_high", "high")):
                    text = row[f"{measure}{part}"]
                    assert text == ("" if "not_measured" in reading else repr(reading[field]))
                    checked += text != ""
            for depth, readings in rep["at_depth"].items():
                for measure, reading in readings.items():
                    assert row[f"{measure}_at_{depth}"] == repr(reading["value"])
                    assert row[f"{measure}_at_{depth}_high"] == repr(reading["high"])
                    checked += 1
    assert next(rows, None) is None
    assert checked > 50


def test_the_measures_read_at_depth_are_those_that_have_a_column(screened: Callable[[str], Screening]) -> None:
    depths = [rep.at_depth for trial in screened(CLIP).trials for rep in trial.repetitions]
    assert {name for each in depths for there in each.values() for name in there} == set(AT_DEPTH_MEASURES)


def test_an_excluded_repetition_has_its_reason_and_no_numbers(
    screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    rows = written(with_an_excluded_repetition(screened(CLIP)), tmp_path)
    assert [row["counted"] for row in rows] == ["true", "false", "true"]
    hidden = rows[1]
    assert hidden["excluded_because"] == "bottom not visible"
    assert all(hidden[name] == "" and "not counted" in hidden[f"{name}_not_measured"] for name in MEASURES)


def test_nobody_in_the_picture_gives_a_header_alone(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    assert written(with_nobody(screened(CLIP)), tmp_path) == []
    header = (tmp_path / "repetitions.csv").read_text(encoding="utf-8").splitlines()
    assert header == [",".join(REPETITION_COLUMNS)]


@pytest.mark.parametrize(
    ("given", "cell"),
    [
        ('Zoë, "the" runner\n第二', 'Zoë, "the" runner\n第二'),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("a=b", "a=b"),
    ],
)
def test_a_name_survives_and_is_never_a_formula(
    given: str, cell: str, screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    rows = written(replace(screened(CLIP), subject=Subject(given)), tmp_path)
    assert {row["subject_id"] for row in rows} == {cell}


def test_signals_are_those_of_the_trial_with_its_phases(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    screening = screened(CLIP)
    write_signals_parquet(screening, tmp_path / "signals.parquet")
    table = pq.read_table(tmp_path / "signals.parquet")
    (trial,) = screening.motion.trials
    assert np.array_equal(table["time_s"].to_numpy(), trial.signals.times_s)
    for name in ("fppa_deg", "knee_flexion_deg", "stance_visibility"):
        assert np.array_equal(table[name].to_numpy(), getattr(trial.signals, name), equal_nan=True)
    for repetition in trial.repetitions:
        at = table["repetition"].to_pylist()[int(np.argmin(np.abs(trial.signals.times_s - repetition.bottom_s)))]
        assert at == repetition.index
    phases = set(table["phase"].to_pylist())
    assert {"quiet", "repetition"} <= phases <= {"quiet", "repetition", "other"}
    header = json.loads(table.schema.metadata[b"screener.signals"])
    assert header["schema_version"] == "1.0"
    assert header["models"] == screening.provenance["models"]
    assert header["settings_sha256"] == screening.provenance["settings_sha256"]


def test_signals_of_nobody_are_an_empty_table_with_all_columns(
    screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    write_signals_parquet(with_nobody(screened(CLIP)), tmp_path / "none.parquet")
    table = pq.read_table(tmp_path / "none.parquet")
    assert table.num_rows == 0
    assert {"time_s", "trial", "phase", "repetition", "fppa_deg"} <= set(table.column_names)
