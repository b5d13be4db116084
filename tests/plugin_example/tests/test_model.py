"""Tests of the example's model: shape, gradient, use of the sound, prediction on a clip of another size."""

import numpy as np
import pytest
import torch

from avseg.config.compose import compose_train
from avseg.config.plugins import load
from avseg.data.clip import Clip
from avseg.data.setting import SETTINGS
from avseg.models.base import AVSegModule
from avseg.training.build import DataFacts, build_model


@pytest.fixture
def model() -> AVSegModule:
    load(["avseg_example"])  # a module on the path, or a folder; an installed plugin needs no call
    config = compose_train(["model=example", "data=toy_ms3", "audio=mel", "data.image_size=32"])
    torch.manual_seed(0)
    return build_model(config, DataFacts(SETTINGS["ms3"])).eval()


@pytest.fixture
def clip(model: AVSegModule) -> Clip:
    frames = torch.randint(0, 256, (2, 5, 3, 32, 32), dtype=torch.uint8)
    annotated = torch.zeros(2, 5, dtype=torch.bool)
    annotated[:, 0] = True
    return Clip(
        frames=frames,
        sound=torch.rand(2, 5, *model.frontend.shape),
        masks=(frames[:, :, 0] > 128).to(torch.uint8),
        annotated=annotated,
        valid=torch.ones(2, 5, dtype=torch.bool),
        video_id=["a", "b"],
        category=["", ""],
        index=torch.arange(2),
    )


def test_logits_have_the_size_of_the_frames(model, clip):
    assert model(clip).logits.shape == (2, 5, 1, 32, 32)


def test_every_weight_gets_a_gradient(model, clip):
    model.loss(model(clip), clip).total.backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_frames_without_a_label_do_not_change_the_loss(model, clip):
    before = model.loss(model(clip), clip).total
    clip.masks[:, 1:] = 0
    assert model.loss(model(clip), clip).total == before


def test_the_sound_changes_the_prediction(model, clip):
    logits = model(clip).logits
    clip.sound = torch.zeros_like(clip.sound)
    assert not torch.equal(model(clip).logits, logits)


def test_prediction_on_an_array_of_another_size(model):
    frames = np.zeros((5, 48, 64, 3), np.uint8)
    probability = model.predict_clip(frames, np.zeros(5 * 16000, np.float32), 16000)
    assert probability.shape == (5, 48, 64)
