"""The figure says in words what it shows, is the same each time, and speaks where there is nothing to draw."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from screener import Screening
from screener.report import write_curves_svg
from screener.report.curves import draw_curves
from tests.report.recordings import CLIP, with_an_excluded_repetition, with_nobody


def words_of(screening: Screening, path: Path) -> str:
    write_curves_svg(screening, path)
    texts = ElementTree.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")
    return re.sub(r"\s+", " ", " ".join("".join(text.itertext()) for text in texts))


def test_text_is_text_and_names_task_leg_and_axes(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    said = words_of(screened(CLIP), tmp_path / "curves.svg")
    for expected in ("Single-leg squat, right leg", "time, s", "Pelvic drop, °", "Knee bend, °", "95 % interval"):
        assert expected in said


def test_the_reason_of_an_excluded_repetition_stands_above_it(
    screened: Callable[[str], Screening], tmp_path: Path
) -> None:
    assert "not visible" not in words_of(screened(CLIP), tmp_path / "a.svg")
    said = words_of(with_an_excluded_repetition(screened(CLIP)), tmp_path / "b.svg")
    assert "2 not counted: bottom not visible" in said


def test_what_happens_after_the_last_repetition_does_not_press_the_curves_flat(
    screened: Callable[[str], Screening],
) -> None:
    """A person who goes on to the other leg bends the one that carries nothing far inwards."""
    screening = screened(CLIP)
    (trial,) = screening.motion.trials
    after = trial.signals.times_s > trial.repetitions[-1].end_s
    assert after.any()
    signals = replace(trial.signals, fppa_deg=np.where(after, 150.0, trial.signals.fppa_deg))
    screening = replace(screening, motion=replace(screening.motion, trials=(replace(trial, signals=signals),)))
    (alignment,) = (axes for axes in draw_curves(screening).axes if axes.get_ylabel().startswith("Knee inward"))
    assert 15 < alignment.get_ylim()[1] < 40


def test_the_same_screening_gives_the_same_bytes(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        write_curves_svg(screened(CLIP), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_nobody_gives_a_sentence(screened: Callable[[str], Screening], tmp_path: Path) -> None:
    assert "Nobody could be found" in words_of(with_nobody(screened(CLIP)), tmp_path / "none.svg")
