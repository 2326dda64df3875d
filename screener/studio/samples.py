"""The sample clips: each task and side, steady and not, and the recordings that are hard or must be refused.

Bodies, clothes and rooms come from seeds of their own, below those of training: nobody here is trained on.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from screener.studio.clip import render_clip
from screener.studio.spec import Arms, Bout, Camera, ClipSpec, Look, Pose, Repetition, Room, Side, Task
from screener.studio.training import FIRST_BODY, random_clothes, random_person

__all__ = ["render_samples", "sample_specs"]

#: How the free leg is held in each task: hip flexion, abduction and knee flexion.
_FREE_LEG: dict[Task, tuple[float, float, float]] = {
    "single_leg_squat": (2.0, 3.0, 70.0),
    "forward_step_down": (18.0, 3.0, 5.0),
    "lateral_step_down": (6.0, 8.0, 6.0),
}


def _bout(
    task: Task,
    side: Side,
    seed: int,
    knee: float,
    drop: float = 2.0,
    static: float = 0.0,
    fppa: float = 2.0,
    lean: float = 1.0,
    repetitions: int = 3,
    both_feet_s: float = 1.4,
    arms: Arms = "hips",
    wobble: float = 0.8,
    level: float = 0.0,
) -> Bout:
    """A set whose repetitions scatter a little about the wanted values, as people's do."""
    rng = np.random.default_rng([seed, 11])
    hip, aside, bend = _FREE_LEG[task]
    return Bout(
        stance_side=side,
        quiet=Pose(
            free_hip_flexion_deg=hip,
            free_hip_abduction_deg=aside,
            free_knee_flexion_deg=bend,
            free_ankle_deg=5.0 if task != "single_leg_squat" else 25.0,
            pelvic_obliquity_deg=level,
            fppa_deg=0.5,
        ),
        static_drop_deg=static,
        both_feet_s=both_feet_s,
        single_leg_s=1.0,
        arms=arms,
        wobble_deg=wobble,
        repetitions=tuple(
            Repetition(
                knee_flexion_deg=knee + float(rng.normal(0, 2.5)),
                pelvic_drop_deg=drop + float(rng.normal(0, 0.8)),
                fppa_deg=fppa + float(rng.normal(0, 1.2)),
                trunk_lean_deg=lean + float(rng.normal(0, 0.8)),
                down_s=float(rng.uniform(0.95, 1.2)),
                up_s=float(rng.uniform(0.85, 1.05)),
                rest_s=float(rng.uniform(0.4, 0.6)),
            )
            for _ in range(repetitions)
        ),
    )


def _clip(name: str, seed: int, task: Task, note: str, *bouts: Bout, camera: Camera | None = None) -> ClipSpec:
    """A clip of a person, in clothes and a room that the seed draws."""
    rng = np.random.default_rng([7, seed])
    person = random_person(rng)
    clothes = random_clothes(rng)
    yaw_deg, roll_deg = float(rng.normal(0, 2)), float(rng.normal(0, 0.6))
    fitting = Camera(yaw_deg=yaw_deg, roll_deg=roll_deg, distance_m=3.0, fov_deg=46, height_m=1.05)
    return ClipSpec(
        name=name,
        seed=seed,
        task=task,
        person=person,
        clothes=clothes,
        camera=camera or fitting,
        look=Look(light_yaw_deg=float(rng.uniform(-60, 60)), warmth=float(rng.uniform(-0.4, 0.5))),
        room=Room(seed=seed, furniture=5, distance_m=float(rng.uniform(1.2, 2.2))),
        bouts=bouts,
        note=note,
    )


def sample_specs() -> tuple[ClipSpec, ...]:
    """The specs of all sample clips."""
    squat: Task = "single_leg_squat"
    portrait = Camera(width_px=480, height_px=640, distance_m=2.7, fov_deg=52, yaw_deg=1.5, height_m=1.1, pitch_deg=-4)
    laptop = Camera(distance_m=2.3, height_m=0.72, pitch_deg=4.0, fov_deg=52, yaw_deg=-2.0)
    aside = Camera(distance_m=2.9, fov_deg=44, yaw_deg=30.0)
    both = _clip(
        "squats_left_then_right",
        8,
        squat,
        "Both legs in one recording, standing on both feet before and between: the left leg shows a drop.",
        _bout(squat, "left", 81, 58, drop=7, static=5, fppa=5, lean=2, repetitions=2),
        _bout(squat, "right", 82, 60, drop=1, static=1, fppa=3, lean=1, repetitions=2),
    )
    dim = _clip(
        "squat_left_dim_laptop",
        9,
        squat,
        "An evening room, seen by a laptop on a low table: dim, noisy, blurred.",
        _bout(squat, "left", 91, 55, drop=3, static=2, fppa=8),
        camera=laptop,
    )
    dim_look = Look(
        exposure=0.3, key=0.6, ambient=0.5, light_yaw_deg=70, warmth=0.8, blur_px=1.2, noise=0.03, jpeg_quality=60
    )
    far_aside = _clip(
        "squat_right_30_deg_aside",
        10,
        squat,
        "Filmed from 30° aside, where FPPA cannot be read: to be refused.",
        _bout(squat, "right", 101, 60, drop=4, static=2, fppa=10),
        camera=aside,
    )
    watched = _clip(
        "squat_right_bystander",
        11,
        squat,
        "Another person stands behind, to the side, and must not be measured.",
        _bout(squat, "right", 111, 60, drop=4, static=3, fppa=4),
    )
    other = random_person(np.random.default_rng([7, 911]))
    worn = random_clothes(np.random.default_rng([7, 912]))
    return (
        _clip(
            "squat_left_straight", 1, squat, "Steady: level pelvis, knee over foot.", _bout(squat, "left", 1, 62, 1.0)
        ),
        _clip(
            "squat_right_drop_only",
            2,
            squat,
            "The free side of the pelvis drops, in part as soon as the foot has left the floor; the knee is straight.",
            _bout(squat, "right", 2, 58, drop=6.5, static=5.5, fppa=1.0),
        ),
        _clip(
            "squat_left_valgus_only",
            13,
            squat,
            "The knee moves inwards; the pelvis stays level.",
            _bout(squat, "left", 131, 60, drop=0.5, fppa=15.0),
        ),
        _clip(
            "squat_right_drop_valgus",
            4,
            squat,
            "Both patterns together, arms crossed.",
            _bout(squat, "right", 4, 60, drop=7, static=4, fppa=13, arms="crossed"),
        ),
        _clip(
            "squat_left_lean_hides_drop",
            5,
            squat,
            "The trunk leans over the stance leg, which hides a drop from an eye on the hips.",
            _bout(squat, "left", 5, 56, drop=6, static=4, fppa=3, lean=13, arms="sides"),
        ),
        _clip(
            "forward_step_down_right",
            6,
            "forward_step_down",
            "From standing on both feet on the step.",
            _bout("forward_step_down", "right", 6, 68, drop=4, static=2, fppa=7),
        ),
        _clip(
            "lateral_step_down_left",
            7,
            "lateral_step_down",
            "The free foot hangs beside the step throughout: the quiet stance is on one leg.",
            _bout("lateral_step_down", "left", 7, 58, drop=5, fppa=5, both_feet_s=0),
        ),
        both,
        replace(dim, look=dim_look),
        replace(far_aside, measurable=False),
        replace(
            watched,
            room=replace(watched.room, bystander=other, bystander_clothes=worn, bystander_at_m=(1.0, -0.7)),
        ),
        _clip(
            "squat_right_portrait_phone",
            12,
            squat,
            "Upright phone picture.",
            _bout(squat, "right", 121, 66, drop=5, static=2, fppa=6, arms="forward"),
            camera=portrait,
        ),
    )


def _one(task: tuple[ClipSpec, Path]) -> Path:
    os.environ.setdefault("LP_NUM_THREADS", "1")  # Mesa's software renderer: one core a worker
    return render_clip(*task)


def render_samples(out: Path, only: str = "", workers: int = 2) -> Iterator[Path]:
    """Renders the samples whose name contains `only`; gives each video's path as it is done."""
    tasks = [(spec, out) for spec in sample_specs() if only in spec.name]
    assert all(spec.seed < FIRST_BODY for spec, _ in tasks)
    with multiprocessing.get_context("spawn").Pool(min(workers, max(1, len(tasks)))) as pool:
        yield from pool.imap(_one, tasks)
