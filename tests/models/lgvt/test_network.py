"""Taps of the encoder, order of the decoder's inputs, and sampling in closed form: quick checks of the golden tests."""

import numpy as np
import torch
from torch import Tensor

from avseg.models.lgvt.decoder import Decoder, GatedResidual
from avseg.models.lgvt.encoder import SWIN_WEIGHTS, SwinSize, SwinTaps, to_tap_name
from avseg.models.lgvt.langevin import sample_posterior, sample_prior
from avseg.models.lgvt.loss import energy_loss
from avseg.models.lgvt.network import LGVT
from avseg.nn.pretrained import create_encoder

SIZE = SwinSize(dim=16, depths=(1, 1, 2, 1), heads=(1, 2, 4, 8), window=4)


def test_taps_lie_before_the_blocks():
    torch.manual_seed(0)
    encoder = SwinTaps(64, SIZE, drop_path=0.0).eval()
    images = torch.randn(1, 3, 64, 64)
    before = encoder(images)
    assert [tuple(tap.shape[1:]) for tap in before] == [(16, 16, 16), (32, 8, 8), (64, 4, 4), (128, 2, 2), (128, 2, 2)]
    assert torch.equal(before[0], encoder.patch_embed(images).permute(0, 3, 1, 2))
    for stage in (3, 1):
        for parameter in encoder.layers[stage].blocks.parameters():
            torch.nn.init.normal_(parameter)
        after = encoder(images)
        unchanged = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        assert unchanged == [tap <= stage for tap in range(5)]
        before = after


def test_the_names_of_timm_weights_fit():
    with torch.device("meta"):
        encoder = SwinTaps(384, SwinSize(), drop_path=0.1)
        timm_names = create_encoder(SWIN_WEIGHTS).state_dict()
    shapes = {name: tensor.shape for name, tensor in encoder.state_dict().items()}
    assert {to_tap_name(name): tensor.shape for name, tensor in timm_names.items()} == shapes


def test_the_noise_enters_behind_the_features_and_replaces_the_deepest_map():
    torch.manual_seed(0)
    network = LGVT(64, SIZE, width=8).eval()
    maps = [torch.randn(1, 8, side, side) for side in (16, 8, 4, 2, 2)]
    z = torch.randn(1, 8, 1, 1)
    weight, bias = network.noise_conv.weight[..., 0, 0], network.noise_conv.bias
    mixed = (
        torch.einsum("oc,nchw->nohw", weight[:, :8], maps[4]) + (weight[:, 8:] @ z[0, :, 0, 0] + bias)[:, None, None]
    )
    torch.testing.assert_close(network.decode(maps, z), network.decoder([*maps[:4], mixed]))


def test_the_gate_follows_the_change_of_a_block_not_its_input():
    torch.manual_seed(0)
    block, x = GatedResidual(32), torch.randn(1, 32, 4, 4)
    with torch.no_grad():
        change = block.conv2(block.conv1(x).relu())
        gate = block.gate(change.mean((2, 3), keepdim=True)).sigmoid()
        torch.testing.assert_close(block(x), x + gate * change)


def test_each_step_of_the_decoder_sees_deeper_results_first():
    torch.manual_seed(0)
    decoder = Decoder(4)
    inputs: list[Tensor] = []
    results: list[Tensor] = []
    for module in decoder.refine:
        module.register_forward_hook(lambda module, given, output: inputs.append(given[0]))
    for module in decoder.merge:
        module.register_forward_hook(lambda module, given, output: results.append(output))
    x1, x2, x3, x4, x5 = (torch.randn(1, 4, side, side) for side in (16, 8, 4, 2, 2))
    with torch.no_grad():
        decoder([x1, x2, x3, x4, x5])
    a, b, c = results
    orders = ((x5, x4), (x5, a, x3), (x5, a, b, x2), (x5, a, b, c, x1))
    for given, order in zip(inputs, orders, strict=True):
        for part, expected in zip(given.split(4, dim=1), order, strict=True):
            assert torch.equal(part[..., 0, 0], expected[..., 0, 0])  # enlarging keeps corners


def test_maps_are_enlarged_between_their_corners():
    torch.manual_seed(0)
    network = LGVT(64, SIZE, width=8).eval()
    small: list[Tensor] = []
    network.decoder.classify.register_forward_hook(lambda module, inputs, output: small.append(output))
    with torch.no_grad():
        logits = network(torch.randn(1, 3, 64, 64), torch.randn(1, 8, 1, 1))
    row = small[0][0, 0, 0].numpy()  # (16,)
    expected = np.interp(np.linspace(0, 15, 64), np.arange(16), row)
    np.testing.assert_allclose(logits[0, 0, 0].numpy(), expected, rtol=1e-4, atol=1e-6)


def test_posterior_steps_in_closed_form():
    """With logits z . a and U = b . z, both gradients are known."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    direction, slope, masks, start = draw(4), draw(4), draw(3, 1, 1, 1).sigmoid(), draw(3, 4)
    noises = [draw(3, 4) for _ in range(5)]
    z = start
    for noise in noises:
        probability = (z @ direction).sigmoid()
        factor = 2 * (probability - masks.flatten()) * probability * (1 - probability) / 3 / (2 * 0.3**2)
        z = z - 0.005 * (factor[:, None] * direction + slope + z) + 0.1 * noise
    actual = sample_posterior(
        lambda point: (point @ direction).view(3, 1, 1, 1),
        lambda point: (point @ slope)[:, None],
        masks,
        start,
        noises,
    )
    torch.testing.assert_close(actual, z)
    z = start
    for noise in noises:
        z = z - 0.08 * (slope + z) + 0.4 * noise
    torch.testing.assert_close(sample_prior(lambda point: (point @ slope)[:, None], start, noises), z)


def test_the_energy_of_the_posterior_is_lowered():
    assert energy_loss(torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [6.0]])) == -3.5
