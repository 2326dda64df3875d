"""The camera's view of a stick figure: turned, tilted, cut off, small, hard to see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from screener.motion import CameraView, Joints, read_motion, seen_from
from screener.motion.view import WIDEST_YAW_DEG, assess_view
from screener.pose import Landmark, PoseTrack
from tests.figures import lift, on_both, perform, squat


def view_of(track: PoseTrack) -> CameraView:
    return assess_view(Joints.from_track(track), track.found)


@pytest.mark.parametrize("from_behind", [False, True], ids=["from the front", "from behind"])
@pytest.mark.parametrize("yaw_deg", [-20.0, -5.0, 0.0, 12.0])
def test_yaw_is_positive_towards_the_person_s_left(yaw_deg: float, from_behind: bool) -> None:
    view = view_of(perform(on_both(2.0), yaw_deg=yaw_deg, from_behind=from_behind))
    assert view.facing == ("posterior" if from_behind else "anterior")
    assert view.frontal
    assert view.yaw_deg == pytest.approx(yaw_deg, abs=0.1)
    seen_from_behind = ("The person is seen from behind, where angles are less sure. Face the camera if you can.",)
    assert view.warnings == (seen_from_behind if from_behind else ())
    assert view.quality == pytest.approx(np.cos(np.radians(yaw_deg)), abs=0.01)


@pytest.mark.parametrize("from_behind", [False, True], ids=["from the front", "from behind"])
@pytest.mark.parametrize("roll_deg", [-12.0, -4.0, 4.0, 12.0])
def test_roll_is_positive_where_the_picture_s_right_side_is_low(roll_deg: float, from_behind: bool) -> None:
    view = view_of(perform(on_both(2.0), roll_deg=roll_deg, from_behind=from_behind))
    assert view.roll_deg == pytest.approx(roll_deg, abs=0.1)
    assert [warning for warning in view.warnings if "Set the camera level" in warning] == (
        [f"The picture is tilted by about {abs(roll_deg):.0f}°. Set the camera level."] if abs(roll_deg) > 5 else []
    )


@pytest.mark.parametrize(
    ("yaw_deg", "facing"),
    [
        (WIDEST_YAW_DEG - 1, "anterior"),
        (WIDEST_YAW_DEG + 1, "oblique"),
        (-WIDEST_YAW_DEG - 1, "oblique"),
        (59.0, "oblique"),
        (61.0, "sagittal"),
        (-90.0, "sagittal"),
    ],
)
def test_frontal_ends_where_the_yaw_gets_too_wide(yaw_deg: float, facing: str) -> None:
    view = view_of(perform(on_both(2.0), yaw_deg=yaw_deg))
    assert view.facing == facing
    assert any("Turn to face the camera" in warning for warning in view.warnings) == (facing != "anterior")


@pytest.mark.parametrize(("first_deg", "closer_deg", "frontal"), [(48, 30, True), (48, 45, False), (35, 45, True)])
def test_who_is_turned_far_in_both_looks_is_turned_whatever_the_corrector_says(
    first_deg: float, closer_deg: float, frontal: bool
) -> None:
    steps = [on_both(2.0), lift("left"), squat("left", times=3)]
    motion = read_motion(perform(*steps, yaw_deg=first_deg))
    assert motion.view is not None
    assert not motion.view.frontal
    closer = perform(*steps, yaw_deg=closer_deg)
    seen = seen_from(motion, 18.0, closer.only(np.arange(len(closer.times_s)) % 7 == 0))
    assert seen.view is not None
    assert seen.view.frontal == frontal
    assert (seen.nothing_because is None) == frontal


def test_a_profile_that_fools_the_world_landmarks_is_seen_by_the_shoulders_width() -> None:
    track = perform(on_both(2.0), yaw_deg=85.0)
    frontal = perform(on_both(2.0))
    assert view_of(replace(track, world_m=frontal.world_m)).facing == "sagittal"


@pytest.mark.parametrize(
    ("cut", "advice"),
    [
        ({"height_px": 420}, "Step back until both feet show."),
        ({"height_px": 20}, "Step back or raise the camera until it shows."),
    ],
)
def test_what_is_cut_off_is_asked_for(cut: dict[str, int], advice: str) -> None:
    whole = perform(on_both(2.0))
    assert any(advice in warning for warning in view_of(replace(whole, **cut)).warnings)


def test_a_tiny_and_a_hidden_person_get_advice() -> None:
    track = perform(on_both(2.0))
    tiny = view_of(replace(track, image_px=track.image_px * np.float32(0.2)))
    assert any("very small" in warning for warning in tiny.warnings)
    visibility = track.visibility.copy()
    visibility[:, [Landmark.LEFT_KNEE, Landmark.RIGHT_ANKLE]] = 0.1
    dark = view_of(replace(track, visibility=visibility))
    assert any("hard to see" in warning for warning in dark.warnings)
    assert dark.quality < 0.1 < tiny.quality < view_of(track).quality
    # The free leg may hide behind the stance leg.
    visibility[:, Landmark.RIGHT_ANKLE] = visibility[:, Landmark.RIGHT_KNEE] = 1.0
    assert view_of(replace(track, visibility=visibility)).warnings == ()
