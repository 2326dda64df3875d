"""A short clip that the video tests read, cut and break."""

from __future__ import annotations

from pathlib import Path

import pytest

from screener.video import Picture, open_video
from tests.clips import reencode, sample_clips


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a sample clip at 320 x 240, 30 frames/s, a key frame every half second."""
    dst = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return reencode(sample_clips()[0], dst, size=(320, 240), end_s=2.0, gop=15)


@pytest.fixture(scope="session")
def pictures(clip: Path) -> list[tuple[float, Picture]]:
    """The times and pictures of `clip`."""
    with open_video(clip) as source:
        return [(frame.time_s, frame.rgb) for frame in source]
