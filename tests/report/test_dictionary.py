"""The data dictionary knows every column, and the page in the docs is the one that the code makes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from screener.motion import StanceSignals
from screener.report.dictionary import dictionary_page, signal_meanings
from screener.report.interchange import MOT_COLUMNS
from screener.report.tables import REPETITION_COLUMNS, SIGNALS_SCHEMA

PAGE = Path(__file__).parents[2] / "docs" / "data_dictionary.md"


def test_the_page_in_the_docs_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == dictionary_page(), (
        "run: python -m screener.report.dictionary > docs/data_dictionary.md"
    )


def test_every_column_is_told() -> None:
    page = dictionary_page()
    endings = ("_low", "_high", "_not_measured", "_at_30", "_at_45", "_at_60", "_at_bottom")
    for column in (*REPETITION_COLUMNS, *SIGNALS_SCHEMA.names, *MOT_COLUMNS):
        plain = column
        for ending in ("_low", "_high", *endings):
            plain = plain.removesuffix(ending)
        assert f"| `{plain}` |" in page, column


def test_every_signal_has_a_meaning_of_its_own() -> None:
    meanings = signal_meanings()
    assert set(meanings) == {field.name for field in fields(StanceSignals)}
    assert len(set(meanings.values())) == len(meanings)
    assert all(len(says) > 6 for says in meanings.values())
