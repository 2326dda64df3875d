"""From how far aside somebody is seen, told from the picture."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from screener.pose.facing import FacingFinder
from screener.screening import Screening
from tests.clips import sample_clips
from tests.conftest import clip_named

CLIPS = [clip.stem for clip in sample_clips()]


@pytest.mark.parametrize("name", CLIPS)
def test_the_picture_tells_where_the_camera_stands(name: str, screened: Callable[[str], Screening]) -> None:
    """Rendered people whom no fitting saw; the person's place is seen a little further aside than the camera looks."""
    camera = json.loads(clip_named(name).with_suffix(".truth.json").read_text(encoding="utf-8"))["camera"]
    (seen,) = screened(name).looks[1:]
    told = seen.aside_deg[np.isfinite(seen.aside_deg)]
    assert len(told) >= 5
    turned = camera["yaw_deg"] if camera.get("facing", "anterior") == "anterior" else -camera["yaw_deg"]
    assert abs(float(np.median(told)) - turned) < 8.0


def test_a_first_look_does_not_ask(screened: Callable[[str], Screening]) -> None:
    assert np.isnan(screened(CLIPS[0]).looks[0].aside_deg).all()


def test_a_mirror_image_is_seen_from_the_other_side() -> None:
    rgb = np.random.default_rng(4).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    px = np.random.default_rng(5).uniform((280, 150), (360, 400), (33, 2)).astype(np.float32)
    other = (px * [-1, 1] + [640, 0]).astype(np.float32)
    finder = FacingFinder()
    told = finder.tell(rgb, px, 140.0)
    assert finder.tell(np.ascontiguousarray(rgb[:, ::-1]), other, 140.0) == pytest.approx(-told, abs=0.2)


def test_without_a_legs_length_nothing_is_told() -> None:
    px = np.zeros((33, 2), np.float32)
    assert np.isnan(FacingFinder().tell(np.zeros((480, 640, 3), np.uint8), px, float("nan")))
