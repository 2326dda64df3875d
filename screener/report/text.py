"""A screening as plain text, for the terminal: what was seen, a line a repetition, and how sure each number is."""

from __future__ import annotations

from textwrap import wrap

from screener.assessment.comparisons import reading_at_depth
from screener.measures import MeasuredRepetition, MeasuredTrial, Measurement, MeasureName, Reading
from screener.report.words import FACING, number, task_doubt, title, where_read
from screener.screening import Screening

__all__ = ["screening_as_text"]

_COLUMNS: tuple[tuple[str, MeasureName], ...] = (
    ("pelvic drop", "pelvic_drop_deg"),
    ("knee valgus (FPPA)", "fppa_deg"),
    ("trunk lean", "trunk_lean_deg"),
    ("knee flexion", "knee_flexion_deg"),
)


def screening_as_text(screening: Screening) -> str:
    """The result in words and one small table a trial; every value with its 95 % interval."""
    view = screening.view
    lines = [_headline(screening)]
    if view is not None:
        lines.append(f"Seen from the {FACING[view.facing]}, turned {view.yaw_deg:+.0f}°, quality {view.quality:.0%}")
    lines += [f"Note: {warning}" for warning in screening.warnings]
    for trial in screening.trials:
        lines += ["", *_trial(trial)]
    said = [finding.says for finding in screening.assessment.findings]
    said += [comparison.says for comparison in screening.assessment.comparisons]
    if screening.assessment.withheld_because is not None:
        said.append(screening.assessment.withheld_because)
    lines += ["", *said] if said else []
    if screening.nothing_because is not None:
        lines += ["", f"Not measured: {screening.nothing_because}"]
    else:
        lines += ["", "Degrees; in brackets the 95 % interval. A movement check, not a diagnosis."]
    return "\n".join(lines)


def _headline(screening: Screening) -> str:
    source = screening.source
    duration = f", {source['duration_s']:.1f} s" if source.get("duration_s") else ""
    rate = f", {source['fps_mean']:.0f} frames/s" if source.get("fps_mean") else ""
    return f"{source.get('name', 'recording')}: {source['width_px']} × {source['height_px']}{duration}{rate}"


def _trial(trial: MeasuredTrial) -> list[str]:
    counted = sum(rep.counted for rep in trial.repetitions)
    quiet = ""
    if trial.quiet_stance is not None:
        feet = "both feet" if trial.quiet_stance.kind == "bilateral" else "one leg"
        quiet = f"; changes counted from standing on {feet}"
    lines = [
        f"{title(trial)}: {counted} of {len(trial.repetitions)} repetitions counted{quiet}",
        f"  {'':<11}" + "".join(f"{name:>23}" for name, _ in _COLUMNS),
    ]
    lines += [_repetition(rep) for rep in trial.repetitions]
    if counted:
        lines.append(f"  {'median':<11}" + "".join(f"{_value(trial.summary[name]):>23}" for _, name in _COLUMNS))
    deep = [rep for rep in trial.repetitions if rep.counted and rep.read_at != "bottom"]
    if any("bottom" in rep.at_depth for rep in deep):
        bottoms = [reading_at_depth(trial, name, "bottom") for _, name in _COLUMNS]
        told = ("" if each is None else _value(each) for each in bottoms)
        lines.append(f"  {'at bottom':<11}" + "".join(f"{each:>23}" for each in told))
    if deep:
        lines.append(f"  Each repetition is {where_read(trial)}; how far the knee bends is of the bottom.")
    if (doubt := task_doubt(trial)) is not None:
        lines += wrap(f"{doubt} (--task)", 100, initial_indent="  ", subsequent_indent="  ")
    return lines


def _repetition(rep: MeasuredRepetition) -> str:
    start = f"  {rep.index:>2}  {rep.bottom_s:5.1f} s"
    if not rep.counted:
        return f"{start}  not counted: {rep.excluded_because}"
    return f"{start:<13}" + "".join(f"{_value(rep.measures[name]):>23}" for _, name in _COLUMNS)


def _value(reading: Reading) -> str:
    """As `reading_in_words`, without the unit, which the last line names."""
    if isinstance(reading, Measurement):
        return f"{number(reading.value)} [{number(reading.low)} to {number(reading.high)}]"
    return "not measured"
