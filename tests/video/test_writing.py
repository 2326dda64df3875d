"""What is written can be read back, plays in a browser, and never stands half finished under its name."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from screener.errors import WrongUse
from screener.video import Codec, Picture, VideoWriter, open_video, write_video


@pytest.mark.parametrize(("codec", "suffix"), [("h264", ".mp4"), ("vp9", ".webm")])
def test_written_pictures_come_back(
    pictures: list[tuple[float, Picture]], tmp_path: Path, codec: Codec, suffix: str
) -> None:
    path = write_video(tmp_path / f"out{suffix}", (rgb for _, rgb in pictures), 30, codec)
    with open_video(path) as source:
        frames = list(source)
        assert source.info.codec == codec
    assert [f.time_s for f in frames] == pytest.approx([i / 30 for i in range(len(pictures))], abs=1e-3)
    for frame, (_, rgb) in zip(frames, pictures, strict=True):
        assert np.abs(frame.rgb.astype(int) - rgb).mean() < 5
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fps", [24, 25, 30000 / 1001, 60, 120])
def test_rates_are_exact(tmp_path: Path, fps: float) -> None:
    tiny = np.zeros((32, 32, 3), np.uint8)
    path = write_video(tmp_path / "rate.mp4", [tiny] * int(2 * fps), fps)
    with open_video(path) as source:
        exact = Fraction(fps).limit_denominator(1001)
        assert [f.time_s for f in source] == [float(i / exact) for i in range(int(2 * fps))]


def test_given_times_are_kept(pictures: list[tuple[float, Picture]], tmp_path: Path) -> None:
    uneven = [(1.3 * time_s**1.2, rgb) for time_s, rgb in pictures]
    with open_video(write_video(tmp_path / "uneven.mp4", uneven, 30)) as source:
        assert [f.time_s for f in source] == pytest.approx([time_s for time_s, _ in uneven], abs=1e-4)


def test_it_is_what_browsers_play_and_its_colours_are_said(tmp_path: Path) -> None:
    colour = np.full((101, 203, 3), (200, 30, 60), np.uint8)
    path = write_video(tmp_path / "odd.mp4", [colour] * 60, 30)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height, context.pix_fmt) == (204, 102, "yuv420p")
        assert (context.colorspace, context.color_range) == (1, 1)
    raw = path.read_bytes()
    assert 0 < raw.index(b"moov") < raw.index(b"mdat")
    with open_video(path) as source:
        middle = next(iter(source)).rgb[50, 100]
    assert np.abs(middle.astype(int) - (200, 30, 60)).max() <= 3


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"the one from before")
    tiny = np.zeros((32, 32, 3), np.uint8)

    def failing() -> Iterator[Picture]:
        yield tiny
        raise RuntimeError("the plot failed")

    with pytest.raises(RuntimeError, match="the plot failed"):
        write_video(path, failing(), 30)
    with pytest.raises(WrongUse, match="No picture was written"):
        write_video(path, [], 30)
    assert path.read_bytes() == b"the one from before"
    assert list(tmp_path.iterdir()) == [path]


def test_wrong_use_is_said(tmp_path: Path) -> None:
    tiny = np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(WrongUse, match=r"h264 cannot be written into out\.webm"):
        VideoWriter(tmp_path / "out.webm", 30)
    with pytest.raises(WrongUse, match="0 pictures a second"):
        VideoWriter(tmp_path / "out.mp4", 0)
    with pytest.raises(WrongUse, match="not later than"):
        write_video(tmp_path / "out.mp4", [(1.0, tiny), (1.0, tiny)], 30)
    with pytest.raises(WrongUse, match=r"shape \(32, 32, 3\), got \(16, 32, 3\)"):
        write_video(tmp_path / "out.mp4", [tiny, tiny[:16]], 30)
    with pytest.raises(WrongUse, match="float64"):
        write_video(tmp_path / "out.mp4", [tiny / 1.0], 30)  # type: ignore[list-item]
    with pytest.raises(WrongUse, match="not open"):
        VideoWriter(tmp_path / "out.mp4", 30).write(tiny)
    assert list(tmp_path.iterdir()) == []
