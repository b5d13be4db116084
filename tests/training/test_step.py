"""One training step: what of it is left out changes nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from avseg.data.clip import Clip
from avseg.models.avs.module import AVSModule
from avseg.training.build import build_data
from tests.data.fake import make_s4
from tests.training.test_settings import build_from, config_of

S4 = ("data=toy_s4", "data.image_size=32", "data.batch_size=3")


def model_and_clip(root: Path, *words: str) -> tuple[AVSModule, Clip]:
    make_s4(root, {"train": 4, "val": 1, "test": 1})
    config = config_of(*S4, f"data.root={root}", "data.num_workers=0", *words)
    data = build_data(config)
    data.setup("fit")
    torch.manual_seed(0)
    model = build_from(config)
    model.log = lambda *_, **__: None  # type: ignore[method-assign]  # no trainer
    return model, next(iter(data.train_dataloader()))


def loss_and_gradients(model: AVSModule, clip: Clip) -> tuple[Tensor, dict[str, Tensor], list[int]]:
    seen: list[int] = []
    handle = model.net.decoder.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0][0])))
    model.zero_grad()
    loss = model.training_step(clip, 0)
    loss.backward()
    handle.remove()
    return loss, {name: p.grad for name, p in model.net.named_parameters() if p.grad is not None}, seen


def test_s4_decodes_the_annotated_frames_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, clip = model_and_clip(tmp_path, "model.loss.mapping_weight=0")
    loss, gradients, seen = loss_and_gradients(model, clip)
    assert seen == [3]  # one of five frames of each clip
    monkeypatch.setattr(AVSModule, "forward_training", AVSModule.forward)
    whole_loss, whole, whole_seen = loss_and_gradients(model, clip)
    assert whole_seen == [15]
    torch.testing.assert_close(loss, whole_loss)
    assert gradients.keys() == whole.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, whole[name], rtol=1e-4, atol=1e-6, msg=name)


def test_the_mapping_loss_reads_every_frame(tmp_path: Path) -> None:
    model, clip = model_and_clip(tmp_path, "model.loss.mapping_weight=0.5")
    assert loss_and_gradients(model, clip)[2] == [15]


@pytest.mark.parametrize(
    ("words", "fused"),
    [
        ([], True),
        (["optimizer=adamw"], True),
        (["trainer.precision=16-mixed"], None),  # Lightning cannot clip there
        (["optimizer._target_=torch.optim.SGD"], None),
    ],
)
def test_adam_is_one_kernel(words: list[str], fused: Any) -> None:
    defaults = build_from(config_of(*words)).configure_optimizers().defaults
    assert defaults.get("fused") is fused
