"""A plan as plain text, for the terminal: what to practise, when to go on, when to stop, and who says so."""

from __future__ import annotations

from screener.plan import Plan, PlannedPhase, red_flag_questions

__all__ = ["intake_template", "plan_as_text"]


def plan_as_text(plan: Plan) -> str:
    """The whole plan in words; where there is none, why, and whom to see."""
    lines = [f"Programme: {plan.programme_name} ({plan.said_by})"]
    for referral in plan.referrals:
        lines += ["", f"See a clinician ({referral.urgency}): {referral.says}"]
    if plan.why_none is not None:
        return "\n".join([*lines, "", plan.why_none])
    lines += [line.says for line in plan.advice]
    for phase in plan.phases:
        lines += ["", *_phase(phase)]
    if plan.running is not None and plan.running.weeks:
        lines += ["", "Back to running", f"  {plan.running.says}"]
        lines += [
            f"  week {week.week:>2}: {week.sessions} × {week.km_per_session:.1f} km; {week.how}; {week.terrain}"
            for week in plan.running.weeks
        ]
        lines.append(f"  {plan.running.go_on_when}")
    lines += ["", "Stop when", *(f"  {line.says}" for line in plan.stop_rules)]
    lines += ["See a clinician when", *(f"  {line.says}" for line in plan.see_a_clinician)]
    if plan.retest_says is not None:
        lines += ["", plan.retest_says]
    return "\n".join(lines)


def _phase(phase: PlannedPhase) -> list[str]:
    lines = [f"{phase.name} ({phase.weeks}): {phase.goal}"]
    for exercise in phase.exercises:
        lines.append(f"  • {exercise.name}: {exercise.dose} [{exercise.evidence_grade}]")
        lines += [f"      {cue}" for cue in exercise.cues]
    lines += [f"  Move on when: {says}" for says in phase.move_on_when]
    lines += [f"  Step back when: {says}" for says in phase.step_back_when]
    return lines


def intake_template() -> str:
    """An intake file to fill in, and the questions whose ids go into `red_flags`."""
    example = (
        '{"age_years": 35, "pain_now": 1, "pain_where": ["outer_knee"], "running_km_per_week": 20, '
        '"recent_spike": false, "red_flags": []}'
    )
    questions = [f"  {flag}: {question}" for flag, question in red_flag_questions().items()]
    return "\n".join([example, "", "Put into red_flags the names of the questions answered with yes:", *questions])
