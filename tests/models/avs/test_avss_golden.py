"""The AVSS form of the model, its losses and scores give the values of the official code (ResNet50, all stages)."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from avseg.metrics import SemanticScore
from avseg.models.avs.loss import AudioVisualMappingLoss, MaskLoss
from avseg.models.avs.network import AVSModel, AVSOutput
from avseg.models.avs.weights import load_official, to_official
from avseg.nn.normalise import normalise
from tests.golden_recipe import GOLDEN, Undrawn, fill_official, rng

SEED = 83
VALID = torch.tensor([[True] * 10, [True] * 5 + [False] * 5])
ANNOTATED = torch.tensor([[True] * 10, [True] + [False] * 9])


@pytest.fixture(scope="module")
def reference() -> dict[str, Tensor]:
    return load_file(GOLDEN / "avss.safetensors")


@pytest.fixture(scope="module")
def official() -> dict[str, Tensor]:
    keys = json.loads((GOLDEN / "avss_keys.json").read_text())
    return fill_official({name: tuple(shape) for name, (shape, _) in keys.items()}, SEED)


@pytest.fixture(scope="module")
def model(official: dict[str, Tensor]) -> AVSModel:
    with Undrawn():
        network = AVSModel("resnet50", num_classes=71)
    load_official(network, official)
    return network


def _inputs() -> tuple[Tensor, Tensor, Tensor]:
    frames = torch.from_numpy(rng("frames", SEED).integers(0, 256, (2, 10, 3, 64, 96))).to(torch.uint8)
    audio = torch.from_numpy(rng("audio", SEED).random((2, 10, 128))).float()
    labels = torch.from_numpy(rng("labels", SEED).integers(0, 71, (2, 10, 64, 96))).to(torch.uint8)
    return frames, audio, labels * VALID[..., None, None]


def _output(model: AVSModel, mode: str) -> AVSOutput:
    frames, audio, _ = _inputs()
    copy = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        output: AVSOutput = model.train(mode == "train")(normalise(frames), audio, VALID)
    model.load_state_dict(copy)  # training changes the running means
    return output


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_logits_and_losses(mode: str, model: AVSModel, reference: dict[str, Tensor]) -> None:
    output = _output(model, mode)
    expected = reference[f"{mode}_logits"]
    ours = output.logits.flatten(0, 1)[..., ::16, ::16]
    assert (ours - expected).abs().max() / expected.abs().max() < 1e-4
    mask = MaskLoss()(output.logits, _inputs()[2], ANNOTATED)
    mapping = AudioVisualMappingLoss()(output.logits, output.visual_maps, output.audio_maps, ANNOTATED)
    values = torch.stack([mask + 0.5 * mapping, mask, mapping])
    torch.testing.assert_close(values, reference[f"{mode}_losses"], rtol=1e-4, atol=0)


def test_scores(reference: dict[str, Tensor]) -> None:
    logits = torch.from_numpy(rng("metric_logits", SEED).standard_normal((20, 71, 24, 32))).float()
    labels = torch.from_numpy(rng("metric_labels", SEED).integers(0, 9, (20, 24, 32)))
    logits.scatter_add_(1, labels[:, None], torch.full((20, 1, 24, 32), 3.0))
    labels[15:] = 0
    scores = []
    for name in ("iou", "f_score"):
        metric = SemanticScore(name)  # type: ignore[arg-type]
        metric.update(logits, labels)
        scores.append(metric.compute())
    torch.testing.assert_close(torch.stack(scores), reference["metrics"], rtol=1e-4, atol=0)


def test_weights_return_byte_for_byte(model: AVSModel, official: dict[str, Tensor]) -> None:
    exported = to_official(model)
    assert exported.keys() == official.keys()
    for name, tensor in exported.items():
        # the unused second copies of two stages come from the used ones
        source = official[name.replace("_2.", "_1.", 1) if name.startswith("resnet.layer") else name]
        assert tensor.numpy().tobytes() == source.numpy().tobytes(), name
