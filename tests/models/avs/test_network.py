import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.models.avs.network import AVSModel
from avseg.utils.errors import UserError


def small(**options) -> AVSModel:
    return AVSModel(**{"backbone": "test_resnet", "channels": 8} | options)


@pytest.fixture(scope="module")
def model() -> AVSModel:
    torch.manual_seed(0)
    model = small()
    for block in model.tpavi.values():  # a new block ignores the sound
        torch.nn.init.ones_(block.W_z[1].weight)
    return model.eval()


@settings(max_examples=15, deadline=None)
@given(
    batch=st.integers(1, 2),
    frames=st.integers(1, 7),
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stages=st.sets(st.integers(1, 4)),
    scope=st.sampled_from(["clip", "frame"]),
    classes=st.sampled_from([1, 3]),
)
def test_shapes(batch: int, frames: int, size: tuple[int, int], stages: set[int], scope: str, classes: int) -> None:
    height, width = 32 * size[0], 32 * size[1]
    net = small(fusion_stages=sorted(stages), fusion_scope=scope, num_classes=classes).eval()
    out = net(torch.randn(batch, frames, 3, height, width), torch.rand(batch, frames, 128))
    assert out.logits.shape == (batch, frames, classes, height, width)
    for stage, (visual, audio) in enumerate(zip(out.visual_maps, out.audio_maps, strict=True), 1):
        stride = 2 ** (stage + 1)
        assert visual.shape == (batch, frames, 8, height // stride, width // stride)
        assert audio is None if stage not in stages else audio.shape == (batch, frames, 8)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_decoding_depends_on_the_sound_and_keeps_the_features(
    model: AVSModel, memory_format: torch.memory_format
) -> None:
    model = copy.deepcopy(model).to(memory_format=memory_format)
    frames, audio = torch.randn(2, 3, 3, 64, 96), torch.rand(2, 3, 128)
    with torch.no_grad():
        features = model.encode(frames)
        copies = [feature.clone() for feature in features]
        loud, quiet = model.decode(features, audio), model.decode(features, torch.zeros_like(audio))
        full = model(frames, audio)
    assert all(torch.equal(a, b) for a, b in zip(features, copies, strict=True))
    torch.testing.assert_close(loud.logits, full.logits)
    assert not torch.allclose(loud.logits, quiet.logits)


def test_clips_of_a_batch_are_independent(model: AVSModel) -> None:
    frames, audio = torch.randn(3, 2, 3, 32, 64), torch.rand(3, 2, 128)
    with torch.no_grad():
        together = model(frames, audio).logits
        alone = torch.cat([model(frames[i : i + 1], audio[i : i + 1]).logits for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_valid_blanks_padded_frames(model: AVSModel) -> None:
    frames, audio = torch.randn(1, 4, 3, 32, 32), torch.rand(1, 4, 128)
    valid = torch.tensor([[True, True, False, False]])
    with torch.no_grad():
        out = model(frames, audio, valid)
        changed = model(torch.where(valid[..., None, None, None], frames, torch.ones(())), audio, valid)
        everything, default = model(frames, audio, torch.ones_like(valid)), model(frames, audio)
    assert out.logits[:, 2:].abs().max() == 0
    assert all(visual[:, 2:].abs().max() == 0 for visual in out.visual_maps)
    assert out.logits[:, :2].abs().max() > 0
    torch.testing.assert_close(out.logits, changed.logits)
    torch.testing.assert_close(everything.logits, default.logits)


def test_returned_maps_are_rectified(model: AVSModel) -> None:
    out = model(torch.randn(1, 2, 3, 32, 32), torch.rand(1, 2, 128))
    assert all(visual.min() == 0 for visual in out.visual_maps)


def test_logits_of_another_size(model: AVSModel) -> None:
    features = model.encode(torch.randn(1, 1, 3, 32, 64))
    assert model.decode(features, torch.rand(1, 1, 128), size=(45, 80)).logits.shape == (1, 1, 1, 45, 80)


@pytest.mark.parametrize("mode", ["audio", "visual", "both"])
@pytest.mark.parametrize("stages", [(), (3,), (1, 2, 3, 4)])
def test_every_trainable_parameter_has_a_gradient(mode: str, stages: tuple[int, ...]) -> None:
    """Distributed training waits for the gradient of every parameter."""
    net = small(fusion_mode=mode, fusion_stages=stages)
    net(torch.randn(1, 2, 3, 32, 64), torch.rand(1, 2, 128)).logits.sum().backward()
    assert [name for name, p in net.named_parameters() if p.requires_grad and p.grad is None] == []


def test_both_is_the_mean_of_audio_and_visual() -> None:
    torch.manual_seed(0)
    nets = {mode: small(fusion_mode=mode, fusion_stages=[4]).eval() for mode in ("audio", "visual", "both")}
    torch.nn.init.ones_(nets["both"].tpavi["4"].W_z[1].weight)
    features = [torch.randn(1, 2, 8, 2**k, 2**k) for k in (4, 3, 2, 1)]
    maps = {}
    for mode, net in nets.items():
        net.load_state_dict(nets["both"].state_dict())
        maps[mode] = net.tpavi["4"](features[3].transpose(1, 2), torch.ones(1, 2, 128))[0]
    assert not torch.allclose(maps["audio"], maps["visual"])
    torch.testing.assert_close(maps["both"], (maps["audio"] + maps["visual"]) / 2)


def test_sound_projection_of_avss_has_no_bias() -> None:
    assert small(num_classes=71).tpavi["1"].align_channel.bias is None
    assert small().tpavi["1"].align_channel.bias is not None


def test_bfloat16_autocast() -> None:
    torch.manual_seed(0)
    net = small()
    with torch.autocast("cpu", torch.bfloat16):
        out = net(torch.randn(1, 2, 3, 64, 64), torch.rand(1, 2, 128))
    out.logits.float().sum().backward()
    assert torch.isfinite(out.logits).all()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fusion_stages": [5]}, r"fusion_stages: .*5.*allowed are 1"),
        ({"fusion_stages": [0, 1]}, "fusion_stages: .*0"),
        ({"fusion_mode": "audoi"}, "fusion_mode 'audoi' is unknown.*'audio'"),
        ({"fusion_scope": "clips"}, "fusion_scope 'clips' is unknown.*'clip'"),
        ({"backbone": "resnet5"}, "backbone: 'resnet5'.*did you mean 'resnet50'"),
        ({"backbone": "resnet50.nonsense"}, "backbone: .*'nonsense'.*resnet50.tv_in1k"),
        ({"backbone": "test_vit"}, "backbone: 'test_vit' has maps at strides"),
    ],
)
def test_errors_are_one_line(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        small(**options)
    assert "\n" not in str(caught.value)


def test_size_that_is_no_multiple_of_32(model: AVSModel) -> None:
    with pytest.raises(UserError, match=r"multiples of 32, got 100x64; resize to 96x64"):
        model(torch.zeros(1, 1, 3, 100, 64), torch.zeros(1, 1, 128))


def test_windows_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    net = small(num_classes=3).eval()  # windows of 5 frames, as in the official model of several classes
    whole = small(num_classes=3, fusion_window=None).eval()
    whole.load_state_dict(net.state_dict())
    for block in (*net.tpavi.values(), *whole.tpavi.values()):
        torch.nn.init.ones_(block.W_z[1].weight)
    frames, audio = torch.randn(1, 10, 3, 32, 32), torch.rand(1, 10, 128)
    other = torch.cat([audio[:, :5], torch.rand(1, 5, 128)], 1)
    with torch.no_grad():
        assert torch.equal(net(frames, audio).logits[:, :5], net(frames, other).logits[:, :5])
        halves = [whole(frames[:, half], audio[:, half]).logits for half in (slice(5), slice(5, 10))]
        torch.testing.assert_close(net(frames, audio).logits, torch.cat(halves, 1))
        assert not torch.allclose(whole(frames, audio).logits[:, :5], whole(frames, other).logits[:, :5])
    with pytest.raises(UserError, match="fusion_window: 0 is not a number of frames"):
        small(fusion_window=0)


def test_padded_frames_are_zeros_whatever_they_hold() -> None:
    net = small(num_classes=3).train()
    frames, audio = torch.randn(1, 10, 3, 32, 32), torch.rand(1, 10, 128)
    valid = torch.arange(10)[None] < 5
    with torch.no_grad():
        output = net(frames, audio, valid).logits
        zeros = net(frames * valid[..., None, None, None], audio * valid[..., None], valid).logits
    assert torch.equal(output, zeros)
    assert not output[:, 5:].any()
