"""The price of a screening stays within its bounds, as ratios measured side by side on whatever machine this is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from screener import Settings, bench, screen
from screener.video import open_video


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bench.write_recording(tmp_path_factory.mktemp("bench") / "recording.mp4")


def test_the_recording_is_twenty_seconds_with_five_repetitions(recording: Path) -> None:
    with open_video(recording) as source:
        assert (source.info.width_px, source.info.height_px) == (640, 480)
        assert sum(1 for _ in source) == 600
    (trial,) = screen(recording, Settings(second_look=False)).trials
    assert [rep.counted for rep in trial.repetitions] == [True] * 5


def test_a_repeated_recording_has_every_frame_at_its_time(tmp_path: Path) -> None:
    short = bench.write_recording(tmp_path / "short.mp4", 8.0)
    with open_video(bench.write_repeated(short, tmp_path / "long.mp4", 3)) as source:
        times_s = [frame.time_s for frame in source]
        assert (source.damaged_frames, source.warnings) == (0, ())
    assert times_s == pytest.approx([i / 30 for i in range(720)], abs=1e-3)


def test_nothing_costs_a_tenth_more_than_its_bound(recording: Path) -> None:
    # `python -m screener.bench` holds the bounds themselves, in the median of five rounds on a machine that does
    # nothing else. Single rounds differ by a tenth, and here others work beside: what is sought is what went wrong.
    for _ in range(3):
        costs, bounds = bench.measure_cpu(recording, rounds=1)
        if all(bound.measured <= 1.1 * bound.at_most for bound in bounds):
            break
    assert [bound for bound in bounds if bound.measured > 1.1 * bound.at_most] == [], costs
    assert {cost.name for cost in costs} == {"naive script", "bare inference", "first look", "both looks"}


def test_memory_does_not_hold_the_recording(tmp_path: Path) -> None:
    bound = bench.measure_memory(tmp_path, long_s=60.0)
    assert bound.holds, bound


def test_ratios_are_those_of_one_round_and_a_missed_bound_says_no() -> None:
    ours, theirs = bench.Cost("ours", (2.0, 30.0, 3.0)), bench.Cost("theirs", (4.0, 60.0, 3.0))
    assert ours.against(theirs) == 0.5
    assert ours.median_ms == 3.0
    bounds = [bench.Bound("held", 0.5, 0.5), bench.Bound("missed", 0.51, 0.5)]
    lines = bench.as_table([ours, theirs], bounds).splitlines()
    assert [line.endswith("NO") for line in lines[-2:]] == [False, True]
    said = json.loads(bench.as_json([ours], bounds))
    assert said["costs"] == [{"name": "ours", "cpu_ms": [2.0, 30.0, 3.0]}]
    assert [bound["holds"] for bound in said["bounds"]] == [True, False]
