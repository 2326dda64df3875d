"""Frames with their true times, from a file or pushed live, and back into a file."""

from screener.video.frames import Frame, Picture, PushedFrames, VideoInfo, VideoSource, Window
from screener.video.noise import LiveCalmer, calmed
from screener.video.reading import MIN_DURATION_S, VideoFile, open_video
from screener.video.writing import Codec, VideoWriter, write_video

__all__ = [
    "MIN_DURATION_S",
    "Codec",
    "Frame",
    "LiveCalmer",
    "Picture",
    "PushedFrames",
    "VideoFile",
    "VideoInfo",
    "VideoSource",
    "VideoWriter",
    "Window",
    "calmed",
    "open_video",
    "write_video",
]
