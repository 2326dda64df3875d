"""From how far aside the camera sees a person, from the picture: a small network that looks at trunk and thighs.

The knee's alignment changes by about a degree with each degree of the camera's yaw, and landmarks tell that yaw to two
degrees or three. The picture shows more: how chest, belly and thighs are turned. Head and feet are hidden from the
network: people look at the screen, or down, and turn their toes out as they like. How it was made, from what, and what
it gives: `models/facing.md`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from screener.pose.joints import cut_patch, patch_frame
from screener.pose.landmarks import HIPS
from screener.pose.patches import PatchNetwork

__all__ = ["HIPS_AT", "LEG_PX", "FacingFinder"]

#: How long a standing leg is in the patch, pixels: from the shoulders to below the knees.
LEG_PX = 95.0
#: Where in it the hips' middle lies, x and y.
HIPS_AT = np.array([80.0, 84.0])


class FacingFinder:
    """Tells from how far aside the camera sees a person. Not safe to share between threads.

    Raises:
        BrokenInstallation: the network is missing or not the one that the manifest names.
    """

    def __init__(self) -> None:
        self._network = PatchNetwork("facing")

    def tell(
        self,
        rgb: NDArray[np.uint8],
        px: NDArray[np.float32],
        leg_px: float,
        *,
        turned_deg: float = 0.0,
        zoom: float = 1.0,
    ) -> float:
        """From how far aside the person is seen, degrees, + = the picture shows more of the body's side that lies to
        the picture's right; half of what the network says of the patch less what it says of its mirror image. NaN
        where it is not known how long the leg is.

        Args:
            rgb: the picture.
            px: `(33, xy)`, the pose model's landmarks in it.
            leg_px: how long the person's leg is in this picture when they stand; NaN where that is not known.
            turned_deg, zoom: how the network is shown the patch; its errors hang on that a little.
        """
        if not np.isfinite(leg_px):
            return float("nan")
        there = patch_frame(px[list(HIPS)], leg_px, long_px=LEG_PX, at=HIPS_AT, turned_deg=turned_deg, zoom=zoom)
        patch = cut_patch(rgb, px, there, long_px=LEG_PX)
        shown, over = (float(self._network(each)[0]) for each in (patch, patch[:, ::-1]))
        return (shown - over) / 2
