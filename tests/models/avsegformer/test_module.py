"""Options, recipe, frozen epochs, padded frames and official files of the Lightning module."""

from dataclasses import replace

import pytest
import torch

from avseg.config.compose import compose_train
from avseg.data.clip import Clip
from avseg.data.setting import SETTINGS
from avseg.models.avsegformer.module import AVSegFormerModule
from avseg.training.build import DataFacts, build_model
from avseg.utils.errors import UserError

TINY = ["model=toy_avsegformer", "data.image_size=32", "model.channels=16", "model.queries=5"]


def build(setting: str = "ms3", *words: str) -> AVSegFormerModule:
    torch.manual_seed(0)
    model = build_model(compose_train([*TINY, *words]), DataFacts(SETTINGS[setting]))
    assert isinstance(model, AVSegFormerModule)
    model.log = lambda *_, **__: None  # type: ignore[method-assign]  # no trainer
    return model


def clip_for(model: AVSegFormerModule, length: int = 5) -> Clip:
    frames = torch.randint(0, 256, (2, length, 3, 32, 32), dtype=torch.uint8)
    flags = torch.ones(2, length, dtype=torch.bool)
    return Clip(
        frames=frames,
        sound=torch.rand(2, length, *model.frontend.shape),
        masks=(frames[:, :, 0] > 128).to(torch.uint8),
        annotated=flags,
        valid=flags.clone(),
        video_id=["a", "b"],
        category=["", ""],
        index=torch.arange(2),
    )


@pytest.mark.parametrize(
    ("words", "epochs", "batch", "size", "frozen"),
    [
        (["data=avsbench_s4"], 30, 2, 512, 5),
        (["data=avsbench_ms3"], 60, 2, 512, 10),
        (["data=avss"], 30, 4, 224, 0),
        (["data=avsbench_ms3", "model.query_generator=repeat"], 60, 2, 224, 10),
    ],
)
def test_the_published_recipe(words: list[str], epochs: int, batch: int, size: int, frozen: int) -> None:
    config = compose_train(["model=avsegformer", *words])
    assert config.trainer.max_epochs == epochs
    assert (config.data.batch_size, config.data.image_size) == (batch, size)
    assert config.model.frozen_epochs == frozen
    assert config.model.preset(config.data.setting).videos_per_group == 2
    assert config.optimizer.target == "torch.optim.AdamW"
    assert (config.optimizer.lr, config.optimizer.weight_decay) == (2e-5, 0.01)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("model.channels=20", "model.channels=20 is not a multiple of 8"),
        ("data.image_size=40", "data.image_size=40 is not a multiple of 32"),
        ("fusion=none", "model=avsegformer does not read the group fusion"),
        ("model.loss.form=focal", "model.loss.form"),
    ],
)
def test_a_mistake_is_one_line(word: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        compose_train(["model=avsegformer", word])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_frozen_epoch_changes_nothing_of_the_backbone_but_its_statistics() -> None:
    model = build("ms3", "model.frozen_epochs=1").train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    clip = clip_for(model)
    before = {name: tensor.clone() for name, tensor in model.net.backbone.state_dict().items()}
    for epoch in range(2):
        model._freeze(epoch)
        optimizer.zero_grad()
        model.training_step(clip, 0).backward()
        model.on_before_optimizer_step(optimizer)
        optimizer.step()
        changed = {n for n, tensor in model.net.backbone.state_dict().items() if not torch.equal(tensor, before[n])}
        statistics = {name for name in before if "running" in name or "tracked" in name}
        assert changed == (statistics if epoch == 0 else set(before))


def test_s4_segments_the_annotated_frames_alone() -> None:
    model = build("s4")
    clip = clip_for(model)
    clip.annotated[:, 1:] = False
    whole = model.loss(model(clip), clip)
    rows: list[int] = []
    model.net.pixel_encoder.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0][0])))
    part = model.loss(model.forward_training(clip), clip)
    assert rows == [2]
    for name, term in whole.terms.items():
        torch.testing.assert_close(part.terms[name].value, term.value)


def test_padded_frames_of_avss_are_background() -> None:
    model = build("avss").eval()
    clip = clip_for(model, 10)
    clip.valid[0, 5:] = False
    with torch.no_grad():
        logits = model(clip).logits
        assert logits.shape == (2, 10, 71, 32, 32)
        assert logits[0, 5:].abs().max() == 0
        torch.testing.assert_close(logits[1], model(replace(clip, valid=torch.ones(2, 10).bool())).logits[1])


def test_official_weights_need_vggish() -> None:
    with pytest.raises(UserError, match="audio=mel: official AVSegFormer files hold VGGish"):
        build().import_weights({})
