"""Run the notebooks and keep what they show: `python notebooks/run.py` writes each `.ipynb` anew from its `.py`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent

_LONGEST_S = 600


def executed(script: Path) -> nbformat.NotebookNode:
    """The notebook of a `.py` in the percent format, with its output; run in an empty folder of its own."""
    notebook = jupytext.read(script)
    notebook.metadata = {
        "jupytext": {"formats": "ipynb,py:percent"},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    with tempfile.TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=_LONGEST_S, resources=where)
        client.startup_timeout = _LONGEST_S
        client.execute()
    for place, cell in enumerate(notebook.cells):
        # Names that do not change from run to run, and no times of execution.
        cell["id"] = f"cell-{place}"
        cell.metadata = {}
        if cell.cell_type == "code":
            # What the pose runtime says of itself on standard error is no output of the notebook.
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    return notebook


def main() -> None:
    """Write every notebook anew, or those that are named."""
    for script in [Path(name) for name in sys.argv[1:]] or sorted(HERE.glob("0*.py")):
        nbformat.write(executed(script), script.with_suffix(".ipynb"))


if __name__ == "__main__":
    main()
