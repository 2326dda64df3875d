"""What a screening costs, measured side by side: CPU against a naive script and bare inference, and peak memory.

    python -m screener.bench [--rounds N] [--memory] [--json]

Every way of looking at the recording runs in a process of its own, several times, in turns, so that a machine
that is busy for a while is busy for all of them. Only ratios of one round are compared, and their median is
what counts; times are printed for orientation and are those of this machine at this moment. CPU is what the whole
process spends, user and system, in every thread, after the imports.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain, cycle, islice
from pathlib import Path
from statistics import median
from time import process_time
from typing import TypeVar

__all__ = [
    "Bound",
    "Cost",
    "alone",
    "as_json",
    "as_table",
    "main",
    "measure_cpu",
    "measure_memory",
    "naive_script",
    "published_bundle",
    "write_recording",
    "write_repeated",
]

_T = TypeVar("_T")

# The recording: a person stands still, then does five repetitions, in 20 s. Any clip of a squat at 30 frames a
# second will do; its truth says when it moves.
_CLIP = "sls_left_steady"
_FPS = 30
_DURATION_S = 20.0

#: A bound holds in the median of this many rounds.
ROUNDS = 5

# A recording must not be held in memory: from 10 s to 10 min only landmarks and signals may grow.
_SHORT_S, _LONG_S, _MOST_GROWTH_MB = 10.0, 600.0, 60.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way of looking at the recording cost: `cpu_ms` a frame in each round."""

    name: str
    cpu_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        return median(self.cpu_ms)

    def against(self, other: Cost) -> float:
        """The median of the rounds' ratios."""
        return median(mine / theirs for mine, theirs in zip(self.cpu_ms, other.cpu_ms, strict=True))


@dataclass(frozen=True, slots=True)
class Bound:
    """What was measured and what it must not exceed."""

    what: str
    measured: float
    at_most: float

    @property
    def holds(self) -> bool:
        return self.measured <= self.at_most


def measure_cpu(recording: Path, rounds: int = ROUNDS) -> tuple[tuple[Cost, ...], tuple[Bound, ...]]:
    """Look at a recording in every way, `rounds` times in turns."""
    with tempfile.TemporaryDirectory() as folder:
        published = Path(folder) / "published.task"
        published.write_bytes(alone(published_bundle))
        spent: dict[str, list[float]] = {name: [] for name in _WAYS}
        for _ in range(rounds):
            for name, way in _WAYS.items():
                spent[name].append(alone(way, recording, published))
    costs = {name: Cost(name, tuple(each)) for name, each in spent.items()}
    first = costs["first look"]
    bounds = (
        Bound("first look / naive script", first.against(costs["naive script"]), 0.72),
        Bound("first look / bare inference", first.against(costs["bare inference"]), 1.35),
        Bound("both looks / first look", costs["both looks"].against(first), 1.6),
    )
    return tuple(costs.values()), bounds


def measure_memory(folder: Path, long_s: float = _LONG_S) -> Bound:
    """How much more memory a recording of `long_s` takes at its peak than one of 10 s.

    The bound is meant for 10 minutes, whose landmarks and signals alone are 40 MB. One run differs from another
    by some 30 MB, so the bound is not made smaller for less; that pictures are held shows in a minute (1.4 GB).
    """
    short = write_recording(folder / "short.mp4", _SHORT_S)
    long = write_repeated(short, folder / "long.mp4", round(long_s / _SHORT_S))
    growth_mb = alone(_peak_mb, long) - alone(_peak_mb, short)
    return Bound(f"MB that {long_s:.0f} s take more than {_SHORT_S:.0f} s", growth_mb, _MOST_GROWTH_MB)


def write_recording(path: Path, duration_s: float = _DURATION_S) -> Path:
    """A recording made of a sample clip: quiet stance, then five repetitions, or three where no more fit in."""
    from screener.data import data_path
    from screener.video import VideoWriter, open_video

    truth = json.loads(data_path("sample_videos", f"{_CLIP}.truth.json").read_text(encoding="utf-8"))
    first, second, third = truth["repetitions"][:3]
    with open_video(data_path("sample_videos", f"{_CLIP}.mp4")) as source:
        clip = [frame.rgb for frame in source]
    before = clip[: int(first["start_s"] * _FPS)]
    two = clip[: round((second["end_s"] + third["start_s"]) / 2 * _FPS)]
    moving = [*two, *clip] if duration_s * _FPS >= len(two) + len(clip) else clip
    waiting = islice(cycle([*before, *before[:0:-1]]), max(0, round(duration_s * _FPS) - len(moving)))
    with VideoWriter(path, fps=_FPS) as out:
        for rgb in chain(waiting, moving):
            out.write(rgb)
    return path


def write_repeated(recording: Path, path: Path, times: int) -> Path:
    """The recording `times` over, its pictures copied as they are stored."""
    import av

    with av.open(str(recording)) as source, av.open(str(path), "w") as out:
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        stored = [(packet.pts or 0, packet.dts or 0) for packet in packets]
        length = sum(packet.duration or 0 for packet in packets)
        for turn in range(times):
            for packet, (pts, dts) in zip(packets, stored, strict=True):
                packet.pts, packet.dts, packet.stream = pts + turn * length, dts + turn * length, copy
                out.mux(packet)
    return path


def naive_script(recording: Path, published: Path) -> float:
    """OpenCV's pictures, converted, through the bundle as published, in tracking mode."""
    import cv2
    import mediapipe as mp

    cv2.setNumThreads(1)
    with _clocked() as cost, mp.tasks.vision.PoseLandmarker.create_from_options(_options(published)) as landmarker:
        capture = cv2.VideoCapture(str(recording), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        fps = capture.get(cv2.CAP_PROP_FPS)
        seen: list[list[tuple[float, float]]] = []
        while True:
            read, bgr = capture.read()
            if not read:
                break
            picture = mp.Image(mp.ImageFormat.SRGB, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
            result = landmarker.detect_for_video(picture, round(len(seen) * 1000 / fps))
            seen.append([(mark.x, mark.y) for mark in result.pose_landmarks[0]])
        capture.release()
        cost.frames = len(seen)
    return cost.ms_a_frame


def _bare_inference(recording: Path, _: Path) -> float:
    """Our bundle on pictures that lie in memory, and nothing else: the floor."""
    import mediapipe as mp

    from screener.pose.bundles import bundle_path
    from screener.video import open_video

    with open_video(recording) as source:
        pictures = [(frame.time_s, mp.Image(mp.ImageFormat.SRGB, frame.rgb)) for frame in source]
    options = _options(bundle_path("full"))
    with _clocked() as cost, mp.tasks.vision.PoseLandmarker.create_from_options(options) as landmarker:
        for time_s, picture in pictures:
            landmarker.detect_for_video(picture, round(time_s * 1000))
        cost.frames = len(pictures)
    return cost.ms_a_frame


def _first_look(recording: Path, _: Path) -> float:
    return _screened(recording, second_look=False)


def _both_looks(recording: Path, _: Path) -> float:
    return _screened(recording, second_look=True)


#: Ways of looking at a recording: of its path and that of the bundle as published, the CPU ms a frame.
_WAYS: dict[str, Callable[[Path, Path], float]] = {
    "naive script": naive_script,
    "bare inference": _bare_inference,
    "first look": _first_look,
    "both looks": _both_looks,
}


def _screened(recording: Path, *, second_look: bool) -> float:
    import mediapipe  # noqa: F401  (imported before the clock starts, as for the others)

    from screener.pipeline import Settings, screen

    with _clocked() as cost:
        screening = screen(recording, Settings(second_look=second_look))
        cost.frames = len(screening.looks[0].times_s)
    if screening.nothing_because is not None:
        raise RuntimeError(f"the recording was not measured: {screening.nothing_because}")
    return cost.ms_a_frame


def _peak_mb(recording: Path) -> float:
    """The most memory that screening a recording ever held, in MB."""
    from screener.pipeline import Settings, screen

    screen(recording, Settings())
    status = Path("/proc/self/status")
    if status.exists():
        # `ru_maxrss` of a new process begins at what its parent held; the kernel's own mark does not.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def published_bundle() -> bytes:
    """The `full` bundle as its makers publish it."""
    from screener.pose.bundles import bundle_path
    from screener.pose.pruning import unpruned_bundle

    return unpruned_bundle(bundle_path("full"))


def _options(bundle: Path) -> object:
    from mediapipe.tasks.python import BaseOptions, vision

    return vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(bundle)), running_mode=vision.RunningMode.VIDEO
    )


@dataclass(slots=True)
class _Clock:
    cpu_s: float = 0.0
    frames: int = 0

    @property
    def ms_a_frame(self) -> float:
        return 1000 * self.cpu_s / self.frames


@contextmanager
def _clocked() -> Iterator[_Clock]:
    clock = _Clock()
    start_s = process_time()
    yield clock
    clock.cpu_s = process_time() - start_s


def alone(work: Callable[..., _T], *args: object) -> _T:
    """What `work` gives in a fresh process, its numeric libraries held to one thread and its chatter unheard."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_hush) as pool:
        return pool.submit(work, *args).result()


def _hush() -> None:
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def as_table(costs: Sequence[Cost], bounds: Sequence[Bound]) -> str:
    """For people: costs, if there are any, and bounds; one that does not hold ends in NO."""
    lines = []
    if costs:
        lines.append(f"{'':<34}{'CPU ms a frame':>16}   in each round")
    for cost in costs:
        rounds = "  ".join(f"{each:.1f}" for each in cost.cpu_ms)
        lines.append(f"{cost.name:<34}{cost.median_ms:>16.1f}   {rounds}")
    lines.append(f"{'':<34}{'measured':>16}   at most")
    for bound in bounds:
        lines.append(f"{bound.what:<34}{bound.measured:>16.2f}   {bound.at_most:<6g}{'' if bound.holds else '  NO'}")
    return "\n".join(line.rstrip() for line in lines)


def as_json(costs: Sequence[Cost], bounds: Sequence[Bound]) -> str:
    """For programs: the same."""
    held = [asdict(each) | {"holds": each.holds} for each in bounds]
    return json.dumps({"costs": [asdict(each) for each in costs], "bounds": held})


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and give 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m screener.bench", description="What a screening costs.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each way is taken ({ROUNDS})")
    parser.add_argument("--memory", action="store_true", help="the memory of a 10-minute recording instead: 6 minutes")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    costs: tuple[Cost, ...] = ()
    with tempfile.TemporaryDirectory() as folder:
        if options.memory:
            bounds: tuple[Bound, ...] = (measure_memory(Path(folder)),)
        else:
            costs, bounds = measure_cpu(write_recording(Path(folder) / "recording.mp4"), options.rounds)
    print(as_json(costs, bounds) if options.json else as_table(costs, bounds))
    return 0 if all(bound.holds for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
