"""The command line: `screener demo`, `analyze`, `serve` and the others. Heavy imports wait inside the commands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from screener.errors import NotMeasurable, ScreenerError, WrongUse

if TYPE_CHECKING:
    from screener.pipeline import Progress, Settings
    from screener.screening import Screening

__all__ = ["app", "main"]

app = typer.Typer(
    name="screener",
    help="A movement check from one camera: how far the free side of the pelvis drops and how far the knee falls "
    "inward in single-leg squats and step-downs, with an error bar on every number. Nothing leaves this machine.\n\n"
    "Start with: screener demo",
    epilog="Exit codes: 0 done, 2 wrong use, 3 could not be measured, 4 unreadable input.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Without rich in the help: it would double the time to answer.
    rich_markup_mode=None,
)

_DEMO_CLIP = "sls_right_drop_and_valgus.mp4"


class TaskChoice(StrEnum):
    """The tasks as `--task` names them."""

    single_leg_squat = "single_leg_squat"
    forward_step_down = "forward_step_down"
    lateral_step_down = "lateral_step_down"


class CodecChoice(StrEnum):
    """The films as `--codec` names them."""

    h264 = "h264"
    vp9 = "vp9"


class PaperChoice(StrEnum):
    """The papers as `--paper` names them."""

    a4 = "a4"
    letter = "letter"


class SideChoice(StrEnum):
    """The stance sides as `--side` names them."""

    left = "left"
    right = "right"


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("screener-demo"),
) -> None:
    """Screen a bundled clip, print the result, write the report and say where it is.

    The clip shows a rendered person who stands on the right leg, lets the left hip drop and the knee fall inward.
    """
    from screener.data import data_path
    from screener.report import write_report

    _analyze_one(data_path("sample_videos", _DEMO_CLIP), _settings(), out, write_report)


@app.command()
def analyze(
    videos: Annotated[
        list[Path],
        typer.Argument(metavar="VIDEO...", help="Recordings, landmarks.parquet of earlier ones, or camera:0."),
    ],
    task: Annotated[
        TaskChoice | None, typer.Option(help="What is done. Better said: else the picture must tell it.")
    ] = None,
    side: Annotated[SideChoice | None, typer.Option(help="The leg stood on; else the foot that stays.")] = None,
    mirrored: Annotated[bool, typer.Option("--mirrored", help="The recording is a selfie view.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report. Without it: screening-NAME beside where you are.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(help="Write screening.json here instead of a report; - prints it and nothing else.")
    ] = None,
    film: Annotated[bool, typer.Option(help="Write the annotated film.")] = True,
    codec: Annotated[CodecChoice, typer.Option(help="Of the film: h264 is an mp4, vp9 a webm.")] = CodecChoice.h264,
    blur_face: Annotated[
        bool, typer.Option("--blur-face", help="Make the face unreadable in film and stills, after measuring.")
    ] = False,
    paper: Annotated[PaperChoice, typer.Option(help="Of report.pdf.")] = PaperChoice.a4,
    opensim: Annotated[
        bool, typer.Option("--opensim", help="Write .trc and .mot for OpenSim; needs --height-m.")
    ] = False,
    fhir: Annotated[bool, typer.Option("--fhir", help="Write report.fhir.json for a clinic's records.")] = False,
    c3d: Annotated[bool, typer.Option("--c3d", help="Write markers_2d.c3d; needs --height-m.")] = False,
    second_look: Annotated[
        bool, typer.Option(help="Look again with the larger model where the numbers are read: slower, better.")
    ] = True,
    intake: Annotated[
        Path | None, typer.Option(help="Answers as JSON (screener plan --questions shows them); adds a plan.")
    ] = None,
    programme: Annotated[str, typer.Option(help="The programme the plan follows.")] = "evidence",
    subject: Annotated[str | None, typer.Option(help="A name or number for the person; goes into the result.")] = None,
    height_m: Annotated[float | None, typer.Option(help="Body height in metres.", min=0.5, max=2.5)] = None,
    seconds: Annotated[float, typer.Option(help="How long camera:N films, behind a countdown.", min=5, max=300)] = 30.0,
) -> None:
    """Screen one or a few recordings of single-leg squats or step-downs.

    Film the whole person from the front, head to feet, the camera level at hip height, 2.5 to 3 m away. Stand
    still on both feet for two seconds, then do three to five slow repetitions on one leg.

    Examples:

      screener analyze squat.mp4

      screener analyze left.mov right.mov --out checks

      screener analyze selfie.mp4 --mirrored --json - | jq .trials

      screener analyze camera:0 --seconds 30
    """
    settings = _settings(task, side, mirrored=mirrored, second_look=second_look, subject=subject, height_m=height_m)
    if json is not None and len(videos) > 1:
        raise WrongUse("--json takes one recording.", "Call it once for each, or use --out.")
    from functools import partial

    from screener.report import check_wanted, write_report
    from screener.video.camera import recorded

    check_wanted(height_m, opensim=opensim, fhir=fhir, c3d=c3d)
    write = partial(
        write_report,
        film=film,
        codec=codec.value,
        blur_face=blur_face,
        paper="a4" if paper is PaperChoice.a4 else "us-letter",
        opensim=opensim,
        fhir=fhir,
        c3d=c3d,
    )
    worst = 0
    for video in videos:
        try:
            with recorded(video, seconds, lambda said: print(said, file=sys.stderr, flush=True)) as film_path:
                if json is not None:
                    _print_json(film_path, settings, json, intake, programme)
                else:
                    alone = out if len(videos) == 1 else None
                    folder = alone or (out or Path()) / f"screening-{film_path.stem}"
                    _analyze_one(film_path, settings, folder, write, intake=intake, programme=programme)
        except ScreenerError as error:
            if len(videos) == 1:
                raise
            _say_error(error, video.name)
            worst = max(worst, error.exit_code)
    if worst:
        raise typer.Exit(worst)


@app.command()
def batch(
    source: Annotated[
        str, typer.Argument(metavar="FOLDER|MANIFEST.csv", help="Where the recordings are, or the list of them.")
    ],
    out: Annotated[str, typer.Option(help="Folder for results and tables; a path or a URL such as s3://...")],
    task: Annotated[TaskChoice | None, typer.Option(help="For recordings of which the manifest does not say.")] = None,
    side: Annotated[SideChoice | None, typer.Option(help="Likewise.")] = None,
    mirrored: Annotated[bool, typer.Option("--mirrored", help="Likewise: they are selfie views.")] = False,
    second_look: Annotated[
        bool, typer.Option("--second-look/--no-second-look", help="Look again where numbers are read.")
    ] = True,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes here; else one a core.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="A Dask scheduler's address, tcp://...")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Do only what an earlier run left undone.")] = False,
    from_landmarks: Annotated[
        bool, typer.Option("--from-landmarks", help="Screen again from the landmarks kept in --out, without videos.")
    ] = False,
) -> None:
    """Screen a folder or a list of recordings, and write tables over all of them. No bad file stops it.

    MANIFEST.csv has the column file, and may have subject, side, task, height_m, sex, date, mirrored and any others,
    which are carried into the tables.

    Examples:

      screener batch recordings --out study

      screener batch manifest.csv --out study --resume
    """
    from screener.batch.progress import say_finished, showing
    from screener.batch.run import run_batch

    settings = _settings(task, side, mirrored=mirrored, second_look=second_look)
    with showing() as tell:
        finished = run_batch(
            source,
            out,
            settings,
            workers=workers,
            scheduler=scheduler,
            resume=resume,
            from_landmarks=from_landmarks,
            tell=tell,
        )
    say_finished(finished, out)
    raise typer.Exit(finished.exit_code)


@app.command()
def plan(
    screening: Annotated[
        Path | None, typer.Argument(metavar="SCREENING.json", help="What `screener analyze` wrote.")
    ] = None,
    intake: Annotated[Path | None, typer.Option(help="Answers as JSON; --questions shows them.")] = None,
    programme: Annotated[
        str,
        typer.Option(
            help="evidence, release-realign-strengthen, activate-control-build, rest-and-regrade, load-through-length."
        ),
    ] = "evidence",
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
    questions: Annotated[bool, typer.Option("--questions", help="Show an intake to fill in, and stop.")] = False,
) -> None:
    """Make a plan from an earlier screening and an intake: exercises with doses, when to go on, when to stop.

    Red flags, or pain above 3 of 10, come first: then there is no plan, but a word on whom to see.
    """
    from screener.report.plan_text import intake_template, plan_as_text

    if questions:
        print(intake_template())
        return
    if screening is None or intake is None:
        raise WrongUse(
            "A plan needs a screening and an intake.", "Call: screener plan screening.json --intake intake.json"
        )
    import json as json_format

    from screener.assessment import findings_from_json
    from screener.plan import load_intake, make_plan
    from screener.screening import plan_to_dict, read_screening

    made = make_plan(findings_from_json(read_screening(screening)), load_intake(intake), programme)
    print(json_format.dumps(plan_to_dict(made), ensure_ascii=False, indent=2) if json else plan_as_text(made))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Where to listen; else SCREENER_HOST, else 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Else SCREENER_PORT, else 8000.", min=0, max=65535)] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where everything is kept; else SCREENER_DATA_DIR.")] = None,
) -> None:
    """Start the service: the self-check page, the clinic's pages and the API, on this machine alone.

    What it needs is made at the first start. Further settings are environment variables; docs/operations.md
    names them all.
    """
    from api.server import run

    run(host=host, port=port, data_dir=data_dir)


@app.command()
def webcam(
    port: Annotated[int | None, typer.Option(help="Else SCREENER_PORT, else 8000.", min=1, max=65535)] = None,
) -> None:
    """Start the service and open the self-check in the browser: hands-free, before this machine's camera."""
    import threading

    from api.selfcheck.opening import open_when_it_answers
    from api.server import run
    from api.settings import Settings as Serving

    url = f"http://127.0.0.1:{port or Serving().port}/"
    threading.Thread(target=open_when_it_answers, args=(url,), daemon=True).start()
    run(host="127.0.0.1", port=port)


@app.command()
def progress(
    screenings: Annotated[
        list[Path], typer.Argument(metavar="SCREENING.json...", help="Of one person: what `screener analyze` wrote.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for progress.html and progress.pdf.")] = Path("progress"),
    paper: Annotated[PaperChoice, typer.Option(help="Of progress.pdf.")] = PaperChoice.a4,
) -> None:
    """Show several screenings of one person over time; a change is marked only beyond the measurement error."""
    from screener.report.progress import progress_of, write_progress
    from screener.screening import read_screening

    documents = [read_screening(path) for path in screenings]
    written = write_progress(documents, out, paper="a4" if paper is PaperChoice.a4 else "us-letter")
    print("\n".join(progress_of(documents).said))
    print(f"\nWritten to {out}/: " + ", ".join(path.name for path in written))


@app.command()
def clinic_admin(
    email: Annotated[str, typer.Argument(help="The person's e-mail address, by which they sign in.")],
    clinic: Annotated[
        str, typer.Option(help="The clinic's name; it is made where there is none of this name.")
    ] = "Clinic",
    name: Annotated[str | None, typer.Option(help="The person's name, as pages greet them.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where everything is kept; else SCREENER_DATA_DIR.")] = None,
) -> None:
    """Make the first admin of a clinic (or help one who is locked out), and print a one-time link to a password.

    For SCREENER_MODE=clinic. All further people are invited on the clinic's settings page.
    """
    from api.accounts.first_admin import make_admin
    from api.settings import Settings

    settings = Settings(data_dir=data_dir) if data_dir is not None else Settings()
    print(make_admin(settings.prepared(), email, name, clinic))


@app.command()
def work() -> None:
    """Analyse what waits in the records of `screener serve`, on this machine or another, and answer nobody.

    For installations of several machines; docs/operations.md tells how they find each other.
    """
    from api.server import work

    work()


@app.command()
def models() -> None:
    """Show which models are installed, from where, and whether they are intact."""
    from rich.console import Console
    from rich.table import Table

    from screener.pose.bundles import installed_models

    table = Table(box=None, header_style="bold")
    for column in ("model", "size", "sha256", "licence", "source", "intact"):
        table.add_column(column, overflow="fold")
    broken = False
    for model in installed_models():
        broken |= not model.intact
        size = f"{model.bytes / 1e6:.1f} MB" if model.bytes > 100_000 else f"{model.bytes / 1e3:.1f} kB"
        table.add_row(
            model.name, size, model.sha256[:12], model.licence, ", ".join(model.source), "yes" if model.intact else "NO"
        )
    Console().print(table)
    if broken:
        raise WrongUse("A model file is missing or altered.", "Install screener again.")


@app.command()
def selfcheck() -> None:
    """Measure the sample clips, whose truth is known, and compare with what is claimed; a few minutes."""
    from screener.pipeline import screen
    from screener.selfcheck import check_clips, found_in_clips, sample_names, table

    names = sample_names()
    with _progress_bar("sample clips") as progress:
        found = found_in_clips(screen, names, lambda done: progress("measuring", done / len(names)))
    print(f"{len(names)} clips of rendered people whom no fitting saw; degrees, per repetition\n\n{table(found)}")
    broken = check_clips(found)
    print("\nEvery claim holds." if not broken else "\nDoes not hold:\n" + "\n".join(f"  {each}" for each in broken))
    if broken:
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Say what is missing on this machine, and how to get it."""
    from screener.doctor import examine

    broken = False
    for check in examine():
        print(f"{'ok     ' if check.good else 'MISSING'}  {check.what}: {check.found}")
        if not check.good:
            broken = True
            print(f"         {check.what_to_do}")
    if broken:
        raise typer.Exit(2)


def main() -> None:
    """Run the command line; a known error ends as two plain sentences and its exit code, never as a traceback."""
    try:
        app(standalone_mode=True)
    except ScreenerError as error:
        _say_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)


def _say_error(error: ScreenerError, name: str | None = None) -> None:
    where = f"{name}: " if name else ""
    print(f"{where}{error.message}\n{error.what_to_do}", file=sys.stderr)


def _settings(
    task: TaskChoice | None = None,
    side: SideChoice | None = None,
    *,
    mirrored: bool = False,
    second_look: bool = True,
    subject: str | None = None,
    height_m: float | None = None,
) -> Settings:
    from screener.pipeline import Settings
    from screener.screening import Subject

    return Settings(
        task=task.value if task else None,
        side=side.value if side else None,
        mirrored=mirrored,
        second_look=second_look,
        subject=Subject(subject, height_m),
    )


def _screen(video: Path, settings: Settings, progress: Progress) -> Screening:
    from screener.pipeline import screen, screen_track
    from screener.pose import read_pose_track

    if video.suffix == ".parquet":
        track, further = read_pose_track(video)
        return screen_track((track, *further), settings)
    return screen(video, settings, progress=progress)


def _print_json(video: Path, settings: Settings, target: str, intake: Path | None, programme: str) -> None:
    import json as json_format

    from screener.screening import screening_to_dict, write_screening

    with _progress_bar(video.name) as progress:
        screening = _with_plan(_screen(video, settings, progress), intake, programme)
    if target == "-":
        print(json_format.dumps(screening_to_dict(screening), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        write_screening(screening, Path(target))
    _refuse_if_nothing(screening)


def _with_plan(screening: Screening, intake: Path | None, programme: str) -> Screening:
    if intake is None:
        return screening
    from screener.pipeline import with_plan
    from screener.plan import load_intake

    return with_plan(screening, load_intake(intake), programme)


def _analyze_one(
    video: Path,
    settings: Settings,
    out: Path,
    write: Callable[..., list[Path]],
    *,
    intake: Path | None = None,
    programme: str = "evidence",
) -> None:
    from screener.report.plan_text import plan_as_text
    from screener.report.text import screening_as_text

    with _progress_bar(video.name) as progress:
        screening = _with_plan(_screen(video, settings, progress), intake, programme)
        written = write(screening, out, video if video.suffix != ".parquet" else None, progress=progress)
    print(screening_as_text(screening))
    if screening.plan is not None:
        print("\n" + plan_as_text(screening.plan))
    print(f"\nWritten to {out}/: " + ", ".join(path.name for path in written))
    _refuse_if_nothing(screening)


def _refuse_if_nothing(screening: Screening) -> None:
    if screening.nothing_because is not None:
        raise NotMeasurable("Nothing could be measured.", screening.nothing_because)


@contextmanager
def _progress_bar(name: str) -> Iterator[Progress]:
    """A bar on standard error where that is a terminal; silence where it is not."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.fields[name]}"), TextColumn("{task.description:<16}"), BarColumn())
    with Progress(
        *columns,
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        row = bar.add_task("opening", total=1.0, name=name)

        def tell(what: str, share: float) -> None:
            bar.update(row, description=what, completed=share)

        yield tell


if __name__ == "__main__":
    main()
