"""From findings and an intake to a plan: exercises, programmes, red flags and the way back to running."""

from screener.plan.catalogue import Dose, Exercise, harder_than, load_catalogue
from screener.plan.intake import PAIN_PLACES, Intake, Referral, load_intake, red_flag_questions, referrals
from screener.plan.make import Plan, PlannedExercise, PlannedPhase, SafetyLine, make_plan
from screener.plan.programmes import Programme, find_programme, load_programmes
from screener.plan.running import RunningPlan, RunWeek, plot_running, return_to_running

__all__ = [
    "PAIN_PLACES",
    "Dose",
    "Exercise",
    "Intake",
    "Plan",
    "PlannedExercise",
    "PlannedPhase",
    "Programme",
    "Referral",
    "RunWeek",
    "RunningPlan",
    "SafetyLine",
    "find_programme",
    "harder_than",
    "load_catalogue",
    "load_intake",
    "load_programmes",
    "make_plan",
    "plot_running",
    "red_flag_questions",
    "referrals",
    "return_to_running",
]
