"""Screenings that a report must get right, made from one screened clip without looking at its frames again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from screener import Screening, screen_track
from screener.assessment import assess
from screener.pipeline import Settings, with_plan
from screener.plan import load_intake
from screener.pose import PoseTrack
from screener.screening import Subject

__all__ = [
    "CLIP",
    "OTHER_LEG",
    "of_one_after_the_other",
    "with_a_plan",
    "with_an_excluded_repetition",
    "with_both_legs",
    "with_many_repetitions",
    "with_nobody",
]

CLIP, OTHER_LEG = "sls_right_drop_and_valgus", "sls_left_steady"


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


def of_one_after_the_other(*screenings: Screening) -> Screening:
    """The recording that these would be, one after the other, had they shown one person."""
    tracks = [screening.looks[0] for screening in screenings]
    # The next recording's first frame comes a frame after the last.
    lengths_s = [each.times_s[-1] + np.median(np.diff(each.times_s)) for each in tracks]
    starts_s = np.concatenate([[0.0], np.cumsum(lengths_s)[:-1]])
    looks = zip(*(screening.looks for screening in screenings), strict=True)
    return screen_track(tuple(_joined(look, starts_s) for look in looks))


def _joined(tracks: tuple[PoseTrack, ...], starts_s: NDArray[np.float64]) -> PoseTrack:
    times_s = np.concatenate([each.times_s + start_s for each, start_s in zip(tracks, starts_s, strict=True)])
    parts = ("image_px", "world_m", "visibility", "flipped")
    return replace(
        tracks[0],
        times_s=times_s,
        **{name: np.concatenate([getattr(each, name) for each in tracks]) for name in parts},
    )


def with_many_repetitions(screening: Screening) -> Screening:
    """The same recording fourteen times over: 42 repetitions on one leg."""
    return of_one_after_the_other(*[screening] * 14)


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
