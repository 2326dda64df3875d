"""Recordings to calibrate intervals on and to measure accuracy with: whole squats and step-downs of new people.

Every recording has a body, clothes, room, camera, light and way of moving of its own, drawn from seeds that neither
training nor the samples use. Whole films go through `screen()` as anybody's recording does; stills show only the
moments at which numbers are read, which is enough to calibrate on and costs a twentieth.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from screener.errors import WrongUse
from screener.studio.clip import filmed_anew, render_clip, set_up, shots
from screener.studio.motion import Instant, instants
from screener.studio.render import Renderer
from screener.studio.spec import Arms, Bout, ClipSpec, Pose, Repetition, Room, Side, Task
from screener.studio.training import (
    random_camera,
    random_clothes,
    random_look,
    random_person,
    varied,
    varied_mats,
    varied_step,
)
from screener.studio.truth import joint_pixels, pose_truth

__all__ = ["random_spec", "render_films", "render_stills"]

#: Body seeds of validation start here; training draws its own from 1 000 000 on.
FIRST_BODY = 2_000_000

_TASKS: tuple[tuple[Task, float], ...] = (
    ("single_leg_squat", 0.5),
    ("forward_step_down", 0.25),
    ("lateral_step_down", 0.25),
)
_ARMS: tuple[Arms, ...] = ("hips", "hips", "crossed", "sides", "forward")
_DEPTHS = (30.0, 45.0, 60.0)


def random_spec(number: int, seed: int, vary: bool = False, behind: bool = False) -> ClipSpec:
    """One recording: two repetitions, filmed from up to 20° aside; one in five in poor light, one in fourteen from
    behind, or all of them; most look towards the camera, more or less. `vary`: the person is dressed and lit more
    freely, the step any step, with mats about."""
    rng = np.random.default_rng([seed, FIRST_BODY + number])
    u = rng.uniform
    person = random_person(rng)
    task: Task = str(rng.choice([name for name, _ in _TASKS], p=[share for _, share in _TASKS]))  # type: ignore[assignment]
    side: Side = "left" if rng.random() < 0.5 else "right"
    free = {
        "single_leg_squat": (u(-5, 10), u(0, 6), u(55, 100)) if rng.random() < 0.7 else (u(20, 50), u(0, 5), u(5, 60)),
        "forward_step_down": (u(14, 30), u(0, 5), u(3, 15)),
        "lateral_step_down": (u(0, 12), u(5, 12), u(3, 15)),
    }[task]
    # A step-down starts from the step; a lateral one with the free foot beside it.
    both_feet_s = 0.0 if task == "lateral_step_down" or rng.random() < 0.35 else 1.2
    knee, drop, fppa, lean = u(40, 95), u(-3, 12), u(-6, 20), u(-4, 12)
    camera = random_camera(rng, person.stature_m, 0.0 if task == "single_leg_squat" else 0.18)
    look = random_look(rng)
    if rng.random() < 0.75:
        camera = replace(camera, facing="anterior")
    if behind:
        camera = replace(camera, facing="posterior")
    spec = ClipSpec(
        name=f"validation_{seed}_{number:03d}",
        seed=FIRST_BODY + number,
        task=task,
        person=person,
        clothes=random_clothes(rng),
        camera=replace(camera, yaw_deg=0.8 * camera.yaw_deg),
        look=look,
        room=Room(seed=FIRST_BODY + number, furniture=int(rng.integers(0, 7)), distance_m=float(u(1.0, 3.0))),
        bouts=(
            Bout(
                stance_side=side,
                quiet=Pose(
                    free_hip_flexion_deg=float(free[0]),
                    free_hip_abduction_deg=float(free[1]),
                    free_knee_flexion_deg=float(free[2]),
                    free_ankle_deg=float(u(0, 30)),
                    free_follows=float(u(0, 0.8)),
                    pelvic_obliquity_deg=float(rng.normal(0, 1.0)),
                    fppa_deg=float(rng.normal(0, 2.0)),
                    trunk_lean_deg=float(rng.normal(0.5, 1.5)),
                    toe_out_deg=float(u(0, 15)),
                    arm_lift_deg=float(rng.normal(0, 6)),
                    knee_flexion_deg=float(u(2, 10)),
                ),
                static_drop_deg=float(u(-1, 5)),
                both_feet_s=both_feet_s,
                single_leg_s=1.1,
                arms=_ARMS[int(rng.integers(len(_ARMS)))],
                wobble_deg=float(u(0.4, 1.4)),
                repetitions=tuple(
                    Repetition(
                        knee_flexion_deg=float(np.clip(knee + rng.normal(0, 5), 36, 110)),
                        pelvic_drop_deg=float(drop + rng.normal(0, 1.5)),
                        fppa_deg=float(fppa + rng.normal(0, 2.5)),
                        trunk_lean_deg=float(lean + rng.normal(0, 2)),
                        trunk_flexion_deg=float(u(-3, 10)),
                        pelvic_rotation_deg=float(rng.normal(0, 3)),
                        down_s=float(u(0.8, 1.4)),
                        up_s=float(u(0.8, 1.2)),
                        rest_s=float(u(0.4, 0.7)),
                    )
                    for _ in range(2)
                ),
            ),
        ),
        fps=20.0,
    )
    spec = _looking_about(spec, np.random.default_rng([seed, FIRST_BODY + number, 11]))
    if not vary:
        return spec
    person, clothes, look = varied(np.random.default_rng([seed, FIRST_BODY + number, 9]), person, spec.clothes, look)
    rng = np.random.default_rng([seed, FIRST_BODY + number, 10])
    step, room = varied_step(rng, task), replace(spec.room, mats=varied_mats(rng))
    return replace(spec, person=person, clothes=clothes, look=look, step=step, room=room)


def _looking_about(spec: ClipSpec, rng: np.random.Generator) -> ClipSpec:
    """The same with the head turned part of the way to the camera (as to a screen that one sees oneself on), and up or
    down: where a face points does not tell where the camera stands. How far they do is [judgement]: from not at all to
    a little past the camera."""
    bout = spec.bouts[0]
    aside_deg = spec.camera.yaw_deg if spec.camera.facing == "anterior" else 0.0
    to_stance_side = 1.0 if bout.stance_side == "left" else -1.0
    turned = to_stance_side * rng.uniform(0, 1.2) * aside_deg + rng.normal(0, 4)
    quiet = replace(bout.quiet, head_yaw_deg=float(turned), head_pitch_deg=float(rng.normal(4, 7)))
    return replace(spec, bouts=(replace(bout, quiet=quiet),))


def render_films(
    out: Path, clips: int, seed: int, workers: int, vary: bool = False, behind: bool = False, only: str | None = None
) -> Iterator[Path]:
    """Renders whole recordings with their truth, or those among so many that show one task; those that are there
    already are left alone."""
    specs = [random_spec(number, seed, vary, behind) for number in _numbers(clips, seed, only)]
    tasks = [(spec, out) for spec in specs if not (out / f"{spec.name}.spec.json").exists()]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_film, tasks)


def _numbers(clips: int, seed: int, only: str | None) -> list[int]:
    tasks = [name for name, _ in _TASKS]
    if only is not None and only not in tasks:
        raise WrongUse(f"No task is called {only!r}.", f"Give one of {', '.join(tasks)}.")
    return [number for number in range(clips) if only in (None, random_spec(number, seed).task)]


def _film(task: tuple[ClipSpec, Path]) -> Path:
    os.environ.setdefault("LP_NUM_THREADS", "1")  # Mesa's software renderer: one core a worker
    cv2.setNumThreads(1)
    return render_clip(*task)


def render_stills(
    out: Path,
    clips: int,
    seed: int,
    workers: int,
    vary: bool = False,
    behind: bool = False,
    only: str | None = None,
    about: bool = False,
) -> None:
    """Renders quiet stances, bottoms and matched depths into `out`, in the form of the training frames; of so many
    recordings, or of those among them that show one task. `about`: of one repetition each, every picture by a camera
    and in a light of its own, as who learns where cameras stand must see them."""
    out.mkdir(parents=True, exist_ok=True)
    draw = _stills_about if about else _stills
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        parts = pool.starmap(draw, [(out, each, seed, vary, behind) for each in _numbers(clips, seed, only)], 1)
    pq.write_table(pa.Table.from_pylist([row for part in parts for row in part]), out / "truth.parquet")
    (out / "made_by.json").write_text(
        json.dumps({"clips": clips, "seed": seed, "varied": vary, "behind": behind, "only": only, "about": about})
        + "\n"
    )


def _stills(out: Path, number: int, seed: int, vary: bool, behind: bool) -> list[dict[str, Any]]:
    spec = random_spec(number, seed, vary, behind)
    return _drawn(out, number, spec, [(spec, list(_moments(spec)))])


def _stills_about(out: Path, number: int, seed: int, vary: bool, behind: bool) -> list[dict[str, Any]]:
    spec = random_spec(number, seed, vary, behind)
    rng = np.random.default_rng([seed, FIRST_BODY + number, 12])
    rise_m = 0.0 if spec.task == "single_leg_squat" else 0.18
    takes: list[tuple[ClipSpec, list[tuple[Instant, str]]]] = []
    for moment in _moments(spec):
        if moment[0].repetition > 0:
            break
        camera, look = random_camera(rng, spec.person.stature_m, rise_m), random_look(rng)
        if not behind and rng.random() < 0.5:
            camera = replace(camera, facing="anterior")
        takes.append((replace(spec, camera=camera, look=look, seed=spec.seed + len(takes)), [moment]))
    return _drawn(out, number, spec, takes)


def _drawn(
    out: Path, number: int, spec: ClipSpec, takes: list[tuple[ClipSpec, list[tuple[Instant, str]]]]
) -> list[dict[str, Any]]:
    """Pictures of one recording's moments, each take by a camera and in a light of its own, with their truths."""
    os.environ.setdefault("LP_NUM_THREADS", "1")
    cv2.setNumThreads(1)
    first = set_up(spec)
    rows: list[dict[str, Any]] = []
    with Renderer(spec.camera.width_px, spec.camera.height_px) as renderer:
        for take, chosen in takes:
            stage = filmed_anew(take, first)
            pictures = shots(take, stage, renderer, (instant for instant, _ in chosen))
            for (_, kind), (posture, picture) in zip(chosen, pictures, strict=True):
                name = f"{number:05d}_{len(rows)}.jpg"
                cv2.imwrite(str(out / name), picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
                rows.append(
                    {
                        "file": name,
                        "set": number,
                        "body": number,
                        "kind": "quiet" if kind == "quiet" else "pose",
                        "motion": kind if kind == "quiet" else take.task,
                        "stance_side": take.bouts[0].stance_side,
                        "camera_facing": take.camera.facing,
                        "camera_yaw_deg": take.camera.yaw_deg,
                        "seen_from_aside_deg": stage.view.aside_deg,
                        "camera_roll_deg": take.camera.roll_deg,
                        "exposure": take.look.exposure,
                        "at": kind,
                        **pose_truth(posture),
                        **joint_pixels(posture, stage.view),
                    }
                )
    return rows


def _moments(spec: ClipSpec) -> Iterator[tuple[Instant, str]]:
    """The instants at which numbers are read: three of the quiet stance; of each repetition depths and bottom."""
    every = list(instants(spec))
    resting = "both_feet" if spec.bouts[0].both_feet_s > 0 else "single_leg"
    first_down = next(index for index, instant in enumerate(every) if instant.phase == "down")
    quiet = [instant for instant in every[:first_down] if instant.phase == resting]
    for share in (0.25, 0.5, 0.75):
        yield quiet[int(share * (len(quiet) - 1))], "quiet"
    for repetition in range(len(spec.bouts[0].repetitions)):
        way = [each for each in every if each.repetition == repetition and each.phase in ("down", "bottom")]
        flexion = np.array([each.pose.knee_flexion_deg for each in way])
        for depth in _DEPTHS:
            if (flexion >= depth).any():
                yield way[int(np.argmax(flexion >= depth))], f"{depth:.0f}"
        yield way[int(np.argmax(flexion))], "bottom"
