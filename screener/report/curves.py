"""Angle-time figures as SVG: a column a trial, a row an angle, with repetitions, bottoms and quiet stance marked."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from screener.files import write_atomically
from screener.measures import MeasuredTrial, Measurement, MeasureName, Reading
from screener.motion import StanceSignals, Trial
from screener.report.words import HEADLINE_MEASURES, title
from screener.screening import Screening

_Shown = TypeVar("_Shown")

__all__ = ["as_svg", "draw_curves", "signal_of", "with_arms", "write_curves_svg"]

# Two of Okabe and Ito's colours, which people of any colour vision tell apart; hatching and words say the rest.
_CURVE, _READ = "#0072B2", "#B34700"
_REPETITION, _QUIET = "#E8E8E8", "#CBE6DC"

#: Seconds shown before the quiet stance and after the last repetition.
_MARGIN_S = 0.5

#: Text stays text, so that it can be read aloud and searched; the same screening gives the same bytes.
_SVG: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "screener",
    "font.family": "sans-serif",
    "font.size": 9.0,
}


def write_curves_svg(screening: Screening, path: Path) -> None:
    """Write `curves.svg`. Where nothing was measured, the figure says so."""
    with write_atomically(path) as temporary:
        temporary.write_text(as_svg(draw_curves, screening), encoding="utf-8")


def as_svg(draw: Callable[[_Shown], Figure], shown: _Shown) -> str:
    """A figure of something as an SVG document: text as text, the same bytes for the same thing."""
    with mpl.rc_context(_SVG):
        drawn = io.StringIO()
        draw(shown).savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()


def signal_of(trial: Trial, measure: MeasureName) -> NDArray[np.float64]:
    """`(frame,)`, the first look's course of one of `HEADLINE_MEASURES`, in its unit; NaN where missing.

    The pelvic drop is the hip line's change from its median over the quiet stance, as the readings count it.
    """
    signals: StanceSignals = trial.signals
    if measure == "pelvic_drop_deg":
        quiet = signals.pelvic_obliquity_deg[signals.window(trial.quiet_stance.start_s, trial.quiet_stance.end_s)]
        standing = np.median(quiet[np.isfinite(quiet)]) if np.isfinite(quiet).any() else np.nan
        return np.asarray(signals.pelvic_obliquity_deg - standing, dtype=np.float64)
    course: NDArray[np.float64] = getattr(signals, measure)
    return course


def draw_curves(screening: Screening) -> Figure:
    """The figure that `write_curves_svg` writes."""
    pairs = list(zip(screening.motion.trials, screening.trials, strict=True))
    if not pairs or screening.view is None or not screening.view.frontal:
        return _figure_of_words(screening.nothing_because or "Nothing could be measured.")
    widths = [measured.repetitions[-1].end_s - moved.quiet_stance.start_s for moved, measured in pairs]
    figure = Figure(
        figsize=(max(7.0, min(24.0, 1.6 + 0.55 * sum(widths))), 1.5 + 1.75 * len(HEADLINE_MEASURES)),
        layout="constrained",
    )
    grid: Any = figure.subplots(
        len(HEADLINE_MEASURES), len(pairs), sharex="col", sharey="row", squeeze=False, width_ratios=widths
    )
    for column, (moved, measured) in enumerate(pairs):
        known = measured.stance_side != "unknown"
        for row, (measure, name) in enumerate(HEADLINE_MEASURES.items()):
            axes: Axes = grid[row, column]
            _draw_marks(axes, measured)
            if known:
                _draw_course(axes, moved, measured, measure)
            axes.axhline(0.0, color="black", linewidth=0.6)
            axes.grid(axis="y", color="0.85", linewidth=0.5)
            axes.set_axisbelow(True)
            for edge in ("top", "right"):
                axes.spines[edge].set_visible(False)
            if column == 0:
                axes.set_ylabel(f"{name}, °\n{_PLUS[measure]}")
        rows = _name_repetitions(grid[0, column], measured)
        grid[0, column].set_title(title(measured), fontweight="bold", loc="left", pad=8 + 10 * rows)
        grid[-1, column].set_xlabel("time, s")
        grid[-1, column].set_xlim(*_span(moved, measured))
    for row, measure in enumerate(HEADLINE_MEASURES):
        _set_height(list(grid[row]), pairs, measure)
    figure.align_ylabels()
    # The page's own letters may be wider than those measured here: two columns only where there is room to spare.
    wide = figure.get_figwidth() > 9.0
    left_out = not all(rep.counted for _, measured in pairs for rep in measured.repetitions)
    figure.legend(handles=_legend(left_out), loc="outside lower left", ncols=2 if wide else 1, frameon=False)
    return figure


_PLUS: dict[MeasureName, str] = {
    "pelvic_drop_deg": "+ free side lower",
    "fppa_deg": "+ knee inward",
    "trunk_lean_deg": "+ to stance side",
    "knee_flexion_deg": "+ deeper",
}


def _span(moved: Trial, measured: MeasuredTrial) -> tuple[float, float]:
    start_s = min(moved.quiet_stance.start_s, measured.repetitions[0].start_s)
    return max(0.0, start_s - _MARGIN_S), measured.repetitions[-1].end_s + _MARGIN_S


def _draw_marks(axes: Axes, measured: MeasuredTrial) -> None:
    quiet = measured.quiet_stance
    if quiet is not None:
        axes.axvspan(quiet.start_s, quiet.end_s, facecolor=_QUIET, linewidth=0)
    for rep in measured.repetitions:
        if rep.counted:
            axes.axvspan(rep.start_s, rep.end_s, facecolor=_REPETITION, linewidth=0)
            axes.axvline(rep.bottom_s, color="0.35", linewidth=0.8, linestyle=(0, (2, 2)))
        else:
            axes.axvspan(rep.start_s, rep.end_s, facecolor="white", edgecolor="0.6", hatch="///", linewidth=0)


def _draw_course(axes: Axes, moved: Trial, measured: MeasuredTrial, measure: MeasureName) -> None:
    # The hip line alone follows about a third of a drop (docs/accuracy.md): drawn thin and named as what it is.
    style: dict[str, Any] = {"linewidth": 1.4}
    if measure == "pelvic_drop_deg":
        style = {"linewidth": 1.0, "linestyle": (0, (4, 1.5))}
    axes.plot(moved.signals.times_s, signal_of(moved, measure), color=_CURVE, **style)
    read = [
        (rep.bottom_s if measure == "knee_flexion_deg" else rep.shown_s, rep.measures[measure])
        for rep in measured.repetitions
    ]
    read_s, values, arms = with_arms(read)
    if read_s:
        axes.errorbar(
            read_s, values, yerr=arms, fmt="o", markersize=4.5, color=_READ, elinewidth=1.4, capsize=3, zorder=3
        )


def with_arms(readings: list[tuple[float, Reading]]) -> tuple[list[float], list[float], list[list[float]]]:
    """Of readings at places those that have a value: places, values, and how far the interval reaches down and up."""
    found = [(place, reading) for place, reading in readings if isinstance(reading, Measurement)]
    below = [reading.value - reading.low for _, reading in found]
    above = [reading.high - reading.value for _, reading in found]
    return [place for place, _ in found], [reading.value for _, reading in found], [below, above]


def _name_repetitions(axes: Axes, measured: MeasuredTrial) -> int:
    """Numbers above the repetitions, with the reason where one is not counted; how many rows that takes."""
    most_rows = 1
    for rep in measured.repetitions:
        said = str(rep.index)
        if not rep.counted:
            wide = max(12, int(9 * (rep.end_s - rep.start_s)))
            rows = textwrap.wrap(f"{rep.index} not counted: {rep.excluded_because}", wide)
            said, most_rows = "\n".join(rows), max(most_rows, len(rows))
        axes.annotate(
            said,
            ((rep.start_s + rep.end_s) / 2, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
            linespacing=1.0,
        )
    return most_rows


def _set_height(row: list[Axes], pairs: list[tuple[Trial, MeasuredTrial]], measure: MeasureName) -> None:
    """Make room for the readings and for the courses of quiet stance and repetitions, but for their wildest hundredth.

    What lies between and after may leave the picture: there a person changes legs or walks off, and the angles of a
    leg that carries nothing would press those that count flat.
    """
    shown = [0.0, 10.0]
    for moved, measured in pairs:
        told = [(moved.quiet_stance.start_s, moved.quiet_stance.end_s)]
        told += [(rep.start_s, rep.end_s) for rep in measured.repetitions]
        course = np.concatenate([signal_of(moved, measure)[moved.signals.window(*span)] for span in told])
        if np.isfinite(course).any():
            shown += np.nanpercentile(course, [0.5, 99.5]).tolist()
        readings = [rep.measures[measure] for rep in measured.repetitions]
        shown += [edge for each in readings if isinstance(each, Measurement) for edge in (each.low, each.high)]
    low, high = min(shown), max(shown)
    row[0].set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))


def _legend(left_out: bool) -> list[Line2D | Patch]:
    not_counted = Patch(
        facecolor="white", edgecolor="0.6", hatch="///", linewidth=0, label="repetition that is not counted"
    )
    return [
        Line2D([], [], color=_CURVE, linewidth=1.4, label="course over time (first look)"),
        Line2D(
            [],
            [],
            color=_CURVE,
            linewidth=1.0,
            linestyle=(0, (4, 1.5)),
            label="hip line: its course, not a drop (it follows a third of one)",
        ),
        Line2D(
            [], [], color=_READ, marker="o", markersize=4.5, linewidth=1.4, label="read value with its 95 % interval"
        ),
        Patch(facecolor=_REPETITION, label="counted repetition (number above; dotted: bottom)"),
        *([not_counted] if left_out else []),
        Patch(facecolor=_QUIET, label="quiet stance (the zero of changes)"),
    ]


def _figure_of_words(words: str) -> Figure:
    figure = Figure(figsize=(7.0, 2.0))
    figure.text(0.04, 0.5, "\n".join(textwrap.wrap(words, 80)), va="center", fontsize=11)
    return figure
