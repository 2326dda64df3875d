"""The page shows the result's own numbers, asks nobody for anything, escapes what it is given, and is never empty."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

import pytest

from screener import Screening
from screener.report import stills_of, write_page
from screener.report.text import screening_as_text
from screener.screening import Subject, screening_to_dict
from screener.terms import Task
from tests.conftest import clip_named
from tests.report.recordings import (
    CLIP,
    with_a_plan,
    with_an_excluded_repetition,
    with_many_repetitions,
    with_nobody,
)

_KEY = "The numbers of a first glance: the middle of the counted repetitions, with its 95 % interval"
_VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """A page as a browser's reader sees it: tables by caption, all text, all attributes; tags must match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.text: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._open and self._open[-1] in ("td", "th"):
            self._rows[-1][-1] += data
        elif self._open and self._open[-1] == "caption":
            self._caption += data

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.text).split())


def written(screening: Screening, folder: Path) -> Page:
    write_page(screening, folder / "report.html")
    return Page((folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def plain(screened: Callable[[str], Screening], tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of the clip as it is."""
    return written(screened(CLIP), tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def planned(screened: Callable[[str], Screening]) -> Screening:
    """The clip of a runner who answered the questions."""
    return with_a_plan(screened(CLIP))


@pytest.fixture(scope="module")
def planned_text(planned: Screening, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its page, with stills."""
    path = tmp_path_factory.mktemp("planned") / "report.html"
    stills = stills_of(planned, clip_named(CLIP))
    assert len(stills) == 2
    write_page(planned, path, stills)
    return path.read_text(encoding="utf-8")


def shown(reading: dict[str, float]) -> str:
    """A reading's number and interval as they must be shown, made from the JSON alone."""
    low, value, high = (f"{reading[each]:.1f}".replace("-0.0", "0.0") for each in ("low", "value", "high"))
    return f"{value} [{low} to {high}]".replace("-", "−")


def numbers_in(cell: str) -> str:
    found = re.fullmatch(r"(−?[\d.]+)[^\[]*(\[.*\]).*", cell)
    assert found, cell
    return f"{found[1]} {found[2]}"


def test_every_number_shown_is_the_json_s(screened: Callable[[str], Screening], plain: Page) -> None:
    (trial,) = screening_to_dict(screened(CLIP))["trials"]
    names = ("pelvic_drop_deg", "fppa_deg", "trunk_lean_deg", "knee_flexion_deg")

    key = plain.tables[_KEY]
    assert [numbers_in(row[1]) for row in key[1:]] == [shown(trial["summary"][name]) for name in names]

    each = next(rows for caption, rows in plain.tables.items() if "each repetition" in caption)
    for row, rep in zip(each[1:], trial["repetitions"], strict=True):
        assert row[:2] == [str(rep["index"]), f"{rep['bottom_s']:.1f} s"]
        assert [numbers_in(cell) for cell in row[2:6]] == [shown(rep["measures"][name]) for name in names]

    whole = next(rows for caption, rows in plain.tables.items() if "every measure" in caption)
    assert len(whole) == 1 + len(trial["summary"])
    for row, (name, reading) in zip(whole[1:], trial["summary"].items(), strict=True):
        if name != "foot_touchdowns":
            assert numbers_in(row[1]) == shown(reading), name
        assert reading["says"] in row[3]


def test_it_asks_no_other_host_and_runs_nothing(planned_text: str) -> None:
    text, page = planned_text, Page(planned_text)
    for tag, name, value in page.attributes:
        assert tag not in ("script", "iframe", "link", "object")
        assert not name.startswith("on")
        if name in ("src", "href", "xlink:href"):
            assert value.startswith(("#", "data:image/jpeg;base64,")), value
    assert "@import" not in text
    assert set(re.findall(r"url\(([^)]{4})", text)) <= {
        f"#{name}"[:4] for name in ("overview", "curves", "depth", "rep")
    }
    assert len(text.encode()) < 3_000_000
    # A picture has its words, and two repetitions of the trial are shown.
    told = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len(told) == 2
    assert all("at its bottom" in each for each in told)


def test_no_name_twice(plain: Page) -> None:
    names = [value for _, name, value in plain.attributes if name == "id"]
    assert len(names) > 50
    assert len(names) == len(set(names))


_EVIL = '"><script>alert(1)</script>{{ 7*7 }}<img src=x onerror=alert(1)>&amp;'


def test_what_comes_from_outside_is_shown_and_not_run(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    screening = screened(CLIP)
    evil = replace(
        screening,
        subject=Subject(_EVIL),
        source={**screening.source, "name": _EVIL},
        warnings=(_EVIL,),
    )
    page = written(evil, tmp_path)
    assert page.said.count(_EVIL) == 4
    assert not {tag for tag, _, _ in page.attributes} & {"script", "img"}


def test_nobody_gives_a_page_with_the_reason_and_no_empty_figure(
    screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    page = written(with_nobody(screened(CLIP)), tmp_path)
    assert "Nobody could be found in the picture" in page.said
    assert "What this cannot tell" in page.said
    assert page.tables == {}
    assert not [tag for tag, _, _ in page.attributes if tag == "svg"]


def test_what_is_not_counted_is_named_with_its_reason(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    page = written(with_an_excluded_repetition(screened(CLIP)), tmp_path)
    missing = dict(page.tables["What has no number, and why"][1:])
    assert missing["Single-leg squat, right leg: repetition 2"] == "not counted: bottom not visible"


def test_many_repetitions_and_any_name_make_a_page(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    name = "Zoë Müller 李小龍 محمد Ξένος " + "x" * 5000
    many = replace(with_many_repetitions(screened(CLIP)), subject=Subject(name))
    page = written(many, tmp_path)
    assert name in page.said
    each = next(rows for caption, rows in page.tables.items() if "each repetition" in caption)
    assert len(each) == 43


def test_a_plan_stands_in_the_page_with_doses_stop_rules_and_a_date(planned: Screening, planned_text: str) -> None:
    page, plan = Page(planned_text), planned.plan
    assert plan is not None
    assert plan.phases
    for phase in plan.phases:
        for exercise in phase.exercises:
            assert exercise.name in page.said
            assert exercise.dose in page.said
    assert all(rule.says in page.said for rule in (*plan.stop_rules, *plan.see_a_clinician))
    day = date.fromisoformat(str(plan.retest_on))
    assert f"Next check on {day.day} {day:%B %Y}." in page.said
    assert plan.running is not None
    assert len(page.tables["Back to running, week by week"]) == 1 + len(plan.running.weeks)


def test_a_red_flag_leaves_numbers_and_takes_out_grades_and_exercises(
    screened: Callable[[str], Screening], plain: Page, tmp_path: Path
) -> None:
    page = written(with_a_plan(screened(CLIP), pain_now=7), tmp_path)
    for grade in ("○\N{NO-BREAK SPACE}typical", "?\N{NO-BREAK SPACE}unclear"):
        assert grade not in page.said
    assert "unclear" in plain.said
    assert "Phase 1" not in page.said
    assert (
        "["
        in page.tables["The numbers of a first glance: the middle of the counted repetitions, with its 95 % interval"][
            1
        ][1]
    )


def test_nothing_read_out_claims_what_a_camera_cannot(planned_text: str) -> None:
    """The words that this project does not use of a person."""
    said = Page(planned_text).said.lower()
    for word in ("abnormal", "weak glute", "weak muscle", "you are cleared", "detects", "prevents", "injury risk"):
        assert word not in said


@pytest.mark.parametrize("task", ["forward_step_down", "lateral_step_down", "single_leg_squat"])
@pytest.mark.parametrize("task_from", ["given", "detected"])
def test_a_step_down_that_was_told_from_the_picture_is_said_to_be_in_doubt(
    screened: Callable[[str], Screening], tmp_path: Path, task: Task, task_from: Literal["given", "detected"]
) -> None:
    screening = screened(CLIP)
    told = tuple(replace(trial, task=task, task_from=task_from) for trial in screening.trials)
    screening = replace(screening, trials=told)
    doubtful = task_from == "detected" and task != "single_leg_squat"
    for text in (written(screening, tmp_path).said, " ".join(screening_as_text(screening).split())):
        assert ("name the movement to be sure" in text) == doubtful
