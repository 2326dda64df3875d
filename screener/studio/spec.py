"""What a clip shows, said completely: a spec file renders the same clip again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

from screener.errors import BadDataFile
from screener.measures.values import Side, Task

__all__ = [
    "Arms",
    "Bout",
    "Camera",
    "ClipSpec",
    "Clothes",
    "Look",
    "Person",
    "Pose",
    "Repetition",
    "Rgb",
    "Room",
    "Side",
    "Task",
    "load_spec",
    "save_spec",
]

Rgb: TypeAlias = tuple[float, float, float]
Arms: TypeAlias = Literal["hips", "crossed", "sides", "forward", "raised", "out", "reach"]


@dataclass(frozen=True, slots=True)
class Person:
    """A body. `muscle`, `weight` and `cup` run from 0 (little) to 1 (much); `origin` weighs three face shapes."""

    sex: Literal["female", "male"] = "female"
    age_years: float = 30.0
    stature_m: float = 1.70
    muscle: float = 0.5
    weight: float = 0.5
    cup: float = 0.5
    origin: tuple[float, float, float] = (0.2, 0.2, 0.6)
    skin_rgb: Rgb = (0.80, 0.60, 0.48)
    hair: Literal["none", "short", "bob", "long", "bun"] = "short"
    hair_rgb: Rgb = (0.20, 0.13, 0.08)


@dataclass(frozen=True, slots=True)
class Clothes:
    """What the person wears; colours are linear 0..1. `looseness_m` is how far loose cloth stands off; the hems lie
    so much lower than they are cut to (`waist_m`: higher), and `askew_deg` > 0 has them lower on the person's left."""

    top: Literal["none", "bra", "tank", "tshirt", "long_sleeves"] = "tshirt"
    top_rgb: Rgb = (0.25, 0.35, 0.55)
    top_looseness_m: float = 0.008
    bottom: Literal["shorts", "long_shorts", "leggings", "trousers"] = "shorts"
    bottom_rgb: Rgb = (0.08, 0.08, 0.10)
    bottom_looseness_m: float = 0.004
    feet: Literal["bare", "socks", "shoes"] = "shoes"
    feet_rgb: Rgb = (0.75, 0.75, 0.78)
    pattern: float = 0.0  # 0 plain .. 1 strongly mottled or striped cloth
    waist_m: float = 0.0
    top_hem_m: float = 0.0
    leg_hem_m: float = 0.0
    askew_deg: float = 0.0
    trim_rgb: Rgb | None = None  # waistband and side seams; None: as the rest
    folds: float = 0.3  # how far folds turn the cloth's surface
    sheen: float = 0.01


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera stands, from the person's place on the floor, and what lens it has.

    `yaw_deg` > 0: the camera stands on the person's left. `roll_deg` > 0: the camera is turned clockwise
    about its axis, so the picture turns counter-clockwise. `pitch_deg` > 0: it looks up.
    """

    facing: Literal["anterior", "posterior"] = "anterior"
    yaw_deg: float = 0.0
    roll_deg: float = 0.0
    pitch_deg: float = -2.0
    distance_m: float = 3.0
    height_m: float = 1.0
    sideways_m: float = 0.0
    fov_deg: float = 45.0  # across the picture's height
    width_px: int = 640
    height_px: int = 480


@dataclass(frozen=True, slots=True)
class Look:
    """Light, lens and recording. Angles of the key light are from the camera's axis: right +, up +."""

    exposure: float = 1.0
    key: float = 1.0
    ambient: float = 0.55
    light_yaw_deg: float = 35.0
    light_pitch_deg: float = 50.0
    warmth: float = 0.0  # -1 bluish .. 1 reddish
    blur_px: float = 0.5
    noise: float = 0.01  # standard deviation, of full scale
    jpeg_quality: int = 90  # of each frame, as a webcam sends them
    contrast: float = 1.0
    saturation: float = 1.0


@dataclass(frozen=True, slots=True)
class Mat:
    """A thin mat on the floor: `centre_m` to the right of the picture and towards the camera from the person."""

    centre_m: tuple[float, float] = (0.0, 0.0)
    size_m: tuple[float, float] = (0.6, 1.8)
    thick_m: float = 0.006
    rgb: Rgb = (0.3, 0.05, 0.3)


@dataclass(frozen=True, slots=True)
class Room:
    """The background, drawn from its seed. `distance_m` is from the person to the far wall."""

    seed: int = 0
    furniture: int = 4
    distance_m: float = 1.8
    bystander: Person | None = None
    bystander_clothes: Clothes = field(default_factory=Clothes)
    bystander_at_m: tuple[float, float] = (1.0, -0.8)  # to the person's left, forward
    mats: tuple[Mat, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What a step-down is done from; where a squat has one, it stands about unused.

    `top_rgb`: a plate of another colour on top, a little wider. `wider_m` and `deeper_m` are added to the usual size,
    away from the edge that is stepped down from. `stairs`: so many further steps rise behind it. `aside_m`: the middle
    of one that nobody stands on, to the person's left and forward; its `height_m` is for such a one.
    """

    rgb: Rgb = (0.34, 0.24, 0.15)
    matter: Literal["smooth", "cloth", "planks", "tiles", "plaster"] = "planks"
    top_rgb: Rgb | None = None
    wider_m: float = 0.0
    deeper_m: float = 0.0
    stairs: int = 0
    aside_m: tuple[float, float] | None = None
    height_m: float = 0.2


@dataclass(frozen=True, slots=True)
class Pose:
    """What one instant asks of the body, stance limb first. Signs are those of the house.

    Obliquity + = free side lower; FPPA + = valgus; lean + = towards the stance side; rotation + = the free side
    comes forward. Trunk flexion is what balance asks for, plus `trunk_flexion_deg`. Free-limb angles are
    from the vertical, in the standing heading; `free_follows` is how much of the obliquity the free thigh
    goes along with. `free_foot_down` 1 = that foot stands on the floor, `feet_apart` hip widths away.
    """

    knee_flexion_deg: float = 6.0
    fppa_deg: float = 0.0
    pelvic_obliquity_deg: float = 0.0
    pelvic_rotation_deg: float = 0.0
    trunk_lean_deg: float = 0.0
    trunk_flexion_deg: float = 0.0
    trunk_rotation_deg: float = 0.0
    free_hip_flexion_deg: float = 0.0
    free_hip_abduction_deg: float = 2.0
    free_knee_flexion_deg: float = 60.0
    free_ankle_deg: float = 25.0  # plantar flexion
    free_follows: float = 0.3
    free_foot_down: float = 0.0
    feet_apart: float = 1.1
    toe_out_deg: float = 8.0
    sway_side_m: float = 0.0  # centre of mass off the foot, + = towards the free side
    sway_forward_m: float = 0.0
    arm_lift_deg: float = 0.0  # both arms away from the named posture
    arm_uneven_deg: float = 0.0  # one arm more, the other less
    head_pitch_deg: float = 0.0  # + = looks down
    head_yaw_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Repetition:
    """One squat or step-down: what is added to the single-leg stance at its bottom, and its pace."""

    knee_flexion_deg: float = 60.0
    pelvic_drop_deg: float = 0.0  # the dynamic part; the static part is the bout's
    fppa_deg: float = 4.0
    trunk_lean_deg: float = 0.0
    trunk_flexion_deg: float = 0.0
    pelvic_rotation_deg: float = 0.0
    down_s: float = 1.1
    hold_s: float = 0.15
    up_s: float = 1.0
    rest_s: float = 0.5
    touches_floor: bool = False


@dataclass(frozen=True, slots=True)
class Bout:
    """One set on one leg: quiet standing (on both feet where asked), then repetitions.

    `quiet` is the single-leg stance before each repetition, its obliquity without the static drop, which
    comes as soon as the free foot has left the floor. `wobble_deg` scales slow, seeded sway of all angles.
    """

    stance_side: Side = "left"
    repetitions: tuple[Repetition, ...] = (Repetition(),)
    quiet: Pose = field(default_factory=Pose)
    static_drop_deg: float = 0.0
    both_feet_s: float = 1.5
    single_leg_s: float = 1.2
    arms: Arms = "hips"
    wobble_deg: float = 0.8


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """A whole recording. `box_height_m` None lets the deepest step-down's free heel just reach the floor."""

    name: str = "clip"
    seed: int = 0
    task: Task = "single_leg_squat"
    person: Person = field(default_factory=Person)
    clothes: Clothes = field(default_factory=Clothes)
    camera: Camera = field(default_factory=Camera)
    look: Look = field(default_factory=Look)
    room: Room = field(default_factory=Room)
    bouts: tuple[Bout, ...] = (Bout(),)
    box_height_m: float | None = None
    step: Step = field(default_factory=Step)
    fps: float = 30.0
    note: str = ""
    measurable: bool = True  # False: who screens it must say why they cannot


_CLIP = TypeAdapter(ClipSpec)


def load_spec(path: Path) -> ClipSpec:
    """Reads a spec file; whatever it leaves out has the default given above.

    Raises:
        BadDataFile: it is not JSON, or not of this shape.
    """
    try:
        return _CLIP.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadDataFile(
            f"{path.name} is not a clip spec: {error}", "Compare it with a .spec.json of sample_videos/."
        ) from error


def save_spec(spec: ClipSpec, path: Path) -> None:
    """Writes a spec as indented JSON."""
    path.write_bytes(_CLIP.dump_json(spec, indent=1) + b"\n")
