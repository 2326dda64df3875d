"""From frames to a `PoseTrack`: where one person's joints are in every frame. The only room that knows MediaPipe."""

from screener.pose.estimator import Follower, PoseEstimator
from screener.pose.flips import mend_left_right_flips
from screener.pose.landmarks import LANDMARKS, Landmark, mirror_names
from screener.pose.track import PoseTrack, joined, read_pose_track, write_pose_track

__all__ = [
    "LANDMARKS",
    "Follower",
    "Landmark",
    "PoseEstimator",
    "PoseTrack",
    "joined",
    "mend_left_right_flips",
    "mirror_names",
    "read_pose_track",
    "write_pose_track",
]
