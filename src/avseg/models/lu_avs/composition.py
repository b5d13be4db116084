"""The strong baseline: a visual branch says what is there, the audio branch says when (LU-AVS, pipeline figure)."""

from typing import Any

from avseg.data.lu_avs import LUAVSDataModule
from avseg.data.lu_avs.evaluation import video_size
from avseg.models.lu_avs.aggregation import aggregate
from avseg.models.lu_avs.audio_module import SoundBranchTask
from avseg.models.lu_avs.base import LongTask, Predictions
from avseg.models.lu_avs.frame_module import FrameBranchTask
from avseg.utils.errors import UserError


class StrongBaselineTask(LongTask):
    """Two finished branches together; nothing is learned here.

    Args:
        config: the resolved configuration of the composition.
        visual: the mask or the box branch.
        audio: the audio branch.

    Raises:
        UserError: the branches know different classes.
    """

    modality = "AV"

    def __init__(self, config: dict[str, Any], visual: FrameBranchTask, audio: SoundBranchTask) -> None:
        if visual.labels != audio.labels:
            raise UserError(
                f"the visual branch knows {len(visual.labels)} classes, the audio branch {len(audio.labels)}, or other "
                "names; train both on the same release"
            )
        super().__init__(config, visual.labels)
        self.visual, self.audio, self.region = visual, audio, visual.region

    @property
    def choices(self) -> dict[str, dict[str, Any]]:
        """Those of both branches' training; regions and intervals follow from the composition's own."""
        own = {key: self.config["branch"][key] for key in ("aggregation", "smoothing")}
        return {"silent": self.visual.silent} | self.audio.own_choices | own | super().choices

    def predict_video(self, data: LUAVSDataModule, video_id: str) -> Predictions:
        """The sound of the whole video first, then its frames a few at a time."""
        video = data.release.videos[video_id]
        heard, size = self.audio.activity(data.sound_items(video), self.smoothing), video_size(video)
        for chunk in data.stream(video_id):
            queries = self.visual(chunk.frames.to(self.device))
            yield chunk, aggregate(queries, chunk.seconds, size, heard, self.aggregation)
