"""`study.html`: a first look at a whole study, one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from screener.assessment.patterns import TASK_WORDS
from screener.batch.folders import Folder
from screener.batch.manifest import Recording
from screener.batch.work import Failure
from screener.measures import MeasureName
from screener.report.words import HEADLINE_MEASURES, number, unit_sign
from screener.terms import TASKS, Task

__all__ = ["modified_z", "write_study"]

# A value is worth a look where its modified z is beyond this (Iglewicz and Hoaglin, How to Detect and Handle
# Outliers, 1993).
_OUTLYING = 3.5

# A list longer than this is not read; the tables hold all of it.
_LISTED = 25

# With fewer values, a distribution or a spread says nothing.
_FEWEST = 5

# Two of Okabe and Ito's colours, which people of any colour vision tell apart.
_COLOURS = {"left": "#0072B2", "right": "#B34700"}

#: The same tables give the same bytes.
_SVG: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "screener",
    "font.family": "sans-serif",
    "font.size": 9.0,
}


def write_study(out: Folder, failures: Sequence[tuple[Recording, Failure]], recordings: int) -> None:
    """Write `study.html` from `summary.parquet` and the failures."""
    table = pq.read_table(pa.BufferReader(out.read("summary.parquet")))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("screener.batch") / "study.html.j2").read_text(encoding="utf-8"))
    kinds: dict[str, int] = {}
    for _, failure in failures:
        kinds[failure.kind] = kinds.get(failure.kind, 0) + 1
    page = template.render(
        recordings=recordings,
        measured=recordings - len(failures),
        rows=table.num_rows,
        subjects=len(table["subject_id"].unique()),
        tasks=[_task(table, task) for task in TASKS if task in table["task"].to_pylist()],
        outliers=_outliers(table)[:_LISTED],
        outlying=_OUTLYING,
        quality=_quality(table),
        poorest=_poorest(table),
        failures=[(recording.file, failure) for recording, failure in failures[:_LISTED]],
        kinds=sorted(kinds.items()),
        listed=_LISTED,
    )
    out.write_text("study.html", page + "\n")


def modified_z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each value is from the median, in robust standard deviations; NaN where nothing spreads.

    0.6745 (value − median) / MAD, which for normal values is the usual z (Iglewicz and Hoaglin 1993).
    """
    away = values - np.nanmedian(values)
    spread = float(np.nanmedian(np.abs(away)))
    return 0.6745 * away / spread if spread > 0 else np.full(len(values), np.nan)


def _task(table: pa.Table, task: Task) -> dict[str, Any]:
    here = table.filter(_equal(table, "task", task))
    return {
        "title": TASK_WORDS[task],
        "measures": [_spread(here, measure) for measure in HEADLINE_MEASURES],
        "distributions": _drawn(lambda axes, measure: _histogram(axes, here, measure)),
        "sides": _drawn(lambda axes, measure: _left_right(axes, here, measure)) if _pairs(here).size else None,
        "pairs": len(_pairs(here)),
    }


def _spread(table: pa.Table, measure: MeasureName) -> dict[str, Any]:
    values = _column(table, measure)
    measured = values[np.isfinite(values)]
    grades = [grade for grade in table[f"{measure}_grade"].to_pylist() if grade is not None]
    told = {"name": HEADLINE_MEASURES[measure] + unit_sign(measure).replace("°", " (°)"), "n": len(measured)}
    quartiles = np.percentile(measured, (25, 50, 75)) if len(measured) else ()
    return {
        **told,
        "quartiles": [number(float(each)) for each in quartiles] or ["", "", ""],
        "grades": ", ".join(f"{grades.count(grade)} {grade}" for grade in sorted(set(grades))),
    }


def _drawn(draw: Callable[[Axes, MeasureName], None]) -> Markup:
    """A figure with a panel a headline measure, as SVG to stand in the page."""
    with mpl.rc_context(_SVG):
        figure = Figure(figsize=(10, 2.6), layout="constrained")
        for axes, measure in zip(figure.subplots(1, len(HEADLINE_MEASURES)), HEADLINE_MEASURES, strict=True):
            draw(axes, measure)
            axes.set_title(HEADLINE_MEASURES[measure] + unit_sign(measure).replace("°", " (°)"))
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    # Without the XML prologue, which has no place inside a page.
    return Markup(text.getvalue()[text.getvalue().index("<svg") :])


def _histogram(axes: Axes, table: pa.Table, measure: MeasureName) -> None:
    values = _column(table, measure)
    measured = values[np.isfinite(values)]
    if len(measured) == 0:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)
        return
    edges = np.histogram_bin_edges(measured, bins=min(30, max(_FEWEST, round(np.sqrt(len(measured))))))
    for side, colour in _COLOURS.items():
        chosen = values[np.isfinite(values) & _equal(table, "stance_side", side)]
        axes.hist(chosen, edges.tolist(), histtype="step", linewidth=1.5, color=colour, label=side)
    axes.legend(fontsize=8, frameon=False)


_VISIT = ("subject_id", "date", "stance_side")


def _pairs(table: pa.Table) -> NDArray[np.int64]:
    """`(pair, side)`, the rows of left and right of one subject on one day."""
    rows: dict[tuple[str, str], dict[str, int]] = {}
    for index, row in enumerate(zip(*(table[name].to_pylist() for name in _VISIT), strict=True)):
        rows.setdefault(row[:2], {})[row[2]] = index
    return np.array([(row["left"], row["right"]) for row in rows.values() if {"left", "right"} <= set(row)], np.int64)


def _left_right(axes: Axes, table: pa.Table, measure: MeasureName) -> None:
    values = _column(table, measure)
    left, right = values[_pairs(table)].T
    axes.plot(left, right, ".", color="#444444", markersize=4)
    both = np.concatenate([left, right])
    both = both[np.isfinite(both)]
    if both.size:
        axes.plot([both.min(), both.max()], [both.min(), both.max()], color="#BBBBBB", linewidth=1)
    axes.set_xlabel("left")
    axes.set_ylabel("right")


def _outliers(table: pa.Table) -> list[dict[str, str]]:
    """The values farthest from the others of their task, farthest first."""
    found = []
    for task in TASKS:
        here = table.filter(_equal(table, "task", task))
        for measure in HEADLINE_MEASURES:
            values = _column(here, measure)
            if np.isfinite(values).sum() < _FEWEST:
                continue
            z = modified_z(values)
            found += [(abs(z[i]), here, int(i), measure, z[i]) for i in np.flatnonzero(np.abs(z) > _OUTLYING)]
    return [
        {
            "subject": here["subject_id"][i].as_py(),
            "leg": f"{TASK_WORDS[here['task'][i].as_py()]}, {here['stance_side'][i].as_py()}",
            "files": here["files"][i].as_py(),
            "measure": HEADLINE_MEASURES[measure],
            "value": number(here[measure][i].as_py()) + unit_sign(measure),
            "z": number(z),
        }
        for _, here, i, measure, z in sorted(found, key=lambda each: (-each[0], each[2]))
    ]


def _quality(table: pa.Table) -> dict[str, Any]:
    quality = _column(table, "view_quality")
    counted = _column(table, "repetitions_counted")
    return {
        "median": f"{np.median(quality):.2f}" if len(quality) else "",
        "lowest": f"{quality.min():.2f}" if len(quality) else "",
        "counted": int(counted.sum()),
        "repetitions": int(_column(table, "repetitions").sum()),
        "few": int((counted < 3).sum()),
    }


def _poorest(table: pa.Table) -> list[tuple[str, str]]:
    order = np.argsort(_column(table, "view_quality"), kind="stable")[:_FEWEST]
    return [(table["files"][int(i)].as_py(), f"{table['view_quality'][int(i)].as_py():.2f}") for i in order]


def _column(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column of numbers, NaN where there is none."""
    return np.asarray(table[name].cast(pa.float64()).to_numpy(), dtype=np.float64)


def _equal(table: pa.Table, column: str, word: str) -> NDArray[np.bool_]:
    return np.array([cell == word for cell in table[column].to_pylist()], dtype=np.bool_)
