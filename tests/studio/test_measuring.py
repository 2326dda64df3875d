"""What a reading of a rendered film is held against."""

from __future__ import annotations

import pytest

from screener.measures import MeasuredRepetition, MeasureName
from screener.measures.values import ReadAt
from screener.studio.measuring import truth_of_reading

# The pelvis drops by 2° a second, the knee falls inward by 10° a second, and the bottom lies at 3 s.
FRAMES = [
    {
        "time_s": str(at_s),
        "pelvic_drop_deg": str(2.0 * at_s),
        "fppa_frontal_plane_deg": str(10.0 * at_s),
        "trunk_lean_deg": "1",
    }
    for at_s in (0.0, 1.0, 2.0, 3.0)
]
BOTTOM = {"pelvic_drop_deg": 6.0, "fppa_deg": 30.0, "trunk_lean_deg": 1.0, "knee_flexion_deg": 118.0}


def repetition(read_at: ReadAt, read_s: float | None) -> MeasuredRepetition:
    return MeasuredRepetition(1, 0.0, 3.1, 5.0, True, None, read_at, {}, {}, read_s)


@pytest.mark.parametrize(
    ("measure", "expected"), [("pelvic_drop_deg", 5.0), ("fppa_deg", 25.0), ("knee_flexion_deg", 118.0)]
)
def test_what_was_read_above_the_bottom_is_held_against_what_was_there(measure: MeasureName, expected: float) -> None:
    rep = repetition("deepest_readable", 2.5)
    assert truth_of_reading(measure, rep, BOTTOM, FRAMES) == pytest.approx(expected)


def test_what_was_read_at_the_bottom_is_held_against_the_true_bottom() -> None:
    # Found 0.1 s too late: that is an error of the reading, too.
    assert truth_of_reading("fppa_deg", repetition("bottom", 3.1), BOTTOM, FRAMES) == 30.0
