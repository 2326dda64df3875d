"""Smoothing has no lag, bridges only short gaps, and goes by the frames' own times."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from screener.motion.filtering import CUTOFF_HZ, LONGEST_GAP_S, fill_gaps, smooth


def uneven_times(fps: float, seconds: float = 6.0) -> NDArray[np.float64]:
    """Frame times as phones make them: a third of the time between two frames off, and one in ten dropped."""
    chance = np.random.default_rng(3)
    times_s = np.arange(0.0, seconds, 1 / fps)
    times_s += chance.uniform(-0.3, 0.3, len(times_s)) / fps
    return np.asarray(times_s[chance.random(len(times_s)) > 0.1])


def bump(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """One slow dip of a squat's pace, its top at 3 s."""
    return np.asarray(np.exp(-(((times_s - 3.0) / 0.5) ** 2)))


@pytest.mark.parametrize("fps", [15.0, 24.0, 30.0, 60.0, 120.0])
def test_a_bump_on_uneven_times_stays_where_it_is(fps: float) -> None:
    times_s = uneven_times(fps)
    smoothed = smooth(times_s, bump(times_s))
    assert_allclose(smoothed, bump(times_s), atol=0.02)
    weights = smoothed * (smoothed > 0.2)
    assert np.trapezoid(weights * times_s, times_s) / np.trapezoid(weights, times_s) == pytest.approx(3.0, abs=0.005)


def test_fast_shaking_is_taken_out_and_slow_movement_is_not() -> None:
    times_s = np.arange(0.0, 6.0, 1 / 60)
    middle = slice(60, -60)
    for hertz, low, high in ((1.0, 0.99, 1.0), (CUTOFF_HZ, 0.45, 0.55), (15.0, 0.0, 0.03)):
        wave = np.sin(2 * np.pi * hertz * times_s)
        kept = np.ptp(smooth(times_s, wave)[middle]) / np.ptp(wave[middle])
        assert low <= kept <= high, f"{hertz} Hz"


def test_a_constant_and_a_straight_line_come_back_as_they_were() -> None:
    times_s = uneven_times(30.0)
    assert_allclose(smooth(times_s, np.full(len(times_s), 7.0)), 7.0, atol=1e-9)
    assert_allclose(smooth(times_s, 3 * times_s), 3 * times_s, atol=1e-6)


def test_one_missing_frame_is_bridged_in_time_and_a_long_gap_stays_missing() -> None:
    times_s = np.array([0.0, 0.1, 0.13, 0.2, 1.0, 1.1])
    values = np.array([[0.0, 5.0], [np.nan, 5.0], [1.3, np.nan], [2.0, 5.0], [np.nan, 5.0], [1.0, np.nan]])
    filled = fill_gaps(times_s, values)
    assert_allclose(filled[:4, 0], [0.0, 1.0, 1.3, 2.0])
    assert np.isnan(filled[4, 0]), "0.2 to 1.1 s is too long to be bridged"
    assert_allclose(filled[:5, 1], 5.0)
    assert np.isnan(filled[5, 1]), "nothing is known beyond the last value"
    assert np.isnan(values[1, 0]), "the input is left alone"


def test_a_gap_is_bridged_up_to_its_longest_and_not_beyond() -> None:
    for seconds, bridged in ((LONGEST_GAP_S, True), (LONGEST_GAP_S + 0.01, False)):
        filled = fill_gaps(np.array([0.0, 0.1, seconds]), np.array([1.0, np.nan, 1.0]))
        assert np.isfinite(filled[1]) == bridged


def test_each_side_of_a_long_gap_is_smoothed_on_its_own() -> None:
    times_s = np.arange(0.0, 4.0, 1 / 30)
    values = np.where(times_s < 2.0, 0.0, 100.0)
    values[50:70] = np.nan
    smoothed = smooth(times_s, values)
    assert_array_equal(np.isnan(smoothed), np.isnan(values))
    assert_allclose(smoothed[:50], 0.0, atol=1e-9)
    assert_allclose(smoothed[70:], 100.0, atol=1e-9)


def test_what_is_too_short_to_smooth_comes_back_as_it_was() -> None:
    for times_s in (np.array([]), np.array([0.0]), np.array([0.0, 0.03, 0.07])):
        values = np.arange(len(times_s), dtype=np.float64)
        assert_array_equal(smooth(times_s, values), values)
