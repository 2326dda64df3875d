"""The file store: a folder or an object store, by content. No file is ever called what somebody called it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from screener.batch.folders import as_local_file

__all__ = ["Files", "sha256_of"]


def sha256_of(path: Path) -> str:
    """The hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Files:
    """Files of screenings, each at `<clinic>/<screening>/<sha256>`.

    The folder of a screening is its own, so that deleting it takes nothing from another and leaves nothing behind,
    though two screenings of the same recording are then stored twice.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs, root = fsspec.url_to_fs(url)
        self._root = root.rstrip("/")
        self._local = isinstance(self._fs, LocalFileSystem)

    def put(self, path: Path, clinic_id: str, screening_id: str, sha256: str) -> None:
        """Take a file in; its old place is empty afterwards. It is whole or not there."""
        key = self._key(clinic_id, screening_id, sha256)
        if not self._local:
            self._fs.put_file(str(path), key)
            path.unlink()
            return
        target = Path(key)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        arriving = target.with_suffix(".arriving")
        shutil.move(path, arriving)
        arriving.replace(target)

    def open(self, clinic_id: str, screening_id: str, sha256: str) -> BinaryIO:
        """A file to read and to seek in. Raises FileNotFoundError."""
        return cast(BinaryIO, self._fs.open(self._key(clinic_id, screening_id, sha256), "rb"))

    def local(self, clinic_id: str, screening_id: str, sha256: str) -> AbstractContextManager[Path]:
        """A file as one of this machine: itself, or a copy for as long as it is needed."""
        return as_local_file(str(self._fs.unstrip_protocol(self._key(clinic_id, screening_id, sha256))))

    def remove(self, clinic_id: str, screening_id: str, sha256: str | None = None) -> None:
        """Remove one file, or everything of a screening. What is not there is removed already."""
        with suppress(FileNotFoundError):
            self._fs.rm(self._key(clinic_id, screening_id, sha256), recursive=sha256 is None)

    def names(self, clinic_id: str, screening_id: str) -> set[str]:
        """The hashes of all files of a screening that are in the store."""
        self._fs.invalidate_cache()
        return set(self._names(self._key(clinic_id, screening_id)))

    def screenings(self) -> Iterator[tuple[str, str]]:
        """The clinic and the screening of every folder there is."""
        self._fs.invalidate_cache()
        for clinic in self._names(self._root):
            for screening in self._names(f"{self._root}/{clinic}"):
                yield clinic, screening

    def answers(self) -> bool:
        """Whether the store can be asked now."""
        self._fs.invalidate_cache()
        self._fs.exists(self._root)
        return True

    def _names(self, path: str) -> list[str]:
        with suppress(FileNotFoundError):
            return [str(each).rstrip("/").rpartition("/")[2] for each in self._fs.ls(path, detail=False)]
        return []

    def _key(self, *parts: str | None) -> str:
        return "/".join([self._root, *(part for part in parts if part is not None)])
