"""Reading a recording from a file: true times, upright pictures, and a plain word where something is broken."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import Type as SideData
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from screener.errors import AbsurdVideo, EmptyVideo, NoVideoStream, TooShort, UnreadableVideo
from screener.video.frames import Frame, Picture, VideoInfo, Window, checked_windows, count_of
from screener.video.orientation import Orientation

__all__ = ["MIN_DURATION_S", "VideoFile", "open_video"]

#: A squat down and up takes about 2 s where its pace is set (Crossley 2011); nobody does one from standing to
#: standing in less than this.
MIN_DURATION_S = 1.5

# Bounds on what one recording may ask of this machine, all beyond what phones and webcams make: 8K pictures,
# two hours, 240 pictures a second for half an hour.
_MAX_SIDE_PX = 16_384
_MAX_PIXELS = 8192 * 4608
_MAX_FPS = 1000
_MAX_DURATION_S = 2 * 3600
_MAX_FRAMES = 240 * 1800

# After so many read errors in a row, with nothing in between, the rest of the file is given up.
_MAX_READ_ERRORS = 20

# A recording is called cut short where its header promises more than this beyond its last picture: sound and
# picture of a whole file rarely end at the same instant.
_CUT_SHORT_S = 0.5

# Only files that hold their own pictures. Playlists and image sequences, which FFmpeg would follow to other
# files or hosts, are not among them.
_OPTIONS = {
    "format_whitelist": "mov,matroska,webm,avi,jpeg_pipe,png_pipe,gif,bmp_pipe,webp_pipe,mp3,wav,ogg,flac,aac",
    "protocol_whitelist": "file",
    "max_pixels": str(_MAX_PIXELS),
}

_SEND_AGAIN = "Send the original file again, or record it once more as MP4, MOV or WebM."


@dataclass(slots=True)
class _Survey:
    """What the packets of the picture stream say, before anything is decoded. `stamps` are sorted."""

    stamps: list[int] = field(default_factory=list)
    key_stamps: list[int] = field(default_factory=list)
    packets: int = 0
    unstamped: bool = False
    unreadable: bool = False


def open_video(
    path: str | Path, *, mirrored: bool = False, max_side_px: int | None = None
) -> VideoFile:
    """Opens a recording, looks it over and reads its first picture.

    MP4, MOV, M4V, AVI, MKV and WebM with H.264, HEVC, VP9, AV1 or MPEG-4. `mirrored` says that left and right
    are exchanged in the file. Pictures with a side over `max_side_px` are given smaller (see `Frame.scale`).

    Raises:
        UnreadableVideo, NoVideoStream, EmptyVideo, TooShort, AbsurdVideo: see `screener.errors`.
    """
    return VideoFile(Path(path), mirrored=mirrored, max_side_px=max_side_px)


class VideoFile:
    """A `VideoSource` on a file. Can be looked at again; each pass reads the file anew."""

    def __init__(self, path: Path, *, mirrored: bool, max_side_px: int | None) -> None:
        self._path = path
        self._damaged = 0
        self._repeated = 0
        self._gave_up = False
        sha256 = _fingerprint(path)
        with self._opened() as (container, stream):
            announced_s = _announced_s(container, stream)
            rate = stream.average_rate or stream.guessed_rate or Fraction(30)
            time_base = stream.time_base or 1 / rate
            codec = stream.codec_context.codec.name
            survey = _survey(container, stream)
            still = container.format.name.endswith("_pipe") or container.format.name == "gif"
            # AVI has no times of presentation: pictures stored out of order carry each other's stamps.
            self._in_order_of_time = container.format.name == "avi" or survey.unstamped
        if survey.unstamped:
            survey.stamps, time_base = list(range(survey.packets)), 1 / rate
        self._stamps = survey.stamps
        self._key_stamps = survey.key_stamps
        self._time_base = time_base
        if still or survey.packets == 1:
            raise TooShort(f"{path.name} is a single picture, not a video.", "Record a video of the movement.")
        if not survey.packets:
            raise EmptyVideo(f"{path.name} holds no picture.", _SEND_AGAIN)
        span_s = float((survey.stamps[-1] - survey.stamps[0]) * time_base)
        _check_length(path.name, survey.packets, span_s)

        first = next(self._pictures(None), None)
        self._damaged = 0
        if first is None:
            raise UnreadableVideo(f"None of the pictures in {path.name} can be read.", _SEND_AGAIN)
        self._origin, picture = first
        self._scale, self._stored_size, shown_size, self._orientation = _geometry(
            path.name, picture, stream_ratio, max_side_px
        )
