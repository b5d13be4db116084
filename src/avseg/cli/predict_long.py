"""`avseg predict` with a run on long videos (LU-AVS): labelled segments, their regions, a timeline."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avseg.media.video import Video
    from avseg.models.lu_avs.base import VideoTest

EPILOG = """
with a run on long videos (LU-AVS: the strong baseline, one of its branches, or the AVS model's adaptation):
  overlay.mp4      each class in its own colour with its name, as a tint or a box; "♪ NAME": heard, not seen
  timeline.png     the waveform, and when each class is predicted
  segments.json    the same as annotations of LU-AVS: frames of the video, from the first to before the last
  masks/LABEL/000000.png or boxes.json   the regions in each scored frame; overlay.mp4 holds them until the next one
  scores.json      for each second: sound level, what is heard with which probability, what is shown
Frames are scored at the rate at which the run is evaluated; --rate R or --every-frame score others. --threshold sets
the probability from which a class counts as heard; for a visual branch alone the score from which a region is shown;
for the AVS model, which sees five frames of each second, the probability from which a pixel sounds. --batch N: frames.
--lu-avs adds a folder lu_avs/ in the layout of the data set, with bbox.npy (around masks, too) for each segment;
--save-masks adds masks.npy for each frame to it: H x W bytes a frame and segment.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of long videos alone."""
    group = parser.add_argument_group("with a run on long videos (LU-AVS)")
    group.add_argument("--rate", type=float, metavar="R", help="frames per second to score (default: the run's)")
    group.add_argument("--lu-avs", action="store_true", help="also write a folder in the layout of LU-AVS")
    group.add_argument("--save-masks", action="store_true", help="with the masks of every frame in it; large")


def check(arguments: argparse.Namespace) -> None:
    """Checks those options before anything is read.

    Raises:
        UserError: a value that is not allowed, or two options that contradict each other.
    """
    from avseg.utils.errors import UserError

    if arguments.rate is None:
        return
    if not 0 < arguments.rate < float("inf"):
        raise UserError(f"--rate {arguments.rate:g}: must be above 0 frames per second")
    if arguments.every_frame:
        raise UserError(f"--rate {arguments.rate:g} and --every-frame contradict each other; give one of them")


def refuse(arguments: argparse.Namespace) -> None:
    """Refuses those options for an AVS model on clips.

    Raises:
        UserError: one of them is given.
    """
    from avseg.utils.errors import UserError

    given = {"--rate": arguments.rate is not None, "--lu-avs": arguments.lu_avs, "--save-masks": arguments.save_masks}
    for name in (name for name, there in given.items() if there):
        raise UserError(f"{name} is for runs on long videos (branch=...), and this is an AVS model; leave it out")


def predict_all(
    task: "VideoTest",
    device: Any,
    jobs: "list[tuple[Video, Path]]",
    arguments: argparse.Namespace,
    checkpoint: dict[str, str],
    failures: dict[Path, str],
) -> None:
    """Predicts all videos under a progress bar and prints a table of them.

    Args:
        task: the run.
        device: where it is.
        jobs: videos, and the folders of their results.
        arguments: of the command.
        checkpoint: what `scores.json` calls the run.
        failures: filled with what went wrong, by video.

    Raises:
        UserError: an option that does not apply to this run.
    """
    from rich.progress import Progress

    from avseg.cli.predict import progress_columns
    from avseg.cli.scores_table import print_table
    from avseg.predict.long_writer import predict_long_video
    from avseg.utils.errors import UserError

    predictor = _predictor(task, device, arguments)
    rows: list[tuple[Video, Path, dict[str, float] | None]] = []
    with Progress(*progress_columns()) as progress:
        for video, folder in jobs:
            line = progress.add_task(video.path.name, total=video.seconds)
            summary = None
            try:
                summary = predict_long_video(
                    predictor,
                    video.path,
                    folder,
                    checkpoint=checkpoint,
                    lu_avs=arguments.lu_avs,
                    save_masks=arguments.save_masks,
                    on_second=lambda line=line: progress.advance(line),  # type: ignore[misc]
                )
            except UserError as error:
                failures[video.path] = str(error)
            rows.append((video, folder, summary))
    print_table(_table(rows))


def _predictor(task: "VideoTest", device: Any, arguments: argparse.Namespace) -> Any:
    from avseg.predict.long_predictor import LongPredictor
    from avseg.utils.errors import UserError

    if arguments.save_masks and task.region != "mask":
        kind = {"box": "boxes", "none": "no regions"}[task.region]
        raise UserError(f"--save-masks: this run predicts {kind}; --lu-avs alone writes what there is")
    rate = float("inf") if arguments.every_frame else arguments.rate
    return LongPredictor(task, rate=rate, threshold=arguments.threshold, batch=arguments.batch, device=device)


def _table(rows: "list[tuple[Video, Path, dict[str, float] | None]]") -> Any:
    from rich.table import Table

    table = Table(title="predicted")
    for name in ("video", "seconds", "sounding", "segments", "classes", "results"):
        table.add_column(name, justify="left" if name in ("video", "results") else "right", overflow="fold")
    for video, folder, summary in rows:
        counts = [f"{summary[name]:.0f}" for name in ("seconds", "sounding", "segments", "classes")] if summary else []
        table.add_row(video.path.name, *(counts or [""] * 4), str(folder) if summary else "failed")
    return table
