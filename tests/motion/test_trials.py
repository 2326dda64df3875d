"""Trials of a stick figure that does what people do before a camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from screener.measures.reading import instants_to_read
from screener.motion import Motion, Trial, read_motion
from screener.motion.repetitions import find_dips, same_movement
from screener.motion.signals import Joints
from screener.pose import Landmark, PoseTrack, mirror_names
from screener.terms import Side, Task, other_side
from tests.figures import LEG_PX, Figure, Step, lift, mirrored, on_both, perform, squat, step_down

SIDES: tuple[Side, Side] = ("left", "right")


def squats_on(stance: Side, **how: float) -> list[Step]:
    """Two seconds on both feet, the foot goes up, three squats: their bottoms at 4.0, 6.4 and 8.8 s."""
    parts = [on_both(2.0), lift(stance), squat(stance, times=3, **how)]
    begins = np.cumsum([0.0] + [part[-1][0] for part in parts[:-1]])
    return [(begin + at, figure) for begin, part in zip(begins, parts, strict=True) for at, figure in part]


BOTTOMS_S = [4.0, 6.4, 8.8]


def only_trial(motion: Motion) -> Trial:
    (trial,) = motion.trials
    return trial


def why_not(motion: Motion) -> list[str | None]:
    return [rep.excluded_because for trial in motion.trials for rep in trial.repetitions]


def bottoms_s(trial: Trial) -> list[float]:
    return [rep.bottom_s for rep in trial.repetitions]


@pytest.mark.parametrize("from_behind", [False, True], ids=["from the front", "from behind"])
@pytest.mark.parametrize("stance", SIDES)
def test_three_squats_on_one_leg(stance: Side, from_behind: bool) -> None:
    motion = read_motion(perform(squats_on(stance), from_behind=from_behind, noise_px=0.5))
    trial = only_trial(motion)
    assert motion.view is not None
    assert motion.view.facing == ("posterior" if from_behind else "anterior")
    assert motion.nothing_because is None
    assert (trial.task, trial.task_from, trial.stance_side) == ("single_leg_squat", "detected", stance)
    assert why_not(motion) == [None] * 3
    assert_allclose(bottoms_s(trial), BOTTOMS_S, atol=0.05)
    assert_allclose([rep.start_s for rep in trial.repetitions], np.array(BOTTOMS_S) - 1.0, atol=0.4)
    assert_allclose([rep.end_s for rep in trial.repetitions], np.array(BOTTOMS_S) + 1.0, atol=0.4)
    assert [rep.touched_down for rep in trial.repetitions] == [0, 0, 0]


@pytest.mark.parametrize("fps", [24.0, 29.97, 60.0, 120.0])
def test_the_frame_rate_does_not_matter(fps: float) -> None:
    slow, fast = (
        only_trial(read_motion(perform(squats_on("left"), fps=rate, jitter=0.4, noise_px=0.1))) for rate in (30, fps)
    )
    assert fast.stance_side == slow.stance_side
    assert_allclose(bottoms_s(fast), bottoms_s(slow), atol=0.03)
    for signal in ("fppa_deg", "knee_flexion_deg", "pelvic_obliquity_deg", "trunk_lean_deg"):
        at_bottom = [
            np.interp(bottoms_s(trial), trial.signals.times_s, getattr(trial.signals, signal)) for trial in (slow, fast)
        ]
        assert_allclose(at_bottom[1], at_bottom[0], atol=1.0, err_msg=signal)


@pytest.mark.parametrize("lateral", [False, True])
@pytest.mark.parametrize("stance", SIDES)
def test_a_free_foot_that_goes_below_makes_a_step_down(stance: Side, lateral: bool) -> None:
    trial = only_trial(read_motion(perform(on_both(0.1), step_down(stance, lateral=lateral), noise_px=0.5)))
    assert trial.task == ("lateral_step_down" if lateral else "forward_step_down")
    assert trial.stance_side == stance
    assert [rep.excluded_because for rep in trial.repetitions] == [None] * 3
    assert [rep.touched_down for rep in trial.repetitions] == [None] * 3, "a step-down is meant to touch the floor"


@pytest.mark.parametrize("task", ["forward_step_down", "lateral_step_down", "single_leg_squat"])
def test_a_task_that_is_given_is_believed(task: Task) -> None:
    trial = only_trial(read_motion(perform(squats_on("right")), task=task))
    assert (trial.task, trial.task_from) == (task, "given")


def test_a_side_that_is_given_is_believed_and_the_other_is_left_out() -> None:
    track = perform(squats_on("left"), on_both(2.0), squats_on("right"))
    assert [trial.stance_side for trial in read_motion(track).trials] == ["left", "right"]
    for side in SIDES:
        trial = only_trial(read_motion(track, side=side))
        assert (trial.stance_side, trial.task, len(trial.repetitions)) == (side, "single_leg_squat", 3)


def test_left_and_right_in_one_recording_are_two_trials() -> None:
    motion = read_motion(perform(squats_on("left"), on_both(3.0), squats_on("right"), on_both(2.0), noise_px=0.5))
    assert [trial.stance_side for trial in motion.trials] == ["left", "right"]
    assert why_not(motion) == [None] * 6
    begins_s = (0.0, 13.2)
    for trial, begin_s in zip(motion.trials, begins_s, strict=True):
        assert_allclose(bottoms_s(trial), np.array(BOTTOMS_S) + begin_s, atol=0.05)
        assert trial.quiet_stance.kind == "bilateral"
        assert begin_s - 3.1 <= trial.quiet_stance.start_s < trial.quiet_stance.end_s <= begin_s + 2.1
        assert [rep.index for rep in trial.repetitions] == [1, 2, 3]


def test_a_short_rest_stays_in_the_set_and_a_long_one_ends_it() -> None:
    for rest_s, sets in ((3.0, [6]), (12.0, [3, 3])):
        track = perform(squats_on("left"), on_both(rest_s), squats_on("left"))
        assert [len(trial.repetitions) for trial in read_motion(track).trials] == sets


def test_walking_in_and_out_is_no_repetition() -> None:
    away = Figure(there=False, x_px=60.0)

    def walk(start_px: float, stop_px: float) -> list[Step]:
        """Steps of half a second: one foot stands, the other swings, the body bobs and moves on."""
        steps: list[Step] = []
        for n in range(6):
            foot, x = SIDES[n % 2], start_px + (stop_px - start_px) * n / 6
            onward = x + (stop_px - start_px) / 12
            steps += [
                (0.5 * n, Figure(foot, x_px=x)),
                (0.5 * n + 0.25, Figure(foot, x_px=onward, rise=0.15, flexion_deg=15.0, drop_deg=4.0)),
            ]
        return [*steps, (3.0, Figure(x_px=stop_px))]

    track = perform(
        [(0.0, away), (1.5, away)],
        walk(60, 320),
        squats_on("right"),
        on_both(1.0),
        walk(320, 60),
        [(0.0, away), (2.0, away)],
    )
    motion = read_motion(track)
    trial = next(trial for trial in motion.trials if trial.stance_side == "right")
    counted = [rep.bottom_s for each in motion.trials for rep in each.repetitions if rep.counted]
    assert_allclose(counted, np.array(BOTTOMS_S) + 4.5, atol=0.1)
    assert trial.quiet_stance.kind == "bilateral"


def test_squats_on_both_feet_are_refused() -> None:
    motion = read_motion(perform(on_both(2.0), squat("left", times=3, rise=0.0, fppa_deg=0.0, drop_deg=0.0)))
    assert motion.trials == ()
    assert motion.nothing_because is not None
    assert "on both feet" in motion.nothing_because


def forward_step_downs(stance: Side) -> list[Step]:
    """The foot is put forward, held there as low as the other one, and goes down in front of the step three times."""
    forward = Figure(stance, rise=-0.05, aside=0.1)
    deep = Figure(stance, flexion_deg=60.0, rise=-0.15, aside=0.1)
    once = [(0.0, forward), (1.0, deep), (2.0, forward), (2.4, forward)]
    return [(0.4, forward), (1.5, forward), *((1.5 + at + n * 2.4, figure) for n in range(3) for at, figure in once)]


@pytest.mark.parametrize("stance", SIDES)
def test_standing_a_little_lower_before_a_foot_is_put_forward_is_no_repetition(stance: Side) -> None:
    low = Figure(stance, flexion_deg=30.0)
    track = perform([(0.0, Figure(stance)), (2.0, low), (4.0, low)], forward_step_downs(stance))
    trial = only_trial(read_motion(track, task="forward_step_down"))
    assert trial.stance_side == stance
    assert [rep.counted for rep in trial.repetitions] == [True] * 3
    assert_allclose(bottoms_s(trial), [6.5, 8.9, 11.3], atol=0.1)


@pytest.mark.parametrize("stance", SIDES)
def test_a_repetition_begins_where_the_body_rests_once_the_foot_is_put_forward(stance: Side) -> None:
    # Putting the foot forward, where it hangs lower than the other, and taking it back lowers and lifts the hips, too.
    forward = Figure(stance, flexion_deg=20.0, rise=-0.05, aside=0.1)
    deep = replace(forward, flexion_deg=50.0, rise=-0.15)
    once = [(0.0, forward), (1.0, deep), (2.0, forward), (2.4, forward)]
    track = perform(on_both(2.0), [(0.0, Figure(stance)), (0.5, forward), (1.5, forward)], once, once, on_both(2.0))
    trial = only_trial(read_motion(track, task="forward_step_down"))
    assert_allclose(bottoms_s(trial), [4.5, 6.9], atol=0.05)
    assert_allclose([rep.start_s for rep in trial.repetitions], [3.5, 5.9], atol=0.3)
    assert_allclose([rep.end_s for rep in trial.repetitions], [5.5, 7.9], atol=0.3)


@pytest.mark.parametrize("first", SIDES)
def test_a_foot_still_held_forward_after_one_leg_is_not_the_quiet_stance_of_the_other(first: Side) -> None:
    second = other_side(first)
    held = Figure(first, rise=-0.05, aside=0.1)
    between = [(0.0, held), (0.5, held), (0.8, Figure(first)), (4.5, Figure(first))]
    track = perform(on_both(3.0), forward_step_downs(first), between, forward_step_downs(second))
    trials = read_motion(track, task="forward_step_down").trials
    assert [trial.stance_side for trial in trials] == [first, second]
    # The first leg's last repetition is over at 11.3 s, both feet are down from 12.5 to 16.2 s.
    quiet = trials[1].quiet_stance
    assert quiet.kind == "bilateral"
    assert quiet.start_s >= 12.4
    assert quiet.end_s <= 16.3


def test_standing_still_is_no_repetition() -> None:
    motion = read_motion(perform(on_both(3.0), lift("left", 5.0), noise_px=1.0))
    assert motion.trials == ()
    assert motion.nothing_because is not None
    assert "No single-leg squat or step-down was seen" in motion.nothing_because


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"deg": 25.0, "drop_deg": 0.0, "fppa_deg": 0.0}, "too shallow"),
        ({"seconds": 0.7}, "too fast"),
        ({"touch": True}, "foot touched down"),
    ],
)
def test_a_repetition_that_does_not_count_says_why(how: dict[str, float], reason: str) -> None:
    motion = read_motion(perform(on_both(2.0), lift("left"), squat("left"), squat("left", **how), squat("left")))
    assert why_not(motion) == [None, reason, None]
    assert motion.nothing_because is None
    touched = [rep.touched_down for trial in motion.trials for rep in trial.repetitions]
    assert touched == [0, int(reason == "foot touched down"), 0]


def test_beside_a_deep_enough_repetition_another_is_left_out_only_where_it_is_surely_too_shallow() -> None:
    how = {"drop_deg": 0.0, "fppa_deg": 0.0}
    before = [on_both(2.0), lift("left")]
    for deg, other_deg, reasons in (
        (28.0, 40.0, [None, None]),  # may well be one of 30°
        (24.0, 34.0, ["too shallow", None]),
        (28.0, 60.0, ["too shallow", None]),  # swaying, beside such a one
        (28.0, 28.0, ["too shallow"] * 2),
    ):
        motion = read_motion(perform(*before, squat("left", deg, **how), squat("left", other_deg, **how)))
        assert why_not(motion) == reasons


def test_of_two_readings_of_one_movement_the_one_that_knows_its_foot_stands() -> None:
    # Over the free foot, which swings level with the other, the hips sink deeper.
    top = Figure("left", rise=0.02, aside=0.17)
    once = [(0.0, top), (1.0, replace(top, flexion_deg=60.0, rise=0.05, aside=0.25)), (2.0, top), (2.4, top)]
    dips = find_dips(Joints.from_track(perform([(0.0, top), (2.0, top)], once, once)))
    assert [(dip.stance_side, dip.both_feet) for dip in dips] == [("left", False)] * 2


def test_two_dips_are_one_movement_only_where_they_lie_in_one_another() -> None:
    earlier, later = find_dips(Joints.from_track(perform(on_both(2.0), lift("left"), squat("left", times=2))))
    assert not same_movement(earlier, later)
    assert not same_movement(later, earlier)
    longer = replace(earlier, start_s=earlier.start_s - 1.0, bottom_s=earlier.bottom_s + 0.1)
    assert same_movement(longer, earlier)
    assert same_movement(earlier, longer)


def low_in_front(heights: dict[float, float], held: float) -> list[Step]:
    """A squat on the left leg whose free foot is held low; `heights`: how high at which second, 60° at the first."""
    top = Figure("left", rise=held, aside=0.17)
    low = replace(top, flexion_deg=60.0, fppa_deg=8.0, drop_deg=5.0)
    way = [(at, replace(low, rise=height)) for at, height in heights.items()]
    return [(0.0, top), *way, (2.4, top), (2.8, top)]


def test_a_foot_that_swings_near_the_floor_does_not_touch_it() -> None:
    swings = {0.8: 0.028, 1.0: -0.07, 1.2: 0.028, 1.4: -0.07, 1.6: 0.028}
    stays = dict.fromkeys(swings, 0.0)
    for heights, held, touched in ((swings, 0.16, 0), (stays, 0.16, 1), (stays, 0.08, None)):
        track = perform(on_both(2.0), lift("left"), low_in_front(heights, held))
        motion = read_motion(track, task="single_leg_squat")
        assert [rep.touched_down for trial in motion.trials for rep in trial.repetitions] == [touched]


def test_a_touch_that_a_closer_look_does_not_see_is_none() -> None:
    before = [on_both(2.0), lift("left")]
    track = perform(*before, squat("left", touch=True))
    aloft, down = (perform(*before, squat("left", touch=touch)) for touch in (False, True))
    # The foot is down from 4.3 to 4.6 s.
    seen = (track.times_s > 4.35) & (track.times_s < 4.55)
    for closer, why in (
        (None, "foot touched down"),
        (down.only(seen), "foot touched down"),
        (aloft.only(track.times_s < 4.0), "foot touched down"),
        (aloft.only(seen), None),
    ):
        motion = read_motion(track, task="single_leg_squat", closer=closer)
        assert why_not(motion) == [why]
        assert [rep.touched_down for rep in only_trial(motion).repetitions] == [int(why is not None)]


def test_in_a_grainy_picture_no_touch_is_told() -> None:
    track = perform(on_both(2.0), lift("left"), squat("left", touch=True))
    grainy = replace(track, source={**track.source, "grainy": True})
    for each, why, touched in ((track, "foot touched down", 1), (grainy, None, None)):
        motion = read_motion(each, task="single_leg_squat")
        assert why_not(motion) == [why]
        assert [rep.touched_down for rep in only_trial(motion).repetitions] == [touched]


def test_swaying_does_not_tell_the_task() -> None:
    sway = squat("left", 28.0, 1.2)
    motion = read_motion(perform(on_both(2.0), lift("left"), *([sway] * 3), step_down("left", times=2)))
    (trial,) = motion.trials
    assert len(trial.repetitions) > 3, "the sways are seen"
    assert trial.task == "forward_step_down"


def test_where_every_movement_touches_the_floor_a_step_down_is_thought_of() -> None:
    motion = read_motion(perform(on_both(2.0), lift("left"), squat("left", touch=True)))
    assert motion.nothing_because is not None
    assert motion.nothing_because.endswith("foot touched down. If it was a step-down, say so.")


def test_where_none_counts_the_reason_is_told() -> None:
    motion = read_motion(perform(squats_on("left", deg=25.0, drop_deg=0.0, fppa_deg=0.0)))
    assert motion.nothing_because == "3 movements were seen, but none could be counted: too shallow."
    alone = read_motion(perform(on_both(2.0), lift("left"), squat("left", seconds=0.7)))
    assert alone.nothing_because == "One movement was seen, but it could not be counted: too fast."


def test_a_leg_that_leaves_the_picture_does_not_count() -> None:
    track = perform(squats_on("left"))
    motion = read_motion(replace(track, height_px=410))  # the foot is at 430
    assert why_not(motion) == ["out of frame"] * 3
    assert motion.view is not None
    assert any("Step back until both feet show" in warning for warning in motion.view.warnings)


def hidden(track: PoseTrack, start_s: float, end_s: float, *landmarks: Landmark) -> PoseTrack:
    """The track with some landmarks guessed by the model, not seen, for a while."""
    visibility = track.visibility.copy()
    frames = (track.times_s >= start_s) & (track.times_s <= end_s)
    visibility[np.ix_(frames, np.array(landmarks))] = 0.2
    return replace(track, visibility=visibility)


def test_a_bottom_that_is_not_seen_does_not_count() -> None:
    track = hidden(perform(squats_on("left")), 6.1, 6.7, Landmark.LEFT_KNEE)
    assert why_not(read_motion(track)) == [None, "bottom not visible", None]
    # It is the bottom that counts, and the stance leg.
    for start_s, end_s, landmark in ((5.2, 5.7, Landmark.LEFT_KNEE), (6.1, 6.7, Landmark.RIGHT_KNEE)):
        assert why_not(read_motion(hidden(perform(squats_on("left")), start_s, end_s, landmark))) == [None] * 3


def test_a_bottom_that_only_a_closer_look_sees_counts() -> None:
    plain = perform(squats_on("left"))
    track = hidden(plain, 6.1, 6.7, Landmark.LEFT_KNEE)
    at_bottom = (plain.times_s > 6.35) & (plain.times_s < 6.45)
    for closer, why in (
        (plain.only(at_bottom), None),
        (hidden(plain, 6.1, 6.7, Landmark.LEFT_ANKLE).only(at_bottom), "bottom not visible"),
        (plain.only(plain.times_s < 6.0), "bottom not visible"),
    ):
        assert why_not(read_motion(track, closer=closer)) == [None, why, None]
    # So it is looked at closely, too.
    first = read_motion(track)
    read, _ = instants_to_read(first.trials[0])
    assert any(abs(at - first.trials[0].repetitions[1].bottom_s) < 0.05 for at in read)


def test_a_foot_that_stays_is_the_stance_foot_even_when_the_other_hangs_still() -> None:
    # Held at one height over the floor the free foot moves no more than the stance foot does.
    for noise_px in (0.0, 0.5, 1.5):
        trial = only_trial(read_motion(perform(squats_on("right", rise=0.25), noise_px=noise_px)))
        assert (trial.stance_side, trial.task) == ("right", "single_leg_squat")


@pytest.mark.parametrize("stance", SIDES)
def test_the_foot_that_stays_when_the_other_is_lifted_is_the_stance_foot(stance: Side) -> None:
    # Held low in front the free foot is level with the stance foot, nearly in line with it, and as still.
    before = Figure(stance, rise=0.01, aside=0.05)
    put_forward = [(0.0, Figure(stance)), (0.5, before), (1.5, before)]
    track = perform(on_both(2.0), put_forward, squat(stance, times=3, rise=0.01, aside=0.05), noise_px=0.5)
    motion = read_motion(track)
    trial = only_trial(motion)
    assert (trial.stance_side, trial.quiet_stance.kind) == (stance, "bilateral")
    assert why_not(motion) == [None] * 3
    # Whether it was on the floor meanwhile nobody can see.
    assert [rep.touched_down for rep in trial.repetitions] == [None] * 3


def test_a_stance_ankle_that_wanders_in_a_deep_squat_is_followed() -> None:
    deep = {"deg": 85.0, "rise": 0.35}
    track = perform(on_both(1.0), lift("left"), squat("left", times=2, **deep))
    px = track.image_px.copy()
    low = np.abs(px[:, Landmark.LEFT_HIP, 1] - px[:, Landmark.LEFT_HIP, 1].min())
    px[:, Landmark.LEFT_ANKLE, 1] += 0.15 * LEG_PX * low / low.max()
    px[:, Landmark.RIGHT_ANKLE, 1] -= 0.4 * LEG_PX * low / low.max()
    assert why_not(read_motion(replace(track, image_px=px))) == [None] * 2


def test_a_deep_squat_whose_legs_are_taken_for_one_another_is_a_squat_on_the_leg_left_standing() -> None:
    track = perform(squats_on("left", deg=80.0), lift("left", seconds=0.5), on_both(1.0))
    px = track.image_px.copy()
    hips = px[:, [Landmark.LEFT_HIP, Landmark.RIGHT_HIP], 1].mean(axis=1)
    low = hips - hips.min() > 0.5 * np.ptp(hips)
    for joint in ("KNEE", "ANKLE", "HEEL", "FOOT_INDEX"):
        pair = [Landmark[f"LEFT_{joint}"], Landmark[f"RIGHT_{joint}"]]
        px[np.ix_(low, pair)] = px[np.ix_(low, pair[::-1])]
    trial = only_trial(read_motion(replace(track, image_px=px)))
    assert trial.stance_side == "left"
    assert [rep.counted for rep in trial.repetitions] == [True] * 3
    assert_allclose(bottoms_s(trial), BOTTOMS_S, atol=0.15)


def test_a_shallow_squat_whose_legs_are_taken_for_one_another_belongs_to_its_set() -> None:
    # Too shallow to be believed alone; but the leg is known from the others, and the foot is where it was afterwards.
    track = perform(squats_on("left", deg=45.0, drop_deg=0.0, rise=0.2), lift("left", seconds=0.5), on_both(1.0))
    px = track.image_px.copy()
    second = (sunk(track) > 0.5) & (np.abs(track.times_s - BOTTOMS_S[1]) < 1.2)
    for joint in ("KNEE", "ANKLE", "HEEL", "FOOT_INDEX"):
        pair = [Landmark[f"LEFT_{joint}"], Landmark[f"RIGHT_{joint}"]]
        px[np.ix_(second, pair)] = px[np.ix_(second, pair[::-1])]
    misled = replace(track, image_px=px)
    assert len(find_dips(Joints.from_track(misled))) == 2
    closer = replace(track, model="heavy").only(second)
    trial = only_trial(read_motion(misled, closer=closer))
    assert [rep.counted for rep in trial.repetitions] == [True] * 3
    assert_allclose(bottoms_s(trial), BOTTOMS_S, atol=0.15)


def test_walking_to_the_camera_and_bending_down_to_it_is_no_repetition() -> None:
    there = [(0.0, Figure()), (0.8, Figure("left", x_px=400.0, flexion_deg=80.0)), (1.6, Figure(x_px=440.0))]
    track = perform(squats_on("left"), lift("left", seconds=0.5), on_both(0.5), there)
    counted = [rep.bottom_s for trial in read_motion(track).trials for rep in trial.repetitions if rep.counted]
    assert_allclose(counted, BOTTOMS_S, atol=0.1)


def test_one_set_stays_one_where_in_one_squat_the_other_foot_looks_stiller() -> None:
    track = perform(
        on_both(2.0), lift("left"), squat("left", times=2, rise=0.2), lift("left", seconds=0.4), on_both(2.0)
    )
    (first, second) = find_dips(Joints.from_track(track))
    assert (first.stance_side, second.stance_side) == ("left", "left")
    px = track.image_px.copy()
    inside = (track.times_s > second.start_s) & (track.times_s < second.end_s)
    sunk = np.sin(np.linspace(0, np.pi, int(inside.sum())))
    px[inside, Landmark.LEFT_ANKLE, 0] += 0.12 * LEG_PX * sunk
    px[inside, Landmark.RIGHT_ANKLE] = px[inside, Landmark.RIGHT_ANKLE][:1]
    misled = replace(track, image_px=px)
    assert [dip.stance_side for dip in find_dips(Joints.from_track(misled))] == ["left", "right"]
    trial = only_trial(read_motion(misled))
    assert (trial.stance_side, len(trial.repetitions)) == ("left", 2)


def drawn(track: PoseTrack, *joints: Landmark, by_px: NDArray[np.float64], axis: int = 1) -> PoseTrack:
    """The track with some landmarks drawn along one axis of the picture, `by_px` `(frame,)`."""
    px = track.image_px.copy()
    for joint in joints:
        px[:, joint, axis] += by_px
    return replace(track, image_px=px)


def sunk(track: PoseTrack) -> NDArray[np.float64]:
    """How far the hips have sunk in each frame, 0..1 of the deepest."""
    hips = track.image_px[:, [Landmark.LEFT_HIP, Landmark.RIGHT_HIP], 1].mean(axis=1).astype(np.float64)
    return (hips - hips.min()) / np.ptp(hips)


@pytest.mark.parametrize("stance", SIDES)
def test_who_steps_down_stands_on_the_higher_foot(stance: Side) -> None:
    # The landmarks share the movement out: one ankle goes down by half of it, the other, which stays, goes up.
    top = Figure(stance, rise=-0.02, aside=0.25)
    once = [(0.0, top), (1.0, replace(top, flexion_deg=60.0, rise=-0.26)), (2.0, top), (2.4, top)]
    track = perform([(0.0, top), (2.0, top)], once, once, noise_px=0.3)
    ankles = (Landmark.LEFT_ANKLE, Landmark.RIGHT_ANKLE)
    shared = drawn(track, *ankles, by_px=-0.12 * LEG_PX * sunk(track))
    # At one of two bottoms the heights may differ by less than a camera can make them, too.
    second = np.where(track.times_s > 4.2, 0.065 * LEG_PX * sunk(track), 0.0)
    level = drawn(shared, Landmark[f"{stance}_ankle".upper()], by_px=second)
    level = drawn(level, Landmark[f"{other_side(stance)}_ankle".upper()], by_px=-second)
    for motion in (
        read_motion(shared, task="lateral_step_down"),
        read_motion(shared, closer=told_by_feet(shared, 0.01, 0.01, 0.98)),
        read_motion(level, task="lateral_step_down"),
    ):
        assert only_trial(motion).stance_side == stance
        assert why_not(motion) == [None] * 2


@pytest.mark.parametrize("stance", SIDES)
def test_who_lifts_a_foot_stands_on_the_other_though_the_step_hides_the_lifted_one(stance: Side) -> None:
    # Deep in a step-down the free foot's landmark stays up on the step, above the foot that is stood on.
    top = Figure(stance, rise=-0.02, aside=0.08)
    once = [(0.0, top), (1.0, replace(top, flexion_deg=60.0, rise=0.06)), (2.0, top), (2.4, top)]
    track = perform(on_both(2.0), [(0.0, Figure(stance)), (0.5, top), (1.6, top)], once, once, noise_px=0.3)
    motion = read_motion(track, task="forward_step_down")
    assert only_trial(motion).stance_side == stance
    assert why_not(motion) == [None] * 2


@pytest.mark.parametrize("stance", SIDES)
def test_a_closer_look_sees_who_steps_down_stand_though_the_step_hides_the_other_foot(stance: Side) -> None:
    # Nobody is seen to lift a foot, and deep down the free one's landmark stays on the step, above the other.
    top = Figure(stance, rise=-0.02, aside=0.08)
    once = [(0.0, top), (1.0, replace(top, flexion_deg=60.0, rise=0.06)), (2.0, top), (2.4, top)]
    track = perform([(0.0, top), (1.6, top)], once, once, noise_px=0.3)
    assert only_trial(read_motion(track, task="forward_step_down")).stance_side != stance
    free_ankle = Landmark[f"{other_side(stance)}_ankle".upper()]
    closer = drawn(replace(track, model="heavy"), free_ankle, by_px=0.2 * LEG_PX * sunk(track))
    closer = closer.only(np.arange(len(track.times_s)) % 3 == 0)
    assert only_trial(read_motion(track, task="forward_step_down", closer=closer)).stance_side == stance


@pytest.mark.parametrize("stance", SIDES)
def test_step_downs_from_a_low_plate_are_one_set_though_one_is_taken_for_the_other_leg_s(stance: Side) -> None:
    # The free foot comes down by 8 % of leg length, less than tells a height alone; in the second repetition the
    # landmark of the foot stood on is drawn aside by more than the other moves.
    top = Figure(stance, rise=-0.02, aside=0.25)
    once = [(0.0, top), (1.0, replace(top, flexion_deg=50.0, rise=-0.10)), (2.0, top), (2.4, top)]
    track = perform([(0.0, top), (2.0, top)], once, once)
    second = np.where(track.times_s > 4.2, 0.16 * LEG_PX * sunk(track), 0.0)
    stood_on, free = (Landmark[f"{side}_ankle".upper()] for side in (stance, other_side(stance)))
    misled = drawn(track, stood_on, by_px=second, axis=0)
    misled.image_px[track.times_s > 4.2, free, 0] = misled.image_px[0, free, 0]
    assert [dip.stance_side for dip in find_dips(Joints.from_track(misled))] == [stance, other_side(stance)]
    for motion in (
        read_motion(misled, task="lateral_step_down"),
        read_motion(misled, closer=told_by_feet(misled, 0.01, 0.01, 0.98)),
    ):
        assert only_trial(motion).stance_side == stance
        assert why_not(motion) == [None] * 2
    assert len(read_motion(misled, task="single_leg_squat").trials) == 2, "in squats nothing tells them apart"


def test_a_foot_whose_landmark_is_elsewhere_for_a_moment_has_not_been_lifted() -> None:
    top = Figure("left", rise=0.02, aside=0.32)
    once = [(0.0, top), (1.0, replace(top, flexion_deg=60.0, rise=-0.12)), (2.0, top), (3.5, top)]
    track = perform([(0.0, top), (2.0, top)], once, once)
    moments = np.any([(at < track.times_s) & (track.times_s < at + 0.2) for at in (0.5, 1.2, 4.4, 8.2)], axis=0)
    misled = drawn(track, Landmark.LEFT_ANKLE, by_px=np.where(moments, -0.15 * LEG_PX, 0.0))
    assert only_trial(read_motion(misled)).stance_side == "left"


@pytest.mark.parametrize(("told", "side"), [([False, True], "unknown"), ([False, True, True], "right")])
def test_a_leg_is_told_by_more_than_half_of_its_repetitions(told: list[bool], side: str) -> None:
    # In line with the other foot, as low and as still as it, the free foot does not tell the leg. In some repetitions
    # the left ankle wanders, so that the right one looks stiller.
    held = Figure("left", rise=0.02, aside=0.05)
    track = perform([(0.0, held), (2.0, held)], squat("left", times=len(told), rise=0.02, aside=0.05))
    wanders = np.zeros(len(track.times_s))
    for number, wandering in enumerate(told):
        inside = (track.times_s > 2.0 + 2.4 * number) & (track.times_s < 4.2 + 2.4 * number)
        wanders[inside] = 0.1 * LEG_PX * sunk(track)[inside] * wandering
    misled = drawn(track, Landmark.LEFT_ANKLE, by_px=-wanders)
    assert only_trial(read_motion(misled)).stance_side == side


def test_the_foot_that_a_closer_look_sees_to_stay_is_the_stance_foot() -> None:
    # In the first look both ankles stay, in the closer one the free foot sinks with the body.
    held = Figure("left", rise=0.02, aside=0.05)
    track = perform([(0.0, held), (2.0, held)], squat("left", times=2, rise=0.02, aside=0.05))
    at = [0.5, 1.0, 1.5, *bottoms_s(only_trial(read_motion(track)))]
    close = replace(track, model="heavy").only(np.unique([np.argmin(np.abs(track.times_s - each)) for each in at]))
    for by, side in ((0.06, "left"), (0.03, "unknown")):
        for foot, stance in ((Landmark.RIGHT_ANKLE, side), (Landmark.LEFT_ANKLE, "right" if side == "left" else side)):
            closer = drawn(close, foot, by_px=by * LEG_PX * sunk(close))
            assert only_trial(read_motion(track, closer=closer)).stance_side == stance
    without_standing = closer.only(closer.times_s > 2.0)
    assert only_trial(read_motion(track, closer=without_standing)).stance_side == "unknown"


@pytest.mark.parametrize("stance", SIDES)
def test_who_squats_with_the_hips_over_one_foot_stands_on_it(stance: Side) -> None:
    # Held low, a foot beside the other, or crossed behind it, looks as if it stood there.
    for low in ({"rise": 0.04, "aside": 0.32}, {"rise": 0.01, "aside": -0.1}):
        still = {"fppa_deg": 0.0, "drop_deg": 0.0, "lean_deg": 0.0}
        track = perform(squat(stance, times=2, **still, **low), noise_px=0.3)
        motion = read_motion(track, task="single_leg_squat")
        assert only_trial(motion).stance_side == stance
        assert why_not(motion) == [None] * 2


@pytest.mark.parametrize("stance", SIDES)
def test_between_the_lifting_of_a_foot_and_its_setting_down_nobody_squats_on_both(stance: Side) -> None:
    # The foot is held low and a little further aside: in the first squat as one that is stood on.
    low, higher = {"rise": 0.055, "aside": 0.27}, {"rise": 0.075, "aside": 0.27}
    held = Figure(stance, **low)
    lifted = [(0.0, Figure(stance)), (0.5, held), (1.5, held)]
    put_down = [(0.0, Figure(stance)), (1.0, Figure(stance))]
    still = {"fppa_deg": 0.0, "drop_deg": 0.0}
    warming_up = squat(stance, rise=0.0, **still)
    squats = [squat(stance, **low, **still), squat(stance, **higher, **still)]
    track = perform(on_both(2.0), warming_up, on_both(2.0), lifted, *squats, put_down)
    assert [dip.both_feet for dip in find_dips(Joints.from_track(track))] == [True, True, False]
    motion = read_motion(track, task="single_leg_squat")
    trial = only_trial(motion)
    assert trial.stance_side == stance
    assert why_not(motion) == [None] * 2
    assert_allclose(bottoms_s(trial), [8.9, 11.3], atol=0.1)


def test_a_shallow_squat_is_counted_where_the_other_leg_draws_the_ankle_along() -> None:
    # As far as the hips sink the landmark of the stance ankle sinks too, as if nothing had happened.
    track = perform(squats_on("left", deg=50.0, drop_deg=0.0))
    px = track.image_px.copy()
    hips = px[:, [Landmark.LEFT_HIP, Landmark.RIGHT_HIP], 1].mean(axis=1)
    px[:, Landmark.LEFT_ANKLE, 1] += 0.7 * (hips - np.median(hips[:60]))
    trial = only_trial(read_motion(replace(track, image_px=px)))
    assert [rep.counted for rep in trial.repetitions] == [True] * 3
    assert_allclose(bottoms_s(trial), BOTTOMS_S, atol=0.1)


def test_where_the_feet_do_not_tell_the_side_is_unknown_and_a_given_one_is_believed() -> None:
    # Both feet stay, one a little higher: on a ledge, or in the air.
    track = perform(on_both(2.0, rise=0.1), squat("left", times=3, rise=0.1))
    motion = read_motion(track)
    trial = only_trial(motion)
    assert trial.stance_side == "unknown"
    assert not any(rep.counted for rep in trial.repetitions)
    assert motion.nothing_because is not None
    assert "say it with --side" in motion.nothing_because
    given = only_trial(read_motion(track, side="left"))
    assert (given.stance_side, given.task) == ("left", "single_leg_squat")
    assert [rep.excluded_because for rep in given.repetitions] == [None] * 3


def test_where_left_and_right_were_swapped_too_often_the_side_is_unknown_unless_it_is_given() -> None:
    track = perform(squats_on("left"))
    for share, sides in ((0.05, ["left"]), (0.3, ["unknown"])):
        flipped = np.arange(len(track.times_s)) < share * len(track.times_s)
        mended = replace(track, flipped=flipped)
        motion = read_motion(mended)
        assert [trial.stance_side for trial in motion.trials] == sides
        assert (motion.nothing_because is None) == (share < 0.1)
        assert why_not(read_motion(mended, side="left")) == [None] * 3


def test_a_closer_look_that_names_left_and_right_alike_confirms_what_was_swapped_back() -> None:
    track = perform(squats_on("left"))
    often = replace(track, flipped=np.arange(len(track.times_s)) < 0.4 * len(track.times_s))
    closer = often.only(np.arange(len(track.times_s)) % 10 == 0)
    assert only_trial(read_motion(often, closer=closer)).stance_side == "left"
    other_way = replace(closer, image_px=mirror_names(closer.image_px))
    assert only_trial(read_motion(often, closer=other_way)).stance_side == "unknown"


def test_a_foot_that_stands_has_not_moved_where_the_leg_looks_shorter_for_a_while() -> None:
    # How long a straight leg looks is told from twelve seconds about a frame: on one leg it is shorter than on both.
    # Twelve legs from the picture's corner, a hundredth of it less is as much as a foot may move.
    joints = Joints.from_track(perform(squats_on("left")))
    shorter = replace(joints, px=joints.px + 10 * LEG_PX, leg_px=joints.leg_px * np.linspace(1.0, 0.9, len(joints.px)))
    assert [dip.stance_side for dip in find_dips(shorter)] == ["left"] * 3


def test_quiet_stance_is_on_both_feet_where_the_recording_has_that() -> None:
    both = only_trial(read_motion(perform(squats_on("left"))))
    assert both.quiet_stance.kind == "bilateral"
    assert 0.0 <= both.quiet_stance.start_s < both.quiet_stance.end_s <= 2.1
    one = only_trial(read_motion(perform(lift("left", 2.0)[1:], squat("left", times=3))))
    assert one.quiet_stance.kind == "single_leg"
    assert one.quiet_stance.end_s <= one.repetitions[0].start_s
    hurried = only_trial(read_motion(perform(squat("left", times=3))))
    assert hurried.quiet_stance.kind == "single_leg", "the top between two repetitions, when nothing comes before"


@pytest.mark.parametrize("yaw_deg", [-40.0, 40.0, -90.0, 90.0])
def test_a_person_turned_away_is_told_to_face_the_camera(yaw_deg: float) -> None:
    motion = read_motion(perform(squats_on("left"), yaw_deg=yaw_deg))
    assert motion.view is not None
    assert motion.view.facing == ("sagittal" if abs(yaw_deg) == 90 else "oblique")
    assert not motion.view.frontal
    assert motion.nothing_because is not None
    assert "Turn to face the camera" in motion.nothing_because


def test_an_empty_room_and_no_frame_at_all_show_nobody() -> None:
    nobody = Figure(there=False)
    track = perform([(0.0, nobody), (3.0, nobody)])
    for empty in (track, frames_of(track, slice(0, 0))):
        motion = read_motion(empty)
        assert (motion.view, motion.trials) == (None, ())
        assert motion.nothing_because is not None
        assert "Nobody could be found" in motion.nothing_because
    in_the_dark = read_motion(replace(track, source={"grainy": True}))
    assert in_the_dark.nothing_because is not None
    assert in_the_dark.nothing_because.endswith("in more light.")


def frames_of(track: PoseTrack, frames: slice) -> PoseTrack:
    """Some frames of a track."""
    return replace(
        track,
        times_s=track.times_s[frames],
        image_px=track.image_px[frames],
        world_m=track.world_m[frames],
        visibility=track.visibility[frames],
        flipped=track.flipped[frames],
        found_px=track.found_px[frames],
        task_shares=track.task_shares[frames],
        aside_deg=track.aside_deg[frames],
    )


def test_frames_without_the_person_between_two_sets_do_no_harm() -> None:
    gone = Figure(there=False)
    motion = read_motion(perform(squats_on("left"), on_both(1.0), [(0.0, gone), (3.0, gone)], squats_on("right")))
    assert [trial.stance_side for trial in motion.trials] == ["left", "right"]
    assert why_not(motion) == [None] * 6


@pytest.mark.parametrize("stance", SIDES)
def test_a_mirror_image_has_the_same_trials_on_the_other_side(stance: Side) -> None:
    track = perform(squats_on(stance, fppa_deg=14.0), yaw_deg=8.0, roll_deg=2.0, noise_px=0.5)
    one, two = read_motion(track), read_motion(mirrored(track))
    assert only_trial(two).stance_side == other_side(stance)
    assert only_trial(two).quiet_stance == only_trial(one).quiet_stance
    assert only_trial(two).repetitions == pytest.approx(only_trial(one).repetitions)
    assert one.view is not None
    assert two.view is not None
    assert (two.view.yaw_deg, two.view.roll_deg) == pytest.approx((-one.view.yaw_deg, -one.view.roll_deg), abs=1e-3)


def told_by_feet(track: PoseTrack, *shares: float, from_s: float = 0.0, to_s: float = np.inf) -> PoseTrack:
    """A close look at every tenth frame between two times that saw this under the feet."""
    rows = (track.times_s >= from_s) & (track.times_s <= to_s) & (np.arange(len(track.times_s)) % 10 == 0)
    told = np.tile(np.array(shares, dtype=np.float32), (len(track.times_s), 1))
    return replace(track, model="heavy", task_shares=told).only(rows)


def test_what_is_under_the_feet_tells_the_task_before_the_free_foot_does() -> None:
    track = perform(squats_on("left"), noise_px=0.5)
    closer = told_by_feet(track, 0.01, 0.02, 0.97)
    trial = only_trial(read_motion(track, closer=closer))
    assert (trial.task, trial.task_from) == ("lateral_step_down", "detected")
    assert trial.quiet_stance.kind == "single_leg"
    given = only_trial(read_motion(track, task="forward_step_down", closer=closer))
    assert (given.task, given.task_from) == ("forward_step_down", "given")


def test_where_the_picture_is_in_doubt_the_free_foot_tells() -> None:
    track = perform(on_both(2.0), step_down("left", times=3), noise_px=0.5)
    for closer in (None, track.only(track.times_s < 0), told_by_feet(track, 0.6, 0.3, 0.1), track):
        assert only_trial(read_motion(track, closer=closer)).task == "forward_step_down"
    assert only_trial(read_motion(track, closer=told_by_feet(track, 0.98, 0.01, 0.01))).task == "single_leg_squat"


def test_where_the_picture_is_in_doubt_both_it_and_the_free_foot_are_heard() -> None:
    # The free foot goes below the other: forward, as it looks, but a foot beside a step or held low may look so, too.
    track = perform(on_both(2.0), step_down("left", times=3), noise_px=0.5)
    for shares, task in (
        ((0.75, 0.12, 0.13), "single_leg_squat"),
        ((0.45, 0.16, 0.39), "lateral_step_down"),
        ((0.45, 0.30, 0.25), "forward_step_down"),
    ):
        assert only_trial(read_motion(track, closer=told_by_feet(track, *shares))).task == task


def test_one_picture_that_is_wrong_is_outvoted() -> None:
    track = perform(squats_on("left"), noise_px=0.5)
    closer = told_by_feet(track, 0.97, 0.02, 0.01)
    closer.task_shares[5] = (0.0, 1.0, 0.0)
    assert only_trial(read_motion(track, closer=closer)).task == "single_leg_squat"


def test_each_set_has_the_task_that_was_seen_in_it() -> None:
    track = perform(squats_on("left"), on_both(3.0), squats_on("right"), on_both(2.0), noise_px=0.5)
    half_s = 12.0
    shares = told_by_feet(track, 0.98, 0.01, 0.01)
    shares.task_shares[shares.times_s > half_s] = (0.01, 0.98, 0.01)
    motion = read_motion(track, closer=shares)
    assert [trial.task for trial in motion.trials] == ["single_leg_squat", "forward_step_down"]


def test_a_step_down_whose_foot_lands_counts_once_its_step_is_seen() -> None:
    track = perform(on_both(2.0), lift("left"), squat("left", touch=True))
    assert why_not(read_motion(track)) == ["foot touched down"]
    assert why_not(read_motion(track, closer=told_by_feet(track, 0.01, 0.98, 0.01))) == [None]
