"""What a corrector looks at: plain landmark quantities of a pose, against the same person's quiet stance.

Everything is turned so that 'medial' is positive and the stance leg is a left one (right legs and back views become
left legs and front views), and scaled by the leg's length in quiet stance, so neither side, distance nor resolution
matters. Places are told from where the stance ankle was in quiet stance, since the foot stays there: so how far the
hips have sunk is seen, whatever the ankle's landmark does meanwhile (the other leg draws it along).

The head is left out: people look at the screen, or down at the knee, so a face does not tell where the camera stands
nor what the trunk does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from screener.pose import Landmark
from screener.pose.landmarks import mirror_names
from screener.terms import Side

__all__ = ["FEATURES", "FREE_LEG", "compute_features"]

_Values = NDArray[np.float64]

_SHOULDERS = (Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER)
_HIPS = (Landmark.LEFT_HIP, Landmark.RIGHT_HIP)
_HIP, _FREE_HIP = _HIPS
_KNEE, _FREE_KNEE = Landmark.LEFT_KNEE, Landmark.RIGHT_KNEE
_ANKLE, _FREE_ANKLE = Landmark.LEFT_ANKLE, Landmark.RIGHT_ANKLE

#: Every landmark below the head but the hands' small ones.
_PLACES = (
    *_SHOULDERS,
    Landmark.LEFT_ELBOW,
    Landmark.RIGHT_ELBOW,
    Landmark.LEFT_WRIST,
    Landmark.RIGHT_WRIST,
    *_HIPS,
    _KNEE,
    _FREE_KNEE,
    _ANKLE,
    _FREE_ANKLE,
    Landmark.LEFT_HEEL,
    Landmark.RIGHT_HEEL,
    Landmark.LEFT_FOOT_INDEX,
    Landmark.RIGHT_FOOT_INDEX,
)

#: Lines from the stance side to the free side, whose tilt is told.
_LEVELS = (
    ("hip", *_HIPS),
    ("shoulder", *_SHOULDERS),
    ("knee", _KNEE, _FREE_KNEE),
    ("elbow", Landmark.LEFT_ELBOW, Landmark.RIGHT_ELBOW),
    ("wrist", Landmark.LEFT_WRIST, Landmark.RIGHT_WRIST),
)

#: Segments from above to below, whose lean is told.
_SEGMENTS = (
    ("thigh", _HIP, _KNEE),
    ("shank", _KNEE, _ANKLE),
    ("free_thigh", _FREE_HIP, _FREE_KNEE),
    ("free_shank", _FREE_KNEE, _FREE_ANKLE),
    ("stance_side", _SHOULDERS[0], _HIP),
    ("free_side", _SHOULDERS[1], _FREE_HIP),
)

#: Segments of which the picture shows less when they turn towards the camera or away. The stance leg stands upright at
#: first, so its height tells too.
_SHORTENED: tuple[tuple[str, str, Landmark, Landmark], ...] = tuple(
    (name, "length", upper, lower) for name, upper, lower in _SEGMENTS[:4]
) + tuple((name, "height", upper, lower) for name, upper, lower in (*_SEGMENTS[:2], ("leg", _HIP, _ANKLE)))


def compute_features(
    quiet_px: _Values, quiet_world_m: _Values, at_px: _Values, at_world_m: _Values, stance: Side
) -> _Values:
    """The features of one pose.

    Args:
        quiet_px, at_px: `(33, xy)` pixels, y down, of the quiet stance and of the pose, from one camera that stands.
        quiet_world_m, at_world_m: `(33, xyz)` the pose model's world landmarks of the same.
        stance: the leg stood on.

    Returns:
        `(feature,)` in the order of `FEATURES`: each quantity's value in quiet stance (`quiet_…`) and its change from
        there (`change_…`); how far limbs and trunk have turned out of the picture, by their shortening (`turned_…`);
        the knee's alignment in the picture; and whether the back is seen. NaN where a landmark is missing.
    """
    if stance == "right":
        quiet_px, quiet_world_m, at_px, at_world_m = (
            mirror_names(each[None])[0] for each in (quiet_px, quiet_world_m, at_px, at_world_m)
        )
    medial = 1.0 if quiet_px[_FREE_HIP, 0] >= quiet_px[_HIP, 0] else -1.0
    leg_px = float(np.linalg.norm(quiet_px[_HIP] - quiet_px[_ANKLE]))
    foot_px = quiet_px[_ANKLE]
    quiet = _quantities(quiet_px, quiet_world_m, medial, leg_px, foot_px)
    at = _quantities(at_px, at_world_m, medial, leg_px, foot_px)
    shanks = [_lean(at_px * [medial, 1.0], upper, lower) for _, upper, lower in _SEGMENTS[:2]]
    # Seen from the front, the left leg's midline lies to the left in the picture, the right leg's to the right.
    front = (medial < 0) == (stance == "left")
    return np.array(
        [*quiet, *(at - quiet), *_turned(quiet_px, at_px), shanks[0] - shanks[1], float(front)],
        dtype=np.float64,
    )


def _quantities(px: _Values, world_m: _Values, medial: float, leg_px: float, foot_px: _Values) -> _Values:
    """Tilts and leans (degrees), places from the quiet stance's ankle (leg lengths), depths from mid-hip (metres)."""
    place = (px - foot_px) * np.array([medial, -1.0]) / leg_px
    flat = px * np.array([medial, 1.0])
    trunk = _angle(*(_middle(flat, _HIPS) - _middle(flat, _SHOULDERS)))
    depth = world_m[:, 2] - world_m[list(_HIPS), 2].mean()
    return np.array(
        [
            *(_tilt(flat, stance_end, free_end) for _, stance_end, free_end in _LEVELS),
            *(_lean(flat, upper, lower) for _, upper, lower in _SEGMENTS),
            trunk,
            *place[list(_PLACES)].ravel(),
            *depth[list(_PLACES)],
        ]
    )


def _turned(quiet_px: _Values, at_px: _Values) -> list[float]:
    """How far segments have turned out of the picture since the quiet stance, degrees: the arc cosine of what is
    left of their length, and of their height."""

    def angle(now: float, before: float) -> float:
        return float(np.degrees(np.arccos(np.clip(now / max(before, 1e-6), -1.0, 1.0))))

    def seen(px: _Values, kind: str, upper: int, lower: int) -> float:
        along = px[lower] - px[upper]
        return float(along[1] if kind == "height" else np.linalg.norm(along))

    found = [
        angle(seen(at_px, kind, upper, lower), seen(quiet_px, kind, upper, lower))
        for _, kind, upper, lower in _SHORTENED
    ]
    trunks = [float(np.linalg.norm(_middle(px, _SHOULDERS) - _middle(px, _HIPS))) for px in (at_px, quiet_px)]
    return [*found, angle(*trunks)]


def _middle(px: _Values, pair: tuple[Landmark, Landmark]) -> _Values:
    return np.asarray((px[pair[0]] + px[pair[1]]) / 2)


def _angle(across: float, down: float) -> float:
    return float(np.degrees(np.arctan2(across, down)))


def _lean(flat: _Values, upper: int, lower: int) -> float:
    """How far the lower end is medial of the upper end, degrees from the vertical."""
    return _angle(*(flat[lower] - flat[upper]))


def _tilt(flat: _Values, stance_end: int, free_end: int) -> float:
    """How far the free end is lower than the stance end, degrees."""
    across, down = flat[free_end] - flat[stance_end]
    return float(np.degrees(np.arctan2(down, abs(across) + 1e-6)))


def _names() -> tuple[str, ...]:
    def called(mark: Landmark) -> str:
        return mark.name.lower().replace("left", "stance").replace("right", "free")

    quantities = (
        *(f"{name}_tilt_deg" for name, _, _ in _LEVELS),
        *(f"{name}_lean_deg" for name, _, _ in _SEGMENTS),
        "trunk_lean_deg",
        *(f"{called(mark)}_{axis}_from_quiet_ankle" for mark in _PLACES for axis in "xy"),
        *(f"{called(mark)}_depth_m" for mark in _PLACES),
    )
    return (
        *(f"quiet_{name}" for name in quantities),
        *(f"change_{name}" for name in quantities),
        *(f"turned_{name}_{kind}_deg" for name, kind, _, _ in _SHORTENED),
        "turned_trunk_deg",
        "picture_fppa_deg",
        "seen_from_the_front",
    )


#: The features' names, in order.
FEATURES: tuple[str, ...] = _names()

_OF_FREE_LEG = ("free_thigh", "free_shank", "free_knee", "free_ankle", "free_heel", "free_foot", "knee_tilt")
#: Which of them tell where the free leg is, `(feature,)`.
FREE_LEG: NDArray[np.bool_] = np.array([any(part in name for part in _OF_FREE_LEG) for name in FEATURES])
