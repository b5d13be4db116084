"""`avseg predict`: mark the sounding objects in videos."""

import argparse
import errno
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from avseg.cli.console_table import new_table, print_table
from avseg.cli.predict_inputs import choose_folders, find_videos, has_results
from avseg.media.sound_copy import SoundPlan, plan_sound
from avseg.media.video import Video, probe
from avseg.prediction.api import make_predictor
from avseg.prediction.clip_predictor import ClipPredictor
from avseg.prediction.device import find_device
from avseg.prediction.long_predictor import LongPredictor
from avseg.prediction.writer import write_prediction
from avseg.runs.find import newest_complete_run
from avseg.training.load import load_model
from avseg.training.source import find_source
from avseg.utils.errors import UserError
from avseg.utils.names import printable

log = logging.getLogger(__name__)
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # every other video would fail with the same error
_MAX_NAMES = 5  # of files that are not videos, in the message
_MAX_REASONS = 3  # in one line; more are a list


class _Job(NamedTuple):
    video: Video
    folder: Path  # of its results
    plan: SoundPlan | None  # of the overlay's sound


def run(arguments: argparse.Namespace) -> int:
    """Predict all videos; those that fail do not stop the others, and are a `UserError` at the end."""
    _check(arguments)
    inputs = find_videos(arguments.videos, arguments.out)
    failures = inputs.failures  # messages by path
    total = len(inputs.videos) + len(failures)
    jobs: list[_Job] = []
    for path, folder in choose_folders(inputs.videos, arguments.out, failures).items():
        if has_results(folder) and not arguments.overwrite:
            _print(f"{path}: results exist already ({folder}); --overwrite predicts again")
            continue
        with _recorded(path, failures):
            video = _probe(path, arguments)
            jobs.append(_Job(video, folder, plan_sound(video)))
    if jobs:
        _predict_all(jobs, arguments, failures)
    if inputs.others:
        names = ", ".join(path.name for path in inputs.others[:_MAX_NAMES])
        more = f" and {len(inputs.others) - _MAX_NAMES} more" if len(inputs.others) > _MAX_NAMES else ""
        _print(f"not videos: {names}{more}")
    if failures:
        _raise_failures(list(failures.values()), total)
    return 0


def _raise_failures(messages: Sequence[str], total: int) -> NoReturn:
    if total == 1:
        raise UserError(messages[0])
    count = f"{len(messages)} of {total} videos failed"
    if len(messages) <= _MAX_REASONS:
        raise UserError(f"{count}: {'; '.join(messages)}")
    for message in messages:
        _print(f"failed: {message}")
    raise UserError(f"{count}; the reasons are listed above")


@contextmanager
def _recorded(path: Path, failures: dict[Path, str]) -> Iterator[None]:
    """Add an error to the failures, so that the other videos go on; not one that all of them would have."""
    try:
        yield
    except UserError as error:
        failures[path] = str(error)
    except OSError as error:
        if error.errno in _FATAL:
            raise
        failures[path] = f"{path}: {error.strerror or error} ({error.filename or 'while it was read'})"
    except Exception as error:  # a defect, or damage that nobody foresaw
        failures[path] = f"{path}: unexpected {type(error).__name__}: {error}"
        log.debug("%s", path, exc_info=True)


def _print(text: str) -> None:
    # on one line, although file names may hold line breaks
    print(printable(text))


def _check(arguments: argparse.Namespace) -> None:
    rate = arguments.rate
    if rate is not None and not 0 < rate < float("inf"):
        raise UserError(f"--rate {rate:g}: must be above 0 frames per second")
    if rate is not None and arguments.every_frame:
        raise UserError(f"--rate {rate:g} and --every-frame contradict each other; use one of them")
    if arguments.threshold is not None and not 0 < arguments.threshold < 1:
        raise UserError(f"--threshold {arguments.threshold}: must be between 0 and 1")
    if arguments.batch is not None and arguments.batch < 1:
        raise UserError(f"--batch {arguments.batch}: must be at least 1")
    if arguments.out.exists() and not arguments.out.is_dir():
        raise UserError(f"--out {arguments.out}: is a file; use a folder")


def _probe(path: Path, arguments: argparse.Namespace) -> Video:
    # before any model is loaded, which takes seconds
    video = probe(path, arguments.audio_track)
    if video.sound is None and not arguments.silence:
        raise UserError(f"{path}: has no sound; --silence predicts it as if it were silent")
    if video.missing and not arguments.allow_truncated:
        raise UserError(
            f"{path}: is truncated: {video.missing:.1f} s are missing after {video.duration:.1f} s; "
            "copy it again, or predict what is left with --allow-truncated"
        )
    return video


def _predict_all(jobs: list[_Job], arguments: argparse.Namespace, failures: dict[Path, str]) -> None:
    """Predict the videos under a progress bar and print a table; fills `failures` with messages."""
    predictor, checkpoint = _load(arguments)
    for job in jobs:
        for note in _notes(job.video, job.plan):
            _print(f"{job.video.path}: {note}")
    counts = ("segments", "classes") if isinstance(predictor, LongPredictor) else ("pixels marked",)
    titles = ("video", "seconds", "sounding", *counts, "results")
    table = new_table("predicted", titles, ("video", "results"), overflow="fold")
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("s"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns) as progress:
        for job in jobs:
            path = job.video.path
            name = escape(printable(path.name))  # brackets in names are not markup
            line = progress.add_task(name, total=job.video.seconds)
            with _recorded(path, failures):
                summary = write_prediction(
                    predictor,
                    job.video,
                    job.folder,
                    checkpoint=checkpoint,
                    lu_avs=arguments.lu_avs,
                    save_masks=arguments.save_masks,
                    plan=job.plan,
                    on_second=lambda line=line: progress.advance(line),  # type: ignore[misc]
                )
                table.add_row(name, *_cells(summary), escape(printable(job.folder)))
            if path in failures:
                table.add_row(name, *[""] * (len(table.columns) - 2), "failed")
    print_table(table)


def _load(arguments: argparse.Namespace) -> tuple[ClipPredictor | LongPredictor, dict[str, str]]:
    """Load the model of a run; returns its predictor, and the entry "checkpoint" of `scores.json`."""
    source = arguments.checkpoint or newest_complete_run(Path("outputs"))
    if source is None:
        raise UserError(
            "no complete run under outputs/: `make demo` makes one in minutes, `avseg train ...` a real one; "
            "or name one with --model: a run, a file, published weights (`avseg weights` lists them), hf:owner/name"
        )
    device = find_device(arguments.device)
    source = find_source(source)
    model = load_model(source)
    predictor = make_predictor(
        model.to(device),
        every_frame=arguments.every_frame,
        threshold=arguments.threshold,
        batch=arguments.batch,
        rate=arguments.rate,
        device=device,
    )
    _check_long_options(predictor, arguments)
    if not model.config.trained:  # a composition of finished runs, without weights of its own
        runs = {f"{role}_run": run.run for role, run in model.config.sources().items()}
        return predictor, {"path": str(source.path), **runs}
    return predictor, source.origin()


def _check_long_options(predictor: ClipPredictor | LongPredictor, arguments: argparse.Namespace) -> None:
    if isinstance(predictor, ClipPredictor):
        for option, value in (("--lu-avs", arguments.lu_avs), ("--save-masks", arguments.save_masks)):
            if value:
                raise UserError(f"{option} is for runs on long videos of LU-AVS, not on clips; leave it out")
    elif arguments.save_masks and predictor.region != "mask":
        regions = {"box": "boxes", "none": "no regions"}[predictor.region]
        raise UserError(f"--save-masks: this run predicts {regions}; --lu-avs alone writes what there is")


def _notes(video: Video, plan: SoundPlan | None) -> list[str]:
    notes = [str(item) for item in video.breaks[:_MAX_REASONS]]
    if len(video.breaks) > _MAX_REASONS:
        notes.append(f"has {len(video.breaks) - _MAX_REASONS} more joints, gaps or pauses; scores.json lists them")
    if plan and plan.obstacle:
        notes.append(f"the sound of the overlay is {plan}")
    if video.sound is None:
        notes.append("has no sound; predicted as if it were silent")
    if video.missing:
        notes.append(f"is truncated; predicted without its last {video.missing:.1f} s")
    if video.height % 2 or video.width % 2:
        notes.append(f"{video.width}x{video.height} is odd; overlay.mp4 repeats an edge, the masks do not")
    return notes


def _cells(summary: dict[str, float]) -> list[str]:
    cells = [f"{summary['seconds']:.0f}", f"{summary['sounding']:.0f}"]
    if "mask_share" in summary:
        return [*cells, f"{100 * summary['mask_share']:.1f} %"]
    return [*cells, f"{summary['segments']:.0f}", f"{summary['classes']:.0f}"]
