"""Finding repetitions: where a body sinks over one still foot and rises again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from screener.motion.filtering import fill_gaps, running_median
from screener.motion.signals import STANDS_S, Joints
from screener.terms import Side, StanceSide, Task, other_side

__all__ = ["ALOFT", "ELSEWHERE", "Dip", "dips_over", "find_dips", "no_swaying", "same_movement"]

# How far the hips must sink over the foot to be looked at, as part of leg length: about 24° of knee flexion.
_SMALLEST_DIP = 0.022

# A repetition is between these; a slower one is a pause, a faster one is a bounce.
_SHORTEST_S = 0.5
_LONGEST_HALF_S = 6.0

# The stance foot is the one that moves least within ±1 s of the bottom (right in 28 of 28 real cases,
# docs/accuracy.md). It must move less than this part of the leg's length ...
_STILL = 0.12
# ... and less than the other foot, by this factor and by more than landmark noise moves a still foot (part of
# leg length; 0.01–0.04 on the sample clips), or movement does not tell which it is.
_STILLER = 1.25
_STILLER_BY = 0.02
_STILL_DEEP = 0.2
_STILLER_DEEP = 2.0

# Who walks about sinks less than this (part of leg length, about 60° of knee flexion [judgement]), and elsewhere; who
# jumps is up again sooner. A deeper, slower sinking in which no foot is seen to stay, though it is where it was
# afterwards, is a squat whose legs the landmarks took for one another.
_DEEP = 0.14
_SHORTEST_DEEP_S = 1.0

#: Of two feet that keep equally still the body stands on the lower one, if the other is this much higher (part of
#: leg length): in the air, not just a foot set back, which a camera at hip height sees up to 0.13 higher.
ALOFT = 0.15

#: A free foot that is so far (part of leg length) from where it was before has been lifted, put forward or set down;
#: in a step-down to the front it stays as low as the other.
ELSEWHERE = 0.08

# Feet at one level (part of leg length) that both stay put, side by side, with the hips between them: the person stands
# on both. Ankles nearer to each other than this belong to feet of which one is before the other [two feet touch at
# about 0.1]; hips nearer to one foot than this part of the way to the other are over that foot, which bears twice what
# the other does: who squats on both keeps them in the middle, and nobody can stand on one leg otherwise.
_LEVEL = 0.06
_BOTH_STILL = 0.05
_SIDE_BY_SIDE = 0.12
_OVER_FOOT = 1 / 3

# Less deep than this part of the deepest repetition is swaying [judgement: under half, with room for a set's first].
_SWAY_PART = 0.4

# A body is up where no more than this part of the dip is left: a tenth is above what hips sway while standing.
_UP = 0.1
# ... or, on one leg, no more than this, at less than this part of the greatest speed on the way [judgement: lifting the
# foot lowered the hips by up to 0.36 of a dip in the sample clips].
_NEARLY_UP = 0.5
_AT_REST = 0.1
# A foot is lifted or set down within this time [judgement; 0.3 to 0.5 s in the sample clips].
_LIFTING_S = 0.5


@dataclass(frozen=True, slots=True)
class Dip:
    """One sinking and rising of the hips.

    Attributes:
        start_s, bottom_s, end_s: seconds; the bottom is the instant of greatest depth.
        depth: how far the hips came down, as part of leg length.
        stance_side: the foot that stayed, or unknown.
        both_feet: both feet stayed on the floor.
        free_rise: height of the free ankle over the stance ankle in the picture at the bottom, part of leg length.
        free_aside: distance of the free knee from the stance knee, across, part of leg length.
        steps: the free foot is on the floor before the dip or after it, and in the air or elsewhere at its other end.
        foot_stays: the foot was seen to stay; else it is only where it was before, and the landmarks took one leg for
            the other in between, or there is more to it than a squat.
    """

    start_s: float
    bottom_s: float
    end_s: float
    depth: float
    stance_side: StanceSide
    both_feet: bool
    free_rise: float
    free_aside: float
    steps: bool
    foot_stays: bool

    @property
    def task(self) -> Task:
        """The task that the free foot gives away at the bottom.

        In a squat the free foot stays above the stance foot; in a step-down it goes below the box, in front
        (nearly in line, as seen from the front) or beside it.
        """
        if self.free_rise > _STEP_DOWN_BELOW:
            return "single_leg_squat"
        return "lateral_step_down" if self.free_aside > _LATERAL_FROM else "forward_step_down"


# A box of 10 cm and the way to the floor put the free ankle at least this far below the stance ankle.
_STEP_DOWN_BELOW = -0.03
# A leg that reaches beside the box is further from the other than one that reaches forward: knees 0.211 and 0.162 of
# the leg's length apart in the mean of 506 rendered poses; halfway. Ankles tell them apart less well.
_LATERAL_FROM = 0.187


def find_dips(joints: Joints, side: Side | None = None) -> list[Dip]:
    """Every sinking of the hips over a foot that stays, in order of time.

    Args:
        joints: of the recording.
        side: the stance side where it is given; dips over the other foot are then left out, and where the feet
            do not tell, it is believed.
    """
    dips: list[Dip] = []
    for stance in (side,) if side is not None else _SIDES:
        dips += _dips_over(joints, stance, side)
    dips.sort(key=lambda dip: dip.bottom_s)
    kept: list[Dip] = []
    for dip in dips:
        # The same movement, seen over either foot: keep the reading that knows its foot, of two such the deeper one.
        if kept and same_movement(kept[-1], dip):
            kept[-1] = max(kept[-1], dip, key=lambda each: (each.stance_side != "unknown", each.depth))
            continue
        kept.append(dip)
    return kept


def dips_over(joints: Joints, stance: Side) -> list[Dip]:
    """Every sinking of the hips over a foot of which it is known that it is stood on, in order of time; shallow ones,
    too, in which that foot was not seen to stay, if it is afterwards where it was before."""
    return [replace(dip, stance_side=stance) for dip in _dips_over(joints, stance, stance, known=True)]


def no_swaying(members: list[Dip]) -> list[Dip]:
    """The dips that are more than swaying, which sinks the hips a little too."""
    deepest = max(dip.depth for dip in members)
    return [dip for dip in members if dip.depth >= _SWAY_PART * deepest]


def same_movement(one: Dip, other: Dip) -> bool:
    """Whether two dips are one sinking of the hips, measured over either foot: the bottom of each lies in the other."""
    return one.start_s < other.bottom_s < one.end_s and other.start_s < one.bottom_s < other.end_s


_SIDES: tuple[Side, Side] = ("left", "right")


def _dips_over(joints: Joints, stance: Side, given: Side | None, known: bool = False) -> list[Dip]:
    times_s = joints.times_s
    step = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 1.0
    floor = running_median(times_s, joints.of(stance, "ankle")[:, 1], STANDS_S)
    sinking = fill_gaps(times_s, (joints.middle("hip")[:, 1] - floor) / joints.leg_px)
    dips = []
    for start, stop in _runs(np.isfinite(sinking)):
        if stop - start < 5:
            continue
        signal = sinking[start:stop]
        span = max(3, round(2 * _LONGEST_HALF_S / step))
        peaks, found = find_peaks(
            signal, prominence=_SMALLEST_DIP, distance=max(1, round(_SHORTEST_S / step)), wlen=span | 1
        )
        # A base never lies beyond the neighbouring dip: between two dips the body stood up.
        lefts = np.maximum(found["left_bases"], np.concatenate([[0], peaks[:-1]]))
        rights = np.minimum(found["right_bases"], np.concatenate([peaks[1:], [len(signal) - 1]]))
        for peak, low, high in zip(peaks, lefts, rights, strict=True):
            left, right = (
                low + int(np.argmin(signal[low : peak + 1])),
                peak + int(np.argmin(signal[peak : high + 1])),
            )
            dip = _dip(joints, stance, given, known, start, signal, (int(left), int(peak), int(right)))
            if dip is not None:
                dips.append(dip)
    return dips


def _dip(
    joints: Joints,
    stance: Side,
    given: Side | None,
    known: bool,
    offset: int,
    signal: NDArray[np.float64],
    marks: tuple[int, int, int],
) -> Dip | None:
    left, peak, right = marks
    times_s = joints.times_s[offset:]
    top = max(signal[left], signal[right])
    depth = float(signal[peak] - top)
    free = other_side(stance)
    from_stance = (joints.of(free, "ankle") - joints.of(stance, "ankle"))[offset:] / joints.leg_px[offset:, None]
    aloft = -from_stance[:, 1] > _LEVEL
    # A foot that reaches down from a step is in the air, too, and not above the other: it is not where it stood.
    away = [np.hypot(*(from_stance - from_stance[base]).T) > ELSEWHERE for base in (left, right)]
    start = _leave(times_s, signal, aloft, away[0], peak, left)
    end = _leave(times_s, signal, aloft, away[1], peak, right)
    bottom_s = _vertex(times_s, signal, peak, signal[peak] - 0.2 * depth)

    near = slice(
        int(np.searchsorted(joints.times_s, max(times_s[start], bottom_s - 1.0))),
        int(np.searchsorted(joints.times_s, min(times_s[end], bottom_s + 1.0))) + 1,
    )
    moved = {each: _movement(joints, each, near) for each in ("left", "right")}
    at = offset + peak
    # Deep in a squat the ankle of the stance foot wanders in the landmarks, far less than the other still.
    stays = moved[stance] <= max(_STILL, min(_STILL_DEEP, moved[free] / _STILLER_DEEP))
    ankle = joints.of(stance, "ankle")[offset:]
    returns = float(np.hypot(*(ankle[right] - ankle[left]))) <= ELSEWHERE * joints.leg_px[at]
    lasts = float(times_s[right] - times_s[left]) >= _SHORTEST_DEEP_S
    if not stays and not ((known or depth >= _DEEP) and lasts and returns):
        return None
    apart = (joints.of(free, "ankle")[at] - joints.of(stance, "ankle")[at]) / joints.leg_px[at]
    rise = -float(apart[1])
    aside = abs(float(joints.of(free, "knee")[at, 0] - joints.of(stance, "knee")[at, 0]) / float(joints.leg_px[at]))
    hips = float(joints.middle("hip")[at, 0] - joints.of(stance, "ankle")[at, 0]) / float(joints.leg_px[at])
    wide = abs(float(apart[0])) >= _SIDE_BY_SIDE
    over = hips / float(apart[0]) if wide else np.nan  # 0: over this foot, 1: over the other
    both_feet = max(moved.values()) < _BOTH_STILL and abs(rise) < _LEVEL and bool(_OVER_FOOT < over < 1 - _OVER_FOOT)
    decided: StanceSide = stance
    if both_feet or not stays:
        decided = "unknown"
    elif known:
        pass
    elif _stiller(moved[free], moved[stance]):
        return None
    elif not _stiller(moved[stance], moved[free]):
        if rise < -ALOFT or (given is None and rise < ALOFT and over > 1 - _OVER_FOOT):
            return None
        decided = stance if given is not None or rise > ALOFT or over < _OVER_FOOT else "unknown"
    return Dip(
        float(times_s[start]),
        bottom_s,
        float(times_s[end]),
        depth,
        decided,
        both_feet,
        rise,
        aside,
        bool(aloft[left] != aloft[right] or away[0][right]),
        stays,
    )


def _stiller(moved: float, other: float) -> bool:
    """Whether a foot that moved so far kept stiller than the other, beyond what noise can do."""
    return other >= max(_STILLER * moved, moved + _STILLER_BY)


def _leave(
    times_s: NDArray[np.float64],
    signal: NDArray[np.float64],
    aloft: NDArray[np.bool_],
    away: NDArray[np.bool_],
    peak: int,
    base: int,
) -> int:
    """The frame at which the body leaves its upper position, or is back in it, on the side of `base`.

    Where it stands on both feet at the base or beyond, the hips also move when the free foot is lifted or set down:
    then the upper position is where the body comes to rest on one leg.
    """
    step = -1 if base < peak else 1
    way = np.arange(peak, base + step, step)
    up = (signal[way] - signal[base]) / (signal[peak] - signal[base])
    speed = np.abs(np.gradient(signal, times_s[: len(signal)])[way])
    rests = (up <= _NEARLY_UP) & (speed <= _AT_REST * np.maximum.accumulate(speed))
    beyond = np.abs(times_s[: len(signal)] - times_s[base]) <= _LIFTING_S
    beyond[peak:base:step] = False
    on_both = not aloft[: len(signal)][beyond].all()
    there = (up <= _UP) | (rests & (aloft | away)[way] & on_both)
    return int(way[np.argmax(there)])


def _vertex(times_s: NDArray[np.float64], signal: NDArray[np.float64], peak: int, level: float) -> float:
    """The time of the vertex of a parabola through the dip's lowest fifth: steadier than its single lowest frame."""
    first = last = peak
    while first > 0 and signal[first - 1] >= level:
        first -= 1
    while last < len(signal) - 1 and signal[last + 1] >= level:
        last += 1
    if last - first < 4:
        return float(times_s[peak])
    seconds = times_s[first : last + 1] - times_s[peak]
    curve, slope, _ = np.polyfit(seconds, signal[first : last + 1], 2)
    if curve >= 0:
        return float(times_s[peak])
    vertex = float(np.clip(-slope / (2 * curve), seconds[0], seconds[-1]))
    return float(times_s[peak]) + vertex


def _movement(joints: Joints, side: Side, near: slice) -> float:
    """How far an ankle moves within some frames (5th to 95th percentile), as part of leg length; inf if unseen."""
    points = joints.of(side, "ankle")[near]
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) < 3:
        return float("inf")
    low, high = np.percentile(points, [5, 95], axis=0)
    return float(np.hypot(*(high - low)) / np.median(joints.leg_px[near]))


def _runs(good: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
