"""What this machine has and lacks: the checks behind `screener doctor`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

__all__ = ["Check", "examine"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be there: what it is, what was found, and how to get it."""

    what: str
    good: bool
    found: str
    what_to_do: str = ""


_MODULES = {
    "mediapipe": ("mediapipe", "It finds the joints. Install screener again; its requirements pin mediapipe 0.10.31."),
    "opencv-python": ("cv2", "On a server, Debian needs: apt-get install libgl1 libglib2.0-0"),
    "av": ("av", "It reads videos. Install screener again."),
    "pyarrow": ("pyarrow.parquet", "It writes tables. Install screener again."),
    "scipy": ("scipy.signal", "It filters signals. Install screener again."),
    "matplotlib": ("matplotlib.figure", "It draws curves. Install screener again."),
}


def examine() -> Iterator[Check]:
    """Run every check, one at a time."""
    python = sys.version_info
    yield Check("Python", python >= (3, 11), platform.python_version(), "Install Python 3.11 or newer.")
    for package, (module, what_to_do) in _MODULES.items():
        yield _importable(package, module, what_to_do)
    yield _models()
    yield _pose_model_runs()


def _importable(package: str, module: str, what_to_do: str) -> Check:
    try:
        import_module(module)
        return Check(package, True, version(package))
    except (ImportError, PackageNotFoundError) as error:
        return Check(package, False, str(error).splitlines()[0], what_to_do)


def _models() -> Check:
    from screener.errors import ScreenerError
    from screener.pose.bundles import installed_models

    try:
        found = installed_models()
    except ScreenerError as error:
        return Check("models", False, error.message, error.what_to_do)
    broken = [model.name for model in found if not model.intact]
    what = ", ".join(model.name for model in found) if not broken else f"altered or missing: {', '.join(broken)}"
    return Check("models", not broken, what, "Install screener again.")


def _pose_model_runs() -> Check:
    """The pose model on an empty picture: the part that fails on machines it was not built for."""
    import numpy as np

    try:
        from screener.pose import PoseEstimator
        from screener.video import PushedFrames

        blank = np.zeros((240, 320, 3), dtype=np.uint8)
        with PoseEstimator("full") as estimator:
            estimator.track(PushedFrames([(0.0, blank), (0.04, blank)]))
    except Exception as error:  # whatever the native library raises is what the person must see
        return Check("pose model", False, f"{type(error).__name__}: {error}", "Tell us what is printed here.")
    return Check("pose model", True, "runs")
