"""Noise of pictures: measured rightly, lessened where nothing moves, left alone where there is none."""

from __future__ import annotations

import csv
from collections.abc import Iterable

import numpy as np
import pytest

from screener.pose import Landmark, PoseEstimator
from screener.video import Frame, LiveCalmer, Picture, PushedFrames, calmed, open_video
from screener.video.noise import CalmedSource, noise_of
from tests.conftest import clip_named

_SIZE = (120, 160, 3)
_FPS = 30.0


def _scene(frames: int, moves_px: int = 0) -> list[Picture]:
    """A grey ramp with a bright square, which moves so far from picture to picture."""
    ramp = np.linspace(60, 120, _SIZE[1])[None, :, None] * np.ones(_SIZE)
    pictures = []
    for n in range(frames):
        one = ramp.copy()
        one[40:80, 10 + n * moves_px : 40 + n * moves_px] = 200
        pictures.append(one)
    return [one.astype(np.uint8) for one in pictures]


def _grainy(pictures: Iterable[Picture], sigma: float) -> list[Picture]:
    chance = np.random.default_rng(3)
    return [np.clip(np.round(one + chance.normal(0, sigma, one.shape)), 0, 255).astype(np.uint8) for one in pictures]


def _pushed(pictures: Iterable[Picture]) -> PushedFrames:
    return PushedFrames([(n / _FPS, one) for n, one in enumerate(pictures)])


@pytest.mark.parametrize("sigma", [2.0, 4.0, 8.0])
def test_noise_is_measured_on_a_still_and_on_a_moving_scene(sigma: float) -> None:
    for moves_px in (0, 3):
        assert noise_of(_pushed(_grainy(_scene(30, moves_px), sigma))) == pytest.approx(sigma, rel=0.1)


def test_what_is_no_noise_is_not_taken_for_it() -> None:
    clear = _scene(30, moves_px=3)
    assert noise_of(_pushed(clear)) == 0.0
    # A lamp that flickers changes the whole picture.
    flickering = [np.asarray(one + 6 * (n % 3), dtype=np.uint8) for n, one in enumerate(clear)]
    assert noise_of(_pushed(flickering)) == 0.0
    # Every picture twice, as screen recorders write them, hides half of the changes.
    twice = [one for one in _grainy(_scene(15), 4.0) for _ in range(2)]
    assert noise_of(_pushed(twice)) == pytest.approx(4.0, rel=0.1)
    source = _pushed(clear)
    assert calmed(source) is source


def test_a_source_that_can_be_read_once_only_is_left_alone() -> None:
    live = PushedFrames(iter([(n / _FPS, one) for n, one in enumerate(_grainy(_scene(10), 8.0))]))
    assert calmed(live) is live
    assert len(list(live)) == 10


def test_noise_is_halved_and_what_moves_is_not_smeared() -> None:
    truth = _scene(30, moves_px=4)
    source = calmed(_pushed(_grainy(truth, 6.0)))
    assert isinstance(source, CalmedSource)
    assert any("grainy" in said for said in source.warnings)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(30))
    off = np.stack([frame.rgb.astype(float) - real for frame, real in zip(frames, truth, strict=True)])[5:-5]
    assert off[:, 90:].std() < 0.55 * 6.0
    assert abs(off[:, 90:].mean()) < 0.5
    # Four pixels a picture, as a hand moves: beside it a plain mean of five smears the square's edges.
    smeared = np.stack([np.mean(truth[n - 2 : n + 3], axis=0) - truth[n] for n in range(5, 25)])
    moving, plainly = (float(np.abs(each[:, 40:80].mean(axis=(1, 3))).max()) for each in (off, smeared))
    assert moving < 0.65 * plainly


def test_windows_hold_the_very_pictures_of_a_full_pass() -> None:
    source = calmed(_pushed(_grainy(_scene(60, moves_px=1), 5.0)))
    whole = {frame.index: frame.rgb for frame in source}
    seen = list(source.read_windows([(0.0, 0.05), (0.5, 0.5), (0.58, 0.7), (1.9, 2.5)]))
    assert len(seen) > 6
    for frame in seen:
        np.testing.assert_array_equal(frame.rgb, whole[frame.index])


def test_joints_are_found_more_steadily_in_grainy_pictures() -> None:
    clip = clip_named("squat_left_straight")
    with open_video(clip) as video:
        frames = [(frame.time_s, frame.rgb) for frame in video if frame.time_s < 3.0]
    with clip.with_suffix(".truth.csv").open(encoding="utf-8", newline="") as file:
        truth = list(csv.DictReader(file))[: len(frames)]
    grainy = _grainy([rgb for _, rgb in frames], 14.0)
    source = PushedFrames([(at_s, rgb) for (at_s, _), rgb in zip(frames, grainy, strict=True)])

    def unsteady_px(video: Iterable[object]) -> float:
        """How far joints are from where they are, beyond what is the same in all frames."""
        with PoseEstimator("full") as estimator:
            track = estimator.track(video)  # type: ignore[arg-type]
        names = [f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle")]
        real = np.array([[[float(row[f"{name}_{axis}_px"]) for axis in "xy"] for name in names] for row in truth])
        off = track.image_px[:, [Landmark[name.upper()] for name in names]] - real
        return float(np.nanmedian(np.linalg.norm(off - np.nanmedian(off, axis=0), axis=2)))

    plain = unsteady_px(source.read_windows([(0.0, 3.0)]))
    calm = unsteady_px(calmed(source).read_windows([(0.0, 3.0)]))
    print(f"grainy {plain:.2f} px, calmed {calm:.2f} px")
    assert calm < 0.85 * plain


def test_live_pictures_are_calmed_by_those_before_them_once_they_prove_grainy() -> None:
    truth = _scene(40)
    for sigma, left in ((6.0, 0.7), (0.0, 1.0)):
        calmer = LiveCalmer()
        grainy = _grainy(truth, sigma)
        calm = [calmer.next(Frame(n, n / 20.0, rgb)).rgb for n, rgb in enumerate(grainy)]
        off = np.stack(calm[-10:]).astype(float) - truth[0]
        assert off.std() <= left * sigma
    # A camera that changes its size is no reason to fail.
    other = np.zeros((60, 80, 3), dtype=np.uint8)
    assert calmer.next(Frame(40, 2.0, other)).rgb is other
