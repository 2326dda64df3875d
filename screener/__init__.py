"""Screener: a movement check from one camera. `screen("squat.mp4")` gives numbers with their error bars."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from screener.pipeline import Settings, plan_for, screen, screen_track
    from screener.screening import Screening, Subject, read_screening, screening_to_dict, write_screening

__all__ = [
    "Screening",
    "Settings",
    "Subject",
    "plan_for",
    "read_screening",
    "screen",
    "screen_track",
    "screening_to_dict",
    "write_screening",
]

_HOME = dict.fromkeys(("Settings", "plan_for", "screen", "screen_track"), "screener.pipeline")


def __getattr__(name: str) -> Any:
    # Loaded when first asked for, so that `screener --help` need not wait for numpy, scipy and pyarrow.
    if name in __all__:
        return getattr(import_module(_HOME.get(name, "screener.screening")), name)
    raise AttributeError(f"module 'screener' has no attribute {name!r}")
