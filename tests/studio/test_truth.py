"""What the studio says is true is in the joints, and in the pixels."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from screener.data import data_path
from screener.errors import BadDataFile, BrokenInstallation, WrongUse
from screener.studio.clip import render_clip, set_up
from screener.studio.figure import Figure, make_figure, skin
from screener.studio.kinematics import Posture, Standing, free_foot_lowest_m, solve
from screener.studio.motion import instants, quiet_stances
from screener.studio.render import Renderer, View
from screener.studio.room import furnish
from screener.studio.samples import sample_specs
from screener.studio.spec import (
    Arms,
    Bout,
    Camera,
    ClipSpec,
    Clothes,
    Person,
    Pose,
    Repetition,
    Room,
    Side,
    load_spec,
    save_spec,
)
from screener.studio.training import FIRST_BODY, draw_set
from screener.studio.truth import frame_truth, joint_pixels, outline_from_mesh, pose_truth
from screener.studio.validation import _numbers, random_spec, render_stills
from screener.studio.wardrobe import dress
from screener.video import open_video

SIZE = (320, 240)
SIDES: tuple[Side, Side] = ("left", "right")
ARMS: tuple[Arms, ...] = ("hips", "crossed", "sides", "forward", "raised", "out", "reach")


@pytest.fixture(scope="module")
def figure() -> Figure:
    try:
        return make_figure(Person(sex="female", stature_m=1.68, weight=0.6))
    except BrokenInstallation as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def renderer(figure: Figure) -> Iterator[Renderer]:
    try:
        with Renderer(*SIZE) as made:
            yield made
    except BrokenInstallation as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def random_pose(rng: np.random.Generator) -> Pose:
    """Anything a person on one leg may do."""
    fppa = float(rng.uniform(-20, 30))
    return Pose(
        knee_flexion_deg=float(rng.uniform(abs(fppa) + 2, 118)),
        fppa_deg=fppa,
        pelvic_obliquity_deg=float(rng.uniform(-28, 24)),
        pelvic_rotation_deg=float(rng.uniform(-15, 15)),
        trunk_lean_deg=float(rng.uniform(-15, 20)),
        trunk_rotation_deg=float(rng.uniform(-10, 10)),
        free_hip_flexion_deg=float(rng.uniform(-10, 60)),
        free_hip_abduction_deg=float(rng.uniform(-5, 40)),
        free_knee_flexion_deg=float(rng.uniform(2, 110)),
        toe_out_deg=float(rng.uniform(0, 15)),
    )


@pytest.mark.parametrize("seed", range(12))
def test_the_angles_asked_for_are_read_back_from_the_joints(seed: int, figure: Figure) -> None:
    rng = np.random.default_rng(seed)
    pose, stance, arms = random_pose(rng), SIDES[seed % 2], ARMS[seed % len(ARMS)]
    truth = pose_truth(solve(figure, pose, stance, arms, Standing()))
    assert truth["pelvic_obliquity_deg"] == pytest.approx(pose.pelvic_obliquity_deg, abs=0.01)
    assert truth["fppa_frontal_plane_deg"] == pytest.approx(pose.fppa_deg, abs=0.01)
    assert truth["knee_flexion_deg"] == pytest.approx(pose.knee_flexion_deg, abs=0.01)
    assert truth["trunk_lean_deg"] == pytest.approx(pose.trunk_lean_deg, abs=0.05)


def test_signs_are_those_of_the_house(figure: Figure) -> None:
    pose = Pose(knee_flexion_deg=50, fppa_deg=12, pelvic_obliquity_deg=9, trunk_lean_deg=8)
    joints = solve(figure, pose, "right", "hips", Standing()).joints
    assert joints["hip.L"][1] < joints["hip.R"][1]  # a drop: the free side is lower
    between = (joints["hip.R"][0] + joints["ankle.R"][0]) / 2
    assert joints["knee.R"][0] > between  # valgus: the right knee is to the left of its straight line
    assert joints["neck"][0] < (joints["hip.L"][0] + joints["hip.R"][0]) / 2  # the trunk is over the right side


def test_left_and_right_are_mirror_images(figure: Figure) -> None:
    pose = Pose(knee_flexion_deg=62, fppa_deg=9, pelvic_obliquity_deg=6, trunk_lean_deg=4, pelvic_rotation_deg=5)
    left, right = (solve(figure, pose, side, "hips", Standing()).joints for side in SIDES)
    for name, place in left.items():
        twin = name[:-1] + {"L": "R", "R": "L"}[name[-1]] if "." in name else name
        np.testing.assert_allclose(right[twin] * [-1, 1, 1], place, atol=0.004)


def test_the_body_has_its_stature_and_its_hips_where_hips_are(figure: Figure) -> None:
    standing = solve(figure, Pose(free_foot_down=1.0), "left", "sides", Standing())
    points, _ = skin(figure.vertices, figure.normals, _weights(), standing.frames)
    assert np.ptp(figure.vertices[:13380, 1]) == pytest.approx(1.68, abs=0.001)
    assert np.linalg.norm(standing.joints["hip.L"] - standing.joints["hip.R"]) == pytest.approx(0.106 * 1.68)
    assert points[:13380, 1].min() == pytest.approx(0.0, abs=0.008)  # both feet on the floor


def _weights() -> np.typing.NDArray[np.float32]:
    from screener.studio.figure import read_template

    return read_template().weights


@pytest.mark.parametrize("leg", [{"free_knee_flexion_deg": 70}, {"free_knee_flexion_deg": 5}])
def test_no_foot_goes_through_the_floor(leg: dict[str, float], figure: Figure) -> None:
    pose = replace(Pose(knee_flexion_deg=95), **leg)
    posture = solve(figure, pose, "left", "hips", Standing(sole_m=0.02))
    assert 0 < free_foot_lowest_m(figure, posture, 0.02) < 0.06


def test_no_leg_goes_through_the_step_that_it_hangs_over() -> None:
    deep = Repetition(knee_flexion_deg=90.0)
    spec = replace(random_spec(4, 200), task="forward_step_down")
    spec = replace(spec, bouts=(replace(spec.bouts[0], repetitions=(deep,)),))
    stage, posture, ahead = set_up(spec), None, []
    edge = stage.standing.edge_ahead_m
    assert edge is not None
    free = "R" if spec.bouts[0].stance_side == "left" else "L"
    for instant in instants(spec):
        posture = solve(stage.figure, instant.pose, spec.bouts[0].stance_side, "hips", stage.standing, posture)
        rotation, offset = posture.frames[f"foot.{free}"]
        sole = stage.figure.soles[free] @ rotation.T + offset
        below = sole[:, 1] - stage.standing.sole_m < stage.standing.stance_floor_m - 0.002
        if below.any():
            ahead.append(sole[below, 2].min() - edge)
        assert len(ahead) or instant.phase != "bottom", "a step-down ends below the step"
    assert -0.005 < min(ahead) < 0.05, "close by the edge, and never in the step"


def test_a_camera_stands_and_turns_where_its_signs_say(figure: Figure) -> None:
    posture = solve(figure, Pose(free_foot_down=1.0), "left", "sides", Standing())

    def seen(**camera: object) -> dict[str, float]:
        return joint_pixels(posture, View.of(replace(Camera(), **camera)))  # type: ignore[arg-type]

    assert seen()["left_hip_x_px"] > seen()["right_hip_x_px"]
    assert seen(facing="posterior")["left_hip_x_px"] < seen(facing="posterior")["right_hip_x_px"]
    assert View.of(Camera(yaw_deg=20)).eye[0] > 0  # on the person's left
    turned = seen(roll_deg=8.0)
    assert turned["left_shoulder_x_px"] < turned["left_ankle_x_px"]  # the picture turns counter-clockwise
    height = seen()["left_ankle_y_px"] - seen()["left_shoulder_y_px"]
    farther = seen(distance_m=6.0)
    assert farther["left_ankle_y_px"] - farther["left_shoulder_y_px"] == pytest.approx(height / 2, rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_the_outline_in_the_picture_is_that_of_the_projected_body(
    seed: int, figure: Figure, renderer: Renderer
) -> None:
    rng = np.random.default_rng(100 + seed)
    camera = Camera(
        facing=("anterior", "posterior")[seed % 2],  # type: ignore[arg-type]
        yaw_deg=float(rng.uniform(-25, 25)),
        roll_deg=float(rng.uniform(-5, 5)),
        width_px=SIZE[0],
        height_px=SIZE[1],
    )
    view, surface = View.of(camera), dress(figure, Clothes(feet="bare"))
    posture = solve(figure, random_pose(rng), SIDES[seed % 2], "hips", Standing())
    points, normals = skin(surface.points, surface.normals, surface.weights, posture.frames)
    renderer.stage(furnish(Room()), surface)
    renderer.pose(0, points, normals)
    drawn, known = renderer.outline(view), outline_from_mesh(surface, points, view)

    assert drawn.sum() > 2000
    around = np.ones((3, 3), np.uint8)
    assert not (drawn & ~cv2.dilate(known.astype(np.uint8), around).astype(bool)).any()
    assert not (known & ~cv2.dilate(drawn.astype(np.uint8), around).astype(bool)).any()
    pixels = joint_pixels(posture, view)
    for name in ("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"):
        assert drawn[int(pixels[f"{name}_y_px"]), int(pixels[f"{name}_x_px"])], name


def short_clip() -> ClipSpec:
    repetition = Repetition(knee_flexion_deg=50, pelvic_drop_deg=6, fppa_deg=8, down_s=0.5, up_s=0.5, rest_s=0.2)
    bout = Bout("right", (repetition,), static_drop_deg=4, both_feet_s=0.4, single_leg_s=0.4, wobble_deg=0.3)
    camera = Camera(width_px=SIZE[0], height_px=SIZE[1])
    return ClipSpec(name="short", seed=5, camera=camera, bouts=(bout,), fps=5.0)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, renderer: Renderer) -> Path:
    return render_clip(short_clip(), tmp_path_factory.mktemp("clip"), renderer)


@pytest.mark.xfail(
    strict=False,
    reason="open: now and then 0.05 to 3 % of a picture's values differ, at most 2 of 255 where that was printed",
)
def test_a_spec_file_renders_the_same_clip_again(video: Path, tmp_path: Path, renderer: Renderer) -> None:
    again = render_clip(load_spec(video.with_suffix(".spec.json")), tmp_path, renderer)
    for one, other in zip(open_video(video), open_video(again), strict=True):
        np.testing.assert_array_equal(one.rgb, other.rgb)
    for suffix in (".truth.csv", ".truth.json"):
        assert video.with_suffix(suffix).read_bytes() == again.with_suffix(suffix).read_bytes()


def test_truth_files_say_what_was_asked_for(video: Path) -> None:
    truth = json.loads(video.with_suffix(".truth.json").read_text(encoding="utf-8"))
    with video.with_suffix(".truth.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with open_video(video) as source:
        assert len(list(source)) == len(rows)

    assert (truth["task"], truth["stance_side"]) == ("single_leg_squat", "right")
    (one,) = truth["sets"]
    assert one["quiet_stance"]["kind"] == "bilateral"
    (repetition,) = truth["repetitions"]
    assert repetition["pelvic_drop_deg"] == pytest.approx(4 + 6, abs=0.6)  # static and dynamic, and some sway
    assert repetition["fppa_deg"] == pytest.approx(8, abs=0.6)
    assert repetition["knee_flexion_deg"] == pytest.approx(50, abs=1.5)
    on_one_leg = [float(row["pelvic_drop_deg"]) for row in rows if row["phase"] == "single_leg"]
    assert np.mean(on_one_leg) == pytest.approx(4, abs=0.6)  # it drops as soon as the foot is off the floor
    during = [row for row in rows if row["repetition"] == "0"]
    deepest = max(during, key=lambda row: float(row["knee_flexion_deg"]))
    assert float(deepest["time_s"]) == pytest.approx(repetition["bottom_s"])
    assert {row["both_feet"] for row in rows if row["phase"] == "both_feet"} == {"1"}


def test_specs_survive_their_files_and_rubbish_does_not(tmp_path: Path) -> None:
    for spec in sample_specs():
        save_spec(spec, tmp_path / "spec.json")
        assert load_spec(tmp_path / "spec.json") == spec
    (tmp_path / "bad.json").write_text('{"task": "cartwheel"}', encoding="utf-8")
    with pytest.raises(BadDataFile, match=r"bad\.json is not a clip spec"):
        load_spec(tmp_path / "bad.json")


def test_a_lateral_step_down_cannot_begin_on_both_feet() -> None:
    spec = replace(short_clip(), task="lateral_step_down")
    with pytest.raises(WrongUse, match="free foot beside the step"):
        list(instants(spec))


def test_a_touch_of_the_floor_is_in_the_truth() -> None:
    spec = short_clip()
    touching = replace(spec.bouts[0].repetitions[0], touches_floor=True)
    spec = replace(spec, bouts=(replace(spec.bouts[0], repetitions=(touching,)),), fps=30.0)
    down = [i.time_s for i in instants(spec) if i.repetition == 0 and i.pose.free_foot_down >= 1]
    assert 0.15 < down[-1] - down[0] < 0.3


@pytest.mark.parametrize("path", sorted(data_path("sample_videos").glob("*.spec.json")), ids=lambda path: path.name)
def test_bundled_samples_are_what_their_specs_say(path: Path, figure: Figure) -> None:
    folder, kept = path.parent, load_spec(path)
    spec = next(spec for spec in sample_specs() if spec.name == kept.name)
    assert replace(kept, box_height_m=None) == spec
    with (folder / f"{spec.name}.truth.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    truth = json.loads((folder / f"{spec.name}.truth.json").read_text(encoding="utf-8"))
    assert [len(one["repetitions"]) for one in truth["sets"]] == [len(bout.repetitions) for bout in spec.bouts]
    assert len(quiet_stances(spec)) == len(truth["sets"])

    stage, wanted = set_up(kept), list(instants(kept))
    assert len(wanted) == len(rows)
    for index in range(20, len(rows), 97):
        instant = wanted[index]
        bout = kept.bouts[instant.bout]
        posture: Posture = solve(stage.figure, instant.pose, bout.stance_side, bout.arms, stage.standing)
        again = frame_truth(instant, posture, stage.view).numbers
        for name, value in again.items():
            near = 1.5 if name.endswith("_px") else 0.2  # balance is found to 0.5 mm sideways and 3 mm ahead
            assert float(rows[index][name]) == pytest.approx(value, abs=near), name


def test_samples_are_of_bodies_that_training_never_draws() -> None:
    specs = sample_specs()
    assert len({spec.name for spec in specs}) == len(specs) >= 10
    assert max(spec.seed for spec in specs) < FIRST_BODY
    assert {(spec.task, bout.stance_side) for spec in specs for bout in spec.bouts} >= {
        ("single_leg_squat", "left"),
        ("single_leg_squat", "right"),
        ("forward_step_down", "right"),
        ("lateral_step_down", "left"),
    }


def test_whoever_is_dressed_more_freely_moves_alike() -> None:
    bare, unused, matted = set(), set(), 0
    for number in range(60):
        plain, varied = (random_spec(number, 71, vary) for vary in (False, True))
        assert varied.clothes != plain.clothes
        assert replace(varied.person, skin_rgb=plain.person.skin_rgb) == plain.person
        alike = replace(varied, person=plain.person, clothes=plain.clothes, look=plain.look, step=plain.step)
        assert replace(alike, room=replace(alike.room, mats=())) == plain
        bare |= {varied.person.sex} if varied.clothes.top == "none" else set()
        unused |= {varied.task} if varied.step.aside_m is not None else set()
        matted += len(varied.room.mats) > 0
    assert bare == {"male"}
    assert unused == {"single_leg_squat"}, "nobody steps down from a step that stands elsewhere"
    assert 20 < matted < 50


def test_whoever_is_filmed_from_behind_is_the_same_person_who_does_the_same() -> None:
    usual = [random_spec(number, 170) for number in range(60)]
    for number, plain in enumerate(usual):
        behind = random_spec(number, 170, behind=True)
        assert behind.camera.facing == "posterior"
        # But that nobody looks over the shoulder at the camera.
        bout, looks = behind.bouts[0], {"head_yaw_deg": plain.bouts[0].quiet.head_yaw_deg}
        alike = replace(behind, bouts=(replace(bout, quiet=replace(bout.quiet, **looks)),))
        assert replace(alike, camera=replace(behind.camera, facing=plain.camera.facing)) == plain
    assert 1 <= sum(spec.camera.facing == "posterior" for spec in usual) <= 12, "one in fourteen"


def test_faces_do_not_tell_where_the_camera_stands() -> None:
    specs = [random_spec(number, 210) for number in range(200)]
    seen = [spec for spec in specs if spec.camera.facing == "anterior"]
    head = [spec.bouts[0].quiet.head_yaw_deg * (1 if spec.bouts[0].stance_side == "left" else -1) for spec in seen]
    from_camera = np.array([spec.camera.yaw_deg for spec in seen]) - head
    aside = np.std([spec.camera.yaw_deg for spec in seen])
    assert np.std(head) > 0.4 * aside, "they look about"
    assert np.std(from_camera) < 0.9 * aside, "and rather towards the camera than away"
    assert np.ptp([spec.bouts[0].quiet.head_pitch_deg for spec in specs]) > 20


def test_of_one_task_alone_the_same_people_are_drawn(tmp_path: Path) -> None:
    numbers = _numbers(60, 210, "forward_step_down")
    assert 5 < len(numbers) < 30
    assert {random_spec(number, 210).task for number in numbers} == {"forward_step_down"}
    assert _numbers(60, 210, None) == list(range(60))
    with pytest.raises(WrongUse, match="forward_step_down"):
        render_stills(tmp_path, 1, 210, 1, only="forward")


def test_cloth_ends_where_it_is_asked_to(figure: Figure) -> None:
    top, bottom = (0.5, 0.0, 0.0), (0.0, 0.5, 0.0)

    def cloth(rgb: tuple[float, float, float], **changed: Any) -> NDArray[np.float64]:
        surface = dress(figure, Clothes(top_rgb=top, bottom_rgb=bottom, **changed))
        return surface.points[(surface.cut >= 0) & (surface.rgb == rgb).all(axis=1)]

    higher = cloth(bottom, waist_m=0.06)[:, 1].max() - cloth(bottom)[:, 1].max()
    lower = cloth(top)[:, 1].min() - cloth(top, top_hem_m=0.06)[:, 1].min()
    assert 0.02 < higher < 0.10  # a mesh has its vertices where it has them
    assert 0.02 < lower < 0.10
    assert not len(cloth(top, top="none"))
    askew = cloth(bottom, askew_deg=10.0)
    left, right = (askew[sign * askew[:, 0] > 0.08][:, 1].max() for sign in (1, -1))
    assert left < right - 0.01
    assert len(cloth((0.0, 0.0, 0.5), trim_rgb=(0.0, 0.0, 0.5))) > 20


def test_a_training_set_is_two_quiet_frames_and_six_poses_of_one_body(figure: Figure) -> None:
    try:
        with Renderer(640, 480) as renderer:
            rows = draw_set(renderer, figure, 3, 0, seed=8)
    except BrokenInstallation as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    assert [row["kind"] for row, _, _ in rows] == ["quiet"] * 2 + ["pose"] * 6
    assert len({row["stance_side"] for row, _, _ in rows}) == 1
    assert all(np.isfinite(value) for row, _, _ in rows for value in row.values() if isinstance(value, float))
    assert {picture.shape for _, picture, _ in rows} == {(480, 640, 3)}
    first, second = rows[2][1].astype(int), rows[3][1].astype(int)
    assert (np.abs(first - second).max(axis=2) > 60).sum() > 300  # the person has moved


def test_nothing_else_needs_the_studio_and_the_studio_needs_no_torch() -> None:
    code = (
        "import sys, screener, screener.cli, screener.pipeline; "
        "assert not [m for m in sys.modules if m.startswith('screener.studio')]; "
        "import screener.studio.samples; "
        "assert not {'anny', 'torch', 'moderngl'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
