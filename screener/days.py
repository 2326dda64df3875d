"""A day or an instant in words, for whoever shows one. Apart from the report's words: the service's start loads it."""

from __future__ import annotations

from datetime import UTC, date, datetime

__all__ = ["day_in_words"]


def day_in_words(at: date | str) -> str:
    """`22 November 2026`, of a day or its ISO 8601; an instant says its time too: `22 November 2026, 05:44 UTC`."""
    if isinstance(at, str):
        at = datetime.fromisoformat(at) if "T" in at else date.fromisoformat(at)
    if not isinstance(at, datetime):
        return f"{at.day} {at:%B %Y}"
    made = at.astimezone(UTC) if at.tzinfo is not None else at
    return f"{made.day} {made:%B %Y, %H:%M} UTC"
