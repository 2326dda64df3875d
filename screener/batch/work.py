"""What is done for one recording, in whichever process or machine: screen it and keep the result, once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Any

from screener.batch.folders import Folder, as_local_file
from screener.errors import ScreenerError, WrongUse
from screener.memory import give_memory_back
from screener.pipeline import Settings, screen, screen_track
from screener.pose import read_pose_track, write_pose_track
from screener.pose.bundles import installed_models
from screener.screening import Screening, screening_to_dict

__all__ = [
    "LANDMARKS",
    "RESULTS",
    "Failure",
    "Job",
    "Outcome",
    "do",
    "failure_of",
    "landmarks_prefix",
    "result_key",
    "versions",
    "versions_sha256",
]

#: The folders of a batch in which results and landmarks are kept, each named by its key.
RESULTS, LANDMARKS = "results", "landmarks"

# A failed file's message names it. The result is kept by content, which may lie under several names.
_NAME = "{file}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there are no numbers: the kind of error, two plain sentences, and the exit code that goes with it."""

    kind: str
    message: str
    what_to_do: str
    exit_code: int

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """The failure that an error is. One that nobody foresaw is told as it is."""
        if isinstance(error, ScreenerError):
            return cls(type(error).__name__, error.message, error.what_to_do, error.exit_code)
        return cls(
            type(error).__name__,
            f"The program failed: {error}",
            "Run again with --resume; if it fails again, report this line.",
            1,
        )

    def naming(self, file: str) -> Failure:
        """The failure with the file's name put in."""
        return replace(self, message=self.message.replace(_NAME, file))


@dataclass(frozen=True, slots=True)
class Job:
    """A recording to screen: where it is, how, where the result goes, and which versions must do it.

    `landmarks` names the kept landmarks to screen from; then `sha256` says whose they are, and the recording
    is not touched.
    """

    address: str
    settings: Settings
    out: str
    versions_sha256: str
    landmarks: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job. `failure` is None where numbers were measured; `kept` says that the result is stored."""

    sha256: str | None
    failure: Failure | None
    kept: bool


@cache
def versions() -> dict[str, Any]:
    """What the numbers depend on besides the recording and the settings."""
    return {
        "screener": version("screener"),
        "mediapipe": version("mediapipe"),
        "models": {model.name: model.sha256 for model in installed_models()},
    }


def versions_sha256() -> str:
    """The same versions have the same hash."""
    return hashlib.sha256(json.dumps(versions(), sort_keys=True).encode()).hexdigest()


def landmarks_prefix(sha256: str, settings: Settings) -> str:
    """How the names of all landmarks begin that were seen in this recording with these settings."""
    return f"{sha256}.{settings.sha256()[:16]}."


def result_key(sha256: str, settings: Settings, versions_sha256: str) -> str:
    """The name of a result: content, settings and versions; a change of any makes it another one."""
    return landmarks_prefix(sha256, settings) + versions_sha256[:16]


def do(job: Job) -> Outcome:
    """Do one job. Whatever goes wrong is in the outcome; nothing is raised."""
    try:
        if job.versions_sha256 != versions_sha256():
            raise WrongUse(
                "This worker has other versions of the program or its models than the batch.",
                "Install the same version on every machine, then run again with --resume.",
            )
        return _screen_again(job) if job.landmarks is not None else _screen_video(job)
    except Exception as error:
        return Outcome(job.sha256, Failure.of(error), kept=False)
    finally:
        give_memory_back()


def _screen_video(job: Job) -> Outcome:
    out = Folder(job.out)
    with as_local_file(job.address) as path:
        if not path.is_file():
            screen(path, job.settings)  # It says what is wrong.
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        key = result_key(sha256, job.settings, job.versions_sha256)
        if out.has(f"{RESULTS}/{key}.json"):
            return Outcome(sha256, failure_of(json.loads(out.read(f"{RESULTS}/{key}.json"))), kept=True)
        try:
            screening = screen(path, job.settings)
        except ScreenerError as error:
            if error.exit_code == WrongUse.exit_code:
                raise  # A matter of this machine, not of the recording: not to be kept as its result.
            failure = Failure.of(error)
            failure = replace(failure, message=failure.message.replace(path.name, _NAME))
            out.write_json(f"{RESULTS}/{key}.json", {"failure": asdict(failure)})
            return Outcome(sha256, failure, kept=True)
    first, *further = screening.looks
    with out.writing(f"{LANDMARKS}/{key}.parquet") as path:
        write_pose_track(first, path, looks=tuple(further))
    return _kept(screening, key, out, sha256)


def _screen_again(job: Job) -> Outcome:
    assert job.landmarks is not None
    assert job.sha256 is not None
    with as_local_file(Folder(job.out).address(f"{LANDMARKS}/{job.landmarks}")) as path:
        first, further = read_pose_track(path)
    screening = screen_track((first, *further), job.settings)
    return _kept(screening, result_key(job.sha256, job.settings, job.versions_sha256), Folder(job.out), job.sha256)


def _kept(screening: Screening, key: str, out: Folder, sha256: str) -> Outcome:
    # The result comes last: where it is, everything is.
    plain = screening_to_dict(screening)
    out.write_json(f"{RESULTS}/{key}.json", plain)
    return Outcome(sha256, failure_of(plain), kept=True)


def failure_of(result: dict[str, Any]) -> Failure | None:
    """The failure that a kept result tells of, if it does."""
    if "failure" in result:
        return Failure(**result["failure"])
    if result["nothing_because"] is not None:
        return Failure("NotMeasurable", "Nothing could be measured.", result["nothing_because"], 3)
    return None
