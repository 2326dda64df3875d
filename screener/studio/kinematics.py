"""From a wanted pose to the place of every joint: the stance foot is the root, and the body balances over it.

World: metres, y up, x to the person's left, z where the person faces (the standing heading; the frontal plane
is x-y). Segment frames are `(rotation, offset)` with x' = rotation @ x_at_rest + offset.

Knee flexion, FPPA, obliquity and trunk lean are met exactly; what balance decides is the tilt of the whole
stance limb (side to side), the forward lean of the shank, and how far the trunk bends forward.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from screener.studio.figure import CREST_TO_STATURE, Figure
from screener.studio.spec import Arms, Pose, Side

__all__ = ["Posture", "Standing", "free_foot_lowest_m", "solve"]

Floats = NDArray[np.float64]
Frame = tuple[Floats, Floats]

_X, _Y, _Z = np.eye(3)

#: Segment masses over body mass and where along the segment each sits: Winter, Biomechanics and Motor Control
#: of Human Movement, 4th ed., table 4.1 (trunk, head and neck from the mid hips to the shoulders and above).
_MASSES = {"trunk": 0.497, "head": 0.081, "upper_arm": 0.028, "forearm": 0.016, "hand": 0.006}
_MASSES |= {"thigh": 0.100, "shank": 0.0465, "foot": 0.0145}
_ALONG = {"upper_arm": 0.436, "forearm": 0.430, "thigh": 0.433, "shank": 0.433, "foot": 0.5}

#: How much of the pelvis-to-chest turn each part of the spine has made.
_SPINE = {"spine05": 0.12, "spine04": 0.35, "spine03": 0.62, "spine02": 0.88, "spine01": 1.0}

_SHANK_FORWARD_MAX_DEG = 42.0  # ankle dorsiflexion in a deep weight-bearing lunge is about 40°
_THIGH_BELOW_LEVEL_DEG = 80.0  # the thigh stays short of horizontal, so that its projection keeps a direction
_TRUNK_FLEXION_DEG = (-8.0, 85.0)
_CLEARANCE_M = 0.02  # the least height of a lifted foot over the floor
_CALF_M = 0.06  # from the middle of a shank to its back [judgement]

#: Upper arm and forearm in the chest's frame for the left arm; the right is mirrored. Elbows stay a little
#: bent, so that the plane of the elbow is always known.
_ARMS: dict[Arms, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "sides": ((0.20, -1.0, -0.06), (0.12, -1.0, 0.22)),
    "forward": ((0.10, -0.12, 1.0), (-0.06, 0.02, 1.0)),
    "raised": ((0.40, 1.0, -0.05), (0.10, 1.0, 0.25)),
    "out": ((1.0, -0.15, -0.05), (1.0, -0.10, 0.25)),
    "reach": ((0.25, -0.75, 0.55), (0.02, -0.55, 0.85)),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the feet may stand: floor heights under each foot and the thickness of the soles, metres.

    `edge_ahead_m`: where what the stance foot stands on ends ahead of it, if the free leg hangs over that edge.
    """

    stance_floor_m: float = 0.0
    free_floor_m: float = 0.0
    lowest_floor_m: float = 0.0
    sole_m: float = 0.0
    edge_ahead_m: float | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """What balance decides: side tilt of the stance limb and forward lean of its shank (radians), trunk."""

    tilt: float
    shank: float
    trunk_deg: float
    lean_deg: float


@dataclass(frozen=True, slots=True)
class Posture:
    """A solved pose: `frames` by segment, `joints` by name (`hip.L`, `ankle.R`, ...), world metres."""

    stance_side: Side
    frames: dict[str, Frame]
    joints: dict[str, Floats]
    both_feet: bool
    balance: Balance


def _turn(axis: Floats, degrees: float) -> Floats:
    """The rotation about a unit axis (Rodrigues)."""
    x, y, z = axis
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(c * np.eye(3) + s * cross + (1 - c) * np.outer(axis, axis))


def _part_way(start: Floats, end: Floats, share: float) -> Floats:
    """The rotation `share` of the way from one to the other, along the shortest arc."""
    vector = Rotation.from_matrix(start.T @ end).as_rotvec()
    return np.asarray(start @ Rotation.from_rotvec(share * vector).as_matrix())


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector))


def _basis(along: Floats, axis: Floats) -> Floats:
    """Orthonormal columns: the axis freed of what runs along the limb, the third, and the limb."""
    along = _unit(along)
    side = _unit(axis - (axis @ along) * along)
    return np.column_stack([side, np.cross(along, side), along])


def _align(rest_along: Floats, rest_axis: Floats, along: Floats, axis: Floats) -> Floats:
    """The rotation that brings a limb from rest to a direction, its hinge to an axis."""
    return np.asarray(_basis(along, axis) @ _basis(rest_along, rest_axis).T)


def _frame(rotation: Floats, rest: Floats, now: Floats) -> Frame:
    return rotation, now - rotation @ rest


def _apply(frame: Frame, point: Floats) -> Floats:
    return np.asarray(frame[0] @ point + frame[1])


def _bend(root: Floats, target: Floats, first_m: float, second_m: float, pole: Floats) -> tuple[Floats, Floats]:
    """Directions of two links from a root that bring the end to the target, the middle towards the pole."""
    reach = target - root
    distance = float(np.clip(np.linalg.norm(reach), abs(first_m - second_m) + 1e-3, first_m + second_m - 1e-4))
    ahead = _unit(reach)
    cosine = (first_m**2 + distance**2 - second_m**2) / (2 * first_m * distance)
    aside = _unit(pole - (pole @ ahead) * ahead)
    first = cosine * ahead + np.sqrt(max(0.0, 1 - cosine**2)) * aside
    return first, _unit(distance * ahead - first_m * first)


def _stance_links(pose: Pose, balance: Balance, s: float) -> tuple[Floats, Floats]:
    """Unit vectors ankle→knee and knee→hip with the wanted knee flexion and FPPA.

    With the shank at forward inclination a and the thigh at c (both from the frontal plane) and frontal tilts
    that differ by the FPPA F, the links' dot product is cos a cos c cos F + sin a sin c = cos K: one sine
    equation for c, whose backward root puts the hip behind the knee. K cannot be less than F asks for.
    """
    f, shank, tilt = np.radians(pose.fppa_deg), balance.shank, balance.tilt
    size = np.hypot(np.cos(shank) * np.cos(f), np.sin(shank))
    thigh = np.arctan2(np.sin(shank), np.cos(shank) * np.cos(f)) - np.arccos(
        min(1.0, np.cos(np.radians(pose.knee_flexion_deg)) / size)
    )
    links = []
    for incline, frontal in ((shank, tilt + f / 2), (thigh, tilt - f / 2)):
        across, up = np.sin(frontal), np.cos(frontal)
        links.append(np.array([-s * np.cos(incline) * across, np.cos(incline) * up, np.sin(incline)]))
    return links[0], links[1]


def _sides(stance: Side) -> tuple[str, str, float]:
    return ("L", "R", 1.0) if stance == "left" else ("R", "L", -1.0)


def free_foot_lowest_m(figure: Figure, posture: Posture, sole_m: float) -> float:
    """Height of the lowest point under the free foot."""
    free = _sides(posture.stance_side)[1]
    rotation, offset = posture.frames[f"foot.{free}"]
    return float((figure.soles[free] @ rotation.T + offset)[:, 1].min()) - sole_m


def _over_edge_m(figure: Figure, posture: Posture, standing: Standing) -> float:
    """By how much the free foot and the back of its shank clear the step: ahead of its edge, or over its top."""
    if standing.edge_ahead_m is None:
        return np.inf
    free = _sides(posture.stance_side)[1]
    rotation, offset = posture.frames[f"foot.{free}"]
    knee, ankle = posture.joints[f"knee.{free}"], posture.joints[f"ankle.{free}"]
    calf = ankle + np.linspace(0, 1, 9)[:, None] * (knee - ankle) - _CALF_M * _Z
    points = np.concatenate([figure.soles[free] @ rotation.T + offset - standing.sole_m * _Y, calf])
    over = np.maximum(points[:, 1] - standing.stance_floor_m, points[:, 2] - standing.edge_ahead_m)
    return float(over.min())


def solve(
    figure: Figure, pose: Pose, stance: Side, arms: Arms, standing: Standing, near: Posture | None = None
) -> Posture:
    """The posture that meets the pose, balanced over the stance foot (or between the feet).

    A lifted foot that would go through the floor, or a leg that would go through the step it hangs over, is lifted by
    more knee or hip flexion. `near` is a posture to start from, such as the last frame's.
    """
    start = near.balance if near is not None and near.stance_side == stance else None
    if pose.free_foot_down >= 1:
        return _balanced(figure, pose, stance, arms, standing, start)
    aloft = replace(pose, free_foot_down=0.0)  # how far it is lifted does not jump when it comes down
    posture = _balanced(figure, aloft, stance, arms, standing, start)

    def clear_m(candidate: Posture) -> float:
        over_floor = free_foot_lowest_m(figure, candidate, standing.sole_m) - standing.lowest_floor_m
        return min(over_floor, _over_edge_m(figure, candidate, standing)) - _CLEARANCE_M

    low, high = 0.0, 0.0
    if clear_m(posture) < 0:
        high = 1.0
        for _ in range(9):  # 1/512 of the range: a fifth of a degree
            middle = (low + high) / 2
            trial = _assemble(figure, _lifted(aloft, middle), stance, arms, standing, posture.balance)
            low, high = (low, middle) if clear_m(trial) >= 0 else (middle, high)
    elif pose.free_foot_down <= 0:
        return posture
    return _balanced(figure, _lifted(pose, high), stance, arms, standing, posture.balance)


def _lifted(pose: Pose, more: float) -> Pose:
    if pose.free_knee_flexion_deg < 45:  # held in front or aside: the hip lifts the straight leg
        return replace(pose, free_hip_flexion_deg=pose.free_hip_flexion_deg + 90 * more)
    return replace(
        pose,
        free_knee_flexion_deg=pose.free_knee_flexion_deg + more * (125 - pose.free_knee_flexion_deg),
        free_hip_flexion_deg=pose.free_hip_flexion_deg + 70 * more,
    )


def _balanced(
    figure: Figure, pose: Pose, stance: Side, arms: Arms, standing: Standing, start: Balance | None
) -> Posture:
    """Newton-like steps on three nearly independent things: side tilt, forward lean, and trunk lean.

    Forward, the shank balances as far as an ankle goes; then the trunk does the rest.
    """
    rest = figure.joints
    s = _sides(stance)[2]
    gap = pose.feet_apart * float(rest["hip.L"][0] - rest["hip.R"][0])
    target_x = s * gap / 2 * (1 - pose.free_foot_down) - s * pose.sway_side_m
    # Between heel and ball, where people stand: a little ahead of the ankle.
    target_z = 0.45 * float(rest["ball.L"][2] - rest["ankle.L"][2]) + pose.sway_forward_m
    lowest = np.radians(max(-8.0, pose.knee_flexion_deg - _THIGH_BELOW_LEVEL_DEG + 2))
    highest = max(np.radians(_SHANK_FORWARD_MAX_DEG), lowest)
    trunk = 0.35 * pose.knee_flexion_deg + pose.trunk_flexion_deg
    tilt, shank, lean = 0.0, 0.45 * np.radians(pose.knee_flexion_deg), pose.trunk_lean_deg
    if start is not None:
        tilt, shank, lean = start.tilt, start.shank, start.lean_deg
    shank = float(np.clip(shank, lowest, highest))
    for _ in range(25):
        posture = _assemble(figure, pose, stance, arms, standing, Balance(tilt, shank, trunk, lean))
        com = _centre_of_mass(posture.joints)
        hips = (posture.joints["hip.L"] + posture.joints["hip.R"]) / 2
        up = (posture.joints["shoulder.L"] + posture.joints["shoulder.R"]) / 2 - hips
        lean_error = pose.trunk_lean_deg - s * np.degrees(np.arctan2(up[0], up[1]))
        aside, ahead = com[0] - target_x, com[2] - target_z
        if abs(lean_error) < 2e-3 and abs(aside) < 5e-4 and abs(ahead) < 3e-3:
            break
        height = hips[1] - standing.stance_floor_m
        lean += lean_error
        tilt += s * 0.9 * aside / height
        wanted = shank - 0.9 * ahead / height
        shank = float(np.clip(wanted, lowest, highest))
        trunk += np.degrees((wanted - shank) * height) / 0.35  # 0.35 m: the mass-weighted height of a trunk
        trunk = float(np.clip(trunk, *_TRUNK_FLEXION_DEG))
    return posture


def _centre_of_mass(joints: dict[str, Floats]) -> Floats:
    hips = (joints["hip.L"] + joints["hip.R"]) / 2
    total = _MASSES["trunk"] * (hips + joints["neck"]) / 2 + _MASSES["head"] * joints["head"]
    for side in "LR":
        for segment, near, far in (
            ("upper_arm", "shoulder", "elbow"),
            ("forearm", "elbow", "wrist"),
            ("thigh", "hip", "knee"),
            ("shank", "knee", "ankle"),
            ("foot", "ankle", "ball"),
        ):
            a, b = joints[f"{near}.{side}"], joints[f"{far}.{side}"]
            total = total + _MASSES[segment] * (a + _ALONG[segment] * (b - a))
        total = total + _MASSES["hand"] * joints[f"wrist.{side}"]
    return np.asarray(total / (_MASSES["trunk"] + _MASSES["head"] + 2 * sum(list(_MASSES.values())[2:])))


def _assemble(
    figure: Figure,
    pose: Pose,
    stance: Side,
    arms: Arms,
    standing: Standing,
    balance: Balance,
) -> Posture:
    """Forward kinematics from the stance foot up, over the spine to the arms, and down the free limb."""
    rest = figure.joints
    near, far, s = _sides(stance)
    frames: dict[str, Frame] = {}
    joints: dict[str, Floats] = {}
    gap = pose.feet_apart * float(rest["hip.L"][0] - rest["hip.R"][0])

    def flat_foot(side: str, sign: float, floor: float) -> tuple[Floats, Floats]:
        out = sign * pose.toe_out_deg - np.degrees(np.arctan2(*(rest[f"ball.{side}"] - rest[f"ankle.{side}"])[[0, 2]]))
        return _turn(_Y, out), np.array([sign * gap / 2, floor + standing.sole_m + rest[f"ankle.{side}"][1], 0])

    def leg(side: str, hip: Floats, thigh: Floats, lower: Floats, axis: Floats) -> None:
        r_hip, r_knee, r_ankle = (rest[f"{j}.{side}"] for j in ("hip", "knee", "ankle"))
        joints[f"hip.{side}"] = hip
        joints[f"knee.{side}"] = hip + np.linalg.norm(r_knee - r_hip) * thigh
        joints[f"ankle.{side}"] = joints[f"knee.{side}"] + np.linalg.norm(r_ankle - r_knee) * lower
        frames[f"thigh.{side}"] = _frame(_align(r_knee - r_hip, _X, thigh, axis), r_hip, hip)
        frames[f"shank.{side}"] = _frame(_align(r_ankle - r_knee, _X, lower, axis), r_knee, joints[f"knee.{side}"])

    # The stance limb, from the floor up.
    rotation, ankle = flat_foot(near, s, standing.stance_floor_m)
    frames[f"foot.{near}"] = _frame(rotation, rest[f"ankle.{near}"], ankle)
    lower, upper = _stance_links(pose, balance, s)
    shank_m = float(np.linalg.norm(rest[f"knee.{near}"] - rest[f"ankle.{near}"]))
    thigh_m = float(np.linalg.norm(rest[f"hip.{near}"] - rest[f"knee.{near}"]))
    hip = ankle + shank_m * lower + thigh_m * upper
    # A hinge across the plane of the bent limb; a nearly straight one keeps its knee to the front.
    bent = np.clip((pose.knee_flexion_deg - abs(pose.fppa_deg)) / 40, 0, 1)
    plane = np.cross(-upper, -lower)
    axis = (1 - bent) * _turn(_Y, s * pose.toe_out_deg / 2) @ _X + bent * _unit(plane + 1e-9 * _X)
    leg(near, hip, -upper, -lower, axis)

    # The pelvis. Its turn about the vertical shortens the hip line's projection, which the tilt makes up for.
    about = s * pose.pelvic_rotation_deg
    roll = np.degrees(np.arctan(np.tan(np.radians(pose.pelvic_obliquity_deg)) * np.cos(np.radians(about))))
    pelvis = _turn(_Y, about) @ _turn(_Z, s * roll) @ _turn(_X, 0.45 * balance.trunk_deg)
    frames["pelvis"] = _frame(pelvis, rest[f"hip.{near}"], hip)
    joints[f"hip.{far}"] = _apply(frames["pelvis"], rest[f"hip.{far}"])

    # The spine, to the chest.
    chest = _turn(_Y, s * pose.trunk_rotation_deg) @ _turn(_Z, -s * balance.lean_deg) @ _turn(_X, balance.trunk_deg)
    below = frames["pelvis"]
    for part, share in _SPINE.items():
        joints[part] = _apply(below, rest[part])
        below = frames[part] = _frame(_part_way(pelvis, chest, share), rest[part], joints[part])
    upright = _turn(_Y, s * pose.head_yaw_deg) @ _turn(_X, pose.head_pitch_deg)
    joints["neck"] = _apply(below, rest["neck"])
    frames["neck"] = _frame(_part_way(chest, upright, 0.4), rest["neck"], joints["neck"])
    joints["head"] = _apply(frames["neck"], rest["head"])
    frames["head"] = _frame(_part_way(chest, upright, 0.8), rest["head"], joints["head"])

    for side, sign in (("L", 1.0), ("R", -1.0)):
        uneven = pose.arm_lift_deg + sign * pose.arm_uneven_deg
        shrug = _turn(_Z, sign * 14) if arms == "raised" else np.eye(3)
        joints[f"clavicle.{side}"] = _apply(below, rest[f"clavicle.{side}"])
        frames[f"clavicle.{side}"] = _frame(chest @ shrug, rest[f"clavicle.{side}"], joints[f"clavicle.{side}"])
        shoulder = joints[f"shoulder.{side}"] = _apply(frames[f"clavicle.{side}"], rest[f"shoulder.{side}"])
        r_shoulder, r_elbow, r_wrist, r_finger = (
            rest[f"{joint}.{side}"] for joint in ("shoulder", "elbow", "wrist", "finger")
        )
        upper_m, fore_m = float(np.linalg.norm(r_elbow - r_shoulder)), float(np.linalg.norm(r_wrist - r_elbow))
        tall = figure.person.stature_m
        if arms == "hips":
            crest = rest["pelvis"] + [
                sign * (figure.half_width_m + 0.012 * tall),
                CREST_TO_STATURE * tall,
                -0.012 * tall,
            ]
            pole = pelvis @ np.array([sign, -0.15, -0.55])
            first, second = _bend(shoulder, _apply(frames["pelvis"], crest), upper_m, fore_m, pole)
            hand = pelvis @ np.array([-sign * 0.25, -0.75, 0.75])
        elif arms == "crossed":
            front = rest["spine01"] + [-sign * 0.055 * tall, 0.005 * tall, figure.chest_depth_m + 0.02 * tall]
            pole = chest @ np.array([0.7 * sign, -1.0, 0.35])
            first, second = _bend(shoulder, _apply(below, front), upper_m, fore_m, pole)
            hand = chest @ np.array([-sign * 1.0, 0.45, 0.05])
        else:
            mirror = np.array([sign, 1, 1])
            lift = chest @ _turn(_Z, sign * uneven)
            first, second = (_unit(lift @ (mirror * np.array(way))) for way in _ARMS[arms])
            hand = second
        joints[f"elbow.{side}"] = elbow = shoulder + upper_m * first
        joints[f"wrist.{side}"] = wrist = elbow + fore_m * second
        r_axis = np.cross(r_elbow - r_shoulder, r_wrist - r_elbow)
        axis = np.cross(first, second)
        frames[f"upper_arm.{side}"] = _frame(_align(r_elbow - r_shoulder, r_axis, first, axis), r_shoulder, shoulder)
        frames[f"forearm.{side}"] = _frame(_align(r_wrist - r_elbow, r_axis, second, axis), r_elbow, elbow)
        frames[f"hand.{side}"] = _frame(_align(r_finger - r_wrist, r_axis, hand, axis), r_wrist, wrist)

    # The free limb, from the pelvis down; its foot may be on the way to the floor.
    free_hip = joints[f"hip.{far}"]
    flexion, abduction = np.radians(pose.free_hip_flexion_deg), np.radians(pose.free_hip_abduction_deg)
    follow = _turn(_Z, s * pose.free_follows * pose.pelvic_obliquity_deg)
    thigh = follow @ np.array(
        [-s * np.sin(abduction), -np.cos(abduction) * np.cos(flexion), np.cos(abduction) * np.sin(flexion)]
    )
    axis = _unit(_X - (_X @ thigh) * thigh)
    lower = _turn(axis, pose.free_knee_flexion_deg) @ thigh
    level, floor_ankle = flat_foot(far, -s, standing.free_floor_m)
    hang = _basis(lower, axis) @ _basis(-_Y, _X).T @ _turn(_X, pose.free_ankle_deg) @ level
    down = pose.free_foot_down
    if down > 0:
        thigh_m = float(np.linalg.norm(rest[f"knee.{far}"] - rest[f"hip.{far}"]))
        shank_m = float(np.linalg.norm(rest[f"ankle.{far}"] - rest[f"knee.{far}"]))
        lifted = free_hip + thigh_m * thigh + shank_m * lower
        pole = _turn(_Y, -s * pose.toe_out_deg) @ _Z
        thigh, lower = _bend(free_hip, (1 - down) * lifted + down * floor_ankle, thigh_m, shank_m, pole)
        hang = _part_way(hang, level, down)
    leg(far, free_hip, thigh, lower, axis)
    frames[f"foot.{far}"] = _frame(hang, rest[f"ankle.{far}"], joints[f"ankle.{far}"])
    for side in "LR":
        joints[f"ball.{side}"] = _apply(frames[f"foot.{side}"], rest[f"ball.{side}"])
    return Posture(stance, frames, joints, pose.free_foot_down >= 1, balance)
