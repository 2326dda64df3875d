"""The figures of a report beside the curves: trunk, pelvis and knee together; angles over depth; each repetition."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from screener.assessment import load_norms
from screener.measures import MeasuredTrial, Measurement, MeasureName, Reading
from screener.motion import Trial
from screener.report.curves import as_svg, draw_curves, signal_of, with_arms
from screener.report.words import HEADLINE_MEASURES, title
from screener.screening import Screening
from screener.terms import StanceSide, Task

__all__ = ["draw_depth", "draw_overview", "draw_repetitions", "figures_of"]

# Okabe and Ito's blue and a darkened vermilion; the marker tells the legs apart without them.
_LEGS: dict[StanceSide, tuple[str, str]] = {
    "left": ("#0072B2", "o"),
    "right": ("#B34700", "s"),
    "unknown": ("0.4", "D"),
}
_TYPICAL = "#CBE6DC"

_TOGETHER: tuple[MeasureName, ...] = ("trunk_lean_deg", "pelvic_drop_deg", "fppa_deg")

# More marks than these in one panel are drawn smaller, so that they stay apart.
_MANY = 12

# A knee alignment that was read at a bend of the knee; deeper than this a course says nothing (docs/accuracy.md).
_SHALLOWEST_SHOWN_DEG = 10.0


def figures_of(screening: Screening) -> dict[str, str]:
    """Every figure of page and paper as SVG, by name; none where there is nothing to draw."""
    if not screening.trials or screening.view is None or not screening.view.frontal:
        return {}
    drawings = {
        "overview": draw_overview,
        "curves": draw_curves,
        "depth": draw_depth,
        "repetitions": draw_repetitions,
    }
    return {name: as_svg(draw, screening) for name, draw in drawings.items()}


def draw_overview(screening: Screening) -> Figure:
    """Trunk, pelvis and knee as one trade-off: a row an angle, a mark a leg with its interval, norms behind."""
    # Narrow, so that a telephone shows the whole of it in letters that can be read.
    figure = Figure(figsize=(4.8, 3.0), layout="constrained")
    axes = figure.subplots()
    trials = screening.trials
    for row, measure in enumerate(_TOGETHER):
        for place, trial in enumerate(trials):
            _draw_norm(axes, trial.task, measure, row)
            offset = 0.5 * ((place + 0.5) / len(trials) - 0.5)
            _mark(axes, trial, [(row + offset, trial.summary[measure])], lying=True)
    axes.axvline(0.0, color="black", linewidth=0.6)
    axes.set_yticks(range(len(_TOGETHER)), [HEADLINE_MEASURES[measure] for measure in _TOGETHER])
    axes.set_ylim(len(_TOGETHER) - 0.5, -0.5)
    axes.set_xlabel("degrees; + = over the stance leg,\nfree side lower, knee inward")
    _finish(figure, axes, trials, columns=1)
    return figure


def draw_depth(screening: Screening) -> Figure:
    """Trunk, hip line and knee against depth: the way down of every counted repetition over the others.

    Depth is told as a share of each repetition's own deepest knee bend, so that repetitions of any depth lie over
    one another.
    """
    figure = Figure(figsize=(7.2, 3.1), layout="constrained")
    grid: Any = figure.subplots(1, len(_TOGETHER), sharex=True)
    for axes, measure in zip(grid, _TOGETHER, strict=True):
        shown = [-5.0, 15.0]
        for moved, trial in zip(screening.motion.trials, screening.trials, strict=True):
            _draw_norm(axes, trial.task, measure)
            if trial.stance_side != "unknown":
                shown += _draw_descents(axes, moved, trial, measure)
        axes.axhline(0.0, color="black", linewidth=0.6)
        axes.set_ylim(min(shown) - 2, max(shown) + 2)
        axes.set_xlim(0, 105)
        axes.set_title(f"{HEADLINE_MEASURES[measure]}, °", loc="left", fontsize=9)
        axes.set_xlabel("depth, % of the deepest")
    _finish(figure, grid[0], screening.trials)
    return figure


def draw_repetitions(screening: Screening) -> Figure:
    """The reading of each repetition with its interval, one picture an angle; a cross is one that is not counted."""
    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    grid: Any = figure.subplots(2, 2)
    trials = screening.trials
    for axes, (measure, name) in zip(grid.flat, HEADLINE_MEASURES.items(), strict=True):
        for place, trial in enumerate(trials):
            _draw_norm(axes, trial.task, measure)
            offset = 0.5 * ((place + 0.5) / len(trials) - 0.5)
            readings = [(rep.index + offset, rep.measures[measure]) for rep in trial.repetitions if rep.counted]
            _mark(axes, trial, readings)
            left_out = [rep.index + offset for rep in trial.repetitions if not rep.counted]
            axes.plot(left_out, [0.0] * len(left_out), "x", color=_LEGS[trial.stance_side][0])
        most = max((len(trial.repetitions) for trial in trials), default=1)
        axes.axhline(0.0, color="black", linewidth=0.6)
        axes.set_xlim(0.4, most + 0.6)
        axes.set_xticks(range(1, most + 1, max(1, most // 10)))
        axes.set_ylabel(f"{name}, °")
        axes.set_xlabel("repetition")
    _finish(figure, grid[0, 0], trials, crosses=any(not rep.counted for trial in trials for rep in trial.repetitions))
    return figure


def _draw_descents(axes: Axes, moved: Trial, trial: MeasuredTrial, measure: MeasureName) -> list[float]:
    """The ways down of a trial's counted repetitions; the values that must stay in the picture."""
    colour, marker = _LEGS[trial.stance_side]
    course, flexion = signal_of(moved, measure), moved.signals.knee_flexion_deg
    # The hip line alone follows about a third of a drop (docs/accuracy.md): dashed here as in the curves.
    style: dict[str, Any] = {"linestyle": (0, (4, 1.5))} if measure == "pelvic_drop_deg" else {}
    shown: list[float] = []
    for rep in trial.repetitions:
        down = moved.signals.window(rep.start_s, rep.bottom_s)
        deepest = np.nanmax(flexion[down], initial=0.0)
        if not rep.counted or deepest < _SHALLOWEST_SHOWN_DEG:
            continue
        bent = flexion[down] >= _SHALLOWEST_SHOWN_DEG
        depth, good = 100 * flexion[down][bent] / deepest, course[down][bent]
        axes.plot(depth, good, color=colour, linewidth=1.1, alpha=0.8, **style)
        reading = rep.measures[measure]
        if isinstance(reading, Measurement):
            place = 100.0
            if rep.read_at != "bottom":
                place = 100 * float(np.interp(rep.shown_s, moved.signals.times_s, flexion)) / deepest
            axes.plot(place, reading.value, marker, color=colour, markersize=5, markeredgecolor="white")
            shown.append(reading.value)
        if np.isfinite(good).any():
            shown += np.nanpercentile(good, [1, 99]).tolist()
    return shown


def _mark(axes: Axes, trial: MeasuredTrial, readings: list[tuple[float, Reading]], *, lying: bool = False) -> None:
    """Readings with their intervals, each at a place on the other axis."""
    places, values, arms = with_arms(readings)
    if not places:
        return
    colour, marker = _LEGS[trial.stance_side]
    style: dict[str, Any] = {"fmt": marker, "color": colour, "markersize": 5, "capsize": 3, "elinewidth": 1.4}
    if len(places) > _MANY:
        style |= {"markersize": 3, "capsize": 0, "elinewidth": 1.0}
    if lying:
        axes.errorbar(values, places, xerr=arms, **style)
    else:
        axes.errorbar(places, values, yerr=arms, **style)


def _draw_norm(axes: Axes, task: Task, measure: MeasureName, row: int | None = None) -> None:
    """The typical band behind a measure, and a dashed line where marked begins; nothing where there is no norm."""
    norm = load_norms().find(task, measure)
    if norm is None:
        return
    line = {"color": "0.35", "linewidth": 1.0, "linestyle": (0, (3, 2))}
    if row is None:
        axes.axhspan(norm.typical_from, norm.typical_to, color=_TYPICAL, zorder=0, linewidth=0)
        axes.axhline(norm.marked_above, **line)  # type: ignore[arg-type]
    else:
        extent = norm.typical_to - norm.typical_from
        axes.barh(row, extent, 0.8, norm.typical_from, color=_TYPICAL, zorder=0)
        axes.vlines(norm.marked_above, row - 0.4, row + 0.4, **line)  # type: ignore[arg-type]


def _finish(
    figure: Figure, axes: Axes, trials: tuple[MeasuredTrial, ...], *, columns: int = 2, crosses: bool = False
) -> None:
    """Plain edges and a legend that names legs and bands in words."""
    for each in figure.axes:
        for edge in ("top", "right"):
            each.spines[edge].set_visible(False)
        each.set_axisbelow(True)
    handles: list[Any] = []
    for trial in trials:
        colour, marker = _LEGS[trial.stance_side]
        handles += axes.plot([], [], marker, color=colour, label=title(trial))
    if any(load_norms().find(trial.task, measure) for trial in trials for measure in HEADLINE_MEASURES):
        handles.append(Patch(color=_TYPICAL, label="typical (dashed: marked begins)"))
    if crosses:
        handles += axes.plot([], [], "x", color="0.35", label="repetition that is not counted")
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=columns, frameon=False)
