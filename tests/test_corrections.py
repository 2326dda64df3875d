"""Corrections by hand: a repetition left out, another side or task, a clinician's scores; read anew from landmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from screener import Screening, Settings
from screener.changes import changes_from_json, check_change
from screener.corrections import screen_corrected, with_scores
from screener.errors import WrongUse
from screener.measures import MeasuredRepetition, Measurement, MeasureName
from screener.screening import screening_to_dict


@pytest.fixture(scope="module")
def found(screened: Callable[[str], Screening]) -> Screening:
    return screened("sls_right_drop_and_valgus")


def _again(found: Screening, *plain: dict[str, Any]) -> Screening:
    changes = changes_from_json(plain)
    return with_scores(screen_corrected(found.looks, Settings(), changes), changes)


def _without_time(screening: Screening) -> dict[str, Any]:
    return screening_to_dict(screening) | {"created_at": None}


def test_without_a_change_the_result_is_the_same_to_the_last_digit(found: Screening) -> None:
    assert _without_time(_again(found)) == _without_time(found)


def _values(repetitions: Sequence[MeasuredRepetition]) -> list[dict[MeasureName, float | str]]:
    return [
        {
            name: reading.value if isinstance(reading, Measurement) else reading.reason
            for name, reading in each.measures.items()
        }
        for each in repetitions
    ]


def test_a_repetition_left_out_no_longer_counts(found: Screening) -> None:
    first, *others = found.trials[0].repetitions
    changed = _again(found, {"kind": "drop_repetition", "at_s": first.bottom_s})
    left_out, *kept = changed.trials[0].repetitions
    assert (left_out.counted, left_out.excluded_because) == (False, "left out by hand")
    # The camera's yaw is told by the repetitions that count, so that an interval may change with them; no value does.
    assert _values(kept) == _values(others)
    assert changed.trials[0].summary["fppa_deg"] != found.trials[0].summary["fppa_deg"]


def test_with_every_repetition_left_out_there_is_no_number(found: Screening) -> None:
    all_of_them = [{"kind": "drop_repetition", "at_s": rep.bottom_s} for rep in found.trials[0].repetitions]
    assert _again(found, *all_of_them).nothing_because == "Every repetition was left out by hand."


def test_side_and_task_are_as_was_said_last(found: Screening) -> None:
    changed = _again(
        found,
        {"kind": "set_side", "side": "left"},
        {"kind": "set_task", "task": "forward_step_down"},
        {"kind": "set_side", "side": "right"},
    )
    assert {(trial.stance_side, trial.task) for trial in changed.trials} == {("right", "forward_step_down")}


def test_a_clinicians_score_stands_beside_the_cameras(found: Screening) -> None:
    rubric = found.assessment.trials[0].rubrics[0]
    item = next(each for each in rubric.items if each.needs_clinician is not None)
    plain = {"kind": "score_item", "trial": 1, "rubric": rubric.id, "item": item.id, "score": 1}
    check_change(screening_to_dict(found), changes_from_json([plain])[0])
    changed = _again(found, plain).assessment.trials[0].rubrics[0]
    filled = next(each for each in changed.items if each.id == item.id)
    assert (filled.clinician_score, filled.final, filled.needs_clinician) == (1, 1, item.needs_clinician)


@pytest.mark.parametrize(
    "plain",
    [
        {"kind": "drop_repetition", "at_s": 0.0},
        {"kind": "score_item", "trial": 9, "rubric": "any", "item": "any", "score": 0},
        {"kind": "score_item", "trial": 1, "rubric": "none", "item": "any", "score": 0},
    ],
)
def test_a_change_of_what_is_not_there_is_refused_with_the_mend(found: Screening, plain: dict[str, Any]) -> None:
    with pytest.raises(WrongUse):
        check_change(screening_to_dict(found), changes_from_json([plain])[0])


def test_an_item_or_score_that_a_rubric_does_not_have_is_refused(found: Screening) -> None:
    rubric = found.assessment.trials[0].rubrics[0]
    for item, score in (("no such item", 0), (rubric.items[0].id, 99)):
        plain = {"kind": "score_item", "trial": 1, "rubric": rubric.id, "item": item, "score": score}
        with pytest.raises(WrongUse):
            check_change(screening_to_dict(found), changes_from_json([plain])[0])


@pytest.mark.parametrize(
    "plain",
    [
        {"kind": "drop_repetition", "at_s": "3"},
        {"kind": "set_side", "side": "both"},
        {"kind": "set_task", "task": "single_leg_squat", "more": 1},
        {"kind": "delete_everything"},
        {},
    ],
)
def test_what_is_not_a_change_is_refused(plain: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        changes_from_json([plain])
