"""The spatio-temporal scores of a whole test split, fed chunk by chunk."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from avseg.data.lu_avs import Chunk, LUVideo
from avseg.metrics import LongVideoScore
from avseg.models.lu_avs.aggregation import Prediction
from avseg.runs import write_json
from avseg.utils.csv_files import write_rows

if TYPE_CHECKING:
    from avseg.models.lu_avs.base import VideoTest


class VideoScores(nn.Module):
    """`LongVideoScore` with the options of a configuration.

    Args:
        options: see `avseg.config.branch.ScoreConf`.
        region: "mask", "box" or "none".
        modality: "V", "A" or "AV".
    """

    def __init__(self, options: dict[str, Any], region: str, modality: str) -> None:
        super().__init__()
        settings = dict(options)
        asked = settings.pop("predicted_range")
        settings["predicted_range"] = asked or ("first_to_last" if modality == "V" else "regions")
        self.region = region
        self.score = LongVideoScore(region=region, **settings)  # type: ignore[arg-type]

    def declare(self, video: str) -> None:
        """A video counts even if nothing sounds and nothing is predicted in it."""
        self.score.update(video)

    def update(self, video: LUVideo, chunk: Chunk, prediction: Prediction) -> None:
        """Adds a chunk with its prediction."""
        frames, segments = chunk.index, self._segments(video, chunk)
        if self.region == "none":
            self.score.update_classes(video.id, frames, prediction.sounding, chunk.sounding, segments=segments)
            return
        predicted: Any = prediction.masks if self.region == "mask" else prediction.boxes
        target: Any = _beside(prediction.masks, chunk.masks) if self.region == "mask" else chunk.boxes
        self.score.update_classes(
            video.id, frames, predicted, target, segments=segments, audible=chunk.sounding, gate=prediction.sounding
        )

    def _segments(self, video: LUVideo, chunk: Chunk) -> dict[int, list[tuple[int, int]]] | None:
        """The annotated segments by class, for the unit "segment"."""
        if self.score.unit != "segment":
            return None
        found: dict[int, list[tuple[int, int]]] = {}
        for segment in video.segments:
            found.setdefault(segment.label, []).append((segment.start, segment.end))
        return found

    def compute(self) -> dict[str, float]:
        """m_tIoU, m_vIoU, m_tF, m_vF, m_tLoc; NaN where there is none."""
        return {name: float(value) for name, value in self.score.compute().items()}

    def per_video(self) -> dict[str, dict[str, float]]:
        """The same by video."""
        return self.score.per_video()


def _beside(predicted: dict[int, Tensor], target: dict[int, Tensor]) -> dict[int, Tensor]:
    """The annotated masks on the device of the predicted ones: fewer bytes to move than the other way round."""
    device = next((masks.device for masks in predicted.values()), None)
    return {label: masks.to(device) for label, masks in target.items()}


def write_video_scores(
    task: "VideoTest", folder: Path, split: str, *, write: bool, more: dict[str, str] | None = None
) -> dict[str, Any]:
    """Writes per_video.csv; returns the content of result.json, with the choices that the paper leaves open.

    Args:
        task: just tested.
        folder: a run directory, or that of an evaluation.
        split: the name of the split.
        write: whether this process writes (the first one does).
        more: for an evaluation of its own: what it was made of; then result.json is written too.
    """
    rows = task.per_video()
    scores = {name: None if isnan(value) else value for name, value in task.test_result["own"].items()}
    result: dict[str, Any] = {
        "split": split,
        "region": task.region,
        "modality": task.modality,
        "videos": len(rows),
        "choices": task.choices,
    }
    result |= {"scores": {"own": scores}} | (more or {})
    if write:
        write_rows(folder / "per_video.csv", rows)
        if more is not None:
            write_json(folder / "result.json", result)
    return result
