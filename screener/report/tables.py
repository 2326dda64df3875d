"""Tables for other programs: `repetitions.csv`, a row a repetition, and `signals.parquet`, a row a frame and trial."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from screener.files import write_atomically
from screener.measures import MEASURES, AtDepth, MeasuredRepetition, MeasuredTrial, Measurement, MeasureName, Reading
from screener.motion import StanceSignals, Trial
from screener.screening import SCHEMA_VERSION, Screening

__all__ = [
    "AT_DEPTH_MEASURES",
    "DEPTHS",
    "REPETITION_COLUMNS",
    "SIGNALS_SCHEMA",
    "as_text",
    "repetition_rows",
    "trial_rows",
    "write_repetitions_csv",
    "write_signals_parquet",
]

Cell = str | int | float | bool | None

DEPTHS: tuple[AtDepth, ...] = ("30", "45", "60", "bottom")

#: What one pose gives, and so has a value at matched depths and at the bottom; the others are read over all of it.
AT_DEPTH_MEASURES: tuple[MeasureName, ...] = tuple(
    name for name in MEASURES if name not in ("tempo_s", "knee_wobble_deg", "foot_touchdowns", "foot_drift_pct")
)

_ABOUT = ("index", "start_s", "bottom_s", "end_s", "counted", "excluded_because", "read_at", "read_s")

#: The columns of `repetitions.csv`, named as the fields of `screening.json`.
REPETITION_COLUMNS: tuple[str, ...] = (
    *("subject_id", "source_name", "trial", "task", "stance_side"),
    *_ABOUT,
    *(f"{name}{part}" for name in MEASURES for part in ("", "_low", "_high", "_not_measured")),
    *(f"{name}_at_{depth}{part}" for depth in DEPTHS for name in AT_DEPTH_MEASURES for part in ("", "_low", "_high")),
)


def repetition_rows(screening: Screening) -> list[dict[str, Cell]]:
    """A row a repetition, keyed by `REPETITION_COLUMNS`. None where there is no value."""
    return trial_rows(screening.trials, screening.subject.id, screening.source.get("name"))


def trial_rows(
    trials: Sequence[MeasuredTrial], subject_id: str | None, source_name: str | None
) -> list[dict[str, Cell]]:
    """The rows of `repetition_rows`, of trials whose subject and recording are known otherwise."""
    return [
        {
            "subject_id": subject_id,
            "source_name": source_name,
            "trial": number,
            "task": trial.task,
            "stance_side": trial.stance_side,
            **_cells(repetition),
        }
        for number, trial in enumerate(trials, start=1)
        for repetition in trial.repetitions
    ]


def _cells(repetition: MeasuredRepetition) -> dict[str, Cell]:
    cells: dict[str, Cell] = {name: getattr(repetition, name) for name in _ABOUT}
    for measure in MEASURES:
        reading = repetition.measures[measure]
        cells |= _interval(measure, reading)
        cells[f"{measure}_not_measured"] = None if isinstance(reading, Measurement) else reading.reason
    for depth in DEPTHS:
        there = repetition.at_depth.get(depth, {})
        for measure in AT_DEPTH_MEASURES:
            cells |= _interval(f"{measure}_at_{depth}", there.get(measure))
    return cells


def _interval(column: str, reading: Reading | None) -> dict[str, Cell]:
    if not isinstance(reading, Measurement):
        return dict.fromkeys((column, f"{column}_low", f"{column}_high"))
    return {column: reading.value, f"{column}_low": reading.low, f"{column}_high": reading.high}


def write_repetitions_csv(screening: Screening, path: Path) -> None:
    """Write `repetitions.csv`: UTF-8, comma, header row, empty where there is no value, every digit of a float.

    A text that a spreadsheet would run as a formula is written with an apostrophe before it.
    """
    with write_atomically(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, REPETITION_COLUMNS)
        writer.writeheader()
        for row in repetition_rows(screening):
            writer.writerow({column: as_text(cell) for column, cell in row.items()})


def as_text(cell: Cell) -> str:
    """A cell as CSV holds it: empty where there is none, and never anything that a spreadsheet would run."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
    return repr(cell)


_SIGNALS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(StanceSignals))

#: The columns of `signals.parquet`; the signals are those of `StanceSignals`, by the same names.
SIGNALS_SCHEMA = pa.schema(
    [
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("trial", pa.int16(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("stance_side", pa.string(), nullable=False),
        pa.field("phase", pa.string(), nullable=False),
        pa.field("repetition", pa.int16()),
        *(pa.field(name, pa.float64()) for name in _SIGNALS if name != "times_s"),
    ]
)


def write_signals_parquet(screening: Screening, path: Path) -> None:
    """Write `signals.parquet`: for each trial every frame of the recording, with what the trial did then.

    `phase` is `quiet` (the stance that changes are counted from), `repetition` (then `repetition` is its
    index) or `other`. A missing value is NaN. Where `stance_side` is unknown, the signals are of the left leg.
    """
    header = {
        "schema_version": SCHEMA_VERSION,
        "screener": screening.provenance["screener"],
        "models": screening.provenance["models"],
        "settings_sha256": screening.provenance["settings_sha256"],
    }
    schema = SIGNALS_SCHEMA.with_metadata({"screener.signals": json.dumps(header, sort_keys=True)})
    tables = [_frames(number, trial, schema) for number, trial in enumerate(screening.motion.trials, start=1)]
    with write_atomically(path) as temporary:
        pq.write_table(pa.concat_tables(tables) if tables else schema.empty_table(), temporary, compression="zstd")


def _frames(number: int, trial: Trial, schema: pa.Schema) -> pa.Table:
    times_s = trial.signals.times_s
    repetition = _repetition_at(trial, times_s)
    quiet = (times_s >= trial.quiet_stance.start_s) & (times_s <= trial.quiet_stance.end_s)
    columns: dict[str, Any] = {
        "time_s": times_s,
        "trial": np.full(len(times_s), number, dtype=np.int16),
        "task": [trial.task] * len(times_s),
        "stance_side": [trial.stance_side] * len(times_s),
        "phase": np.where(repetition > 0, "repetition", np.where(quiet, "quiet", "other")).astype(object),
        "repetition": pa.array(repetition, pa.int16(), mask=repetition == 0),
    }
    columns |= {name: getattr(trial.signals, name) for name in schema.names if name in _SIGNALS}
    return pa.table(columns, schema=schema)


def _repetition_at(trial: Trial, times_s: NDArray[np.float64]) -> NDArray[np.int16]:
    index = np.zeros(len(times_s), dtype=np.int16)
    for repetition in trial.repetitions:
        index[(times_s >= repetition.start_s) & (times_s <= repetition.end_s)] = repetition.index
    return index
