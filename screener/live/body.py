"""A person in one live frame, in lengths of their own leg, and whether they stand where they can be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from screener.motion.angles import flexion_from_limb_ratio_deg
from screener.motion.signals import Joints
from screener.motion.view import assess_view
from screener.pose import Landmark
from screener.terms import Side

__all__ = ["Body", "Placing", "judge_placing"]

_FEET_LEVEL = 0.06  # part of leg length, as in motion.trials
_STRAIGHT = 0.9  # both legs at least so long, against the longer one


@dataclass(frozen=True, eq=False)
class Body:
    """One frame's landmarks with the few lengths that guiding needs.

    Attributes:
        time_s: when.
        row: `(landmark, x_px y_px x_m y_m z_m visibility)`.
        width_px, height_px: of the picture.
        leg_px: the longer of the two hip-to-ankle distances.
    """

    time_s: float
    row: NDArray[np.float32]
    width_px: int
    height_px: int
    leg_px: float

    @classmethod
    def of(cls, time_s: float, row: NDArray[np.float32], width_px: int, height_px: int) -> Body:
        """From the landmarks of a frame."""
        legs = row[[Landmark.LEFT_HIP, Landmark.RIGHT_HIP], :2] - row[[Landmark.LEFT_ANKLE, Landmark.RIGHT_ANKLE], :2]
        return cls(time_s, row, width_px, height_px, max(1.0, float(np.linalg.norm(legs, axis=1).max())))

    def at(self, *marks: Landmark) -> NDArray[np.float64]:
        """The middle of some landmarks, `(xy,)`, pixels."""
        return np.asarray(self.row[list(marks), :2].mean(axis=0), dtype=np.float64)

    @property
    def hips(self) -> NDArray[np.float64]:
        return self.at(Landmark.LEFT_HIP, Landmark.RIGHT_HIP)

    @cached_property
    def steady_points(self) -> NDArray[np.float64]:
        """`(point, xy)`: hips, shoulders and both ankles, which keep still in quiet stance."""
        shoulders = self.at(Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER)
        return np.stack([self.hips, shoulders, self.at(Landmark.LEFT_ANKLE), self.at(Landmark.RIGHT_ANKLE)])

    @property
    def ankles_of_leg(self) -> NDArray[np.float64]:
        """`(side, xy)`: left and right ankle, in lengths of the leg."""
        return np.stack([self.at(Landmark.LEFT_ANKLE), self.at(Landmark.RIGHT_ANKLE)]) / self.leg_px

    @property
    def rise(self) -> float:
        """How much higher the left ankle is than the right one in the picture, part of leg length."""
        return float(self.row[Landmark.RIGHT_ANKLE, 1] - self.row[Landmark.LEFT_ANKLE, 1]) / self.leg_px

    @cached_property
    def on_both_feet(self) -> bool:
        """Feet at one level, both legs straight."""
        lengths = [self._leg(side) for side in ("left", "right")]
        return abs(self.rise) < 2 * _FEET_LEVEL and min(lengths) > _STRAIGHT * max(lengths)

    def _leg(self, side: Side) -> float:
        hip, ankle = Landmark[f"{side}_hip".upper()], Landmark[f"{side}_ankle".upper()]
        return float(np.linalg.norm(self.row[hip, :2] - self.row[ankle, :2]))

    def sunk(self, side: Side, leg_px: float) -> float:
        """How low the hips are over a stance ankle, part of a straight leg's length: −1 standing, rising towards 0."""
        ankle = self.row[Landmark[f"{side}_ankle".upper()], 1]
        return float(self.hips[1] - ankle) / leg_px

    def knee_flexion_deg(self, side: Side, leg_px: float) -> float:
        """Knee flexion from the leg's length in the picture against that of standing; ±8–10°."""
        return float(flexion_from_limb_ratio_deg(self._leg(side) / leg_px))

    @property
    def hand_up(self) -> bool:
        """A wrist clearly over the head: higher than the nose by half the length from nose to shoulders, or more."""
        nose = float(self.row[Landmark.NOSE, 1])
        head = float(self.at(Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER)[1]) - nose
        wrists = self.row[[Landmark.LEFT_WRIST, Landmark.RIGHT_WRIST]]
        return bool(np.any((wrists[:, 1] < nose - 0.5 * head) & (wrists[:, 5] > 0.5)))


@dataclass(frozen=True, slots=True)
class Placing:
    """What is wrong with where the person stands; `soft` advice does not hold them up for ever."""

    prompt: str
    soft: bool = False

    #: A mean brightness below this shows nobody's knees. The dim sample clip, which can be measured, has 79.
    DARK: ClassVar[float] = 40.0


# The person is too near where less than this part of the picture is left over or under them.
_MARGIN = 0.01
# Hips further aside than this part of the picture's width: a step to the side would leave it.
_ASIDE = 0.18
# motion.view warns below 60 px, where one pixel is over 2° of pelvic obliquity; coming a step nearer costs nothing.
_SMALLEST_LEG_PX = 80.0
# Turning a little costs nothing, and each degree changes the knee's angle by 1.16° (motion.view). People who face the
# camera read up to 5° on the sample clips, one who is turned by 30° reads 16°.
_TURNED_DEG = 12.0
# As in motion.view.
_TILTED_DEG = 5.0
_VISIBLE = 0.5


def judge_placing(bodies: Sequence[Body], brightness: float, people: int) -> Placing | None:
    """The first thing to mend, hard ones first; None where all is well.

    Args:
        bodies: the frames of the last second, or a single one.
        brightness: the picture's mean, 0..255.
        people: how many there are.
    """
    last = bodies[-1]
    if brightness < Placing.DARK:
        return Placing("dark")
    if people > 1:
        return Placing("two_people", soft=True)
    joints = _joints(bodies)
    feet = joints.px[
        :, [Landmark.LEFT_ANKLE, Landmark.RIGHT_ANKLE, Landmark.LEFT_FOOT_INDEX, Landmark.RIGHT_FOOT_INDEX], 1
    ]
    head = joints.px[:, Landmark.NOSE, 1]
    if np.median(feet.max(axis=1)) > (1 - _MARGIN) * last.height_px or np.median(head) < 4 * _MARGIN * last.height_px:
        return Placing("too_close")
    # Facing the camera, the person's left is at the picture's right.
    aside = float(np.median(joints.middle("hip")[:, 0])) / last.width_px
    if aside < _ASIDE:
        return Placing("step_left")
    if aside > 1 - _ASIDE:
        return Placing("step_right")
    view = assess_view(joints, np.ones(len(bodies), dtype=bool))
    if view.facing != "anterior":
        return Placing("face_camera")
    if abs(view.yaw_deg) > _TURNED_DEG:
        return Placing("face_camera", soft=True)
    if float(np.median(joints.leg_px)) < _SMALLEST_LEG_PX:
        return Placing("too_far")
    legs = [Landmark.LEFT_KNEE, Landmark.RIGHT_KNEE, Landmark.LEFT_ANKLE, Landmark.RIGHT_ANKLE]
    if float(np.median(joints.visibility[:, legs].min(axis=1))) < _VISIBLE:
        return Placing("hard_to_see", soft=True)
    if abs(view.roll_deg) > _TILTED_DEG:
        return Placing("tilted", soft=True)
    return None


def _joints(bodies: Sequence[Body]) -> Joints:
    rows = np.stack([body.row for body in bodies]).astype(np.float64)
    return Joints(
        times_s=np.array([body.time_s for body in bodies]),
        px=rows[:, :, 0:2],
        world_m=rows[:, :, 2:5],
        visibility=rows[:, :, 5].astype(np.float32),
        leg_px=np.array([body.leg_px for body in bodies]),
        width_px=bodies[-1].width_px,
        height_px=bodies[-1].height_px,
    )
