"""Two hundred recordings, one in ten of them broken: every good one is measured, every bad one is told."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from screener import screen
from screener.measures import MEASURES, Measurement
from screener.report.tables import repetition_rows
from tests.batch.conftest import DISTINCT, Study, run
from tests.batch.recordings import BREAKS, QUICK, write_manifest

GOOD, BROKEN = 180, 20

# So many contents are screened one by one too, to compare with; the others come through the same function.
COMPARED = DISTINCT // 3


@pytest.fixture(scope="module")
def batch(study: Study, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, object]], int]:
    """A run over 200 names, which goes on from what is known of the contents: its folder, its rows, its exit code."""
    folder, out = tmp_path_factory.mktemp("recordings"), tmp_path_factory.mktemp("two_hundred")
    rows: list[dict[str, object]] = []
    for number in range(GOOD):
        recording = study.recordings[number % len(study.recordings)]
        copy = shutil.copy(recording, folder / f"{number:03}{recording.suffix}")
        rows.append({"file": Path(copy).name, "subject": f"P{number:03}", "site": "Ürdingen, 2", "pain": "-1"})
    good = study.recordings[0].read_bytes()
    for number in range(BROKEN):
        kind = list(BREAKS)[number % len(BREAKS)]
        path = folder / f"broken_{number:02}_{kind}.mp4"
        BREAKS[kind][0](good, path)
        rows.append({"file": path.name, "subject": f"B{number:02}", "site": "=1+1", "pain": ""})
    rows.append({"file": "not_there.mp4", "subject": "C", "site": "", "pain": ""})
    manifest = write_manifest(folder / "manifest.csv", rows)
    shutil.copytree(study.out / "results", out / "results")
    shutil.copytree(study.out / "landmarks", out / "landmarks")
    done = run(manifest, out, "--resume")
    assert "180 of 201 recordings measured." in done.stdout, done.stderr
    return out, rows, done.returncode


def test_every_bad_one_is_told_with_its_reason(batch: tuple[Path, list[dict[str, object]], int]) -> None:
    out, rows, exit_code = batch
    with (out / "failures.csv").open(encoding="utf-8") as file:
        failures = {row["file"]: row for row in csv.DictReader(file)}
    expected = {str(row["file"]): BREAKS[str(row["file"])[10:-4]][1] for row in rows[GOOD : GOOD + BROKEN]}
    expected["not_there.mp4"] = "UnreadableVideo"
    assert {name: row["kind"] for name, row in failures.items()} == expected
    assert all(row["message"] and row["what_to_do"] for row in failures.values())
    # Files of one content have one result, and each is told by its own name.
    unreadable = [name for name in failures if name[10:-4] in ("empty", "sound", "too_short")]
    assert all(name in failures[name]["message"] for name in unreadable)
    assert exit_code == 4


def test_every_good_one_has_the_numbers_that_analyze_gives(
    batch: tuple[Path, list[dict[str, object]], int], study: Study
) -> None:
    out, rows, _ = batch
    with (out / "summary.csv").open(encoding="utf-8") as file:
        summary = list(csv.DictReader(file))
    assert [row["subject_id"] for row in summary] == [row["subject"] for row in rows[:GOOD]]
    assert {(row["site"], row["pain"]) for row in summary} == {("Ürdingen, 2", "-1")}
    repetitions = pq.read_table(out / "repetitions.parquet").to_pylist()
    for number, recording in enumerate(study.recordings[:COMPARED]):
        screening = screen(recording, QUICK)
        (trial,) = screening.trials
        for copy in range(number, GOOD, len(study.recordings)):
            row = summary[copy]
            assert (row["task"], row["stance_side"]) == (trial.task, trial.stance_side)
            for name in MEASURES:
                reading = trial.summary[name]
                if isinstance(reading, Measurement):
                    numbers = (reading.value, reading.low, reading.high)
                    assert tuple(float(row[f"{name}{part}"]) for part in ("", "_low", "_high")) == numbers
                else:
                    assert (row[name], row[f"{name}_not_measured"]) == ("", reading.reason)
            given = {"subject_id": row["subject_id"], "source_name": row["files"]}
            extra = {"date": None, "site": "Ürdingen, 2", "pain": "-1"}
            expected = [{**each, **given, **extra} for each in repetition_rows(screening)]
            assert [each for each in repetitions if each["subject_id"] == row["subject_id"]] == expected


def test_the_two_forms_of_the_summary_are_one(batch: tuple[Path, list[dict[str, object]], int]) -> None:
    out, _, _ = batch
    table = pq.read_table(out / "summary.parquet")
    with (out / "summary.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == table.column_names
    for row, other in zip(rows, table.to_pylist(), strict=True):
        assert {name: "" if cell is None else str(cell) for name, cell in other.items()} == row


def test_the_run_tells_what_it_was(batch: tuple[Path, list[dict[str, object]], int]) -> None:
    out, rows, _ = batch
    told = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert (told["recordings"], told["failures"]) == (len(rows), BROKEN + 1)
    assert told["settings"] == {"task": None, "side": None, "mirrored": False, "second_look": False}
    assert {"pose_full", "pose_heavy"} <= set(told["versions"]["models"])


def test_the_page_needs_nothing_else(batch: tuple[Path, list[dict[str, object]], int]) -> None:
    out, _, _ = batch
    page = (out / "study.html").read_text(encoding="utf-8")
    assert "180 of 201 recordings were measured" in page
    assert "not_there.mp4" in page
    assert "<script" not in page
    assert 'src="http' not in page
    assert 'href="http' not in page
