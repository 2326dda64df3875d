"""The learned files of the installation: where they are, what they are, and whether they are intact.

`models/manifest.json` names every learned file with its sha256. A file with other bytes is never used, since
the accuracy that we state was measured with these.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from screener.data import data_path
from screener.errors import BrokenInstallation

__all__ = ["ModelFile", "bundle_path", "installed_models", "model_file"]

_WHAT_TO_DO = "Install screener again."


@dataclass(frozen=True)
class ModelFile:
    """A learned file as the manifest tells of it, and whether the file on the disk is that one."""

    name: str
    path: Path
    bytes: int
    sha256: str
    licence: str
    source: tuple[str, ...]
    intact: bool


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    sha256: str
    bytes: int
    licence: str
    source: tuple[str, ...]
    changed: tuple[str, ...]
    card: str


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    models: dict[str, _Entry]


def bundle_path(name: Literal["full", "heavy"]) -> Path:
    """The path of a pose bundle, checked.

    Raises:
        BrokenInstallation: it is missing or altered.
    """
    return model_file(f"pose_{name}")


def model_file(name: str) -> Path:
    """The path of the learned file that the manifest calls `name`, checked.

    Raises:
        BrokenInstallation: the manifest does not know it, or the file is missing or altered.
    """
    manifest, folder = _read_manifest()
    if name not in manifest.models:
        raise BrokenInstallation(f"The manifest of the models does not know {name}.", _WHAT_TO_DO)
    entry = manifest.models[name]
    path = folder / entry.file
    if not path.is_file():
        raise BrokenInstallation(f"The model file {entry.file} is missing.", _WHAT_TO_DO)
    if not _is_intact(path, entry):
        raise BrokenInstallation(f"The model file {entry.file} is not the one that was measured.", _WHAT_TO_DO)
    return path


def installed_models() -> tuple[ModelFile, ...]:
    """Every learned file that the manifest names, whether or not it is there and intact.

    Raises:
        BrokenInstallation: the manifest is missing or cannot be read.
    """
    manifest, folder = _read_manifest()
    return tuple(
        ModelFile(
            name=name,
            path=folder / entry.file,
            bytes=entry.bytes,
            sha256=entry.sha256,
            licence=entry.licence,
            source=entry.source,
            intact=_is_intact(folder / entry.file, entry),
        )
        for name, entry in manifest.models.items()
    )


def _read_manifest() -> tuple[_Manifest, Path]:
    path = data_path("models", "manifest.json")
    try:
        return _Manifest.model_validate_json(path.read_bytes()), path.parent
    except (OSError, ValidationError) as error:
        raise BrokenInstallation("The manifest of the models cannot be read.", _WHAT_TO_DO) from error


def _is_intact(path: Path, entry: _Entry) -> bool:
    if not path.is_file():
        return False
    stat = path.stat()
    return stat.st_size == entry.bytes and _sha256(path, stat.st_size, stat.st_mtime_ns) == entry.sha256


@cache
def _sha256(path: Path, size: int, modified_ns: int) -> str:
    # Hashed once a process, and again only where size or time of change say that it is another file.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
