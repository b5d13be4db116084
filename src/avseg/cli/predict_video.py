"""Predict one video; its failure is part of the report, so that the other videos go on."""

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from avseg.cli.predict_model import LoadedModel, Options, load_once
from avseg.media.sound_copy import SoundPlan, plan_sound
from avseg.media.sound_reader import can_decode_sound
from avseg.media.video import Video, probe
from avseg.prediction.writer import write_prediction
from avseg.utils.errors import UserError
from avseg.utils.names import printable

log = logging.getLogger(__name__)
_MAX_BREAKS = 3  # in the notes
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # every other video would fail with the same error


@dataclass(frozen=True)
class VideoReport:
    """The outcome of a video; all texts are printable."""

    video: str  # path
    folder: str = ""  # of the results, if there are any
    kept: bool = False  # True if results existed before
    notes: list[str] = field(default_factory=list)
    summary: dict[str, int | float] = field(default_factory=dict)  # counts; empty without a prediction
    failure: str = ""  # why there is no prediction


@dataclass(frozen=True)
class VideoJob:
    """A video to predict, or the reason why it cannot be."""

    path: Path
    folder: Path
    failure: str = ""

    def failed(self, error: Exception | str, notes: list[str] | None = None) -> VideoReport:
        """Return the report of a failure; an error that all other videos would have is raised."""
        text = error if isinstance(error, str) else _describe(self.path, error)
        return VideoReport(printable(self.path), notes=notes or [], failure=printable(text))

    def kept(self) -> VideoReport:
        """Return the report of results that exist already."""
        return VideoReport(printable(self.path), printable(self.folder), kept=True)


class OpenVideo(NamedTuple):
    """A video whose properties were read."""

    job: VideoJob
    video: Video
    plan: SoundPlan | None  # of the overlay's sound

    def notes(self) -> list[str]:
        """Return what is not as in usual videos."""
        video, plan = self.video, self.plan
        notes = list(map(str, video.breaks[:_MAX_BREAKS]))
        if len(video.breaks) > _MAX_BREAKS:
            notes.append(f"has {len(video.breaks) - _MAX_BREAKS} more joints, gaps or pauses; scores.json lists them")
        if plan and plan.obstacle:
            notes.append(f"the sound of the overlay is {plan}")
        if video.sound is None:
            notes.append("has no sound that can be decoded; predicted as if it were silent")
        if video.tracks > 1:
            notes.append(f"has {video.tracks} video tracks; that of {video.width}x{video.height} is predicted")
        if video.unread:
            notes.append(
                f"the last {video.unread:.0%} of the file belong to other tracks, which are not predicted; if it was "
                "joined of parts, predict the parts"
            )
        if video.missing:
            notes.append(f"is truncated; predicted without its last {video.missing:.1f} s")
        if video.height % 2 or video.width % 2:
            notes.append(f"{video.width}x{video.height} is odd; overlay.mp4 repeats an edge, the masks do not")
        return list(map(printable, notes))


def open_video(job: VideoJob, options: Options) -> OpenVideo | VideoReport:
    """Read the properties of a video; the report of a failure if it cannot be predicted."""
    if job.failure:
        return job.failed(job.failure)
    try:
        video = _probe(job.path, options)
        return OpenVideo(job, video, plan_sound(video))
    except Exception as error:
        return job.failed(error)


def predict_video(
    opened: OpenVideo, model: LoadedModel, options: Options, on_second: Callable[[], None] = lambda: None
) -> VideoReport:
    """Predict a video and write its results, all or nothing; `on_second` is called after each second."""
    job = opened.job
    try:
        summary = write_prediction(
            model.predictor,
            opened.video,
            job.folder,
            checkpoint=model.checkpoint,
            lu_avs=options.lu_avs,
            save_masks=options.save_masks,
            plan=opened.plan,
            on_second=on_second,
        )
    except Exception as error:
        return job.failed(error, opened.notes())
    return VideoReport(printable(job.path), printable(job.folder), notes=opened.notes(), summary={**summary})


def predict_job(options: Options, job: VideoJob) -> VideoReport:
    """Predict a video in a worker process, which loads the model once; raises `UserError` for the model's errors."""
    opened = open_video(job, options)
    return predict_video(opened, load_once(options), options) if isinstance(opened, OpenVideo) else opened


def _probe(path: Path, options: Options) -> Video:
    video = probe(path, options.audio_track)
    if video.sound is None and not options.silence:
        raise UserError(f"{path}: has no sound; --silence predicts it as if it were silent")
    if video.sound is not None and options.silence and not can_decode_sound(video):
        video = replace(video, sound=None)
    if video.missing and not options.allow_truncated:
        raise UserError(
            f"{path}: is truncated: {video.missing:.1f} s are missing after {video.duration:.1f} s; "
            "copy it again, or predict what is left with --allow-truncated"
        )
    return video


def _describe(path: Path, error: Exception) -> str:
    """Return the message of an error; raises it if all other videos would have it."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        if error.errno in _FATAL:
            raise error
        return f"{path}: {error.strerror or error} ({error.filename or 'while it was read'})"
    # a defect, or damage that nobody foresaw
    log.debug("%s", path, exc_info=error)
    return f"{path}: unexpected {type(error).__name__}: {error}"
