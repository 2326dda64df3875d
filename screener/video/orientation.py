"""How a stored picture is brought upright: the quarter turns and flips of a container's display matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Orientation", "Plane"]

#: A colour plane `(row, column)`, or a whole picture `(row, column, rgb)`, uint8.
Plane: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Orientation:
    """First swap the axes, then flip left to right, then top to bottom, each if its flag is set."""

    swap_axes: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def from_display_matrix(cls, matrix: npt.NDArray[np.int32]) -> Orientation:
        """From the numbers `a b u c d v x y w` of ISO 14496-12, 6.2.2: `x' = a x + c y`, `y' = b x + d y`.

        Pixels are y down on both sides. A matrix between two quarter turns goes to the nearer one; the shift
        and the perspective part carry no meaning for a single picture.
        """
        a, b, c, d = (float(matrix[i]) for i in (0, 1, 3, 4))
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    @property
    def rotation_deg(self) -> int:
        """Degrees clockwise, 0, 90, 180 or 270, of which a left-right flip may follow."""
        return 90 * self.swap_axes + 180 * self.flip_y

    def mirrored(self) -> Orientation:
        """The same, and then left and right exchanged."""
        return replace(self, flip_x=not self.flip_x)

    def apply(self, stored: Plane) -> Plane:
        """The upright picture, C-contiguous; the stored one itself if there is nothing to turn."""
        if self == Orientation():
            return np.ascontiguousarray(stored)
        # Four times as fast as numpy, which copies byte by byte.
        # Imported here because it is slow to load and most recordings stand upright already.
        import cv2

        picture = cv2.transpose(stored) if self.swap_axes else stored
        if self.flip_x or self.flip_y:
            picture = cv2.flip(picture, -1 if self.flip_x and self.flip_y else int(self.flip_x))
        return np.asarray(picture, dtype=np.uint8)
