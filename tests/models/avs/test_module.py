"""The AVS model in training: what AVSS adds to S4 and MS3."""

from pathlib import Path

import torch

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.models.avs.module import AVSModule
from avseg.nn.normalise import normalise
from tests.data.fake import make_avss
from tests.training.test_settings import build_from, config_of


def test_padded_frames_and_seconds_are_zeros_in_the_network(tmp_path: Path) -> None:
    make_avss(tmp_path)
    module = build_from(config_of("data=toy_avss", f"data.root={tmp_path}", "data.image_size=32")).train()
    assert isinstance(module, AVSModule)
    assert module.net.tpavi["4"].window == 5
    clip = AVSBenchDataset(tmp_path, "avss", "train", 32)[1]  # five of ten frames
    frames = normalise(clip.frames) * clip.valid[..., None, None, None]
    audio = module.embed(clip.sound) * clip.valid[..., None]
    with torch.no_grad():
        expected = module.net(frames, audio, clip.valid).logits
        assert torch.equal(module.forward_training(clip).logits, expected)
        assert torch.equal(module(clip).logits, expected)
        # black frames would change the encoder's batch norm
        assert not torch.allclose(module.decode(module.encode(clip.frames), clip).logits, expected)
