"""The eight ways in which a camera can lie, on a picture whose corners tell where they are."""

from __future__ import annotations

import numpy as np
import pytest

from screener.video.orientation import Orientation

ONE = 1 << 16
CORNERS = np.arange(1, 7, dtype=np.uint8).reshape(2, 3, 1).repeat(3, axis=2)  # 1 2 3 / 4 5 6


@pytest.mark.parametrize(
    ("a", "b", "c", "d", "rotation_deg", "upright"),
    [
        (1, 0, 0, 1, 0, [[1, 2, 3], [4, 5, 6]]),
        (0, 1, -1, 0, 90, [[4, 1], [5, 2], [6, 3]]),
        (-1, 0, 0, -1, 180, [[6, 5, 4], [3, 2, 1]]),
        (0, -1, 1, 0, 270, [[3, 6], [2, 5], [1, 4]]),
        (-1, 0, 0, 1, 0, [[3, 2, 1], [6, 5, 4]]),
        (0, 1, 1, 0, 90, [[1, 4], [2, 5], [3, 6]]),
        (1, 0, 0, -1, 180, [[4, 5, 6], [1, 2, 3]]),
        (0, -1, -1, 0, 270, [[6, 3], [5, 2], [4, 1]]),
    ],
)
def test_every_display_matrix(a: int, b: int, c: int, d: int, rotation_deg: int, upright: list[list[int]]) -> None:
    matrix = np.array([a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30], np.int32)
    orientation = Orientation.from_display_matrix(matrix)
    assert orientation.rotation_deg == rotation_deg
    picture = orientation.apply(CORNERS)
    assert picture[..., 0].tolist() == upright
    assert picture.flags.c_contiguous
    assert picture.dtype == np.uint8
    assert orientation.mirrored().apply(CORNERS)[..., 0].tolist() == [row[::-1] for row in upright]


def test_a_slightly_tilted_matrix_goes_to_the_nearest_quarter_turn() -> None:
    matrix = np.array([-9000, 64000, 0, -64000, -9000, 0, 0, 0, 1 << 30], np.int32)
    assert Orientation.from_display_matrix(matrix) == Orientation(swap_axes=True, flip_x=True)
