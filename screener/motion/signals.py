"""One stance side's signals over time: the angles and lengths of every frame, smoothed, in the person's own sides."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from screener.motion.angles import (
    compute_fppa_deg,
    compute_knee_medial_displacement,
    compute_pelvic_obliquity_deg,
    compute_segment_inclination_deg,
    flexion_from_limb_ratio_deg,
)
from screener.motion.filtering import running_median, smooth
from screener.pose import Landmark, PoseTrack
from screener.terms import Side, other_side

__all__ = ["STANDS_S", "WANDERS", "Joints", "StanceSignals", "compute_stance_signals", "finite_median"]

_Values = NDArray[np.float64]

#: A foot that is stood on stays, but its landmark is drawn along by what the other leg does: by as much as the hips
#: sink in a shallow squat. So the hips are measured against where it mostly is over this long ...
STANDS_S = 3.0
#: ... and a standing ankle that is up to this part of leg length from where it was is where it was [judgement].
WANDERS = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Joints:
    """Smoothed joints of a recording, by the names of the person's own sides.

    Attributes:
        times_s: `(frame,)`, the track's own.
        px: `(frame, 33, xy)`, pixels, y down; NaN where missing for longer than a short gap.
        world_m: `(frame, 33, xyz)`, the model's world landmarks, smoothed alike.
        visibility: `(frame, 33)`, as the model gave it.
        leg_px: `(frame,)`, the length of a straight leg in the picture about that time.
        width_px, height_px: of the picture.
        grainy: whether the pictures were grainy, as they are in poor light: landmarks wander more then.
    """

    times_s: _Values
    px: _Values
    world_m: _Values
    visibility: NDArray[np.float32]
    leg_px: _Values
    width_px: int
    height_px: int
    grainy: bool = False

    def of(self, side: Side, joint: str) -> _Values:
        """`(frame, xy)` of a joint such as `of("left", "hip")`."""
        return self.px[:, Landmark[f"{side}_{joint}".upper()]]

    def middle(self, joint: str) -> _Values:
        """`(frame, xy)` halfway between the two sides' joints."""
        return (self.of("left", joint) + self.of("right", joint)) / 2

    @classmethod
    def from_track(cls, track: PoseTrack) -> Joints:
        """Smooth a track, and find the length of the leg in the picture."""
        px = smooth(track.times_s, track.image_px)
        world = smooth(track.times_s, track.world_m)
        size = track.width_px, track.height_px
        joints = cls(track.times_s, px, world, track.visibility, np.empty(0), *size, track.grainy)
        lengths = [np.linalg.norm(joints.of(side, "hip") - joints.of(side, "ankle"), axis=1) for side in _SIDES]
        leg_px = _running_high(track.times_s, np.fmax(*lengths))
        return replace(joints, leg_px=leg_px)


_SIDES: tuple[Side, Side] = ("left", "right")

# Somebody who squats stands up again within this time, so the longest leg of this span is a straight one.
_STANDING_WITHIN_S = 6.0


def _running_high(times_s: _Values, lengths_px: _Values) -> _Values:
    """The 90th percentile within ±6 s, on a coarse grid: a straight leg's length, whatever the person's distance."""
    if not np.isfinite(lengths_px).any():
        return np.full(len(times_s), np.nan)
    grid = np.arange(times_s[0], times_s[-1] + 1.0, 1.0)
    highs = np.full(len(grid), np.nan)
    for i, centre in enumerate(grid):
        start, stop = np.searchsorted(times_s, [centre - _STANDING_WITHIN_S, centre + _STANDING_WITHIN_S])
        near = lengths_px[start:stop]
        near = near[np.isfinite(near)]
        if len(near):
            highs[i] = np.percentile(near, 90)
    good = np.isfinite(highs)
    return np.asarray(np.interp(times_s, grid[good], highs[good]), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class StanceSignals:
    """Every frame's values for one stance side; `(frame,)` each, NaN where a joint is missing.

    Attributes:
        times_s: seconds.
        fppa_deg: in the picture; + = valgus.
        pelvic_obliquity_deg: the raw hip line; + = the free side lower. Not a drop until a quiet stance is taken off.
        trunk_lean_deg: mid-hip to mid-shoulder against the picture's vertical; + = towards the stance side.
        thigh_inclination_deg: + = knee medial of hip.
        knee_flexion_deg: from how much nearer the stance hip is to where the stance ankle stands; ±5–6°.
        knee_medial_pct: knee medial of the hip–ankle line, % of leg length.
        knee_over_foot_pct: knee medial of the foot's tip, % of shank length.
        pelvic_shift_pct: mid-hip medial of the stance ankle, % of leg length.
        hip_above_knee_ratio: projected hip-above-knee height as part of the standing thigh; below 0.5 FPPA blows up.
        free_ankle_rise_pct: height of the free ankle above the stance ankle in the picture, % of leg length.
        free_ankle_aside_pct: distance of the free ankle from the stance ankle across, + = towards the free side,
            % of leg length.
        stance_visibility: the least visibility of stance knee and ankle.
    """

    times_s: _Values
    fppa_deg: _Values
    pelvic_obliquity_deg: _Values
    trunk_lean_deg: _Values
    thigh_inclination_deg: _Values
    knee_flexion_deg: _Values
    knee_medial_pct: _Values
    knee_over_foot_pct: _Values
    pelvic_shift_pct: _Values
    hip_above_knee_ratio: _Values
    free_ankle_rise_pct: _Values
    free_ankle_aside_pct: _Values
    stance_visibility: _Values

    def window(self, start_s: float, end_s: float) -> slice:
        """The frames from `start_s` to `end_s`, both included; at least the nearest one."""
        start = int(np.searchsorted(self.times_s, start_s - 1e-6))
        stop = int(np.searchsorted(self.times_s, end_s + 1e-6))
        if stop <= start:
            start = int(np.argmin(np.abs(self.times_s - (start_s + end_s) / 2)))
            stop = start + 1
        return slice(start, stop)


def compute_stance_signals(joints: Joints, stance: Side, standing: slice) -> StanceSignals:
    """The signals of one stance side.

    Args:
        joints: of the recording.
        stance: the leg stood on.
        standing: the frames of quiet stance, whose limb lengths are taken as straight.
    """
    free = other_side(stance)
    hip, knee, ankle = (joints.of(stance, name) for name in ("hip", "knee", "ankle"))
    toe = joints.of(stance, "foot_index")
    free_hip, free_ankle = joints.of(free, "hip"), joints.of(free, "ankle")
    mid_hip, mid_shoulder = joints.middle("hip"), joints.middle("shoulder")

    # The direction of the midline in the picture; it holds from the front and from behind.
    medial = float(np.sign(finite_median(free_hip[:, 0] - hip[:, 0]))) or 1.0

    leg_px = finite_median(np.linalg.norm(hip - ankle, axis=1)[standing])
    thigh_px = finite_median(np.linalg.norm(hip - knee, axis=1)[standing])
    shank_px = finite_median(np.linalg.norm(knee - ankle, axis=1)[standing])
    visibility = joints.visibility[:, [Landmark[f"{stance}_{name}".upper()] for name in ("knee", "ankle")]]

    return StanceSignals(
        times_s=joints.times_s,
        fppa_deg=compute_fppa_deg(hip, knee, ankle, medial),
        pelvic_obliquity_deg=compute_pelvic_obliquity_deg(hip, free_hip),
        trunk_lean_deg=compute_segment_inclination_deg(mid_shoulder, mid_hip, medial),
        thigh_inclination_deg=compute_segment_inclination_deg(hip, knee, medial),
        knee_flexion_deg=flexion_from_limb_ratio_deg(
            np.linalg.norm(hip - _stands_at(joints.times_s, ankle, standing, leg_px), axis=1) / leg_px
        ),
        knee_medial_pct=100 * compute_knee_medial_displacement(hip, knee, ankle, medial) / leg_px,
        knee_over_foot_pct=100 * medial * (knee[:, 0] - toe[:, 0]) / shank_px,
        pelvic_shift_pct=100 * medial * (mid_hip[:, 0] - ankle[:, 0]) / leg_px,
        hip_above_knee_ratio=(knee[:, 1] - hip[:, 1]) / thigh_px,
        free_ankle_rise_pct=100 * (ankle[:, 1] - free_ankle[:, 1]) / leg_px,
        free_ankle_aside_pct=100 * medial * (free_ankle[:, 0] - ankle[:, 0]) / leg_px,
        stance_visibility=visibility.min(axis=1).astype(np.float64),
    )


def _stands_at(times_s: _Values, ankle: _Values, standing: slice, leg_px: float) -> _Values:
    """`(frame, xy)`: where the foot stands, pixels: where it was in quiet stance, unless it, or the camera, has moved
    by more than its landmark wanders by itself; from twice that on it is where the landmark is."""
    quiet = np.array([finite_median(place) for place in ankle[standing].T])
    moved = np.stack([running_median(times_s, place, STANDS_S) for place in ankle.T], axis=1) - quiet
    far = np.linalg.norm(moved, axis=1, keepdims=True) / (WANDERS * leg_px)
    return np.asarray(quiet + moved * np.clip(far - 1, 0.0, 1.0))


def finite_median(values: _Values) -> float:
    """The median of the values that are finite; NaN where none is."""
    good = values[np.isfinite(values)]
    return float(np.median(good)) if len(good) else float("nan")
