"""SST's released attention, CFBI's decoder and loss, and the reconstruction, against reference values."""

from functools import cache

import pytest
import torch
from torch import Tensor

from avseg.models.sst import SSTReconstruction
from avseg.models.sst.ensembler import Ensembler
from avseg.models.sst.grid_attention import GridAttention, grid_affinity, grid_scores, grid_sum
from avseg.models.sst.loss import hardest_pixels_loss
from avseg.models.sst.network import instance_head
from avseg.models.sst.weights import load_official
from tests.golden_recipe import arr, blob_masks, relative_error
from tests.models.sst.golden import SEED, filled, reference

TOLERANCE = 5e-6
GRADIENT_NORMS = (
    "feature_extracter.backbone.layer4.2.conv3.weight",
    "feature_extracter.decoder.last_conv.4.weight",
    "semantic_embedding.3.weight",
    "layers.0.attention.attnweight.query_conv.weight",
    "layers.2.attention.attnmap.value_conv.weight",
    "layers.1.act.tau",
    "layers.1.norm1.weight",
    "decoder.layer1.conv1.weight",
    "decoder.conv2.weight",
    "decoder.IA_final_fg.bias",
    "decoder.IA3.IA.bias",
)


def test_attention_kernels_and_their_gradients():
    shape = (2, 4, 3, 5, 6)
    query, key, value = (arr(name, shape, SEED).requires_grad_() for name in "qkv")
    scores = grid_scores(query, key)
    weights = arr("w", tuple(scores.shape), SEED).requires_grad_()
    summed = grid_sum(weights, value)
    scores.backward(arr("ga", tuple(scores.shape), SEED))
    summed.backward(arr("go", shape, SEED))
    values = {"scores": scores, "dq": query.grad, "dk": key.grad, "map": summed, "dw": weights.grad, "dv": value.grad}
    for name, actual in values.items():
        assert relative_error(actual, reference()[f"op0.{name}"]) < TOLERANCE, name


def test_attention_module_and_affinity():
    module = GridAttention(32, 4)
    weights = filled("grid_attention_official")
    module.load_state_dict({name: tensor for name, tensor in weights.items() if not name.endswith("embeddings")})
    x = arr("x", (2, 32, 3, 5, 6), SEED).requires_grad_()
    attention = module.attend(x)
    out = module(x)
    out.square().mean().backward()
    assert relative_error(attention[..., 0, :, :], reference()["mod.attention"]) < TOLERANCE
    assert relative_error(out, reference()["mod.out"]) < TOLERANCE
    assert relative_error(x.grad, reference()["mod.dx"]) < TOLERANCE
    masks = blob_masks(6, 5, 6, SEED).view(2, 3, 5, 6)
    assert relative_error(grid_affinity(attention, masks), reference()["aff.fg"]) < TOLERANCE
    assert relative_error(grid_affinity(attention, 1 - masks), reference()["aff.bg"]) < TOLERANCE


def test_decoder():
    decoder = Ensembler(256, 256, 512, 256).eval()
    decoder.load_state_dict(filled("reconstruction", "decoder."))
    x = arr("ens_x", (2, 256, 25, 19), SEED)
    low = arr("ens_low", (1, 256, 25, 19), SEED)
    head = 0.5 * arr("ens_head", (2, 512), SEED)
    with torch.no_grad():
        assert relative_error(decoder.segment_objects(x, low, head), reference()["ens.logits"]) < TOLERANCE
        assert relative_error(decoder(x[:1], low, torch.zeros(1, 512)), reference()["ens.logits_one"]) < TOLERANCE


def test_instance_head():
    embeddings = torch.stack((arr("head_e", (2, 16, 9, 11), SEED), arr("head_p", (2, 16, 9, 11), SEED)))
    masks = blob_masks(4, 9, 11, SEED).unflatten(0, (2, 2))
    assert relative_error(instance_head(embeddings, masks), reference()["head"]) < TOLERANCE


@pytest.mark.parametrize("step", [0, 40, 100, 250])
def test_loss(step):
    logits = torch.cat([2 * arr(f"ce{number}", (1, 1, 40, 36), SEED)[:, 0] for number in (0, 1)])
    labels = blob_masks(3, 40, 36, SEED)[:2].to(torch.uint8)
    labels[1, :4] = 255
    assert relative_error(hardest_pixels_loss(logits, labels, step, 100), reference()[f"ce.step{step}"]) < TOLERANCE


@cache
def network() -> SSTReconstruction:
    model = SSTReconstruction().eval()
    load_official(model, filled("reconstruction"))
    return model


@pytest.mark.slow
def test_reconstruction():
    model = network()
    outputs: dict[str, Tensor] = {}

    def keep(name: str, module: torch.nn.Module) -> None:
        module.register_forward_hook(lambda _, inputs, output: outputs.__setitem__(name, output))

    keep("deeplab", model.feature_extracter)
    keep("e", model.semantic_embedding)
    for number, layer in enumerate(model.layers, 1):
        keep(f"z{number}", layer)
    with torch.no_grad():
        logits = model(arr("frames", (1, 5, 3, 97, 97), SEED))
    values = {
        "logits": logits[:, :, 0, ::4, ::4],
        "mean_std": torch.stack((logits.mean(), logits.std())),
    }
    features, low = outputs.pop("deeplab")
    for name, output in {"f": features, "low": low, **outputs}.items():
        corner = 5 if output.ndim == 4 else 3
        values[f"{name}_mean"] = output.mean((-2, -1))
        values[f"{name}_corner"] = output[:, :4, ..., :corner, :corner]
    expected = {name.removeprefix("recon0."): v for name, v in reference().items() if name.startswith("recon0.")}
    assert values.keys() == expected.keys()
    for name, value in values.items():
        assert relative_error(value, expected[name]) < 1e-4, name


@pytest.mark.slow
def test_training_in_float64():
    model = SSTReconstruction().eval()  # no dropout
    load_official(model, filled("reconstruction"))
    model.double()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    named = dict(model.named_parameters())
    optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=1.5e-4)
    frames = arr("train_x", (1, 3, 3, 65, 65), SEED).double()
    masks = blob_masks(3, 65, 65, SEED)
    losses: list[Tensor] = []
    norms: list[Tensor] = []
    for _ in range(3):
        loss = hardest_pixels_loss(model(frames)[0, :, 0], masks, 50, 100).mean()
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.detach())
        norms.append(torch.stack([named[name].grad.norm() for name in GRADIENT_NORMS]))
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
    assert relative_error(torch.stack(losses), reference()["recon.train_losses"]) < 1e-10
    assert relative_error(torch.stack(norms), reference()["recon.grad_norms"]) < 1e-10
