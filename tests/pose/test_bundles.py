"""Pose bundles: pruning leaves every landmark alone, a build can be repeated, an altered file is refused."""

from __future__ import annotations

import importlib.util
import json
import shutil
import zipfile
from itertools import islice
from pathlib import Path
from types import ModuleType

import av
import mediapipe as mp
import numpy as np
import numpy.typing as npt
import pytest
from mediapipe.tasks.python import BaseOptions, vision

from screener.data import data_path
from screener.errors import BrokenInstallation
from screener.pose import bundles

FRAME_MS = 33  # about the clip's 30 frames a second; both bundles get the same


@pytest.fixture(scope="session")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_pose_bundles", data_path("models", "build_pose_bundles.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pictures() -> list[mp.Image]:
    with av.open(data_path("sample_videos", "sls_right_drop_and_valgus.mp4")) as clip:
        frames = islice(clip.decode(video=0), 20, 80, 6)  # on the way down, where the person moves
        return [mp.Image(mp.ImageFormat.SRGB, frame.to_ndarray(format="rgb24")) for frame in frames]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the installed models that a test may damage."""
    shutil.copytree(data_path("models"), tmp_path / "models")
    monkeypatch.setenv("SCREENER_DATA", str(tmp_path))
    return tmp_path / "models"


def parts(build: ModuleType, path: Path) -> tuple[bytes, bytes]:
    """The detector and the landmark model of a bundle."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(build.DETECTOR), archive.read(build.LANDMARKS)


def landmarker(task: bytes, mode: vision.RunningMode, masks: bool = False) -> vision.PoseLandmarker:
    return vision.PoseLandmarker.create_from_options(
        vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=task),
            running_mode=mode,
            output_segmentation_masks=masks,
        )
    )


def landmarks(task: bytes, mode: vision.RunningMode, pictures: list[mp.Image]) -> npt.NDArray[np.float64]:
    """All that a bundle says of the pictures, `(frame, landmark, x y z visibility presence, image world)`."""
    said = []
    with landmarker(task, mode) as runtime:
        for i, picture in enumerate(pictures):
            if mode is vision.RunningMode.VIDEO:
                result = runtime.detect_for_video(picture, i * FRAME_MS)
            else:
                result = runtime.detect(picture)
            kinds = result.pose_landmarks[0], result.pose_world_landmarks[0]
            said.append([[(p.x, p.y, p.z, p.visibility, p.presence) for p in kind] for kind in kinds])
    return np.moveaxis(np.array(said), 1, -1)


@pytest.mark.parametrize(("name", "frames"), [("full", 10), ("heavy", 4)])
@pytest.mark.parametrize("mode", [vision.RunningMode.VIDEO, vision.RunningMode.IMAGE])
def test_pruning_leaves_every_landmark_bit_identical(
    build: ModuleType, pictures: list[mp.Image], name: str, frames: int, mode: vision.RunningMode
) -> None:
    path = bundles.model_file(f"pose_{name}")
    detector, pruned = parts(build, path)
    as_published = build.bundle(detector, build.unprune(pruned))

    seen = landmarks(path.read_bytes(), mode, pictures[:frames])

    assert seen.shape == (frames, 33, 5, 2)
    assert np.ptp(seen[:, :, 0, 0], axis=0).min() > 0  # the person moves: not one answer repeated
    np.testing.assert_array_equal(seen, landmarks(as_published, mode, pictures[:frames]))


@pytest.mark.parametrize("name", ["full", "heavy"])
def test_unpruned_bundle_does_draw_the_mask(build: ModuleType, pictures: list[mp.Image], name: str) -> None:
    detector, pruned = parts(build, bundles.model_file(f"pose_{name}"))
    with landmarker(build.bundle(detector, build.unprune(pruned)), vision.RunningMode.IMAGE, masks=True) as runtime:
        masks = runtime.detect(pictures[0]).segmentation_masks
        person = (masks[0].numpy_view() > 0.5).mean()  # the view does not keep its picture alive: `masks` does
    assert 0.02 < person < 0.5  # a standing person in a 4:3 picture, neither nothing nor all


@pytest.mark.parametrize("name", ["full", "heavy"])
def test_building_again_gives_the_same_bytes(build: ModuleType, name: str) -> None:
    path = bundles.model_file(f"pose_{name}")
    detector, pruned = parts(build, path)
    unpruned = build.unprune(pruned)
    assert unpruned != pruned
    assert build.bundle(detector, build.landmark_model(unpruned)) == path.read_bytes()


@pytest.mark.parametrize("name", ["full", "heavy"])
def test_detector_is_the_published_one(build: ModuleType, name: str) -> None:
    detector, _ = parts(build, bundles.model_file(f"pose_{name}"))
    assert build.hashlib.sha256(detector).hexdigest() == build.SOURCE_SHA256["pose_detection.tflite"]


def test_bundle_path_is_the_installed_file() -> None:
    assert bundles.bundle_path("full") == data_path("models", "pose_full.task")
    assert bundles.bundle_path("heavy") == data_path("models", "pose_heavy.task")


def test_every_installed_model_is_intact_and_has_its_card() -> None:
    installed = bundles.installed_models()
    assert {"pose_full", "pose_heavy"} <= {model.name for model in installed}
    manifest = json.loads(data_path("models", "manifest.json").read_text())["models"]
    for model in installed:
        assert model.intact, model.name
        assert model.path.stat().st_size == model.bytes
        assert model.sha256 in data_path("models", manifest[model.name]["card"]).read_text(), model.name


def test_one_altered_byte_is_refused_even_after_the_file_was_found_good(installation: Path) -> None:
    path = bundles.bundle_path("full")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BrokenInstallation, match=r"pose_full\.task is not the one"):
        bundles.bundle_path("full")
    assert {model.name: model.intact for model in bundles.installed_models()}["pose_full"] is False


def test_missing_file_is_refused_and_still_listed(installation: Path) -> None:
    (installation / "pose_heavy.task").unlink()
    with pytest.raises(BrokenInstallation, match=r"pose_heavy\.task is missing"):
        bundles.bundle_path("heavy")
    assert {model.name: model.intact for model in bundles.installed_models()}["pose_heavy"] is False


def test_unknown_name_is_refused() -> None:
    with pytest.raises(BrokenInstallation, match="does not know pose_lite"):
        bundles.model_file("pose_lite")


@pytest.mark.parametrize("text", ["", "{", '{"models": {"pose_full": {"file": "pose_full.task"}}}'])
def test_unreadable_manifest_is_a_broken_installation(installation: Path, text: str) -> None:
    (installation / "manifest.json").write_text(text)
    with pytest.raises(BrokenInstallation, match="manifest"):
        bundles.installed_models()


def test_any_learned_file_is_found_through_the_manifest(installation: Path) -> None:
    (installation / "corrector.json").write_text("{}")
    manifest = json.loads((installation / "manifest.json").read_text())
    manifest["models"]["corrector"] = {
        "file": "corrector.json",
        "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",  # of the two bytes {}
        "bytes": 2,
        "licence": "Apache-2.0",
        "source": ["fitted here"],
        "changed": [],
        "card": "corrector.md",
    }
    (installation / "manifest.json").write_text(json.dumps(manifest))
    assert bundles.model_file("corrector") == installation / "corrector.json"
