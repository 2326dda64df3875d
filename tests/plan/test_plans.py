"""Plans: every pattern, pain and programme; safety first; every line followed back to its reason."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screener.assessment import EVIDENCE_MEANS, PATTERNS, Finding, Pattern, load_norms, load_sources
from screener.assessment.patterns import load_rules
from screener.assessment.rubrics import load_rubrics
from screener.errors import BadDataFile, WrongUse
from screener.measures.values import MEASURES, Task
from screener.plan import (
    Plan,
    harder_than,
    load_catalogue,
    load_intake,
    load_programmes,
    make_plan,
    red_flag_questions,
    referrals,
)
from screener.plan.intake import load_safety
from tests.plan.answers import ANSWERS, findings, intake

PROGRAMMES = [programme.id for programme in load_programmes().programmes]
TASKS: tuple[Task, ...] = ("single_leg_squat", "forward_step_down", "lateral_step_down")
FOUND: dict[tuple[Pattern, Task], tuple[Finding, ...]] = {
    (pattern, task): findings(pattern, task) for pattern, task in product(PATTERNS, TASKS)
}
PAIN_BANDS = (0, 2, 3, 4, 8)
CALM = {"calm", "rest"}
#: Loaded work that a sore day (3/10) must not begin with.
LOADED = {"strength", "control"}


def planned(pattern: Pattern, programme: str, task: Task = "single_leg_squat", **changed: Any) -> Plan:
    return make_plan(FOUND[pattern, task], intake(**changed), programme, today=date(2026, 3, 2))


@pytest.mark.parametrize("programme", PROGRAMMES)
@pytest.mark.parametrize("pain", PAIN_BANDS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_pain_and_programme(pattern: Pattern, pain: int, programme: str) -> None:
    for task, spike in product(TASKS, (False, True)):
        plan = planned(pattern, programme, task, pain_now=pain, recent_spike=spike)
        assert plan.stop_rules
        assert plan.see_a_clinician
        if pain > 3:
            assert plan.why_none
            assert plan.scores_withheld
            assert (plan.phases, plan.running, plan.retest_on) == ((), None, None)
            continue
        assert plan.why_none is None
        assert plan.retest_on == "2026-03-16"
        assert plan.phases
        for phase in plan.phases:
            assert phase.exercises
            assert phase.move_on_when
            assert phase.step_back_when
            assert len({each.id for each in phase.exercises}) == len(phase.exercises)
            for each in phase.exercises:
                assert each.dose
                assert each.cues
        if pain == 3:
            assert plan.phases[0].id in CALM
            kinds = {load_catalogue()[each.id].kind for each in plan.phases[0].exercises}
            assert not kinds & LOADED


@pytest.mark.parametrize(("pattern", "task", "programme"), [*product(PATTERNS, TASKS, PROGRAMMES)])
def test_every_line_can_be_followed_back(pattern: Pattern, task: Task, programme: str) -> None:
    norms, sources, rules = load_norms(), load_sources(), {rule.id: rule for rule in load_rules()}
    rows = {norm.id for norm in norms.norms} | {row.id for row in norms.differences}
    rows |= {f"{rubric.id}.{item.id}" for rubric in load_rubrics() for item in rubric.items}
    phase_rows = {
        f"{each.id}.{phase.id}.{row.exercise}"
        for each in load_programmes().programmes
        for phase in each.phases
        for row in phase.exercises
    }
    found = {finding.id: finding for finding in FOUND[pattern, task]}
    plan = planned(pattern, programme, task, pain_now=3)
    for phase in plan.phases:
        for line in phase.exercises:
            assert line.rule_id in phase_rows
            assert line.rule_id.endswith(f"{phase.id}.{line.id}")
            assert line.source_ids
            assert set(line.source_ids) <= sources.keys()
            assert line.evidence_grade in EVIDENCE_MEANS
            assert set(line.easier) | set(line.harder) <= load_catalogue().keys()
            for name in line.finding_ids:
                finding = found[name]
                rule = rules[finding.rule_id]
                assert finding.pattern == rule.pattern
                assert set(finding.measures) <= MEASURES.keys()
                assert set(finding.rests_on) <= rows
                assert set(rule.sources) <= sources.keys()
    safety = {row.id for row in (*load_safety().standing, *load_safety().stop_rules)}
    for rule_line in (*plan.stop_rules, *plan.see_a_clinician):
        assert rule_line.rule_id in safety
        assert set(rule_line.source_ids) <= sources.keys()
    for said in (*plan.advice, *plan.disagreements):
        assert set(said.source_ids) <= sources.keys()
    assert [said.rule_id for said in plan.advice] == [
        f"advice.{name}" for name in dict.fromkeys(row.pattern for row in load_programmes().advice)
        if name in {finding.pattern for finding in found.values()}
    ]  # fmt: skip


def test_a_finding_changes_the_evidence_plan() -> None:
    """Each finding of a fault has an exercise that is there, or to the fore, because of it."""
    general = {"clean", "not_enough_to_say", "asymmetry_only"}
    for pattern in PATTERNS:
        lines = [line for phase in planned(pattern, "evidence", pain_now=1).phases for line in phase.exercises]
        answering = [line for line in lines if any(pattern in name for name in line.finding_ids)]
        assert answering or pattern in general, pattern


def test_the_unsteady_are_not_sent_hopping_and_the_pattern_s_own_exercises_come_first() -> None:
    lines = [line for phase in planned("poor_balance", "evidence").phases for line in phase.exercises]
    assert not {"single_leg_hop", "single_leg_deadlift", "skater_squat"} & {line.id for line in lines}
    for phase in planned("hip_drop", "evidence").phases:
        answering = [bool(line.finding_ids) for line in phase.exercises]
        assert answering == sorted(answering, reverse=True)
    (control,) = [phase for phase in planned("hip_drop", "evidence").phases if phase.id == "control"]
    assert control.exercises[0].id == "hip_hitch"


def test_every_exercise_can_be_reached() -> None:
    listed: set[str] = set()
    for pattern, programme, pain in product(PATTERNS, PROGRAMMES, (0, 1, 3)):
        for phase in planned(pattern, programme, pain_now=pain).phases:
            for line in phase.exercises:
                listed |= {line.id, *line.easier, *line.harder}
    assert listed == load_catalogue().keys()


def test_every_phase_row_can_be_used() -> None:
    used: set[str] = set()
    for pattern, programme, pain in product(PATTERNS, PROGRAMMES, (0, 1, 3)):
        for phase in planned(pattern, programme, pain_now=pain).phases:
            used |= {line.rule_id for line in phase.exercises}
    assert used == {
        f"{each.id}.{phase.id}.{row.exercise}"
        for each in load_programmes().programmes
        for phase in each.phases
        for row in phase.exercises
    }


@given(
    flags=st.sets(st.sampled_from(sorted(red_flag_questions())), min_size=1),
    pattern=st.sampled_from(PATTERNS),
    programme=st.sampled_from(PROGRAMMES),
    pain=st.integers(0, 10),
    age=st.integers(18, 90),
)
@settings(deadline=None, max_examples=60)
def test_red_flags_always_win(flags: set[str], pattern: Pattern, programme: str, pain: int, age: int) -> None:
    answers = intake(red_flags=sorted(flags), pain_now=pain, age_years=age)
    plan = make_plan(FOUND[pattern, "single_leg_squat"], answers, programme)
    assert plan.phases == ()
    assert plan.running is None
    assert plan.scores_withheld
    assert {each.flag_id for each in plan.referrals} >= flags
    assert {line.rule_id for line in plan.see_a_clinician} >= flags
    order = ["now", "today", "soon"]
    urgencies = [order.index(each.urgency) for each in plan.referrals]
    assert urgencies == sorted(urgencies)
    assert plan.why_none == plan.referrals[0].says


def test_every_flag_can_be_raised() -> None:
    raised = {each.flag_id for each in referrals(intake(age_years=15, pain_now=5))}
    for flag in red_flag_questions():
        raised |= {each.flag_id for each in referrals(intake(red_flags=[flag]))}
    assert raised == {flag.id for flag in load_safety().flags}
    assert referrals(intake()) == ()
    assert referrals(intake(pain_now=3)) == ()


@pytest.mark.parametrize(
    ("changed", "pattern", "phase"),
    [
        ({"pain_now": 3}, "hip_drop", "calm"),
        ({"pain_now": 1}, "hip_drop", "activation"),
        ({"pain_now": 1, "recent_spike": True}, "hip_drop", "calm"),
        ({"pain_now": 0, "recent_spike": True}, "hip_drop", "activation"),
        ({"pain_now": 0}, "clean", "maintenance"),
        ({"pain_now": 1}, "clean", "activation"),
        ({"pain_now": 0}, "asymmetry_only", "activation"),
        ({"pain_now": 0}, "not_enough_to_say", "activation"),
    ],
)
def test_where_the_evidence_programme_starts(changed: dict[str, Any], pattern: Pattern, phase: str) -> None:
    assert planned(pattern, "evidence", **changed).start_phase == phase


def test_nothing_measured_gives_a_reason() -> None:
    plan = make_plan((), intake())
    assert plan.why_none
    assert plan.phases == ()
    assert not plan.scores_withheld


def test_an_asymmetry_adds_a_set_on_the_side_with_the_larger_reading() -> None:
    doses = [line.dose for phase in planned("asymmetry_only", "evidence").phases for line in phase.exercises]
    assert any("one extra set on the left side" in dose for dose in doses)


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_no_cue_pushes_the_knees_outwards(programme: str) -> None:
    for pattern in PATTERNS:
        for phase in planned(pattern, programme, pain_now=1).phases:
            for line in phase.exercises:
                for cue in line.cues:
                    assert "knees out" not in cue.lower()
                    assert "outwards" not in cue.lower()


def test_only_aletha_strengthens_the_tensor_and_nobody_rolls_the_band() -> None:
    for pattern, programme in product(PATTERNS, PROGRAMMES):
        lines = [line for phase in planned(pattern, programme).phases for line in phase.exercises]
        marches = any(line.id == "banded_march" for line in lines)
        assert marches == (programme == "release-realign-strengthen")
        for line in lines:
            exercise = load_catalogue()[line.id]
            assert not any("band" in muscle or "tract" in muscle for muscle in exercise.muscles)


def test_a_ladder_runs_from_the_first_lift_to_the_last_hinge() -> None:
    def above(start: str) -> set[str]:
        reached, ahead = {start}, [start]
        while ahead:
            steps = set(harder_than(ahead.pop())) - reached
            reached |= steps
            ahead += steps
        return reached

    assert "single_leg_deadlift" in above("side_lying_abduction")
    assert {"lateral_step_down_15", "lateral_step_down_20"} <= above("lateral_step_down_10")
    assert "single_leg_hop" in above("double_leg_hop")
    for name in load_catalogue():
        assert not any(name in above(step) for step in harder_than(name)), f"{name} is above itself"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"height_m": 17.5}, "height_m"),
        ({"height_m": 0.2}, "height_m"),
        ({"age_years": 250}, "age_years"),
        ({"age_years": "34"}, "age_years"),
        ({"pain_now": 11}, "pain_now"),
        ({"pain_now": False}, "pain_now"),
        ({"pain_now": 2}, "pain_where"),
        ({"running_km_per_week": float("nan")}, "running_km_per_week"),
        ({"running_km_per_week": -1}, "running_km_per_week"),
        ({"recent_spike": "no"}, "recent_spike"),
        ({"red_flags": ["limp"]}, "red_flags"),
        ({"sex": "m"}, "sex"),
        ({"shoe_size": 42}, "shoe_size"),
    ],
)
def test_a_bad_intake_is_refused_by_the_field(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(BadDataFile, match=named):
        load_intake(ANSWERS | changed)


@pytest.mark.parametrize("field", ANSWERS)
def test_a_missing_answer_is_named(field: str) -> None:
    with pytest.raises(BadDataFile, match=field):
        load_intake({name: value for name, value in ANSWERS.items() if name != field})


def test_an_intake_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "intake.json"
    path.write_text(intake(pain_now=2, sex="female", height_m=1.7).model_dump_json(), encoding="utf-8")
    assert load_intake(path) == intake(pain_now=2, sex="female", height_m=1.7)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(BadDataFile, match=r"intake\.json"):
        load_intake(path)
    with pytest.raises(BadDataFile, match="cannot be read"):
        load_intake(tmp_path / "none.json")


def test_an_unknown_programme_is_refused() -> None:
    with pytest.raises(WrongUse, match="programme: there is none called 'magic'"):
        make_plan(FOUND["clean", "single_leg_squat"], intake(), "magic")
