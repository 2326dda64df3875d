"""Grainy pictures made calmer: in poor light each is averaged with those beside it, where nothing moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from screener.errors import WrongUse
from screener.video.frames import Frame, Picture, VideoInfo, VideoSource, Window, checked_windows

__all__ = ["NOISY", "CalmedSource", "LiveCalmer", "calmed", "noise_of"]

#: From here on pictures are averaged: a standard deviation of each colour, in steps of 255. Of 148 rendered films 32 of
#: the 34 in poor light reach it, and 3 of the 114 others.
NOISY = 1.1

# A picture's neighbours: so many each way, no further away than this.
_EACH_WAY = 2
_REACH_S = 0.1

# How unlike a neighbour may be, in standard deviations of the noise of single pixels, and the side of the squares over
# which it is compared: their mean is four times as sure, so movement shows that pixels hide [judgement].
_UNLIKE = 1.2
_SQUARE_PX = 4

# Noise is measured in this much of the recording, at its beginning and in its middle.
_SAMPLE_S = 0.25

_Values = npt.NDArray[np.float32]


def calmed(video: VideoSource) -> VideoSource:
    """The source itself where its pictures are clear, or cannot be read again; else its pictures with less noise."""
    noise = noise_of(video)
    return CalmedSource(video, noise) if noise >= NOISY else video


def noise_of(video: VideoSource) -> float:
    """The standard deviation of what changes from picture to picture where nothing moves.

    The less changed half of the pixels is taken for what does not move; half-normal, its mean is 0.325 of the
    standard deviation. A change of the whole picture's brightness is no noise.

    Returns:
        Steps of 255, each colour alone; 0 where the source can be read only once, or shows fewer than two pictures.
    """
    middle_s = (video.info.duration_s or 0.0) / 2
    found = []
    for start_s in sorted({0.0, middle_s}):
        try:
            near = pairwise(video.read_windows([(start_s, start_s + _SAMPLE_S)]))
            changes = [_change(before.rgb, after.rgb) for before, after in near]
        except WrongUse:
            return 0.0
        if changes:
            # Some recordings hold each picture twice: the upper quartile belongs to those that differ.
            found.append(float(np.percentile(changes, 75)))
        if min(found, default=0.0) < NOISY:
            break  # the middle may be far from a key frame, and is only asked for the sake of what follows
    # A camera that is still being put down, or a lamp that goes on, is not noise in both.
    return min(found, default=0.0)


# The mean of the lower half of a half-normal distribution, as part of its standard deviation.
_LOWER_HALF = 0.3247


def _change(before: Picture, after: Picture) -> float:
    """The noise of one picture, from two."""
    difference = after[::3, ::3].astype(np.float32) - before[::3, ::3]
    difference -= np.median(difference, axis=(0, 1))
    sizes = np.abs(difference).ravel()
    half = len(sizes) // 2
    return float(np.partition(sizes, half)[:half].mean() / _LOWER_HALF / np.sqrt(2))


class CalmedSource:
    """A `VideoSource` whose pictures are averages of another's; times, places and warnings are the other's own."""

    def __init__(self, video: VideoSource, noise: float) -> None:
        """`noise` as `noise_of` gives it."""
        self._video = video
        self._noise = noise

    @property
    def info(self) -> VideoInfo:
        return self._video.info

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self._video.warnings, "There is little light, so the picture is grainy. Use more light.")

    @property
    def damaged_frames(self) -> int:
        return self._video.damaged_frames

    def __iter__(self) -> Iterator[Frame]:
        return _averaged(self._video, self._noise)

    def read_windows(self, windows: Iterable[Window]) -> Iterator[Frame]:
        wanted = checked_windows(windows)
        # With all that a full pass would have averaged in.
        wider = [(start_s - _REACH_S, end_s + _REACH_S) for start_s, end_s in wanted]
        for frame in _averaged(self._video.read_windows(wider), self._noise):
            if any(start_s <= frame.time_s <= end_s for start_s, end_s in wanted):
                yield frame


class LiveCalmer:
    """Calms pictures as they come: the same averages, of those before alone, so that nothing waits."""

    def __init__(self) -> None:
        self._before: deque[_Held] = deque(maxlen=_EACH_WAY)
        self._last: Frame | None = None
        self._changes: deque[float] = deque(maxlen=_CHANGES)
        self._count = 0

    def next(self, frame: Frame) -> Frame:
        """The frame itself where the pictures are clear so far; else its average with those before it."""
        last, self._last = self._last, frame
        if last is not None and last.rgb.shape == frame.rgb.shape and self._count % _CHANGE_EVERY == 0:
            self._changes.append(_change(last.rgb, frame.rgb))
        self._count += 1
        noise = float(np.median(self._changes)) if self._changes else 0.0
        if noise < NOISY:
            self._before.clear()
            return frame
        held = _held(frame)
        calm = _with_near(held, self._before, noise)
        self._before.append(held)
        return calm


# How noisy a live view is: the median of so many of its latest changes, of which one in so many pictures is looked at.
_CHANGES = 9
_CHANGE_EVERY = 10


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A frame, and its picture in means of squares."""

    frame: Frame
    squares: _Values


def _held(frame: Frame) -> _Held:
    height, width = frame.rgb.shape[:2]
    size = max(1, width // _SQUARE_PX), max(1, height // _SQUARE_PX)
    return _Held(frame, cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32))


def _averaged(frames: Iterable[Frame], noise: float) -> Iterator[Frame]:
    before: deque[_Held] = deque(maxlen=_EACH_WAY)
    ahead: deque[_Held] = deque()

    def next_one() -> Frame:
        centre = ahead.popleft()
        calm = _with_near(centre, (*before, *ahead), noise)
        before.append(centre)
        return calm

    for frame in frames:
        ahead.append(_held(frame))
        if len(ahead) > _EACH_WAY:
            yield next_one()
    while ahead:
        yield next_one()


def _with_near(centre: _Held, others: Iterable[_Held], noise: float) -> Frame:
    """A frame averaged with others near in time, each counting for less where it differs by more than noise."""
    height, width = centre.frame.rgb.shape[:2]
    mean, weight = centre.frame.rgb, np.ones((height, width), dtype=np.float32)
    for other in others:
        if abs(other.frame.time_s - centre.frame.time_s) > _REACH_S or other.frame.rgb.shape != mean.shape:
            continue
        unlike = np.abs(other.squares - centre.squares).max(axis=2) / (_UNLIKE * noise)
        share = cv2.resize(np.exp(-(unlike**2)), (width, height), interpolation=cv2.INTER_LINEAR)
        mean = np.asarray(cv2.blendLinear(mean, other.frame.rgb, weight, share), dtype=np.uint8)
        weight += share
    return replace(centre.frame, rgb=mean)
