"""Screenings that a report must get right, made from one screened clip without looking at its frames again."""

from __future__ import annotations

from dataclasses import replace

from screener import Screening, screen_track
from screener.assessment import assess
from screener.pipeline import Settings, with_plan
from screener.plan import load_intake
from screener.screening import Subject

__all__ = [
    "CLIP",
    "with_a_plan",
    "with_an_excluded_repetition",
    "with_both_legs",
    "with_many_repetitions",
    "with_nobody",
]

CLIP = "sls_right_drop_and_valgus"


def with_an_excluded_repetition(screening: Screening, subject: str | None = None) -> Screening:
    """The same recording, had knees and ankles not been visible at its second bottom."""
    first, *further = screening.looks
    hidden = abs(first.times_s - screening.trials[0].repetitions[1].bottom_s) < 0.3
    visibility = first.visibility.copy()
    visibility[hidden] = 0.1
    settings = Settings(subject=Subject(subject))
    return screen_track((replace(first, visibility=visibility), *further), settings)


def with_nobody(screening: Screening) -> Screening:
    """The same recording, had nobody been in the room."""
    first = screening.looks[0]
    return screen_track((replace(first, image_px=first.image_px * float("nan"), world_m=first.world_m * float("nan")),))


def with_many_repetitions(screening: Screening, many: int = 40) -> Screening:
    """The same recording, told as if its repetitions had been done over and over."""
    (moved,), (measured,) = screening.motion.trials, screening.trials
    moved_reps = [replace(moved.repetitions[i % 3], index=i + 1) for i in range(many)]
    measured_reps = [replace(measured.repetitions[i % 3], index=i + 1) for i in range(many)]
    return replace(
        screening,
        motion=replace(screening.motion, trials=(replace(moved, repetitions=tuple(moved_reps)),)),
        trials=(replace(measured, repetitions=tuple(measured_reps)),),
    )


def with_a_plan(screening: Screening, **answers: object) -> Screening:
    """The same recording of a runner who answered the questions."""
    calm = {
        "age_years": 31,
        "pain_now": 1,
        "pain_where": ["outer_knee"],
        "running_km_per_week": 30,
        "recent_spike": True,
        "red_flags": [],
    }
    return with_plan(screening, load_intake(calm | answers))


def with_both_legs(screening: Screening) -> Screening:
    """The same trial twice, once told as the other leg's."""
    (moved,), (measured,) = screening.motion.trials, screening.trials
    trials = (replace(measured, stance_side="left"), measured)
    motion = replace(screening.motion, trials=(replace(moved, stance_side="left"), moved))
    return replace(screening, trials=trials, motion=motion, assessment=assess(trials))
