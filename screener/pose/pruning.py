"""The pruning of a pose bundle, and its undoing: a landmark model with and without its person mask.

A landmark model's third output is a mask of the person. Pointed at the second, the 1×1 pose flag, nothing asks
for the mask any more and the runtime leaves its decoder out: 7 to 8 ms of CPU a frame less, and every landmark
the same to the last bit. One number in the file differs. The 64×64 heatmap output must stay: the runtime refines
landmarks on it, and they move by 5 to 6 px without it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

from mediapipe.tasks.metadata import schema_py_generated as tflite_schema

__all__ = ["DETECTOR", "LANDMARKS", "bundle", "prune", "unprune", "unpruned_bundle"]

#: The names that the runtime asks for in a bundle.
DETECTOR, LANDMARKS = "pose_detector.tflite", "pose_landmarks_detector.tflite"

_MASK_OUTPUT, _FLAG_OUTPUT = 2, 1  # places among the landmark model's outputs
_MASK_TENSOR = b"Identity_2"  # the name of the mask, which pruning does not change

# A bundle's entries are aligned to a cache line.
_ENTRY_ALIGNMENT = 64
_ZIP_HEADER_BYTES, _ZIP_EXTRA_BYTES = 30, 4  # of a local file header and of an extra field, before their text
_ALIGNMENT_FIELD = b"\x35\xd9"  # extra field 0xd935, in common use for alignment padding


def prune(model: bytes) -> bytes:
    """The landmark `model` with its mask output pointed at its pose flag."""
    return _with_mask_output(model, lambda graph: int(graph.Outputs(_FLAG_OUTPUT)))


def unprune(model: bytes) -> bytes:
    """The landmark `model` with its mask output pointed at the mask: what `prune` was given."""
    return _with_mask_output(model, _mask_tensor)


def unpruned_bundle(path: Path) -> bytes:
    """The `.task` file that the pruned one at `path` was made from: a bundle as published."""
    with zipfile.ZipFile(path) as archive:
        return bundle(archive.read(DETECTOR), unprune(archive.read(LANDMARKS)))


def bundle(detector: bytes, landmarks: bytes) -> bytes:
    """The `.task` file of a detector and a landmark model: a stored zip with aligned entries and no dates."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in ((DETECTOR, detector), (LANDMARKS, landmarks)):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on every platform
            unpadded = file.tell() + _ZIP_HEADER_BYTES + len(name) + _ZIP_EXTRA_BYTES
            padding = -unpadded % _ENTRY_ALIGNMENT
            entry.extra = _ALIGNMENT_FIELD + padding.to_bytes(2, "little") + bytes(padding)
            archive.writestr(entry, data)
    return file.getvalue()


def _mask_tensor(graph: tflite_schema.SubGraph) -> int:
    return next(i for i in range(graph.TensorsLength()) if graph.Tensors(i).Name() == _MASK_TENSOR)


def _with_mask_output(model: bytes, tensor_of: Callable[[tflite_schema.SubGraph], int]) -> bytes:
    edited = bytearray(model)
    graph = tflite_schema.Model.GetRootAs(edited, 0).Subgraphs(0)
    graph.OutputsAsNumpy()[_MASK_OUTPUT] = tensor_of(graph)  # a view on `edited`
    return bytes(edited)
