"""What a measured number may be, and how far its interval reaches."""

from __future__ import annotations

import math

import pytest

from screener.measures import MEASURES, Measurement, MeasureName
from screener.measures.error_model import Estimate, measurement, pooled, raw_estimate


def reading(value: float, half_width: float = 10.0) -> Measurement:
    return Measurement(value, value - half_width, value + half_width, "deg")


@pytest.mark.parametrize(
    ("value", "low", "high"), [(1.0, 2.0, 3.0), (3.0, 1.0, 2.0), (math.nan, 0.0, 1.0), (0.0, -math.inf, 1.0)]
)
def test_a_value_outside_its_interval_or_not_finite_is_refused(value: float, low: float, high: float) -> None:
    with pytest.raises(ValueError, match=r"low <= value <= high|must be finite"):
        Measurement(value, low, high, "deg")


@pytest.mark.parametrize("name", [name for name in MEASURES if name != "foot_touchdowns"])
def test_every_measure_but_a_count_has_an_interval(name: MeasureName) -> None:
    estimate = raw_estimate(name, 5.0, 0.0)
    assert estimate.value == 5.0
    assert estimate.half_width > 0


def test_the_camera_s_yaw_widens_what_it_blurs() -> None:
    # FPPA changes by 1.16° for each degree of yaw at the bottom.
    straight, turned = (raw_estimate("fppa_deg", 5.0, yaw_deg).half_width for yaw_deg in (0.0, 15.0))
    assert turned > straight + 5
    assert raw_estimate("fppa_deg", 5.0, -15.0).half_width == turned
    assert raw_estimate("tempo_s", 2.0, 15.0).half_width == raw_estimate("tempo_s", 2.0, 0.0).half_width


def test_lengths_of_time_do_not_reach_below_nothing_and_angles_do() -> None:
    assert measurement("tempo_s", Estimate(0.1, 0.5)).low == 0.0
    assert measurement("fppa_deg", Estimate(0.1, 0.5)).low == pytest.approx(-0.4)


def test_a_trial_s_value_is_the_median_and_more_repetitions_help_but_do_not_remove_the_shared_error() -> None:
    one = pooled("fppa_deg", [reading(7.0)])
    assert (one.value, one.low, one.high, one.n) == pytest.approx((7.0, -3.0, 17.0, 1))
    three = pooled("fppa_deg", [reading(7.0)] * 3)
    many = pooled("fppa_deg", [reading(7.0)] * 100)
    widths = [each.high - each.low for each in (one, three, many)]
    assert widths[0] > widths[1] > widths[2] > 0.5 * widths[0]
    assert pooled("fppa_deg", [reading(1.0), reading(2.0), reading(30.0)]).value == 2.0
    assert pooled("fppa_deg", [reading(1.0), reading(2.0)]).value == 1.5


def test_scattered_repetitions_are_less_sure_than_alike_ones() -> None:
    alike = pooled("fppa_deg", [reading(10.0)] * 3)
    scattered = pooled("fppa_deg", [reading(0.0), reading(10.0), reading(20.0)])
    assert scattered.high - scattered.low > alike.high - alike.low
