"""Predict a video with a model of long videos: its sound first, then its frames a few at a time.

Memory does not grow with the length of the video, since its sound is also read in parts.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import torch

from avseg.data.lu_avs import Chunk, LUVideo
from avseg.data.lu_avs.evaluation import VideoReader
from avseg.data.lu_avs.ground_truth import boxes_around
from avseg.draw.labels import class_colour
from avseg.draw.overlay import Colour
from avseg.draw.palette import SOUNDING
from avseg.media.frame_index import frame_index
from avseg.media.sound_reader import sound_seconds
from avseg.media.video import Video, second_of
from avseg.models.lu_avs.aggregation import RegionPrediction
from avseg.models.lu_avs.base import LongVideoModule
from avseg.prediction.device import inference
from avseg.prediction.prediction import FramePrediction, Sound, VideoPrediction, sound_level
from avseg.utils.errors import UserError

PEAKS = 40  # parts of a second whose lowest and highest samples draw the waveform
_NO_BOX = np.full((1, 4), np.nan, np.float32)


class LongPredictor:
    """Predicts videos without annotations, by the functions that evaluate a model (`LongVideoModule.predict_frames`).

    Args:
        rate: frames per second to score, `math.inf` = every frame; None = as in the evaluation.
        threshold: probability above which a class counts as audible; for a visual branch alone the score above which a
            region is kept; for the AVS model the probability above which a pixel sounds. None = as in the evaluation.
        batch: frames scored at once; None = as in the evaluation.

    Raises:
        UserError: a rate for a model whose frames are fixed.
    """

    def __init__(
        self,
        model: LongVideoModule,
        *,
        rate: float | None = None,
        threshold: float | None = None,
        batch: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if rate is not None and model.fixed_frames:
            option = f"--rate {rate:g}" if math.isfinite(rate) else "--every-frame"
            raise UserError(f"{option}: this run ({model.config.name}) {model.fixed_frames}; leave it out")
        self.model = model if threshold is None else model.with_threshold(threshold)
        self.device = torch.device(device)
        self.region = model.region  # "mask", "box" or "none"
        self.audio = model.classifies_sound
        self.names = model.class_names
        self.model_name = model.config.name
        data = model.record["data"]
        self.frames_per_chunk = batch or data["frames_per_chunk"]
        # segments of sound alone end at any frame
        self.rate = math.inf if model.region == "none" else rate or data["rate"]
        self.settings: dict[str, object] = {"model": self.model_name}
        if not model.fixed_frames:
            self.settings["rate"] = self.rate if math.isfinite(self.rate) else "every frame"
        self.settings |= {**self.model.prediction_settings, "labels": self.names}

    def colour(self, label: int) -> Colour:
        """Return the colour of a class."""
        return SOUNDING if self.names == ["sounding"] else class_colour(label)

    def predict(self, video: Video) -> VideoPrediction:
        """Predict a video: read its whole sound now, its frames while the prediction is consumed.

        Raises:
            UserError: frames or sound cannot be decoded, or the device has too little memory.
        """
        # the index counts the frames of videos without time stamps; the caller may leave out the sound
        video = replace(frame_index(video.path, video.audio_track).video, sound=video.sound)
        sound = self.listen(video)
        return VideoPrediction(video, self._predict_frames(video, sound), sound)

    def listen(self, video: Video) -> Sound:
        """Read the sound of a video and classify it; raises like `predict`."""
        levels: list[float] = []
        extrema: list[np.ndarray] = []
        waveforms = measure_seconds(sound_seconds(video), levels, extrema)
        with inference(self.device):
            activity = self.model.listen(waveforms)
        for _ in waveforms:  # a model that does not classify sound has not consumed them
            pass
        return Sound(levels, np.concatenate(extrema), activity)

    def watch(self, video: Video, sound: Sound) -> Iterator[tuple[Chunk, RegionPrediction]]:
        """Yield a few scored frames at a time, in order, with their prediction; raises like `predict`."""
        unlabelled = LUVideo(video.path.stem, video.path, video.frame_rate, video.duration, "test", (), has_masks=False)
        reader = VideoReader(unlabelled, self.rate, self.model.frame_fit, self.frames_per_chunk)
        predictions = self.model.predict_frames(reader, sound.activity)
        while True:
            with inference(self.device):  # not while the caller works
                prediction = next(predictions, None)
            if prediction is None:
                return
            yield prediction

    def _predict_frames(self, video: Video, sound: Sound) -> Iterator[FramePrediction]:
        first = True
        for chunk, prediction in self.watch(video, sound):
            for row in range(len(chunk.index)):
                yield self._frame(chunk, prediction, row, first)
                first = False

    def _frame(self, chunk: Chunk, prediction: RegionPrediction, row: int, first: bool) -> FramePrediction:
        """Extract one frame of a chunk; the first frame of a video is shown from its beginning."""
        number = int(chunk.index[row])
        time = float(chunk.seconds[row])
        # predictions are by class; keep the classes that are there in this frame
        audible: set[int] = set()
        for label, flags in prediction.sounding.items():
            if flags[row]:
                audible.add(label)
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
        begin = 0 if first else number
        return FramePrediction(number, time, begin, second_of(time), None, masks, boxes, scores, frozenset(audible))


def measure_seconds(
    waveforms: Iterable[np.ndarray], levels: list[float], extrema: list[np.ndarray]
) -> Iterator[np.ndarray]:
    """Pass on the sound of each second, and append its level and the extrema (PEAKS, 2) of its parts."""
    for samples in waveforms:
        levels.append(round(sound_level(samples), 2))
        bins = samples.reshape(PEAKS, -1)  # (40, 400)
        extrema.append(np.stack([bins.min(1), bins.max(1)], 1))
        yield samples
