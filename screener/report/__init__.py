"""From a `Screening` to files that people and programs read; the same numbers in each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from screener.pose import write_pose_track
from screener.report.curves import write_curves_svg
from screener.report.film import write_annotated_film
from screener.report.interchange import write_mot, write_trc
from screener.report.page import Still, stills_of, write_page
from screener.report.paper import write_paper
from screener.report.tables import write_repetitions_csv, write_signals_parquet
from screener.screening import Screening, write_screening
from screener.video import Codec

if TYPE_CHECKING:
    from screener.pipeline import Progress

__all__ = [
    "Still",
    "stills_of",
    "write_annotated_film",
    "write_curves_svg",
    "write_mot",
    "write_page",
    "write_paper",
    "write_repetitions_csv",
    "write_report",
    "write_signals_parquet",
    "write_trc",
]


def write_report(
    screening: Screening,
    out_dir: Path,
    video_path: str | Path | None = None,
    *,
    codec: Codec = "h264",
    blur_face: bool = False,
    opensim: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Write every file of a report into a folder, which is made where it is missing.

    Args:
        screening: the result.
        out_dir: where to; files of an earlier report are replaced.
        video_path: the recording, for the annotated film; None leaves the film out.
        codec, blur_face: of the film, see `write_annotated_film`.
        opensim: write `markers_2d.trc` and a `.mot` for each trial as well; the first needs the person's height.
        progress: called now and then.

    Returns:
        the files that were written, in the order in which a person would open them.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    stills = stills_of(screening, video_path, blur_face=blur_face) if video_path is not None else ()
    write_page(screening, page := out_dir / "report.html", stills)
    write_paper(screening, paper := out_dir / "report.pdf", stills)
    written = [page, paper]
    if video_path is not None:
        film = out_dir / ("annotated.mp4" if codec == "h264" else "annotated.webm")
        write_annotated_film(screening, video_path, film, codec, blur_face, progress)
        written.append(film)
    write_curves_svg(screening, curves := out_dir / "curves.svg")
    write_repetitions_csv(screening, repetitions := out_dir / "repetitions.csv")
    write_screening(screening, result := out_dir / "screening.json")
    write_signals_parquet(screening, signals := out_dir / "signals.parquet")
    first, *further = screening.looks
    write_pose_track(first, landmarks := out_dir / "landmarks.parquet", looks=tuple(further))
    written += [curves, repetitions, result, signals, landmarks]
    if opensim:
        write_trc(screening, markers := out_dir / "markers_2d.trc")
        written.append(markers)
        for trial in range(len(screening.trials)):
            write_mot(screening, trial, angles := out_dir / f"angles_2d_trial{trial + 1}.mot")
            written.append(angles)
    return written
