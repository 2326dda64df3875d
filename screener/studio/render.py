"""Pixels: one camera, one key light with a soft shadow, and a sky of ambient light, drawn by OpenGL."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.errors import BrokenInstallation
from screener.studio.room import Scenery
from screener.studio.spec import Camera, Clothes, Look
from screener.studio.wardrobe import Surface

__all__ = ["Renderer", "View", "record"]

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

_SHADOW_SIZE = 1024
_NEAR_M, _FAR_M = 0.1, 30.0

_VERTEX = """
#version 330
uniform mat4 to_clip; uniform mat4 to_light;
in vec3 in_point; in vec3 in_normal; in vec3 in_rest; in vec3 in_rgb; in float in_cut; in float in_matter;
out vec3 point, normal, rest, rgb, lit; out float cut, matter;
void main() {
    point = in_point; normal = in_normal; rest = in_rest; rgb = in_rgb; cut = in_cut; matter = in_matter;
    vec4 l = to_light * vec4(in_point, 1.0); lit = l.xyz / l.w * 0.5 + 0.5;
    gl_Position = to_clip * vec4(in_point, 1.0);
}
"""

_SHADOW_FRAGMENT = """
#version 330
in float cut;
void main() { if (cut < 0.0) discard; }
"""

_FRAGMENT = """
#version 330
uniform sampler2DShadow shadow;
uniform vec3 eye, sun, key, ambient; uniform float mottle, folds, sheen, white, texel;
in vec3 point, normal, rest, rgb, lit; in float cut, matter;
out vec4 pixel;
float hash(vec3 p) { p = fract(p * vec3(0.1031, 0.11369, 0.13787)); p += dot(p, p.yxz + 19.19);
                     return fract((p.x + p.y) * p.z); }
float noise(vec3 p) {
    vec3 i = floor(p), f = fract(p); f = f * f * (3.0 - 2.0 * f);
    vec4 a = vec4(hash(i), hash(i + vec3(1,0,0)), hash(i + vec3(0,1,0)), hash(i + vec3(1,1,0)));
    i.z += 1.0;
    vec4 b = vec4(hash(i), hash(i + vec3(1,0,0)), hash(i + vec3(0,1,0)), hash(i + vec3(1,1,0)));
    vec4 c = mix(a, b, f.z);
    return mix(mix(c.x, c.y, f.x), mix(c.z, c.w, f.x), f.y);
}
void main() {
#ifdef PERSON  // a room is never cut, and without the test its hidden pixels cost nothing
    if (cut < 0.0) discard;
    if (white > 0.5) { pixel = vec4(1.0); return; }
#endif
    vec3 n = normalize(normal), v = normalize(eye - point), base = rgb;
    if (dot(n, v) < 0.0) n = -n;
    float shine = 0.06;
    // A software renderer walks every branch for every pixel, so people and rooms have a program each.
#ifdef PERSON
    if (matter < 0.25) { base *= 0.94 + 0.12 * noise(rest * 40.0); shine = 0.10; }
    else if (matter < 0.75) { shine = 0.12; }
    else if (matter < 1.5) {  // cloth: folds across, weave, and printed blotches
        float a = noise(rest * vec3(22.0, 9.0, 22.0)), b = noise(rest * vec3(9.0, 26.0, 9.0) + 7.0);
        n = normalize(n + folds * vec3(a - 0.5, b - 0.5, noise(rest * 15.0 + 3.0) - 0.5));
        base *= 0.86 + 0.28 * noise(rest * 120.0);
        base = mix(base, base.brg * 1.2 + 0.05, mottle * smoothstep(0.45, 0.6, noise(rest * vec3(14.0, 30.0, 14.0))));
        shine = sheen;
    } else { base *= 0.7 + 0.6 * noise(rest * vec3(160.0, 12.0, 160.0)); shine = 0.08; }
#else
    float grain = noise(rest * (matter < 2.5 ? vec3(40.0) : matter < 3.5 ? vec3(60.0, 60.0, 4.0) : vec3(20.0)));
    if (matter < 2.5) { base *= 0.94 + 0.12 * grain; shine = 0.08; }
    else if (matter < 3.5) {  // planks
        float row = floor(rest.x / 0.14), end = abs(fract(rest.x / 0.14) - 0.5);
        base *= (0.75 + 0.35 * hash(vec3(row, floor(rest.z / 0.9 + 0.37 * row), 1.0)))
              * (0.85 + 0.3 * grain) * (end > 0.48 ? 0.6 : 1.0);
    } else if (matter < 4.5) {  // tiles
        vec2 t = abs(fract(rest.xz / 0.45) - 0.5);
        base *= (max(t.x, t.y) > 0.485 ? 0.6 : 1.0) * (0.9 + 0.2 * grain); shine = 0.12;
    } else { base *= 0.93 + 0.10 * noise(rest * 3.0) + 0.04 * grain; }
#endif
    float slope = dot(n, sun), light = 0.0, bias = 0.0015 + 0.004 * (1.0 - max(slope, 0.0));
    for (int i = -1; i <= 1; i += 2) for (int j = -1; j <= 1; j += 2)
        light += texture(shadow, vec3(lit.xy + 1.2 * texel * vec2(i, j), lit.z - bias)) / 4.0;
    if (any(lessThan(lit, vec3(0.0))) || any(greaterThan(lit, vec3(1.0)))) light = 1.0;
    float sky = 0.62 + 0.38 * n.y;
    float near_floor = 1.0 - 0.25 * exp(-6.0 * max(point.y, 0.0)) * (abs(n.y) < 0.9 ? 1.0 : 0.0);
    vec3 shade = base * (key * max(slope, 0.0) * light + ambient * sky * near_floor);
    shade += shine * key * light * pow(max(dot(n, normalize(sun + v)), 0.0), 24.0);
    pixel = vec4(pow(clamp(shade, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
}
"""


@dataclass(frozen=True, slots=True)
class View:
    """A camera in the world: `eye` (xyz) and `axes`, rows right, up and backwards; `focal_px`."""

    camera: Camera
    eye: Floats
    axes: Floats
    focal_px: float

    @staticmethod
    def of(camera: Camera) -> View:
        """The camera as it stands before (or behind) a person at the origin who faces +z."""
        yaw = np.radians(camera.yaw_deg)
        front = 1.0 if camera.facing == "anterior" else -1.0
        away = np.array([np.sin(yaw), 0, front * np.cos(yaw)])
        right = np.cross([0.0, 1, 0], away)
        pitch, roll = np.radians(camera.pitch_deg), np.radians(camera.roll_deg)
        back = np.cos(pitch) * away - np.sin(pitch) * np.array([0.0, 1, 0])
        up = np.cross(back, right)
        turned = np.stack([np.cos(roll) * right - np.sin(roll) * up, np.sin(roll) * right + np.cos(roll) * up, back])
        eye = camera.distance_m * away + camera.sideways_m * right + [0, camera.height_m, 0]
        focal = camera.height_px / 2 / np.tan(np.radians(camera.fov_deg) / 2)
        return View(camera, eye, turned, float(focal))

    @property
    def aside_deg(self) -> float:
        """From how far aside the camera sees the person's place, + = from their left; a camera that stands square to
        the person but to one side of them sees them from aside too."""
        front = 1.0 if self.camera.facing == "anterior" else -1.0
        return float(np.degrees(np.arctan2(self.eye[0], front * self.eye[2])))

    def project(self, points: Floats) -> Floats:
        """Pixels (point, xy), y down, (0, 0) the outer corner of the first pixel, of world points (point, xyz)."""
        seen = (np.asarray(points, float) - self.eye) @ self.axes.T
        ahead = -seen[..., 2:]
        centre = np.array([self.camera.width_px, self.camera.height_px]) / 2
        return np.asarray(centre + self.focal_px * seen[..., :2] * [1, -1] / ahead)

    def to_clip(self) -> Floats:
        """The 4 x 4 matrix from world to OpenGL's clip space."""
        world = np.eye(4)
        world[:3, :3], world[:3, 3] = self.axes, -self.axes @ self.eye
        lens = np.zeros((4, 4))
        lens[0, 0] = 2 * self.focal_px / self.camera.width_px
        lens[1, 1] = 2 * self.focal_px / self.camera.height_px
        lens[2, 2] = -(_FAR_M + _NEAR_M) / (_FAR_M - _NEAR_M)
        lens[2, 3] = -2 * _FAR_M * _NEAR_M / (_FAR_M - _NEAR_M)
        lens[3, 2] = -1
        return np.asarray(lens @ world)


class Renderer:
    """An OpenGL context of its own for pictures of one size. Use as a context manager; one a process.

    Raises:
        BrokenInstallation: there is no OpenGL (a software one, Mesa's, is enough).
    """

    def __init__(self, width_px: int, height_px: int, samples: int = 4) -> None:
        try:
            self._gl: Any = import_module("moderngl").create_context(standalone=True, backend="egl", require=330)
        except Exception as error:
            raise BrokenInstallation(
                f"The studio cannot draw: {error}.",
                "Install screener with its extra 'studio', and Mesa's software OpenGL (libegl1, libgl1-mesa-dri).",
            ) from error
        self.size = (width_px, height_px)
        gl = self._gl
        self._programs: dict[bool, Any] = {
            moves: gl.program(_VERTEX, _FRAGMENT.replace("#version 330", f"#version 330\n#define {kind}"))
            for moves, kind in ((True, "PERSON"), (False, "ROOM"))
        }
        self._shadow_program = gl.program(_VERTEX, _SHADOW_FRAGMENT)
        self._target = gl.framebuffer(
            [gl.renderbuffer(self.size, 3, samples=samples)], gl.depth_renderbuffer(self.size, samples=samples)
        )
        self._flat = gl.framebuffer([gl.renderbuffer(self.size, 3)])
        self._shadow_map = gl.depth_texture((_SHADOW_SIZE, _SHADOW_SIZE))
        self._shadow_map.compare_func = "<="
        self._shadow_target = gl.framebuffer([], self._shadow_map)
        self._held: list[Any] = []
        self._batches: list[tuple[Any, Any, Any, Any]] = []
        self._people: list[NDArray[np.float32]] = []
        self._empty: tuple[Any, Image] | None = None

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self._gl.release()

    def stage(self, scenery: Scenery, *people: Surface) -> None:
        """Takes over what does not change: the scenery, and the people's surfaces, index by index."""
        for _, _, moving, _ in self._batches:
            if moving is not None:
                moving.release()
        for thing in self._held:
            thing.release()
        self._held, self._batches, self._empty = [], [], None
        self._people = [np.asarray(person.points, np.float32) for person in people]
        count = len(scenery.points)
        still = np.concatenate([scenery.points, scenery.normals], axis=1)
        self._add(still, scenery.points, scenery.rgb, np.ones(count), scenery.matter, np.arange(count), moves=False)
        for person in people:
            pose = np.concatenate([person.points, person.normals], axis=1)
            self._add(pose, person.points, person.rgb, person.cut, person.matter, person.triangles.ravel(), moves=True)

    def _add(
        self, pose: Floats, rest: Floats, rgb: Floats, cut: Floats, matter: Floats, index: Any, moves: bool
    ) -> None:
        gl = self._gl
        posed = gl.buffer(pose.astype("f4").tobytes(), dynamic=True)
        fixed = gl.buffer(np.column_stack([rest, rgb, cut, matter]).astype("f4").tobytes())
        indices = gl.buffer(index.astype("i4").tobytes())
        lit, shadow = (
            gl.vertex_array(
                program,
                [
                    (posed, "3f 3f", "in_point", "in_normal"),
                    (fixed, "3f 3f 1f 1f", "in_rest", "in_rgb", "in_cut", "in_matter"),
                ],
                indices,
                skip_errors=True,
            )
            for program in (self._programs[moves], self._shadow_program)
        )
        self._held += [fixed, indices, lit, shadow] + ([] if moves else [posed])
        self._batches.append((lit, shadow, posed if moves else None, index))

    def pose(self, person: int, points: NDArray[np.float32], normals: NDArray[np.float32]) -> None:
        """Moves the surface of a person (counted from 0) to posed points and normals (vertex, xyz)."""
        data = np.concatenate([points, normals], axis=1).astype("f4")
        self._batches[person + 1][2].write(data.tobytes())
        self._people[person] = points

    def draw(self, view: View, look: Look, clothes: Clothes) -> Image:
        """The picture (row, column, rgb), 8 bit, before the lens and the sensor have had their say."""
        gl, axes = self._gl, view.axes
        yaw, pitch = np.radians(look.light_yaw_deg), np.radians(look.light_pitch_deg)
        level = axes[2] * [1, 0, 1] / np.linalg.norm(axes[2] * [1, 0, 1])
        right = np.cross([0.0, 1, 0], level)
        sun = np.cos(pitch) * (np.cos(yaw) * level + np.sin(yaw) * right) + np.sin(pitch) * np.array([0.0, 1, 0])
        to_light = _light_matrix(sun, np.array([0, 0.9, 0]), 1.7)
        warm = np.array([1 + 0.18 * look.warmth, 1.0, 1 - 0.22 * look.warmth])
        values = {
            "eye": tuple(view.eye),
            "sun": tuple(sun),
            "key": tuple(look.exposure * look.key * warm),
            "ambient": tuple(look.exposure * look.ambient * np.array([0.98, 1.0, 1.02]) * warm),
            "mottle": clothes.pattern,
            "folds": clothes.folds,
            "sheen": clothes.sheen,
            "white": 0.0,
            "texel": 1 / _SHADOW_SIZE,
        }
        for program in self._programs.values():
            for name, matrix in (("to_clip", view.to_clip()), ("to_light", to_light)):
                program[name].write(matrix.T.astype("f4").tobytes())
            for name, value in values.items():
                if name in program:  # a compiler drops what a program does not use
                    program[name].value = value
        self._shadow_program["to_clip"].write(to_light.T.astype("f4").tobytes())
        gl.enable(gl.DEPTH_TEST)
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        self._shadow_map.use(0)
        if self._empty is None or self._empty[0] != (view.camera, look):
            self._target.use()
            self._target.clear(0.5, 0.5, 0.5, depth=1.0)
            self._batches[0][0].render()
            self._empty = ((view.camera, look), self._read())
            self._shadow_target.use()
        for _, shadow, moving, _ in self._batches:
            if moving is not None:
                shadow.render()
        # Only what people and their shadows cover is drawn anew: two thirds of the work saved.
        left, top, right_edge, bottom = self._touched(view, sun)
        height = self.size[1]
        self._target.use()
        self._target.scissor = (left, height - bottom, right_edge - left, bottom - top)
        self._target.clear(0.5, 0.5, 0.5, depth=1.0)
        for lit, *_ in reversed(self._batches):
            lit.render()
        self._target.scissor = None
        picture = self._empty[1].copy()
        picture[top:bottom, left:right_edge] = self._read()[top:bottom, left:right_edge]
        return picture

    def _touched(self, view: View, sun: Floats) -> tuple[int, int, int, int]:
        """Left, top, right, bottom (px) of what people and their shadows can cover: every point, and where
        its shadow has gone through the floor or as far as any wall."""
        width, height = self.size
        if not self._people:
            return 0, 0, 1, 1
        points = np.concatenate(self._people)[::3].astype(float)
        reach = np.clip((points[:, 1:2] + 0.1) / max(sun[1], 1e-3), 0, 8.0)
        points = np.concatenate([points, points - reach * sun])
        if ((points - view.eye) @ view.axes[2] > -_NEAR_M).any():
            return 0, 0, width, height
        pixels, margin = view.project(points), 12
        left, top = np.clip(pixels.min(axis=0) - margin, 0, [width - 1, height - 1]).astype(int)
        right, bottom = np.clip(pixels.max(axis=0) + margin, [left + 1, top + 1], [width, height]).astype(int)
        return int(left), int(top), int(right), int(bottom)

    def outline(self, view: View) -> NDArray[np.bool_]:
        """Where the first person is, nothing before them: (row, column), for proving truth against pixels."""
        program = self._programs[True]
        program["to_clip"].write(view.to_clip().T.astype("f4").tobytes())
        program["white"].value = 1.0
        self._target.use()
        self._target.clear(0.0, 0.0, 0.0, depth=1.0)
        self._gl.enable(self._gl.DEPTH_TEST)
        self._batches[1][0].render()
        return np.asarray(self._read()[:, :, 0] > 127)

    def _read(self) -> Image:
        self._gl.copy_framebuffer(self._flat, self._target)
        pixels = np.frombuffer(self._flat.read(components=3), np.uint8).reshape(self.size[1], self.size[0], 3)
        return np.ascontiguousarray(pixels[::-1])


def _light_matrix(sun: Floats, centre: Floats, radius: float) -> Floats:
    """A parallel light's clip space, `radius` metres around a centre."""
    right = np.cross([0.0, 1, 0], sun)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(sun, right), -sun]) / radius
    matrix[:3, 3] = -matrix[:3, :3] @ centre
    return matrix


def record(image: Image, look: Look, rng: np.random.Generator) -> Image:
    """What lens and sensor make of a picture: blur, then noise that grows in the dark; what the camera's maker makes of
    its tones before that."""
    if (look.contrast, look.saturation) != (1.0, 1.0):
        toned = 128 + look.contrast * (image.astype(np.float32) - 128)
        grey = toned.mean(axis=2, keepdims=True)
        image = np.asarray(np.clip(grey + look.saturation * (toned - grey), 0, 255), np.uint8)
    if look.blur_px > 0.2:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), look.blur_px), np.uint8)
    if look.noise <= 0:
        return image
    # Noise at half the resolution too: sensors and their denoisers leave blotches.
    h, w = image.shape[:2]
    fine = rng.standard_normal((h, w, 3), np.float32)
    coarse = cv2.resize(rng.standard_normal((h // 2, w // 2, 3), np.float32), (w, h))
    grain = 255 * look.noise * (0.7 * fine + 0.5 * coarse)
    return np.asarray(np.clip(image + grain, 0, 255), np.uint8)
