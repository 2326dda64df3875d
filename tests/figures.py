"""A stick figure that does what it is told: pose tracks whose answers are known, without any picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from screener.pose import Landmark, PoseTrack, mirror_names
from screener.terms import Side

__all__ = ["HIPS_PX", "LEG_PX", "Figure", "lift", "mirrored", "on_both", "perform", "pose_px", "squat", "step_down"]

#: A straight leg (thigh and shank alike), the distance between hips, the trunk; pixels.
LEG_PX = 200.0
HIPS_PX = 40.0
_TORSO_PX = 120.0
_SHOULDERS_PX = 78.0
_METRES_PER_PX = 0.85 / LEG_PX


@dataclass(frozen=True, slots=True)
class Figure:
    """One pose. All of it hangs on the stance foot, so what the stance leg does moves the body above it.

    Attributes:
        stance: the foot that everything stands on.
        flexion_deg: of the stance knee; 0.58 of it tilts the thigh forward, the rest the shank.
        fppa_deg: of the stance leg, shared by thigh and shank alike; + = valgus.
        drop_deg: + = the free hip lower.
        lean_deg: of the trunk; + = towards the stance side.
        rise: of the free ankle over the stance ankle, part of the leg's length.
        aside: of the free ankle from the stance ankle, part of the leg's length; feet under the hips at 0.2.
        x_px, floor_px: where the middle between the standing feet is, and how low the stance foot is.
        there: whether anybody is.
    """

    stance: Side = "left"
    flexion_deg: float = 0.0
    fppa_deg: float = 0.0
    drop_deg: float = 0.0
    lean_deg: float = 0.0
    rise: float = 0.0
    aside: float = HIPS_PX / LEG_PX
    x_px: float = 320.0
    floor_px: float = 430.0
    there: bool = True


Step = tuple[float, Figure]


def on_both(seconds: float, **settled: float) -> list[Step]:
    """Standing on both feet."""
    return [(0.0, Figure(**settled)), (seconds, Figure(**settled))]


def lift(stance: Side, seconds: float = 1.0, **settled: float) -> list[Step]:
    """The free foot goes up within 0.4 s and stays there."""
    up = Figure(stance, rise=0.25, **settled)
    return [(0.0, Figure(stance, **settled)), (0.4, up), (seconds, up)]


def squat(
    stance: Side,
    deg: float = 60.0,
    seconds: float = 2.0,
    times: int = 1,
    *,
    pause_s: float = 0.4,
    rise: float = 0.25,
    fppa_deg: float = 10.0,
    drop_deg: float = 6.0,
    lean_deg: float = 4.0,
    touch: bool = False,
    **settled: float,
) -> list[Step]:
    """Squats on one leg, each followed by a pause; `touch` puts the free foot down for half the way up."""
    top = Figure(stance, rise=rise, **settled)
    low = replace(top, flexion_deg=deg, fppa_deg=fppa_deg, drop_deg=drop_deg, lean_deg=lean_deg)
    half = replace(low, flexion_deg=deg / 2, fppa_deg=fppa_deg / 2)
    touching = [(seconds * 0.65, replace(half, rise=0.0)), (seconds * 0.8, replace(half, rise=0.0))] if touch else []
    once = [(0.0, top), (seconds / 2, low), *touching, (seconds, top), (seconds + pause_s, top)]
    return [(at + n * (seconds + pause_s), figure) for n in range(times) for at, figure in once]


def step_down(stance: Side, times: int = 3, *, lateral: bool = False) -> list[Step]:
    """Step-downs from a box: the free foot hangs level with the stance foot and goes below it."""
    top = Figure(stance, rise=0.02, aside=0.32 if lateral else 0.17)
    low = replace(top, flexion_deg=60.0, fppa_deg=8.0, drop_deg=5.0, lean_deg=3.0, rise=-0.12)
    once = [(0.0, top), (1.0, low), (2.0, top), (2.4, top)]
    return [(at + n * 2.4, figure) for n in range(times) for at, figure in once]


def perform(
    *parts: list[Step],
    fps: float = 30.0,
    jitter: float = 0.0,
    noise_px: float = 0.0,
    yaw_deg: float = 0.0,
    roll_deg: float = 0.0,
    from_behind: bool = False,
    size: tuple[int, int] = (640, 480),
) -> PoseTrack:
    """The parts one after the other, as a camera saw them, with soft (cosine) ways from pose to pose.

    Args:
        fps: frames a second.
        jitter: how unevenly they come, part of the time between two; seeded.
        noise_px: standard deviation of every coordinate; seeded.
        yaw_deg: + = turned to the person's own left.
        roll_deg: + = the camera turned anticlockwise, so that the picture's right side is low.
        size: (width, height) of the picture in pixels.
    """
    chance = np.random.default_rng(5)
    steps: list[Step] = []
    for part in parts:
        begin = steps[-1][0] if steps else 0.0
        steps += [(begin + at, figure) for at, figure in part]
    times_s = np.arange(0.0, steps[-1][0], 1 / fps)
    times_s[1:] += chance.uniform(-jitter / 2, jitter / 2, len(times_s) - 1) / fps
    figures = [_between(steps, at) for at in times_s]
    body = np.stack([_body(figure) for figure in figures])

    # (right, away) of the picture; from behind both turn round.
    turn, side = np.radians(yaw_deg), -1.0 if from_behind else 1.0
    right = side * (body[..., 0] * np.cos(turn) + body[..., 2] * np.sin(turn))
    away = side * (body[..., 0] * np.sin(turn) - body[..., 2] * np.cos(turn))
    feet = np.array([[figure.x_px, figure.floor_px] for figure in figures])[:, None, :]
    px = np.stack([right, -body[..., 1]], axis=-1) + feet
    centre, angle = np.array(size) / 2, np.radians(roll_deg)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    px = (px - centre) @ turned.T + centre + chance.normal(0.0, noise_px, px.shape)
    world = np.stack([right, -body[..., 1], away], axis=-1) * _METRES_PER_PX

    gone = ~np.array([figure.there for figure in figures])
    px[gone], world[gone] = np.nan, np.nan
    visibility = np.where(gone[:, None], np.nan, np.ones(px.shape[:2]))
    return PoseTrack(
        times_s=times_s,
        image_px=px.astype(np.float32),
        world_m=world.astype(np.float32),
        visibility=visibility.astype(np.float32),
        flipped=np.zeros(len(times_s), dtype=bool),
        width_px=size[0],
        height_px=size[1],
    )


def pose_px(figure: Figure, *, from_behind: bool = False) -> NDArray[np.float64]:
    """One pose as `(33, xy)` in pixels, exactly."""
    body = _body(figure)
    side = -1.0 if from_behind else 1.0
    return np.stack([figure.x_px + side * body[:, 0], figure.floor_px - body[:, 1]], axis=1)


def mirrored(track: PoseTrack) -> PoseTrack:
    """What the same camera sees of the figure's mirror image: left is right, and it is named so."""
    px, world = mirror_names(track.image_px).copy(), mirror_names(track.world_m).copy()
    px[..., 0] = track.width_px - px[..., 0]
    world[..., 0] = -world[..., 0]
    return replace(track, image_px=px, world_m=world, visibility=mirror_names(track.visibility))


def _between(steps: list[Step], at_s: float) -> Figure:
    after = next(i for i, (time_s, _) in enumerate(steps) if time_s > at_s)
    (start_s, start), (end_s, end) = steps[after - 1], steps[after]
    part = (1 - np.cos(np.pi * (at_s - start_s) / (end_s - start_s))) / 2

    def mixed(name: str) -> float:
        low, high = getattr(start, name), getattr(end, name)
        return float(low + part * (high - low))

    numbers = ("flexion_deg", "fppa_deg", "drop_deg", "lean_deg", "rise", "aside", "x_px", "floor_px")
    return replace(end, there=start.there and end.there, **{name: mixed(name) for name in numbers})


def _body(figure: Figure) -> NDArray[np.float64]:
    """`(33, xyz)` in pixels about the floor between the feet: x to the person's left, y up, z forward."""
    out = 1.0 if figure.stance == "left" else -1.0  # from the midline to the stance side
    bend, drop, lean = (np.radians(each) for each in (figure.flexion_deg, figure.drop_deg, figure.lean_deg))
    half, part = LEG_PX / 2, np.radians(figure.fppa_deg) / 2
    shank, thigh = half * np.cos(0.42 * bend), half * np.cos(0.58 * bend)
    ankle = np.array([out * HIPS_PX / 2, 0.0, 0.0])
    knee = ankle + np.array([-out * shank * np.sin(part), shank * np.cos(part), half * np.sin(0.42 * bend)])
    hip = knee + np.array([out * thigh * np.sin(part), thigh * np.cos(part), -half * np.sin(0.58 * bend)])
    free_hip = hip + np.array([-out * HIPS_PX * np.cos(drop), -HIPS_PX * np.sin(drop), 0.0])
    free_ankle = ankle + np.array([-out * figure.aside * LEG_PX, figure.rise * LEG_PX, 0.0])
    free_knee = (free_hip + free_ankle) / 2
    middle = (hip + free_hip) / 2
    neck = middle + np.array([out * _TORSO_PX * np.sin(lean), _TORSO_PX * np.cos(lean), 0.0])
    across = np.array([_SHOULDERS_PX / 2, 0.0, 0.0])

    points = np.tile(neck + np.array([0.0, 40.0, 0.0]), (33, 1))
    points[[Landmark.LEFT_SHOULDER, Landmark.LEFT_ELBOW, Landmark.LEFT_WRIST]] = neck + across
    points[[Landmark.RIGHT_SHOULDER, Landmark.RIGHT_ELBOW, Landmark.RIGHT_WRIST]] = neck - across
    free = "right" if figure.stance == "left" else "left"
    for side, joints in ((figure.stance, (hip, knee, ankle)), (free, (free_hip, free_knee, free_ankle))):
        for name, point in zip(("hip", "knee", "ankle"), joints, strict=True):
            points[Landmark[f"{side}_{name}".upper()]] = point
        points[Landmark[f"{side}_heel".upper()]] = joints[2] + np.array([0.0, -8.0, -10.0])
        points[Landmark[f"{side}_foot_index".upper()]] = joints[2] + np.array([0.0, -10.0, 30.0])
    return points
