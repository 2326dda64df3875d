"""Screener: a movement check from one camera. `screen("squat.mp4")` gives numbers with their error bars."""

from screener.pipeline import Settings, screen, screen_track
from screener.screening import Screening, Subject, read_screening, screening_to_dict, write_screening

__all__ = [
    "Screening",
    "Settings",
    "Subject",
    "read_screening",
    "screen",
    "screen_track",
    "screening_to_dict",
    "write_screening",
]
