"""The location prior: the mean mask of the training clips, the same under every sound."""

import torch

from avseg.config.compose import compose_train
from avseg.data.clip import Clip
from avseg.data.setting import SETTINGS
from avseg.models.localisation.scores import LocalisationScores
from avseg.models.prior.module import PriorModule
from avseg.training.build import DataFacts, build_model


def prior() -> PriorModule:
    config = compose_train(["model=toy_prior", "data.image_size=32", "model.cells=8"])
    module = build_model(config, DataFacts(SETTINGS["ms3"]))
    assert isinstance(module, PriorModule)
    return module


def clip_with(masks: torch.Tensor) -> Clip:
    batch, length = masks.shape[:2]
    return Clip(
        frames=torch.randint(0, 256, (batch, length, 3, 32, 32), dtype=torch.uint8),
        sound=torch.zeros(batch, length, 0),
        masks=masks,
        annotated=torch.ones(batch, length, dtype=torch.bool),
        valid=torch.ones(batch, length, dtype=torch.bool),
        video_id=[str(number) for number in range(batch)],
        category=[""] * batch,
        index=torch.arange(batch),
    )


def test_it_learns_where_objects_are_and_is_the_same_in_every_frame() -> None:
    torch.manual_seed(0)
    masks = torch.zeros(3, 5, 32, 32, dtype=torch.uint8)
    masks[..., 8:20, 4:16] = 1  # in every frame
    masks[::2, :, 28:, 28:] = 1  # in two of three clips
    masks[:, 3] = 0
    clip = clip_with(masks)
    module = prior()
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    for _ in range(100):
        optimizer.zero_grad()
        module.loss(module(clip), clip).total.backward()
        optimizer.step()
    logits = module(clip).logits.detach()
    assert torch.equal(logits, logits[:1, :1].expand_as(logits))
    heat = logits[0, 0, 0].sigmoid()
    assert heat[10:18, 6:14].min() > 0.8 > heat[30:, 30:].max() > 0.3 > heat[:4, 20:].max()
    scores = LocalisationScores(module.rule, 0.8)
    scores.update(logits, clip)
    values = scores.compute()
    assert 0.5 < values["threshold_ciou"] < 1  # not in silent frames
    assert values["ciou"] == 0  # half of the pixels are three times the object
