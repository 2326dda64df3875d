"""What the feet stand on, told from the picture."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from screener.pose.footing import ANKLES_AT, LEG_PX, FootingFinder, cut_feet
from screener.pose.patches import PATCH_PX
from screener.screening import Screening
from screener.terms import TASKS
from tests.clips import sample_clips
from tests.conftest import clip_named

CLIPS = [clip.stem for clip in sample_clips()]
ANKLES = np.array([[330.0, 350.0], [290.0, 354.0]])


def picture(seed: int = 4) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (480, 640, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", CLIPS)
def test_what_is_stood_on_speaks_for_the_task_that_it_is(name: str, screened: Callable[[str], Screening]) -> None:
    """Rendered people whom no fitting saw, their tasks named by nobody."""
    true = TASKS.index(json.loads(clip_named(name).with_suffix(".truth.json").read_text(encoding="utf-8"))["task"])
    shares = screened(name).looks[1].task_shares
    shares = shares[np.isfinite(shares).all(axis=1)]
    assert len(shares) >= 6
    assert np.allclose(shares.sum(axis=1), 1.0, atol=1e-5)
    usual = np.median(shares, axis=0)
    assert usual[true] > 0.8


def test_a_first_look_does_not_ask_what_is_stood_on(screened: Callable[[str], Screening]) -> None:
    assert np.isnan(screened(CLIPS[0]).looks[0].task_shares).all()


def test_the_patch_has_the_ankles_in_their_place_and_every_leg_of_one_length() -> None:
    for leg_px in (70.0, 140.0, 420.0):
        rgb = np.zeros((960, 1280, 3), np.uint8)
        high, low = (np.array([640.0, 480.0 + shift * leg_px]) for shift in (0.0, 0.25))
        for x, y in (high, low):
            rgb[int(y) - int(leg_px / 35) : int(y) + int(leg_px / 35), int(x) - 3 : int(x) + 3] = 255
        patch = cut_feet(rgb, np.array([high, high]), leg_px).mean(axis=2)
        rows = np.flatnonzero(patch[:, int(ANKLES_AT[0])] > 60)
        upper, lower = rows[rows < ANKLES_AT[1] + 15].mean(), rows[rows > ANKLES_AT[1] + 15].mean()
        assert upper == pytest.approx(ANKLES_AT[1], abs=1.5)
        assert lower - upper == pytest.approx(0.25 * LEG_PX, abs=1.5)


def test_feet_at_the_pictures_edge_give_a_whole_patch() -> None:
    for ankles in (ANKLES, 0 * ANKLES, ANKLES + np.array([310, 125]), 9 * ANKLES):
        patch = cut_feet(picture(), ankles, 140.0)
        assert patch.shape == (PATCH_PX, PATCH_PX, 3)
        assert np.isfinite(patch).all()


def test_light_is_taken_out() -> None:
    rgb = (picture() // 4 + 30).astype(np.uint8)
    bright, dark = (cut_feet(each, ANKLES, 140.0) for each in (rgb, (rgb * 0.6).astype(np.uint8)))
    assert np.abs(bright - dark).mean() < 2.0


def test_without_a_legs_length_nothing_is_told() -> None:
    px = np.tile(ANKLES[:1], (33, 1)).astype(np.float32)
    assert np.isnan(FootingFinder().tell(picture(), px, float("nan"))).all()
