"""The file store in a folder and in an S3-compatible object store: by content, apart by screening."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.files import Files, sha256_of


@pytest.fixture(params=["folder", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    """An empty store of each kind."""
    if request.param == "folder":
        return Files(str(tmp_path / "files"))
    return Files(f"{request.getfixturevalue('bucket')}/files")


def test_a_file_is_kept_found_and_removed(files: Files, tmp_path: Path) -> None:
    hashes = []
    for text in ("one", "two"):
        (path := tmp_path / "upload").write_text(text)
        hashes.append(sha256_of(path))
        files.put(path, "clinic", "screening", hashes[-1])
        assert not path.exists()
    (other := tmp_path / "other").write_text("one")
    files.put(other, "clinic", "another", hashes[0])

    assert files.answers()
    assert files.names("clinic", "screening") == set(hashes)
    assert set(files.screenings()) == {("clinic", "screening"), ("clinic", "another")}
    with files.open("clinic", "screening", hashes[1]) as file:
        file.seek(1)
        assert file.read() == b"wo"
    with files.local("clinic", "screening", hashes[0]) as local:
        assert local.read_text() == "one"

    files.remove("clinic", "screening", hashes[0])
    assert files.names("clinic", "screening") == {hashes[1]}
    files.remove("clinic", "screening")
    files.remove("clinic", "screening")  # what is gone is gone
    assert files.names("clinic", "screening") == set()
    assert set(files.screenings()) == {("clinic", "another")}
    with pytest.raises(FileNotFoundError):
        files.open("clinic", "screening", hashes[1]).read()
