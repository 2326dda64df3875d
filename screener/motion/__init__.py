"""From a `PoseTrack` to trials: the camera's view, the stance side, quiet stance, signals and repetitions."""

from screener.motion.signals import Joints, StanceSignals
from screener.motion.trials import TOUCHED_DOWN, Motion, Repetition, Trial, read_motion, seen_from
from screener.motion.view import CameraView

__all__ = [
    "TOUCHED_DOWN",
    "CameraView",
    "Joints",
    "Motion",
    "Repetition",
    "StanceSignals",
    "Trial",
    "read_motion",
    "seen_from",
]
