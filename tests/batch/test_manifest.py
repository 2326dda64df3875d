"""What a manifest may say, and what is told about one that cannot be used, before any work begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from screener.batch.manifest import Recording, find_recordings
from screener.batch.tables import TAKEN_COLUMNS
from screener.errors import BadDataFile, WrongUse
from tests.batch.recordings import write_manifest


def manifest(folder: Path, text: str, encoding: str = "utf-8") -> str:
    path = folder / "manifest.csv"
    path.write_text(text, encoding=encoding)
    return str(path)


def test_every_column(tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        "file,subject,side,task,height_m,sex,date,mirrored,pain\n"
        "a/left.mp4,Ann,Left,single_leg_squat,1.68,female,2026-03-01,yes,3\n"
        "/elsewhere/x.mov,,,,,,,,\n"
        "\n",
    )
    assert find_recordings(path, TAKEN_COLUMNS) == (
        Recording(
            file="a/left.mp4",
            address=f"{tmp_path}/a/left.mp4",
            subject="Ann",
            side="left",
            task="single_leg_squat",
            mirrored=True,
            sex="female",
            height_m=1.68,
            date="2026-03-01",
            carried={"pain": "3"},
        ),
        Recording("/elsewhere/x.mov", "/elsewhere/x.mov", subject="/elsewhere/x.mov", carried={"pain": ""}),
    )


def test_as_a_spreadsheet_with_decimal_commas_saves_it(tmp_path: Path) -> None:
    path = manifest(tmp_path, "file;height_m;subject\nx.mp4;1,7;Jürgen\n", encoding="utf-8-sig")
    (recording,) = find_recordings(path, TAKEN_COLUMNS)
    assert (recording.file, recording.height_m, recording.subject) == ("x.mp4", 1.7, "Jürgen")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no column named file"),
        ("name,side\nx.mp4,left\n", "has no column named file"),
        ("file\n", "names no recording"),
        ("file,file\nx.mp4,y.mp4\n", "'file' that is there twice"),
        ("file,fppa_deg\nx.mp4,3\n", "'fppa_deg' that is there twice, has no name, or is named as a result is"),
        ("file,\nx.mp4,3\n", "has no name"),
        ("file,side\nx.mp4,L\n", "row 2: side is 'l', expected left, right or nothing"),
        ("file,task\nx.mp4,squat\n", "row 2: task is 'squat', expected single_leg_squat"),
        ("file,height_m\nx.mp4,170\n", "row 2: height_m is 170, expected metres from 0.8 to 2.4"),
        ("file,height_m\nx.mp4,tall\n", "row 2: height_m is 'tall', expected metres"),
        ("file,mirrored\nx.mp4,perhaps\n", "row 2: mirrored is 'perhaps'"),
        ("file,sex\n,female\n", "row 2: no file is named"),
        ("file,sex\nx.mp4\n", "row 2: 1 cells, expected 2"),
        ("file,side\n" + "x.mp4,L\n" * 8, "row 6: side is 'l', expected left, right or nothing; and 3 more"),
    ],
)
def test_what_cannot_be_used_is_told_before_any_work(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadDataFile) as caught:
        find_recordings(manifest(tmp_path, text), TAKEN_COLUMNS)
    assert says in caught.value.message


def test_a_manifest_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadDataFile, match="cannot be read as text"):
        find_recordings(manifest(tmp_path, "file,name\nx.mp4,Jürgen\n", encoding="latin-1"), TAKEN_COLUMNS)
    with pytest.raises(BadDataFile, match="There is no file"):
        find_recordings(str(tmp_path / "other.csv"), TAKEN_COLUMNS)


def test_a_folder_at_any_depth_in_order(tmp_path: Path) -> None:
    for name in ("b/2.MOV", "b/1.mp4", "a.webm", "b/._1.mp4", ".trash/3.mp4", "notes.txt", "b/landmarks.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    recordings = find_recordings(str(tmp_path), TAKEN_COLUMNS)
    assert [recording.file for recording in recordings] == ["a.webm", "b/1.mp4", "b/2.MOV"]
    assert [recording.address for recording in recordings] == [f"{tmp_path}/{each.file}" for each in recordings]


def test_a_folder_without_recordings(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="holds no recording"):
        find_recordings(str(tmp_path), TAKEN_COLUMNS)
    with pytest.raises(WrongUse, match="is not there"):
        find_recordings(str(tmp_path / "nowhere"), TAKEN_COLUMNS)


def test_the_manifest_beside_the_recordings_may_be_named_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(tmp_path / "manifest.csv", [{"file": "x.mp4"}])
    monkeypatch.chdir(tmp_path)
    (recording,) = find_recordings("manifest.csv", TAKEN_COLUMNS)
    assert recording.address == str(tmp_path / "x.mp4")
