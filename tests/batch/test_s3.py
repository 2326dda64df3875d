"""The same batch with both ends on an object store, here an S3-compatible server on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from screener.batch.run import run_batch
from tests.batch.conftest import Study
from tests.batch.recordings import QUICK, tables_of


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty bucket. Workers find its server as they would find any: by the environment."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.filesystem("s3").mkdir("clinic")
    yield "s3://clinic"
    fsspec.filesystem("s3").clear_instance_cache()
    server.stop()


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
