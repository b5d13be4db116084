"""The spatio-temporal scores of a whole test split, fed chunk by chunk."""

from dataclasses import asdict
from typing import Any

from torch import Tensor, nn

from avseg.data.lu_avs import Chunk, LUVideo
from avseg.metrics import LongVideoScore
from avseg.models.lu_avs.aggregation import RegionPrediction
from avseg.models.lu_avs.config import ScoreConfig


class VideoScores(nn.Module):
    """`LongVideoScore` with the options of a configuration, for one region and modality."""

    def __init__(self, config: ScoreConfig, region: str, modality: str) -> None:
        super().__init__()
        default = "first_to_last" if modality == "V" else "regions"
        options = asdict(config) | {"predicted_range": config.predicted_range or default}
        self.region = region
        self.score = LongVideoScore(region=region, **options)  # type: ignore[arg-type]

    def declare(self, video: str) -> None:
        """Count a video even if nothing sounds and nothing is predicted in it."""
        self.score.update(video)

    def update(self, video: LUVideo, chunk: Chunk, prediction: RegionPrediction) -> None:
        """Add a chunk with its prediction."""
        frames, segments = chunk.index, self._segments(video, chunk)
        if self.region == "none":
            self.score.update_classes(video.id, frames, prediction.sounding, chunk.sounding, segments=segments)
            return
        predicted: Any = prediction.masks if self.region == "mask" else prediction.boxes
        target: Any = _on_same_device(prediction.masks, chunk.masks) if self.region == "mask" else chunk.boxes
        self.score.update_classes(
            video.id, frames, predicted, target, segments=segments, audible=chunk.sounding, gate=prediction.sounding
        )

    def _segments(self, video: LUVideo, chunk: Chunk) -> dict[int, list[tuple[int, int]]] | None:
        """The annotated segments by class, for the unit "segment"."""
        if self.score.unit != "segment":
            return None
        segments: dict[int, list[tuple[int, int]]] = {}
        for segment in video.segments:
            segments.setdefault(segment.label, []).append((segment.start, segment.end))
        return segments

    def compute(self) -> dict[str, float]:
        """m_tIoU, m_vIoU, m_tF, m_vF, m_tLoc; NaN where a score is not defined."""
        return {name: float(value) for name, value in self.score.compute().items()}

    def per_video(self) -> dict[str, dict[str, float]]:
        """The same scores by video."""
        return self.score.per_video()


def _on_same_device(predicted: dict[int, Tensor], target: dict[int, Tensor]) -> dict[int, Tensor]:
    """The annotated masks on the device of the predicted ones: fewer bytes to move than the other way round."""
    device = next((masks.device for masks in predicted.values()), None)
    return {label: masks.to(device) for label, masks in target.items()}
