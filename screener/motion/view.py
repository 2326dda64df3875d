"""How the camera saw the person: from the front, behind or aside, turned, tilted, and how well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from screener.motion.signals import Joints
from screener.pose import Landmark

__all__ = ["WIDEST_YAW_DEG", "CameraView", "assess_view", "with_yaw"]

#: FPPA changes by 1.16° with each degree of yaw; with what is left of the yaw's own error, nothing frontal can be
#: read beyond this (docs/accuracy.md).
WIDEST_YAW_DEG = 25.0

# The pose model's own yaw is up to 14° off in a close look, in the first one more (docs/accuracy.md): up to here the
# view may still turn out to be frontal.
_PERHAPS_FRONTAL_DEG = 40.0

# From here on the picture shows a profile: neither front nor back.
_SAGITTAL_FROM_DEG = 60.0

# A camera tilted further than this is worth a word; the hip line's change from standing is immune to it.
_ROLL_ADVICE_DEG = 5.0

# Below this the leg covers so few pixels that one pixel is over 2° of pelvic obliquity.
_SMALLEST_LEG_PX = 60.0

# A landmark that the model itself gives less than this is a guess.
_VISIBLE = 0.5

Facing = Literal["anterior", "posterior", "sagittal", "oblique"]


@dataclass(frozen=True, slots=True)
class CameraView:
    """The camera against the person, over the frames in which the person stands.

    Attributes:
        facing: `anterior` and `posterior` can be measured; `oblique` and `sagittal` cannot.
        yaw_deg: how far the person is turned out of the camera's axis, −90..90; + = turned towards their own left.
        roll_deg: how far the camera is tilted, as the standing body shows it; + = the picture's right side is low.
        quality: 0..1, the share of what a good recording has that this one has.
        warnings: plain sentences with advice.
    """

    facing: Facing
    yaw_deg: float
    roll_deg: float
    quality: float
    warnings: tuple[str, ...]

    @property
    def frontal(self) -> bool:
        """Whether frontal-plane measures can be read at all."""
        return self.facing in ("anterior", "posterior")

    @property
    def perhaps_frontal(self) -> bool:
        """Whether the corrector, which knows the yaw better, may find the view frontal."""
        return self.frontal or (self.facing == "oblique" and abs(self.yaw_deg) <= _PERHAPS_FRONTAL_DEG)


def assess_view(joints: Joints, standing: NDArray[np.bool_]) -> CameraView:
    """Judge the camera's view from the frames in `standing`, `(frame,)`.

    The yaw comes from the world landmarks of hips and shoulders, which carry it with a residual of 4°; the
    width of the shoulders against the torso is the second witness, since a profile fools the first.
    """
    yaw_deg, is_back = _yaw(joints, standing)
    narrow_deg = _turn_from_shoulder_width(joints, standing)
    turn = max(abs(yaw_deg), narrow_deg if narrow_deg > _SAGITTAL_FROM_DEG else 0.0)
    facing = _facing(turn, is_back)
    roll_deg = _roll(joints, standing)

    warnings = list(_advice(facing, turn))
    if abs(roll_deg) > _ROLL_ADVICE_DEG:
        warnings.append(f"The picture is tilted by about {abs(roll_deg):.0f}°. Set the camera level.")
    framing = _share_in_picture(joints)
    if framing["feet"] < 0.9:
        warnings.append("The feet are not always in the picture. Step back until both feet show.")
    if framing["head"] < 0.9:
        warnings.append("The head is not always in the picture. Step back or raise the camera until it shows.")
    leg_px = float(np.nanmedian(joints.leg_px)) if np.isfinite(joints.leg_px).any() else 0.0
    if leg_px < _SMALLEST_LEG_PX:
        warnings.append("The person is very small in the picture. Come nearer, or film at a higher resolution.")
    # The free leg may hide behind the other; one whole leg must be seen.
    legs = [np.all(joints.visibility[:, leg] > _VISIBLE, axis=1) for leg in _LEGS]
    seen = float(np.mean(legs[0] | legs[1])) if len(joints.times_s) else 0.0
    if seen < 0.8:
        warnings.append("Knees and ankles are hard to see. Use more light, and clothes that show the knees.")

    quality = (
        max(0.0, np.cos(np.radians(min(turn, 90.0))))
        * min(1.0, leg_px / (2 * _SMALLEST_LEG_PX))
        * framing["feet"]
        * seen
    )
    return CameraView(facing, yaw_deg, roll_deg, float(np.clip(quality, 0.0, 1.0)), tuple(warnings))


def with_yaw(view: CameraView, yaw_deg: float, joints: Joints) -> CameraView:
    """The view, its yaw known better than the first look told."""
    wide = np.nanmedian(joints.of("left", "shoulder")[:, 0] - joints.of("right", "shoulder")[:, 0])
    facing = _facing(abs(yaw_deg), bool(wide < 0))
    others = view.warnings[len(_advice(view.facing, abs(view.yaw_deg))) :]
    square = float(np.cos(np.radians(yaw_deg)) / max(0.1, np.cos(np.radians(view.yaw_deg))))
    quality = float(np.clip(view.quality * square, 0.0, 1.0))
    return replace(
        view, facing=facing, yaw_deg=yaw_deg, quality=quality, warnings=(*_advice(facing, abs(yaw_deg)), *others)
    )


def _facing(turn_deg: float, is_back: bool) -> Facing:
    if turn_deg >= _SAGITTAL_FROM_DEG:
        return "sagittal"
    if turn_deg > WIDEST_YAW_DEG:
        return "oblique"
    return "posterior" if is_back else "anterior"


def _advice(facing: Facing, turn_deg: float) -> tuple[str, ...]:
    """How to stand better: nothing where the camera sees the person from the front."""
    if facing == "anterior":
        return ()
    if facing == "posterior":
        return ("The person is seen from behind, where angles are less sure. Face the camera if you can.",)
    return (
        f"The camera sees the person turned by about {turn_deg:.0f}°. Turn to face the camera, "
        "or turn the back squarely to it.",
    )


_LEGS = ([Landmark.LEFT_KNEE, Landmark.LEFT_ANKLE], [Landmark.RIGHT_KNEE, Landmark.RIGHT_ANKLE])


def _yaw(joints: Joints, standing: NDArray[np.bool_]) -> tuple[float, bool]:
    """The yaw and whether the back is seen, from the left-right axes of hips and shoulders in the model's world."""
    axes = [
        joints.world_m[standing, left] - joints.world_m[standing, right]
        for left, right in (
            (Landmark.LEFT_HIP, Landmark.RIGHT_HIP),
            (Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER),
        )
    ]
    axis = np.nansum([np.nanmedian(each, axis=0) for each in axes], axis=0)
    # Seen from the front the person's left is at the picture's right; the image decides, the world may not know.
    wide = np.nanmedian(joints.of("left", "shoulder")[standing, 0] - joints.of("right", "shoulder")[standing, 0])
    is_back = bool(wide < 0)
    across, away = abs(float(axis[0])), float(axis[2])
    turned = float(np.degrees(np.arctan2(away, across)))
    return (-turned if is_back else turned), is_back


# Shoulder joints lie about this part of the shoulder-to-hip length apart on a person seen straight on. Wide on
# purpose: it only has to tell a profile from a front.
_SHOULDERS_OF_TORSO = 0.62


def _turn_from_shoulder_width(joints: Joints, standing: NDArray[np.bool_]) -> float:
    shoulders = joints.of("left", "shoulder")[standing] - joints.of("right", "shoulder")[standing]
    torso = (joints.middle("shoulder") - joints.middle("hip"))[standing]
    ratio = np.nanmedian(np.abs(shoulders[:, 0]) / np.linalg.norm(torso, axis=1))
    return float(np.degrees(np.arccos(np.clip(ratio / _SHOULDERS_OF_TORSO, 0.0, 1.0))))


def _roll(joints: Joints, standing: NDArray[np.bool_]) -> float:
    """The tilt of a standing body: eyes, shoulders and the line from the feet to the head agree on the camera's."""

    def slope(line: NDArray[np.float64]) -> float:
        line = np.where(line[:, :1] < 0, -line, line)
        return float(np.nanmedian(np.degrees(np.arctan2(line[:, 1], line[:, 0]))))

    shoulders = slope((joints.of("left", "shoulder") - joints.of("right", "shoulder"))[standing])
    hips = slope((joints.of("left", "hip") - joints.of("right", "hip"))[standing])
    upright = (joints.middle("shoulder") - joints.middle("hip"))[standing]
    trunk = float(np.nanmedian(np.degrees(np.arctan2(upright[:, 0], -upright[:, 1]))))
    return float(np.median([shoulders, hips, trunk]))


def _share_in_picture(joints: Joints) -> dict[str, float]:
    """The share of the found frames in which feet and head lie inside the picture."""
    size = np.array([joints.width_px, joints.height_px])
    found = np.isfinite(joints.px[:, Landmark.NOSE, 0])
    if not found.any():
        return {"feet": 0.0, "head": 0.0}

    def inside(*marks: Landmark) -> float:
        points = joints.px[found][:, marks]
        return float(np.mean(np.all((points >= 0) & (points <= size), axis=(1, 2))))

    return {"feet": inside(Landmark.LEFT_ANKLE, Landmark.RIGHT_ANKLE), "head": inside(Landmark.NOSE)}
