"""The plain network at a tiny size: frames are independent, any size and number of them, the scores and their logit."""

import pytest
import torch
from benchmarks.bench_aavs import use_library_attention
from torch.nn import functional as F

from avseg.models.aavs import AAVS
from avseg.models.aavs.adapters import swin_adapters
from avseg.models.aavs.network import class_maps
from avseg.models.aavs.weights import load_official, to_official
from avseg.utils.errors import UserError


def tiny(classes: int = 1) -> AAVS:
    torch.manual_seed(3)
    network = AAVS(classes, network="tiny").eval()
    for parameter in network.parameters():  # the start gives nearly equal queries
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return network


@pytest.mark.parametrize(("batch", "length", "size"), [(1, 1, (32, 32)), (3, 7, (37, 51)), (1, 5, (64, 33))])
def test_frames_are_independent_of_their_neighbours(batch: int, length: int, size: tuple[int, int]) -> None:
    network = tiny()
    frames, audio = torch.randn(batch, length, 3, *size), torch.rand(batch, length, 128)
    with torch.no_grad():
        output = network(frames, audio)
        alone = network(frames[-1:, -1:], audio[-1:, -1:])
    assert output.logits.shape == (batch, length, 1, *size)
    assert output.scores.shape == (batch, length, 2, 224, 224)
    for values, single in zip(output, alone, strict=True):  # kernels differ by size, thresholds do not flip
        torch.testing.assert_close(values[-1:, -1:], single, rtol=1e-3, atol=1e-4)


def test_the_sound_prompts_the_queries() -> None:
    network = tiny()
    frames, audio = torch.randn(1, 2, 3, 32, 32), torch.rand(1, 2, 128)
    with torch.no_grad():
        logits = network(frames, audio).logits
        other = network(frames, audio.flip(1)).logits
    assert not torch.allclose(logits, other, atol=1e-3)


def test_one_logit_is_positive_where_the_argmax_is_sounding() -> None:
    network = tiny()
    with torch.no_grad():
        output = network(torch.randn(1, 3, 3, 32, 32), torch.rand(1, 3, 128))
        maps = class_maps(network.decode(network.encode(torch.randn(3, 3, 32, 32)), torch.rand(3, 128))[-1], (32, 32))
    assert (maps >= 0).all()
    resized = F.interpolate(output.logits[0], (224, 224), mode="bilinear", align_corners=False)
    torch.testing.assert_close(resized, output.scores[0, :, 1:] - output.scores[0, :, :1], atol=1e-5, rtol=1e-5)


def test_classes_read_the_stage_1_masks() -> None:
    network = tiny(5)
    frames, audio = torch.randn(1, 2, 3, 32, 32), torch.rand(1, 2, 128)
    masks = torch.zeros(1, 2, 20, 24)
    masks[:, :, 5:15, 4:20] = 1
    with torch.no_grad():
        output = network(frames, audio, masks)
        empty = network(frames, audio, torch.zeros_like(masks))
    assert output.logits.shape == (1, 2, 5, 32, 32)
    assert not torch.allclose(output.logits, empty.logits, atol=1e-3)
    shares = output.logits.softmax(dim=2)
    torch.testing.assert_close(shares.sum(2), torch.ones(1, 2, 32, 32))
    with pytest.raises(ValueError, match="needs stage-1 masks"):
        network(frames, audio)
    with pytest.raises(ValueError, match="takes no stage-1 masks"):
        tiny()(frames, audio, masks)


def test_deformable_attention_equals_the_library_s() -> None:
    network = tiny()
    frames = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        ours = network.encode(frames)
        use_library_attention(network)
        expected = network.encode(frames)
    torch.testing.assert_close(ours.mask_features, expected.mask_features, rtol=1e-4, atol=1e-5)
    for level, expected_level in zip(ours.levels, expected.levels, strict=True):
        torch.testing.assert_close(level, expected_level, rtol=1e-4, atol=1e-5)


def test_a_zero_swin_adapter_changes_nothing() -> None:
    network = tiny()
    for adapter in swin_adapters(network)[:2]:
        adapter.zero_adapter()
        value = torch.randn(2, adapter.dense.in_features)
        assert torch.equal(adapter(value), adapter.dense(value))


@pytest.mark.parametrize("classes", [1, 5])
def test_import_and_export(classes: int) -> None:
    first, second = tiny(classes), AAVS(classes, network="tiny").eval()
    exported = to_official(first)
    load_official(second, {f"module.{name}": tensor for name, tensor in exported.items()})
    for name, tensor in to_official(second).items():
        assert torch.equal(tensor, exported[name]), name


def test_weights_of_the_other_form_are_refused() -> None:
    with pytest.raises(UserError, match=r"do not fit AAVS: 3 unexpected .*; give the data set of the weights"):
        load_official(tiny(), to_official(tiny(5)))


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"AAVS needs the package transformers; .*'avseg\[aavs\]'"):
        AAVS(network="tiny")
