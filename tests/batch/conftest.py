"""A folder of recordings and the tables of an undisturbed run over it, made once for all that is compared with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.batch.recordings import make_recordings

#: So many recordings no two of which are alike; more of them make the same trials longer, not others.
DISTINCT = int(os.environ.get("SCREENER_TEST_RECORDINGS", "12"))


@dataclass(frozen=True)
class Study:
    """Where the recordings are, which, and what an undisturbed run made of them."""

    folder: Path
    recordings: tuple[Path, ...]
    out: Path


def command(source: object, out: object, *more: str) -> list[str]:
    """`screener batch` as it is typed."""
    return [sys.executable, "-m", "screener.cli", "batch", str(source), "--out", str(out), "--no-second-look", *more]


def run(source: object, out: object, *more: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(command(source, out, *more), capture_output=True, text=True, check=False)


def results_in(out: Path) -> Sequence[Path]:
    """The results that are kept so far."""
    return [path for path in out.glob("results/*.json") if not path.name.startswith(".")]


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Recordings no two of which are alike, and one file that is none."""
    folder, out = tmp_path_factory.mktemp("study"), tmp_path_factory.mktemp("undisturbed")
    recordings = make_recordings(folder, DISTINCT)
    (folder / "letter.mp4").write_text("Dear doctor")
    shutil.rmtree(out)
    done = run(folder, out)
    assert done.returncode == 4, done.stderr
    assert len(results_in(out)) == DISTINCT + 1
    return Study(folder, tuple(recordings), out)
