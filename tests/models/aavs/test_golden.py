"""AAVS against values of the authors' code, at full size."""

import pytest
import torch
from torch import nn

from avseg.models.aavs import AAVS
from avseg.models.aavs.loss import QueryMaskLoss, weighted_sum
from avseg.models.aavs.network import PRESETS
from avseg.models.aavs.phases import freeze_pretrained, swin_adapter_parameters
from avseg.models.aavs.weights import load_official, to_official
from tests.golden_recipe import blob_masks, relative_error
from tests.models.aavs.official import (
    golden_aavs,
    inputs,
    labels,
    official_network,
    official_shapes,
    official_weights,
)

PARAMETERS = {"binary": 114_551_675}
PHASE_1, PHASE_2 = 709_827, 7_719_491
# in the order of the golden values; found by their norms
GRADIENTS = (
    "audio_proj.0.weight",
    "net.model.transformer_module.queries_embedder.weight",
    "net.class_predictor.weight",
    "net.model.pixel_level_module.decoder.encoder.layers.0.self_attn.output_proj.adapter.0.weight",
    "net.model.transformer_module.decoder.layers.8.self_attn.out_proj.adapter.2.weight",
)


@pytest.fixture(scope="module")
def binary() -> AAVS:
    return official_network("binary")


def test_names_and_values_survive_import_and_export(binary: AAVS) -> None:
    exported = to_official(binary)
    assert {name: tuple(tensor.shape) for name, tensor in exported.items()} == official_shapes("binary")
    for name, tensor in official_weights("binary", exported).items():
        assert torch.equal(exported[name], tensor), name
    assert sum(parameter.numel() for parameter in binary.parameters()) == PARAMETERS["binary"]


def test_one_frame_equals_the_authors_value(binary: AAVS) -> None:
    expected = golden_aavs()
    images, audio = inputs(5)
    with torch.no_grad():
        output = binary(images[None, 1:2], audio[None, 1:2])
    assert output.scores.shape == (1, 1, 2, 224, 224)
    assert relative_error(output.class_logits[0, 0], expected["binary.class_queries_logits"][1]) < 1e-5
    assert relative_error(output.mask_logits[0, 0, ::10, ::8, ::8], expected["binary.masks_queries_logits"][1]) < 1e-5
    assert relative_error(output.scores[0, 0, :, ::8, ::8], expected["binary.scores"][1]) < 1e-5


def test_parameters_of_the_phases(binary: AAVS) -> None:
    adapters = sum(parameter.numel() for parameter in swin_adapter_parameters(binary))
    freeze_pretrained(binary)
    trained = sum(parameter.numel() for parameter in binary.parameters() if parameter.requires_grad)
    assert (trained - adapters, trained) == (PHASE_1, PHASE_2)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "frames"), [("binary", 5), ("semantic", 3)])
def test_everything_equals_the_authors_values(form: str, frames: int) -> None:
    expected = {
        key.removeprefix(f"{form}."): value for key, value in golden_aavs().items() if key.startswith(f"{form}.")
    }
    network = official_network(form)
    exported = to_official(network)
    assert {name: tuple(tensor.shape) for name, tensor in exported.items()} == official_shapes(form)
    images, audio = inputs(frames)
    stage1 = blob_masks(3, 224, 224, 32) if form == "semantic" else None
    with torch.no_grad():
        stages = network.net.model.pixel_level_module.encoder(images).feature_maps
        features = network.encode(images)
        layers = network.decode(features, audio, stage1, auxiliary=True)
        output = network(images[None], audio[None], None if stage1 is None else stage1[None])
    errors = {f"stage{i}": relative_error(stages[i - 1].mean((2, 3)), expected[f"stage{i}_mean"]) for i in range(1, 5)}
    for level, values in enumerate(features.levels):
        errors[f"level {level}"] = relative_error(values.mean((2, 3)), expected[f"multi_scale_{level}_mean"])
    errors["mask features"] = relative_error(features.mask_features.mean((2, 3)), expected["mask_features_mean"])
    queries = network.prompted_queries(audio).transpose(0, 1)
    errors["queries"] = relative_error(queries[:, ::10, ::4], expected["queries"])
    masks = output.mask_logits[0, :, ::10, ::8, ::8]
    errors["masks"] = relative_error(masks, expected["masks_queries_logits"])
    errors["last layer"] = relative_error(layers[-1].mask_logits[:, ::10, ::8, ::8], expected["masks_queries_logits"])
    classes = output.class_logits[0] if form == "binary" else output.class_logits[0, :, ::10, ::6]
    errors["classes"] = relative_error(classes, expected["class_queries_logits"])
    if form == "binary":
        errors["scores"] = relative_error(output.scores[0, :, :, ::8, ::8], expected["scores"])
    else:
        errors["scores"] = relative_error(output.scores[0, :, ::10, ::8, ::8], expected["class_scores"])
        assert torch.equal(output.scores[0].argmax(1)[:, ::8, ::8].to(torch.uint8), expected["scores"])
    assert max(errors.values()) < 1e-5, errors
    torch.manual_seed(0)
    loss = weighted_sum(QueryMaskLoss(network.net.config.num_labels)(layers, labels(form, frames)))
    assert float(loss) == pytest.approx(float(expected["loss"]), rel=1e-6)


@pytest.mark.slow
def test_two_training_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Phase 1 with the Swin adapters of the recipe: loss, norm of the gradient before clipping, a weight after it."""
    monkeypatch.setitem(PRESETS["swin_base"]["backbone_config"], "drop_path_rate", 0.0)
    expected = {key.rpartition(".")[2]: value for key, value in golden_aavs().items() if key.startswith("train_binary")}
    network = AAVS()
    load_official(network, official_weights("binary", to_official(network)))
    network.train()
    freeze_pretrained(network)
    for parameter in swin_adapter_parameters(network):
        parameter.requires_grad_(False)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.05)
    projection: nn.Linear = network.audio_proj[2]  # type: ignore[assignment]
    before = projection.weight.detach().clone()[::8, ::16]
    loss_function = QueryMaskLoss(2)
    for step in range(2):
        torch.manual_seed(step)
        images, audio = inputs(2, 31 + step)
        layers = network.decode(network.encode(images), audio, auxiliary=True)
        loss = weighted_sum(loss_function(layers, labels("binary", 2, 31 + step)))
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            norms = [network.get_parameter(name).grad.norm() for name in GRADIENTS]  # type: ignore[union-attr]
            assert relative_error(torch.stack(norms), expected["grad_norms_0"]) < 1e-4
        norm = nn.utils.clip_grad_norm_(trained, 0.01)
        optimizer.step()
        values = torch.stack([loss.detach(), norm])
        assert relative_error(values, expected["losses_and_norms"][step]) < (1e-5, 1e-4)[step]
    change = projection.weight.detach()[::8, ::16] - before
    official_change = expected["audio_proj_after"] - before
    cosine = torch.nn.functional.cosine_similarity(change.flatten(), official_change.flatten(), 0)
    assert cosine > 0.999
