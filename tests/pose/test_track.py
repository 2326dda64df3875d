"""A pose track goes into a file and comes back as it was; what is not such a file is refused in plain words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal

from screener.errors import BadDataFile
from screener.pose import Landmark, PoseTrack, joined, mirror_names, read_pose_track, write_pose_track
from screener.terms import TASKS
from tests.figures import Figure, on_both, perform, squat

ARRAYS = ("times_s", "image_px", "world_m", "visibility", "flipped", "found_px", "task_shares", "aside_deg")


def a_track() -> PoseTrack:
    """Uneven times, a stretch without anybody, one missing joint, swapped frames, facts and a warning."""
    gone = Figure(there=False)
    track = perform(on_both(1.0), squat("left"), [(0.0, gone), (0.5, gone)], jitter=0.5, noise_px=0.7)
    px, flipped = track.image_px.copy(), track.flipped.copy()
    px[5, Landmark.LEFT_KNEE] = np.nan
    flipped[7:9] = True
    source = {"name": "späť.mp4", "sha256": "ab" * 32, "fps_mean": 29.97, "duration_s": None, "mirrored": True}
    return replace(track, image_px=px, flipped=flipped, source=source, warnings=("It is dark – use more light.",))


def assert_same(one: PoseTrack, two: PoseTrack) -> None:
    for name in ARRAYS:
        assert_array_equal(getattr(one, name), getattr(two, name), strict=True, err_msg=name)
    for name in ("width_px", "height_px", "model", "source", "warnings"):
        assert getattr(one, name) == getattr(two, name)


def test_a_track_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    track = a_track()
    path = tmp_path / "landmarks.parquet"
    write_pose_track(track, path)
    again, further = read_pose_track(path)
    assert_same(again, track)
    assert further == ()


def test_further_looks_come_back_with_their_model(tmp_path: Path) -> None:
    track = a_track()
    found_px = np.random.default_rng(5).normal(300, 20, (len(track.times_s), 4, 2)).astype(np.float32)
    shares = np.random.default_rng(6).dirichlet([1, 1, 1], len(track.times_s)).astype(np.float32)
    few = np.isin(np.arange(len(track.times_s)), [3, 4, 40])
    aside_deg = np.random.default_rng(7).normal(0, 9, len(track.times_s)).astype(np.float32)
    look = replace(track, model="heavy", found_px=found_px, task_shares=shares, aside_deg=aside_deg).only(few)
    path = tmp_path / "landmarks.parquet"
    write_pose_track(track, path, looks=(look,))
    first, (second,) = read_pose_track(path)
    assert_same(first, track)
    assert_same(second, look)


def test_looks_at_different_frames_join_in_the_order_of_time() -> None:
    track = a_track()
    third = np.arange(len(track.times_s)) % 3 == 0
    assert_same(joined([track.only(~third), track.only(third)]), track)


def test_the_columns_are_named_by_landmark_and_unit(tmp_path: Path) -> None:
    path = tmp_path / "landmarks.parquet"
    track = a_track()
    write_pose_track(track, path)
    table = pq.read_table(path)
    assert table.column_names[:10] == [
        *("look", "model", "time_s", "flipped"),
        *("nose_x_px", "nose_y_px", "nose_x_m", "nose_y_m", "nose_z_m", "nose_visibility"),
    ]
    assert table.num_columns == 4 + 33 * 6 + 8 + 3 + 1
    assert_array_equal(table["right_knee_y_px"].to_numpy(), track.image_px[:, Landmark.RIGHT_KNEE, 1])


def rewritten(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def with_header(**changed: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        header = json.loads(table.schema.metadata[b"screener.pose_track"]) | changed
        return table.replace_schema_metadata({"screener.pose_track": json.dumps(header)})

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.replace_schema_metadata({}), "is not a file of landmarks"),
        (with_header(format_version="0.9"), "has landmark format 0.9, this is 1.4"),
        (lambda table: table.drop_columns(["left_hip_x_px"]), "lacks columns of landmarks"),
        (lambda table: table.drop_columns(["look"]), "lacks columns of landmarks"),
        (lambda table: table.slice(0, 0), "holds no frame"),
        (lambda table: table.take(list(range(len(table)))[::-1]), "lacks columns|times_s must rise"),
    ],
    ids=["no header", "other version", "no hip", "no look", "no frame", "backwards"],
)
def test_an_altered_file_is_refused(tmp_path: Path, change: Callable[[pa.Table], pa.Table], says: str) -> None:
    path = tmp_path / "landmarks.parquet"
    write_pose_track(a_track(), path)
    rewritten(path, change)
    with pytest.raises(BadDataFile, match=says) as caught:
        read_pose_track(path)
    assert caught.value.exit_code == 2
    assert "screener analyze" in caught.value.what_to_do


@pytest.mark.parametrize("content", [b"", b"PAR1", b"time_s,left_hip_x_px\n0,1\n", b"PAR1" + bytes(500) + b"PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "landmarks.parquet"
    path.write_bytes(content)
    with pytest.raises(BadDataFile, match="is not a file of landmarks"):
        read_pose_track(path)


def test_a_cut_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "landmarks.parquet"
    write_pose_track(a_track(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BadDataFile, match="is not a file of landmarks"):
        read_pose_track(path)
    with pytest.raises(BadDataFile, match="There is no file"):
        read_pose_track(tmp_path / "none.parquet")


def test_a_track_whose_parts_do_not_fit_is_refused() -> None:
    track = a_track()
    with pytest.raises(ValueError, match=r"image_px: expected shape \(\d+, 33, 2\), got \(3, 33, 2\)"):
        replace(track, image_px=track.image_px[:3])
    with pytest.raises(ValueError, match="times_s must rise strictly"):
        replace(track, times_s=np.zeros_like(track.times_s))


def test_found_is_where_any_landmark_is() -> None:
    track = a_track()
    assert track.found[5]
    assert not track.found[-10:].any()


def test_warnings_come_once() -> None:
    track = a_track()
    assert track.with_warnings("new", *track.warnings, "new").warnings == (*track.warnings, "new")


def test_a_mirror_swaps_names_and_twice_is_nothing() -> None:
    rows = np.arange(33)[None]
    swapped = mirror_names(rows)
    assert swapped[0, Landmark.LEFT_HIP] == Landmark.RIGHT_HIP
    assert swapped[0, Landmark.NOSE] == Landmark.NOSE
    assert (swapped[0] != rows[0]).sum() == 32
    assert_array_equal(mirror_names(swapped), rows)
    with pytest.raises(ValueError, match=r"expected \(frame, 33"):
        mirror_names(np.zeros((2, 32)))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_file_from_before_feet_or_turn_were_looked_at_is_read_without_that(tmp_path: Path, version: str) -> None:
    path = tmp_path / "landmarks.parquet"
    track = a_track()
    write_pose_track(track, path)
    rewritten(path, with_header(format_version=version))
    lacking = ["aside_deg", *(f"looks_like_{task}" for task in TASKS if version == "1.2")]
    rewritten(path, lambda table: table.drop_columns(lacking))
    again, _ = read_pose_track(path)
    assert_same(again, track)
