"""Masks of a whole video, window by window, in memory that does not grow with its length.

The model sees clips of T frames one second apart, each with the sound of its second, as in training. A video is cut
into windows of T seconds. The last window, if not full, is moved back to end with the video, so that it still shows T
real seconds (its first ones were scored before and are not scored again); only a video shorter than T seconds is filled
up, with its last second, as the official features are.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from avseg.audio.log_mel import log_mel_patches
from avseg.media.sound_reader import RATE, sound_seconds
from avseg.media.video import Frame, UprightRGB, Video, frames, official_frames, second_of
from avseg.utils.errors import UserError

SILENT_DBFS = -120.0  # what digital silence is given as: minus infinity has no place in a json
_Item = TypeVar("_Item")
_Shown = tuple[list[tuple[int, float]], list[Tensor]]  # numbers and times of a second's frames; its pictures


class Scorer(Protocol):
    """What scores clips; `avseg.models.avs.module.AVSTask` is one.

    Attributes:
        clip_length: T.
        image_size: H = W of the frames it takes.
    """

    clip_length: int
    image_size: int

    def predict_clip(self, frames: Tensor, audio: Tensor) -> Tensor:
        """Frames (B, T, 3, H, W) uint8 and patches (B, T, 1, 96, 64) to probabilities (B, T, H, W)."""


@dataclass(frozen=True, eq=False)
class SecondScore:
    """The result for one second.

    Attributes:
        second: which one, from 0.
        numbers: the scored frames' numbers in the video: one, or with `every_frame` each frame of this second (none
            where the video shows no new frame).
        times: their times in seconds.
        probabilities: (len(numbers), h, w) float32 in [0, 1] at the model's size.
        sound_dbfs: level of this second's sound, root mean square against full scale, in dB.
    """

    second: int
    numbers: list[int]
    times: list[float]
    probabilities: np.ndarray
    sound_dbfs: float


@dataclass(eq=False)
class _Second:
    """A second as the model takes it: at least one picture, also where none is to be scored."""

    second: int
    numbers: list[int]
    times: list[float]
    pictures: list[Tensor]  # (3, h, w) uint8 each
    patch: Tensor  # (1, 96, 64)
    sound_dbfs: float


class Predictor:
    """Scores videos.

    With `every_frame`, the clip stays what the model knows, T frames one second apart: the k-th clip of a window takes
    the k-th frame of each of its seconds, so a window of 30 frames per second is 30 clips.

    Args:
        scorer: the model.
        batch: clips per forward pass.
        device: where the scorer is.
        every_frame: score every frame instead of one for each second.
    """

    def __init__(
        self, scorer: Scorer, *, batch: int = 1, device: torch.device | str = "cpu", every_frame: bool = False
    ) -> None:
        self.scorer = scorer
        self.batch = batch
        self.device = torch.device(device)
        self.every_frame = every_frame

    def seconds(self, video: Video) -> Iterator[SecondScore]:
        """Yields the result of each second in order, decoding the video once.

        Raises:
            UserError: the frames or the sound cannot be decoded, or the device has too little memory.
        """
        windows = _windows(self._read(video), self.scorer.clip_length)
        for group in _batched(windows, 1 if self.every_frame else self.batch):
            yield from self._score(group)

    def _read(self, video: Video) -> Iterator[_Second]:
        pictures = self._each_frame(video) if self.every_frame else self._each_second(video)
        for second, (sound, (shown, images)) in enumerate(zip(sound_seconds(video), pictures, strict=False)):
            patch = log_mel_patches(torch.from_numpy(sound), RATE, hop="second")[0]
            numbers, times = [number for number, _ in shown], [time for _, time in shown]
            yield _Second(second, numbers, times, images, patch, _level(sound))

    def _each_second(self, video: Video) -> Iterator["_Shown"]:
        """For each second the frame that stands for it."""
        shrink = self._shrink(video)
        wanted = deque(official_frames(video))
        frame = None
        for frame in frames(video):
            while wanted and frame.number >= wanted[0]:
                wanted.popleft()
                yield [(frame.number, frame.time)], [shrink(frame)]
        while wanted and frame is not None:  # the decoder gave fewer frames than the file has packets
            wanted.popleft()
            yield [(frame.number, frame.time)], [shrink(frame)]

    def _each_frame(self, video: Video) -> Iterator["_Shown"]:
        """For each second all frames that begin in it; where none does, the picture of the one still shown."""
        shrink = self._shrink(video)
        shown: list[tuple[int, float]] = []
        images: list[Tensor] = []
        second = 0
        for frame in frames(video):
            while second_of(frame.time) > second:
                yield shown, images
                second, shown, images = second + 1, [], images[-1:]
            if not shown:
                images = []
            shown.append((frame.number, frame.time))
            images.append(shrink(frame))
        while second < video.seconds:
            yield shown, images
            second, shown, images = second + 1, [], images[-1:]

    def _shrink(self, video: Video) -> "_Shrink":
        return _Shrink(UprightRGB(video.rotation, self.scorer.image_size, self.scorer.image_size))

    def _score(self, windows: Sequence["_Window"]) -> Iterator[SecondScore]:
        clips = [(window, phase) for window in windows for phase in range(window.phases)]
        found: dict[tuple[int, int], np.ndarray] = {}
        for chunk in _batched(clips, self.batch):
            images = torch.stack([window.images(phase) for window, phase in chunk])
            patches = torch.stack([window.patches() for window, _ in chunk])
            for (window, phase), maps in zip(chunk, self._predict(images, patches), strict=True):
                for place in window.places(phase):
                    found[window.seconds[place].second, phase] = maps[place]
        for window in windows:
            for second in window.seconds[window.new]:
                maps = [found.pop((second.second, phase)) for phase in range(len(second.numbers))]
                size = self.scorer.image_size
                probabilities = np.stack(maps) if maps else np.zeros((0, size, size), np.float32)
                yield SecondScore(second.second, second.numbers, second.times, probabilities, second.sound_dbfs)

    def _predict(self, images: Tensor, patches: Tensor) -> np.ndarray:
        try:
            with torch.inference_mode():
                maps = self.scorer.predict_clip(images.to(self.device), patches.to(self.device))
        except torch.OutOfMemoryError:
            raise UserError(
                f"--batch {self.batch}: {self.device} has too little memory; use a smaller number or --device cpu"
            ) from None
        result: np.ndarray = maps.float().cpu().numpy()
        return result


@dataclass(frozen=True, eq=False)
class _Window:
    """T consecutive seconds, of which those in `new` are to be scored."""

    seconds: list[_Second]
    new: slice

    @property
    def phases(self) -> int:
        """Number of clips: the most frames that a new second has."""
        return max(len(second.numbers) for second in self.seconds[self.new])

    def images(self, phase: int) -> Tensor:
        """(T, 3, h, w) uint8: the phase-th picture of each second, or its last."""
        return torch.stack([second.pictures[min(phase, len(second.pictures) - 1)] for second in self.seconds])

    def patches(self) -> Tensor:
        """(T, 1, 96, 64)."""
        return torch.stack([second.patch for second in self.seconds])

    def places(self, phase: int) -> list[int]:
        """Positions of the new seconds that have a phase-th frame."""
        return [i for i in range(*self.new.indices(len(self.seconds))) if phase < len(self.seconds[i].numbers)]


class _Shrink:
    """A frame at the model's size, (3, h, w) uint8."""

    def __init__(self, upright: UprightRGB) -> None:
        self.upright = upright

    def __call__(self, frame: Frame) -> Tensor:
        return torch.from_numpy(self.upright(frame.image)).permute(2, 0, 1)


def _windows(seconds: Iterable[_Second], length: int) -> Iterator[_Window]:
    """Cuts a stream of seconds into windows of `length`; every second is new in exactly one of them."""
    recent: deque[_Second] = deque(maxlen=length)
    new = 0
    for second in seconds:
        recent.append(second)
        new += 1
        if new == length:
            yield _Window(list(recent), slice(0, length))
            new = 0
    if new:
        fill = length - len(recent)
        new_ones = slice(0, new) if fill else slice(length - new, length)
        yield _Window([*recent, *[recent[-1]] * fill], new_ones)


def _batched(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group


def _level(sound: np.ndarray) -> float:
    power = float(np.mean(np.square(sound, dtype=np.float64)))
    return max(SILENT_DBFS, 10 * math.log10(power)) if power > 0 else SILENT_DBFS
