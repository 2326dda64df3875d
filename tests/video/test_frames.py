"""Pushed frames keep the promises of a recording."""

from __future__ import annotations

import queue
import threading

import numpy as np
import pytest

from screener.errors import EmptyVideo, WrongUse
from screener.video import Picture, PushedFrames, VideoFile, VideoSource


def picture(value: int) -> Picture:
    rgb = np.full((4, 6, 3), value, np.uint8)
    rgb[:, 0] = 255
    return rgb


def test_a_file_and_pushed_frames_are_video_sources() -> None:
    sources: list[type[VideoSource]] = [VideoFile, PushedFrames]
    members = ("info", "warnings", "damaged_frames", "__iter__", "read_windows")
    assert all(hasattr(source, member) for source in sources for member in members)


def test_times_start_at_zero_and_the_last_frame_completes_the_info() -> None:
    source = PushedFrames([(10.0, picture(1)), (10.5, picture(2)), (11.5, picture(3))], name="webcam")
    assert (source.info.name, source.info.width_px, source.info.height_px) == ("webcam", 6, 4)
    assert source.info.fps_mean is None
    frames = list(source)
    assert [(f.index, f.time_s, int(f.rgb[0, 1, 0])) for f in frames] == [(0, 0, 1), (1, 0.5, 2), (2, 1.5, 3)]
    assert source.info.duration_s == 1.5
    assert source.info.fps_mean == pytest.approx(2 / 1.5)
    assert source.warnings == ()


def test_mirrored_frames_are_turned_back() -> None:
    (frame,) = PushedFrames([(0.0, picture(7))], mirrored=True)
    assert frame.rgb[0, :, 0].tolist() == [7, 7, 7, 7, 7, 255]
    assert frame.rgb.flags.c_contiguous


def test_frames_out_of_order_or_of_another_size_are_left_out_and_counted() -> None:
    wide = np.zeros((4, 8, 3), np.uint8)
    source = PushedFrames([(0.0, picture(0)), (0.2, picture(1)), (0.2, picture(2)), (0.1, picture(3)), (0.3, wide)])
    assert [f.index for f in source] == [0, 1]
    assert source.damaged_frames == 3
    assert source.warnings == ("3 frames of another size or out of order: left out.",)


def test_frames_are_taken_from_a_queue_as_they_come() -> None:
    waiting: queue.Queue[tuple[float, Picture] | None] = queue.Queue()
    source = PushedFrames(iter(waiting.get, None))
    seen: list[float] = []
    reader = threading.Thread(target=lambda: seen.extend(f.time_s for f in source))
    reader.start()
    for index in range(5):
        waiting.put((index / 30, picture(index)))
    waiting.put(None)
    reader.join(timeout=10)
    assert seen == [index / 30 for index in range(5)]
    with pytest.raises(WrongUse, match="only once"):
        next(source.read_windows([(0, 1)]))


def test_a_list_can_be_looked_at_again() -> None:
    source = PushedFrames([(2 + i / 10, picture(i)) for i in range(10)])
    frames = list(source)
    again = list(source.read_windows([(0.75, 2.0), (0.15, 0.35), (0.3, 0.45)]))
    assert [(f.index, f.time_s) for f in again] == [(f.index, f.time_s) for f in frames if f.index in (2, 3, 4, 8, 9)]


def test_no_frame_and_no_picture() -> None:
    with pytest.raises(EmptyVideo, match="No picture arrived"):
        list(PushedFrames([]))
    with pytest.raises(WrongUse, match=r"\(height, width, 3\) uint8, got \(4, 6\) float64"):
        list(PushedFrames([(0.0, np.zeros((4, 6)))]))  # type: ignore[list-item]


def test_a_window_must_end_after_it_starts() -> None:
    with pytest.raises(WrongUse, match="must end after it starts"):
        next(PushedFrames([(0.0, picture(0))]).read_windows([(2.0, 1.0)]))
