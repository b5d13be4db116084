"""The strong baseline: the visual branch says what is there, the audio branch when it sounds (LU-AVS, Figure 3)."""

from dataclasses import asdict

from avseg.data.lu_avs import LUAVSDataModule
from avseg.data.lu_avs.evaluation import video_size
from avseg.models.experiment import BuildContext
from avseg.models.lu_avs.aggregation import aggregate
from avseg.models.lu_avs.audio_module import AudioModule
from avseg.models.lu_avs.base import BranchModule, Choices, Predictions
from avseg.models.lu_avs.config import StrongConfig
from avseg.models.lu_avs.frame_module import FrameModule
from avseg.utils.errors import UserError


class StrongModule(BranchModule):
    """Two finished branches together; nothing is trained.

    Args:
        config: options of the composition.
        context: with the two branches as `parts`.

    Raises:
        UserError: the branches know different classes.
    """

    modality = "AV"
    config: StrongConfig

    def __init__(self, config: StrongConfig, context: BuildContext) -> None:
        visual = context.parts["visual"]
        audio = context.parts["audio"]
        assert isinstance(visual, FrameModule)
        assert isinstance(audio, AudioModule)
        if visual.labels != audio.labels:
            raise UserError(
                f"the visual branch knows {len(visual.labels)} classes, the audio branch {len(audio.labels)}, or other "
                "names; train both on the same release"
            )
        self.region = visual.region
        super().__init__(config, context)
        self.labels = visual.labels
        self.frontend = audio.frontend
        self.visual = visual
        self.audio = audio

    @property
    def choices(self) -> Choices:
        """Those of the training of both branches; aggregation and smoothing are the composition's."""
        choices: Choices = {"silent": self.visual.silent} | self.audio.training_choices
        choices["aggregation"] = asdict(self.config.aggregation)
        choices["smoothing"] = asdict(self.config.smoothing)
        return choices | super().choices

    def predict_video(self, data: LUAVSDataModule, video_id: str) -> Predictions:
        """The sound of the whole video first, then its frames a few at a time."""
        video = data.release.videos[video_id]
        activity = self.audio.activity(data.sound_items(video), self.smoothing)
        size = video_size(video)
        for chunk in data.stream(video_id):
            queries = self.visual(chunk.frames.to(self.device))
            yield chunk, aggregate(queries, chunk.seconds, size, activity, self.aggregation)
