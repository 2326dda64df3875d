"""The self-check in a real browser: a film in the camera's place walks through the whole of it without a hand."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from screener import Screening, Settings, screen
from screener.data import data_path
from screener.report.words import HEADLINE_MEASURES
from screener.terms import Task
from screener.video import open_video, write_video
from tests.e2e.conftest import Server, check_accessible, check_asked_nobody_else, write_mjpeg
from tests.e2e.films import FPS, Scene, nobody, whole_check
from tests.test_network import _ADDRESS, DNS_PORT

_REPETITIONS = 3
# A busy machine looks at few pictures a second; what must hold is that it gets there, and where to.
_PATIENCE_MS = 180_000


@dataclass(frozen=True)
class Filmed:
    """A film of a whole check, and what `analyze` says of it."""

    camera: Path
    uploaded: Screening


@pytest.fixture(scope="session")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Task], Filmed]:
    """Both feet, left leg, both feet, right leg, both feet; once for each movement."""
    folder = tmp_path_factory.mktemp("film")

    @cache
    def make(task: Task) -> Filmed:
        scene = Scene(before_s=10, between_s=8, after_s=8, repetitions=_REPETITIONS, task=task)
        upload = write_video(folder / f"{task}.mp4", whole_check(scene), fps=FPS)
        return Filmed(write_mjpeg(folder / f"{task}.mjpeg", whole_check(scene)), screen(upload, Settings(task=task)))

    return make


@pytest.fixture(scope="session")
def make_film(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A short film out of a sample clip, or of nobody."""
    folder = tmp_path_factory.mktemp("films")

    def make(clip: str | None, *, zoom: float = 1.0, light: float = 1.0, seconds: float = 1.2) -> Path:
        path = folder / f"{clip}-{zoom}-{light}.mjpeg"
        if path.exists():
            return path
        if clip is None:
            return write_mjpeg(path, nobody(seconds, brightness=0.6 * light))
        with open_video(data_path("sample_videos", f"{clip}.mp4")) as source:
            pictures = [frame.rgb for frame in source.read_windows([(0.0, seconds)])]
        if zoom != 1.0:
            height, width = pictures[0].shape[:2]
            high, wide = round(height / zoom / 2), round(width / zoom / 2)
            middle = slice(height // 2 - high, height // 2 + high), slice(width // 2 - wide, width // 2 + wide)
            pictures = [rgb[middle] for rgb in pictures]
        return write_mjpeg(path, [(rgb * light).astype("uint8") for rgb in pictures])

    return make


def to_camera(page: Page, *, task: Task = "single_leg_squat", box_cm: int | None = None) -> None:
    """Consent and questions, as somebody without any sign answers them, and the movement."""
    page.wait_for_selector("body[data-ready]")
    page.click("#agree")
    page.check('input[name="flag"][value="none"]')
    page.fill("#age", "34")
    page.select_option("#pain", "1")
    page.check('input[name="place"][value="outer_knee"]')
    page.fill("#running", "20")
    page.click("#intake-form button.primary")
    page.wait_for_selector("#start:visible")
    page.select_option("#repetitions", str(_REPETITIONS))
    page.select_option("#task", task)
    if box_cm is not None:
        page.fill("#box", str(box_cm))
    else:
        assert page.locator("#box").is_hidden()


def state(page: Page) -> dict[str, Any]:
    """Where the check stands, as the page knows it."""
    found: dict[str, Any] = page.evaluate("selfCheck.answer ?? {}")
    return found


def until(
    page: Page, reached: Callable[[dict[str, Any]], bool], patience_s: float = _PATIENCE_MS / 1000
) -> dict[str, Any]:
    """Wait until the check has reached something."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if reached(found := state(page)):
            return found
        page.wait_for_timeout(100)
    says = [page.locator(which).text_content() for which in ("#caption", "#trouble-says")]
    pytest.fail(f"not reached; the page is at {state(page)}, says {says}")


def until_result(page: Page) -> dict[str, int]:
    """Wait for the result without touching anything; how many repetitions of each leg were counted on the way."""
    counted = {"left": 0, "right": 0}
    deadline = time.monotonic() + _PATIENCE_MS / 1000
    while page.evaluate("selfCheck.result === null") and time.monotonic() < deadline:
        found = state(page)
        if found.get("stage") == "moving":
            counted[found["side"]] = max(counted[found["side"]], found["repetitions"])
        assert page.locator("#trouble").is_hidden(), page.locator("#trouble-says").text_content()
        page.wait_for_timeout(100)
    expect(page.locator("#result #said")).to_be_visible()
    return counted


# Which picture shows the bottom, and how the camera's film and the page code it, moves a number by up to 1.8° (six legs
# at 24 to 27 pictures a second).
_APART_DEG = 2.5


def check_like_uploaded(page: Page, uploaded: Screening) -> None:
    """The page's result has the sides, the repetitions, the movement and the numbers of `analyze`, and a plan."""
    seen = {trial["side"]: trial for trial in page.evaluate("selfCheck.result.trials")}
    known = {trial.stance_side: trial for trial in uploaded.trials}
    assert sorted(seen) == sorted(known) == ["left", "right"]
    assert page.evaluate("selfCheck.result.trials.length") == len(uploaded.trials) == 2
    assert [trial["counted"] for trial in seen.values()] == [_REPETITIONS, _REPETITIONS]
    assert {trial["task"] for trial in seen.values()} == {trial.task for trial in uploaded.trials}
    rate = page.evaluate("(({ answeredAt: at }) => 1000 * (at.length - 1) / (at.at(-1) - at[0]))(selfCheck.wire)")
    values = {
        (side, name): (float(trial["summary"][name]), known[side].summary[name])
        for side, trial in seen.items()
        for name in HEADLINE_MEASURES
    }
    apart = {which: abs(value - of_file.value) for which, (value, of_file) in values.items()}  # type: ignore[union-attr]
    print(f"{rate:.1f} pictures a second; apart from analyze: {apart}")
    # Of the very same pictures the numbers are the very same (tests/test_live.py). A busy machine looks at fewer of
    # them than `analyze` did: under the 20 a second that an idle one does, other pictures show the bottom. Then the
    # numbers must still lie where `analyze` says that they lie.
    for which, (value, of_file) in values.items():
        if rate < 20:
            assert of_file.low <= value <= of_file.high, (which, rate, value, of_file)  # type: ignore[union-attr]
        else:
            assert apart[which] <= _APART_DEG, (which, rate, apart[which])
    # The plan is there, with drawings of its exercises.
    expect(page.locator("#plan")).to_be_visible()
    assert page.locator(".exercises li").count() >= 3
    assert page.locator("details[open] .drawing svg").count() >= 3
    check_accessible(page)


@pytest.fixture
def traced_server(start_server: Callable[..., Server], tmp_path: Path) -> tuple[Server, Path]:
    """A server whose every network call is written down."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    log = tmp_path / "network.log"
    return start_server(before=(strace, "-f", "--seccomp-bpf", "-e", "trace=%network", "-o", str(log))), log


def test_a_whole_check_needs_no_click_after_start_and_nothing_leaves(
    traced_server: tuple[Server, Path], open_page: Callable[..., Page], filmed: Callable[[Task], Filmed], tmp_path: Path
) -> None:
    server, log = traced_server
    film = filmed("single_leg_squat")
    page = open_page(server.url, film.camera)
    to_camera(page)
    page.click("#start")
    assert until_result(page) == {"left": _REPETITIONS, "right": _REPETITIONS}
    check_like_uploaded(page, film.uploaded)

    # What can be taken home.
    with page.expect_download() as calendar:
        page.click('a[href$="next-check.ics"]')
    text = Path(calendar.value.path()).read_bytes().decode()
    assert text.startswith("BEGIN:VCALENDAR\r\n")
    assert re.search(r"DTSTART;VALUE=DATE:\d{8}\r\n", text)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    with page.expect_download() as paper:
        page.click('a[href$="report.pdf"]')
    assert Path(paper.value.path()).read_bytes().startswith(b"%PDF-")
    with page.expect_download() as saved:
        page.click('a[href$="recording.mp4"]')
    again = shutil.copy(saved.value.path(), tmp_path / "saved.mp4")
    with open_video(again) as source:
        assert source.info.width_px == 640
        assert (source.info.duration_s or 0) > 15

    # Kept only because it is wanted, and forgotten with everything.
    kept = server.data_dir / "self-checks"
    assert not kept.exists()
    page.click("#keep")
    expect(page.locator("#keep")).to_be_disabled()
    assert {path.suffix for path in kept.rglob("*") if path.is_file()} == {".json", ".parquet"}
    page.goto(server.url)
    expect(page.locator("#earlier")).to_be_visible()
    page.click("#forget")
    expect(page.locator("#earlier")).to_be_hidden()
    assert not kept.exists()

    # Nobody else was asked for anything, by the page or by the program.
    check_asked_nobody_else(page, server)
    assert page.complaints == []  # type: ignore[attr-defined]
    server.stop()
    named = [match for line in log.read_text().splitlines() if (match := _ADDRESS.search(line))]
    assert [
        each.group(0)
        for each in named
        if each["port"] == DNS_PORT or not ((each["v4"] or "").startswith("127.") or each["v6"] == "::1")
    ] == []


def test_step_downs_and_one_leg_again(
    server: Server, open_page: Callable[..., Page], filmed: Callable[[Task], Filmed]
) -> None:
    film = filmed("forward_step_down")
    page = open_page(server.url, film.camera)
    to_camera(page, task="forward_step_down", box_cm=18)
    expect(page.locator("#setup")).to_contain_text("on the step")
    page.click("#start")
    assert until_result(page) == {"left": _REPETITIONS, "right": _REPETITIONS}
    check_like_uploaded(page, film.uploaded)
    first = page.evaluate("selfCheck.result")
    assert (first["task"], first["box_height_cm"]) == ("forward_step_down", 18)
    expect(page.locator("#result")).to_contain_text("From a step of 18 cm.")

    # The left leg again: stopped half-way the right one can still be shown, and then the left one is done.
    page.get_by_role("button", name="Do the left leg again").click()
    until(page, lambda found: found.get("stage") == "standing")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Show what was seen")).to_be_visible()
    page.get_by_role("button", name="Do the left leg again").click()
    expect(page.locator("#trouble")).to_be_hidden(timeout=_PATIENCE_MS)
    assert until_result(page) == {"left": _REPETITIONS, "right": 0}
    check_like_uploaded(page, film.uploaded)
    again = page.evaluate("selfCheck.result")
    assert again["id"] != first["id"]
    assert (again["task"], again["box_height_cm"]) == ("forward_step_down", 18)
    assert page.complaints == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("clip", "zoom", "light", "said"),
    [
        (None, 1.0, 1.0, "I cannot see anybody"),
        (None, 1.0, 0.1, "too dark"),
        ("squats_left_then_right", 1.7, 1.0, "Step back"),
        ("squat_right_30_deg_aside", 1.0, 1.0, "Turn to face the camera"),
        ("squat_right_bystander", 1.0, 1.0, "two people"),
    ],
)
def test_who_is_not_well_in_the_picture_reads_a_plain_sentence(
    server: Server,
    open_page: Callable[..., Page],
    make_film: Callable[..., Path],
    clip: str | None,
    zoom: float,
    light: float,
    said: str,
) -> None:
    page = open_page(server.url, make_film(clip, zoom=zoom, light=light))
    to_camera(page)
    page.click("#start")
    expect(page.locator("#caption")).to_contain_text(said, timeout=_PATIENCE_MS / 3)
    assert state(page)["stage"] in ("finding", "placing")


def test_prompts_are_large_and_the_live_page_is_accessible(
    server: Server, open_page: Callable[..., Page], make_film: Callable[..., Path]
) -> None:
    film = make_film(None)
    for width, height in ((1280, 720), (1920, 1080), (390, 844)):
        page = open_page(server.url, film, width=width, height=height)
        to_camera(page)
        page.click("#start")
        expect(page.locator("#caption")).to_contain_text("cannot see anybody", timeout=_PATIENCE_MS)
        size = page.evaluate("parseFloat(getComputedStyle(document.getElementById('caption')).fontSize)")
        assert size >= height / 20
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.locator("#caption").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= height
        check_accessible(page)
        page.context.browser.close()  # type: ignore[union-attr]


def test_the_camera_is_denied(server: Server, open_page: Callable[..., Page], make_film: Callable[..., Path]) -> None:
    page = open_page(server.url, make_film(None), allow_camera=False)
    to_camera(page)
    page.click("#start")
    expect(page.locator("#trouble-says")).to_have_text("The camera is not allowed.")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    check_accessible(page)


def test_there_is_no_camera(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    to_camera(page)
    page.click("#start")
    expect(page.locator("#trouble-says")).to_have_text("There is no camera.")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()


def test_the_camera_is_unplugged_and_plugged_in_again(
    server: Server, open_page: Callable[..., Page], make_film: Callable[..., Path]
) -> None:
    page = open_page(server.url, make_film(None))
    to_camera(page)
    page.click("#start")
    until(page, lambda found: found.get("stage") is not None)
    # A camera that is pulled out ends its track; the film's cannot be pulled out, so the page is told the same.
    page.evaluate("selfCheck.stream.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.locator("#trouble-says")).to_have_text("The camera is gone.")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#trouble")).to_be_hidden(timeout=_PATIENCE_MS)
    until(page, lambda found: found.get("stage") is not None)


def test_the_server_stops_and_the_page_goes_on_when_it_is_back(
    start_server: Callable[..., Server], open_page: Callable[..., Page], make_film: Callable[..., Path]
) -> None:
    server = start_server()
    page = open_page(server.url, make_film(None))
    to_camera(page)
    page.click("#start")
    until(page, lambda found: found.get("stage") is not None)
    server.stop()
    expect(page.locator("#trouble-says")).to_have_text("The program on this laptop has stopped.", timeout=_PATIENCE_MS)
    server.start()
    expect(page.locator("#trouble")).to_be_hidden(timeout=_PATIENCE_MS)
    until(page, lambda found: found.get("stage") is not None)


def test_leaving_half_way_is_said(server: Server, open_page: Callable[..., Page], tmp_path: Path) -> None:
    scene = whole_check(Scene(before_s=10, repetitions=3))
    film = write_mjpeg(tmp_path / "leaves.mjpeg", [*(next(scene) for _ in range(13 * FPS)), *nobody(30)])
    page = open_page(server.url, film)
    to_camera(page)
    page.click("#start")
    expect(page.locator("#caption")).to_contain_text("lost sight of you", timeout=_PATIENCE_MS)
    expect(page.locator("#trouble-says")).to_have_text(
        "The check has ended, since nobody was there.", timeout=_PATIENCE_MS
    )
    expect(page.get_by_role("button", name="Begin anew")).to_be_focused()


def test_two_windows_and_one_camera(
    server: Server, open_browser: Callable[..., Browser], make_film: Callable[..., Path]
) -> None:
    context = open_browser(make_film(None)).new_context()
    first, second = context.new_page(), context.new_page()
    for page in (first, second):
        page.goto(server.url)
        to_camera(page)
        page.click("#start")
        if page is first:
            until(page, lambda found: found.get("stage") is not None)
    expect(second.locator("#trouble-says")).to_have_text("Another window has the camera.", timeout=_PATIENCE_MS)
    second.get_by_role("button", name="Use the camera here").click()
    expect(second.locator("#trouble")).to_be_hidden(timeout=_PATIENCE_MS)
    expect(first.locator("#trouble-says")).to_have_text("Another window has taken the camera.", timeout=_PATIENCE_MS)


def test_keyboard_alone_and_pain_comes_before_everything(
    server: Server, open_page: Callable[..., Page], make_film: Callable[..., Path]
) -> None:
    page = open_page(server.url, make_film(None))
    page.wait_for_selector("body[data-ready]")

    def tab_to(selector: str) -> None:
        for _ in range(60):
            if page.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
                return
            page.keyboard.press("Tab")
        pytest.fail(f"{selector} cannot be reached by keyboard")

    tab_to("#agree")
    page.keyboard.press("Enter")
    tab_to('input[value="none"]')
    page.keyboard.press("Space")
    tab_to("#age")
    page.keyboard.type("50")
    tab_to("#intake-form button.primary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#start:visible")
    tab_to("#start")
    page.keyboard.press("Enter")
    until(page, lambda found: found.get("stage") is not None)
    page.keyboard.press("m")
    expect(page.locator("#mute")).to_contain_text("Sound")
    page.keyboard.press("Space")
    until(page, lambda found: found.get("stage") == "paused")
    page.keyboard.press("Space")
    until(page, lambda found: found.get("stage") != "paused")
    page.keyboard.press("p")
    expect(page.locator("#trouble-says")).to_have_text("Stopped, since it hurts.")
    expect(page.locator("#trouble-more")).to_contain_text("Stop when the leg gives way")
    assert page.get_by_role("button", name="Show what was seen").count() == 0


def test_a_red_flag_ends_the_way_before_the_camera(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    page.wait_for_selector("body[data-ready]")
    page.click("#agree")
    page.click("#intake-form button.primary")
    expect(page.locator("#intake-error")).to_be_visible()
    page.check('input[value="cannot_bear_weight"]')
    page.fill("#age", "34")
    page.click("#intake-form button.primary")
    expect(page.locator("#referral-says")).to_contain_text("cannot bear weight")
    assert page.locator("#start").is_hidden()
    check_accessible(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_before_the_camera_are_accessible(
    server: Server, open_page: Callable[..., Page], dark: bool, width: int
) -> None:
    page = open_page(server.url, width=width, height=844, dark=dark)
    page.wait_for_selector("body[data-ready]")
    check_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    to_camera(page)
    check_accessible(page)
    page.click('[data-step="camera"] [data-back]')
    check_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    check_asked_nobody_else(page, server)
    assert page.complaints == []  # type: ignore[attr-defined]
