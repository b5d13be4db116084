"""The whole model against the published form on the same parameters, and decoding of selected frames only."""

import copy

import pytest
import torch
from benchmarks.published import as_published

from avseg.models.avs.loss import AudioVisualMappingLoss, MaskLoss
from avseg.models.avs.network import AVSModel


def build(backbone: str, dtype: torch.dtype = torch.float64) -> AVSModel:
    model = AVSModel(backbone, channels=16)
    for block in model.tpavi.values():  # a new block ignores the sound
        torch.nn.init.ones_(block.W_z[1].weight)
    return model.to(dtype)


def gradients(model: AVSModel, dtype: torch.dtype) -> tuple[float, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(2, 3, 3, 64, 96, generator=generator).to(dtype)
    audio = torch.rand(2, 3, 128, generator=generator).to(dtype)
    masks = torch.randint(0, 2, (2, 3, 64, 96), generator=generator)
    torch.manual_seed(1)  # stochastic depth
    out = model(frames, audio)
    loss = MaskLoss()(out.logits, masks, torch.ones(2, 3, dtype=torch.bool))
    loss = loss + 0.5 * AudioVisualMappingLoss()(out.logits, out.visual_maps, out.audio_maps)
    loss.backward()
    return loss.item(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("backbone", ["test_resnet", "pvt_v2_b0"])
def test_a_training_step_equals_the_published_one(backbone: str) -> None:
    """Equal in float64; in float32 (other kernels) up to ReLUs that rounding switches."""
    exact = build(backbone, torch.float64)
    ours, published = copy.deepcopy(exact).float(), as_published(copy.deepcopy(exact))
    loss, expected = gradients(published, torch.float64)
    for model, dtype in ((exact, torch.float64), (ours, torch.float32)):
        value, mine = gradients(model, dtype)
        assert value == pytest.approx(loss, rel=1e-5)
        assert mine.keys() == expected.keys()
        for name, gradient in expected.items() if model is exact else ():
            # the losses are float32 in both
            torch.testing.assert_close(mine[name], gradient, rtol=0, atol=1e-4 * float(gradient.abs().max()) + 1e-9)
        error = sum(float((mine[name] - gradient).square().sum()) for name, gradient in expected.items())
        size = sum(float(gradient.square().sum()) for gradient in expected.values())
        assert (error / size) ** 0.5 < 2e-3


def test_frames_outside_of_the_decode_mask_are_not_decoded() -> None:
    """S4 trains on the first frame: the same loss and the same gradients of every parameter."""
    full = build("test_resnet")
    partial = copy.deepcopy(full)
    frames, audio = torch.randn(2, 3, 3, 32, 64, dtype=torch.float64), torch.rand(2, 3, 128, dtype=torch.float64)
    masks, annotated = torch.randint(0, 2, (2, 3, 32, 64)), torch.tensor([[True, False, False]] * 2)
    decoded: list[int] = []
    partial.decoder.register_forward_hook(lambda _, inputs, __: decoded.append(len(inputs[0][0])))
    full_logits, partial_logits = full(frames, audio).logits, partial(frames, audio, decode_mask=annotated).logits
    assert decoded == [2]
    torch.testing.assert_close(partial_logits[annotated], full_logits[annotated])
    assert partial_logits.shape == full_logits.shape
    assert partial_logits[~annotated].abs().max() == 0
    for net, logits in ((full, full_logits), (partial, partial_logits)):
        MaskLoss()(logits, masks, annotated).backward()
        assert net.training
    for (name, mine), theirs in zip(partial.named_parameters(), full.parameters(), strict=True):
        if theirs.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-6, atol=1e-9, msg=name)


def test_no_frame_to_decode_still_carries_the_graph() -> None:
    """A rank without clips still takes part in distributed training."""
    model = build("test_resnet", torch.float32)
    out = model(torch.randn(1, 2, 3, 32, 32), torch.rand(1, 2, 128), decode_mask=torch.zeros(1, 2, dtype=torch.bool))
    MaskLoss()(out.logits, torch.zeros(1, 2, 32, 32), torch.zeros(1, 2, dtype=torch.bool)).backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []


def test_decoding_some_frames_in_evaluation_with_another_size() -> None:
    model = build("test_resnet").eval()
    frames, audio = torch.randn(1, 3, 3, 32, 32, dtype=torch.float64), torch.rand(1, 3, 128, dtype=torch.float64)
    decode_mask = torch.tensor([[False, True, True]])
    with torch.no_grad():
        features = model.encode(frames)
        complete = model.decode(features, audio, size=(40, 50)).logits
        decoded = model.decode(features, audio, size=(40, 50), decode_mask=decode_mask).logits
    torch.testing.assert_close(decoded[decode_mask], complete[decode_mask])
