"""Comparisons against the smallest detectable difference, and rubrics with and without a clinician."""

from __future__ import annotations

import pytest

from screener.assessment import assess, with_clinician
from screener.assessment.rubrics import RubricScore
from screener.errors import WrongUse
from screener.measures.values import MeasuredTrial
from tests.assessment.people import trial


def fppa(assessment_trials: list[MeasuredTrial], **more: list[MeasuredTrial]):  # type: ignore[no-untyped-def]
    comparisons = assess(assessment_trials, **more).comparisons  # type: ignore[arg-type]
    return [each for each in comparisons if each.measure == "fppa_deg"]


@pytest.mark.parametrize(("right", "detectable"), [(5.0, False), (-4.0, False), (-6.0, True), (14.5, True)])
def test_sides_differ_only_beyond_the_smallest_detectable_difference(right: float, detectable: bool) -> None:
    (found,) = fppa([trial("left", fppa_deg=5.0), trial("right", fppa_deg=right)])
    assert found.detectable is detectable
    assert ("no detectable difference" in found.says) is not detectable
    assert found.difference == 5.0 - right
    assert found.compared_at == "60"


def test_a_wide_interval_hides_a_difference() -> None:
    wide = [trial("left", half_width=9.0, fppa_deg=15.0), trial("right", half_width=9.0, fppa_deg=4.0)]
    (found,) = fppa(wide)
    assert found.threshold == pytest.approx(9.0 * 2**0.5)
    assert not found.detectable


def test_without_a_common_depth_the_summary_is_compared_if_the_depths_are_alike() -> None:
    left = trial("left", at_depth=False, fppa_deg=20.0)
    (alike,) = fppa([left, trial("right", fppa_deg=1.0)])
    assert (alike.compared_at, alike.detectable) == ("summary", True)
    (apart,) = fppa([left, trial("right", fppa_deg=1.0, knee_flexion_deg=54.0)])
    assert (apart.compared_at, apart.detectable) == ("summary", False)
    (unknown,) = fppa([left, trial("right", fppa_deg=1.0, missing=("knee_flexion_deg",))])
    assert not unknown.detectable


def test_days_are_compared_for_the_same_side_and_task() -> None:
    found = fppa([trial("left", fppa_deg=3.0)], earlier=[trial("left", fppa_deg=15.0), trial("right")])
    (one,) = [each for each in found if each.between == "days"]
    assert (one.side, one.earlier, one.today, one.difference) == ("left", 15.0, 3.0, -12.0)
    assert (one.left, one.right) == (None, None)
    assert one.detectable


def test_tasks_and_unknown_sides_are_never_compared() -> None:
    assert not fppa([trial("left"), trial("right", "lateral_step_down")])
    assert not fppa([trial("unknown"), trial("right")])


def rubric(name: str, one: MeasuredTrial) -> RubricScore:
    return next(each for each in assess([one]).trials[0].rubrics if each.id == name)


def scores(score: RubricScore) -> dict[str, int | None]:
    return {item.id: item.score for item in score.items}


def test_step_down_items_from_measures() -> None:
    worst = trial(
        task="lateral_step_down",
        trunk_lean_deg=12.0,
        pelvic_drop_deg=12.0,
        knee_over_foot_pct=20.0,
        foot_drift_pct=9.0,
    )
    score = rubric("step_down", worst)
    assert scores(score) == {"arms": None, "trunk": 1, "pelvis": 1, "knee": 2, "steady": 1}
    assert (score.total, score.rating) == (None, None)


def test_the_camera_gives_no_clean_score_for_what_it_cannot_see() -> None:
    score = rubric("step_down", trial(task="lateral_step_down"))
    assert scores(score) == {"arms": None, "trunk": None, "pelvis": 0, "knee": 0, "steady": None}
    for item in score.items:
        assert (item.score is None) == bool(item.needs_clinician)


@pytest.mark.parametrize(("over_foot", "points"), [(-5.0, 0), (0.2, None), (6.0, 1), (11.2, None), (15.0, 2)])
def test_the_knee_item_in_points(over_foot: float, points: int | None) -> None:
    score = rubric("step_down", trial(task="forward_step_down", knee_over_foot_pct=over_foot))
    assert scores(score)["knee"] == points


def test_a_hike_is_not_level_either() -> None:
    assert scores(rubric("step_down", trial(task="lateral_step_down", pelvic_drop_deg=-12.0)))["pelvis"] == 1


def test_an_interval_around_level_may_be_level() -> None:
    wide = trial(task="lateral_step_down", pelvic_drop_deg=1.0, half_width=9.5)
    assert scores(rubric("step_down", wide))["pelvis"] is None


def test_a_shallow_step_leaves_the_angles_to_a_clinician() -> None:
    low = trial(task="lateral_step_down", knee_flexion_deg=40.0, pelvic_drop_deg=20.0, foot_drift_pct=9.0)
    assert scores(rubric("step_down", low)) == {
        "arms": None,
        "trunk": None,
        "pelvis": None,
        "knee": None,
        "steady": 1,
    }


def test_squat_rubrics() -> None:
    squat = trial(fppa_deg=20.0, knee_over_foot_pct=6.0, foot_touchdowns=2.0, knee_flexion_deg=55.0)
    crossley = scores(rubric("crossley", squat))
    assert crossley == {"overall": 1, "trunk": None, "pelvis": None, "hip": None, "knee": 1}
    qasls = scores(rubric("qasls", squat))
    assert {name for name, score in qasls.items() if score == 1} == {"knee_noticeable", "touch_down"}
    assert {name for name, score in qasls.items() if score == 0} == {
        "pelvis_level",
        "stance_thigh",
        "knee_significant",
    }


def test_a_clinician_fills_and_overrules_and_both_are_kept() -> None:
    score = rubric("step_down", trial(task="lateral_step_down", pelvic_drop_deg=12.0))
    filled = with_clinician(score, {"arms": 0, "trunk": 1, "steady": 0, "pelvis": 0})
    pelvis = next(item for item in filled.items if item.id == "pelvis")
    assert (pelvis.score, pelvis.clinician_score, pelvis.final) == (1, 0, 0)
    assert (filled.total, filled.rating) == (1, "good")
    assert with_clinician(filled, {"pelvis": 1, "knee": 2}).rating == "poor"


def test_a_rubric_with_a_gap_has_no_total() -> None:
    score = rubric("qasls", trial())
    gaps = {item.id: 0 for item in score.items if item.score is None}
    assert with_clinician(score, gaps).total == 0
    gaps.pop("wobble")
    assert with_clinician(score, gaps).total is None


@pytest.mark.parametrize(("given", "named"), [({"arm": 1}, "arm"), ({"knee": 3}, "knee: 3")])
def test_a_score_that_the_rubric_does_not_have(given: dict[str, int], named: str) -> None:
    score = rubric("step_down", trial(task="lateral_step_down"))
    with pytest.raises(WrongUse, match=named):
        with_clinician(score, given)
