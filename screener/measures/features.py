"""What a corrector looks at: plain landmark quantities of a pose and of the same person's quiet stance.

Everything is turned so that 'medial' is positive (right legs and back views become left legs and front views)
and scaled by the leg's length in quiet stance, so neither side, distance nor resolution matters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from screener.pose import Landmark
from screener.terms import Side, other_side

__all__ = ["FEATURES", "compute_features"]

_Values = NDArray[np.float64]


def compute_features(
    quiet_px: _Values, quiet_world_m: _Values, at_px: _Values, at_world_m: _Values, stance: Side
) -> _Values:
    """The features of one pose.

    Args:
        quiet_px, at_px: `(33, xy)` pixels, y down, of the quiet stance and of the pose.
        quiet_world_m, at_world_m: `(33, xyz)` the pose model's world landmarks of the same.
        stance: the leg stood on.

    Returns:
        `(feature,)` in the order of `FEATURES`: each quantity's value in quiet stance (`quiet_…`) and its change
        from there (`change_…`), then whether the back is seen. NaN where a landmark is missing.
    """
    hip, ankle = Landmark[f"{stance}_HIP".upper()], Landmark[f"{stance}_ANKLE".upper()]
    leg_px = float(np.linalg.norm(quiet_px[hip] - quiet_px[ankle]))
    quiet = _quantities(quiet_px, quiet_world_m, stance, leg_px)
    at = _quantities(at_px, at_world_m, stance, leg_px)
    back = float(quiet_px[Landmark.LEFT_SHOULDER, 0] < quiet_px[Landmark.RIGHT_SHOULDER, 0])
    return np.array([*quiet.values(), *(at[name] - quiet[name] for name in quiet), back])


def _quantities(px: _Values, world_m: _Values, stance: Side, leg_px: float) -> dict[str, float]:
    """The plain quantities of one pose: degrees for angles, leg lengths for distances, metres for depths."""
    free = other_side(stance)

    def mark(side: Side, joint: str) -> Landmark:
        return Landmark[f"{side}_{joint}".upper()]

    medial = float(np.sign(px[mark(free, "hip"), 0] - px[mark(stance, "hip"), 0])) or 1.0
    origin = px[mark(stance, "ankle")]
    # Picture turned to 'medial is positive', up is positive, in leg lengths, from the stance ankle.
    place = (px - origin) * np.array([medial, -1.0]) / leg_px

    def at(side: Side, joint: str) -> _Values:
        return np.asarray(place[mark(side, joint)])

    def slope(stance_end: _Values, free_end: _Values) -> float:
        """How far the free end is lower than the stance end, degrees."""
        across = free_end - stance_end
        return float(np.degrees(np.arctan2(-across[1], abs(across[0]))))

    def lean(upper: _Values, lower: _Values) -> float:
        """How far the lower end is medial of the upper end, degrees from the vertical."""
        along = lower - upper
        return float(np.degrees(np.arctan2(along[0], -along[1])))

    def apart(a: _Values, b: _Values) -> float:
        return float(np.linalg.norm(a - b))

    def depth(a: Landmark, b: Landmark) -> float:
        """How much further from the camera a is than b, metres of the model's world."""
        return float(world_m[a, 2] - world_m[b, 2])

    def world_turn(joint: str) -> float:
        """The turn of a left-right line out of the picture's plane, degrees, + = free end further away."""
        line = world_m[mark(free, joint)] - world_m[mark(stance, joint)]
        return float(np.degrees(np.arctan2(line[2], abs(line[0]) + 1e-6)))

    joints = ("shoulder", "hip", "knee", "ankle", "heel", "foot_index")
    s = {joint: at(stance, joint) for joint in joints}
    f = {joint: at(free, joint) for joint in joints}
    mid_hip, mid_shoulder = (s["hip"] + f["hip"]) / 2, (s["shoulder"] + f["shoulder"]) / 2
    nose = np.asarray(place[Landmark.NOSE])
    thigh, shank = lean(s["hip"], s["knee"]), lean(s["knee"], s["ankle"])
    free_thigh, free_shank = lean(f["hip"], f["knee"]), lean(f["knee"], f["ankle"])
    return {
        "hip_slope_deg": slope(s["hip"], f["hip"]),
        "shoulder_slope_deg": slope(s["shoulder"], f["shoulder"]),
        "ear_slope_deg": slope(at(stance, "ear"), at(free, "ear")),
        "knee_slope_deg": slope(s["knee"], f["knee"]),
        "trunk_lean_deg": lean(mid_shoulder, mid_hip),
        "head_lean_deg": lean(nose, mid_shoulder),
        "stance_side_lean_deg": lean(s["shoulder"], s["hip"]),
        "free_side_lean_deg": lean(f["shoulder"], f["hip"]),
        "thigh_deg": thigh,
        "shank_deg": shank,
        "fppa_deg": thigh - shank,
        "free_thigh_deg": free_thigh,
        "free_shank_deg": free_shank,
        "hip_width": apart(s["hip"], f["hip"]),
        "shoulder_width": apart(s["shoulder"], f["shoulder"]),
        "torso_length": apart(mid_shoulder, mid_hip),
        "head_height": float(nose[1] - mid_shoulder[1]),
        "leg_length": apart(s["hip"], s["ankle"]),
        "thigh_length": apart(s["hip"], s["knee"]),
        "shank_length": apart(s["knee"], s["ankle"]),
        "free_thigh_length": apart(f["hip"], f["knee"]),
        "free_shank_length": apart(f["knee"], f["ankle"]),
        "foot_length": apart(s["heel"], s["foot_index"]),
        "foot_dx": float(s["foot_index"][0] - s["heel"][0]),
        "foot_dy": float(s["foot_index"][1] - s["heel"][1]),
        "heel_dx": float(s["heel"][0]),
        "heel_dy": float(s["heel"][1]),
        "mid_hip_dx": float(mid_hip[0]),
        "mid_hip_dy": float(mid_hip[1]),
        "mid_shoulder_dx": float(mid_shoulder[0]),
        "mid_shoulder_dy": float(mid_shoulder[1]),
        "knee_dy": float(s["knee"][1]),
        "free_knee_dx": float(f["knee"][0] - s["knee"][0]),
        "free_knee_dy": float(f["knee"][1]),
        "free_ankle_dx": float(f["ankle"][0]),
        "free_ankle_dy": float(f["ankle"][1]),
        "hip_turn_deg": world_turn("hip"),
        "shoulder_turn_deg": world_turn("shoulder"),
        "knee_depth_m": depth(mark(stance, "knee"), mark(stance, "hip")),
        "ankle_depth_m": depth(mark(stance, "ankle"), mark(stance, "hip")),
        "free_knee_depth_m": depth(mark(free, "knee"), mark(free, "hip")),
        "free_ankle_depth_m": depth(mark(free, "ankle"), mark(free, "hip")),
        "shoulder_depth_m": depth(mark(stance, "shoulder"), mark(stance, "hip")),
        "heel_depth_m": depth(mark(stance, "foot_index"), mark(stance, "heel")),
        "nose_depth_m": depth(Landmark.NOSE, mark(stance, "shoulder")),
    }


def _names() -> tuple[str, ...]:
    blank = np.zeros((33, 3))
    quantities = tuple(_quantities(blank[:, :2], blank, "left", 1.0))
    return (*(f"quiet_{name}" for name in quantities), *(f"change_{name}" for name in quantities), "seen_from_behind")


#: The features' names, in order.
FEATURES: tuple[str, ...] = _names()
