"""Numbers read from a stick figure of known pose, and the words where there is no number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from screener.measures import (
    MEASURES,
    Corrector,
    MeasuredTrial,
    Measurement,
    MeasureName,
    NotMeasured,
    PoseSample,
    Reading,
    instants_to_read,
    measure_trial,
    sample_pose,
)
from screener.measures.error_model import Estimate
from screener.measures.reading import raw_values
from screener.motion import Joints, read_motion
from screener.pose import Landmark, PoseTrack
from screener.terms import Side
from tests.figures import HIPS_PX, LEG_PX, Figure, lift, mirrored, on_both, perform, pose_px, squat, step_down

SIDES: tuple[Side, Side] = ("left", "right")


def sample(figure: Figure, from_behind: bool = False) -> PoseSample:
    return PoseSample(pose_px(figure, from_behind=from_behind), np.zeros((33, 3)), 1, "full")


def raw(quiet: PoseSample, at: PoseSample, stance: Side) -> dict[MeasureName, float]:
    return raw_values(quiet, at, stance, Joints.from_track(perform(on_both(0.5))))


def measured(track: PoseTrack, corrector: Corrector | None = None) -> MeasuredTrial:
    motion = read_motion(track)
    assert motion.view is not None
    (trial,) = motion.trials
    return measure_trial(trial, motion.joints, motion.view, (track,), corrector)


@dataclass(frozen=True)
class StandIn:
    """A corrector that says what a test wants it to, of what one of the pose bundles sees."""

    says: Callable[[PoseSample, PoseSample, dict[MeasureName, float]], dict[MeasureName, Estimate]]
    model: str = "full"

    def camera_yaw_deg(self, quiet: PoseSample, at: PoseSample, stance: Side) -> float:
        return 0.0

    def correct(
        self, quiet: PoseSample, at: PoseSample, stance: Side, raw: dict[MeasureName, float], *, grainy: bool = False
    ) -> dict[MeasureName, Estimate]:
        assert stance == "left"
        assert not grainy
        assert set(raw) > {"pelvic_drop_deg", "fppa_deg"}
        return self.says(quiet, at, raw)


def number(reading: Reading) -> float:
    assert isinstance(reading, Measurement), reading
    return reading.value


@pytest.mark.parametrize("from_behind", [False, True], ids=["from the front", "from behind"])
@pytest.mark.parametrize("stance", SIDES)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_raw_formulas_read_the_figure(stance: Side, sign: float, from_behind: bool) -> None:
    quiet = sample(Figure(stance, drop_deg=2.0), from_behind)
    at = sample(Figure(stance, 50.0, sign * 12, 2.0 + sign * 6, sign * 5, rise=0.3), from_behind)
    found = raw(quiet, at, stance)
    assert set(MEASURES) - set(found) == {"tempo_s", "knee_wobble_deg", "foot_touchdowns", "foot_drift_pct"}
    assert found["fppa_deg"] == pytest.approx(sign * 12)
    assert found["pelvic_drop_deg"] == pytest.approx(sign * 6), "a change from quiet stance"
    assert found["hip_adduction_deg"] == pytest.approx(sign * (6 + 6)), "the thigh's inclination and the drop"
    assert found["trunk_lean_deg"] == pytest.approx(sign * 5)
    # Seen from the front, the bend of FPPA shortens the leg too, a little: it passes for 1.3° of flexion.
    assert found["knee_flexion_deg"] == pytest.approx(50.0, abs=1.5)
    # The shank, 0.5 of the leg long, tilts forward by 0.42 of the flexion and inwards by half of FPPA.
    inwards_pct = 100 * np.cos(np.radians(0.42 * 50)) * np.sin(np.radians(sign * 6))
    assert found["knee_over_foot_pct"] == pytest.approx(inwards_pct)
    assert np.sign(found["knee_medial_displacement_pct"]) == sign


def test_the_pelvis_s_shift_is_a_change_from_quiet_stance_in_leg_lengths() -> None:
    quiet, moved = Figure("left"), sample(Figure("left"))
    px = moved.px.copy()
    px[23:25, 0] += 20.0  # both hips 20 px towards the person's left: out over the stance foot
    found = raw(sample(quiet), replace(moved, px=px), "left")
    assert found["pelvic_shift_pct"] == pytest.approx(-100 * 20 / LEG_PX, rel=0.01)
    assert found["pelvic_drop_deg"] == pytest.approx(0.0)


def test_a_rolled_picture_moves_no_change_from_quiet_stance() -> None:
    def rolled(pose: PoseSample, deg: float) -> PoseSample:
        angle = np.radians(deg)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return replace(pose, px=pose.px @ turn)

    quiet, at = sample(Figure("right")), sample(Figure("right", 50.0, 12.0, 6.0, 5.0))
    level, tilted = raw(quiet, at, "right"), raw(rolled(quiet, 5.0), rolled(at, 5.0), "right")
    for name in ("pelvic_drop_deg", "fppa_deg", "knee_flexion_deg"):
        assert tilted[name] == pytest.approx(level[name], abs=1e-9), name  # type: ignore[index]


@pytest.mark.parametrize("from_behind", [False, True], ids=["from the front", "from behind"])
@pytest.mark.parametrize("stance", SIDES)
def test_a_trial_is_read_at_its_bottoms(stance: Side, from_behind: bool) -> None:
    track = perform(
        on_both(2.0),
        lift(stance),
        squat(stance, deg=62.0, times=3, fppa_deg=12.0, drop_deg=7.0, lean_deg=5.0),
        from_behind=from_behind,
    )
    trial = measured(track)
    expected = {
        "fppa_deg": 12.0,
        "pelvic_drop_deg": 7.0,
        "hip_adduction_deg": 13.0,
        "trunk_lean_deg": 5.0,
        "knee_flexion_deg": 62.0,
        "foot_touchdowns": 0.0,
        "foot_drift_pct": 0.0,
    }
    for rep in trial.repetitions:
        assert rep.counted
        assert (rep.read_at, rep.read_s) == ("bottom", rep.bottom_s)
        assert {name: number(rep.measures[name]) for name in expected} == pytest.approx(expected, abs=1.0)  # type: ignore[index]
        assert 1.2 < number(rep.measures["tempo_s"]) <= 2.0
        assert number(rep.measures["knee_wobble_deg"]) < 1.0
        assert list(rep.at_depth) == ["30", "45", "60", "bottom"]
        assert all(rep.measures[name] == reading for name, reading in rep.at_depth["bottom"].items())
        for depth in ("30", "45", "60"):
            assert number(rep.at_depth[depth]["knee_flexion_deg"]) == pytest.approx(float(depth), abs=4.0)
        valgus = [number(readings["fppa_deg"]) for readings in rep.at_depth.values()]
        assert valgus == sorted(valgus), "it grows with depth"
    assert number(trial.summary["fppa_deg"]) == pytest.approx(12.0, abs=0.5)
    for reading in trial.summary.values():
        assert isinstance(reading, Measurement)
        assert reading.low <= reading.value <= reading.high


def test_a_mirror_image_reads_the_same() -> None:
    track = perform(on_both(2.0), lift("left"), squat("left", times=3), yaw_deg=6.0, noise_px=0.5)
    one, two = measured(track), measured(mirrored(track))
    assert (one.stance_side, two.stance_side) == ("left", "right")
    for name in MEASURES:
        assert number(two.summary[name]) == pytest.approx(number(one.summary[name]), abs=1e-3), name


@pytest.mark.parametrize("deg", [75.0, 95.0, 118.0])
def test_a_deep_repetition_is_read_at_sixty_five_degrees_on_the_way_down(deg: float) -> None:
    track = perform(on_both(2.0), lift("left"), squat("left", deg=deg, seconds=3.0, times=2, fppa_deg=20.0))
    for rep in measured(track).repetitions:
        assert rep.read_at == "deepest_readable"
        assert rep.read_s is not None
        assert rep.start_s < rep.read_s < rep.bottom_s
        assert rep.shown_s == rep.read_s
        assert number(rep.measures["knee_flexion_deg"]) == pytest.approx(deg, abs=4.0), "the depth is the bottom's"
        # The thigh's projection is half its length where 0.58 of the flexion is 60°: at 103°; below it nothing is read.
        assert list(rep.at_depth) == ["30", "45", "60"] + ["bottom"] * (deg < 100)
        least, most = number(rep.at_depth["60"]["fppa_deg"]), 20.0
        assert least < number(rep.measures["fppa_deg"]) < least + 0.3 * (most - least) + 1.0
        if "bottom" in rep.at_depth:
            assert number(rep.at_depth["bottom"]["fppa_deg"]) == pytest.approx(20.0, abs=1.0)


def test_a_bottom_that_the_closer_look_finds_less_deep_is_read() -> None:
    def less_bent(quiet: PoseSample, at: PoseSample, raw: dict[MeasureName, float]) -> dict[MeasureName, Estimate]:
        return {"knee_flexion_deg": Estimate(raw["knee_flexion_deg"] - 10.0, 4.0)}

    track = perform(on_both(2.0), lift("left"), squat("left", deg=70.0, times=2))
    assert {rep.read_at for rep in measured(track).repetitions} == {"deepest_readable"}
    for rep in measured(track, StandIn(less_bent)).repetitions:
        assert (rep.read_at, rep.read_s) == ("bottom", rep.bottom_s)


def test_what_the_closer_look_saw_at_the_bottom_only_is_read_there() -> None:
    track = perform(on_both(2.0), lift("left"), squat("left", deg=90.0, seconds=3.0, times=2, fppa_deg=20.0))
    motion = read_motion(track)
    assert motion.view is not None
    (trial,) = motion.trials
    quiet = (track.times_s >= trial.quiet_stance.start_s) & (track.times_s <= trial.quiet_stance.end_s)
    bottoms = np.any([np.abs(track.times_s - rep.bottom_s) < 0.05 for rep in trial.repetitions], axis=0)
    closer = replace(track, model="heavy").only(quiet | bottoms)
    for rep in measure_trial(trial, motion.joints, motion.view, (track, closer)).repetitions:
        assert (rep.read_at, rep.read_s) == ("bottom", rep.bottom_s)
        assert number(rep.measures["fppa_deg"]) == pytest.approx(20.0, abs=1.0)


def test_a_foot_s_landmark_that_is_drawn_along_does_not_change_the_depth() -> None:
    """The other leg draws the standing ankle's landmark along, here by 3 % of leg length at the bottom."""
    track = perform(on_both(2.0), lift("left"), squat("left", deg=80.0, seconds=3.0, times=2))
    ankle = track.image_px[:, Landmark.LEFT_ANKLE]
    sunk = track.image_px[:, Landmark.LEFT_HIP, 1] - np.min(track.image_px[:, Landmark.LEFT_HIP, 1])
    leg_px = float(np.max(ankle[:, 1] - track.image_px[:, Landmark.LEFT_HIP, 1]))
    ankle[:, 1] += 0.03 * leg_px * sunk / np.max(sunk)
    for rep in measured(track).repetitions:
        assert number(rep.measures["knee_flexion_deg"]) == pytest.approx(80.0, abs=2.0)


def test_the_quiet_stance_is_what_the_drop_is_counted_from() -> None:
    from_both = perform(on_both(2.0), lift("left"), squat("left", times=2, drop_deg=6.0))
    tilted = perform(on_both(2.0, drop_deg=4.0), squat("left", times=2, drop_deg=6.0))
    assert number(measured(from_both).summary["pelvic_drop_deg"]) == pytest.approx(6.0, abs=0.3)
    assert number(measured(tilted).summary["pelvic_drop_deg"]) == pytest.approx(2.0, abs=0.3)


def test_what_is_not_counted_is_not_measured_and_says_why() -> None:
    track = perform(
        on_both(2.0), lift("left"), squat("left"), squat("left", deg=25.0, drop_deg=0.0, fppa_deg=0.0), squat("left")
    )
    trial = measured(track)
    shallow = trial.repetitions[1]
    assert set(shallow.measures) == set(MEASURES)
    assert set(shallow.measures.values()) == {NotMeasured("The repetition was not counted: too shallow.")}
    assert shallow.at_depth == {}
    reading = trial.summary["fppa_deg"]
    assert isinstance(reading, Measurement)
    assert reading.n == 2


def test_nothing_frontal_is_read_from_aside() -> None:
    trial = measured(perform(on_both(2.0), lift("left"), squat("left", times=2), yaw_deg=45.0))
    for reading in (*trial.summary.values(), *trial.repetitions[0].measures.values()):
        assert isinstance(reading, NotMeasured)
        assert "Turn to face the camera" in reading.reason


def test_touch_downs_are_no_measure_of_a_step_down() -> None:
    trial = measured(perform(on_both(0.1), step_down("left")))
    reading = trial.summary["foot_touchdowns"]
    assert isinstance(reading, NotMeasured)
    assert "meant to touch" in reading.reason
    assert isinstance(trial.summary["fppa_deg"], Measurement)


def test_a_shaking_knee_wobbles_more_than_a_steady_one() -> None:
    steady = perform(on_both(2.0), lift("left"), squat("left", times=2, seconds=3.0))
    px = steady.image_px.copy()
    px[:, 25, 0] += 4.0 * np.sin(2 * np.pi * 2.5 * steady.times_s)  # ± 4 px across, 2.5 times a second
    still, shaking = (number(measured(t).summary["knee_wobble_deg"]) for t in (steady, replace(steady, image_px=px)))
    # 4 px on two half-legs of 100 px is ± 4.6°, of which 1/√2 is the SD.
    assert shaking - still == pytest.approx(3.2, abs=0.9)


def test_a_missing_free_hip_costs_the_pelvis_alone() -> None:
    track = perform(on_both(2.0), lift("left"), squat("left"))
    px = track.image_px.copy()
    px[:, 12] = np.nan  # a shoulder: nothing but the trunk's lean needs it
    motion = read_motion(track)
    assert motion.view is not None
    (trial,) = motion.trials
    looked = measure_trial(trial, motion.joints, motion.view, (replace(track, image_px=px),))
    assert looked.summary["trunk_lean_deg"] == NotMeasured("A joint that this needs was not found.")
    assert isinstance(looked.summary["fppa_deg"], Measurement)
    assert isinstance(looked.summary["pelvic_drop_deg"], Measurement)


def test_a_pose_is_the_median_of_the_best_look_that_has_those_frames() -> None:
    track = perform(on_both(2.0))
    px = track.image_px.copy()
    px[10, :] += 500.0  # one frame gone wrong
    first = replace(track, image_px=px)
    few = slice(30, 33)
    second = PoseTrack(
        track.times_s[few],
        track.image_px[few] + np.float32(7.0),
        track.world_m[few],
        track.visibility[few],
        track.flipped[few],
        track.width_px,
        track.height_px,
        model="heavy",
    )
    steady = track.image_px[0]
    early = sample_pose((first, second), 0.2, 0.5)
    late = sample_pose((first, second), 0.9, 1.2)
    assert early is not None
    assert late is not None
    assert_allclose(early.px, steady, atol=1e-3)
    assert_allclose(late.px, steady + 7.0, atol=1e-3)
    assert late.n == 3
    assert sample_pose((first, second), 50.0, 51.0) is None


def test_the_second_look_is_asked_for_where_numbers_are_read() -> None:
    motion = read_motion(perform(on_both(2.0), lift("left"), squat("left", deg=63.0, times=3)))
    (trial,) = motion.trials
    read, passed = map(np.array, instants_to_read(trial))
    quiet = trial.quiet_stance
    assert ((read >= quiet.start_s) & (read <= quiet.end_s)).sum() == 7
    for rep in trial.repetitions:
        assert (np.abs(read - rep.bottom_s) < 0.08).sum() == 1
        assert ((passed > rep.start_s) & (passed < rep.bottom_s - 0.08)).sum() == 3, "30, 45 and 60°"
    assert (len(read), len(passed)) == (7 + 3, 3 * 3)
    more, as_many = map(np.array, instants_to_read(trial, grainy=True))
    assert ((more >= quiet.start_s) & (more <= quiet.end_s)).sum() == 21
    assert (len(more), len(as_many)) == (21 + 3 * 7, 3 * 3)


def test_a_deep_bottom_is_looked_at_for_its_depth_and_where_the_rest_is_read() -> None:
    motion = read_motion(perform(on_both(2.0), lift("left"), squat("left", deg=118.0, seconds=3.0, times=2)))
    (trial,) = motion.trials
    read, passed = map(np.array, instants_to_read(trial))
    for rep in trial.repetitions:
        assert (np.abs(read - rep.bottom_s) < 0.08).sum() == 1
        assert ((read >= rep.start_s) & (read < rep.bottom_s - 0.08)).sum() == 1
        assert ((passed >= rep.start_s) & (passed < rep.bottom_s - 0.08)).sum() == 3
    assert (len(read), len(passed)) == (7 + 2 * (1 + 1), 2 * 3)


def test_what_the_closer_look_did_not_find_is_not_read_from_another_model_s_pose() -> None:
    track = perform(on_both(2.0), lift("left"), squat("left", times=2))
    motion = read_motion(track)
    (trial,) = motion.trials
    second = trial.repetitions[1]
    px = track.image_px.copy()
    px[(track.times_s > second.start_s) & (track.times_s < second.end_s)] = np.nan
    assert motion.view is not None
    looks = (track, replace(track, image_px=px, model="heavy"))
    seen, unseen = measure_trial(trial, motion.joints, motion.view, looks).repetitions
    for name in ("pelvic_drop_deg", "fppa_deg", "knee_flexion_deg", "trunk_lean_deg"):
        assert isinstance(seen.measures[name], Measurement)
        reading = unseen.measures[name]
        assert isinstance(reading, NotMeasured)
        assert "closer look" in reading.reason


def test_a_corrector_replaces_what_it_knows_and_leaves_the_rest() -> None:
    def drop(quiet: PoseSample, at: PoseSample, raw: dict[MeasureName, float]) -> dict[MeasureName, Estimate]:
        return {"pelvic_drop_deg": Estimate(9.5, 2.5)}

    track = perform(on_both(2.0), lift("left"), squat("left", times=3))
    plain, corrected = measured(track), measured(track, StandIn(drop))
    told = corrected.repetitions[0].measures["pelvic_drop_deg"]
    assert isinstance(told, Measurement)
    assert (told.value, told.low, told.high) == (9.5, 7.0, 12.0)
    assert number(corrected.summary["pelvic_drop_deg"]) == 9.5
    assert corrected.summary["fppa_deg"] == plain.summary["fppa_deg"]
    assert measured(track, StandIn(drop, "heavy")).summary == plain.summary, "another bundle's poses stay raw"


@pytest.mark.parametrize("moved_px", [(0.0, 0.0), (60.0, -35.0)], ids=["it stands", "it is moved"])
def test_a_camera_that_is_moved_after_the_quiet_stance_does_not_move_the_stance_foot(
    moved_px: tuple[float, float],
) -> None:
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def looks(quiet: PoseSample, at: PoseSample, raw: dict[MeasureName, float]) -> dict[MeasureName, Estimate]:
        """Sees where the stance ankle and the hips are."""
        seen.append(((at.px - quiet.px)[Landmark.LEFT_ANKLE], (at.px - quiet.px)[Landmark.LEFT_HIP]))
        return {}

    track = perform(on_both(2.0), lift("left"), squat("left", times=3))
    image_px = track.image_px + np.clip(track.times_s - 2.2, 0.0, 0.5)[:, None, None] / 0.5 * np.array(moved_px)
    measured(replace(track, image_px=image_px), StandIn(looks))
    assert len(seen) == 3 * 4, "at three depths and the bottom"
    for ankle, hip in seen:
        assert np.linalg.norm(ankle) < 0.08 * LEG_PX
        assert hip[1] > ankle[1] + 5.0, "the hips have sunk"


def test_hips_are_as_far_apart_as_the_figure_says() -> None:
    px = pose_px(Figure("left"))
    assert px[23, 0] - px[24, 0] == HIPS_PX, "seen from the front the left hip is at the picture's right"
