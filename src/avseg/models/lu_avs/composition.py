"""The strong baseline: the visual branch says what is there, the audio branch when it sounds (LU-AVS, Figure 3)."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import ClassVar

import numpy as np

from avseg.data.lu_avs import Fit
from avseg.data.lu_avs.evaluation import VideoReader
from avseg.models.experiment import BuildContext
from avseg.models.lu_avs.activity import SoundActivity, sound_activity
from avseg.models.lu_avs.aggregation import aggregate
from avseg.models.lu_avs.audio_module import AudioModule
from avseg.models.lu_avs.base import BranchModule, Choices, Predictions
from avseg.models.lu_avs.config import StrongConfig
from avseg.models.lu_avs.frame_module import FrameModule
from avseg.utils.errors import UserError


class StrongModule(BranchModule):
    """Two finished branches together, from `parts` of the context; nothing is trained.

    Raises:
        UserError: the branches know different classes.
    """

    classifies_sound: ClassVar[bool] = True
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

    @property
    def frame_fit(self) -> Fit:
        """The size of the frames of the training of the visual branch."""
        return self.visual.frame_fit

    def listen(self, waveforms: Iterable[np.ndarray]) -> SoundActivity:
        """Classify the sound by the audio branch, with the smoothing of the composition."""
        return sound_activity(self.audio.probabilities(waveforms), self.smoothing)

    def predict_frames(self, reader: VideoReader, activity: SoundActivity | None) -> Predictions:
        """Keep the regions of the visual branch while their class sounds."""
        for chunk in reader.chunks():
            queries = self.visual(chunk.frames.to(self.device))
            yield chunk, aggregate(queries, chunk.seconds, reader.size, activity, self.aggregation)
