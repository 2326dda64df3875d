"""From a `Screening` to files that people and programs read; the same numbers in each."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from screener.errors import WrongUse
from screener.pose import write_pose_track
from screener.report.curves import write_curves_svg
from screener.report.fhir import write_fhir
from screener.report.figures import figures_of
from screener.report.film import write_annotated_film
from screener.report.interchange import write_c3d, write_mot, write_trc
from screener.report.page import Still, stills_of, write_page
from screener.report.paper import Paper, write_paper
from screener.report.tables import write_repetitions_csv, write_signals_parquet
from screener.screening import Screening, write_screening
from screener.video import Codec

if TYPE_CHECKING:
    from screener.pipeline import Progress

__all__ = [
    "Paper",
    "Still",
    "check_wanted",
    "stills_of",
    "write_annotated_film",
    "write_c3d",
    "write_curves_svg",
    "write_fhir",
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
    film: bool = True,
    codec: Codec = "h264",
    blur_face: bool = False,
    paper: Paper = "a4",
    opensim: bool = False,
    fhir: bool = False,
    c3d: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Write every file of a report into a folder, which is made where it is missing.

    Args:
        screening: the result.
        out_dir: where to; files of an earlier report are replaced.
        video_path: the recording, for stills and film; None leaves them out.
        film: whether to write one.
        codec, blur_face: of the film, see `write_annotated_film`; the face is blurred in the stills too.
        paper: the size of `report.pdf`.
        opensim: write `markers_2d.trc` and a `.mot` for each trial as well; the first needs the person's height.
        fhir: write `report.fhir.json` as well; needs the extra `fhir`.
        c3d: write `markers_2d.c3d` as well; needs the person's height and the extra `c3d`.
        progress: called now and then.

    Returns:
        the files that were written, in the order in which a person would open them.
    """
    check_wanted(screening.subject.height_m, opensim=opensim, fhir=fhir, c3d=c3d)
    out_dir.mkdir(parents=True, exist_ok=True)
    stills = stills_of(screening, video_path, blur_face=blur_face) if video_path is not None else ()
    shown = out_dir / ("annotated.mp4" if codec == "h264" else "annotated.webm")
    with_film = film and video_path is not None
    figures = figures_of(screening)
    write_page(
        screening, page := out_dir / "report.html", stills, film=shown.name if with_film else None, figures=figures
    )
    write_paper(screening, pdf := out_dir / "report.pdf", stills, paper=paper, figures=figures)
    written = [page, pdf]
    if with_film and video_path is not None:
        poster = out_dir / "annotated.jpg"
        write_annotated_film(screening, video_path, shown, codec, blur_face, progress, poster=poster)
        written += [shown, poster]
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
    if c3d:
        write_c3d(screening, points := out_dir / "markers_2d.c3d")
        written.append(points)
    if fhir:
        write_fhir(screening, bundle := out_dir / "report.fhir.json", pdf)
        written.append(bundle)
    return written


def check_wanted(height_m: float | None, *, opensim: bool = False, fhir: bool = False, c3d: bool = False) -> None:
    """Refuse now what could not be written after a long analysis.

    Raises:
        WrongUse: metres are wanted of a person whose height is not known, or a package is missing.
    """
    if (opensim or c3d) and height_m is None:
        raise WrongUse("Markers in metres need the person's height.", "Give it with --height-m.")
    for wanted, package, extra in ((fhir, "fhir", "fhir"), (c3d, "ezc3d", "c3d")):
        if wanted and find_spec(package) is None:
            raise WrongUse(f"{extra} needs a package that is not installed.", f"Install screener[{extra}].")
