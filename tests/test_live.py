"""Guiding a person live: a drawn skeleton plays every scene to the state machine, faster than time."""

from __future__ import annotations

import io
import json
import pickle
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import api
from screener import screen, screening_to_dict
from screener.errors import EmptyVideo, UnreadableVideo, WrongUse
from screener.live import PROMPTS, Course, Guidance, LiveCheck, Prompt, Recording, Seen
from screener.live.recording import Kept, picture_of
from screener.pipeline import Settings
from screener.plan.catalogue import load_catalogue
from screener.pose import Landmark
from screener.terms import Side
from screener.video import VideoSource, open_video
from screener.video.camera import record_camera, recorded
from tests.clips import sample_clips

FPS = 25.0
WIDTH, HEIGHT = 640, 480
LEG_PX = 160.0


@dataclass(frozen=True)
class Pose:
    """A person before a level camera. Lengths are parts of the leg's length."""

    sunk: float = 0.0  # hips below standing
    lifted: Side | None = None  # which foot is in the air
    lift: float = 0.25
    turned_deg: float = 0.0
    scale: float = 1.0
    x: float = 0.5  # of the picture's width
    hand_up: bool = False


def row_of(pose: Pose, noise: np.random.Generator | None = None) -> NDArray[np.float32]:
    """The 33 landmarks of a drawn person, `(landmark, x_px y_px x_m y_m z_m visibility)`."""
    leg = LEG_PX * pose.scale
    floor_y, middle_x = 430.0 if pose.scale == 1.0 else 430.0 + 160 * (pose.scale - 1), pose.x * WIDTH
    hip_y = floor_y - leg + pose.sunk * leg
    turn = np.radians(pose.turned_deg)
    row = np.zeros((33, 6), dtype=np.float32)
    row[:, 5] = 0.99

    def put(name: str, across: float, y: float, out: float = 0.0) -> None:
        """`across` and `out` (towards the camera) in parts of the leg's length; + across is the person's left."""
        seen = across * np.cos(turn)
        row[Landmark[name]] = (middle_x + seen * leg, y, seen, (y - hip_y) / leg, across * np.sin(turn), 0.99)

    for name in (
        "NOSE",
        "MOUTH_LEFT",
        "MOUTH_RIGHT",
        *(mark.name for mark in Landmark if "EYE" in mark.name or "EAR" in mark.name),
    ):
        put(name, 0.0, hip_y - 0.85 * leg)
    for side, sign in (("LEFT", 1), ("RIGHT", -1)):
        up = pose.lift * leg if pose.lifted == side.lower() else 0.0
        put(f"{side}_SHOULDER", 0.20 * sign, hip_y - 0.60 * leg)
        put(f"{side}_ELBOW", 0.25 * sign, hip_y - 0.30 * leg)
        for name in ("WRIST", "PINKY", "INDEX", "THUMB"):
            put(f"{side}_{name}", 0.25 * sign, hip_y - (1.2 * leg if pose.hand_up and sign > 0 else 0.0))
        put(f"{side}_HIP", 0.10 * sign, hip_y)
        put(f"{side}_KNEE", 0.10 * sign, (hip_y + floor_y - up) / 2)
        put(f"{side}_ANKLE", 0.10 * sign, floor_y - up)
        put(f"{side}_HEEL", 0.10 * sign, floor_y - up + 0.02 * leg)
        put(f"{side}_FOOT_INDEX", 0.12 * sign, floor_y - up + 0.05 * leg)
    if noise is not None:
        row[:, :2] += noise.normal(0, 0.4, (33, 2)).astype(np.float32)
    return row


@dataclass
class Play:
    """Plays poses to a guidance and keeps what it said."""

    guidance: Guidance
    time_s: float = 0.0
    said: list[Prompt] = field(default_factory=list)
    noise: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def show(self, pose: Pose | None, seconds: float, *, brightness: float = 150.0, people: int | None = None) -> None:
        for _ in range(round(seconds * FPS)):
            row = row_of(pose, self.noise) if pose is not None else None
            self.said += self.guidance.see(Seen(self.time_s, row, WIDTH, HEIGHT, brightness, people))
            self.time_s += 1 / FPS

    def squat(
        self, side: Side, *, depth: float = 0.15, seconds: float = 2.2, rest_s: float = 0.6, lift: float = 0.25
    ) -> None:
        """One repetition on `side`; 0.15 is about 62° of knee flexion."""
        standing = Pose(lifted="left" if side == "right" else "right", lift=lift)
        for share in np.linspace(0, 1, round(seconds * FPS)):
            self.show(replace(standing, sunk=depth * (1 - np.cos(2 * np.pi * share)) / 2), 1 / FPS)
        self.show(standing, rest_s)

    def hear(self, word: str) -> None:
        self.said += self.guidance.hear(word, self.time_s)  # type: ignore[arg-type]

    def into_place(self) -> None:
        """In front of the camera until a leg is asked for."""
        deadline_s = self.time_s + 10.0
        while self.guidance.stage != "lifting" and self.time_s < deadline_s:
            self.show(Pose(), 1 / FPS)
        assert self.guidance.stage == "lifting"
        self.show(Pose(), 0.5)

    @property
    def ids(self) -> list[str]:
        return [prompt.id for prompt in self.said]


@pytest.fixture
def play() -> Play:
    return Play(Guidance(Course(repetitions=3)))


def test_a_whole_check_needs_nothing_but_a_person_who_does_it(play: Play) -> None:
    play.show(None, 3.0)
    for side in ("left", "right"):
        play.into_place()
        assert play.guidance.side == side
        for _ in range(3):
            play.squat(side)
        play.show(Pose(), 2.0)
    assert play.guidance.stage == "done"
    assert play.guidance.sides_done == ["left", "right"]
    order = [
        "nobody",
        "on_both_feet",
        "lift",
        "count",
        "count",
        "count",
        "half_way",
        "on_both_feet",
        "lift",
        "count",
        "count",
        "count",
        "done",
    ]
    assert [each for each in play.ids if each != "go"] == order
    assert [prompt.number for prompt in play.said if prompt.id == "count"] == [1, 2, 3, 1, 2, 3]
    assert [prompt.side for prompt in play.said if prompt.id == "lift"] == ["left", "right"]


@pytest.mark.parametrize(
    ("pose", "brightness", "people", "expected"),
    [
        (None, 150.0, None, "nobody"),
        (None, 12.0, None, "dark"),
        (Pose(), 12.0, None, "dark"),
        (Pose(scale=1.4), 150.0, None, "too_close"),
        (Pose(scale=0.4), 150.0, None, "too_far"),
        (Pose(turned_deg=45), 150.0, None, "face_camera"),
        (Pose(x=0.08), 150.0, None, "step_left"),
        (Pose(x=0.92), 150.0, None, "step_right"),
        (Pose(), 150.0, 2, "two_people"),
    ],
)
def test_who_does_not_stand_well_hears_what_to_do_and_is_not_asked_to_move(
    play: Play, pose: Pose | None, brightness: float, people: int | None, expected: str
) -> None:
    play.show(pose, 7.0, brightness=brightness, people=people)
    assert set(play.ids) == {expected}
    assert play.guidance.stage in ("finding", "placing")
    assert play.guidance.recording is None
    # ... and a way on: as soon as it is mended, the check goes on.
    play.said.clear()
    play.show(Pose(), 8.0, people=1 if people else None)
    assert "lift" in play.ids


def test_advice_that_is_not_followed_does_not_hold_a_person_up_for_ever(play: Play) -> None:
    play.show(Pose(), 25.0, people=2)
    assert "two_people" in play.ids
    assert "lift" in play.ids


def test_too_near_is_said_until_it_is_mended_however_long(play: Play) -> None:
    play.show(Pose(scale=1.4), 60.0)
    assert set(play.ids) == {"too_close"}
    assert 8 <= len(play.ids) <= 11  # every six seconds, and no oftener


def test_hips_that_seem_to_sink_for_a_moment_are_no_bend_that_was_too_shallow(play: Play) -> None:
    play.into_place()
    play.show(Pose(lifted="right"), 5.0)
    for _ in range(3):
        play.show(Pose(lifted="right", sunk=0.026), 3 / FPS)
        play.show(Pose(lifted="right"), 0.8)
    assert play.ids[-1] == "go"
    play.squat("left", depth=0.02)
    assert play.ids[-1] == "too_shallow"


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_other_leg_first_is_as_good(play: Play, side: Side) -> None:
    play.guidance = Guidance(Course(sides=("right", "left") if side == "left" else ("left", "right"), repetitions=3))
    play.into_place()
    for _ in range(3):
        play.squat(side)
    play.show(Pose(), 2.0)
    assert "other_side_first" in play.ids
    assert play.guidance.sides_done == [side]
    assert play.guidance.side != side


def test_a_leg_that_is_done_is_not_taken_again(play: Play) -> None:
    play.guidance = Guidance(Course(sides=("left",), repetitions=3))
    play.into_place()
    play.show(Pose(lifted="left"), 3.0)
    assert "other_leg" in play.ids
    assert play.guidance.repetitions == 0


def test_a_touch_of_the_floor_and_a_shallow_and_a_hasty_one_do_not_count(play: Play) -> None:
    play.into_place()
    play.squat("left", lift=0.01)
    play.squat("left", depth=0.026)
    play.squat("left", depth=0.12, seconds=0.5)
    assert play.guidance.repetitions == 0
    assert {"touched_down", "too_shallow", "too_fast"} & set(play.ids) >= {"too_shallow", "too_fast"}
    assert "touched_down" in play.ids or "one_leg" in play.ids


def test_a_foot_that_touches_in_the_middle_of_a_repetition_is_noticed(play: Play) -> None:
    play.into_place()
    up = Pose(lifted="right")
    for share in np.linspace(0, 1, 60):
        low = 0.35 < share < 0.6
        play.show(replace(up, sunk=0.15 * (1 - np.cos(2 * np.pi * share)) / 2, lift=0.0 if low else 0.25), 1 / FPS)
    play.show(up, 0.6)
    assert play.ids[-1] == "touched_down"
    assert play.guidance.repetitions == 0
    play.squat("left")
    assert play.guidance.repetitions == 1


def test_hints_are_given_while_moving_but_never_a_score(play: Play) -> None:
    play.into_place()
    play.squat("left", depth=0.045)
    play.squat("left", depth=0.15, seconds=1.2)
    hints = [prompt.hint for prompt in play.said if prompt.id == "count"]
    assert hints == ["deeper", "slower"]


def test_three_are_enough_where_a_person_stops_early(play: Play) -> None:
    play.guidance = Guidance(Course(repetitions=5))
    play.into_place()
    for _ in range(3):
        play.squat("left")
    play.show(Pose(), 5.0)
    assert play.guidance.sides_done == ["left"]


def test_two_are_not_enough(play: Play) -> None:
    play.guidance = Guidance(Course(repetitions=5))
    play.into_place()
    for _ in range(2):
        play.squat("left")
    play.show(Pose(), 6.0)
    assert play.ids[-1] == "lift_again"
    assert play.guidance.sides_done == []
    play.show(Pose(), 90.0)
    assert play.guidance.sides_done == ["left"]  # it ends by itself


def test_nobody_moves_and_it_ends_by_itself(play: Play) -> None:
    play.into_place()
    play.show(Pose(lifted="right"), 100.0)
    assert play.guidance.stage == "stopped"
    assert play.guidance.stop == "time"


def test_leaving_half_way_keeps_the_leg_that_is_done_and_drops_the_other(play: Play) -> None:
    play.into_place()
    for _ in range(3):
        play.squat("left")
    play.show(Pose(), 6.0)
    attempt = play.guidance.attempt
    play.squat("right")
    play.show(None, 2.0)
    assert play.guidance.stage == "lost"
    assert play.guidance.attempt == attempt + 1
    assert play.ids[-1] == "lost"
    play.show(None, 20.0)
    assert (play.guidance.stage, play.guidance.stop) == ("stopped", "left")
    assert play.guidance.sides_done == ["left"]


def test_coming_back_begins_that_leg_again(play: Play) -> None:
    play.into_place()
    play.squat("left")
    play.show(None, 5.0)
    play.into_place()
    assert (play.guidance.side, play.guidance.repetitions) == ("left", 0)


@pytest.mark.parametrize(("word", "stop"), [("stop", "asked"), ("pain", "pain")])
@pytest.mark.parametrize("scene", ["placing", "standing", "moving", "paused"])
def test_it_stops_at_once_in_every_stage(play: Play, word: str, stop: str, scene: str) -> None:
    play.show(Pose(), 1.0)
    if scene != "placing":
        play.show(Pose(), 1.0)
    if scene in ("moving", "paused"):
        play.show(Pose(), 6.0)
        play.squat("left")
    if scene == "paused":
        play.hear("pause")
    assert play.guidance.stage == scene
    play.hear(word)
    assert (play.guidance.stage, play.guidance.stop) == ("stopped", stop)
    play.show(Pose(), 5.0)
    assert play.ids[-1] == f"stopped_{stop}"


def test_a_raised_hand_pauses_and_goes_on(play: Play) -> None:
    play.into_place()
    play.squat("left")
    play.show(Pose(hand_up=True), 3.0)  # held up: once only
    assert play.guidance.stage == "paused"
    play.show(Pose(), 30.0)
    assert play.guidance.stage == "paused"
    play.show(Pose(hand_up=True), 1.0)
    assert play.ids[-1] == "again"
    play.show(Pose(), 6.0)
    assert (play.guidance.stage, play.guidance.repetitions) == ("lifting", 0)


def test_a_raised_hand_starts_at_once_what_advice_holds_up(play: Play) -> None:
    play.show(Pose(), 2.0, people=2)
    play.show(Pose(hand_up=True), 1.5, people=2)
    assert play.guidance.stage == "standing"


def test_a_raised_hand_between_the_legs_repeats_the_last_one(play: Play) -> None:
    play.into_place()
    for _ in range(3):
        play.squat("left")
    play.show(Pose(), 1.0)
    assert play.guidance.stage == "resting"
    play.show(Pose(hand_up=True), 1.0)
    assert (play.guidance.side, play.guidance.sides_done) == ("left", [])


def test_a_step_down_needs_no_lifted_foot_and_minds_no_touch() -> None:
    play = Play(Guidance(Course("lateral_step_down", repetitions=3)))
    play.into_place()
    for _ in range(3):
        for share in np.linspace(0, 1, 60):
            way = (1 - np.cos(2 * np.pi * share)) / 2
            play.show(Pose(sunk=0.12 * way, lifted="right", lift=-0.12 * way), 1 / FPS)
        play.show(Pose(), 0.6)
    play.show(Pose(), 2.0)
    assert play.guidance.sides_done == ["left"]
    assert "touched_down" not in play.ids


def test_half_an_hour_in_front_of_the_camera_holds_no_more_than_a_minute() -> None:
    guidance, recording = Guidance(Course(repetitions=3)), Recording()
    jpeg, stand, hand_up = bytes(40_000), row_of(Pose()), row_of(Pose(hand_up=True))
    attempt, fps, sizes = 0, 5, {}
    for frame in range(30 * 60 * fps):
        # Somebody who stands well for 18 s, then raises a hand for 2 s: a leg is begun again and again.
        row = hand_up if frame % (20 * fps) > 18 * fps else stand
        guidance.see(Seen(frame / fps, row, WIDTH, HEIGHT, 150.0))
        if guidance.attempt != attempt:
            attempt = guidance.attempt
            recording.drop("left")
        if guidance.recording is not None:
            recording.keep(Kept(frame / fps, jpeg, row, guidance.recording), (WIDTH, HEIGHT))
        if frame % (60 * fps) == 60 * fps - 1:
            sizes[frame // (60 * fps)] = len(pickle.dumps(guidance)) + recording.bytes
    assert attempt > 20
    assert max(sizes.values()) < 1.5 * sizes[0] + 1_000_000


def _jpeg(rgb: NDArray[np.uint8], quality: int = 90) -> bytes:
    made = io.BytesIO()
    Image.fromarray(rgb).save(made, "JPEG", quality=quality)
    return made.getvalue()


def _kept(time_s: float, side: Side = "left", level: int = 90) -> Kept:
    return Kept(time_s, _jpeg(np.full((48, 64, 3), level, dtype=np.uint8)), row_of(Pose()), side)


def test_a_recording_is_a_source_of_frames_at_their_own_times() -> None:
    recording = Recording()
    for time_s in (10.0, 10.04, 10.1):
        recording.keep(_kept(time_s), (64, 48))
    source: VideoSource = recording
    assert [round(frame.time_s, 6) for frame in source] == [0.0, 0.04, 0.1]
    assert [round(frame.time_s, 6) for frame in source.read_windows([(0.03, 0.05)])] == [0.04]
    assert (source.info.width_px, source.info.height_px, source.info.duration_s) == (64, 48, pytest.approx(0.1))
    assert source.info.sha256 is not None
    assert recording.first_look.found.all()


def test_a_recording_forgets_one_leg_and_keeps_within_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording()
    recording.keep(_kept(1.0, "left"), (64, 48))
    recording.keep(_kept(2.0, "right"), (64, 48))
    recording.keep(Kept(3.0, b"of another size", None, "right"), (32, 48))
    assert len(recording) == 2
    recording.drop("left")
    assert recording.stamps_s == [2.0]
    monkeypatch.setattr("screener.live.recording._MOST_FRAMES", 2)
    for time_s in (3.0, 4.0, 5.0):
        recording.keep(_kept(time_s, "right"), (64, 48))
    assert recording.stamps_s == [2.0, 3.0]
    assert recording.full
    recording.drop()
    with pytest.raises(EmptyVideo):
        _ = recording.info


@pytest.mark.parametrize("data", [b"", b"no picture", _jpeg(np.zeros((8, 8, 3), dtype=np.uint8))[:60]])
def test_what_is_no_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(WrongUse):
        picture_of(data)


def test_a_picture_larger_than_a_cameras_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(WrongUse):
        picture_of(_jpeg(np.zeros((4000, 4000, 3), dtype=np.uint8), quality=5))


def test_the_result_is_that_of_screen_on_the_same_pictures() -> None:
    """The same pictures go through the live door and through `screen()` alone: the same numbers."""
    clip = next(clip for clip in sample_clips() if clip.stem == "sls_left_steady")
    check = LiveCheck(Course(sides=("left",), repetitions=3))
    with open_video(clip) as source:
        frames = [(frame.time_s, frame.rgb) for frame in source]
    # The clip has no quiet seconds for the guidance to go by, so it is told here which frames to keep.
    kept = Recording()
    for time_s, rgb in frames:
        answer = check.push(time_s, jpeg := _jpeg(rgb))
        kept.keep(Kept(time_s, jpeg, answer.row, "left"), check.size_px)
    check.recording = kept
    uploaded = screening_to_dict(screen(kept.snapshot(), Settings(task="single_leg_squat")))
    live = screening_to_dict(check.result())
    check.close()
    assert len(live["trials"]) == len(uploaded["trials"]) == 1
    for name, reading in uploaded["trials"][0]["summary"].items():
        assert live["trials"][0]["summary"][name] == reading, name


def _languages() -> list[Path]:
    return sorted(Path(api.__file__).parent.glob("selfcheck/static/lang/??.json"))


@pytest.mark.parametrize("file", _languages(), ids=lambda file: file.stem)
def test_every_prompt_has_a_sentence_in_every_language(file: Path) -> None:
    words = json.loads(file.read_text(encoding="utf-8"))
    assert {f"prompt.{prompt}" for prompt in PROMPTS} <= set(words)
    assert {key.removeprefix("prompt.") for key in words if key.startswith("prompt.")} == set(PROMPTS)
    assert {key.removeprefix("on_step.") for key in words if key.startswith("on_step.")} <= set(PROMPTS)


def _static() -> Path:
    return Path(api.__file__).parent / "selfcheck" / "static"


def test_every_sentence_that_a_page_asks_for_is_there_and_none_is_left_over() -> None:
    words = set(json.loads((_static() / "lang" / "en.json").read_text(encoding="utf-8")))
    sources = [path.read_text(encoding="utf-8") for path in (*_static().glob("*.js"), *_static().glob("*.html"))]
    named = {key for source in sources for key in re.findall(r'["`]([a-z]+(?:\.[a-z_]+)+)["`]', source)} - _FILES
    # Keys that are put together: `t(`side.${...}`)` and the like stand for all with that beginning.
    begun = {start for source in sources for start in re.findall(r"`([a-z]+\.(?:[a-z_]+_)?)\$\{", source)} | _BEGUN
    assert named <= words
    assert {key for key in words - named if not key.startswith(tuple(begun))} == set()


_FILES = {"report.pdf"}
# Put together in a way that the pattern does not see.
_BEGUN = {"hint.", "prompt.", "on_step.", "trouble.", "way.", "welcome.need_", "camera.step_"}


def test_every_exercise_of_the_catalogue_is_drawn() -> None:
    drawn = json.loads((_static() / "drawings.json").read_text(encoding="utf-8"))
    assert set(drawn["exercises"]) == set(load_catalogue())
    used = {pose for poses in drawn["exercises"].values() for pose in poses}
    assert used == set(drawn["poses"])
    for name, pose in drawn["poses"].items():
        points = [point for line in (*pose.get("b", []), *pose.get("w", [])) for point in line]
        assert all(0 <= x <= 120 and 0 <= y <= 88 for x, y in [*points, pose["h"]]), name


def test_a_camera_is_filmed_behind_a_countdown(tmp_path: Path) -> None:
    said: list[str] = []
    # A file gives its pictures as fast as they are taken: the longest one has some left when the time is over.
    clip = next(clip for clip in sample_clips() if clip.stem == "squats_left_then_right")
    film = record_camera(str(clip), tmp_path / "camera.mp4", 1.6, said.append, countdown_s=0)
    with open_video(film) as source:
        assert source.info.duration_s is not None
        assert source.info.duration_s < 2.0
    assert said[0].startswith("Recording 1.6 s")


def test_a_camera_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with (
        pytest.raises(UnreadableVideo, match="Camera 97 gives no picture"),
        recorded(Path("camera:97"), 5, lambda said: None),
    ):
        pass


def test_a_file_is_no_camera(tmp_path: Path) -> None:
    with recorded(file := tmp_path / "camera.mp4", 5, lambda said: None) as same:
        assert same == file
