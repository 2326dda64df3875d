"""The studio's commands: `python -m screener.studio render SPEC.json | samples | training | validation | measure`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from screener.errors import ScreenerError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Draw people of exactly known movement.")
Varied = Annotated[bool, typer.Option(help="Dress and light people more freely.")]
Out = Annotated[Path, typer.Option(help="The folder to write into.")]


@app.command()
def render(spec: Path, out: Out) -> None:
    """Render a spec file: the video and its truth."""
    from screener.studio.clip import render_clip
    from screener.studio.spec import load_spec

    typer.echo(render_clip(load_spec(spec), out))


@app.command()
def samples(out: Out = Path("sample_videos"), only: str = "", workers: int = 2) -> None:
    """Render the sample clips (those whose name contains ONLY)."""
    from screener.studio.samples import render_samples

    for video in render_samples(out, only, workers):
        typer.echo(video)


@app.command()
def training(
    out: Out,
    bodies: int = 48,
    sets: int = 720,
    seed: int = 1,
    workers: int = 2,
    only: str = "",
    steady_share: Annotated[
        float, typer.Option(help="Of the squats and step-downs; the others move everything.")
    ] = 0.75,
    varied: Varied = False,
) -> None:
    """Render sets of single frames to fit correctors on (of one motion, ONLY, where it is named)."""
    from screener.studio.training import render_training

    render_training(out, bodies, sets, seed, workers, only or None, steady_share, varied)


@app.command()
def validation(
    out: Out,
    clips: int = 40,
    seed: int = 1,
    stills: bool = False,
    workers: int = 2,
    varied: Varied = False,
    behind: bool = False,
    only: str = "",
    about: bool = False,
) -> None:
    """Render recordings of new people: whole films, or (--stills) only the moments at which numbers are read; those of
    one task alone where it is named (--only); all of them seen from behind (--behind); stills by a camera and in a
    light of their own (--about)."""
    from screener.studio.validation import render_films, render_stills

    if stills:
        render_stills(out, clips, seed, workers, varied, behind, only or None, about)
        return
    for video in render_films(out, clips, seed, workers, varied, behind, only or None):
        typer.echo(video)


@app.command()
def measure(films: Path, out: Path = Path("models"), again: bool = False) -> None:
    """Screen rendered FILMS and write two tables against their truth (from kept landmarks, if not --again)."""
    from screener.pipeline import screen, screen_track
    from screener.pose import read_pose_track, write_pose_track
    from screener.screening import Screening
    from screener.studio.measuring import measure_films, write_tables

    def looked(path: Path) -> Screening:
        landmarks = path.with_suffix(".landmarks.parquet")
        if landmarks.exists() and not again:
            first, others = read_pose_track(landmarks)
            return screen_track((first, *others))
        screening = screen(path)
        write_pose_track(screening.looks[0], landmarks, looks=screening.looks[1:])
        return screening

    write_tables(out, *measure_films(films, looked, typer.echo))


if __name__ == "__main__":
    try:
        app()
    except ScreenerError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from error
