import pytest
import torch

from avseg.audio.mel_statistics import MelStatistics
from avseg.audio.vggish import VGGish
from tests.golden_recipe import fill_official, golden


@pytest.fixture(scope="module")
def vggish() -> VGGish:
    return VGGish()


def test_vggish_equals_the_official_network(vggish: VGGish) -> None:
    vggish.load_state_dict(fill_official({name: t.shape for name, t in vggish.state_dict().items()}, 4))
    embedding = vggish(golden()["log_mel"][None])
    assert embedding.shape == (1, 5, 128)
    torch.testing.assert_close(embedding[0], golden()["vggish_embedding"], rtol=1e-5, atol=2e-5)


def test_vggish_is_frozen_and_in_eval_mode(vggish: VGGish) -> None:
    assert sum(p.numel() for p in vggish.parameters()) == 72_141_184
    assert not vggish.train().training
    assert not any(module.training for module in vggish.modules())
    assert not any(p.requires_grad for p in vggish.parameters())
    places = [("features", k) for k in (0, 3, 6, 8, 11, 13)] + [("embeddings", k) for k in (0, 2, 4)]
    assert set(vggish.state_dict()) == {f"{part}.{k}.{leaf}" for part, k in places for leaf in ("weight", "bias")}


def test_mel_statistics_are_mean_and_deviation_of_each_band() -> None:
    patches = golden()["log_mel"][None].repeat(2, 1, 1, 1, 1)
    embedding = MelStatistics()(patches)
    assert embedding.shape == (2, 5, 128)
    bands = patches[1, 3, 0].numpy()
    torch.testing.assert_close(embedding[1, 3, :64], torch.from_numpy((bands.mean(0) + 2) / 2))
    torch.testing.assert_close(embedding[1, 3, 64:], torch.from_numpy(bands.std(0) - 1))
    assert embedding.mean().abs() < 1.5
    assert 0.3 < embedding.std() < 3


def test_mel_statistics_of_silence_are_finite() -> None:
    silence = torch.full((1, 2, 1, 96, 64), -4.6052)
    assert torch.isfinite(MelStatistics()(silence)).all()
    assert MelStatistics()(silence).abs().max() < 3


def test_mel_statistics_with_a_network_trains() -> None:
    encoder = MelStatistics(hidden=16)
    out = encoder(torch.randn(2, 3, 1, 96, 64))
    out.sum().backward()
    assert out.shape == (2, 3, 128)
    assert out.min() >= 0
    assert all(p.grad is not None for p in encoder.parameters())
