"""A check in front of a camera: pictures as they come, guidance for the person, the same result as a recording's."""

from screener.live.check import Answer, LiveCheck
from screener.live.guidance import PROMPTS, Course, Guidance, Prompt, Seen, Stage, Stop, Word
from screener.live.recording import Recording

__all__ = [
    "PROMPTS",
    "Answer",
    "Course",
    "Guidance",
    "LiveCheck",
    "Prompt",
    "Recording",
    "Seen",
    "Stage",
    "Stop",
    "Word",
]
