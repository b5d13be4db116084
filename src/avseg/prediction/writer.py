"""Write the prediction of a video: the marked video with its sound, masks or boxes, scores."""

import errno
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import av.error
import numpy as np

from avseg.draw.boxes import MarkedFrame
from avseg.draw.overlay import Overlay
from avseg.media.sound_copy import SoundPlan, plan_sound
from avseg.media.video import Frame, Video
from avseg.media.video_writer import Paint, repaint
from avseg.prediction.clip_predictor import ClipPredictor
from avseg.prediction.clip_results import ClipResults
from avseg.prediction.long_predictor import LongPredictor
from avseg.prediction.long_results import LongResults
from avseg.prediction.prediction import FramePrediction
from avseg.prediction.scores_file import RowsFile, describe
from avseg.prediction.semantic_predictor import SemanticPredictor
from avseg.prediction.semantic_results import SemanticResults
from avseg.utils.errors import UserError
from avseg.utils.files import replace_folder


def write_prediction(
    predictor: ClipPredictor | LongPredictor,
    video: Video,
    folder: Path,
    *,
    checkpoint: dict[str, str] | None = None,
    lu_avs: bool = False,
    save_masks: bool = False,
    on_second: Callable[[], None] = lambda: None,
    plan: SoundPlan | None = None,
) -> dict[str, float]:
    """Predict a video and write the results into a folder, all or nothing; `avseg predict --help` lists the files.

    Prediction and painting decode the video in parallel: the painter asks for the prediction of each frame, and the
    predictor is at most one batch ahead. Nothing else is kept, however long the video is.

    The folder is named after the video; existing results are replaced when the new ones are complete. `checkpoint`
    identifies the model in `scores.json`; `lu_avs` and `save_masks` are those of `Result.save`; `plan` is that of
    `plan_sound`, which is called if it is None. Returns counts for a summary, see `ClipResults.finish`
    and `LongResults.finish`.

    Raises:
        UserError: the video cannot be decoded, or the overlay cannot be encoded.
    """
    with replace_folder(folder) as staging, ExitStack() as files:
        prediction = predictor.predict(video)  # frames are decoded and scored when the painter asks for them
        video = prediction.video
        plan = plan or plan_sound(video)
        sound = {"overlay_sound": str(plan) if plan else None}
        header = {"video": describe(video) | sound, "checkpoint": checkpoint, **predictor.settings}
        file = files.enter_context((staging / "scores.json").open("w", encoding="utf-8", errors="backslashreplace"))
        scores = RowsFile(file, header, "seconds")
        results: ClipResults | LongResults
        if isinstance(predictor, LongPredictor):
            options = {"lu_avs": lu_avs, "save_masks": save_masks}
            results = LongResults(staging, folder.name, predictor, prediction, scores, files, **options)
        elif isinstance(predictor, SemanticPredictor):
            results = SemanticResults(staging, predictor, prediction, scores)
        else:
            options = {"every_frame": predictor.every_frame}
            results = ClipResults(staging, prediction, scores, threshold=predictor.threshold, **options)
        # the overlay is written first, because painting drives the prediction
        painter = Painter(prediction.frames, results, on_second)
        _repaint(video, staging / "overlay.mp4", painter.paint, plan)
        painter.finish(video.seconds)
        scores.close()
        return results.finish()


def _repaint(video: Video, path: Path, paint: Paint, plan: SoundPlan | None) -> None:
    try:
        repaint(video, path, paint, plan)
    except av.error.FFmpegError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # the command reports a full disk itself
            raise OSError(error.errno, error.strerror, str(path.parent)) from error
        raise UserError(f"{video.path}: the overlay video cannot be written ({error.strerror})") from error


class Painter:
    """Consumes scored frames as the painted video reaches them; passes them and the ends of seconds to `results`."""

    def __init__(
        self,
        frames: Iterator[FramePrediction],
        results: ClipResults | LongResults,
        on_second: Callable[[], None] = lambda: None,  # called after each second
    ) -> None:
        self.frames = frames
        self.results = results
        self.on_second = on_second
        self.second = 0
        self.drawing: Overlay | MarkedFrame | None = None
        self.next = next(frames, None)

    def paint(self, image: np.ndarray, frame: Frame) -> np.ndarray:
        """Return the frame (H, W, 3) with the prediction that holds in it."""
        # several predictions may begin here if no frame starts in a second
        while self.next is not None and self.next.begin <= frame.number:
            self._take(self.next)
        return image if self.drawing is None else self.drawing.on(image)

    def finish(self, seconds: int) -> None:
        """Consume the predictions after the last painted frame, and end all seconds."""
        while self.next is not None:
            self._take(self.next)
        self._end_seconds(seconds)

    def _take(self, frame: FramePrediction) -> None:
        self._end_seconds(frame.second)
        self.drawing = self.results.add(frame)
        self.next = next(self.frames, None)

    def _end_seconds(self, until: int) -> None:
        while self.second < until:
            self.results.end_second(self.second)
            self.second += 1
            self.on_second()
