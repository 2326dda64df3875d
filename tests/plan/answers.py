"""Intakes made by hand, for the tests of the plan."""

from __future__ import annotations

from typing import Any

from screener.assessment import PATTERNS, Finding, Pattern, assess
from screener.measures.values import Task
from screener.plan import Intake, load_intake
from tests.assessment.people import MAKES, trial

ANSWERS: dict[str, Any] = {
    "age_years": 34,
    "pain_now": 0,
    "running_km_per_week": 30,
    "recent_spike": False,
    "red_flags": [],
}


def intake(**changed: Any) -> Intake:
    """A grown-up without pain or red flags, with some answers changed."""
    where = {"pain_where": ["outer_knee"]} if changed.get("pain_now", 0) > 0 else {}
    return load_intake(ANSWERS | where | changed)


def findings(pattern: Pattern, task: Task = "single_leg_squat") -> tuple[Finding, ...]:
    """The findings of a recording that shows this pattern on the left."""
    if pattern == "asymmetry_only":
        return assess([trial("left", task, fppa_deg=12.0), trial("right", task, fppa_deg=1.0)]).findings
    squat, step_down = MAKES[pattern]
    found = assess([trial("left", task, **(squat if task == "single_leg_squat" else step_down))]).findings
    assert [each.pattern for each in found] == [pattern]
    return found


assert set(MAKES) | {"asymmetry_only"} == set(PATTERNS)
