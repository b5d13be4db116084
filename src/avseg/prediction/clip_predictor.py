"""Predict a video with a model of short clips, window by window, in memory independent of its length.

The model sees clips of T frames one second apart with the sound of those T seconds, as in training and evaluation: its
front end converts the waveform of the whole window. The last window, if not full, is moved back to end with the video,
so that it still holds T real seconds (its first ones are not scored again); only a video shorter than T seconds is
padded with its last second, as the official features are.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from avseg.audio.frontend import FrontEnd, clip_sound
from avseg.data.lu_avs.streaming import read_frames
from avseg.media.frame_index import FrameIndex, FrameReader, frame_index
from avseg.media.frames import official_frames
from avseg.media.sound_reader import RATE, sound_seconds
from avseg.media.video import CLOCK_ERROR, Video
from avseg.prediction.device import inference
from avseg.prediction.prediction import FramePrediction, Sound, VideoPrediction, sound_level
from avseg.utils.iteration import batched


class ClipModel(Protocol):
    """A model of short clips, such as `avseg.models.base.AVSegModule`."""

    frontend: FrontEnd | None  # converts its sound; None for a model without sound
    clip_length: int  # T
    image_size: int  # h = w of the frames that it takes

    def predict_batch(self, frames: Tensor, sound: Tensor) -> Tensor:
        """Map frames (B, T, 3, h, w) uint8 and items (B, T, *shape) to probabilities (B, T, h, w)."""


class ClipPredictor:
    """Predicts videos with a model of short clips, `batch` clips per forward pass.

    With `every_frame` a clip still is T frames one second apart: the k-th clip of a window takes the k-th frame of each
    of its seconds, so that a window at 30 frames per second is 30 clips.
    """

    def __init__(
        self,
        model: ClipModel,
        *,
        batch: int = 1,
        device: torch.device | str = "cpu",
        every_frame: bool = False,
        threshold: float = 0.5,  # above this probability a pixel counts as sounding
    ) -> None:
        self.model = model
        self.batch = batch
        self.device = torch.device(device)
        self.every_frame = every_frame
        self.threshold = threshold

    @property
    def settings(self) -> dict[str, object]:
        """The settings that the prediction depends on, for the record."""
        return {
            "clip_length": self.model.clip_length,
            "image_size": self.model.image_size,
            "threshold": self.threshold,
            "every_frame": self.every_frame,
        }

    def predict(self, video: Video) -> VideoPrediction:
        """Predict a video, decoding it once; raises `UserError` while it is consumed, like `LongPredictor.predict`."""
        index = frame_index(video.path, video.audio_track)
        index = replace(index, video=replace(index.video, sound=video.sound))  # its caller may leave out the sound
        sound = Sound()
        return VideoPrediction(index.video, self._predict_frames(index, sound.levels), sound)

    def _predict_frames(self, index: FrameIndex, levels: list[float]) -> Iterator[FramePrediction]:
        times = index.video.times
        # (seconds,) the first frame of each second, or after it where none starts in it
        first_frames = np.searchsorted(times + CLOCK_ERROR, np.arange(index.video.seconds))
        windows = cut_windows(self._read_seconds(index, first_frames, levels), self.model.clip_length)
        for group in batched(windows, 1 if self.every_frame else self.batch):
            for second, maps in self._score(group):
                for number, frame_maps in zip(second.numbers.tolist(), maps, strict=True):
                    begin = number if self.every_frame else int(first_frames[second.number])
                    yield self.frame(number, float(times[number]), begin, second.number, frame_maps)

    def frame(self, number: int, time: float, begin: int, second: int, maps: Any) -> FramePrediction:
        """Make the prediction of a frame from its map (h, w)."""
        return FramePrediction(number, time, begin, second, maps)

    def _read_seconds(self, index: FrameIndex, first_frames: np.ndarray, levels: list[float]) -> Iterator["Second"]:
        size = (self.model.image_size, self.model.image_size)
        frames = np.arange(len(index)) if self.every_frame else np.array(official_frames(index.video))
        cuts = first_frames[1:] if self.every_frame else np.arange(1, len(frames))
        images = torch.zeros(0)
        with FrameReader(index, cache=2) as reader:
            seconds = zip(np.split(frames, cuts), sound_seconds(index.video), strict=True)
            for second, (numbers, samples) in enumerate(seconds):
                levels.append(round(sound_level(samples), 2))
                # (n, 3, h, w), or the frame that is still shown
                images = read_frames(index, numbers, size, reader) if len(numbers) else images[-1:]
                yield Second(second, numbers, images, samples)

    def _score(self, windows: Sequence["Window"]) -> Iterator[tuple["Second", list[Any]]]:
        """Score windows; yields each new second with the maps of its frames, as `_predict_batch` returns them."""
        sounds: list[Tensor] = []  # (T, *shape) of each window, shared by its clips
        clips: list[tuple[int, int]] = []  # window and clip in it
        for number, window in enumerate(windows):
            sounds.append(window.sound(self.model.frontend))
            clips.extend(product([number], range(window.clips)))
        maps: dict[tuple[int, int], Any] = {}  # by second and frame in it
        for chunk in batched(clips, self.batch):
            images: list[Tensor] = []  # B times (T, 3, h, w)
            items: list[Tensor] = []  # B times (T, *shape)
            for number, clip in chunk:
                images.append(windows[number].images(clip))
                items.append(sounds[number])
            probabilities_batch = self._predict_batch(torch.stack(images), torch.stack(items))  # (B, T, h, w)
            for (number, clip), probabilities in zip(chunk, probabilities_batch, strict=True):
                window = windows[number]
                for second, probability in zip(window.seconds[window.new], probabilities[window.new], strict=True):
                    maps[second.number, clip] = probability
        for window in windows:
            # (n, h, w) of the n frames of each second
            for second in window.seconds[window.new]:
                yield second, [maps.pop((second.number, clip)) for clip in range(len(second.numbers))]

    def _predict_batch(self, images: Tensor, sound: Tensor) -> Sequence[Sequence[Any]] | np.ndarray:
        """Predict the maps of B clips of T frames, B times T of them."""
        with inference(self.device):
            maps = self.model.predict_batch(images.to(self.device), sound.to(self.device))
        probabilities: np.ndarray = maps.float().cpu().numpy()
        return probabilities


@dataclass(frozen=True, eq=False)
class Second:
    """A second of a video; n = 0 if no frame to score starts in it (with `every_frame`)."""

    number: int  # from 0
    numbers: np.ndarray  # (n,) of the frames to score
    images: Tensor  # (n, 3, h, w) uint8, these frames; the one that is still shown if n = 0
    samples: np.ndarray  # (16000,) its sound


@dataclass(frozen=True, eq=False)
class Window:
    """T consecutive seconds, fewer if the video is shorter."""

    seconds: list[Second]
    new: slice  # those to be scored
    length: int  # T

    @property
    def clips(self) -> int:
        """Number of clips: the largest number of frames in a new second."""
        return max(len(second.numbers) for second in self.seconds[self.new])

    def images(self, clip: int) -> Tensor:
        """Stack the frames of a clip (T, 3, h, w): the clip-th of each second, or its last; the end is repeated."""
        images = []
        for second in self.seconds:
            images.append(second.images[min(clip, len(second.images) - 1)])
        images += [images[-1]] * (self.length - len(images))  # only if the video is shorter than T seconds
        return torch.stack(images)

    def sound(self, frontend: FrontEnd | None) -> Tensor:
        """Convert the sound to items (T, *shape), the last one repeated if the video is shorter than T seconds."""
        if frontend is None:
            return torch.zeros(self.length)
        waveform = torch.from_numpy(np.concatenate([second.samples for second in self.seconds]))
        return clip_sound(frontend(waveform, RATE), frontend, self.length, self.length)


def cut_windows(seconds: Iterable[Second], length: int) -> Iterator[Window]:
    """Cut a stream of seconds into windows of `length`; every second is new in exactly one of them."""
    recent: deque[Second] = deque(maxlen=length)
    new = 0
    for second in seconds:
        recent.append(second)
        new += 1
        if new == length:
            yield Window(list(recent), slice(0, length), length)
            new = 0
    if new:  # the last window ends with the video and begins with seconds that were scored before
        yield Window(list(recent), slice(len(recent) - new, len(recent)), length)
