"""What every test may share: the sample clips, screened once a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from screener import Screening, screen
from tests.clips import sample_clips


def clip_named(name: str) -> Path:
    """A bundled clip by its stem."""
    return next(clip for clip in sample_clips() if clip.stem == name)


@pytest.fixture(scope="session")
def screened() -> Callable[[str], Screening]:
    """Each bundled clip as it is, screened once: `screened("sls_left_steady")`."""
    kept: dict[str, Screening] = {}

    def one(name: str) -> Screening:
        if name not in kept:
            kept[name] = screen(clip_named(name))
        return kept[name]

    return one
