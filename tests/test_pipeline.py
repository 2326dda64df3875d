"""The wiring: the same numbers again from the landmarks alone, settings, progress, and files that are broken."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from screener import Screening, Settings, screen
from screener.errors import BadDataFile
from screener.pipeline import screen_track
from screener.pose import read_pose_track, write_pose_track
from screener.screening import Subject, read_screening, screening_to_dict, write_screening
from tests.clips import reencode
from tests.conftest import clip_named

NAME = "sls_right_drop_and_valgus"


def without_time(screening: Screening) -> dict[str, Any]:
    plain = screening_to_dict(screening)
    del plain["created_at"]
    return plain


@pytest.mark.parametrize("name", [NAME, "lateral_step_down_right"])
def test_screened_again_from_the_landmarks_every_number_is_the_same(
    name: str, tmp_path: Path, screened: Callable[[str], Screening]
) -> None:
    first = screened(name)
    path = tmp_path / "landmarks.parquet"
    write_pose_track(first.looks[0], path, looks=first.looks[1:])
    track, further = read_pose_track(path)
    again = screen_track((track, *further))
    assert json.dumps(without_time(again)) == json.dumps(without_time(first))


def test_a_recording_in_poor_light_is_told_from_others(screened: Callable[[str], Screening]) -> None:
    dim, bright = (screened(name) for name in ("squat_left_dim_laptop", "squat_left_straight"))
    assert dim.source["grainy"]
    assert not bright.source["grainy"]
    said = "There is little light"
    assert any(said in warning for warning in dim.warnings)
    assert not any(said in warning for warning in bright.warnings)
    quiet_looks = []
    for screening in (dim, bright):
        quiet, times_s = screening.trials[0].quiet_stance, screening.looks[1].times_s
        quiet_looks.append(sum(quiet.start_s - 0.05 <= at_s <= quiet.end_s + 0.05 for at_s in times_s))
    assert quiet_looks[0] > 9 >= quiet_looks[1], "close looks are dear: more of them only where they are needed"


def test_a_screening_goes_into_a_file_and_comes_back(tmp_path: Path, screened: Callable[[str], Screening]) -> None:
    screening = screened(NAME)
    path = tmp_path / "screening.json"
    write_screening(screening, path)
    plain = read_screening(path)
    assert plain == json.loads(json.dumps(screening_to_dict(screening)))
    assert plain["source"]["name"] == f"{NAME}.mp4"
    assert plain["provenance"]["settings_sha256"] == Settings().sha256()
    assert set(plain["provenance"]["models"]) >= {"pose_full", "pose_heavy"}
    assert [look.model for look in screening.looks] == ["full", "heavy"]


@pytest.mark.parametrize("content", ["", "[]", "null", '{"schema_version": "0.1"}', "\x00"])
def test_what_is_no_screening_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "screening.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadDataFile, match=r"is not JSON|schema_version"):
        read_screening(path)
    with pytest.raises(BadDataFile, match="There is no file"):
        read_screening(tmp_path / "none.json")


def test_settings_are_the_same_whoever_is_shown() -> None:
    plain = Settings().sha256()
    assert Settings(subject=Subject(id="7", height_m=1.7)).sha256() == plain
    others = [Settings(mirrored=True), Settings(side="left"), Settings(task="single_leg_squat")]
    assert len({plain, *(each.sha256() for each in others)}) == 4


def test_progress_rises_to_its_end_and_what_is_given_is_believed(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    settings = Settings(task="forward_step_down", side="right", second_look=False, subject=Subject(id="p1"))
    short = reencode(clip_named(NAME), tmp_path / "short.mp4", end_s=3.0)
    screening = screen(short, settings, progress=lambda what, share: told.append((what, share)))
    assert {what for what, _ in told} == {"looking"}
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert 0.0 <= shares[0] < 0.1
    assert shares[-1] == pytest.approx(1.0, abs=0.05)
    assert len(screening.looks) == 1
    assert screening.subject.id == "p1"
    (trial,) = screening.trials
    assert (trial.task, trial.task_from, trial.stance_side) == ("forward_step_down", "given", "right")


# What a child process does with every file it is told: a word a file, within a time.
_CHILD = """
import json, signal, sys
from screener import screen
from screener.errors import UnreadableVideo
for path in sys.argv[1:]:
    signal.alarm(60)
    try:
        result = screen(path)
        counted = sum(rep.counted for trial in result.trials for rep in trial.repetitions)
        print(json.dumps([path, "screened", result.nothing_because, list(result.warnings), counted]), flush=True)
    except UnreadableVideo as error:
        print(json.dumps([path, type(error).__name__, str(error), [], 0]), flush=True)
"""


def test_damaged_and_cut_files_give_a_typed_error_or_a_result(tmp_path: Path) -> None:
    chance = random.Random(13)
    files: list[str] = []
    for suffix, codec in ((".mp4", "h264"), (".mkv", "h264"), (".webm", "vp9"), (".avi", "mpeg4")):
        whole = reencode(clip_named(NAME), tmp_path / f"whole{suffix}", codec=codec, size=(320, 240), end_s=2.0)
        content = whole.read_bytes()
        for number in range(5):
            damaged = bytearray(content)
            if number == 0:
                del damaged[chance.randrange(len(damaged) // 4, len(damaged)) :]
            for _ in range(chance.choice([1, 20, 300]) if number else 0):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            path = tmp_path / f"damaged_{number}{suffix}"
            path.write_bytes(damaged)
            files.append(str(path))
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *files],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer[0] for answer in answers] == files
    assert {"screened"} < {answer[1] for answer in answers}, "some can still be screened, some cannot"
    for _, kind, sentence, _, counted in answers:
        # Two seconds hold no whole repetition, so a result is words as well.
        assert kind == "screened" or sentence.endswith(".")
        assert sentence or counted
