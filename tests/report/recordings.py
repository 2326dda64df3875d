"""Screenings that a report must get right, made from one screened clip without looking at its frames again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from screener import Screening, screen_track
from screener.assessment import assess
from screener.pipeline import Settings, with_plan
from screener.plan import load_intake
from screener.pose import PoseTrack
from screener.screening import Subject

__all__ = [
    "CLIP",
    "LEFT_THEN_RIGHT",
    "with_a_plan",
    "with_an_excluded_repetition",
    "with_both_legs",
    "with_five_repetitions_a_leg",
    "with_many_repetitions",
    "with_nobody",
]

CLIP = "sls_right_drop_and_valgus"
#: Both legs in 20 s.
LEFT_THEN_RIGHT = "squats_left_then_right"


def with_an_excluded_repetition(screening: Screening, subject: str | None = None) -> Screening:
    """The same recording, had knees and ankles not been visible at its second bottom."""
    bottom_s = screening.trials[0].repetitions[1].bottom_s

    def unseen(look: PoseTrack) -> PoseTrack:
        hidden = abs(look.times_s - bottom_s) < 0.3
        return replace(look, visibility=np.where(hidden[:, None], np.float32(0.1), look.visibility))

    return screen_track(tuple(unseen(look) for look in screening.looks), Settings(subject=Subject(subject)))


def with_nobody(screening: Screening) -> Screening:
    """The same recording, had nobody been in the room."""
    first = screening.looks[0]
    return screen_track((replace(first, image_px=first.image_px * float("nan"), world_m=first.world_m * float("nan")),))


def with_many_repetitions(screening: Screening, times: int = 14) -> Screening:
    """The same recording over and over: 42 repetitions on one leg."""
    first = screening.looks[0]
    length_s = first.times_s[-1] + np.median(np.diff(first.times_s))
    return screen_track(tuple(_repeated(look, times, float(length_s)) for look in screening.looks))


def _repeated(track: PoseTrack, times: int, length_s: float) -> PoseTrack:
    parts = ("image_px", "world_m", "visibility", "flipped", "found_px", "task_shares", "aside_deg")
    return replace(
        track,
        times_s=np.concatenate([track.times_s + turn * length_s for turn in range(times)]),
        **{name: np.concatenate([getattr(track, name)] * times) for name in parts},
    )


def with_five_repetitions_a_leg(screening: Screening) -> Screening:
    """The same recording, told as if each leg's repetitions had been five."""
    trials = [
        replace(trial, repetitions=tuple(replace(trial.repetitions[i % 2], index=i + 1) for i in range(5)))
        for trial in screening.trials
    ]
    return replace(screening, trials=tuple(trials))


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
