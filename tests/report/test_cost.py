"""Page and paper of a recording of 20 s cost less than they may. In CPU time: a busy machine has no say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from screener import Screening
from screener.bench import write_repeated
from screener.report.cost import cost_of, main
from tests.conftest import clip_named
from tests.report.recordings import CLIP, of_one_after_the_other, with_a_plan


def test_page_and_paper_of_twenty_seconds(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    recording = write_repeated(clip_named(CLIP), tmp_path / "thrice.mp4", 3)
    screening = with_a_plan(of_one_after_the_other(*[screened(CLIP)] * 3))
    assert screening.looks[0].times_s[-1] > 20
    cost = cost_of(screening, recording, tmp_path)
    assert cost.holds, cost
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("<img ") == 2
    assert (tmp_path / "report.pdf").stat().st_size > 20_000


def test_an_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["x"]) == 2
    assert "usage" in capsys.readouterr().err
