"""Page and paper of a recording of 20 s cost less than they may, as a share of the analysis beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from screener.bench import alone
from screener.report.cost import main, measure_cost


def test_page_and_paper_of_twenty_seconds(tmp_path: Path) -> None:
    cost = alone(measure_cost, tmp_path)
    assert cost.holds, cost
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("<img ") >= 1
    assert (tmp_path / "report.pdf").stat().st_size > 20_000


def test_an_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["x"]) == 2
    assert "usage" in capsys.readouterr().err
