"""The history of one measure as SVG: a mark a day and leg with its interval. Told by shape and place, not by colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

__all__ = ["Point", "draw_history"]

_WIDTH, _HEIGHT = 640.0, 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 16.0, 14.0, 34.0

#: How far two legs of one day stand apart, so that their intervals do not cover each other.
_APART = 7.0


@dataclass(frozen=True, slots=True)
class Point:
    """One reading of one day."""

    at: datetime
    side: str
    value: float
    low: float
    high: float


def draw_history(points: Sequence[Point], unit: str, title: str) -> Markup:
    """The points over time, left and right leg side by side. The table below it says the same in words."""
    first, last = min(each.at for each in points), max(each.at for each in points)
    span_s = (last - first).total_seconds()
    low, high = min(0.0, *(each.low for each in points)), max(0.0, *(each.high for each in points))
    margin = 0.06 * (high - low or 1.0)
    low, high = low - margin, high + margin

    def x(at: datetime) -> float:
        wide = _WIDTH - _LEFT - _RIGHT - 4 * _APART
        share = (at - first).total_seconds() / span_s if span_s > 0 else 0.5
        return _LEFT + 2 * _APART + wide * share

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)

    parts = [
        Markup('<svg class="history" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">').format(
            _WIDTH, _HEIGHT, f"{title} over time; the table below gives the numbers"
        )
    ]
    for value in _ticks(low, high):
        parts.append(
            Markup('<line class="{}" x1="{:g}" x2="{:g}" y1="{:.1f}" y2="{:.1f}"/>').format(
                "zero" if value == 0 else "grid", _LEFT, _WIDTH - _RIGHT, y(value), y(value)
            )
        )
        parts.append(
            Markup('<text x="{:g}" y="{:.1f}" text-anchor="end">{}</text>').format(
                _LEFT - 6, y(value) + 4, f"{value:g}".replace("-", "−")
            )
        )
    parts.append(Markup('<text x="4" y="{:g}">{}</text>').format(_TOP - 3, unit))
    days = sorted({each.at.date(): each.at for each in points}.values())
    for at in days if len(days) == 1 else (days[0], days[-1]):
        anchor = "middle" if len(days) == 1 else ("start" if at == days[0] else "end")
        place = x(at) if anchor == "middle" else (_LEFT if anchor == "start" else _WIDTH - _RIGHT)
        parts.append(
            Markup('<text x="{:.1f}" y="{:g}" text-anchor="{}">{}</text>').format(
                place, _HEIGHT - 8, anchor, f"{at.day} {at:%b %Y}"
            )
        )
    for side in ("left", "right", "unknown"):
        own = sorted((each for each in points if each.side == side), key=lambda each: each.at)
        shift = {"left": -_APART, "right": _APART, "unknown": 0.0}[side]
        places = [(x(each.at) + shift, y(each.value)) for each in own]
        if len(places) > 1:
            line = " ".join(f"{across:.1f},{up:.1f}" for across, up in places)
            parts.append(Markup('<polyline class="{}" points="{}"/>').format(side, line))
        for each, (across, up) in zip(own, places, strict=True):
            parts.append(
                Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
                    side, across, across, y(each.low), y(each.high)
                )
            )
            parts.append(_mark(side, across, up))
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def _mark(side: str, x: float, y: float) -> Markup:
    """A circle for the left leg, a square for the right one."""
    if side == "right":
        return Markup('<rect class="right" x="{:.1f}" y="{:.1f}" width="9" height="9"/>').format(x - 4.5, y - 4.5)
    return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(side, x, y)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers, four to eight of them, zero among them."""
    step = next(each for each in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e9) if (high - low) / each <= 8)
    first = int(low // step) + 1
    return [step * number for number in range(first, int(high // step) + 1)]
