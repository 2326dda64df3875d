"""Folders on this machine or behind a URL such as `s3://...`, in which a file is whole or not there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from screener.errors import UnreadableVideo
from screener.files import write_atomically

__all__ = ["Folder", "as_local_file", "stamps"]


class Folder:
    """A folder that need not exist yet, given by a path or by a URL of any kind that fsspec knows."""

    def __init__(self, url: str) -> None:
        self._fs, root = fsspec.url_to_fs(url)
        self._root = root.rstrip("/")

    def address(self, name: str = "") -> str:
        """The full path or URL of a file in it."""
        return str(self._fs.unstrip_protocol(self._path(name))) if not self._is_local else self._path(name)

    def names(self, part: str) -> dict[str, str]:
        """The files of one of its folders, each with the time of its last change (sortable text)."""
        self._fs.invalidate_cache()
        try:
            entries = self._fs.ls(self._path(part), detail=True)
        except FileNotFoundError:
            return {}
        files = {_last(entry["name"]): entry for entry in entries if entry["type"] == "file"}
        return {name: _changed(entry) for name, entry in files.items() if name and not name.startswith(".")}

    def has(self, name: str) -> bool:
        """Whether the file is there now."""
        self._fs.invalidate_cache(self._fs._parent(self._path(name)))
        return bool(self._fs.exists(self._path(name)))

    def read(self, name: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""
        return bytes(self._fs.cat_file(self._path(name)))

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """The contents of many files, fetched together; what is missing is left out."""
        paths = {self._path(name): name for name in names}
        found = self._fs.cat(list(paths), on_error="omit") if paths else {}
        return {paths[path]: content for path, content in found.items()}

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A local path to write to; on leaving without an error the file appears here in one step."""
        if self._is_local:
            with write_atomically(Path(self._path(name))) as path:
                yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / _last(name)
            yield path
            # An object store shows an object when all of it has arrived.
            self._fs.put_file(str(path), self._path(name))

    def write_text(self, name: str, text: str) -> None:
        """Write a UTF-8 text as `writing` does."""
        with self.writing(name) as path:
            path.write_text(text, encoding="utf-8")

    def write_json(self, name: str, value: Any, *, indent: int | None = None) -> None:
        """Write plain data as JSON; every float keeps its digits."""
        self.write_text(name, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent) + "\n")

    def remove(self, part: str) -> None:
        """Remove one of its folders with all that is in it."""
        if self._fs.exists(self._path(part)):
            self._fs.rm(self._path(part), recursive=True)

    def walk(self) -> list[str]:
        """The path under it of every file at any depth, sorted."""
        self._fs.invalidate_cache()
        return sorted(str(path)[len(self._root) + 1 :] for path in self._fs.find(self._root))

    def exists(self) -> bool:
        """Whether there is such a folder."""
        return bool(self._fs.isdir(self._root))

    @property
    def _is_local(self) -> bool:
        return isinstance(self._fs, LocalFileSystem)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root


@contextmanager
def as_local_file(address: str) -> Iterator[Path]:
    """The file at a path or URL as a file of this machine: itself, or a copy for as long as it is needed."""
    fs, path = fsspec.url_to_fs(address)
    if isinstance(fs, LocalFileSystem):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / _last(path)
        try:
            fs.get_file(path, str(copy))
        except FileNotFoundError as error:
            raise UnreadableVideo(f"There is no file {_last(path)}.", "Check the name and the folder.") from error
        yield copy


def stamps(addresses: Iterable[str]) -> dict[str, str]:
    """For each file that exists its size and time of change, as text: other text, other content.

    Folders are listed whole: one call for a folder is far fewer than one for each of ten thousand files.
    """
    wanted: dict[str, dict[str, str]] = {}
    for address in addresses:
        wanted.setdefault(address.rpartition("/")[0], {})[_last(address)] = address
    found = {}
    for parent, files in wanted.items():
        fs, path = fsspec.url_to_fs(parent)
        fs.invalidate_cache()
        try:
            entries = fs.ls(path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if (name := _last(entry["name"])) in files:
                found[files[name]] = f"{entry.get('size')} {_changed(entry)}"
    return found


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _changed(entry: dict[str, Any]) -> str:
    return str(entry.get("mtime") or entry.get("LastModified") or entry.get("ETag") or "")
