"""The model contract: a module that breaks it is refused in one line, before its scores could mislead."""

import pytest
import torch

from avseg.config.schema import ModelConfig, Preset
from avseg.data.clip import Clip
from avseg.data.setting import ClipSetting
from avseg.models.base import AVSegModule, BuildContext, Losses, Prediction, unlabelled_clip
from avseg.utils.errors import UserError

CONTEXT = BuildContext(setting=ClipSetting("mine", clip_length=2), preset=Preset())


class Incomplete(AVSegModule):
    def loss(self, prediction: Prediction, clip: Clip) -> Losses:
        return Losses()


class Wrong(Incomplete):
    shape: tuple[int, ...] = (1, 2, 1, 8, 8)

    def forward(self, clip: Clip) -> Prediction:
        return Prediction(torch.zeros(self.shape))


def test_a_model_needs_forward_or_decode() -> None:
    with pytest.raises(NotImplementedError, match="Incomplete implements neither forward nor decode"):
        Incomplete(ModelConfig("incomplete"), CONTEXT)


@pytest.mark.parametrize("shape", [(1, 2, 2, 8, 8), (1, 2, 8, 8), (1, 2, 1, 4, 4), (2, 1, 1, 8, 8)])
def test_logits_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    model = Wrong(ModelConfig("wrong"), CONTEXT)
    clip = unlabelled_clip(torch.zeros(1, 2, 3, 8, 8, dtype=torch.uint8), torch.zeros(1, 2))
    assert model.predict_batch(clip.frames, clip.sound).shape == (1, 2, 8, 8)
    model.shape = shape
    for step in (model.training_step, model.validation_step, model.test_step):
        with pytest.raises(UserError, match=r"Wrong returned logits .*; expected \(1, 2, 1, 8, 8\)"):
            step(clip, 0)
    with pytest.raises(UserError, match="Wrong returned logits"):
        model.predict_batch(clip.frames, clip.sound)


def test_the_f_scores_read_logits_of_their_own() -> None:
    scores = Incomplete.new_scores(Wrong(ModelConfig("wrong"), CONTEXT))
    clip = unlabelled_clip(torch.zeros(1, 2, 3, 8, 8, dtype=torch.uint8), torch.zeros(1, 2))
    clip.annotated[:] = True
    clip.masks[:, :, :4] = 1
    wrong = torch.zeros(1, 2, 1, 8, 8)
    right = torch.where(clip.masks[:, :, None] > 0, 9.0, -9.0)
    scores.update(right, clip, wrong)
    mixed = scores.compute()
    scores.reset()
    scores.update(right, clip)
    same = scores.compute()
    assert mixed["miou"] == same["miou"] == 1
    assert mixed["fscore"] < same["fscore"] == 1
