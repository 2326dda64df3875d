"""The commands as a person calls them: exit codes, plain errors, clean standard output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from screener.data import data_path

_INTAKE = {
    "age_years": 35,
    "pain_now": 1,
    "pain_where": ["outer_knee"],
    "running_km_per_week": 20,
    "recent_spike": False,
    "red_flags": [],
}


def _call(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "screener.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
    )


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("cli")
    intake = folder / "intake.json"
    intake.write_text(json.dumps(_INTAKE))
    clip = data_path("sample_videos", "sls_left_steady.mp4")
    done = _call("analyze", clip, "--out", folder / "out", "--intake", intake, "--subject", "Zoë", cwd=folder)
    return done, folder


def test_analyze_prints_the_result_and_writes_every_file(
    analysed: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, folder = analysed
    assert done.returncode == 0, done.stderr
    assert "Single-leg squat, left leg: 3 of 3 repetitions counted" in done.stdout
    assert "Programme: Evidence programme" in done.stdout
    assert done.stderr == ""
    assert {path.name for path in (folder / "out").iterdir()} == {
        "screening.json",
        "repetitions.csv",
        "signals.parquet",
        "landmarks.parquet",
        "annotated.mp4",
        "annotated.jpg",
        "curves.svg",
        "report.html",
        "report.pdf",
    }


def test_the_screening_holds_the_plan_and_the_subject(analysed: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    plain = json.loads((analysed[1] / "out" / "screening.json").read_text())
    assert plain["subject"]["id"] == "Zoë"
    assert plain["plan"]["programme"] == "evidence"
    assert plain["plan"]["phases"]


def test_the_same_landmarks_give_the_same_numbers_without_the_video(
    analysed: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    out = analysed[1] / "out"
    again = _call("analyze", out / "landmarks.parquet", "--json", "-")
    assert again.returncode == 0
    assert json.loads(again.stdout)["trials"] == json.loads((out / "screening.json").read_text())["trials"]


def test_plan_makes_the_plan_that_analyze_made(analysed: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    folder = analysed[1]
    made = _call("plan", folder / "out" / "screening.json", "--intake", folder / "intake.json", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout) == json.loads((folder / "out" / "screening.json").read_text())["plan"]


def test_a_red_flag_gives_no_plan_but_a_word_on_whom_to_see(
    analysed: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    folder = analysed[1]
    flagged = folder / "flagged.json"
    flagged.write_text(json.dumps(_INTAKE | {"red_flags": ["fever"]}))
    made = _call("plan", folder / "out" / "screening.json", "--intake", flagged)
    assert made.returncode == 0
    assert "See a clinician" in made.stdout
    assert "Activation" not in made.stdout


@pytest.mark.parametrize(
    ("change", "named"),
    [({"pain_now": 11}, "pain_now"), ({"height_m": 3.0}, "height_m"), ({"sex": 1}, "sex")],
)
def test_a_bad_intake_is_refused_by_the_field(
    analysed: tuple[subprocess.CompletedProcess[str], Path], change: dict[str, object], named: str
) -> None:
    folder = analysed[1]
    bad = folder / "bad.json"
    bad.write_text(json.dumps(_INTAKE | change))
    refused = _call("plan", folder / "out" / "screening.json", "--intake", bad)
    assert refused.returncode == 2
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr


def test_another_schema_version_and_an_unknown_programme_are_refused(
    analysed: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    folder = analysed[1]
    other = folder / "other.json"
    other.write_text(
        (folder / "out" / "screening.json").read_text().replace('"schema_version": "1.0"', '"schema_version": "0.9"')
    )
    refused = _call("plan", other, "--intake", folder / "intake.json")
    assert (refused.returncode, "schema_version" in refused.stderr) == (2, True)
    unknown = _call(
        "plan", folder / "out" / "screening.json", "--intake", folder / "intake.json", "--programme", "nothing"
    )
    assert (unknown.returncode, "nothing" in unknown.stderr) == (2, True)


def test_what_is_no_video_is_exit_code_4_in_two_sentences(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    refused = _call("analyze", text, cwd=tmp_path)
    assert refused.returncode == 4
    assert refused.stdout == ""
    assert len(refused.stderr.strip().splitlines()) == 2
    assert "Traceback" not in refused.stderr


def test_one_bad_recording_of_several_does_not_stop_the_others(tmp_path: Path) -> None:
    clip = data_path("sample_videos", "sls_left_steady.mp4")
    done = _call("analyze", tmp_path / "absent.mp4", clip, "--no-film", "--no-second-look", "--out", tmp_path)
    assert done.returncode == 4
    assert "absent.mp4" in done.stderr
    assert "3 of 3 repetitions counted" in done.stdout


def test_help_teaches_and_does_not_load_what_it_does_not_need() -> None:
    shown = _call("--help")
    assert shown.returncode == 0
    assert "screener demo" in shown.stdout
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, screener.cli; print(*sys.modules)"], capture_output=True, text=True
    ).stdout.split()
    assert not {"numpy", "scipy", "mediapipe", "cv2", "pyarrow", "av"} & set(loaded)


def test_models_and_doctor_find_everything_in_place() -> None:
    listed = _call("models")
    assert (listed.returncode, "pose_heavy" in listed.stdout) == (0, True)
    examined = _call("doctor")
    assert examined.returncode == 0, examined.stdout
    assert "MISSING" not in examined.stdout
