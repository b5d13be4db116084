import re

import pytest
import torch
from torch import Tensor

from avseg.models.avs.network import AVSModel
from avseg.models.avs.weights import load_official, to_official
from avseg.utils.errors import UserError
from tests.golden_recipe import Undrawn, arr, fill_official, golden

UNUSED_COPIES = 22_063_104
# from golden/avsbench.json, which counts the official ResNet50's unused copies
PARAMETERS = {
    ("resnet50", (1, 2, 3, 4)): 91_400_961,
    ("resnet50", ()): 90_737_921,
    ("resnet50", (3,)): 90_903_681,
    ("pvt_v2_b5", (1, 2, 3, 4)): 101_320_577,
    ("pvt_v2_b5", (3, 4)): 100_989_057,
}
slow = pytest.mark.slow
MODELS = [
    ("resnet50", (1, 2, 3, 4)),
    pytest.param("resnet50", (), marks=slow),
    pytest.param("resnet50", (3,), marks=slow),
    pytest.param("pvt_v2_b5", (1, 2, 3, 4), marks=slow),
    ("pvt_v2_b5", (3, 4)),
]


def official_shapes(model: AVSModel) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in to_official(model).items()}


def close(actual: Tensor, expected: Tensor) -> bool:
    return float((actual - expected).abs().max() / expected.abs().max()) < 1e-4


@pytest.mark.parametrize(("backbone", "stages"), MODELS)
def test_outputs_equal_the_official_model(backbone: str, stages: tuple[int, ...]) -> None:
    with Undrawn():
        model = AVSModel(backbone, stages).eval()
    load_official(model, fill_official(official_shapes(model), 5))
    with torch.no_grad():
        out = model(arr("images", (1, 5, 3, 224, 224), 5), arr("audio", (1, 5, 128), 5, "uniform"))
    reference = golden()
    prefix = f"model_{backbone}_s{''.join(map(str, stages)) or 'none'}."
    assert close(out.logits[0, :, 0, ::8, ::8], reference[prefix + "logits_8x8"])
    assert close(out.logits.mean(), reference[prefix + "logits_mean"])
    assert close(out.logits.std(), reference[prefix + "logits_std"])
    for stage, (visual, audio) in enumerate(zip(out.visual_maps, out.audio_maps, strict=True), 1):
        assert close(visual.mean((0, 1, 3, 4)), reference[f"{prefix}visual_{stage}_mean"])
        assert (audio is not None) == (f"{prefix}audio_{stage}" in reference) == (stage in stages)
        if audio is not None:
            assert close(audio, reference[f"{prefix}audio_{stage}"])


@pytest.mark.parametrize(("backbone", "stages"), PARAMETERS)
def test_parameter_counts(backbone: str, stages: tuple[int, ...]) -> None:
    with Undrawn(), torch.device("meta"):
        model = AVSModel(backbone, stages)
    ours = sum(p.numel() for p in model.parameters())
    assert ours == PARAMETERS[backbone, stages] - (UNUSED_COPIES if backbone == "resnet50" else 0)
    # path4 has a unit for a second input that is never used: in both counts, frozen in ours
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    assert {re.sub(r"conv\d\.(weight|bias)", "", name) for name in frozen} == {"decoder.paths.3.stage_unit."}
    exported = to_official(model)
    counted = [t.numel() for n, t in exported.items() if not n.endswith(("_mean", "_var", "num_batches_tracked"))]
    assert sum(counted) == PARAMETERS[backbone, stages]


@pytest.fixture(scope="module")
def resnet() -> AVSModel:
    return AVSModel("resnet50", (3,), channels=8)


@pytest.fixture(scope="module")
def official(resnet: AVSModel) -> dict[str, Tensor]:
    return fill_official(official_shapes(resnet), 3)


@pytest.mark.parametrize("backbone", ["resnet50", "pvt_v2_b0"])
def test_import_then_export_gives_the_same(backbone: str) -> None:
    with Undrawn():
        model = AVSModel(backbone, (1, 4), channels=8)
    official = fill_official(official_shapes(model), 3)
    load_official(model, {f"module.{name}": tensor for name, tensor in official.items()})
    exported = to_official(model)
    assert exported.keys() == official.keys()
    for name, tensor in exported.items():
        source = re.sub(r"(layer[34])_2", r"\1_1", name)  # the unused copies come from the used ones
        assert torch.equal(tensor, official[source]), name


def test_official_names() -> None:
    names = to_official(AVSModel("pvt_v2_b0", (1,), channels=8)).keys()
    assert {
        "encoder_backbone.patch_embed1.proj.weight",
        "encoder_backbone.patch_embed4.norm.bias",
        "encoder_backbone.block1.0.attn.q.weight",
        "encoder_backbone.block3.1.attn.sr.weight",
        "encoder_backbone.block2.1.mlp.dwconv.dwconv.weight",
        "encoder_backbone.norm4.weight",
        "conv1.conv2d_list.0.weight",
        "path4.resConfUnit1.conv1.weight",
        "path1.resConfUnit2.conv2.bias",
        "tpavi_b1.align_channel.weight",
        "tpavi_b1.W_z.1.running_var",
        "output_conv.4.bias",
    } <= names
    assert not [
        name for name in names if not name.startswith(("encoder_", "conv", "path", "tpavi_b1.", "output_conv."))
    ]


def test_official_resnet_names(official: dict[str, Tensor]) -> None:
    assert {
        "resnet.conv1.weight",
        "resnet.bn1.num_batches_tracked",
        "resnet.layer1.0.downsample.0.weight",
        "resnet.layer3_1.0.conv1.weight",
        "resnet.layer3_2.0.conv1.weight",
        "resnet.layer4_2.2.bn3.running_mean",
        "tpavi_b3.theta.weight",
    } <= official.keys()
    assert official["tpavi_b3.theta.weight"].shape == (4, 8, 1, 1, 1)


def test_a_classifier_and_missing_counters_are_tolerated(resnet: AVSModel, official: dict[str, Tensor]) -> None:
    changed = {name: tensor for name, tensor in official.items() if not name.endswith("num_batches_tracked")}
    load_official(resnet, changed | {"resnet.fc.weight": torch.zeros(1000, 2048)})
    assert torch.equal(resnet.backbone.net.conv1.weight, official["resnet.conv1.weight"])


def test_differences_are_listed(resnet: AVSModel, official: dict[str, Tensor]) -> None:
    load_official(resnet, official)
    original = {name: tensor.clone() for name, tensor in resnet.state_dict().items()}
    changed_weights = {name: tensor + 1 for name, tensor in official.items() if not name.startswith("output_conv.0")}
    changed_weights |= {"tpavi_b1.g.weight": torch.zeros(1), "output_conv.4.weight": torch.zeros(71, 32, 1, 1)}
    with pytest.raises(UserError) as caught:
        load_official(resnet, changed_weights)
    message = str(caught.value)
    assert "2 missing" in message
    assert "decoder.head.0.weight" in message or "output_conv.0.weight" in message
    assert "1 unexpected (tpavi_b1.g.weight)" in message
    assert "output_conv.4.weight (71, 32, 1, 1) instead of (1, 8, 1, 1)" in message
    assert "\n" not in message
    assert all(torch.equal(tensor, original[name]) for name, tensor in resnet.state_dict().items())


def test_another_backbone_has_no_official_names() -> None:
    with pytest.raises(UserError, match=r"resnet50 or pvt_v2_b.*'test_resnet'"):
        to_official(AVSModel("test_resnet", channels=8))
