"""Left and right that a pose model has swapped: found by continuity, swapped back, and marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from screener.pose.landmarks import Landmark, mirror_names
from screener.pose.track import PoseTrack

__all__ = ["mend_left_right_flips"]

# The pairs that a swap exchanges together. Legs cross, and the model may swap them a frame sooner or later; the trunk
# is stiff.
_LEFT = [Landmark.LEFT_SHOULDER, Landmark.LEFT_HIP]
_RIGHT = [Landmark.RIGHT_SHOULDER, Landmark.RIGHT_HIP]

# After a gap this long the body may have turned, so continuity proves nothing and a new stretch begins.
_GAP_S = 0.5

# A swap is believed where exchanging the names makes the step from the frame before at most this part of what it
# was, and where the step was at least this part of the torso's length: a body cannot move so far in a frame.
_STEP_RATIO = 0.5
_STEP_OF_TORSO = 0.15

# On its way from one naming to the other the model may give poses between the two, in which left and right lie in one
# place. Shoulders are always equally far apart in space, even of somebody who turns round; where they are less than
# this part of it, that is nobody's pose, and the step that counts leads from the last frame before it.
_HALFWAY = 0.5


def mend_left_right_flips(track: PoseTrack) -> PoseTrack:
    """Swap the names back wherever the model exchanged the person's left and right for a while.

    A flip shows as a jump of the trunk's pairs at once that vanishes when the names are exchanged. Within a stretch
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
    torso_px = np.linalg.norm(left[:, 0] - left[:, 1], axis=1) + np.linalg.norm(right[:, 0] - right[:, 1], axis=1)
    wide_m = np.linalg.norm(track.world_m[frames, _LEFT[0]] - track.world_m[frames, _RIGHT[0]], axis=1)
    halfway = wide_m < _HALFWAY * np.percentile(wide_m, 90)

    parity, start, last = np.zeros(len(frames), dtype=bool), 0, 0
    for i in range(1, len(frames)):
        if track.times_s[frames[i]] - track.times_s[frames[last]] > _GAP_S:
            _settle(parity, start, i)
            start = last = i
            continue
        parity[i] = parity[last] ^ _is_flip(left[[last, i]], right[[last, i]], float(torso_px[i]) / 2)
        if halfway[last] or not halfway[i]:
            last = i
    _settle(parity, start, len(frames))
    swapped[frames] = parity
    return swapped


def _is_flip(left: NDArray[np.floating], right: NDArray[np.floating], torso_px: float) -> bool:
    """Whether the names changed between two frames, `(2, pair, xy)` each."""
    keep = float(np.nansum(np.linalg.norm(left[1] - left[0], axis=1) + np.linalg.norm(right[1] - right[0], axis=1)))
    exchange = float(np.nansum(np.linalg.norm(left[1] - right[0], axis=1) + np.linalg.norm(right[1] - left[0], axis=1)))
    return exchange < _STEP_RATIO * keep and keep > _STEP_OF_TORSO * torso_px * len(_LEFT)


def _settle(parity: NDArray[np.bool_], start: int, stop: int) -> None:
    """Let the more frequent naming of a stretch be the true one."""
    if parity[start:stop].mean() > 0.5:
        parity[start:stop] = ~parity[start:stop]
