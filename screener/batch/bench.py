"""What a batch costs: clips a minute against a naive script over the same files, and how the cost grows.

    python -m screener.batch.bench [--files N] [--rounds N] [--growth] [--json]

The naive script takes the files one by one; the batch takes them with a worker a core, once without and once with
the second look, from its start to its last table. Ratios of one round are compared, and their median counts.
With `--growth`: seconds, processor time a frame and a worker's peak memory by number of files, length, resolution
and workers. Times are those of this machine at this moment.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from screener.bench import Bound, alone, as_json, as_table, naive_script, published_bundle, write_recording

__all__ = ["Run", "main", "measure_growth", "measure_rate", "write_folder"]

_LENGTH_S = 20.0


@dataclass(frozen=True, slots=True)
class Run:
    """One batch: what it worked on, and what that took.

    Attributes:
        what: for people.
        files, frames: in all.
        wall_s: from its start to its last table, seconds.
        cpu_s: of the program and its workers, seconds.
        peak_mb: the most memory that one worker held.
    """

    what: str
    files: int
    frames: int
    wall_s: float
    cpu_s: float
    peak_mb: float


def measure_rate(folder: Path, files: int, rounds: int) -> tuple[Bound, ...]:
    """The batch's time over the naive script's, without and with the second look."""
    write_folder(folder / "recordings", files)
    published = folder / "published.task"
    published.write_bytes(alone(published_bundle))
    ratios: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        naive_s = alone(_naive_s, folder / "recordings", published)
        print(f"naive script {60 * files / naive_s:.1f} clips a minute", file=sys.stderr)
        for second_look, found in ratios.items():
            run = _run("", folder / "recordings", second_look=second_look)
            looks = "both looks" if second_look else "first look"
            print(f"batch, {looks} {60 * files / run.wall_s:.1f} clips a minute", file=sys.stderr)
            found.append(run.wall_s / naive_s)
    return (
        Bound("batch without second look / naive", median(ratios[False]), 1 / 2.4),
        Bound("batch with second look / naive", median(ratios[True]), 1.0),
    )


def measure_growth(folder: Path) -> Iterator[Run]:
    """Batches of more files, longer ones, larger ones, and with fewer and more workers."""
    for files in (2, 4, 8):
        write_folder(folder / f"files{files}", files)
        yield _run(f"{files} files of 20 s, 640 x 480", folder / f"files{files}")
    yield _run("4 files of 20 s, one worker", folder / "files4", workers=1)
    for length_s in (10.0, 40.0):
        write_folder(folder / f"length{length_s:.0f}", 2, length_s)
        yield _run(f"2 files of {length_s:.0f} s", folder / f"length{length_s:.0f}")
    for size in ((320, 240), (1280, 960)):
        write_folder(folder / f"size{size[0]}", 2, size=size)
        yield _run(f"2 files of 20 s, {size[0]} x {size[1]}", folder / f"size{size[0]}")


def write_folder(folder: Path, files: int, length_s: float = _LENGTH_S, size: tuple[int, int] | None = None) -> None:
    """Recordings that differ in content, all of about one length."""
    folder.mkdir(parents=True)
    for number in range(files):
        # A tenth of a second more of standing still makes another file of it.
        path = write_recording(folder / f"{number:04d}.mp4", length_s + 0.1 * number)
        if size is not None:
            _scale(path, size)


def _scale(path: Path, size: tuple[int, int]) -> None:
    import cv2

    from screener.video import VideoWriter, open_video

    scaled = path.with_suffix(".scaled.mp4")
    with open_video(path) as source, VideoWriter(scaled, fps=source.info.fps_mean or 30) as out:
        for frame in source:
            out.write(cv2.resize(frame.rgb, size))  # type: ignore[arg-type]
    scaled.replace(path)


def _naive_s(folder: Path, published: Path) -> float:
    """Seconds that a script takes over the files, one by one."""
    began = perf_counter()
    for path in sorted(folder.glob("*.mp4")):
        naive_script(path, published)
    return perf_counter() - began


def _run(what: str, folder: Path, *, workers: int | None = None, second_look: bool = True) -> Run:
    with tempfile.TemporaryDirectory() as out:
        return alone(_batch, what, folder, out, workers, second_look)


def _batch(what: str, folder: Path, out: str, workers: int | None, second_look: bool) -> Run:
    import av

    from screener.batch.run import run_batch
    from screener.pipeline import Settings

    began = perf_counter()
    finished = run_batch(str(folder), out, Settings(second_look=second_look), workers=workers)
    wall_s = perf_counter() - began
    if finished.exit_code != 0 or finished.screened != finished.recordings:
        raise RuntimeError(f"not every recording was measured: {finished.failures}")
    frames = 0
    for path in folder.glob("*.mp4"):
        with av.open(str(path)) as video:
            frames += video.streams.video[0].frames
    own, workers_use = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = sum(used.ru_utime + used.ru_stime for used in (own, workers_use))
    peak_mb = workers_use.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return Run(what, finished.recordings, frames, wall_s, cpu_s, peak_mb)


_GROWTH_HEAD = f"{'':<34}{'s a file':>10}{'CPU ms a frame':>16}{'peak MB':>10}"


def _growth_row(run: Run) -> str:
    ms_a_frame = 1000 * run.cpu_s / run.frames
    return f"{run.what:<34}{run.wall_s / run.files:>10.1f}{ms_a_frame:>16.1f}{run.peak_mb:>10.0f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and give 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m screener.batch.bench", description="What a batch costs.")
    parser.add_argument("--files", type=int, default=12, help="recordings of 20 s (12)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is taken (3)")
    parser.add_argument("--growth", action="store_true", help="how the cost grows, instead: 10 minutes")
    parser.add_argument("--json", action="store_true", help="print the bounds as JSON")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if options.growth:
            print(_GROWTH_HEAD)
            for run in measure_growth(Path(folder)):
                print(_growth_row(run), flush=True)
            return 0
        bounds = measure_rate(Path(folder), options.files, options.rounds)
    print(as_json((), bounds) if options.json else as_table((), bounds))
    return 0 if all(bound.holds for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
