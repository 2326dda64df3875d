"""A recording from a camera, for those without a browser: a countdown, then a film with each frame's own time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from screener.errors import UnreadableVideo
from screener.video.frames import Picture, PushedFrames
from screener.video.writing import write_video

__all__ = ["DEFAULT_SECONDS", "camera_number", "record_camera", "recorded"]

#: Two seconds on both feet and a few slow repetitions with each leg.
DEFAULT_SECONDS = 30.0

# The time to walk back from the keyboard. The camera runs meanwhile, so that its exposure has settled.
_COUNTDOWN_S = 8

# OpenCV gives no rate that can be relied on; the film keeps every frame's own time, and this only sizes its steps.
_NOMINAL_FPS = 30.0


def camera_number(video: Path) -> int | None:
    """`0` of `camera:0`; None where it is the name of a file."""
    found = re.fullmatch(r"camera:(\d{1,3})", str(video))
    return int(found[1]) if found else None


@contextmanager
def recorded(video: Path, seconds: float, tell: Callable[[str], None]) -> Iterator[Path]:
    """The recording itself, or, for `camera:N`, a film that is made now and deleted on leaving.

    Raises:
        UnreadableVideo: the camera does not open, or gives no picture.
    """
    number = camera_number(video)
    if number is None:
        yield video
        return
    with TemporaryDirectory(prefix="screener-") as folder:
        yield record_camera(number, Path(folder) / f"camera-{number}.mp4", seconds, tell)


def record_camera(
    camera: int | str, path: Path, seconds: float, tell: Callable[[str], None], countdown_s: int = _COUNTDOWN_S
) -> Path:
    """Films for some seconds behind a countdown.

    Args:
        camera: its number, or whatever else OpenCV opens.
        path: the film, `.mp4`.
        seconds: how long.
        tell: called with what the person should read.
        countdown_s: how long to wait.

    Raises:
        UnreadableVideo: the camera does not open, or gives no picture.
    """
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    with closing(_Capture(camera)) as capture:
        ends_s = time.perf_counter() + countdown_s
        for left in range(countdown_s, 0, -1):
            tell(f"{left} ...")
            while time.perf_counter() < ends_s - left + 1:
                capture.read()
        tell(f"Recording {seconds:g} s: stand on both feet for two seconds, then bend one knee slowly.\a")
        begin_s = time.perf_counter()

        def frames() -> Iterator[tuple[float, Picture]]:
            while (now_s := time.perf_counter() - begin_s) < seconds and (rgb := capture.read()) is not None:
                yield now_s, rgb

        source = PushedFrames(frames(), name=f"camera {camera}")
        write_video(path, ((frame.time_s, frame.rgb) for frame in source), fps=_NOMINAL_FPS)
    tell("Done.\a")
    return path


class _Capture:
    """OpenCV's camera, which says nothing by itself when there is none."""

    def __init__(self, camera: int | str) -> None:
        import cv2

        self._capture = cv2.VideoCapture(camera)
        if not self._capture.isOpened() or self.read() is None:
            self._capture.release()
            raise UnreadableVideo(
                f"Camera {camera} gives no picture.",
                "Check that it is plugged in and that no other program uses it, or try camera:1.",
            )

    def read(self) -> Picture | None:
        """The next picture, RGB; None where there is no more."""
        good, bgr = self._capture.read()
        return np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8) if good else None

    def close(self) -> None:
        self._capture.release()
