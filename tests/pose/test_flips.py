"""Left and right that the pose model swapped are found, swapped back and marked; what is no swap is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from screener.motion import read_motion
from screener.pose import PoseTrack, mend_left_right_flips, mirror_names
from tests.figures import Figure, lift, mirrored, on_both, perform, squat


def squats(**how: float) -> PoseTrack:
    return perform(on_both(2.0), lift("left"), squat("left", times=3), noise_px=0.7, **how)


def swapped_in(track: PoseTrack, frames: NDArray[np.bool_]) -> PoseTrack:
    """The track as a model gives it that swaps the names of left and right in some frames."""
    return replace(
        track,
        image_px=np.where(frames[:, None, None], mirror_names(track.image_px), track.image_px),
        world_m=np.where(frames[:, None, None], mirror_names(track.world_m), track.world_m),
        visibility=np.where(frames[:, None], mirror_names(track.visibility), track.visibility),
    )


def some(track: PoseTrack, *stretches_s: tuple[float, float]) -> NDArray[np.bool_]:
    return np.any([(track.times_s >= start) & (track.times_s < end) for start, end in stretches_s], axis=0)


@pytest.mark.parametrize("from_behind", [0, 1], ids=["from the front", "from behind"])
@pytest.mark.parametrize(
    "stretches_s",
    [[(4.0, 4.03)], [(3.0, 4.5)], [(0.0, 0.5)], [(9.0, 20.0)], [(1.0, 2.0), (3.5, 3.6), (4.0, 4.4), (8.0, 9.0)]],
    ids=["one frame", "a bottom", "the first frames", "the last frames", "several"],
)
def test_a_swap_is_found_mended_and_marked(stretches_s: list[tuple[float, float]], from_behind: int) -> None:
    track = squats(from_behind=from_behind)
    frames = some(track, *stretches_s)
    assert frames.any()
    mended = mend_left_right_flips(swapped_in(track, frames))
    assert_array_equal(mended.flipped, frames)
    for name in ("image_px", "world_m", "visibility"):
        assert_array_equal(getattr(mended, name), getattr(track, name), err_msg=name)
    assert mended.warnings == (
        f"The pose model swapped left and right in {frames.mean():.0%} of the frames; they were swapped back.",
    )
    assert [trial.stance_side for trial in read_motion(mended).trials] == ["left"]


def test_one_swap_of_a_hundred_frames_by_chance_is_found() -> None:
    track = squats()
    frames = np.random.default_rng(11).random(len(track.times_s)) < 0.2
    assert_array_equal(mend_left_right_flips(swapped_in(track, frames)).flipped, frames)


@pytest.mark.parametrize("halfway", [1, 2, 3])
def test_a_swap_by_way_of_poses_in_between_is_found(halfway: int) -> None:
    track = squats(from_behind=1)
    frames = some(track, (3.0, 4.5), (6.0, 6.2))
    given = swapped_in(track, frames)
    # The model comes from one naming to the other by way of poses in which left and right lie in one place.
    between = np.zeros(len(frames), dtype=bool)
    for change in np.flatnonzero(frames[1:] != frames[:-1]) + 1:
        between[change : change + halfway] = True
    image_px, world_m = given.image_px.copy(), given.world_m.copy()
    for points in (image_px, world_m):
        points[between] = (points[between] + mirror_names(points)[between]) / 2
    mended = mend_left_right_flips(replace(given, image_px=image_px, world_m=world_m))
    assert_array_equal(mended.flipped[~between], frames[~between])
    assert_array_equal(mended.image_px[~between], track.image_px[~between])


def test_turning_round_is_no_swap() -> None:
    # Half a turn in 0.8 s: in the picture left and right pass through one place, in space they stay apart.
    still = perform(on_both(2.8))
    turn = np.clip((still.times_s - 1.0) / 0.8, 0.0, 1.0)[:, None] * np.pi
    middle = still.image_px.mean(axis=1, keepdims=True)[..., 0]
    image_px, world_m = still.image_px.copy(), still.world_m.copy()
    x_m, z_m = still.world_m[..., 0], still.world_m[..., 2]
    image_px[..., 0] = middle + (still.image_px[..., 0] - middle) * np.cos(turn)
    world_m[..., 0], world_m[..., 2] = x_m * np.cos(turn) - z_m * np.sin(turn), x_m * np.sin(turn) + z_m * np.cos(turn)
    track = replace(still, image_px=image_px, world_m=world_m)
    assert mend_left_right_flips(track) is track


def test_a_track_without_a_swap_comes_back_as_it_is() -> None:
    for track in (squats(), squats(from_behind=1), mirrored(squats()), squats(yaw_deg=20.0)):
        assert mend_left_right_flips(track) is track


def test_crossing_feet_are_no_swap() -> None:
    # The free foot swings across the stance foot and back: one pair changes places, not all of them.
    across = [
        (0.0, Figure("left", rise=0.2)),
        (0.5, Figure("left", rise=0.2, aside=-0.3)),
        (1.0, Figure("left", rise=0.2)),
    ]
    track = perform(on_both(1.0), *[across] * 4)
    assert mend_left_right_flips(track) is track


def test_after_a_gap_the_body_may_have_turned_round() -> None:
    gone = Figure(there=False)
    front = perform(on_both(3.0), [(0.0, gone), (1.0, gone)], on_both(3.0))
    back = perform(on_both(3.0), [(0.0, gone), (1.0, gone)], on_both(3.0), from_behind=True)
    second = (front.times_s > 3.5)[:, None, None]
    turned = replace(
        front,
        image_px=np.where(second, back.image_px, front.image_px),
        world_m=np.where(second, back.world_m, front.world_m),
    )
    assert mend_left_right_flips(turned) is turned


def test_nobody_and_a_single_frame_are_no_swap() -> None:
    gone = Figure(there=False)
    empty = perform([(0.0, gone), (2.0, gone)])
    assert mend_left_right_flips(empty) is empty
    one = perform(on_both(0.01))
    assert len(one.times_s) == 1
    assert mend_left_right_flips(one) is one
