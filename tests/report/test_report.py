"""A whole report: the files that it says it wrote, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from screener import Screening
from screener.errors import WrongUse
from screener.report import write_report
from screener.report.contents import contents_of
from screener.screening import Subject
from tests.clips import reencode
from tests.conftest import clip_named
from tests.report.recordings import CLIP, with_both_legs, with_nobody


def test_it_writes_what_it_says(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    clip = reencode(clip_named(CLIP), tmp_path / "begin.mp4", end_s=1.6)
    screening = replace(screened(CLIP), subject=Subject("a", 1.7))
    written = write_report(
        screening, tmp_path / "out", clip, opensim=True, blur_face=True, fhir=True, c3d=True, codec="vp9"
    )
    assert {path.name for path in written} == {
        "report.html",
        "report.pdf",
        "annotated.webm",
        "annotated.jpg",
        "curves.svg",
        "repetitions.csv",
        "screening.json",
        "signals.parquet",
        "landmarks.parquet",
        "markers_2d.trc",
        "angles_2d_trial1.mot",
        "markers_2d.c3d",
        "report.fhir.json",
    }
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in written}
    assert all(path.stat().st_size > 0 for path in written)
    assert (tmp_path / "out" / "report.html").stat().st_size < 3_000_000


def test_what_cannot_be_written_is_refused_before_anything_is(
    screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    for wanted in ({"opensim": True}, {"c3d": True}):
        with pytest.raises(WrongUse, match="height"):
            write_report(screened(CLIP), tmp_path / "out", **wanted)  # type: ignore[arg-type]
    assert not list((tmp_path / "out").glob("*"))


def test_without_a_video_and_with_nobody_there_is_still_a_report(
    screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    written = write_report(with_nobody(screened(CLIP)), tmp_path / "out")
    assert "annotated.jpg" not in {path.name for path in written}
    assert len(written) == 7


def test_left_stands_beside_right(screened: Callable[[str], Screening]) -> None:
    contents = contents_of(with_both_legs(screened(CLIP)))
    assert contents.key is not None
    assert contents.key.head == ("", "Single-leg squat, left leg", "Single-leg squat, right leg")
    assert all(row[1] == row[2] for row in contents.key.rows)
    assert any("no detectable difference" in said for said in contents.sides)
