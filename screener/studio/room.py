"""The place: floor, walls, furniture and the step, as boxes with colours and patterns drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from screener.studio.spec import Camera, Rgb, Room, Step

__all__ = ["Scenery", "furnish", "step_box", "turned_to"]

Floats = NDArray[np.float64]

#: The faces of a unit cube: the normal and the corners, counter-clockwise from outside.
_SIDES: list[tuple[tuple[int, int, int], list[tuple[int, int, int]]]] = [
    ((1, 0, 0), [(1, 0, 1), (1, 0, 0), (1, 1, 0), (1, 1, 1)]),
    ((-1, 0, 0), [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)]),
    ((0, 1, 0), [(0, 1, 1), (1, 1, 1), (1, 1, 0), (0, 1, 0)]),
    ((0, -1, 0), [(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)]),
    ((0, 0, 1), [(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)]),
    ((0, 0, -1), [(1, 0, 0), (0, 0, 0), (0, 1, 0), (1, 1, 0)]),
]


@dataclass(frozen=True, slots=True)
class Scenery:
    """Static triangles, three vertices each: `points`, `normals`, `rgb` (vertex, 3), `matter` (vertex,):
    0 smooth, 1 cloth, 3 planks, 4 tiles, 5 plaster."""

    points: Floats
    normals: Floats
    rgb: Floats
    matter: Floats

    def __add__(self, other: Scenery) -> Scenery:
        names = ("points", "normals", "rgb", "matter")
        return Scenery(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names))


def _box(low: tuple[float, float, float], high: tuple[float, float, float], rgb: Rgb, matter: float = 0.0) -> Scenery:
    start, size = np.array(low), np.array(high) - np.array(low)
    points, normals = [], []
    for normal, corners in _SIDES:
        quad = start + size * np.array(corners)
        points += [quad[i] for i in (0, 1, 2, 0, 2, 3)]
        normals += [normal] * 6
    count = len(points)
    return Scenery(
        np.array(points), np.array(normals, float), np.tile(np.array(rgb, float), (count, 1)), np.full(count, matter)
    )


_MATTER = {"smooth": 0.0, "cloth": 1.0, "planks": 3.0, "tiles": 4.0, "plaster": 5.0}
# A plate on top: how thick it is, and how far it stands out.
_PLATE_M, _LIP_M = 0.025, 0.012


def step_box(centre_m: tuple[float, float], size_m: tuple[float, float], height_m: float, step: Step) -> Scenery:
    """The step that a step-down is done from: `centre_m` (to the left, forward), `size_m` (wide, deep)."""
    (x, z), (wide, deep) = centre_m, size_m
    matter = _MATTER[step.matter]
    scene = _box((x - wide / 2, 0, z - deep / 2), (x + wide / 2, height_m, z + deep / 2), step.rgb, matter)
    for number in range(1, step.stairs + 1):
        back = z - deep / 2 - 0.29 * (number - 1)
        low, high = (x - wide / 2, 0, back - 0.29), (x + wide / 2, height_m * (number + 1), back)
        scene += _box(low, high, step.rgb, matter)
    if step.top_rgb is not None:
        edge = (x - wide / 2 - _LIP_M, height_m - _PLATE_M, z - deep / 2)
        scene += _box(edge, (x + wide / 2 + _LIP_M, height_m + 0.001, z + deep / 2 + _LIP_M), step.top_rgb)
    return scene


def _muted(rng: np.random.Generator, low: float, high: float, colour: float) -> Rgb:
    grey = rng.uniform(low, high)
    r, g, b = np.clip(grey * (1 + colour * rng.uniform(-1, 1, 3)), 0.02, 0.95)
    return float(r), float(g), float(b)


def furnish(room: Room) -> Scenery:
    """Floor, far and side walls, skirting and some furniture along the walls, in camera-ward coordinates:
    the far wall is behind the person as the camera sees it (z < 0), side walls to both sides."""
    rng = np.random.default_rng(room.seed)
    back, half = -room.distance_m, float(rng.uniform(2.2, 4.0))
    wall = _muted(rng, 0.35, 0.85, 0.18)
    floor_matter = float(rng.choice([0.0, 1.0, 3.0, 4.0]))
    scene = _box((-8, -0.1, back - 3), (8, 0, 9), _muted(rng, 0.15, 0.6, 0.3), floor_matter)
    scene += _box((-8, 0, back - 0.2), (8, 3.2, back), wall, 5.0)
    for sign in (-1, 1):
        inner, outer = sorted((sign * half, sign * (half + 0.2)))
        scene += _box((inner, 0, back), (outer, 3.2, 6), wall, 5.0)
    trim = _muted(rng, 0.3, 0.9, 0.1)
    scene += _box((-half, 0, back), (half, float(rng.uniform(0.05, 0.12)), back + 0.02), trim)
    for _ in range(room.furniture):
        kind = rng.choice(["picture", "window", "door", "shelf", "sofa", "table", "plant", "ball", "rug"])
        x = float(rng.uniform(-half + 0.4, half - 0.4))
        rgb, other = _muted(rng, 0.1, 0.8, 0.5), _muted(rng, 0.05, 0.7, 0.5)
        if kind == "picture":
            w, h, y = rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.8), rng.uniform(1.2, 1.6)
            scene += _box((x - w / 2, y, back), (x + w / 2, y + h, back + 0.03), other)
            scene += _box((x - w / 2 + 0.04, y + 0.04, back), (x + w / 2 - 0.04, y + h - 0.04, back + 0.035), rgb, 5.0)
        elif kind == "window":
            w = rng.uniform(0.8, 1.6)
            scene += _box((x - w / 2, 0.9, back), (x + w / 2, 2.2, back + 0.03), (0.9, 0.9, 0.88))
            for a, b in ((x - w / 2 + 0.06, x - 0.03), (x + 0.03, x + w / 2 - 0.06)):
                scene += _box((a, 0.96, back), (b, 2.14, back + 0.035), (0.75, 0.85, 0.95))
        elif kind == "door":
            scene += _box((x - 0.47, 0, back), (x + 0.47, 2.1, back + 0.03), trim)
            scene += _box((x - 0.41, 0, back), (x + 0.41, 2.04, back + 0.04), rgb)
            scene += _box((x + 0.3, 1.0, back), (x + 0.36, 1.03, back + 0.1), (0.5, 0.5, 0.5))
        elif kind == "shelf":
            w, h = rng.uniform(0.5, 1.2), rng.uniform(0.8, 2.0)
            scene += _box((x - w / 2, 0, back), (x + w / 2, h, back + 0.3), rgb)
            for y in np.arange(0.08, h - 0.2, 0.34):
                scene += _box((x - w / 2 + 0.03, y, back + 0.2), (x + w / 2 - 0.03, y + 0.28, back + 0.302), other)
                for book in np.arange(x - w / 2 + 0.05, x + w / 2 - 0.1, 0.07):
                    top = y + rng.uniform(0.12, 0.25)
                    scene += _box((book, y, back + 0.2), (book + 0.05, top, back + 0.306), _muted(rng, 0.1, 0.7, 0.6))
        elif kind == "sofa":
            w = rng.uniform(1.0, 2.0)
            scene += _box((x - w / 2, 0.08, back), (x + w / 2, 0.42, back + 0.8), rgb, 1.0)
            scene += _box((x - w / 2, 0.3, back), (x + w / 2, 0.82, back + 0.25), rgb, 1.0)
            for side in (-1, 1):
                edge = x + side * w / 2
                scene += _box((edge - 0.09, 0.08, back), (edge + 0.09, 0.6, back + 0.8), rgb, 1.0)
        elif kind == "table":
            w, z = rng.uniform(0.6, 1.2), back + 0.1
            scene += _box((x - w / 2, 0.71, z), (x + w / 2, 0.75, z + 0.6), rgb, 3.0)
            for lx in (x - w / 2 + 0.03, x + w / 2 - 0.08):
                for lz in (z + 0.03, z + 0.52):
                    scene += _box((lx, 0, lz), (lx + 0.05, 0.71, lz + 0.05), other)
        elif kind == "plant":
            scene += _box((x - 0.14, 0, back + 0.1), (x + 0.14, 0.28, back + 0.38), other)
            for _ in range(28):
                dx, dy, dz = rng.normal(0, 0.13), rng.uniform(0.3, 1.1), rng.normal(0, 0.1)
                green = (0.05, float(rng.uniform(0.15, 0.35)), 0.06)
                leaf = (x + dx, dy, back + 0.3 + dz)
                scene += _box(leaf, (leaf[0] + 0.07, leaf[1] + 0.15, leaf[2] + 0.05), green)
        elif kind == "ball":
            size = float(rng.uniform(0.12, 0.3))
            scene += _box((x, 0, back + 0.3), (x + size, size, back + 0.3 + size), rgb)
        else:
            scene += _box((-1.1, 0, -0.9), (1.1, 0.008, 1.0), rgb, 1.0)
    for mat in room.mats:
        (x, z), (wide, deep) = mat.centre_m, mat.size_m
        scene += _box((x - wide / 2, 0, z - deep / 2), (x + wide / 2, mat.thick_m, z + deep / 2), mat.rgb, 1.0)
    return scene


def turned_to(camera: Camera, scenery: Scenery) -> Scenery:
    """The scenery turned so that its far wall is behind the person as this camera sees it."""
    turn = np.radians(camera.yaw_deg) if camera.facing == "anterior" else np.pi - np.radians(camera.yaw_deg)
    c, s = np.cos(turn), np.sin(turn)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return replace(scenery, points=scenery.points @ rotation.T, normals=scenery.normals @ rotation.T)
