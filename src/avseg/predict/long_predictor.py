"""Any video through a run on long videos: its sound first, then its frames a few at a time.

What is predicted equals what is evaluated (`VideoTest.predict_video`), without annotations; and memory does not grow
with the length, for the sound is read a stretch at a time too.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseg.audio.log_mel import SAMPLE_RATE, log_mel_patches
from avseg.data.lu_avs import Chunk, LUAVSDataModule, LUVideo, Release, stream
from avseg.data.lu_avs.evaluation import video_size
from avseg.data.lu_avs.seconds import FRAMES_PER_SECOND, frames_of_second
from avseg.data.lu_avs.streaming import read_frames
from avseg.draw.labels import class_colour
from avseg.draw.overlay import Colour
from avseg.draw.palette import SOUNDING
from avseg.media.frame_index import FrameReader, frame_index
from avseg.media.sound_reader import sound_seconds
from avseg.models.lu_avs.activity import SoundActivity, sound_activity
from avseg.models.lu_avs.aggregation import Prediction, aggregate
from avseg.models.lu_avs.audio_module import SoundBranchTask
from avseg.models.lu_avs.base import LongTask, VideoTest
from avseg.models.lu_avs.composition import StrongBaselineTask
from avseg.models.lu_avs.frame_module import FrameBranchTask
from avseg.models.lu_avs.tpavi_module import LongAVSTask
from avseg.predict.clip_predictor import _level
from avseg.utils.errors import UserError

PEAKS = 40  # parts of a second whose lowest and highest sample the waveform is drawn from
_STRETCH = 32  # seconds of sound heard at once
_INSTANTS = 256  # frames of a chunk without pictures


@dataclass(frozen=True, eq=False)
class Sound:
    """The sound of a whole video of S seconds.

    Attributes:
        wave: (S * PEAKS, 2) float32, lowest and highest sample of each part.
        levels: (S,) root mean square against full scale, in dB.
        activity: which class is heard when; None for a model that does not classify sound.
    """

    wave: np.ndarray
    levels: list[float]
    activity: SoundActivity | None


class LongPredictor:
    """Predicts videos of which nothing is known.

    Args:
        task: a run on long videos: a branch of the strong baseline, its composition, or the AVS model.
        rate: frames per second that are scored, `math.inf` = every frame; None = as the run evaluates.
        threshold: probability above which a class counts as heard, for a visual branch alone the score above which a
            region is kept, for the AVS model the probability above which a pixel sounds; None = as the run evaluates.
        batch: frames that are scored at once; None = as the run evaluates.
        device: where the task is.

    Attributes:
        names: of the classes that it predicts; the AVS model knows but one, "sounding".
        region: "mask", "box" or "none".
        settings: what the prediction follows, for the record.

    Raises:
        UserError: a rate for a run whose frames are fixed.
    """

    def __init__(
        self,
        task: VideoTest,
        *,
        rate: float | None = None,
        threshold: float | None = None,
        batch: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.task, self.device, self.region = task, torch.device(device), task.region
        self.visual, self.audio = _parts(task)
        self.knows_classes = not isinstance(task, LongAVSTask)
        self.names = task.labels if self.knows_classes else ["sounding"]
        if rate is not None and self.visual is None:
            why = "hears whole seconds" if self.knows_classes else "sees five frames of each second"
            option = f"--rate {rate:g}" if math.isfinite(rate) else "--every-frame"
            raise UserError(f"{option}: this run ({task.config['branch']['name']}) {why}; leave it out")
        data = _reading(task, self.visual)
        self.fit, self.frames_per_chunk, self.rate = data.fit, batch or data.frames_per_chunk, rate or data.rate
        self._choose(threshold)

    def _choose(self, threshold: float | None) -> None:
        """The run's thresholds, and the one that is set instead."""
        self.settings: dict[str, Any] = {"branch": self.task.config["branch"]["name"]}
        if not isinstance(self.task, LongTask):
            self.pixel = 0.5 if threshold is None else threshold
            self.settings |= {"rate": FRAMES_PER_SECOND, "threshold": self.pixel}
            return
        self.aggregation, self.smoothing = self.task.aggregation, self.task.smoothing
        if threshold is not None and self.audio is not None:
            self.smoothing = replace(self.smoothing, threshold=threshold)
        elif threshold is not None:
            self.aggregation = replace(self.aggregation, threshold=threshold)
        if self.visual is not None:
            shown = {name: getattr(self.aggregation, name) for name in ("mode", "modality", "keep", "threshold")}
            self.settings |= {"rate": self.rate if math.isfinite(self.rate) else "every frame", "aggregation": shown}
        if self.audio is not None:
            self.settings["smoothing"] = vars(self.smoothing)

    def colour(self, label: int) -> Colour:
        """The colour of a class."""
        return class_colour(label) if self.knows_classes else SOUNDING

    def listen(self, video: LUVideo) -> Sound:
        """Hears the whole video.

        Raises:
            UserError: its sound cannot be decoded, or the device has too little memory.
        """
        waves, levels, heard = [], [], []
        seconds = sound_seconds(frame_index(video.path).video)
        while stretch := list(islice(seconds, _STRETCH)):
            for second in stretch:
                parts = np.array_split(second, PEAKS)
                waves.append(np.array([[part.min(), part.max()] for part in parts], np.float32))
                levels.append(round(_level(second), 2))
            if self.audio is not None:
                heard.append(self._classify(stretch))
        activity = sound_activity(torch.cat(heard), self.smoothing) if heard else None
        return Sound(np.concatenate(waves), levels, activity)

    def watch(self, video: LUVideo, sound: Sound) -> Iterator[tuple[Chunk, Prediction]]:
        """A few scored frames at a time, in order, with what is predicted in them.

        Raises:
            UserError: the frames cannot be decoded, or the device has too little memory.
        """
        if not self.knows_classes:
            yield from self._seconds(video)
        elif self.visual is None:
            for chunk in _instants(video):
                yield chunk, aggregate(None, chunk.seconds, (0, 0), sound.activity, self.aggregation)
        else:
            release, size = Release(self.names, {video.id: video}), video_size(video)
            for chunk in stream(video, release, self.rate, frames_per_chunk=self.frames_per_chunk, fit=self.fit):
                yield chunk, self._see(chunk, size, sound)

    def _see(self, chunk: Chunk, size: tuple[int, int], sound: Sound) -> Prediction:
        assert self.visual is not None
        with torch.inference_mode(), _memory(self.device):
            queries = self.visual(chunk.frames.to(self.device))
            return aggregate(queries, chunk.seconds, size, sound.activity, self.aggregation)

    def _classify(self, stretch: list[np.ndarray]) -> Tensor:
        """The probabilities (S, K) of a stretch of seconds."""
        assert self.audio is not None
        patches = torch.cat([log_mel_patches(torch.from_numpy(wave), SAMPLE_RATE, "second") for wave in stretch])
        with torch.inference_mode(), _memory(self.device):
            probabilities: Tensor = self.audio(patches[None].to(self.device))[0].float().sigmoid().cpu()
        return probabilities

    def _seconds(self, video: LUVideo) -> Iterator[tuple[Chunk, Prediction]]:
        """The AVS model: five frames of each second with its sound."""
        index, size, last = frame_index(video.path), video_size(video), -1
        with FrameReader(index) as reader:
            for second, wave in enumerate(sound_seconds(index.video)):
                numbers = np.unique(frames_of_second(index, second))
                numbers = numbers[numbers > last]  # at a low rate a frame may be shown in two seconds
                if not len(numbers):
                    continue
                last = numbers[-1]
                frames = read_frames(index, numbers, self.fit.size(*size), reader)
                times = torch.from_numpy(index.video.times[numbers])
                patch = log_mel_patches(torch.from_numpy(wave), SAMPLE_RATE, "second")
                masks = self._sounding(frames, patch, size)
                yield Chunk(video.id, torch.from_numpy(numbers), times, frames), Prediction(masks={0: masks})

    def _sounding(self, frames: Tensor, patch: Tensor, size: tuple[int, int]) -> Tensor:
        """The sounding pixels (n, H, W) of n frames of a second."""
        assert isinstance(self.task, LongAVSTask)
        heard = patch.expand(1, len(frames), *patch.shape[1:]).to(self.device)
        with torch.inference_mode(), _memory(self.device):
            maps = self.task.predict_clip(frames[None].to(self.device), heard)
            return functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)[0] > self.pixel


@contextmanager
def _memory(device: torch.device) -> Iterator[None]:
    """Says in one line that the device has too little memory."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise UserError(f"{device} has too little memory; use a smaller --batch or --device cpu") from None


def _parts(task: VideoTest) -> tuple[FrameBranchTask | None, SoundBranchTask | None]:
    """The visual and the audio branch."""
    if isinstance(task, StrongBaselineTask):
        return task.visual, task.audio
    return task if isinstance(task, FrameBranchTask) else None, task if isinstance(task, SoundBranchTask) else None


def _reading(task: VideoTest, visual: FrameBranchTask | None) -> LUAVSDataModule:
    """How a run reads frames: their size as the visual branch learnt it; the data set itself is not looked at."""
    data = task.config["data"]
    seen = visual.config["data"] if visual is not None else data
    options = data["options"] | {key: seen["options"][key] for key in ("long_side",) if key in seen["options"]}
    kind: Literal["avs", "mask"] = "avs" if isinstance(task, LongAVSTask) else "mask"
    return LUAVSDataModule(data["root"], kind, seen["image_size"], batch_size=data["batch_size"], **options)


def _instants(video: LUVideo) -> Iterator[Chunk]:
    """Every frame's number and time, without its picture."""
    index = frame_index(video.path)
    for numbers in torch.split(torch.arange(len(index)), _INSTANTS):
        times = torch.from_numpy(index.video.times[numbers.numpy()])
        yield Chunk(video.id, numbers, times, torch.zeros(0, 3, 1, 1, dtype=torch.uint8))
