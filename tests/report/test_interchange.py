"""OpenSim's files, read back by another reader: the same positions and angles, up and to the right as they must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from screener import Screening
from screener.errors import WrongUse
from screener.pose import Landmark
from screener.pose.landmarks import LANDMARKS
from screener.report import write_mot, write_trc
from screener.screening import Subject
from tests.report.recordings import CLIP

_STATURE_M = 1.8


@pytest.fixture
def tall(screened: Callable[[str], Screening]) -> Screening:
    return replace(screened(CLIP), subject=Subject("tall", _STATURE_M))


def markers_of(path: Path) -> pd.DataFrame:
    """The numbers of a `.trc`, `left_hip_y` and so on, by the names of its own header."""
    names = [name for name in path.read_text(encoding="utf-8").splitlines()[3].split("\t") if name]
    columns = names[:2] + [f"{name}_{axis}" for name in names[2:] for axis in "xyz"]
    return pd.read_csv(path, sep="\t", skiprows=6, header=None, names=columns)


def test_a_trc_s_head_counts_its_rows_and_markers(tall: Screening, tmp_path: Path) -> None:
    write_trc(tall, tmp_path / "m.trc")
    lines = (tmp_path / "m.trc").read_text(encoding="utf-8").splitlines()
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    markers = markers_of(tmp_path / "m.trc")
    assert int(head["NumFrames"]) == len(markers) == len(tall.motion.joints.times_s)
    assert int(head["NumMarkers"]) == len(LANDMARKS) == (len(markers.columns) - 2) / 3
    assert head["Units"] == "m"
    # Even times at the rate it tells.
    assert np.allclose(np.diff(markers["Time"]), 1 / float(head["DataRate"]), atol=1e-9)
    assert lines[5] == ""


def test_markers_stand_upright_in_metres_with_the_right_on_the_right(tall: Screening, tmp_path: Path) -> None:
    write_trc(tall, tmp_path / "m.trc")
    markers = markers_of(tmp_path / "m.trc")
    first = markers.iloc[0]
    assert first["right_shoulder_z"] > first["left_shoulder_z"]
    # Eyes stand at 0.936, ankles at 0.039 of the stature (Winter); a lens at hip height shows that to some percent.
    assert first["nose_y"] == pytest.approx((0.936 - 0.039) * _STATURE_M, rel=0.12)
    assert (markers.filter(like="_x").to_numpy() == 0).all()


def test_markers_keep_the_shape_that_was_seen(tall: Screening, tmp_path: Path) -> None:
    """The knee's angle from the file is that of the picture: one scale for both axes."""
    write_trc(tall, tmp_path / "m.trc")
    markers = markers_of(tmp_path / "m.trc")
    joints = tall.motion.joints
    at = int(np.argmin(np.abs(joints.times_s - tall.trials[0].repetitions[0].bottom_s)))

    def bend(points: list[np.ndarray[tuple[int], np.dtype[np.float64]]]) -> float:
        thigh, shank = points[0] - points[1], points[1] - points[2]
        cosine = thigh @ shank / (np.linalg.norm(thigh) * np.linalg.norm(shank))
        return float(np.degrees(np.arccos(cosine)))

    names = ("right_hip", "right_knee", "right_ankle")
    seen = [joints.px[at, Landmark[name.upper()]] for name in names]
    written = [markers.loc[at, [f"{name}_z", f"{name}_y"]].to_numpy(dtype=np.float64) for name in names]
    assert bend(written) == pytest.approx(bend(seen), abs=0.05)


def test_a_gap_is_blank(tall: Screening, tmp_path: Path) -> None:
    joints = tall.motion.joints
    px = joints.px.copy()
    px[30:40] = np.nan
    gap = replace(tall, motion=replace(tall.motion, joints=replace(joints, px=px)))
    write_trc(gap, tmp_path / "m.trc")
    markers = markers_of(tmp_path / "m.trc")
    assert markers.loc[31:38].drop(columns=["Frame#", "Time"]).isna().all(axis=None)
    assert markers.loc[:28].notna().all(axis=None)
    assert markers.loc[41:].notna().all(axis=None)


def test_without_a_height_there_are_no_metres(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="height"):
        write_trc(screened(CLIP), tmp_path / "m.trc")
    assert not (tmp_path / "m.trc").exists()


def test_a_mot_holds_the_trial_s_angles(tall: Screening, tmp_path: Path) -> None:
    write_mot(tall, 0, tmp_path / "a.mot")
    lines = (tmp_path / "a.mot").read_text(encoding="utf-8").splitlines()
    end = lines.index("endheader")
    head = dict(line.split("=") for line in lines[1:end])
    table = pd.read_csv(tmp_path / "a.mot", sep="\t", skiprows=end + 1)
    assert head["inDegrees"] == "yes"
    assert (int(head["nRows"]), int(head["nColumns"])) == table.shape
    assert "2D" in lines[0]
    signals = tall.motion.trials[0].signals
    for name in ("fppa_deg", "knee_flexion_deg"):
        # Even times differ from the frames' own by less than a tick of the clip's clock.
        assert np.allclose(table[name], getattr(signals, name), atol=0.05, equal_nan=True)
    assert table["time"].iloc[0] == signals.times_s[0]
    assert table["time"].iloc[-1] == signals.times_s[-1]
