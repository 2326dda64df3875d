"""The checklist of docs/asvs.md: every test that it names is there, and its count is right."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_TEXT = (_ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
_ROWS = re.findall(r"^\| ([\d.][^|]*) \| ([^|]+) \| ([^|]+) \| ([^|]*) \|$", _TEXT, flags=re.MULTILINE)


def test_every_test_that_the_checklist_names_is_there() -> None:
    defined = {
        name
        for file in (_ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", _TEXT))
    assert len(named) > 30
    assert named <= defined


def test_a_yes_says_where_it_is_seen_and_the_count_is_right() -> None:
    states = Counter(state for _, _, state, _ in _ROWS)
    assert states.keys() == {"yes", "partly", "no", "for you", "not used"}
    assert all(seen.strip() for _, _, state, seen in _ROWS if state != "not used")
    said = [int(number) for number in re.findall(r"\b\d+\b", re.search(r"^Of .*$", _TEXT, flags=re.MULTILINE)[0])]  # type: ignore[index]
    assert said == [len(_ROWS), *(states[state] for state in ("yes", "partly", "no", "for you", "not used"))]
