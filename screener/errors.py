"""Everything that screener raises on purpose, in one tree.

ScreenerError                       says what went wrong and what to do about it
├── WrongUse                        the call or the command line does not fit (exit code 2)
│   └── BadDataFile                 a norms, intake, manifest or screening file does not hold what it must
├── NotMeasurable                   the recording was read, but nothing could be measured (exit code 3)
├── UnreadableVideo                 the recording could not be read (exit code 4)
│   ├── NoVideoStream               the file has no picture in it
│   ├── EmptyVideo                  the file, or its picture stream, holds no frame
│   ├── TooShort                    shorter than one repetition can be
│   └── AbsurdVideo                 a size, rate or duration that no camera makes
└── BrokenInstallation              a model or data file is missing or altered (exit code 2)
"""

from __future__ import annotations

__all__ = [
    "AbsurdVideo",
    "BadDataFile",
    "BrokenInstallation",
    "EmptyVideo",
    "NoVideoStream",
    "NotMeasurable",
    "ScreenerError",
    "TooShort",
    "UnreadableVideo",
    "WrongUse",
]


class ScreenerError(Exception):
    """What went wrong (`message`) and what the person can do about it (`what_to_do`), both plain sentences."""

    exit_code = 1

    def __init__(self, message: str, what_to_do: str) -> None:
        super().__init__(message, what_to_do)
        self.message = message
        self.what_to_do = what_to_do

    def __str__(self) -> str:
        return f"{self.message} {self.what_to_do}"


class WrongUse(ScreenerError):
    """The call or the command line does not fit."""

    exit_code = 2


class BadDataFile(WrongUse):
    """A data file given by the person (norms, intake, manifest, screening) does not hold what it must."""


class NotMeasurable(ScreenerError):
    """The recording was read, but nothing in it could be measured."""

    exit_code = 3


class UnreadableVideo(ScreenerError):
    """The recording could not be read."""

    exit_code = 4


class NoVideoStream(UnreadableVideo):
    """The file has no picture in it (a sound recording, say)."""


class EmptyVideo(UnreadableVideo):
    """The file, or its picture stream, holds no frame."""


class TooShort(UnreadableVideo):
    """Shorter than one repetition can be."""


class AbsurdVideo(UnreadableVideo):
    """A size, rate or duration that no camera makes, or that would exhaust this machine."""


class BrokenInstallation(ScreenerError):
    """A model or data file of the installation is missing or altered."""

    exit_code = 2
