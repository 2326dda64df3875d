"""The 33 body landmarks of BlazePose: their names, their order, and what becomes of them in a mirror."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["ANKLES", "FOUND_JOINTS", "HIPS", "LANDMARKS", "SKELETON", "Landmark", "mirror_names"]

_Array = TypeVar("_Array", bound=NDArray[np.generic])


class Landmark(IntEnum):
    """A landmark's row in every `(frame, landmark, ...)` array. Left and right are the person's own."""

    NOSE = 0
    LEFT_EYE_INNER = 1
    LEFT_EYE = 2
    LEFT_EYE_OUTER = 3
    RIGHT_EYE_INNER = 4
    RIGHT_EYE = 5
    RIGHT_EYE_OUTER = 6
    LEFT_EAR = 7
    RIGHT_EAR = 8
    MOUTH_LEFT = 9
    MOUTH_RIGHT = 10
    LEFT_SHOULDER = 11
    RIGHT_SHOULDER = 12
    LEFT_ELBOW = 13
    RIGHT_ELBOW = 14
    LEFT_WRIST = 15
    RIGHT_WRIST = 16
    LEFT_PINKY = 17
    RIGHT_PINKY = 18
    LEFT_INDEX = 19
    RIGHT_INDEX = 20
    LEFT_THUMB = 21
    RIGHT_THUMB = 22
    LEFT_HIP = 23
    RIGHT_HIP = 24
    LEFT_KNEE = 25
    RIGHT_KNEE = 26
    LEFT_ANKLE = 27
    RIGHT_ANKLE = 28
    LEFT_HEEL = 29
    RIGHT_HEEL = 30
    LEFT_FOOT_INDEX = 31
    RIGHT_FOOT_INDEX = 32


HIPS = (Landmark.LEFT_HIP, Landmark.RIGHT_HIP)
ANKLES = (Landmark.LEFT_ANKLE, Landmark.RIGHT_ANKLE)

#: The landmarks that a closer look finds anew (`joints.py`), in the order in which they are kept.
FOUND_JOINTS = (*HIPS, Landmark.LEFT_KNEE, Landmark.RIGHT_KNEE)

#: Lower-case names in row order; they are the column names of `landmarks.parquet`.
LANDMARKS: tuple[str, ...] = tuple(landmark.name.lower() for landmark in Landmark)


def _mirror_order() -> NDArray[np.intp]:
    def twin(name: str) -> str:
        if "LEFT" in name:
            return name.replace("LEFT", "RIGHT")
        return name.replace("RIGHT", "LEFT")

    return np.array([Landmark[twin(landmark.name)] for landmark in Landmark], dtype=np.intp)


_MIRROR_ORDER = _mirror_order()

#: The lines that a drawing of the skeleton shows.
SKELETON: tuple[tuple[Landmark, Landmark], ...] = (
    (Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER),
    (Landmark.LEFT_SHOULDER, Landmark.LEFT_ELBOW),
    (Landmark.LEFT_ELBOW, Landmark.LEFT_WRIST),
    (Landmark.RIGHT_SHOULDER, Landmark.RIGHT_ELBOW),
    (Landmark.RIGHT_ELBOW, Landmark.RIGHT_WRIST),
    (Landmark.LEFT_SHOULDER, Landmark.LEFT_HIP),
    (Landmark.RIGHT_SHOULDER, Landmark.RIGHT_HIP),
    (Landmark.LEFT_HIP, Landmark.RIGHT_HIP),
    (Landmark.LEFT_HIP, Landmark.LEFT_KNEE),
    (Landmark.LEFT_KNEE, Landmark.LEFT_ANKLE),
    (Landmark.LEFT_ANKLE, Landmark.LEFT_HEEL),
    (Landmark.LEFT_ANKLE, Landmark.LEFT_FOOT_INDEX),
    (Landmark.RIGHT_HIP, Landmark.RIGHT_KNEE),
    (Landmark.RIGHT_KNEE, Landmark.RIGHT_ANKLE),
    (Landmark.RIGHT_ANKLE, Landmark.RIGHT_HEEL),
    (Landmark.RIGHT_ANKLE, Landmark.RIGHT_FOOT_INDEX),
)


def mirror_names(landmarks: _Array) -> _Array:
    """Swap every left landmark with its right twin.

    Args:
        landmarks: any array whose second axis is the landmark, `(frame, 33, ...)`. Coordinates are untouched.
    """
    if landmarks.ndim < 2 or landmarks.shape[1] != len(LANDMARKS):
        raise ValueError(f"expected (frame, {len(LANDMARKS)}, ...), got {landmarks.shape}")
    return landmarks[:, _MIRROR_ORDER]  # type: ignore[return-value]
