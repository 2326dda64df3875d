"""What a frame is and what a source of frames promises: the same for a file, a camera and pushed pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from screener.errors import EmptyVideo, WrongUse

__all__ = ["Frame", "Picture", "PushedFrames", "VideoInfo", "VideoSource", "Window"]

#: A picture, `(height, width, rgb)`, uint8, 0 to 255.
Picture: TypeAlias = npt.NDArray[np.uint8]

#: A stretch of time `(start_s, end_s)`, both ends included.
Window: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture and when it was taken.

    `index` is its place among the pictures of the recording: one that was left out leaves a gap.
    `time_s` is its own time stamp, counted from the first frame.
    `rgb` is `(height, width, rgb)`, uint8, upright, unmirrored, with square pixels, C-contiguous.
    `scale` is how many pixels of `VideoInfo` one pixel of `rgb` stands for: 1.0 unless the source was asked
    for smaller pictures. Positions found in `rgb` are multiplied by it, so that all landmarks are in pixels
    of `VideoInfo` whatever size the pose model looked at.
    """

    index: int
    time_s: float
    rgb: Picture
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a recording.

    `width_px` and `height_px` are those of the upright picture with square pixels. `fps_mean` and
    `duration_s` (first to last frame) come from true time stamps and are final once the last frame was read;
    None where fewer than two frames are known. `rotation_deg` (0, 90, 180, 270) is how far the stored
    pictures were turned clockwise to stand upright. `mirrored` tells that the source was mirrored; the frames
    no longer are.
    """

    name: str
    sha256: str | None
    width_px: int
    height_px: int
    fps_mean: float | None
    duration_s: float | None
    rotation_deg: int
    mirrored: bool
    codec: str


class VideoSource(Protocol):
    """Frames in the order of time, read one by one in constant memory."""

    @property
    def info(self) -> VideoInfo:
        """What is known of the recording so far."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the person should know about the frames read so far, in plain sentences."""

    @property
    def damaged_frames(self) -> int:
        """How many frames could not be read so far and were left out."""

    def __iter__(self) -> Iterator[Frame]:
        """Every frame, with strictly increasing times."""

    def read_windows(self, windows: Iterable[Window]) -> Iterator[Frame]:
        """A second look: only the frames inside the windows, each once, the very frames of a full pass."""


def count_of(number: int, thing: str) -> str:
    """`1 frame`, `12 frames`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def checked_windows(windows: Iterable[Window]) -> list[Window]:
    """The windows sorted and, where they touch, joined.

    Raises:
        WrongUse: a window ends before it starts, or is not a number.
    """
    joined: list[Window] = []
    for start_s, end_s in sorted(windows):
        if not start_s <= end_s:
            raise WrongUse(
                f"A window must end after it starts, got {start_s} s to {end_s} s.", "Give (start_s, end_s)."
            )
        if joined and start_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end_s, joined[-1][1]))
        else:
            joined.append((start_s, end_s))
    return joined


class PushedFrames:
    """Frames that come from memory: a list, or an iterator that waits for the next one of a camera.

    A `queue.Queue` that ends with None is pushed as `iter(queue.get, None)`. Nothing is kept, so a second
    look is possible at a list only.
    """

    def __init__(
        self, frames: Iterable[tuple[float, Picture]], *, name: str = "camera", mirrored: bool = False
    ) -> None:
        """`frames` are `(time_s, rgb)`, `rgb` as in `Frame` but mirrored if `mirrored` says so."""
        self._again = frames if isinstance(frames, Sequence) else None
        self._frames = iter(frames)
        self._name = name
        self._mirrored = mirrored
        self._info: VideoInfo | None = None
        self._left_out = 0

    @property
    def info(self) -> VideoInfo:
        """What is known so far. Waits for the first frame.

        Raises:
            EmptyVideo: there is no frame.
        """
        if self._info is None:
            first = next(self._frames, None)
            if first is None:
                raise EmptyVideo("No picture arrived.", "Check that the camera is on and try again.")
            self._frames = chain([first], self._frames)
            height_px, width_px = checked_picture(first[1]).shape[:2]
            self._info = VideoInfo(self._name, None, width_px, height_px, None, None, 0, self._mirrored, "rawvideo")
        return self._info

    @property
    def warnings(self) -> tuple[str, ...]:
        if not self._left_out:
            return ()
        return (f"{count_of(self._left_out, 'frame')} of another size or out of order: left out.",)

    @property
    def damaged_frames(self) -> int:
        return self._left_out

    def __iter__(self) -> Iterator[Frame]:
        info = self.info
        yield from self._checked(self._frames, info)

    def read_windows(self, windows: Iterable[Window]) -> Iterator[Frame]:
        if self._again is None:
            raise WrongUse("Live frames can be looked at only once.", "Push a list to look at it again.")
        info = self.info
        left_out = self._left_out
        wanted = checked_windows(windows)
        for frame in self._checked(iter(self._again), info):
            if any(start_s <= frame.time_s <= end_s for start_s, end_s in wanted):
                yield frame
        self._left_out = left_out

    def _checked(self, frames: Iterator[tuple[float, Picture]], info: VideoInfo) -> Iterator[Frame]:
        first_s = last_s = None
        kept = 0
        for index, (stamp_s, rgb) in enumerate(frames):
            fits = checked_picture(rgb).shape[:2] == (info.height_px, info.width_px)
            if not fits or (last_s is not None and not stamp_s > last_s):
                self._left_out += 1
                continue
            last_s = stamp_s
            first_s = stamp_s if first_s is None else first_s
            time_s = stamp_s - first_s
            kept += 1
            if time_s > 0:
                self._info = replace(info, duration_s=time_s, fps_mean=(kept - 1) / time_s)
            upright = rgb[:, ::-1] if self._mirrored else rgb
            yield Frame(index, time_s, np.ascontiguousarray(upright))


def checked_picture(rgb: Picture) -> Picture:
    """The picture itself.

    Raises:
        WrongUse: it is not `(height, width, 3)` uint8.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise WrongUse(
            f"A picture must be (height, width, 3) uint8, got {rgb.shape} {rgb.dtype}.", "Convert it to RGB."
        )
    return rgb
