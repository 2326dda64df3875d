"""Writing pictures into a video that a browser plays; the file appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, TypeAlias

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream

from screener.errors import WrongUse
from screener.video.frames import Picture, checked_picture

__all__ = ["Codec", "VideoWriter", "write_video"]

Codec: TypeAlias = Literal["h264", "vp9"]

# Encoder, its options, and the containers that browsers play it in. CRF 20 and 32 look the same to the eye;
# the speed settings were chosen so that writing costs less than the pose model.
_ENCODERS: dict[Codec, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "h264": ("libx264", {"crf": "20", "preset": "veryfast"}, (".mp4", ".m4v", ".mov", ".mkv")),
    "vp9": (
        "libvpx-vp9",
        {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "6"},
        (".webm", ".mkv"),
    ),
}

# How words are kept beside the pictures: FFmpeg's name of the kind, and whether their length stands before them
# (3GPP TS 26.245, 5.17).
_CAPTIONS: dict[Codec, tuple[str, bool]] = {"h264": ("mov_text", True), "vp9": ("webvtt", False)}

# FFmpeg opens no track of words without a style, which players replace by their own.
_CAPTION_STYLE = (
    b"[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour\nStyle: Default,sans-serif,16,&Hffffff\n"
    b"[Events]\nFormat: Layer, Start, End, Style, Text\n"
)

# Every usual frame rate fits exactly: 24, 25, 30, 60, 120 and 30000/1001.
_TICKS_PER_S = 60_000


class VideoWriter:
    """A context manager: `with VideoWriter("out.mp4", fps=30) as out: out.write(rgb)`.

    Each picture is shown at the time given with it, or, where none is given, at its number ÷ fps. With
    `captions`, words can be added in a track of their own. The file is put in its place when the block ends
    without an error; else nothing is left behind.
    """

    def __init__(self, path: str | Path, fps: float, codec: Codec = "h264", *, captions: bool = False) -> None:
        self._path = Path(path)
        self._captions = _CAPTIONS[codec] if captions else None
        self._encoder, self._options, suffixes = _ENCODERS[codec]
        if self._path.suffix.lower() not in suffixes:
            raise WrongUse(f"{codec} cannot be written into {self._path.name}.", f"Name it {' or '.join(suffixes)}.")
        if not 0 < fps <= 1000:
            raise WrongUse(f"{fps} pictures a second cannot be written.", "Give more than 0, at most 1000.")
        self._fps = fps
        self._written = 0
        self._last_tick = -1
        self._shape: tuple[int, ...] = ()
        self._reformatter = VideoReformatter()
        self._temporary: Path | None = None
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._words: SubtitleStream | None = None

    def __enter__(self) -> VideoWriter:
        handle, name = tempfile.mkstemp(suffix=self._path.suffix, prefix=".writing-", dir=self._path.parent)
        os.close(handle)
        self._temporary = Path(name)
        options = {"movflags": "faststart"} if self._path.suffix.lower() in (".mp4", ".m4v", ".mov") else {}
        self._container = av.open(name, "w", options=options)
        return self

    def write(self, rgb: Picture, time_s: float | None = None) -> None:
        """Adds a picture `(height, width, rgb)`, uint8; an odd side is made even by repeating its last row.

        Raises:
            WrongUse: the size differs from the first picture's, or the time is not later than the last one.
        """
        if self._container is None:
            raise WrongUse("The writer is not open.", "Use it in a with block.")
        checked_picture(rgb)
        if self._stream is None:
            self._shape = rgb.shape
            self._stream = self._begun(
                self._container, rgb.shape[1] + rgb.shape[1] % 2, rgb.shape[0] + rgb.shape[0] % 2
            )
            if self._captions is not None:
                words = self._container.add_stream(self._captions[0])
                assert isinstance(words, SubtitleStream)
                words.codec_context.subtitle_header = _CAPTION_STYLE
                words.metadata["language"] = "eng"
                self._words = words
        if rgb.shape != self._shape:
            raise WrongUse(f"Expected a picture of shape {self._shape}, got {rgb.shape}.", "Keep the size.")
        tick = round((self._written / self._fps if time_s is None else time_s) * _TICKS_PER_S)
        if tick <= self._last_tick:
            raise WrongUse(f"The picture at {time_s} s is not later than the one before.", "Sort by time.")
        height, width = self._shape[:2]
        even = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if height % 2 or width % 2 else rgb
        frame = self._reformatter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            threads=1,
        )
        frame.pts, frame.time_base = tick, Fraction(1, _TICKS_PER_S)
        self._container.mux(self._stream.encode(frame))
        self._written += 1
        self._last_tick = tick

    def caption(self, said: str, start_s: float, end_s: float) -> None:
        """Adds words that hold from one time to another, in the order of their times, after the first picture."""
        if self._container is None or self._words is None or self._captions is None:
            raise WrongUse("The writer has no track for words.", "Open it with captions=True and write a picture.")
        text = said.encode()
        packet = Packet(len(text).to_bytes(2, "big") + text if self._captions[1] else text)
        packet.stream, packet.time_base = self._words, Fraction(1, 1000)
        packet.pts = packet.dts = round(1000 * start_s)
        packet.duration = max(1, round(1000 * end_s) - round(1000 * start_s))
        self._container.mux(packet)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._container is not None
        assert self._temporary is not None
        container, self._container = self._container, None
        try:
            if kind is None and self._stream is None:
                raise WrongUse(f"No picture was written into {self._path.name}.", "Write at least one.")
            if kind is None and self._stream is not None:
                container.mux(self._stream.encode(None))
            with contextlib.suppress(av.error.FFmpegError) if kind else contextlib.nullcontext():
                container.close()
            if kind is None:
                # mkstemp makes it readable for its owner only; a report is as public as its folder.
                self._temporary.chmod(0o644)
                self._temporary.replace(self._path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def _begun(self, container: OutputContainer, width_px: int, height_px: int) -> VideoStream:
        stream = container.add_stream(self._encoder, rate=Fraction(self._fps).limit_denominator(1001))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS_PER_S)
        stream.options = {**self._options}
        stream.codec_context.thread_count = 1
        # Said in the file, so that no player guesses: BT.709, limited range (each is number 1 of its table).
        stream.codec_context.color_primaries = stream.codec_context.color_trc = 1
        stream.codec_context.colorspace = stream.codec_context.color_range = 1
        return stream


def write_video(
    path: str | Path, frames: Iterable[Picture | tuple[float, Picture]], fps: float, codec: Codec = "h264"
) -> Path:
    """Writes pictures, alone or each with its time `(time_s, rgb)`; returns the path. See `VideoWriter`."""
    with VideoWriter(path, fps, codec) as writer:
        for frame in frames:
            if isinstance(frame, tuple):
                writer.write(frame[1], frame[0])
            else:
                writer.write(frame)
    return Path(path)
