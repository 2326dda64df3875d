"""Frames with their true times, from a file or pushed live, and back into a file."""

from screener.video.frames import Frame, Picture, PushedFrames, VideoInfo, VideoSource, Window
from screener.video.reading import MIN_DURATION_S, VideoFile, open_video

__all__ = [
    "MIN_DURATION_S",
    "Frame",
    "Picture",
    "PushedFrames",
    "VideoFile",
    "VideoInfo",
    "VideoSource",
    "Window",
    "open_video",
]
