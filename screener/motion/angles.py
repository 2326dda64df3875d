"""The formulas: angles and lengths of one stance side from joint positions in pixels.

Every formula takes points as `(..., xy)` arrays in pixels, x to the right and y down, of an upright and
unmirrored picture. `medial` is +1 or −1: the direction in x from the stance hip to the free hip, so that
multiplying by it makes 'towards the midline' positive on either side and from either front or back.
`arctan2` throughout: it keeps the sign and does not lose precision near 0° and 180° as `arccos` does.
NaN in, NaN out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "compute_fppa_deg",
    "compute_knee_medial_displacement",
    "compute_pelvic_obliquity_deg",
    "compute_segment_inclination_deg",
    "flexion_from_limb_ratio_deg",
    "limb_ratio_from_flexion",
]

_Points = NDArray[np.floating]
_Values = NDArray[np.float64]


def compute_segment_inclination_deg(upper_px: _Points, lower_px: _Points, medial: float) -> _Values:
    """How far a segment's lower end stands towards the midline of its upper end, against the vertical.

    Returns:
        `(...,)`, degrees, −180..180; 0 = plumb, + = lower end medial.
    """
    dx = np.asarray(lower_px[..., 0] - upper_px[..., 0], dtype=np.float64)
    dy = np.asarray(lower_px[..., 1] - upper_px[..., 1], dtype=np.float64)
    return np.asarray(np.degrees(np.arctan2(medial * dx, dy)))


def compute_fppa_deg(hip_px: _Points, knee_px: _Points, ankle_px: _Points, medial: float) -> _Values:
    """Frontal plane projection angle: the bend of hip–knee–ankle in the picture.

    The thigh's inclination (knee medial of hip) plus the shank's (knee medial of ankle), after Willson and
    Davis 2008 with the sign turned so that valgus is positive.

    Returns:
        `(...,)`, degrees; 0 = straight, + = valgus (knee medial), − = varus.
    """
    thigh = compute_segment_inclination_deg(hip_px, knee_px, medial)
    shank = compute_segment_inclination_deg(knee_px, ankle_px, medial)
    return thigh - shank


def compute_pelvic_obliquity_deg(stance_hip_px: _Points, free_hip_px: _Points) -> _Values:
    """The slope of the hip-centre line.

    Returns:
        `(...,)`, degrees, −90..90; 0 = level, + = the free hip is lower than the stance hip.
    """
    dx = np.abs(np.asarray(free_hip_px[..., 0] - stance_hip_px[..., 0], dtype=np.float64))
    dy = np.asarray(free_hip_px[..., 1] - stance_hip_px[..., 1], dtype=np.float64)
    return np.asarray(np.degrees(np.arctan2(dy, dx)))


def compute_knee_medial_displacement(hip_px: _Points, knee_px: _Points, ankle_px: _Points, medial: float) -> _Values:
    """How far the knee lies medial of the line from hip to ankle, measured across, in pixels.

    Returns:
        `(...,)`, pixels; + = medial.
    """
    hip, knee, ankle = (np.asarray(point, dtype=np.float64) for point in (hip_px, knee_px, ankle_px))
    along = (knee[..., 1] - hip[..., 1]) / (ankle[..., 1] - hip[..., 1])
    on_line = hip[..., 0] + along * (ankle[..., 0] - hip[..., 0])
    return np.asarray(medial * (knee[..., 0] - on_line))


# Of a squat's knee flexion this part tilts the thigh and the rest the shank (docs/accuracy.md; plain geometry
# with thigh and shank of one length).
_THIGH_SHARE = 0.58


def limb_ratio_from_flexion(flexion_deg: _Values | float) -> _Values:
    """Hip-to-ankle height of a squatting limb as part of its straight length, seen from the front.

    Equal thigh and shank; the thigh tilts forward by 0.58 of the knee flexion, the shank by the rest.

    Returns:
        1 at 0°, 0.965 at 30°, 0.863 at 60°, 0.70 at 90°.
    """
    flexion = np.radians(np.asarray(flexion_deg, dtype=np.float64))
    return np.asarray((np.cos(_THIGH_SHARE * flexion) + np.cos((1 - _THIGH_SHARE) * flexion)) / 2)


_FLEXION_GRID_DEG = np.linspace(0.0, 140.0, 1401)
_RATIO_GRID = limb_ratio_from_flexion(_FLEXION_GRID_DEG)


def flexion_from_limb_ratio_deg(ratio: _Values | float) -> _Values:
    """Knee flexion that `limb_ratio_from_flexion` turns into this ratio.

    Returns:
        degrees, 0..140; 0 for ratios of 1 and above; NaN for NaN.
    """
    values = np.asarray(ratio, dtype=np.float64)
    flexion = np.interp(-values, -_RATIO_GRID, _FLEXION_GRID_DEG)
    return np.where(np.isfinite(values), flexion, np.nan)
