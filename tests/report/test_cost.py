"""Page and paper of a recording of 20 s cost less than they may. In CPU time: a busy machine has no say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from screener import Screening
from screener.report.cost import cost_of, main
from tests.conftest import clip_named
from tests.report.recordings import LEFT_THEN_RIGHT, with_a_plan


def test_page_and_paper_of_twenty_seconds(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    screening = with_a_plan(screened(LEFT_THEN_RIGHT))
    assert screening.looks[0].times_s[-1] > 19.5
    cost = cost_of(screening, clip_named(LEFT_THEN_RIGHT), tmp_path)
    assert cost.holds, cost
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("<img ") == 3
    assert (tmp_path / "report.pdf").stat().st_size > 20_000


def test_an_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["x"]) == 2
    assert "usage" in capsys.readouterr().err
