"""From a `PoseTrack` to trials: the camera's view, the stance side, quiet stance, signals and repetitions."""

from screener.motion.counting import OVERTURNED_BY_A_CLOSER_LOOK, Repetition
from screener.motion.signals import Joints, StanceSignals
from screener.motion.trials import Motion, Trial, read_motion, seen_from
from screener.motion.view import CameraView

__all__ = [
    "OVERTURNED_BY_A_CLOSER_LOOK",
    "CameraView",
    "Joints",
    "Motion",
    "Repetition",
    "StanceSignals",
    "Trial",
    "read_motion",
    "seen_from",
]
