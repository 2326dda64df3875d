"""Which sinkings of the hips count as repetitions, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screener.motion.angles import flexion_from_limb_ratio_deg
from screener.motion.repetitions import Dip, no_swaying
from screener.motion.signals import Joints, StanceSignals, finite_median
from screener.pose import Landmark, PoseTrack
from screener.terms import StanceSide, Task, other_side

__all__ = ["OVERTURNED_BY_A_CLOSER_LOOK", "TOO_SHALLOW", "TOUCHED_DOWN", "Repetition", "judged"]

# Shallower than this is not a repetition of these tests [judgement: the protocols ask for 45–60°].
_SHALLOWEST_DEG = 30.0

# One repetition in two seconds is the protocol's pace; faster than this the frames around the bottom are too few.
_FASTEST_S = 0.8

# The frames around a bottom that a reading rests on.
_AROUND_BOTTOM_S = 0.1

_VISIBLE = 0.5

TOO_SHALLOW = "too shallow"
_LEG_UNTOLD = "which leg was stood on could not be told; say it with --side"
# Why a squat is not counted whose free foot came to the floor; in a step-down it is meant to.
TOUCHED_DOWN = "foot touched down"
_NOT_VISIBLE = "bottom not visible"
#: Why a repetition is not counted where a closer look may say otherwise: it sees a step under the feet, the free foot
#: in the air, or the stance leg.
OVERTURNED_BY_A_CLOSER_LOOK = (_LEG_UNTOLD, TOUCHED_DOWN, _NOT_VISIBLE)


@dataclass(frozen=True, slots=True)
class Repetition:
    """One repetition. `excluded_because` is None exactly where `counted` is true.

    `touched_down` counts how often the free foot came to the floor; None in a step-down, which is meant to, and where
    it cannot be told: the foot is so low all the time, or the picture so grainy.
    """

    index: int
    start_s: float
    bottom_s: float
    end_s: float
    counted: bool
    excluded_because: str | None
    touched_down: int | None


def judged(
    joints: Joints,
    signals: StanceSignals,
    members: list[Dip],
    task: Task,
    stance: StanceSide,
    closer: PoseTrack | None,
) -> tuple[Repetition, ...]:
    """A set's dips as repetitions, numbered from 1, each counted or with the reason why not.

    Args:
        joints: of the recording, smoothed.
        signals: over the stance foot.
        members: the set's dips, in their order.
        task: which movement it is; in a squat the free foot must stay in the air.
        stance: the leg stood on.
        closer: a closer look at parts of the recording, which may see what the first only guesses.
    """
    return tuple(
        _judge(joints, signals, dip, index, task, stance, closer, _too_shallow(dip, members))
        for index, dip in enumerate(members, start=1)
    )


def _judge(
    joints: Joints,
    signals: StanceSignals,
    dip: Dip,
    index: int,
    task: Task,
    stance: StanceSide,
    closer: PoseTrack | None,
    too_shallow: bool,
) -> Repetition:
    around = signals.window(dip.bottom_s - _AROUND_BOTTOM_S, dip.bottom_s + _AROUND_BOTTOM_S)
    whole = signals.window(dip.start_s, dip.end_s)
    flexion = finite_median(signals.knee_flexion_deg[around])
    looked_for = task == "single_leg_squat" and not joints.grainy
    touched = _touch_downs(joints, signals, dip, stance, closer) if looked_for else None

    reason: str | None = None
    if dip.end_s - dip.start_s < _FASTEST_S:
        reason = "too fast"  # whichever leg it was
    elif stance == "unknown":
        reason = _LEG_UNTOLD
    elif _out_of_frame(joints, stance, whole):
        reason = "out of frame"
    elif not np.isfinite(flexion) or not (
        finite_median(signals.stance_visibility[around]) >= _VISIBLE or _seen_closely(closer, stance, dip.bottom_s)
    ):
        reason = _NOT_VISIBLE
    elif too_shallow:
        reason = TOO_SHALLOW
    elif touched:
        reason = TOUCHED_DOWN
    return Repetition(index, dip.start_s, dip.bottom_s, dip.end_s, reason is None, reason, touched)


# How far off that is which the hips' sinking says of the knee's flexion: in 87 repetitions of less than 65° (rendered
# films). The length of the leg in the picture, at whose end the other leg pulls, is 7.7° off.
_SINKING_OFF_DEG = 4.6


def _too_shallow(dip: Dip, members: list[Dip]) -> bool:
    """Whether a dip is no repetition: beside one that is deep enough, another that is no swaying is taken for too
    shallow only where it is so by more than its flexion may be off."""
    repeats = dip in no_swaying(members) and max(map(_flexion_from_sinking_deg, members)) >= _SHALLOWEST_DEG
    return _flexion_from_sinking_deg(dip) < _SHALLOWEST_DEG - (_SINKING_OFF_DEG if repeats else 0.0)


def _flexion_from_sinking_deg(dip: Dip) -> float:
    """Knee flexion from how far the hips sank."""
    return float(flexion_from_limb_ratio_deg(1 - dip.depth))


# A free ankle this near the stance ankle's height (% of leg length) that stays there for so long is on the floor. One
# that is held low in front comes as near, but swings by more while the body sinks [judgement, from rendered films]. In
# grainy pictures ankles are up to 8 % of leg length off (90th percentile; docs/accuracy.md), so there nothing is said.
_ON_FLOOR_PCT = 3.0
_STAYS_PCT = 2.0
# A foot that is held less than this above there before and after sinks as far with the body, put down or not: of
# rendered squats held a little lower, one that touched and four that did not looked the same; of those held higher four
# in five touches are told (docs/accuracy.md).
_HELD_LOW_PCT = 6.0
_TOUCH_S = 0.15


def _touch_downs(
    joints: Joints, signals: StanceSignals, dip: Dip, stance: StanceSide, closer: PoseTrack | None
) -> int | None:
    """How often the free foot came down to the floor and stayed for a moment, during a squat; not where a closer look
    has it in the air at that time.

    None where it is nearly as low before and after it, too: a foot held low in front looks as if it stood.
    """
    length = dip.end_s - dip.start_s
    ends = [signals.window(at - _TOUCH_S, at + _TOUCH_S) for at in (dip.start_s, dip.end_s)]
    if all(finite_median(signals.free_ankle_rise_pct[end]) < _ON_FLOOR_PCT + _HELD_LOW_PCT for end in ends):
        return None
    window = signals.window(dip.start_s + 0.15 * length, dip.end_s - 0.15 * length)
    times_s, rise = signals.times_s[window], signals.free_ankle_rise_pct[window]
    low = np.concatenate([[False], rise < _ON_FLOOR_PCT, [False]])
    edges = np.flatnonzero(np.diff(low.astype(np.int8)))
    stretches = zip(edges[::2], edges[1::2], strict=True)
    touches = [(start, stop - 1) for start, stop in stretches if _stays(times_s[start:stop], rise[start:stop])]
    return sum(not _seen_aloft(joints, closer, stance, times_s[first], times_s[last]) for first, last in touches)


def _seen_aloft(joints: Joints, closer: PoseTrack | None, stance: StanceSide, start_s: float, end_s: float) -> bool:
    """Whether a closer look has the free foot in the air between two times: the legs' landmarks come nearer to each
    other than the legs do where one hides the other, and the larger model is less misled."""
    if closer is None or stance == "unknown":
        return False
    window = slice(*np.searchsorted(closer.times_s, [start_s - 1e-6, end_s + 1e-6]))
    ankle, free_ankle = (
        closer.image_px[window, Landmark[f"{side}_ankle".upper()], 1] for side in (stance, other_side(stance))
    )
    leg_px = np.interp(closer.times_s[window], joints.times_s, joints.leg_px)
    return finite_median(100 * (ankle - free_ankle) / leg_px) >= _ON_FLOOR_PCT


def _seen_closely(closer: PoseTrack | None, stance: StanceSide, at_s: float) -> bool:
    """Whether a closer look sees knee and ankle of the stance leg about a time, where the first only guesses them."""
    if closer is None or stance == "unknown":
        return False
    around = slice(*np.searchsorted(closer.times_s, [at_s - _AROUND_BOTTOM_S - 1e-6, at_s + _AROUND_BOTTOM_S + 1e-6]))
    leg = [Landmark[f"{stance}_{name}".upper()] for name in ("knee", "ankle")]
    seen = closer.visibility[around][closer.found[around]][:, leg].min(axis=1)
    return bool(finite_median(seen.astype(np.float64)) >= _VISIBLE)


def _stays(times_s: NDArray[np.float64], rise: NDArray[np.float64]) -> bool:
    """Whether a foot keeps one height for a moment."""
    until = np.searchsorted(times_s, times_s + _TOUCH_S - 1e-6)
    return any(np.ptp(rise[first : last + 1]) <= _STAYS_PCT for first, last in enumerate(until) if last < len(times_s))


def _out_of_frame(joints: Joints, stance: StanceSide, window: slice) -> bool:
    assert stance != "unknown"
    size = np.array([joints.width_px, joints.height_px])
    points = np.stack([joints.of(stance, name)[window] for name in ("hip", "knee", "ankle")])
    with np.errstate(invalid="ignore"):
        inside = np.all((points >= 0) & (points <= size), axis=2).all(axis=0)
    return bool(np.mean(inside) < 0.9)
