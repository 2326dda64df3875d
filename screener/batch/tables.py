"""The tables of a batch, made from the kept results alone: the same results give the same bytes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from screener.assessment import Norms, assess, load_norms, trials_from_json
from screener.batch.folders import Folder
from screener.batch.manifest import Recording
from screener.batch.work import RESULTS, Failure, failure_of
from screener.errors import BadDataFile
from screener.measures import MEASURES, MeasuredTrial, Measurement, NotMeasured, Reading
from screener.report.tables import REPETITION_COLUMNS, Cell, as_text, trial_rows
from screener.terms import StanceSide, Task

__all__ = ["FAILURE_COLUMNS", "SUMMARY_COLUMNS", "TAKEN_COLUMNS", "Row", "write_tables"]

_PERSON = ("subject_id", "date", "task", "stance_side", "sex", "height_m")
_COUNTS = ("recordings", "trials", "repetitions", "repetitions_counted")

#: The columns of `summary.csv`, without those that the manifest adds after `height_m`.
SUMMARY_COLUMNS: tuple[str, ...] = (
    *_PERSON,
    *("files", *_COUNTS, "view_quality", "findings"),
    *(f"{name}{part}" for name in MEASURES for part in ("", "_low", "_high", "_grade", "_not_measured")),
)

FAILURE_COLUMNS = ("file", "subject_id", "kind", "message", "what_to_do")

#: What a column of a manifest may not be called.
TAKEN_COLUMNS: tuple[str, ...] = tuple(dict.fromkeys((*SUMMARY_COLUMNS, *REPETITION_COLUMNS)))

_TEXTS = {*_PERSON, "files", "findings", "source_name", "excluded_because", "read_at"} - {"height_m"}
_WHOLE = {*_COUNTS, "trial", "index"}

# So many results are fetched, and so many rows written, at a time: the memory does not grow with the batch.
_AT_A_TIME = 512


@dataclass(frozen=True, slots=True)
class Row:
    """A recording and what is known of it: the key of its kept result, or why it has none."""

    recording: Recording
    key: str | None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class _Measured:
    recording: Recording
    trials: tuple[MeasuredTrial, ...]
    view_quality: float


def write_tables(rows: Sequence[Row], out: Folder) -> list[tuple[Recording, Failure]]:
    """Write `summary.csv`, `summary.parquet`, `repetitions.parquet` and `failures.csv`; give the failures.

    `summary` has a row a subject, day (where the manifest tells dates), task and stance side. Its values are
    the trial's own where there is one trial; of several, value and both bounds are the medians over the
    trials: part of the error is the same in each, so the interval does not shrink with their number.
    `repetitions.parquet` is a folder with a part for each task and stance side.
    """
    carried = tuple(dict.fromkeys(column for row in rows for column in row.recording.carried))
    norms = load_norms()
    failures: dict[int, Failure] = {}
    out.remove("repetitions.parquet")
    with ExitStack() as stack:
        summary = _Table(stack, out, "summary", (*_PERSON, *carried, *SUMMARY_COLUMNS[len(_PERSON) :]), as_csv=True)
        parts: dict[tuple[Cell, Cell], _Table] = {}
        for _, visit in groupby(_measured(rows, out, failures), lambda m: (m.recording.subject, m.recording.date)):
            recordings = list(visit)
            for row in _summary_rows(recordings, carried, norms):
                summary.add(row)
            for each in recordings:
                extra = {"date": each.recording.date or None, **each.recording.carried}
                for row in trial_rows(each.trials, each.recording.subject, each.recording.file):
                    part = row.pop("task"), row.pop("stance_side")
                    if part not in parts:
                        columns = [name for name in REPETITION_COLUMNS if name not in ("task", "stance_side")]
                        name = f"repetitions.parquet/task={part[0]}/stance_side={part[1]}/part-0"
                        parts[part] = _Table(stack, out, name, (*columns, "date", *carried))
                    parts[part].add({**row, **extra})
        for table in (summary, *parts.values()):
            table.finish()
    failed = [
        (row.recording, failures[number].naming(row.recording.file))
        for number, row in enumerate(rows)
        if number in failures
    ]
    with out.writing("failures.csv") as path, path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FAILURE_COLUMNS)
        for recording, failure in failed:
            cells = (recording.file, recording.subject, failure.kind, failure.message, failure.what_to_do)
            writer.writerow(_csv_cell(cell) for cell in cells)
    return failed


def _measured(rows: Sequence[Row], out: Folder, failures: dict[int, Failure]) -> Iterator[_Measured]:
    """Those rows that have numbers, ordered by subject and day; the others go to `failures`."""
    failures.update({number: row.failure for number, row in enumerate(rows) if row.failure is not None})
    order = sorted(
        (number for number in range(len(rows)) if number not in failures),
        key=lambda number: (rows[number].recording.subject, rows[number].recording.date, number),
    )
    for numbers in _some_at_a_time(order):
        results = out.read_all({_name(rows[number]) for number in numbers})
        for number in numbers:
            try:
                result = json.loads(results[_name(rows[number])])
                failure = failure_of(result)
                trials = () if failure else trials_from_json(result)
            except (KeyError, ValueError, TypeError, BadDataFile):
                failure, trials = _damaged(rows[number]), ()
            if failure is not None:
                failures[number] = failure
            else:
                yield _Measured(rows[number].recording, trials, float(result["view"]["quality"]))


def _name(row: Row) -> str:
    return f"{RESULTS}/{row.key}.json"


def _damaged(row: Row) -> Failure:
    return Failure(
        "BadDataFile", f"Its result {_name(row)} is damaged.", "Delete that file and run again with --resume.", 2
    )


def _summary_rows(recordings: list[_Measured], carried: tuple[str, ...], norms: Norms) -> Iterator[dict[str, Cell]]:
    """A row a task and stance side of one subject on one day."""
    found: dict[tuple[Task, StanceSide], list[tuple[_Measured, MeasuredTrial]]] = {}
    for each in recordings:
        for trial in each.trials:
            found.setdefault((trial.task, trial.stance_side), []).append((each, trial))
    legs = sorted(found)
    sex = next((each.recording.sex for each in recordings if each.recording.sex), None)
    merged = [_merged([trial for _, trial in found[leg]]) for leg in legs]
    assessment = assess(merged, norms=norms, sex=sex)
    for (task, side), trial, assessed in zip(legs, merged, assessment.trials, strict=True):
        sources = list({id(each): each for each, _ in found[task, side]}.values())
        about = [each.recording for each in sources]
        row: dict[str, Cell] = {
            "subject_id": about[0].subject,
            "date": about[0].date or None,
            "task": task,
            "stance_side": side,
            "sex": sex,
            "height_m": next((each.height_m for each in about if each.height_m), None),
            **{name: _joined(each.carried.get(name, "") for each in about) for name in carried},
            "files": _joined(each.file for each in about),
            "recordings": len(sources),
            "trials": len(found[task, side]),
            "repetitions": len(trial.repetitions),
            "repetitions_counted": sum(repetition.counted for repetition in trial.repetitions),
            "view_quality": min(each.view_quality for each in sources),
            "findings": _joined(
                f"{finding.pattern} ({finding.grade})"
                for finding in assessment.findings
                if (finding.task, finding.side) == (task, side)
            ),
        }
        for measure, reading in assessed.summary.items():
            if isinstance(reading, NotMeasured):
                row[f"{measure}_not_measured"] = reading.reason
            else:
                row |= {
                    measure: reading.value,
                    f"{measure}_low": reading.low,
                    f"{measure}_high": reading.high,
                    f"{measure}_grade": reading.grade,
                }
        yield row


def _merged(trials: list[MeasuredTrial]) -> MeasuredTrial:
    """Trials of one leg at one task as one."""
    if len(trials) == 1:
        return trials[0]
    return replace(
        trials[0],
        repetitions=tuple(repetition for trial in trials for repetition in trial.repetitions),
        summary={name: _median([trial.summary[name] for trial in trials]) for name in trials[0].summary},
    )


def _median(readings: list[Reading]) -> Reading:
    measured = [reading for reading in readings if isinstance(reading, Measurement)]
    if not measured:
        return readings[0]
    low, value, high = (float(np.median([getattr(each, part) for each in measured])) for part in _INTERVAL)
    return Measurement(value, low, high, measured[0].unit, sum(each.n for each in measured))


_INTERVAL = ("low", "value", "high")


def _joined(texts: Iterator[str]) -> str | None:
    return "; ".join(dict.fromkeys(text for text in texts if text)) or None


class _Table:
    """A table that is written while it is made: as Parquet, and as CSV too where that is asked for."""

    def __init__(self, stack: ExitStack, out: Folder, name: str, columns: Sequence[str], as_csv: bool = False) -> None:
        self._schema = pa.schema([pa.field(column, _type(column)) for column in columns])
        path = stack.enter_context(out.writing(f"{name}.parquet"))
        self._parquet = stack.enter_context(pq.ParquetWriter(path, self._schema, compression="zstd"))
        self._csv = None
        if as_csv:
            file = stack.enter_context(
                stack.enter_context(out.writing(f"{name}.csv")).open("w", encoding="utf-8", newline="")
            )
            self._csv = csv.DictWriter(file, columns)
            self._csv.writeheader()
        self._rows: list[dict[str, Cell]] = []

    def add(self, row: dict[str, Cell]) -> None:
        """One more row; a column that it lacks is empty."""
        self._rows.append(row)
        if len(self._rows) >= _AT_A_TIME:
            self.finish()

    def finish(self) -> None:
        """Write what is still in memory."""
        if self._rows:
            columns = {name: [row.get(name) for row in self._rows] for name in self._schema.names}
            self._parquet.write_table(pa.table(columns, schema=self._schema))
        if self._csv is not None:
            self._csv.writerows({name: _csv_cell(cell) for name, cell in row.items()} for row in self._rows)
        self._rows = []


def _type(column: str) -> Any:
    if column in _WHOLE:
        return pa.int32()
    if column == "counted":
        return pa.bool_()
    measured = column in TAKEN_COLUMNS and column not in _TEXTS and not column.endswith(("_grade", "_not_measured"))
    return pa.float64() if measured else pa.string()


def _csv_cell(cell: Cell) -> str:
    """A number that was given as text, such as −5 from an intake form, is no formula."""
    if isinstance(cell, str):
        try:
            float(cell)
        except ValueError:
            return as_text(cell)
        return cell
    return as_text(cell)


def _some_at_a_time(numbers: list[int]) -> Iterator[list[int]]:
    """The numbers, `_AT_A_TIME` at a time."""
    return (numbers[start : start + _AT_A_TIME] for start in range(0, len(numbers), _AT_A_TIME))
