"""Where the data files are: the one place that knows the checkout from the installed wheel."""

from __future__ import annotations

import os
from pathlib import Path

from screener.errors import BrokenInstallation

__all__ = ["data_path"]

_PACKAGE = Path(__file__).resolve().parent


def data_path(*parts: str) -> Path:
    """The path of a data file or folder, such as `data_path("models", "manifest.json")`.

    Looks in the folder named by the environment variable `SCREENER_DATA` first, then inside the installed
    package, then in the checkout.

    Raises:
        BrokenInstallation: it is in none of them.
    """
    override = os.environ.get("SCREENER_DATA")
    roots = ([Path(override)] if override else []) + [_PACKAGE / "_data", _PACKAGE.parent]
    for root in roots:
        candidate = root.joinpath(*parts)
        if candidate.exists():
            return candidate
    raise BrokenInstallation(
        f"The file {'/'.join(parts)} of this installation is missing.",
        "Install screener again, or point SCREENER_DATA at the folder that holds models/ and sample_videos/.",
    )
