"""Predict a video with a model of long videos: its sound first, then its frames a few at a time.

A prediction equals an evaluation (`LongVideoModule.predict_video`) without annotations. Memory does not grow with the
length of the video, since its sound is also read in parts.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseg.audio.frontend import FrontEnd, LogMel, fit_to_frames
from avseg.data.lu_avs import Chunk, LUVideo, Release, stream
from avseg.data.lu_avs.evaluation import video_size
from avseg.data.lu_avs.ground_truth import boxes_around
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.seconds import FRAMES_PER_SECOND, frames_of_second
from avseg.data.lu_avs.streaming import read_frames
from avseg.draw.labels import class_colour
from avseg.draw.overlay import Colour
from avseg.draw.palette import SOUNDING
from avseg.media.frame_index import FrameReader, frame_index
from avseg.media.sound_reader import RATE, sound_seconds
from avseg.media.video import Video, second_of
from avseg.models.lu_avs.activity import sound_activity
from avseg.models.lu_avs.aggregation import RegionPrediction, aggregate
from avseg.models.lu_avs.audio_module import AudioModule
from avseg.models.lu_avs.base import BranchModule, LongVideoModule
from avseg.models.lu_avs.composition import StrongModule
from avseg.models.lu_avs.frame_module import FrameModule
from avseg.models.lu_avs.tpavi_module import LongAVSModule
from avseg.predict.clip_predictor import batched
from avseg.predict.device import inference
from avseg.predict.prediction import FramePrediction, Sound, VideoPrediction, sound_level
from avseg.utils.errors import UserError

PEAKS = 40  # parts of a second whose lowest and highest samples draw the waveform
_SECONDS_AT_ONCE = 32  # of sound, per forward pass of the audio branch
_TIMES_AT_ONCE = 256  # frames of a chunk without images
_NO_BOX = np.full((1, 4), np.nan, np.float32)


class LongPredictor:
    """Predicts videos without annotations.

    Args:
        task: a branch of the strong baseline, their composition, or the AVS model on long videos.
        rate: frames per second to score, `math.inf` = every frame; None = as in the evaluation.
        threshold: probability above which a class counts as audible; for a visual branch alone the score above which a
            region is kept; for the AVS model the probability above which a pixel sounds. None = as in the evaluation.
        batch: frames scored at once; None = as in the evaluation.
        device: of the model.

    Attributes:
        names: of the classes; the AVS model has one, "sounding".
        region: "mask", "box" or "none".
        settings: the settings that the prediction depends on, for the record.

    Raises:
        UserError: a rate for a model whose frames are fixed.
    """

    def __init__(
        self,
        task: LongVideoModule,
        *,
        rate: float | None = None,
        threshold: float | None = None,
        batch: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.task = task
        self.device = torch.device(device)
        self.region = task.region
        self.visual, self.audio = _branches(task)
        self.knows_classes = not isinstance(task, LongAVSModule)
        self.names = task.labels if self.knows_classes else ["sounding"]
        self.frontend: FrontEnd = task.frontend or LogMel("second")
        self.model_name = task.config.name
        if rate is not None and self.visual is None:
            reason = "hears whole seconds" if self.knows_classes else "sees five frames of each second"
            option = f"--rate {rate:g}" if math.isfinite(rate) else "--every-frame"
            raise UserError(f"{option}: this run ({self.model_name}) {reason}; leave it out")
        data = task.record["data"]
        self.fit = _frame_fit(task, self.visual)
        self.frames_per_chunk = batch or data["frames_per_chunk"]
        self.rate = rate or data["rate"]
        self._set_thresholds(threshold)

    def _set_thresholds(self, threshold: float | None) -> None:
        self.settings: dict[str, object] = {"model": self.model_name}
        if not isinstance(self.task, BranchModule):
            self.pixel_threshold = 0.5 if threshold is None else threshold
            self.settings |= {"rate": FRAMES_PER_SECOND, "threshold": self.pixel_threshold, "labels": self.names}
            return
        self.aggregation = self.task.aggregation
        self.smoothing = self.task.smoothing
        if threshold is not None and self.audio is not None:
            self.smoothing = replace(self.smoothing, threshold=threshold)
        elif threshold is not None:
            self.aggregation = replace(self.aggregation, threshold=threshold)
        if self.visual is not None:
            options = asdict(self.aggregation)
            del options["groups"]
            self.settings["rate"] = self.rate if math.isfinite(self.rate) else "every frame"
            self.settings["aggregation"] = options
        if self.audio is not None:
            self.settings["smoothing"] = asdict(self.smoothing)
        self.settings["labels"] = self.names

    def colour(self, label: int) -> Colour:
        """Return the colour of a class."""
        return class_colour(label) if self.knows_classes else SOUNDING

    def predict(self, video: Video) -> VideoPrediction:
        """Predict a video: read its whole sound now, its frames while the prediction is consumed.

        Raises:
            UserError: frames or sound cannot be decoded, or the device has too little memory.
        """
        source = LUVideo(video.path.stem, video.path, video.frame_rate, video.duration, "test", (), has_masks=False)
        sound = self.listen(source)
        # the index counts the frames of videos without time stamps
        return VideoPrediction(frame_index(video.path).video, self._predict_frames(source, sound), sound)

    def listen(self, video: LUVideo) -> Sound:
        """Read the sound of a video and classify it.

        Raises:
            UserError: the sound cannot be decoded, or the device has too little memory.
        """
        waves: list[np.ndarray] = []
        levels: list[float] = []
        probabilities: list[Tensor] = []
        for seconds in batched(sound_seconds(frame_index(video.path).video), _SECONDS_AT_ONCE):
            for samples in seconds:
                parts = samples.reshape(PEAKS, -1)
                waves.append(np.stack([parts.min(1), parts.max(1)], 1))  # (PEAKS, 2)
                levels.append(round(sound_level(samples), 2))
            if self.audio is not None:
                items = torch.cat([self._item(samples) for samples in seconds])
                with inference(self.device):
                    logits = self.audio(items[None].to(self.device))[0]  # (seconds, K)
                probabilities.append(logits.float().sigmoid().cpu())
        activity = sound_activity(torch.cat(probabilities), self.smoothing) if probabilities else None
        return Sound(levels, np.concatenate(waves), activity)

    def watch(self, video: LUVideo, sound: Sound) -> Iterator[tuple[Chunk, RegionPrediction]]:
        """Yield a few scored frames at a time, in order, with their prediction.

        Raises:
            UserError: the frames cannot be decoded, or the device has too little memory.
        """
        size = video_size(video)
        if not self.knows_classes:
            yield from self._watch_seconds(video, size)
        elif self.visual is None:
            for chunk in _times(video):
                yield chunk, aggregate(None, chunk.seconds, (0, 0), sound.activity, self.aggregation)
        else:
            release = Release(self.names, {video.id: video})
            for chunk in stream(video, release, self.rate, frames_per_chunk=self.frames_per_chunk, fit=self.fit):
                with inference(self.device):
                    queries = self.visual(chunk.frames.to(self.device))
                    prediction = aggregate(queries, chunk.seconds, size, sound.activity, self.aggregation)
                yield chunk, prediction

    def _watch_seconds(self, video: LUVideo, size: tuple[int, int]) -> Iterator[tuple[Chunk, RegionPrediction]]:
        """Predict with the AVS model: five frames of each second with its sound."""
        index = frame_index(video.path)
        last = -1
        with FrameReader(index) as reader:
            for second, samples in enumerate(sound_seconds(index.video)):
                numbers = np.unique(frames_of_second(index, second))
                numbers = numbers[numbers > last]  # at a low rate a frame may be shown in two seconds
                if not len(numbers):
                    continue
                last = numbers[-1]
                frames = read_frames(index, numbers, self.fit.size(*size), reader)
                masks = self._sounding_pixels(frames, self._item(samples), size)
                times = torch.from_numpy(index.video.times[numbers])
                yield Chunk(video.id, torch.from_numpy(numbers), times, frames), RegionPrediction(masks={0: masks})

    def _sounding_pixels(self, frames: Tensor, item: Tensor, size: tuple[int, int]) -> Tensor:
        """Predict the sounding pixels (n, H, W) of n frames (n, 3, h, w) with the item (1, *shape) of their second."""
        assert isinstance(self.task, LongAVSModule)
        sound = item.expand(1, len(frames), *item.shape[1:]).to(self.device)
        with inference(self.device):
            maps = self.task.predict_batch(frames[None].to(self.device), sound)  # (1, n, h, w)
            return (
                functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)[0] > self.pixel_threshold
            )

    def _item(self, samples: np.ndarray) -> Tensor:
        """Convert the sound of a second to one item (1, *shape)."""
        return fit_to_frames(self.frontend(torch.from_numpy(samples), RATE), 1)

    def _predict_frames(self, video: LUVideo, sound: Sound) -> Iterator[FramePrediction]:
        first = True
        for chunk, prediction in self.watch(video, sound):
            for row in range(len(chunk.index)):
                yield self._frame(chunk, prediction, row, first)
                first = False

    def _frame(self, chunk: Chunk, prediction: RegionPrediction, row: int, first: bool) -> FramePrediction:
        """Extract one frame of a chunk; the first frame of a video is shown from its beginning."""
        number = int(chunk.index[row])
        time = float(chunk.seconds[row])
        audible = frozenset(label for label, flags in prediction.sounding.items() if flags[row])
        masks: dict[int, np.ndarray] = {}
        boxes: dict[int, np.ndarray] = {}
        if self.region == "mask":
            for label, mask in prediction.masks.items():
                if mask[row].any():
                    masks[label] = mask[row].cpu().numpy()
                    boxes[label] = boxes_around(masks[label][None])
        elif self.region == "box":
            for label, rows in prediction.boxes.items():
                if len(rows[row]):
                    boxes[label] = rows[row].cpu().numpy()
        else:
            boxes = dict.fromkeys(audible, _NO_BOX)
        scores = {label: float(values[row]) for label, values in prediction.scores.items() if label in boxes}
        return FramePrediction(
            number, time, 0 if first else number, second_of(time), None, masks, boxes, scores, audible
        )


def _branches(task: LongVideoModule) -> tuple[FrameModule | None, AudioModule | None]:
    """Return the visual and the audio branch."""
    if isinstance(task, StrongModule):
        return task.visual, task.audio
    return task if isinstance(task, FrameModule) else None, task if isinstance(task, AudioModule) else None


def _frame_fit(task: LongVideoModule, visual: FrameModule | None) -> Fit:
    """Return the size of frames that the model, or the visual branch of a composition, was trained with."""
    data = (visual or task).record["data"]
    return Fit(data["image_size"], data["long_side"], square=isinstance(task, LongAVSModule))


def _times(video: LUVideo) -> Iterator[Chunk]:
    """Yield the numbers and times of all frames, without images."""
    index = frame_index(video.path)
    for numbers in torch.split(torch.arange(len(index)), _TIMES_AT_ONCE):
        times = torch.from_numpy(index.video.times[numbers.numpy()])
        yield Chunk(video.id, numbers, times, torch.zeros(0, 3, 1, 1, dtype=torch.uint8))
