"""Return to running under each programme's rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screener.assessment import load_sources
from screener.errors import WrongUse
from screener.plan import load_programmes, plot_running, return_to_running
from tests.plan.answers import intake

MILE_KM = 1.609344
RUNS = [row.programme for row in load_programmes().running]


def test_letizia_takes_fifteen_weeks_from_6_to_25_miles() -> None:
    plan = return_to_running(intake(running_km_per_week=25 * MILE_KM), "activate-control-build")
    climbing = [week for week in plan.weeks if week.rule_id == plan.rule_id]
    assert climbing[0].km == pytest.approx(6 * MILE_KM, abs=0.05)
    assert climbing[-1].km == pytest.approx(25 * MILE_KM, abs=0.05)
    assert len(climbing) - 1 == 15
    assert all(week.sessions == 3 for week in climbing)


def test_crossover_rests_two_weeks_and_climbs_two() -> None:
    plan = return_to_running(intake(running_km_per_week=30), "rest-and-regrade")
    assert [week.km for week in plan.weeks][:5] == [0, 0, 10, 20, 30]


def test_evidence_walks_and_runs_for_two_weeks_first() -> None:
    plan = return_to_running(intake(running_km_per_week=30))
    assert ["walking" in week.how for week in plan.weeks[:3]] == [True, True, False]
    assert [week.km for week in plan.weeks[:3]] == [7.2, 7.2, 7.9]


@pytest.mark.parametrize("programme", ["release-realign-strengthen", "load-through-length"])
def test_a_programme_without_a_running_plan_says_so(programme: str) -> None:
    plan = return_to_running(intake(), programme)
    assert plan.weeks == ()
    assert plan.why_none
    assert "no running plan" in plan.why_none


@given(
    earlier_km=st.floats(0.5, 300),
    programme=st.sampled_from(RUNS),
)
def test_every_way_back(earlier_km: float, programme: str) -> None:
    plan = return_to_running(intake(running_km_per_week=earlier_km), programme)
    km = [week.km for week in plan.weeks]
    assert km == sorted(km)
    assert km[-1] == round(earlier_km, 1)
    assert [week.week for week in plan.weeks] == list(range(1, len(km) + 1))
    # Flat first; pace, then hills and cambers last, and only at the earlier distance.
    assert all(week.terrain in ("flat", "none") for week in plan.weeks[:-1])
    assert "hills" in plan.weeks[-1].terrain
    assert set(plan.source_ids) <= load_sources().keys()
    if programme == "evidence":
        # Never more than 30 % in two weeks; 0.1 km is the rounding of a week.
        assert all(later <= 1.3 * week + 0.1 for week, later in zip(km, km[2:], strict=False))
        assert len(km) >= 2 + 2


def test_nobody_is_sent_running_past_a_red_flag_or_without_earlier_running() -> None:
    assert return_to_running(intake(pain_now=6)).weeks == ()
    assert return_to_running(intake(red_flags=["fever"])).why_none == "See a clinician before running."
    assert return_to_running(intake(running_km_per_week=0)).why_none


def test_an_unknown_programme() -> None:
    with pytest.raises(WrongUse, match="magic"):
        return_to_running(intake(), "magic")


@pytest.mark.parametrize("programme", [programme.id for programme in load_programmes().programmes])
def test_the_plot_shows_each_week(programme: str) -> None:
    plan = return_to_running(intake(), programme)
    (axes,) = plot_running(plan).axes
    assert sorted(bar.get_height() for bar in axes.patches) == sorted(week.km for week in plan.weeks)
