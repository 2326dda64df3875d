"""Recordings of every kind come out upright, unmirrored, with square pixels and at their own times."""

from __future__ import annotations

import hashlib
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from screener.video import Frame, Picture, open_video
from tests.clips import encode, reencode, sample_clips, set_rotation

#: Mean absolute difference, of 255, that a lossy codec at these settings may make to a small picture. Two
#: different pictures of the clip that are half a second apart differ by more.
LOSSY = 6.0


def read(path: Path, mirrored: bool = False, max_side_px: int | None = None) -> list[Frame]:
    with open_video(path, mirrored, max_side_px) as source:
        frames = list(source)
        assert source.warnings == ()
        assert source.damaged_frames == 0
    return frames


def difference(a: Picture, b: Picture) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("sample", sample_clips(), ids=lambda path: path.stem)
def test_a_sample_clip_has_its_header_s_frames_at_their_times(sample: Path) -> None:
    with open_video(sample) as source:
        frames = list(source)
        info = source.info
    size = (480, 640) if "portrait" in sample.stem else (640, 480)
    assert (info.width_px, info.height_px, info.rotation_deg, info.mirrored) == (*size, 0, False)
    assert info.codec == "h264"
    assert info.sha256 == hashlib.sha256(sample.read_bytes()).hexdigest()
    assert [f.index for f in frames] == list(range(len(frames)))
    assert [f.time_s for f in frames] == pytest.approx([i / 30 for i in range(len(frames))], abs=1e-4)
    assert info.duration_s == frames[-1].time_s
    assert info.fps_mean == pytest.approx(30, abs=1e-3)
    assert all(f.rgb.dtype == np.uint8 and f.rgb.flags.c_contiguous and f.scale == 1 for f in frames)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("h264", ".mp4"), ("h264", ".mov"), ("h264", ".m4v"), ("h264", ".mkv"), ("h264", ".avi"),
        ("hevc", ".mov"), ("hevc", ".mp4"), ("vp9", ".webm"), ("av1", ".mkv"), ("av1", ".mp4"),
        ("mpeg4", ".avi"), ("mpeg4", ".mp4"),
    ],
)  # fmt: skip
def test_containers_and_codecs(pictures: list[tuple[float, Picture]], tmp_path: Path, codec: str, suffix: str) -> None:
    path = encode(tmp_path / f"clip{suffix}", pictures, codec=codec)
    frames = read(path)
    # Matroska and WebM keep whole milliseconds.
    assert [f.time_s for f in frames] == pytest.approx([time_s for time_s, _ in pictures], abs=1.01e-3)
    assert max(difference(f.rgb, rgb) for f, (_, rgb) in zip(frames, pictures, strict=True)) < LOSSY
    with open_video(path) as source:
        assert source.info.codec == codec


def test_ten_bit_hevc_becomes_eight_bit_rgb(pictures: list[tuple[float, Picture]], tmp_path: Path) -> None:
    frames = read(encode(tmp_path / "hdr.mov", pictures[:50], codec="hevc", pix_fmt="yuv420p10le"))
    assert frames[0].rgb.dtype == np.uint8
    assert difference(frames[-1].rgb, pictures[49][1]) < LOSSY


@pytest.mark.parametrize("fps", [24, Fraction(30000, 1001), 60, 120])
def test_frame_rates_are_kept_exactly(clip: Path, tmp_path: Path, fps: Fraction) -> None:
    frames = read(reencode(clip, tmp_path / "rate.mp4", fps=fps, size=(160, 120)))
    assert [f.time_s for f in frames] == pytest.approx([i / float(fps) for i in range(len(frames))], abs=1e-6)


def test_uneven_times_are_kept_to_the_millisecond(pictures: list[tuple[float, Picture]], tmp_path: Path) -> None:
    uneven = [(1.7 * time_s**1.3, rgb) for time_s, rgb in pictures]
    for suffix in (".mp4", ".mkv"):
        frames = read(encode(tmp_path / f"uneven{suffix}", uneven))
        assert [f.time_s for f in frames] == pytest.approx([time_s for time_s, _ in uneven], abs=1.01e-3)


def test_times_start_at_the_first_frame(pictures: list[tuple[float, Picture]], tmp_path: Path) -> None:
    late = [(time_s + 5, rgb) for time_s, rgb in pictures]
    frames = read(encode(tmp_path / "late.mkv", late))
    assert [f.time_s for f in frames] == pytest.approx([time_s for time_s, _ in pictures], abs=1.01e-3)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("deg", [0, 90, 180, 270])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_rotation_is_applied(clip: Path, tmp_path: Path, suffix: str, deg: int, flip: bool) -> None:
    path = reencode(clip, tmp_path / f"turned{suffix}")
    stored = read(path)
    set_rotation(path, deg, flip)
    expected = np.rot90(stored[7].rgb, -deg // 90)
    if flip:
        expected = expected[:, ::-1]
    with open_video(path) as source:
        frames = list(source)
        assert source.info.rotation_deg == deg
        assert (source.info.height_px, source.info.width_px) == expected.shape[:2]
    np.testing.assert_array_equal(frames[7].rgb, expected)
    assert frames[7].rgb.flags.c_contiguous


def test_mirrored_is_turned_back_once_and_after_the_rotation(clip: Path, tmp_path: Path) -> None:
    path = reencode(clip, tmp_path / "turned.mp4")
    set_rotation(path, 90)
    plain, mirrored = read(path), read(path, mirrored=True)
    np.testing.assert_array_equal(mirrored[3].rgb, plain[3].rgb[:, ::-1])
    with open_video(path, mirrored=True) as source:
        assert source.info.mirrored


@pytest.mark.parametrize(("ratio", "width_px"), [(Fraction(4, 3), 427), (Fraction(1, 2), 160)])
def test_pixels_become_square(
    pictures: list[tuple[float, Picture]], tmp_path: Path, ratio: Fraction, width_px: int
) -> None:
    path = encode(tmp_path / "wide.mp4", pictures, pixel_ratio=ratio)
    frames = read(path)
    assert frames[0].rgb.shape == (240, width_px, 3)
    set_rotation(path, 90)
    assert read(path)[0].rgb.shape == (width_px, 240, 3)


def test_large_pictures_come_smaller_and_say_by_how_much(clip: Path, tmp_path: Path) -> None:
    path = reencode(clip, tmp_path / "turned.mp4")
    set_rotation(path, 90)
    with open_video(path, max_side_px=160) as source:
        small = next(iter(source))
        assert (source.info.width_px, source.info.height_px) == (240, 320)
    assert small.rgb.shape == (160, 120, 3)
    assert small.scale == 2
    whole = read(path)[0].rgb.astype(float).reshape(160, 2, 120, 2, 3).mean((1, 3))
    assert np.abs(small.rgb - whole).mean() < 3
    with open_video(path, max_side_px=4000) as source:
        assert next(iter(source)).scale == 1


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("h264", ".mp4"),
        ("hevc", ".mov"),
        ("vp9", ".webm"),
        ("h264", ".mkv"),
        ("h264", ".avi"),
        ("av1", ".mp4"),
    ],
)
def test_a_second_look_sees_the_very_same_frames(
    pictures: list[tuple[float, Picture]], tmp_path: Path, codec: str, suffix: str
) -> None:
    path = encode(tmp_path / f"clip{suffix}", pictures, codec=codec, gop=10)
    windows = [(1.5, 1.6), (0.75, 0.80), (0.78, 0.9), (1.97, 9.0), (0.5, 0.5), (50.0, 60.0)]
    with open_video(path) as source:
        everything = list(source)
        looked = list(source.read_windows(windows))
    with open_video(path) as fresh:
        assert [f.time_s for f in fresh.read_windows(windows)] == [f.time_s for f in looked]
    expected = [f for f in everything if any(a <= f.time_s <= b for a, b in windows)]
    assert 8 < len(expected) < 20
    assert [(f.index, f.time_s) for f in looked] == [(f.index, f.time_s) for f in expected]
    for seen, again in zip(expected, looked, strict=True):
        np.testing.assert_array_equal(seen.rgb, again.rgb)


def test_two_passes_give_the_same(clip: Path) -> None:
    with open_video(clip) as source:
        first = [(f.index, f.time_s, f.rgb.sum()) for f in source]
        assert [(f.index, f.time_s, f.rgb.sum()) for f in source] == first


def test_closing_ends_a_pass(clip: Path) -> None:
    with open_video(clip) as source:
        frames = iter(source)
        next(frames)
    assert list(frames) == []


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    def peak(seconds: int) -> int:
        noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
        frames = ((i / 30, np.roll(noise, i % 7, axis=1)) for i in range(30 * seconds))
        path = encode(tmp_path / f"{seconds}.mp4", frames, codec="mpeg4")
        tracemalloc.start()
        try:
            with open_video(path) as source:
                assert sum(1 for _ in source) == 30 * seconds
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short, long = peak(20), peak(200)
    # Ten times the frames may cost their time stamps (8 bytes and a whole number each), never their pictures.
    assert long - short < 5400 * 100 < 30 * 96 * 128 * 3


def test_nothing_is_printed(clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cut = tmp_path / "cut.mkv"
    whole = reencode(clip, tmp_path / "whole.mkv").read_bytes()
    cut.write_bytes(whole[: len(whole) * 19 // 20])
    capfd.readouterr()
    with open_video(cut) as source:
        assert sum(1 for _ in source) > 40
    assert capfd.readouterr() == ("", "")
