"""The AVS model on long videos, as the LU-AVS paper adapts it: one second of sound, five frames of it (Table 2)."""

from typing import Any

import torch
from torch import Tensor, nn

from avseg.data.lu_avs import Chunk, LUAVSDataModule
from avseg.data.lu_avs.evaluation import annotated_seconds, video_size
from avseg.data.lu_avs.seconds import FRAMES_PER_SECOND
from avseg.models.avs.module import AVSTask
from avseg.models.avs.network import AVSModel
from avseg.models.lu_avs.aggregation import Prediction
from avseg.models.lu_avs.base import Predictions, VideoTest
from avseg.models.lu_avs.regions import to_pixels


class LongAVSTask(VideoTest, AVSTask):  # type: ignore[misc]  # it is tested on videos, not on clips
    """Trains as the AVS model does. It knows no classes, so in the scores all that sounds is one region.

    Args:
        config: the resolved training configuration.
        net: the model.
        audio_encoder: patches (B, T, 1, 96, 64) to (B, T, 128).
        labels: the names of the classes of the data; they travel in the checkpoint.
    """

    modality, monitor = "AV", "val/miou"

    def __init__(self, config: dict[str, Any], net: AVSModel, audio_encoder: nn.Module, labels: list[str]) -> None:
        super().__init__(config, net, audio_encoder)
        self.labels = labels

    @property
    def choices(self) -> dict[str, dict[str, Any]]:
        """It is tested on the frames that it learns from, not at a rate of the evaluation's."""
        return super().choices | {"data": {"labels": len(self.labels), "rate": FRAMES_PER_SECOND}}

    def predict_video(self, data: LUAVSDataModule, video_id: str) -> Predictions:
        """Second by second."""
        video = data.release.videos[video_id]
        for chunk, sound in annotated_seconds(video, data.fit, data.frontend):
            yield chunk, self.predict_chunk(chunk, sound, video_size(video))

    def predict_chunk(self, chunk: Chunk, sound: Tensor, size: tuple[int, int]) -> Prediction:
        """The sounding pixels of the five frames of a second, at the video's size."""
        heard = sound.expand(1, len(chunk.frames), *sound.shape).to(self.device)
        frames = chunk.frames[None].to(self.device)
        probabilities = self.predict_clip(frames, heard)[0]
        return Prediction(masks={0: to_pixels(torch.logit(probabilities, eps=1e-6), size)})
