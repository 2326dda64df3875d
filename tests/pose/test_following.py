"""One person is followed; another person in the picture does not take over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from screener import Screening, screen
from screener.measures import Measurement
from screener.pose import Landmark, PoseEstimator
from screener.pose.estimator import way_shown
from screener.pose.joints import standing_leg_px
from screener.pose.landmarks import mirror_names
from screener.video import Picture, open_video
from tests.clips import encode
from tests.conftest import clip_named

FOLLOWED, BYSTANDER = "sls_right_drop_and_valgus", "sls_left_steady"

# Where in their clips the two stand: the picture's columns and rows.
FOLLOWED_COLUMNS = slice(200, 400)
BYSTANDER_COLUMNS, BYSTANDER_ROWS = slice(250, 400), slice(60, 430)
SMALLER = 0.7


def with_bystander(dst: Path, left_edge_px: Callable[[float], float]) -> Path:
    """The one clip with the person of the other, smaller and behind, whose left edge is where it is told to be."""
    with open_video(clip_named(BYSTANDER)) as source:
        strips = [smaller(frame.rgb[BYSTANDER_ROWS, BYSTANDER_COLUMNS]) for frame in source]
    frames: list[tuple[float, Picture]] = []
    with open_video(clip_named(FOLLOWED)) as source:
        for index, frame in enumerate(source):
            picture, strip = frame.rgb.copy(), strips[min(index, len(strips) - 1)]
            height, width = strip.shape[:2]
            x = round(left_edge_px(frame.time_s))
            shown = slice(max(0, x), min(picture.shape[1], x + width))
            if shown.start < shown.stop:
                picture[100 : 100 + height, shown] = strip[:, shown.start - x : shown.stop - x]
            picture[:, FOLLOWED_COLUMNS] = frame.rgb[:, FOLLOWED_COLUMNS]
            frames.append((frame.time_s, picture))
    return encode(dst, frames)


def smaller(rgb: Picture) -> Picture:
    width, height = (round(SMALLER * rgb.shape[axis] / 2) * 2 for axis in (1, 0))
    whole = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    return whole.reformat(width=width, height=height, threads=1).to_ndarray()


def found_px(screening: Screening) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return screening.looks[0].image_px[:, [Landmark.LEFT_HIP, Landmark.RIGHT_HIP]].mean(axis=1)


@pytest.mark.parametrize(
    "left_edge_px",
    [lambda at_s: 420.0, lambda at_s: 60.0, lambda at_s: -110.0 + 110.0 * at_s],
    ids=["stands at the right", "stands at the left", "walks across"],
)
def test_a_bystander_does_not_take_over(
    left_edge_px: Callable[[float], float], tmp_path: Path, screened: Callable[[str], Screening]
) -> None:
    alone = screened(FOLLOWED)
    both = screen(with_bystander(tmp_path / "both.mp4", left_edge_px))

    assert both.looks[0].found.all()
    assert np.abs(found_px(both) - found_px(alone)).max() < 15.0
    (one,), (two,) = alone.trials, both.trials
    assert (two.task, two.stance_side) == (one.task, one.stance_side)
    assert_allclose([rep.bottom_s for rep in two.repetitions], [rep.bottom_s for rep in one.repetitions], atol=0.1)
    for mine, yours in zip(one.repetitions, two.repetitions, strict=True):
        with_one, with_two = mine.measures["fppa_deg"], yours.measures["fppa_deg"]
        assert isinstance(with_one, Measurement)
        assert isinstance(with_two, Measurement)
        # The one who walks across covers an arm and a leg at times, which the corrector looks at too.
        assert with_two.low <= with_one.value <= with_two.high


def test_a_close_look_at_a_body_of_another_height_is_left_out(screened: Callable[[str], Screening]) -> None:
    first = screened(FOLLOWED).looks[0]
    middle = np.nanmean(first.image_px[:, [11, 12, 23, 24]], axis=1, keepdims=True)
    with PoseEstimator("heavy") as estimator, open_video(clip_named(FOLLOWED)) as source:
        for taller, seen in ((1.0, True), (1.1, True), (1.6, False)):
            stretched = middle + (first.image_px - middle) * np.array([1.0, taller], dtype=np.float32)
            near = replace(first, image_px=stretched.astype(np.float32))
            look = estimator.look_closely(source.read_windows([(1.0, 1.0)]), near)
            assert look.found.tolist() == [seen]


def test_where_the_grey_about_the_box_leads_astray_the_whole_picture_is_looked_at(
    screened: Callable[[str], Screening], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = screened(FOLLOWED).looks[0]
    looks_again = PoseEstimator.seen_alone

    def astray(estimator: PoseEstimator, rgb: Picture, *view: float, **asked: Any) -> NDArray[np.float32] | None:
        return None if (rgb[0, 0] == 127).all() else looks_again(estimator, rgb, *view, **asked)

    monkeypatch.setattr(PoseEstimator, "seen_alone", astray)
    elsewhere = replace(first, image_px=first.image_px + np.float32(200.0))
    with PoseEstimator("heavy") as estimator, open_video(clip_named(FOLLOWED)) as source:
        for near, seen in ((first, True), (elsewhere, False)):
            look = estimator.look_closely(source.read_windows([(1.0, 1.0)]), near)
            assert look.found.tolist() == [seen]


def test_legs_that_are_taken_for_each_other_in_the_mirror_image_are_not_averaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_video(clip_named(FOLLOWED)) as source:
        (frame,) = source.read_windows([(1.0, 1.0)])
    people_in = PoseEstimator._people_alone
    looks: list[NDArray[np.float32]] = []

    def swaps_in_the_second(estimator: PoseEstimator, rgb: Picture, most: int) -> list[NDArray[np.float32]]:
        (row,) = people_in(estimator, rgb, most)
        looks.append(mirror_names(row[None])[0] if looks else row)
        return [looks[-1]]

    with PoseEstimator("heavy") as estimator:
        averaged = estimator.seen_alone(frame.rgb)
        monkeypatch.setattr(PoseEstimator, "_people_alone", swaps_in_the_second)
        alone = estimator.seen_alone(frame.rgb)
        assert averaged is not None
        assert alone is not None
        assert len(looks) == 2
        assert_allclose(alone, looks[0], atol=1e-3)
        # Where it is known how sides are named, whichever of the two names them so counts: the mirror image's row has
        # them as in `looks[0]`, swapped, and back in the picture.
        for expected, sides_of_the_picture in ((alone, True), (mirror_names(alone[None])[0], False)):
            looks.clear()
            told = estimator.seen_alone(frame.rgb, expected_px=expected[:, :2])
            assert told is not None
            as_in_picture, otherwise = (
                np.abs(told[:, :2] - each[:, :2]).max() for each in (alone, mirror_names(alone[None])[0])
            )
            assert (as_in_picture < otherwise) == sides_of_the_picture
    # Otherwise the mean counts, and it is near.
    assert 0 < np.abs(averaged[:, :2] - alone[:, :2]).max() < 10


def test_a_frame_is_looked_at_once_where_that_is_asked_for(
    screened: Callable[[str], Screening], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = screened(FOLLOWED).looks[0]
    people_in = PoseEstimator._people_alone
    looked_at: list[int] = []

    def counted(estimator: PoseEstimator, rgb: Picture, most: int) -> list[NDArray[np.float32]]:
        looked_at.append(most)
        return people_in(estimator, rgb, most)

    monkeypatch.setattr(PoseEstimator, "_people_alone", counted)
    looks = []
    for once_s, calls in (((), 4), ((first.times_s[40],), 3)):
        looked_at.clear()
        with PoseEstimator("heavy") as estimator, open_video(clip_named(FOLLOWED)) as source:
            windows = [(float(at), float(at)) for at in first.times_s[[30, 40]]]
            looks.append(estimator.look_closely(source.read_windows(windows), first, once_s=once_s))
        assert len(looked_at) == calls
    for which in ("image_px", "found_px"):
        both, once = (getattr(look, which) for look in looks)
        assert_allclose(once[0], both[0], atol=1e-3)
        assert 0 < np.abs(once[1] - both[1]).max() < 0.1 * standing_leg_px(first.image_px)


@pytest.mark.parametrize("lasts_s", [0.5, 1.0, 1.5, 1.9])
def test_the_frames_of_a_quiet_stance_are_shown_in_different_ways(lasts_s: float) -> None:
    # Somebody who stands still is the same picture again and again, and so is what the model gets wrong in it.
    ways = [
        len({way_shown(at_s) for at_s in np.linspace(starts_s, starts_s + lasts_s, 7)})
        for starts_s in np.arange(0.0, 5.0, 0.1)
    ]
    assert min(ways) >= 2
    assert np.mean(ways) >= 4
