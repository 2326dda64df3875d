"""What somebody stands on, from the picture: a small network that looks at the feet and what is under them.

A foot that reaches down from a step and one that is held low in front of the body look the same in landmarks. In the
picture there is a step or there is none, and it reaches to the front of the foot or ends beside it. How the network was
made, from what, and what it gives: `models/footing.md`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.pose.landmarks import ANKLES
from screener.pose.patches import PatchNetwork, cut_out, how_much_brighter
from screener.terms import TASKS

__all__ = ["ANKLES_AT", "LEG_PX", "FootingFinder", "cut_feet"]

#: How long a standing leg is in the patch, pixels: from below the knees to the floor under a step.
LEG_PX = 140.0
#: Where in it the ankles' middle lies, x and y: above its middle, since what is stood on is below.
ANKLES_AT = np.array([80.0, 68.0])


class FootingFinder:
    """Tells which task fits what is under a person's feet. Not safe to share between threads.

    Raises:
        BrokenInstallation: the network is missing or not the one that the manifest names.
    """

    def __init__(self) -> None:
        self._network = PatchNetwork("footing")

    def tell(
        self, rgb: NDArray[np.uint8], px: NDArray[np.float32], leg_px: float, *, mirrored: bool = False
    ) -> NDArray[np.float64]:
        """How much the picture speaks for each of `TASKS`, `(3,)`: 0..1, in all 1; NaN where it is not known how long
        the leg is.

        Args:
            rgb: the picture.
            px: `(33, xy)`, the pose model's landmarks in it.
            leg_px: how long the person's leg is in this picture when they stand; NaN where that is not known.
            mirrored: show the network the patch's mirror image.
        """
        if not np.isfinite(leg_px):
            return np.full(len(TASKS), np.nan)
        patch = cut_feet(rgb, px[list(ANKLES)], leg_px)
        patch = patch[:, ::-1] if mirrored else patch
        return self._network(patch)


def cut_feet(
    rgb: NDArray[np.uint8],
    ankles_px: NDArray[Any],
    leg_px: float,
    *,
    turned_deg: float = 0.0,
    zoom: float = 1.0,
    shifted_px: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.float32]:
    """The patch `(160, 160, rgb)` about the feet, 0..255, as bright as any other; what lies beyond the picture is drawn
    out from its edge.

    Args:
        rgb: the picture.
        ankles_px: `(2, xy)`, both ankles in it.
        leg_px: how long the leg is in the picture when the person stands.
        turned_deg, zoom, shifted_px: what is done to it besides; training does.
    """
    scale, turn = zoom * LEG_PX / leg_px, np.radians(turned_deg)
    turning = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    middle = np.asarray(ankles_px, dtype=np.float64).mean(axis=0)
    patch = cut_out(rgb, np.column_stack([turning, ANKLES_AT + shifted_px - turning @ middle]))
    return np.minimum(patch * how_much_brighter(float(patch.mean())), 255)
