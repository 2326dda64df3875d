"""Patches of a picture, cut out for a small network: turned, scaled and as bright as any other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.pose.bundles import model_file

__all__ = ["PATCH_PX", "PatchNetwork", "cut_out", "how_much_brighter"]

#: A patch's side, pixels.
PATCH_PX = 160

# A picture that is made smaller than this is blurred before, by so many pixels of the patch, so that nothing flickers.
_BLUR_BELOW, _BLUR_PX = 0.8, 0.4
# A patch is made this bright on average (0..255), but not darker or brighter by more than these factors.
_BRIGHT, _BRIGHTENED = 110.0, (0.5, 6.0)


def cut_out(rgb: NDArray[np.uint8], there: NDArray[np.float64]) -> NDArray[np.float32]:
    """The patch `(160, 160, rgb)`, 0..255; what lies beyond the picture is drawn out from its edge.

    Args:
        rgb: the picture.
        there: the way from the picture's pixels, counted as landmarks are, to the patch's: an affine `(2, 3)`.
    """
    import cv2  # slow to load, and only a close look needs it

    scale = float(np.sqrt(abs(np.linalg.det(there[:, :2]))))
    around = (PATCH_PX * 0.75) / scale
    centre = np.linalg.solve(there[:, :2], np.full(2, PATCH_PX / 2) - there[:, 2])
    low = np.clip(centre - around, 0, np.array(rgb.shape[1::-1]) - 2).astype(int)
    high = np.clip(centre + around, low + 2, rgb.shape[1::-1]).astype(int)
    part = rgb[low[1] : high[1], low[0] : high[0]]
    if scale < _BLUR_BELOW:
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), _BLUR_PX / scale), dtype=np.uint8)
    # OpenCV counts from the middle of the first pixel, landmarks count from its corner.
    moved = np.column_stack([there[:, :2], there[:, 2] + there[:, :2] @ (low + 0.5) - 0.5])
    patch = cv2.warpAffine(part, moved, (PATCH_PX, PATCH_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(patch, dtype=np.float32)


def how_much_brighter(mean: float) -> np.float64:
    """The factor that makes a patch of this mean brightness (0..255) as bright as any other."""
    return np.float64(np.clip(_BRIGHT / max(mean, 1.0), *_BRIGHTENED))


class PatchNetwork:
    """One of the small networks, loaded when it is first asked. Not safe to share between threads.

    Raises:
        BrokenInstallation: the network is missing or not the one that the manifest names.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._network: Any = None

    def __call__(self, patch: NDArray[Any]) -> NDArray[np.float64]:
        """What it makes of a patch `(160, 160, rgb)`, flat."""
        import cv2

        if self._network is None:
            self._network = cv2.dnn.readNetFromONNX(str(model_file(self._name)))
        self._network.setInput(np.ascontiguousarray(patch.transpose(2, 0, 1)[None], dtype=np.float32))
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)  # so small a network costs a quarter more where threads share it
        try:
            return np.asarray(self._network.forward(), dtype=np.float64).reshape(-1)
        finally:
            cv2.setNumThreads(threads)
