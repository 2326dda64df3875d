"""A spec's sets as poses over time: quiet standing, lifting a foot, down and up, with a living body's sway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields, replace
from typing import Literal, TypeAlias

import numpy as np

from screener.errors import WrongUse
from screener.studio.spec import Bout, ClipSpec, Pose

__all__ = ["Instant", "Phase", "Quiet", "bottom_pose", "instants", "quiet_stances"]

Phase: TypeAlias = Literal["both_feet", "lifting", "single_leg", "down", "bottom", "up", "lowering"]

_FOOT_S = 0.7  # to lift a foot from standing on both, or to put it back
_TOUCH_S = 0.22  # for a foot that touches the floor on the way to save the balance

#: How much of a set's wobble each angle shows, and each sway in metres a degree. Slow: 0.25 to 1.1 Hz, where
#: most of the sway of standing on one leg is.
_WOBBLE = {
    "pelvic_obliquity_deg": 0.35,
    "fppa_deg": 0.5,
    "trunk_lean_deg": 0.5,
    "trunk_flexion_deg": 0.6,
    "trunk_rotation_deg": 0.8,
    "pelvic_rotation_deg": 0.6,
    "free_hip_flexion_deg": 0.9,
    "free_hip_abduction_deg": 0.6,
    "free_knee_flexion_deg": 1.0,
    "arm_lift_deg": 1.0,
    "arm_uneven_deg": 1.0,
    "head_pitch_deg": 0.8,
    "head_yaw_deg": 1.0,
    "sway_side_m": 0.0015,
    "sway_forward_m": 0.002,
}


@dataclass(frozen=True, slots=True)
class Instant:
    """One frame's wish: its pose, its set (`bout`) and its repetition, counted from 0 (-1 = none)."""

    time_s: float
    bout: int
    repetition: int
    phase: Phase
    pose: Pose


@dataclass(frozen=True, slots=True)
class Quiet:
    """The seconds of a set's quiet stance, from which its pelvic drop counts."""

    bout: int
    start_s: float
    end_s: float
    kind: Literal["bilateral", "single_leg"]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """From the pose before to `pose`, in `seconds`."""

    seconds: float
    pose: Pose
    phase: Phase
    bout: int
    repetition: int = -1


def _standing(bout: Bout) -> tuple[Pose, Pose]:
    """The quiet poses of a set: on both feet, and on the stance leg with its static drop."""
    both = replace(bout.quiet, free_foot_down=1.0)
    drop = bout.quiet.pelvic_obliquity_deg + bout.static_drop_deg
    return both, replace(bout.quiet, free_foot_down=0.0, pelvic_obliquity_deg=drop)


def bottom_pose(bout: Bout, index: int) -> Pose:
    """The pose at the bottom of a repetition."""
    single, rep = _standing(bout)[1], bout.repetitions[index]
    return replace(
        single,
        knee_flexion_deg=rep.knee_flexion_deg,
        pelvic_obliquity_deg=single.pelvic_obliquity_deg + rep.pelvic_drop_deg,
        fppa_deg=rep.fppa_deg,
        trunk_lean_deg=single.trunk_lean_deg + rep.trunk_lean_deg,
        trunk_flexion_deg=single.trunk_flexion_deg + rep.trunk_flexion_deg,
        pelvic_rotation_deg=single.pelvic_rotation_deg + rep.pelvic_rotation_deg,
    )


def _stretches(spec: ClipSpec) -> list[_Stretch]:
    if spec.task == "lateral_step_down" and any(bout.both_feet_s > 0 for bout in spec.bouts):
        raise WrongUse(
            "A lateral step-down has its free foot beside the step, where there is nothing to stand on.",
            "Give both_feet_s 0.",
        )
    out: list[_Stretch] = []
    for number, bout in enumerate(spec.bouts):
        both, single = _standing(bout)
        if bout.both_feet_s > 0:
            out.append(_Stretch(bout.both_feet_s, both, "both_feet", number))
            out.append(_Stretch(_FOOT_S, single, "lifting", number))
        out.append(_Stretch(bout.single_leg_s, single, "single_leg", number))
        for index, rep in enumerate(bout.repetitions):
            bottom = bottom_pose(bout, index)
            out.append(_Stretch(rep.down_s, bottom, "down", number, index))
            if rep.touches_floor:
                touching = replace(bottom, free_foot_down=1.0)
                for pose in (touching, touching, bottom):
                    out.append(_Stretch(_TOUCH_S, pose, "bottom", number, index))
            else:
                out.append(_Stretch(rep.hold_s, bottom, "bottom", number, index))
            out.append(_Stretch(rep.up_s, single, "up", number, index))
            out.append(_Stretch(rep.rest_s, single, "single_leg", number))
        if bout.both_feet_s > 0:
            out.append(_Stretch(_FOOT_S, both, "lowering", number))
            out.append(_Stretch(0.5, both, "both_feet", number))
    return out


def quiet_stances(spec: ClipSpec) -> list[Quiet]:
    """Each set's quiet stance, first to last."""
    found: dict[int, Quiet] = {}
    start = 0.0
    for stretch in _stretches(spec):
        end = start + stretch.seconds
        if stretch.bout not in found and stretch.phase in ("both_feet", "single_leg"):
            kind: Literal["bilateral", "single_leg"] = "bilateral" if stretch.phase == "both_feet" else "single_leg"
            found[stretch.bout] = Quiet(stretch.bout, start, end, kind)
        start = end
    return list(found.values())


def instants(spec: ClipSpec) -> Iterator[Instant]:
    """The poses, frame by frame. Between two poses the way has the least jerk, as reaching movements have
    (Flash & Hogan 1985): 10 t³ − 15 t⁴ + 6 t⁵."""
    stretches = _stretches(spec)
    rng = np.random.default_rng(spec.seed)
    sway = {name: (rng.uniform(0.25, 1.1, 3), rng.uniform(0, 2 * np.pi, 3)) for name in _WOBBLE}
    names = [field.name for field in fields(Pose)]
    before = stretches[0].pose
    start, number = 0.0, 0
    for stretch in stretches:
        here, there = (np.array(astuple(pose)) for pose in (before, stretch.pose))
        while number / spec.fps < start + stretch.seconds:
            time_s = number / spec.fps
            t = (time_s - start) / stretch.seconds
            share = t**3 * (10 - 15 * t + 6 * t**2)
            pose = dict(zip(names, ((1 - share) * here + share * there).tolist(), strict=True))
            steady = 1 - 0.8 * pose["free_foot_down"]  # two feet hardly sway
            for name, (hz, phase) in sway.items():
                wave = float(np.sin(2 * np.pi * hz * time_s + phase).mean()) * np.sqrt(2)
                pose[name] += spec.bouts[stretch.bout].wobble_deg * _WOBBLE[name] * steady * wave
            yield Instant(time_s, stretch.bout, stretch.repetition, stretch.phase, Pose(**pose))
            number += 1
        before, start = stretch.pose, start + stretch.seconds
