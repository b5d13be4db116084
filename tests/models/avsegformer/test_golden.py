"""The network against the official one: outputs of both backbones, training steps, names of the weights."""

import pytest
import torch
from torch.nn import functional as F

from avseg.models.avsegformer import AVSegFormer
from avseg.models.avsegformer.loss import mask_loss, mix_loss
from avseg.models.avsegformer.weights import load_official, to_official
from avseg.nn.sampled_attention import SampledAttention
from tests.golden_recipe import arr, blob_masks, relative_error
from tests.models.avsegformer.golden import SEED, official_shapes, official_weights, reference

slow = pytest.mark.slow
# names of the gradients in `train_resnet50_ms3.grad_norms_0`
WATCHED = (
    "audio_proj.weight",
    "pixel_encoder.level_embed",
    "learnable_query.weight",
    "query_generator.query.weight",
    "query_generator.layers.0.cross_attn.in_proj_weight",
    "input_proj.0.0.weight",
    "pixel_encoder.layers.0.self_attn.sampling_offsets.weight",
    "pixel_encoder.layers.5.mlp.fc1.weight",
    "decoder.0.self_attn.in_proj_weight",
    "decoder.5.multihead_attn.out_proj.weight",
    "mixer.kv_proj.weight",
    "mixer.q_proj.weight",
    "head.mix_queries.weight",
    "out_conv.0.weight",
    "lateral_conv.0.weight",
    "head.classify.weight",
)


def network(backbone: str) -> AVSegFormer:
    with torch.device("meta"):  # the weights are not drawn twice
        net = AVSegFormer(backbone)
    net = net.to_empty(device="cpu")
    load_official(net, official_weights(backbone, vggish=False))
    return net.eval()


def test_the_first_frame_equals_the_official_network() -> None:
    compare("resnet50", 1)


@slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backbone", ["resnet50", "pvt_v2_b5"])
@pytest.mark.parametrize("products", ["without gradients", "with gradients"])
def test_all_frames_equal_the_official_network(backbone: str, products: str) -> None:
    """Deformable attention and the head have a form of their own where no gradient is needed."""
    with torch.set_grad_enabled(products == "with gradients"):
        compare(backbone, 5)


def compare(backbone: str, count: int) -> None:
    net = network(backbone)
    frames, audio = arr("images", (1, 5, 3, 224, 224), SEED), arr("audio", (1, 5, 128), SEED, "uniform")
    frames, audio = frames[:, :count], audio[:, :count]
    with torch.set_grad_enabled(torch.is_grad_enabled() and count == 5):
        features = net.encode(frames)
        queries = net.query_generator(net.audio_proj(audio[0])[:, None]) + net.learnable_query.weight
        decoded = queries
        for layer in net.decoder:
            decoded = layer(decoded, features.memory)
        output = net.decode(features, audio)
    logits, mask_feature = output.logits[0], output.mask_feature[0]
    values = {
        "logits": logits[:, 0, ::8, ::8],
        "query": queries[:, ::50, ::4],
        "decoded": decoded[:, ::50, ::4],
        "before_mixer_mean": features.pixels.mean(1),
        "mask_feature": mask_feature[:, ::32, ::8, ::8],
        "mask_feature_mean": mask_feature.mean((2, 3)),
    }
    for level, tokens in enumerate(features.memory.split([784, 196, 49], dim=1)):
        values[f"memory_{level}_mean"] = tokens.mean(1)
    expected = {name: reference()[f"{backbone}.{name}"][:count] for name in values}
    if count == 5:
        values["logits_mean_std"] = torch.stack([logits.mean(), logits.std()])
        expected["logits_mean_std"] = reference()[f"{backbone}.logits_mean_std"]
    for name, value in values.items():
        assert relative_error(value, expected[name]) < 1e-5, name


@pytest.mark.parametrize("backbone", ["resnet50", pytest.param("pvt_v2_b5", marks=slow)])
def test_every_official_name_is_covered(backbone: str) -> None:
    with torch.device("meta"):
        net = AVSegFormer(backbone)
    net.to_empty(device="cpu")
    shapes = official_shapes(backbone)
    official = {name: torch.tensor(float(index)).expand(shape) for index, (name, shape) in enumerate(shapes.items())}
    load_official(net, official)
    exported = to_official(net)
    assert {name: tuple(tensor.shape) for name, tensor in exported.items()} == shapes
    assert all(torch.equal(exported[name], tensor) for name, tensor in official.items())
    unused = {name.split(".")[0] if name[0] == "v" else ".".join(name.split(".")[:2]) for name in net.unused.weights}
    copies = {"backbone.layer3_2", "backbone.layer4_2"} if backbone == "resnet50" else set()
    assert unused == {"vggish", "head.fpn", "head.attn_fc"} | copies
    used = {"resnet50": 54_596_032, "pvt_v2_b5": 111_810_112}
    assert sum(parameter.numel() for parameter in net.parameters()) == used[backbone]


@slow
@pytest.mark.timeout(1800)
def test_three_training_steps_equal_the_official_ones() -> None:
    """Step 0 to rounding; AdamW's first step is lr times the sign of the gradient, which rounding flips for some."""
    net = network("resnet50").train()
    for module in net.modules():
        for name, value in vars(module).items():
            if "dropout" in name and isinstance(value, float):
                setattr(module, name, 0.0)
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-5)
    before = net.state_dict()["audio_proj.weight"][::8, ::8].clone()
    prefix = "train_resnet50_ms3."
    annotated = torch.ones(1, 5, dtype=torch.bool)
    for step, tolerance in enumerate((1e-6, 1e-3, 1e-3)):
        net.backbone.requires_grad_(step == 2)
        audio = arr(f"train_a{step}", (1, 5, 128), SEED, "uniform")
        output = net(arr(f"train_x{step}", (1, 5, 3, 224, 224), SEED), audio)
        masks = blob_masks(5, 224, 224, 60 + step)[None]
        main, mix = mask_loss(output.logits, masks, annotated), 0.1 * mix_loss(output.mask_feature, masks, annotated)
        losses = torch.stack([main + mix, main, mix])
        assert relative_error(losses, reference()[prefix + "losses"][step]) < tolerance
        optimizer.zero_grad()
        losses[0].backward()
        weights = dict(net.named_parameters())
        if step == 0:
            norms = torch.stack([weights[name].grad.norm() for name in WATCHED])
            assert relative_error(norms, reference()[prefix + "grad_norms_0"]) < 1e-4
        optimizer.step()
    state = net.state_dict()
    first = weights["backbone.net.conv1.weight"].grad.norm()[None]
    assert relative_error(first, reference()[prefix + "grad_norm_first_layer"]) < 1e-2
    for name, value in (
        ("bn1_running_mean", state["backbone.net.bn1.running_mean"]),
        ("layer4_1.2.bn3_running_var", state["backbone.net.layer4.2.bn3.running_var"][::16]),
    ):
        assert relative_error(value, reference()[prefix + name]) < 1e-3, name
    change = state["audio_proj.weight"][::8, ::8] - before
    assert relative_error(change, reference()[prefix + "audio_proj_after"] - before) < 0.2


@pytest.mark.parametrize("outside", [1.0, 3.0])
def test_sampling_from_a_table_equals_sampling_from_grids(outside: float) -> None:
    shapes = [(6, 5), (3, 2), (1, 1)]
    sizes = torch.tensor(shapes)
    starts = torch.tensor([0, 30, 36])
    value = torch.randn(2, 37, 4, 8)
    locations = torch.rand(2, 9, 4, 3, 4, 2) * outside - (outside - 1) / 2
    weights = torch.rand(2, 9, 4, 3, 4)
    sampling = SampledAttention()
    with torch.no_grad():
        table = sampling(value, sizes, shapes, starts, locations, weights)
    grids = sampling(value, sizes, shapes, starts, locations, weights)
    torch.testing.assert_close(table, grids, rtol=1e-5, atol=1e-5)


def test_a_convolution_of_an_enlarged_map_without_that_map() -> None:
    from avseg.nn.upsampled_conv import conv_of_upsampled

    x = torch.randn(2, 6, 5, 3, requires_grad=True)
    weight, bias = torch.randn(4, 6, 3, 3, requires_grad=True), torch.randn(4)
    enlarged = F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
    expected = F.conv2d(enlarged, weight, bias, padding=1)
    actual = conv_of_upsampled(x, weight, bias)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    gradients = [torch.autograd.grad(y.square().mean(), [x, weight]) for y in (actual, expected)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-5)
