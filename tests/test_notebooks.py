"""The notebooks run from beginning to end, and what is saved of them is the code beside them, with its output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
SCRIPTS = sorted(NOTEBOOKS.glob("0*.py"))


def test_there_are_notebooks() -> None:
    assert SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_what_is_saved_is_the_script_with_its_output(script: Path) -> None:
    saved = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    wanted = jupytext.read(script)
    assert [(cell.cell_type, cell.source) for cell in saved.cells] == [
        (cell.cell_type, cell.source) for cell in wanted.cells
    ], "run: python notebooks/run.py"
    outputs = [output for cell in saved.cells if cell.cell_type == "code" for output in cell.outputs]
    assert len(outputs) >= 5
    assert all(output.output_type != "error" for output in outputs)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_runs(script: Path, tmp_path: Path) -> None:
    """A copy, so that what is saved stays as it is."""
    copy = tmp_path / script.name
    copy.write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(NOTEBOOKS / "run.py"), str(copy)], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert copy.with_suffix(".ipynb").is_file()
