"""Grades: bands, intervals, gates and a site's own norms."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screener.assessment.norms import (
    BANDS,
    GradedMeasurement,
    Norms,
    bands_touched,
    grade_reading,
    load_norms,
    possible_bands,
)
from screener.assessment.tables import packaged
from screener.errors import BadDataFile
from screener.measures.values import MEASURES, MeasuredTrial, MeasureName, NotMeasured, Task
from tests.assessment.people import trial

NORMS = load_norms()
ANGLES: tuple[MeasureName, ...] = ("fppa_deg", "pelvic_drop_deg", "trunk_lean_deg", "hip_adduction_deg")
STEP_DOWNS: tuple[Task, ...] = ("forward_step_down", "lateral_step_down")


def grade(given_trial: MeasuredTrial, measure: MeasureName, norms: Norms = NORMS) -> GradedMeasurement:
    graded = grade_reading(given_trial, measure, norms)
    assert isinstance(graded, GradedMeasurement)
    return graded


@pytest.mark.parametrize(
    ("value", "half_width", "expected"),
    [
        (4.0, 1.0, "typical"),
        (8.0, 0.0, "typical"),
        (10.0, 1.0, "borderline"),
        (13.0, 0.0, "borderline"),
        (20.0, 5.0, "marked"),
        (8.0, 1.0, "unclear"),
        (13.0, 1.0, "unclear"),
        (-9.0, 1.0, "borderline"),
    ],
)
def test_fppa_bands(value: float, half_width: float, expected: str) -> None:
    graded = grade(trial(fppa_deg=value, half_width=half_width), "fppa_deg")
    assert graded.grade == expected
    assert graded.norm_id == "fppa-single-leg-squat"


@pytest.mark.parametrize("task", STEP_DOWNS)
@pytest.mark.parametrize("measure", MEASURES)
def test_a_step_down_never_gets_a_squat_s_grade(task: Task, measure: MeasureName) -> None:
    graded = grade(trial(task=task), measure)
    assert graded.grade is None
    assert graded.norm_id is None
    assert "step-down" in graded.says


def test_every_task_has_norms_or_says_why_not() -> None:
    with_rows = {norm.task for norm in NORMS.norms} | {row.task for row in NORMS.ungraded}
    assert with_rows == set(get_args(Task))


def test_a_shallow_squat_is_not_graded() -> None:
    assert grade(trial(knee_flexion_deg=44.9, fppa_deg=30.0), "fppa_deg").grade == "unclear"
    assert grade(trial(knee_flexion_deg=45.0, fppa_deg=30.0), "fppa_deg").grade == "marked"


def test_a_squat_of_unknown_depth_is_not_graded() -> None:
    assert grade(trial(missing=("knee_flexion_deg",), fppa_deg=30.0), "fppa_deg").grade == "unclear"


def test_few_repetitions_are_told() -> None:
    assert "1 of the 3" in grade(trial(repetitions=1), "fppa_deg").says
    assert "of the 3" not in grade(trial(repetitions=3), "fppa_deg").says


@pytest.mark.parametrize("measure", MEASURES)
def test_not_measured_stays_not_measured(measure: MeasureName) -> None:
    assert isinstance(grade_reading(trial(missing=(measure,)), measure, NORMS), NotMeasured)
    assert possible_bands(trial(missing=(measure,)), measure, NORMS) is None


@given(measure=st.sampled_from(ANGLES), value=st.floats(-40, 60), worse_by=st.floats(0, 40))
@settings(deadline=None)
def test_grades_never_improve_when_a_value_worsens(measure: MeasureName, value: float, worse_by: float) -> None:
    """Away from zero is worse, either way."""
    far = value + worse_by if value >= 0 else value - worse_by
    grades = [grade(trial(half_width=0.0, **{measure: each}), measure).grade for each in (value, far)]
    assert [*BANDS].index(grades[1]) >= [*BANDS].index(grades[0])  # type: ignore[arg-type]


@given(
    measure=st.sampled_from(ANGLES),
    value=st.floats(0, 60),
    worse_by=st.floats(0, 40),
    half_width=st.floats(0, 5),
)
@settings(deadline=None)
def test_nor_with_an_interval(measure: MeasureName, value: float, worse_by: float, half_width: float) -> None:
    """On the side of the norm (plus), with the same interval."""
    near = possible_bands(trial(half_width=half_width, **{measure: value}), measure, NORMS)
    far = possible_bands(trial(half_width=half_width, **{measure: value + worse_by}), measure, NORMS)
    assert near
    assert far
    assert max(map(BANDS.index, far)) >= max(map(BANDS.index, near))
    assert min(map(BANDS.index, far)) >= min(map(BANDS.index, near))


@given(
    measure=st.sampled_from(ANGLES),
    value=st.floats(-40, 60),
    half_width=st.floats(0, 15),
    wider_by=st.floats(0, 15),
)
@settings(deadline=None)
def test_a_wider_interval_never_makes_a_surer_grade(
    measure: MeasureName, value: float, half_width: float, wider_by: float
) -> None:
    narrow = grade(trial(half_width=half_width, **{measure: value}), measure).grade
    wide = grade(trial(half_width=half_width + wider_by, **{measure: value}), measure).grade
    assert wide in (narrow, "unclear")


@given(low=st.floats(-50, 50), width=st.floats(0, 50))
def test_bands_are_never_empty(low: float, width: float) -> None:
    assert bands_touched(low, low + width, (-5.0, 8.0, 13.0), "abcd")


def site_file(tmp_path: Path, old: str, new: str) -> Path:
    text = packaged("screener.assessment", "norms.toml")
    assert old in text
    path = tmp_path / "ours.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_a_site_can_put_its_own_norms_in_place(tmp_path: Path) -> None:
    norms = load_norms(site_file(tmp_path, "marked_above = 13.0", "marked_above = 30.0"))
    assert grade(trial(fppa_deg=20.0), "fppa_deg", norms).grade == "borderline"


def test_bands_for_a_sex_are_used_for_it_alone(tmp_path: Path) -> None:
    norms = load_norms(site_file(tmp_path, 'id = "fppa-single-leg-squat"', 'id = "w"\nsex = "female"'))
    assert norms.find("single_leg_squat", "fppa_deg", "female") is not None
    assert norms.find("single_leg_squat", "fppa_deg", "male") is None


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("marked_above = 13.0", "marked_above = 3.0", ["norms row 1 (fppa-single-leg-squat)", "must rise"]),
        ("marked_above = 13.0", "", ["row 1 (fppa-single-leg-squat)", "marked_above"]),
        ("marked_above = 13.0", 'marked_above = "13"', ["row 1 (fppa-single-leg-squat)", "marked_above"]),
        ("marked_above = 13.0", "marked_above = nan", ["row 1 (fppa-single-leg-squat)", "marked_above"]),
        ("n = 30", "n = 0", ["row 1 (fppa-single-leg-squat), n"]),
        ('measure = "fppa_deg"', 'measure = "fppa"', ["row 1 (fppa-single-leg-squat), measure"]),
        ('sources = ["R19", "own"]', 'sources = ["R999"]', ["fppa-single-leg-squat", "R999"]),
        ('sources = ["R19", "own"]', "sources = []", ["row 1 (fppa-single-leg-squat), sources"]),
        ('id = "pelvic-drop-single-leg-squat"', 'id = "fppa-single-leg-squat"', ["two rows"]),
        ("[[norms]]", "[[norm]]", ["norm"]),
        ("[gates]", "[gates", ["not a TOML file"]),
    ],
)
def test_bad_norms_are_refused_with_the_row_and_the_reason(
    tmp_path: Path, old: str, new: str, named: list[str]
) -> None:
    with pytest.raises(BadDataFile) as refused:
        load_norms(site_file(tmp_path, old, new))
    for word in ["ours.toml", *named]:
        assert word in refused.value.message


def test_a_norms_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadDataFile, match="cannot be read"):
        load_norms(tmp_path / "none.toml")
