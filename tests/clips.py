"""A sample clip as other cameras and programs would have made it: the same movement, the same truth."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from screener.data import data_path
from screener.video import Picture, open_video

__all__ = ["ENCODERS", "encode", "reencode", "sample_clips", "set_rotation"]

# SVT-AV1 announces itself on stderr unless told otherwise.
os.environ.setdefault("SVT_LOG", "1")

ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {"preset": "veryfast", "crf": "18"}),
    "hevc": ("libx265", {"preset": "ultrafast", "crf": "20", "x265-params": "log-level=none"}),
    "vp9": ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "8"}),
    "av1": ("libsvtav1", {"crf": "24", "preset": "12"}),
    "mpeg4": ("mpeg4", {"qscale": "2"}),
}

_TICKS_PER_S = 60_000


def sample_clips() -> list[Path]:
    """The bundled clips, sorted by name."""
    clips = sorted(data_path("sample_videos").glob("*.mp4"))
    assert clips, "no sample clips are installed"
    return clips


def encode(
    dst: Path,
    frames: Iterable[tuple[float, Picture]],
    *,
    codec: str = "h264",
    fps: float | Fraction = 30,
    pix_fmt: str = "yuv420p",
    gop: int = 30,
    pixel_ratio: Fraction | None = None,
) -> Path:
    """Writes `(time_s, rgb)` into the container that `dst`'s suffix names. AVI keeps `fps`, not the times."""
    encoder, options = ENCODERS[codec]
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(dst), "w") as container:
        stream = container.add_stream(encoder, rate=rate, options=dict(options))
        assert isinstance(stream, VideoStream)
        time_base = 1 / rate if dst.suffix == ".avi" else Fraction(1, _TICKS_PER_S)
        context = stream.codec_context
        stream.time_base = context.time_base = time_base
        context.gop_size, context.thread_count = gop, 1
        if pixel_ratio is not None:
            context.sample_aspect_ratio = pixel_ratio
        for index, (time_s, rgb) in enumerate(frames):
            if index == 0:
                stream.height, stream.width, stream.pix_fmt = rgb.shape[0], rgb.shape[1], pix_fmt
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(
                format=pix_fmt, threads=1
            )
            frame.time_base = time_base
            frame.pts = index if dst.suffix == ".avi" else round(time_s / time_base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return dst


def reencode(
    src: Path,
    dst: Path,
    *,
    codec: str = "h264",
    size: tuple[int, int] | None = None,
    fps: float | Fraction | None = None,
    mirrored: bool = False,
    portrait: bool = False,
    vfr: bool = False,
    end_s: float | None = None,
    pix_fmt: str = "yuv420p",
    gop: int = 30,
) -> Path:
    """The clip `src` again, as `dst`, in the container that its suffix names.

    `size` is (width, height) in pixels; `portrait` pads above and below to 9:16 before that. `fps` shows at
    each new instant the source frame nearest to it. `vfr` leaves out every fifth frame or so, by chance
    (seeded), and keeps the times of the others. `end_s` keeps the beginning only.
    """
    with open_video(src) as source:
        frames = [(f.time_s, f.rgb) for f in source if end_s is None or f.time_s < end_s]
        rate = fps or round(source.info.fps_mean or 30)
    if vfr:
        chance = random.Random(7)
        frames = [frame for frame in frames if frame[0] == 0 or chance.random() > 0.2]
    if fps is not None:
        middles = [(a + b) / 2 for (a, _), (b, _) in pairwise(frames)]
        instants = [index / float(fps) for index in range(int(frames[-1][0] * float(fps)) + 1)]
        frames = [(t, frames[int(np.searchsorted(middles, t))][1]) for t in instants]
    return encode(
        dst,
        ((time_s, _changed(rgb, size, mirrored, portrait)) for time_s, rgb in frames),
        codec=codec,
        fps=rate,
        pix_fmt=pix_fmt,
        gop=gop,
    )


def set_rotation(mp4: Path, deg: int, flip: bool = False) -> None:
    """Marks the first track of an MP4 or MOV file to be shown turned `deg` clockwise, then flipped sideways.

    The nine numbers stand in the track header box (ISO 14496-12, 8.3.2), behind fields that are wider in
    version 1 of it.
    """
    raw = bytearray(mp4.read_bytes())
    box = raw.index(b"tkhd")
    at = box + (56 if raw[box + 4] == 1 else 44)
    cosine, sine = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[deg]
    side = -1 if flip else 1
    one = 1 << 16
    matrix = (side * cosine * one, sine * one, 0, side * -sine * one, cosine * one, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", raw, at, *matrix)
    mp4.write_bytes(raw)


def _changed(rgb: Picture, size: tuple[int, int] | None, mirrored: bool, portrait: bool) -> Picture:
    if mirrored:
        rgb = rgb[:, ::-1]
    if portrait:
        missing = max(0, round(rgb.shape[1] * 16 / 9) - rgb.shape[0]) // 2
        rgb = np.pad(rgb, ((missing, missing), (0, 0), (0, 0)), mode="edge")
    if size is not None:
        whole = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        rgb = np.asarray(whole.reformat(width=size[0], height=size[1], threads=1).to_ndarray(), np.uint8)
    return np.ascontiguousarray(rgb)
