"""Return to running: week by week from the earlier volume, flat first, hills and cambers last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from screener.plan.intake import Intake, referrals
from screener.plan.programmes import RunningRule, find_programme, load_programmes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RunWeek", "RunningPlan", "plot_running", "return_to_running"]


@dataclass(frozen=True, slots=True)
class RunWeek:
    """One week. `km` is the whole week's distance, of `sessions` equal parts, walking included."""

    week: int
    sessions: int
    km_per_session: float
    km: float
    how: str
    terrain: str
    rule_id: str


@dataclass(frozen=True, slots=True)
class RunningPlan:
    """The weeks back to the earlier volume, or in `why_none` the reason why there are none.

    `go_on_when` is the governor: a week that does not meet it is repeated.
    """

    programme: str
    weeks: tuple[RunWeek, ...]
    says: str
    go_on_when: str
    why_none: str | None
    rule_id: str | None
    source_ids: tuple[str, ...]


_GO_ON = "Pain stays at 2/10 or less during the run and is back to where it was 24 hours later; else repeat the week."


def return_to_running(intake: Intake, programme: str = "evidence") -> RunningPlan:
    """The way back to the intake's running per week under a programme's rule.

    Raises:
        WrongUse: there is no such programme.
    """
    find_programme(programme)
    table = load_programmes()
    none = next((row for row in table.running_none if row.programme == programme), None)
    if referrals(intake):
        return RunningPlan(programme, (), "", _GO_ON, "See a clinician before running.", None, ("own",))
    if intake.running_km_per_week == 0:
        why = "There is no earlier running to return to."
        return RunningPlan(programme, (), "", _GO_ON, why, None, ("own",))
    if none is not None:
        return RunningPlan(programme, (), "", _GO_ON, none.says, none.id, none.sources)
    rule = next(row for row in table.running if row.programme == programme)
    weeks = _weeks_back(rule, intake.running_km_per_week)
    for last in table.running_last:
        km = intake.running_km_per_week
        weeks.append(_week(len(weeks) + 1, km, rule.sessions, last.how, last.terrain, last.id))
    return RunningPlan(programme, tuple(weeks), rule.says, _GO_ON, None, rule.id, rule.sources)


def _weeks_back(rule: RunningRule, earlier_km: float) -> list[RunWeek]:
    volumes = [0.0] * rule.weeks_off
    if rule.ramp:
        volumes += [share * earlier_km for share in rule.ramp] + [earlier_km]
    else:
        assert rule.start_km_per_session is not None
        assert rule.growth_per_week is not None
        volume = min(rule.start_km_per_session * rule.sessions, earlier_km)
        volumes += [volume] * max(rule.walk_run_weeks, 1)
        while volumes[-1] < earlier_km:
            volumes.append(min(volumes[-1] * (1 + rule.growth_per_week), earlier_km))
    weeks = []
    for number, km in enumerate(volumes, start=1):
        if km == 0:
            weeks.append(_week(number, 0.0, 0, "no running", "none", rule.id))
            continue
        walks = number <= rule.walk_run_weeks or not rule.walk_run_weeks
        weeks.append(_week(number, km, rule.sessions, rule.how if walks else "easy running in one go", "flat", rule.id))
    return weeks


def _week(number: int, km: float, sessions: int, how: str, terrain: str, rule_id: str) -> RunWeek:
    each = round(km / sessions, 1) if sessions else 0.0
    return RunWeek(number, sessions, each, round(km, 1), how, terrain, rule_id)


def plot_running(plan: RunningPlan) -> Figure:
    """The weeks as bars of distance, the flat ones apart from the last."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    for terrain, colour in (("flat", "#2a7f8e"), ("other", "#c77d2e")):
        shown = [each for each in plan.weeks if (each.terrain in ("flat", "none")) == (terrain == "flat")]
        if shown:
            label = "flat" if terrain == "flat" else "with hills and cambers"
            axes.bar([each.week for each in shown], [each.km for each in shown], color=colour, label=label)
    axes.set_xlabel("week")
    axes.set_ylabel("km a week")
    if plan.weeks:
        axes.legend(frameon=False)
    else:
        axes.set_title(plan.why_none or "")
    return figure
