"""Zero-lag smoothing and gap filling of signals that were sampled at uneven times."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import butter, sosfiltfilt

__all__ = ["CUTOFF_HZ", "LONGEST_GAP_S", "fill_gaps", "running_median", "smooth"]

#: Human squatting lives below this; landmark noise above it. Filters change errors by under 0.1°
#: (docs/accuracy.md), so the customary 6 Hz of gait analysis is kept.
CUTOFF_HZ = 6.0

#: Gaps up to this long are bridged by a straight line; longer ones stay missing.
LONGEST_GAP_S = 0.2

# A stretch shorter than this cannot be filtered without the ends ruling it.
_SHORTEST_STRETCH_S = 0.4


def fill_gaps(
    times_s: NDArray[np.float64], values: NDArray[np.floating], longest_gap_s: float = LONGEST_GAP_S
) -> NDArray[np.float64]:
    """Bridge short gaps by straight lines in time.

    Args:
        times_s: `(frame,)`, rising.
        values: `(frame, ...)`, NaN where missing.
        longest_gap_s: between the good frames on either side.

    Returns:
        `(frame, ...)`; longer gaps and gaps at the ends stay NaN.
    """
    flat = np.array(values, dtype=np.float64).reshape(len(times_s), math.prod(values.shape[1:]))
    for column in flat.T:
        good = np.flatnonzero(np.isfinite(column))
        for before, after in pairwise(good):
            if after - before > 1 and times_s[after] - times_s[before] <= longest_gap_s + 1e-9:
                gap = slice(before + 1, after)
                column[gap] = np.interp(times_s[gap], times_s[[before, after]], column[[before, after]])
    return flat.reshape(values.shape)


def running_median(times_s: NDArray[np.float64], values: NDArray[np.float64], span_s: float) -> NDArray[np.float64]:
    """The median over so long about each frame; what is missing is drawn through.

    Args:
        times_s: `(frame,)`, rising.
        values: `(frame,)`, NaN where missing.
        span_s: how long the stretch about each frame is.

    Returns:
        `(frame,)`; NaN only where all are missing.
    """
    good = np.isfinite(values)
    if not good.any():
        return values
    step = float(np.median(np.diff(times_s))) if len(times_s) > 1 else span_s
    whole = np.interp(times_s, times_s[good], values[good])
    return np.asarray(median_filter(whole, max(1, round(span_s / step)) | 1, mode="nearest"), dtype=np.float64)


def smooth(
    times_s: NDArray[np.float64], values: NDArray[np.floating], cutoff_hz: float = CUTOFF_HZ
) -> NDArray[np.float64]:
    """Low-pass without lag: a second-order Butterworth run forwards and backwards on the true times.

    Uneven times are handled by filtering on an even grid and reading the result at the true times. Every
    stretch between gaps is filtered on its own, after short gaps were bridged.

    Args:
        times_s: `(frame,)`, rising.
        values: `(frame, ...)`, NaN where missing.
        cutoff_hz: the frequency that comes out at half power; kept below 0.4 of the frame rate.

    Returns:
        `(frame, ...)`; NaN where a long gap is. Stretches too short to filter come back as they were.
    """
    filled = fill_gaps(times_s, values)
    flat = filled.reshape(len(times_s), math.prod(values.shape[1:]))
    if flat.size:
        # Columns that miss the same frames go through the filter together.
        patterns, which = np.unique(np.isfinite(flat), axis=1, return_inverse=True)
        for number, good in enumerate(patterns.T):
            columns = np.flatnonzero(which == number)
            for start, stop in _stretches(good):
                rows = slice(start, stop)
                flat[rows, columns] = _smooth_stretch(times_s[rows], flat[rows, columns], cutoff_hz)
    return flat.reshape(values.shape)


def _smooth_stretch(times_s: NDArray[np.float64], values: NDArray[np.float64], cutoff_hz: float) -> NDArray[np.float64]:
    if times_s[-1] - times_s[0] < _SHORTEST_STRETCH_S or len(times_s) < 8:
        return values
    step = float(np.median(np.diff(times_s)))
    count = max(len(times_s), int(np.ceil((times_s[-1] - times_s[0]) / step)) + 1)
    grid = np.linspace(times_s[0], times_s[-1], count)
    rate = 1.0 / (grid[1] - grid[0])
    sos = butter(2, min(cutoff_hz, 0.4 * rate), fs=rate, output="sos")
    pad = min(count - 1, int(rate))
    smoothed = sosfiltfilt(sos, _interpolated(grid, times_s, values), axis=0, padlen=pad)
    return _interpolated(times_s, grid, smoothed)


def _interpolated(
    at_s: NDArray[np.float64], times_s: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`np.interp` for several columns at once, `(frame, column)`."""
    after = np.clip(np.searchsorted(times_s, at_s, side="right"), 1, len(times_s) - 1)
    share = (at_s - times_s[after - 1]) / (times_s[after] - times_s[after - 1])
    return np.asarray(values[after - 1] + share[:, None] * (values[after] - values[after - 1]), dtype=np.float64)


def _stretches(good: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The runs of true, as (start, stop)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
