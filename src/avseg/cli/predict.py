"""`avseg predict`: marks the sounding objects in videos."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from avseg.cli import predict_long

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

    from avseg.media.video import Video
    from avseg.predict.clip_predictor import Predictor

_EPILOG = """\
examples:
  avseg predict holiday.mp4 --out masks
  avseg predict videos/ --out masks --checkpoint outputs/demo/RUN/seed=123 --every-frame

writes for each video, in DIR/NAME/:
  overlay.mp4      the video with the sounding objects marked: same sound, size, frame times
  masks/000000.png one mask for each second (with --every-frame: for each frame), 255 = sounding
  scores.json      what the video is, and for each second: frame, mean probability, mask share, sound level
Each second is scored by one frame (AVSBench's choice: near its end) and its sound; its other frames show the same mask.
--every-frame scores each frame with the sound of its second. A partial last second counts as a second.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the verb."""
    parser = commands.add_parser(
        "predict",
        help="mark the sounding objects in any video",
        description="Marks the sounding objects in any video: an overlay video with the original sound, masks, scores.",
        epilog=_EPILOG + predict_long.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("videos", nargs="+", type=Path, metavar="VIDEO", help="video files, or folders that are searched for them")
    add("--out", type=Path, required=True, metavar="DIR", help="where the results go, a folder for each video")
    add("--checkpoint", type=Path, metavar="RUN", help="a run or a checkpoint file (default: newest complete run)")
    add("--every-frame", action="store_true", help="score every frame, not one for each second")
    add("--threshold", type=float, metavar="P", help="probability that counts as sounding (default: 0.5, or the run's)")
    add("--batch", type=int, metavar="N", help="clips at a time (default: 1, on a GPU 8); more take more memory")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps, ... (default: auto)")
    add("--silence", action="store_true", help="predict videos without a sound track too, as if they were silent")
    add("--allow-truncated", action="store_true", help="predict what there is of files that end too early")
    add("--overwrite", action="store_true", help="predict again where results are there already")
    predict_long.add_arguments(parser)
    parser.set_defaults(run=run)


class _Job(NamedTuple):
    video: "Video"
    folder: Path


def run(arguments: argparse.Namespace) -> int:
    """Predicts all videos; those that fail do not stop the others."""
    from avseg.cli.predict_inputs import choose_folders, find_videos, has_results
    from avseg.utils.errors import UserError

    _check(arguments)
    folders = choose_folders(find_videos(arguments.videos, arguments.out), arguments.out)
    failures: dict[Path, str] = {}
    jobs: list[_Job] = []
    for path, folder in folders.items():
        if has_results(folder) and not arguments.overwrite:
            print(f"{path}: results are there already ({folder}); --overwrite predicts again")
            continue
        try:
            jobs.append(_Job(_inspect(path, arguments), folder))
        except UserError as error:
            failures[path] = str(error)
    if jobs:
        _load_and_predict(jobs, arguments, failures)
    _complain(failures, len(folders))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    from avseg.utils.errors import UserError

    predict_long.check(arguments)
    if arguments.threshold is not None and not 0 < arguments.threshold < 1:
        raise UserError(f"--threshold {arguments.threshold}: must lie between 0 and 1")
    if arguments.batch is not None and arguments.batch < 1:
        raise UserError(f"--batch {arguments.batch}: must be at least 1")
    if arguments.out.exists() and not arguments.out.is_dir():
        raise UserError(f"--out {arguments.out}: is a file; name a folder")


def _inspect(path: Path, arguments: argparse.Namespace) -> "Video":
    """Looks at a video before any model is loaded."""
    from avseg.media.video import probe
    from avseg.utils.errors import UserError

    video = probe(path)
    if video.sound is None and not arguments.silence:
        raise UserError(f"{path}: has no sound; --silence predicts it as if it were silent")
    if video.missing and not arguments.allow_truncated:
        raise UserError(
            f"{path}: is truncated: {video.missing:.1f} s are missing after {video.duration:.1f} s; "
            "copy it again, or predict what there is with --allow-truncated"
        )
    return video


def _load_and_predict(jobs: list[_Job], arguments: argparse.Namespace, failures: dict[Path, str]) -> None:
    """What the run is decides how."""
    from avseg.models.lu_avs.base import VideoTest
    from avseg.predict.clip_predictor import Predictor

    task, device, checkpoint = _load(arguments)
    for job in jobs:
        for note in _notes(job.video):
            print(f"{job.video.path}: {note}")
    if isinstance(task, VideoTest):
        predict_long.predict_all(task, device, [(*job,) for job in jobs], arguments, checkpoint, failures)
        return
    predict_long.refuse(arguments)
    batch = arguments.batch or (8 if device.type == "cuda" else 1)
    predictor = Predictor(task, batch=batch, device=device, every_frame=arguments.every_frame)
    _predict_all(jobs, predictor, checkpoint, arguments.threshold or 0.5, failures)


def progress_columns() -> "list[ProgressColumn]":
    """A bar that counts seconds of video."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    name, unit = TextColumn("{task.description}"), TextColumn("s")
    return [name, BarColumn(), MofNCompleteColumn(), unit, TimeElapsedColumn(), TimeRemainingColumn()]


def _predict_all(
    jobs: list[_Job],
    predictor: "Predictor",
    checkpoint: dict[str, str],
    threshold: float,
    failures: dict[Path, str],
) -> None:
    from rich.progress import Progress

    from avseg.cli.predict_inputs import summary_table
    from avseg.cli.scores_table import print_table

    rows: list[tuple[_Job, dict[str, float] | None]] = []
    with Progress(*progress_columns()) as progress:
        for job in jobs:
            rows.append((job, _predict_one(job, predictor, checkpoint, threshold, progress, failures)))
    print_table(summary_table([(job.video, job.folder, summary) for job, summary in rows]))


def _predict_one(
    job: _Job,
    predictor: "Predictor",
    checkpoint: dict[str, str],
    threshold: float,
    progress: "Progress",
    failures: dict[Path, str],
) -> dict[str, float] | None:
    from avseg.predict.clip_writer import predict_video
    from avseg.utils.errors import UserError

    line = progress.add_task(job.video.path.name, total=job.video.seconds)
    try:
        return predict_video(
            predictor,
            job.video,
            job.folder,
            threshold=threshold,
            checkpoint=checkpoint,
            on_second=lambda: progress.advance(line),
        )
    except UserError as error:
        failures[job.video.path] = str(error)
        return None


def _notes(video: "Video") -> list[str]:
    notes = []
    if video.sound is None:
        notes.append("has no sound; predicted as if it were silent")
    if video.missing:
        notes.append(f"is truncated; predicted without its last {video.missing:.1f} s")
    if video.height % 2 or video.width % 2:
        notes.append(
            f"{video.width}x{video.height} is odd; overlay.mp4 repeats one edge to make it even, the masks do not"
        )
    return notes


def _load(arguments: argparse.Namespace) -> tuple[Any, Any, dict[str, str]]:
    """The model of a run, the device that it is on, and what `scores.json` calls it."""
    from avseg.models.lu_avs.composition import StrongBaselineTask
    from avseg.runs.find import checkpoint_of, newest_complete_run
    from avseg.training.load import load_any
    from avseg.utils.errors import UserError

    chosen = arguments.checkpoint or newest_complete_run(Path("outputs"))
    if chosen is None:
        raise UserError(
            "no complete run under outputs/: `make demo` makes one in minutes, `avseg train ...` a real one; "
            "or name a run or a checkpoint file with --checkpoint"
        )
    device, task = device_of(arguments.device), load_any(chosen)
    if isinstance(task, StrongBaselineTask):  # two runs together, without weights of its own
        parts = {key: task.config["branch"][key] for key in ("visual_run", "audio_run")}
        return task.to(device), device, {"path": str(chosen), **parts}
    file = checkpoint_of(chosen)
    return task.to(device), device, {"path": str(file), "sha256": _digest(file)}


def device_of(name: str) -> Any:
    """The device of a name, or of "auto"; tried, so that a wrong one is told in one line."""
    import torch

    from avseg.utils.errors import UserError

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--device {name}: cannot be used here ({reason}); use auto or cpu") from None
    return device


def _digest(file: Path) -> str:
    import hashlib

    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _complain(failures: dict[Path, str], total: int) -> None:
    from avseg.utils.errors import UserError

    if not failures:
        return
    if total == 1:
        raise UserError(next(iter(failures.values())))
    raise UserError(f"{len(failures)} of {total} videos failed: " + "; ".join(failures.values()))
