"""A study's folder: many recordings, some of them broken, and the results of people who were never filmed."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame

from screener import Screening, Settings, screen_track, screening_to_dict
from screener.batch.folders import stamps
from screener.batch.work import RESULTS, result_key, versions_sha256
from screener.video import open_video
from tests.clips import encode, reencode, sample_clips
from tests.figures import on_both, perform, squat

__all__ = ["BREAKS", "QUICK", "kept_results", "make_recordings", "squatting", "tables_of", "write_manifest"]

#: Without the second look: what is tried here does not depend on it, and it costs as much again.
QUICK = Settings(second_look=False)

# One repetition of a sample clip, at the rate of a slow webcam: as little as can be measured.
_END_S, _FPS = 3.0, 15


def _first_ends_s(clip: Path) -> float:
    """When the first repetition of a sample clip is over."""
    truth = json.loads(clip.with_suffix(".truth.json").read_text(encoding="utf-8"))
    return float(truth["repetitions"][0]["end_s"])


def make_recordings(folder: Path, count: int) -> list[Path]:
    """`count` recordings, no two alike: sample clips cut, scaled and encoded in different ways."""
    clips = [clip for clip in sample_clips() if _first_ends_s(clip) < _END_S]
    ways = [("h264", ".mp4"), ("mpeg4", ".avi"), ("h264", ".mkv"), ("hevc", ".mov"), ("vp9", ".webm"), ("h264", ".m4v")]
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        clip, (codec, suffix) = clips[number % len(clips)], ways[number % len(ways)]
        with open_video(clip) as source:
            width, height = source.info.width_px, source.info.height_px
        scale = 1 - 0.3 * number / count
        made.append(
            reencode(
                clip,
                folder / f"{number:03}_{clip.stem}{suffix}",
                codec=codec,
                fps=_FPS,
                end_s=_END_S + number % 7 / _FPS,
                size=(round(width * scale) // 2 * 2, round(height * scale) // 2 * 2),
            )
        )
    return made


def _empty(good: bytes, path: Path) -> None:
    path.write_bytes(b"")


def _letter(good: bytes, path: Path) -> None:
    path.write_text(f"Dear doctor, this is {path.name}.\n" * 100)


def _beginning_only(good: bytes, path: Path) -> None:
    path.write_bytes(good[: len(good) // 3])


def _no_beginning(good: bytes, path: Path) -> None:
    path.write_bytes(good[2000:])


def _sound(good: bytes, path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _too_short(good: bytes, path: Path) -> None:
    encode(path, [(index / 15, np.full((48, 64, 3), 90, np.uint8)) for index in range(8)])


def _nobody(good: bytes, path: Path) -> None:
    encode(path, [(index / 10, np.full((240, 180, 3), 90, np.uint8)) for index in range(25)], fps=10)


def _playlist(good: bytes, path: Path) -> None:
    path.write_text("#EXTM3U\n#EXTINF:9,\nother.mp4\n")


#: Ways in which a recording is no recording: how it is made of a good one, and what it is told as.
BREAKS: dict[str, tuple[Callable[[bytes, Path], None], str]] = {
    "empty": (_empty, "EmptyVideo"),
    "letter": (_letter, "UnreadableVideo"),
    "beginning_only": (_beginning_only, "UnreadableVideo"),
    "no_beginning": (_no_beginning, "UnreadableVideo"),
    "sound": (_sound, "NoVideoStream"),
    "too_short": (_too_short, "TooShort"),
    "nobody": (_nobody, "NotMeasurable"),
    "playlist": (_playlist, "UnreadableVideo"),
}


def write_manifest(path: Path, rows: Sequence[Mapping[str, object]], delimiter: str = ",") -> Path:
    """A manifest with the columns of its first row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def squatting(times: int = 3, fppa_deg: float = 10.0) -> Screening:
    """The screening of a stick figure that squats on its left leg: real numbers, without any picture."""
    track = perform(on_both(1.5), squat("left", times=times, fppa_deg=fppa_deg), noise_px=0.3)
    return screen_track((track,), QUICK)


def kept_results(folder: Path, out: Path, screenings: Sequence[Screening]) -> list[str]:
    """What a batch leaves that screened these people: for each a file in `folder`, and its result in `out`."""
    index, names = {}, []
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        id(screening): json.dumps(screening_to_dict(screening))
        for screening in {id(each): each for each in screenings}.values()
    }
    (out / RESULTS).mkdir(parents=True, exist_ok=True)
    for number, screening in enumerate(screenings):
        path = folder / f"{number:05}.mp4"
        path.write_text(path.name)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        key = result_key(sha256, QUICK, versions_sha256())
        (out / RESULTS / f"{key}.json").write_text(texts[id(screening)])
        index[str(path)] = sha256
        names.append(path.name)
    now = stamps(index)
    (out / "index.json").write_text(json.dumps({address: (now[address], index[address]) for address in index}))
    return names


def tables_of(out: Path) -> dict[str, bytes]:
    """Every table of a batch, by its path."""
    tables = [path for path in sorted(out.rglob("*")) if path.is_file() and path.relative_to(out).parts[0] in _TABLES]
    return {str(path.relative_to(out)): path.read_bytes() for path in tables}


_TABLES = ("summary.csv", "summary.parquet", "repetitions.parquet", "failures.csv", "study.html")
