"""The paper shows the result's own numbers as text, takes words as data, and prints no empty box."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader
from pypdfium2 import PdfDocument

from screener import Screening
from screener.report import Paper, stills_of, write_paper
from screener.screening import Subject, screening_to_dict
from tests.conftest import clip_named
from tests.report.recordings import (
    CLIP,
    LEFT_THEN_RIGHT,
    with_a_plan,
    with_five_repetitions_a_leg,
    with_many_repetitions,
    with_nobody,
)
from tests.report.test_page import shown


def read_back(path: Path) -> str:
    """All the text of a paper, with single spaces."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(path).pages).split())


def written(screening: Screening, folder: Path) -> str:
    write_paper(screening, folder / "report.pdf")
    return read_back(folder / "report.pdf")


def test_every_number_shown_is_the_json_s(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    said = written(screened(CLIP), tmp_path)
    (trial,) = screening_to_dict(screened(CLIP))["trials"]
    names = ("pelvic_drop_deg", "fppa_deg", "trunk_lean_deg", "knee_flexion_deg")
    expected = [shown(trial["summary"][name]) for name in names]
    expected += [shown(rep["measures"][name]) for rep in trial["repetitions"] for name in names]
    found = re.findall(r"(−?\d+\.\d)° (\[−?\d+\.\d to −?\d+\.\d\])", said)
    assert [f"{value} {interval}" for value, interval in found] == expected


def test_chart_on_two_pages_and_one_to_take_home(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    screening = with_a_plan(screened(CLIP))
    write_paper(screening, tmp_path / "report.pdf", stills_of(screening, clip_named(CLIP)), paper="us-letter")
    pages = PdfReader(tmp_path / "report.pdf").pages
    assert len(pages) == 3
    # US Letter, in points.
    assert [round(float(side)) for side in (pages[0].mediabox.width, pages[0].mediabox.height)] == [612, 792]
    home = " ".join(pages[2].extract_text().split())
    assert screening.plan is not None
    for exercise in screening.plan.phases[0].exercises:
        assert exercise.name in home
    assert all(rule.says in home for rule in screening.plan.stop_rules)


@pytest.mark.parametrize("evil", ['#panic("x")', "$x$ *b* _i_ @a <b> // c \\ `d` ]", '"#" + read("report.typ")'])
def test_what_comes_from_outside_is_printed_and_not_run(
    evil: str, screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    screening = with_nobody(screened(CLIP))
    screening = replace(screening, subject=Subject(evil), warnings=(evil,))
    assert written(screening, tmp_path).count(evil) == 2


def test_letters_without_a_picture_are_dots_with_a_note(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    screening = replace(with_nobody(screened(CLIP)), subject=Subject("Zoë Жанна Ξένη 李小龍"))
    said = written(screening, tmp_path)
    assert "Zoë Жанна Ξένη ···" in said
    assert "stands for a letter" in said
    assert "stands for a letter" not in written(replace(screening, subject=Subject("Zoë Жанна Ξένη")), tmp_path)


def test_the_only_font_is_the_one_inside(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    written(screened(CLIP), tmp_path)
    fonts = set()
    for page in PdfReader(tmp_path / "report.pdf").pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            descendant = font.get_object()["/DescendantFonts"][0].get_object()
            fonts.add(descendant["/BaseFont"].split("+")[1].split("-")[0])
            assert any(key in descendant["/FontDescriptor"] for key in ("/FontFile2", "/FontFile3"))
    assert fonts == {"DejaVuSans"}


def test_forty_repetitions_and_a_very_long_name_fill_more_pages(
    screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    many = replace(with_many_repetitions(screened(CLIP)), subject=Subject("Anna " * 200))
    said = written(many, tmp_path)
    assert said.count("Anna") == 200
    assert len(re.findall(r"\b\d+ \d+\.\d s ", said)) == 42


def test_a_word_without_end_stays_on_the_paper(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    long = replace(with_nobody(screened(CLIP)), subject=Subject("x" * 300))
    assert written(long, tmp_path).count("x" * 30) == 10
    with PdfDocument(tmp_path / "report.pdf") as paper:
        for sheet in paper:
            words = sheet.get_textpage()
            boxes = [words.get_rect(place) for place in range(words.count_rects())]
            assert max(right for _, _, right, _ in boxes) < sheet.get_width()


@pytest.mark.parametrize("paper", ["a4", "us-letter"])
def test_ten_repetitions_of_both_legs_fit_on_two_pages(
    paper: Paper, screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    """With the two pictures of each leg, and the page to take home behind them."""
    screening = replace(with_a_plan(screened(LEFT_THEN_RIGHT)), subject=Subject("Zoë Müller"))
    stills = stills_of(screening, clip_named(LEFT_THEN_RIGHT))
    stills = (*stills, *stills)[:4]  # in one leg the typical repetition is the furthest too
    write_paper(with_five_repetitions_a_leg(screening), tmp_path / "report.pdf", stills, paper=paper)
    pages = [" ".join(page.extract_text().split()) for page in PdfReader(tmp_path / "report.pdf").pages]
    assert len(pages) == 3
    assert all(" ".join(still.caption.split()) in pages[0] for still in stills)
    assert "To take home" in pages[2]
