"""Reading a recording: true times, upright pictures, and a plain word where something is broken."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from screener.errors import AbsurdVideo, EmptyVideo, NoVideoStream, TooShort, UnreadableVideo
from screener.video.frames import Frame, Picture, VideoInfo, Window, checked_windows, count_of
from screener.video.orientation import Orientation, Plane

__all__ = ["MIN_DURATION_S", "VideoFile", "open_video"]

#: A squat down and up takes about 2 s where its pace is set (Crossley 2011); a recording shorter than this
#: holds no whole one.
MIN_DURATION_S = 1.5

# Bounds on what one recording may ask of this machine, all beyond what phones and webcams make: 8K pictures,
# two hours, 240 pictures a second for half an hour.
_MAX_SIDE_PX = 16_384
_MAX_PIXELS = 8192 * 4608
_MAX_FPS = 1000
_MAX_DURATION_S = 2 * 3600
_MAX_FRAMES = 240 * 1800

# After so many read errors with nothing read between them, the rest of the file is given up.
_MAX_READ_ERRORS = 20

# A recording is called cut short where its header promises more than this beyond its last picture: sound and
# picture of a whole file rarely end at the same instant.
_CUT_SHORT_S = 0.5

# Containers that hold their own pictures. Playlists and image sequences, which FFmpeg would follow to other
# files or hosts, are not among them; single pictures and sound are, so that they can be told apart from
# files that are broken.
_CONTAINERS = "mov,matroska,webm,avi,mp3,wav,ogg,flac,aac"
_STILLS = "image2,jpeg_pipe,png_pipe,bmp_pipe,webp_pipe,gif"
_OPTIONS = {
    "format_whitelist": f"{_CONTAINERS},{_STILLS}",
    "protocol_whitelist": "file",
    "max_pixels": str(_MAX_PIXELS),
}

_SEND_AGAIN = "Send the original file again, or record it once more as MP4, MOV or WebM."
_RECORD_MOVEMENT = "Record a video of the whole movement: stand still, do the repetitions, stand still."


def open_video(path: str | Path, mirrored: bool = False, max_side_px: int | None = None) -> VideoFile:
    """Opens a recording, looks over all of it and reads its first picture.

    MP4, MOV, M4V, AVI, MKV and WebM with H.264, HEVC, VP9, AV1 or MPEG-4. `mirrored` says that left and right
    are exchanged in the file. Pictures with a side over `max_side_px` are given smaller (see `Frame.scale`).

    Raises:
        UnreadableVideo: not a file, not a video, or broken beyond reading.
        NoVideoStream: a file of sound alone.
        EmptyVideo: no picture in it.
        TooShort: a single picture, or less than `MIN_DURATION_S`.
        AbsurdVideo: a size, rate or duration that no camera makes.
    """
    return VideoFile(Path(path), mirrored=mirrored, max_side_px=max_side_px)


@dataclass(slots=True)
class _Tally:
    """What one pass over the file had to leave out."""

    damaged: int = 0
    repeated: int = 0
    gave_up: bool = False


@dataclass(frozen=True, slots=True)
class _Picture:
    """A decoded picture, its place in the recording and its stamp in units of the time base."""

    index: int
    stamp: int
    decoded: VideoFrame


@dataclass(frozen=True, slots=True)
class _Survey:
    """What the packets say before any is decoded. Stamps are sorted, in units of `time_base_s`.

    `by_order` says that a picture's stamp is found by counting, since pictures do not carry their own: AVI
    has times of storing only, and some files have none at all.
    """

    codec: str
    stamps: list[int]
    key_stamps: list[int]
    by_order: bool
    time_base_s: Fraction
    pixel_ratio: Fraction
    announced_s: float

    @property
    def span_s(self) -> float:
        return float((self.stamps[-1] - self.stamps[0]) * self.time_base_s)

    @property
    def end_s(self) -> float:
        """The later of the two ways in which containers count: from their zero, or from the first picture."""
        return max(self.span_s, float(self.stamps[-1] * self.time_base_s))


@dataclass(frozen=True, slots=True)
class _Geometry:
    """From a stored picture to the one that is given: first scaled to `size_px`, then brought upright."""

    size_px: tuple[int, int]
    orientation: Orientation
    upright_px: tuple[int, int]
    scale: float


class VideoFile:
    """A `VideoSource` on a file. Every pass reads the file anew, so it may be looked at more than once."""

    def __init__(self, path: Path, *, mirrored: bool, max_side_px: int | None) -> None:
        self._path = path
        self._tally = _Tally()
        self._stored_px: tuple[int, int] | None = None
        self._passes: list[Generator[Frame, None, None]] = []
        sha256 = _sha256(path)
        self._survey = survey = _surveyed(path)
        first = next(self._pictures(None, _Tally()), None)
        if first is None:
            raise UnreadableVideo(f"None of the pictures in {path.name} can be read.", _SEND_AGAIN)
        self._origin = first.stamp
        self._stored_px = first.decoded.width, first.decoded.height
        self._geometry = _geometry(first.decoded, survey.pixel_ratio, mirrored, max_side_px)
        width_px, height_px = self._geometry.upright_px
        rotation_deg = _orientation(first.decoded).rotation_deg
        fps_mean = (len(survey.stamps) - 1) / survey.span_s
        self._info = VideoInfo(
            name=path.name,
            sha256=sha256,
            width_px=width_px,
            height_px=height_px,
            fps_mean=fps_mean,
            duration_s=survey.span_s,
            rotation_deg=rotation_deg,
            mirrored=mirrored,
            codec=survey.codec,
        )

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def damaged_frames(self) -> int:
        return self._tally.damaged

    @property
    def warnings(self) -> tuple[str, ...]:
        said = []
        missing_s = self._survey.announced_s - self._survey.end_s
        if missing_s > _CUT_SHORT_S:
            said.append(
                f"The recording is cut short: {self._survey.span_s:.1f} s of it can be read, "
                f"{missing_s:.1f} s that its header announces are missing."
            )
        elif self._tally.gave_up:
            said.append("The recording is cut short: its end cannot be read.")
        if self._tally.damaged:
            said.append(
                f"{count_of(self._tally.damaged, 'damaged frame')} left out; those that follow one may be smeared."
            )
        if self._tally.repeated:
            said.append(f"{count_of(self._tally.repeated, 'frame')} without a time of its own: left out.")
        return tuple(said)

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends every pass that is still under way."""
        while self._passes:
            self._passes.pop().close()

    def __iter__(self) -> Iterator[Frame]:
        return self._begun(self._all_frames())

    def read_windows(self, windows: Iterable[Window]) -> Iterator[Frame]:
        """Only the frames inside the windows: the same pixels, times and indices as in a full pass.

        Decoding starts at the last key frame before a window where the container allows that.
        """
        return self._begun(self._frames_in(checked_windows(windows)))

    def _begun(self, frames: Generator[Frame, None, None]) -> Iterator[Frame]:
        self._passes.append(frames)
        return frames

    def _all_frames(self) -> Generator[Frame, None, None]:
        self._tally = _Tally()
        convert = _Converter(self._geometry)
        read, last_s = 0, 0.0
        for picture in self._pictures(None, self._tally):
            read, last_s = read + 1, self._time_s(picture.stamp)
            yield Frame(picture.index, last_s, convert(picture.decoded), self._geometry.scale)
        if last_s > 0:
            self._info = replace(self._info, fps_mean=(read - 1) / last_s, duration_s=last_s)

    def _frames_in(self, windows: list[Window]) -> Generator[Frame, None, None]:
        convert = _Converter(self._geometry)
        for start, run in self._runs(windows):
            with closing(self._pictures_from(start)) as pictures:
                for picture in pictures:
                    time_s = self._time_s(picture.stamp)
                    if time_s > run[-1][1]:
                        break
                    if any(start_s <= time_s <= end_s for start_s, end_s in run):
                        yield Frame(picture.index, time_s, convert(picture.decoded), self._geometry.scale)

    def _runs(self, windows: list[Window]) -> list[tuple[int | None, list[Window]]]:
        """Windows that are cheapest read in one go, and the key stamp to start at (None: the beginning)."""
        runs: list[tuple[int | None, list[Window]]] = []
        for window in windows:
            first = bisect_left(self._survey.stamps, window[0], key=self._time_s)
            if first == len(self._survey.stamps):
                break
            keys = bisect_right(self._survey.key_stamps, self._survey.stamps[first])
            start = None if self._survey.by_order or keys <= 1 else self._survey.key_stamps[keys - 1]
            if runs and (start is None or self._time_s(start) <= runs[-1][1][-1][1]):
                runs[-1][1].append(window)
            else:
                runs.append((start, [window]))
        return runs

    def _time_s(self, stamp: int) -> float:
        """Seconds since the first picture. One division of whole numbers: the same in every pass."""
        base = self._survey.time_base_s
        return (stamp - self._origin) * base.numerator / base.denominator

    def _same_shape(self, frame: VideoFrame) -> bool:
        """Whether it can be scaled to the first picture: a browser may change the size, never the shape."""
        width_px, height_px = self._stored_px or (frame.width, frame.height)
        return abs(frame.width * height_px - frame.height * width_px) <= 0.01 * frame.width * height_px

    def _pictures_from(self, start: int | None) -> Generator[_Picture, None, None]:
        pictures = self._pictures(start, _Tally())
        first = next(pictures, None)
        if start is not None and (first is None or first.stamp > start):
            # The key frame was missed (damaged, or the container's index is off): begin at the beginning.
            pictures.close()
            pictures = self._pictures(None, _Tally())
            first = next(pictures, None)
        with closing(pictures):
            yield from chain([first] if first else [], pictures)

    def _pictures(self, start: int | None, tally: _Tally) -> Generator[_Picture, None, None]:
        """Every picture that can be decoded, in the order of time, from the key frame at `start` on."""
        survey = self._survey
        container = _opened(self._path)
        try:
            stream = _picture_stream(container, self._path)
            stream.codec_context.options = {"max_pixels": _OPTIONS["max_pixels"]}
            if start is not None:
                # A broken index may refuse: then reading begins where the file does.
                with suppress(av.error.FFmpegError):
                    container.seek(start, stream=stream)
            counted, last_stamp = 0, None
            for packet in _packets(container, stream, tally):
                try:
                    decoded = packet.decode()
                except av.error.FFmpegError:
                    tally.damaged += bool(packet.size)
                    counted += 1
                    continue
                for frame in decoded:
                    if not isinstance(frame, VideoFrame):
                        continue
                    place, counted = counted, counted + 1
                    if not survey.by_order:
                        stamp = frame.pts
                        place = 0 if stamp is None else bisect_left(survey.stamps, stamp)
                    else:
                        stamp = survey.stamps[place] if place < len(survey.stamps) else None
                    if frame.is_corrupt or not self._same_shape(frame):
                        tally.damaged += 1
                    elif stamp is None or (last_stamp is not None and stamp <= last_stamp):
                        tally.repeated += 1
                    else:
                        last_stamp = stamp
                        yield _Picture(place, stamp, frame)
        finally:
            container.close()


class _Converter:
    """From a decoded picture to upright 8-bit RGB with square pixels."""

    def __init__(self, geometry: _Geometry) -> None:
        self._geometry = geometry
        # Two, since each keeps its tables for one kind of conversion.
        self._to_planes, self._to_rgb = VideoReformatter(), VideoReformatter()
        # To make a 1080p picture smaller, area averaging took half the time of the bilinear filter.
        self._interpolation = Interpolation.AREA if geometry.scale > 1 else Interpolation.BILINEAR

    def __call__(self, decoded: VideoFrame) -> Picture:
        width_px, height_px = self._geometry.size_px
        if self._geometry.orientation != Orientation():
            decoded = self._turned(decoded)
            width_px, height_px = decoded.width, decoded.height
        # One thread: a process uses one core, and two made the conversion dearer.
        rgb = self._to_rgb.reformat(
            decoded, width_px, height_px, "rgb24", interpolation=self._interpolation, threads=1
        ).to_ndarray()
        return np.ascontiguousarray(rgb, dtype=np.uint8)

    def _turned(self, decoded: VideoFrame) -> VideoFrame:
        """Turned before it becomes RGB: half the bytes, in planes. 2.5 ms for 1080p, where RGB takes 12."""
        stored = self._to_planes.reformat(
            decoded, *self._geometry.size_px, "yuv420p", interpolation=self._interpolation, threads=1
        )
        orientation = self._geometry.orientation
        size = (stored.height, stored.width) if orientation.swap_axes else (stored.width, stored.height)
        upright = VideoFrame(*size, "yuv420p")
        upright.colorspace, upright.color_range = stored.colorspace, stored.color_range
        for before, after in zip(stored.planes, upright.planes, strict=True):
            _pixels(after)[:] = orientation.apply(_pixels(before))
        return upright


def _pixels(plane: VideoPlane) -> Plane:
    """The samples of a plane `(row, column)`, without the padding at the end of its rows. Not a copy."""
    rows = np.frombuffer(plane, dtype=np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
    return cast(Plane, rows[:, : plane.width])


def _sha256(path: Path) -> str:
    if path.is_dir():
        raise UnreadableVideo(f"{path.name} is a folder, not a video.", "Choose one video file.")
    if not path.is_file():
        raise UnreadableVideo(f"There is no file {path.name}.", "Check its name and place.")
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                raise EmptyVideo(f"{path.name} is empty.", _SEND_AGAIN)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableVideo(
            f"{path.name} could not be opened: {error.strerror}.", "Check that it may be read."
        ) from error


def _opened(path: Path) -> InputContainer:
    try:
        return av.open(str(path.resolve()), options=dict(_OPTIONS), metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise UnreadableVideo(
            f"{path.name} is not a video, or its beginning or end is missing.", _SEND_AGAIN
        ) from error


def _picture_stream(container: InputContainer, path: Path) -> VideoStream:
    # The cover of a sound recording is a video stream with a single attached picture.
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise NoVideoStream(f"{path.name} holds no picture, only sound or other data.", _RECORD_MOVEMENT)
    stream = streams[0]
    if stream.codec_context is None:
        raise UnreadableVideo(f"The pictures in {path.name} are stored in an unknown way.", _SEND_AGAIN)
    stream.codec_context.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    return stream


def _packets(container: InputContainer, stream: VideoStream, tally: _Tally) -> Iterator[Packet[VideoStream]]:
    """Every packet of the stream and, at the end, one without data that fetches what the decoder holds back.

    Reading goes on behind a broken stretch, but never for ever.
    """
    errors = 0
    while errors < _MAX_READ_ERRORS:
        try:
            for packet in container.demux(stream):
                errors = 0
                # A stored packet without data repeats the picture before it; a decoder takes it for the end.
                if packet.size or packet.dts is None:
                    yield packet
            return
        except av.error.FFmpegError:
            errors += 1
    tally.gave_up = True


def _surveyed(path: Path) -> _Survey:
    stamps: list[int | None] = []
    keys: list[int | None] = []
    container = _opened(path)
    try:
        stream = _picture_stream(container, path)
        _check_size(stream.codec_context.width, stream.codec_context.height)
        for packet in _packets(container, stream, _Tally()):
            if packet.size and not packet.is_discard:
                stamps.append(packet.dts if packet.pts is None else packet.pts)
                if packet.is_keyframe:
                    keys.append(stamps[-1])
            if len(stamps) > _MAX_FRAMES:
                raise AbsurdVideo(f"{path.name} holds over {_MAX_FRAMES} pictures.", _RECORD_MOVEMENT)
        if not stamps:
            raise EmptyVideo(f"{path.name} holds no picture.", _SEND_AGAIN)
        if len(stamps) == 1 or container.format.name.split(",")[0] in _STILLS.split(","):
            raise TooShort(f"{path.name} is a single picture, not a video.", _RECORD_MOVEMENT)
        own = [stamp for stamp in stamps if stamp is not None]
        stamped = len(own) == len(stamps) and min(own) < max(own) and stream.time_base is not None
        rate = stream.average_rate or stream.guessed_rate or Fraction(30)
        base_s = stream.time_base if stamped and stream.time_base else 1 / rate
        survey = _Survey(
            codec=stream.codec_context.codec.canonical_name,
            stamps=sorted(own) if stamped else list(range(len(stamps))),
            key_stamps=sorted(key for key in keys if key is not None) if stamped else [],
            by_order=container.format.name == "avi" or not stamped,
            time_base_s=base_s,
            pixel_ratio=stream.sample_aspect_ratio or Fraction(1),
            announced_s=_announced_s(container, stream),
        )
    finally:
        container.close()
    _check_length(path.name, survey)
    return survey


def _announced_s(container: InputContainer, stream: VideoStream) -> float:
    # FFmpeg shortens the duration of a cut AVI to what is left; its count of frames stays.
    if container.format.name == "avi" and stream.frames and stream.average_rate:
        return float(stream.frames / stream.average_rate)
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # The duration of the whole container may be that of its sound.
    if container.duration is not None and not container.streams.audio:
        return container.duration / av.time_base
    return 0.0


def _check_length(name: str, survey: _Survey) -> None:
    fps = (len(survey.stamps) - 1) / survey.span_s
    length_s = survey.span_s + 1 / fps
    if length_s > _MAX_DURATION_S:
        raise AbsurdVideo(f"{name} claims to last {length_s / 3600:.1f} hours.", _RECORD_MOVEMENT)
    if fps > _MAX_FPS:
        raise AbsurdVideo(f"{name} claims {fps:.0f} pictures a second.", _SEND_AGAIN)
    if length_s < MIN_DURATION_S:
        raise TooShort(
            f"{name} lasts {length_s:.1f} s; one repetition takes at least {MIN_DURATION_S} s.",
            _RECORD_MOVEMENT,
        )


def _check_size(width_px: int, height_px: int) -> None:
    if max(width_px, height_px) > _MAX_SIDE_PX or width_px * height_px > _MAX_PIXELS:
        raise AbsurdVideo(f"The pictures are {width_px} x {height_px} pixels.", "Record in Full HD (1080p).")


def _orientation(decoded: VideoFrame) -> Orientation:
    matrix = decoded.side_data.get("DISPLAYMATRIX")
    if not isinstance(matrix, SideData):
        return Orientation()
    return Orientation.from_display_matrix(np.frombuffer(bytes(matrix), dtype=np.int32))


def _geometry(decoded: VideoFrame, ratio: Fraction, mirrored: bool, max_side_px: int | None) -> _Geometry:
    # Camcorders store pixels up to twice as wide as high; anything far beyond is a broken header.
    ratio = ratio if Fraction(1, 4) <= ratio <= 4 else Fraction(1)
    width_px, height_px = max(1, round(decoded.width * ratio)), decoded.height
    _check_size(width_px, height_px)
    scale = max(1.0, max(width_px, height_px) / max_side_px) if max_side_px else 1.0
    size_px = max(1, round(width_px / scale)), max(1, round(height_px / scale))
    orientation = _orientation(decoded)
    return _Geometry(
        size_px=size_px,
        orientation=orientation.mirrored() if mirrored else orientation,
        upright_px=(height_px, width_px) if orientation.swap_axes else (width_px, height_px),
        scale=scale,
    )
