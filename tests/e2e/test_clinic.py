"""The clinic's day in a browser: sign in, a person, consent, upload, watch, read, correct, export, compare, delete."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from api.accounts.first_admin import make_admin
from api.settings import Settings
from tests.conftest import clip_named
from tests.e2e.conftest import Server, check_accessible, check_asked_nobody_else

_PASSWORD = "violet harbour kettle mosaic"

# An analysis takes ten seconds on two idle cores; here others may be at work as well.
_ANALYSIS_MS = 300_000


@pytest.fixture
def clinic(start_server: Callable[..., Server]) -> tuple[Server, str]:
    """A service in clinic mode, and the one-time link of its first admin."""
    server = start_server(SCREENER_MODE="clinic")
    settings = Settings(mode="clinic", data_dir=server.data_dir, port=server.port).prepared()
    return server, make_admin(settings, "ada@clinic.example", "Ada", "North Clinic")


def _settle(page: Page) -> None:
    """Wait until the result was read anew; then the page has loaded itself again."""
    expect(page.locator("#watch")).to_have_count(0, timeout=_ANALYSIS_MS)


def _no_sideways(page: Page) -> None:
    """Nothing but tables, which scroll in themselves, is wider than the screen."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} px too wide"


def _enter(page: Page, link: str) -> None:
    """Take the link up and sign in, by keyboard alone."""
    page.goto(link)
    assert "#" not in page.url
    check_accessible(page)
    page.get_by_label("New password").focus()
    page.keyboard.type(_PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/clinic/sign-in")
    check_accessible(page)
    page.keyboard.type("ada@clinic.example")  # the field has the focus
    page.keyboard.press("Tab")
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    page.get_by_label("Password").fill(_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="People")).to_be_visible()


def _until_true(page: Page, expression: str) -> None:
    """Waits for an expression. Playwright's own waiting asks again by `eval`, which the pages' policy forbids."""
    deadline = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(100)


def test_the_day_of_a_clinic(clinic: tuple[Server, str], open_page: Callable[..., Page], tmp_path: Path) -> None:
    server, link = clinic
    page = open_page(f"{server.url}/clinic/")
    assert "/clinic/sign-in" in page.url
    _enter(page, link)
    check_accessible(page)

    # A person, whose name tries to be markup.
    page.get_by_label("Your number for them").fill("P-1")
    page.get_by_label("Name (may stay empty)").fill("<img src=x onerror=alert(1)>")
    page.get_by_label("Height in metres").fill("1.72")
    page.get_by_role("button", name="Add the person").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("P-1, <img src=x onerror=alert(1)>")
    expect(page.get_by_text("Without one no recording is taken")).to_be_visible()
    expect(page.get_by_label("Video files")).to_have_count(0)
    check_accessible(page)
    page.get_by_role("button", name="Record the consent").click()

    # Two recordings of two days, one of them with its leg given; chosen before the page's script has come.
    clips = [clip_named("sls_right_drop_and_valgus"), clip_named("sls_left_steady")]
    expect(page.get_by_label("Video files")).to_be_visible()
    late: list[Route] = []
    page.route("**/upload.js*", lambda route: late.append(route), times=1)
    page.reload(wait_until="commit")
    page.get_by_label("Video files").set_input_files(clips)
    late.pop().continue_()
    page.get_by_label(f"Recorded on: {clips[0].name}").fill("2026-10-01")
    page.get_by_label(f"Leg stood on: {clips[1].name}").select_option("left")
    check_accessible(page)
    page.get_by_role("button", name="Upload and analyse").click()
    expect(page.get_by_text("Analysis:").first).to_be_visible(timeout=60_000)
    rows = page.locator("#compare tbody tr")
    expect(rows.filter(has_text="Done")).to_have_count(2, timeout=_ANALYSIS_MS)
    expect(rows.filter(has_text="1 October 2026")).to_have_count(1)
    check_accessible(page)
    person = page.url

    # The result: the film plays, the curves are there.
    page.get_by_role("link", name=clips[0].name).click()
    expect(page.get_by_role("heading", name="Single-leg squat, right leg", exact=True)).to_be_visible()
    _until_true(page, "document.querySelector('video').readyState >= 1")
    assert page.evaluate("document.querySelector('video').duration") > 5
    _until_true(page, "document.querySelector('.paper img').naturalWidth > 100")
    check_accessible(page)
    result = page.url

    # Correct it: a repetition left out, a rubric's item scored; both are in the log, and one is undone.
    page.get_by_role("button", name="Leave out repetition 1").click()
    expect(page.get_by_role("button", name="Undo")).to_have_count(1, timeout=60_000)
    _settle(page)
    expect(page.get_by_text("not counted: left out by hand").first).to_be_visible()
    scale = page.locator("details", has_text="QASLS")
    scale.locator("summary").click()
    item = scale.locator("tbody tr").first
    item.get_by_role("combobox").select_option("1")
    item.get_by_role("button").click()
    expect(page.get_by_text("Score 1 for arms")).to_be_visible(timeout=60_000)
    _settle(page)
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text("undone on")).to_be_visible(timeout=60_000)
    _settle(page)
    expect(page.get_by_role("button", name="Leave out repetition 1")).to_be_visible()

    # Answers, and a plan.
    page.get_by_label("Age in years").fill("31")
    page.get_by_label("Pain now").fill("0")
    page.get_by_label("Running, km a week").fill("0")
    page.get_by_role("button", name="Make a plan").click()
    expect(page.locator("#watch")).to_be_visible(timeout=60_000)
    _settle(page)
    expect(page.get_by_role("heading", name="Stop when")).to_be_visible()
    check_accessible(page)

    # The report as PDF, and as a page of its own, which runs nothing.
    pdf = page.get_by_role("link", name="report.pdf").get_attribute("href")
    begins = page.evaluate("async (url) => (await (await fetch(url)).text()).slice(0, 5)", pdf)
    assert begins == "%PDF-"
    paper = page.context.new_page()
    paper.goto(f"{server.url}{page.get_by_role('link', name='report.html').get_attribute('href')}")
    expect(paper.get_by_role("heading", name="Movement check", exact=True)).to_be_visible()
    paper.close()

    # Two dates side by side.
    page.goto(person)
    page.get_by_role("button", name="Two dates side by side").click()
    expect(page.get_by_text("Choose two recordings")).to_be_visible()
    for clip in clips:
        page.get_by_label(f"Compare {clip.name}").check()
    page.get_by_role("button", name="Two dates side by side").click()
    expect(page.get_by_role("heading", name="What changed")).to_be_visible()
    expect(page.get_by_role("heading", name="Earlier: 1 October 2026")).to_be_visible()
    check_accessible(page)

    # Dark, and on a phone.
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 375, "height": 700})
    for address in (
        person,
        result,
        f"{server.url}/clinic/",
        f"{server.url}/clinic/settings",
        f"{server.url}/clinic/audit",
    ):
        page.goto(address)
        check_accessible(page)
        _no_sideways(page)

    # Everything of the person in one file; then the person is gone, and the trail says so.
    page.goto(person)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export everything").click()
    download.value.save_as(tmp_path / "person.zip")
    assert (tmp_path / "person.zip").read_bytes()[:2] == b"PK"
    page.get_by_text("Delete this person", exact=True).first.click()
    page.get_by_role("button", name="Delete this person").click()
    assert page.url == person  # not without the number typed
    page.get_by_label("Type P-1 to confirm").fill("P-1")
    page.get_by_role("button", name="Delete this person").click()
    expect(page.get_by_text("Nobody yet.")).to_be_visible()
    page.goto(f"{server.url}/clinic/audit")
    for done in ("created", "recorded", "saw", "corrected", "undid", "exported", "deleted"):
        expect(page.get_by_role("cell", name=done, exact=True).first).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/clinic/sign-in")
    page.goto(person)
    assert "/clinic/sign-in" in page.url
    check_asked_nobody_else(page, server)
    # One sign-in was wrong on purpose; nothing else was refused, and no script complained.
    assert [said for said in page.complaints if "401" not in said] == []  # type: ignore[attr-defined]


def test_what_is_typed_never_gets_into_an_address(
    clinic: tuple[Server, str], open_browser: Callable[..., Browser]
) -> None:
    """A form that is sent before its script ran, or without one, goes nowhere."""
    server, _ = clinic
    page = open_browser().new_context(java_script_enabled=False).new_page()
    page.goto(f"{server.url}/clinic/sign-in")
    page.get_by_label("E-mail address").fill("ada@clinic.example")
    page.get_by_label("Password").fill(_PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_timeout(500)
    assert page.url == f"{server.url}/clinic/sign-in"


def test_an_admin_invites_people_and_makes_keys(clinic: tuple[Server, str], open_page: Callable[..., Page]) -> None:
    server, link = clinic
    page = open_page(f"{server.url}/clinic/sign-in")
    _enter(page, link)
    page.get_by_role("link", name="Settings").click()
    check_accessible(page)
    page.get_by_label("E-mail address").fill("bo@clinic.example")
    page.get_by_label("Name", exact=True).fill("Bo")
    page.get_by_label("Role", exact=True).select_option("read_only")
    page.get_by_role("button", name="Make a one-time link").click()
    expect(page.get_by_role("status").filter(has_text="shown this once")).to_contain_text(f"{server.url}/clinic/link#")
    page.get_by_label("What the key is for").fill("nightly import")
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_text("screener_").first).to_be_visible()
    page.reload()
    expect(page.get_by_role("cell", name="invited")).to_be_visible()
    expect(page.get_by_role("rowheader", name="nightly import")).to_be_visible()
    check_accessible(page)
    page.get_by_label("Days that recordings are kept").fill("0")
    page.get_by_role("button", name="Keep the changes").click()
    expect(page.get_by_text("deleted as soon as the numbers are there")).to_be_visible()
    assert [said for said in page.complaints if "401" not in said] == []  # type: ignore[attr-defined]
