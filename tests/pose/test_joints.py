"""The hips and knees that a close look finds from the picture of pelvis and thighs."""

from __future__ import annotations

import csv
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from screener.pose import Landmark, mirror_names
from screener.pose.joints import (
    HIPS_AT,
    LEG_PX,
    SWAPPED,
    JointFinder,
    believed,
    cut_patch,
    patch_frame,
    standing_leg_px,
)
from screener.pose.landmarks import FOUND_JOINTS, HIPS
from screener.screening import Screening
from screener.video import Picture, open_video
from tests.conftest import clip_named

# Drawn by the studio: bodies, rooms and clothes that no fitting saw, and a pelvis that drops.
CLIPS = ("squat_right_drop_only", "squat_left_lean_hides_drop", "squat_right_drop_valgus")
FACING = np.array([[330.0, 250.0], [290.0, 254.0]])  # the left hip of whoever faces the camera is on the right


def true_hips(screening: Screening, name: str) -> NDArray[np.float64]:
    """Both hips `(frame, left right, xy)` as they are in the frames that were looked at closely."""
    with clip_named(name).with_suffix(".truth.csv").open() as file:
        rows = list(csv.DictReader(file))
    times_s = np.array([float(row["time_s"]) for row in rows])
    hips = [[[float(row[f"{side}_hip_{axis}_px"]) for axis in "xy"] for side in ("left", "right")] for row in rows]
    return np.array([hips[int(np.argmin(np.abs(times_s - time_s)))] for time_s in screening.looks[1].times_s])


def tilt_deg(hips: NDArray[np.float64]) -> NDArray[np.float64]:
    """How the lines between hips `(frame, left right, xy)` tilt in the picture."""
    line = hips[:, 1] - hips[:, 0]
    return np.asarray(np.degrees(np.arctan2(line[:, 1] * np.sign(line[:, 0]), np.abs(line[:, 0]))))


@pytest.mark.parametrize("name", CLIPS)
def test_found_hips_tilt_more_like_the_pelvis_than_the_pose_models_do(
    name: str, screened: Callable[[str], Screening]
) -> None:
    look = screened(name).looks[1]
    true = tilt_deg(true_hips(screened(name), name))
    error, plain_error = (
        np.abs(tilt_deg(hips) - true).mean() for hips in (look.found_px[:, :2], look.image_px[:, list(HIPS)])
    )
    assert error < 0.75 * plain_error


def test_a_first_look_has_the_pose_models_hips_alone(screened: Callable[[str], Screening]) -> None:
    first, close = screened(CLIPS[0]).looks
    assert np.isnan(first.found_px).all()
    assert np.isfinite(close.found_px).all()


def test_the_patch_has_the_hips_level_in_their_place_and_every_leg_of_one_length() -> None:
    for turned_hips in (FACING, FACING[::-1]):
        there = patch_frame(turned_hips, 80.0)
        left, right = turned_hips @ there[:, :2].T + there[:, 2]
        assert_allclose((left + right) / 2, HIPS_AT)
        assert left[1] == pytest.approx(right[1])
        assert np.linalg.norm(left - right) == pytest.approx(np.linalg.norm(FACING[0] - FACING[1]) * LEG_PX / 80)


def test_a_patch_shows_the_body_and_nothing_of_the_room() -> None:
    rng = np.random.default_rng(3)
    rgb = np.asarray(cv2.GaussianBlur(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), (0, 0), 3), np.uint8)
    px = body_px()
    plain, mirrored = (cut_patch(rgb, px, patch_frame(FACING, 80.0, mirrored=each)) for each in (False, True))
    assert np.abs(plain[:, ::-1].astype(int) - mirrored).max() <= 6  # each is made as bright as any
    assert (plain[:, [0, -1]] == 127).all()
    elsewhere = rgb.copy()
    elsewhere[:, :200] = elsewhere[:, 420:] = 0
    without = cut_patch(elsewhere, px, patch_frame(FACING, 80.0))
    assert np.abs(without.astype(int) - plain).max() <= 1  # the body's soft edge counts for its brightness
    assert plain[70:90, 70:90].std() > 5


def test_a_patch_is_as_bright_in_a_dark_room_and_in_dark_clothes() -> None:
    rng = np.random.default_rng(3)
    rgb = np.asarray(cv2.GaussianBlur(rng.integers(60, 200, (480, 640, 3), dtype=np.uint8), (0, 0), 3), np.uint8)
    there = patch_frame(FACING, 80.0)
    bright, dark = (cut_patch(np.asarray(rgb * share, np.uint8), body_px(), there) for share in (1.0, 0.25))
    assert np.abs(dark.astype(int) - bright).max() <= 5
    # ... but what is all but black stays dark: there is nothing to see in it.
    assert cut_patch(np.asarray(rgb * 0.02, np.uint8), body_px(), there)[70:90, 70:90].mean() < 40


def test_a_knee_that_lies_far_off_is_the_pose_models_and_a_hip_that_does_is_nothing() -> None:
    expected = np.tile(body_px()[list(FOUND_JOINTS)], (3, 1, 1))
    found = expected + 1.0
    found[1, 2] += 30.0
    found[2, 0] += 30.0
    made = believed(found, expected, np.full(3, 80.0))
    assert_array_equal(made[0], found[0])
    assert_array_equal(made[1], [*found[1, :2], expected[1, 2], found[1, 3]])
    assert np.isnan(made[2]).all()


def body_px() -> NDArray[np.float64]:
    """Landmarks of somebody who faces the camera, about the hips `FACING`."""
    px = np.full((33, 2), np.nan)
    px[list(HIPS)] = FACING
    px[[Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER]] = [[345.0, 170.0], [275.0, 170.0]]
    px[[Landmark.LEFT_KNEE, Landmark.RIGHT_KNEE]] = [[330.0, 290.0], [290.0, 290.0]]
    px[[Landmark.LEFT_ANKLE, Landmark.RIGHT_ANKLE]] = [[330.0, 330.0], [290.0, 330.0]]
    return px


def first_close_look(screening: Screening) -> tuple[Picture, NDArray[np.float64], float]:
    """The first picture that was looked at closely, its landmarks, and the length of the leg."""
    look = screening.looks[1]
    with open_video(clip_named(CLIPS[0])) as source:
        (frame,) = source.read_windows([(float(look.times_s[0]),) * 2])
    return frame.rgb, look.image_px[0].astype(np.float64), standing_leg_px(screening.looks[0].image_px)


def test_joints_do_not_depend_on_where_in_the_picture_and_how_large_a_person_is(
    screened: Callable[[str], Screening],
) -> None:
    rgb, px, leg_px = first_close_look(screened(CLIPS[0]))
    finder = JointFinder()
    here = finder.find(rgb, px, leg_px)
    assert here is not None
    for factor, turned_deg in ((1.7, 0.0), (1.0, 8.0)):
        moving = cv2.getRotationMatrix2D((320, 240), turned_deg, factor)
        moving[:, 2] += np.array([40.0, 25.0])
        picture = cv2.warpAffine(rgb, moving, (1200, 900), borderMode=cv2.BORDER_REPLICATE)
        corner = np.full(2, 0.5)  # OpenCV counts from the middle of the first pixel
        moved = lambda points: (points - corner) @ moving[:, :2].T + moving[:, 2] + corner  # noqa: B023, E731
        there = finder.find(np.asarray(picture, np.uint8), moved(px), factor * leg_px)
        assert there is not None
        assert np.abs(there - moved(here)).max() < 0.02 * factor * leg_px


def test_a_picture_and_its_mirror_image_tell_the_same(screened: Callable[[str], Screening]) -> None:
    rgb, px, leg_px = first_close_look(screened(CLIPS[0]))
    width = rgb.shape[1]
    finder = JointFinder()
    here = finder.find(rgb, px, leg_px)
    over = mirror_names(px[None])[0] * [-1, 1] + [width, 0]
    mirrored = finder.find(np.ascontiguousarray(rgb[:, ::-1]), over, leg_px)
    assert here is not None
    assert mirrored is not None
    back = (mirrored * [-1, 1] + [width, 0])[SWAPPED]
    assert np.abs(back - here).max() < 0.002 * leg_px


def test_joints_are_not_told_where_the_leg_is_not_known_or_they_would_be_far_off() -> None:
    rgb = np.full((480, 640, 3), 127, np.uint8)
    finder = JointFinder()
    assert finder.find(rgb, body_px(), float("nan")) is None
    # A leg of 10 px: the hips are 4 legs apart, which no hips are.
    assert finder.find(rgb, body_px(), 10.0) is None
    assert np.isnan(standing_leg_px(np.full((5, 33, 2), np.nan, np.float32)))


def test_a_standing_leg_is_told_from_the_frames_in_which_a_person_stands() -> None:
    px = np.zeros((10, 33, 2), np.float32)
    px[:, Landmark.LEFT_ANKLE, 1] = [100, 100, 90, 70, 60, 70, 90, 100, 100, 101]
    px[4] = np.nan
    assert 99 <= standing_leg_px(px) <= 101
