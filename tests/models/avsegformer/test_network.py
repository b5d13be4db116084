"""Any number of frames of any size; a frame is segmented with its own sound, alone or among others."""

import pytest
import torch
from benchmarks.bench_avsegformer import as_published

from avseg.models.avsegformer import AVSegFormer
from avseg.models.avsegformer.head import MaskHead
from avseg.utils.errors import UserError


def small(**options) -> AVSegFormer:
    torch.manual_seed(0)
    defaults = {"backbone": "test_resnet", "channels": 16, "queries": 6, "heads": 2, "layers": 2}
    return AVSegFormer(**defaults | options).eval()


@pytest.fixture(scope="module")
def net() -> AVSegFormer:
    return small()


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("frames", [1, 7])
@pytest.mark.parametrize("size", [(32, 32), (52, 100), (51, 38)])
@torch.no_grad()
def test_every_frame_is_segmented_as_if_it_were_alone(
    net: AVSegFormer, batch: int, frames: int, size: tuple[int, int]
) -> None:
    images, audio = torch.randn(batch, frames, 3, *size), torch.rand(batch, frames, 128)
    output = net(images, audio)
    assert output.logits.shape == (batch, frames, 1, *size)
    assert output.mask_feature.shape == (batch, frames, 16, -(-size[0] // 4), -(-size[1] // 4))
    for clip, frame in ((0, 0), (batch - 1, frames - 1)):
        alone = net(images[clip, frame][None, None], audio[clip, frame][None, None])
        torch.testing.assert_close(output.logits[clip, frame], alone.logits[0, 0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(output.mask_feature[clip, frame], alone.mask_feature[0, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("generator", ["attention", "repeat"])
def test_the_folded_network_equals_the_official_structure(generator: str) -> None:
    """Outputs and gradients, in float64."""
    ours, published = (small(query_generator=generator, dropout=0.0).double() for _ in range(2))
    if generator == "attention":
        as_published(published)
    frames, audio = torch.randn(1, 2, 3, 32, 64).double(), torch.rand(1, 2, 128).double()
    results = []
    for net in (ours, published):
        output = net(frames, audio)
        (output.logits.square().mean() + output.mask_feature.mean()).backward()
        results.append((output.logits, {name: weight.grad for name, weight in net.named_parameters()}))
    torch.testing.assert_close(results[0][0], results[1][0])
    for name, gradient in results[0][1].items():
        torch.testing.assert_close(gradient, results[1][1][name], rtol=1e-5, atol=1e-9, msg=name)


@torch.no_grad()
def test_frames_that_are_not_asked_for_are_zeros(net: AVSegFormer) -> None:
    frames, audio = torch.randn(2, 3, 3, 32, 32), torch.rand(2, 3, 128)
    valid = torch.tensor([[True, True, False], [True, False, False]])
    everything, some = net(frames, audio), net(frames, audio, valid)
    for whole, part in zip(everything, some, strict=True):
        assert part[~valid].abs().max() == 0
        torch.testing.assert_close(part[valid], whole[valid], rtol=1e-4, atol=1e-5)
    none = net(frames, audio, decode_mask=torch.zeros(2, 3, dtype=torch.bool))
    assert none.logits.shape == everything.logits.shape


@torch.no_grad()
def test_the_sound_of_a_frame_decides_and_that_of_its_neighbour_does_not(net: AVSegFormer) -> None:
    frames, audio = torch.randn(1, 2, 3, 32, 32), torch.rand(1, 2, 128)
    changed = audio.clone()
    changed[0, 1] = 5 * torch.rand(128)
    before, after = net(frames, audio).logits, net(frames, changed).logits
    assert torch.equal(before[0, 0], after[0, 0])
    assert not torch.allclose(before[0, 1], after[0, 1])


def test_every_weight_gets_a_gradient() -> None:
    net = small().train()
    output = net(torch.randn(1, 2, 3, 32, 32), torch.rand(1, 2, 128))
    (output.logits.square().mean() + output.mask_feature.mean()).backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is None] == []


def test_an_unknown_generator_is_one_line() -> None:
    with pytest.raises(UserError, match="query_generator 'repeated' is unknown; allowed: attention, repeat"):
        small(query_generator="repeated")


def test_a_narrow_network_has_enough_units_before_its_logits() -> None:
    """With the 4 units of an eighth of 32 channels all died within an epoch, and the mask stayed empty."""
    units = {}
    for channels in (32, 256):
        units[channels] = MaskHead(channels, queries=4, num_classes=1, hidden=8).classify.in_channels
    assert units == {32: 16, 256: 32}
