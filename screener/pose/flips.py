"""Left and right that a pose model has swapped: found by continuity, swapped back, and marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from screener.pose.landmarks import Landmark, mirror_names
from screener.pose.track import PoseTrack

__all__ = ["mend_left_right_flips"]

# The pairs that a swap exchanges together and that are far enough apart to tell.
_LEFT = [Landmark.LEFT_SHOULDER, Landmark.LEFT_HIP, Landmark.LEFT_KNEE, Landmark.LEFT_ANKLE]
_RIGHT = [Landmark.RIGHT_SHOULDER, Landmark.RIGHT_HIP, Landmark.RIGHT_KNEE, Landmark.RIGHT_ANKLE]

# After a gap this long the body may have turned, so continuity proves nothing and a new stretch begins.
_GAP_S = 0.5

# A swap is believed where exchanging the names makes the step from the last frame at most this part of what it
# was, and where the step was at least this part of the torso's length: a body cannot move so far in a frame.
_STEP_RATIO = 0.5
_STEP_OF_TORSO = 0.15


def mend_left_right_flips(track: PoseTrack) -> PoseTrack:
    """Swap the names back wherever the model exchanged the person's left and right for a while.

    A flip shows as a jump of all pairs at once that vanishes when the names are exchanged. Within a stretch
    without gaps the naming that holds for most frames is taken as the true one. (A whole recording named the
    wrong way round cannot be found this way; a mirrored film looks just like it.)

    Returns:
        The track with names mended and `flipped` true in the mended frames, and a warning if there were any.
    """
    swapped = _swapped_frames(track)
    if not swapped.any():
        return track
    pick = swapped[:, None]
    share = swapped.sum() / max(1, track.found.sum())
    mended = replace(
        track,
        image_px=np.where(pick[..., None], mirror_names(track.image_px), track.image_px),
        world_m=np.where(pick[..., None], mirror_names(track.world_m), track.world_m),
        visibility=np.where(pick, mirror_names(track.visibility), track.visibility),
        flipped=track.flipped ^ swapped,
    )
    return mended.with_warnings(
        f"The pose model swapped left and right in {share:.0%} of the frames; they were swapped back."
    )


def _swapped_frames(track: PoseTrack) -> NDArray[np.bool_]:
    """`(frame,)`, true where the names must be exchanged."""
    frames = np.flatnonzero(track.found)
    swapped = np.zeros(len(track.times_s), dtype=bool)
    if len(frames) < 2:
        return swapped
    left, right = track.image_px[frames][:, _LEFT], track.image_px[frames][:, _RIGHT]

    keep = np.linalg.norm(np.diff(left, axis=0), axis=2) + np.linalg.norm(np.diff(right, axis=0), axis=2)
    exchange = np.linalg.norm(left[1:] - right[:-1], axis=2) + np.linalg.norm(right[1:] - left[:-1], axis=2)
    torso = np.linalg.norm(left[:, 0] - left[:, 1], axis=1) + np.linalg.norm(right[:, 0] - right[:, 1], axis=1)
    keep_sum, exchange_sum = np.nansum(keep, axis=1), np.nansum(exchange, axis=1)
    is_flip = (exchange_sum < _STEP_RATIO * keep_sum) & (keep_sum > _STEP_OF_TORSO * torso[1:] / 2 * len(_LEFT))

    new_stretch = np.diff(track.times_s[frames]) > _GAP_S
    parity, start = np.zeros(len(frames), dtype=bool), 0
    for i in range(1, len(frames)):
        if new_stretch[i - 1]:
            _settle(parity, start, i)
            start = i
        else:
            parity[i] = parity[i - 1] ^ is_flip[i - 1]
    _settle(parity, start, len(frames))
    swapped[frames] = parity
    return swapped


def _settle(parity: NDArray[np.bool_], start: int, stop: int) -> None:
    """Let the more frequent naming of a stretch be the true one."""
    if parity[start:stop].mean() > 0.5:
        parity[start:stop] = ~parity[start:stop]
