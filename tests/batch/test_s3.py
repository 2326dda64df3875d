"""The same batch with both ends on an object store, here an S3-compatible server on loopback."""

from __future__ import annotations

import shutil
from pathlib import Path

import fsspec

from screener.batch.run import run_batch
from tests.batch.conftest import Study
from tests.batch.recordings import QUICK, tables_of


def test_from_a_bucket_to_a_bucket(bucket: str, study: Study, tmp_path: Path) -> None:
    folder, here, there = tmp_path / "folder", tmp_path / "here", tmp_path / "there"
    folder.mkdir()
    for name in (*study.recordings[:2], study.folder / "letter.mp4"):
        shutil.copy(name, folder)
    shutil.copytree(study.out / "results", here / "results")
    run_batch(str(folder), str(here), QUICK, resume=True)

    fs = fsspec.filesystem("s3")
    fs.put(f"{folder}/", "clinic/recordings/", recursive=True)
    first = run_batch(f"{bucket}/recordings", f"{bucket}/study", QUICK, workers=1)
    assert (first.recordings, first.screened, first.exit_code) == (3, 3, 4)
    again = run_batch(f"{bucket}/recordings", f"{bucket}/study", QUICK, resume=True)
    assert (again.recordings, again.screened, again.exit_code) == (3, 0, 4)
    fs.get("clinic/study/", f"{there}/", recursive=True)
    assert tables_of(there) == tables_of(here)
