"""Where hips and knees are, from the picture: a small network that looks at pelvis and thighs alone.

The pose model puts hips where they usually lie under such shoulders and knees, and so misses most of a pelvic drop. Its
other landmarks are better. So they say where to look: a patch is cut out around pelvis and thighs, turned until the
model's hip line is level and scaled to the length of the leg, and the network says where in it the centres of both hips
and both knees lie. How it was made, from what, and what it gives: `models/joints.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.pose.landmarks import ANKLES, FOUND_JOINTS, HIPS, Landmark
from screener.pose.patches import PATCH_PX, PatchNetwork, cut_out, how_much_brighter

__all__ = [
    "HIPS_AT",
    "LEG_PX",
    "SWAPPED",
    "JointFinder",
    "believed",
    "cut_patch",
    "patch_frame",
    "standing_leg_px",
]

_Values = NDArray[np.float64]

#: The rows of `FOUND_JOINTS` with sides swapped.
SWAPPED = [1, 0, 3, 2]

#: How long a standing leg is in the patch, pixels: from the waist to below the knees.
LEG_PX = 115.0
#: Where in it the hips' middle lies, x and y: above its middle, since the knees hang below.
HIPS_AT = np.array([80.0, 57.0])

# What is body: within so many leg lengths of the trunk and the lines from hips to below the knees [judgement]; its
# edges are soft.
_BODY = (
    Landmark.LEFT_SHOULDER,
    Landmark.RIGHT_SHOULDER,
    *HIPS,
    Landmark.LEFT_KNEE,
    Landmark.RIGHT_KNEE,
    *ANKLES,
)
_AROUND, _SOFT_PX = 0.2, 3.0
# ... and so far down the shank.
_BELOW_KNEE = 0.3
_GREY = np.float32(127.0)
# Joints further than this from where the pose model has them, in leg lengths, are not believed: the hips of 13 of
# 14 972 rendered pictures are.
_FARTHEST = 0.25


class JointFinder:
    """Finds the centres of hips and knees in a picture whose other landmarks are known. Not safe to share between
    threads.

    Raises:
        BrokenInstallation: the network is missing or not the one that the manifest names.
    """

    def __init__(self) -> None:
        self._network = PatchNetwork("joints")

    def find(
        self,
        rgb: NDArray[np.uint8],
        px: NDArray[np.float32],
        leg_px: float,
        *,
        turned_deg: float = 0.0,
        zoom: float = 1.0,
    ) -> _Values | None:
        """The centres of hips and knees, `(4, xy)` as `FOUND_JOINTS`, in pixels of `rgb`: the mean of what the network
        says of the patch and of its mirror image. None where the hips lie too far from the landmarks, or where it is
        not known how long the leg is.

        Args:
            rgb: the picture.
            px: `(33, xy)`, the pose model's landmarks in it.
            leg_px: how long the person's leg is in this picture when they stand; NaN where that is not known.
            turned_deg, zoom: how the network is shown the patch. Its errors depend on that a little, so that frames
                which are shown to it in different ways average them out.
        """
        if not np.isfinite(leg_px):
            return None
        there = patch_frame(px[list(HIPS)], leg_px, turned_deg=turned_deg, zoom=zoom)
        patch = cut_patch(rgb, px, there)
        # The network tells of the picture's left leg first, as it is in the mirror image.
        shown, over = (self._network(each).reshape(-1, 2) for each in (patch, patch[:, ::-1]))
        found = (shown + over[SWAPPED] * [-1, 1]) / 2 + PATCH_PX / 2
        expected = px[list(FOUND_JOINTS)].astype(np.float64)
        if np.subtract(*expected[:2]) @ there[0, :2] > 0:
            found = found[SWAPPED]
        found = (found - there[:, 2]) @ np.linalg.inv(there[:, :2]).T
        found = believed(found[None], expected[None], np.array([leg_px]))[0]
        return None if np.isnan(found).any() else found


def believed(found_px: _Values, expected_px: _Values, leg_px: _Values) -> _Values:
    """What is made of found joints `(picture, 4, xy)` that lie far from where the pose model has them: such a knee is
    the pose model's, and where a hip is such, everything is NaN."""
    far = np.linalg.norm(found_px - expected_px, axis=2) > _FARTHEST * leg_px[:, None]
    joints = np.where(far[:, :, None], expected_px, found_px)
    joints[far[:, : len(HIPS)].any(axis=1)] = np.nan
    return np.asarray(joints)


def patch_frame(
    hips_px: NDArray[Any],
    leg_px: float,
    *,
    long_px: float = LEG_PX,
    at: NDArray[Any] = HIPS_AT,
    turned_deg: float = 0.0,
    zoom: float = 1.0,
    mirrored: bool = False,
    shifted_px: tuple[float, float] = (0.0, 0.0),
) -> _Values:
    """The way from a picture's pixels to the patch's, an affine `(2, 3)`: the hips' middle at `at`, their line level.

    Args:
        hips_px: `(2, xy)`, the pose model's hips.
        leg_px: how long the leg is in the picture when the person stands.
        long_px: how long it is in the patch.
        at: where the hips' middle lies in the patch, x and y.
        turned_deg, zoom, shifted_px, mirrored: what is done to it besides.
    """
    hips = np.asarray(hips_px, dtype=np.float64)
    line = hips[0] - hips[1]
    if line[0] < 0:
        line = -line
    turn = np.arctan2(line[1], line[0]) + np.radians(turned_deg)
    scale = zoom * long_px / leg_px
    turning = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    if mirrored:
        turning = np.diag([-1.0, 1.0]) @ turning
    middle = at + shifted_px
    return np.column_stack([turning, middle - turning @ hips.mean(axis=0)])


def cut_patch(
    rgb: NDArray[np.uint8],
    px: NDArray[Any],
    there: _Values,
    spoiled: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda patch: patch,
    *,
    long_px: float = LEG_PX,
) -> NDArray[np.uint8]:
    """The patch `(160, 160, rgb)` that `patch_frame` tells of, as bright as any other; grey where trunk and thighs
    are not.

    A room's walls and doors tell what is upright, and a network that sees them learns from rendered rooms how hips lie
    to the upright, instead of where they are. So it does not see them.

    Args:
        rgb: the picture.
        px: `(33, xy)`, the pose model's landmarks in it: where trunk and thighs are.
        there: the way from the picture's pixels to the patch's.
        spoiled: what is done to the picture's part before; training does much to it.
        long_px: how long a standing leg is in the patch.
    """
    patch = spoiled(cut_out(rgb, there))
    body = _body(np.asarray(px[list(_BODY)], dtype=np.float64) @ there[:, :2].T + there[:, 2], long_px)
    # Cloth in the dark and dark cloth in the light: the layers that see them learned on pictures of usual brightness.
    bright = float((body * patch).sum()) / (3 * float(body.sum()) + 1e-6)
    patch = np.minimum(patch * how_much_brighter(bright), 255)
    return np.asarray(_GREY + body * (patch - _GREY) + 0.5, dtype=np.uint8)


def _body(points: _Values, long_px: float) -> NDArray[np.float32]:
    """How much of each of the patch's pixels is body, `(row, column, 1)`, 0..1: trunk, thighs and where the shanks
    begin, soft-edged.

    Args:
        points: `(8, xy)`, shoulders, hips, knees and ankles in the patch.
    """
    import cv2

    shoulders, hips, knees, ankles = points.reshape(4, 2, 2)
    shanks = knees + _BELOW_KNEE * (ankles - knees)
    body, thick_px = np.zeros((PATCH_PX, PATCH_PX), np.float32), round(2 * _AROUND * long_px)
    trunk = cv2.convexHull(np.round(np.concatenate([shoulders, hips])).astype(np.int32))
    cv2.fillConvexPoly(body, trunk, 1.0)
    cv2.polylines(body, [trunk], True, 1.0, thick_px)
    for leg in zip(hips, knees, shanks, strict=True):
        cv2.polylines(body, [np.round(np.stack(leg)).astype(np.int32)], False, 1.0, thick_px)
    return np.asarray(cv2.GaussianBlur(body, (0, 0), _SOFT_PX), np.float32)[:, :, None]


def standing_leg_px(px: NDArray[np.float32]) -> float:
    """How long a leg is in the picture when its person stands, from `(frame, 33, xy)` of some seconds around: nearly
    the longest line from hip to ankle; NaN where nobody was found."""
    legs = np.linalg.norm(px[:, list(HIPS)] - px[:, list(ANKLES)], axis=2).max(axis=1)
    known = legs[np.isfinite(legs)]
    return float(np.percentile(known, 90)) if len(known) else float("nan")
