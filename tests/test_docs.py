"""The docs name tests, files and headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_pages() -> None:
    assert {page.name for page in PAGES} >= {"README.md", "accuracy.md", "architecture.md", "conventions.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_are_named_exist(page: Path) -> None:
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text(encoding="utf-8")):
        file = ROOT / path
        assert file.is_file(), path
        assert not name or f"def {name}(" in file.read_text(encoding="utf-8"), f"{path}::{name}"


def test_every_pointer_in_the_code_to_the_docs_has_its_page() -> None:
    pointers = {
        (source.relative_to(ROOT).as_posix(), page)
        for folder in ("screener", "models")
        for source in sorted((ROOT / folder).rglob("*"))
        if source.suffix in {".py", ".toml", ".md"}
        for page in re.findall(r"docs/\w+\.md", source.read_text(encoding="utf-8"))
    }
    assert pointers
    assert [(source, page) for source, page in sorted(pointers) if not (ROOT / page).is_file()] == []
