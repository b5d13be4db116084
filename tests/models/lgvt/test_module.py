"""LGVT's recipe, noise, sound controls, uncertainty, learning rate, and official files of the tiny preset."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from avseg.config.compose import compose_train
from avseg.data.clip import Clip
from avseg.data.setting import SETTINGS
from avseg.models.lgvt import LGVT
from avseg.models.lgvt.langevin import STEPS, sample_posterior, sample_prior
from avseg.models.lgvt.module import LGVTModule, clip_noise
from avseg.models.lgvt.schedule import rate_factor
from avseg.models.lgvt.uncertainty import uncertainty
from avseg.models.lgvt.weights import load_official, to_official
from avseg.nn.normalise import normalise
from avseg.training.build import DataFacts, build_model
from avseg.utils.errors import UserError
from tests.models.lgvt.golden import keys


def build(*words: str) -> LGVTModule:
    torch.manual_seed(0)
    model = build_model(compose_train(["model=toy_lgvt", "data.image_size=48", *words]), DataFacts(SETTINGS["ms3"]))
    assert isinstance(model, LGVTModule)
    model.log = lambda *_, **__: None  # type: ignore[method-assign]  # no trainer
    return model


def make_clip(**changes: Any) -> Clip:
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, 256, (2, 5, 3, 48, 48), dtype=torch.uint8, generator=generator)
    clip = Clip(
        frames=frames,
        sound=torch.zeros(2, 5, 1),
        masks=(frames[:, :, 0] > 128).to(torch.uint8),
        annotated=torch.ones(2, 5, dtype=torch.bool),
        valid=torch.ones(2, 5, dtype=torch.bool),
        video_id=["a", "b"],
        category=["", ""],
        index=torch.arange(2),
    )
    return replace(clip, **changes)


def test_the_published_recipe():
    for data, batch in (("avsbench_s4", 10), ("avsbench_ms3", 2)):
        config = compose_train(["model=lgvt", f"data={data}"])
        assert (config.trainer.max_epochs, config.data.batch_size, config.data.image_size) == (30, batch, 224)
        assert config.optimizer.target == "torch.optim.Adam"
        assert config.optimizer.lr == 6e-5
        assert list(config.optimizer.options["betas"]) == [0.5, 0.999]
        assert config.model.inner_size == 384
        assert config.audio is None


def test_the_learning_rate_decays_twice():
    rates = [6e-5 * rate_factor(epoch) for epoch in range(30)]
    assert rates[:20] == [6e-5] * 20
    assert rates[20:22] == pytest.approx([1.5e-5, 7.5e-6])
    assert rates[29] == pytest.approx(2.93e-8, rel=1e-3)
    assert rate_factor(25, None) == 1


def test_sound_batch_and_position_change_no_digit():
    model = build().eval()
    clip = make_clip()
    features = model.encode(clip.frames)
    logits = model.decode(features, clip).logits
    assert logits.shape == (2, 5, 1, 48, 48)
    assert torch.equal(model.decode(features, replace(clip, sound=torch.ones(2, 5, 1))).logits, logits)
    swapped = clip.frames.flip(0)
    torch.testing.assert_close(model(replace(clip, frames=swapped)).logits.flip(0), logits, rtol=0, atol=1e-5)
    noise = clip_noise(clip.frames[0], 2, 8)
    assert noise.shape == (2, 1 + STEPS, 5, 8, 1, 1)
    assert torch.equal(noise, clip_noise(clip.frames[0], 2, 8))
    assert not torch.equal(noise, clip_noise(clip.frames[1], 2, 8))


def test_the_noise_reaches_the_prediction_and_samples_are_averaged():
    model = build("model.samples=3").eval()
    clip = make_clip()
    images = model.encode(clip.frames)
    with torch.no_grad():
        draws = torch.stack(list(model._draws(images)))
        logits = model.decode(images, clip).logits
    assert not torch.allclose(draws[0], draws[1])
    mean = torch.nn.functional.interpolate(draws.sigmoid().mean(0).logit(), 48, mode="bilinear")
    torch.testing.assert_close(logits.flatten(0, 1), mean, rtol=0, atol=1e-4)


def test_uncertainty_splits_into_two_causes():
    probabilities = torch.tensor([[0.0, 0.5, 1.0, 0.0], [0.0, 0.5, 1.0, 1.0]])
    maps = uncertainty(probabilities)
    assert maps.mean.tolist() == [0, 0.5, 1, 0.5]
    torch.testing.assert_close(maps.predictive, torch.tensor([0, 0.3466, 0, 0.3466]), rtol=0, atol=1e-4)
    torch.testing.assert_close(maps.epistemic, torch.tensor([0, 0, 0, 0.3466]), rtol=0, atol=1e-4)
    model = build().eval()
    drawn = model.picture_maps(make_clip().frames)
    for map_ in drawn.values():
        assert map_.shape == (2, 5, 48, 48)
        assert -1e-6 <= float(map_.min()) <= float(map_.max()) <= 1 + 1e-6
    assert float(drawn["noise (x 10)"].max()) > 0


def test_both_losses_train_their_own_weights():
    model = build().train()
    clip = make_clip()
    clip.annotated[1, 1:] = False
    total = model.training_step(clip, 0)
    structure, energy = [term.value for term in model.loss(model.forward_training(clip), clip).terms.values()]
    own = list(model.net.energy.parameters())
    others = [weight for name, weight in model.net.named_parameters() if not name.startswith("energy.")]
    assert all(g is None for g in torch.autograd.grad(structure, own, retain_graph=True, allow_unused=True))
    assert all(g is None for g in torch.autograd.grad(energy, others, retain_graph=True, allow_unused=True))
    total.backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_a_training_step_samples_as_published():
    """The order of the random numbers, the masks that the posterior follows, six batch-norm updates."""
    model, other = build("model.drop_path=0").train(), build("model.drop_path=0").train().net
    clip = make_clip()
    torch.manual_seed(3)
    output = model.forward_training(clip).extra
    torch.manual_seed(3)
    start_posterior, start_prior, *noises = [torch.randn(10, 8, 1, 1) for _ in range(2 + 2 * STEPS)]
    images = F.interpolate(normalise(clip.frames.flatten(0, 1)), 64, mode="bilinear")
    masks = F.interpolate(clip.masks.flatten(0, 1)[:, None].float(), 64, mode="bilinear")
    maps = other.encode(images, passes=6)
    prior = sample_prior(other.energy, start_prior, noises[:STEPS])
    posterior = sample_posterior(lambda z: other.decode(maps, z), other.energy, masks, start_posterior, noises[STEPS:])
    torch.testing.assert_close(output.masks, masks)
    torch.testing.assert_close(output.logits, other.decode(maps, posterior), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(output.posterior, other.energy(posterior), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(output.prior, other.energy(prior), rtol=1e-6, atol=1e-6)
    assert [int(reduce.norm.num_batches_tracked) for reduce in model.net.reduce] == [6] * 5
    without = sample_posterior(
        lambda z: other.decode(maps, z), other.energy, 0 * masks, start_posterior, noises[STEPS:]
    )
    assert not torch.allclose(other.energy(without), other.energy(posterior), rtol=1e-6, atol=1e-6)


def test_frames_without_a_label_do_not_train():
    model = build("model.drop_path=0").train()
    clip = make_clip()
    clip.annotated[:, 1:] = False
    torch.manual_seed(3)
    before = model.training_step(clip, 0)
    clip.frames[:, 1:] = 0
    clip.masks[:, 1:] = 0
    torch.manual_seed(3)
    assert torch.equal(model.training_step(clip, 0), before)
    clip.annotated[:] = False
    assert model.training_step(clip, 0) == 0


def test_batch_norms_count_six_passes_of_one_encoding():
    once, six = build().train().net, build().train().net
    images = torch.randn(2, 3, 64, 64)
    for _ in range(6):
        repeated = once.encode(images)
    maps = six.encode(images, passes=6)
    for a, b in zip(once.buffers(), six.buffers(), strict=True):
        torch.testing.assert_close(a, b)
    for a, b in zip(repeated, maps, strict=True):
        torch.testing.assert_close(a, b)
    assert int(six.reduce[0].norm.num_batches_tracked) == 6


def test_official_files():
    network, other = build().net, build().net
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter)
    official = to_official(other)
    unused = {name for name in official if name.startswith(("racb_5.", "layer5.", "conv_depth.", "sal_dec.conv54321."))}
    assert len(unused) == 26
    for name in unused:
        official[name] = torch.randn_like(official[name])
    energy = {name: tensor for name, tensor in official.items() if name.startswith("ebm.")}
    generator = {name: tensor for name, tensor in official.items() if not name.startswith("ebm.")}
    before = {name: tensor.clone() for name, tensor in network.energy.state_dict().items()}
    load_official(network, generator)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.energy.state_dict().items())
    load_official(network, energy)
    again = to_official(network)
    assert again.keys() == official.keys()
    assert all(torch.equal(again[name], tensor) for name, tensor in official.items())
    del generator["noise_conv.weight"]
    with pytest.raises(UserError, match=r"1 missing \(noise_conv.weight\)"):
        load_official(network, generator)


def test_official_names_and_shapes_of_the_published_network():
    with torch.device("meta"):
        official = to_official(LGVT())
    expected: dict[str, tuple[int, ...]] = {}
    for part in ("generator", "ebm"):
        for name, (shape, _) in keys()[part].items():
            expected[name] = tuple(shape)
    assert {name: tuple(tensor.shape) for name, tensor in official.items()} == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.inner_size=100"], "multiple of 32"),
        (["model.inner_size=96", "model.window=16"], "does not divide the 24 cells of stage 1"),
        (["model.heads=[3,2,4,8]"], "3 heads do not divide the 16 channels of stage 1"),
        (["data=toy_avss"], "marks one class"),
        (["audio=mel"], "audio"),
    ],
)
def test_refusals(words, message):
    with pytest.raises(UserError, match=message):
        compose_train(["model=toy_lgvt", *words])


def test_the_trainer_follows_the_schedule(monkeypatch):
    class Trainer:
        current_epoch = 0
        global_step = 0

    model = build("model.full_rate_epochs=2")
    trainer = Trainer()
    trainer.optimizers = [torch.optim.Adam([{"params": list(model.parameters())}], lr=0.1)]
    monkeypatch.setattr(type(model), "trainer", trainer)
    rates = []
    for epoch in (0, 0, 1, 2, 3, 3):
        monkeypatch.setattr(type(model), "current_epoch", epoch)
        model.on_train_batch_start(None, 0)
        rates.append(trainer.optimizers[0].param_groups[0]["lr"])
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.025, 0.0125, 0.0125])
