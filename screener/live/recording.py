"""What the camera sent, kept in memory as it came: compressed pictures, their true times, and where the person was."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from screener.errors import EmptyVideo, WrongUse
from screener.pose import LANDMARKS, PoseTrack, joined
from screener.terms import Side
from screener.video import Frame, Picture, VideoInfo, Window

__all__ = ["LARGEST_BYTES", "Kept", "Recording", "picture_of"]

# Bounds on what a check may hold. Two sets of 90 s at 30 pictures a second, of which a 640 × 480 JPEG at quality 0.8
# takes some 40 kB, are 220 MB.
_MOST_BYTES = 256_000_000
_MOST_FRAMES = 9_000

#: Of one picture that comes in. A Full HD JPEG is under 1 MB.
LARGEST_BYTES = 4_000_000
_MOST_PIXELS = 1920 * 1920


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """One picture of the check. `row` is what the first look saw in it, `(landmark, 6)`, or None."""

    time_s: float
    jpeg: bytes
    row: NDArray[np.float32] | None
    side: Side


def picture_of(jpeg: bytes) -> Picture:
    """The picture in a JPEG, `(height, width, rgb)`.

    Raises:
        WrongUse: it is not a JPEG, or larger than a camera's.
    """
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise WrongUse("The picture is too large.", "Send at most Full HD.")
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise WrongUse("That is not a JPEG picture.", "Send JPEG.") from error


class Recording:
    """Pictures in the order of time, within bounds; a `VideoSource` that can be looked at again."""

    damaged_frames = 0
    warnings: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._kept: list[Kept] = []
        self._bytes = 0
        self._size_px = (0, 0)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """How much memory the pictures take."""
        return self._bytes

    @property
    def full(self) -> bool:
        """No more can be kept."""
        return self._bytes >= _MOST_BYTES or len(self._kept) >= _MOST_FRAMES

    def keep(self, kept: Kept, size_px: tuple[int, int]) -> None:
        """Adds a picture of `size_px` (width, height), unless there is no more room, or it is of another size."""
        if self.full or (self._kept and size_px != self._size_px):
            return
        self._size_px = size_px
        self._kept.append(kept)
        self._bytes += len(kept.jpeg)

    def drop(self, side: Side | None = None) -> None:
        """Forgets the pictures of one leg, or all."""
        self._kept = [] if side is None else [kept for kept in self._kept if kept.side != side]
        self._bytes = sum(len(kept.jpeg) for kept in self._kept)

    @property
    def stamps_s(self) -> list[float]:
        """Each picture's own time as it came."""
        return [kept.time_s for kept in self._kept]

    @property
    def times_s(self) -> NDArray[np.float64]:
        """`(frame,)`, from the first picture on."""
        times_s = np.array(self.stamps_s, dtype=np.float64)
        return times_s - times_s[0] if len(times_s) else times_s

    @property
    def first_look(self) -> PoseTrack:
        """What was seen while the pictures came in."""
        missing = np.full((len(LANDMARKS), 6), np.nan, dtype=np.float32)
        return self._track([missing if kept.row is None else kept.row for kept in self._kept], self.times_s, "full")

    def look_of(self, seen: Mapping[float, PoseTrack]) -> PoseTrack | None:
        """Another look at some of the pictures: `seen` holds a track of one frame each, by the picture's time."""
        looks = [
            replace(seen[kept.time_s], times_s=np.array([time_s]))
            for time_s, kept in zip(self.times_s, self._kept, strict=True)
            if kept.time_s in seen
        ]
        return joined(looks) if looks else None

    def _track(self, seen: list[NDArray[np.float32]], times_s: NDArray[np.float64], model: str) -> PoseTrack:
        rows = np.stack(seen) if seen else np.empty((0, len(LANDMARKS), 6), dtype=np.float32)
        return PoseTrack(
            times_s=times_s,
            image_px=rows[:, :, 0:2],
            world_m=rows[:, :, 2:5],
            visibility=rows[:, :, 5],
            flipped=np.zeros(len(rows), dtype=bool),
            width_px=self._size_px[0],
            height_px=self._size_px[1],
            model=model,
        )

    @property
    def info(self) -> VideoInfo:
        """Facts about the recording.

        Raises:
            EmptyVideo: nothing was kept.
        """
        if not self._kept:
            raise EmptyVideo("Nothing was recorded.", "Do the check again.")
        times_s = self.times_s
        duration_s = float(times_s[-1]) or None
        return VideoInfo(
            name="self-check",
            sha256=self._sha256(),
            width_px=self._size_px[0],
            height_px=self._size_px[1],
            fps_mean=1 / float(np.median(np.diff(times_s))) if duration_s else None,
            duration_s=duration_s,
            rotation_deg=0,
            mirrored=False,
            codec="mjpeg",
        )

    def _sha256(self) -> str:
        made = hashlib.sha256()
        for kept in self._kept:
            made.update(kept.jpeg)
        return made.hexdigest()

    def __iter__(self) -> Iterator[Frame]:
        yield from self._frames(range(len(self._kept)))

    def read_windows(self, windows: Iterable[Window]) -> Iterator[Frame]:
        """Only the frames inside the windows, each once."""
        wanted = sorted(windows)
        times_s = self.times_s
        inside = np.zeros(len(times_s), dtype=bool)
        for start_s, end_s in wanted:
            inside |= (times_s >= start_s) & (times_s <= end_s)
        yield from self._frames(np.flatnonzero(inside).tolist())

    def _frames(self, rows: Sequence[int]) -> Iterator[Frame]:
        times_s = self.times_s
        for row in rows:
            yield Frame(row, float(times_s[row]), picture_of(self._kept[row].jpeg))

    def snapshot(self) -> Recording:
        """The same pictures in a list of their own: what comes in later is not in it."""
        same = Recording()
        same._kept, same._bytes, same._size_px = list(self._kept), self._bytes, self._size_px
        return same
