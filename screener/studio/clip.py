"""A spec, rendered: `NAME.mp4` with its `NAME.truth.csv`, `NAME.truth.json` and `NAME.spec.json`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.studio.figure import Figure, make_figure, skin
from screener.studio.kinematics import Posture, Standing, free_foot_lowest_m, solve
from screener.studio.motion import Instant, bottom_pose, instants, quiet_stances
from screener.studio.render import Image, Renderer, View, record
from screener.studio.room import Scenery, furnish, step_box, turned_to
from screener.studio.spec import ClipSpec, Look, Pose, save_spec
from screener.studio.truth import FrameTruth, frame_truth, write_truth
from screener.studio.wardrobe import SOLE_M, Surface, dress
from screener.video import VideoWriter

__all__ = ["Stage", "filmed_anew", "frames", "render_clip", "set_up", "shots"]

_DEEP_M = 10.0  # a floor far below: how low would the free foot go?


@dataclass(frozen=True, slots=True)
class Stage:
    """What a clip's frames share: the body and its surface, the place, the camera and what is stood on."""

    figure: Figure
    surface: Surface
    bystander: tuple[NDArray[np.float32], NDArray[np.float32], Surface] | None
    scenery: Scenery
    view: View
    standing: Standing


def set_up(spec: ClipSpec) -> Stage:
    """Builds body, clothes, place and step."""
    figure = make_figure(spec.person)
    sole_m = SOLE_M[spec.clothes.feet]
    standing = Standing(sole_m=sole_m)
    if spec.task != "single_leg_squat":
        height_m = spec.box_height_m or _box_height_m(spec, figure, sole_m)
        # The free heel may touch the floor: nothing lifts it before.
        standing = Standing(height_m, height_m, -0.025, sole_m, _edge_ahead_m(spec, figure))
    bystander = None
    if spec.room.bystander is not None:
        other = make_figure(spec.room.bystander)
        worn = dress(other, spec.room.bystander_clothes)
        still = Pose(free_foot_down=1.0, trunk_rotation_deg=6, head_yaw_deg=12)
        posture = solve(other, still, "left", "sides", Standing(sole_m=SOLE_M[spec.room.bystander_clothes.feet]))
        points, normals = skin(worn.points, worn.normals, worn.weights, posture.frames)
        left, ahead = spec.room.bystander_at_m
        bystander = (points + np.array([left, 0, ahead], np.float32), normals, worn)
    scenery = _scenery(spec, figure, standing)
    return Stage(figure, dress(figure, spec.clothes), bystander, scenery, View.of(spec.camera), standing)


def filmed_anew(spec: ClipSpec, stage: Stage) -> Stage:
    """The same people and place before the camera that `spec` has now."""
    return replace(stage, scenery=_scenery(spec, stage.figure, stage.standing), view=View.of(spec.camera))


def _scenery(spec: ClipSpec, figure: Figure, standing: Standing) -> Scenery:
    """The room, turned to the camera, and the step in it."""
    scenery = turned_to(spec.camera, furnish(spec.room))
    if spec.task != "single_leg_squat":
        scenery += _box(spec, figure, standing.stance_floor_m)
    elif spec.step.aside_m is not None:
        scenery += step_box(spec.step.aside_m, (0.5, 0.38), spec.step.height_m, spec.step)
    return scenery


def _box_height_m(spec: ClipSpec, figure: Figure, sole_m: float) -> float:
    """The height from which the free foot just reaches the floor in the repetition that reaches lowest."""
    free = Standing(0.0, 0.0, -_DEEP_M, sole_m, _edge_ahead_m(spec, figure))
    lowest = [
        free_foot_lowest_m(figure, solve(figure, bottom_pose(bout, index), bout.stance_side, bout.arms, free), sole_m)
        for bout in spec.bouts
        for index in range(len(bout.repetitions))
    ]
    return max(0.05, -min(lowest))


def _edge_ahead_m(spec: ClipSpec, figure: Figure) -> float | None:
    """Where the step ends that the free leg reaches over: just ahead of the toes."""
    if spec.task != "forward_step_down":
        return None
    return 0.01 + float(figure.soles["L"][:, 2].max() - figure.joints["ankle.L"][2])


def _box(spec: ClipSpec, figure: Figure, height_m: float) -> Scenery:
    """The step under the stance foot: toes near its front edge, or the foot's inner side near its side edge."""
    bout = spec.bouts[0]
    s = 1.0 if bout.stance_side == "left" else -1.0
    stance_x = s * bout.quiet.feet_apart * float(figure.joints["hip.L"][0])
    step = spec.step
    ahead = _edge_ahead_m(spec, figure)
    if ahead is not None:
        wide, deep = 0.55 + step.wider_m, 0.36 + step.deeper_m
        return step_box((0.0, ahead - deep / 2), (wide, deep), height_m, step)
    inner, wide, deep = stance_x - s * 0.075, 0.4 + step.wider_m, 0.42 + step.deeper_m
    return step_box((inner + s * wide / 2, 0.04), (wide, deep), height_m, step)


def frames(spec: ClipSpec, renderer: Renderer) -> Iterator[tuple[Instant, Posture, Stage, Image]]:
    """The clip's frames, one after the other, as the camera records them."""
    stage = set_up(spec)
    every = list(instants(spec))
    for instant, (posture, image) in zip(every, shots(spec, stage, renderer, every), strict=True):
        yield instant, posture, stage, image


def shots(
    spec: ClipSpec, stage: Stage, renderer: Renderer, wanted: Iterable[Instant]
) -> Iterator[tuple[Posture, Image]]:
    """The body as it is, and its picture as the camera records it, at some instants of the clip."""
    people = [stage.surface] + ([stage.bystander[2]] if stage.bystander else [])
    renderer.stage(stage.scenery, *people)
    if stage.bystander:
        renderer.pose(1, *stage.bystander[:2])
    rng = np.random.default_rng([spec.seed, 1])
    posture: Posture | None = None
    for instant in wanted:
        bout = spec.bouts[instant.bout]
        posture = solve(stage.figure, instant.pose, bout.stance_side, bout.arms, stage.standing, posture)
        surface = stage.surface
        renderer.pose(0, *skin(surface.points, surface.normals, surface.weights, posture.frames))
        image = record(renderer.draw(stage.view, spec.look, spec.clothes), spec.look, rng)
        yield posture, _compressed(image, spec.look)


def _compressed(image: Image, look: Look) -> Image:
    jpeg = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, look.jpeg_quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1])


def render_clip(spec: ClipSpec, out: Path, renderer: Renderer | None = None) -> Path:
    """Renders the clip and its truth into a folder; returns the video's path.

    The same spec gives the same pictures on the same software renderer. The spec is written with the height
    of its step filled in.
    """
    out.mkdir(parents=True, exist_ok=True)
    video = out / f"{spec.name}.mp4"
    size = (spec.camera.width_px, spec.camera.height_px)
    truths: list[FrameTruth] = []
    box_m = 0.0
    with (
        nullcontext(renderer) if renderer is not None else Renderer(*size) as brush,
        VideoWriter(video, spec.fps) as writer,
    ):
        for instant, posture, stage, image in frames(spec, brush):
            writer.write(image, instant.time_s)
            truths.append(frame_truth(instant, posture, stage.view))
            box_m = stage.standing.stance_floor_m
    write_truth(spec, truths, quiet_stances(spec), box_m, out / spec.name)
    save_spec(replace(spec, box_height_m=box_m or None), out / f"{spec.name}.spec.json")
    return video
