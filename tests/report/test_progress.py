"""Progress tells every number with its interval, and marks a change only beyond the measurement error."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from screener import Screening
from screener.assessment import load_norms
from screener.errors import WrongUse
from screener.report.progress import progress_of, write_progress
from screener.report.words import number
from screener.screening import screening_to_dict
from tests.report.recordings import CLIP, with_both_legs, with_nobody
from tests.report.test_page import Page
from tests.report.test_paper import read_back

Document = dict[str, Any]


@pytest.fixture(scope="module")
def first(screened: Callable[[str], Screening]) -> Document:
    """Both legs, as read from their file."""
    plain: Document = json.loads(json.dumps(screening_to_dict(with_both_legs(screened(CLIP)))))
    plain["subject"]["id"] = "Zoë"
    return plain


def later(document: Document, months: int, *, fppa_by: float = 0.0, half_width: float | None = None) -> Document:
    """The same person `months` later; the left knee's angle another, and how sure it is."""
    made = copy.deepcopy(document)
    made["created_at"] = f"2027-{months:02d}-03T10:00:00+00:00"
    made["source"]["sha256"] = f"{months:064d}"
    for trial in made["trials"]:
        where = [trial["summary"], *(rep["measures"] for rep in trial["repetitions"])]
        where += [there for rep in trial["repetitions"] for there in rep["at_depth"].values()]
        for readings in where:
            if "value" in (reading := readings.get("fppa_deg", {})):
                by = fppa_by if trial["stance_side"] == "left" else 0.0
                for bound in ("value", "low", "high"):
                    reading[bound] += by
                if half_width is not None:
                    reading["low"], reading["high"] = reading["value"] - half_width, reading["value"] + half_width
    return made


def least_difference() -> float:
    return next(each.smallest_detectable for each in load_norms().differences if each.measure == "fppa_deg")


def cells(document_parts: Any, place: int) -> list[str]:
    return [row[3] for row in document_parts[place].checks.rows]


def test_a_change_is_marked_only_beyond_the_smallest_detectable_difference(first: Document) -> None:
    edge = least_difference()
    small, large = edge - 0.5, edge + 0.5
    course = [
        later(first, 1, half_width=1.0),
        later(first, 2, fppa_by=-small, half_width=1.0),
        later(first, 3, fppa_by=-large, half_width=1.0),
    ]
    progress = progress_of(course)
    left, right = progress.parts
    assert left.title == "Single-leg squat, left leg"
    assert ["changed" in cell for cell in cells(progress.parts, 0)] == [False, False, True]
    assert not any("changed" in cell for cell in cells(progress.parts, 1))
    worth = {row[0]: row[3] for row in left.ends.rows}["Knee alignment (FPPA)"]
    assert f"−{large:.1f}°" in worth
    assert f"beyond {edge:.1f}°" in worth
    assert any("left leg" in said and "beyond the measurement error" in said for said in progress.said)
    assert any("right leg: no change beyond" in said for said in progress.said)
    # No source tells how much of a trunk lean is measurement error between days.
    assert {row[0]: row[3] for row in left.ends.rows}["Trunk lean"] == "no smallest detectable difference is known"
    assert "trunk lean" in progress.rule.partition("No smallest detectable difference is known for")[2]
    assert right.title == "Single-leg squat, right leg"


def test_a_large_change_of_unsure_readings_is_not_marked(first: Document) -> None:
    edge = least_difference()
    course = [later(first, 1, half_width=3 * edge), later(first, 2, fppa_by=-2 * edge, half_width=3 * edge)]
    progress = progress_of(course)
    assert not any("changed" in cell for cell in cells(progress.parts, 0))
    assert (
        "within the measurement error"
        in {row[0]: row[3] for row in progress.parts[0].ends.rows}["Knee alignment (FPPA)"]
    )


def test_the_order_in_which_they_are_given_does_not_matter(first: Document) -> None:
    one, two = later(first, 2), later(first, 9)
    assert progress_of([two, one]) == progress_of([one, two])


def test_page_and_paper_show_the_numbers_of_the_files(first: Document, tmp_path: Path) -> None:
    course = [later(first, 1), later(first, 2, fppa_by=-3.0)]
    page, paper = write_progress(course, tmp_path, paper="us-letter")
    html, pdf = Page(page.read_text(encoding="utf-8")), read_back(paper)
    for document in course:
        for trial in document["trials"]:
            for measure in ("pelvic_drop_deg", "fppa_deg", "trunk_lean_deg", "knee_flexion_deg"):
                reading = trial["summary"][measure]
                shown = f"{number(reading['value'])}° [{number(reading['low'])} to {number(reading['high'])}]"
                assert shown in html.said
                assert shown in pdf
    assert "Zoë" in html.said
    assert "Zoë" in pdf
    assert {tag for tag, _, _ in html.attributes} & {"script", "iframe", "link"} == set()


def test_what_comes_from_outside_is_shown_and_not_run(first: Document, tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>{{ 7*7 }} #panic("x") $x$'
    course = [later(first, 1), later(first, 2)]
    for document in course:
        document["subject"]["id"] = evil
        document["warnings"] = [evil]
    page, paper = write_progress(course, tmp_path)
    html = Page(page.read_text(encoding="utf-8"))
    assert html.said.count(evil) == 4
    assert "script" not in {tag for tag, _, _ in html.attributes}
    assert '#panic("x") $x$' in read_back(paper)


def test_one_check_of_nobody_is_told_and_leaves_the_others(
    first: Document, screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    nobody = json.loads(json.dumps(screening_to_dict(with_nobody(screened(CLIP)))))
    progress = progress_of([later(first, 1), later(nobody, 2), later(first, 3)])
    assert all(len(part.checks.rows) == 2 for part in progress.parts)
    assert any("nothing could be measured" in warning for warning in progress.warnings)
    write_progress([later(nobody, 1), later(nobody, 2)], tmp_path)
    assert "nothing to compare" in Page((tmp_path / "progress.html").read_text(encoding="utf-8")).said


def test_forty_checks_make_a_page_and_a_paper(first: Document, tmp_path: Path) -> None:
    course = [later(first, 1 + place % 12) for place in range(40)]
    for place, document in enumerate(course):
        document["source"]["sha256"] = f"{place:064d}"
    _, paper = write_progress(course, tmp_path)
    assert read_back(paper).count("3 counted") == 80


def test_one_alone_two_persons_and_the_same_twice_are_refused(first: Document) -> None:
    other = later(first, 2)
    other["subject"]["id"] = "somebody else"
    for wrong, named in (
        ([first], "at least two"),
        ([first, other], "2 persons"),
        ([first, first], "same recording"),
    ):
        with pytest.raises(WrongUse, match=named):
            progress_of(wrong)


def test_another_model_in_between_is_told(first: Document) -> None:
    newer = later(first, 2)
    newer["provenance"]["screener"] = "99.0"
    assert any("different versions" in warning for warning in progress_of([later(first, 1), newer]).warnings)
    assert not progress_of([later(first, 1), later(first, 2)]).warnings
