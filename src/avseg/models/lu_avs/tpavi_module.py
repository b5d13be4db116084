"""The AVS model on long videos, as the LU-AVS paper adapts it: one second of sound, five frames of it (Table 2)."""

import torch
from torch import Tensor

from avseg.data.lu_avs import Chunk, LUAVSDataModule
from avseg.data.lu_avs.evaluation import annotated_seconds, video_size
from avseg.data.lu_avs.seconds import FRAMES_PER_SECOND
from avseg.models.avs.module import AVSModule
from avseg.models.experiment import BuildContext
from avseg.models.lu_avs.aggregation import RegionPrediction
from avseg.models.lu_avs.base import Choices, LongVideoModule, Predictions
from avseg.models.lu_avs.config import LongAVSConfig
from avseg.models.lu_avs.queries import to_pixels


class LongAVSModule(LongVideoModule, AVSModule):  # type: ignore[misc]  # tested on videos, not on clips
    """Trains like the AVS model. It knows no classes, so in the scores everything that sounds is one region.

    Args:
        config: options of the model.
        context: the data that it is built for.
    """

    modality = "AV"
    config: LongAVSConfig

    def __init__(self, config: LongAVSConfig, context: BuildContext) -> None:
        super().__init__(config, context)

    @property
    def choices(self) -> Choices:
        """The rate is that of the training, not one of the evaluation."""
        return super().choices | {"data": {"labels": len(self.labels), "rate": FRAMES_PER_SECOND}}

    def predict_video(self, data: LUAVSDataModule, video_id: str) -> Predictions:
        """Second by second."""
        video = data.release.videos[video_id]
        for chunk, sound in annotated_seconds(video, data.fit, data.frontend):
            yield chunk, self.predict_chunk(chunk, sound, video_size(video))

    def predict_chunk(self, chunk: Chunk, sound: Tensor, size: tuple[int, int]) -> RegionPrediction:
        """The sounding pixels of the five frames of a second at the video's size; `sound` is one item (*shape)."""
        items = sound.expand(1, len(chunk.frames), *sound.shape).to(self.device)  # (1, 5, *shape)
        probabilities = self.predict_batch(chunk.frames[None].to(self.device), items)[0]
        return RegionPrediction(masks={0: to_pixels(torch.logit(probabilities, eps=1e-6), size)})
