"""The `PoseTrack`: one person's landmarks over time, and its Parquet form, which needs no video to screen again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from screener.errors import BadDataFile
from screener.files import write_atomically
from screener.pose.landmarks import FOUND_JOINTS, LANDMARKS
from screener.terms import TASKS

__all__ = ["FORMAT_VERSION", "PoseTrack", "joined", "read_pose_track", "write_pose_track"]

#: Written into every file; a file of another version is refused, but for those that only lack what is new.
FORMAT_VERSION = "1.4"
_READABLE = ("1.2", "1.3", FORMAT_VERSION)

_FIELDS = ("x_px", "y_px", "x_m", "y_m", "z_m", "visibility")
_FOUND_FIELDS = tuple(f"found_{LANDMARKS[joint]}_{axis}_px" for joint in FOUND_JOINTS for axis in "xy")
_TASK_FIELDS = tuple(f"looks_like_{task}" for task in TASKS)


@dataclass(frozen=True, slots=True, eq=False)
class PoseTrack:
    """One person's landmarks in every frame of a recording. Missing is NaN, in every coordinate of a landmark.

    Attributes:
        times_s: `(frame,)`, seconds since the first frame, strictly rising; each frame's own timestamp.
        image_px: `(frame, 33, 2)`, x to the right and y down, in pixels of the upright, unmirrored picture.
        world_m: `(frame, 33, 3)`, metres about the hip centre, as the pose model gives them (x to the right of
            the picture, y down, z away from the camera). Good for the camera's yaw, not for pelvis or knee.
        visibility: `(frame, 33)`, 0..1, the model's own; at the hip it says nothing.
        flipped: `(frame,)`, true where the model had swapped left and right and the names were swapped back.
        width_px, height_px: of the picture that `image_px` counts in.
        model: which pose bundle made it, `full` or `heavy`.
        found_px: `(frame, 4, 2)`, hips and knees (`FOUND_JOINTS`) where the picture of pelvis and thighs has them
            (`joints.py`), in the pixels of `image_px`; NaN where nobody looked. `image_px` keeps the pose model's own.
        task_shares: `(frame, 3)`, how much what is under the feet speaks for each of `TASKS` (`footing.py`), 0..1, in
            all 1; NaN where nobody asked.
        aside_deg: `(frame,)`, from how far aside the picture shows the person, degrees, + = more of the body's side
            that lies to the picture's right (`facing.py`); NaN where nobody asked.
        source: facts about the recording (name, sha256, rotation_deg, mirrored, grainy, fps_mean, duration_s ...).
        warnings: plain sentences about what was wrong with the recording or the picture.
    """

    times_s: NDArray[np.float64]
    image_px: NDArray[np.float32]
    world_m: NDArray[np.float32]
    visibility: NDArray[np.float32]
    flipped: NDArray[np.bool_]
    width_px: int
    height_px: int
    model: str = "full"
    source: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    found_px: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, len(FOUND_JOINTS), 2), dtype=np.float32))
    task_shares: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, len(TASKS)), dtype=np.float32))
    aside_deg: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))

    def __post_init__(self) -> None:
        frames, landmarks = len(self.times_s), len(LANDMARKS)
        for name in ("found_px", "task_shares", "aside_deg"):
            given = getattr(self, name)
            if not len(given):
                object.__setattr__(self, name, np.full((frames, *given.shape[1:]), np.nan, dtype=np.float32))
        expected = {
            "image_px": (frames, landmarks, 2),
            "world_m": (frames, landmarks, 3),
            "visibility": (frames, landmarks),
            "flipped": (frames,),
            "found_px": (frames, len(FOUND_JOINTS), 2),
            "task_shares": (frames, len(TASKS)),
            "aside_deg": (frames,),
        }
        for name, shape in expected.items():
            actual = getattr(self, name).shape
            if actual != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {actual}")
        if frames > 1 and not np.all(np.diff(self.times_s) > 0):
            raise ValueError("times_s must rise strictly")

    @property
    def found(self) -> NDArray[np.bool_]:
        """`(frame,)`, true where the person was found."""
        return np.asarray(np.isfinite(self.image_px[:, :, 0]).any(axis=1), dtype=np.bool_)

    @property
    def grainy(self) -> bool:
        """Whether the pictures were grainy, as they are in poor light; false where nothing is known of it."""
        return bool(self.source.get("grainy", False))

    def with_warnings(self, *warnings: str) -> PoseTrack:
        """The same track with further warnings, each once."""
        return replace(self, warnings=tuple(dict.fromkeys((*self.warnings, *warnings))))

    def only(self, rows: NDArray[np.bool_]) -> PoseTrack:
        """The same track with these frames only."""
        arrays: dict[str, Any] = {name: getattr(self, name)[rows] for name in _PER_FRAME}
        return replace(self, **arrays)


_PER_FRAME = ("times_s", "image_px", "world_m", "visibility", "flipped", "found_px", "task_shares", "aside_deg")


def joined(looks: Sequence[PoseTrack]) -> PoseTrack:
    """Looks of one model at different frames of a recording as one, in the order of time."""
    order = np.argsort(np.concatenate([look.times_s for look in looks]))
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(look, name) for look in looks])[order] for name in _PER_FRAME
    }
    return replace(looks[0], **arrays)


def write_pose_track(track: PoseTrack, path: Path, *, looks: tuple[PoseTrack, ...] = ()) -> None:
    """Write a track as Parquet: a row a frame, a column a coordinate (`left_hip_x_px`, `left_hip_visibility` ...,
    `found_left_hip_x_px`, `looks_like_single_leg_squat`).

    Args:
        track: the first look, over the whole recording.
        path: the file to make; an existing one is replaced in one step.
        looks: further looks at parts of the recording by another model; their rows follow, told apart by the
            columns `look` and `model`.
    """
    tables = [_table_from_track(each, look) for look, each in enumerate((track, *looks))]
    header = {
        "format_version": FORMAT_VERSION,
        "width_px": track.width_px,
        "height_px": track.height_px,
        "source": track.source,
        "warnings": list(track.warnings),
    }
    table = pa.concat_tables(tables).replace_schema_metadata({"screener.pose_track": json.dumps(header)})
    with write_atomically(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_pose_track(path: Path) -> tuple[PoseTrack, tuple[PoseTrack, ...]]:
    """Read what `write_pose_track` wrote: the first look and the further ones.

    Raises:
        BadDataFile: it is not such a file, or of another format version.
    """
    what_to_do = "Give a landmarks.parquet that `screener analyze` of this version wrote."
    try:
        table = pq.read_table(path)
        header = json.loads((table.schema.metadata or {})[b"screener.pose_track"])
    except FileNotFoundError as error:
        raise BadDataFile(f"There is no file {path}.", what_to_do) from error
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise BadDataFile(f"{path.name} is not a file of landmarks.", what_to_do) from error
    if header.get("format_version") not in _READABLE:
        raise BadDataFile(
            f"{path.name} has landmark format {header.get('format_version')}, this is {FORMAT_VERSION}.",
            what_to_do,
        )
    try:
        looks = table["look"].to_numpy()
        tracks = [_track_from_table(table.filter(looks == look), header) for look in np.unique(looks)]
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise BadDataFile(f"{path.name} lacks columns of landmarks ({error}).", what_to_do) from error
    if not tracks:
        raise BadDataFile(f"{path.name} holds no frame.", what_to_do)
    return tracks[0], tuple(tracks[1:])


def _table_from_track(track: PoseTrack, look: int) -> pa.Table:
    columns: dict[str, Any] = {
        "look": np.full(len(track.times_s), look, dtype=np.int8),
        "model": pa.array([track.model] * len(track.times_s), pa.string()).dictionary_encode(),
        "time_s": track.times_s,
        "flipped": track.flipped,
    }
    values = np.concatenate([track.image_px, track.world_m, track.visibility[..., None]], axis=2)
    for row, landmark in enumerate(LANDMARKS):
        for column, name in enumerate(_FIELDS):
            columns[f"{landmark}_{name}"] = np.ascontiguousarray(values[:, row, column])
    for column, name in enumerate(_FOUND_FIELDS):
        columns[name] = np.ascontiguousarray(track.found_px.reshape(-1, len(_FOUND_FIELDS))[:, column])
    for column, name in enumerate(_TASK_FIELDS):
        columns[name] = np.ascontiguousarray(track.task_shares[:, column])
    columns["aside_deg"] = track.aside_deg
    return pa.table(columns)


def _track_from_table(table: pa.Table, header: dict[str, Any]) -> PoseTrack:
    values = np.stack(
        [np.stack([table[f"{mark}_{name}"].to_numpy() for name in _FIELDS], axis=1) for mark in LANDMARKS],
        axis=1,
    )
    # 1.2 did not look at what is stood on, nor did it or 1.3 at how the person is turned.
    told = _TASK_FIELDS if header["format_version"] != "1.2" else ()
    turned = header["format_version"] not in ("1.2", "1.3")
    return PoseTrack(
        times_s=table["time_s"].to_numpy(),
        image_px=values[:, :, 0:2],
        world_m=values[:, :, 2:5],
        visibility=values[:, :, 5],
        flipped=table["flipped"].to_numpy(zero_copy_only=False),
        found_px=np.stack([table[name].to_numpy() for name in _FOUND_FIELDS], axis=1).reshape(-1, len(FOUND_JOINTS), 2),
        task_shares=np.stack([table[name].to_numpy() for name in told], axis=1)
        if told
        else np.empty((0, len(TASKS)), dtype=np.float32),
        aside_deg=table["aside_deg"].to_numpy() if turned else np.empty(0, dtype=np.float32),
        width_px=int(header["width_px"]),
        height_px=int(header["height_px"]),
        model=str(table["model"][0].as_py()),
        source=dict(header["source"]),
        warnings=tuple(header["warnings"]),
    )
