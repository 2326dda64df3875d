"""Frames to fit correctors on: many bodies, every motion a person on one leg may make, each drawn apart.

A set is one body, one look, one camera and one stance side: two quiet frames and six poses. Nothing here follows a
typical squat: drop, valgus, lean and depth are drawn independently, so that a corrector cannot learn that they go
together. In most sets the rest of the body (arms, head, free leg) stays as it was in the quiet stance, as it does in
a squat; in the others it moves too, and may do anything that a person on one leg may do.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from screener.studio.figure import Figure, make_figure, skin
from screener.studio.kinematics import Standing, free_foot_lowest_m, solve
from screener.studio.render import Renderer, View, record
from screener.studio.room import furnish, step_box, turned_to
from screener.studio.spec import Arms, Camera, Clothes, Look, Mat, Person, Pose, Room, Side, Step, Task
from screener.studio.truth import joint_pixels, pose_truth
from screener.studio.wardrobe import SOLE_M, dress

__all__ = ["STEADY_SHARE", "draw_set", "render_training", "varied", "varied_mats", "varied_step"]

Floats = NDArray[np.float64]
_SIZE = (640, 480)

#: Body seeds of training start here; sample and test clips draw theirs from below.
FIRST_BODY = 1_000_000


def random_person(rng: np.random.Generator) -> Person:
    """A grown person of any sex, age, build and look."""
    sex: Literal["female", "male"] = "female" if rng.random() < 0.5 else "male"
    tall = rng.normal(1.64, 0.07) if sex == "female" else rng.normal(1.77, 0.075)
    tone = rng.random()
    skin_rgb = tuple(float(x) for x in (1 - tone) * np.array([0.85, 0.65, 0.54]) + tone * np.array([0.20, 0.11, 0.07]))
    dark = rng.random() ** 1.5
    hair = tuple(float(x) for x in (1 - dark) * np.array([0.05, 0.03, 0.02]) + dark * np.array([0.65, 0.5, 0.3]))
    return Person(
        sex=sex,
        age_years=float(rng.uniform(18, 75)),
        stature_m=float(np.clip(tall, 1.48, 1.98)),
        muscle=float(rng.uniform(0.2, 0.9)),
        weight=float(rng.uniform(0.15, 0.9)),
        cup=float(rng.uniform(0.2, 0.8)),
        origin=tuple(float(x) for x in rng.dirichlet([1, 1, 1])),  # type: ignore[arg-type]
        skin_rgb=skin_rgb,  # type: ignore[arg-type]
        hair=str(rng.choice(["none", "short", "bob", "long", "bun"])),  # type: ignore[arg-type]
        hair_rgb=hair,  # type: ignore[arg-type]
    )


def random_clothes(rng: np.random.Generator) -> Clothes:
    """Tight to loose, bare to shod, of any colour."""

    def colour() -> Any:
        return tuple(float(x) for x in rng.uniform(0.02, 0.85) * (1 + 0.6 * rng.uniform(-1, 1, 3)).clip(0.1, 1.4))

    return Clothes(
        top=str(rng.choice(["bra", "tank", "tshirt", "tshirt", "long_sleeves"])),  # type: ignore[arg-type]
        top_rgb=colour(),
        top_looseness_m=float(rng.uniform(0.003, 0.022)),
        bottom=str(rng.choice(["shorts", "shorts", "long_shorts", "leggings", "trousers"])),  # type: ignore[arg-type]
        bottom_rgb=colour(),
        bottom_looseness_m=float(rng.uniform(0.003, 0.02)),
        feet=str(rng.choice(["bare", "socks", "shoes", "shoes"])),  # type: ignore[arg-type]
        feet_rgb=colour(),
        pattern=float(rng.choice([0.0, 0.0, rng.uniform(0.1, 0.8)])),
    )


def random_camera(rng: np.random.Generator, stature_m: float, rise_m: float = 0.0) -> Camera:
    """A camera that has the whole person in the picture, at up to 25° of yaw and 5° of roll."""
    distance, height = float(rng.uniform(1.9, 4.2)), float(rng.uniform(0.45, 1.6))
    middle = 0.52 * stature_m + rise_m
    reach = np.degrees(np.arctan((0.56 * stature_m + 0.12) / distance))
    fov = float(np.clip(2 * reach * rng.uniform(1.05, 1.6), 30, 88))
    return Camera(
        facing="anterior" if rng.random() < 0.72 else "posterior",
        yaw_deg=float(rng.uniform(-25, 25)),
        roll_deg=float(np.clip(rng.normal(0, 2), -5, 5)),
        pitch_deg=float(np.degrees(np.arctan2(middle - height, distance)) + rng.normal(0, 1.5)),
        distance_m=distance,
        height_m=height,
        sideways_m=float(rng.uniform(-0.25, 0.25)),
        fov_deg=fov,
        width_px=_SIZE[0],
        height_px=_SIZE[1],
    )


def random_look(rng: np.random.Generator) -> Look:
    """From daylight to a dim evening laptop; one in five is poor."""
    poor = rng.random() < 0.2
    exposure = float(rng.uniform(0.12, 0.4) if poor else rng.uniform(0.6, 1.35))
    return Look(
        exposure=exposure,
        key=float(rng.uniform(0.2, 1.2)),
        ambient=float(rng.uniform(0.35, 0.8)),
        light_yaw_deg=float(rng.uniform(-80, 80)),
        light_pitch_deg=float(rng.uniform(15, 75)),
        warmth=float(rng.uniform(-1, 1)),
        blur_px=float(rng.uniform(0.3, 2.0) if poor else rng.uniform(0.2, 1.1)),
        noise=float(rng.uniform(0.02, 0.06) if poor else rng.uniform(0.002, 0.02)),
        jpeg_quality=int(rng.uniform(35, 75) if poor else rng.uniform(55, 95)),
    )


def varied(rng: np.random.Generator, person: Person, clothes: Clothes, look: Look) -> tuple[Person, Clothes, Look]:
    """The same dressed and lit more freely: bare torsos, black and gaudy cloth, hems anywhere and askew, trims, folds,
    shine; hard light, and a camera that paints its pictures."""
    u = rng.uniform

    def colour() -> Any:
        kind = rng.random()
        if kind < 0.35:
            rgb = u(0.004, 0.05) * u(0.7, 1.3, 3)  # black, navy
        elif kind < 0.5:
            rgb = u(0.5, 0.95) * u(0.9, 1.0, 3)  # white, grey
        elif kind < 0.85:
            hue = rng.permutation([1.0, u(0.0, 1.0), u(0.0, 0.35)])
            rgb = u(0.1, 0.9) * hue
        else:
            rgb = u(0.02, 0.6, 3)
        return tuple(float(x) for x in rgb)

    bare = person.sex == "male" and rng.random() < 0.45
    clothes = replace(
        clothes,
        top="none" if bare else clothes.top,
        top_rgb=colour(),
        bottom_rgb=colour(),
        bottom_looseness_m=float(u(0.002, 0.03)),
        waist_m=float(u(-0.06, 0.08)),
        top_hem_m=float(u(-0.12, 0.09)),
        leg_hem_m=float(u(-0.08, 0.12)) if "shorts" in clothes.bottom else 0.0,
        askew_deg=float(rng.normal(0, 3)),
        trim_rgb=colour() if rng.random() < 0.4 else None,
        folds=float(u(0.05, 1.2)),
        sheen=float(u(0.0, 0.25)),
    )
    look = replace(look, saturation=float(u(0.5, 2.0)))
    if look.exposure > 0.5:  # poor light stays as poor as it is
        key, ambient = float(u(0.2, 2.0)), float(u(0.15, 0.9))
        exposure = float(u(0.55, 1.25)) / (0.6 * key + ambient)
        look = replace(look, key=key, ambient=ambient, exposure=exposure, contrast=float(u(0.85, 1.4)))
    red, green, blue = (float(x * u(0.8, 1.15)) for x in person.skin_rgb)
    return replace(person, skin_rgb=(red, green, blue)), clothes, look


def varied_step(rng: np.random.Generator, task: Task) -> Step:
    """A step of any kind: box, stool, aerobic step, stair; at a squat, often one that stands about unused."""
    u = rng.uniform
    if rng.random() < 0.4:
        rgb = u(0.01, 0.08) * u(0.8, 1.2, 3)
    elif rng.random() < 0.5:
        rgb = u(0.12, 0.75) * np.array([1.0, u(0.68, 0.85), u(0.35, 0.65)])  # wood
    else:
        rgb = u(0.1, 0.9) * rng.permutation([1.0, u(0.3, 1.0), u(0.3, 1.0)])
    plate = u(0.02, 0.9) * u(0.5, 1.0, 3)
    forward = task == "forward_step_down"
    aside = (float(rng.choice([-1, 1]) * u(0.35, 1.1)), float(u(-0.9, 0.3)))
    return Step(
        rgb=_rgb(rgb),
        matter=str(rng.choice(["smooth", "planks", "plaster", "cloth", "tiles"], p=[0.45, 0.25, 0.12, 0.1, 0.08])),  # type: ignore[arg-type]
        top_rgb=_rgb(plate) if rng.random() < 0.4 else None,
        wider_m=float(u(-0.15, 0.6) if forward else u(-0.1, 0.5)),
        deeper_m=float(u(-0.04, 0.25)),
        stairs=int(rng.integers(1, 6)) if forward and rng.random() < 0.25 else 0,
        aside_m=aside if task == "single_leg_squat" and rng.random() < 0.35 else None,
        height_m=float(u(0.08, 0.4)),
    )


def varied_mats(rng: np.random.Generator) -> tuple[Mat, ...]:
    """Mats of any colour and size about the person: their edges look like those of a step, and are none."""
    u = rng.uniform
    return tuple(
        Mat(
            centre_m=(float(u(-0.5, 0.5)), float(u(-0.8, 0.9))),
            size_m=(float(u(0.4, 2.2)), float(u(0.4, 2.2))),
            thick_m=0.004 * number + float(u(0.0, 0.003)),  # one upon the other, not in the other
            rgb=_rgb(u(0.02, 0.8) * rng.permutation([1.0, u(0.05, 1.0), u(0.05, 1.0)])),
        )
        for number in range(1, 1 + int(rng.choice(4, p=[0.4, 0.35, 0.15, 0.1])))
    )


def _rgb(values: Any) -> Any:
    return tuple(float(x) for x in np.clip(values, 0.005, 0.95))


def _free_leg(rng: np.random.Generator, kind: str) -> dict[str, float]:
    """Where the free leg is, by name; angles drawn about it."""
    u = rng.uniform
    return {
        "behind": {"free_hip_flexion_deg": u(-12, 15), "free_knee_flexion_deg": u(50, 115)},
        "bent": {"free_hip_flexion_deg": u(20, 75), "free_knee_flexion_deg": u(50, 110)},
        "front": {"free_hip_flexion_deg": u(15, 60), "free_knee_flexion_deg": u(2, 30)},
        "aside": {
            "free_hip_flexion_deg": u(-8, 15),
            "free_hip_abduction_deg": u(12, 55),
            "free_knee_flexion_deg": u(2, 40),
        },
        "forward_step": {"free_hip_flexion_deg": u(12, 42), "free_knee_flexion_deg": u(3, 28)},
        "lateral_step": {
            "free_hip_flexion_deg": u(-5, 22),
            "free_hip_abduction_deg": u(2, 16),
            "free_knee_flexion_deg": u(3, 22),
        },
    }[kind]


#: So many sets of squats and step-downs move only what is measured, and what a body does to stay up.
STEADY_SHARE = 0.75

_FREE_LEG = ("free_hip_flexion_deg", "free_hip_abduction_deg", "free_knee_flexion_deg")
_MOTIONS = ("squat", "forward_step", "lateral_step", "raise", "hike", "reach", "balance", "both_feet")
_ARMS = ("hips", "crossed", "sides", "forward", "raised", "out", "reach")
_ARM_SHARES = (0.32, 0.16, 0.18, 0.12, 0.05, 0.09, 0.08)
_SHARES = (0.42, 0.13, 0.13, 0.08, 0.07, 0.05, 0.08, 0.04)


def _random_pose(rng: np.random.Generator, motion: str, leg: str, level_deg: float) -> Pose:
    """One pose of a motion; what is measured is drawn apart from everything else."""
    drop = rng.uniform(-28, 24) if rng.random() < 1 / 7 else rng.uniform(-8, 18)
    knee = rng.uniform(20, 80) if rng.random() < 0.65 else rng.uniform(3, 120)
    if motion in ("raise", "hike"):
        knee = rng.uniform(2, 35)
        leg = str(rng.choice(["aside", "front", "behind"])) if motion == "raise" else leg
    elif motion == "forward_step":
        leg, knee = "forward_step", rng.uniform(15, 85)
    elif motion == "lateral_step":
        leg, knee = "lateral_step", rng.uniform(15, 85)
    lean_wide = 9.0 if motion == "reach" else 6.0
    lean = float(np.clip(rng.normal(3, lean_wide), -22, 28))
    if motion == "balance":
        # A free leg swung high aside takes pelvis and trunk along, as people do when they catch their balance.
        leg, knee, drop = "aside", rng.uniform(2, 45), rng.uniform(-40, 5)
        lean = float(np.clip(-0.95 * drop + rng.normal(0, 7), -15, 50))
    pose = Pose(
        knee_flexion_deg=float(knee),
        fppa_deg=float(np.clip(rng.normal(5, 9), -22, 34) * min(1.0, 0.35 + knee / 60)),
        pelvic_obliquity_deg=float(level_deg + drop),
        pelvic_rotation_deg=float(rng.normal(0, 6)),
        trunk_lean_deg=lean,
        trunk_flexion_deg=float(rng.normal(3, 9)),
        trunk_rotation_deg=float(rng.normal(0, 6)),
        free_hip_abduction_deg=float(rng.uniform(-4, 12)),
        free_ankle_deg=float(rng.uniform(-10, 45)),
        free_follows=float(rng.uniform(0, 0.8)),
        feet_apart=float(rng.uniform(0.8, 1.8)),
        toe_out_deg=float(rng.uniform(-2, 18)),
        sway_side_m=float(rng.normal(0, 0.012)),
        sway_forward_m=float(rng.normal(0, 0.015)),
        arm_lift_deg=float(rng.normal(0, 8)),
        arm_uneven_deg=float(rng.normal(0, 8)),
        head_pitch_deg=float(rng.normal(4, 10)),
        head_yaw_deg=float(rng.normal(0, 10)),
    )
    if motion == "both_feet":
        return replace(pose, free_foot_down=1.0, pelvic_obliquity_deg=float(level_deg + rng.normal(0, 2.5)))
    return replace(pose, **{name: float(value) for name, value in _free_leg(rng, leg).items()})


def _steady_pose(rng: np.random.Generator, single_leg: Pose, level_deg: float) -> Pose:
    """A pose of a squat or step-down: down from the single-leg stance, the rest of the body held but for sway."""
    knee = rng.uniform(25, 85) if rng.random() < 0.7 else rng.uniform(5, 120)
    held = {
        name: float(getattr(single_leg, name) + rng.normal(0, size))
        for name, size in (
            ("pelvic_rotation_deg", 3.5),
            ("trunk_rotation_deg", 3.0),
            ("free_hip_flexion_deg", 5.0),
            ("free_hip_abduction_deg", 3.0),
            ("free_knee_flexion_deg", 5.0),
            ("arm_lift_deg", 2.5),
            ("arm_uneven_deg", 2.5),
            ("head_pitch_deg", 4.0),
            ("head_yaw_deg", 3.0),
            ("sway_side_m", 0.006),
            ("sway_forward_m", 0.008),
        )
    }
    return replace(
        single_leg,
        **held,
        knee_flexion_deg=float(knee),
        fppa_deg=float(rng.uniform(-10, 28) * min(1.0, 0.35 + knee / 60)),
        pelvic_obliquity_deg=float(level_deg + rng.uniform(-8, 18)),
        trunk_lean_deg=float(np.clip(single_leg.trunk_lean_deg + rng.normal(3, 6), -14, 24)),
        trunk_flexion_deg=float(single_leg.trunk_flexion_deg + rng.uniform(-5, 12)),
    )


def _quiet_pose(rng: np.random.Generator, both_feet: bool, leg: str, level_deg: float, pose: Pose) -> Pose:
    """Standing still, on both feet or on one leg, about the set's own level."""
    quiet = replace(
        pose,
        knee_flexion_deg=float(rng.uniform(1, 14)),
        fppa_deg=float(rng.normal(0, 2.5)),
        pelvic_obliquity_deg=float(level_deg + rng.normal(0, 0.5)),
        pelvic_rotation_deg=float(rng.normal(0, 3)),
        trunk_lean_deg=float(rng.normal(0.5, 2)),
        trunk_flexion_deg=float(rng.normal(0, 3)),
        free_foot_down=1.0 if both_feet else 0.0,
    )
    return quiet if both_feet else replace(quiet, **{n: float(v) for n, v in _free_leg(rng, leg).items()})


def draw_set(
    renderer: Renderer,
    figure: Figure,
    number: int,
    body: int,
    seed: int,
    only: str | None = None,
    steady_share: float = STEADY_SHARE,
    vary: bool = False,
) -> list[tuple[dict[str, Any], NDArray[np.uint8], int]]:
    """One set: two quiet frames and six poses, each with its truth, its picture and its JPEG quality.

    `only` names the one motion to draw; else they come in their shares. `steady_share` of the sets of squats and
    step-downs hold everything still that is not measured. `vary`: dressed and lit more freely, see `varied`.
    """
    rng, steady_rng = (np.random.default_rng([seed, number, stream]) for stream in (7, 8))
    shares = _SHARES if only is None else tuple(float(motion == only) for motion in _MOTIONS)
    clothes, look = random_clothes(rng), random_look(rng)
    if vary:
        person, clothes, look = varied(np.random.default_rng([seed, number, 9]), figure.person, clothes, look)
        figure = replace(figure, person=person)
    stance: Side = "left" if rng.random() < 0.5 else "right"
    arms: Arms = str(rng.choice(_ARMS, p=_ARM_SHARES))  # type: ignore[assignment]
    main_motion = str(rng.choice(_MOTIONS, p=shares))
    steady = main_motion in ("squat", "forward_step", "lateral_step") and bool(steady_rng.random() < steady_share)
    leg = str(rng.choice(["behind", "behind", "bent", "front"]))
    both_feet = bool(rng.random() < 0.5)
    level = float(rng.normal(0, 1.0) if both_feet else rng.normal(1.0, 2.5))
    sole = SOLE_M[clothes.feet]
    stepping = main_motion in ("forward_step", "lateral_step")
    box = float(rng.uniform(0.08, 0.26)) if stepping else 0.0
    camera = random_camera(rng, figure.person.stature_m, box)
    standing = Standing(stance_floor_m=box, free_floor_m=box, lowest_floor_m=0.0, sole_m=sole)

    surface = dress(figure, clothes)
    room = Room(
        seed=int(rng.integers(1 << 31)),
        furniture=int(rng.integers(0, 7)),
        distance_m=float(rng.uniform(1.0, 3.0)),
    )
    scenery = turned_to(camera, furnish(room))
    if stepping:
        scenery += step_box(
            (0.0, 0.0), (float(rng.uniform(0.3, 0.6)), float(rng.uniform(0.28, 0.45))), box, Step(rgb=(0.4, 0.3, 0.2))
        )
    renderer.stage(scenery, surface)
    view = View.of(camera)
    first = _random_pose(rng, main_motion, leg, level)
    kinds = ["quiet", "quiet"] + ["pose"] * 6
    rest = "lateral_step" if main_motion == "lateral_step" else leg
    single_leg = _quiet_pose(steady_rng, False, main_motion if stepping else leg, level, first)
    rows = []
    for kind in kinds:
        motion = main_motion if kind == "quiet" or rng.random() < 0.8 else str(rng.choice(_MOTIONS, p=shares))
        if kind == "quiet":
            pose = _quiet_pose(rng, both_feet, rest, level, first)
            if steady and not both_feet:
                pose = replace(pose, **{name: getattr(single_leg, name) for name in _FREE_LEG})
        elif steady:
            motion, pose = main_motion, _steady_pose(steady_rng, single_leg, level)
        else:
            pose = replace(_random_pose(rng, motion, leg, level), toe_out_deg=first.toe_out_deg)
        posture = solve(figure, pose, stance, arms, standing)
        points, normals = skin(surface.points, surface.normals, surface.weights, posture.frames)
        renderer.pose(0, points, normals)
        picture = record(renderer.draw(view, look, clothes), look, rng)
        rows.append(
            (
                {
                    "set": number,
                    "body": body,
                    "kind": kind,
                    "steady": steady,
                    "motion": motion if kind == "pose" else ("both_feet" if both_feet else "single_leg"),
                    "stance_side": stance,
                    "camera_facing": camera.facing,
                    "camera_yaw_deg": camera.yaw_deg,
                    "seen_from_aside_deg": view.aside_deg,
                    "camera_roll_deg": camera.roll_deg,
                    "exposure": look.exposure,
                    "free_foot_clear_m": free_foot_lowest_m(figure, posture, sole),
                    **pose_truth(posture),
                    **joint_pixels(posture, view),
                },
                picture,
                look.jpeg_quality,
            )
        )
    return rows


def render_training(
    out: Path,
    bodies: int,
    sets: int,
    seed: int,
    workers: int,
    only: str | None = None,
    steady_share: float = STEADY_SHARE,
    vary: bool = False,
) -> None:
    """Render the sets into `out`: JPEG frames, and `truth.parquet` with a row a frame."""
    out.mkdir(parents=True, exist_ok=True)
    tasks = [(out, bodies, sets, seed, start, workers, only, steady_share, vary) for start in range(workers)]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        parts = pool.starmap(_render_part, tasks)
    rows = sorted((row for part in parts for row in part), key=lambda row: str(row["file"]))
    pq.write_table(pa.Table.from_pylist(rows), out / "truth.parquet")
    (out / "made_by.json").write_text(
        json.dumps(
            {"bodies": bodies, "sets": sets, "seed": seed, "only": only, "steady_share": steady_share, "varied": vary}
        )
        + "\n"
    )


def _render_part(
    out: Path,
    bodies: int,
    sets: int,
    seed: int,
    start: int,
    step: int,
    only: str | None,
    steady_share: float,
    vary: bool,
) -> list[dict[str, Any]]:
    os.environ.setdefault("LP_NUM_THREADS", "1")  # Mesa's software renderer: one core a worker
    cv2.setNumThreads(1)
    done: list[dict[str, Any]] = []
    figure: Figure | None = None
    # A worker takes whole bodies, and their sets one after the other: shaping a body costs more than a set.
    with Renderer(*_SIZE) as renderer:
        for body in range(start, bodies, step):
            figure = make_figure(random_person(np.random.default_rng([seed, FIRST_BODY + body])))
            for number in range(body, sets, bodies):
                rows = draw_set(renderer, figure, number, body, seed, only, steady_share, vary)
                for index, (row, picture, quality) in enumerate(rows):
                    name = f"{number:05d}_{index}.jpg"
                    cv2.imwrite(str(out / name), picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
                    done.append({"file": name, **row})
            (out / f"progress_{start}.txt").write_text(f"{body} of {bodies}\n")
    return done
