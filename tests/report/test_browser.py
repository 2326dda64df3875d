"""The page, the progress page and the film as a person meets them: in a browser, light, dark, narrow, on paper."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdfium2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright

from screener import Screening
from screener.report import stills_of, write_annotated_film, write_page
from tests.clips import reencode
from tests.conftest import clip_named
from tests.report.recordings import (
    CLIP,
    LEFT_THEN_RIGHT,
    with_a_plan,
    with_an_excluded_repetition,
    with_many_repetitions,
    with_nobody,
)

_PHONE_PX, _DESK_PX = 375, 1100

#: Points of A4 and US Letter.
_PAPERS = {"A4": (595, 842), "Letter": (612, 792)}


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium, which `.ci/run` installs; without it these tests are left out on a person's machine."""
    chromium = shutil.which("chromium")
    if chromium is None and not os.environ.get("CI"):
        pytest.skip("chromium is not installed")
    opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def pages(screened: Callable[[str], Screening], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of screenings of every kind; the first with stills, film and plan."""
    folder = tmp_path_factory.mktemp("pages")
    screening = screened(CLIP)
    whole = with_a_plan(screening)
    clip = reencode(clip_named(CLIP), folder / "begin.mp4", end_s=2.2, fps=10)
    for codec, film in (("h264", "annotated.mp4"), ("vp9", "annotated.webm")):
        write_annotated_film(whole, clip, folder / film, codec, poster=folder / "annotated.jpg")  # type: ignore[arg-type]
    kinds = {
        "whole": whole,
        "both legs": screened(LEFT_THEN_RIGHT),
        "many": with_many_repetitions(screening),
        "excluded, long name": with_an_excluded_repetition(screening, "Wolfeschlegelsteinhausenbergerdorff" * 12),
        "nobody": with_nobody(screening),
    }
    written = {name: folder / f"{place}.html" for place, name in enumerate(kinds)}
    stills = stills_of(whole, clip_named(CLIP))
    for name, kind in kinds.items():
        film = "annotated.mp4" if name == "whole" else None
        write_page(kind, written[name], stills if film else (), film=film)
    return written


KINDS = ("whole", "both legs", "many", "excluded, long name", "nobody")


def opened(browser: Browser, page: Path, width_px: int = _DESK_PX, *, dark: bool = False) -> Page:
    seen = browser.new_page(
        viewport={"width": width_px, "height": 900}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    seen.goto(page.as_uri())
    return seen


# What does not fit its own box, and what stands on something else's words.
_CLIPPED = """() => [...document.querySelectorAll('h1, h2, h3, p, li, dd, dt, th, td, figcaption, caption')]
  .filter(each => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== 'inline')
  .map(each => each.textContent.slice(0, 60))"""
# Tables that must be moved sideways to be read.
_BEYOND = """() => [...document.querySelectorAll('.scroll')]
  .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent.trim().slice(0, 60))"""
_OVERLAPPING = """() => {
  const boxes = [...document.querySelectorAll('svg text')].map(text => [text, text.getBoundingClientRect()]);
  const found = [];
  for (const [a, x] of boxes) for (const [b, y] of boxes)
    if (a !== b && a.ownerSVGElement === b.ownerSVGElement
        && Math.min(x.right, y.right) - Math.max(x.left, y.left) > 3
        && Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top) > 3)
      found.push(a.textContent + ' / ' + b.textContent);
  return found;
}"""


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_clipped_or_overlaps_and_nothing_must_be_scrolled_sideways(
    kind: str, browser: Browser, pages: dict[str, Path]
) -> None:
    for width_px in (_DESK_PX, _PHONE_PX):
        page = opened(browser, pages[kind], width_px)
        assert page.evaluate("document.documentElement.scrollWidth") <= width_px
        assert page.evaluate(_CLIPPED) == []
        assert page.evaluate(_OVERLAPPING) == []
        assert page.evaluate(_BEYOND) == []
        page.close()


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(dark: bool, browser: Browser, pages: dict[str, Path]) -> None:
    for kind in ("whole", "nobody"):
        page = opened(browser, pages[kind], dark=dark)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        page.close()


def test_dark_is_dark_and_print_is_not(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["whole"], dark=True)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(21, 24, 28)"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.close()


@pytest.mark.parametrize("paper", list(_PAPERS))
def test_it_prints_whole_on_a4_and_letter(paper: str, browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    page = opened(browser, pages["whole"])
    page.pdf(path=tmp_path / "print.pdf", format=paper)
    wanted = page.evaluate("[...document.querySelectorAll('main td, main th')].map(cell => cell.innerText)")
    page.close()
    printed = pypdfium2.PdfDocument(tmp_path / "print.pdf")
    try:
        assert all(sheet.get_size() == pytest.approx(_PAPERS[paper], abs=1.5) for sheet in printed)
        said = "".join("".join(sheet.get_textpage().get_text_bounded().split()) for sheet in printed)
        missing = [cell for cell in wanted if "".join(cell.split()) not in said.replace("\ufffe", "-")]
        # A cell that goes over to the next sheet is printed in two places.
        assert len(missing) <= 0.02 * len(wanted), missing
        for sheet in printed:
            width_pt = sheet.get_size()[0]
            words = sheet.get_textpage()
            boxes = [words.get_rect(place) for place in range(words.count_rects())]
            assert all(left >= 0 and right <= width_pt for left, _, right, _ in boxes)
    finally:
        printed.close()


@pytest.mark.parametrize("film", ["annotated.mp4", "annotated.webm"])
def test_the_film_plays_and_seeks_from_its_page(film: str, browser: Browser, pages: dict[str, Path]) -> None:
    source = pages["whole"].read_text(encoding="utf-8").replace("annotated.mp4", film)
    place = pages["whole"].with_name(f"with_{film}.html")
    place.write_text(source, encoding="utf-8")
    page = opened(browser, place)
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    found = page.evaluate(
        """async () => {
          const film = document.querySelector('video');
          const poster = new Image(); poster.src = film.poster; await poster.decode();
          film.preload = 'auto'; film.load();
          const until = name => new Promise((done, no) => {
            film.addEventListener(name, done, {once: true});
            film.addEventListener('error', () => no(film.error.message), {once: true});
          });
          await until('canplay');
          const shown = () => {
            const canvas = document.createElement('canvas');
            canvas.width = film.videoWidth; canvas.height = film.videoHeight;
            canvas.getContext('2d').drawImage(film, 0, 0);
            return [canvas.width, canvas.height];
          };
          film.muted = true; await film.play(); await until('timeupdate'); film.pause();
          const played = film.currentTime, places = [];
          for (const share of [0.8, 0.2, 0.5]) {
            const seeked = until('seeked');
            film.currentTime = share * film.duration; await seeked;
            places.push(Math.abs(film.currentTime - share * film.duration));
          }
          return {duration: film.duration, played, places, size: shown(), poster: poster.naturalWidth};
        }"""
    )
    page.close()
    # 2.2 s of recording, of which 0.8 s about the bottom run three times slower.
    assert found["duration"] == pytest.approx(2.2 + 2 * 0.8, abs=0.3)
    assert found["played"] > 0
    assert max(found["places"]) < 0.05
    assert found["size"][0] == found["poster"] == 2 * 640
    assert refused == []
