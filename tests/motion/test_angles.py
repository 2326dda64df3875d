"""Every formula on points whose answer is known by eye. Pixels: x to the right, y down."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from screener.motion.angles import (
    compute_fppa_deg,
    compute_knee_medial_displacement,
    compute_pelvic_obliquity_deg,
    compute_segment_inclination_deg,
    flexion_from_limb_ratio_deg,
    limb_ratio_from_flexion,
)

# Seen from the front, the person's left leg is at the picture's right and its midline towards smaller x.
FRONT_LEFT, FRONT_RIGHT = -1.0, 1.0


def at(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x, y], dtype=np.float64)


@pytest.mark.parametrize(
    ("lower", "medial", "deg"),
    [
        (at(100, 200), FRONT_LEFT, 0),
        (at(100, 200), FRONT_RIGHT, 0),
        (at(0, 200), FRONT_LEFT, 45),
        (at(0, 200), FRONT_RIGHT, -45),
        (at(200, 200), FRONT_RIGHT, 45),
        (at(200, 100), FRONT_RIGHT, 90),
        (at(100, 0), FRONT_RIGHT, 180),
    ],
)
def test_a_segment_s_inclination_is_positive_towards_the_midline(
    lower: NDArray[np.float64], medial: float, deg: float
) -> None:
    assert_allclose(compute_segment_inclination_deg(at(100, 100), lower, medial), deg, atol=1e-12)


@pytest.mark.parametrize("medial", [FRONT_LEFT, FRONT_RIGHT])
@pytest.mark.parametrize(
    ("knee_medial_px", "deg"),
    [
        (0.0, 0.0),
        (100.0, 90.0),  # thigh and shank each at 45°
        (-100.0, -90.0),
        (100 * np.tan(np.radians(5)), 10.0),
        (-100 * np.tan(np.radians(5)), -10.0),
    ],
)
def test_fppa_is_positive_for_valgus_on_either_leg(medial: float, knee_medial_px: float, deg: float) -> None:
    knee = at(300 + medial * knee_medial_px, 200)
    assert_allclose(compute_fppa_deg(at(300, 100), knee, at(300, 300), medial), deg, atol=1e-9)


def test_fppa_is_an_angle_of_the_picture_s_pixels_whatever_its_shape() -> None:
    # The thigh leans 3:4, the shank stands plumb: arctan(3/4), on a portrait as on a landscape picture.
    hip, knee, ankle = at(100, 100), at(160, 180), at(160, 280)
    assert_allclose(compute_fppa_deg(hip, knee, ankle, 1.0), 36.8698976, atol=1e-6)
    for width, height in ((1920, 1080), (1080, 1920)):
        size = at(width, height)
        normalised = compute_fppa_deg(hip / size, knee / size, ankle / size, 1.0)
        assert abs(float(normalised) - 36.87) > 10, "normalised coordinates would have given another angle"


def test_fppa_does_not_change_when_the_picture_is_rolled() -> None:
    points = np.array([[100.0, 100.0], [130.0, 200.0], [120.0, 300.0]])
    angle = np.radians(20)
    rolled = points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    upright_deg = compute_fppa_deg(*points, 1.0)
    assert_allclose(compute_fppa_deg(*rolled, 1.0), upright_deg, atol=1e-9)
    assert_allclose(upright_deg, np.degrees(np.arctan(0.3) + np.arctan(0.1)))


@pytest.mark.parametrize(
    ("free_hip", "deg"),
    [
        (at(140, 100), 0),
        (at(60, 100), 0),
        (at(140, 140), 45),
        (at(60, 140), 45),
        (at(140, 60), -45),
        (at(60, 60), -45),
        (at(100, 140), 90),
    ],
)
def test_the_hip_line_is_positive_where_the_free_hip_is_lower(free_hip: NDArray[np.float64], deg: float) -> None:
    assert_allclose(compute_pelvic_obliquity_deg(at(100, 100), free_hip), deg)


@pytest.mark.parametrize("medial", [FRONT_LEFT, FRONT_RIGHT])
def test_the_knee_s_way_from_the_hip_to_ankle_line(medial: float) -> None:
    hip, ankle = at(300, 100), at(300 + medial * 40, 300)
    on_line, inside = at(300 + medial * 20, 200), at(300 + medial * 50, 200)
    assert_allclose(compute_knee_medial_displacement(hip, on_line, ankle, medial), 0.0, atol=1e-12)
    assert_allclose(compute_knee_medial_displacement(hip, inside, ankle, medial), 30.0)


def test_missing_points_give_missing_angles_and_leave_the_others_alone() -> None:
    hip = np.array([[100.0, 100.0], [np.nan, np.nan], [100.0, 100.0]])
    knee, ankle = np.array([[110.0, 200.0]] * 3), np.array([[100.0, 300.0]] * 3)
    fppa = compute_fppa_deg(hip, knee, ankle, 1.0)
    moved = compute_knee_medial_displacement(hip, knee, ankle, 1.0)
    assert np.isnan(fppa).tolist() == np.isnan(moved).tolist() == [False, True, False]
    assert_allclose(fppa[[0, 2]], 2 * np.degrees(np.arctan(0.1)))


def test_the_limb_s_height_tells_the_knee_s_flexion() -> None:
    # The heights of the evidence table: equal segments, 58 : 42 between thigh and shank.
    assert_allclose(
        limb_ratio_from_flexion(np.array([0.0, 30, 45, 60, 75])), [1, 0.965, 0.922, 0.863, 0.789], atol=6e-4
    )
    flexion = np.array([0.0, 12.5, 30, 60, 90, 120])
    assert_allclose(flexion_from_limb_ratio_deg(limb_ratio_from_flexion(flexion)), flexion, atol=0.02)
    assert_allclose(flexion_from_limb_ratio_deg(1.07), 0.0)
    assert np.isnan(flexion_from_limb_ratio_deg(np.nan))
