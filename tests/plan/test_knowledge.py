"""The knowledge as a whole: its words, its page, its sources, and the four programmes complete."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest

import screener.assessment
import screener.plan
from screener.assessment import PATTERNS, assess, load_norms, load_sources, withhold_scores
from screener.assessment.rubrics import load_rubrics
from screener.plan import load_catalogue, load_programmes, make_plan, red_flag_questions, return_to_running
from screener.plan.docs import knowledge_page
from tests.assessment.people import MAKES, trial
from tests.plan.answers import findings, intake

DATA = [
    (package, path.name)
    for package in ("screener.assessment", "screener.plan")
    for path in files(package).joinpath("data").iterdir()
]
PROGRAMMES = [programme.id for programme in load_programmes().programmes]

#: What a movement check must not say. 'No detectable difference' is the agreed answer, hence the exception.
FORBIDDEN = re.compile(
    r"diagnos|\bdetect(?!able)|\brisk|\bweak|abnormal|\btreat|prevent|\bcleared|\bcure[sd]?\b(?<!instant cures)",
    re.IGNORECASE,
)


def strings(value: object) -> Iterator[str]:
    """Every string in a structure, however deep."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from strings(getattr(value, field.name))
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings(each)


def table(package: str, name: str) -> dict[str, object]:
    return tomllib.loads(files(package).joinpath("data", name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(("package", "name"), DATA)
def test_no_table_holds_a_word_that_must_not_be_said(package: str, name: str) -> None:
    said = list(strings(table(package, name)))
    assert len(said) > 20
    assert [text for text in said if FORBIDDEN.search(text)] == []


def test_no_result_holds_a_word_that_must_not_be_said() -> None:
    """Every pattern, programme and way out, with all that the code itself adds to the tables."""
    seen: set[str] = set()
    for squat, _ in MAKES.values():
        sides = [trial("left", **squat), trial("right", "lateral_step_down", missing=("fppa_deg",))]
        assessment = assess(sides, earlier=[trial("left", fppa_deg=30.0)])
        seen |= set(strings(assessment)) | set(strings(withhold_scores(assessment, "See a clinician first.")))
    for pattern, programme, pain in product(PATTERNS, PROGRAMMES, (0, 3, 7)):
        answers = intake(pain_now=pain)
        seen |= set(strings(make_plan(findings(pattern), answers, programme)))
        seen |= set(strings(return_to_running(answers, programme)))
    seen |= set(strings(make_plan((), intake(red_flags=sorted(red_flag_questions())))))
    assert len(seen) > 500
    assert [text for text in seen if FORBIDDEN.search(text)] == []


def test_the_page_says_no_such_word_and_nothing_of_the_machine() -> None:
    page = knowledge_page()
    assert FORBIDDEN.findall(page) == []
    assert "movement check" in page
    assert "measurement error" in page
    assert "/work" not in page
    assert "{'" not in page


@pytest.mark.parametrize("word", ["diagnosis", "detects", "Risk", "weak glute", "abnormal", "treats", "cleared"])
def test_the_wording_test_would_find(word: str) -> None:
    assert FORBIDDEN.search(f"This is {word}.")


def test_the_committed_page_is_current() -> None:
    committed = Path(__file__).parents[2] / "docs" / "knowledge.md"
    assert committed.read_text(encoding="utf-8") == knowledge_page(), (
        "run: python -m screener.plan.docs > docs/knowledge.md"
    )


def test_every_source_is_used_and_every_mark_of_memory_is_shown() -> None:
    used: set[str] = set()

    def collect(value: object) -> None:
        if isinstance(value, dict):
            used.update(value.get("sources", []) if isinstance(value.get("sources"), list) else [])
            used.update([value["source"]] if isinstance(value.get("source"), str) else [])
            for each in value.values():
                collect(each)
        elif isinstance(value, list):
            for each in value:
                collect(each)

    for package, name in DATA:
        if name != "sources.toml":
            collect(table(package, name))
    assert used == load_sources().keys()
    assert "recalled" in knowledge_page()


def test_a_person_sees_author_and_year_and_not_a_number() -> None:
    for source in load_sources().values():
        assert not re.fullmatch(r"R\d+.*", source.cite)
    said = {text for pattern in PATTERNS for text in strings([each.says for each in findings(pattern)])}
    assert not [text for text in said if re.search(r"\bR\d+\b", text)]


def test_a_plan_can_be_written_as_json() -> None:
    plan = make_plan(findings("hip_drop"), intake(), today=date(2026, 3, 2))
    assert json.loads(json.dumps(dataclasses.asdict(plan)))["retest_on"] == "2026-03-16"


@pytest.mark.parametrize("room", [screener.assessment, screener.plan])
def test_what_a_room_exports_is_sorted_and_there(room) -> None:  # type: ignore[no-untyped-def]
    constants = [name for name in room.__all__ if name.isupper()]
    others = [name for name in room.__all__ if not name.isupper()]
    types = [name for name in others if name[0].isupper()]
    assert room.__all__ == [*sorted(constants), *sorted(types), *sorted(set(others) - set(types))]
    assert all(hasattr(room, name) for name in room.__all__)


#: Every entry of the four source programmes: an exercise (`phase.exercise`), or words that its texts must hold.
COMPLETE: dict[str, dict[str, str]] = {
    "release-realign-strengthen": {
        "claim: outer-knee pain, anyone": "which anyone can have",
        "claim: fascia, not muscle": "fascia and not muscle",
        "claim: TFL, GMax, GMed insert and pull": "tensor fasciae latae, gluteus maximus and gluteus medius insert",
        "claim: friction, inflammation": "rubbing and getting inflamed",
        "claim: tight is without strength": "A tight muscle",
        "claim: band presses on nerves": "press on nerves",
        "claim: iliopsoas the hidden root": "iliopsoas may be the hidden root",
        "symptoms: outer hip, outer knee": "outer hip, outer knee",
        "symptoms: click, pop, snap": "clicks, pops or snaps",
        "symptoms: redness, warmth": "redness and warmth",
        "signs: pronation": "feet that roll in",
        "signs: knee valgus": "knees that fall in",
        "signs: abductors": "hip abductors",
        "signs: anterior pelvic rotation": "pelvis tipped forwards",
        "signs: limited rotation": "stiff hip rotation",
        "habits: sitting": "sitting",
        "habits: warm-up": "poor warm-up",
        "habits: cool-down": "poor cool-down",
        "habits: overuse": "overuse without recovery",
        "release: iliacus and psoas": "release.release_iliopsoas",
        "release: TFL": "release.release_tfl",
        "release: GMed": "release.release_gluteus_medius",
        "release: GMax": "release.release_gluteus_maximus",
        "release: 90 s, breathe, no rubbing": "at least 90 seconds on each spot, in this order; breathe, no rubbing",
        "stretch: TFL half-kneel": "release.tfl_half_kneel_stretch",
        "stretch: figure-4": "release.figure_four_stretch",
        "stretch: crossed knee with twist": "release.crossed_knee_to_chest_twist",
        "strength: banded march": "realign.banded_march",
        "strength: clamshell": "strengthen.clamshell",
        "strength: bridge": "strengthen.bridge",
        "strength: core": "strengthen.dead_bug",
        "strength: hip flexors": "strengthen.hip_flexor_raise",
        "rule: order, one side only": "only on the side where the pelvis is tipped further forwards",
        "rule: stretch gently after release": "stretch gently after a release",
        "caution: band stretch temporary": "helps only for a while",
        "caution: no red flags, no running plan": "no list of signs for a clinician and no running plan",
    },
    "activate-control-build": {
        "claim: band rarely the cause": "rarely the cause",
        "claim: nine of ten": "nine of ten",
        "claim: like a cable": "like a cable",
        "claim: movement, not tissue": "movement and not of tissue",
        "claim: learned over weeks to months": "weeks to months",
        "test: mirror mini-squat": "activate.mirror_test",
        "test: step-down": "and a step-down",
        "case: two inches, wobble, mile 3": "two inches and a wobbling knee, pain from mile 3",
        "activation: side-lying abduction": "activate.side_lying_abduction",
        "activation: not stretching": "Activation, not stretching",
        "activation: no takeover": "without the front of the hip taking over and without turning the trunk",
        "control: lateral step-down": "control.lateral_step_down_10",
        "control: single-leg bridge": "control.single_leg_bridge",
        "control: level pelvis, quality": "Level pelvis, knee not inwards; quality before quantity",
        "build: running": "build_back.easy_run",
        "build: case at 3 weeks, 25 miles": "25 miles a week before; better after three weeks",
        "build: 2 miles x 3, +10 %": "2 miles three times a week",
        "build: pain-free 6 months": "six months",
        "soft tissue: manual therapy": "hands-on work by a therapist",
        "soft tissue: roll TFL and hip flexors": "control.roll_tfl_hip_flexors",
        "soft tissue: stretch TFL": "control.tfl_half_kneel_stretch",
        "soft tissue: stretch hip flexors": "control.hip_flexor_stretch",
        "soft tissue: forget the roller first": "forget the foam roller",
        "soft tissue: not the band": "not the outer thigh band",
        "maintenance: dynamic warm-up": "maintenance.dynamic_warm_up",
        "maintenance: glute drills twice a week": "glute drills twice a week",
        "maintenance: drill": "maintenance.side_lying_abduction",
        "maintenance: notice breakdown": "notice when form breaks down",
        "caution: patience": "Be patient",
        "caution: no doses, no red flags": "names no doses and no signs for a clinician",
    },
    "rest-and-regrade": {
        "claim: spike in knee bends": "running, cycling, squats and lunges, hiking",
        "claim: pinpoint, painless start, stabbing": "a start without pain, then stabbing pain",
        "claim: too dense": "too dense to be softened or lengthened",
        "claim: friction or compression": "rubs or is pressed is not settled",
        "claim: hip or thigh pain is else": "Pain at the hip or thigh is something else",
        "claim: lengthy, self-resolves": "lasts long, and mostly goes by itself",
        "telling apart": "the right spot, a recent increase, no injury",
        "mimics": "torn ligament or meniscus",
        "rest: two weeks": "rest.relative_rest",
        "rest: two weeks off": "Two weeks off running, cycling and repeated knee bends",
        "rest: swim": "rest.swim",
        "rest: some can bike": "rest.cycle",
        "rest: review": "look again after two weeks",
        "return: on-ramp": "two-week on-ramp",
        "return: running": "on_ramp.easy_run",
        "return: eject": "out again if it gets worse",
        "return: 30 days": "30 days",
        "pain: back off": "Pain: back off",
        "pain: tablets": "only if sleep or daily life suffer, and not during the return",
        "pain: injection": "injections last, and only with visible swelling",
        "pain: surgery": "surgery may work by enforcing rest",
        "avoid: hills, cambers, turns": "Leave out hills, cambers and tight turns",
        "avoid: shoes": "look whether the cushioning is worn",
        "stretch: figure-4, glutes": "rest.figure_four_stretch",
        "stretch: kneeling TFL": "rest.tfl_half_kneel_stretch",
        "stretch: hip flexors": "rest.hip_flexor_stretch",
        "stretch: calves": "rest.calf_stretch",
        "massage: low evidence, same day": "an effect for the same day",
        "massage: pressure and movement": "rest.pressure_and_movement",
        "massage: roller loosens hips": "a roller loosens the hips",
        "massage: trigger points": "trigger points are uncertain",
        "massage: instant cures": "beware of instant cures",
        "strength: abductors": "strength.side_lying_abduction",
        "strength: external rotators": "strength.seated_external_rotation",
        "strength: core": "strength.dead_bug",
        "strength: hard enough, no provocation": "hold form when tired, without provoking pain",
        "limits: review of 2015": "a review of 2015 found little",
        "limits: soldiers and marathon": "more than 1,000 soldiers and a marathon trial",
        "limits: 10 %": "about 10 % of injuries happen anyway",
        "limits: worst case": "the worst case is stronger legs",
        "self-conflict: roll band and VL": "although its own text says that the band cannot be softened",
        "self-conflict: VL": "rest.roll_vastus_lateralis",
    },
    "load-through-length": {
        "claim: rolling quietens": "Rolling quietens what is felt; it does not break up fascia",
        "claim: band innocent": "band is innocent",
        "claim: loading into stance": "strength and stability in loading into stance",
        "premise 1": "loading the stance leg",
        "premise 2": "the thigh to turn in and the mass to come over the stance leg",
        "premise 3": "glutes are loaded through length",
        "mechanism": "tensor fasciae latae and vastus lateralis gain leverage",
        "mechanism: compensated or not": "compensated or not",
        "release: TFL": "find_length.release_tfl",
        "release: VL": "find_length.roll_vastus_lateralis",
        "release: not the band, then strength": "not the outer thigh band, and always follow with strength",
        "reject: clamshells, donkey kicks": "Clamshells and donkey kicks",
        "reject: low-level drills": "Many low-level drills",
        "plan: find length": "find_length.hinge_rock_back",
        "plan: stance": "combine.stance_loading",
        "plan: combine": "combine.stance_reach",
        "plan: hinge": "load.hip_hinge",
        "plan: deadlift": "load.romanian_deadlift",
        "plan: single-leg deadlift": "load.single_leg_deadlift",
        "plan: overload, patience": "progressive overload, and be patient",
        "caution: fine if it feels good": "fine if they feel good",
        "caution: no doses, tests, flags, run plan": "names no doses, tests, signs for a clinician or running plan",
    },
}
ENTRIES = [(programme, entry, where) for programme, all_ in COMPLETE.items() for entry, where in all_.items()]


@pytest.mark.parametrize(("programme", "entry", "where"), ENTRIES)
def test_every_entry_of_the_source_programmes_is_there(programme: str, entry: str, where: str) -> None:
    (chosen,) = [each for each in load_programmes().programmes if each.id == programme]
    rows = {f"{phase.id}.{row.exercise}" for phase in chosen.phases for row in phase.exercises}
    words = " ".join(strings(chosen.model_dump()))
    assert where in rows or where in words, entry


@pytest.mark.parametrize(
    ("programme", "exercise", "dose"),
    [
        ("release-realign-strengthen", "release.release_tfl", "90–120 s"),
        ("release-realign-strengthen", "release.figure_four_stretch", "2 × 30–60 s"),
        ("release-realign-strengthen", "realign.banded_march", "1 × 5, hold 5–10 s"),
        ("release-realign-strengthen", "strengthen.clamshell", "3 × 10–15"),
        ("release-realign-strengthen", "strengthen.bridge", "3 × 10–15"),
        ("activate-control-build", "maintenance.side_lying_abduction", "2 days a week"),
        ("evidence", "activation.side_lying_abduction", "2–3 × 10–15, hold 3–5 s, 4–5 days a week"),
        ("evidence", "control.hip_hitch", "3 × 8–12, 3 days a week"),
        ("evidence", "integration.split_squat", "3–4 × 6–10, effort 7–8 of 10, 2–3 days a week"),
        ("evidence", "maintenance.hip_hitch", "2 × 10–12, 2 days a week"),
    ],
)
def test_doses_are_the_programmes_own(programme: str, exercise: str, dose: str) -> None:
    plan = make_plan(findings("hip_drop"), intake(), programme)
    (line,) = [line for phase in plan.phases for line in phase.exercises if line.rule_id == f"{programme}.{exercise}"]
    assert dose in line.dose


@pytest.mark.parametrize(
    "issue",
    ["clamshell", "tfl", "first_step", "roll_band", "ball_or_roller", "realign", "rotation", "return", "cause"],
)
def test_every_contradiction_is_told_in_some_plan(issue: str) -> None:
    told = {
        line.rule_id
        for programme in PROGRAMMES
        for line in make_plan(findings("hip_drop"), intake(), programme).disagreements
    }
    assert issue in told


def test_each_programme_tells_of_clamshell_band_tensor_and_running() -> None:
    for programme in PROGRAMMES:
        plan = make_plan(findings("hip_drop"), intake(), programme)
        assert {"clamshell", "roll_band", "return"} <= {line.rule_id for line in plan.disagreements}
        assert plan.said_by
        assert plan.claims


def test_lines_that_a_rubric_borrows_are_still_those_of_the_norms() -> None:
    """A rubric names the marked band or the smallest difference in words; the numbers must not drift apart."""
    norms = load_norms()
    marked = {norm.measure: norm.marked_above for norm in norms.norms}
    smallest = {row.measure: row.smallest_detectable for row in norms.differences}
    borrowed = 0
    for rubric in load_rubrics():
        for item in rubric.items:
            if "marked band" in item.reads:
                assert item.measure is not None
                assert item.edges == (marked[item.measure],)
                borrowed += 1
            elif "smallest detectable" in item.reads:
                assert item.edges == (smallest["pelvic_drop_deg"],)
                borrowed += 1
    assert borrowed == 9


@pytest.mark.parametrize(
    ("exercise", "muscle", "percent"),
    [
        ("clamshell", "gluteus medius", 40),
        ("side_lying_abduction", "gluteus medius", 81),
        ("band_side_step", "gluteus medius", 61),
        ("mirror_single_leg_squat", "gluteus medius", 64),
        ("single_leg_deadlift", "gluteus medius", 58),
        ("lunge", "gluteus medius", 48),
        ("lateral_step_up", "gluteus medius", 61),
        ("forward_step_up", "gluteus medius", 63),
        ("side_plank_abduction", "gluteus medius (lower leg)", 103),
        ("side_plank", "gluteus medius", 74),
        ("single_leg_bridge", "gluteus medius", 47),
        ("hip_hitch", "gluteus medius", 57),
        ("skater_squat", "gluteus medius", 60),
        ("quadruped_hip_extension", "gluteus maximus", 56),
    ],
)
def test_the_evidence_tables_are_in_the_catalogue(exercise: str, muscle: str, percent: float) -> None:
    assert (muscle, percent) in {(emg.muscle, emg.percent) for emg in load_catalogue()[exercise].emg}
