"""Sound reaches a model only through its front end: in training, under controls, in evaluation and in prediction."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from avseg.audio.encoders import MelEncoder
from avseg.audio.frontend import LogMel
from avseg.config.compose import compose_train
from avseg.training.build import build_data
from avseg.training.load import load_clip_model
from tests.runs_for_tests import SMALL, avseg


class SilentFrontEnd(LogMel):
    """Computes the log-mel patches of silence, whatever the sound is."""

    def __call__(self, waveform: Tensor, rate: int) -> Tensor:
        return super().__call__(torch.zeros_like(waveform), rate)


def silent_frontend(config: object) -> SilentFrontEnd:
    frontend = SilentFrontEnd("second")  # the released files of hop "vggish" bypass a front end
    frontend.name = "silent"
    return frontend


def predict(run: Path, waveform: np.ndarray) -> np.ndarray:
    model = load_clip_model(run)
    frames = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    return model.predict_clip(frames, waveform, 16_000)


@pytest.mark.parametrize("swapped", [pytest.param(False, marks=pytest.mark.slow), True])
def test_all_uses_of_sound_follow_the_front_end(
    swapped: bool, ms3_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if swapped:
        monkeypatch.setattr(MelEncoder, "make_frontend", staticmethod(silent_frontend))
    overrides = [*SMALL, f"data.root={ms3_root}", "data.packed=false", "data.num_workers=0", "audio.hop=second"]
    batch = next(iter(build_data(compose_train(overrides)).train_dataloader()))
    assert bool((batch.sound == batch.sound[0, 0]).all()) is swapped
    done = avseg(["train", *overrides, f"paths.outputs={tmp_path}", "trainer.max_epochs=1", "callbacks=none"], tmp_path)
    assert done.code == 0, done.err
    scores = json.loads((done.run / "result.json").read_text())["scores"]
    noise = {name: value for name, value in scores["noise"].items() if name != "g_miou"}
    assert scores["own"] == noise or not swapped  # one epoch is too short to need the sound
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, 5 * 16_000).astype(np.float32)
    assert np.array_equal(predict(done.run, sound), predict(done.run, 0 * sound)) is swapped
