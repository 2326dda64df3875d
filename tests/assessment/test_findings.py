"""Findings: every rule, every pair of sides, every doubt."""

from __future__ import annotations

import dataclasses
import json
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screener.assessment import (
    PATTERNS,
    assess,
    findings_from_json,
    load_norms,
    load_sources,
    trials_from_json,
    withhold_scores,
)
from screener.assessment.norms import GradedMeasurement
from screener.assessment.patterns import load_rules
from screener.assessment.rubrics import load_rubrics
from screener.errors import BadDataFile
from screener.measures.values import MeasuredTrial, NotMeasured, StanceSide, Task
from tests.assessment.people import MAKES, STEADY, trial

OTHER: dict[StanceSide, StanceSide] = {"left": "right", "right": "left", "unknown": "unknown"}
TASKS: tuple[Task, ...] = ("single_leg_squat", "forward_step_down", "lateral_step_down")


def patterns(*trials: MeasuredTrial) -> list[str]:
    return [finding.pattern for finding in assess(trials).findings]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("pattern", MAKES)
def test_each_pattern_is_found_alone(task: Task, pattern: str) -> None:
    changed = MAKES[pattern][0 if task == "single_leg_squat" else 1]
    assert patterns(trial(task=task, **changed)) == [pattern]


def test_a_drop_with_valgus_and_lean_is_both() -> None:
    squat = trial(pelvic_drop_deg=15.0, fppa_deg=20.0, trunk_lean_deg=14.0)
    assert patterns(squat) == ["drop_with_valgus", "drop_with_lean"]


def test_a_lean_does_not_let_a_drop_of_doubt_pass_as_clean() -> None:
    assert patterns(trial(trunk_lean_deg=14.0, missing=("pelvic_drop_deg",))) == ["compensated_lean"]


def test_touching_the_floor_belongs_to_a_step_down() -> None:
    assert patterns(trial(task="lateral_step_down", foot_touchdowns=1.0)) == ["clean"]


def test_a_line_must_be_passed_with_the_whole_interval() -> None:
    assert "poor_balance" not in patterns(trial(foot_drift_pct=6.0, half_width=2.0))
    assert "poor_balance" in patterns(trial(foot_drift_pct=7.5, half_width=2.0))
    assert "varus" not in patterns(trial(fppa_deg=-6.0, half_width=2.0))
    assert "varus" in patterns(trial(fppa_deg=-7.5, half_width=2.0))


def test_varus_needs_depth() -> None:
    assert patterns(trial(fppa_deg=-12.0, missing=("knee_flexion_deg",))) == ["not_enough_to_say"]


def test_asymmetry_only_where_neither_side_stands_out() -> None:
    left, right = trial("left", fppa_deg=12.0), trial("right", fppa_deg=1.0)
    assert patterns(left, right) == ["clean", "clean", "asymmetry_only"]
    assert patterns(trial("left", fppa_deg=20.0), right) == ["isolated_valgus", "clean"]


@pytest.mark.parametrize("task", TASKS)
def test_every_rule_can_fire_and_every_pattern_has_one(task: Task) -> None:
    fired = set()
    for pattern in MAKES:
        changed = MAKES[pattern][0 if task == "single_leg_squat" else 1]
        fired |= {each.rule_id for each in assess([trial(task=task, **changed)]).findings}
    sides = [trial("left", task, fppa_deg=12.0), trial("right", task, fppa_deg=1.0)]
    fired |= {each.rule_id for each in assess(sides).findings}
    rules = [rule for rule in load_rules() if task in rule.tasks]
    assert fired == {rule.id for rule in rules}
    assert {rule.pattern for rule in rules} == set(PATTERNS)


def test_every_finding_can_be_followed_back() -> None:
    norms = load_norms()
    rows = {norm.id for norm in norms.norms} | {row.id for row in norms.differences}
    rows |= {f"{rubric.id}.{item.id}" for rubric in load_rubrics() for item in rubric.items}
    rules = {rule.id: rule for rule in load_rules()}
    seen = 0
    for task, (squat, step_down) in product(TASKS, MAKES.values()):
        changed = squat if task == "single_leg_squat" else step_down
        for finding in assess([trial(task=task, **changed), trial("right", task)]).findings:
            rule = rules[finding.rule_id]
            assert finding.pattern == rule.pattern
            assert finding.source_ids == rule.sources
            assert set(finding.source_ids) <= load_sources().keys()
            assert set(finding.rests_on) <= rows
            conditions = (*rule.all, *rule.any)
            named = any(each.item or each.grades or each.difference for each in conditions)
            assert bool(finding.rests_on) == named
            assert set(finding.measures) <= set(STEADY)
            seen += 1
    assert seen >= 2 * len(TASKS) * len(MAKES)


VALUES = {
    "pelvic_drop_deg": st.floats(-15, 25),
    "fppa_deg": st.floats(-20, 40),
    "trunk_lean_deg": st.floats(-15, 20),
    "knee_flexion_deg": st.floats(20, 110),
    "knee_over_foot_pct": st.floats(-20, 30),
    "foot_drift_pct": st.floats(0, 10),
}
people = st.builds(
    lambda task, half_width, missing, values: (task, half_width, missing, values),
    st.sampled_from(TASKS),
    st.floats(0, 8),
    st.lists(st.sampled_from(sorted(VALUES)), max_size=2).map(tuple),
    st.fixed_dictionaries(VALUES),
)


@given(one=people, other=people)
@settings(deadline=None, max_examples=60)
def test_a_mirrored_person_has_mirrored_findings(one, other) -> None:  # type: ignore[no-untyped-def]
    def both(first: StanceSide) -> list[MeasuredTrial]:
        sides = zip((first, OTHER[first]), (one, other), strict=True)
        return [trial(side, task, half_width=w, missing=m, **v) for side, (task, w, m, v) in sides]

    straight, mirrored = assess(both("left")), assess(both("right"))
    told = {(each.rule_id, each.task, OTHER[each.side], each.grade) for each in straight.findings}
    assert told == {(each.rule_id, each.task, each.side, each.grade) for each in mirrored.findings}
    for a, b in zip(straight.comparisons, mirrored.comparisons, strict=True):
        assert (a.left, a.right, a.detectable) == (b.right, b.left, b.detectable)
        assert (a.difference, a.low, a.high) == pytest.approx((-b.difference, -b.high, -b.low))


@given(person=people, wider_by=st.floats(0, 10))
@settings(deadline=None, max_examples=60)
def test_a_wider_interval_never_makes_a_finding_surer(person, wider_by: float) -> None:  # type: ignore[no-untyped-def]
    """What is said of pelvis, knee and trunk with a wide interval is part of what a narrow one says."""
    claims = {
        "drop_with_valgus": {"drop", "valgus"},
        "drop_with_lean": {"drop", "lean"},
        "hip_drop": {"drop", "upright"},
        "drop_unresolved": {"drop"},
        "isolated_valgus": {"valgus", "level"},
        "valgus_unresolved": {"valgus"},
        "compensated_lean": {"lean"},
        "clean": {"upright", "level", "straight"},
    }
    task, half_width, missing, values = person
    steady = values | {"foot_drift_pct": 0.0}
    said = []
    for width in (half_width, half_width + wider_by):
        one = trial("left", task, half_width=width, missing=missing, **steady)
        found = patterns(one)
        said.append(set().union(*(claims.get(each, set()) for each in found)))
        assert not (said[-1] and "poor_depth" in found)
    # An upright trunk or a level pelvis need not be told where something else is: only claims of a fault count.
    faults = {"drop", "valgus", "lean"}
    assert said[1] & faults <= said[0] & faults


@given(person=people)
@settings(deadline=None, max_examples=60)
def test_nothing_measured_is_never_typical(person) -> None:  # type: ignore[no-untyped-def]
    task, half_width, _, values = person
    one = trial("left", task, half_width=half_width, missing=tuple(STEADY), **values)
    assessment = assess([one])
    assert all(isinstance(each, NotMeasured) for each in assessment.trials[0].summary.values())
    assert [each.pattern for each in assessment.findings] == ["not_enough_to_say"]
    assert all(each.grade != "typical" for each in assessment.findings)
    scores = [item.score for rubric in assessment.trials[0].rubrics for item in rubric.items]
    assert scores
    assert set(scores) == {None}


def test_withheld_scores_keep_the_measurements() -> None:
    whole = assess([trial("left", fppa_deg=20.0), trial("right", missing=("fppa_deg",))])
    kept = withhold_scores(whole, "See a clinician first.")
    assert (kept.findings, kept.comparisons, kept.withheld_because) == ((), (), "See a clinician first.")
    for before, after in zip(whole.trials, kept.trials, strict=True):
        assert after.rubrics == ()
        for name, reading in before.summary.items():
            now = after.summary[name]
            if isinstance(reading, NotMeasured):
                assert now == reading
            else:
                assert isinstance(now, GradedMeasurement)
                assert (now.value, now.low, now.high) == (reading.value, reading.low, reading.high)
                assert (now.grade, now.norm_id) == (None, None)


def as_json(value: object) -> object:
    if isinstance(value, NotMeasured):
        return {"not_measured": value.reason}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: as_json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    return [as_json(each) for each in value] if isinstance(value, tuple) else value


def document() -> dict[str, object]:
    trials = (trial("left", fppa_deg=20.0), trial("right", missing=("fppa_deg",)))
    assessment = assess(trials)
    told = {"schema_version": "1.0", "trials": as_json(trials), "findings": as_json(assessment.findings)}
    for one in told["trials"]:  # type: ignore[attr-defined]
        for repetition in one["repetitions"]:
            del repetition["excluded_because"]
    return json.loads(json.dumps(told))  # type: ignore[no-any-return]


def test_a_screening_can_be_read_back() -> None:
    trials = (trial("left", fppa_deg=20.0), trial("right", missing=("fppa_deg",)))
    assert trials_from_json(document()) == trials
    assert findings_from_json(document()) == assess(trials).findings


def test_a_screening_of_another_version_is_refused() -> None:
    with pytest.raises(BadDataFile, match="schema_version"):
        findings_from_json(document() | {"schema_version": "2.0"})
    with pytest.raises(BadDataFile, match="schema_version"):
        trials_from_json({})


def test_a_screening_with_a_bad_field_is_refused_by_its_name() -> None:
    bad = document()
    bad["findings"][0]["pattern"] = "odd"  # type: ignore[index]
    with pytest.raises(BadDataFile, match=r"findings\.0\.pattern"):
        findings_from_json(bad)
    bad["trials"][1]["summary"]["tempo_s"]["low"] = 99.0  # type: ignore[index]
    with pytest.raises(BadDataFile, match=r"trials\.1\.summary\.tempo_s"):
        trials_from_json(bad)
    del bad["findings"]
    with pytest.raises(BadDataFile, match="findings"):
        findings_from_json(bad)
