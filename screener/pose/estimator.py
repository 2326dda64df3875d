"""Running the pose model over frames: one landmarker, one person, every number as the model gave it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from screener.pose.bundles import bundle_path
from screener.pose.facing import FacingFinder
from screener.pose.footing import FootingFinder
from screener.pose.joints import JointFinder, standing_leg_px
from screener.pose.landmarks import FOUND_JOINTS, LANDMARKS, Landmark, mirror_names
from screener.pose.track import PoseTrack
from screener.terms import TASKS

__all__ = ["Follower", "PoseEstimator", "PoseFrame", "way_shown"]

# MediaPipe's tracking mode smooths landmarks with One Euro filters whose strength follows the time between
# frames. Telling it that frames are this far apart makes the filters pass everything through, so tracking mode
# gives what the network saw, without lag, at the price of tracking. Smoothing is done later, with zero lag, on
# the true timestamps. (Measured: docs/accuracy.md.)
_STEP_MS = 10_000_000

# A body cannot move by more than its own torso, nor change its height in the picture by half, within this time;
# what does is another person.
_JUMP_S = 0.25
_JUMP_OF_TORSO = 1.0
_SIZE_RATIO = 1.6
# Two looks at one picture see a body equally high, within this ratio: in 5 041 close looks at rendered films it was as
# far from 1 in 10, and below 0.74 then; between 0.87 and 1.15 in all others.
_HEIGHT_RATIO = 1.25

# How many people are looked at when it must be decided whom to follow.
_CANDIDATES = 4

# The part of a person's box that is kept clear around them when the others are hidden.
_BOX_MARGIN = 0.35

Bundle = Literal["full", "heavy"]


class PoseFrame(Protocol):
    """What the estimator needs of a frame: its time, its picture, and picture pixels per `rgb` pixel."""

    @property
    def time_s(self) -> float: ...
    @property
    def rgb(self) -> NDArray[np.uint8]: ...
    @property
    def scale(self) -> float: ...


class _Growing:
    """Landmarks of the frames so far, kept in chunks so that a long recording costs its numbers and no more.

    A chunk is large enough to be given back to the system when it is done with; arrays of a frame each are not.
    """

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self._chunks: list[NDArray[np.float32]] = []

    def add(self, time_s: float, row: NDArray[np.float32] | None) -> None:
        place = len(self.times_s) % _CHUNK_FRAMES
        if place == 0:
            self._chunks.append(np.empty((_CHUNK_FRAMES, *_MISSING.shape), dtype=np.float32))
        self._chunks[-1][place] = _MISSING if row is None else row
        self.times_s.append(time_s)

    def take_rows(self) -> NDArray[np.float32]:
        """`(frame, landmark, 6)`, all of it; nothing is kept."""
        chunks, self._chunks = self._chunks, []
        empty = np.empty((0, *_MISSING.shape), dtype=np.float32)
        return np.concatenate([empty, *chunks])[: len(self.times_s)]


# About 35 s of frames, 0.8 MB.
_CHUNK_FRAMES = 1024

# How the close look shows successive frames to the model, degrees and scale: turned both ways alike, and never
# enlarged, which could push feet out of the picture [judgement; what it gives: docs/accuracy.md]. A new way every so
# many seconds. Which way hangs on a frame's time alone, so that it is the same whatever else is looked at.
_VIEWS = ((0.0, 1.0), (2.5, 0.97), (-2.5, 0.94), (1.2, 0.9), (-1.2, 0.99), (3.5, 0.96), (-3.5, 0.92))
_VIEW_S = 0.07


def way_shown(time_s: float) -> tuple[float, float]:
    """How a close look shows a frame of this time to the model: turned by so many degrees, and scaled.

    Frames half a second apart, as those of a quiet stance are, are shown differently, too: the order begins one later
    in every round.
    """
    rounds, step = divmod(int(time_s / _VIEW_S), len(_VIEWS))
    return _VIEWS[(step - rounds) % len(_VIEWS)]


# What the feet stand on does not change from one look to the next: of so many one asks (what it costs and tells:
# docs/accuracy.md).
_ASKED_EVERY = 2

# A person stands at some time within so many seconds of every frame of a repetition.
_STANDS_WITHIN_S = 3.0

# One frame's landmarks, `(landmark, x_px y_px x_m y_m z_m visibility)`, all missing.
_MISSING: NDArray[np.float32] = np.full((len(LANDMARKS), 6), np.nan, dtype=np.float32)


class PoseEstimator:
    """Finds one person's landmarks in frames.

    `track` follows a person through consecutive frames, cheaply; `look_closely` takes every frame on its own,
    and its mirror image too, and averages the two: slower, and better where numbers are read.

    Not safe to share between threads; make one a thread or process.

    Args:
        bundle: the pose bundle to run.

    Raises:
        BrokenInstallation: the bundle is missing or not the one that the manifest names.
    """

    def __init__(self, bundle: Bundle = "full") -> None:
        self.bundle: Bundle = bundle
        self._path = str(bundle_path(bundle))
        self._landmarkers: dict[str, Any] = {}
        self._used: set[int] = set()
        self._joints = JointFinder()
        self._footing = FootingFinder()
        self._facing = FacingFinder()

    def __enter__(self) -> PoseEstimator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the models."""
        for landmarker in self._landmarkers.values():
            landmarker.close()
        self._landmarkers.clear()

    def track(self, frames: Iterable[PoseFrame], *, progress: Callable[[float], None] | None = None) -> PoseTrack:
        """Follow one person through consecutive frames.

        Whom: the largest whole person of the first frame in which anyone is found. A landmark set that jumps
        to elsewhere or to another size is another person: it is dropped, and the one followed is looked for
        where they were last.

        Args:
            frames: in order of time.
            progress: called with each frame's time in seconds.
        """
        growing, size_px = _Growing(), (0, 0)
        follow = Follower(self)
        for frame in frames:
            height, width = frame.rgb.shape[:2]
            size_px = (round(width * frame.scale), round(height * frame.scale))
            growing.add(frame.time_s, _scaled(follow.next(frame), frame.scale))
            if progress is not None:
                progress(frame.time_s)
        self._close("VIDEO")
        warnings = follow.warnings()
        return self._finish(growing, size_px, warnings)

    def look_closely(
        self,
        frames: Iterable[PoseFrame],
        near: PoseTrack,
        *,
        once_s: Collection[float] = (),
        standing_s: Collection[float] = (),
        progress: Callable[[float], None] | None = None,
    ) -> PoseTrack:
        """Take each frame on its own, average it with its mirror image, and keep to the person of `near`.

        Frames that follow one another are shown to the model turned and scaled a little differently: its errors
        depend on where a body's pixels happen to lie, are the same in every frame of somebody who stands still, and
        only so average out. (Measured: docs/accuracy.md.) Hips and knees are found once more, by a network that
        looks at pelvis and thighs alone (`joints.py`); another tells what the feet stand on (`footing.py`), and a
        third, where the person stands quietly, from how far aside they are seen (`facing.py`).

        Args:
            frames: any frames of the recording.
            near: an earlier track of the same recording; of several people the one nearest to it is taken.
            once_s: the times of frames that the pose model is shown once, without their mirror image.
            standing_s: the times of frames of a quiet stance.
        """
        growing, size_px, found_px = _Growing(), (0, 0), list[NDArray[np.float64]]()
        task_shares, aside_deg = list[NDArray[np.float64]](), list[float]()
        for frame in frames:
            height, width = frame.rgb.shape[:2]
            size_px = (round(width * frame.scale), round(height * frame.scale))
            expected = near.image_px[int(np.argmin(np.abs(near.times_s - frame.time_s)))] / frame.scale
            rgb = _hide_others(frame.rgb, expected) if np.isfinite(expected).any() else frame.rgb
            view, mirrored_too = way_shown(frame.time_s), frame.time_s not in once_s
            row = self._expected_in(rgb, expected, view, mirrored_too)
            if row is None and rgb is not frame.rgb:
                # In poor light the detector may be led astray by the grey about the box.
                row = self._expected_in(frame.rgb, expected, view, mirrored_too)
            found, shares, aside = None, np.full(len(TASKS), np.nan), float("nan")
            if row is not None:
                around = np.abs(near.times_s - frame.time_s) <= _STANDS_WITHIN_S
                leg_px = standing_leg_px(near.image_px[around]) / frame.scale
                found = self._joints.find(rgb, row[:, :2], leg_px, turned_deg=view[0], zoom=view[1])
                if len(task_shares) % _ASKED_EVERY == 0:
                    shares = self._footing.tell(frame.rgb, row[:, :2], leg_px, mirrored=len(task_shares) % 2 == 1)
                if frame.time_s in standing_s:
                    aside = self._facing.tell(rgb, row[:, :2], leg_px, turned_deg=view[0], zoom=view[1])
            task_shares.append(shares)
            aside_deg.append(aside)
            found_px.append(np.full((len(FOUND_JOINTS), 2), np.nan) if found is None else found * frame.scale)
            growing.add(frame.time_s, _scaled(row, frame.scale))
            if progress is not None:
                progress(frame.time_s)
        look = self._finish(growing, size_px, ())
        return replace(
            look,
            found_px=np.array(found_px, dtype=np.float32).reshape(-1, len(FOUND_JOINTS), 2),
            task_shares=np.array(task_shares, dtype=np.float32).reshape(-1, len(TASKS)),
            aside_deg=np.array(aside_deg, dtype=np.float32),
        )

    def count_people(self, rgb: NDArray[np.uint8]) -> int:
        """How many people one picture shows, of four at most. Costs as much as several frames of tracking."""
        return len(_distinct(self._people_alone(rgb, _CANDIDATES)))

    def _expected_in(
        self, rgb: NDArray[np.uint8], expected_px: NDArray[np.float32], view: tuple[float, float], mirrored_too: bool
    ) -> NDArray[np.float32] | None:
        """What a picture, turned and scaled so, shows of the person expected there; None where it shows others."""
        row = self.seen_alone(rgb, *view, mirrored_too=mirrored_too, expected_px=expected_px)
        return row if row is not None and _same_body(row, expected_px) else None

    def seen_alone(
        self,
        rgb: NDArray[np.uint8],
        turned_deg: float = 0.0,
        zoom: float = 1.0,
        *,
        mirrored_too: bool = True,
        expected_px: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32] | None:
        """One person in one picture: the mean of what the model says of it and of its mirror image, `(33, 6)`.

        Where one leg hides the other the model may take them for each other in one of the two; a mean would put both
        legs between them. Then that of the two counts alone which names sides as `expected_px` does.

        Args:
            rgb: the picture.
            turned_deg, zoom: how the model is shown it, about its middle; the landmarks are turned and scaled back.
            mirrored_too: without it the picture itself counts alone.
            expected_px: `(33, xy)`, where the person is expected in the picture; without it the picture itself counts
                where the two name sides differently.
        """
        shown, back_px = _turned(rgb, turned_deg, zoom)
        people = self._people_alone(shown, 1)
        if not people:
            return None
        found = people[0]
        if mirrored_too and (mirrored := self._people_alone(np.ascontiguousarray(shown[:, ::-1]), 1)):
            back = mirror_names(mirrored[0][None])[0].copy()
            back[:, 0] = shown.shape[1] - back[:, 0]
            back[:, 2] = -back[:, 2]
            if _same_body(back, found[:, :2]):
                if _named_alike(back, found[:, :2]):
                    found = (found + back) / 2
                elif expected_px is not None and _named_alike(_turned_back(back, back_px), expected_px):
                    found = back
        return _turned_back(found, back_px)

    def _people_alone(self, rgb: NDArray[np.uint8], most: int) -> list[NDArray[np.float32]]:
        """Everybody in one picture, each `(landmark, 6)`, without regard to other frames."""
        landmarker = self._landmarker("IMAGE", most)
        with self._quietly(landmarker):
            return _people(landmarker.detect(_image(rgb)), rgb)

    def _landmarker(self, mode: Literal["IMAGE", "VIDEO"], most: int) -> Any:
        key = f"{mode}{most}"
        if key not in self._landmarkers:
            mp = _mediapipe()

            vision = mp.tasks.vision
            options = vision.PoseLandmarkerOptions(
                base_options=mp.tasks.BaseOptions(model_asset_path=self._path),
                running_mode=vision.RunningMode[mode],
                num_poses=most,
                output_segmentation_masks=False,
            )
            with _native_chatter_hushed():
                self._landmarkers[key] = vision.PoseLandmarker.create_from_options(options)
        return self._landmarkers[key]

    def _quietly(self, landmarker: Any) -> AbstractContextManager[None]:
        """Hush a landmarker's first call; the later ones print nothing."""
        if id(landmarker) in self._used:
            return nullcontext()
        self._used.add(id(landmarker))
        return _native_chatter_hushed()

    def _close(self, mode: str) -> None:
        for key in [key for key in self._landmarkers if key.startswith(mode)]:
            landmarker = self._landmarkers.pop(key)
            self._used.discard(id(landmarker))
            landmarker.close()

    def _finish(self, growing: _Growing, size_px: tuple[int, int], warnings: tuple[str, ...]) -> PoseTrack:
        rows = growing.take_rows()
        return PoseTrack(
            times_s=np.array(growing.times_s, dtype=np.float64),
            image_px=rows[:, :, 0:2],
            world_m=rows[:, :, 2:5],
            visibility=rows[:, :, 5],
            flipped=np.zeros(len(rows), dtype=bool),
            width_px=size_px[0],
            height_px=size_px[1],
            model=self.bundle,
            warnings=warnings,
        )


class Follower:
    """Keeps the tracking landmarker of an estimator on one person: what `track` does, a frame at a time."""

    def __init__(self, estimator: PoseEstimator) -> None:
        self._estimator = estimator
        self._index = 0
        self._last: NDArray[np.float32] | None = None
        self._last_s = -np.inf
        self._jumps = 0
        self._most_people = 0

    def next(self, frame: PoseFrame) -> NDArray[np.float32] | None:
        """The followed person's landmarks in the next frame, `(33, 6)` in pixels of its `rgb`, or None."""
        rgb = frame.rgb
        if self._last is None or frame.time_s - self._last_s > _JUMP_S:
            rgb = self._choose(rgb)
        row = self._run(rgb)
        if row is not None and self._is_jump(row, frame.time_s):
            self._jumps += 1
            self._estimator._close("VIDEO")
            expected = self._last
            assert expected is not None
            row = self._run(_hide_others(frame.rgb, expected[:, :2]))
            if row is not None and self._is_jump(row, frame.time_s):
                self._estimator._close("VIDEO")
                row = None
        if row is not None:
            self._last, self._last_s = row, frame.time_s
        return row

    def warnings(self) -> tuple[str, ...]:
        """What the person should know about other people in the picture."""
        if self._jumps or self._most_people > 1:
            return ("More than one person is in the picture; one was followed. Film the person alone.",)
        return ()

    def _run(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        self._index += 1
        landmarker = self._estimator._landmarker("VIDEO", 1)
        with self._estimator._quietly(landmarker):
            people = _people(landmarker.detect_for_video(_image(rgb), self._index * _STEP_MS), rgb)
        return people[0] if people else None

    def _choose(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture with everyone hidden but the one to follow; untouched where there is nobody to hide."""
        people = self._estimator._people_alone(rgb, _CANDIDATES)
        people = _distinct(people)
        self._most_people = max(self._most_people, len(people))
        if len(people) < 2:
            return rgb
        last = self._last
        if last is not None:
            chosen = min(people, key=lambda row: float(np.linalg.norm(_torso_px(row)[0] - _torso_px(last)[0])))
        else:
            chosen = max(people, key=lambda row: _whole_height_px(row, rgb))
        self._estimator._close("VIDEO")
        return _hide_others(rgb, chosen[:, :2])

    def _is_jump(self, row: NDArray[np.float32], time_s: float) -> bool:
        if self._last is None or time_s - self._last_s > _JUMP_S:
            return False
        centre, torso = _torso_px(row)
        last_centre, last_torso = _torso_px(self._last)
        ratio = max(torso, last_torso) / max(1e-6, min(torso, last_torso))
        return bool(np.linalg.norm(centre - last_centre) > _JUMP_OF_TORSO * last_torso or ratio > _SIZE_RATIO)


@cache
def _mediapipe() -> Any:
    """MediaPipe, imported only where a picture is really looked at: it takes a second."""
    return import_module("mediapipe")


@contextmanager
def _native_chatter_hushed() -> Iterator[None]:
    """Keep what MediaPipe's native code prints while it starts off the terminal; its failures are exceptions."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _image(rgb: NDArray[np.uint8]) -> Any:
    mp = _mediapipe()

    return mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb)


def _people(result: Any, rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """MediaPipe's result turned into ours: a `(landmark, 6)` array a person, in pixels of `rgb`."""
    height, width = rgb.shape[:2]
    return [
        np.array(
            [
                (mark.x * width, mark.y * height, place.x, place.y, place.z, mark.visibility)
                for mark, place in zip(image, world, strict=True)
            ],
            dtype=np.float32,
        )
        for image, world in zip(result.pose_landmarks, result.pose_world_landmarks, strict=True)
    ]


def _scaled(row: NDArray[np.float32] | None, scale: float) -> NDArray[np.float32] | None:
    if row is None or scale == 1.0:
        return row
    row = row.copy()
    row[:, :2] *= scale
    return row


def _turned(rgb: NDArray[np.uint8], turned_deg: float, zoom: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A picture turned and scaled about its middle, its edges drawn out; and the way back, an affine `(2, 3)`."""
    import cv2  # slow to load, and only a close look needs it

    height, width = rgb.shape[:2]
    there = cv2.getRotationMatrix2D((width / 2, height / 2), turned_deg, zoom)
    back = np.asarray(cv2.invertAffineTransform(there), dtype=np.float64)
    if (turned_deg, zoom) == (0.0, 1.0):
        return rgb, back
    turned = cv2.warpAffine(rgb, there, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, dtype=np.uint8), back


def _turned_back(row: NDArray[np.float32], back_px: NDArray[np.float64]) -> NDArray[np.float32]:
    """Landmarks of a turned picture where they are in the picture itself; those in metres are turned only."""
    row = row.copy()
    turn = back_px[:, :2] / np.sqrt(np.linalg.det(back_px[:, :2]))
    row[:, 0:2] = row[:, 0:2] @ back_px[:, :2].T + back_px[:, 2]
    row[:, 2:4] = row[:, 2:4] @ turn.T
    return row


def _torso_px(row: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """A person's middle, `(xy,)`, and torso length, both in pixels."""
    shoulders = row[[Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER], :2].mean(axis=0)
    hips = row[[Landmark.LEFT_HIP, Landmark.RIGHT_HIP], :2].mean(axis=0)
    return (shoulders + hips) / 2, float(np.linalg.norm(shoulders - hips))


def _whole_height_px(row: NDArray[np.float32], rgb: NDArray[np.uint8]) -> float:
    """A person's height in the picture, counting only what lies inside it: whole and near beats cut off."""
    y = np.clip(row[:, 1], 0, rgb.shape[0])
    return float(y.max() - y.min())


def _same_body(row: NDArray[np.float32], expected_px: NDArray[np.float32]) -> bool:
    """Whether a person stands where one is expected, and about as high in the picture; true where nothing is expected.

    In single pictures of poor light the detector may see but a part of a body, and the landmarks of the whole are
    then crowded into it: hence the height.
    """
    if not np.isfinite(expected_px).any():
        return True
    centre, torso = _torso_px(row)
    expected_centre, expected_torso = _torso_px(expected_px)
    near = np.linalg.norm(centre - expected_centre) <= _JUMP_OF_TORSO * max(torso, expected_torso)
    ratio = np.ptp(row[:, 1]) / max(float(np.ptp(expected_px[:, 1])), 1.0)
    return bool(near and 1 / _HEIGHT_RATIO <= ratio <= _HEIGHT_RATIO)


def _named_alike(row: NDArray[np.float32], other_px: NDArray[np.float32]) -> bool:
    """Whether two looks at one body have its left and right the same way round."""
    named, swapped = (
        np.linalg.norm(each[:, :2] - other_px, axis=1).sum() for each in (row, mirror_names(row[None])[0])
    )
    return bool(named <= swapped)


def _distinct(people: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """The people without doubles: the detector may give the same body twice."""
    kept: list[NDArray[np.float32]] = []
    for row in people:
        centre, torso = _torso_px(row)
        others = [_torso_px(other) for other in kept]
        if all(np.linalg.norm(centre - there) > 0.5 * max(torso, length) for there, length in others):
            kept.append(row)
    return kept


def _hide_others(rgb: NDArray[np.uint8], person_px: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture with everything grey but a box around one person, so that the detector finds that one."""
    low, high = person_px.min(axis=0), person_px.max(axis=0)
    margin = _BOX_MARGIN * float((high - low).max())
    x0, y0 = np.maximum(0, np.floor(low - margin)).astype(int)
    x1, y1 = np.ceil(high + margin).astype(int)
    hidden = np.full_like(rgb, 127)
    hidden[y0:y1, x0:x1] = rgb[y0:y1, x0:x1]
    return hidden
