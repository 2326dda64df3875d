"""Screenings that a report must get right, made from one screened clip without looking at its frames again."""

from __future__ import annotations

from dataclasses import replace

from screener import Screening, screen_track
from screener.pipeline import Settings
from screener.screening import Subject

__all__ = ["CLIP", "with_an_excluded_repetition", "with_nobody"]

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
